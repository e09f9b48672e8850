//! Rows that are like the one before them: with the same keys, in the same order, and a single value for each.
//!
//! Most rows of most files are. They are laid out on one tape, one behind the other, so that each column gets many values
//! at a time and is asked once what it is built of.
//!
//! # Invariants
//! - What is built and what is observed of them is what it would be row by row.
//! - A row that is otherwise, or has a fault, is not among them: it is left to be parsed by itself.

use super::tape::{Key, Parsed, Value};

/// Such rows, parsed.
pub(super) struct Alike<'t> {
    /// The values of all rows, as if they were one.
    values: Parsed<'t>,
    rows: usize,
    bytes: usize,
}

impl<'t> Alike<'t> {
    /// Returns `rows` rows of `bytes` in all, of which `values` has the keys and, row by row, the values.
    pub(super) fn new(values: Parsed<'t>, rows: usize, bytes: usize) -> Self {
        Self {
            values,
            rows,
            bytes,
        }
    }

    /// Returns how many they are.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Returns their bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns their keys, each with its values from the first row to the last.
    pub(super) fn columns(
        &'t self,
    ) -> impl Iterator<Item = (Key<'t>, impl Iterator<Item = Value<'t>> + Clone)> {
        let width = self.values.keys().count();
        let keys = self.values.keys().enumerate();
        keys.map(move |(at, key)| {
            let values = (0..self.rows).map(move |row| self.values.value(row * width + at));
            (key, values)
        })
    }
}
