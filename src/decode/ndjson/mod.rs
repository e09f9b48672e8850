//! NDJSON and JSON: objects -> typed columns.
//!
//! The two differ only in where a row ends: in NDJSON at the end of the line, in JSON where the object's brackets
//! are closed. [`Framing`] says which, and from there on a row is a row.
//!
//! # The way of a row
//! - A text of lines is cut into blocks, which all hands decode side by side; [`spread`] puts together what comes of
//!   them. A text of values has to be read from front to back to know where a row begins: [`frame`] does.
//! - [`parse`] checks a row and lays its values out on a [`tape`], with the help of the [`keys`] that came before; rows of
//!   a block that are [`alike`] are laid out together.
//! - [`columns`] join what is [`seen`] and [`build`] the arrays.
//!
//! # Where the time goes
//! Rows of seven short values (150 bytes) take six tenths of it in the parser, three in the columns (half of that
//! for instants, a quarter for the bytes of texts), and one in finding line ends and checking UTF-8. No step stands out:
//! what is left to gain are instructions. A first load spends a third of its processor time here, somewhat less in zstd,
//! a fifth in Parquet's encoders, and the rest in hashing and reading. What helps, in the order of what it gave:
//! - a key is compared, in place, with the one that stood there in the row before, or in an object with the one that
//!   followed last time, and its number finds its column;
//! - a column in which what is seen is what is built is not observed any more, and takes the values of many rows that
//!   are [`alike`] at once (a twelfth of a first load);
//! - numbers are read while their end is looked for, and strings are passed by many bytes at a time;
//! - UTF-8 is checked once for a block, and rows are not copied;
//! - a block that is not handed on is small enough to stay in a cache from reading to parsing.
//!
//! What costs: keys beyond the [limit](keys) of those that get a number, escapes, and numbers of more digits than a word
//! holds or with exponents, which are read again where they are built.

mod alike;
mod build;
mod columns;
mod doubles;
mod escape;
mod fields;
mod frame;
mod keys;
mod parse;
mod part;
mod rows;
mod scan;
mod seen;
mod single;
mod spread;
mod table;
mod tape;

use std::io::Read;
use std::ops::ControlFlow;

use super::blocks::{BLOCK_BYTES, Blocks, Lines};
use super::{DecodeError, Decoded, Emit};
use crate::crew::Crew;
use crate::model::Shape;

use columns::expected;
use frame::{BOM, Frames};
use rows::Rows;
use table::Table;

/// Bytes of a block where one pair of hands reads, hashes and parses it: as many as a second cache has room for.
const CACHED_BYTES: usize = 256 << 10;

/// Where a row ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// At the end of the line.
    Lines,
    /// Where the object ends: one object, several, or an array of them.
    Values,
}

/// Guesses the columns from the beginning of a text, of which `whole` tells whether it is all.
pub(super) fn sniff(head: &[u8], framing: Framing, whole: bool) -> Shape {
    let end = match head.iter().rposition(|byte| *byte == b'\n') {
        // An object that is cut off ends the look.
        _ if whole || framing == Framing::Values => head.len(),
        Some(end) => end,
        None => 0,
    };
    let head = &head[..end];
    let mut table = Table::new(None);
    let mut ignore = |_| ControlFlow::Continue(());
    // What is wrong is found again when the file is decoded.
    let _guess = match framing {
        Framing::Lines => {
            let text = head.strip_prefix(BOM).unwrap_or(head);
            table.take_all(&mut Rows::new(text, 0), &mut ignore)
        }
        Framing::Values => take_values(&mut table, &mut &*head, &mut ignore),
    };
    table.columns.observed()
}

/// Decodes a text under `shape`.
pub(super) fn decode(
    input: &mut dyn Read,
    framing: Framing,
    shape: &Shape,
    crew: &dyn Crew,
    emit: &mut Emit<'_>,
) -> Result<Decoded, DecodeError> {
    let expected = expected(shape);
    match framing {
        Framing::Lines => {
            let bytes = match crew.hands() {
                0 | 1 => CACHED_BYTES,
                _ => BLOCK_BYTES,
            };
            spread::decode(&mut blocks(input, bytes), expected, crew, emit)
        }
        Framing::Values => {
            let mut table = Table::new(Some(expected));
            take_values(&mut table, input, emit)?;
            table.finish(0, emit)
        }
    }
}

/// Returns the line in which the row begins, counted from 0, if there are so many.
pub(super) fn line_of(
    input: &mut dyn Read,
    framing: Framing,
    row: u64,
) -> Result<Option<u64>, DecodeError> {
    let mut behind = 0;
    let mut is_here = || {
        behind += 1;
        behind > row
    };
    match framing {
        Framing::Lines => {
            let (mut blocks, mut lines) = (blocks(input, CACHED_BYTES), 0);
            let mut used = Vec::new();
            while let Some(block) = blocks(used)? {
                let mut rows = Rows::new(&block, lines);
                while let Some(frame) = rows.next()? {
                    if is_here() {
                        return Ok(Some(frame.line));
                    }
                }
                lines = rows.place().lines;
                used = block;
            }
        }
        Framing::Values => {
            let mut frames = Frames::new(input);
            while let Some(frame) = frames.next()? {
                if is_here() {
                    return Ok(Some(frame.line));
                }
            }
        }
    }
    Ok(None)
}

/// Cuts lines into blocks of so many bytes, without a byte order mark in front of them.
fn blocks(
    input: &mut dyn Read,
    bytes: usize,
) -> impl FnMut(Vec<u8>) -> Result<Option<Vec<u8>>, DecodeError> {
    let mut blocks = Blocks::new(input, Lines).of(bytes);
    let mut is_front = true;
    move |used| {
        let mut block = blocks.next(used)?;
        if let Some(text) = block
            .as_mut()
            .filter(|text| is_front && text.starts_with(BOM))
        {
            text.drain(..BOM.len());
        }
        is_front = false;
        Ok(block)
    }
}

fn take_values(
    table: &mut Table,
    input: &mut dyn Read,
    emit: &mut Emit<'_>,
) -> Result<(), DecodeError> {
    let mut frames = Frames::new(input);
    while let Some(frame) = frames.next()? {
        table.take(&frame, emit)?;
    }
    Ok(())
}

#[cfg(test)]
mod alike_tests;
#[cfg(test)]
mod parse_tests;
#[cfg(test)]
mod spread_tests;
#[cfg(test)]
mod suite;
#[cfg(test)]
mod tests;
