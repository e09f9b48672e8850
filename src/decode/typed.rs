//! Files that bring types of their own: what they declare -> what the lattice knows.
//!
//! Their readers are written for files that were written by writers. Bytes that were forged or damaged can run into
//! an index or an overflow check of theirs, and a file must never end the run; so each call into one is [`caught`],
//! and a panic is one more way to say that the file is corrupt. The reader is dropped after it.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema};
use arrow::error::ArrowError;

use super::cast::cast_array;
use super::{BATCH_BYTES, BATCH_ROWS, MAX_COLUMNS, Malformed};
use crate::model::{Column, MAX_NESTING, Shape};
use crate::schema::{canonical_column, column_fits};

/// Runs a call into a reader, and returns its words where it fails.
pub(super) fn caught<T, E: std::fmt::Display>(
    call: impl FnOnce() -> Result<T, E>,
) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("the reader gave up on it".to_owned()),
    }
}

/// Returns the types of the columns.
pub(super) fn types(shape: &Shape) -> Vec<&DataType> {
    let columns = shape.columns.iter();
    columns.map(|column| &column.data_type).collect()
}

/// Returns the types to cast to, `None` where one of them does not fit.
pub(super) fn targets<'s>(observed: &Shape, shape: &'s Shape) -> Option<Vec<&'s DataType>> {
    let columns = observed.columns.iter();
    columns
        .map(|column| {
            let target = shape.column(&column.name)?;
            column_fits(column, target).then_some(&target.data_type)
        })
        .collect()
}

/// Returns the schema of batches that hold the columns of `shape` as `targets`.
pub(super) fn schema_of(shape: &Shape, targets: &[&DataType]) -> Arc<Schema> {
    let fields = shape.columns.iter().zip(targets);
    let fields: Vec<Field> = fields
        .map(|(column, target)| Field::new(&column.name, (*target).clone(), true))
        .collect();
    Arc::new(Schema::new(fields))
}

/// Cuts a batch into parts that are no larger than batches should be.
pub(super) fn parts(batch: RecordBatch) -> impl Iterator<Item = RecordBatch> {
    let mut rest = vec![batch];
    std::iter::from_fn(move || {
        loop {
            let part = rest.pop()?;
            let rows = part.num_rows();
            if rows > BATCH_ROWS || (rows > 1 && batch_bytes(&part) > BATCH_BYTES) {
                let half = rows / 2;
                rest.push(part.slice(half, rows - half));
                rest.push(part.slice(0, half));
                continue;
            }
            return Some(part);
        }
    })
}

/// Casts the columns of a batch, by position.
pub(super) fn cast_columns(
    batch: &RecordBatch,
    schema: &Arc<Schema>,
) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().zip(schema.fields());
    let columns = columns
        .map(|(column, field)| cast_array(column, field.data_type()))
        .collect::<Result<_, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
}

/// Returns what the rows of a batch take when they are copied out.
fn batch_bytes(batch: &RecordBatch) -> usize {
    batch.columns().iter().map(array_bytes).sum()
}

fn array_bytes(array: &ArrayRef) -> usize {
    match array.data_type() {
        DataType::Utf8View => array
            .as_string_view()
            .lengths()
            .map(|len| len as usize)
            .sum(),
        DataType::BinaryView => array
            .as_binary_view()
            .lengths()
            .map(|len| len as usize)
            .sum(),
        DataType::Struct(_) => array.as_struct().columns().iter().map(array_bytes).sum(),
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            elements_bytes(list.value_offsets(), list.values())
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            elements_bytes(list.value_offsets(), list.values())
        }
        DataType::Map(..) => {
            let map = array.as_map();
            let columns = [map.keys(), map.values()];
            let bytes = columns.map(|column| elements_bytes(map.value_offsets(), column));
            bytes.iter().sum()
        }
        DataType::FixedSizeList(..) => array_bytes(array.as_fixed_size_list().values()),
        _ => array.to_data().get_slice_memory_size().unwrap_or_default(),
    }
}

fn elements_bytes<O: Copy + TryInto<usize>>(offsets: &[O], values: &ArrayRef) -> usize {
    let ends = offsets.first().zip(offsets.last());
    let ends = ends.and_then(|(a, b)| Some(((*a).try_into().ok()?, (*b).try_into().ok()?)));
    ends.map_or(0, |(start, end): (usize, usize)| {
        array_bytes(&values.slice(start, end - start))
    })
}

/// Returns the fields with views in the place of strings and binary, and without dictionaries.
pub(super) fn as_views(fields: &Fields) -> Fields {
    let view = |field: &FieldRef| -> FieldRef {
        let data_type = view_type(field.data_type());
        Arc::new(field.as_ref().clone().with_data_type(data_type))
    };
    fields.iter().map(view).collect()
}

/// Returns one type with views in it.
pub(super) fn view_type(data_type: &DataType) -> DataType {
    let inner = |field: &FieldRef| -> FieldRef {
        Arc::new(
            field
                .as_ref()
                .clone()
                .with_data_type(view_type(field.data_type())),
        )
    };
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
        DataType::Binary | DataType::LargeBinary => DataType::BinaryView,
        DataType::Dictionary(_, value) => view_type(value),
        DataType::RunEndEncoded(_, values) => view_type(values.data_type()),
        DataType::List(item) => DataType::List(inner(item)),
        DataType::LargeList(item) => DataType::LargeList(inner(item)),
        DataType::Struct(fields) => DataType::Struct(as_views(fields)),
        other => other.clone(),
    }
}

/// Returns the columns of a schema, in the form that the lattice gives them; `malformed` words what is wrong.
pub(super) fn shape_of(
    schema: &Schema,
    malformed: impl Fn(String) -> Malformed,
) -> Result<Shape, Malformed> {
    if schema.fields().len() > MAX_COLUMNS {
        let (line, limit) = (1, MAX_COLUMNS);
        return Err(Malformed::TooManyColumns { line, limit });
    }
    for field in schema.fields() {
        check_names(field.data_type()).map_err(&malformed)?;
    }
    let names = schema.fields().iter().map(|field| field.name().clone());
    let names = super::unique_names(names.collect());
    let columns = names.into_iter().zip(schema.fields());
    let columns = columns.map(|(name, field)| Column {
        name,
        ..canonical_column(field)
    });
    let columns: Vec<Column> = columns.collect();
    match columns.iter().find(|column| column.nesting() > MAX_NESTING) {
        Some(Column { name, .. }) => Err(malformed(format!(
            "the column {name:?} is nested more than {MAX_NESTING} levels deep"
        ))),
        None => Ok(Shape { columns }),
    }
}

/// Refuses structs in which a name stands for two fields.
fn check_names(data_type: &DataType) -> Result<(), String> {
    match data_type {
        DataType::Struct(fields) => {
            let mut names = HashSet::new();
            for field in fields {
                if !names.insert(field.name()) {
                    return Err(format!("a struct has two fields called {:?}", field.name()));
                }
                check_names(field.data_type())?;
            }
            Ok(())
        }
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => check_names(item.data_type()),
        _ => Ok(()),
    }
}
