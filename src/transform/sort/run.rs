//! Sorted rows that are spilled: written once, read once from front to back.
//!
//! # The spilled file
//! Chunks back to back, each a complete Arrow IPC stream (schema, one batch). Behind the columns of the rows comes one
//! more, with the member that each row is of.

use std::collections::VecDeque;
use std::io::{self, Cursor, Write as _};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, UInt64Type};
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;

use crate::transform::{SpillFile, SpillStore, TransformError};

/// A spilled run; its file goes when it is dropped.
pub(super) struct Run<'a> {
    file: Spilled<'a>,
    /// Where chunks begin, and how long they are.
    chunks: VecDeque<(u64, usize)>,
}

/// Rows of one chunk, with the member of each.
pub(super) struct Loaded {
    pub(super) batch: RecordBatch,
    pub(super) members: UInt64Array,
}

impl Run<'_> {
    /// Reads the next chunk, `None` behind the last; the file is open for no longer than that.
    pub(super) fn load(&mut self) -> Result<Option<Loaded>, TransformError> {
        let Some((offset, length)) = self.chunks.pop_front() else {
            return Ok(None);
        };
        let Spilled { spill, number } = self.file;
        let read = || {
            let mut bytes = vec![0; length];
            spill.open(number)?.read_exact_at(offset, &mut bytes)?;
            parse(bytes).map_err(io::Error::other)
        };
        read().map(Some).map_err(failed("read", number))
    }
}

/// Writes a run.
pub(super) struct RunWriter<'a> {
    file: Spilled<'a>,
    out: Box<dyn SpillFile>,
    offset: u64,
    chunks: VecDeque<(u64, usize)>,
}

impl<'a> RunWriter<'a> {
    pub(super) fn begin(spill: &'a dyn SpillStore, number: usize) -> Result<Self, TransformError> {
        let out = spill.create(number).map_err(failed("create", number))?;
        Ok(Self {
            file: Spilled { spill, number },
            out,
            offset: 0,
            chunks: VecDeque::new(),
        })
    }

    /// Appends rows, with runs of members.
    pub(super) fn append(
        &mut self,
        batch: &RecordBatch,
        members: &[(usize, usize)],
    ) -> Result<(), TransformError> {
        let bytes = to_ipc(batch, members)
            .map_err(TransformError::arrow("encode sorted rows for spilling"))?;
        let written = self.out.write_all(&bytes);
        written.map_err(failed("write", self.file.number))?;
        self.chunks.push_back((self.offset, bytes.len()));
        self.offset += bytes.len() as u64;
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Run<'a>, TransformError> {
        let finished = self.out.finish();
        finished.map_err(failed("write", self.file.number))?;
        Ok(Run {
            file: self.file,
            chunks: self.chunks,
        })
    }
}

/// A file in the spill store.
struct Spilled<'a> {
    spill: &'a dyn SpillStore,
    number: usize,
}

impl Drop for Spilled<'_> {
    fn drop(&mut self) {
        // What cannot be removed here is swept with the rest of the staging place.
        let _ = self.spill.remove(self.number);
    }
}

fn failed(action: &'static str, number: usize) -> impl FnOnce(io::Error) -> TransformError {
    move |source| TransformError::Spill {
        action,
        number,
        source,
    }
}

fn to_ipc(batch: &RecordBatch, members: &[(usize, usize)]) -> Result<Vec<u8>, ArrowError> {
    let members = members
        .iter()
        .flat_map(|(member, rows)| std::iter::repeat_n(*member as u64, *rows));
    let members: ArrayRef = Arc::new(UInt64Array::from_iter_values(members));
    let mut fields = batch.schema().fields().to_vec();
    fields.push(Arc::new(Field::new("", DataType::UInt64, false)));
    let mut columns = batch.columns().to_vec();
    columns.push(members);
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?;
    let mut writer = StreamWriter::try_new(Vec::new(), batch.schema_ref())?;
    writer.write(&batch)?;
    writer.into_inner()
}

fn parse(bytes: Vec<u8>) -> Result<Loaded, ArrowError> {
    let ends = || ArrowError::IpcError("a spilled chunk ends early".to_owned());
    let mut reader = StreamReader::try_new(Cursor::new(bytes), None)?;
    let batch = reader.next().ok_or_else(ends)??;
    let last = batch.num_columns().checked_sub(1).ok_or_else(ends)?;
    let members = batch.column(last).as_primitive_opt::<UInt64Type>();
    let members = members.ok_or_else(ends)?.clone();
    let rows: Vec<usize> = (0..last).collect();
    Ok(Loaded {
        batch: batch.project(&rows)?,
        members,
    })
}
