//! Merges sorted runs.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use arrow::array::RecordBatch;
use arrow::row::{OwnedRow, Rows};

use super::held::{add_row, batch_bytes, chunk_rows, gather};
use super::run::{Loaded, Run};
use super::{Keys, TakeSorted};
use crate::transform::TransformError;

/// Hands the rows of all runs to `take`, sorted, in batches of about `chunk_bytes`. Of equal rows, those of the
/// earlier run come first.
pub(super) fn merge<E: From<TransformError>>(
    runs: Vec<Run<'_>>,
    keys: &Keys,
    chunk_bytes: usize,
    take: &mut TakeSorted<'_, E>,
) -> Result<(), E> {
    let mut heads = BinaryHeap::with_capacity(runs.len());
    let mut output = Output::new(chunk_bytes);
    let mut cursors = Vec::with_capacity(runs.len());
    for (number, run) in runs.into_iter().enumerate() {
        let mut cursor = Cursor { run, current: None };
        if cursor.load(keys, &mut output)? {
            heads.extend(cursor.head(number));
        }
        cursors.push(cursor);
    }
    while let Some(Reverse(head)) = heads.pop() {
        let cursor = &mut cursors[head.run];
        cursor.take_row(&mut output);
        if output.is_full() {
            output.hand_out(&mut cursors, take)?;
        }
        let cursor = &mut cursors[head.run];
        if cursor.has_row() || cursor.load(keys, &mut output)? {
            heads.extend(cursor.head(head.run));
        }
    }
    output.hand_out(&mut cursors, take)
}

/// The next row of a run.
struct Head {
    key: OwnedRow,
    run: usize,
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key
            .row()
            .cmp(&other.key.row())
            .then(self.run.cmp(&other.run))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Head {}

/// How far a run has been read.
struct Cursor<'a> {
    run: Run<'a>,
    current: Option<Current>,
}

/// A chunk of a run.
struct Current {
    loaded: Loaded,
    keys: Rows,
    row: usize,
    /// Its place among the batches of the output.
    place: usize,
}

impl Cursor<'_> {
    /// Goes on to the next chunk; false behind the last.
    fn load(&mut self, keys: &Keys, output: &mut Output) -> Result<bool, TransformError> {
        self.current = None;
        if let Some(loaded) = self.run.load()? {
            self.current = Some(Current {
                keys: keys.of(&loaded.batch)?,
                place: output.add(&loaded.batch),
                loaded,
                row: 0,
            });
        }
        Ok(self.current.is_some())
    }

    fn has_row(&self) -> bool {
        let current = self.current.as_ref();
        current.is_some_and(|current| current.row < current.loaded.batch.num_rows())
    }

    fn head(&self, run: usize) -> Option<Reverse<Head>> {
        let current = self.current.as_ref()?;
        let key = current.keys.row(current.row).owned();
        Some(Reverse(Head { key, run }))
    }

    fn take_row(&mut self, output: &mut Output) {
        if let Some(current) = &mut self.current {
            output.places.push((current.place, current.row));
            let member = current.loaded.members.value(current.row);
            add_row(
                &mut output.members,
                usize::try_from(member).unwrap_or(usize::MAX),
            );
            current.row += 1;
        }
    }
}

/// Rows that are about to be handed out.
struct Output {
    chunk_bytes: usize,
    batches: Vec<RecordBatch>,
    /// Of the batches, what they weigh and how many rows they have.
    bytes: usize,
    rows: usize,
    places: Vec<(usize, usize)>,
    members: Vec<(usize, usize)>,
}

impl Output {
    fn new(chunk_bytes: usize) -> Self {
        Self {
            chunk_bytes,
            batches: Vec::new(),
            bytes: 0,
            rows: 0,
            places: Vec::new(),
            members: Vec::new(),
        }
    }

    /// Adds a batch that rows will be taken of, and returns its place.
    fn add(&mut self, batch: &RecordBatch) -> usize {
        self.bytes += batch_bytes(batch);
        self.rows += batch.num_rows();
        self.batches.push(batch.clone());
        self.batches.len() - 1
    }

    fn is_full(&self) -> bool {
        self.places.len() >= chunk_rows(self.bytes, self.rows, self.chunk_bytes)
    }

    /// Hands out what there is, and forgets batches that have been read to their end.
    fn hand_out<E: From<TransformError>>(
        &mut self,
        cursors: &mut [Cursor<'_>],
        take: &mut TakeSorted<'_, E>,
    ) -> Result<(), E> {
        if !self.places.is_empty() {
            let batches: Vec<&RecordBatch> = self.batches.iter().collect();
            take(&gather(&batches, &self.places)?, &self.members)?;
        }
        *self = Self::new(self.chunk_bytes);
        for cursor in cursors {
            if let Some(current) = &mut cursor.current {
                current.place = self.add(&current.loaded.batch);
            }
        }
        Ok(())
    }
}
