//! Decodes the blocks of a text side by side and puts together what comes of them.
//!
//! # Invariants
//! - Rows, their order, what is observed and the first error are those of one pair of hands, however many there are.
//! - What is held is a few blocks for each hand, and of each what a [`Part`] may hold.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::DataType;

use super::build::Builder;
use super::columns::{Columns, Expected};
use super::part::Part;
use super::rows::Rows;
use super::table::Table;
use crate::crew::Crew;
use crate::decode::batch::{VALUE_BYTES, batch_of, send};
use crate::decode::blocks::{self, InBlocks, NextBlock};
use crate::decode::{BATCH_BYTES, DecodeError, Decoded, Emit};

/// Decodes all blocks of a text.
pub(super) fn decode(
    next: &mut NextBlock<'_>,
    expected: Arc<Expected>,
    crew: &dyn Crew,
    emit: &mut Emit<'_>,
) -> Result<Decoded, DecodeError> {
    let mut file = File {
        table: Table::new(Some(expected)),
        lines: 0,
        rows: 0,
    };
    blocks::decode(&mut file, None, next, crew, emit)?;
    file.table.finish(file.rows, emit)
}

/// The front of the text, in order.
struct File {
    table: Table,
    lines: u64,
    /// The rows that parts have emitted.
    rows: u64,
}

impl File {
    /// Takes the rows of a block, or of the rest of one, one after the other.
    fn take_rows(&mut self, block: &[u8], emit: &mut Emit<'_>) -> Result<(), DecodeError> {
        let mut rows = Rows::new(block, self.lines);
        self.table.take_all(&mut rows, emit)?;
        self.lines = rows.place().lines;
        Ok(())
    }
}

/// The columns that are expected, and how many a row takes at least.
type Terms = (Option<Arc<Expected>>, usize);

impl InBlocks for File {
    type Terms = Terms;
    type Part = Option<Part>;

    fn terms(&mut self) -> Terms {
        let columns = &self.table.columns;
        (columns.expected(), columns.names().count())
    }

    fn part((expected, least): Terms, block: &[u8]) -> Option<Part> {
        Part::of(block, Columns::new(expected, least))
    }

    fn take(
        &mut self,
        block: &[u8],
        part: Option<Part>,
        emit: &mut Emit<'_>,
    ) -> Result<(), DecodeError> {
        let columns = &mut self.table.columns;
        columns.flush(emit)?;
        let part = part.filter(|part| columns.join(&part.columns).is_ok());
        let Some(part) = part else {
            return self.take_rows(block, emit);
        };
        if let Some(expected) = columns.expected() {
            let names: Vec<&str> = columns.names().collect();
            for batch in part.batches {
                self.rows += batch.num_rows() as u64;
                align(batch, &names, &expected, emit)?;
            }
        }
        self.lines += part.end.lines;
        self.take_rows(&block[part.end.bytes..], emit)
    }

    /// Batches go on from block to block then, and are as large as those that are encoded.
    fn take_alone(&mut self, block: &[u8], emit: &mut Emit<'_>) -> Result<(), DecodeError> {
        self.take_rows(block, emit)
    }
}

/// Emits a batch with the columns of the file in the order of the file.
fn align(
    batch: RecordBatch,
    names: &[&str],
    expected: &Expected,
    emit: &mut Emit<'_>,
) -> Result<(), DecodeError> {
    let schema = batch.schema();
    let there = schema.fields().iter().map(|field| field.name().as_str());
    if there.clone().eq(names.iter().copied()) {
        return send(batch, emit);
    }
    let there: HashMap<&str, &ArrayRef> = there.zip(batch.columns()).collect();
    let most = (BATCH_BYTES / (VALUE_BYTES * names.len().max(1))).max(1);
    for start in (0..batch.num_rows()).step_by(most) {
        let rows = most.min(batch.num_rows() - start);
        let columns = names.iter().map(|name| {
            let column = match there.get(name) {
                Some(column) => column.slice(start, rows),
                None => Builder::new(expected.get(*name).unwrap_or(&DataType::Null)).finish(rows),
            };
            (*name, column)
        });
        send(batch_of(columns, rows), emit)?;
    }
    Ok(())
}
