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
    /// The rows, in pieces as they came.
    pieces: Vec<RecordBatch>,
    /// Whose they are: members and numbers of consecutive rows.
    pub(super) members: Vec<(usize, usize)>,
    /// What they weigh.
    pub(super) weight: usize,
}

impl Chunk {
    /// Returns the number of rows.
    pub(super) fn rows(&self) -> usize {
        self.pieces.iter().map(RecordBatch::num_rows).sum()
    }

    /// Returns the rows, in pieces as they came.
    pub(super) fn pieces(&self) -> &[RecordBatch] {
        &self.pieces
    }

    /// Puts the rows together. The pieces have the columns of `schema`.
    pub(super) fn batch(&self, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
        concat_batches(schema, &self.pieces)
    }
}

/// Collects rows until they make a chunk.
pub(super) struct Chunks {
    most_rows: usize,
    pending: Vec<RecordBatch>,
    members: Vec<(usize, usize)>,
    rows: usize,
    weight: usize,
    ready: VecDeque<Chunk>,
}

impl Chunks {
    /// Begins with nothing; a chunk has at most so many rows.
    pub(super) fn new(most_rows: usize) -> Self {
        Self {
            most_rows,
            pending: Vec::new(),
            members: Vec::new(),
            rows: 0,
            weight: 0,
            ready: VecDeque::new(),
        }
    }

    /// Appends rows; `runs` are members and numbers of consecutive rows.
    pub(super) fn push(&mut self, runs: &[(usize, usize)], batch: &RecordBatch) {
        let mut runs = Runs {
            left: runs.to_vec().into(),
        };
        let mut start = 0;
        for (row, weight) in row_weights(batch).into_iter().enumerate() {
            self.rows += 1;
            self.weight += weight;
            if self.rows == self.most_rows || self.weight >= CHUNK_BYTES {
                self.keep(&mut runs, batch, start, row + 1);
                self.close();
                start = row + 1;
            }
        }
        self.keep(&mut runs, batch, start, batch.num_rows());
    }

    /// Returns the next whole chunk.
    pub(super) fn next_whole(&mut self) -> Option<Chunk> {
        self.ready.pop_front()
    }

    /// Makes a chunk of the rows that are left.
    pub(super) fn close(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        self.rows = 0;
        self.ready.push_back(Chunk {
            pieces: std::mem::take(&mut self.pending),
            members: std::mem::take(&mut self.members),
            weight: std::mem::take(&mut self.weight),
        });
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
