//! Parquet: pages -> columns of canonical types.
//!
//! Strings and binary are read as views, which share the pages' memory: a batch of rows that all point to one
//! large dictionary value costs nothing until it is cut to size and copied out.

mod footer;
mod source;

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use arrow::datatypes::{DataType, Schema};
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};

use super::batch::send;
use super::typed::{as_views, cast_columns, caught, parts, schema_of, shape_of, targets, types};
use super::{BATCH_BYTES, BATCH_ROWS, DecodeError, Decoded, Emit, Kind, Malformed};
use crate::model::{Comments, ReadAt, Shape};

use source::ParquetFile;

/// Returns the columns that the footer declares.
pub(super) fn sniff(file: Arc<dyn ReadAt>) -> Result<Shape, DecodeError> {
    Ok(Opened::new(file)?.shape)
}

/// Decodes all rows under `shape`.
pub(super) fn decode(
    file: Arc<dyn ReadAt>,
    shape: &Shape,
    emit: &mut Emit<'_>,
) -> Result<Decoded, DecodeError> {
    let opened = Opened::new(file)?;
    let observed = opened.shape.clone();
    let Some(targets) = targets(&observed, shape) else {
        // Read through all the same: a file that is corrupt must not widen anything.
        let own = types(&observed);
        opened.read(None, &own, &mut |_| ControlFlow::Continue(()))?;
        return Err(DecodeError::Misfit { observed });
    };
    let comments = Comments::of_schema(opened.metadata.schema(), &observed);
    let rows = opened.read(None, &targets, emit)?;
    Ok(Decoded {
        rows,
        observed,
        comments,
    })
}

/// Reads the rows `range`, with the types that the file declares.
pub(super) fn read_rows(
    file: Arc<dyn ReadAt>,
    range: Range<u64>,
    emit: &mut Emit<'_>,
) -> Result<(), DecodeError> {
    let opened = Opened::new(file)?;
    let wanted = range.end.saturating_sub(range.start);
    let own = opened.shape.clone();
    let rows = opened.read(Some(range), &types(&own), emit)?;
    if rows != wanted {
        let detail = format!("{wanted} rows were asked for and {rows} are there");
        return Err(Malformed::Content {
            kind: Kind::Parquet,
            detail,
        }
        .into());
    }
    Ok(())
}

/// A file whose footer has been read.
struct Opened {
    file: ParquetFile,
    metadata: ArrowReaderMetadata,
    shape: Shape,
}

impl Opened {
    fn new(file: Arc<dyn ReadAt>) -> Result<Self, DecodeError> {
        footer::check(&*file).map_err(DecodeError::Read)??;
        let file = ParquetFile::new(file);
        let metadata = guarded(&file, || {
            let declared = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new())?;
            let declared_schema = declared.schema();
            let schema = Schema::new_with_metadata(
                as_views(declared_schema.fields()),
                declared_schema.metadata().clone(),
            );
            let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
            ArrowReaderMetadata::try_new(Arc::clone(declared.metadata()), options)
        })?;
        let shape = shape_of(metadata.schema(), |detail| Malformed::Content {
            kind: Kind::Parquet,
            detail,
        })?;
        Ok(Self {
            file,
            metadata,
            shape,
        })
    }

    /// Reads all rows, or a range of them, and emits them with the types `targets`.
    fn read(
        self,
        range: Option<Range<u64>>,
        targets: &[&DataType],
        emit: &mut Emit<'_>,
    ) -> Result<u64, DecodeError> {
        let Self {
            file,
            metadata,
            shape,
        } = self;
        let mut reader = guarded(&file, || reader_for(&file, metadata, range))?;
        let schema = schema_of(&shape, targets);
        let mut rows = 0;
        while let Some(batch) = guarded(&file, || reader.next().transpose())? {
            for part in parts(batch) {
                rows += part.num_rows() as u64;
                let cast = guarded(&file, || cast_columns(&part, &schema))?;
                send(cast, emit)?;
            }
        }
        Ok(rows)
    }
}

/// Runs a call into the Parquet reader, and tells what it met.
fn guarded<T, E: std::fmt::Display>(
    file: &ParquetFile,
    call: impl FnOnce() -> Result<T, E>,
) -> Result<T, DecodeError> {
    caught(call).map_err(|detail| match file.take_fault() {
        Some(error) => DecodeError::Read(error),
        None => Malformed::Content {
            kind: Kind::Parquet,
            detail,
        }
        .into(),
    })
}

fn reader_for(
    file: &ParquetFile,
    metadata: ArrowReaderMetadata,
    range: Option<Range<u64>>,
) -> parquet::errors::Result<ParquetRecordBatchReader> {
    let batch_rows = rows_per_batch(&metadata);
    let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file.clone(), metadata);
    if let Some(range) = range {
        let (groups, skipped) = groups_of(&builder, &range);
        let count = |rows: u64| usize::try_from(rows).unwrap_or(usize::MAX);
        builder = builder
            .with_row_groups(groups)
            .with_offset(count(range.start - skipped))
            .with_limit(count(range.end.saturating_sub(range.start)));
    }
    builder.with_batch_size(batch_rows).build()
}

/// Returns the row groups that `range` touches, and the number of rows before the first of them.
fn groups_of(
    builder: &ParquetRecordBatchReaderBuilder<ParquetFile>,
    range: &Range<u64>,
) -> (Vec<usize>, u64) {
    let mut groups = Vec::new();
    let mut skipped = 0;
    let mut start = 0_u64;
    for (index, group) in builder.metadata().row_groups().iter().enumerate() {
        let end = start.saturating_add(u64::try_from(group.num_rows()).unwrap_or_default());
        if end <= range.start {
            skipped = end;
        } else if start < range.end {
            groups.push(index);
        }
        start = end;
    }
    (groups, skipped)
}

/// Returns how many rows to read at once, by what the footer says of the rows' sizes.
fn rows_per_batch(metadata: &ArrowReaderMetadata) -> usize {
    let groups = metadata.metadata().row_groups().iter();
    let widest = groups
        .map(|group| group.total_byte_size().max(0) / group.num_rows().max(1))
        .max()
        .and_then(|bytes| usize::try_from(bytes).ok())
        .unwrap_or_default();
    (BATCH_BYTES / widest.max(1)).clamp(1, BATCH_ROWS)
}

#[cfg(test)]
pub(super) mod tests;
