//! The bytes of one version of an object, read at any place.
//!
//! What is asked for is fetched in blocks, since most readers look at a few places near each other: the footer of a Parquet
//! file, then its columns side by side. A few blocks are kept.

use std::io;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Buf, Bytes};

/// What is asked for at once; a page header is not worth a request of its own.
const BLOCK_BYTES: u64 = 1 << 20;

/// Blocks that are kept: the columns of a Parquet file are read side by side.
const BLOCKS: usize = 16;

/// Blocks of an object of a known length.
pub(crate) struct Blocks {
    size: u64,
    beginning: Bytes,
    /// With their places, the one that was asked for last at the end.
    kept: Mutex<Vec<(u64, Bytes)>>,
}

impl Blocks {
    /// Takes what is there already: the first bytes of an object of `size`.
    pub(crate) fn new(size: u64, beginning: Bytes) -> Self {
        Self {
            size,
            beginning,
            kept: Mutex::default(),
        }
    }

    /// Returns the length of the object.
    pub(crate) fn len(&self) -> u64 {
        self.size
    }

    /// Returns how many of the first bytes are there.
    pub(crate) fn begun(&self) -> u64 {
        self.beginning.len() as u64
    }

    /// Fills `buffer` from `offset` on, with what `fetch` returns for ranges that are not there.
    ///
    /// # Errors
    /// `UnexpectedEof` where the object ends before the buffer is full, else what `fetch` returns.
    pub(crate) fn read_exact_at(
        &self,
        offset: u64,
        buffer: &mut [u8],
        fetch: impl Fn(Range<u64>) -> io::Result<Bytes>,
    ) -> io::Result<()> {
        let end = offset.checked_add(buffer.len() as u64);
        let Some(end) = end.filter(|end| *end <= self.size) else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        if end <= self.begun() {
            let start = usize::try_from(offset).map_err(io::Error::other)?;
            buffer.copy_from_slice(&self.beginning[start..start + buffer.len()]);
            return Ok(());
        }
        if buffer.len() as u64 >= BLOCK_BYTES {
            buffer.copy_from_slice(&fetch(offset..end)?);
            return Ok(());
        }
        let mut filled = 0;
        while filled < buffer.len() {
            let at = offset + filled as u64;
            let mut block = self.block(at / BLOCK_BYTES, &fetch)?;
            block.advance(usize::try_from(at % BLOCK_BYTES).map_err(io::Error::other)?);
            let count = block.len().min(buffer.len() - filled);
            block.copy_to_slice(&mut buffer[filled..filled + count]);
            filled += count;
        }
        Ok(())
    }

    /// Returns the block at `index`, which is not behind the end.
    fn block(
        &self,
        index: u64,
        fetch: &impl Fn(Range<u64>) -> io::Result<Bytes>,
    ) -> io::Result<Bytes> {
        if let Some(bytes) = self.find(index) {
            return Ok(bytes);
        }
        let start = index * BLOCK_BYTES;
        let end = (start + BLOCK_BYTES).min(self.size);
        let bytes = fetch(start..end)?;
        let mut kept = self.kept();
        if kept.len() >= BLOCKS {
            kept.remove(0);
        }
        kept.push((index, bytes.clone()));
        Ok(bytes)
    }

    fn find(&self, index: u64) -> Option<Bytes> {
        let mut kept = self.kept();
        let at = kept.iter().position(|(known, _)| *known == index)?;
        let found = kept.remove(at);
        let bytes = found.1.clone();
        kept.push(found);
        Some(bytes)
    }

    fn kept(&self) -> MutexGuard<'_, Vec<(u64, Bytes)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
