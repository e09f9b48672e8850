//! The bytes of a block, value by value.

use crate::decode::RECORD_BYTES;

/// What is wrong with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Flaw {
    /// A value goes on behind the end.
    #[error("the block ends within a value")]
    Ends,
    /// A number of more bytes than a number has.
    #[error("a number has more than 64 bits")]
    Wide,
    /// A number that its type does not hold.
    #[error("a number is outside the range of its type")]
    Range,
    /// A length or a count below zero.
    #[error("a length is negative")]
    Negative,
    /// A text that is none.
    #[error("a text is not UTF-8")]
    NotUtf8,
    /// A boolean that is neither.
    #[error("a boolean is neither 0 nor 1")]
    Boolean,
    /// A branch that the union lacks.
    #[error("a union has no such branch")]
    Branch,
    /// A symbol that the enum lacks.
    #[error("an enum has no such symbol")]
    Symbol,
    /// More elements than a row may have.
    #[error("the row has more than {MOST_ELEMENTS} elements")]
    Elements,
    /// More than a row may hold.
    #[error("the row is too large")]
    Large,
    /// Rows or elements that take no bytes, beyond all measure.
    #[error("there are too many values without bytes")]
    Hollow,
}

/// Elements of arrays and maps in a row, at most.
const MOST_ELEMENTS: usize = 16 << 20;
/// What an element costs its builders beside its bytes, and so does a value within it that has none.
const ELEMENT_BYTES: usize = 8;

/// A place in a block.
pub(super) struct Cursor<'b> {
    rest: &'b [u8],
    /// How many more rows and elements may take no bytes at all.
    hollow: u64,
    row_start: usize,
    elements: usize,
    charged: usize,
}

impl<'b> Cursor<'b> {
    /// Starts at the front of `bytes`, of whose values `hollow` may take no bytes.
    pub(super) fn new(bytes: &'b [u8], hollow: u64) -> Self {
        Self {
            rest: bytes,
            hollow,
            row_start: bytes.len(),
            elements: 0,
            charged: 0,
        }
    }

    /// Begins the next row.
    pub(super) fn begin_row(&mut self) {
        self.row_start = self.rest.len();
        self.elements = 0;
        self.charged = 0;
    }

    /// Ends the row.
    pub(super) fn end_row(&mut self) -> Result<(), Flaw> {
        if self.rest.len() == self.row_start {
            self.count_hollow()?;
        }
        Ok(())
    }

    /// Adds what a value takes beside its bytes in the block.
    pub(super) fn charge(&mut self, bytes: usize) -> Result<(), Flaw> {
        self.charged += bytes;
        if self.charged > RECORD_BYTES {
            return Err(Flaw::Large);
        }
        Ok(())
    }

    /// Returns what the row takes so far.
    pub(super) fn row_bytes(&self) -> usize {
        self.row_start - self.rest.len() + self.elements * ELEMENT_BYTES + self.charged
    }

    /// Returns how many more rows and elements may take no bytes.
    pub(super) fn room(&self) -> u64 {
        self.hollow
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Reads the elements of an array or a map, whatever blocks they are in; each has `width` single values.
    pub(super) fn elements(
        &mut self,
        width: usize,
        mut read: impl FnMut(&mut Self) -> Result<(), Flaw>,
    ) -> Result<usize, Flaw> {
        // Those of elements within elements count for the limit, and not here.
        let mut own = 0;
        loop {
            let count = self.long()?;
            if count < 0 {
                // The size in bytes, for readers that skip.
                self.long()?;
            }
            if count == 0 {
                return Ok(own);
            }
            for _ in 0..count.unsigned_abs() {
                let left = self.rest.len();
                own += 1;
                self.elements += 1;
                if self.elements > MOST_ELEMENTS {
                    return Err(Flaw::Elements);
                }
                read(self)?;
                let taken = left - self.rest.len();
                if taken == 0 {
                    self.count_hollow()?;
                }
                self.charge(width.saturating_sub(taken) * ELEMENT_BYTES)?;
            }
        }
    }

    fn count_hollow(&mut self) -> Result<(), Flaw> {
        self.hollow = self.hollow.checked_sub(1).ok_or(Flaw::Hollow)?;
        Ok(())
    }

    pub(super) fn boolean(&mut self) -> Result<bool, Flaw> {
        match self.take(1)? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(Flaw::Boolean),
        }
    }

    pub(super) fn int(&mut self) -> Result<i32, Flaw> {
        i32::try_from(self.long()?).map_err(|_| Flaw::Range)
    }

    pub(super) fn long(&mut self) -> Result<i64, Flaw> {
        let mut bytes = self.rest.iter();
        let value = varint(|| bytes.next().copied().ok_or(Flaw::Ends), Flaw::Wide)?;
        self.rest = bytes.as_slice();
        Ok(value)
    }

    pub(super) fn index(&mut self) -> Result<usize, Flaw> {
        usize::try_from(self.long()?).map_err(|_| Flaw::Negative)
    }

    pub(super) fn bytes(&mut self) -> Result<&'b [u8], Flaw> {
        let length = self.index()?;
        self.take(length)
    }

    pub(super) fn text(&mut self) -> Result<&'b str, Flaw> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Flaw::NotUtf8)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Flaw> {
        let (now, later) = self.rest.split_first_chunk().ok_or(Flaw::Ends)?;
        self.rest = later;
        Ok(*now)
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'b [u8], Flaw> {
        let (now, later) = self.rest.split_at_checked(length).ok_or(Flaw::Ends)?;
        self.rest = later;
        Ok(now)
    }
}

/// Reads a number in zigzag coding: seven bits a byte, the lowest first.
pub(super) fn varint<E>(mut next: impl FnMut() -> Result<u8, E>, wide: E) -> Result<i64, E> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = next()?;
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            break;
        }
        value |= bits << shift;
        if byte < 0x80 {
            return Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed());
        }
    }
    Err(wide)
}
