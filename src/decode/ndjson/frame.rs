//! Cuts a JSON text of values into rows.
//!
//! Behind each other, or in an array, rows end where brackets are closed, so their bytes are looked at once for
//! brackets and quotes before they are parsed. What the brackets enclose is left to the parser: whatever is cut out
//! wrongly is not JSON either.

use std::io::{BufRead, BufReader, Read};

use super::Framing;
use super::parse::Fault;
use crate::decode::{DecodeError, JsonFault, Malformed, RECORD_BYTES};
use crate::model::ByteSize;

const BUFFER_BYTES: usize = 128 << 10;
/// What a text may begin with.
pub(super) const BOM: &[u8] = b"\xef\xbb\xbf";

/// The text of one row.
pub(super) struct Frame<'f> {
    /// The text.
    pub(super) text: &'f str,
    /// The line on which it begins.
    pub(super) line: u64,
    /// The bytes before it on that line.
    pub(super) column: usize,
    /// Where it ends.
    pub(super) framing: Framing,
}

impl Frame<'_> {
    /// Says what is wrong with the text.
    pub(super) fn malformed(&self, fault: Fault) -> Malformed {
        let (at, fault) = fault.parts();
        let before = self.text.as_bytes().get(..at).unwrap_or_default();
        let byte = match before.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => at - end,
            None => self.column + at + 1,
        };
        let fault = match (self.framing, fault) {
            (Framing::Values, JsonFault::UnexpectedEnd) => JsonFault::FileEnds,
            (_, fault) => fault,
        };
        let line = self.line + line_ends(before);
        Malformed::Json { line, byte, fault }
    }
}

/// Where in a text of values the next row is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At the front.
    Front,
    /// Behind one of several objects.
    Behind,
    /// Behind the bracket that opens the array.
    Opened,
    /// Behind an element of the array.
    Element,
    /// Behind the bracket that closes the array.
    Closed,
}

/// Reads the rows of a text of values.
pub(super) struct Frames<'r> {
    input: BufReader<&'r mut dyn Read>,
    place: Place,
    row: Vec<u8>,
    /// The line that is being read, from 1.
    line: u64,
    /// The bytes of it that have been read.
    column: usize,
}

impl<'r> Frames<'r> {
    /// Reads the rows of `input`.
    pub(super) fn new(input: &'r mut dyn Read) -> Self {
        Self {
            input: BufReader::with_capacity(BUFFER_BYTES, input),
            place: Place::Front,
            row: Vec::new(),
            line: 1,
            column: 0,
        }
    }

    /// Returns the next row.
    pub(super) fn next(&mut self) -> Result<Option<Frame<'_>>, DecodeError> {
        let Some((line, column)) = self.next_value()? else {
            return Ok(None);
        };
        let framing = Framing::Values;
        let text = std::str::from_utf8(&self.row).map_err(|_| Malformed::NotUtf8 { line })?;
        let text = text.trim_end_matches(['\n', '\r', ' ', '\t']);
        Ok(Some(Frame {
            text,
            line,
            column,
            framing,
        }))
    }

    /// Reads the next object, wherever it ends.
    fn next_value(&mut self) -> Result<Option<(u64, usize)>, DecodeError> {
        if self.place == Place::Front {
            self.skip_bom()?;
        }
        loop {
            let next = self.peek_token()?;
            self.place = match (self.place, next) {
                (Place::Front | Place::Behind | Place::Closed, None) => return Ok(None),
                (Place::Opened | Place::Element, None) => {
                    return Err(self.fault(JsonFault::FileEnds));
                }
                (Place::Front, Some(b'[')) => self.pass(Place::Opened),
                (Place::Opened | Place::Element, Some(b']')) => self.pass(Place::Closed),
                (Place::Front | Place::Behind, Some(b'{')) => {
                    self.place = Place::Behind;
                    return self.take_object().map(Some);
                }
                (Place::Opened, Some(b'{')) => {
                    self.place = Place::Element;
                    return self.take_object().map(Some);
                }
                (Place::Element, Some(b',')) => {
                    self.pass(Place::Element);
                    return match self.peek_token()? {
                        Some(b'{') => self.take_object().map(Some),
                        Some(b']') => Err(self.fault(JsonFault::ExpectedValue)),
                        Some(_) => Err(self.fault(JsonFault::NotAnElement)),
                        None => Err(self.fault(JsonFault::FileEnds)),
                    };
                }
                (Place::Element, Some(_)) => return Err(self.fault(JsonFault::ExpectedComma)),
                (Place::Behind | Place::Closed, Some(_)) => {
                    return Err(self.fault(JsonFault::TrailingText));
                }
                (Place::Front | Place::Opened, Some(_)) => {
                    return Err(self.fault(JsonFault::NotAnElement));
                }
            };
        }
    }

    /// Goes past one byte that is no line end.
    fn pass(&mut self, place: Place) -> Place {
        self.input.consume(1);
        self.column += 1;
        place
    }

    /// Skips a byte order mark, of which the first byte cannot begin anything else.
    fn skip_bom(&mut self) -> Result<(), DecodeError> {
        let first = self.fill()?.first().copied();
        if first == BOM.first().copied() {
            let mut mark = [0; BOM.len()];
            let cut = |error: std::io::Error| match error.kind() {
                std::io::ErrorKind::UnexpectedEof => Malformed::NotUtf8 { line: 1 }.into(),
                _ => DecodeError::Read(error),
            };
            self.input.read_exact(&mut mark).map_err(cut)?;
            if mark != BOM {
                return Err(self.fault(JsonFault::NotAnElement));
            }
        }
        Ok(())
    }

    /// Skips spaces and returns the byte behind them.
    fn peek_token(&mut self) -> Result<Option<u8>, DecodeError> {
        loop {
            let bytes = self.input.fill_buf().map_err(DecodeError::Read)?;
            if bytes.is_empty() {
                return Ok(None);
            }
            let is_space = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
            let spaces = bytes.iter().take_while(is_space).count();
            let next = bytes.get(spaces).copied();
            advance(&bytes[..spaces], &mut self.line, &mut self.column);
            self.input.consume(spaces);
            if next.is_some() {
                return Ok(next);
            }
        }
    }

    /// Reads an object to the bracket that closes it, or to the end, and returns where it begins.
    fn take_object(&mut self) -> Result<(u64, usize), DecodeError> {
        let start = (self.line, self.column);
        self.row.clear();
        let mut scan = Scan::default();
        loop {
            let bytes = self.input.fill_buf().map_err(DecodeError::Read)?;
            let end = scan.end(bytes);
            let taken = &bytes[..end.unwrap_or(bytes.len())];
            self.row.extend_from_slice(taken);
            advance(taken, &mut self.line, &mut self.column);
            let count = taken.len();
            self.input.consume(count);
            self.check_size(start.0)?;
            // Cut off by the end, it is for the parser to say where.
            if end.is_some() || count == 0 {
                return Ok(start);
            }
        }
    }

    fn check_size(&self, line: u64) -> Result<(), Malformed> {
        if self.row.len() > RECORD_BYTES {
            let limit = ByteSize(RECORD_BYTES as u64);
            return Err(Malformed::RecordTooLarge { line, limit });
        }
        Ok(())
    }

    fn fill(&mut self) -> Result<&[u8], DecodeError> {
        self.input.fill_buf().map_err(DecodeError::Read)
    }

    fn fault(&self, fault: JsonFault) -> DecodeError {
        let (line, byte) = (self.line, self.column + 1);
        Malformed::Json { line, byte, fault }.into()
    }
}

/// Moves a place in the text behind `bytes`.
fn advance(bytes: &[u8], line: &mut u64, column: &mut usize) {
    *line += line_ends(bytes);
    *column = match bytes.iter().rposition(|byte| *byte == b'\n') {
        Some(end) => bytes.len() - end - 1,
        None => *column + bytes.len(),
    };
}

fn line_ends(bytes: &[u8]) -> u64 {
    let is_end = |byte: &u8| u64::from(*byte == b'\n');
    bytes.iter().map(is_end).sum()
}

/// Looks for the bracket that closes the first.
#[derive(Default)]
struct Scan {
    depth: usize,
    in_string: bool,
    is_escaped: bool,
}

impl Scan {
    /// Returns the end of the value, if it is in these bytes.
    fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        for (at, byte) in bytes.iter().enumerate() {
            if self.is_escaped {
                self.is_escaped = false;
                continue;
            }
            match byte {
                b'\\' if self.in_string => self.is_escaped = true,
                b'"' => self.in_string = !self.in_string,
                _ if self.in_string => {}
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Some(at + 1);
                    }
                }
                _ => {}
            }
        }
        None
    }
}
