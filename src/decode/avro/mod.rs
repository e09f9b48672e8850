//! Avro object containers: blocks -> columns of canonical types.
//!
//! The schema in the header is the one that counts; where it is a record, its fields are the columns, else there
//! is one column `value`. Aliases and defaults are for readers with a schema of their own, and mean nothing here.
//!
//! | Avro | column |
//! |---|---|
//! | `int`, `long`, `float`, `double`, `boolean`, `bytes`, `string` | the type of that name |
//! | `fixed` (also `duration`) | binary of that width |
//! | `uuid` in a `fixed` of 16 bytes | UUID |
//! | `enum`, `uuid` in a string | `Utf8` |
//! | `date`, `time-millis`, `time-micros` | `Date32`, `Time32`, `Time64` |
//! | `timestamp-…`, `local-timestamp-…` | in UTC, and without a zone; nanoseconds stay such, milliseconds become micros |
//! | `decimal` | `Decimal128` up to 38 digits, `Decimal256` up to 76; else, as the format has it, its bytes |
//! | `record`, `array`, `map` | struct, list, map |
//! | union | the [join](crate::schema::join_types) of its branches: of `null` and one more that one, of `int` and `long` `Int64`, of records one struct with the fields of all, else `Utf8` |
//!
//! # What is refused
//! Records that contain themselves, more than [`MAX_NESTING`](crate::model::MAX_NESTING) levels, schemas with more values in a row than columns
//! are allowed, blocks of more than 64 MiB, rows with more than 16,777,216 elements, rows whose values would take more
//! than 64 MiB beside their bytes, and elements without bytes beyond all measure. Nothing is reserved because a file
//! claims it.

mod block;
mod column;
mod schema;
mod value;

use std::io::Read;
use std::ops::ControlFlow;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;

use super::batch::Gauge;
use super::batch::send;
use super::typed::{cast_columns, caught, parts, schema_of, shape_of, targets, types};
use super::{Ceiling, DecodeError, Decoded, Emit, Kind, Malformed};
use crate::model::Shape;

use block::Blocks;
use column::Column;
use schema::Node;
use value::Cursor;

/// Returns the columns that the schema declares.
pub(super) fn sniff(input: &mut dyn Read, ceiling: &Ceiling) -> Result<Shape, DecodeError> {
    let (_, node) = Blocks::open(input, ceiling)?;
    shape(&node)
}

/// Decodes all rows under `under`.
pub(super) fn decode(
    input: &mut dyn Read,
    ceiling: &Ceiling,
    under: &Shape,
    emit: &mut Emit<'_>,
) -> Result<Decoded, DecodeError> {
    let (mut blocks, node) = Blocks::open(input, ceiling)?;
    let observed = shape(&node)?;
    let Some(targets) = targets(&observed, under) else {
        // Read through all the same: a file that is corrupt must not widen anything.
        let own = types(&observed);
        read(&mut blocks, &node, &observed, &own, &mut |_| {
            ControlFlow::Continue(())
        })?;
        return Err(DecodeError::Misfit { observed });
    };
    let rows = read(&mut blocks, &node, &observed, &targets, emit)?;
    Ok(Decoded {
        rows,
        observed,
        comments: blocks.comments().clone(),
    })
}

fn read(
    blocks: &mut Blocks<'_>,
    node: &Node,
    observed: &Shape,
    targets: &[&DataType],
    emit: &mut Emit<'_>,
) -> Result<u64, DecodeError> {
    let mut table = Table {
        columns: node.columns().map(|(_, node)| Column::new(node)).collect(),
        values: node.values(),
        gauge: Gauge::default(),
        rows: 0,
    };
    let schema = schema_of(observed, targets);
    while let Some(block) = blocks.next()? {
        let mut cursor = Cursor::new(&block.bytes, block.room);
        for row in 1..=block.rows {
            let complete = table.take_row(&mut cursor).map_err(|flaw| {
                let number = block.number;
                corrupt(format!("block {number}, row {row}: {flaw}"))
            })?;
            if complete {
                table.flush(node, &schema, emit)?;
            }
        }
        blocks.count_hollow(block.room - cursor.room())?;
        if !cursor.is_at_end() {
            let number = block.number;
            return Err(corrupt(format!("block {number} has bytes behind its last row")).into());
        }
    }
    table.flush(node, &schema, emit)?;
    Ok(table.rows)
}

/// Rows that are gathered for a batch.
struct Table<'n> {
    columns: Vec<Column<'n>>,
    /// Single values in a row, at most.
    values: usize,
    gauge: Gauge,
    rows: u64,
}

impl Table<'_> {
    /// Takes one row, and tells whether the batch is complete.
    fn take_row(&mut self, cursor: &mut Cursor<'_>) -> Result<bool, value::Flaw> {
        cursor.begin_row();
        for column in &mut self.columns {
            column.read(cursor)?;
        }
        cursor.end_row()?;
        Ok(self.gauge.add_row(cursor.row_bytes(), self.values))
    }

    fn flush(
        &mut self,
        node: &Node,
        schema: &std::sync::Arc<Schema>,
        emit: &mut Emit<'_>,
    ) -> Result<(), DecodeError> {
        let rows = self.gauge.rows();
        if rows == 0 {
            return Ok(());
        }
        self.gauge = Gauge::default();
        let columns = self.columns.iter_mut();
        let batch = caught(|| {
            let arrays = columns.map(Column::finish).collect::<Result<_, _>>()?;
            batch_of(node, arrays, rows)
        })
        .map_err(corrupt)?;
        for part in parts(batch) {
            self.rows += part.num_rows() as u64;
            let cast = caught(|| cast_columns(&part, schema)).map_err(corrupt)?;
            send(cast, emit)?;
        }
        Ok(())
    }
}

fn batch_of(node: &Node, arrays: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch, ArrowError> {
    let names = node.columns().map(|(name, _)| name);
    let fields: Vec<Field> = names
        .zip(&arrays)
        .map(|(name, array)| Field::new(name, array.data_type().clone(), true))
        .collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Schema::new(fields).into(), arrays, &options)
}

fn shape(node: &Node) -> Result<Shape, DecodeError> {
    let columns = node.columns();
    let fields: Vec<Field> = columns.map(|(name, node)| node.field(name)).collect();
    Ok(shape_of(&Schema::new(fields), corrupt)?)
}

fn corrupt(detail: String) -> Malformed {
    let kind = Kind::Avro;
    Malformed::Content { kind, detail }
}

#[cfg(test)]
pub(super) mod tests;
