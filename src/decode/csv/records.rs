//! Splits CSV text into records, with line numbers and limits.
//!
//! The state machine is csv-core's, and ours where there is an escape. Around it: line ends and comments between
//! records are skipped here, so that the line on which a record begins is known; and the end of the text is fed as
//! one more line end, which closes every record except one within quotes. That is how a quote that is never closed
//! is noticed.
//!
//! Line ends are LF, CRLF and lone CR, also mixed. A CR within quotes counts as a line where records end in such.

use std::cell::RefCell;
use std::io::{self, Read};
use std::rc::Rc;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::detect::{self, LOOK_BYTES, Look};
use super::splitter::{Marks, Splitter};
use crate::config::{Dialect, Mark};
use crate::decode::{Charset, DecodeError, MAX_COLUMNS, Malformed, RECORD_BYTES};
use crate::model::ByteSize;

/// Small files are many, and need no more.
const FIRST_BYTES: usize = 4 << 10;
const BUFFER_BYTES: usize = 128 << 10;

/// What comes next in the text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A record, to be had from [`Records::fields`].
    Record,
    /// The end of the text.
    End,
}

/// The records of a CSV text.
pub(super) struct Records<'a> {
    input: &'a mut dyn Read,
    charset: Charset,
    machine: Machine,
    comment: Option<u8>,
    buffer: Vec<u8>,
    position: usize,
    filled: usize,
    at_end: bool,
    after_cr: bool,
    line: u64,
    record_line: u64,
    record_bytes: usize,
    text: Vec<u8>,
    text_len: usize,
    ends: Vec<usize>,
    fields: usize,
}

impl<'a> Records<'a> {
    /// Starts at the beginning of `input`, which is a text in UTF-8 that was in `charset`.
    pub(super) fn new(
        input: &'a mut dyn Read,
        charset: Charset,
        dialect: &Dialect,
    ) -> Result<Self, DecodeError> {
        let byte = |mark: Option<Mark>| mark.map(Mark::byte);
        let marks = Marks {
            delimiter: dialect.delimiter.map_or(b',', Mark::byte),
            quote: byte(dialect.quote),
            escape: byte(dialect.escape),
            comment: byte(dialect.comment),
        };
        let mut records = Self {
            input,
            charset,
            machine: Machine::Own(Splitter::new(marks)),
            comment: marks.comment,
            buffer: vec![0; FIRST_BYTES],
            position: 0,
            filled: 0,
            at_end: false,
            after_cr: false,
            line: 1,
            record_line: 1,
            record_bytes: 0,
            text: vec![0; 4096],
            text_len: 0,
            ends: vec![0; 64],
            fields: 0,
        };
        records.skip_lines(dialect.skip_lines)?;
        let delimiter = match dialect.delimiter {
            Some(delimiter) => delimiter.byte(),
            None => records.detect(&detect::candidates(dialect), marks)?,
        };
        records.machine = Machine::new(Marks { delimiter, ..marks });
        Ok(records)
    }

    /// Reads the next record.
    pub(super) fn step(&mut self) -> Result<Step, DecodeError> {
        if !self.skip_line_ends()? {
            return Ok(Step::End);
        }
        self.record_line = self.line;
        self.record_bytes = 0;
        self.text_len = 0;
        self.fields = 0;
        let line_before = self.machine.line();
        loop {
            if self.position == self.filled {
                self.read_more()?;
            }
            let closing = self.position == self.filled;
            let (result, used) = self.feed(closing);
            match result {
                ReadRecordResult::Record => {
                    if !closing {
                        self.after_cr = self.buffer[self.position - 1] == b'\r';
                    }
                    self.line += self.machine.line() - line_before + u64::from(self.after_cr);
                    return Ok(Step::Record);
                }
                ReadRecordResult::End => return Ok(Step::End),
                _ if closing && used == 0 => {}
                ReadRecordResult::InputEmpty if closing => {
                    let line = self.record_line;
                    return Err(Malformed::UnclosedQuote { line }.into());
                }
                _ => {}
            }
            self.make_room(&result)?;
        }
    }

    /// Returns the line on which the record begins.
    pub(super) fn record_line(&self) -> u64 {
        self.record_line
    }

    /// Returns the bytes of the record, with its delimiters and quotes.
    pub(super) fn record_bytes(&self) -> usize {
        self.record_bytes
    }

    /// Returns the number of fields of the record.
    pub(super) fn len(&self) -> usize {
        self.fields
    }

    /// Returns the record's fields.
    pub(super) fn fields(
        &self,
    ) -> Result<impl Iterator<Item = Result<&str, DecodeError>>, DecodeError> {
        let (line, charset) = (self.record_line, self.charset);
        let not_text = move || {
            DecodeError::from(match charset {
                Charset::Utf8 => Malformed::NotUtf8 { line },
                _ => Malformed::NotText { line, charset },
            })
        };
        let text = std::str::from_utf8(&self.text[..self.text_len]).map_err(|_| not_text())?;
        let mut start = 0;
        Ok(self.ends[..self.fields].iter().map(move |&end| {
            let begin = std::mem::replace(&mut start, end);
            // Two halves of one character in two fields look well when they are put together.
            text.get(begin..end).ok_or_else(not_text)
        }))
    }

    /// Feeds the state machine from the buffer, or with the line end that closes the last record.
    fn feed(&mut self, closing: bool) -> (ReadRecordResult, usize) {
        let input = if closing {
            &b"\n"[..]
        } else {
            &self.buffer[self.position..self.filled]
        };
        let text = &mut self.text[self.text_len..];
        let ends = &mut self.ends[self.fields..];
        let (result, used, written, ended) = match &mut self.machine {
            Machine::Core(reader) => reader.borrow_mut().read_record(input, text, ends),
            Machine::Own(splitter) => splitter.read_record(input, text, ends),
        };
        if !closing {
            self.position += used;
        }
        self.record_bytes += used;
        self.text_len += written;
        self.fields += ended;
        (result, used)
    }

    fn make_room(&mut self, result: &ReadRecordResult) -> Result<(), DecodeError> {
        let line = self.record_line;
        if self.record_bytes > RECORD_BYTES {
            let limit = ByteSize(RECORD_BYTES as u64);
            return Err(Malformed::RecordTooLarge { line, limit }.into());
        }
        match result {
            ReadRecordResult::OutputFull => self.text.resize(self.text.len() * 2, 0),
            ReadRecordResult::OutputEndsFull => {
                if self.fields > MAX_COLUMNS {
                    let limit = MAX_COLUMNS;
                    return Err(Malformed::TooManyColumns { line, limit }.into());
                }
                self.ends.resize(self.ends.len() * 2, 0);
            }
            _ => {}
        }
        Ok(())
    }

    /// Skips line ends and comments, and tells whether a record begins behind them.
    fn skip_line_ends(&mut self) -> Result<bool, DecodeError> {
        let mut in_comment = false;
        loop {
            while let Some(byte) = self.buffer[..self.filled].get(self.position) {
                match byte {
                    b'\n' | b'\r' => {
                        in_comment = false;
                        self.pass_line_end(*byte);
                    }
                    _ if in_comment => {}
                    byte => {
                        if self.after_cr {
                            self.after_cr = false;
                            self.line += lone_crs(&self.text[..self.text_len]);
                        }
                        if self.comment != Some(*byte) {
                            return Ok(true);
                        }
                        in_comment = true;
                        self.text_len = 0;
                    }
                }
                self.position += 1;
            }
            if self.at_end {
                return Ok(false);
            }
            self.read_more()?;
        }
    }

    /// Counts a line end that is not within a record.
    fn pass_line_end(&mut self, byte: u8) {
        let belongs_to_cr = byte == b'\n' && self.after_cr;
        self.line += u64::from(!belongs_to_cr);
        self.after_cr = byte == b'\r';
    }

    /// Skips this many lines, whatever is in them.
    fn skip_lines(&mut self, count: u64) -> Result<(), DecodeError> {
        while self.line <= count && !(self.at_end && self.position == self.filled) {
            if self.position == self.filled {
                self.read_more()?;
                continue;
            }
            match self.buffer[self.position] {
                byte @ (b'\n' | b'\r') => self.pass_line_end(byte),
                _ => self.after_cr = false,
            }
            self.position += 1;
        }
        Ok(())
    }

    /// Finds the delimiter of the first record.
    fn detect(&mut self, candidates: &[u8], marks: Marks) -> Result<u8, DecodeError> {
        let mut wanted = FIRST_BYTES;
        self.skip_line_ends()?;
        loop {
            let text = &self.buffer[self.position..self.filled];
            let all = self.at_end || text.len() >= LOOK_BYTES;
            let text = &text[..text.len().min(LOOK_BYTES)];
            if let Look::Delimiter(delimiter) = detect::look(text, all, candidates, marks) {
                return Ok(delimiter);
            }
            self.gather(wanted)?;
            wanted = (2 * wanted).min(LOOK_BYTES);
        }
    }

    /// Reads until there are `wanted` bytes in the buffer, or all that there are.
    fn gather(&mut self, wanted: usize) -> Result<(), DecodeError> {
        self.buffer.copy_within(self.position..self.filled, 0);
        self.filled -= self.position;
        self.position = 0;
        if self.buffer.len() < wanted {
            self.buffer.resize(BUFFER_BYTES, 0);
        }
        while self.filled < wanted && !self.at_end {
            self.read_more()?;
        }
        Ok(())
    }

    /// Refills the buffer, which has been used up (or is being filled for the first time).
    fn read_more(&mut self) -> Result<(), DecodeError> {
        if self.at_end {
            return Ok(());
        }
        if self.position == self.filled {
            if self.filled == self.buffer.len() && self.filled < BUFFER_BYTES {
                self.buffer = vec![0; BUFFER_BYTES];
            }
            self.position = 0;
            self.filled = 0;
        }
        loop {
            match self.input.read(&mut self.buffer[self.filled..]) {
                Ok(count) => {
                    self.at_end = count == 0;
                    self.filled += count;
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(DecodeError::Read(error)),
            }
        }
    }
}

/// Splits text into records.
enum Machine {
    Core(Rc<RefCell<Reader>>),
    Own(Splitter),
}

impl Machine {
    fn new(marks: Marks) -> Self {
        match marks.escape {
            Some(_) => Self::Own(Splitter::new(marks)),
            None => Self::Core(new_reader(marks.delimiter, marks.quote)),
        }
    }

    fn line(&self) -> u64 {
        match self {
            Self::Core(reader) => reader.borrow().line(),
            Self::Own(splitter) => splitter.line(),
        }
    }
}

/// Counts the CRs that end a line by themselves.
fn lone_crs(text: &[u8]) -> u64 {
    let behind = text.iter().skip(1).map(Some).chain([None]);
    let lone = text
        .iter()
        .zip(behind)
        .filter(|(byte, next)| **byte == b'\r' && *next != Some(&b'\n'));
    lone.count() as u64
}

type Kept = (u8, Option<u8>, Rc<RefCell<Reader>>);

/// Returns a state machine at its beginning. Making one takes longer than reading a small file, so each thread keeps
/// the last, and takes it again once nobody reads with it. (A copy would not do: it is not whole in csv-core 0.1.)
fn new_reader(delimiter: u8, quote: Option<u8>) -> Rc<RefCell<Reader>> {
    thread_local! {
        static KEPT: RefCell<Option<Kept>> = const { RefCell::new(None) };
    }
    KEPT.with_borrow_mut(|kept| {
        if let Some((of, with, reader)) = kept
            && (*of, *with) == (delimiter, quote)
            && Rc::strong_count(reader) == 1
        {
            reader.borrow_mut().reset();
            return Rc::clone(reader);
        }
        let reader = ReaderBuilder::new()
            .delimiter(delimiter)
            .quote(quote.unwrap_or(b'"'))
            .quoting(quote.is_some())
            .build();
        let reader = Rc::new(RefCell::new(reader));
        *kept = Some((delimiter, quote, Rc::clone(&reader)));
        reader
    })
}
