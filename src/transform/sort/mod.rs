//! Sorts the rows of one partition within a byte budget.
//!
//! Rows are collected with the member that they are of. When the budget is used up, what is in memory is sorted and
//! spilled as a *run*; at the end the runs, and what is still in memory, are merged. Runs are made of rows in the order
//! they came, and of equal rows the earlier run's go first: so rows with equal keys stay in the order they came, wherever
//! runs begin and end, and what is handed out depends on nothing but the rows.
//!
//! # The order
//! Numbers by value (of floats NaN is the largest, and -0 comes before 0), texts and bytes by their bytes, false before
//! true; nulls last, in either direction.
//!
//! # Invariants
//! - No row is lost or doubled, and each keeps its member.
//! - Memory: the budget, and one chunk for each run while they are merged. Many runs are merged into one beforehand.

mod held;
mod merge;
mod run;

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::compute::SortOptions;
use arrow::datatypes::{DataType, Float32Type, Float64Type, SchemaRef};
use arrow::row::{RowConverter, Rows, SortField};

use self::held::Held;
use self::merge::merge;
use self::run::{Run, RunWriter};
use super::{SpillStore, TransformError};
use crate::config::Direction;

/// More runs of one size than this are merged into a larger one.
const MOST_RUNS: usize = 16;

/// What takes sorted rows: a batch, and whose its rows are, as members and numbers of consecutive rows.
pub type TakeSorted<'a, E> = dyn FnMut(&RecordBatch, &[(usize, usize)]) -> Result<(), E> + 'a;

/// Collects rows of one partition, and hands them out sorted.
pub struct Sorter<'a> {
    keys: Keys,
    budget_bytes: usize,
    held: Held,
    spill: &'a dyn SpillStore,
    next_number: usize,
    /// In the order of their rows, with how often what they hold has been merged.
    runs: Vec<(usize, Run<'a>)>,
}

impl<'a> Sorter<'a> {
    /// Begins without rows. Rows have the columns of `schema` and are sorted by those at the given positions, the first
    /// counting most.
    ///
    /// # Errors
    /// [`TransformError::Arrow`] for a column whose values have no order.
    pub fn new(
        schema: &SchemaRef,
        columns: &[(usize, Direction)],
        budget_bytes: usize,
        spill: &'a dyn SpillStore,
    ) -> Result<Self, TransformError> {
        Ok(Self {
            keys: Keys::new(schema, columns)?,
            budget_bytes,
            held: Held::default(),
            spill,
            next_number: 0,
            runs: Vec::new(),
        })
    }

    /// Appends rows of `member`.
    ///
    /// # Errors
    /// [`TransformError::Spill`] where the rows in memory could not be spilled; the sorter is of no use then.
    pub fn push(&mut self, member: usize, batch: &RecordBatch) -> Result<(), TransformError> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let keys = self.keys.of(batch)?;
        self.held.push(member, batch.clone(), keys);
        if self.held.bytes() > self.budget_bytes {
            self.spill_held()?;
            self.merge_if_many()?;
        }
        Ok(())
    }

    /// Hands all rows to `take`, in order.
    ///
    /// # Errors
    /// The first error of `take`, or [`TransformError`] where spilled rows cannot be read again.
    pub fn finish<E: From<TransformError>>(
        mut self,
        take: &mut TakeSorted<'_, E>,
    ) -> Result<(), E> {
        if self.runs.is_empty() {
            return self.held.sorted(self.chunk_bytes(), take);
        }
        self.spill_held()?;
        let runs = self.runs.drain(..).map(|(_, run)| run).collect();
        merge(runs, &self.keys, self.chunk_bytes(), take)
    }

    /// Returns what a chunk may weigh so that those of all runs fit the budget.
    fn chunk_bytes(&self) -> usize {
        (self.budget_bytes / (4 * MOST_RUNS)).clamp(16 << 10, 1 << 20)
    }

    fn spill_held(&mut self) -> Result<(), TransformError> {
        let held = std::mem::take(&mut self.held);
        if held.is_empty() {
            return Ok(());
        }
        let mut writer = self.begin_run()?;
        held.sorted(self.chunk_bytes(), &mut |batch, members| {
            writer.append(batch, members)
        })?;
        let run = writer.finish()?;
        self.runs.push((0, run));
        Ok(())
    }

    /// Merges the last runs into one where there are too many of them that have been merged equally often: so each row is
    /// spilled again only as often as the number of runs has digits.
    fn merge_if_many(&mut self) -> Result<(), TransformError> {
        while let Some((level, _)) = self.runs.last() {
            let level = *level;
            let same = self.runs.iter().rev().take_while(|run| run.0 == level);
            let count = same.count();
            if count < MOST_RUNS {
                break;
            }
            let runs = self.runs.split_off(self.runs.len() - count);
            let mut writer = self.begin_run()?;
            let runs = runs.into_iter().map(|(_, run)| run).collect();
            merge(
                runs,
                &self.keys,
                self.chunk_bytes(),
                &mut |batch, members| writer.append(batch, members),
            )?;
            let merged = writer.finish()?;
            self.runs.push((level + 1, merged));
        }
        Ok(())
    }

    fn begin_run(&mut self) -> Result<RunWriter<'a>, TransformError> {
        let number = self.next_number;
        self.next_number += 1;
        RunWriter::begin(self.spill, number)
    }
}

/// Turns rows into keys whose bytes compare as the rows do.
struct Keys {
    columns: Vec<usize>,
    converter: RowConverter,
}

impl Keys {
    fn new(schema: &SchemaRef, columns: &[(usize, Direction)]) -> Result<Self, TransformError> {
        let fields = columns.iter().map(|(column, direction)| {
            let options = SortOptions {
                descending: *direction == Direction::Descending,
                nulls_first: false,
            };
            SortField::new_with_options(schema.field(*column).data_type().clone(), options)
        });
        Ok(Self {
            columns: columns.iter().map(|(column, _)| *column).collect(),
            converter: RowConverter::new(fields.collect())
                .map_err(TransformError::arrow("compare the columns to sort by"))?,
        })
    }

    fn of(&self, batch: &RecordBatch) -> Result<Rows, TransformError> {
        let columns = self.columns.iter().map(|at| one_nan(batch.column(*at)));
        self.converter
            .convert_columns(&columns.collect::<Vec<_>>())
            .map_err(TransformError::arrow("compare rows"))
    }
}

/// Returns the column with one bit pattern for all that is not a number, which is then larger than any number.
fn one_nan(column: &ArrayRef) -> ArrayRef {
    match column.data_type() {
        DataType::Float64 => {
            let numbers = column.as_primitive::<Float64Type>();
            Arc::new(numbers.unary::<_, Float64Type>(|n| if n.is_nan() { f64::NAN } else { n }))
        }
        DataType::Float32 => {
            let numbers = column.as_primitive::<Float32Type>();
            Arc::new(numbers.unary::<_, Float32Type>(|n| if n.is_nan() { f32::NAN } else { n }))
        }
        _ => Arc::clone(column),
    }
}

#[cfg(test)]
mod tests;
