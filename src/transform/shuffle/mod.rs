//! Collects routed rows by partition within a byte budget.
//!
//! Rows stay in memory in *blocks*: whole batches, or many small parts put together, so that ten thousand
//! partitions cost ten thousand index entries and not as many arrays. When the budget is used up, everything in
//! memory becomes one *run*: a spilled file with the rows in the order of the partitions. At the end each run is
//! read once from front to back, one chunk at a time, side by side with the others and with what is still in
//! memory.
//!
//! # The spilled file
//! Chunks back to back, each a complete Arrow IPC stream (schema, one batch). Where a chunk begins and which
//! partition's rows it holds is known in memory only: a run means nothing to another process.

mod memory;
mod partitions;
mod run;
mod shuffled;
mod writer;

use std::io::{self, Write};
use std::sync::Arc;

use self::memory::Memory;
use self::partitions::Partitions;
use self::run::Runs;
pub use self::shuffled::{PartitionRows, Shuffled};
use super::{Routed, TransformError};
use crate::model::ReadAt;

/// Where rows go that do not fit into memory. Files are numbered from zero within one [`Shuffle`].
pub trait SpillStore {
    /// Begins the file `number`.
    ///
    /// # Errors
    /// What the store reports.
    fn create(&self, number: usize) -> io::Result<Box<dyn SpillFile>>;

    /// Opens the finished file `number`; called once for each chunk, so that few files are open at a time.
    ///
    /// # Errors
    /// What the store reports.
    fn open(&self, number: usize) -> io::Result<Arc<dyn ReadAt>>;

    /// Removes the file `number`.
    ///
    /// # Errors
    /// What the store reports.
    fn remove(&self, number: usize) -> io::Result<()>;
}

/// A spilled file being written.
pub trait SpillFile: Write {
    /// Makes what was written readable; it need not be durable.
    ///
    /// # Errors
    /// What the store reports.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// Collects routed rows in the order they are pushed.
pub struct Shuffle<'a> {
    budget_bytes: usize,
    partitions: Partitions,
    memory: Memory,
    runs: Runs<'a>,
}

impl<'a> Shuffle<'a> {
    /// Begins without rows. About `budget_bytes` are held in memory, at least one batch; the index of partitions,
    /// some hundred bytes for each, comes on top.
    #[must_use]
    pub fn new(budget_bytes: usize, spill: &'a dyn SpillStore) -> Self {
        Self {
            budget_bytes,
            partitions: Partitions::default(),
            memory: Memory::default(),
            runs: Runs::new(spill, budget_bytes),
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
