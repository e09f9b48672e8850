//! Checks a Parquet footer before the reader sees it.
//!
//! The reader reserves room for as many row groups as the footer claims before it reads the first, and a claim of
//! two billion ends the process: running out of memory is no panic that could be caught. Every element of a list
//! takes at least one byte, so a list that claims more elements than bytes are left is forged.
//!
//! It also walks the tree of columns by recursion, and so does everything behind it: a tree of some ten thousand
//! levels overflows the stack, which ends the process as well. How deep the columns nest is looked at for all formats
//! alike once their types are known; here it is only made sure that the walk comes to an end.
//!
//! The footer is Thrift's compact protocol; this walks it and keeps nothing but the depth of the tree.

use crate::decode::{Kind, Malformed};
use crate::model::{MAX_NESTING, ReadAt};

const TAIL_BYTES: u64 = 8;
const MAX_DEPTH: u32 = 32;
/// Groups of columns within one another, at most: the root, and two for each list.
const MAX_LEVELS: usize = 1 + 2 * MAX_NESTING;

/// Thrift's types, as far as they matter here.
const I32: u8 = 5;
const LIST: u8 = 9;
const STRUCT: u8 = 12;
/// The columns in a footer's structure.
const SCHEMA: u64 = 2;
/// The number of children in a column's structure.
const CHILDREN: u64 = 5;

/// What the walk found.
enum Flaw {
    /// The footer is no well-formed Thrift structure.
    Ill,
    /// A list claims more elements than the footer can hold.
    Forged,
    /// Columns are nested too deep.
    Deep,
}

/// Checks the footer of `file`.
///
/// # Errors
/// Outside: what reading reports. Inside: [`Malformed`].
pub(super) fn check(file: &dyn ReadAt) -> std::io::Result<Result<(), Malformed>> {
    let malformed = |detail: &str| {
        let detail = detail.to_owned();
        Ok(Err(Malformed::Content {
            kind: Kind::Parquet,
            detail,
        }))
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
    match (Walk { rest: &footer }).footer() {
        Ok(()) => Ok(Ok(())),
        Err(Flaw::Ill) => malformed("the footer is not well formed"),
        Err(Flaw::Forged) => malformed("the footer claims more than it can hold"),
        Err(Flaw::Deep) => malformed(&format!(
            "columns are nested more than {MAX_NESTING} levels deep"
        )),
    }
}

/// What looks at the fields of a structure.
type Visit<'v, W> = dyn FnMut(&mut W, u64, u8) -> Result<bool, Flaw> + 'v;

/// How many children are still to come on each level of a tree.
#[derive(Default)]
struct Levels(Vec<u64>);

impl Levels {
    /// Takes the next node, which has so many children.
    fn take(&mut self, children: u64) -> Result<(), Flaw> {
        if children > 0 {
            self.0.push(children);
            return if self.0.len() > MAX_LEVELS {
                Err(Flaw::Deep)
            } else {
                Ok(())
            };
        }
        // The last child ends its parent, which may be a last child too.
        while let Some(left) = self.0.last_mut() {
            *left -= 1;
            if *left > 0 {
                break;
            }
            self.0.pop();
        }
        Ok(())
    }
}

struct Walk<'a> {
    rest: &'a [u8],
}

impl Walk<'_> {
    /// Walks the whole footer.
    fn footer(&mut self) -> Result<(), Flaw> {
        self.fields(MAX_DEPTH, &mut |walk, field, kind| match (field, kind) {
            (SCHEMA, LIST) => walk.schema().map(|()| true),
            (SCHEMA, _) => Err(Flaw::Ill),
            _ => Ok(false),
        })
    }

    /// Walks the list of columns, which is the tree of them from the root down.
    fn schema(&mut self) -> Result<(), Flaw> {
        let (count, kind) = self.list()?;
        if kind != STRUCT && count > 0 {
            return Err(Flaw::Ill);
        }
        let mut levels = Levels::default();
        for _ in 0..count {
            let mut children = 0;
            self.fields(MAX_DEPTH, &mut |walk, field, kind| match (field, kind) {
                (CHILDREN, I32) => {
                    let zigzag = walk.varint()?;
                    let is_negative = zigzag & 1 == 1;
                    // Of two claims the one that makes the tree deeper.
                    children = children.max(if is_negative { 0 } else { zigzag >> 1 });
                    Ok(true)
                }
                (CHILDREN, _) => Err(Flaw::Ill),
                _ => Ok(false),
            })?;
            levels.take(children)?;
        }
        Ok(())
    }

    fn structure(&mut self, depth: u32) -> Result<(), Flaw> {
        self.fields(depth, &mut |_, _, _| Ok(false))
    }

    /// Walks the fields of a structure: `visit` gets each one's number and type, and tells whether it has read it.
    fn fields(&mut self, depth: u32, visit: &mut Visit<'_, Self>) -> Result<(), Flaw> {
        let mut field = 0_u64;
        loop {
            let header = self.byte()?;
            let kind = header & 0x0f;
            if kind == 0 {
                return Ok(());
            }
            field = match header >> 4 {
                0 => self.varint()? >> 1,
                step => field.saturating_add(u64::from(step)),
            };
            // A boolean field has its value in its type.
            if !visit(self, field, kind)? && kind > 2 {
                self.value(kind, depth)?;
            }
        }
    }

    /// Returns how many elements a list has, and their type.
    fn list(&mut self) -> Result<(u64, u8), Flaw> {
        let header = self.byte()?;
        let count = match header >> 4 {
            15 => self.varint()?,
            short => u64::from(short),
        };
        if count > self.rest.len() as u64 {
            return Err(Flaw::Forged);
        }
        Ok((count, header & 0x0f))
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
                let (count, kind) = self.list()?;
                self.elements(count, &[kind], depth)
            }
            11 => match self.varint()? {
                0 => Ok(()),
                count => {
                    let kinds = self.byte()?;
                    self.elements(count, &[kinds >> 4, kinds & 0x0f], depth)
                }
            },
            STRUCT => self.structure(depth),
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
