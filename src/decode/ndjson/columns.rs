//! Columns under construction: what their values have in common, and what is built of them.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::DataType;

use super::alike::Alike;
use super::build::Builder;
use super::fields::Fields;
use super::seen::{NameBudget, Seen, TooManyNames};
use super::tape::{Parsed, Value};
use crate::decode::batch::Gauge;
use crate::decode::leaf::Unfit;
use crate::decode::{DecodeError, Emit, MAX_COLUMNS};
use crate::model::{Column, Shape};
use crate::schema::canonical;

/// Rows after which it is first asked whether columns have settled.
const SETTLING_ROWS: u64 = 16;

/// The types to build, by column.
pub(super) type Expected = HashMap<String, DataType>;

/// Returns the types of a shape, by column.
pub(super) fn expected(shape: &Shape) -> Arc<Expected> {
    let columns = shape.columns.iter();
    let types = columns.map(|column| (column.name.clone(), canonical(&column.data_type)));
    Arc::new(types.collect())
}

struct JsonColumn {
    seen: Seen,
    builder: Builder,
    /// Whether what is seen is what is built: then a value that the builder takes is no news.
    is_settled: bool,
}

/// The columns of a table.
pub(super) struct Columns {
    /// The types to build; `None` where rows are only looked at.
    expected: Option<Arc<Expected>>,
    fields: Fields<JsonColumn>,
    budget: NameBudget,
    gauge: Gauge,
    rows: u64,
    /// When it is asked next whether columns have settled.
    settling_rows: u64,
    /// The columns that a row takes at least.
    least: usize,
}

impl Columns {
    /// Begins without any, where batches are going to have so many at the least.
    pub(super) fn new(expected: Option<Arc<Expected>>, least: usize) -> Self {
        Self {
            expected,
            fields: Fields::default(),
            budget: NameBudget(MAX_COLUMNS),
            gauge: Gauge::default(),
            rows: 0,
            settling_rows: SETTLING_ROWS,
            least,
        }
    }

    /// Returns the types that are built, unless a value did not fit one.
    pub(super) fn expected(&self) -> Option<Arc<Expected>> {
        self.expected.clone()
    }

    /// Takes a row. Whoever is told that it has too many names must not go on.
    pub(super) fn take(&mut self, row: &Parsed<'_>) -> Result<(), TooManyNames> {
        let place = self.gauge.rows();
        for (key, value) in row.members() {
            let at = if let Some(at) = self.fields.find(key) {
                at
            } else {
                self.budget.take(1)?;
                self.add(key.name())
            };
            self.put(at, place, value)?;
        }
        Ok(())
    }

    /// Takes rows that have the keys of the last that was taken.
    pub(super) fn take_alike(&mut self, rows: &Alike<'_>) {
        let first = self.gauge.rows();
        for (key, values) in rows.columns() {
            #[expect(clippy::expect_used, reason = "the row before has brought its columns")]
            let at = self.fields.find(key).expect("a key that is known");
            let column = self.fields.item(at);
            let mut taken = 0;
            if self.expected.is_some() {
                taken = column.builder.put_all(first, values.clone());
            }
            // Single values have no names that could be too many.
            if !column.is_settled {
                for value in values.clone().take(taken) {
                    let _never = column.seen.observe(value, &mut self.budget);
                }
            }
            for (place, value) in (first..).zip(values).skip(taken) {
                let _never = self.put(at, place, value);
            }
        }
    }

    /// Returns how many more rows a batch has room for.
    pub(super) fn room(&self) -> usize {
        self.gauge.room(self.width())
    }

    /// Counts the rows that were taken, of `bytes` in all, and emits a batch where it is complete.
    pub(super) fn complete(
        &mut self,
        rows: usize,
        bytes: usize,
        emit: &mut Emit<'_>,
    ) -> Result<(), DecodeError> {
        self.rows += rows as u64;
        if self.rows >= self.settling_rows {
            self.settling_rows = 2 * self.rows;
            self.settle();
        }
        let is_complete = self.gauge.add_rows(rows, bytes, self.width());
        if is_complete {
            self.flush(emit)
        } else {
            Ok(())
        }
    }

    /// Emits what is left.
    pub(super) fn flush(&mut self, emit: &mut Emit<'_>) -> Result<(), DecodeError> {
        let rows = self.gauge.rows();
        if self.expected.is_none() {
            self.gauge.forget();
            return Ok(());
        }
        let columns = self
            .fields
            .iter_mut()
            .map(|(name, column)| (name, column.builder.finish(rows)));
        self.gauge.flush(columns, emit)
    }

    /// Returns the rows that were emitted.
    pub(super) fn emitted(&self) -> u64 {
        self.gauge.emitted()
    }

    /// Returns what the values have in common.
    pub(super) fn observed(&self) -> Shape {
        let columns = self.fields.iter();
        let columns = columns.map(|(name, column)| Column::new(name, column.seen.data_type()));
        Shape {
            columns: columns.collect(),
        }
    }

    /// Returns the names, in order.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|(name, _)| name)
    }

    /// Joins what was seen in the rows behind those that were taken so far, if the names are not too many for that;
    /// then nothing is changed.
    pub(super) fn join(&mut self, later: &Columns) -> Result<(), TooManyNames> {
        let nothing = Seen::nothing();
        let names = later
            .fields
            .iter()
            .map(|(name, later)| match self.fields.of(name) {
                Some(column) => column.seen.names_in(&later.seen),
                None => 1 + nothing.names_in(&later.seen),
            });
        self.budget.take(names.sum())?;
        for (name, later) in later.fields.iter() {
            let at = match self.fields.place_of(name) {
                Some(at) => at,
                None => self.add(name),
            };
            let column = self.fields.item(at);
            column.seen.join(&later.seen);
        }
        if later.expected.is_none() {
            self.stop_building();
        }
        Ok(())
    }

    fn width(&self) -> usize {
        self.fields.len().max(self.least)
    }

    #[inline]
    fn put(&mut self, at: usize, row: usize, value: Value<'_>) -> Result<(), TooManyNames> {
        let column = self.fields.item(at);
        let was_settled = column.is_settled;
        if was_settled && column.builder.put(row, value).is_ok() {
            return Ok(());
        }
        column.seen.observe(value, &mut self.budget)?;
        let is_built = self.expected.is_some();
        if is_built && (was_settled || column.builder.put(row, value) == Err(Unfit)) {
            self.stop_building();
        }
        Ok(())
    }

    fn add(&mut self, name: &str) -> usize {
        let types = self.expected.clone();
        let expected = types.as_ref().and_then(|types| types.get(name));
        if expected.is_none() {
            self.stop_building();
        }
        let column = JsonColumn {
            seen: Seen::nothing(),
            builder: Builder::new(expected.unwrap_or(&DataType::Null)),
            is_settled: false,
        };
        self.fields.add(name, column)
    }

    /// Finds the columns in which any value that fits is no news from now on.
    #[cold]
    fn settle(&mut self) {
        let Some(types) = &self.expected else { return };
        for (name, column) in self.fields.iter_mut() {
            column.is_settled = types.get(name) == Some(&column.seen.data_type());
        }
    }

    fn stop_building(&mut self) {
        // Once is enough: with a walk over all columns for each new one, a file of ever new keys takes for ever.
        if self.expected.take().is_none() {
            return;
        }
        for (_, column) in self.fields.iter_mut() {
            column.builder = Builder::new(&DataType::Null);
            column.is_settled = false;
        }
    }
}
