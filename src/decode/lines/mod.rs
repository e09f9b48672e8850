//! Lines of text -> columns, cut by a pattern or by widths.
//!
//! Values are typed as those of a CSV file are, with the same null tokens, decimal marks and encodings; lines to skip
//! at the beginning and comments are those of the dialect, too. A line is everything up to LF or CRLF. Lines that
//! are blank do not count. The columns are told by the settings, so every file has all of them.

mod cut;

use std::io::Read;
use std::ops::ControlFlow;

use super::csv::{Table, encoding};
use super::text::TextLines;
use super::{DecodeError, Decoded, Emit};
use crate::config::{Dialect, Mark};
use crate::model::Shape;

pub(super) use cut::Cut;

/// Guesses the types from the beginning of a file, of which `whole` tells whether it is all.
pub(super) fn sniff(head: &[u8], whole: bool, cut: &Cut, dialect: &Dialect) -> Shape {
    let end = head.iter().rposition(|byte| *byte == b'\n');
    let end = if whole { head.len() } else { end.unwrap_or(0) };
    let mut table = Table::new(dialect);
    table.set_columns(cut.names(), None);
    // What is wrong is found again when the file is decoded.
    let _guess = read(&mut &head[..end], cut, dialect, &mut table, &mut |_| {
        ControlFlow::Continue(())
    });
    table.observed()
}

/// Decodes a text under `shape`.
pub(super) fn decode(
    input: &mut dyn Read,
    cut: &Cut,
    dialect: &Dialect,
    shape: &Shape,
    emit: &mut Emit<'_>,
) -> Result<Decoded, DecodeError> {
    let mut table = Table::new(dialect);
    table.set_columns(cut.names(), Some(shape));
    read(input, cut, dialect, &mut table, emit)?;
    table.finish(emit)
}

/// Reads the lines into `table`.
fn read(
    input: &mut dyn Read,
    cut: &Cut,
    dialect: &Dialect,
    table: &mut Table,
    emit: &mut Emit<'_>,
) -> Result<(), DecodeError> {
    let (charset, mut text) = encoding::open(input, dialect.encoding)?;
    let mut lines = TextLines::new(&mut *text, charset);
    for _ in 0..dialect.skip_lines {
        if !lines.skip()? {
            return Ok(());
        }
    }
    let comment = dialect.comment.map(Mark::byte);
    let mut fields = Vec::new();
    while let Some((number, line)) = lines.next()? {
        let is_comment = comment.is_some() && line.as_bytes().first().copied() == comment;
        if is_comment || line.trim_ascii().is_empty() {
            continue;
        }
        fields.clear();
        if !cut.apply(line, number, &mut fields)? {
            continue;
        }
        for (at, field) in fields.iter().enumerate() {
            table.take_text(at, field.map_or("", |(start, end)| &line[start..end]));
        }
        table.end_row(line.len(), emit)?;
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests;
