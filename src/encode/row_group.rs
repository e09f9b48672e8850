//! Rows that make one row group, which a crew encodes as they come.
//!
//! Where a row group ends is told by its rows alone, before they are encoded, so that the next one can be begun while this
//! one is at work. Within a row group each column is a job of its own: a column takes its rows in order, and nobody has to
//! wait for the others, which helps where there is only one row group left to do.

use std::cmp::Reverse;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::concat;
use arrow::datatypes::{FieldRef, Schema};
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, compute_leaves};
use parquet::errors::ParquetError;

use super::EncodeError;
use super::chunks::{CHUNK_ROWS, Chunk, Cut};
use super::encoder::EncodeOptions;
use super::form::Form;
use crate::crew::{self, Begun, Crew};

/// A row group ends with the chunk that brings it to so many bytes for each column, within limits: readers of many columns
/// want pieces worth reading, and what is not a whole row group is held in memory. Beside other partitions it is half of
/// that, so that the row groups of as many more can be collected at a time.
const COLUMN_BYTES: usize = 1 << 20;
const LEAST_BYTES: usize = 16 << 20;
const MOST_BYTES: usize = 64 << 20;

/// What the compressor of a column takes.
const COMPRESSOR_BYTES: usize = 512 << 10;

/// How the rows of a unit lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// All in one partition.
    Flat,
    /// In partitions that the rows themselves tell.
    Partitioned,
}

/// Returns what a row group of so many columns weighs, at most.
fn row_group_bytes(columns: usize, layout: Layout) -> usize {
    let bytes = (columns * COLUMN_BYTES).clamp(LEAST_BYTES, MOST_BYTES);
    match layout {
        Layout::Partitioned => bytes / 2,
        Layout::Flat => bytes,
    }
}

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

impl Limits {
    /// Returns where row groups of files with these columns end, and chunks, of which whole ones make a row group of nearly
    /// as many rows as it may have.
    pub(super) fn new(options: &EncodeOptions, schema: &Schema) -> Self {
        let rows = usize::try_from(options.writing.row_group_rows).unwrap_or(usize::MAX);
        let rows = rows.max(1);
        // Small files have small row groups, for a file ends with one.
        let file_bytes = usize::try_from(options.target_file_size).unwrap_or(usize::MAX);
        Self {
            rows,
            chunk_rows: rows / rows.div_ceil(CHUNK_ROWS),
            bytes: file_bytes.min(row_group_bytes(schema.fields().len(), options.layout)),
        }
    }

    /// Tells whether so many rows of such a weight make a whole row group.
    fn are_reached(&self, rows: usize, weight: usize) -> bool {
        // The rows of another chunk might be too many.
        rows + self.chunk_rows > self.rows || weight >= self.bytes
    }

    /// Returns the first whole row groups of these rows, up to `most` of them: the chunks of each, with their rows and what
    /// they weigh.
    pub(super) fn whole<'b>(
        &self,
        batches: impl Iterator<Item = &'b RecordBatch>,
        most: usize,
    ) -> Vec<Vec<(usize, usize)>> {
        let mut cut = Cut::new(self.chunk_rows);
        let (mut groups, mut chunks) = (Vec::new(), Vec::new());
        let (mut rows, mut weight) = (0, 0);
        for batch in batches {
            let mut start = 0;
            while start < batch.num_rows() && groups.len() < most {
                let (end, whole) = cut.add(batch, start);
                start = end;
                let Some(chunk) = whole else { continue };
                chunks.push(chunk);
                rows += chunk.0;
                weight += chunk.1;
                if self.are_reached(rows, weight) {
                    groups.push(std::mem::take(&mut chunks));
                    (rows, weight) = (0, 0);
                }
            }
        }
        groups
    }
}

/// Rows of one partition, of which some are encoded already.
pub(super) struct RowGroup {
    form: Arc<Form>,
    /// Whose rows they are: members and numbers of consecutive rows.
    members: Vec<(usize, usize)>,
    rows: usize,
    weight: usize,
    is_whole: bool,
    waiting: Vec<Chunk>,
    /// One for each column, in their order.
    columns: Vec<Column>,
    /// What the rows weigh that are being encoded.
    away: usize,
}

/// A row group that only has to be put into a file.
pub(super) struct EncodedRowGroup {
    pub(super) form: Arc<Form>,
    pub(super) members: Vec<(usize, usize)>,
    pub(super) columns: Vec<ArrowColumnChunk>,
}

/// A column with all its leaves.
enum Column {
    /// It takes rows.
    Open(Vec<ArrowColumnWriter>),
    /// Somebody is at it.
    Away(Box<Begun<Result<Self, EncodeError>>>),
    /// It has all rows of the row group.
    Closed(Vec<ArrowColumnChunk>),
}

impl Column {
    fn bytes(&self) -> usize {
        match self {
            Self::Open(leaves) => {
                // What the writer says of its memory is mostly room that is reserved and never touched.
                let pages = leaves
                    .iter()
                    .map(ArrowColumnWriter::get_estimated_total_bytes);
                pages.sum::<usize>() + leaves.len() * COMPRESSOR_BYTES
            }
            Self::Closed(leaves) => {
                let bytes = leaves.iter().map(|leaf| leaf.close().bytes_written);
                usize::try_from(bytes.sum::<u64>()).unwrap_or(usize::MAX)
            }
            Self::Away(_) => 0,
        }
    }
}

impl RowGroup {
    pub(super) fn new(form: Arc<Form>) -> Result<Self, EncodeError> {
        let columns = form.row_group().map_err(EncodeError::Rows)?;
        Ok(Self {
            columns: columns.into_iter().map(Column::Open).collect(),
            form,
            members: Vec::new(),
            rows: 0,
            weight: 0,
            is_whole: false,
            waiting: Vec::new(),
            away: 0,
        })
    }

    /// Appends rows, which wait to be encoded.
    pub(super) fn push(&mut self, mut chunk: Chunk, limits: Limits) {
        self.rows += chunk.rows();
        self.weight += chunk.weight;
        self.members.append(&mut chunk.members);
        self.waiting.push(chunk);
        self.is_whole = limits.are_reached(self.rows, self.weight);
    }

    /// Says that there are no more rows.
    pub(super) fn end(&mut self) {
        self.is_whole = true;
    }

    /// Tells whether it takes no more rows.
    pub(super) fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Returns what the rows weigh that are not encoded yet.
    pub(super) fn held(&self) -> usize {
        let waiting = self.waiting.iter().map(|chunk| chunk.weight);
        self.away + waiting.sum::<usize>()
    }

    /// Returns about how many bytes the columns take encoded that nobody is at.
    pub(super) fn encoded(&self) -> usize {
        self.columns.iter().map(Column::bytes).sum()
    }

    /// Has the rows encoded that wait, unless earlier ones still are.
    pub(super) fn move_on(&mut self, crew: &dyn Crew) -> Result<(), EncodeError> {
        self.take_back(Begun::is_done)?;
        let is_open = |column: &Column| matches!(column, Column::Open(_));
        let is_idle = self.columns.iter().all(is_open);
        if !is_idle || (self.waiting.is_empty() && !self.is_whole) {
            return Ok(());
        }
        let rows = Arc::new(std::mem::take(&mut self.waiting));
        self.away = rows.iter().map(|chunk| chunk.weight).sum();
        let is_last = self.is_whole;
        for at in heaviest_first(&rows, self.columns.len()) {
            let Column::Open(leaves) = &mut self.columns[at] else {
                continue;
            };
            let leaves = std::mem::take(leaves);
            let (rows, form) = (Arc::clone(&rows), Arc::clone(&self.form));
            let begun = crew::begin(crew, move || {
                encode(leaves, &form.schema().fields()[at], at, &rows, is_last)
            });
            self.columns[at] = Column::Away(Box::new(begun));
        }
        drop(rows);
        self.take_back(Begun::is_done)
    }

    /// Waits until nobody is at it.
    pub(super) fn wait(&mut self) -> Result<(), EncodeError> {
        self.take_back(|_| true)
    }

    /// Tells whether all its rows are encoded.
    pub(super) fn is_encoded(&self) -> bool {
        let mut columns = self.columns.iter();
        columns.all(|column| matches!(column, Column::Closed(_)))
    }

    /// Returns it as it is; what is not encoded is left out.
    pub(super) fn into_encoded(self) -> EncodedRowGroup {
        let closed = self.columns.into_iter().filter_map(|column| match column {
            Column::Closed(leaves) => Some(leaves),
            Column::Open(_) | Column::Away(_) => None,
        });
        EncodedRowGroup {
            form: self.form,
            members: self.members,
            columns: closed.flatten().collect(),
        }
    }

    /// Takes back the columns that are to be had.
    fn take_back(
        &mut self,
        is_wanted: impl Fn(&mut Begun<Result<Column, EncodeError>>) -> bool,
    ) -> Result<(), EncodeError> {
        let mut is_away = false;
        for column in &mut self.columns {
            let Column::Away(begun) = column else {
                continue;
            };
            if !is_wanted(begun) {
                is_away = true;
                continue;
            }
            let Column::Away(begun) = std::mem::replace(column, Column::Open(Vec::new())) else {
                continue;
            };
            *column = begun.wait()?;
        }
        if !is_away {
            self.away = 0;
        }
        Ok(())
    }
}

/// Returns the columns' numbers, those first that take longest.
fn heaviest_first(rows: &[Chunk], columns: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..columns).collect();
    let weight = |at: usize| {
        let first = rows.first().and_then(|chunk| chunk.pieces().first());
        first.map_or(0, |piece| piece.column(at).get_buffer_memory_size())
    };
    order.sort_by_cached_key(|at| Reverse(weight(*at)));
    order
}

/// Encodes the rows of the column with the number `at`, which are the last or not.
fn encode(
    mut leaves: Vec<ArrowColumnWriter>,
    field: &FieldRef,
    at: usize,
    rows: &[Chunk],
    are_last: bool,
) -> Result<Column, EncodeError> {
    for chunk in rows {
        let pieces: Vec<&dyn Array> = chunk
            .pieces()
            .iter()
            .map(|piece| piece.column(at).as_ref())
            .collect();
        let values = concat(&pieces).map_err(EncodeError::Rechunk)?;
        write(field, &values, &mut leaves).map_err(EncodeError::Rows)?;
    }
    if !are_last {
        return Ok(Column::Open(leaves));
    }
    let closed = leaves.into_iter().map(ArrowColumnWriter::close);
    let closed = closed.collect::<Result<_, _>>();
    Ok(Column::Closed(closed.map_err(EncodeError::Rows)?))
}

fn write(
    field: &FieldRef,
    values: &ArrayRef,
    leaves: &mut [ArrowColumnWriter],
) -> Result<(), ParquetError> {
    let mut leaves = leaves.iter_mut();
    for values in compute_leaves(field, values)? {
        let leaf = leaves.next().ok_or_else(too_many_leaves)?;
        leaf.write(&values)?;
    }
    Ok(())
}

fn too_many_leaves() -> ParquetError {
    ParquetError::General("rows have more columns than the file".to_owned())
}
