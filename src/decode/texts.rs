//! Builds columns of text.
//!
//! Most columns are text, and most of their values are short: a value costs two appends. Values cannot be read back before
//! the column is finished; that they are text, and where each begins, is checked once more then, all at once.

use std::sync::Arc;

use arrow::array::{ArrayRef, NullBufferBuilder, StringArray};
use arrow::buffer::{Buffer, OffsetBuffer};

/// A column of text under construction.
pub(super) struct Texts {
    bytes: Vec<u8>,
    /// Where each value begins, and the next one would.
    offsets: Vec<i32>,
    nulls: NullBufferBuilder,
}

impl Texts {
    /// Begins a column.
    pub(super) fn new() -> Self {
        Self::with_room(0, 0)
    }

    fn with_room(values: usize, bytes: usize) -> Self {
        let mut offsets = Vec::with_capacity(values + 1);
        offsets.push(0);
        Self {
            bytes: Vec::with_capacity(bytes),
            offsets,
            nulls: NullBufferBuilder::new(values),
        }
    }

    /// Appends a value.
    #[inline]
    pub(super) fn append(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
        self.offsets.push(end(&self.bytes));
        self.nulls.append_non_null();
    }

    /// Appends nulls.
    pub(super) fn append_nulls(&mut self, count: usize) {
        let end = end(&self.bytes);
        self.offsets.resize(self.offsets.len() + count, end);
        self.nulls.append_n_nulls(count);
    }

    /// Returns the column and starts the next, with room for as many values: they need not be moved while it grows.
    #[expect(
        clippy::expect_used,
        reason = "values are text, and each begins behind the one before"
    )]
    pub(super) fn finish(&mut self) -> ArrayRef {
        let (values, bytes) = (self.offsets.len() - 1, self.bytes.len());
        let next = Self::with_room(values, bytes + bytes / 16);
        let mut built = std::mem::replace(self, next);
        let column = StringArray::try_new(
            OffsetBuffer::new(built.offsets.into()),
            Buffer::from_vec(built.bytes),
            built.nulls.finish(),
        );
        Arc::new(column.expect("texts make a column of text"))
    }
}

#[inline]
#[expect(
    clippy::expect_used,
    reason = "a batch of text is far smaller than 2^31 bytes"
)]
fn end(bytes: &[u8]) -> i32 {
    i32::try_from(bytes.len()).expect("a batch of text is small")
}

#[cfg(test)]
mod tests {
    use arrow::array::Array;

    use super::*;

    #[test]
    fn columns_are_those_of_their_values() {
        let mut texts = Texts::new();
        let values = [Some("a"), None, Some(""), Some("é\u{1F9C5}"), None, None];
        for count in 0..=values.len() {
            for value in &values[..count] {
                match value {
                    Some(text) => texts.append(text),
                    None => texts.append_nulls(1),
                }
            }
            let expected = StringArray::from(values[..count].to_vec());
            let column = texts.finish();
            assert_eq!(column.as_ref(), &expected as &dyn Array);
            assert_eq!(column.nulls().is_some(), count > 1);
        }
        texts.append_nulls(3);
        assert_eq!(texts.finish().null_count(), 3);
    }
}
