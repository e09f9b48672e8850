//! A user's own step on the rows of one file, between what decodes them and what takes them.
//!
//! A file is decoded under its own columns, not under the pipeline's: what the step sees, and with it what comes out,
//! depends on that file alone.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::new_null_array;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};

use crate::decode::cast_batch;
use crate::model::{Column, Shape};
use crate::schema::{Contract, canonical, canonical_column, column_fits};
use crate::transform::Transform;

/// A step, and where its rows go.
#[derive(Clone, Copy)]
pub(super) struct Step<'a> {
    pub(super) transform: &'a dyn Transform,
    /// The columns and types that rows are to have.
    pub(super) target: &'a Shape,
}

/// Returns the columns that come in of a file's own: those that its contract admits, or that the step makes of them. What
/// a step refuses has none, and is refused when it is read.
pub(super) fn admitted(
    contract: Option<&Contract>,
    step: Option<&dyn Transform>,
    own: &Shape,
) -> Shape {
    match (contract, step) {
        (Some(contract), _) => contract.admitted(own),
        (None, Some(step)) => made(step, own).unwrap_or_default(),
        (None, None) => own.clone(),
    }
}

/// Returns the columns that a step makes of a file's own.
///
/// # Errors
/// The step's own words.
fn made(transform: &dyn Transform, own: &Shape) -> Result<Shape, String> {
    if own.is_empty() {
        // A file without anything has nothing that a step could be asked about.
        return Ok(Shape::default());
    }
    let made = transform.columns(&own.to_arrow());
    let made = made.map_err(|error| format!("the transform refuses the columns: {error}"))?;
    let columns = made.fields().iter();
    let columns: Vec<Column> = columns.map(|field| canonical_column(field)).collect();
    let mut names = HashSet::new();
    match columns.iter().find(|column| !names.insert(&column.name)) {
        Some(twice) => Err(format!("the transform tells column {} twice", twice.name)),
        None => Ok(Shape { columns }),
    }
}

/// The rows of one file on their way through a step.
pub(super) struct Stepping<'a> {
    step: Step<'a>,
    own: SchemaRef,
    made: Shape,
    /// Whether what is made fits where it is to go.
    pub(super) is_fit: bool,
    /// Rows that came out.
    pub(super) rows: u64,
    /// Why the file must not come in.
    pub(super) refusal: Option<String>,
}

impl<'a> Stepping<'a> {
    /// Begins for a file with the columns `own`.
    pub(super) fn new(step: Step<'a>, own: &Shape) -> Self {
        let (made, refusal) = match made(step.transform, own) {
            Ok(made) => (made, None),
            Err(refusal) => (Shape::default(), Some(refusal)),
        };
        let mut columns = made.columns.iter();
        let is_fit = columns.all(|column| {
            let target = step.target.column(&column.name);
            target.is_some_and(|target| column_fits(column, target))
        });
        Self {
            step,
            own: own.to_arrow(),
            made,
            is_fit,
            rows: 0,
            refusal,
        }
    }

    /// Hands on what the step makes of `rows`. A file that must not come in is read to its end all the same: only then is
    /// it known that it is no worse.
    pub(super) fn let_in(
        &mut self,
        rows: &RecordBatch,
        emit: &mut dyn FnMut(RecordBatch) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        if !self.is_fit || self.refusal.is_some() {
            return ControlFlow::Continue(());
        }
        match self.make(rows) {
            Ok(rows) => {
                self.rows += rows.num_rows() as u64;
                emit(rows)
            }
            Err(refusal) => {
                self.refusal = Some(refusal);
                ControlFlow::Continue(())
            }
        }
    }

    fn make(&self, rows: &RecordBatch) -> Result<RecordBatch, String> {
        let rows = with_all_columns(rows, &self.own).map_err(|error| error.to_string())?;
        let made = self.step.transform.rows(rows);
        let made = made.map_err(|error| format!("the transform refuses a row: {error}"))?;
        let found = Shape::of_schema(made.schema_ref());
        let told = &self.made.columns;
        let as_told = found.columns.len() == told.len()
            && found.columns.iter().zip(told).all(|(found, told)| {
                found.name == told.name && canonical(&found.data_type) == told.data_type
            });
        if !as_told {
            return Err("the transform made other columns than it had told".to_owned());
        }
        cast_batch(&made, self.step.target).map_err(|error| error.to_string())
    }
}

/// Gives rows all columns of their file: a batch has those alone that came up by then.
fn with_all_columns(rows: &RecordBatch, own: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let columns = own.fields().iter().map(|field| {
        let column = rows.column_by_name(field.name()).map(Arc::clone);
        column.unwrap_or_else(|| new_null_array(field.data_type(), rows.num_rows()))
    });
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(own), columns.collect(), &options)
}
