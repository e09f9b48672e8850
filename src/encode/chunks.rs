//! Cuts a sequence of rows into chunks, the same ones however the rows come.

use std::collections::VecDeque;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;

use super::weight::{row_weights, weight};

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
    /// Takes so many rows, which have such a weight, from the front of batches that come with their members.
    pub(super) fn of_front(
        front: &mut VecDeque<(usize, RecordBatch)>,
        rows: usize,
        weight: usize,
    ) -> Self {
        let (mut pieces, mut members) = (Vec::new(), Vec::new());
        let mut left = rows;
        while left > 0
            && let Some((member, batch)) = front.pop_front()
        {
            let count = left.min(batch.num_rows());
            if count < batch.num_rows() {
                let rest = batch.slice(count, batch.num_rows() - count);
                front.push_front((member, rest));
            }
            note(&mut members, member, count);
            pieces.push(part(&batch, 0, count));
            left -= count;
        }
        Self {
            pieces,
            members,
            weight,
        }
    }

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

/// Tells with which rows chunks end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    most_rows: usize,
    rows: usize,
    weight: usize,
}

impl Cut {
    /// Begins with a chunk; it has at most so many rows.
    pub(super) fn new(most_rows: usize) -> Self {
        Self {
            most_rows,
            rows: 0,
            weight: 0,
        }
    }

    /// Adds rows of a batch from `start` on, up to its end or that of the chunk. Returns the row behind them, and how many
    /// rows the chunk has and what they weigh, where it has ended.
    pub(super) fn add(
        &mut self,
        batch: &RecordBatch,
        start: usize,
    ) -> (usize, Option<(usize, usize)>) {
        let room = self.most_rows - self.rows;
        let end = batch.num_rows().min(start + room);
        let together = weight(batch, start, end);
        if self.weight + together < CHUNK_BYTES {
            self.rows += end - start;
            self.weight += together;
            let is_whole = self.rows == self.most_rows;
            return (end, is_whole.then(|| self.end()));
        }
        for (row, weight) in (start..).zip(row_weights(&batch.slice(start, end - start))) {
            self.rows += 1;
            self.weight += weight;
            if self.weight >= CHUNK_BYTES {
                return (row + 1, Some(self.end()));
            }
        }
        (end, None)
    }

    /// Ends the chunk.
    fn end(&mut self) -> (usize, usize) {
        let Self { rows, weight, .. } = std::mem::replace(self, Self::new(self.most_rows));
        (rows, weight)
    }
}

/// Collects rows until they make a chunk.
pub(super) struct Chunks {
    cut: Cut,
    pending: Vec<RecordBatch>,
    members: Vec<(usize, usize)>,
    ready: VecDeque<Chunk>,
}

impl Chunks {
    /// Begins with nothing; a chunk has at most so many rows.
    pub(super) fn new(most_rows: usize) -> Self {
        Self {
            cut: Cut::new(most_rows),
            pending: Vec::new(),
            members: Vec::new(),
            ready: VecDeque::new(),
        }
    }

    /// Appends rows; `runs` are members and numbers of consecutive rows.
    pub(super) fn push(&mut self, runs: &[(usize, usize)], batch: &RecordBatch) {
        let mut runs = Runs {
            left: runs.to_vec().into(),
        };
        let mut start = 0;
        while start < batch.num_rows() {
            let (end, whole) = self.cut.add(batch, start);
            self.keep(&mut runs, batch, start, end);
            if let Some((_, weight)) = whole {
                self.put_together(weight);
            }
            start = end;
        }
    }

    /// Returns the next whole chunk.
    pub(super) fn next_whole(&mut self) -> Option<Chunk> {
        self.ready.pop_front()
    }

    /// Makes a chunk of the rows that are left.
    pub(super) fn close(&mut self) {
        let (rows, weight) = self.cut.end();
        if rows > 0 {
            self.put_together(weight);
        }
    }

    fn put_together(&mut self, weight: usize) {
        self.ready.push_back(Chunk {
            pieces: std::mem::take(&mut self.pending),
            members: std::mem::take(&mut self.members),
            weight,
        });
    }

    fn keep(&mut self, runs: &mut Runs, batch: &RecordBatch, start: usize, end: usize) {
        self.pending.push(part(batch, start, end - start));
        runs.take(end - start, &mut self.members);
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
            note(taken, *member, own);
            *count -= own;
            rows -= own;
            if *count == 0 {
                self.left.pop_front();
            }
        }
    }
}

/// Counts rows of a member behind those of others.
fn note(members: &mut Vec<(usize, usize)>, member: usize, rows: usize) {
    match members.last_mut() {
        Some((last, sum)) if *last == member => *sum += rows,
        _ => members.push((member, rows)),
    }
}

/// Returns rows of a batch. To cut all of them out would cost as much as to cut out some.
fn part(batch: &RecordBatch, offset: usize, rows: usize) -> RecordBatch {
    if rows == batch.num_rows() {
        batch.clone()
    } else {
        batch.slice(offset, rows)
    }
}
