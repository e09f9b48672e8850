//! How columns are written.

use arrow::array::RecordBatch;
use parquet::arrow::ArrowSchemaConverter;
use parquet::basic::{Compression, Encoding, GzipLevel, Type, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{
    EnabledStatistics, WriterProperties, WriterPropertiesBuilder, WriterVersion,
};
use parquet::schema::types::{ColumnDescriptor, SchemaDescriptor};

use super::look::{Repetition, look};
use crate::config::{self, Direction, Encodings, Writing};

/// The writer that every file names: ours, and not the library's version, which is no part of the format.
const CREATED_BY: &str = "strandline format 5";
/// How often a bloom filter says that a value may be there which is not.
const FALSE_POSITIVES: f64 = 0.01;
/// Different values that all bloom filters of a row group have room for together; 32 MiB while it is written.
const FILTERED_VALUES: u64 = 1 << 24;
/// And those that one of them has room for. More values only make it wrong more often.
const FILTERED_VALUES_OF_ONE: u64 = 1 << 20;

/// Returns the properties for files with the columns of `first`, the first rows of the partition.
pub(super) fn properties(
    first: &RecordBatch,
    writing: &Writing,
) -> Result<WriterProperties, ParquetError> {
    let page_bytes = usize::try_from(writing.page_size.0).unwrap_or(usize::MAX);
    let mut builder = WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_compression(codec(writing.compression)?)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_data_page_size_limit(page_bytes)
        .set_max_row_group_row_count(None)
        .set_max_row_group_bytes(None);
    let leaves = ArrowSchemaConverter::new().convert(first.schema_ref())?;
    for leaf in leaves.columns() {
        let encoding = match writing.encodings {
            Encodings::Auto => best_encoding(leaf, first),
            Encodings::Plain => plain_encoding(leaf, first),
        };
        if let Some(encoding) = encoding {
            builder = builder
                .set_column_dictionary_enabled(leaf.path().clone(), false)
                .set_column_encoding(leaf.path().clone(), encoding);
        }
    }
    builder = with_bloom_filters(builder, &leaves, writing);
    let sorted = sorting_columns(first, &leaves, writing);
    Ok(builder.set_sorting_columns(sorted).build())
}

fn codec(compression: config::Compression) -> Result<Compression, ParquetError> {
    Ok(match compression {
        config::Compression::Zstd(level) => {
            Compression::ZSTD(ZstdLevel::try_new(i32::from(level))?)
        }
        config::Compression::Snappy => Compression::SNAPPY,
        config::Compression::Lz4 => Compression::LZ4_RAW,
        config::Compression::Gzip => Compression::GZIP(GzipLevel::default()),
        config::Compression::None => Compression::UNCOMPRESSED,
    })
}

/// Returns what a look at the column tells; a column that is part of a list or struct is not looked at.
fn seen(leaf: &ColumnDescriptor, first: &RecordBatch) -> Option<Repetition> {
    match leaf.path().parts() {
        [name] => first.column_by_name(name).and_then(|column| look(column)),
        _ => None,
    }
}

/// Returns the encoding that is best for the column, `None` for a dictionary.
fn best_encoding(leaf: &ColumnDescriptor, first: &RecordBatch) -> Option<Encoding> {
    match (leaf.physical_type(), seen(leaf, first)) {
        (Type::INT32 | Type::INT64, _) => Some(Encoding::DELTA_BINARY_PACKED),
        (Type::FLOAT | Type::DOUBLE, Some(Repetition::Constantly)) => None,
        (Type::FLOAT | Type::DOUBLE, _) => Some(Encoding::PLAIN),
        (Type::BYTE_ARRAY, Some(Repetition::Seldom)) => Some(Encoding::DELTA_LENGTH_BYTE_ARRAY),
        _ => None,
    }
}

/// Returns the same of those encodings that the first readers of Parquet knew.
fn plain_encoding(leaf: &ColumnDescriptor, first: &RecordBatch) -> Option<Encoding> {
    match (leaf.physical_type(), seen(leaf, first)) {
        (Type::FLOAT | Type::DOUBLE, Some(Repetition::Constantly)) => None,
        (Type::FLOAT | Type::DOUBLE, _) | (Type::BYTE_ARRAY, Some(Repetition::Seldom)) => {
            Some(Encoding::PLAIN)
        }
        _ => None,
    }
}

/// Filters begin with room for the values of a row group and are folded to what its values need when it ends.
fn with_bloom_filters(
    mut builder: WriterPropertiesBuilder,
    leaves: &SchemaDescriptor,
    writing: &Writing,
) -> WriterPropertiesBuilder {
    let is_meant = |leaf: &&parquet::schema::types::ColumnDescPtr| {
        let column = leaf.path().parts().first();
        // There is nothing to rule out among two values, and the format has no filters for them.
        column.is_some_and(|name| writing.bloom_filter.contains(name))
            && leaf.physical_type() != Type::BOOLEAN
    };
    let count = leaves.columns().iter().filter(is_meant).count() as u64;
    let room = FILTERED_VALUES / count.max(1);
    let values = room
        .min(writing.row_group_rows)
        .clamp(1, FILTERED_VALUES_OF_ONE);
    for leaf in leaves.columns().iter().filter(is_meant) {
        builder = builder
            .set_column_bloom_filter_fpp(leaf.path().clone(), FALSE_POSITIVES)
            .set_column_bloom_filter_max_ndv(leaf.path().clone(), values);
    }
    builder
}

/// Returns what the rows of every row group are sorted by, in Parquet's words.
fn sorting_columns(
    first: &RecordBatch,
    leaves: &SchemaDescriptor,
    writing: &Writing,
) -> Option<Vec<SortingColumn>> {
    let sorted = writing.sort_within(first.schema_ref()).into_iter();
    let sorted = sorted.filter_map(|(column, direction)| {
        let mut roots = (0..leaves.num_columns()).map(|leaf| leaves.get_column_root_idx(leaf));
        let leaf = roots.position(|root| root == column)?;
        Some(SortingColumn {
            column_idx: i32::try_from(leaf).ok()?,
            descending: direction == Direction::Descending,
            nulls_first: false,
        })
    });
    let sorted: Vec<_> = sorted.collect();
    (!sorted.is_empty()).then_some(sorted)
}
