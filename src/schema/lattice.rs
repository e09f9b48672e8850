//! The lattice of column types, and of columns: with what their values are, where the type does not tell.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, TimeUnit};

use crate::model::{Column, Logical, Shape};

/// Returns the smallest type that holds every value of both.
#[must_use]
pub fn join_types(a: &DataType, b: &DataType) -> DataType {
    join(&canonical(a), &canonical(b))
}

/// Returns `a` with the smallest type that holds every value of both.
#[must_use]
pub fn join_columns(a: &Column, b: &Column) -> Column {
    let of_canonical_type = |column: &Column| Column {
        data_type: canonical(&column.data_type),
        ..column.clone()
    };
    joined(&of_canonical_type(a), &of_canonical_type(b))
}

/// Returns `a`'s columns in order, then the ones that only `b` has; types are joined.
#[must_use]
pub fn join_shapes(a: &Shape, b: &Shape) -> Shape {
    // Files may be wide: looking for each name from the front would be quadratic.
    let (ours, theirs) = (by_name(a), by_name(b));
    let mut columns: Vec<Column> = a
        .columns
        .iter()
        .map(|column| match theirs.get(column.name.as_str()) {
            Some(other) => join_columns(column, other),
            None => column.clone(),
        })
        .collect();
    let new = b
        .columns
        .iter()
        .filter(|column| !ours.contains_key(column.name.as_str()));
    columns.extend(new.cloned());
    Shape { columns }
}

fn by_name(shape: &Shape) -> HashMap<&str, &Column> {
    let columns = shape.columns.iter();
    columns
        .map(|column| (column.name.as_str(), column))
        .collect()
}

/// Tells whether every value of type `found` can be held by `expected` as it is.
#[must_use]
pub fn fits(found: &DataType, expected: &DataType) -> bool {
    found == expected || join_types(found, expected) == canonical(expected)
}

/// Tells whether every value of the column `found` is one of `expected` as it is.
#[must_use]
pub fn column_fits(found: &Column, expected: &Column) -> bool {
    fits(&found.data_type, &expected.data_type)
        && common_logical(found, expected) == expected.logical
}

/// Returns the type that a column is written with: what has never held a value is written as text.
///
/// A struct without fields is also written as text (`{}`), because Parquet has no such thing.
#[must_use]
pub fn written_type(data_type: &DataType) -> DataType {
    match canonical(data_type) {
        DataType::Null => DataType::Utf8,
        DataType::List(item) => list_of(retyped(&item, written_type(item.data_type()))),
        DataType::Struct(fields) if fields.is_empty() => DataType::Utf8,
        DataType::Struct(fields) => DataType::Struct(
            fields
                .iter()
                .map(|field| retyped(field, written_type(field.data_type())))
                .collect(),
        ),
        DataType::Map(entries, _) => match entry_fields(&entries) {
            Some([key, value]) => map_of(
                retyped(key, written_type(key.data_type())),
                retyped(value, written_type(value.data_type())),
            ),
            None => DataType::Utf8,
        },
        other => other,
    }
}

/// Returns the column of an Arrow field, with the type of the lattice that stands for the field's.
#[must_use]
pub fn canonical_column(field: &Field) -> Column {
    Column::of_field(&field.clone().with_data_type(canonical(field.data_type())))
}

/// Returns the one type of the lattice that stands for `data_type`: how values are laid out in memory is no
/// difference, so dictionaries, views, large offsets, coarser time units and other zones than UTC disappear.
#[must_use]
pub fn canonical(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Dictionary(_, value) => canonical(value),
        DataType::RunEndEncoded(_, values) => canonical(values.data_type()),
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView => DataType::Binary,
        DataType::Timestamp(unit, zone) => {
            let unit = match unit {
                TimeUnit::Nanosecond => TimeUnit::Nanosecond,
                _ => TimeUnit::Microsecond,
            };
            DataType::Timestamp(unit, zone.as_ref().map(|_| Arc::from("UTC")))
        }
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _) => list_of(canonical_column(item).to_field()),
        DataType::Struct(fields) => {
            let mut fields: Vec<FieldRef> = fields
                .iter()
                .map(|field| Arc::new(canonical_column(field).to_field()))
                .collect();
            fields.sort_by(|a, b| a.name().cmp(b.name()));
            DataType::Struct(fields.into())
        }
        DataType::Map(entries, _) => match entry_fields(entries) {
            Some([key, value]) => map_of(
                canonical_column(key).to_field(),
                canonical_column(value).to_field(),
            ),
            None => data_type.clone(),
        },
        other => other.clone(),
    }
}

fn join(a: &DataType, b: &DataType) -> DataType {
    use DataType::{Date32, Float64, Int64, List, Map, Null, Struct, Timestamp, Utf8};
    match (a, b) {
        _ if a == b => a.clone(),
        (Null, other) | (other, Null) => other.clone(),
        _ if is_integer(a) && is_integer(b) => Int64,
        _ if is_number(a) && is_number(b) => Float64,
        (Date32, instant @ Timestamp(TimeUnit::Microsecond, _))
        | (instant @ Timestamp(TimeUnit::Microsecond, _), Date32) => instant.clone(),
        (List(a), List(b)) => list_of(join_fields(a, b)),
        (Struct(a), Struct(b)) => join_structs(a, b),
        (Map(a_entries, _), Map(b_entries, _)) => join_maps(a_entries, b_entries)
            .filter(|joined| joined.equals_datatype(a) && joined.equals_datatype(b))
            .unwrap_or(Utf8),
        _ => Utf8,
    }
}

/// Joins columns of canonical types.
fn joined(a: &Column, b: &Column) -> Column {
    Column {
        name: a.name.clone(),
        data_type: join(&a.data_type, &b.data_type),
        logical: common_logical(a, b),
    }
}

fn join_fields(a: &Field, b: &Field) -> Field {
    joined(&Column::of_field(a), &Column::of_field(b)).to_field()
}

/// Returns what all values of both are; a column that never held a value has none that could be something else.
fn common_logical(a: &Column, b: &Column) -> Option<Logical> {
    if a.data_type.is_null() {
        b.logical
    } else {
        a.logical
            .filter(|_| a.logical == b.logical || b.data_type.is_null())
    }
}

/// Joins maps key by key and value by value. Maps have a type in common where nothing but what their values are tells
/// them apart; whether it is so, the caller sees by the layout of the outcome.
fn join_maps(a: &Field, b: &Field) -> Option<DataType> {
    let ([a_key, a_value], [b_key, b_value]) = (entry_fields(a)?, entry_fields(b)?);
    Some(map_of(
        join_fields(a_key, b_key),
        join_fields(a_value, b_value),
    ))
}

/// Merges two lists of fields that are sorted by name.
fn join_structs(a: &[FieldRef], b: &[FieldRef]) -> DataType {
    let mut fields = Vec::with_capacity(a.len().max(b.len()));
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    while let (Some(left), Some(right)) = (a.peek(), b.peek()) {
        match left.name().cmp(right.name()) {
            std::cmp::Ordering::Less => fields.extend(a.next().cloned()),
            std::cmp::Ordering::Greater => fields.extend(b.next().cloned()),
            std::cmp::Ordering::Equal => {
                fields.push(Arc::new(join_fields(left, right)));
                a.next();
                b.next();
            }
        }
    }
    fields.extend(a.cloned());
    fields.extend(b.cloned());
    DataType::Struct(fields.into())
}

fn is_integer(data_type: &DataType) -> bool {
    use DataType::{Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32};
    matches!(
        data_type,
        Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32
    )
}

fn is_number(data_type: &DataType) -> bool {
    use DataType::{Float16, Float32, Float64};
    is_integer(data_type) || matches!(data_type, Float16 | Float32 | Float64)
}

/// Returns the field with another type, and of its metadata what it says of its values.
fn retyped(field: &Field, data_type: DataType) -> Field {
    Column::of_field(&field.clone().with_data_type(data_type)).to_field()
}

fn list_of(item: Field) -> DataType {
    DataType::List(Arc::new(item.with_name(Field::LIST_FIELD_DEFAULT_NAME)))
}

fn map_of(key: Field, value: Field) -> DataType {
    let key = key.with_name("key").with_nullable(false);
    let fields = vec![key, value.with_name("value")];
    let entries = Field::new("entries", DataType::Struct(fields.into()), false);
    DataType::Map(Arc::new(entries), false)
}

fn entry_fields(entries: &Field) -> Option<&[FieldRef; 2]> {
    match entries.data_type() {
        DataType::Struct(fields) => fields.as_ref().try_into().ok(),
        _ => None,
    }
}
