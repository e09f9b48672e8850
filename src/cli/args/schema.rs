//! What can be written about columns.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};

use super::{TargetArgs, many, one};
use crate::config::{COMPATIBILITIES, Key, Layer, SCHEMA_POLICIES};

/// Which columns there are.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "Schema")]
#[expect(
    clippy::struct_field_names,
    reason = "arguments are called like their settings"
)]
pub(in crate::cli) struct SchemaArgs {
    /// Choose what becomes of what is not as declared
    ///
    /// evolve lets other columns in, with the types of their values, and sets a file aside whose values do not fit a declared
    /// column (default). strict sets files with other columns aside as well. rescue puts both, as JSON, into the
    /// column _rescued. strict and rescue need declared columns.
    #[arg(long, value_name = "POLICY", value_parser = PossibleValuesParser::new(SCHEMA_POLICIES))]
    pub(in crate::cli) schema_policy: Option<String>,
    /// Refuse to declare columns anew in a way that breaks readers
    ///
    /// backward: who reads by the new columns can read what the old ones wrote. forward: the other way round. full: both.
    /// Default: none.
    #[arg(long, value_name = "RULE", value_parser = PossibleValuesParser::new(COMPATIBILITIES))]
    pub(in crate::cli) schema_compatibility: Option<String>,
    /// Declare a column; may be repeated, in the order of the columns
    ///
    /// TYPE is int8 to int64, uint8 to uint64, float32, float64, decimal(p,s), bool, date, timestamp, `timestamp_utc`, utf8,
    /// binary, or `{ type = "date", nullable = false, default = "…", format = "%d.%m.%Y", time_zone = "Europe/Berlin" }`.
    /// Example: --schema-column 'amount=decimal(10,2)'
    #[arg(long, value_name = "NAME=TYPE")]
    pub(in crate::cli) schema_column: Vec<String>,
}

/// What can be asked about columns.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Schema {
    /// Show the columns with their types, and since which version they have them
    ///
    /// Example: strandline schema show ./out --toml >> strandline.toml
    Show(SchemaShowArgs),
    /// List the versions of the columns, the latest first, with what caused them
    ///
    /// Example: strandline schema history ./out
    History(TargetArgs),
    /// Show what is different between two versions
    ///
    /// Example: strandline schema diff ./out --from 1 --to 3
    Diff(SchemaDiffArgs),
    /// Tell whether a file would fit and what it would change, and touch nothing
    ///
    /// Reads the whole file as a run would: by the settings where -c or no TARGET is given, else as TARGET was last run. Ends
    /// with 0 where it fits, with 3 where it would be set aside, and with 1 where it cannot be read. Example: strandline schema check new.csv ./out
    Check(SchemaCheckArgs),
}

/// What `schema show` takes.
#[derive(Debug, Args)]
pub(in crate::cli) struct SchemaShowArgs {
    /// The target.
    #[command(flatten)]
    pub(in crate::cli) target: TargetArgs,
    /// Write them as [schema.columns] for strandline.toml
    #[arg(help_heading = "Form", long, conflicts_with = "json")]
    pub(in crate::cli) toml: bool,
}

/// What `schema diff` takes.
#[derive(Debug, Args)]
pub(in crate::cli) struct SchemaDiffArgs {
    /// The target.
    #[command(flatten)]
    pub(in crate::cli) target: TargetArgs,
    /// The older version
    ///
    /// Default: the one before the newer.
    #[arg(help_heading = "Selection", long, value_name = "N")]
    pub(in crate::cli) from: Option<u32>,
    /// The newer version
    ///
    /// Default: the latest.
    #[arg(help_heading = "Selection", long, value_name = "N")]
    pub(in crate::cli) to: Option<u32>,
}

/// What `schema check` takes.
#[derive(Debug, Args)]
pub(in crate::cli) struct SchemaCheckArgs {
    /// The file
    #[arg(value_name = "FILE")]
    pub(in crate::cli) file: PathBuf,
    /// The target.
    #[command(flatten)]
    pub(in crate::cli) target: TargetArgs,
}

impl SchemaArgs {
    pub(super) fn fill(&self, layer: &mut Layer) {
        one(layer, Key::SchemaPolicy, self.schema_policy.as_ref());
        one(
            layer,
            Key::SchemaCompatibility,
            self.schema_compatibility.as_ref(),
        );
        many(layer, Key::SchemaColumn, &self.schema_column);
    }
}
