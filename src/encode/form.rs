//! What all files of one partition have in common.

use std::io;

use arrow::array::{RecordBatch, new_empty_array};
use arrow::datatypes::{Schema, SchemaRef};
use parquet::arrow::arrow_writer::{
    ArrowColumnWriter, ArrowRowGroupWriterFactory, ArrowWriterOptions, compute_leaves,
};
use parquet::arrow::{ARROW_SCHEMA_META_KEY, ArrowWriter, encode_arrow_schema};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;

use super::properties::properties;
use crate::config::Writing;
use crate::model::Comments;

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
        let nowhere = open(io::sink(), &schema, &properties)?;
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

    /// Returns the columns as readers of Arrow find them in a footer, with what is said about them and about the file:
    /// some look for the latter here alone.
    pub(super) fn arrow_schema(&self, said: &Comments) -> KeyValue {
        let fields = self.schema.fields().iter().map(|field| {
            let mut field = field.as_ref().clone();
            if let Some(texts) = said.columns.get(field.name()) {
                let mut metadata = field.metadata().clone();
                metadata.extend(texts.clone());
                field.set_metadata(metadata);
            }
            field
        });
        let file = said.file.clone().into_iter().collect();
        let schema = Schema::new_with_metadata(fields.collect::<Vec<_>>(), file);
        KeyValue::new(
            ARROW_SCHEMA_META_KEY.to_owned(),
            encode_arrow_schema(&schema),
        )
    }

    /// Begins a file.
    pub(super) fn file<W: io::Write + Send>(
        &self,
        bytes: W,
    ) -> Result<SerializedFileWriter<W>, ParquetError> {
        Ok(open(bytes, &self.schema, &self.properties)?.0)
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

type Opened<W> = (SerializedFileWriter<W>, ArrowRowGroupWriterFactory);

fn open<W: io::Write + Send>(
    bytes: W,
    schema: &SchemaRef,
    properties: &WriterProperties,
) -> Result<Opened<W>, ParquetError> {
    // The columns as Arrow has them are told in the footer, when all that is said about them is known.
    let options = ArrowWriterOptions::new()
        .with_properties(properties.clone())
        .with_skip_arrow_metadata(true);
    ArrowWriter::try_new_with_options(bytes, schema.clone(), options)?.into_serialized_writer()
}
