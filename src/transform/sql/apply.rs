//! Evaluation on batches.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, RecordBatchOptions,
    StringArray, UInt64Array, new_null_array,
};
use arrow::compute::{cast, filter, filter_record_batch, prep_null_mask_filter};
use arrow::datatypes::{DataType, Schema};
use datafusion_physical_expr::PhysicalExpr;

use super::Pseudo;
use super::bind::{Asked, Bound, From, Seen, Written, words};
use crate::config::OnFail;
use crate::model::{ContentHash, PartitionValues};
use crate::schema::canonical;
use crate::transform::conform::fit;

/// Where the rows of a batch come from.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The file.
    pub path: &'a str,
    /// The hash of its bytes, where the SQL asks for it.
    pub hash: Option<ContentHash>,
    /// How many rows of it came before.
    pub before: u64,
    /// What its path says.
    pub fields: &'a PartitionValues,
}

/// What became of a batch.
#[derive(Debug)]
pub struct Transformed {
    /// The rows that come out.
    pub batch: RecordBatch,
    /// How many rows each expectation left out.
    pub dropped: Vec<u64>,
}

/// A row that stops its file, or the run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// An expression has no value for it.
    #[error("row {row}: {what}")]
    Failed {
        /// Its number in the file, from one.
        row: u64,
        /// What went wrong.
        what: String,
    },
    /// It does not meet an expectation that sets its file aside.
    #[error("row {row} does not meet the expectation {name:?}")]
    Unmet {
        /// Its number in the file, from one.
        row: u64,
        /// The expectation.
        name: String,
    },
    /// It does not meet an expectation that ends the run.
    #[error("row {row} does not meet the expectation {name:?}")]
    Forbidden {
        /// Its number in the file, from one.
        row: u64,
        /// The expectation.
        name: String,
    },
}

type Failure = String;

impl Bound {
    /// Makes the rows that come out of `batch`.
    ///
    /// # Errors
    /// [`RowError`] for the first row, in the order of the steps, that stops its file or the run.
    pub fn apply(&self, batch: &RecordBatch, origin: Origin<'_>) -> Result<Transformed, RowError> {
        match self.try_apply(batch, origin) {
            Ok(done) => Ok(done),
            Err(Stop::Row(error)) => Err(error),
            Err(Stop::Batch(what)) => Err(self.first_failure(batch, origin, what)),
        }
    }

    /// Looks for the row at fault: evaluation tells what went wrong and not where.
    fn first_failure(&self, batch: &RecordBatch, origin: Origin<'_>, what: Failure) -> RowError {
        for offset in 0..batch.num_rows() {
            let before = origin.before + offset as u64;
            let row = self.try_apply(&batch.slice(offset, 1), Origin { before, ..origin });
            if let Err(Stop::Batch(what)) = row {
                let row = before + 1;
                return RowError::Failed { row, what };
            }
        }
        let row = origin.before + 1;
        RowError::Failed { row, what }
    }

    fn try_apply(&self, batch: &RecordBatch, origin: Origin<'_>) -> Result<Transformed, Stop> {
        let rows = batch.num_rows();
        let mut seen = self.see(batch, origin)?;
        let mut kept = None;
        let mut source = batch.clone();
        if let Some(condition) = &self.filter {
            let mask = truth(&**condition, &seen)?;
            if mask.true_count() < rows {
                seen = filter_record_batch(&seen, &mask)?;
                source = filter_record_batch(batch, &mask)?;
                kept = Some(mask);
            }
        }
        let columns = self.columns.iter();
        let columns = columns
            .map(|column| write(column, &seen, &source))
            .collect::<Result<Vec<_>, _>>()?;
        let fields = self.columns.iter().map(|column| Arc::clone(&column.field));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let options = RecordBatchOptions::new().with_row_count(Some(source.num_rows()));
        let written = RecordBatch::try_new_with_options(schema, columns, &options)?;
        if self.expectations.is_empty() {
            let dropped = Vec::new();
            return Ok(Transformed {
                batch: written,
                dropped,
            });
        }
        let count = u64::try_from(rows).unwrap_or_default();
        let numbers = UInt64Array::from_iter_values(origin.before + 1..=origin.before + count);
        let numbers: ArrayRef = match kept {
            Some(mask) => filter(&numbers, &mask)?,
            None => Arc::new(numbers),
        };
        self.check(written, numbers)
    }

    /// Puts together what expressions see.
    fn see(&self, batch: &RecordBatch, origin: Origin<'_>) -> Result<RecordBatch, Stop> {
        let rows = batch.num_rows();
        let same = |text: Option<&str>| -> ArrayRef {
            Arc::new(std::iter::repeat_n(text, rows).collect::<StringArray>())
        };
        let column = |seen: &Seen| -> Result<ArrayRef, Stop> {
            Ok(match seen {
                Seen::Column(field) => match batch.column_by_name(field.name()) {
                    Some(column) => fit(column, field).map_err(|error| error.to_string())?,
                    None => new_null_array(field.data_type(), rows),
                },
                Seen::Field(name) => {
                    let mut fields = origin.fields.iter();
                    let field = fields.find(|(field, _)| field == name);
                    same(field.and_then(|(_, value)| value.as_deref()))
                }
                Seen::Pseudo(Pseudo::Path) => same(Some(origin.path)),
                Seen::Pseudo(Pseudo::Hash) => {
                    same(origin.hash.map(|hash| hash.to_string()).as_deref())
                }
                Seen::Pseudo(Pseudo::Row) => {
                    let first = i64::try_from(origin.before).unwrap_or(i64::MAX - 1) + 1;
                    let last = first.saturating_add(i64::try_from(rows).unwrap_or_default());
                    Arc::new(Int64Array::from_iter_values(first..last))
                }
            })
        };
        let columns = self
            .seen
            .iter()
            .map(column)
            .collect::<Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let schema = Arc::clone(&self.seen_schema);
        Ok(RecordBatch::try_new_with_options(
            schema, columns, &options,
        )?)
    }

    /// Asks the expectations, each of the rows that the ones before have left.
    fn check(&self, mut batch: RecordBatch, mut numbers: ArrayRef) -> Result<Transformed, Stop> {
        let mut dropped = vec![0; self.expectations.len()];
        for (count, asked) in dropped.iter_mut().zip(&self.expectations) {
            let mask = asked.ask(&batch)?;
            let unmet = batch.num_rows() - mask.true_count();
            if unmet == 0 {
                continue;
            }
            let first = mask
                .iter()
                .position(|met| met != Some(true))
                .unwrap_or_default();
            let row = numbers
                .as_primitive::<arrow::datatypes::UInt64Type>()
                .value(first);
            let name = asked.name.clone();
            match asked.on_fail {
                OnFail::Drop => {
                    *count += unmet as u64;
                    batch = filter_record_batch(&batch, &mask)?;
                    numbers = filter(&numbers, &mask)?;
                }
                OnFail::QuarantineFile => return Err(Stop::Row(RowError::Unmet { row, name })),
                OnFail::Fail => return Err(Stop::Row(RowError::Forbidden { row, name })),
            }
        }
        Ok(Transformed { batch, dropped })
    }
}

impl Asked {
    fn ask(&self, batch: &RecordBatch) -> Result<BooleanArray, Stop> {
        let rows = batch.num_rows();
        let fields = self.schema.fields().iter();
        let columns = fields
            .map(|field| match batch.column_by_name(field.name()) {
                Some(column) => Arc::clone(column),
                None => new_null_array(field.data_type(), rows),
            })
            .collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let schema = Arc::clone(&self.schema);
        let seen = RecordBatch::try_new_with_options(schema, columns, &options)?;
        truth(&*self.expr, &seen)
    }
}

/// Why a batch did not come through.
enum Stop {
    /// A row is known to be at fault.
    Row(RowError),
    /// Some row is.
    Batch(Failure),
}

impl std::convert::From<Failure> for Stop {
    fn from(what: Failure) -> Self {
        Self::Batch(what)
    }
}

impl std::convert::From<arrow::error::ArrowError> for Stop {
    fn from(error: arrow::error::ArrowError) -> Self {
        Self::Batch(words(&error.into()))
    }
}

impl std::convert::From<datafusion_common::DataFusionError> for Stop {
    fn from(error: datafusion_common::DataFusionError) -> Self {
        Self::Batch(words(&error))
    }
}

/// Returns where a condition is true; null is not.
fn truth(condition: &dyn PhysicalExpr, seen: &RecordBatch) -> Result<BooleanArray, Stop> {
    let value = condition.evaluate(seen)?.into_array(seen.num_rows())?;
    let Some(mask) = value.as_boolean_opt() else {
        return Ok(BooleanArray::from(vec![false; seen.num_rows()]));
    };
    Ok(match mask.null_count() {
        0 => mask.clone(),
        _ => prep_null_mask_filter(mask),
    })
}

fn write(column: &Written, seen: &RecordBatch, source: &RecordBatch) -> Result<ArrayRef, Stop> {
    let rows = source.num_rows();
    let field = &column.field;
    match &column.from {
        From::Column(name) => match source.column_by_name(name) {
            Some(column) => Ok(fit(column, field).map_err(|error| error.to_string())?),
            None => Ok(new_null_array(field.data_type(), rows)),
        },
        From::Expr(expr) => {
            let value = expr.evaluate(seen)?.into_array(rows)?;
            as_stored(value, field.data_type())
        }
    }
}

/// Gives a value the layout in memory that its type has in the lattice.
fn as_stored(value: ArrayRef, to: &DataType) -> Result<ArrayRef, Stop> {
    match value.data_type() {
        own if own == to => Ok(value),
        own if canonical(own) == *to => Ok(cast(&value, to)?),
        own => Err(Stop::Batch(format!("{own} came out instead of {to}"))),
    }
}
