//! Gives a batch the columns of its unit.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeListArray, LargeListArray, ListArray, MapArray, RecordBatch,
    RecordBatchOptions, StringArray, StructArray, new_null_array,
};
use arrow::compute::{cast, is_not_null};
use arrow::datatypes::{DataType, Field, SchemaRef};

use super::TransformError;
use crate::model::stored_schema;

/// Returns the rows of `batch` with the columns of `schema`, in its order, as [`stored_schema`] has them.
///
/// Columns are told by name. One that the batch lacks is null, at every depth; one that the schema lacks is left
/// out; columns and structs without content become text, for Parquet has neither.
///
/// # Errors
/// [`TransformError::Mismatch`] where a column is not of the schema's type.
pub fn conform(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, TransformError> {
    let rows = batch.num_rows();
    let schema = stored_schema(schema);
    let columns = schema
        .fields()
        .iter()
        .map(|field| match batch.column_by_name(field.name()) {
            Some(column) => fit(column, field),
            None => Ok(new_null_array(field.data_type(), rows)),
        })
        .collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema, columns, &options).map_err(TransformError::arrow(
        "give a batch the columns of its unit",
    ))
}

/// Returns `array` as the type of `field`, which differs from its own at most in what holds no value.
fn fit(array: &ArrayRef, field: &Field) -> Result<ArrayRef, TransformError> {
    let (from, to) = (array.data_type(), field.data_type());
    let built = |result: Result<ArrayRef, _>| {
        result.map_err(TransformError::arrow("fit a nested column to its type"))
    };
    match (from, to) {
        _ if from == to => Ok(Arc::clone(array)),
        (DataType::Null, _) => Ok(new_null_array(to, array.len())),
        (DataType::Struct(fields), DataType::Utf8) if fields.is_empty() => {
            let there = is_not_null(array).map_err(TransformError::arrow("look for nulls"))?;
            let text = there
                .iter()
                .map(|there| (there == Some(true)).then_some("{}"));
            Ok(Arc::new(text.collect::<StringArray>()))
        }
        (DataType::Dictionary(..) | DataType::RunEndEncoded(..), _)
        | (DataType::Utf8View, DataType::Utf8)
        | (DataType::BinaryView, DataType::Binary) => {
            let plain = built(cast(array, to))?;
            Ok(plain)
        }
        (DataType::Struct(_), DataType::Struct(_)) => fit_struct(array.as_struct(), to),
        (DataType::List(_), DataType::List(item)) => {
            let list = array.as_list::<i32>();
            let values = fit(list.values(), item)?;
            let (offsets, nulls) = (list.offsets().clone(), list.nulls().cloned());
            let fitted = ListArray::try_new(Arc::clone(item), offsets, values, nulls);
            built(fitted.map(|list| Arc::new(list) as ArrayRef))
        }
        (DataType::LargeList(_), DataType::LargeList(item)) => {
            let list = array.as_list::<i64>();
            let values = fit(list.values(), item)?;
            let (offsets, nulls) = (list.offsets().clone(), list.nulls().cloned());
            let fitted = LargeListArray::try_new(Arc::clone(item), offsets, values, nulls);
            built(fitted.map(|list| Arc::new(list) as ArrayRef))
        }
        (DataType::FixedSizeList(_, size), DataType::FixedSizeList(item, wanted))
            if size == wanted =>
        {
            let list = array.as_fixed_size_list();
            let values = fit(list.values(), item)?;
            let nulls = list.nulls().cloned();
            let fitted = FixedSizeListArray::try_new(Arc::clone(item), *size, values, nulls);
            built(fitted.map(|list| Arc::new(list) as ArrayRef))
        }
        (DataType::Map(..), DataType::Map(entries, sorted)) => {
            let map = array.as_map();
            let fitted = fit_struct(map.entries(), entries.data_type())?;
            let (offsets, nulls) = (map.offsets().clone(), map.nulls().cloned());
            let pairs = fitted.as_struct().clone();
            let fitted = MapArray::try_new(Arc::clone(entries), offsets, pairs, nulls, *sorted);
            built(fitted.map(|map| Arc::new(map) as ArrayRef))
        }
        _ => Err(TransformError::Mismatch {
            column: field.name().clone(),
            expected: to.clone(),
            found: from.clone(),
        }),
    }
}

fn fit_struct(array: &StructArray, to: &DataType) -> Result<ArrayRef, TransformError> {
    let DataType::Struct(fields) = to else {
        return Err(TransformError::Mismatch {
            column: "entries".to_owned(),
            expected: to.clone(),
            found: array.data_type().clone(),
        });
    };
    let children = fields
        .iter()
        .map(|field| match array.column_by_name(field.name()) {
            Some(child) => fit(child, field),
            None => Ok(new_null_array(field.data_type(), array.len())),
        })
        .collect::<Result<Vec<_>, _>>()?;
    StructArray::try_new_with_length(
        fields.clone(),
        children,
        array.nulls().cloned(),
        array.len(),
    )
    .map(|fitted| Arc::new(fitted) as ArrayRef)
    .map_err(TransformError::arrow("fit a struct to its type"))
}
