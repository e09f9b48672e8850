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

    /// Appends rows; `runs` are members and numbers of consecutive rows.
    pub(super) fn push(
        &mut self,
        runs: &[(usize, usize)],
        batch: &RecordBatch,
    ) -> Result<(), ArrowError> {
        let mut runs = Runs {
            left: runs.to_vec().into(),
        };
        let mut start = 0;
        for (row, weight) in row_weights(batch).into_iter().enumerate() {
            self.rows += 1;
            self.weight += weight;
            if self.rows == CHUNK_ROWS || self.weight >= CHUNK_BYTES {
                self.keep(&mut runs, batch, start, row + 1);
                self.close()?;
                start = row + 1;
            }
        }
        self.keep(&mut runs, batch, start, batch.num_rows());
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
        (self.rows, self.weight) = (0, 0);
        let members = std::mem::take(&mut self.members);
        self.ready.push_back(Chunk { batch, members });
        Ok(())
    }

    fn keep(&mut self, runs: &mut Runs, batch: &RecordBatch, start: usize, end: usize) {
        if start < end {
            self.pending.push(batch.slice(start, end - start));
            runs.take(end - start, &mut self.members);
        }
    }
}

/// Whose the rows of a batch are, as far as they have not been taken.
struct Runs {
    left: VecDeque<(usize, usize)>,
}

impl Runs {
    /// Moves the next `rows` rows to `taken`.
    fn take(&mut self, mut rows: usize, taken: &mut Vec<(usize, usize)>) {
        while rows > 0 {
            let Some((member, count)) = self.left.front_mut() else {
                return;
            };
            let own = rows.min(*count);
            match taken.last_mut() {
                Some((last, sum)) if last == member => *sum += own,
                _ => taken.push((*member, own)),
            }
            *count -= own;
            rows -= own;
            if *count == 0 {
                self.left.pop_front();
            }
        }
    }
}
