//! Collects routed rows by partition within a byte budget.
//!
//! Rows stay in memory in *blocks*: whole batches, or many small parts put together, so that ten thousand
//! partitions cost ten thousand index entries and not as many arrays. When the budget is used up, everything in
//! memory becomes one *run*: a spilled file with the rows in the order of the partitions. At the end each run is
//! read once from front to back, one chunk at a time, side by side with the others and with what is still in
//! memory.
//!
//! How a spilled file is laid out is said in `spill`; which partition's rows a chunk holds is known in memory only.

mod memory;
mod partitions;
mod run;
mod shuffled;
mod writer;

use self::memory::Memory;
use self::partitions::Partitions;
use self::run::Runs;
pub use self::shuffled::{PartitionRows, Shuffled};
use super::{Routed, SpillStore, TransformError};
use crate::crew::Crew;

/// Collects routed rows in the order they are pushed.
pub struct Shuffle<'a> {
    budget_bytes: usize,
    partitions: Partitions,
    memory: Memory,
    runs: Runs<'a>,
}

impl<'a> Shuffle<'a> {
    /// Begins without rows. About `budget_bytes` are held in memory, at least one batch; the index of partitions,
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

    /// Appends rows of `member`. They need not have the same columns as others.
    ///
    /// # Errors
    /// [`TransformError::Spill`] where the rows in memory could not be spilled; the shuffle is of no use then.
    pub fn push(&mut self, member: usize, rows: &Routed) -> Result<(), TransformError> {
        let partitions = &mut self.partitions;
        let parts = rows.parts().iter().filter(|(_, rows)| *rows > 0);
        let parts = parts.map(|(values, rows)| (partitions.number(values), *rows));
        self.memory.push(member, rows.batch().clone(), parts)?;
        if self.memory.bytes() > self.budget_bytes {
            let rows = self.memory.take_sorted(&self.partitions.ranks())?;
            self.runs.spill(&rows)?;
            self.runs.merge_if_many(&self.partitions.ranks())?;
        }
        Ok(())
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
