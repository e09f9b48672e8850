//! How columns are written.

use arrow::array::RecordBatch;
use parquet::arrow::ArrowSchemaConverter;
use parquet::basic::{Compression, Encoding, Type, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{WriterProperties, WriterVersion};

use super::look::{Repetition, look};

/// The writer that every file names: ours, and not the library's version, which is no part of the format.
const CREATED_BY: &str = "strandline format 3";
const ZSTD_LEVEL: i32 = 3;

/// Returns the properties for files with the columns of `first`, the first rows of the partition.
pub(super) fn properties(first: &RecordBatch) -> Result<WriterProperties, ParquetError> {
    let mut builder = WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_max_row_group_row_count(None)
        .set_max_row_group_bytes(None);
    let leaves = ArrowSchemaConverter::new().convert(first.schema_ref())?;
    for leaf in leaves.columns() {
        let path = leaf.path().clone();
        // Only a column that is no part of a list or struct is looked at.
        let seen = match path.parts() {
            [name] => first.column_by_name(name).and_then(|column| look(column)),
            _ => None,
        };
        let encoding = match (leaf.physical_type(), seen) {
            (Type::INT32 | Type::INT64, _) => Some(Encoding::DELTA_BINARY_PACKED),
            (Type::FLOAT | Type::DOUBLE, Some(Repetition::Constantly)) => None,
            (Type::FLOAT | Type::DOUBLE, _) => Some(Encoding::PLAIN),
            (Type::BYTE_ARRAY, Some(Repetition::Seldom)) => Some(Encoding::DELTA_LENGTH_BYTE_ARRAY),
            _ => None,
        };
        if let Some(encoding) = encoding {
            builder = builder
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, encoding);
        }
    }
    Ok(builder.build())
}
