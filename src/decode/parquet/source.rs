//! Lets the Parquet reader read at any place, and remembers errors that are the file's and not the bytes'.

use std::io::{self, BufReader, Read};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

use crate::model::{ReadAt, ReadAtCursor};

/// A file for the Parquet reader.
#[derive(Clone)]
pub(super) struct ParquetFile {
    file: Arc<dyn ReadAt>,
    fault: Arc<Mutex<Option<io::Error>>>,
}

impl ParquetFile {
    /// Wraps `file`.
    pub(super) fn new(file: Arc<dyn ReadAt>) -> Self {
        Self {
            file,
            fault: Arc::default(),
        }
    }

    /// Returns the error that reading the file met, if any.
    pub(super) fn take_fault(&self) -> Option<io::Error> {
        let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        fault.take()
    }

    fn note(&self, error: io::Error) -> io::Error {
        let kind = error.kind();
        let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        *fault = Some(error);
        io::Error::from(kind)
    }
}

impl Length for ParquetFile {
    fn len(&self) -> u64 {
        self.file.len()
    }
}

impl ChunkReader for ParquetFile {
    type T = BufReader<ParquetStream>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(BufReader::new(ParquetStream {
            cursor: ReadAtCursor::new(Arc::clone(&self.file), start),
            file: self.clone(),
        }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let end = start.checked_add(length as u64);
        // Before anything is allocated: the length may be forged.
        if end.is_none_or(|end| end > self.file.len()) {
            let message = format!("{length} bytes at {start} are beyond the end of the file");
            return Err(ParquetError::EOF(message));
        }
        let mut buffer = vec![0; length];
        self.file
            .read_exact_at(start, &mut buffer)
            .map_err(|error| self.note(error))?;
        Ok(buffer.into())
    }
}

/// Reads a [`ParquetFile`] from some place on.
pub(super) struct ParquetStream {
    cursor: ReadAtCursor,
    file: ParquetFile,
}

impl Read for ParquetStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.cursor
            .read(buffer)
            .map_err(|error| self.file.note(error))
    }
}
