//! Sorted rows that are spilled: written once, read once from front to back.
//!
//! Behind the columns of the rows comes one more, with the member that each row is of.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, UInt64Type};
use arrow::error::ArrowError;

use crate::transform::spill::{Chunk, Spilling, encoded, failed};
use crate::transform::{SpillStore, TransformError};

/// A spilled run; its file goes when it is dropped.
pub(super) struct Run<'a> {
    file: Spilled<'a>,
    chunks: VecDeque<Chunk>,
}

/// Rows of one chunk, with the member of each.
pub(super) struct Loaded {
    pub(super) batch: RecordBatch,
    pub(super) members: UInt64Array,
}

impl Run<'_> {
    /// Reads the next chunk, `None` behind the last.
    pub(super) fn load(&mut self) -> Result<Option<Loaded>, TransformError> {
        let Some(chunk) = self.chunks.pop_front() else {
            return Ok(None);
        };
        let Spilled { spill, number } = self.file;
        let batch = chunk.read(spill, number)?;
        let loaded = without_members(&batch).map_err(io::Error::other);
        loaded.map(Some).map_err(failed("read", number))
    }
}

/// Writes a run.
pub(super) struct RunWriter<'a> {
    file: Spilled<'a>,
    out: Spilling,
    chunks: VecDeque<Chunk>,
}

impl<'a> RunWriter<'a> {
    pub(super) fn begin(spill: &'a dyn SpillStore, number: usize) -> Result<Self, TransformError> {
        Ok(Self {
            out: Spilling::begin(spill, number)?,
            file: Spilled { spill, number },
            chunks: VecDeque::new(),
        })
    }

    /// Appends rows, with runs of members.
    pub(super) fn append(
        &mut self,
        batch: &RecordBatch,
        members: &[(usize, usize)],
    ) -> Result<(), TransformError> {
        let batch = with_members(batch, members);
        let batch = batch.map_err(TransformError::arrow("add members to sorted rows"))?;
        self.chunks.push_back(self.out.append(&encoded(&batch)?)?);
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Run<'a>, TransformError> {
        self.out.finish()?;
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

fn with_members(
    batch: &RecordBatch,
    members: &[(usize, usize)],
) -> Result<RecordBatch, ArrowError> {
    let members = members
        .iter()
        .flat_map(|(member, rows)| std::iter::repeat_n(*member as u64, *rows));
    let members: ArrayRef = Arc::new(UInt64Array::from_iter_values(members));
    let mut fields = batch.schema().fields().to_vec();
    fields.push(Arc::new(Field::new("", DataType::UInt64, false)));
    let mut columns = batch.columns().to_vec();
    columns.push(members);
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

fn without_members(batch: &RecordBatch) -> Result<Loaded, ArrowError> {
    let ends = || ArrowError::IpcError("a spilled chunk ends early".to_owned());
    let last = batch.num_columns().checked_sub(1).ok_or_else(ends)?;
    let members = batch.column(last).as_primitive_opt::<UInt64Type>();
    let members = members.ok_or_else(ends)?.clone();
    let rows: Vec<usize> = (0..last).collect();
    Ok(Loaded {
        batch: batch.project(&rows)?,
        members,
    })
}
