//! Rows, one after the other, -> columns.

use std::sync::Arc;

use super::columns::{Columns, Expected};
use super::frame::Frame;
use super::parse::Parser;
use super::rows::Rows;
use super::seen::TooManyNames;
use crate::decode::{DecodeError, Decoded, Emit, MAX_COLUMNS, Malformed};

/// Takes rows in order.
pub(super) struct Table {
    /// What has become of them.
    pub(super) columns: Columns,
    parser: Parser,
}

impl Table {
    /// Begins a table; without types, rows are only looked at.
    pub(super) fn new(expected: Option<Arc<Expected>>) -> Self {
        Self::of(Columns::new(expected, 0))
    }

    /// Begins a table with columns that have no rows.
    pub(super) fn of(columns: Columns) -> Self {
        Self {
            columns,
            parser: Parser::default(),
        }
    }

    /// Takes a row.
    pub(super) fn take(
        &mut self,
        frame: &Frame<'_>,
        emit: &mut Emit<'_>,
    ) -> Result<(), DecodeError> {
        let row = self
            .parser
            .parse(frame.text)
            .map_err(|fault| frame.malformed(fault))?;
        self.columns.take(&row).map_err(|TooManyNames| {
            let (line, limit) = (frame.line, MAX_COLUMNS);
            Malformed::TooManyColumns { line, limit }
        })?;
        self.columns.complete(1, frame.text.len(), emit)
    }

    /// Takes the rows of a block.
    pub(super) fn take_all(
        &mut self,
        rows: &mut Rows<'_>,
        emit: &mut Emit<'_>,
    ) -> Result<(), DecodeError> {
        while self.take_some(rows, emit)? {}
        Ok(())
    }

    /// Takes the next row of a block, or several that are alike, and tells whether there were any. One that is wrong is
    /// not among several.
    pub(super) fn take_some(
        &mut self,
        rows: &mut Rows<'_>,
        emit: &mut Emit<'_>,
    ) -> Result<bool, DecodeError> {
        if self.parser.expects_alike()
            && let Some(alike) = self.parser.parse_alike(rows, self.columns.room())
        {
            self.columns.take_alike(&alike);
            self.columns.complete(alike.rows(), alike.bytes(), emit)?;
            return Ok(true);
        }
        match rows.next()? {
            Some(frame) => self.take(&frame, emit).map(|()| true),
            None => Ok(false),
        }
    }

    /// Ends the table, behind `rows` that others have emitted.
    pub(super) fn finish(mut self, rows: u64, emit: &mut Emit<'_>) -> Result<Decoded, DecodeError> {
        self.columns.flush(emit)?;
        let observed = self.columns.observed();
        if self.columns.expected().is_none() {
            return Err(DecodeError::Misfit { observed });
        }
        let rows = rows + self.columns.emitted();
        Ok(Decoded::of_rows(rows, observed))
    }
}
