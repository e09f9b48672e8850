//! What all files of one partition have in common.

use std::io;

use arrow::array::{RecordBatch, new_empty_array};
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;

use super::properties::properties;
use crate::config::Writing;

/// The columns of a partition and how they are written.
pub(super) struct Form {
    schema: SchemaRef,
    properties: WriterProperties,
    columns: ArrowRowGroupWriterFactory,
    /// How many leaves each column has.
    leaves: Vec<usize>,
}

impl Form {
    /// Decides by the first rows of the partition.
    pub(super) fn new(first: &RecordBatch, writing: &Writing) -> Result<Self, ParquetError> {
        let schema = first.schema();
        let properties = properties(first, writing)?;
        // Column writers come from a file only, and row groups are encoded before theirs is begun.
        let nowhere = begin(io::sink(), &schema, &properties)?;
        let leaves = schema.fields().iter().map(|field| {
            let no_values = new_empty_array(field.data_type());
            Ok(compute_leaves(field, &no_values)?.len())
        });
        Ok(Self {
            leaves: leaves.collect::<Result<_, ParquetError>>()?,
            schema,
            properties,
            columns: nowhere.1,
        })
    }

    /// Returns the columns.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Begins a file.
    pub(super) fn file<W: io::Write + Send>(
        &self,
        bytes: W,
    ) -> Result<SerializedFileWriter<W>, ParquetError> {
        Ok(begin(bytes, &self.schema, &self.properties)?.0)
    }

    /// Begins a row group, of whatever file: the leaves of each column.
    pub(super) fn row_group(&self) -> Result<Vec<Vec<ArrowColumnWriter>>, ParquetError> {
        // The number counts where files are encrypted, which ours are not.
        let mut writers = self.columns.create_column_writers(0)?.into_iter();
        let columns = self.leaves.iter();
        Ok(columns
            .map(|count| writers.by_ref().take(*count).collect())
            .collect())
    }
}

type Begun<W> = (SerializedFileWriter<W>, ArrowRowGroupWriterFactory);

fn begin<W: io::Write + Send>(
    bytes: W,
    schema: &SchemaRef,
    properties: &WriterProperties,
) -> Result<Begun<W>, ParquetError> {
    ArrowWriter::try_new(bytes, schema.clone(), Some(properties.clone()))?.into_serialized_writer()
}
