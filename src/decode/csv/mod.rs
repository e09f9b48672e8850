//! CSV and TSV in any [`Dialect`]: records -> typed columns.
//!
//! Bytes become UTF-8 ([`encoding`]), a delimiter is found where none is given ([`detect`]), text becomes records
//! ([`records`]), and values become columns here. What a dialect does not use costs nothing for a value: null tokens
//! and decimal commas have a way of their own.

mod decimal;
mod detect;
pub(super) mod encoding;
mod records;
mod splitter;

use std::collections::HashMap;
use std::io::{Cursor, Read};
use std::ops::ControlFlow;

use arrow::datatypes::DataType;

use super::batch::Gauge;
use super::leaf::{Leaf, Unfit};
use super::{Charset, DecodeError, Decoded, Emit, MAX_COLUMNS, Malformed};
use crate::config::{Decimal, Dialect, Header, Mark, TrailingDelimiter};
use crate::crew::Crew;
use crate::model::{Column, Shape};
use crate::schema::TextType;

use decimal::Number;
use records::{Records, Step};

/// Returns the same dialect for files whose name says that fields are separated by tabs.
pub(super) fn tabbed(dialect: &Dialect) -> Dialect {
    Dialect {
        delimiter: Some(Mark::TAB),
        ..dialect.clone()
    }
}

/// Guesses the columns from the beginning of a file, of which `whole` tells whether it is all.
pub(super) fn sniff(head: &[u8], whole: bool, dialect: &Dialect) -> Shape {
    let mut table = Table::new(dialect);
    // What is wrong is found again when the file is decoded.
    let _guess = table.guess(head, whole);
    table.observed()
}

/// Decodes a text under `shape`.
pub(super) fn decode(
    input: &mut dyn Read,
    dialect: &Dialect,
    shape: &Shape,
    _crew: &dyn Crew,
    emit: &mut Emit<'_>,
) -> Result<Decoded, DecodeError> {
    let (charset, mut text) = encoding::open(input, dialect.encoding)?;
    let mut records = Records::new(&mut text, charset, dialect)?;
    let mut table = Table::new(dialect);
    table.read(&mut records, Some(shape), emit)?;
    table.finish(emit)
}

/// Returns the line in which the row begins, counted from 0, if there are so many.
pub(super) fn line_of(
    input: &mut dyn Read,
    dialect: &Dialect,
    row: u64,
) -> Result<Option<u64>, DecodeError> {
    let (charset, mut text) = encoding::open(input, dialect.encoding)?;
    let mut records = Records::new(&mut text, charset, dialect)?;
    let header = u64::from(dialect.header == Header::Present);
    for _ in 0..=row.saturating_add(header) {
        if records.step()? == Step::End {
            return Ok(None);
        }
    }
    Ok(Some(records.record_line()))
}

/// Whether rows are still built, or only looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Mode {
    Build,
    #[default]
    Observe,
}

struct TextColumn {
    name: String,
    /// The join of the values so far.
    seen: TextType,
    /// What `seen` cannot rise above as long as values fit.
    ceiling: TextType,
    builder: Leaf,
}

/// Gathers rows of texts, and the types that they have.
pub(super) struct Table<'a> {
    dialect: &'a Dialect,
    mode: Mode,
    columns: Vec<TextColumn>,
    gauge: Gauge,
}

impl<'a> Table<'a> {
    pub(super) fn new(dialect: &'a Dialect) -> Self {
        Self {
            dialect,
            mode: Mode::default(),
            columns: Vec::new(),
            gauge: Gauge::default(),
        }
    }

    /// Reads the beginning of a file as far as its last line is whole: a value may be cut anywhere.
    fn guess(&mut self, head: &[u8], whole: bool) -> Result<(), DecodeError> {
        let (charset, mark) = encoding::recognise(head, self.dialect.encoding);
        let mut transcoded = Vec::new();
        let mut text = &head[mark..];
        if charset != Charset::Utf8 {
            let mut head = Cursor::new(head);
            let (_, mut reader) = encoding::open(&mut head, self.dialect.encoding)?;
            reader
                .read_to_end(&mut transcoded)
                .map_err(DecodeError::Read)?;
            text = &transcoded;
        }
        if !whole {
            let end = text.iter().rposition(|byte| matches!(byte, b'\n' | b'\r'));
            text = &text[..end.unwrap_or(0)];
        }
        let mut records = Records::new(&mut text, charset, self.dialect)?;
        self.read(&mut records, None, &mut |_| ControlFlow::Continue(()))
    }

    fn read(
        &mut self,
        records: &mut Records<'_>,
        shape: Option<&Shape>,
        emit: &mut Emit<'_>,
    ) -> Result<(), DecodeError> {
        if records.step()? == Step::End {
            // Nothing at all fits every shape.
            self.mode = Mode::Build;
            return Ok(());
        }
        self.begin(records, shape)?;
        let is_plain = self.dialect.null.is_empty() && self.dialect.decimal == Decimal::Point;
        let mut has_row = self.dialect.header == Header::Absent;
        while has_row || records.step()? == Step::Record {
            has_row = false;
            if records.len() != self.columns.len() {
                self.refuse_width(records)?;
            }
            if is_plain {
                self.take_row(records)?;
            } else {
                self.take_special_row(records)?;
            }
            self.end_row(records.record_bytes(), emit)?;
        }
        Ok(())
    }

    /// Counts a row, all of whose values were taken from so many bytes.
    #[inline]
    pub(super) fn end_row(&mut self, bytes: usize, emit: &mut Emit<'_>) -> Result<(), DecodeError> {
        let complete = self.gauge.add_row(bytes, self.columns.len());
        if complete && self.mode == Mode::Build {
            self.flush(emit)?;
        }
        Ok(())
    }

    /// Hands out the last rows, and returns what came of all.
    pub(super) fn finish(mut self, emit: &mut Emit<'_>) -> Result<Decoded, DecodeError> {
        let observed = self.observed();
        if self.mode == Mode::Observe {
            return Err(DecodeError::Misfit { observed });
        }
        self.flush(emit)?;
        let rows = self.gauge.emitted();
        Ok(Decoded { rows, observed })
    }

    /// Takes the first record, and with it the columns.
    fn begin(&mut self, records: &Records<'_>, shape: Option<&Shape>) -> Result<(), DecodeError> {
        if records.len() > MAX_COLUMNS {
            return Err(DecodeError::Malformed(Malformed::TooManyColumns {
                line: records.record_line(),
                limit: MAX_COLUMNS,
            }));
        }
        let names = self.names(records)?;
        self.set_columns(names, shape);
        Ok(())
    }

    /// Begins columns of these names, of the types that `shape` has for them.
    pub(super) fn set_columns(&mut self, names: Vec<String>, shape: Option<&Shape>) {
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
                seen: TextType::Null,
                ceiling: TextType::Text,
                builder: Leaf::new(data_type),
            });
        }
        if self.mode == Mode::Build {
            self.columns.iter_mut().for_each(TextColumn::trust_builder);
        }
    }

    /// Returns the columns' names, of which there are as many as fields in the first record.
    fn names(&self, records: &Records<'_>) -> Result<Vec<String>, DecodeError> {
        let given = &self.dialect.columns;
        let mut first = records.fields()?.collect::<Result<Vec<_>, _>>()?;
        if self.ends_in_delimiter(&first) && (given.is_empty() || first.len() == given.len() + 1) {
            first.pop();
        }
        if !given.is_empty() && given.len() != first.len() {
            return Err(DecodeError::Malformed(Malformed::OtherWidth {
                line: records.record_line(),
                found: first.len(),
                expected: given.len(),
            }));
        }
        Ok(match self.dialect.header {
            _ if !given.is_empty() => given.clone(),
            Header::Present => column_names(&first),
            Header::Absent => column_names(&vec![""; first.len()]),
        })
    }

    fn ends_in_delimiter(&self, fields: &[&str]) -> bool {
        self.dialect.trailing_delimiter == TrailingDelimiter::Ends
            && fields.len() > 1
            && fields.last() == Some(&"")
    }

    /// Refuses a record that has not as many fields as there are columns, unless its line ends in a delimiter.
    #[cold]
    fn refuse_width(&self, records: &Records<'_>) -> Result<(), DecodeError> {
        let (line, found) = (records.record_line(), records.len());
        let expected = self.columns.len();
        if found == expected + 1 {
            let fields = records.fields()?.collect::<Result<Vec<_>, _>>()?;
            if self.ends_in_delimiter(&fields) {
                return Ok(());
            }
        }
        let from_header = self.dialect.header == Header::Present && self.dialect.columns.is_empty();
        Err(DecodeError::Malformed(if from_header {
            Malformed::Ragged {
                line,
                found,
                expected,
            }
        } else {
            Malformed::OtherWidth {
                line,
                found,
                expected,
            }
        }))
    }

    fn take_row(&mut self, records: &Records<'_>) -> Result<(), DecodeError> {
        let width = self.columns.len();
        for (at, text) in records.fields()?.take(width).enumerate() {
            self.take_value(at, text?);
        }
        Ok(())
    }

    /// Takes a row in which more than the empty field is null, or commas are in numbers.
    fn take_special_row(&mut self, records: &Records<'_>) -> Result<(), DecodeError> {
        let width = self.columns.len();
        for (at, text) in records.fields()?.take(width).enumerate() {
            self.take_text(at, text?);
        }
        Ok(())
    }

    /// Takes a value of a row, whatever the dialect.
    pub(super) fn take_text(&mut self, at: usize, text: &str) {
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
    pub(super) fn take_string(&mut self, at: usize, text: &str) {
        if text.is_empty() || self.dialect.null.iter().any(|null| null == text) {
            self.take_value(at, "");
        } else {
            self.take_number(at, text, &Number::Pointed);
        }
    }

    /// Returns the number of columns.
    pub(super) fn width(&self) -> usize {
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
        let columns = self
            .columns
            .iter_mut()
            .map(|column| (column.name.as_str(), column.builder.finish()));
        self.gauge.flush(columns, emit)
    }

    pub(super) fn observed(&self) -> Shape {
        Shape {
            columns: self
                .columns
                .iter()
                .map(|column| Column {
                    name: column.name.clone(),
                    data_type: column.seen.data_type(),
                })
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

    fn observe(&mut self, text: &str) {
        if self.seen != self.ceiling {
            self.seen = self.seen.join(TextType::of(text));
        }
    }
}

/// Returns unique, non-empty names for the columns of a header.
pub(super) fn column_names(header: &[&str]) -> Vec<String> {
    let named = header.iter().enumerate().map(|(at, name)| {
        if name.is_empty() {
            format!("column_{}", at + 1)
        } else {
            (*name).to_owned()
        }
    });
    super::unique_names(named.collect())
}

#[cfg(test)]
mod tests;
