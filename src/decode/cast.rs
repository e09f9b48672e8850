//! Casts columns upwards in the lattice.
//!
//! Arrow's own cast does most of it. What it does otherwise, or not at all: it pairs the fields of structs by
//! position, knows `UTC` only with a database of time zones, writes binary as if it were text, and has no JSON.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, ListArray, MapArray, PrimitiveArray, RecordBatch, RecordBatchOptions,
    StructArray, new_null_array,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    ArrowTimestampType, DataType, Field, FieldRef, Fields, Schema, TimeUnit,
    TimestampMicrosecondType, TimestampNanosecondType,
};
use arrow::error::ArrowError;

use super::json_text::to_text;
use crate::model::Shape;
use crate::schema::canonical;

/// Casts a batch's columns, by name, to the types of `shape`.
///
/// Takes whatever the lattice joins, and also what an output was [written](crate::schema::written_type) with
/// before its column had a type: text that is all null, and `{}` for a struct. Columns that the shape lacks stay as
/// they are; columns that the batch lacks are not added.
///
/// # Errors
/// For a cast that is not upwards in the lattice, and where a value leaves the range of its new type (an instant
/// hundreds of thousands of years away).
pub fn cast_batch(batch: &RecordBatch, shape: &Shape) -> Result<RecordBatch, ArrowError> {
    let mut fields = Vec::with_capacity(batch.num_columns());
    let mut columns = Vec::with_capacity(batch.num_columns());
    for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        let column = match shape.type_of(field.name()) {
            Some(data_type) => cast_array(column, data_type)?,
            None => Arc::clone(column),
        };
        fields.push(Field::new(field.name(), column.data_type().clone(), true));
        columns.push(column);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
}

/// Casts one column.
pub(super) fn cast_array(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    use DataType::{
        Binary, BinaryView, Date32, Dictionary, FixedSizeList, LargeBinary, LargeList,
        LargeListView, LargeUtf8, List, ListView, Map, Null, RunEndEncoded, Struct, Timestamp,
        Utf8, Utf8View,
    };
    match (array.data_type(), to) {
        (from, to) if from == to => Ok(Arc::clone(array)),
        (Null, _) => Ok(new_null_array(to, array.len())),
        (Dictionary(_, value), _) => cast_array(&plain_cast(array, value)?, to),
        (RunEndEncoded(_, values), _) => cast_array(&plain_cast(array, values.data_type())?, to),
        (LargeUtf8 | Utf8View, _) if *to != Utf8 => cast_array(&plain_cast(array, &Utf8)?, to),
        (LargeUtf8 | Utf8View, Utf8) | (LargeBinary | BinaryView, Binary) => plain_cast(array, to),
        (
            LargeList(item) | ListView(item) | LargeListView(item) | FixedSizeList(item, _),
            List(_),
        ) => cast_array(&plain_cast(array, &List(Arc::clone(item)))?, to),
        (List(_), List(item)) => cast_list(array.as_list(), item),
        (Struct(_), Struct(fields)) => cast_struct(array.as_struct(), fields),
        (Map(..), Map(entries, sorted)) => cast_map(array.as_map(), entries, *sorted),
        (Timestamp(..), Timestamp(..)) => cast_instants(array, to),
        (Date32, Timestamp(unit, zone)) => {
            let midnights = plain_cast(array, &Timestamp(*unit, None))?;
            relabelled(&midnights, *unit, zone.clone())
        }
        (from, Utf8) => {
            let plain = cast_array(array, &canonical(from))?;
            Ok(Arc::new(to_text(&plain)?))
        }
        (Utf8, _) => cast_untyped(array, to),
        _ => plain_cast(array, to),
    }
}

fn plain_cast(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    // Safe casts, as Arrow calls them, turn what does not fit into null.
    let options = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    cast_with_options(array, to, &options)
}

fn cast_list(list: &ListArray, item: &FieldRef) -> Result<ArrayRef, ArrowError> {
    let values = cast_array(list.values(), item.data_type())?;
    let (offsets, nulls) = (list.offsets().clone(), list.nulls().cloned());
    let list = ListArray::try_new(Arc::clone(item), offsets, values, nulls)?;
    Ok(Arc::new(list))
}

fn cast_struct(table: &StructArray, fields: &Fields) -> Result<ArrayRef, ArrowError> {
    let nulls = table.nulls().cloned();
    if fields.is_empty() {
        return Ok(Arc::new(StructArray::new_empty_fields(table.len(), nulls)));
    }
    // Tables may be wide: looking for each name from the front would be quadratic.
    let own = table.fields().iter().map(|field| field.name());
    let own: HashMap<&String, &ArrayRef> = own.zip(table.columns()).collect();
    let columns = fields
        .iter()
        .map(|field| match own.get(field.name()) {
            Some(column) => cast_array(column, field.data_type()),
            None => Ok(new_null_array(field.data_type(), table.len())),
        })
        .collect::<Result<_, _>>()?;
    Ok(Arc::new(StructArray::try_new(
        fields.clone(),
        columns,
        nulls,
    )?))
}

fn cast_map(map: &MapArray, entries: &FieldRef, sorted: bool) -> Result<ArrayRef, ArrowError> {
    let DataType::Struct(fields) = entries.data_type() else {
        return Err(ArrowError::CastError("a map without entries".to_owned()));
    };
    let columns = [map.keys(), map.values()]
        .iter()
        .zip(fields)
        .map(|(column, field)| cast_array(column, field.data_type()))
        .collect::<Result<_, _>>()?;
    let table = StructArray::try_new(fields.clone(), columns, None)?;
    let (offsets, nulls) = (map.offsets().clone(), map.nulls().cloned());
    let map = MapArray::try_new(Arc::clone(entries), offsets, table, nulls, sorted)?;
    Ok(Arc::new(map))
}

/// Changes the unit, then the label of the zone: an instant with a zone is in UTC whatever the zone.
fn cast_instants(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    match (array.data_type(), to) {
        (DataType::Timestamp(_, from_zone), DataType::Timestamp(unit, zone))
            if from_zone.is_some() == zone.is_some() =>
        {
            let scaled = plain_cast(array, &DataType::Timestamp(*unit, from_zone.clone()))?;
            relabelled(&scaled, *unit, zone.clone())
        }
        (from, to) => {
            let message = format!("{from} and {to} have no instants in common");
            Err(ArrowError::CastError(message))
        }
    }
}

fn relabelled(
    array: &ArrayRef,
    unit: TimeUnit,
    zone: Option<Arc<str>>,
) -> Result<ArrayRef, ArrowError> {
    fn relabel<T: ArrowTimestampType>(array: &ArrayRef, zone: Option<Arc<str>>) -> ArrayRef {
        let values: PrimitiveArray<T> = array.as_primitive::<T>().clone();
        Arc::new(values.with_timezone_opt(zone))
    }
    match unit {
        TimeUnit::Microsecond => Ok(relabel::<TimestampMicrosecondType>(array, zone)),
        TimeUnit::Nanosecond => Ok(relabel::<TimestampNanosecondType>(array, zone)),
        TimeUnit::Second | TimeUnit::Millisecond => {
            plain_cast(array, &DataType::Timestamp(unit, zone))
        }
    }
}

/// Gives a type to a column that was written as text because it had none.
fn cast_untyped(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    if array.null_count() == array.len() {
        return Ok(new_null_array(to, array.len()));
    }
    let all_empty = array
        .as_string::<i32>()
        .iter()
        .flatten()
        .all(|text| text == "{}");
    match to {
        DataType::Struct(fields) if all_empty => {
            let objects = StructArray::new_empty_fields(array.len(), array.nulls().cloned());
            cast_struct(&objects, fields)
        }
        _ => Err(ArrowError::CastError(format!("text cannot become {to}"))),
    }
}
