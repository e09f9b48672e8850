//! Brings batches to the columns that are declared, whatever format they come from.
//!
//! Formats of text are decoded with their declared columns as text, digit for digit, and read here by what they have to
//! be. Formats with types of their own keep them until here, and are cast where nothing is lost: where casting back
//! gives the same value. What no cast knows goes by its text.
//!
//! # Invariants
//! - A value is admitted, replaced by a default (where it is null), or told as unfit. Nothing is bent to fit.
//! - What is unfit depends on the file and the contract alone.

mod column;
mod rescue;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;

use super::cast::cast_array;
use super::{Emit, Kind};
use crate::config::{Decimal, Dialect};
use crate::model::{Column, Shape};
use crate::schema::{Contract, Declared, RESCUED, SchemaPolicy, column_text, type_text};

use column::Target;
use rescue::Rescue;

/// Letters of a value that are shown in a message.
const SHOWN: usize = 60;

/// Brings the batches of one file to the columns of a contract.
pub struct Admission<'c> {
    contract: &'c Contract,
    targets: Vec<Target<'c>>,
    origin: Origin,
    rows: u64,
    unfit: Option<Unfit>,
    /// Why a value could not even be shown.
    fault: Option<String>,
}

/// Where rows come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// A source file.
    File,
    /// One of our own outputs: what was rescued before stays rescued.
    Output,
}

/// The first value of a file that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// The declared column, or one that is not declared.
    pub column: String,
    /// The row, from 0; `None` where the column as a whole is at fault.
    pub row: Option<u64>,
    /// What was found.
    pub found: Found,
    /// The declared type; `None` where the column is not declared.
    pub expected: Option<String>,
}

/// What was found in the place of a value that fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A value, as text.
    Value(String),
    /// No value.
    Null,
    /// A column of this type that nobody declared.
    Undeclared(String),
}

impl Unfit {
    /// Says what is wrong, given what the column holds in the whole file and how the row is called.
    #[must_use]
    pub fn reason(&self, own: &Shape, place: Option<&Place>) -> String {
        let column = &self.column;
        let place = place.map(|place| format!(", {place}")).unwrap_or_default();
        let expected = self.expected.as_deref().unwrap_or_default();
        match &self.found {
            Found::Undeclared(data_type) => {
                format!("column {column} ({data_type}) is not declared")
            }
            Found::Null if own.type_of(column).is_none() => {
                format!("column {column} must not be null, and the file does not have it")
            }
            Found::Null => format!("column {column} must not be null{place}"),
            Found::Value(text) => {
                let held = own.column(column).map(column_text);
                let held = held.unwrap_or_else(|| "another type".to_owned());
                format!("column {column} must be {expected} and holds {held}{place}: {text:?}")
            }
        }
    }
}

/// Where a row stands in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In a line, from 1.
    Line(u64),
    /// Among the rows, from 1.
    Row(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Row(row) => write!(f, "row {row}"),
        }
    }
}

/// Returns the shape to decode a file with the columns `own` under, so that its declared columns come as they are
/// written; `unit` has the types of the columns that are not declared.
#[must_use]
pub fn raw_shape(contract: &Contract, kind: Kind, own: &Shape, unit: &Shape) -> Shape {
    let keeps_types = keeps_types(kind);
    let evolves = contract.policy == SchemaPolicy::Evolve;
    // Files may be wide: looking for each name from the front would be quadratic.
    let known = unit.columns.iter().filter(|_| evolves);
    let known: HashMap<&str, &Column> =
        known.map(|column| (column.name.as_str(), column)).collect();
    let raw = |column: &Column| {
        let is_other = contract.declared(&column.name).is_none();
        let known = known.get(column.name.as_str()).filter(|_| is_other);
        match known {
            Some(known) => (*known).clone(),
            None if keeps_types || (evolves && is_other) => column.clone(),
            None => Column::new(&column.name, DataType::Utf8),
        }
    };
    let mut columns: Vec<Column> = own.columns.iter().map(raw).collect();
    let missing = contract.columns.iter();
    let missing = missing.map(|column| Column::new(&column.name, DataType::Utf8));
    let late = unit.columns.iter().filter(|_| evolves).cloned();
    let mut names: HashSet<String> = own.columns.iter().map(|c| c.name.clone()).collect();
    for column in missing.chain(late) {
        if names.insert(column.name.clone()) {
            columns.push(column);
        }
    }
    Shape { columns }
}

/// Tells whether a format brings types of its own, by which declared columns are read.
pub(super) fn keeps_types(kind: Kind) -> bool {
    matches!(kind, Kind::Parquet | Kind::Arrow | Kind::Avro | Kind::Excel)
}

impl<'c> Admission<'c> {
    /// Begins with the first batch of a source file of this kind.
    #[must_use]
    pub fn of_file(contract: &'c Contract, kind: Kind, dialect: &Dialect) -> Self {
        Self::new(contract, Origin::File, decimal(kind, dialect))
    }

    /// Begins with rows that one of our outputs holds, of a source file of this kind: its texts are as the file had them.
    #[must_use]
    pub fn of_output(contract: &'c Contract, kind: Option<Kind>, dialect: &Dialect) -> Self {
        let decimal = kind.map_or(Decimal::Point, |kind| decimal(kind, dialect));
        Self::new(contract, Origin::Output, decimal)
    }

    fn new(contract: &'c Contract, origin: Origin, decimal: Decimal) -> Self {
        let columns = contract.columns.iter();
        Self {
            contract,
            targets: columns.map(|column| Target::new(column, decimal)).collect(),
            origin,
            rows: 0,
            unfit: None,
            fault: None,
        }
    }

    /// Returns the first value that did not fit, where that is not for the column of rescued values.
    #[must_use]
    pub fn unfit(&self) -> Option<&Unfit> {
        self.unfit.as_ref()
    }

    /// Hands a batch on as it is admitted, as long as everything fits. A file that does not fit is read to its end all
    /// the same: only then is it known that it is no worse.
    pub fn let_in(&mut self, batch: &RecordBatch, emit: &mut Emit<'_>) -> ControlFlow<()> {
        if self.unfit.is_some() || self.fault.is_some() {
            return ControlFlow::Continue(());
        }
        match self.admit(batch) {
            Ok(batch) if self.unfit.is_none() => emit(batch),
            Ok(_) => ControlFlow::Continue(()),
            Err(error) => {
                self.fault = Some(error.to_string());
                ControlFlow::Continue(())
            }
        }
    }

    /// Returns why the file, which has the columns `own`, must not come in; `place` looks up where a value stands.
    #[must_use]
    pub fn refusal(&self, own: &Shape, place: &dyn Fn(&Unfit) -> Option<Place>) -> Option<String> {
        let unfit = || {
            Some(
                self.unfit
                    .as_ref()?
                    .reason(own, place(self.unfit.as_ref()?).as_ref()),
            )
        };
        self.fault.clone().or_else(unfit)
    }

    /// Brings a batch to the columns of the contract; the others stay behind them where the policy lets them in. What
    /// it returns counts only as long as nothing is unfit.
    ///
    /// # Errors
    /// Where Arrow cannot show a value as text.
    pub fn admit(&mut self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let rows = batch.num_rows();
        let own: HashMap<&str, &ArrayRef> = batch
            .schema_ref()
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .zip(batch.columns())
            .collect();
        let kept = own.get(RESCUED).filter(|_| self.origin == Origin::Output);
        let mut rescue = Rescue::new(rows, kept.and_then(|kept| kept.as_string_opt::<i32>()));
        let mut columns: Vec<(String, ArrayRef)> = Vec::with_capacity(self.targets.len() + 1);
        for target in &self.targets {
            let name = &target.column.name;
            let nothing = || new_null_array(&DataType::Null, rows);
            let given = own
                .get(name.as_str())
                .map_or_else(nothing, |own| Arc::clone(own));
            let (array, misfits) = target.admit(&given, &|row| rescue.has(row, name))?;
            columns.push((name.clone(), array));
            rescue.add_misfits(name, misfits);
        }
        for (field, array) in batch.schema_ref().fields().iter().zip(batch.columns()) {
            if self.contract.is_other(field.name()) {
                self.other(field.name(), array, &mut columns, &mut rescue)?;
            }
        }
        if self.contract.policy == SchemaPolicy::Rescue {
            columns.push((RESCUED.to_owned(), rescue.finish()));
        } else if self.unfit.is_none() {
            let first = rescue.first(self.targets.iter().map(|target| &target.column.name));
            self.unfit = first.map(|(column, row, text)| Unfit {
                column: column.to_owned(),
                row: Some(self.rows + row as u64),
                found: text.map_or(Found::Null, |text| Found::Value(shortened(text))),
                expected: self.contract.declared(column).map(Declared::type_text),
            });
        }
        self.rows += rows as u64;
        assemble(columns, rows)
    }

    /// Takes a column that nobody declared.
    fn other(
        &mut self,
        name: &str,
        array: &ArrayRef,
        columns: &mut Vec<(String, ArrayRef)>,
        rescue: &mut Rescue,
    ) -> Result<(), ArrowError> {
        let is_ours = self.origin == Origin::Output;
        match self.contract.policy {
            SchemaPolicy::Evolve => columns.push((name.to_owned(), Arc::clone(array))),
            // An output has the columns of all files of its unit: those of others hold nothing here.
            SchemaPolicy::Strict if is_ours && array.null_count() == array.len() => {}
            SchemaPolicy::Strict => {
                self.unfit.get_or_insert_with(|| Unfit {
                    column: name.to_owned(),
                    row: None,
                    found: Found::Undeclared(type_text(array.data_type())),
                    expected: None,
                });
            }
            SchemaPolicy::Rescue => {
                let text = cast_array(array, &DataType::Utf8)?;
                let text = text.as_string::<i32>().clone();
                if !is_ours || name != RESCUED {
                    rescue.add_column(name, text);
                }
            }
        }
        Ok(())
    }
}

/// Returns the decimal mark of texts in files of this kind.
fn decimal(kind: Kind, dialect: &Dialect) -> Decimal {
    match kind {
        Kind::Csv | Kind::Tsv | Kind::Regex | Kind::Fixed => dialect.decimal,
        _ => Decimal::Point,
    }
}

fn assemble(columns: Vec<(String, ArrayRef)>, rows: usize) -> Result<RecordBatch, ArrowError> {
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns
        .into_iter()
        .map(|(name, array)| (Field::new(name, array.data_type().clone(), true), array))
        .unzip();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
