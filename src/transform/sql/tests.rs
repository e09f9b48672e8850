//! Function families on real batches, and what is refused with which words.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, ListArray, RecordBatch,
    StringArray, StructArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Int64Type};
use arrow::util::display::array_value_to_string;

use super::*;
use crate::config::RowSql;
use crate::model::{Column, ContentHash, PartitionValues};

fn definition(select: &str) -> Definition {
    Definition {
        sql: RowSql {
            select: Some(select.to_owned()),
            ..RowSql::default()
        },
        ..Definition::default()
    }
}

fn transform(definition: &Definition) -> Result<RowTransform, SqlError> {
    RowTransform::new(definition).map(|transform| transform.expect("there is SQL"))
}

/// Three rows; the last is null.
fn rows() -> RecordBatch {
    let zone = |array: TimestampMicrosecondArray| array.with_timezone("UTC");
    let list = ListArray::from_iter_primitive::<Int64Type, _, _>([
        Some(vec![Some(3), Some(1), Some(2)]),
        Some(vec![]),
        None,
    ]);
    let number: ArrayRef = Arc::new(Int64Array::from(vec![Some(7), None, None]));
    let word: ArrayRef = Arc::new(StringArray::from(vec![Some("x"), Some("y"), None]));
    let parts = StructArray::from(vec![
        (Arc::new(Field::new("a", DataType::Int64, true)), number),
        (Arc::new(Field::new("b", DataType::Utf8, true)), word),
    ]);
    let text =
        |values: [Option<&str>; 3]| -> ArrayRef { Arc::new(StringArray::from(values.to_vec())) };
    RecordBatch::try_from_iter_with_nullable([
        (
            "id",
            Arc::new(Int64Array::from(vec![Some(1), Some(2), None])) as ArrayRef,
            true,
        ),
        ("Name", text([Some("Ann"), Some("bob é"), None]), true),
        (
            "amount",
            Arc::new(Float64Array::from(vec![Some(1.5), Some(-2.0), None])),
            true,
        ),
        ("code", text([Some("007"), Some("x"), None]), true),
        (
            "ok",
            Arc::new(BooleanArray::from(vec![Some(true), Some(false), None])),
            true,
        ),
        (
            "day",
            Arc::new(Date32Array::from(vec![Some(19_782), Some(0), None])),
            true,
        ),
        (
            "at",
            Arc::new(zone(TimestampMicrosecondArray::from(vec![
                Some(1_709_210_096_123_456),
                Some(0),
                None,
            ]))),
            true,
        ),
        ("list", Arc::new(list), true),
        ("s", Arc::new(parts), true),
    ])
    .unwrap()
}

fn shape(batch: &RecordBatch) -> Shape {
    let fields = batch.schema();
    let columns = fields.fields().iter().map(|field| Column {
        name: field.name().clone(),
        data_type: field.data_type().clone(),
    });
    Shape {
        columns: columns.collect(),
    }
}

fn origin(fields: &PartitionValues) -> Origin<'_> {
    Origin {
        path: "dt=1/a.csv",
        hash: Some(ContentHash([7; 32])),
        before: 10,
        fields,
    }
}

fn apply(transform: &RowTransform) -> Result<RecordBatch, String> {
    let batch = rows();
    let bound = transform
        .bind(&shape(&batch), &shape(&batch), &Vec::new())
        .map_err(|error| error.line())?;
    let fields = Vec::new();
    let done = bound.apply(&batch, origin(&fields));
    let done = done.map_err(|error| error.to_string())?;
    assert_eq!(shape(&done.batch), *bound.output());
    Ok(done.batch)
}

fn cells(batch: &RecordBatch, column: usize) -> String {
    let column = batch.column(column);
    let cells = (0..batch.num_rows()).map(|row| {
        if column.is_null(row) {
            "∅".to_owned()
        } else {
            array_value_to_string(column, row).unwrap()
        }
    });
    cells.collect::<Vec<_>>().join(" | ")
}

/// Evaluates one expression: its cells, and its type.
fn evaluate(expr: &str) -> String {
    let read = transform(&definition(&format!("{expr} AS x")));
    match read
        .map_err(|error| error.line())
        .and_then(|read| apply(&read))
    {
        Ok(batch) => format!("{} : {}", cells(&batch, 0), batch.column(0).data_type()),
        Err(error) => error,
    }
}

#[test]
fn every_family_of_functions_works_on_rows() {
    let table: &[(&str, &str)] = include!("families.in");
    let mut wrong = Vec::new();
    for (expr, expected) in table {
        let found = evaluate(expr);
        if found != *expected {
            wrong.push(format!("    ({expr:?}, {found:?}),"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn what_is_not_about_one_row_is_refused_with_the_reason() {
    let table: &[(&str, &str)] = include!("refused.in");
    let mut wrong = Vec::new();
    for (select, expected) in table {
        let found = match transform(&definition(select)) {
            Ok(read) => apply(&read).map_or_else(|error| error, |_| "accepted".to_owned()),
            Err(error) => error.to_string(),
        };
        if found != *expected {
            wrong.push(format!("    ({select:?}, {found:?}),"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
