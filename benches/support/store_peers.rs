//! Others that bring objects into Parquet in a store: Polars and pyarrow, each with the S3 client that comes with it.

use std::process::Command;

use crate::seaweedfs::python;
use crate::support::{Measured, measure};

/// Who strandline is paired with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    /// Polars, streaming, rows in any order, into one object.
    Polars,
    /// The datasets of pyarrow, rows in any order, into objects of a million rows.
    Pyarrow,
}

impl Peer {
    /// As people call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Polars => "Polars",
            Self::Pyarrow => "pyarrow",
        }
    }

    /// Brings what lies in `bucket/raw` of the server at `address` into the bucket `lake`.
    pub(crate) fn bring_in(self, address: &str, lake: &str) -> Measured {
        let program = match self {
            Self::Polars => format!(
                "import polars as pl\n\
                 access = {{'aws_endpoint_url': 'http://{address}', 'aws_allow_http': 'true', 'aws_region': 'us-east-1', \
                 'aws_access_key_id': 'k', 'aws_secret_access_key': 'very secret'}}\n\
                 pl.scan_csv('s3://bucket/raw/*.csv', try_parse_dates=True, storage_options=access).sink_parquet(\
                 's3://{lake}/all.parquet', compression='zstd', compression_level=3, maintain_order=False, \
                 engine='streaming', storage_options=access)"
            ),
            Self::Pyarrow => format!(
                "{}\n\
                 rows = ds.dataset('bucket/raw', filesystem=s3, format='csv')\n\
                 zstd = ds.ParquetFileFormat().make_write_options(compression='zstd', compression_level=3)\n\
                 ds.write_dataset(rows, '{lake}', filesystem=s3, format='parquet', file_options=zstd, \
                 max_rows_per_file=1 << 20, existing_data_behavior='overwrite_or_ignore')",
                dataset(address)
            ),
        };
        measure(Command::new(python()).arg("-c").arg(program))
    }
}

/// Returns how many rows the Parquet in the bucket `lake` has, and its size, as pyarrow tells them.
pub(crate) fn rows(address: &str, lake: &str) -> String {
    let program = format!(
        "{}\nprint(ds.dataset('{lake}', filesystem=s3, format='parquet', exclude_invalid_files=True).count_rows())",
        dataset(address)
    );
    let counted = measure(Command::new(python()).arg("-c").arg(program));
    counted.stdout.trim().to_owned()
}

fn dataset(address: &str) -> String {
    format!(
        "import pyarrow.dataset as ds, pyarrow.fs as fs\n\
         s3 = fs.S3FileSystem(endpoint_override='{address}', scheme='http', region='us-east-1', access_key='k', \
         secret_key='very secret', allow_bucket_creation=True)"
    )
}
