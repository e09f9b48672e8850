//! One file that takes row groups.

use std::io::{self, Write};
use std::sync::Arc;

use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::writer::SerializedFileWriter;

use super::encoder::{EncodeSink, EncodedFile};
use super::form::Form;
use super::order::OrderLog;
use super::row_group::EncodedRowGroup;
use super::{EncodeError, Footer};
use crate::model::{Comments, ContentHash};

/// A file with so many row groups takes no more rows: their numbers in the format end at 32,767.
const MOST_ROW_GROUPS: usize = 32_000;

/// A file that has been begun.
pub(super) struct OpenedFile {
    pub(super) number: usize,
    pub(super) member_rows: Vec<u64>,
    order: OrderLog,
    form: Arc<Form>,
    writer: SerializedFileWriter<HashedSink>,
}

impl OpenedFile {
    pub(super) fn new(
        number: usize,
        members: usize,
        form: &Arc<Form>,
        sink: Box<dyn EncodeSink>,
    ) -> Result<Self, EncodeError> {
        let writer = form.file(HashedSink::new(sink));
        Ok(Self {
            number,
            member_rows: vec![0; members],
            order: OrderLog::default(),
            form: Arc::clone(form),
            writer: writer.map_err(|source| EncodeError::Encode { number, source })?,
        })
    }

    /// Tells whether it takes no more rows, where it is to have about `target` bytes.
    pub(super) fn is_full(&self, target: u64) -> bool {
        let bytes = self.writer.bytes_written() + self.order.len();
        bytes as u64 >= target || self.writer.flushed_row_groups().len() >= MOST_ROW_GROUPS
    }

    pub(super) fn append(&mut self, group: EncodedRowGroup) -> Result<(), EncodeError> {
        let number = self.number;
        for (member, rows) in &group.members {
            self.member_rows[*member] += *rows as u64;
            let noted = self.order.note(*member, *rows);
            noted.map_err(|source| order_failed(number, source))?;
        }
        self.append_columns(group)
            .map_err(|source| EncodeError::Encode { number, source })
    }

    fn append_columns(&mut self, group: EncodedRowGroup) -> Result<(), ParquetError> {
        let mut writer = self.writer.next_row_group()?;
        for column in group.columns {
            column.append_to_row_group(&mut writer)?;
        }
        writer.close()?;
        Ok(())
    }

    pub(super) fn close(mut self, footer: &Footer) -> Result<EncodedFile, EncodeError> {
        let number = self.number;
        let order = std::mem::take(&mut self.order).finish();
        let order = order.map_err(|source| order_failed(number, source))?;
        let metadata = footer
            .to_metadata(order)
            .map_err(|source| EncodeError::Footer { number, source })?;
        let said = Comments::agreed(&footer.comments);
        let schema = self.form.arrow_schema(&said);
        let texts = said.file.into_iter();
        let texts = texts.map(|(key, text)| KeyValue::new(key, text));
        for entry in std::iter::once(schema).chain(metadata).chain(texts) {
            self.writer.append_key_value_metadata(entry);
        }
        // Parquet's `into_inner` would turn the system's error into text.
        self.writer
            .finish()
            .map_err(|source| EncodeError::Encode { number, source })?;
        let finished = self.writer.inner_mut().finish();
        let (size, hash) = finished.map_err(|source| EncodeError::Sink {
            action: "finish",
            number,
            source,
        })?;
        Ok(EncodedFile {
            number,
            member_rows: self.member_rows,
            size,
            hash,
        })
    }
}

/// Counts and hashes the bytes on their way.
struct HashedSink {
    /// `None` once it is finished.
    sink: Option<Box<dyn EncodeSink>>,
    hasher: blake3::Hasher,
    size: u64,
}

impl HashedSink {
    fn new(sink: Box<dyn EncodeSink>) -> Self {
        Self {
            sink: Some(sink),
            hasher: blake3::Hasher::new(),
            size: 0,
        }
    }

    fn finish(&mut self) -> io::Result<(u64, ContentHash)> {
        self.sink.take().ok_or_else(is_finished)?.finish()?;
        let hash = ContentHash(*self.hasher.finalize().as_bytes());
        Ok((self.size, hash))
    }
}

impl Write for HashedSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.sink.as_mut().ok_or_else(is_finished)?.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.as_mut().map_or(Ok(()), Write::flush)
    }
}

fn order_failed(number: usize, source: io::Error) -> EncodeError {
    EncodeError::Sink {
        action: "note down the order of the rows of",
        number,
        source,
    }
}

fn is_finished() -> io::Error {
    io::Error::other("the file is finished already")
}
