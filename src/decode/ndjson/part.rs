//! What one pair of hands makes of one block, knowing nothing of the others.
//!
//! A part has no errors. It ends in front of a row that is wrong, and whoever takes the parts in order finds the same
//! there, with the number of its line.

use std::ops::ControlFlow;

use arrow::array::RecordBatch;

use super::columns::Columns;
use super::rows::{Place, Rows};
use super::table::Table;
use crate::decode::{BATCH_BYTES, DecodeError, Malformed};

/// Bytes of batches that a part may hold. A few bytes of text can be a row of thousands of nulls.
const HELD_BYTES: usize = 4 * BATCH_BYTES;

/// The front of a block, decoded.
pub(super) struct Part {
    /// What was seen.
    pub(super) columns: Columns,
    /// What was built; it counts where `columns` were built to the end.
    pub(super) batches: Vec<RecordBatch>,
    /// How far it goes.
    pub(super) end: Place,
}

impl Part {
    /// Decodes a block as far as it goes by itself, into `columns` without rows; `None` if that is of no use.
    pub(super) fn of(block: &[u8], columns: Columns) -> Option<Self> {
        let mut batches = Vec::new();
        let mut held_bytes = 0;
        let mut emit = |batch: RecordBatch| {
            held_bytes += batch.get_array_memory_size();
            batches.push(batch);
            if held_bytes < HELD_BYTES {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        };
        let mut table = Table::of(columns);
        let mut rows = Rows::new(block, 0);
        let end = loop {
            let before = rows.place();
            match table.take_some(&mut rows, &mut emit) {
                Ok(true) => {}
                Err(DecodeError::Stopped) => break rows.place(),
                // The row is in some columns and not in others; and in the file they may be fewer.
                Err(DecodeError::Malformed(Malformed::TooManyColumns { .. })) => return None,
                Ok(false) | Err(_) => break before,
            }
        };
        // Enough or not, there are no more.
        let _is_enough = table.columns.flush(&mut emit);
        let columns = table.columns;
        Some(Self {
            columns,
            batches,
            end,
        })
    }
}
