//! Texts -> typed columns, and the types that the texts have.
//!
//! Values are taken one by one, or for many rows at once: then column by column, so that what a column's type asks for
//! is found out once and not for every value. Both come to the same, as types are joined in any order.
//!
//! What a dialect does not use costs nothing for a value: null tokens and decimal commas have a way of their own.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;

use super::decimal::{self, Number};
use super::rows::Rows;
use crate::config::{Decimal, Dialect};
use crate::decode::batch::Gauge;
use crate::decode::leaf::{Leaf, Unfit};
use crate::decode::{BATCH_ROWS, DecodeError, Decoded, Emit, unique_names};
use crate::model::{Column, Shape};
use crate::schema::TextType;

/// Whether rows are still built, or only looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Mode {
    /// They are built.
    Build,
    /// They are looked at.
    #[default]
    Observe,
}

struct TextColumn {
    name: String,
    /// What the values have to be.
    data_type: DataType,
    /// The join of the values so far.
    seen: TextType,
    /// What `seen` cannot rise above as long as values fit.
    ceiling: TextType,
    builder: Leaf,
}

/// Gathers rows of texts, and the types that they have.
pub(in crate::decode) struct Table {
    dialect: Arc<Dialect>,
    mode: Mode,
    columns: Vec<TextColumn>,
    gauge: Gauge,
}

impl Table {
    pub(in crate::decode) fn new(dialect: &Dialect) -> Self {
        Self {
            dialect: Arc::new(dialect.clone()),
            mode: Mode::default(),
            columns: Vec::new(),
            gauge: Gauge::default(),
        }
    }

    /// Returns a table of the same columns without rows, which knows what was seen here.
    pub(super) fn successor(&self) -> Self {
        let columns = self.columns.iter().map(|column| TextColumn {
            name: column.name.clone(),
            data_type: column.data_type.clone(),
            seen: column.seen,
            ceiling: column.ceiling,
            builder: match self.mode {
                Mode::Build => Leaf::new(&column.data_type),
                Mode::Observe => Leaf::new(&DataType::Null),
            },
        });
        Self {
            dialect: Arc::clone(&self.dialect),
            mode: self.mode,
            columns: columns.collect(),
            gauge: Gauge::default(),
        }
    }

    /// Learns what a [successor](Self::successor) has seen.
    pub(super) fn join(&mut self, successor: &Self) {
        for (column, later) in self.columns.iter_mut().zip(&successor.columns) {
            column.seen = column.seen.join(later.seen);
        }
        if successor.mode == Mode::Observe && self.mode == Mode::Build {
            self.stop_building();
        }
    }

    /// Tells whether rows are built: all values so far have fitted.
    pub(super) fn is_building(&self) -> bool {
        self.mode == Mode::Build
    }

    /// Begins to build, although there are no columns: nothing at all fits every shape.
    pub(super) fn take_nothing(&mut self) {
        self.mode = Mode::Build;
    }

    /// Returns how many rows there is room for in the batch.
    pub(super) fn room(&self) -> usize {
        BATCH_ROWS - self.gauge.rows().min(BATCH_ROWS - 1)
    }

    /// Takes rows of all columns, which were written in so many bytes, and returns the batch if it is complete.
    pub(super) fn take_rows(&mut self, rows: &Rows<'_, '_>, bytes: usize) -> Option<RecordBatch> {
        let is_plain = self.dialect.null.is_empty() && self.dialect.decimal == Decimal::Point;
        for at in 0..self.columns.len() {
            if is_plain {
                self.take_column(at, rows);
            } else {
                rows.column(at).for_each(|text| self.take_text(at, text));
            }
        }
        let complete = self.gauge.add_rows(rows.len(), bytes, self.columns.len());
        if complete { self.batch() } else { None }
    }

    fn take_column(&mut self, at: usize, rows: &Rows<'_, '_>) {
        if self.mode == Mode::Build {
            if self.columns[at].append_all(rows.column(at)).is_ok() {
                return;
            }
            self.stop_building();
        }
        let column = &mut self.columns[at];
        let texts = rows.column(at).filter(|text| !text.is_empty());
        texts.for_each(|text| column.observe(text));
    }

    /// Returns the rows that have been built since the last batch, if there are any.
    pub(super) fn batch(&mut self) -> Option<RecordBatch> {
        if self.mode == Mode::Observe {
            return None;
        }
        let columns = self.columns.iter_mut();
        let columns = columns.map(|column| (column.name.as_str(), column.builder.finish()));
        self.gauge.batch(columns)
    }

    /// Counts a row, all of whose values were taken from so many bytes.
    #[inline]
    pub(in crate::decode) fn end_row(
        &mut self,
        bytes: usize,
        emit: &mut Emit<'_>,
    ) -> Result<(), DecodeError> {
        let complete = self.gauge.add_row(bytes, self.columns.len());
        if complete && self.mode == Mode::Build {
            self.flush(emit)?;
        }
        Ok(())
    }

    /// Hands out the last rows, and returns what came of all.
    pub(in crate::decode) fn finish(mut self, emit: &mut Emit<'_>) -> Result<Decoded, DecodeError> {
        let observed = self.observed();
        if self.mode == Mode::Observe {
            return Err(DecodeError::Misfit { observed });
        }
        self.flush(emit)?;
        let rows = self.gauge.emitted();
        Ok(Decoded::of_rows(rows, observed))
    }

    /// Begins columns of these names, of the types that `shape` has for them.
    pub(in crate::decode) fn set_columns(&mut self, names: Vec<String>, shape: Option<&Shape>) {
        let expected = shape.map(|shape| {
            let types = shape
                .columns
                .iter()
                .map(|column| (column.name.as_str(), &column.data_type));
            types.collect::<HashMap<_, _>>()
        });
        self.mode = Mode::Build;
        for name in names {
            let data_type = expected.as_ref().and_then(|types| types.get(name.as_str()));
            if data_type.is_none() {
                self.mode = Mode::Observe;
            }
            let data_type = data_type.copied().unwrap_or(&DataType::Null);
            self.columns.push(TextColumn {
                name,
                data_type: data_type.clone(),
                seen: TextType::Null,
                ceiling: TextType::Text,
                builder: Leaf::new(data_type),
            });
        }
        if self.mode == Mode::Build {
            self.columns.iter_mut().for_each(TextColumn::trust_builder);
        }
    }

    /// Takes a value of a row, whatever the dialect.
    pub(in crate::decode) fn take_text(&mut self, at: usize, text: &str) {
        let number = match self.dialect.decimal {
            Decimal::Comma => decimal::read(text),
            Decimal::Point => Number::Same,
        };
        if self.dialect.null.iter().any(|null| null == text) {
            self.take_value(at, "");
        } else if number == Number::Same {
            self.take_value(at, text);
        } else {
            self.take_number(at, text, &number);
        }
    }

    #[inline]
    fn take_value(&mut self, at: usize, text: &str) {
        let column = &mut self.columns[at];
        if text.is_empty() {
            if self.mode == Mode::Build {
                column.builder.append_nulls(1);
            }
            return;
        }
        column.observe(text);
        if self.mode == Mode::Build && column.builder.append(text) == Err(Unfit) {
            self.stop_building();
            self.columns[at].observe(text);
        }
    }

    /// Takes a value that is text, whatever it looks like.
    pub(in crate::decode) fn take_string(&mut self, at: usize, text: &str) {
        if text.is_empty() || self.dialect.null.iter().any(|null| null == text) {
            self.take_value(at, "");
        } else {
            self.take_number(at, text, &Number::Pointed);
        }
    }

    /// Returns the number of columns.
    pub(in crate::decode) fn width(&self) -> usize {
        self.columns.len()
    }

    /// Takes what is a number only, or no number at all, because of the decimal comma.
    fn take_number(&mut self, at: usize, text: &str, number: &Number) {
        let kind = match number {
            Number::Fraction(_) => TextType::Float64,
            Number::Pointed | Number::Same => TextType::Text,
        };
        let column = &mut self.columns[at];
        column.seen = column.seen.join(kind);
        if self.mode == Mode::Observe {
            return;
        }
        let appended = match (&mut column.builder, number) {
            (builder @ Leaf::Float64(_), Number::Fraction(pointed)) => builder.append(pointed),
            (builder @ Leaf::Text(_), _) => builder.append(text),
            _ => Err(Unfit),
        };
        if appended == Err(Unfit) {
            self.stop_building();
        }
    }

    fn stop_building(&mut self) {
        self.mode = Mode::Observe;
        for column in &mut self.columns {
            column.ceiling = TextType::Text;
            column.builder = Leaf::new(&DataType::Null);
        }
    }

    fn flush(&mut self, emit: &mut Emit<'_>) -> Result<(), DecodeError> {
        match self.batch().map(emit) {
            Some(ControlFlow::Break(())) => Err(DecodeError::Stopped),
            Some(ControlFlow::Continue(())) | None => Ok(()),
        }
    }

    /// Returns what all values so far are.
    pub(in crate::decode) fn observed(&self) -> Shape {
        Shape {
            columns: self
                .columns
                .iter()
                .map(|column| Column::new(&column.name, column.seen.data_type()))
                .collect(),
        }
    }
}

impl TextColumn {
    fn trust_builder(&mut self) {
        self.ceiling = match self.builder {
            Leaf::Boolean(_) => TextType::Boolean,
            Leaf::Int64(_) => TextType::Int64,
            Leaf::Float64(_) => TextType::Float64,
            Leaf::Date(_) => TextType::Date,
            Leaf::Naive(_) => TextType::Naive,
            Leaf::Utc(_) => TextType::Utc,
            Leaf::Text(_) | Leaf::Nulls(..) => TextType::Text,
        };
    }

    /// Appends values as long as they fit, and observes them as long as that tells anything.
    fn append_all<'t>(&mut self, mut texts: impl Iterator<Item = &'t str>) -> Result<(), Unfit> {
        while self.seen != self.ceiling {
            match texts.next() {
                None => return Ok(()),
                Some("") => self.builder.append_nulls(1),
                Some(text) => {
                    self.observe(text);
                    self.builder.append(text)?;
                }
            }
        }
        self.builder.append_all(texts)
    }

    #[inline]
    fn observe(&mut self, text: &str) {
        if self.seen != self.ceiling {
            self.seen = self.seen.join(TextType::of(text));
        }
    }
}

/// Returns unique, non-empty names for the columns of a header.
pub(in crate::decode) fn column_names(header: &[&str]) -> Vec<String> {
    let named = header.iter().enumerate().map(|(at, name)| {
        if name.is_empty() {
            format!("column_{}", at + 1)
        } else {
            (*name).to_owned()
        }
    });
    unique_names(named.collect())
}
