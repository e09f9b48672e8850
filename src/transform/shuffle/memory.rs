//! Rows in memory: blocks, and a log that says whose they are.

use std::sync::Arc;

use arrow::array::{Array, RecordBatch, RecordBatchOptions};
use arrow::compute::{concat_batches, interleave};
use arrow::datatypes::SchemaRef;

use super::TransformError;
use crate::transform::spill::{ARRAY_BYTES, CHUNK_ROWS, own_bytes};

/// Small parts are put together when there are so many of them; until then each has arrays of its own.
const STAGE_PARTS: usize = 1024;
/// Rows of a batch that is handed on, or of a block that is made of small parts, weigh about this much at most.
const CHUNK_BYTES: usize = 8 << 20;
/// A piece of so many rows is not worth a copy.
const LONG_ROWS: usize = 64;

/// Consecutive rows of one block that belong to one partition and one member.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    pub(super) partition: usize,
    pub(super) member: usize,
    pub(super) block: usize,
    pub(super) offset: usize,
    pub(super) rows: usize,
}

impl Piece {
    /// Returns what is left of it behind the first `taken` rows, and counts its own off.
    pub(super) fn behind(&self, taken: &mut usize) -> Option<Self> {
        let gone = self.rows.min(*taken);
        *taken -= gone;
        (gone < self.rows).then_some(Self {
            offset: self.offset + gone,
            rows: self.rows - gone,
            ..*self
        })
    }
}

/// Rows that are being collected, in the order they came.
#[derive(Default)]
pub(super) struct Memory {
    blocks: Vec<RecordBatch>,
    log: Vec<Piece>,
    stage: Vec<RecordBatch>,
    stage_rows: usize,
    stage_bytes: usize,
    block_bytes: usize,
}

/// Rows in the order of their partitions, and within a partition in the order they came.
pub(super) struct SortedRows {
    pub(super) blocks: Arc<[RecordBatch]>,
    /// What a row of each block weighs on average.
    pub(super) row_bytes: Vec<usize>,
    pub(super) pieces: Vec<Piece>,
}

impl Memory {
    /// Returns the memory in use.
    pub(super) fn bytes(&self) -> usize {
        self.block_bytes + self.stage_bytes + self.log.len() * size_of::<Piece>()
    }

    /// Appends rows of one member, of which so many belong to each of the partitions in turn.
    pub(super) fn push(
        &mut self,
        member: usize,
        batch: RecordBatch,
        parts: impl Iterator<Item = (usize, usize)>,
    ) -> Result<(), TransformError> {
        let rows = batch.num_rows();
        let (own_bytes, held_bytes) = (own_bytes(&batch), batch.get_array_memory_size());
        // A part of a larger batch keeps all of that alive: it is copied out, unless it is most of it.
        let stands_alone = rows * 4 >= CHUNK_ROWS && own_bytes * 2 >= held_bytes;
        let fits = |stage: &[RecordBatch]| stage.first().is_none_or(|first| same(first, &batch));
        if stands_alone || !fits(&self.stage) {
            self.close_stage()?;
        }
        let (block, mut offset) = (self.blocks.len(), self.stage_rows);
        for (partition, rows) in parts {
            self.log.push(Piece {
                partition,
                member,
                block,
                offset,
                rows,
            });
            offset += rows;
        }
        if stands_alone {
            self.block_bytes += held_bytes;
            self.blocks.push(batch);
            return Ok(());
        }
        self.stage_rows += rows;
        self.stage_bytes += own_bytes + batch.num_columns() * ARRAY_BYTES;
        self.stage.push(batch);
        let is_full = self.stage.len() >= STAGE_PARTS
            || self.stage_rows >= CHUNK_ROWS
            || self.stage_bytes >= CHUNK_BYTES;
        if is_full { self.close_stage() } else { Ok(()) }
    }

    /// Makes a block of the small parts.
    fn close_stage(&mut self) -> Result<(), TransformError> {
        let Some(first) = self.stage.first() else {
            return Ok(());
        };
        let empty = first.slice(0, 0);
        // The empty part at the end makes sure that a single part is copied too.
        let parts = self.stage.iter().chain(std::iter::once(&empty));
        let block = concat_batches(&first.schema(), parts)
            .map_err(TransformError::arrow("put small parts together"))?;
        self.block_bytes += block.get_array_memory_size();
        self.blocks.push(block);
        self.stage.clear();
        (self.stage_rows, self.stage_bytes) = (0, 0);
        Ok(())
    }

    /// Takes all rows out, in the order of their partitions' ranks.
    pub(super) fn take_sorted(&mut self, ranks: &[usize]) -> Result<SortedRows, TransformError> {
        self.close_stage()?;
        let row_bytes = self.row_bytes();
        let Self {
            blocks, mut log, ..
        } = std::mem::take(self);
        log.sort_by_key(|piece| ranks[piece.partition]);
        Ok(SortedRows {
            blocks: blocks.into(),
            row_bytes,
            pieces: log,
        })
    }

    /// Sorts in what was pushed last, and returns how many bytes the rows of each partition take, by its number.
    pub(super) fn by_partition(&mut self) -> Result<Vec<usize>, TransformError> {
        self.close_stage()?;
        let row_bytes = self.row_bytes();
        let last = self.log.iter().map(|piece| piece.partition).max();
        let mut bytes = vec![0; last.map_or(0, |last| last + 1)];
        for piece in &self.log {
            bytes[piece.partition] += piece.rows * row_bytes[piece.block];
        }
        Ok(bytes)
    }

    /// Returns what a row of each block weighs on average.
    fn row_bytes(&self) -> Vec<usize> {
        let blocks = self.blocks.iter();
        blocks
            .map(|block| block.get_array_memory_size() / block.num_rows().max(1) + 1)
            .collect()
    }

    /// Takes rows back that were taken out and are left. A block of which less than half is left is not kept: its rows are
    /// copied out of it.
    pub(super) fn put_back(&mut self, rows: &SortedRows) -> Result<(), TransformError> {
        let mut left = vec![0; rows.blocks.len()];
        for piece in &rows.pieces {
            left[piece.block] += piece.rows;
        }
        let mut places = vec![None; rows.blocks.len()];
        for (number, block) in rows.blocks.iter().enumerate() {
            if left[number] > 0 && left[number] * 2 >= block.num_rows() {
                places[number] = Some(self.blocks.len());
                self.block_bytes += block.get_array_memory_size();
                self.blocks.push(block.clone());
            }
        }
        let is_kept = |piece: &Piece| places[piece.block].is_some();
        for pieces in rows.pieces.chunk_by(|a, b| is_kept(a) == is_kept(b)) {
            for piece in pieces {
                if let Some(block) = places[piece.block] {
                    self.log.push(Piece { block, ..*piece });
                }
            }
            if !is_kept(&pieces[0]) {
                self.push_copies(rows, pieces)?;
            }
        }
        self.close_stage()
    }

    /// Appends copies of pieces, many at a time.
    fn push_copies(
        &mut self,
        rows: &SortedRows,
        mut pieces: &[Piece],
    ) -> Result<(), TransformError> {
        let mut rest = pieces;
        while let Some(next) = rows.next(&mut rest) {
            let (member, batch) = next?;
            let copied = &pieces[..pieces.len() - rest.len()];
            let parts = copied.iter().map(|piece| (piece.partition, piece.rows));
            self.push(member, batch, parts)?;
            pieces = rest;
        }
        Ok(())
    }
}

impl SortedRows {
    /// Takes from the front of `pieces` rows of one member with one schema: a long piece as it lies there, of short ones as
    /// many as make a batch.
    pub(super) fn next(
        &self,
        pieces: &mut &[Piece],
    ) -> Option<Result<(usize, RecordBatch), TransformError>> {
        let first = pieces.first()?;
        let (mut rows, mut bytes) = (0, 0);
        let mut joins = |piece: &&Piece| {
            rows += piece.rows;
            bytes += piece.rows * self.row_bytes[piece.block];
            piece.member == first.member
                && piece.rows < LONG_ROWS
                && rows <= CHUNK_ROWS
                && bytes <= CHUNK_BYTES
                && same(&self.blocks[piece.block], &self.blocks[first.block])
        };
        let joined = pieces.iter().take_while(|piece| joins(piece));
        let count = joined.count().max(1);
        let (taken, rest) = pieces.split_at(count);
        *pieces = rest;
        Some(gather(&self.blocks, taken).map(|batch| (first.member, batch)))
    }
}

/// Tells whether two batches have the same columns.
fn same(a: &RecordBatch, b: &RecordBatch) -> bool {
    Arc::ptr_eq(a.schema_ref(), b.schema_ref()) || a.schema_ref() == b.schema_ref()
}

/// Puts pieces of blocks with the same columns together.
pub(super) fn gather(
    blocks: &[RecordBatch],
    pieces: &[Piece],
) -> Result<RecordBatch, TransformError> {
    let action = TransformError::arrow("put the rows of a partition together");
    let Some(first) = pieces.first() else {
        return Err(action(arrow::error::ArrowError::InvalidArgumentError(
            "no rows".to_owned(),
        )));
    };
    let schema = blocks[first.block].schema();
    if let [only] = pieces {
        return Ok(blocks[only.block].slice(only.offset, only.rows));
    }
    let rows: usize = pieces.iter().map(|piece| piece.rows).sum();
    // Copying whole stretches wins where they are long, picking rows where they are short.
    if rows >= 32 * pieces.len() {
        let slices: Vec<_> = pieces
            .iter()
            .map(|piece| blocks[piece.block].slice(piece.offset, piece.rows))
            .collect();
        return concat_batches(&schema, &slices).map_err(action);
    }
    pick(schema, blocks, pieces, rows).map_err(action)
}

fn pick(
    schema: SchemaRef,
    blocks: &[RecordBatch],
    pieces: &[Piece],
    rows: usize,
) -> Result<RecordBatch, arrow::error::ArrowError> {
    let mut used: Vec<usize> = pieces.iter().map(|piece| piece.block).collect();
    used.sort_unstable();
    used.dedup();
    let indices: Vec<(usize, usize)> = pieces
        .iter()
        .flat_map(|piece| {
            let block = used.partition_point(|block| *block < piece.block);
            (piece.offset..piece.offset + piece.rows).map(move |row| (block, row))
        })
        .collect();
    let columns = (0..schema.fields().len())
        .map(|column| {
            let arrays: Vec<&dyn Array> = used
                .iter()
                .map(|block| blocks[*block].column(column).as_ref())
                .collect();
            interleave(&arrays, &indices)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema, columns, &options)
}
