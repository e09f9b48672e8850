//! Checks a Parquet footer before the reader sees it.
//!
//! The reader reserves room for as many row groups as the footer claims before it reads the first, and a claim of
//! two billion ends the process: running out of memory is no panic that could be caught. Every element of a list
//! takes at least one byte, so a list that claims more elements than bytes are left is forged.
//!
//! The footer is Thrift's compact protocol; this walks it and keeps nothing.

use crate::decode::Malformed;
use crate::model::ReadAt;

const TAIL_BYTES: u64 = 8;
const MAX_DEPTH: u32 = 32;

/// What the walk found.
enum Flaw {
    /// The footer is no well-formed Thrift structure.
    Ill,
    /// A list claims more elements than the footer can hold.
    Forged,
}

/// Checks the footer of `file`.
///
/// # Errors
/// Outside: what reading reports. Inside: [`Malformed`].
pub(super) fn check(file: &dyn ReadAt) -> std::io::Result<Result<(), Malformed>> {
    let malformed = |detail: &str| {
        let detail = detail.to_owned();
        Ok(Err(Malformed::Parquet { detail }))
    };
    let Some(tail_at) = file.len().checked_sub(TAIL_BYTES) else {
        return malformed("the file is too short for a footer");
    };
    let mut tail = [0; 8];
    file.read_exact_at(tail_at, &mut tail)?;
    let [l1, l2, l3, l4, magic @ ..] = tail;
    if magic != *b"PAR1" {
        return malformed("the file does not end in a footer");
    }
    let length = u32::from_le_bytes([l1, l2, l3, l4]);
    let Some(start) = tail_at.checked_sub(u64::from(length)) else {
        return malformed("the footer claims to be longer than the file");
    };
    let mut footer = vec![0; length as usize];
    file.read_exact_at(start, &mut footer)?;
    match (Walk { rest: &footer }).structure(MAX_DEPTH) {
        Ok(()) => Ok(Ok(())),
        Err(Flaw::Ill) => malformed("the footer is not well formed"),
        Err(Flaw::Forged) => malformed("the footer claims more than it can hold"),
    }
}

struct Walk<'a> {
    rest: &'a [u8],
}

impl Walk<'_> {
    fn structure(&mut self, depth: u32) -> Result<(), Flaw> {
        loop {
            let header = self.byte()?;
            let kind = header & 0x0f;
            if kind == 0 {
                return Ok(());
            }
            if header >> 4 == 0 {
                self.varint()?;
            }
            // A boolean field has its value in its type.
            if kind > 2 {
                self.value(kind, depth)?;
            }
        }
    }

    fn value(&mut self, kind: u8, depth: u32) -> Result<(), Flaw> {
        let depth = depth.checked_sub(1).ok_or(Flaw::Ill)?;
        match kind {
            1..=3 => self.byte().map(drop),
            4..=6 => self.varint().map(drop),
            7 => self.skip(8),
            8 => {
                let length = self.varint()?;
                self.skip(length)
            }
            9 | 10 => {
                let header = self.byte()?;
                let count = match header >> 4 {
                    15 => self.varint()?,
                    short => u64::from(short),
                };
                self.elements(count, &[header & 0x0f], depth)
            }
            11 => match self.varint()? {
                0 => Ok(()),
                count => {
                    let kinds = self.byte()?;
                    self.elements(count, &[kinds >> 4, kinds & 0x0f], depth)
                }
            },
            12 => self.structure(depth),
            _ => Err(Flaw::Ill),
        }
    }

    fn elements(&mut self, count: u64, kinds: &[u8], depth: u32) -> Result<(), Flaw> {
        if count > self.rest.len() as u64 {
            return Err(Flaw::Forged);
        }
        for _ in 0..count {
            for kind in kinds {
                self.value(*kind, depth)?;
            }
        }
        Ok(())
    }

    fn byte(&mut self) -> Result<u8, Flaw> {
        let (first, rest) = self.rest.split_first().ok_or(Flaw::Ill)?;
        self.rest = rest;
        Ok(*first)
    }

    fn varint(&mut self) -> Result<u64, Flaw> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Flaw::Ill)
    }

    fn skip(&mut self, length: u64) -> Result<(), Flaw> {
        let length = usize::try_from(length).map_err(|_| Flaw::Ill)?;
        self.rest = self.rest.get(length..).ok_or(Flaw::Ill)?;
        Ok(())
    }
}
