//! Every setting: where it stands in `strandline.toml`, what it may be, what it is when nobody says.
//!
//! Flags, environment variables, the file's keys, `config show` and `init` all come from this one table, so none
//! of them can know a setting that another does not.

use super::dialect::ENCODINGS;
use super::lines::UNMATCHED;

use self::Kind::{Choice, Count, Duration, List, Path, Size, Switch, Text};

/// A setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the table says what each of them means")]
pub enum Key {
    Source,
    Format,
    Include,
    Exclude,
    Hidden,
    FollowSymlinks,
    Settle,
    Sheet,
    Delimiter,
    Quote,
    Escape,
    Comment,
    Header,
    Columns,
    SkipLines,
    Null,
    TrailingDelimiter,
    Encoding,
    DecimalComma,
    Pattern,
    Unmatched,
    Widths,
    SchemaPolicy,
    SchemaCompatibility,
    SchemaColumn,
    Select,
    Where,
    Target,
    PartitionBy,
    SortBy,
    TargetFileSize,
    RowGroupRows,
    PageSize,
    Compression,
    Encodings,
    BloomFilter,
    SchemaMetadata,
    State,
    Lease,
    Threads,
    Memory,
    MaxFiles,
    MaxBytes,
    MaxRequests,
    MaxDuration,
    UntilComplete,
    RequestsPerSecond,
    BytesPerSecond,
    StoreConcurrency,
    CaFile,
    AllowRemovals,
    OnDelete,
    OnModify,
    SameContent,
    Events,
    ListingEvery,
    Interval,
}

/// What a setting may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A path or a URL.
    Path,
    /// A text.
    Text,
    /// Any number of texts.
    List,
    /// `true` or `false`.
    Switch,
    /// A whole number above zero.
    Count,
    /// A number of bytes.
    Size,
    /// A duration.
    Duration,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Columns with their types: a table in the file.
    Columns,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// The setting.
    pub key: Key,
    /// Its table in the file.
    pub table: &'static str,
    /// Its key in that table.
    pub name: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// What it is when nobody says; `None` where there is no such thing.
    pub default: Option<&'static str>,
    /// A value as an example, where there is no default to show.
    pub example: &'static str,
    /// What it is about, for the comment in the file.
    pub help: &'static str,
}

/// The formats of this version.
pub const FORMATS: &[&str] = &[
    "auto", "csv", "tsv", "ndjson", "json", "parquet", "arrow", "avro", "text", "regex", "fixed",
    "excel",
];
/// What may become of a vanished file's rows.
pub const ON_DELETE: &[&str] = &["remove", "retain"];
/// What may become of a changed file's rows.
pub const ON_MODIFY: &[&str] = &["replace", "ignore", "fail"];
/// What equal files may mean.
pub const SAME_CONTENT: &[&str] = &["load", "warn", "skip"];

/// The encodings that outputs may have.
pub const ENCODINGS_OF_OUTPUTS: &[&str] = &["auto", "plain"];

/// What may become of what is not as declared.
pub const SCHEMA_POLICIES: &[&str] = &["evolve", "strict", "rescue"];
/// What a new declaration may have to keep working.
pub const COMPATIBILITIES: &[&str] = &["none", "backward", "forward", "full"];

/// The tables of the file, with what they are about.
pub const TABLES: [(&str, &str); 7] = [
    (
        "source",
        "Where the files come from, and which of them count.",
    ),
    ("csv", "How CSV and TSV files are written."),
    (
        "lines",
        "How lines become columns, with the formats regex and fixed. Null tokens, comments and the like are those of [csv].",
    ),
    (
        "schema",
        "Which columns there are, and what becomes of the rest.",
    ),
    (
        "transform",
        "What is made of the rows, in SQL; [[expect]] below says what must be true of them.",
    ),
    (
        "target",
        "Where the Parquet files go, and how they are cut and written.",
    ),
    ("run", "How a run behaves, and how much it may use."),
];

const fn row(
    key: Key,
    place: (&'static str, &'static str),
    kind: Kind,
    default: Option<&'static str>,
    example: &'static str,
    help: &'static str,
) -> Spec {
    Spec {
        key,
        table: place.0,
        name: place.1,
        kind,
        default,
        example,
        help,
    }
}

/// The table, in the order of the file.
#[rustfmt::skip]
pub const SPECS: [Spec; 57] = [
    row(Key::Source, ("source", "path"), Path, None, "./in",
        "The directory that holds the files, relative to this file; or a URL (s3://, gs://, az://, file://)."),
    row(Key::Format, ("source", "format"), Choice(FORMATS), Some("auto"), "",
        "How bytes become rows: auto (by extension), csv, tsv, ndjson, json, parquet, arrow, avro, text, regex, fixed or excel."),
    row(Key::Include, ("source", "include"), List, Some(""), "",
        "Take only these: globs such as \"*.csv\" or \"{dt}/*.csv\", whose {dt} becomes a partition."),
    row(Key::Exclude, ("source", "exclude"), List, Some(""), "",
        "Leave these out, files and directories; wins over include."),
    row(Key::Hidden, ("source", "hidden"), Switch, Some("false"), "",
        "Also take names that begin with \".\" or \"_\"."),
    row(Key::FollowSymlinks, ("source", "follow_symlinks"), Switch, Some("false"), "",
        "Follow symbolic links to files and directories."),
    row(Key::Settle, ("source", "settle"), Duration, Some("2s"), "",
        "Leave a file for the next run until nobody has written to it for this long; \"0s\" for objects if nothing is set."),
    row(Key::Sheet, ("source", "sheet"), Text, Some(""), "",
        "The sheet of Excel workbooks; the first when not set."),
    row(Key::Delimiter, ("csv", "delimiter"), Text, Some("auto"), "",
        "What separates the fields of a CSV file: one character, or auto (, ; tab or |, told by the first row). TSV is always tabs."),
    row(Key::Quote, ("csv", "quote"), Text, Some("\""), "",
        "What encloses fields: one character, or none. Within them it is doubled."),
    row(Key::Escape, ("csv", "escape"), Text, Some("none"), "",
        "What takes the meaning from a mark behind it: one character, or none."),
    row(Key::Comment, ("csv", "comment"), Text, Some("none"), "",
        "What begins a line that does not count: one character, or none."),
    row(Key::Header, ("csv", "header"), Switch, Some("true"), "",
        "Whether the first row names the columns; without it they are column_1, column_2, …"),
    row(Key::Columns, ("csv", "columns"), List, Some(""), "",
        "Names of the columns, all of them; they win over those of a header."),
    row(Key::SkipLines, ("csv", "skip_lines"), Count, Some("0"), "",
        "Lines at the beginning of each file that do not count."),
    row(Key::Null, ("csv", "null"), List, Some(""), "",
        "Values that are null besides the empty one, such as \"NA\" or \"NULL\"."),
    row(Key::TrailingDelimiter, ("csv", "trailing_delimiter"), Switch, Some("false"), "",
        "Lines end in a delimiter behind which no field comes."),
    row(Key::Encoding, ("csv", "encoding"), Choice(ENCODINGS), Some("auto"), "",
        "How bytes are characters: auto (UTF-16 by its mark, else UTF-8), utf-8, utf-16, latin1 or windows-1252."),
    row(Key::DecimalComma, ("csv", "decimal_comma"), Switch, Some("false"), "",
        "1,5 is a number and 1.5 is text, instead of the other way round."),
    row(Key::Pattern, ("lines", "pattern"), Text, Some(""), "",
        "A regular expression for whole lines whose named groups, (?<name>…), are the columns; or combined, common or syslog."),
    row(Key::Unmatched, ("lines", "unmatched"), Choice(UNMATCHED), Some("refuse"), "",
        "Lines that the pattern does not match: refuse the file, or skip the lines."),
    row(Key::Widths, ("lines", "widths"), List, Some(""), "",
        "Columns of fixed width, as \"name:10\"; \"name:*\" is the rest of the line, and \":3\" are characters that nobody wants."),
    row(Key::SchemaPolicy, ("schema", "policy"), Choice(SCHEMA_POLICIES), Some("evolve"), "",
        "What is not as declared: evolve (other columns come in), strict (the file is set aside), rescue (into _rescued)."),
    row(Key::SchemaCompatibility, ("schema", "compatibility"), Choice(COMPATIBILITIES), Some("none"), "",
        "Refuse to declare columns that break readers: none, backward, forward or full."),
    row(Key::SchemaColumn, ("schema", "columns"), Kind::Columns, None, "amount=decimal(10,2)",
        "Columns by name, with a type or { type, nullable, default, format, time_zone }."),
    row(Key::Select, ("transform", "select"), Text, None, "*, upper(country) AS region",
        "The columns to write, as between SELECT and FROM; all columns as they are when not set."),
    row(Key::Where, ("transform", "where"), Text, None, "amount > 0",
        "Take only rows for which this is true, as behind WHERE; all rows when not set."),
    row(Key::Target, ("target", "path"), Path, None, "./out",
        "The directory for the Parquet files; relative to this file."),
    row(Key::PartitionBy, ("target", "partition_by"), List, Some(""), "",
        "Columns whose values become directories, col=value/."),
    row(Key::SortBy, ("target", "sort_by"), List, Some(""), "",
        "Sort the rows of a unit's partition by these columns, such as \"day\" or \"amount DESC\"; nulls come last."),
    row(Key::TargetFileSize, ("target", "target_file_size"), Size, Some("256MiB"), "",
        "Split an output that grows beyond this."),
    row(Key::RowGroupRows, ("target", "row_group_rows"), Count, Some("1048576"), "",
        "Rows of a row group at most; 1024 to 16777216. It also ends at about 32MiB of encoded rows."),
    row(Key::PageSize, ("target", "page_size"), Size, Some("1MiB"), "",
        "A page ends at this size before compression, or at 20000 rows; 4KiB to 64MiB."),
    row(Key::Compression, ("target", "compression"), Text, Some("zstd"), "",
        "How pages are compressed: zstd (level 3), zstd:LEVEL (1 to 19), snappy, lz4, gzip or none."),
    row(Key::Encodings, ("target", "encodings"), Choice(ENCODINGS_OF_OUTPUTS), Some("auto"), "",
        "How columns are encoded: auto (as is best for each), or plain (values and dictionaries, for old readers)."),
    row(Key::BloomFilter, ("target", "bloom_filter"), List, Some(""), "",
        "Columns that get a bloom filter, which tells that a value is not there."),
    row(Key::SchemaMetadata, ("target", "schema_metadata"), Switch, Some("false"), "",
        "Keep comments: what Parquet, Arrow and Avro files say about themselves and their columns."),
    row(Key::State, ("target", "state"), Path, None, "./state",
        "Keep the ledger here instead of in the target's _strandline/."),
    row(Key::Lease, ("target", "lease"), Duration, Some("60s"), "",
        "In an object store: how long a run may be silent before another takes its ledger over."),
    row(Key::Threads, ("run", "threads"), Count, None, "4",
        "Workers; as many as there are processors when not set."),
    row(Key::Memory, ("run", "memory"), Size, Some("512MiB"), "",
        "Bytes of rows in flight, over all workers."),
    row(Key::MaxFiles, ("run", "max_files"), Count, None, "10000",
        "Take at most this many new and changed files in one run; any number when not set."),
    row(Key::MaxBytes, ("run", "max_bytes"), Size, None, "10GiB",
        "Take at most this many bytes of new and changed files in one run; any number when not set."),
    row(Key::MaxRequests, ("run", "max_requests"), Count, None, "10000",
        "Take no more work once object stores were asked this often; what is begun is finished. Any number when not set."),
    row(Key::MaxDuration, ("run", "max_duration"), Duration, None, "10m",
        "Take no more work after this long; what is begun is finished. Any time when not set."),
    row(Key::UntilComplete, ("run", "until_complete"), Switch, Some("false"), "",
        "Run again, in the same process, until max_files and max_bytes leave nothing for the next run."),
    row(Key::RequestsPerSecond, ("run", "requests_per_second"), Count, None, "500",
        "Ask an object store at most this often in a second; any number when not set."),
    row(Key::BytesPerSecond, ("run", "bytes_per_second"), Size, None, "50MiB",
        "Exchange at most this many bytes a second with an object store, at least 64KiB; any number when not set."),
    row(Key::StoreConcurrency, ("run", "store_concurrency"), Count, None, "16",
        "Let at most this many requests to an object store be under way at once; any number when not set."),
    row(Key::CaFile, ("run", "ca_file"), Path, None, "./ca.pem",
        "Trust the certificates in this file, in PEM form, when an object store is asked; beside those of the system."),
    row(Key::AllowRemovals, ("run", "allow_removals"), Switch, Some("false"), "",
        "Go on however many files have vanished, instead of stopping at over half (and over 100) of them."),
    row(Key::OnDelete, ("run", "on_delete"), Choice(ON_DELETE), Some("remove"), "",
        "A vanished file's rows: remove them, or retain them."),
    row(Key::OnModify, ("run", "on_modify"), Choice(ON_MODIFY), Some("replace"), "",
        "A changed file's rows: replace them, ignore the change, or fail the run."),
    row(Key::SameContent, ("run", "same_content"), Choice(SAME_CONTENT), Some("load"), "",
        "The same bytes under two names: load both, load both and warn, or skip all but the first."),
    row(Key::Events, ("run", "events"), Text, Some("none"), "",
        "Where a store tells of changes: a queue (sqs://HOST/ACCOUNT/QUEUE), for watch also an address to listen at (http://127.0.0.1:8788/)."),
    row(Key::ListingEvery, ("run", "listing_every"), Duration, Some("6h"), "",
        "With events: list everything this often all the same, since some get lost."),
    row(Key::Interval, ("run", "interval"), Duration, Some("60s"), "",
        "Watching without events: list everything this long after the last time."),
];

impl Key {
    /// Returns the setting's row.
    #[must_use]
    pub fn spec(self) -> &'static Spec {
        // The table is in the order of the enum; a test holds it to that.
        &SPECS[self as usize]
    }

    /// Returns the environment variable that sets it.
    #[must_use]
    pub fn variable(self) -> String {
        format!("STRANDLINE_{}", self.word().to_ascii_uppercase())
    }

    /// Returns the argument that sets it, as people write it.
    #[must_use]
    pub fn argument(self) -> String {
        match self {
            Self::Source | Self::Target => self.word().to_ascii_uppercase(),
            _ => format!("--{}", self.word().replace('_', "-")),
        }
    }

    /// Returns the one word for it outside the file, where no table tells a source's path from a target's.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Target => "target",
            Self::SchemaPolicy => "schema_policy",
            Self::SchemaCompatibility => "schema_compatibility",
            Self::SchemaColumn => "schema_column",
            _ => self.spec().name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum() {
        for (at, spec) in SPECS.iter().enumerate() {
            assert_eq!(spec.key as usize, at, "{}", spec.name);
            assert!(TABLES.iter().any(|(table, _)| *table == spec.table));
            assert!(spec.default.is_some() == spec.example.is_empty());
        }
    }
}
