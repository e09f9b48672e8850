//! Picks the rows of one member out of an output whose rows are sorted, so that those of the members lie among one
//! another.
//!
//! Its rows come in the order in which they stand there. That is enough for a rebuild to come to the same bytes as
//! before: rows are sorted again, and equal ones keep their order.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;

use arrow::array::{BooleanArray, BooleanBufferBuilder, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::error::ArrowError;

use crate::encode::{RowOrder, RowRuns};

/// Rows of others that are rather read and dropped than skipped: to begin reading again costs more.
const GAP: u64 = 128 << 10;

/// Returns the stretches of rows within which all rows of `member` lie, and how many rows those are.
pub(super) fn stretches(
    order: &RowOrder,
    member: usize,
) -> io::Result<(VecDeque<Range<u64>>, u64)> {
    let mut own = OwnRuns::new(order, member)?;
    let mut stretches: VecDeque<Range<u64>> = VecDeque::new();
    let mut rows = 0;
    while let Some(run) = own.next_run()? {
        rows += run.end - run.start;
        match stretches.back_mut() {
            Some(last) if run.start - last.end < GAP => last.end = run.end,
            _ => stretches.push_back(run),
        }
    }
    Ok((stretches, rows))
}

/// Drops the rows of other members, batch by batch.
pub(super) struct Picker<'a> {
    own: OwnRuns<'a>,
    run: Option<Range<u64>>,
}

impl<'a> Picker<'a> {
    pub(super) fn new(order: &'a RowOrder, member: usize) -> io::Result<Self> {
        let mut own = OwnRuns::new(order, member)?;
        let run = own.next_run()?;
        Ok(Self { own, run })
    }

    /// Returns the member's rows of a batch whose first row is number `start` of the file; none before it are asked for
    /// any more.
    pub(super) fn pick(
        &mut self,
        start: u64,
        batch: &RecordBatch,
    ) -> Result<RecordBatch, ArrowError> {
        let end = start + batch.num_rows() as u64;
        let mut mask = BooleanBufferBuilder::new(batch.num_rows());
        let mut at = start;
        while at < end {
            let (is_own, until) = match &self.run {
                Some(run) if run.end <= at => {
                    self.run = self.own.next_run()?;
                    continue;
                }
                Some(run) if run.start <= at => (true, run.end.min(end)),
                Some(run) => (false, run.start.min(end)),
                None => (false, end),
            };
            mask.append_n(usize::try_from(until - at).unwrap_or_default(), is_own);
            at = until;
        }
        filter_record_batch(batch, &BooleanArray::new(mask.finish(), None))
    }
}

/// The runs of one member, as numbers of rows of the file.
struct OwnRuns<'a> {
    runs: RowRuns<'a>,
    member: usize,
    at: u64,
}

impl<'a> OwnRuns<'a> {
    fn new(order: &'a RowOrder, member: usize) -> io::Result<Self> {
        Ok(Self {
            runs: order.runs()?,
            member,
            at: 0,
        })
    }

    fn next_run(&mut self) -> io::Result<Option<Range<u64>>> {
        while let Some((member, rows)) = self.runs.next_run()? {
            let start = self.at;
            self.at = start.checked_add(rows).ok_or(io::ErrorKind::InvalidData)?;
            if member == self.member && rows > 0 {
                return Ok(Some(start..self.at));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, AsArray, UInt64Array};
    use arrow::datatypes::UInt64Type;

    use super::*;

    /// Rows that hold their own numbers.
    fn numbered(rows: Range<u64>) -> RecordBatch {
        let numbers: ArrayRef = Arc::new(UInt64Array::from_iter_values(rows));
        RecordBatch::try_from_iter([("n", numbers)]).unwrap()
    }

    /// What is picked where the stretches are read in batches of `length` rows.
    fn picked(order: &RowOrder, member: usize, length: u64) -> Vec<u64> {
        let mut picker = Picker::new(order, member).unwrap();
        let mut numbers = Vec::new();
        for stretch in stretches(order, member).unwrap().0 {
            let mut start = stretch.start;
            while start < stretch.end {
                let end = stretch.end.min(start + length);
                let own = picker.pick(start, &numbered(start..end)).unwrap();
                numbers.extend(own.column(0).as_primitive::<UInt64Type>().values());
                start = end;
            }
        }
        numbers
    }

    #[test]
    fn the_rows_of_a_member_are_picked_whatever_the_batches() {
        let order = RowOrder::of(&[(1, 2), (0, 3), (1, 1), (2, 4), (1, 5)]).unwrap();
        for (member, rows) in [
            (0, vec![2, 3, 4]),
            (1, vec![0, 1, 5, 10, 11, 12, 13, 14]),
            (2, vec![6, 7, 8, 9]),
            (3, vec![]),
        ] {
            for length in [1, 2, 3, 7, 100] {
                assert_eq!(picked(&order, member, length), rows, "{member} by {length}");
            }
            assert_eq!(stretches(&order, member).unwrap().1, rows.len() as u64);
        }
    }

    #[test]
    fn many_rows_of_others_are_not_read() {
        let gap = usize::try_from(GAP).unwrap();
        let order = RowOrder::of(&[(1, 10), (0, gap), (1, 5), (0, gap - 1), (1, 7), (0, 9)]);
        let order = order.unwrap();
        let (stretches, rows) = stretches(&order, 1).unwrap();
        let second = GAP + 10;
        assert_eq!(stretches, [0..10, second..second + 5 + GAP - 1 + 7]);
        assert_eq!(rows, 22);
        assert_eq!(picked(&order, 1, 8192).len(), 22);
    }
}
