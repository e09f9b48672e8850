//! When a batch is complete, and how it is handed out.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema};

use super::{BATCH_BYTES, BATCH_ROWS, DecodeError, Emit};

/// Bytes that a value costs its builder, about, even where it is null.
pub(super) const VALUE_BYTES: usize = 8;

/// Counts what has been gathered since the last batch.
#[derive(Default)]
pub(super) struct Gauge {
    rows: usize,
    bytes: usize,
    emitted: u64,
}

impl Gauge {
    /// Counts one more row of a record of `bytes`, in a table of `columns`; tells whether the batch is complete.
    pub(super) fn add_row(&mut self, bytes: usize, columns: usize) -> bool {
        self.add_rows(1, bytes, columns)
    }

    /// Counts more rows of records of `bytes` in all; tells whether the batch is complete.
    pub(super) fn add_rows(&mut self, rows: usize, bytes: usize, columns: usize) -> bool {
        self.rows += rows;
        self.bytes += bytes + VALUE_BYTES * columns * rows;
        self.rows >= BATCH_ROWS || self.bytes >= BATCH_BYTES
    }

    /// Returns after how many more rows in a table of `columns` the batch is complete, however short they are.
    pub(super) fn room(&self, columns: usize) -> usize {
        let rows = BATCH_ROWS.saturating_sub(self.rows);
        rows.min(BATCH_BYTES.saturating_sub(self.bytes) / (VALUE_BYTES * columns.max(1)))
    }

    /// Returns the rows gathered for the next batch.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Leaves what has been gathered out of every batch.
    pub(super) fn forget(&mut self) {
        (self.rows, self.bytes) = (0, 0);
    }

    /// Returns all rows that have been emitted.
    pub(super) fn emitted(&self) -> u64 {
        self.emitted
    }

    /// Emits what has been gathered, if anything, as columns with these names.
    pub(super) fn flush<'n>(
        &mut self,
        columns: impl Iterator<Item = (&'n str, ArrayRef)>,
        emit: &mut Emit<'_>,
    ) -> Result<(), DecodeError> {
        let batch = self.batch(columns);
        batch.map_or(Ok(()), |batch| send(batch, emit))
    }

    /// Returns what has been gathered, if anything, as columns with these names.
    pub(super) fn batch<'n>(
        &mut self,
        columns: impl Iterator<Item = (&'n str, ArrayRef)>,
    ) -> Option<RecordBatch> {
        let rows = std::mem::take(&mut self.rows);
        self.bytes = 0;
        if rows == 0 {
            return None;
        }
        self.emitted += rows as u64;
        Some(batch_of(columns, rows))
    }
}

/// Returns a batch of columns with these names, all of which have so many values.
pub(super) fn batch_of<'n>(
    columns: impl Iterator<Item = (&'n str, ArrayRef)>,
    rows: usize,
) -> RecordBatch {
    let (fields, arrays): (Vec<_>, Vec<_>) = columns
        .map(|(name, array)| (Field::new(name, array.data_type().clone(), true), array))
        .unzip();
    let schema = Arc::new(Schema::new(fields));
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    #[expect(
        clippy::expect_used,
        reason = "builders, slices and nulls have one value a row, of the type that they tell"
    )]
    RecordBatch::try_new_with_options(schema, arrays, &options).expect("columns of equal length")
}

/// Hands a batch out.
pub(super) fn send(batch: RecordBatch, emit: &mut Emit<'_>) -> Result<(), DecodeError> {
    match emit(batch) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(DecodeError::Stopped),
    }
}
