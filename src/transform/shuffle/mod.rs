//! Collects routed rows by partition within a byte budget.
//!
//! Rows stay in memory in *blocks*: whole batches, or many small parts put together, so that ten thousand
//! partitions cost ten thousand index entries and not as many arrays. When the budget is used up, whoever pushes may
//! take rows of large partitions out at once. If that does not make room, everything in memory becomes one *run*: a
//! spilled file with the rows in the order of the partitions. At the end each run is read once from front to back, one
//! chunk at a time, side by side with the others and with what is still in memory.
//!
//! How a spilled file is laid out is said in `spill`; which partition's rows a chunk holds is known in memory only.

mod memory;
mod partitions;
mod run;
mod shuffled;
mod writer;

use arrow::array::RecordBatch;

use self::memory::Memory;
use self::partitions::Partitions;
use self::run::Runs;
pub use self::shuffled::{PartitionRows, Shuffled};
use super::{Routed, SpillStore, TransformError};
use crate::crew::Crew;
use crate::model::PartitionValues;

/// Batches, each with the member that its rows are of.
pub type MemberRows = Vec<(usize, RecordBatch)>;

/// A partition is large if so many of its size use the budget up.
const MOST_LARGE: usize = 64;

/// Collects routed rows in the order they are pushed.
pub struct Shuffle<'a> {
    budget_bytes: usize,
    partitions: Partitions,
    memory: Memory,
    runs: Runs<'a>,
}

impl<'a> Shuffle<'a> {
    /// Begins without rows. About `budget_bytes` may be held in memory, at least one batch; the index of partitions,
    /// some hundred bytes for each, comes on top. The crew puts rows together that are spilled.
    #[must_use]
    pub fn new(budget_bytes: usize, crew: &'a dyn Crew, spill: &'a dyn SpillStore) -> Self {
        Self {
            budget_bytes,
            partitions: Partitions::default(),
            memory: Memory::default(),
            runs: Runs::new(spill, crew, budget_bytes),
        }
    }

    /// Appends rows of `member`. They need not have the same columns as others. Where that makes it
    /// [full](Shuffle::is_full), [`Shuffle::make_room`] comes next.
    ///
    /// # Errors
    /// [`TransformError::Arrow`] where small parts could not be put together; the shuffle is of no use then.
    pub fn push(&mut self, member: usize, rows: &Routed) -> Result<(), TransformError> {
        let partitions = &mut self.partitions;
        let parts = rows.parts().iter().filter(|(_, rows)| *rows > 0);
        let parts = parts.map(|(values, rows)| (partitions.number(values), *rows));
        self.memory.push(member, rows.batch().clone(), parts)
    }

    /// Tells whether more rows are held in memory than there may be.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.memory.bytes() > self.budget_bytes
    }

    /// Hands out rows before all have been pushed: visits the large partitions, as far as none of their rows have been
    /// spilled, with the rows in the order they were pushed. The visitor returns how many of the first it takes; the others
    /// stay.
    ///
    /// # Errors
    /// The visitor's first error, or [`TransformError::Arrow`] where rows could not be put together; the shuffle is of no
    /// use then.
    pub fn hand_out<E: From<TransformError>>(
        &mut self,
        visit: &mut dyn FnMut(&PartitionValues, MemberRows) -> Result<usize, E>,
    ) -> Result<(), E> {
        let bytes = self.memory.by_partition()?;
        let least = self.budget_bytes / MOST_LARGE;
        let is_large = |number: usize| bytes[number] >= least && !self.runs.has(number);
        if !(0..bytes.len()).any(is_large) {
            return Ok(());
        }
        let rows = self.memory.take_sorted(&self.partitions.ranks())?;
        let mut left = Vec::new();
        for pieces in rows.pieces.chunk_by(|a, b| a.partition == b.partition) {
            let partition = pieces[0].partition;
            let mut taken = 0;
            if is_large(partition) {
                let mut rest = pieces;
                let batches = std::iter::from_fn(|| rows.next(&mut rest));
                let batches = batches.collect::<Result<Vec<_>, _>>()?;
                taken = visit(self.partitions.values(partition), batches)?;
            }
            left.extend(pieces.iter().filter_map(|piece| piece.behind(&mut taken)));
        }
        // The old list is dropped before the new one is sorted in.
        let mut rows = rows;
        rows.pieces = left;
        Ok(self.memory.put_back(&rows)?)
    }

    /// Spills the rows in memory, unless a quarter of it is free: what was handed out made room then.
    ///
    /// # Errors
    /// [`TransformError::Spill`] where they could not be spilled; the shuffle is of no use then.
    pub fn make_room(&mut self) -> Result<(), TransformError> {
        if self.memory.bytes() <= self.budget_bytes / 4 * 3 {
            return Ok(());
        }
        let rows = self.memory.take_sorted(&self.partitions.ranks())?;
        self.runs.spill(&rows)?;
        self.runs.merge_if_many(&self.partitions.ranks())
    }

    /// Ends the pushing.
    ///
    /// # Errors
    /// [`TransformError::Arrow`] where rows in memory could not be put together.
    pub fn finish(mut self) -> Result<Shuffled<'a>, TransformError> {
        let rows = self.memory.take_sorted(&self.partitions.ranks())?;
        Ok(Shuffled::new(self.partitions, rows, self.runs))
    }
}

#[cfg(test)]
mod tests;
