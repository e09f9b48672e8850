//! What can be written on the command line: raw values, as they are written.
//!
//! Nothing is resolved here. Every option that is a setting carries its value as text into a [`Layer`], where the
//! environment and the file join it.

mod events;
mod outputs;
mod resources;
mod schema;

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::{
    ENCODINGS, FORMATS, Key, Layer, ON_DELETE, ON_MODIFY, Origin, SAME_CONTENT, UNMATCHED, Value,
};
use crate::model::{Standing, Timestamp};

pub(super) use self::events::{RunArgs, WatchArgs};
use self::outputs::OutputArgs;
use self::resources::ResourceArgs;
use self::schema::SchemaArgs;
pub(super) use self::schema::{Schema, SchemaCheckArgs, SchemaDiffArgs, SchemaShowArgs};

/// What SOURCE is, at length.
const SOURCE: &str = "Directory or URL (s3://, gs://, az://, file://) that holds the files

Access to an object store comes from the environment, by the names that its own tools have: AWS_ACCESS_KEY_ID, \
AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT_URL (with AWS_ALLOW_HTTP=true where that is no \
https://), AWS_PROFILE with the profiles of the AWS CLI in ~/.aws, GOOGLE_SERVICE_ACCOUNT, AZURE_STORAGE_ACCOUNT_NAME, \
AZURE_STORAGE_ACCOUNT_KEY and so on. Example: s3://bucket/raw";

/// What TARGET is, at length.
const TARGET: &str = "Directory or URL (s3://, gs://, az://, file://) for the Parquet files

Access to an object store comes from the environment, as for SOURCE. Example: s3://bucket/lake";

/// How every list of settings ends.
const SETTINGS: &str = "Every option can also be set in strandline.toml (`strandline init` writes one) or as a \
variable such as STRANDLINE_FORMAT. A flag wins over a variable, a variable over the file. ./strandline.toml is read \
where no SOURCE and no TARGET is given.";

/// Keep Parquet partitions equal to a full reload of a pile of files
///
/// strandline finds what changed in a directory since last time and brings exactly that into a set of Parquet
/// files, so that they hold what a full reload would have produced.
#[derive(Debug, Parser)]
#[command(
    name = "strandline",
    version,
    propagate_version = true,
    max_term_width = 100
)]
#[command(after_long_help = "\
Example:
  strandline run ./in ./out       load ./in into ./out; do it again and only changes are worked on
  strandline status ./out         see how things stand

Exit codes:
  0 done, also with nothing to do      4 another run holds the pipeline
  1 failed, safe to run again          5 stopped by the removal brake
  2 wrong usage or settings            130, 143 interrupted, safe to run again
  3 done, some inputs quarantined")]
pub(super) struct Cli {
    /// What goes for every command.
    #[command(flatten)]
    pub(super) global: Global,
    /// The command.
    #[command(subcommand)]
    pub(super) command: Command,
}

/// What goes for every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "General")]
pub(super) struct Global {
    /// Read settings from FILE
    ///
    /// Default: ./strandline.toml, where it is there and no SOURCE and no TARGET is given. Relative paths in the file
    /// are relative to the file. Example: -c /etc/strandline/orders.toml
    #[arg(short = 'c', long = "config", value_name = "FILE", global = true)]
    pub(super) config: Option<PathBuf>,
    /// Trust the certificates in FILE when an object store is asked
    ///
    /// For a store whose certificate is signed by a CA of one's own: FILE holds that CA's certificate, or several, in PEM
    /// form. They are trusted beside those of the system. Example: --ca-file /etc/ssl/our-ca.pem
    #[arg(long, value_name = "FILE", global = true)]
    pub(super) ca_file: Option<String>,
    /// Write results to stdout as one JSON document
    ///
    /// The document has a version and may only grow. Default: text for people.
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// Say nothing but errors
    ///
    /// Results that were asked for still go to stdout.
    #[arg(short = 'q', long, global = true, conflicts_with = "verbose")]
    pub(super) quiet: bool,
    /// Leave nothing out of lists
    ///
    /// Without it, long lists of changes and troubles end in "… and N more".
    #[arg(short = 'v', long, global = true)]
    pub(super) verbose: bool,
    /// Show how far a run is
    ///
    /// Default: auto, which shows it where stderr is a terminal.
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "auto",
        hide_default_value = true,
        global = true
    )]
    pub(super) progress: When,
}

/// When to show something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum When {
    /// Where people can see it.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Bring what changed in SOURCE into TARGET
    ///
    /// One pass: list SOURCE, work out what changed since the last run, rebuild what that concerns, publish it.
    /// Safe to kill at any moment and to run again. Example: strandline run ./in ./out
    #[command(after_long_help = SETTINGS)]
    Run(RunArgs),
    /// Keep TARGET up to date: pass after pass, until interrupted
    ///
    /// Each pass is a run. The next one follows when hints come (--events), or after --interval. A line is said of each that had
    /// something to do, of all with -v; with --json, its report on a line of stdout. Trouble that may pass by
    /// itself is told and tried again; any other ends it, and so does the first signal, behind the pass that is under way.
    /// Example: `strandline watch s3://bucket/raw s3://bucket/lake --interval 5m`
    #[command(after_long_help = SETTINGS)]
    Watch(WatchArgs),
    /// Show what a run would do, and why
    ///
    /// Reads what a run would read to decide, and changes nothing. Example: strandline plan ./in ./out
    #[command(after_long_help = SETTINGS)]
    Plan(PipelineArgs),
    /// Show how a pipeline stands
    ///
    /// Asks the ledger, also while a run is going on. Example: strandline status ./out
    Status(TargetArgs),
    /// List past runs, the latest first
    ///
    /// Example: strandline history ./out -n 50
    History(HistoryArgs),
    /// List the recorded source files
    ///
    /// Example: strandline files ./out --standing quarantined
    Files(FilesArgs),
    /// Explain what became of one source file
    ///
    /// Tells the last decision about it with its reason, its record, its unit and the outputs of that.
    /// Example: strandline explain 2026/01/orders.csv ./out
    Explain(ExplainArgs),
    /// Check outputs against the ledger
    ///
    /// Looks whether every output is there with its size, with --deep also whether its bytes are the recorded ones.
    /// Where SOURCE is known (--source or a settings file), its files are compared with the ledger too. What does not
    /// match its record is built again by the next run. Example: strandline verify ./out --deep
    Verify(VerifyArgs),
    /// Tell what works in an object store
    ///
    /// Tries out reach, credentials, list, read, write, writes that depend on what is there (also with several writers
    /// at once), listing and reading behind a write, parts, the clock and delete, and tells what that means for what
    /// strandline promises. What it writes lies below URL/_strandline/doctor and is deleted at the end. Code 0: the
    /// store can be used as a source and as a target; 1: something that is needed fails.
    /// Example: `strandline doctor s3://bucket/lake`
    Doctor(DoctorArgs),
    /// Mark files for reprocessing by the next run
    ///
    /// The outputs stay until the next run replaces them. Example: strandline reset ./out --path 'day=2026-01-*/**'
    Reset(ResetArgs),
    /// Rebuild a lost ledger from the outputs
    ///
    /// Reads the footers of the outputs, which tell what they were made of. Example: strandline recover ./out
    Recover(RecoverArgs),
    /// List or retry the files that were set aside
    ///
    /// A file that cannot be decoded is set aside with its reason and tried again when its bytes change.
    #[command(subcommand)]
    Quarantine(Quarantine),
    /// Show a pipeline's columns, how they came, and whether a file fits them
    #[command(subcommand)]
    Schema(Schema),
    /// Write a commented strandline.toml
    ///
    /// Refuses to overwrite a file. Example: strandline init ./in ./out
    Init(InitArgs),
    /// Show the settings that count
    #[command(subcommand)]
    Config(Config),
    /// Write completions for a shell to stdout
    ///
    /// Example: strandline completions bash > ~/.local/share/bash-completion/completions/strandline
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// A pipeline and all its settings.
#[derive(Debug, Args, Default)]
pub(super) struct PipelineArgs {
    /// Directory or URL (s3://, gs://, az://, file://) that holds the files
    #[arg(value_name = "SOURCE", requires = "target", long_help = SOURCE)]
    pub(super) source: Option<String>,
    /// Directory or URL (s3://, gs://, az://, file://) for the Parquet files
    #[arg(value_name = "TARGET", long_help = TARGET)]
    pub(super) target: Option<String>,
    /// About inputs.
    #[command(flatten)]
    pub(super) inputs: InputArgs,
    /// About CSV.
    #[command(flatten)]
    pub(super) dialect: DialectArgs,
    /// About lines.
    #[command(flatten)]
    pub(super) lines: LinesArgs,
    /// About columns.
    #[command(flatten)]
    pub(super) schema: SchemaArgs,
    /// About rows.
    #[command(flatten)]
    pub(super) sql: SqlArgs,
    /// About outputs.
    #[command(flatten)]
    pub(super) outputs: OutputArgs,
    /// About policies.
    #[command(flatten)]
    pub(super) behaviour: BehaviourArgs,
    /// About resources.
    #[command(flatten)]
    pub(super) resources: ResourceArgs,
}

/// Which files count, and what is in them.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "Inputs")]
pub(super) struct InputArgs {
    /// Read files as this format
    ///
    /// Default: auto, which goes by the extension of each file and leaves unknown ones out.
    #[arg(long, value_name = "FORMAT", value_parser = PossibleValuesParser::new(FORMATS))]
    pub(super) format: Option<String>,
    /// Take only files that match GLOB; may be repeated
    ///
    /// `*` stays within a name, `**` crosses directories, {a,b} is either. A pattern without "/" is about names at
    /// any depth. {name} alone captures a directory or a name as a partition. Default: every file of a known
    /// format. Example: --include '{dt}/{hour}/*.csv'
    #[arg(long, value_name = "GLOB")]
    pub(super) include: Vec<String>,
    /// Leave out files and directories that match GLOB; may be repeated
    ///
    /// Wins over --include. Example: --exclude 'archive/'
    #[arg(long, value_name = "GLOB")]
    pub(super) exclude: Vec<String>,
    /// Also take names that begin with "." or "_"
    ///
    /// Names of unfinished files (*.tmp, *.part, …) are still left out unless an --include spells them out.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        value_parser = PossibleValuesParser::new(["true", "false"]), hide_possible_values = true)]
    pub(super) hidden: Option<String>,
    /// Follow symbolic links
    ///
    /// What a link leads to counts as if it stood in its place. Default: links are skipped.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        value_parser = PossibleValuesParser::new(["true", "false"]), hide_possible_values = true)]
    pub(super) follow_symlinks: Option<String>,
    /// Leave a file for the next run until nobody has written to it for DUR
    ///
    /// Set it to 0 where files appear whole, for example by a rename. Default: 2s, or 0 for an object store, where they
    /// always do. Example: --settle 1m30s
    #[arg(long, value_name = "DUR")]
    pub(super) settle: Option<String>,
    /// Read the sheet NAME of Excel workbooks
    ///
    /// Default: the first. A workbook without such a sheet is set aside. Example: --sheet 'Q1 2026'
    #[arg(long, value_name = "NAME")]
    pub(super) sheet: Option<String>,
}

/// How CSV and TSV files are written.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "CSV and TSV")]
pub(super) struct DialectArgs {
    /// Take CHAR for what separates the fields of a CSV file
    ///
    /// One ASCII character; a tab is \t or tab. Default: auto, which takes, file by file, whichever of , ; tab and | splits
    /// the first row into most fields (in this order where several do, a comma where none does). TSV is always tabs.
    /// Example: --delimiter ';'
    #[arg(long, value_name = "CHAR", allow_hyphen_values = true)]
    pub(super) delimiter: Option<String>,
    /// Take CHAR for what encloses fields
    ///
    /// Within a field it stands doubled. none means that no character does. Default: ". Example: --quote none
    #[arg(long, value_name = "CHAR", allow_hyphen_values = true)]
    pub(super) quote: Option<String>,
    /// Take CHAR for what makes the next character plain text
    ///
    /// In quotes and outside, it goes before a delimiter, quote, comment character, line end or itself. Before
    /// anything else, CHAR stands for itself. Default: none. Example: --escape '\'
    #[arg(long, value_name = "CHAR", allow_hyphen_values = true)]
    pub(super) escape: Option<String>,
    /// Skip lines that begin with CHAR
    ///
    /// Elsewhere in a line, CHAR is text. Default: none. Example: --comment '#'
    #[arg(long, value_name = "CHAR", allow_hyphen_values = true)]
    pub(super) comment: Option<String>,
    /// Say whether the first row names the columns
    ///
    /// Default: true. Without a header the columns are called `column_1`, `column_2`, …, or what --columns says.
    #[arg(long, value_name = "BOOL",
        value_parser = PossibleValuesParser::new(["true", "false"]), hide_possible_values = true)]
    pub(super) header: Option<String>,
    /// Name the columns, all of them
    ///
    /// Wins over the names of a header. Example: --header false --columns id,name
    #[arg(long, value_name = "COL[,COL]", value_delimiter = ',')]
    pub(super) columns: Vec<String>,
    /// Skip the first N lines of each file
    ///
    /// Whatever is in them: quotes have no meaning there. Default: 0.
    #[arg(long, value_name = "N")]
    pub(super) skip_lines: Option<String>,
    /// Take TEXT for null, besides the empty field; may be repeated
    ///
    /// In quotes or not. Default: none. Example: --null NA --null '\N'
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(super) null: Vec<String>,
    /// Take the delimiter at the end of a line for no field
    ///
    /// Default: what comes behind it is an empty field. With it, an empty last field is left out of the header and, where
    /// there is one more than columns, of a row.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        value_parser = PossibleValuesParser::new(["true", "false"]), hide_possible_values = true)]
    pub(super) trailing_delimiter: Option<String>,
    /// Read bytes as this encoding
    ///
    /// Default: auto, which is UTF-16 where a byte order mark says so, else UTF-8. A file whose bytes are not valid is
    /// set aside.
    #[arg(long, value_name = "ENCODING", value_parser = PossibleValuesParser::new(ENCODINGS))]
    pub(super) encoding: Option<String>,
    /// Take 1,5 for a number and 1.5 for text
    ///
    /// A comma is then detected as the delimiter only in a header without ; tab and |. Numbers with separators of
    /// thousands stay text.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        value_parser = PossibleValuesParser::new(["true", "false"]), hide_possible_values = true)]
    pub(super) decimal_comma: Option<String>,
}

/// How lines become columns.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "Lines of text")]
pub(super) struct LinesArgs {
    /// Cut lines by REGEX, with --format regex
    ///
    /// It must match the whole line, and its named groups, `(?<name>…)`, are the columns. Or one of the words combined,
    /// common (access logs of Apache and Nginx) and syslog (RFC 5424 and RFC 3164). Values get types as those of CSV
    /// do; --null, --comment, --skip-lines, --encoding and --decimal-comma count as well. Example: --pattern combined
    #[arg(long, value_name = "REGEX", allow_hyphen_values = true)]
    pub(super) pattern: Option<String>,
    /// Say what becomes of a line that the pattern does not match
    ///
    /// Default: refuse, which sets the file aside and tells the line. skip leaves such lines out.
    #[arg(long, value_name = "POLICY", value_parser = PossibleValuesParser::new(UNMATCHED))]
    pub(super) unmatched: Option<String>,
    /// Cut lines at these widths, with --format fixed
    ///
    /// In characters, from left to right; blanks around a value do not count. NAME:* is the rest of the line, and :N
    /// are characters that nobody wants. Example: --widths id:8,name:20,:2,note:*
    #[arg(long, value_name = "NAME:N[,NAME:N]", value_delimiter = ',')]
    pub(super) widths: Vec<String>,
}

/// What is made of the rows.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "SQL")]
pub(super) struct SqlArgs {
    /// Write these columns
    ///
    /// What would stand between SELECT and FROM: columns, expressions with names, *, * EXCEPT (a, b). Each row is
    /// taken by itself, so there are no aggregates, joins or windows. Names are written as in the files; _path, _row,
    /// _hash and _mtime tell where a row comes from, and unnest(list) makes a row of each item. Default: all columns as they are.
    /// Example: --select '*, upper(country) AS region'
    #[arg(long, value_name = "SQL", allow_hyphen_values = true)]
    pub(super) select: Option<String>,
    /// Take only rows for which this is true
    ///
    /// What would stand behind WHERE, over the columns of the files. Default: all rows.
    /// Example: --where "amount > 0 AND country IS NOT NULL"
    #[arg(
        id = "where",
        long = "where",
        value_name = "SQL",
        allow_hyphen_values = true
    )]
    pub(super) filter: Option<String>,
}

/// Where state is kept.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "State")]
pub(super) struct StateArgs {
    /// Keep the ledger in DIR
    ///
    /// A directory or URL, as TARGET. Default: TARGET/_strandline. Name the same DIR in every command about this target.
    #[arg(long, value_name = "DIR")]
    pub(super) state: Option<String>,
}

/// What is right where more than one thing could be.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "Behaviour")]
pub(super) struct BehaviourArgs {
    /// Go on however many files have vanished
    ///
    /// Without it, a run stops before it removes anything if more than half of the files, and more than 100, are
    /// gone: that is more often a missing mount than a wish.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        value_parser = PossibleValuesParser::new(["true", "false"]), hide_possible_values = true)]
    pub(super) allow_removals: Option<String>,
    /// Choose what becomes of the rows of a vanished file
    ///
    /// remove takes them out (default). retain keeps them: for a landing zone that somebody purges.
    #[arg(long, value_name = "WHAT", value_parser = PossibleValuesParser::new(ON_DELETE))]
    pub(super) on_delete: Option<String>,
    /// Choose what becomes of the rows of a changed file
    ///
    /// replace brings in the new content (default), ignore keeps what was loaded first, fail stops the run.
    #[arg(long, value_name = "WHAT", value_parser = PossibleValuesParser::new(ON_MODIFY))]
    pub(super) on_modify: Option<String>,
    /// Choose what the same bytes under two names mean
    ///
    /// load takes both (default), warn takes both and says so, skip takes only the first name in path order.
    #[arg(long, value_name = "WHAT", value_parser = PossibleValuesParser::new(SAME_CONTENT))]
    pub(super) same_content: Option<String>,
}

/// A target, and where its state is.
#[derive(Debug, Args, Default)]
pub(super) struct TargetArgs {
    /// The target
    ///
    /// Default: the one of the settings file.
    #[arg(value_name = "TARGET")]
    pub(super) target: Option<String>,
    /// State.
    #[command(flatten)]
    pub(super) state: StateArgs,
}

/// What `history` takes.
#[derive(Debug, Args)]
pub(super) struct HistoryArgs {
    /// The target.
    #[command(flatten)]
    pub(super) target: TargetArgs,
    /// Show the latest N runs
    ///
    /// Default: 20.
    #[arg(
        help_heading = "Selection",
        short = 'n',
        long = "limit",
        value_name = "N",
        default_value_t = 20,
        hide_default_value = true
    )]
    pub(super) limit: usize,
}

/// What `files` takes.
#[derive(Debug, Args)]
pub(super) struct FilesArgs {
    /// The target.
    #[command(flatten)]
    pub(super) target: TargetArgs,
    /// Show only files that stand like this; may be repeated
    ///
    /// pending: planned, not built yet. loaded: its rows are in the outputs. quarantined: cannot be decoded.
    /// outlived: cannot be decoded any more, rows of an earlier version are in the outputs. retained: gone, rows
    /// kept. frozen: changed or archived, rows that were loaded kept. duplicate: same bytes as an earlier name, not loaded.
    #[arg(help_heading = "Selection", long, value_name = "STANDING", value_parser = standing)]
    pub(super) standing: Vec<Standing>,
}

/// What `explain` takes.
#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// The source file, relative to the source
    #[arg(value_name = "PATH")]
    pub(super) path: String,
    /// The target.
    #[command(flatten)]
    pub(super) target: TargetArgs,
}

/// What `verify` takes.
#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// The target.
    #[command(flatten)]
    pub(super) target: TargetArgs,
    /// Read every output and compare its hash
    #[arg(help_heading = "Depth", long)]
    pub(super) deep: bool,
    /// Compare the files of SOURCE with the ledger, too
    ///
    /// Default: the one of the settings file, else none.
    #[arg(help_heading = "Depth", long, value_name = "SOURCE")]
    pub(super) source: Option<String>,
    /// About inputs.
    #[command(flatten)]
    pub(super) inputs: InputArgs,
}

/// What `doctor` takes.
#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// URL (s3://, gs://, az://) of the prefix to look at
    ///
    /// Access comes from the environment, as for a run (`strandline run --help`, under SOURCE).
    #[arg(value_name = "URL")]
    pub(super) url: String,
    /// Write nothing, and look at what a source needs only
    ///
    /// Default: what a target needs is tried, too. Code 0 then means that the store can be used as a source.
    #[arg(help_heading = "Depth", long)]
    pub(super) read_only: bool,
}

/// What `reset` takes.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true).args(["path", "since", "all", "lost"]))]
pub(super) struct ResetArgs {
    /// The target.
    #[command(flatten)]
    pub(super) target: TargetArgs,
    /// Only files whose paths match GLOB
    #[arg(
        help_heading = "Selection",
        long,
        value_name = "GLOB",
        conflicts_with = "all"
    )]
    pub(super) path: Option<String>,
    /// Only files modified at T or later
    ///
    /// T is a date or an instant, in UTC where it has no zone. Example: --since 2026-01-31T10:00Z
    #[arg(
        help_heading = "Selection",
        long,
        value_name = "T",
        conflicts_with = "all"
    )]
    pub(super) since: Option<Timestamp>,
    /// Only files modified before T
    #[arg(help_heading = "Selection", long, value_name = "T", requires = "since")]
    pub(super) until: Option<Timestamp>,
    /// Every file
    #[arg(help_heading = "Selection", long)]
    pub(super) all: bool,
    /// Forget files whose rows stood in a missing or damaged output
    ///
    /// The next run loads those again that are in the source. Rows that it cannot give again (of retained or frozen
    /// files, or of files that have become undecodable) are given up: without this, their unit fails until the
    /// output is back.
    #[arg(help_heading = "Selection", long, conflicts_with = "all")]
    pub(super) lost: bool,
}

/// What `recover` takes.
#[derive(Debug, Args)]
pub(super) struct RecoverArgs {
    /// The target.
    #[command(flatten)]
    pub(super) target: TargetArgs,
}

/// What can be done with files that were set aside.
#[derive(Debug, Subcommand)]
pub(super) enum Quarantine {
    /// List the files that were set aside, with their reasons
    ///
    /// Example: strandline quarantine list ./out
    List(TargetArgs),
    /// Try files again in the next run although their bytes are the same
    ///
    /// Example: strandline quarantine retry ./out --path 'day=2026-01-*/**'
    Retry(RetryArgs),
}

/// What `quarantine retry` takes.
#[derive(Debug, Args)]
pub(super) struct RetryArgs {
    /// The target.
    #[command(flatten)]
    pub(super) target: TargetArgs,
    /// Only files whose paths match GLOB
    ///
    /// Default: all that were set aside.
    #[arg(help_heading = "Selection", long, value_name = "GLOB")]
    pub(super) path: Option<String>,
}

/// What `init` takes.
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// The source to write into it
    #[arg(value_name = "SOURCE", requires = "target")]
    pub(super) source: Option<String>,
    /// The target to write into it
    #[arg(value_name = "TARGET")]
    pub(super) target: Option<String>,
}

/// What can be asked about settings.
#[derive(Debug, Subcommand)]
pub(super) enum Config {
    /// Show every setting with its value and where that comes from
    ///
    /// Takes the same arguments as `run`. Example: strandline config show -c strandline.toml
    #[command(after_long_help = SETTINGS)]
    Show(PipelineArgs),
}

fn standing(text: &str) -> Result<Standing, String> {
    serde_json::from_value(text.into()).map_err(|_| {
        "it must be one of pending, loaded, quarantined, outlived, retained, frozen, duplicate"
            .to_owned()
    })
}

impl PipelineArgs {
    /// Returns the settings among the arguments.
    #[must_use]
    pub(super) fn layer(&self) -> Layer {
        let mut layer = Layer::new(Origin::Flag);
        let behaviour = &self.behaviour;
        one(&mut layer, Key::Source, self.source.as_ref());
        one(&mut layer, Key::Target, self.target.as_ref());
        self.inputs.fill(&mut layer);
        self.dialect.fill(&mut layer);
        self.schema.fill(&mut layer);
        one(&mut layer, Key::Pattern, self.lines.pattern.as_ref());
        one(&mut layer, Key::Unmatched, self.lines.unmatched.as_ref());
        many(&mut layer, Key::Widths, &self.lines.widths);
        self.outputs.fill(&mut layer);
        self.resources.fill(&mut layer);
        for (key, value) in [
            (Key::Select, &self.sql.select),
            (Key::Where, &self.sql.filter),
            (Key::State, &self.outputs.state.state),
            (Key::AllowRemovals, &behaviour.allow_removals),
            (Key::OnDelete, &behaviour.on_delete),
            (Key::OnModify, &behaviour.on_modify),
            (Key::SameContent, &behaviour.same_content),
        ] {
            one(&mut layer, key, value.as_ref());
        }
        layer
    }
}

impl Global {
    /// Adds the settings among what goes for every command.
    pub(super) fn fill(&self, layer: &mut Layer) {
        one(layer, Key::CaFile, self.ca_file.as_ref());
    }
}

impl DialectArgs {
    fn fill(&self, layer: &mut Layer) {
        for (key, value) in [
            (Key::Delimiter, &self.delimiter),
            (Key::Quote, &self.quote),
            (Key::Escape, &self.escape),
            (Key::Comment, &self.comment),
            (Key::Header, &self.header),
            (Key::SkipLines, &self.skip_lines),
            (Key::TrailingDelimiter, &self.trailing_delimiter),
            (Key::Encoding, &self.encoding),
            (Key::DecimalComma, &self.decimal_comma),
        ] {
            one(layer, key, value.as_ref());
        }
        many(layer, Key::Columns, &self.columns);
        many(layer, Key::Null, &self.null);
    }
}

impl InputArgs {
    fn fill(&self, layer: &mut Layer) {
        many(layer, Key::Include, &self.include);
        many(layer, Key::Exclude, &self.exclude);
        one(layer, Key::Format, self.format.as_ref());
        one(layer, Key::Hidden, self.hidden.as_ref());
        one(layer, Key::FollowSymlinks, self.follow_symlinks.as_ref());
        one(layer, Key::Settle, self.settle.as_ref());
        one(layer, Key::Sheet, self.sheet.as_ref());
    }
}

impl TargetArgs {
    /// Returns the settings among the arguments.
    #[must_use]
    pub(super) fn layer(&self) -> Layer {
        let mut layer = Layer::new(Origin::Flag);
        one(&mut layer, Key::Target, self.target.as_ref());
        one(&mut layer, Key::State, self.state.state.as_ref());
        layer
    }
}

impl DoctorArgs {
    /// Returns the settings among the arguments.
    #[must_use]
    pub(super) fn layer(&self) -> Layer {
        let mut layer = Layer::new(Origin::Flag);
        one(&mut layer, Key::Source, Some(&self.url));
        layer
    }
}

impl VerifyArgs {
    /// Returns the settings among the arguments.
    #[must_use]
    pub(super) fn layer(&self) -> Layer {
        let mut layer = self.target.layer();
        self.inputs.fill(&mut layer);
        one(&mut layer, Key::Source, self.source.as_ref());
        layer
    }
}

fn one(layer: &mut Layer, key: Key, value: Option<&String>) {
    if let Some(text) = value {
        layer.values.insert(key, Value::One(text.clone()));
    }
}

fn many(layer: &mut Layer, key: Key, values: &[String]) {
    if !values.is_empty() {
        layer.values.insert(key, Value::Many(values.to_vec()));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory;

    use super::*;
    use crate::config::{Kind, SPECS};

    /// What steers one call and cannot be a setting.
    const NO_SETTINGS: [&str; 7] = [
        "config", "json", "quiet", "verbose", "progress", "dry_run", "help",
    ];

    fn ids(command: &clap::Command) -> BTreeSet<String> {
        let ids = command.get_arguments().map(|arg| arg.get_id().to_string());
        ids.filter(|id| !NO_SETTINGS.contains(&id.as_str()) && id != "version")
            .collect()
    }

    fn built() -> clap::Command {
        let mut command = Cli::command();
        command.build();
        command
    }

    #[test]
    fn the_arguments_make_sense_to_the_parser() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_option_has_a_key_and_every_key_an_option() {
        let keys: BTreeSet<String> = SPECS
            .iter()
            .map(|spec| spec.key.word().to_owned())
            .collect();
        // What goes on takes all of them; what ends takes none about going on, and what does nothing none about hints.
        let without: [(&str, &[&str]); 3] = [
            ("watch", &[]),
            ("run", &["interval"]),
            ("plan", &["events", "interval", "listing_every"]),
        ];
        for (name, without) in without {
            let command = built();
            let command = command.find_subcommand(name).unwrap();
            let mut keys = keys.clone();
            keys.retain(|key| !without.contains(&&**key));
            assert_eq!(ids(command), keys, "{name}");
        }
    }

    #[test]
    fn every_option_reaches_its_setting() {
        for spec in &SPECS {
            let text = match spec.kind {
                Kind::Switch => "true",
                Kind::List => "a",
                _ => spec.default.unwrap_or(spec.example),
            };
            let mut words = vec!["strandline".to_owned(), "watch".to_owned()];
            match spec.key {
                Key::Source => words.extend([text.to_owned(), "t".to_owned()]),
                Key::Target => words.extend(["s".to_owned(), text.to_owned()]),
                key => words.push(format!("{}={text}", key.argument())),
            }
            let cli = Cli::try_parse_from(words).unwrap();
            let Command::Watch(args) = cli.command else {
                panic!("watch was parsed as another command");
            };
            let value = match spec.kind {
                Kind::List | Kind::Columns => Value::Many(vec![text.to_owned()]),
                _ => Value::One(text.to_owned()),
            };
            let mut layer = args.layer();
            cli.global.fill(&mut layer);
            assert_eq!(layer.values.get(&spec.key), Some(&value), "{}", spec.name);
        }
    }

    #[test]
    fn a_switch_can_be_turned_off_where_the_file_turns_it_on() {
        for (words, value) in [("--hidden", "true"), ("--hidden=false", "false")] {
            let cli = Cli::try_parse_from(["strandline", "plan", words, "s", "t"]).unwrap();
            let Command::Plan(args) = cli.command else {
                panic!("plan was parsed as another command");
            };
            let layer = args.layer();
            assert_eq!(layer.values[&Key::Hidden], Value::One(value.to_owned()));
            assert_eq!(layer.values[&Key::Source], Value::One("s".to_owned()));
        }
    }

    #[test]
    fn every_option_says_what_it_does_in_one_line() {
        fn check(command: &clap::Command) {
            for arg in command.get_arguments().filter(|arg| !arg.is_positional()) {
                let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
                assert!(!help.is_empty() && !help.contains('\n'), "{}", arg.get_id());
                assert!(!help.ends_with('.'), "{}", arg.get_id());
            }
            command.get_subcommands().for_each(check);
        }
        check(&built());
    }

    #[test]
    fn reset_wants_to_be_told_what() {
        let parse = |words: &[&str]| {
            let words = ["strandline", "reset", "out"].iter().chain(words);
            Cli::try_parse_from(words).is_ok()
        };
        assert!(parse(&["--all"]));
        assert!(parse(&["--path", "a/*"]));
        assert!(parse(&["--path", "a/*", "--since", "2026-01-01"]));
        assert!(parse(&["--since", "2026-01-01", "--until", "2026-02-01"]));
        assert!(!parse(&[]));
        assert!(!parse(&["--until", "2026-02-01"]));
        assert!(!parse(&["--all", "--path", "a/*"]));
        assert!(!parse(&["--since", "yesterday"]));
    }
}
