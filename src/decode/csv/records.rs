//! Splits CSV text into records, with line numbers and limits.
//!
//! The state machine is csv-core's. Around it: line ends between records are skipped here, so that the line on
//! which a record begins is known; and the end of the text is fed as one more line end, which closes every record
//! except one within quotes. That is how a quote that is never closed is noticed.

use std::cell::RefCell;
use std::io::{self, Read};
use std::rc::Rc;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use crate::decode::{DecodeError, MAX_COLUMNS, Malformed, RECORD_BYTES};
use crate::model::ByteSize;

/// Small files are many, and need no more.
const FIRST_BYTES: usize = 4 << 10;
const BUFFER_BYTES: usize = 128 << 10;
const BOM: &[u8] = b"\xef\xbb\xbf";

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
    reader: Rc<RefCell<Reader>>,
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
    /// Starts at the beginning of `input`, behind its byte order mark.
    pub(super) fn new(input: &'a mut dyn Read, delimiter: u8) -> Result<Self, DecodeError> {
        let mut records = Self {
            input,
            reader: new_reader(delimiter),
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
        while records.filled < BOM.len() && !records.at_end {
            records.read_more()?;
        }
        if records.buffer[..records.filled].starts_with(BOM) {
            records.position = BOM.len();
        }
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
        let line_before = self.reader.borrow().line();
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
                    self.line +=
                        self.reader.borrow().line() - line_before + u64::from(self.after_cr);
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
        let line = self.record_line;
        let not_text = move || DecodeError::from(Malformed::NotUtf8 { line });
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
        let (result, used, written, ended) = self.reader.borrow_mut().read_record(
            input,
            &mut self.text[self.text_len..],
            &mut self.ends[self.fields..],
        );
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

    /// Skips line ends and tells whether a record begins behind them.
    fn skip_line_ends(&mut self) -> Result<bool, DecodeError> {
        loop {
            while let Some(byte) = self.buffer[..self.filled].get(self.position) {
                match byte {
                    b'\n' if self.after_cr => self.after_cr = false,
                    b'\n' => self.line += 1,
                    b'\r' => {
                        self.line += 1;
                        self.after_cr = true;
                    }
                    _ => {
                        self.after_cr = false;
                        return Ok(true);
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

/// Returns a state machine at its beginning. Making one takes longer than reading a small file, so each thread keeps
/// the last, and takes it again once nobody reads with it. (A copy would not do: it is not whole in csv-core 0.1.)
fn new_reader(delimiter: u8) -> Rc<RefCell<Reader>> {
    thread_local! {
        static KEPT: RefCell<Option<(u8, Rc<RefCell<Reader>>)>> = const { RefCell::new(None) };
    }
    KEPT.with_borrow_mut(|kept| {
        if let Some((of, reader)) = kept
            && *of == delimiter
            && Rc::strong_count(reader) == 1
        {
            reader.borrow_mut().reset();
            return Rc::clone(reader);
        }
        let reader = ReaderBuilder::new().delimiter(delimiter).build();
        let reader = Rc::new(RefCell::new(reader));
        *kept = Some((delimiter, Rc::clone(&reader)));
        reader
    })
}
