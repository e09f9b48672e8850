//! The partitions of a shuffle, numbered as they come and ranked by their directories.

use std::collections::HashMap;

use crate::model::{PartitionValues, partition_dir};

/// Numbers for partitions.
#[derive(Default)]
pub(super) struct Partitions {
    numbers: HashMap<PartitionValues, usize>,
    values: Vec<PartitionValues>,
    dirs: Vec<String>,
}

impl Partitions {
    /// Returns the partition's number, a new one for a partition that was not seen before.
    pub(super) fn number(&mut self, values: &PartitionValues) -> usize {
        if let Some(number) = self.numbers.get(values) {
            return *number;
        }
        let number = self.dirs.len();
        self.dirs.push(partition_dir(values));
        self.values.push(values.clone());
        self.numbers.insert(values.clone(), number);
        number
    }

    /// Returns the values of the partition with this number.
    pub(super) fn values(&self, number: usize) -> &PartitionValues {
        &self.values[number]
    }

    /// Returns each partition's place in the byte order of the directories, by number.
    pub(super) fn ranks(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.dirs.len()).collect();
        order.sort_by(|a, b| self.dirs[*a].cmp(&self.dirs[*b]));
        let mut ranks = vec![0; order.len()];
        for (rank, number) in order.into_iter().enumerate() {
            ranks[number] = rank;
        }
        ranks
    }

    /// Returns the numbers with their values, in the byte order of the directories.
    pub(super) fn into_sorted(self) -> Vec<(usize, PartitionValues)> {
        let ranks = self.ranks();
        let mut sorted: Vec<_> = self.values.into_iter().enumerate().collect();
        sorted.sort_by_key(|(number, _)| ranks[*number]);
        sorted
    }
}
