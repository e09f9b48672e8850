//! Rows that are set aside, as their file holds them: beside the ledger, where no reader of the target looks.
//!
//! ```text
//! reason: text    the expectation that the row does not meet
//! path:   text    its file
//! row:    int64   its number in the file, from one
//! values: text    what would have come out, as a JSON object
//! ```
//!
//! The columns are the same whatever rows are made of, so that all such files can be read as one table. Such a file is an
//! output of its unit like any other: it is staged, announced, published, recorded, replaced and retired with those
//! that hold the rows which met their expectations, and a crash cannot come between them. Only that its rows are not
//! counted among those of the target, and go with their member where that is carried over.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::error::ArrowError;

use crate::decode::rows_as_json;
use crate::model::{Column, Shape};
use crate::transform::Aside;

/// Returns the columns.
pub(super) fn shape() -> Shape {
    let column = |name: &str, data_type| Column {
        name: name.to_owned(),
        data_type,
    };
    Shape {
        columns: vec![
            column("reason", DataType::Utf8),
            column("path", DataType::Utf8),
            column("row", DataType::Int64),
            column("values", DataType::Utf8),
        ],
    }
}

/// Returns the columns as batches have them.
pub(super) fn schema() -> SchemaRef {
    shape().to_arrow()
}

/// Returns the rows of the file `path` that are set aside.
///
/// # Errors
/// Where a value cannot be shown.
pub(super) fn batch(path: &str, aside: &Aside) -> Result<RecordBatch, ArrowError> {
    let numbers = aside.numbers.iter();
    let numbers = numbers.map(|number| i64::try_from(*number).unwrap_or(i64::MAX));
    let paths = std::iter::repeat_n(path, aside.numbers.len());
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(&aside.reasons)),
        Arc::new(StringArray::from_iter_values(paths)),
        Arc::new(Int64Array::from_iter_values(numbers)),
        Arc::new(rows_as_json(&aside.rows)?),
    ];
    RecordBatch::try_new(schema(), columns)
}
