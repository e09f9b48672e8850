//! Splits rows by the values of the partition columns, and puts those columns back.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, UInt32Array, new_null_array,
};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Date32Type, Field, Int64Type, Schema};
use arrow::row::{RowConverter, SortField};
use foldhash::fast::RandomState;

use super::TransformError;
use super::value::{is_routable, parse, text_of};
use crate::model::{PartitionValues, Shape};

/// Rows of a batch, brought together by their partitions.
#[derive(Debug, Clone)]
pub struct Routed {
    batch: RecordBatch,
    parts: Vec<(PartitionValues, usize)>,
}

impl Routed {
    /// Rows that are all of one partition.
    #[cfg(test)]
    pub(in crate::transform) fn to_one(values: PartitionValues, batch: RecordBatch) -> Self {
        let parts = vec![(values, batch.num_rows())];
        Self::to_each(parts, batch)
    }

    /// Rows that are of these partitions in turn.
    #[cfg(test)]
    pub(in crate::transform) fn to_each(
        parts: Vec<(PartitionValues, usize)>,
        batch: RecordBatch,
    ) -> Self {
        Self { batch, parts }
    }

    /// Returns the rows of all partitions, one partition behind the other.
    #[must_use]
    pub fn batch(&self) -> &RecordBatch {
        &self.batch
    }

    /// Returns the partitions in the order of their rows, each with the number of its rows.
    #[must_use]
    pub fn parts(&self) -> &[(PartitionValues, usize)] {
        &self.parts
    }
}

/// Splits `batch` by the values of the partition columns, in order of first appearance.
///
/// The columns are dropped, rows keep their order within a part, and a column that the batch lacks is null for all its
/// rows.
///
/// # Errors
/// [`TransformError::Unroutable`] for a partition column whose values have no text (a list, a struct, bytes).
pub fn route(batch: &RecordBatch, columns: &[String]) -> Result<Routed, TransformError> {
    let keys = columns
        .iter()
        .map(|column| key_column(batch, column))
        .collect::<Result<Vec<_>, _>>()?;
    let present: Vec<ArrayRef> = keys.iter().flatten().map(Arc::clone).collect();
    let groups = Groups::by_rows(&present, batch.num_rows())?;
    let (names, groups) = name_groups(columns, &keys, groups);
    let (batch, counts) = groups.bring_together(&without(batch, columns)?)?;
    let parts = names.into_iter().zip(counts).collect();
    Ok(Routed { batch, parts })
}

/// Adds the partition columns back to rows that were routed to `values`, after the other columns.
///
/// Columns get their type from `types`; those that `types` does not have come from the path and not from the
/// rows, and are left out.
///
/// # Errors
/// [`TransformError::Unreadable`] where a value's text does not read as the type.
pub fn restore(
    batch: &RecordBatch,
    values: &PartitionValues,
    types: &Shape,
) -> Result<RecordBatch, TransformError> {
    let rows = batch.num_rows();
    let mut fields: Vec<_> = batch.schema().fields().iter().map(Arc::clone).collect();
    let mut columns = batch.columns().to_vec();
    for (column, value) in values {
        let Some(data_type) = types.type_of(column) else {
            continue;
        };
        fields.push(Arc::new(Field::new(column, data_type.clone(), true)));
        columns.push(match value {
            None => new_null_array(data_type, rows),
            Some(text) => repeat(column, text, data_type, rows)?,
        });
    }
    assemble(fields, columns, rows)
}

fn repeat(
    column: &str,
    text: &str,
    data_type: &DataType,
    rows: usize,
) -> Result<ArrayRef, TransformError> {
    let one = parse(text, data_type).ok_or_else(|| TransformError::Unreadable {
        column: column.to_owned(),
        value: text.to_owned(),
        data_type: data_type.clone(),
    })?;
    take(&one, &UInt32Array::from_value(0, rows), None)
        .map_err(TransformError::arrow("repeat a partition value"))
}

/// Returns the column's values in a type that has text, `None` where the batch lacks it.
fn key_column(batch: &RecordBatch, column: &str) -> Result<Option<ArrayRef>, TransformError> {
    let Some(array) = batch.column_by_name(column) else {
        return Ok(None);
    };
    let array = match array.data_type() {
        DataType::Dictionary(_, value) => {
            cast(array, value).map_err(TransformError::arrow("unpack a dictionary"))?
        }
        _ => Arc::clone(array),
    };
    if is_routable(array.data_type()) {
        Ok(Some(array))
    } else {
        Err(TransformError::Unroutable {
            column: column.to_owned(),
            data_type: array.data_type().clone(),
        })
    }
}

fn without(batch: &RecordBatch, columns: &[String]) -> Result<RecordBatch, TransformError> {
    let schema = batch.schema();
    let (fields, kept) = schema
        .fields()
        .iter()
        .zip(batch.columns())
        .filter(|(field, _)| !columns.contains(field.name()))
        .map(|(field, array)| (Arc::clone(field), Arc::clone(array)))
        .unzip();
    assemble(fields, kept, batch.num_rows())
}

fn assemble(
    fields: Vec<Arc<Field>>,
    columns: Vec<ArrayRef>,
    rows: usize,
) -> Result<RecordBatch, TransformError> {
    // A batch that has lost its last column still has rows.
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
        .map_err(TransformError::arrow("put columns together"))
}

/// Which group each row belongs to; groups are numbered in order of first appearance.
struct Groups {
    of_row: Vec<usize>,
    first_rows: Vec<usize>,
}

impl Groups {
    fn by_rows(keys: &[ArrayRef], rows: usize) -> Result<Self, TransformError> {
        if keys.is_empty() {
            let first_rows = if rows == 0 { Vec::new() } else { vec![0] };
            return Ok(Self {
                of_row: vec![0; rows],
                first_rows,
            });
        }
        if let [key] = keys
            && let Some(groups) = Self::by_values(key)
        {
            return Ok(groups);
        }
        let action = "compare partition values";
        let fields = keys
            .iter()
            .map(|key| SortField::new(key.data_type().clone()))
            .collect();
        let converted = RowConverter::new(fields)
            .and_then(|converter| converter.convert_columns(keys))
            .map_err(TransformError::arrow(action))?;
        Ok(Self::by_keys(converted.iter()))
    }

    /// The same for one column of a usual type, whose values can be compared as they are.
    fn by_values(key: &ArrayRef) -> Option<Self> {
        Some(match key.data_type() {
            DataType::Utf8 => Self::by_keys(key.as_string::<i32>().iter()),
            DataType::Int64 => Self::by_keys(key.as_primitive::<Int64Type>().iter()),
            DataType::Date32 => Self::by_keys(key.as_primitive::<Date32Type>().iter()),
            _ => return None,
        })
    }

    fn by_keys<K: Copy + Eq + Hash>(keys: impl Iterator<Item = K>) -> Self {
        let mut known: HashMap<K, usize, RandomState> = HashMap::default();
        let mut of_row = Vec::with_capacity(keys.size_hint().0);
        let mut first_rows = Vec::new();
        let mut last: Option<(K, usize)> = None;
        for (index, key) in keys.enumerate() {
            // Equal values often stand together, and comparing is cheaper than hashing.
            let group = match last {
                Some((previous, group)) if previous == key => group,
                _ => *known.entry(key).or_insert_with(|| {
                    first_rows.push(index);
                    first_rows.len() - 1
                }),
            };
            last = Some((key, group));
            of_row.push(group);
        }
        Self { of_row, first_rows }
    }

    /// Brings the rows of each group together, and counts them.
    fn bring_together(
        &self,
        batch: &RecordBatch,
    ) -> Result<(RecordBatch, Vec<usize>), TransformError> {
        let groups = self.first_rows.len();
        let mut starts = vec![0; groups + 1];
        for group in &self.of_row {
            starts[group + 1] += 1;
        }
        for group in 0..groups {
            starts[group + 1] += starts[group];
        }
        let sorted = if self.of_row.is_sorted() {
            batch.clone()
        } else {
            self.sort(batch, &starts)?
        };
        let counts = starts.windows(2).map(|range| range[1] - range[0]);
        Ok((sorted, counts.collect()))
    }

    /// Brings the rows of each group together: one copy, however many groups there are.
    fn sort(&self, batch: &RecordBatch, starts: &[usize]) -> Result<RecordBatch, TransformError> {
        let mut next = starts.to_vec();
        let mut order = vec![0_u32; self.of_row.len()];
        for (row, group) in (0_u32..).zip(&self.of_row) {
            order[next[*group]] = row;
            next[*group] += 1;
        }
        let order = UInt32Array::from(order);
        let columns = batch
            .columns()
            .iter()
            .map(|column| take(column, &order, None))
            .collect::<Result<Vec<_>, _>>()
            .map_err(TransformError::arrow(
                "bring the rows of a partition together",
            ))?;
        assemble(
            batch.schema().fields().iter().map(Arc::clone).collect(),
            columns,
            batch.num_rows(),
        )
    }
}

/// Gives each group its partition values, and joins groups that different bits, but the same text, set apart.
fn name_groups(
    columns: &[String],
    keys: &[Option<ArrayRef>],
    groups: Groups,
) -> (Vec<PartitionValues>, Groups) {
    let name = |row: usize| -> PartitionValues {
        columns
            .iter()
            .zip(keys)
            .map(|(column, key)| {
                let value = key.as_ref().and_then(|key| text_of(key, row));
                (column.clone(), value)
            })
            .collect()
    };
    let names: Vec<PartitionValues> = groups.first_rows.iter().map(|row| name(*row)).collect();
    let is_float = |key: &ArrayRef| key.data_type().is_floating();
    if !keys.iter().flatten().any(is_float) {
        return (names, groups);
    }
    let mut known: HashMap<PartitionValues, usize> = HashMap::new();
    let mut joined = Vec::new();
    let mut first_rows = Vec::new();
    let mut renamed = Vec::with_capacity(names.len());
    for (name, first_row) in names.into_iter().zip(&groups.first_rows) {
        let next = joined.len();
        let group = *known.entry(name.clone()).or_insert(next);
        if group == next {
            joined.push(name);
            first_rows.push(*first_row);
        }
        renamed.push(group);
    }
    let of_row = groups.of_row.iter().map(|group| renamed[*group]).collect();
    (joined, Groups { of_row, first_rows })
}

#[cfg(test)]
mod tests;
