//! What stands in front of the first record, and what it says about the text.

use std::io::{self, Cursor, Read};

use super::detect::{self, LOOK_BYTES, Look};
use super::splitter::Marks;
use crate::config::{Dialect, Mark};
use crate::decode::DecodeError;

/// Small files are many, and need no more.
const FIRST_BYTES: usize = 4 << 10;
/// A byte order mark, where it does not begin the file.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// A text from its first record on.
pub(super) struct Front<'r> {
    input: &'r mut dyn Read,
    /// What has been read and not passed.
    ahead: Vec<u8>,
    position: usize,
    at_end: bool,
    after_cr: bool,
    line: u64,
    marks: Marks,
}

impl<'r> Front<'r> {
    /// Passes what stands in front of the first record, and finds the delimiter.
    pub(super) fn new(input: &'r mut dyn Read, dialect: &Dialect) -> Result<Self, DecodeError> {
        let byte = |mark: Option<Mark>| mark.map(Mark::byte);
        let mut front = Self {
            input,
            ahead: Vec::new(),
            position: 0,
            at_end: false,
            after_cr: false,
            line: 1,
            marks: Marks {
                delimiter: dialect.delimiter.map_or(b',', Mark::byte),
                quote: byte(dialect.quote),
                escape: byte(dialect.escape),
                comment: byte(dialect.comment),
            },
        };
        front.skip_lines(dialect.skip_lines)?;
        front.skip_line_ends()?;
        if dialect.delimiter.is_none() {
            front.marks.delimiter = front.detect(&detect::candidates(dialect))?;
        }
        front.skip_mark()?;
        Ok(front)
    }

    /// Returns the marks of the text.
    pub(super) fn marks(&self) -> Marks {
        self.marks
    }

    /// Returns the line in which the first record begins.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Returns the text.
    pub(super) fn into_text(mut self) -> impl Read + 'r {
        self.ahead.drain(..self.position);
        Cursor::new(self.ahead).chain(self.input)
    }

    /// Skips this many lines, whatever is in them.
    fn skip_lines(&mut self, count: u64) -> Result<(), DecodeError> {
        while self.line <= count
            && let Some(byte) = self.peek()?
        {
            match byte {
                b'\n' | b'\r' => self.pass_line_end(byte),
                _ => self.after_cr = false,
            }
            self.position += 1;
        }
        Ok(())
    }

    /// Skips line ends and comments.
    fn skip_line_ends(&mut self) -> Result<(), DecodeError> {
        let mut in_comment = false;
        while let Some(byte) = self.peek()? {
            match byte {
                b'\n' | b'\r' => {
                    in_comment = false;
                    self.pass_line_end(byte);
                }
                _ if in_comment => {}
                byte => {
                    self.after_cr = false;
                    if self.marks.comment != Some(byte) {
                        return Ok(());
                    }
                    in_comment = true;
                }
            }
            self.position += 1;
        }
        Ok(())
    }

    /// Counts a line end.
    fn pass_line_end(&mut self, byte: u8) {
        let belongs_to_cr = byte == b'\n' && self.after_cr;
        self.line += u64::from(!belongs_to_cr);
        self.after_cr = byte == b'\r';
    }

    /// Skips a mark that an escape's dialect would take for text.
    fn skip_mark(&mut self) -> Result<(), DecodeError> {
        while self.ahead.len() < self.position + MARK.len() && !self.at_end {
            self.read_more(FIRST_BYTES)?;
        }
        if self.marks.escape.is_none() && self.ahead[self.position..].starts_with(MARK) {
            self.position += MARK.len();
            self.skip_line_ends()?;
        }
        Ok(())
    }

    /// Finds the delimiter of the first record.
    fn detect(&mut self, candidates: &[u8]) -> Result<u8, DecodeError> {
        let mut wanted = FIRST_BYTES;
        loop {
            let text = &self.ahead[self.position..];
            let all = self.at_end || text.len() >= LOOK_BYTES;
            let text = &text[..text.len().min(LOOK_BYTES)];
            if let Look::Delimiter(delimiter) = detect::look(text, all, candidates, self.marks) {
                return Ok(delimiter);
            }
            while self.ahead.len() - self.position < wanted && !self.at_end {
                self.read_more(wanted)?;
            }
            wanted = (2 * wanted).min(LOOK_BYTES);
        }
    }

    /// Returns the next byte, if there is one.
    #[inline]
    fn peek(&mut self) -> Result<Option<u8>, DecodeError> {
        while self.position == self.ahead.len() && !self.at_end {
            self.ahead.clear();
            self.position = 0;
            self.read_more(FIRST_BYTES)?;
        }
        Ok(self.ahead.get(self.position).copied())
    }

    /// Reads some bytes, `most` at the most.
    fn read_more(&mut self, most: usize) -> Result<(), DecodeError> {
        let before = self.ahead.len();
        self.ahead.resize(before + most, 0);
        let read = self.input.read(&mut self.ahead[before..]);
        self.ahead.truncate(before + *read.as_ref().unwrap_or(&0));
        match read {
            Ok(count) => self.at_end = count == 0,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(DecodeError::Read(error)),
        }
        Ok(())
    }
}
