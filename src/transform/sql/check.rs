//! Expectations: what must be true of the rows that come out.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions, UInt32Array, UInt64Array,
    new_null_array,
};
use arrow::compute::{filter, filter_record_batch, take, take_record_batch};
use arrow::datatypes::{Schema, SchemaRef, UInt32Type, UInt64Type};
use datafusion_physical_expr::PhysicalExpr;

use super::apply::{RowError, Rows, Stop, Transformed, truth};
use super::bind::Bound;
use crate::config::OnFail;

/// An expectation that is ready for batches.
pub(super) struct Asked {
    pub(super) name: String,
    pub(super) on_fail: OnFail,
    pub(super) expr: Arc<dyn PhysicalExpr>,
    /// The columns that it sees, by name.
    pub(super) schema: SchemaRef,
}

/// Rows that are set aside, in their order.
#[derive(Debug)]
pub struct Aside {
    /// The expectation that each does not meet.
    pub reasons: Vec<String>,
    /// The number of each in its file, from one.
    pub numbers: Vec<u64>,
    /// The rows, as they would have come out.
    pub rows: RecordBatch,
}

impl Bound {
    /// Asks the expectations, each of the rows that the ones before have left.
    pub(super) fn check(&self, written: RecordBatch, rows: &Rows) -> Result<Transformed, Stop> {
        if self.expectations.is_empty() {
            return Ok(Transformed {
                batch: written,
                left_out: Vec::new(),
                aside: None,
            });
        }
        let all = self.with_context(&written, rows)?;
        let count = u32::try_from(all.num_rows()).unwrap_or(u32::MAX);
        let mut places: ArrayRef = Arc::new(UInt32Array::from_iter_values(0..count));
        let mut left = all;
        let mut left_out = vec![0; self.expectations.len()];
        let mut aside: Vec<(u32, usize)> = Vec::new();
        for (index, asked) in self.expectations.iter().enumerate() {
            let mask = asked.ask(&left)?;
            let unmet = mask.len() - mask.true_count();
            if unmet == 0 {
                continue;
            }
            let own = places.as_primitive::<UInt32Type>();
            let fail = |at: usize| asked.error(rows.number(own.value(at)));
            let mut misses = (0..mask.len()).filter(|at| !mask.value(*at));
            match asked.on_fail {
                OnFail::Drop => {}
                OnFail::QuarantineRow => aside.extend(misses.map(|at| (own.value(at), index))),
                OnFail::QuarantineFile | OnFail::Fail => {
                    return Err(Stop::Row(fail(misses.next().unwrap_or_default())));
                }
            }
            left_out[index] += unmet as u64;
            left = filter_record_batch(&left, &mask)?;
            places = filter(&places, &mask)?;
        }
        let columns: Vec<usize> = (0..written.num_columns()).collect();
        Ok(Transformed {
            batch: left.project(&columns)?,
            left_out,
            aside: self.aside(aside, &written, rows)?,
        })
    }

    /// Adds what expectations can name beside what is written: fields of the path and pseudo-columns.
    fn with_context(&self, written: &RecordBatch, rows: &Rows) -> Result<RecordBatch, Stop> {
        let own = written.schema_ref().fields().iter().cloned();
        let mut fields: Vec<_> = own.collect();
        let mut columns = written.columns().to_vec();
        for (seen, column) in self.seen.iter().zip(rows.seen.columns()) {
            let field = seen.field();
            if seen.is_context()
                && written
                    .schema_ref()
                    .column_with_name(field.name())
                    .is_none()
            {
                fields.push(field);
                columns.push(Arc::clone(column));
            }
        }
        let options = RecordBatchOptions::new().with_row_count(Some(written.num_rows()));
        let schema = Arc::new(Schema::new(fields));
        Ok(RecordBatch::try_new_with_options(
            schema, columns, &options,
        )?)
    }

    fn aside(
        &self,
        mut places: Vec<(u32, usize)>,
        written: &RecordBatch,
        rows: &Rows,
    ) -> Result<Option<Aside>, Stop> {
        if places.is_empty() {
            return Ok(None);
        }
        // In the order of the rows, not of the expectations: that depends on how many are taken at once.
        places.sort_unstable();
        let at = UInt32Array::from_iter_values(places.iter().map(|(place, _)| *place));
        let numbers = take(&rows.numbers, &at, None)?;
        let reasons = places.iter();
        Ok(Some(Aside {
            reasons: reasons
                .map(|(_, index)| self.expectations[*index].name.clone())
                .collect(),
            numbers: numbers.as_primitive::<UInt64Type>().values().to_vec(),
            rows: take_record_batch(written, &at)?,
        }))
    }
}

impl Rows {
    /// Returns the number in its file of the row at `place`.
    fn number(&self, place: u32) -> u64 {
        let numbers: &UInt64Array = self.numbers.as_primitive();
        numbers.value(place as usize)
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

    fn error(&self, row: u64) -> RowError {
        let name = self.name.clone();
        match self.on_fail {
            OnFail::Fail => RowError::Forbidden { row, name },
            _ => RowError::Unmet { row, name },
        }
    }
}
