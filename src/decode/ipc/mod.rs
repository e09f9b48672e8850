//! Arrow IPC: messages -> columns of canonical types.
//!
//! A file in the file format is the stream between two magic words, with a footer that tells where the messages
//! are. It is read like the stream, from front to back, and the footer is not used; only that it is there tells
//! that the file is whole. A stream that ends without its end mark is taken as ended, as the format has it: one that
//! is cut between two messages cannot be told from a whole one.
//!
//! # What is refused
//! Unions, intervals and binary of width zero, which Parquet lacks; list views, and dictionaries of anything but single values, of which a
//! small file can make very large rows. A message and all dictionaries together may have up to 256 MiB.

mod check;
mod message;

use std::io::Read;
use std::ops::ControlFlow;

use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Schema};
use arrow::error::ArrowError;

use super::batch::send;
use super::typed::{as_views, cast_columns, caught, parts, schema_of, shape_of, targets, types};
use super::{BATCH_ROWS, DecodeError, Decoded, Emit, Kind, Malformed};
use crate::model::{Comments, Shape};

use message::Messages;

/// Returns the columns that the schema declares.
pub(super) fn sniff(input: &mut dyn Read) -> Result<Shape, DecodeError> {
    let schema = Messages::open(input)?.schema()?;
    shape(&schema)
}

/// Decodes all rows under `under`.
pub(super) fn decode(
    input: &mut dyn Read,
    under: &Shape,
    emit: &mut Emit<'_>,
) -> Result<Decoded, DecodeError> {
    let mut messages = Messages::open(input)?;
    let schema = messages.schema()?;
    let observed = shape(&schema)?;
    let Some(targets) = targets(&observed, under) else {
        // Read through all the same: a file that is corrupt must not widen anything.
        read(&mut messages, &observed, &types(&observed), &mut |_| {
            ControlFlow::Continue(())
        })?;
        return Err(DecodeError::Misfit { observed });
    };
    let rows = read(&mut messages, &observed, &targets, emit)?;
    let comments = Comments::of_schema(&schema, &observed);
    Ok(Decoded {
        rows,
        observed,
        comments,
    })
}

fn read(
    messages: &mut Messages<'_>,
    observed: &Shape,
    targets: &[&DataType],
    emit: &mut Emit<'_>,
) -> Result<u64, DecodeError> {
    let schema = schema_of(observed, targets);
    let mut rows = 0;
    while let Some(batch) = messages.next_batch()? {
        for start in (0..batch.num_rows()).step_by(BATCH_ROWS) {
            // By rows first: a dictionary costs nothing until it is looked up.
            let some = batch.slice(start, BATCH_ROWS.min(batch.num_rows() - start));
            let viewed = caught(|| viewed(&some)).map_err(corrupt)?;
            for part in parts(viewed) {
                rows += part.num_rows() as u64;
                let cast = caught(|| cast_columns(&part, &schema)).map_err(corrupt)?;
                send(cast, emit)?;
            }
        }
    }
    Ok(rows)
}

fn shape(schema: &Schema) -> Result<Shape, DecodeError> {
    check::types(schema.fields()).map_err(corrupt)?;
    Ok(shape_of(schema, corrupt)?)
}

/// Looks up dictionaries, without copying their texts.
fn viewed(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let fields = as_views(batch.schema_ref().fields());
    let columns = batch.columns().iter().zip(&fields);
    let columns = columns
        .map(|(column, field)| cast(column, field.data_type()))
        .collect::<Result<_, _>>()?;
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let fields: Vec<_> = fields
        .iter()
        .map(|field| field.as_ref().clone().with_nullable(true))
        .collect();
    RecordBatch::try_new_with_options(Schema::new(fields).into(), columns, &options)
}

fn corrupt(detail: String) -> Malformed {
    let kind = Kind::Arrow;
    Malformed::Content { kind, detail }
}

#[cfg(test)]
pub(super) mod tests;
