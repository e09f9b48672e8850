//! PURE: many file records in one value.
//!
//! A block holds the records of neighbouring paths, in byte order, packed one behind the other. A row by itself
//! would cost its whole path, the storage's bookkeeping and, when rows arrive in order, pages that stay half
//! empty; in a block it costs its difference from the row before.
//!
//! # Format
//! An entry is: the path, front-coded against the entry before (number of shared bytes, rest); the flags as a
//! varint; size; mtime; ctime if there is one; inode if there is one; the hash's 32 bytes if there is one; unit
//! if there is one; run; validator if there is one, as text. The size is a varint; mtime, inode, unit and run
//! are zigzag differences from the last entry that had one (from zero in the first); ctime is a zigzag
//! difference from the same entry's mtime. All differences wrap. Flags: the standing in bits 0 to 2, then one
//! bit each for hash (3), unit (4), ctime (5), inode (6), racy (7) and validator (8): what a local file usually
//! has fits one byte. Standings: pending 0, loaded 1, quarantined 2, outlived 3, retained 4, frozen 5, duplicate 6.
//!
//! # Invariants
//! - Paths within a block ascend strictly; a cursor that meets anything else reports [`Malformed`].
//! - No bytes whatsoever make the cursor panic.

use std::iter::Peekable;

use crate::model::{ContentHash, FileRecord, Fingerprint, RunId, Standing, Timestamp, UnitId};

use super::codec::{Malformed, Reader, put_bytes, put_front_coded, put_varint, put_zigzag};

const STANDING: u64 = 0b111;
const HASH: u64 = 1 << 3;
const UNIT: u64 = 1 << 4;
const CHANGED_AT: u64 = 1 << 5;
const INODE: u64 = 1 << 6;
const RACY: u64 = 1 << 7;
const VALIDATOR: u64 = 1 << 8;
const KNOWN: u64 = (VALIDATOR << 1) - 1;

/// The standings, each in the place that [`number_of`] gives it.
const STANDINGS: [Standing; 7] = [
    Standing::Pending,
    Standing::Loaded,
    Standing::Quarantined,
    Standing::Outlived,
    Standing::Retained,
    Standing::Frozen,
    Standing::Duplicate,
];

/// Returns the number that stands for a standing. The numbers are on disks: a new one goes behind the last.
fn number_of(standing: Standing) -> u64 {
    match standing {
        Standing::Pending => 0,
        Standing::Loaded => 1,
        Standing::Quarantined => 2,
        Standing::Outlived => 3,
        Standing::Retained => 4,
        Standing::Frozen => 5,
        Standing::Duplicate => 6,
    }
}

/// One file's record, borrowed from where it is stored: comparing it allocates nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileRow<'a> {
    /// The source file.
    pub path: &'a str,
    size: u64,
    modified_at: i64,
    changed_at: Option<i64>,
    inode: Option<u64>,
    validator: Option<&'a str>,
    racy: bool,
    hash: Option<&'a [u8; 32]>,
    standing: Standing,
    unit: Option<u64>,
    run: u64,
}

impl<'a> FileRow<'a> {
    /// Returns the row that stores `record` under `path`.
    pub(super) fn of(path: &'a str, record: &'a FileRecord) -> Self {
        Self {
            path,
            size: record.seen.size,
            modified_at: record.seen.modified_at.0,
            changed_at: record.seen.changed_at.map(|at| at.0),
            inode: record.seen.inode,
            validator: record.seen.validator.as_deref(),
            racy: record.racy,
            hash: record.hash.as_ref().map(|hash| &hash.0),
            standing: record.standing,
            unit: record.unit.map(|unit| unit.0),
            run: record.run.0,
        }
    }

    /// Tells whether the file looked then as `now`.
    #[must_use]
    pub fn seen_equals(&self, now: &Fingerprint) -> bool {
        self.size == now.size
            && self.modified_at == now.modified_at.0
            && self.changed_at == now.changed_at.map(|at| at.0)
            && self.inode == now.inode
            && self.validator == now.validator.as_deref()
    }

    /// Tells whether a stamp was too fresh to trust at the last look.
    #[must_use]
    pub fn racy(&self) -> bool {
        self.racy
    }

    /// Returns how the file stands with the outputs.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// Returns the size at the last look.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Returns the modification time at the last look.
    #[must_use]
    pub fn modified_at(&self) -> Timestamp {
        Timestamp(self.modified_at)
    }

    /// Returns the hash of the bytes at the last look.
    #[must_use]
    pub fn hash(&self) -> Option<ContentHash> {
        self.hash.copied().map(ContentHash)
    }

    /// Returns the unit that the file belongs to.
    #[must_use]
    pub fn unit(&self) -> Option<UnitId> {
        self.unit.map(UnitId)
    }

    /// Returns the run that last changed the record.
    #[must_use]
    pub fn run(&self) -> RunId {
        RunId(self.run)
    }

    /// Returns the whole record.
    #[must_use]
    pub fn record(&self) -> FileRecord {
        FileRecord {
            seen: Fingerprint {
                size: self.size,
                modified_at: Timestamp(self.modified_at),
                changed_at: self.changed_at.map(Timestamp),
                inode: self.inode,
                validator: self.validator.map(Into::into),
            },
            racy: self.racy,
            hash: self.hash(),
            standing: self.standing,
            unit: self.unit(),
            run: self.run(),
        }
    }

    fn flags(&self) -> u64 {
        let bit = |set: bool, bit: u64| if set { bit } else { 0 };
        number_of(self.standing)
            | bit(self.hash.is_some(), HASH)
            | bit(self.unit.is_some(), UNIT)
            | bit(self.changed_at.is_some(), CHANGED_AT)
            | bit(self.inode.is_some(), INODE)
            | bit(self.racy, RACY)
            | bit(self.validator.is_some(), VALIDATOR)
    }
}

/// What the differences of the next entry are taken from.
#[derive(Debug, Clone, Copy, Default)]
struct Base {
    modified_at: i64,
    inode: u64,
    unit: u64,
    run: u64,
}

/// Replaces `*base` by `value` and returns how far it moved.
fn step(base: &mut u64, value: u64) -> i64 {
    let moved = value.wrapping_sub(*base).cast_signed();
    *base = value;
    moved
}

/// Packs rows, which must come in ascending order of their paths.
#[derive(Debug, Default)]
pub(super) struct BlockBuilder {
    bytes: Vec<u8>,
    last: Vec<u8>,
    base: Base,
    rows: u64,
}

impl BlockBuilder {
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn push(&mut self, row: &FileRow<'_>) {
        let (out, base) = (&mut self.bytes, &mut self.base);
        put_front_coded(out, &mut self.last, row.path);
        put_varint(out, row.flags());
        put_varint(out, row.size);
        put_zigzag(out, row.modified_at.wrapping_sub(base.modified_at));
        base.modified_at = row.modified_at;
        if let Some(changed_at) = row.changed_at {
            put_zigzag(out, changed_at.wrapping_sub(row.modified_at));
        }
        if let Some(inode) = row.inode {
            put_zigzag(out, step(&mut base.inode, inode));
        }
        if let Some(hash) = row.hash {
            out.extend_from_slice(hash);
        }
        if let Some(unit) = row.unit {
            put_zigzag(out, step(&mut base.unit, unit));
        }
        put_zigzag(out, step(&mut base.run, row.run));
        if let Some(validator) = row.validator {
            put_bytes(out, validator.as_bytes());
        }
        self.rows += 1;
    }
}

/// Walks through a block; the block itself is passed in at every step, so that the cursor can be kept beside it.
#[derive(Debug, Clone, Default)]
pub(super) struct BlockCursor {
    offset: usize,
    path: Vec<u8>,
    base: Base,
    started: bool,
    /// Where the last row's fields begin, and what they are differences from.
    last: (usize, Base),
}

impl BlockCursor {
    /// Goes back to the front, for another block.
    pub(super) fn reset(&mut self) {
        self.offset = 0;
        self.base = Base::default();
        self.path.clear();
        self.started = false;
        self.last = (0, Base::default());
    }

    /// Tells whether [`Self::next`] has anything left to read.
    pub(super) fn is_behind(&self, block: &[u8]) -> bool {
        self.offset >= block.len()
    }

    /// Returns the path of the last row, or nothing before the first.
    pub(super) fn last_path(&self) -> Option<&[u8]> {
        self.started.then_some(&self.path)
    }

    /// Returns the next row of `block`, or `None` behind the last.
    pub(super) fn next<'a>(
        &'a mut self,
        block: &'a [u8],
    ) -> Result<Option<FileRow<'a>>, Malformed> {
        let rest = block.get(self.offset..).unwrap_or_default();
        let mut reader = Reader::new(rest);
        if reader.is_empty() {
            return Ok(None);
        }
        self.advance(&mut reader)?;
        self.last = (block.len() - reader.remaining(), self.base);
        let row = self.base.fields(&mut reader, &self.path)?;
        self.offset = block.len() - reader.remaining();
        Ok(Some(row))
    }

    /// Returns the last row of `block` once more; there must have been one.
    pub(super) fn again<'a>(&'a self, block: &'a [u8]) -> Result<FileRow<'a>, Malformed> {
        let (offset, mut base) = self.last;
        let mut reader = Reader::new(block.get(offset..).unwrap_or_default());
        base.fields(&mut reader, &self.path)
    }

    /// Moves on to the next path, which must be larger than the one before.
    fn advance(&mut self, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        let shared = usize::try_from(reader.varint()?)
            .ok()
            .filter(|shared| *shared <= self.path.len())
            .ok_or(Malformed("shared prefix"))?;
        let suffix = reader.bytes()?;
        // Of two texts with a common prefix only what comes behind it decides the order.
        if self.started && suffix <= &self.path[shared..] {
            return Err(Malformed("order of paths"));
        }
        self.path.truncate(shared);
        self.path.extend_from_slice(suffix);
        self.started = true;
        Ok(())
    }
}

impl Base {
    /// Reads what comes behind a path.
    #[inline]
    fn fields<'a>(
        &mut self,
        reader: &mut Reader<'a>,
        path: &'a [u8],
    ) -> Result<FileRow<'a>, Malformed> {
        let flags = reader.varint()?;
        if flags & !KNOWN != 0 {
            return Err(Malformed("flags of a file"));
        }
        let standing = usize::try_from(flags & STANDING)
            .ok()
            .and_then(|index| STANDINGS.get(index))
            .ok_or(Malformed("standing of a file"))?;
        let base = self;
        let size = reader.varint()?;
        base.modified_at = base.modified_at.wrapping_add(reader.zigzag()?);
        let changed_at = when(flags, CHANGED_AT, || reader.zigzag())?
            .map(|moved| base.modified_at.wrapping_add(moved));
        let inode =
            when(flags, INODE, || reader.zigzag())?.map(|moved| walk(&mut base.inode, moved));
        let hash = when(flags, HASH, || reader.array())?;
        let unit = when(flags, UNIT, || reader.zigzag())?.map(|moved| walk(&mut base.unit, moved));
        let moved = reader.zigzag()?;
        let run = walk(&mut base.run, moved);
        let validator = when(flags, VALIDATOR, || reader.text())?;
        Ok(FileRow {
            path: std::str::from_utf8(path).map_err(|_| Malformed("path"))?,
            size,
            modified_at: base.modified_at,
            changed_at,
            inode,
            validator,
            racy: flags & RACY != 0,
            hash,
            standing: *standing,
            unit,
            run,
        })
    }
}

#[inline]
fn when<T>(
    flags: u64,
    bit: u64,
    read: impl FnOnce() -> Result<T, Malformed>,
) -> Result<Option<T>, Malformed> {
    if flags & bit == 0 {
        Ok(None)
    } else {
        read().map(Some)
    }
}

fn walk(base: &mut u64, moved: i64) -> u64 {
    *base = base.wrapping_add(moved.cast_unsigned());
    *base
}

/// A path and what becomes of its record; `None` removes it.
pub(super) type Change<'a> = (&'a str, Option<&'a FileRecord>);

/// Appends to `out` the rows of `block` with those of `changes` that lie before `upper`, and takes these from
/// the iterator. Returns by how many rows the block grew.
pub(super) fn merge<'a>(
    block: &[u8],
    changes: &mut Peekable<impl Iterator<Item = Change<'a>>>,
    upper: Option<&[u8]>,
    out: &mut BlockBuilder,
) -> Result<i64, Malformed> {
    let mut next_change =
        || changes.next_if(|(path, _)| upper.is_none_or(|upper| path.as_bytes() < upper));
    let mut change = next_change();
    let mut grown = 0;
    let mut cursor = BlockCursor::default();
    while let Some(row) = cursor.next(block)? {
        while let Some((path, record)) = change.filter(|(path, _)| *path < row.path) {
            grown += put(out, path, record);
            change = next_change();
        }
        match change {
            Some((path, record)) if path == row.path => {
                grown += put(out, path, record) - 1;
                change = next_change();
            }
            _ => out.push(&row),
        }
    }
    while let Some((path, record)) = change {
        grown += put(out, path, record);
        change = next_change();
    }
    Ok(grown)
}

fn put(out: &mut BlockBuilder, path: &str, record: Option<&FileRecord>) -> i64 {
    let Some(record) = record else { return 0 };
    out.push(&FileRow::of(path, record));
    1
}

/// How [`split`] fills the pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fill {
    /// All alike, so that each has room to grow.
    Even,
    /// One after the other to the brim: what follows will come behind the last.
    Full,
}

/// One block of several.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// Its first path.
    pub(super) first: Box<[u8]>,
    /// The block.
    pub(super) bytes: Vec<u8>,
}

/// Cuts `block` into pieces, of which none that holds two rows or more is larger than `limit` with its key: its
/// first path, or for the first piece a text of `key_bytes`.
pub(super) fn split(
    block: &[u8],
    limit: usize,
    key_bytes: usize,
    fill: Fill,
) -> Result<Vec<Piece>, Malformed> {
    // Every piece repeats its first path in full, twice; a few hundred bytes for that keep an even split from
    // ending in a crumb.
    let pieces = block.len() / limit.saturating_sub(256).max(1) + 1;
    let target = match fill {
        Fill::Full => limit,
        Fill::Even => block.len() / pieces,
    };
    let mut done: Vec<Piece> = Vec::new();
    let mut first: Box<[u8]> = Box::default();
    let mut piece = BlockBuilder::default();
    let mut cursor = BlockCursor::default();
    while let Some(row) = cursor.next(block)? {
        let before = piece.len();
        if piece.rows() > 0 {
            piece.push(&row);
            // The last of an even split takes what is left: it is no larger than the others.
            let is_filled = before >= target && (fill == Fill::Full || done.len() + 1 < pieces);
            let is_over = is_filled || piece.len() + first.len().max(key_bytes) > limit;
            if !is_over {
                continue;
            }
            piece.bytes.truncate(before);
            let bytes = std::mem::take(&mut piece).bytes;
            done.push(Piece { first, bytes });
        }
        first = row.path.as_bytes().into();
        piece.push(&row);
    }
    if piece.rows() > 0 {
        let bytes = piece.bytes;
        done.push(Piece { first, bytes });
    }
    Ok(done)
}

#[cfg(test)]
#[path = "block_tests.rs"]
pub(super) mod tests;
