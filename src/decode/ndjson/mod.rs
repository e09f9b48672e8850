//! NDJSON and JSON: objects -> typed columns.
//!
//! The two differ only in where a row ends: in NDJSON at the end of the line, in JSON where the object's brackets
//! are closed. [`Framing`] says which, and from there on a row is a row.

mod build;
mod frame;
mod seen;
mod tape;

use std::collections::HashMap;
use std::io::Read;
use std::ops::ControlFlow;

use arrow::datatypes::DataType;

use super::batch::Gauge;
use super::leaf::Unfit;
use super::{DecodeError, Decoded, Emit, MAX_COLUMNS, Malformed};
use crate::crew::Crew;
use crate::model::{Column, Shape};

use build::Builder;
use frame::Frames;
use seen::{Fields, NameBudget, Seen};
use tape::{Tape, Value};

/// Where a row ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// At the end of the line.
    Lines,
    /// Where the object ends: one object, several, or an array of them.
    Values,
}

/// Guesses the columns from the beginning of a text, of which `whole` tells whether it is all.
pub(super) fn sniff(head: &[u8], framing: Framing, whole: bool) -> Shape {
    let end = match head.iter().rposition(|byte| *byte == b'\n') {
        // An object that is cut off ends the look.
        _ if whole || framing == Framing::Values => head.len(),
        Some(end) => end,
        None => 0,
    };
    let mut table = Table::new(None);
    // What is wrong is found again when the file is decoded.
    let _guess = table.read(&mut &head[..end], framing, &mut |_| {
        ControlFlow::Continue(())
    });
    table.observed()
}

/// Decodes a text under `shape`.
pub(super) fn decode(
    input: &mut dyn Read,
    framing: Framing,
    shape: &Shape,
    _crew: &dyn Crew,
    emit: &mut Emit<'_>,
) -> Result<Decoded, DecodeError> {
    let mut table = Table::new(Some(shape));
    table.read(input, framing, emit)?;
    let observed = table.observed();
    if table.expected.is_none() {
        return Err(DecodeError::Misfit { observed });
    }
    Ok(Decoded {
        rows: table.gauge.emitted(),
        observed,
    })
}

/// Returns the line in which the row begins, counted from 0, if there are so many.
pub(super) fn line_of(
    input: &mut dyn Read,
    framing: Framing,
    row: u64,
) -> Result<Option<u64>, DecodeError> {
    let mut frames = Frames::new(input, framing);
    for _ in 0..row {
        if frames.next()?.is_none() {
            return Ok(None);
        }
    }
    Ok(frames.next()?.map(|frame| frame.line))
}

struct JsonColumn {
    seen: Seen,
    builder: Builder,
}

struct Table<'s> {
    /// The types to build; `None` where rows are only looked at.
    expected: Option<HashMap<&'s str, &'s DataType>>,
    columns: Fields<JsonColumn>,
    budget: NameBudget,
    gauge: Gauge,
}

impl<'s> Table<'s> {
    fn new(shape: Option<&'s Shape>) -> Self {
        let types = |shape: &'s Shape| {
            let columns = shape.columns.iter();
            columns
                .map(|column| (column.name.as_str(), &column.data_type))
                .collect()
        };
        Self {
            expected: shape.map(types),
            columns: Fields::default(),
            budget: NameBudget(MAX_COLUMNS),
            gauge: Gauge::default(),
        }
    }

    fn read(
        &mut self,
        input: &mut dyn Read,
        framing: Framing,
        emit: &mut Emit<'_>,
    ) -> Result<(), DecodeError> {
        let mut frames = Frames::new(input, framing);
        let mut tape = Tape::default();
        while let Some(frame) = frames.next()? {
            let object = tape
                .parse(frame.text)
                .map_err(|(at, fault)| frame.malformed(at, fault))?;
            self.take_row(object, frame.line)?;
            let complete = self.gauge.add_row(frame.text.len(), self.columns.len());
            if complete && self.expected.is_some() {
                self.flush(emit)?;
            }
        }
        if self.expected.is_some() {
            self.flush(emit)?;
        }
        Ok(())
    }

    fn take_row(&mut self, object: Value<'_>, line: u64) -> Result<(), DecodeError> {
        let row = self.gauge.rows();
        let too_many = |_| Malformed::TooManyColumns {
            line,
            limit: MAX_COLUMNS,
        };
        for (count, (key, value)) in object.members().enumerate() {
            let at = if let Some(at) = self.columns.find(key, count) {
                at
            } else {
                self.budget.take().map_err(too_many)?;
                self.add_column(key)
            };
            let column = self.columns.item(at);
            column
                .seen
                .observe(value, &mut self.budget)
                .map_err(too_many)?;
            if self.expected.is_some() && column.builder.put(row, value) == Err(Unfit) {
                self.stop_building();
            }
        }
        Ok(())
    }

    fn add_column(&mut self, name: &str) -> usize {
        let types = self.expected.as_ref();
        let expected = types.and_then(|types| types.get(name).copied());
        if expected.is_none() {
            self.stop_building();
        }
        let builder = Builder::new(expected.unwrap_or(&DataType::Null));
        let seen = Seen::nothing();
        self.columns.add(name, JsonColumn { seen, builder })
    }

    fn stop_building(&mut self) {
        // Once is enough: with a walk over all columns for each new one, a file of ever new keys takes for ever.
        if self.expected.take().is_none() {
            return;
        }
        for (_, column) in self.columns.iter_mut() {
            column.builder = Builder::new(&DataType::Null);
        }
    }

    fn flush(&mut self, emit: &mut Emit<'_>) -> Result<(), DecodeError> {
        let rows = self.gauge.rows();
        let columns = self
            .columns
            .iter_mut()
            .map(|(name, column)| (name, column.builder.finish(rows)));
        self.gauge.flush(columns, emit)
    }

    fn observed(&self) -> Shape {
        Shape {
            columns: self
                .columns
                .iter()
                .map(|(name, column)| Column {
                    name: name.to_owned(),
                    data_type: column.seen.data_type(),
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod suite;
#[cfg(test)]
mod tests;
