//! Rows that are set aside, as their file holds them: beside the ledger, where no reader of the target looks.
//!
//! ```text
//! reason: text    the expectation that the row does not meet
//! path:   text    its file
//! row:    int64   its number in the file, from one
//! values: text    what would have come out, as a JSON object; what is null is left out, and names are sorted
//! ```
//!
//! The columns are the same whatever rows are made of, so that all such files can be read as one table. Such a file is an
//! output of its unit like any other: it is staged, announced, published, recorded, replaced and retired with those
//! that hold the rows which met their expectations, and a crash cannot come between them. Only that its rows are not
//! counted among those of the target, and go with their member where that is carried over.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::error::ArrowError;

use crate::decode::rows_as_json;
use crate::ledger::{LedgerError, View};
use crate::model::{Shape, SourcePath};
use crate::transform::{Aside, RowTransform};

/// Tells of which files rows are set aside: such a row tells its file's path, so the file cannot be renamed without
/// being read again.
pub(super) struct Owners<'a> {
    view: &'a View,
    /// Whether a row can be set aside at all.
    may_be: bool,
    /// The files, once somebody has asked; `None` where the ledger cannot tell.
    paths: OnceLock<Option<HashSet<SourcePath>>>,
}

impl<'a> Owners<'a> {
    pub(super) fn of(view: &'a View, transform: Option<&RowTransform>) -> Self {
        Self {
            view,
            may_be: transform.is_some_and(RowTransform::sets_rows_aside),
            paths: OnceLock::new(),
        }
    }

    /// Tells whether rows of the file are set aside, or may be.
    pub(super) fn include(&self, path: &str) -> bool {
        self.may_be
            && self
                .paths
                .get_or_init(|| owners(self.view).ok())
                .as_ref()
                .is_none_or(|paths| paths.contains(path))
    }
}

fn owners(view: &View) -> Result<HashSet<SourcePath>, LedgerError> {
    let mut paths = HashSet::new();
    for unit in view.units()? {
        let (_, unit) = unit?;
        for output in unit.outputs.iter().filter(|output| output.path.is_aside()) {
            let members = unit.members.iter().zip(&output.member_rows);
            let own = members.filter(|(_, rows)| **rows > 0);
            paths.extend(own.map(|(member, _)| member.path.clone()));
        }
    }
    Ok(paths)
}

/// Returns the columns.
pub(super) fn shape() -> Shape {
    Shape::of(&[
        ("reason", DataType::Utf8),
        ("path", DataType::Utf8),
        ("row", DataType::Int64),
        ("values", DataType::Utf8),
    ])
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
