//! Rows that do not fit into memory: where they go, and how they lie there.
//!
//! # The spilled file
//! Chunks back to back, each a complete Arrow IPC stream (schema, one batch). Where a chunk begins, and its checksum, are
//! known in memory only: the file means nothing to another process.
//!
//! # Invariants
//! - What is read is what was written, or an error: a file that is not synced loses pages without a word where the disk
//!   refuses them.

use std::io::{self, Cursor, Write};
use std::sync::Arc;

use arrow::array::{Array, RecordBatch};
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;

use super::TransformError;
use crate::model::ReadAt;

/// Rows of a batch that is handed on, or of a chunk, at most.
pub(super) const CHUNK_ROWS: usize = 8192;
/// What an array costs beside its buffers.
pub(super) const ARRAY_BYTES: usize = 160;

/// Where rows go that do not fit into memory. Files are numbered from zero by whoever spills.
pub trait SpillStore {
    /// Begins the file `number`.
    ///
    /// # Errors
    /// What the store reports.
    fn create(&self, number: usize) -> io::Result<Box<dyn SpillFile>>;

    /// Opens the finished file `number`; called once for each chunk, so that few files are open at a time.
    ///
    /// # Errors
    /// What the store reports.
    fn open(&self, number: usize) -> io::Result<Arc<dyn ReadAt>>;

    /// Removes the file `number`.
    ///
    /// # Errors
    /// What the store reports.
    fn remove(&self, number: usize) -> io::Result<()>;
}

/// A spilled file being written.
pub trait SpillFile: Write {
    /// Makes what was written readable; it need not be durable.
    ///
    /// # Errors
    /// What the store reports.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// Where in a spilled file a batch stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chunk {
    offset: u64,
    length: usize,
    checksum: u32,
}

/// A batch as a chunk has it.
pub(super) struct Encoded {
    bytes: Vec<u8>,
    checksum: u32,
}

impl Chunk {
    /// Reads the batch from the file `number`, which is open for no longer than that.
    pub(super) fn read(
        self,
        spill: &dyn SpillStore,
        number: usize,
    ) -> Result<RecordBatch, TransformError> {
        let ends = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let damaged = |source: ArrowError| io::Error::other(source);
        let read = || {
            let mut bytes = vec![0; self.length];
            spill.open(number)?.read_exact_at(self.offset, &mut bytes)?;
            if crc32fast::hash(&bytes) != self.checksum {
                let lost = "the bytes are not those that were written";
                return Err(io::Error::new(io::ErrorKind::InvalidData, lost));
            }
            StreamReader::try_new(Cursor::new(bytes), None)
                .map_err(damaged)?
                .next()
                .ok_or_else(ends)?
                .map_err(damaged)
        };
        read().map_err(failed("read", number))
    }
}

/// A spilled file that takes chunks.
pub(super) struct Spilling {
    out: Box<dyn SpillFile>,
    number: usize,
    offset: u64,
}

impl Spilling {
    /// Begins the file `number`.
    pub(super) fn begin(spill: &dyn SpillStore, number: usize) -> Result<Self, TransformError> {
        let out = spill.create(number).map_err(failed("create", number))?;
        Ok(Self {
            out,
            number,
            offset: 0,
        })
    }

    /// Returns the file's number.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// Appends a batch that has been [`encoded`].
    pub(super) fn append(&mut self, rows: &Encoded) -> Result<Chunk, TransformError> {
        let Encoded { bytes, checksum } = rows;
        let written = self.out.write_all(bytes);
        written.map_err(failed("write", self.number))?;
        let chunk = Chunk {
            offset: self.offset,
            length: bytes.len(),
            checksum: *checksum,
        };
        self.offset += bytes.len() as u64;
        Ok(chunk)
    }

    /// Makes what was written readable.
    pub(super) fn finish(self) -> Result<(), TransformError> {
        self.out.finish().map_err(failed("write", self.number))
    }
}

/// Returns what turns the store's error into one that names the file.
pub(super) fn failed(
    action: &'static str,
    number: usize,
) -> impl FnOnce(io::Error) -> TransformError {
    move |source| TransformError::Spill {
        action,
        number,
        source,
    }
}

/// Returns the bytes of the batch's own rows; all that its arrays hold where that cannot be told.
pub(super) fn own_bytes(batch: &RecordBatch) -> usize {
    let columns = batch.columns().iter().map(|column| {
        let own = column.to_data().get_slice_memory_size();
        own.unwrap_or_else(|_| column.get_array_memory_size())
    });
    columns.sum()
}

/// Returns a batch as a chunk has it.
pub(super) fn encoded(batch: &RecordBatch) -> Result<Encoded, TransformError> {
    let encode = || {
        let mut writer = StreamWriter::try_new(Vec::new(), batch.schema_ref())?;
        writer.write(batch)?;
        writer.into_inner()
    };
    let bytes = encode().map_err(TransformError::arrow("encode rows for spilling"))?;
    let checksum = crc32fast::hash(&bytes);
    Ok(Encoded { bytes, checksum })
}

#[cfg(test)]
pub(super) mod testing;

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Int64Array};

    use super::testing::MemorySpill;
    use super::*;

    #[test]
    fn a_page_that_the_disk_has_lost_is_an_error_and_no_rows() {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(1..2000));
        let batch = RecordBatch::try_from_iter([("n", numbers)]).unwrap();
        let spill = MemorySpill::default();
        let mut file = Spilling::begin(&spill, 0).unwrap();
        let chunk = file.append(&encoded(&batch).unwrap()).unwrap();
        file.finish().unwrap();
        assert_eq!(chunk.read(&spill, 0).unwrap(), batch);
        spill.files.lock().unwrap().get_mut(&0).unwrap()[4096..8192].fill(0);
        let lost = chunk.read(&spill, 0).unwrap_err();
        assert!(
            matches!(&lost, TransformError::Spill { action: "read", source, .. }
                if source.kind() == io::ErrorKind::InvalidData),
            "{lost}"
        );
    }
}
