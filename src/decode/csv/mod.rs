//! CSV and TSV in any [`Dialect`]: records -> typed columns.
//!
//! Bytes become UTF-8 ([`encoding`]), what stands in front of the first record is passed and a delimiter is found where
//! none is given ([`front`], [`detect`]), the text is cut into blocks ([`cut`]), and each block is a job of its own
//! ([`reading`]): the places of its marks are found ([`structure`]), they make fields and rows ([`records`]), and values
//! become columns ([`table`]). What quotes, escapes and line ends mean is said byte by byte in [`splitter`] and [`walk`];
//! the fast ways have to agree with them, and tests compare the whole with csv-core.
//!
//! # Where the time goes
//!
//! For rows of a number, an instant, a number, two letters, an amount and a note (84 bytes, every seventh note quoted),
//! in CPU time of one thread, where csv-core takes 1 to split the rows and copy their fields, and does nothing else:
//!
//! | step | time |
//! |---|---|
//! | reading blocks and finding where to cut them | 0.15 (0.04 without quotes, 0.4 with every note quoted) |
//! | is it UTF-8? | 0.02 |
//! | the places of all marks | 0.1 |
//! | rows of fields, with the places | 0.3 |
//! | instants / whole numbers / amounts | 0.25 / 0.1 each / 0.13 |
//! | texts | 0.1 a column |
//! | all, to finished batches | 1.5 |
//!
//! So splitting is a fifth, and the limit is what it takes to read values and put them into columns; it falls with the
//! number of hands, since only reading and cutting are done by one. Tried and left: parsing amounts by the standard
//! library alone takes up to twice as long as the short way of [`parse_float`](crate::schema::parse_float).
//! Comments and escapes are walked through byte by byte to find where to cut, which takes longer than csv-core does.

mod at;
mod block_text;
mod cut;
mod decimal;
mod detect;
pub(super) mod encoding;
mod fault;
mod front;
mod reading;
mod records;
mod rows;
mod splitter;
mod structure;
mod table;
mod walk;

use std::io::{Cursor, Read};
use std::ops::ControlFlow;

use super::blocks::BLOCK_BYTES;
use super::{Charset, DecodeError, Decoded, Emit};
use crate::config::{Dialect, Mark};
use crate::crew::{Alone, Crew};
use crate::model::Shape;

use reading::Reading;

pub(super) use table::{Table, column_names};

/// Returns the same dialect for files whose name says that fields are separated by tabs.
pub(super) fn tabbed(dialect: &Dialect) -> Dialect {
    Dialect {
        delimiter: Some(Mark::TAB),
        ..dialect.clone()
    }
}

/// Guesses the columns from the beginning of a file, of which `whole` tells whether it is all.
pub(super) fn sniff(head: &[u8], whole: bool, dialect: &Dialect) -> Shape {
    // What is wrong is found again when the file is decoded.
    guess(head, whole, dialect).unwrap_or_default()
}

/// Reads the beginning of a file as far as its last line is whole: a value may be cut anywhere.
fn guess(head: &[u8], whole: bool, dialect: &Dialect) -> Result<Shape, DecodeError> {
    let (charset, mark) = encoding::recognise(head, dialect.encoding);
    let mut transcoded = Vec::new();
    let mut text = &head[mark..];
    if charset != Charset::Utf8 {
        let mut head = Cursor::new(head);
        let (_, mut reader) = encoding::open(&mut head, dialect.encoding)?;
        reader
            .read_to_end(&mut transcoded)
            .map_err(DecodeError::Read)?;
        text = &transcoded;
    }
    if !whole {
        let end = text.iter().rposition(|byte| matches!(byte, b'\n' | b'\r'));
        text = &text[..end.unwrap_or(0)];
    }
    let mut reading = Reading::new(&mut text, charset, dialect)?;
    let _guess = reading.read(
        None,
        &Alone,
        BLOCK_BYTES,
        &mut |_| ControlFlow::Continue(()),
    );
    Ok(reading.observed())
}

/// Decodes a text under `shape`.
pub(super) fn decode(
    input: &mut dyn Read,
    dialect: &Dialect,
    shape: &Shape,
    crew: &dyn Crew,
    emit: &mut Emit<'_>,
) -> Result<Decoded, DecodeError> {
    decode_in_blocks(BLOCK_BYTES, input, dialect, shape, crew, emit)
}

fn decode_in_blocks(
    block_bytes: usize,
    input: &mut dyn Read,
    dialect: &Dialect,
    shape: &Shape,
    crew: &dyn Crew,
    emit: &mut Emit<'_>,
) -> Result<Decoded, DecodeError> {
    let (charset, mut text) = encoding::open(input, dialect.encoding)?;
    let mut reading = Reading::new(&mut text, charset, dialect)?;
    reading.read(Some(shape), crew, block_bytes, emit)?;
    reading.finish()
}

/// Returns the line in which the row begins, counted from 0, if there are so many.
pub(super) fn line_of(
    input: &mut dyn Read,
    dialect: &Dialect,
    row: u64,
) -> Result<Option<u64>, DecodeError> {
    let (charset, mut text) = encoding::open(input, dialect.encoding)?;
    Reading::new(&mut text, charset, dialect)?.line_of(row)
}

#[cfg(test)]
mod tests;
