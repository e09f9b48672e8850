//! Cuts a block of lines into rows.

use std::ops::Range;

use super::Framing;
use super::frame::Frame;
use super::scan::line_ends;
use crate::decode::{Malformed, RECORD_BYTES};
use crate::model::ByteSize;

/// What of a block is behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Bytes, up to a line end.
    pub(super) bytes: usize,
    /// Lines.
    pub(super) lines: u64,
}

/// The lines of a block that are not blank.
pub(super) struct Rows<'b> {
    /// The front of the block up to the line, if there is one, that is no text.
    text: &'b str,
    /// The line that is no text, with what follows it.
    rest: &'b [u8],
    at: usize,
    /// The lines before `at`.
    lines: u64,
    /// Where in the text lines end that are not behind.
    ends: std::vec::IntoIter<usize>,
}

impl<'b> Rows<'b> {
    /// Begins a block, or the rest of one, behind this many lines.
    pub(super) fn new(block: &'b [u8], lines: u64) -> Self {
        let (text, rest) = match std::str::from_utf8(block) {
            Ok(text) => (text, &[][..]),
            Err(error) => {
                let valid = &block[..error.valid_up_to()];
                let end = memchr::memrchr(b'\n', valid).map_or(0, |end| end + 1);
                // What is valid as a whole is so up to the line end.
                let text = std::str::from_utf8(&valid[..end]).unwrap_or_default();
                (text, &block[end..])
            }
        };
        Self {
            text,
            rest,
            at: 0,
            lines,
            ends: line_ends(text.as_bytes()).into_iter(),
        }
    }

    /// Returns how far it is.
    pub(super) fn place(&self) -> Place {
        let (bytes, lines) = (self.at, self.lines);
        Place { bytes, lines }
    }

    /// Returns the text that has the rows, and where in it the next line stands, without the spaces at its end; `None`
    /// where there is none, or something is wrong with it.
    pub(super) fn ahead(&self) -> Option<(&'b str, Range<usize>)> {
        let (start, end) = (self.at, self.end_of_line());
        let is_there = start < end && end - start <= RECORD_BYTES;
        let line = self.text.get(start..end).filter(|_| is_there)?;
        Some((self.text, start..start + without_spaces(line).len()))
    }

    /// Goes behind that line.
    pub(super) fn pass(&mut self) {
        self.at = self.end_of_line();
        self.ends.next();
        self.lines += 1;
    }

    /// Returns the next row.
    pub(super) fn next(&mut self) -> Result<Option<Frame<'b>>, Malformed> {
        while let Some(line) = self.next_line()? {
            let text = without_spaces(line);
            if !text.is_empty() {
                let (line, column, framing) = (self.lines, 0, Framing::Lines);
                return Ok(Some(Frame {
                    text,
                    line,
                    column,
                    framing,
                }));
            }
        }
        if self.rest.is_empty() {
            return Ok(None);
        }
        let line = self.lines + 1;
        let end = memchr::memchr(b'\n', self.rest).map_or(self.rest.len(), |end| end + 1);
        check_size(end, line)?;
        Err(Malformed::NotUtf8 { line })
    }

    fn next_line(&mut self) -> Result<Option<&'b str>, Malformed> {
        let start = self.at;
        if start == self.text.len() {
            return Ok(None);
        }
        check_size(self.end_of_line() - start, self.lines + 1)?;
        self.pass();
        Ok(Some(&self.text[start..self.at]))
    }

    fn end_of_line(&self) -> usize {
        let ends = self.ends.as_slice();
        ends.first().map_or(self.text.len(), |end| end + 1)
    }
}

/// Returns a line without the spaces at its end.
fn without_spaces(line: &str) -> &str {
    let is_space = |byte: &u8| matches!(byte, b'\n' | b'\r' | b' ' | b'\t');
    let spaces = line.bytes().rev().take_while(is_space).count();
    &line[..line.len() - spaces]
}

fn check_size(bytes: usize, line: u64) -> Result<(), Malformed> {
    if bytes > RECORD_BYTES {
        let limit = ByteSize(RECORD_BYTES as u64);
        return Err(Malformed::RecordTooLarge { line, limit });
    }
    Ok(())
}
