//! Rows of fields, as places in a text.

use super::splitter::{Action, Marks, Splitter};

/// Where a field is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

/// Set in the start of a span that is among the rewritten fields.
const REWRITTEN: u32 = 1 << 31;

impl Span {
    /// Returns the place from `start` up to `end` in a block.
    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a block is little longer than a record may be, far below 31 bits"
    )]
    pub(super) fn new(start: usize, end: usize) -> Self {
        Self {
            start: start as u32,
            end: end as u32,
        }
    }

    /// Returns the bytes at this place of a block; `None` where the field is not in the block.
    pub(super) fn within(self, block: &[u8]) -> Option<&[u8]> {
        block.get(self.start as usize..self.end as usize)
    }
}

/// The texts that spans are about.
pub(super) struct Texts<'b> {
    /// The block.
    pub(super) block: &'b str,
    /// Fields that are not in the block as they are: doubled quotes and escapes are gone.
    rewritten: String,
    scratch: Vec<u8>,
}

impl<'b> Texts<'b> {
    pub(super) fn new(block: &'b str) -> Self {
        Self {
            block,
            rewritten: String::new(),
            scratch: Vec::new(),
        }
    }

    /// Returns the field at a span.
    #[inline]
    pub(super) fn get(&self, span: Span) -> &str {
        if span.start & REWRITTEN == 0 {
            &self.block[span.start as usize..span.end as usize]
        } else {
            let start = span.start & !REWRITTEN;
            &self.rewritten[start as usize..span.end as usize]
        }
    }

    /// Rewrites the field that is written as `raw`; `None` where it says no text.
    pub(super) fn rewrite(&mut self, raw: &[u8], marks: Marks) -> Option<Span> {
        self.scratch.clear();
        match marks {
            Marks {
                escape: None,
                quote: Some(quote),
                ..
            } => {
                without_quotes(raw, quote, &mut self.scratch);
            }
            _ => without_marks(raw, marks, &mut self.scratch),
        }
        let text = std::str::from_utf8(&self.scratch).ok()?;
        let start = self.rewritten.len();
        self.rewritten.push_str(text);
        let span = Span::new(start, self.rewritten.len());
        Some(Span {
            start: span.start | REWRITTEN,
            ..span
        })
    }

    pub(super) fn forget_rewritten(&mut self) {
        self.rewritten.clear();
    }
}

/// Writes what a field that begins with a quote says.
fn without_quotes(raw: &[u8], quote: u8, text: &mut Vec<u8>) {
    let mut rest = raw.get(1..).unwrap_or_default();
    while let Some(at) = memchr::memchr(quote, rest) {
        text.extend_from_slice(&rest[..at]);
        let behind = &rest[at + 1..];
        match behind.split_first() {
            Some((next, later)) if *next == quote => {
                text.push(quote);
                rest = later;
            }
            _ => {
                // Behind the closing quote, a quote is a character like others.
                rest = behind;
                break;
            }
        }
    }
    text.extend_from_slice(rest);
}

fn without_marks(raw: &[u8], marks: Marks, text: &mut Vec<u8>) {
    let mut splitter = Splitter::new(marks);
    for byte in raw {
        match splitter.step(*byte) {
            Action::Copy => text.push(*byte),
            Action::CopyEscapeToo => text.extend(marks.escape.into_iter().chain([*byte])),
            Action::Drop | Action::EndField | Action::EndRecord => {}
        }
    }
}

/// Rows of equally many fields.
pub(super) struct Rows<'t, 'b> {
    /// The texts of the fields.
    pub(super) texts: &'t Texts<'b>,
    /// The fields, row by row.
    pub(super) spans: &'t [Span],
    /// Fields of a row.
    pub(super) width: usize,
}

impl Rows<'_, '_> {
    /// Returns the number of rows.
    pub(super) fn len(&self) -> usize {
        self.spans.len() / self.width.max(1)
    }

    /// Returns the fields of a column.
    #[inline]
    pub(super) fn column(&self, at: usize) -> impl Iterator<Item = &str> {
        let rows = self.spans.chunks_exact(self.width.max(1));
        rows.map(move |row| self.texts.get(row[at]))
    }
}
