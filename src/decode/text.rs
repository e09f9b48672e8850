//! Lines of text -> rows of a line and its number.
//!
//! Only ever by request: any file can be taken for lines. A line is everything up to LF or CRLF, blank ones too, and
//! what stands behind the last line end is a line if it is anything. Lines count from 1.

use std::io::{BufRead, BufReader, Read};
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Builder, StringBuilder};
use arrow::datatypes::DataType;

use super::batch::Gauge;
use super::cast::cast_array;
use super::typed::targets;
use super::{Charset, DecodeError, Decoded, Emit, Malformed, RECORD_BYTES};
use crate::model::{ByteSize, Shape};

const BUFFER_BYTES: usize = 128 << 10;
const BOM: &[u8] = b"\xef\xbb\xbf";
const LINE: &str = "line";
const NUMBER: &str = "line_number";

/// Returns the columns, which are the same for every file.
pub(super) fn shape() -> Shape {
    Shape::of(&[(LINE, DataType::Utf8), (NUMBER, DataType::Int64)])
}

/// Decodes a text under `under`.
pub(super) fn decode(
    input: &mut dyn Read,
    under: &Shape,
    emit: &mut Emit<'_>,
) -> Result<Decoded, DecodeError> {
    let observed = shape();
    let Some(targets) = targets(&observed, under) else {
        let own = [&DataType::Utf8, &DataType::Int64];
        read(input, &own, &mut |_| ControlFlow::Continue(()))?;
        return Err(DecodeError::Misfit { observed });
    };
    let rows = read(input, &targets, emit)?;
    Ok(Decoded::of_rows(rows, observed))
}

fn read(
    input: &mut dyn Read,
    targets: &[&DataType],
    emit: &mut Emit<'_>,
) -> Result<u64, DecodeError> {
    let mut text = TextLines::new(input, Charset::Utf8);
    let mut gauge = Gauge::default();
    let (mut lines, mut numbers) = (StringBuilder::new(), Int64Builder::new());
    let mut flush = |gauge: &mut Gauge, lines: &mut StringBuilder, numbers: &mut Int64Builder| {
        let columns: [ArrayRef; 2] = [Arc::new(lines.finish()), Arc::new(numbers.finish())];
        let columns = [LINE, NUMBER].into_iter().zip(columns).zip(targets);
        #[expect(clippy::expect_used, reason = "only types that hold them come here")]
        let columns = columns.map(|((name, column), target)| {
            let cast = cast_array(&column, target).expect("numbers and texts can be widened");
            (name, cast)
        });
        gauge.flush(columns, emit)
    };
    while let Some((number, line)) = text.next()? {
        lines.append_value(line);
        numbers.append_value(i64::try_from(number).unwrap_or(i64::MAX));
        if gauge.add_row(line.len(), 2) {
            flush(&mut gauge, &mut lines, &mut numbers)?;
        }
    }
    flush(&mut gauge, &mut lines, &mut numbers)?;
    Ok(gauge.emitted())
}

/// The lines of a text, with their numbers.
pub(super) struct TextLines<'a> {
    input: BufReader<&'a mut dyn Read>,
    /// What the text was in before it became UTF-8.
    charset: Charset,
    bytes: Vec<u8>,
    number: u64,
}

impl<'a> TextLines<'a> {
    /// Starts at the beginning of `input`, which is a text in UTF-8 that was in `charset`.
    pub(super) fn new(input: &'a mut dyn Read, charset: Charset) -> Self {
        Self {
            input: BufReader::with_capacity(BUFFER_BYTES, input),
            charset,
            bytes: Vec::new(),
            number: 0,
        }
    }

    /// Returns the next line without its end, and its number.
    pub(super) fn next(&mut self) -> Result<Option<(u64, &str)>, DecodeError> {
        if !self.skip()? {
            return Ok(None);
        }
        let line = match self.bytes.strip_prefix(BOM) {
            Some(rest) if self.number == 1 => rest,
            _ => &self.bytes,
        };
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let (number, charset) = (self.number, self.charset);
        let text = std::str::from_utf8(line).map_err(|_| match charset {
            Charset::Utf8 => Malformed::NotUtf8 { line: number },
            _ => Malformed::NotText {
                line: number,
                charset,
            },
        })?;
        Ok(Some((number, text)))
    }

    /// Reads the next line, whatever is in it, and tells whether there is one.
    pub(super) fn skip(&mut self) -> Result<bool, DecodeError> {
        self.bytes.clear();
        let count = (&mut self.input)
            .take(RECORD_BYTES as u64 + 1)
            .read_until(b'\n', &mut self.bytes)
            .map_err(DecodeError::Read)?;
        self.number += u64::from(count > 0);
        if count > RECORD_BYTES {
            return Err(Malformed::RecordTooLarge {
                line: self.number,
                limit: ByteSize(RECORD_BYTES as u64),
            }
            .into());
        }
        Ok(count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Kind;
    use crate::decode::testing::{grid, guess, observe, plain, run};

    #[test]
    fn every_line_is_a_row_with_its_number() {
        for (text, expected) in [
            ("", &[][..]),
            ("a", &[["a", "1"]]),
            (
                "\u{feff}a,b\r\n\n  x \"\n",
                &[["a,b", "1"], ["", "2"], ["  x \"", "3"]],
            ),
            ("\n\u{e9}\rz", &[["", "1"], ["\u{e9}\rz", "2"]]),
        ] {
            let how = plain(Kind::Text);
            assert_eq!(guess(text.as_bytes(), how).unwrap(), shape());
            assert_eq!(observe(text.as_bytes(), how).unwrap(), shape());
            let (result, batches) = run(text.as_bytes(), how, &shape());
            assert_eq!(result.unwrap().rows, expected.len() as u64);
            assert_eq!(grid(&batches), expected, "{text:?}");
        }
    }

    #[test]
    fn lines_that_are_no_text_or_too_long_are_malformed() {
        let line = 2;
        let limit = ByteSize(RECORD_BYTES as u64);
        let long = [b"a\n".to_vec(), vec![b'x'; RECORD_BYTES + 1]].concat();
        for (bytes, expected) in [
            (b"a\n\xff\n".to_vec(), Malformed::NotUtf8 { line }),
            (long, Malformed::RecordTooLarge { line, limit }),
        ] {
            match run(&bytes, plain(Kind::Text), &shape()).0 {
                Err(DecodeError::Malformed(found)) => assert_eq!(found, expected),
                other => panic!("{other:?}"),
            }
        }
    }
}
