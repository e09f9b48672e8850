//! Hands the collected rows out, partition by partition.

use arrow::array::RecordBatch;

use super::TransformError;
use super::memory::{Piece, SortedRows};
use super::partitions::Partitions;
use super::run::Runs;
use super::writer::Segment;
use crate::model::PartitionValues;

/// The rows of one partition as a visitor gets them: each batch with the member that its rows are of.
pub type PartitionRows<'a> = dyn Iterator<Item = Result<(usize, RecordBatch), TransformError>> + 'a;

/// All rows of a shuffle, by partition.
pub struct Shuffled<'a> {
    partitions: Vec<(usize, PartitionValues)>,
    memory: SortedRows,
    runs: Runs<'a>,
}

impl<'a> Shuffled<'a> {
    pub(super) fn new(partitions: Partitions, memory: SortedRows, runs: Runs<'a>) -> Self {
        Self {
            partitions: partitions.into_sorted(),
            memory,
            runs,
        }
    }

    /// Returns the values of the partitions, in the order in which they are visited.
    pub fn values(&self) -> impl Iterator<Item = &PartitionValues> {
        self.partitions.iter().map(|(_, values)| values)
    }

    /// Visits every partition, in the byte order of their directories, with its rows in the order they were
    /// pushed. A visitor need not take all of a partition's rows.
    ///
    /// # Errors
    /// The visitor's first error, or [`TransformError`] where spilled rows that the visitor left could not be
    /// skipped.
    pub fn for_each<E: From<TransformError>>(
        mut self,
        visit: &mut dyn FnMut(&PartitionValues, &mut PartitionRows<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut pieces = self.memory.pieces.as_slice();
        for (partition, values) in &self.partitions {
            let count = pieces
                .iter()
                .take_while(|piece| piece.partition == *partition)
                .count();
            let (own, rest) = pieces.split_at(count);
            pieces = rest;
            let segments = self.runs.take_segments(*partition);
            let mut rows = Rows {
                runs: &mut self.runs,
                segments: segments.into(),
                memory: &self.memory,
                pieces: own,
            };
            visit(values, &mut rows)?;
            while let Some(skipped) = rows.next_spilled() {
                skipped?;
            }
        }
        Ok(())
    }
}

/// The rows of one partition: those of the runs, then those in memory.
struct Rows<'r, 'a> {
    runs: &'r mut Runs<'a>,
    segments: std::collections::VecDeque<Segment>,
    memory: &'r SortedRows,
    pieces: &'r [Piece],
}

impl Rows<'_, '_> {
    fn next_spilled(&mut self) -> Option<Result<(usize, RecordBatch), TransformError>> {
        let segment = self.segments.front_mut()?;
        let member = segment.member;
        let batch = match self.runs.read(segment.stream, segment.rows) {
            Ok(batch) => batch,
            Err(error) => return Some(Err(error)),
        };
        segment.rows = segment.rows.saturating_sub(batch.num_rows());
        if segment.rows == 0 {
            self.segments.pop_front();
        }
        Some(Ok((member, batch)))
    }
}

impl Iterator for Rows<'_, '_> {
    type Item = Result<(usize, RecordBatch), TransformError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_spilled()
            .or_else(|| self.memory.next(&mut self.pieces))
    }
}
