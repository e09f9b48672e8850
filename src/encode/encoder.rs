//! Writes one partition of one unit.

use std::io::{self, Write};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use super::chunks::{Chunk, Chunks};
use super::order::OrderLog;
use super::properties::properties;
use super::{EncodeError, Footer};
use crate::config::Writing;
use crate::model::{ContentHash, stored_schema};

/// A row group ends when it is about this large, for it is held in memory until then.
const ROW_GROUP_BYTES: usize = 32 << 20;
/// A file with so many row groups takes no more rows: their numbers in the format end at 32,767, and a chunk can make some.
const MOST_ROW_GROUPS: usize = 32_000;

/// What steers the encoding. All of it shows in the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodeOptions {
    /// A file that has reached this length takes no more rows.
    pub target_file_size: u64,
    /// How columns are written.
    pub writing: Writing,
}

/// Where the bytes of one file go.
pub trait EncodeSink: Write + Send {
    /// Makes the file whole.
    ///
    /// # Errors
    /// What the place reports; the file must then not be published.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// A whole Parquet file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedFile {
    /// Which file of the partition it is, from zero.
    pub number: usize,
    /// Rows of each of the unit's members.
    pub member_rows: Vec<u64>,
    /// Length in bytes.
    pub size: u64,
    /// Hash of the bytes, taken while they were written.
    pub hash: ContentHash,
}

/// Begins the file with the given number.
pub type OpenFile<'a> = dyn FnMut(usize) -> io::Result<Box<dyn EncodeSink>> + 'a;

/// Returns the footer of the file with the given number, which holds the given rows of each member.
pub type MakeFooter<'a> = dyn Fn(usize, &[u64]) -> Footer + 'a;

/// Writes the rows that one unit has in one partition: rows in, whole Parquet files out.
///
/// The footer of a file is asked for when the file is closed: that of the last one, and it alone for certain, in
/// [`PartitionEncoder::finish`], when all rows have been pushed.
pub struct PartitionEncoder<'a> {
    options: EncodeOptions,
    schema: SchemaRef,
    members: usize,
    open: &'a mut OpenFile<'a>,
    footer: &'a MakeFooter<'a>,
    chunks: Chunks,
    properties: Option<WriterProperties>,
    current: Option<OpenedFile>,
    done: Vec<EncodedFile>,
}

impl<'a> PartitionEncoder<'a> {
    /// Begins without rows and without a file. Files get the columns of `schema` as
    /// [`stored_schema`] has them.
    #[must_use]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers hold a schema reference that they are done with"
    )]
    pub fn new(
        options: EncodeOptions,
        schema: SchemaRef,
        members: usize,
        open: &'a mut OpenFile<'a>,
        footer: &'a MakeFooter<'a>,
    ) -> Self {
        let schema = stored_schema(&schema);
        Self {
            options,
            chunks: Chunks::new(schema.clone()),
            schema,
            members,
            open,
            footer,
            properties: None,
            current: None,
            done: Vec::new(),
        }
    }

    /// Appends rows of `member`, a number within the unit. They have the stored columns of the schema.
    ///
    /// # Errors
    /// [`EncodeError`]; the encoder and its files are of no use then.
    pub fn push(&mut self, member: usize, batch: &RecordBatch) -> Result<(), EncodeError> {
        self.push_runs(&[(member, batch.num_rows())], batch)
    }

    /// Appends rows of several members: `runs` are members and numbers of consecutive rows, as many as the batch has.
    ///
    /// # Errors
    /// As [`PartitionEncoder::push`].
    pub fn push_runs(
        &mut self,
        runs: &[(usize, usize)],
        batch: &RecordBatch,
    ) -> Result<(), EncodeError> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        self.check(runs, batch)?;
        self.chunks
            .push(runs, batch)
            .map_err(EncodeError::Rechunk)?;
        self.write_whole_chunks()
    }

    /// Writes what is left and returns the files, in the order of their numbers; none where there were no rows.
    ///
    /// # Errors
    /// [`EncodeError`]; the files are of no use then.
    pub fn finish(mut self) -> Result<Vec<EncodedFile>, EncodeError> {
        self.chunks.close().map_err(EncodeError::Rechunk)?;
        self.write_whole_chunks()?;
        self.close_file()?;
        Ok(self.done)
    }

    fn check(&self, runs: &[(usize, usize)], batch: &RecordBatch) -> Result<(), EncodeError> {
        if self.schema.fields().is_empty() {
            return Err(EncodeError::NoColumns);
        }
        let mut members = runs.iter().map(|(member, _)| *member);
        if let Some(member) = members.find(|member| *member >= self.members) {
            return Err(EncodeError::Member {
                member,
                members: self.members,
            });
        }
        let found = batch.schema_ref();
        let same_columns = found.fields().len() == self.schema.fields().len()
            && found
                .fields()
                .iter()
                .zip(self.schema.fields())
                .all(|(a, b)| a.name() == b.name() && a.data_type() == b.data_type());
        if same_columns {
            return Ok(());
        }
        Err(EncodeError::Columns {
            expected: self.schema.clone(),
            found: found.clone(),
        })
    }

    fn write_whole_chunks(&mut self) -> Result<(), EncodeError> {
        while let Some(chunk) = self.chunks.next_whole() {
            // A full file is closed only when there are more rows, so that the last one is closed in `finish`.
            let target = self.options.target_file_size;
            let is_full = |file: &OpenedFile| file.is_full(target);
            if self.current.as_ref().is_some_and(is_full) {
                self.close_file()?;
            }
            let file = match self.current.take() {
                Some(file) => file,
                None => self.open_file(&chunk.batch)?,
            };
            self.current.insert(file).write(&chunk)?;
        }
        Ok(())
    }

    fn open_file(&mut self, first: &RecordBatch) -> Result<OpenedFile, EncodeError> {
        let number = self.done.len();
        let failed = |source| EncodeError::Encode { number, source };
        let properties = match &self.properties {
            Some(properties) => properties.clone(),
            None => properties(first, &self.options.writing).map_err(failed)?,
        };
        self.properties = Some(properties.clone());
        let sink = (self.open)(number).map_err(|source| EncodeError::Sink {
            action: "begin",
            number,
            source,
        })?;
        let bytes = HashedSink::new(sink);
        let writer = ArrowWriter::try_new(bytes, self.schema.clone(), Some(properties));
        Ok(OpenedFile {
            number,
            writer: writer.map_err(failed)?,
            member_rows: vec![0; self.members],
            order: OrderLog::default(),
        })
    }

    fn close_file(&mut self) -> Result<(), EncodeError> {
        if let Some(file) = self.current.take() {
            let footer = (self.footer)(file.number, &file.member_rows);
            self.done.push(file.close(&footer)?);
        }
        Ok(())
    }
}

/// A file that takes rows.
struct OpenedFile {
    number: usize,
    writer: ArrowWriter<HashedSink>,
    member_rows: Vec<u64>,
    order: OrderLog,
}

impl OpenedFile {
    /// Tells whether it takes no more rows.
    fn is_full(&self, target: u64) -> bool {
        self.size_so_far() >= target || self.writer.flushed_row_groups().len() >= MOST_ROW_GROUPS
    }

    /// Returns what the file would be if it were closed now: a function of its rows alone.
    fn size_so_far(&self) -> u64 {
        (self.writer.bytes_written() + self.writer.in_progress_size() + self.order.len()) as u64
    }

    fn write(&mut self, chunk: &Chunk) -> Result<(), EncodeError> {
        let number = self.number;
        let failed = |source: ParquetError| EncodeError::Encode { number, source };
        self.writer.write(&chunk.batch).map_err(failed)?;
        if self.writer.in_progress_size() >= ROW_GROUP_BYTES {
            self.writer.flush().map_err(failed)?;
        }
        for (member, rows) in &chunk.members {
            self.member_rows[*member] += *rows as u64;
            let noted = self.order.note(*member, *rows);
            noted.map_err(|source| order_failed(number, source))?;
        }
        Ok(())
    }

    fn close(mut self, footer: &Footer) -> Result<EncodedFile, EncodeError> {
        let number = self.number;
        let order = std::mem::take(&mut self.order).finish();
        let order = order.map_err(|source| order_failed(number, source))?;
        let metadata = footer
            .to_metadata(order)
            .map_err(|source| EncodeError::Footer { number, source })?;
        for entry in metadata {
            self.writer.append_key_value_metadata(entry);
        }
        // Parquet's `into_inner` would flush as well, and turn the system's error into text.
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
