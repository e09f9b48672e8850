//! Bytes that can be read at any place.

use std::io;
use std::sync::Arc;

/// Bytes of a known length that can be read at any offset, by several readers at once.
#[expect(
    clippy::len_without_is_empty,
    reason = "a length is asked for to find footers, never to test for emptiness"
)]
pub trait ReadAt: Send + Sync {
    /// Returns the number of bytes.
    fn len(&self) -> u64;

    /// Fills `buffer` from `offset` on.
    ///
    /// # Errors
    /// `UnexpectedEof` where the bytes end before the buffer is full, else what the store reports.
    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;
}

impl ReadAt for Vec<u8> {
    fn len(&self) -> u64 {
        self.as_slice().len() as u64
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let slice = start
            .checked_add(buffer.len())
            .and_then(|end| self.get(start..end))
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(slice);
        Ok(())
    }
}

/// Reads a [`ReadAt`] from front to back.
pub struct ReadAtCursor {
    inner: Arc<dyn ReadAt>,
    offset: u64,
}

impl ReadAtCursor {
    /// Starts at `offset`.
    #[must_use]
    pub fn new(inner: Arc<dyn ReadAt>, offset: u64) -> Self {
        Self { inner, offset }
    }
}

impl io::Read for ReadAtCursor {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.inner.len().saturating_sub(self.offset);
        let count = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        // Behind the end there is nothing, which is no failure: a forged offset may well lead there.
        if count == 0 {
            return Ok(0);
        }
        self.inner
            .read_exact_at(self.offset, &mut buffer[..count])?;
        self.offset += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn a_cursor_reads_nothing_at_the_end_and_behind_it() {
        for (offset, expected) in [(0, "abc"), (2, "c"), (3, ""), (4, ""), (u64::MAX, "")] {
            let mut cursor = ReadAtCursor::new(Arc::new(b"abc".to_vec()), offset);
            let mut text = String::new();
            cursor.read_to_string(&mut text).unwrap();
            assert_eq!(text, expected, "from {offset}");
        }
    }
}
