//! How columns are written.

use arrow::datatypes::Schema;
use parquet::arrow::ArrowSchemaConverter;
use parquet::basic::{Compression, Encoding, Type, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{WriterProperties, WriterVersion};

/// The writer that every file names: ours, and not the library's version, which is no part of the format.
const CREATED_BY: &str = "strandline format 1";
const ZSTD_LEVEL: i32 = 3;
/// A row group has at most this many rows.
const ROW_GROUP_ROWS: usize = 1 << 20;

/// Returns the properties for files with the columns of `schema`.
pub(super) fn properties(schema: &Schema) -> Result<WriterProperties, ParquetError> {
    let mut builder = WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_max_row_group_bytes(None);
    let leaves = ArrowSchemaConverter::new().convert(schema)?;
    for leaf in leaves.columns() {
        let path = leaf.path().clone();
        builder = match leaf.physical_type() {
            Type::INT32 | Type::INT64 => builder
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED),
            Type::FLOAT | Type::DOUBLE => builder
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::PLAIN),
            _ => builder,
        };
    }
    Ok(builder.build())
}
