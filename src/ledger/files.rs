//! The table of files: which block holds a path, and how a sorted batch of changes gets into the blocks.
//!
//! # Invariants
//! - The key of a block is a lower bound of its paths, and every path in it lies before the next block's key.
//!   The key need not be a path that exists: a block keeps its key when its first file goes.
//! - The first block's key is the empty text, so every path has a block that it belongs to.
//! - With its key a block fits one page of eight KiB, but for a single row that is larger by itself. A block that
//!   changes and ends up below a quarter of that joins its neighbour.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::ops::Bound;

use redb::{ReadableTable, Table};

use crate::model::{FileRecord, SourcePath};

use super::block::{self, BlockBuilder, BlockCursor, Change, Fill};
use super::codec::{Malformed, unseal};
use super::error::Fault;
use super::tables::{get, put};

type Files<'txn> = Table<'txn, &'static [u8], &'static [u8]>;

/// What fits one page beside the storage's own bytes (a header of four, two lengths of four) and the seal.
const BLOCK_LIMIT: usize = 8192 - 12 - 8;
const BLOCK_LEAST: usize = BLOCK_LIMIT / 4;

/// Returns the key of the block that holds `path`, or would.
pub(super) fn block_key(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    path: &str,
) -> Result<Option<Vec<u8>>, Fault> {
    let found = table.range(..=path.as_bytes())?.next_back().transpose()?;
    Ok(found.map(|(key, _)| key.value().to_vec()))
}

/// Returns the record of `path`.
pub(super) fn find(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    path: &str,
) -> Result<Option<FileRecord>, Fault> {
    let Some((key, row)) = table.range(..=path.as_bytes())?.next_back().transpose()? else {
        return Ok(None);
    };
    let block = unseal(key.value(), row.value())?;
    let mut cursor = BlockCursor::default();
    while let Some(row) = cursor.next(block)? {
        if row.path >= path {
            return Ok((row.path == path).then(|| row.record()));
        }
    }
    Ok(None)
}

/// Returns keys that part the table into at most so many parts of about as many blocks.
pub(super) fn points<T>(table: &T, parts: u64) -> Result<Vec<SourcePath>, Fault>
where
    T: ReadableTable<&'static [u8], &'static [u8]>,
{
    let blocks = table.len()?.max(1);
    let parts = parts.min(blocks);
    let part_of = |block: u64| block * parts / blocks;
    let mut points = Vec::new();
    for (block, row) in (0..).zip(table.iter()?) {
        let (key, _) = row?;
        let is_first = block > 0 && part_of(block) > part_of(block - 1);
        if is_first && let Ok(path) = std::str::from_utf8(key.value()) {
            points.push(path.into());
        }
    }
    Ok(points)
}

/// Applies `changes` in one pass; returns by how many files the table grew.
pub(super) fn apply(
    table: &mut Files<'_>,
    changes: &BTreeMap<SourcePath, Option<FileRecord>>,
) -> Result<i64, Fault> {
    let mut changes = changes
        .iter()
        .map(|(path, record)| (path.as_str(), record.as_ref()))
        .peekable();
    let mut grown = 0;
    while let Some(&(path, _)) = changes.peek() {
        let key = block_key(table, path)?.unwrap_or_default();
        grown += Stretch::at(table, key)?.rewrite(table, &mut changes)?;
        if changes.peek().is_some_and(|(next, _)| *next == path) {
            return Err(Malformed("table of files: its keys are out of order").into());
        }
    }
    Ok(grown)
}

/// Neighbouring blocks that are rewritten together.
struct Stretch {
    /// Their keys as they stand in the table.
    keys: Vec<Vec<u8>>,
    /// The key behind them.
    upper: Option<Vec<u8>>,
    /// Their rows, changes included.
    rows: BlockBuilder,
}

impl Stretch {
    fn at(table: &Files<'_>, key: Vec<u8>) -> Result<Self, Fault> {
        Ok(Self {
            upper: key_behind(table, &key)?,
            keys: vec![key],
            rows: BlockBuilder::default(),
        })
    }

    /// Takes from `changes` what belongs here, and more blocks from the right while there is too little for one.
    fn rewrite<'a>(
        mut self,
        table: &mut Files<'_>,
        changes: &mut Peekable<impl Iterator<Item = Change<'a>>>,
    ) -> Result<i64, Fault> {
        let mut grown = 0;
        loop {
            let last = self.keys.last().map_or(&[][..], Vec::as_slice);
            let block = get(table, last)?.unwrap_or_default();
            grown += block::merge(&block, changes, self.upper.as_deref(), &mut self.rows)?;
            let Some(next) = self.upper.take_if(|_| self.rows.len() < BLOCK_LEAST) else {
                break;
            };
            self.upper = key_behind(table, &next)?;
            self.keys.push(next);
        }
        self.join_left(table)?;
        self.store(table)?;
        Ok(grown)
    }

    /// Joins the block to the left where too little is left at the end of the table and there is room.
    fn join_left(&mut self, table: &Files<'_>) -> Result<(), Fault> {
        if self.upper.is_some() || self.rows.len() >= BLOCK_LEAST {
            return Ok(());
        }
        let first = self.keys.first().map_or(&[][..], Vec::as_slice);
        let Some((key, row)) = table.range(..first)?.next_back().transpose()? else {
            return Ok(());
        };
        let block = unseal(key.value(), row.value())?;
        if block.len() + self.rows.len() + key.value().len() > BLOCK_LIMIT {
            return Ok(());
        }
        let mut joined = BlockBuilder::default();
        for part in [block, self.rows.bytes()] {
            let mut cursor = BlockCursor::default();
            while let Some(row) = cursor.next(part)? {
                joined.push(&row);
            }
        }
        self.keys.insert(0, key.value().to_vec());
        self.rows = joined;
        Ok(())
    }

    fn store(self, table: &mut Files<'_>) -> Result<(), Fault> {
        let mut keys = self.keys.into_iter();
        let key = keys.next().unwrap_or_default();
        for absorbed in keys {
            table.remove(absorbed.as_slice())?;
        }
        let rows = self.rows.bytes();
        if rows.is_empty() {
            table.remove(key.as_slice())?;
        } else if rows.len() + key.len() <= BLOCK_LIMIT {
            put(table, key.as_slice(), rows)?;
        } else {
            let fill = match self.upper {
                Some(_) => Fill::Even,
                None => Fill::Full,
            };
            let mut pieces = block::split(rows, BLOCK_LIMIT, key.len(), fill)?;
            if let Some(first) = pieces.first_mut() {
                first.first = key.into();
            }
            for piece in pieces {
                put(table, &*piece.first, &piece.bytes)?;
            }
        }
        Ok(())
    }
}

fn key_behind(table: &Files<'_>, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
    let behind = (Bound::Excluded(key), Bound::Unbounded);
    let next = table.range::<&[u8]>(behind)?.next().transpose()?;
    Ok(next.map(|(key, _)| key.value().to_vec()))
}
