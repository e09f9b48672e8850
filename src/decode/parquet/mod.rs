//! Parquet: pages -> columns of canonical types.
//!
//! Strings and binary are read as views, which share the pages' memory: a batch of rows that all point to one
//! large dictionary value costs nothing until it is cut to size and copied out.
//!
//! # Panics of the reader
//! The reader is written for files that were written by writers. Bytes that were forged or damaged can run into
//! an index or an overflow check of its own, and a file must never end the run; so each call into it is caught at
//! this edge, and a panic is one more way to say that the file is corrupt. The reader is dropped after it.

mod footer;
mod source;

use std::collections::HashSet;
use std::ops::{ControlFlow, Range};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema};
use arrow::error::ArrowError;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};

use super::cast::cast_array;
use super::{BATCH_BYTES, BATCH_ROWS, DecodeError, Decoded, Emit, MAX_COLUMNS, Malformed};
use crate::model::{Column, ReadAt, Shape};
use crate::schema::{canonical, fits};

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
    let rows = opened.read(None, &targets, emit)?;
    Ok(Decoded { rows, observed })
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
        return Err(Malformed::Parquet { detail }.into());
    }
    Ok(())
}

fn types(shape: &Shape) -> Vec<&DataType> {
    let columns = shape.columns.iter();
    columns.map(|column| &column.data_type).collect()
}

/// Returns the types to cast to, `None` where one of them does not fit.
fn targets<'s>(observed: &Shape, shape: &'s Shape) -> Option<Vec<&'s DataType>> {
    let columns = observed.columns.iter();
    columns
        .map(|column| {
            let target = shape.type_of(&column.name)?;
            fits(&column.data_type, target).then_some(target)
        })
        .collect()
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
            let schema = Schema::new(as_views(declared.schema().fields()));
            let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
            ArrowReaderMetadata::try_new(Arc::clone(declared.metadata()), options)
        })?;
        let shape = shape_of(metadata.schema())?;
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
        let fields = shape.columns.iter().zip(targets);
        let fields: Vec<Field> = fields
            .map(|(column, target)| Field::new(&column.name, (*target).clone(), true))
            .collect();
        let schema = Arc::new(Schema::new(fields));
        let mut rows = 0;
        while let Some(batch) = guarded(&file, || reader.next().transpose())? {
            let mut parts = vec![batch];
            while let Some(part) = parts.pop() {
                if part.num_rows() > 1 && batch_bytes(&part) > BATCH_BYTES {
                    let half = part.num_rows() / 2;
                    parts.push(part.slice(half, part.num_rows() - half));
                    parts.push(part.slice(0, half));
                    continue;
                }
                rows += part.num_rows() as u64;
                let cast = guarded(&file, || cast_columns(&part, &schema))?;
                if emit(cast).is_break() {
                    return Err(DecodeError::Stopped);
                }
            }
        }
        Ok(rows)
    }
}

/// Runs a call into the Parquet reader: see the module's text about its panics.
fn guarded<T, E: std::fmt::Display>(
    file: &ParquetFile,
    call: impl FnOnce() -> Result<T, E>,
) -> Result<T, DecodeError> {
    let detail = match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "the reader gave up on it".to_owned(),
    };
    Err(match file.take_fault() {
        Some(error) => DecodeError::Read(error),
        None => Malformed::Parquet { detail }.into(),
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

fn cast_columns(batch: &RecordBatch, schema: &Arc<Schema>) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().zip(schema.fields());
    let columns = columns
        .map(|(column, field)| cast_array(column, field.data_type()))
        .collect::<Result<_, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
}

/// Returns what the rows of a batch take when they are copied out.
fn batch_bytes(batch: &RecordBatch) -> usize {
    batch.columns().iter().map(array_bytes).sum()
}

fn array_bytes(array: &ArrayRef) -> usize {
    match array.data_type() {
        DataType::Utf8View => array
            .as_string_view()
            .lengths()
            .map(|len| len as usize)
            .sum(),
        DataType::BinaryView => array
            .as_binary_view()
            .lengths()
            .map(|len| len as usize)
            .sum(),
        DataType::Struct(_) => array.as_struct().columns().iter().map(array_bytes).sum(),
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            let offsets = list.value_offsets();
            let ends = offsets.first().zip(offsets.last());
            let ends = ends
                .and_then(|(a, b)| Some((usize::try_from(*a).ok()?, usize::try_from(*b).ok()?)));
            ends.map_or(0, |(start, end)| {
                array_bytes(&list.values().slice(start, end - start))
            })
        }
        _ => array.to_data().get_slice_memory_size().unwrap_or_default(),
    }
}

/// Returns the fields with views in the place of strings and binary, and without dictionaries.
fn as_views(fields: &Fields) -> Fields {
    let view = |field: &FieldRef| -> FieldRef {
        let data_type = view_type(field.data_type());
        Arc::new(field.as_ref().clone().with_data_type(data_type))
    };
    fields.iter().map(view).collect()
}

fn view_type(data_type: &DataType) -> DataType {
    let inner = |field: &FieldRef| -> FieldRef {
        Arc::new(
            field
                .as_ref()
                .clone()
                .with_data_type(view_type(field.data_type())),
        )
    };
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
        DataType::Binary | DataType::LargeBinary => DataType::BinaryView,
        DataType::Dictionary(_, value) => view_type(value),
        DataType::List(item) => DataType::List(inner(item)),
        DataType::LargeList(item) => DataType::LargeList(inner(item)),
        DataType::Struct(fields) => DataType::Struct(as_views(fields)),
        other => other.clone(),
    }
}

fn shape_of(schema: &Schema) -> Result<Shape, Malformed> {
    if schema.fields().len() > MAX_COLUMNS {
        let (line, limit) = (1, MAX_COLUMNS);
        return Err(Malformed::TooManyColumns { line, limit });
    }
    for field in schema.fields() {
        check_names(field.data_type())?;
    }
    let names = schema.fields().iter().map(|field| field.name().clone());
    let names = super::unique_names(names.collect());
    let columns = names.into_iter().zip(schema.fields());
    Ok(Shape {
        columns: columns
            .map(|(name, field)| Column {
                name,
                data_type: canonical(field.data_type()),
            })
            .collect(),
    })
}

/// Refuses structs in which a name stands for two fields.
fn check_names(data_type: &DataType) -> Result<(), Malformed> {
    match data_type {
        DataType::Struct(fields) => {
            let mut names = HashSet::new();
            for field in fields {
                if !names.insert(field.name()) {
                    let detail = format!("a struct has two fields called {:?}", field.name());
                    return Err(Malformed::Parquet { detail });
                }
                check_names(field.data_type())?;
            }
            Ok(())
        }
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => check_names(item.data_type()),
        _ => Ok(()),
    }
}

#[cfg(test)]
pub(super) mod tests;
