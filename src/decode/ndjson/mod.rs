//! NDJSON: lines -> typed columns.

mod build;
mod seen;
mod tape;

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::ops::ControlFlow;

use arrow::datatypes::DataType;

use super::batch::Gauge;
use super::leaf::Unfit;
use super::{DecodeError, Decoded, Emit, MAX_COLUMNS, Malformed, RECORD_BYTES};
use crate::model::{ByteSize, Column, Shape};

use build::Builder;
use seen::{Fields, NameBudget, Seen};
use tape::{Tape, Value};

const BUFFER_BYTES: usize = 128 << 10;
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Guesses the columns from the beginning of a text, of which `whole` tells whether it is all.
pub(super) fn sniff(head: &[u8], whole: bool) -> Shape {
    let end = match head.iter().rposition(|byte| *byte == b'\n') {
        _ if whole => head.len(),
        Some(end) => end,
        None => 0,
    };
    let mut table = Table::new(None);
    // What is wrong is found again when the file is decoded.
    let _guess = table.read(&mut &head[..end], &mut |_| ControlFlow::Continue(()));
    table.observed()
}

/// Decodes a text under `shape`.
pub(super) fn decode(
    input: &mut dyn Read,
    shape: &Shape,
    emit: &mut Emit<'_>,
) -> Result<Decoded, DecodeError> {
    let mut table = Table::new(Some(shape));
    table.read(input, emit)?;
    let observed = table.observed();
    if table.expected.is_none() {
        return Err(DecodeError::Misfit { observed });
    }
    Ok(Decoded {
        rows: table.gauge.emitted(),
        observed,
    })
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

    fn read(&mut self, input: &mut dyn Read, emit: &mut Emit<'_>) -> Result<(), DecodeError> {
        let mut input = BufReader::with_capacity(BUFFER_BYTES, input);
        let mut line = Vec::new();
        let mut tape = Tape::default();
        for number in 1.. {
            line.clear();
            let limit = RECORD_BYTES as u64 + 1;
            let count = (&mut input)
                .take(limit)
                .read_until(b'\n', &mut line)
                .map_err(DecodeError::Read)?;
            if count == 0 {
                break;
            }
            let Some(text) = line_text(&line, number)? else {
                continue;
            };
            let malformed = |(at, fault)| Malformed::Json {
                line: number,
                byte: at + 1,
                fault,
            };
            let object = tape.parse(text).map_err(malformed)?;
            self.take_row(object, number)?;
            let complete = self.gauge.add_row(text.len(), self.columns.len());
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

/// Returns the text of a line, `None` where it is blank.
fn line_text(line: &[u8], number: u64) -> Result<Option<&str>, DecodeError> {
    if line.len() > RECORD_BYTES {
        return Err(DecodeError::Malformed(Malformed::RecordTooLarge {
            line: number,
            limit: ByteSize(RECORD_BYTES as u64),
        }));
    }
    let line = match line.strip_prefix(BOM) {
        Some(rest) if number == 1 => rest,
        _ => line,
    };
    let text = std::str::from_utf8(line).map_err(|_| Malformed::NotUtf8 { line: number })?;
    let text = text.trim_end_matches(['\n', '\r', ' ', '\t']);
    let blank = text
        .bytes()
        .all(|byte| matches!(byte, b' ' | b'\t' | b'\r'));
    Ok((!blank).then_some(text))
}

#[cfg(test)]
mod tests;
