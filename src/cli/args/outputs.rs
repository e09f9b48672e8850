//! How outputs are cut and written, as it is said on the command line.

use clap::Args;
use clap::builder::PossibleValuesParser;

use super::{StateArgs, many, one};
use crate::config::{ENCODINGS_OF_OUTPUTS, Key, Layer};

/// How outputs are cut and written, and where state is kept.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "Outputs")]
pub(in crate::cli) struct OutputArgs {
    /// Make directories COL=value/ from the values of these columns
    ///
    /// They come after partitions that the paths of source files bring. Example: --partition-by country,day
    #[arg(long, value_name = "COL[,COL]", value_delimiter = ',')]
    pub(in crate::cli) partition_by: Vec<String>,
    /// Sort rows by these columns
    ///
    /// The rows that a unit has in a partition are sorted as a whole, so that readers skip what they do not want. Ties stay
    /// in the order of the files and their rows; nulls come last in either direction. Lists, structs and maps order
    /// nothing. Default: rows stay in the order of the files. Example: --sort-by 'day,amount DESC'
    #[arg(long, value_name = "COL[ DESC][,COL]", value_delimiter = ',')]
    pub(in crate::cli) sort_by: Vec<String>,
    /// Split an output that grows beyond SIZE
    ///
    /// Default: 256MiB. Example: --target-file-size 64MiB
    #[arg(long, value_name = "SIZE")]
    pub(in crate::cli) target_file_size: Option<String>,
    /// Put at most N rows into a row group
    ///
    /// From 1024 to 16777216; a row group also ends with a megabyte of rows for each column (16MiB to 64MiB), or half of
    /// that where rows are of several partitions. Default: 1048576. Example: --row-group-rows 100000
    #[arg(long, value_name = "N")]
    pub(in crate::cli) row_group_rows: Option<String>,
    /// End a page at SIZE, before compression
    ///
    /// From 4KiB to 64MiB; a page also ends at 20000 rows. Small pages let readers skip more. Default: 1MiB.
    /// Example: --page-size 64KiB
    #[arg(long, value_name = "SIZE")]
    pub(in crate::cli) page_size: Option<String>,
    /// Compress pages by this codec
    ///
    /// zstd, zstd:LEVEL (1 to 19), snappy, lz4, gzip or none. Default: zstd, which is zstd:3.
    /// Example: --compression zstd:9
    #[arg(long, value_name = "CODEC")]
    pub(in crate::cli) compression: Option<String>,
    /// Choose how columns are encoded
    ///
    /// Default: auto, which takes what is best for each column, deltas among them. plain leaves it at values and dictionaries, which
    /// the oldest readers know.
    #[arg(long, value_name = "WHICH", value_parser = PossibleValuesParser::new(ENCODINGS_OF_OUTPUTS))]
    pub(in crate::cli) encodings: Option<String>,
    /// Write bloom filters for these columns
    ///
    /// A reader that looks for a value learns from them which row groups do not have it. They pay for values that are
    /// looked for one by one and hardly repeat. Default: none. Example: --bloom-filter customer,session
    #[arg(long, value_name = "COL[,COL]", value_delimiter = ',')]
    pub(in crate::cli) bloom_filter: Vec<String>,
    /// Keep what files say about themselves and their columns
    ///
    /// Parquet, Arrow and Avro files may hold comments and other texts under keys. An output says what those of its files
    /// agree about that have the key. Default: outputs tell of columns and their types only.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        value_parser = PossibleValuesParser::new(["true", "false"]), hide_possible_values = true)]
    pub(in crate::cli) schema_metadata: Option<String>,
    /// State.
    #[command(flatten)]
    pub(in crate::cli) state: StateArgs,
}

impl OutputArgs {
    /// Adds what is said to the settings.
    pub(super) fn fill(&self, layer: &mut Layer) {
        for (key, values) in [
            (Key::PartitionBy, &self.partition_by),
            (Key::SortBy, &self.sort_by),
            (Key::BloomFilter, &self.bloom_filter),
        ] {
            many(layer, key, values);
        }
        for (key, value) in [
            (Key::TargetFileSize, &self.target_file_size),
            (Key::RowGroupRows, &self.row_group_rows),
            (Key::PageSize, &self.page_size),
            (Key::Compression, &self.compression),
            (Key::Encodings, &self.encodings),
            (Key::SchemaMetadata, &self.schema_metadata),
        ] {
            one(layer, key, value.as_ref());
        }
    }
}
