//! A block's bytes as text, also where they are none: who is to blame is found record by record.

use std::borrow::Cow;

use super::splitter::Marks;

/// A block as text. What is none is replaced by a byte that means nothing, so that every mark stays in its place.
pub(super) struct BlockText<'b> {
    raw: &'b [u8],
    text: Cow<'b, str>,
}

impl<'b> BlockText<'b> {
    /// Reads a block of a text with these marks.
    pub(super) fn new(raw: &'b [u8], marks: Marks) -> Self {
        let text = match std::str::from_utf8(raw) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => Cow::Owned(filled(raw, marks)),
        };
        Self { raw, text }
    }

    /// Returns the bytes of the block.
    pub(super) fn raw(&self) -> &'b [u8] {
        self.raw
    }

    /// Returns the text.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Tells whether not all bytes are text.
    pub(super) fn is_flawed(&self) -> bool {
        matches!(self.text, Cow::Owned(_))
    }
}

fn filled(block: &[u8], marks: Marks) -> String {
    let taken = |byte: &char| {
        let marks = [
            Some(marks.delimiter),
            marks.quote,
            marks.escape,
            marks.comment,
        ];
        marks
            .iter()
            .flatten()
            .any(|mark| char::from(*mark) == *byte)
    };
    let filler = ('!'..='~').find(|byte| !taken(byte)).unwrap_or('?');
    let mut text = String::with_capacity(block.len());
    for chunk in block.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| filler));
    }
    text
}
