//! `-h`: a line for each option.

use super::{beside_run, help, of_hints, own};

#[test]
fn short_help_of_the_program() {
    insta::assert_snapshot!(help("-h"), @"
    exit code 0
    -- stdout
    Keep Parquet partitions equal to a full reload of a pile of files

    Usage: strandline [OPTIONS] <COMMAND>

    Commands:
      run          Bring what changed in SOURCE into TARGET
      watch        Keep TARGET up to date: pass after pass, until interrupted
      plan         Show what a run would do, and why
      status       Show how a pipeline stands
      history      List past runs, the latest first
      files        List the recorded source files
      explain      Explain what became of one source file
      verify       Check outputs against the ledger
      doctor       Tell what works in an object store
      reset        Mark files for reprocessing by the next run
      recover      Rebuild a lost ledger from the outputs
      quarantine   List or retry the files that were set aside
      schema       Show a pipeline's columns, how they came, and whether a file fits them
      init         Write a commented strandline.toml
      config       Show the settings that count
      completions  Write completions for a shell to stdout
      help         Print this message or the help of the given subcommand(s)

    Options:
      -h, --help     Print help (see more with '--help')
      -V, --version  Print version

    General:
      -c, --config <FILE>    Read settings from FILE
          --ca-file <FILE>   Trust the certificates in FILE when an object store is asked
          --json             Write results to stdout as one JSON document
      -q, --quiet            Say nothing but errors
      -v, --verbose          Leave nothing out of lists
          --progress <WHEN>  Show how far a run is [possible values: auto, always, never]
    ");
}

#[test]
fn short_help_of_run() {
    insta::assert_snapshot!(own("run -h"), @r#"
    exit code 0
    -- stdout
    Bring what changed in SOURCE into TARGET

    Usage: strandline run [OPTIONS] [SOURCE] [TARGET]

    Arguments:
      [SOURCE]  Directory or URL (s3://, gs://, az://, file://) that holds the files
      [TARGET]  Directory or URL (s3://, gs://, az://, file://) for the Parquet files

    Inputs:
          --format <FORMAT>           Read files as this format [possible values: auto, csv, tsv,
                                      ndjson, json, parquet, arrow, avro, text, regex, fixed, excel]
          --include <GLOB>            Take only files that match GLOB; may be repeated
          --exclude <GLOB>            Leave out files and directories that match GLOB; may be repeated
          --hidden[=<BOOL>]           Also take names that begin with "." or "_"
          --follow-symlinks[=<BOOL>]  Follow symbolic links
          --settle <DUR>              Leave a file for the next run until nobody has written to it for
                                      DUR
          --sheet <NAME>              Read the sheet NAME of Excel workbooks

    CSV and TSV:
          --delimiter <CHAR>             Take CHAR for what separates the fields of a CSV file
          --quote <CHAR>                 Take CHAR for what encloses fields
          --escape <CHAR>                Take CHAR for what makes the next character plain text
          --comment <CHAR>               Skip lines that begin with CHAR
          --header <BOOL>                Say whether the first row names the columns
          --columns <COL[,COL]>          Name the columns, all of them
          --skip-lines <N>               Skip the first N lines of each file
          --null <TEXT>                  Take TEXT for null, besides the empty field; may be repeated
          --trailing-delimiter[=<BOOL>]  Take the delimiter at the end of a line for no field
          --encoding <ENCODING>          Read bytes as this encoding [possible values: auto, utf-8,
                                         utf-16, latin1, windows-1252]
          --decimal-comma[=<BOOL>]       Take 1,5 for a number and 1.5 for text

    Lines of text:
          --pattern <REGEX>           Cut lines by REGEX, with --format regex
          --unmatched <POLICY>        Say what becomes of a line that the pattern does not match
                                      [possible values: refuse, skip]
          --widths <NAME:N[,NAME:N]>  Cut lines at these widths, with --format fixed

    Schema:
          --schema-policy <POLICY>       Choose what becomes of what is not as declared [possible
                                         values: evolve, strict, rescue]
          --schema-compatibility <RULE>  Refuse to declare columns anew in a way that breaks readers
                                         [possible values: none, backward, forward, full]
          --schema-column <NAME=TYPE>    Declare a column; may be repeated, in the order of the columns

    SQL:
          --select <SQL>  Write these columns
          --where <SQL>   Take only rows for which this is true

    Outputs:
          --partition-by <COL[,COL]>    Make directories COL=value/ from the values of these columns
          --sort-by <COL[ DESC][,COL]>  Sort rows by these columns
          --target-file-size <SIZE>     Split an output that grows beyond SIZE
          --row-group-rows <N>          Put at most N rows into a row group
          --page-size <SIZE>            End a page at SIZE, before compression
          --compression <CODEC>         Compress pages by this codec
          --encodings <WHICH>           Choose how columns are encoded [possible values: auto, plain]
          --bloom-filter <COL[,COL]>    Write bloom filters for these columns
          --schema-metadata[=<BOOL>]    Keep what files say about themselves and their columns

    State:
          --state <DIR>  Keep the ledger in DIR

    Behaviour:
          --allow-removals[=<BOOL>]  Go on however many files have vanished
          --on-delete <WHAT>         Choose what becomes of the rows of a vanished file [possible
                                     values: remove, retain]
          --on-modify <WHAT>         Choose what becomes of the rows of a changed file [possible values:
                                     replace, ignore, fail]
          --same-content <WHAT>      Choose what the same bytes under two names mean [possible values:
                                     load, warn, skip]
          --dry-run                  Show what would be done, as `plan` does, and change nothing

    Resources:
          --threads <N>              Work with N threads
          --memory <SIZE>            Keep the rows in flight below SIZE, over all threads
          --max-files <N>            Take at most N new and changed files; the next run takes the rest
          --max-bytes <SIZE>         Take at most SIZE of new and changed files; the next run takes the
                                     rest
          --lease <DUR>              Let another run take over after DUR of silence
          --max-requests <N>         Take no more work once object stores were asked N times
          --max-duration <DUR>       Take no more work after DUR
          --until-complete[=<BOOL>]  Run again until nothing is left for the next run
          --requests-per-second <N>  Ask an object store at most N times a second
          --bytes-per-second <SIZE>  Exchange at most SIZE a second with an object store
          --store-concurrency <N>    Let at most N requests to an object store be under way at once

    Hints:
          --events <URL>         Take hints of what changed from URL, instead of listing SOURCE each
                                 time
          --listing-every <DUR>  With --events: list everything all the same, each DUR
    "#);
}

#[test]
fn short_help_of_watch() {
    insta::assert_snapshot!(of_hints("watch -h"), @r#"
Hints:
      --events <URL>         Take hints of what changed from URL, instead of listing SOURCE each
                             time
      --listing-every <DUR>  With --events: list everything all the same, each DUR
      --interval <DUR>       Make the next pass DUR after the last, where no hints come
    "#);
}

#[test]
fn short_help_of_plan() {
    insta::assert_snapshot!(beside_run("plan -h"), @"
    exit code 0
    -- stdout
    Show what a run would do, and why

    Usage: strandline plan [OPTIONS] [SOURCE] [TARGET]

    Arguments:
      [SOURCE]  Directory or URL (s3://, gs://, az://, file://) that holds the files
      [TARGET]  Directory or URL (s3://, gs://, az://, file://) for the Parquet files

    CSV and TSV:
          --delimiter <CHAR>             Take CHAR for what separates the fields of a CSV file
          --quote <CHAR>                 Take CHAR for what encloses fields
          --escape <CHAR>                Take CHAR for what makes the next character plain text
          --comment <CHAR>               Skip lines that begin with CHAR
          --header <BOOL>                Say whether the first row names the columns
          --columns <COL[,COL]>          Name the columns, all of them
          --skip-lines <N>               Skip the first N lines of each file
          --null <TEXT>                  Take TEXT for null, besides the empty field; may be repeated
          --trailing-delimiter[=<BOOL>]  Take the delimiter at the end of a line for no field
          --encoding <ENCODING>          Read bytes as this encoding [possible values: auto, utf-8,
                                         utf-16, latin1, windows-1252]
          --decimal-comma[=<BOOL>]       Take 1,5 for a number and 1.5 for text

    Lines of text:
          --pattern <REGEX>           Cut lines by REGEX, with --format regex
          --unmatched <POLICY>        Say what becomes of a line that the pattern does not match
                                      [possible values: refuse, skip]
          --widths <NAME:N[,NAME:N]>  Cut lines at these widths, with --format fixed
    ");
}

#[test]
fn short_help_of_status() {
    insta::assert_snapshot!(own("status -h"), @"
    exit code 0
    -- stdout
    Show how a pipeline stands

    Usage: strandline status [OPTIONS] [TARGET]

    Arguments:
      [TARGET]  The target

    State:
          --state <DIR>  Keep the ledger in DIR
    ");
}

#[test]
fn short_help_of_history() {
    insta::assert_snapshot!(own("history -h"), @"
    exit code 0
    -- stdout
    List past runs, the latest first

    Usage: strandline history [OPTIONS] [TARGET]

    Arguments:
      [TARGET]  The target

    State:
          --state <DIR>  Keep the ledger in DIR

    Selection:
      -n, --limit <N>  Show the latest N runs
    ");
}

#[test]
fn short_help_of_files() {
    insta::assert_snapshot!(own("files -h"), @"
    exit code 0
    -- stdout
    List the recorded source files

    Usage: strandline files [OPTIONS] [TARGET]

    Arguments:
      [TARGET]  The target

    State:
          --state <DIR>  Keep the ledger in DIR

    Selection:
          --standing <STANDING>  Show only files that stand like this; may be repeated
    ");
}

#[test]
fn short_help_of_explain() {
    insta::assert_snapshot!(own("explain -h"), @"
    exit code 0
    -- stdout
    Explain what became of one source file

    Usage: strandline explain [OPTIONS] <PATH> [TARGET]

    Arguments:
      <PATH>    The source file, relative to the source
      [TARGET]  The target

    State:
          --state <DIR>  Keep the ledger in DIR
    ");
}

#[test]
fn short_help_of_verify() {
    insta::assert_snapshot!(own("verify -h"), @r#"
    exit code 0
    -- stdout
    Check outputs against the ledger

    Usage: strandline verify [OPTIONS] [TARGET]

    Arguments:
      [TARGET]  The target

    State:
          --state <DIR>  Keep the ledger in DIR

    Depth:
          --deep             Read every output and compare its hash
          --source <SOURCE>  Compare the files of SOURCE with the ledger, too

    Inputs:
          --format <FORMAT>           Read files as this format [possible values: auto, csv, tsv,
                                      ndjson, json, parquet, arrow, avro, text, regex, fixed, excel]
          --include <GLOB>            Take only files that match GLOB; may be repeated
          --exclude <GLOB>            Leave out files and directories that match GLOB; may be repeated
          --hidden[=<BOOL>]           Also take names that begin with "." or "_"
          --follow-symlinks[=<BOOL>]  Follow symbolic links
          --settle <DUR>              Leave a file for the next run until nobody has written to it for
                                      DUR
          --sheet <NAME>              Read the sheet NAME of Excel workbooks
    "#);
}

#[test]
fn short_help_of_doctor() {
    insta::assert_snapshot!(own("doctor -h"), @"
    exit code 0
    -- stdout
    Tell what works in an object store

    Usage: strandline doctor [OPTIONS] <URL>

    Arguments:
      <URL>  URL (s3://, gs://, az://) of the prefix to look at

    Depth:
          --read-only  Write nothing, and look at what a source needs only
    ");
}

#[test]
fn short_help_of_reset() {
    insta::assert_snapshot!(own("reset -h"), @"
    exit code 0
    -- stdout
    Mark files for reprocessing by the next run

    Usage: strandline reset [OPTIONS] <--path <GLOB>|--since <T>|--all|--lost> [TARGET]

    Arguments:
      [TARGET]  The target

    State:
          --state <DIR>  Keep the ledger in DIR

    Selection:
          --path <GLOB>  Only files whose paths match GLOB
          --since <T>    Only files modified at T or later
          --until <T>    Only files modified before T
          --all          Every file
          --lost         Forget files whose rows stood in a missing or damaged output
    ");
}

#[test]
fn short_help_of_recover() {
    insta::assert_snapshot!(own("recover -h"), @"
    exit code 0
    -- stdout
    Rebuild a lost ledger from the outputs

    Usage: strandline recover [OPTIONS] [TARGET]

    Arguments:
      [TARGET]  The target

    State:
          --state <DIR>  Keep the ledger in DIR
    ");
}

#[test]
fn short_help_of_quarantine() {
    insta::assert_snapshot!(own("quarantine -h"), @"
    exit code 0
    -- stdout
    List or retry the files that were set aside

    Usage: strandline quarantine [OPTIONS] <COMMAND>

    Commands:
      list   List the files that were set aside, with their reasons
      retry  Try files again in the next run although their bytes are the same
      help   Print this message or the help of the given subcommand(s)
    ");
}

#[test]
fn short_help_of_quarantine_list() {
    insta::assert_snapshot!(own("quarantine list -h"), @"
    exit code 0
    -- stdout
    List the files that were set aside, with their reasons

    Usage: strandline quarantine list [OPTIONS] [TARGET]

    Arguments:
      [TARGET]  The target

    State:
          --state <DIR>  Keep the ledger in DIR
    ");
}

#[test]
fn short_help_of_quarantine_retry() {
    insta::assert_snapshot!(own("quarantine retry -h"), @"
    exit code 0
    -- stdout
    Try files again in the next run although their bytes are the same

    Usage: strandline quarantine retry [OPTIONS] [TARGET]

    Arguments:
      [TARGET]  The target

    State:
          --state <DIR>  Keep the ledger in DIR

    Selection:
          --path <GLOB>  Only files whose paths match GLOB
    ");
}

#[test]
fn short_help_of_init() {
    insta::assert_snapshot!(own("init -h"), @"
    exit code 0
    -- stdout
    Write a commented strandline.toml

    Usage: strandline init [OPTIONS] [SOURCE] [TARGET]

    Arguments:
      [SOURCE]  The source to write into it
      [TARGET]  The target to write into it
    ");
}

#[test]
fn short_help_of_config() {
    insta::assert_snapshot!(own("config -h"), @"
    exit code 0
    -- stdout
    Show the settings that count

    Usage: strandline config [OPTIONS] <COMMAND>

    Commands:
      show  Show every setting with its value and where that comes from
      help  Print this message or the help of the given subcommand(s)
    ");
}

#[test]
fn short_help_of_config_show() {
    insta::assert_snapshot!(beside_run("config show -h"), @"
    exit code 0
    -- stdout
    Show every setting with its value and where that comes from

    Usage: strandline config show [OPTIONS] [SOURCE] [TARGET]

    Arguments:
      [SOURCE]  Directory or URL (s3://, gs://, az://, file://) that holds the files
      [TARGET]  Directory or URL (s3://, gs://, az://, file://) for the Parquet files

    CSV and TSV:
          --delimiter <CHAR>             Take CHAR for what separates the fields of a CSV file
          --quote <CHAR>                 Take CHAR for what encloses fields
          --escape <CHAR>                Take CHAR for what makes the next character plain text
          --comment <CHAR>               Skip lines that begin with CHAR
          --header <BOOL>                Say whether the first row names the columns
          --columns <COL[,COL]>          Name the columns, all of them
          --skip-lines <N>               Skip the first N lines of each file
          --null <TEXT>                  Take TEXT for null, besides the empty field; may be repeated
          --trailing-delimiter[=<BOOL>]  Take the delimiter at the end of a line for no field
          --encoding <ENCODING>          Read bytes as this encoding [possible values: auto, utf-8,
                                         utf-16, latin1, windows-1252]
          --decimal-comma[=<BOOL>]       Take 1,5 for a number and 1.5 for text

    Lines of text:
          --pattern <REGEX>           Cut lines by REGEX, with --format regex
          --unmatched <POLICY>        Say what becomes of a line that the pattern does not match
                                      [possible values: refuse, skip]
          --widths <NAME:N[,NAME:N]>  Cut lines at these widths, with --format fixed
    ");
}

#[test]
fn short_help_of_completions() {
    insta::assert_snapshot!(own("completions -h"), @"
    exit code 0
    -- stdout
    Write completions for a shell to stdout

    Usage: strandline completions [OPTIONS] <SHELL>

    Arguments:
      <SHELL>  The shell [possible values: bash, elvish, fish, powershell, zsh]
    ");
}

#[test]
fn short_help_of_schema() {
    insta::assert_snapshot!(own("schema -h"), @"
    exit code 0
    -- stdout
    Show a pipeline's columns, how they came, and whether a file fits them

    Usage: strandline schema [OPTIONS] <COMMAND>

    Commands:
      show     Show the columns with their types, and since which version they have them
      history  List the versions of the columns, the latest first, with what caused them
      diff     Show what is different between two versions
      check    Tell whether a file would fit and what it would change, and touch nothing
      help     Print this message or the help of the given subcommand(s)
    ");
}

#[test]
fn short_help_of_schema_show() {
    insta::assert_snapshot!(own("schema show -h"), @"
    exit code 0
    -- stdout
    Show the columns with their types, and since which version they have them

    Usage: strandline schema show [OPTIONS] [TARGET]

    Arguments:
      [TARGET]  The target

    State:
          --state <DIR>  Keep the ledger in DIR

    Form:
          --toml  Write them as [schema.columns] for strandline.toml
    ");
}

#[test]
fn short_help_of_schema_history() {
    insta::assert_snapshot!(own("schema history -h"), @"
    exit code 0
    -- stdout
    List the versions of the columns, the latest first, with what caused them

    Usage: strandline schema history [OPTIONS] [TARGET]

    Arguments:
      [TARGET]  The target

    State:
          --state <DIR>  Keep the ledger in DIR
    ");
}

#[test]
fn short_help_of_schema_diff() {
    insta::assert_snapshot!(own("schema diff -h"), @"
    exit code 0
    -- stdout
    Show what is different between two versions

    Usage: strandline schema diff [OPTIONS] [TARGET]

    Arguments:
      [TARGET]  The target

    State:
          --state <DIR>  Keep the ledger in DIR

    Selection:
          --from <N>  The older version
          --to <N>    The newer version
    ");
}

#[test]
fn short_help_of_schema_check() {
    insta::assert_snapshot!(own("schema check -h"), @"
    exit code 0
    -- stdout
    Tell whether a file would fit and what it would change, and touch nothing

    Usage: strandline schema check [OPTIONS] <FILE> [TARGET]

    Arguments:
      <FILE>    The file
      [TARGET]  The target

    State:
          --state <DIR>  Keep the ledger in DIR
    ");
}
