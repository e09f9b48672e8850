//! Cuts a sequence of rows into chunks, the same ones however the rows come.

use std::collections::VecDeque;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;

use super::weight::row_weights;

/// A chunk has this many rows, unless they are too heavy.
pub(super) const CHUNK_ROWS: usize = 8192;
/// A chunk ends with the row that brings it to this weight.
const CHUNK_BYTES: usize = 8 << 20;

/// Rows that go to Parquet in one piece.
pub(super) struct Chunk {
    /// The rows.
    pub(super) batch: RecordBatch,
    /// Whose they are: members and numbers of consecutive rows.
    pub(super) members: Vec<(usize, usize)>,
    /// What they weigh.
    pub(super) weight: usize,
}

/// Collects rows until they make a chunk.
pub(super) struct Chunks {
    schema: SchemaRef,
    pending: Vec<RecordBatch>,
    members: Vec<(usize, usize)>,
    rows: usize,
    weight: usize,
    ready: VecDeque<Chunk>,
}

impl Chunks {
    pub(super) fn new(schema: SchemaRef) -> Self {
        Self {
            schema,
            pending: Vec::new(),
            members: Vec::new(),
            rows: 0,
            weight: 0,
            ready: VecDeque::new(),
        }
    }

    /// Appends rows of one member.
    pub(super) fn push(&mut self, member: usize, batch: &RecordBatch) -> Result<(), ArrowError> {
        let mut start = 0;
        for (row, weight) in row_weights(batch).into_iter().enumerate() {
            self.rows += 1;
            self.weight += weight;
            if self.rows == CHUNK_ROWS || self.weight >= CHUNK_BYTES {
                self.keep(member, batch, start, row + 1);
                self.close()?;
                start = row + 1;
            }
        }
        self.keep(member, batch, start, batch.num_rows());
        Ok(())
    }

    /// Returns the next whole chunk.
    pub(super) fn next_whole(&mut self) -> Option<Chunk> {
        self.ready.pop_front()
    }

    /// Makes a chunk of the rows that are left.
    pub(super) fn close(&mut self) -> Result<(), ArrowError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let batch = concat_batches(&self.schema, &self.pending)?;
        self.pending.clear();
        self.rows = 0;
        self.ready.push_back(Chunk {
            batch,
            members: std::mem::take(&mut self.members),
            weight: std::mem::take(&mut self.weight),
        });
        Ok(())
    }

    fn keep(&mut self, member: usize, batch: &RecordBatch, start: usize, end: usize) {
        if start < end {
            self.pending.push(batch.slice(start, end - start));
            self.members.push((member, end - start));
        }
    }
}
