//! CSV and TSV in any [`Dialect`]: records -> typed columns.
//!
//! Bytes become UTF-8 ([`encoding`]), a delimiter is found where none is given ([`detect`]), text becomes records
//! ([`records`]), and values become columns here. What a dialect does not use costs nothing for a value: null tokens
//! and decimal commas have a way of their own.

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
