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
