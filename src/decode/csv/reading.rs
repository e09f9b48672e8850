//! Reads a text block by block: the first record tells the columns, and each block is a job of its own.
//!
//! # Invariants
//! - What comes of a text does not depend on the crew: blocks are cut by the text alone, each is decoded from nothing
//!   but itself and the columns, and what came of them is taken in their order.
//! - What the blocks have seen is joined; from the first that does not fit on, nothing is built any more.
//! - The first thing that is wrong is the one that is told, also where a later read fails.

use std::io::Read;

use arrow::array::RecordBatch;

use super::block_text::BlockText;
use super::cut::Ends;
use super::fault::{Fault, Faulty};
use super::front::Front;
use super::records::{Records, Width};
use super::splitter::Marks;
use super::table::{Table, column_names};
use super::walk;
use crate::config::{Dialect, Header, TrailingDelimiter};
use crate::crew::Crew;
use crate::decode::batch::send;
use crate::decode::blocks::{self, Blocks, InBlocks};
use crate::decode::{Charset, DecodeError, Decoded, Emit};
use crate::model::Shape;

/// A text that is being read.
pub(super) struct Reading<'r, 'd> {
    text: Option<Front<'r>>,
    progress: Progress<'d>,
}

/// What is known so far.
struct Progress<'d> {
    dialect: &'d Dialect,
    charset: Charset,
    marks: Marks,
    table: Table,
    /// Where in the next block there is something to decode.
    start: usize,
    /// The line in which the next block begins.
    line: u64,
    rows: u64,
}

/// What it takes to decode a block.
struct Terms {
    trailing_delimiter: TrailingDelimiter,
    marks: Marks,
    table: Table,
    start: usize,
}

/// What came of a block.
struct Portion {
    table: Table,
    batches: Vec<RecordBatch>,
    /// How many lines it has, or in which of them the first record begins that is wrong.
    lines: Result<u64, (u64, Fault)>,
}

impl<'r, 'd> Reading<'r, 'd> {
    /// Begins at the front of a text in UTF-8 that was in `charset`.
    pub(super) fn new(
        text: &'r mut dyn Read,
        charset: Charset,
        dialect: &'d Dialect,
    ) -> Result<Self, DecodeError> {
        let front = Front::new(text, dialect)?;
        let progress = Progress {
            dialect,
            charset,
            marks: front.marks(),
            table: Table::new(dialect),
            start: 0,
            line: front.line(),
            rows: 0,
        };
        Ok(Self {
            text: Some(front),
            progress,
        })
    }

    /// Reads the whole text under `shape`, or only looks at its values.
    pub(super) fn read(
        &mut self,
        shape: Option<&Shape>,
        crew: &dyn Crew,
        block_bytes: usize,
        emit: &mut Emit<'_>,
    ) -> Result<(), DecodeError> {
        let Some(front) = self.text.take() else {
            return Ok(());
        };
        let progress = &mut self.progress;
        let mut text = front.into_text();
        let mut blocks = Blocks::new(&mut text, Ends::new(progress.marks)).of(block_bytes);
        let Some(first) = blocks.next(Vec::new())? else {
            progress.table.take_nothing();
            return Ok(());
        };
        progress.begin(&first, shape)?;
        blocks::decode(
            progress,
            Some(first),
            &mut |used| blocks.next(used),
            crew,
            emit,
        )
    }

    /// Returns the line in which the row begins, counted from 0, if there are so many.
    pub(super) fn line_of(mut self, row: u64) -> Result<Option<u64>, DecodeError> {
        let Some(front) = self.text.take() else {
            return Ok(None);
        };
        let progress = &mut self.progress;
        let marks = progress.marks;
        let mut left = row.saturating_add(u64::from(progress.dialect.header == Header::Present));
        let mut text = front.into_text();
        let mut blocks = Blocks::new(&mut text, Ends::new(marks));
        let mut used = Vec::new();
        while let Some(block) = blocks.next(used)? {
            let text = BlockText::new(&block, marks);
            let mut records = Records::new(&text, 0, marks);
            loop {
                let read = records.read(Width::Any, 1);
                read.map_err(|faulty| progress.malformed(&block, faulty))?;
                if records.rows().len() == 0 {
                    break;
                }
                if left == 0 {
                    let line = walk::line_at(&block, records.last(), marks);
                    return Ok(Some(progress.line + line));
                }
                left -= 1;
            }
            progress.line += walk::lines_in(&block, marks);
            used = block;
        }
        Ok(None)
    }

    /// Returns what all values so far are.
    pub(super) fn observed(&self) -> Shape {
        self.progress.table.observed()
    }

    /// Returns what came of the whole text.
    pub(super) fn finish(self) -> Result<Decoded, DecodeError> {
        let observed = self.observed();
        if !self.progress.table.is_building() {
            return Err(DecodeError::Misfit { observed });
        }
        let rows = self.progress.rows;
        Ok(Decoded::of_rows(rows, observed))
    }
}

impl Progress<'_> {
    /// Takes the columns from the first record.
    fn begin(&mut self, bytes: &[u8], shape: Option<&Shape>) -> Result<(), DecodeError> {
        let text = BlockText::new(bytes, self.marks);
        let mut records = Records::new(&text, 0, self.marks);
        let read = records.read(Width::Any, 1);
        read.map_err(|faulty| self.malformed(bytes, faulty))?;
        let rows = records.rows();
        let first = rows.spans.iter().map(|span| rows.texts.get(*span));
        let names = self.names(first.collect()).map_err(|fault| {
            let start = records.last();
            self.malformed(bytes, Faulty { start, fault })
        })?;
        let start = match self.dialect.header {
            Header::Present => records.position(),
            Header::Absent => 0,
        };
        drop(text);
        self.table.set_columns(names, shape);
        self.start = start;
        Ok(())
    }

    /// Returns the columns' names, of which there are as many as fields in the first record.
    fn names(&self, mut first: Vec<&str>) -> Result<Vec<String>, Fault> {
        let given = &self.dialect.columns;
        let ends_in_delimiter = self.dialect.trailing_delimiter == TrailingDelimiter::Ends
            && first.len() > 1
            && first.last() == Some(&"");
        if ends_in_delimiter && (given.is_empty() || first.len() == given.len() + 1) {
            first.pop();
        }
        if !given.is_empty() && given.len() != first.len() {
            return Err(Fault::Width {
                found: first.len(),
                expected: given.len(),
            });
        }
        Ok(match self.dialect.header {
            _ if !given.is_empty() => given.clone(),
            Header::Present => column_names(&first),
            Header::Absent => column_names(&vec![""; first.len()]),
        })
    }

    #[cold]
    fn malformed(&self, block: &[u8], faulty: Faulty) -> DecodeError {
        let line = self.line + walk::line_at(block, faulty.start, self.marks);
        faulty.fault.at(line, self.charset, self.dialect).into()
    }
}

impl InBlocks for Progress<'_> {
    type Terms = Terms;
    type Part = Portion;

    fn terms(&mut self) -> Terms {
        Terms {
            trailing_delimiter: self.dialect.trailing_delimiter,
            marks: self.marks,
            table: self.table.successor(),
            start: std::mem::take(&mut self.start),
        }
    }

    fn part(terms: Terms, block: &[u8]) -> Portion {
        let (marks, mut table, start) = (terms.marks, terms.table, terms.start);
        let width = match terms.trailing_delimiter {
            TrailingDelimiter::Separates => Width::Exactly(table.width()),
            TrailingDelimiter::Ends => Width::OrEmptyBehind(table.width()),
        };
        let text = BlockText::new(block, marks);
        let mut records = Records::new(&text, start, marks);
        let mut batches = Vec::new();
        let lines = loop {
            let before = records.position();
            let read = records.read(width, table.room());
            let rows = records.rows();
            batches.extend(table.take_rows(&rows, records.position() - before));
            match read {
                Err(Faulty { start: at, fault }) => {
                    break Err((walk::line_at(block, start + at, marks), fault));
                }
                Ok(()) if rows.len() == 0 => {
                    batches.extend(table.batch());
                    break Ok(walk::lines_in(block, marks));
                }
                Ok(()) => {}
            }
        };
        Portion {
            table,
            batches,
            lines,
        }
    }

    fn take(
        &mut self,
        _block: &[u8],
        portion: Portion,
        emit: &mut Emit<'_>,
    ) -> Result<(), DecodeError> {
        self.table.join(&portion.table);
        if self.table.is_building() {
            for batch in portion.batches {
                self.rows += batch.num_rows() as u64;
                send(batch, emit)?;
            }
        }
        match portion.lines {
            Ok(lines) => {
                self.line += lines;
                Ok(())
            }
            Err((line, fault)) => {
                let line = self.line + line;
                Err(fault.at(line, self.charset, self.dialect).into())
            }
        }
    }
}
