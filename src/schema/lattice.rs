//! The lattice of column types.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, TimeUnit};

use crate::model::{Column, Shape};

/// Returns the smallest type that holds every value of both.
#[must_use]
pub fn join_types(a: &DataType, b: &DataType) -> DataType {
    join(&canonical(a), &canonical(b))
}

/// Returns `a`'s columns in order, then the ones that only `b` has; types are joined.
#[must_use]
pub fn join_shapes(a: &Shape, b: &Shape) -> Shape {
    // Files may be wide: looking for each name from the front would be quadratic.
    let (ours, theirs) = (by_name(a), by_name(b));
    let mut columns: Vec<Column> = a
        .columns
        .iter()
        .map(|column| Column {
            name: column.name.clone(),
            data_type: match theirs.get(column.name.as_str()) {
                Some(other) => join_types(&column.data_type, other),
                None => column.data_type.clone(),
            },
        })
        .collect();
    let new = b
        .columns
        .iter()
        .filter(|column| !ours.contains_key(column.name.as_str()));
    columns.extend(new.cloned());
    Shape { columns }
}

fn by_name(shape: &Shape) -> HashMap<&str, &DataType> {
    let columns = shape.columns.iter();
    columns
        .map(|column| (column.name.as_str(), &column.data_type))
        .collect()
}

/// Tells whether every value of type `found` can be held by `expected` as it is.
#[must_use]
pub fn fits(found: &DataType, expected: &DataType) -> bool {
    found == expected || join_types(found, expected) == canonical(expected)
}

/// Returns the type that a column is written with: what has never held a value is written as text.
///
/// A struct without fields is also written as text (`{}`), because Parquet has no such thing.
#[must_use]
pub fn written_type(data_type: &DataType) -> DataType {
    match canonical(data_type) {
        DataType::Null => DataType::Utf8,
        DataType::List(item) => list_of(written_type(item.data_type())),
        DataType::Struct(fields) if fields.is_empty() => DataType::Utf8,
        DataType::Struct(fields) => DataType::Struct(
            fields
                .iter()
                .map(|field| nullable(field.name(), written_type(field.data_type())))
                .collect(),
        ),
        DataType::Map(entries, _) => match entry_types(&entries) {
            Some((key, value)) => map_of(written_type(key), written_type(value)),
            None => DataType::Utf8,
        },
        other => other,
    }
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
        | DataType::FixedSizeList(item, _) => list_of(canonical(item.data_type())),
        DataType::Struct(fields) => {
            let mut fields: Vec<FieldRef> = fields
                .iter()
                .map(|field| nullable(field.name(), canonical(field.data_type())))
                .collect();
            fields.sort_by(|a, b| a.name().cmp(b.name()));
            DataType::Struct(fields.into())
        }
        DataType::Map(entries, _) => match entry_types(entries) {
            Some((key, value)) => map_of(canonical(key), canonical(value)),
            None => data_type.clone(),
        },
        other => other.clone(),
    }
}

fn join(a: &DataType, b: &DataType) -> DataType {
    use DataType::{Date32, Float64, Int64, List, Null, Struct, Timestamp, Utf8};
    match (a, b) {
        _ if a == b => a.clone(),
        (Null, other) | (other, Null) => other.clone(),
        _ if is_integer(a) && is_integer(b) => Int64,
        _ if is_number(a) && is_number(b) => Float64,
        (Date32, instant @ Timestamp(TimeUnit::Microsecond, _))
        | (instant @ Timestamp(TimeUnit::Microsecond, _), Date32) => instant.clone(),
        (List(a), List(b)) => list_of(join(a.data_type(), b.data_type())),
        (Struct(a), Struct(b)) => join_structs(a, b),
        _ => Utf8,
    }
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
                let joined = join(left.data_type(), right.data_type());
                fields.push(nullable(left.name(), joined));
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

fn nullable(name: &str, data_type: DataType) -> FieldRef {
    Arc::new(Field::new(name, data_type, true))
}

fn list_of(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(item, true)))
}

fn map_of(key: DataType, value: DataType) -> DataType {
    let fields = vec![
        Arc::new(Field::new("key", key, false)),
        nullable("value", value),
    ];
    let entries = Field::new("entries", DataType::Struct(fields.into()), false);
    DataType::Map(Arc::new(entries), false)
}

fn entry_types(entries: &Field) -> Option<(&DataType, &DataType)> {
    match entries.data_type() {
        DataType::Struct(fields) => match fields.as_ref() {
            [key, value] => Some((key.data_type(), value.data_type())),
            _ => None,
        },
        _ => None,
    }
}
