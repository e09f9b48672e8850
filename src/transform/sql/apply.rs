//! Evaluation on batches, piece by piece.
//!
//! A batch is taken whole. Where that does not go, it is taken in halves, down to single rows, so that each row is what
//! it would be by itself: which row is at fault, and which is not, does not depend on how many are taken at once.
//! (`b <> 0 AND a / b > 1` is well for every row, but may be evaluated for all of them at once, which is not.)

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, RecordBatchOptions,
    StringArray, TimestampMicrosecondArray, UInt64Array, new_null_array,
};
use arrow::compute::{cast, filter, filter_record_batch, prep_null_mask_filter};
use arrow::datatypes::{DataType, Decimal128Type, Schema};
use datafusion_physical_expr::PhysicalExpr;

use super::Pseudo;
use super::bind::{Bound, From, Seen, Written};
use super::check::Aside;
use super::guard::TOGETHER;
use super::planner::words;
use crate::model::{ContentHash, PartitionValues, Timestamp};
use crate::schema::canonical;
use crate::transform::conform::fit;

/// Where the rows of a batch come from.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The file.
    pub path: &'a str,
    /// The hash of its bytes, where the SQL asks for it.
    pub hash: Option<ContentHash>,
    /// When it was modified.
    pub modified_at: Timestamp,
    /// How many rows of it came before.
    pub before: u64,
    /// What its path says.
    pub fields: &'a PartitionValues,
}

/// What became of some rows.
#[derive(Debug)]
pub struct Transformed {
    /// The rows that come out.
    pub batch: RecordBatch,
    /// How many rows each expectation left out.
    pub left_out: Vec<u64>,
    /// Those of them that are set aside.
    pub aside: Option<Aside>,
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

impl RowError {
    /// Returns the expectation that is not met, if that is what it is about.
    #[must_use]
    pub fn expectation(&self) -> Option<&str> {
        match self {
            Self::Failed { .. } => None,
            Self::Unmet { name, .. } | Self::Forbidden { name, .. } => Some(name),
        }
    }
}

impl Bound {
    /// Returns what becomes of the rows of `batch`, in their order. It ends behind the first row that stops its file or
    /// the run.
    #[must_use]
    pub fn pieces<'a>(&'a self, batch: &'a RecordBatch, origin: Origin<'a>) -> Pieces<'a> {
        let whole = Piece {
            rows: 0..batch.num_rows(),
            items: 0..u64::MAX,
        };
        Pieces {
            bound: self,
            batch,
            origin,
            left: vec![whole],
        }
    }

    fn try_apply(
        &self,
        piece: &RecordBatch,
        origin: Origin<'_>,
        items: &Range<u64>,
    ) -> Result<Transformed, Stop> {
        let mut rows = self.begin(piece, origin)?;
        if let Some(condition) = &self.filter {
            let mask = truth(&**condition, &rows.seen)?;
            if mask.true_count() < rows.seen.num_rows() {
                rows = rows.filter(&mask)?;
            }
        }
        if let Some(unnest) = &self.unnest {
            let list = unnest.list.evaluate(&rows.seen)?;
            let list = list.into_array(rows.seen.num_rows())?;
            rows = rows.unnest(&list, &unnest.item, items)?;
        }
        let columns = self.columns.iter();
        let columns = columns
            .map(|column| write(column, &rows))
            .collect::<Result<Vec<_>, _>>()?;
        let fields = self.columns.iter().map(|column| Arc::clone(&column.field));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let options = RecordBatchOptions::new().with_row_count(Some(rows.source.num_rows()));
        let written = RecordBatch::try_new_with_options(schema, columns, &options)?;
        self.check(written, &rows)
    }

    /// Puts together what expressions see.
    fn begin(&self, piece: &RecordBatch, origin: Origin<'_>) -> Result<Rows, Stop> {
        let rows = piece.num_rows();
        let columns = self.seen.iter();
        let columns = columns
            .map(|seen| see(seen, piece, origin))
            .collect::<Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let schema = Arc::clone(&self.seen_schema);
        let first = origin.before + 1;
        let numbers = UInt64Array::from_iter_values(first..first + rows as u64);
        Ok(Rows {
            seen: RecordBatch::try_new_with_options(schema, columns, &options)?,
            source: piece.clone(),
            numbers: Arc::new(numbers),
        })
    }
}

/// What becomes of the rows of a batch.
pub struct Pieces<'a> {
    bound: &'a Bound,
    batch: &'a RecordBatch,
    origin: Origin<'a>,
    /// What is still to be done, the first at the end.
    left: Vec<Piece>,
}

impl std::fmt::Debug for Pieces<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pieces")
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

/// Rows that are taken at once; of a single one, perhaps not all items of the list that is unnested.
#[derive(Debug)]
struct Piece {
    rows: Range<usize>,
    items: Range<u64>,
}

impl Piece {
    /// Returns both halves, where it has any.
    fn halves(&self, stop: &Stop) -> Option<(Self, Self)> {
        let Range { start, end } = self.rows;
        if self.rows.len() > 1 {
            let middle = start + self.rows.len() / 2;
            let items = || self.items.clone();
            let half = |rows| Self {
                rows,
                items: items(),
            };
            return Some((half(start..middle), half(middle..end)));
        }
        let Stop::TooMany { items } = stop else {
            return None;
        };
        let end = self.items.end.min(self.items.start + items);
        let middle = self.items.start + items / 2;
        let half = |items| Self {
            rows: self.rows.clone(),
            items,
        };
        Some((half(self.items.start..middle), half(middle..end)))
    }
}

impl Iterator for Pieces<'_> {
    type Item = Result<Transformed, RowError>;

    fn next(&mut self) -> Option<Self::Item> {
        while let Some(piece) = self.left.pop() {
            if piece.rows.is_empty() {
                continue;
            }
            let before = self.origin.before + piece.rows.start as u64;
            let origin = Origin {
                before,
                ..self.origin
            };
            let rows = self.batch.slice(piece.rows.start, piece.rows.len());
            let stop = match caught(|| self.bound.try_apply(&rows, origin, &piece.items)) {
                Ok(done) => return Some(Ok(done)),
                Err(stop) => stop,
            };
            if let Some((first, rest)) = piece.halves(&stop) {
                self.left.extend([rest, first]);
                continue;
            }
            self.left.clear();
            return Some(Err(stop.at(before + 1)));
        }
        None
    }
}

/// A library that breaks down on a value is no reason to take other files down with its row's.
fn caught(apply: impl FnOnce() -> Result<Transformed, Stop>) -> Result<Transformed, Stop> {
    // What was begun is dropped whole.
    catch_unwind(AssertUnwindSafe(apply)).unwrap_or_else(|_| {
        let what = "a function broke down on a value; please report this";
        Err(Stop::Failed(what.to_owned()))
    })
}

/// Rows on their way.
pub(super) struct Rows {
    /// What expressions see.
    pub(super) seen: RecordBatch,
    /// The columns of the file.
    pub(super) source: RecordBatch,
    /// The number of each row in its file.
    pub(super) numbers: ArrayRef,
}

impl Rows {
    fn filter(self, mask: &BooleanArray) -> Result<Self, Stop> {
        Ok(Self {
            seen: filter_record_batch(&self.seen, mask)?,
            source: filter_record_batch(&self.source, mask)?,
            numbers: filter(&self.numbers, mask)?,
        })
    }
}

/// Why a piece did not come through.
pub(super) enum Stop {
    /// A row is known to be at fault.
    Row(RowError),
    /// Some row is.
    Failed(String),
    /// There are too many items to unnest them at once: this many, of the row that has the most.
    TooMany { items: u64 },
}

impl Stop {
    /// Returns the error of the one row that was taken.
    fn at(self, row: u64) -> RowError {
        match self {
            Self::Row(error) => error,
            Self::Failed(what) => RowError::Failed { row, what },
            Self::TooMany { items } => RowError::Failed {
                row,
                what: format!("{items} items are too many"),
            },
        }
    }
}

impl std::convert::From<arrow::error::ArrowError> for Stop {
    fn from(error: arrow::error::ArrowError) -> Self {
        Self::Failed(words(&error.into()))
    }
}

impl std::convert::From<datafusion_common::DataFusionError> for Stop {
    fn from(error: datafusion_common::DataFusionError) -> Self {
        Self::Failed(words(&error))
    }
}

/// Returns a column as expressions see it.
fn see(seen: &Seen, piece: &RecordBatch, origin: Origin<'_>) -> Result<ArrayRef, Stop> {
    let rows = piece.num_rows();
    let same = |text: Option<&str>| -> ArrayRef {
        Arc::new(std::iter::repeat_n(text, rows).collect::<StringArray>())
    };
    Ok(match seen {
        Seen::Column(field) => match piece.column_by_name(field.name()) {
            Some(column) => fit(column, field).map_err(|error| Stop::Failed(error.to_string()))?,
            None => new_null_array(field.data_type(), rows),
        },
        Seen::Field(name) => {
            let mut fields = origin.fields.iter();
            let field = fields.find(|(field, _)| field == name);
            same(field.and_then(|(_, value)| value.as_deref()))
        }
        Seen::Pseudo(Pseudo::Path) => same(Some(origin.path)),
        Seen::Pseudo(Pseudo::Hash) => same(origin.hash.map(|hash| hash.to_string()).as_deref()),
        Seen::Pseudo(Pseudo::Row) => {
            let first = i64::try_from(origin.before).unwrap_or(i64::MAX - 1) + 1;
            let last = first.saturating_add(i64::try_from(rows).unwrap_or_default());
            Arc::new(Int64Array::from_iter_values(first..last))
        }
        Seen::Pseudo(Pseudo::Mtime) => {
            let micros = origin.modified_at.0.div_euclid(1000);
            let all = TimestampMicrosecondArray::from_value(micros, rows);
            Arc::new(all.with_timezone("UTC"))
        }
    })
}

/// Returns where a condition is true; null is not.
pub(super) fn truth(
    condition: &dyn PhysicalExpr,
    seen: &RecordBatch,
) -> Result<BooleanArray, Stop> {
    let value = condition.evaluate(seen)?.into_array(seen.num_rows())?;
    let Some(mask) = value.as_boolean_opt() else {
        return Ok(BooleanArray::from(vec![false; seen.num_rows()]));
    };
    Ok(match mask.null_count() {
        0 => mask.clone(),
        _ => prep_null_mask_filter(mask),
    })
}

fn write(column: &Written, rows: &Rows) -> Result<ArrayRef, Stop> {
    let count = rows.source.num_rows();
    let field = &column.field;
    match &column.from {
        From::Column(name) => match rows.source.column_by_name(name) {
            Some(column) => fit(column, field).map_err(|error| Stop::Failed(error.to_string())),
            None => Ok(new_null_array(field.data_type(), count)),
        },
        From::Expr(expr) => {
            let value = expr.evaluate(&rows.seen)?;
            if let datafusion_expr::ColumnarValue::Scalar(constant) = &value
                && count > 1
                && (constant.size() as u64).saturating_mul(count as u64) > TOGETHER
            {
                return Err(Stop::Failed("a constant is too large".to_owned()));
            }
            as_stored(value.into_array(count)?, field.data_type())
        }
    }
}

/// Gives a value the layout in memory that its type has in the lattice.
fn as_stored(value: ArrayRef, to: &DataType) -> Result<ArrayRef, Stop> {
    let stored = match value.data_type() {
        own if own == to => value,
        // Functions on lists tell what the items are, and need not say so of what comes out.
        own if canonical(own).equals_datatype(to) => cast(&value, to)?,
        own => return Err(Stop::Failed(format!("{own} came out instead of {to}"))),
    };
    if let DataType::Decimal128(precision, _) = to {
        // A sum may have a digit more than its type.
        let numbers = stored.as_primitive::<Decimal128Type>();
        numbers.validate_decimal_precision(*precision)?;
    }
    Ok(stored)
}
