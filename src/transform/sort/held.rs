//! Rows in memory, and batches that are gathered from them.

use arrow::array::RecordBatch;
use arrow::compute::interleave_record_batch;
use arrow::row::Rows;

use super::TakeSorted;
use crate::transform::TransformError;
use crate::transform::spill::{ARRAY_BYTES, CHUNK_ROWS, own_bytes};

/// Rows that are being collected, in the order they came.
#[derive(Default)]
pub(super) struct Held {
    batches: Vec<RecordBatch>,
    members: Vec<usize>,
    keys: Vec<Rows>,
    rows: usize,
    bytes: usize,
}

impl Held {
    pub(super) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Returns the memory in use, and what sorting will take on top.
    pub(super) fn bytes(&self) -> usize {
        self.bytes + self.rows * size_of::<(usize, usize)>()
    }

    pub(super) fn push(&mut self, member: usize, batch: RecordBatch, keys: Rows) {
        self.rows += batch.num_rows();
        self.bytes += keys.size() + batch_bytes(&batch);
        self.batches.push(batch);
        self.members.push(member);
        self.keys.push(keys);
    }

    /// Hands all rows to `take`, sorted, in batches of about `chunk_bytes`.
    pub(super) fn sorted<E: From<TransformError>>(
        &self,
        chunk_bytes: usize,
        take: &mut TakeSorted<'_, E>,
    ) -> Result<(), E> {
        let all = self.batches.iter().enumerate();
        let mut places: Vec<(usize, usize)> = all
            .flat_map(|(at, batch)| (0..batch.num_rows()).map(move |row| (at, row)))
            .collect();
        // Stable: equal rows stay in the order they came.
        places.sort_by(|a, b| self.keys[a.0].row(a.1).cmp(&self.keys[b.0].row(b.1)));
        let batches: Vec<&RecordBatch> = self.batches.iter().collect();
        let mut members = Vec::new();
        for chunk in places.chunks(chunk_rows(self.bytes, self.rows, chunk_bytes)) {
            let batch = gather(&batches, chunk)?;
            members.clear();
            for (at, _) in chunk {
                add_row(&mut members, self.members[*at]);
            }
            take(&batch, &members)?;
        }
        Ok(())
    }
}

/// Returns how many rows weigh about `chunk_bytes`, where so many rows weigh so much.
pub(super) fn chunk_rows(bytes: usize, rows: usize, chunk_bytes: usize) -> usize {
    let row_bytes = bytes / rows.max(1) + 1;
    (chunk_bytes / row_bytes).clamp(1, CHUNK_ROWS)
}

/// Puts rows together: numbers of batches, and of rows in them.
pub(super) fn gather(
    batches: &[&RecordBatch],
    places: &[(usize, usize)],
) -> Result<RecordBatch, TransformError> {
    interleave_record_batch(batches, places)
        .map_err(TransformError::arrow("put sorted rows together"))
}

/// Adds a row of `member` to runs of rows.
pub(super) fn add_row(runs: &mut Vec<(usize, usize)>, member: usize) {
    match runs.last_mut() {
        Some((last, rows)) if *last == member => *rows += 1,
        _ => runs.push((member, 1)),
    }
}

/// Returns what a batch takes that is alone with its rows.
pub(super) fn batch_bytes(batch: &RecordBatch) -> usize {
    own_bytes(batch) + batch.num_columns() * ARRAY_BYTES
}
