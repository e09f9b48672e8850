//! What a file may expand to, with all that is in it.
//!
//! A few kilobytes can be made to expand to terabytes. Once [`FREE_BYTES`] have come out of a file, no more than
//! [`MOST_EXPANSION`] bytes may have come out for each byte that went in; what goes beyond that is malformed. Text
//! that people keep stays far below: a thousand rows would have to shrink to the size of one.
//!
//! There is one ceiling for each source file, however many members it has and however often they are compressed:
//! everything that comes out of any decompressor counts, and only the bytes of the file itself count against it.
//! A ceiling for each member would grant the free bytes to each of a hundred thousand, and one within the other
//! the product of both.

use std::cell::Cell;
use std::io::{self, Read};

use crate::decode::Malformed;

/// Bytes that may come out before the ceiling counts.
const FREE_BYTES: u64 = 64 << 20;
/// Bytes that may come out for each that went in.
pub(in crate::decode) const MOST_EXPANSION: u64 = 1000;

/// What has gone into the decoding of one source file, and what has come out.
#[derive(Debug, Default)]
pub struct Ceiling {
    taken: Cell<u64>,
    given: Cell<u64>,
}

impl Ceiling {
    /// Returns the ceiling of a file of which so many bytes are there.
    pub(in crate::decode) fn of_size(size: u64) -> Self {
        let ceiling = Self::default();
        ceiling.taken.set(size);
        ceiling
    }

    /// Counts bytes that came out of a decompressor.
    pub(in crate::decode) fn give(&self, count: u64) -> Result<(), Malformed> {
        let given = self.given.get().saturating_add(count);
        self.given.set(given);
        if given > FREE_BYTES && given / MOST_EXPANSION > self.taken.get() {
            let limit = MOST_EXPANSION;
            return Err(Malformed::Expands { limit });
        }
        Ok(())
    }
}

/// Counts the bytes of a file as they go in.
pub(in crate::decode) struct Counted<'a> {
    inner: &'a mut dyn Read,
    ceiling: &'a Ceiling,
}

impl<'a> Counted<'a> {
    /// Reads from `inner`, for `ceiling`.
    pub(in crate::decode) fn new(inner: &'a mut dyn Read, ceiling: &'a Ceiling) -> Self {
        Self { inner, ceiling }
    }
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let taken = &self.ceiling.taken;
        taken.set(taken.get() + count as u64);
        Ok(count)
    }
}
