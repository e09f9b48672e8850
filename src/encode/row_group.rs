//! Rows that make one row group, and the same encoded: the piece of work that a crew shares.
//!
//! Where a row group ends is told by its rows alone, before any of them is encoded, so that several can be encoded side
//! by side.

use std::sync::Arc;

use arrow::array::RecordBatch;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, compute_leaves};
use parquet::errors::ParquetError;

use super::EncodeError;
use super::chunks::Chunk;
use super::form::Form;

/// A row group ends with the chunk that brings it to this weight, for it is held in memory until then.
pub(super) const ROW_GROUP_BYTES: usize = 64 << 20;

/// Where a row group ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// It has at most this many rows.
    pub(super) rows: usize,
    /// And a chunk this many.
    pub(super) chunk_rows: usize,
    /// It ends with the chunk that brings it to this weight.
    pub(super) bytes: usize,
}

/// Rows of one partition, of which some are encoded already.
pub(super) struct RowGroup {
    /// The number of the partition.
    pub(super) partition: usize,
    pub(super) form: Arc<Form>,
    /// Whose rows they are: members and numbers of consecutive rows.
    pub(super) members: Vec<(usize, usize)>,
    pub(super) weight: usize,
    rows: usize,
    waiting: Vec<Chunk>,
    columns: Vec<ArrowColumnWriter>,
}

/// A row group that only has to be put into a file.
pub(super) struct EncodedRowGroup {
    pub(super) partition: usize,
    pub(super) form: Arc<Form>,
    pub(super) members: Vec<(usize, usize)>,
    pub(super) columns: Vec<ArrowColumnChunk>,
}

impl RowGroup {
    pub(super) fn new(partition: usize, form: Arc<Form>) -> Self {
        Self {
            partition,
            form,
            members: Vec::new(),
            weight: 0,
            rows: 0,
            waiting: Vec::new(),
            columns: Vec::new(),
        }
    }

    /// Appends rows, which wait to be encoded.
    pub(super) fn push(&mut self, mut chunk: Chunk) {
        self.rows += chunk.rows();
        self.weight += chunk.weight;
        self.members.append(&mut chunk.members);
        self.waiting.push(chunk);
    }

    /// Tells whether it takes no more rows: those of another chunk might be too many.
    pub(super) fn is_full(&self, limits: Limits) -> bool {
        self.rows + limits.chunk_rows > limits.rows || self.weight >= limits.bytes
    }

    /// Encodes the rows that wait.
    pub(super) fn catch_up(&mut self) -> Result<(), EncodeError> {
        if self.columns.is_empty() && !self.waiting.is_empty() {
            self.columns = self.form.row_group().map_err(EncodeError::Rows)?;
        }
        for chunk in self.waiting.drain(..) {
            let rows = chunk.batch(self.form.schema());
            let rows = rows.map_err(EncodeError::Rechunk)?;
            write(&rows, &mut self.columns).map_err(EncodeError::Rows)?;
        }
        Ok(())
    }

    /// Encodes what is left.
    pub(super) fn encode(mut self) -> Result<EncodedRowGroup, EncodeError> {
        self.catch_up()?;
        let columns = self.columns.into_iter().map(ArrowColumnWriter::close);
        Ok(EncodedRowGroup {
            partition: self.partition,
            form: self.form,
            members: self.members,
            columns: columns
                .collect::<Result<_, _>>()
                .map_err(EncodeError::Rows)?,
        })
    }
}

fn write(rows: &RecordBatch, columns: &mut [ArrowColumnWriter]) -> Result<(), ParquetError> {
    let mut writers = columns.iter_mut();
    for (field, column) in rows.schema_ref().fields().iter().zip(rows.columns()) {
        for leaf in compute_leaves(field, column)? {
            let writer = writers.next().ok_or_else(too_many_leaves)?;
            writer.write(&leaf)?;
        }
    }
    Ok(())
}

fn too_many_leaves() -> ParquetError {
    ParquetError::General("rows have more columns than the file".to_owned())
}
