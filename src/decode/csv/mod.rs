//! CSV and TSV: records -> typed columns.

mod records;

use std::collections::HashMap;
use std::io::Read;
use std::ops::ControlFlow;

use arrow::datatypes::DataType;

use super::batch::Gauge;
use super::leaf::{Leaf, Unfit};
use super::{DecodeError, Decoded, Emit, MAX_COLUMNS, Malformed};
use crate::model::{Column, Shape};
use crate::schema::TextType;

use records::{Records, Step};

/// Guesses the columns from the beginning of a text, of which `whole` tells whether it is all.
pub(super) fn sniff(head: &[u8], whole: bool, delimiter: u8) -> Shape {
    let mut input = head;
    if !whole {
        // The last record may be cut anywhere, also within a number.
        let end = head.iter().rposition(|byte| matches!(byte, b'\n' | b'\r'));
        input = &head[..end.unwrap_or(0)];
    }
    let mut table = Table::default();
    // What is wrong is found again when the file is decoded.
    let _guess = Records::new(&mut input, delimiter)
        .and_then(|mut records| table.read(&mut records, None, &mut |_| ControlFlow::Continue(())));
    table.observed()
}

/// Decodes a text under `shape`.
pub(super) fn decode(
    input: &mut dyn Read,
    delimiter: u8,
    shape: &Shape,
    emit: &mut Emit<'_>,
) -> Result<Decoded, DecodeError> {
    let mut records = Records::new(input, delimiter)?;
    let mut table = Table::default();
    table.read(&mut records, Some(shape), emit)?;
    let observed = table.observed();
    match table.mode {
        Mode::Observe => Err(DecodeError::Misfit { observed }),
        Mode::Build => Ok(Decoded {
            rows: table.gauge.emitted(),
            observed,
        }),
    }
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

#[derive(Default)]
struct Table {
    mode: Mode,
    columns: Vec<TextColumn>,
    gauge: Gauge,
}

impl Table {
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
        while records.step()? == Step::Record {
            if records.len() != self.columns.len() {
                return Err(DecodeError::Malformed(Malformed::Ragged {
                    line: records.record_line(),
                    found: records.len(),
                    expected: self.columns.len(),
                }));
            }
            self.take_row(records)?;
            let complete = self
                .gauge
                .add_row(records.record_bytes(), self.columns.len());
            if complete && self.mode == Mode::Build {
                self.flush(emit)?;
            }
        }
        if self.mode == Mode::Build {
            self.flush(emit)?;
        }
        Ok(())
    }

    /// Takes the header.
    fn begin(&mut self, records: &Records<'_>, shape: Option<&Shape>) -> Result<(), DecodeError> {
        if records.len() > MAX_COLUMNS {
            return Err(DecodeError::Malformed(Malformed::TooManyColumns {
                line: records.record_line(),
                limit: MAX_COLUMNS,
            }));
        }
        let header = records.fields()?.collect::<Result<Vec<_>, _>>()?;
        let expected = shape.map(|shape| {
            let types = shape
                .columns
                .iter()
                .map(|column| (column.name.as_str(), &column.data_type));
            types.collect::<HashMap<_, _>>()
        });
        self.mode = Mode::Build;
        for name in column_names(&header) {
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
        Ok(())
    }

    fn take_row(&mut self, records: &Records<'_>) -> Result<(), DecodeError> {
        for (at, text) in records.fields()?.enumerate() {
            let text = text?;
            let column = &mut self.columns[at];
            if text.is_empty() {
                if self.mode == Mode::Build {
                    column.builder.append_nulls(1);
                }
                continue;
            }
            column.observe(text);
            if self.mode == Mode::Build && column.builder.append(text) == Err(Unfit) {
                self.stop_building();
                self.columns[at].observe(text);
            }
        }
        Ok(())
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

    fn observed(&self) -> Shape {
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
fn column_names(header: &[&str]) -> Vec<String> {
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
