//! Questions to the ledger, and what marks files for the next run.

use std::fs;

use super::{loaded, sandbox, say};

#[test]
fn status_history_and_files_tell_how_things_stand() {
    let sandbox = loaded();
    insta::assert_snapshot!(say(&sandbox, "status out"), @"
    exit code 0
    -- stdout
    pipeline   in -> out
    last run   r000000 done at [INSTANT], took [TIME]
    files      3 live, all loaded
    outputs    2 outputs, 2 units, 4 rows, 2.4KiB
    watermark [INSTANT] ([TIME] behind now)
    ledger [SIZE] in out/_strandline
    ");
    insta::assert_snapshot!(say(&sandbox, "history out"), @"
    exit code 0
    -- stdout
    run      started              status         added modified  removed    units         rows   written     time
    r000000 [INSTANT] done               3        0        0        2            4    2.4KiB [TIME]
    ");
    insta::assert_snapshot!(say(&sandbox, "files out"), @"
    exit code 0
    -- stdout
    standing         size         rows unit     path
    loaded            20B            2 u000000  day=1/a.csv
    loaded            14B            1 u000000  day=1/b.csv
    loaded            14B            1 u000001  day=2/c.csv
    ");
    insta::assert_snapshot!(say(&sandbox, "files out --standing quarantined"), @"
    exit code 0
    -- stdout
    standing         size         rows unit     path
    ");
    insta::assert_snapshot!(say(&sandbox, "quarantine list out"), @"
    exit code 0
    -- stdout
    nothing is quarantined
    ");
    insta::assert_snapshot!(say(&sandbox, "quarantine retry out"), @"
    exit code 0
    -- stdout
    0 files marked: the next run tries again
    ");
}

#[test]
fn a_file_is_explained_with_its_unit_and_outputs() {
    let sandbox = loaded();
    insta::assert_snapshot!(say(&sandbox, "explain day=1/a.csv out"), @"
    exit code 0
    -- stdout
    day=1/a.csv
      decision: added: not in the ledger
      stands:   loaded: its rows are in the outputs (recorded by r000000)
      seen:     20B, modified at [INSTANT]
      content: [HASH]
      rows:     2
      unit:     u000000 in day=1, made of 2 files
      output:   day=1/u000000.parquet (2 rows of it)
    ");
    insta::assert_snapshot!(say(&sandbox, "explain day=1/z.csv out"), @r#"
    exit code 2
    -- stderr
    error: the ledger knows no source file "day=1/z.csv"
      hint: name it relative to SOURCE, as `strandline files` lists it; a file that was never taken is not recorded, `strandline plan` tells why
    "#);
    insta::assert_snapshot!(say(&sandbox, "explain in/day=1/a.csv out"), @r#"
    exit code 2
    -- stderr
    error: the ledger knows no source file "in/day=1/a.csv"
      hint: name it relative to SOURCE, as `strandline files` lists it; a file that was never taken is not recorded, `strandline plan` tells why
    "#);
}

#[test]
fn verify_names_what_does_not_match_and_the_next_run_mends_it() {
    let sandbox = loaded();
    insta::assert_snapshot!(say(&sandbox, "verify out"), @"
    exit code 0
    -- stdout
    nothing wrong: 2 outputs looked at
    ");
    insta::assert_snapshot!(say(&sandbox, "verify out --deep --source in"), @"
    exit code 0
    -- stdout
    nothing wrong: 2 outputs and 3 source files read
    ");
    let output = sandbox
        .path("out/day=2")
        .read_dir()
        .unwrap()
        .next()
        .unwrap();
    fs::write(output.unwrap().path(), "PAR1").unwrap();
    insta::assert_snapshot!(say(&sandbox, "verify out"), @"
    exit code 1
    -- stdout
    1 finding: 2 outputs looked at
      day=2/u000001.parquet: the output is damaged
    the next run builds 1 unit again
    ");
    insta::assert_snapshot!(say(&sandbox, "run in out"), @"
    exit code 0
    -- stderr
    done in [TIME]
      files    3 unchanged
      rows     1 read, 1 written
      bytes    14B read ([RATE]), 1.1KiB written
      outputs  1 written
    ");
    insta::assert_snapshot!(say(&sandbox, "verify out --deep"), @"
    exit code 0
    -- stdout
    nothing wrong: 2 outputs read
    ");
}

#[test]
fn a_reset_marks_files_and_an_output_that_comes_out_the_same_is_kept() {
    let sandbox = loaded();
    insta::assert_snapshot!(say(&sandbox, "reset out --path day=1/*"), @"
    exit code 0
    -- stdout
    2 files in 1 unit marked: the next run builds them again
    ");
    insta::assert_snapshot!(say(&sandbox, "plan in out"), @"
    exit code 0
    -- stdout
    a run would build 1 unit: 3 files listed, 3 unchanged
    to build (1):
      u000000 in day=1: 2 files, 34B to read; reset
    ");
    insta::assert_snapshot!(say(&sandbox, "run in out"), @"
    exit code 0
    -- stderr
    done in [TIME]
      files    3 unchanged
      rows     3 read
      bytes    34B read ([RATE])
      outputs  1 kept as they were
    ");
    insta::assert_snapshot!(say(&sandbox, "reset out --path nothing/*"), @"
    exit code 0
    -- stdout
    0 files in 0 units marked: the next run builds them again
    ");
    insta::assert_snapshot!(say(&sandbox, "reset out --since 2026-02-01"), @"
    exit code 0
    -- stdout
    0 files in 0 units marked: the next run builds them again
    ");
    insta::assert_snapshot!(say(&sandbox, "reset out --all"), @"
    exit code 0
    -- stdout
    3 files in 2 units marked: the next run builds them again
    ");
}

#[test]
fn a_settings_file_is_written_read_and_shown() {
    let sandbox = sandbox();
    insta::assert_snapshot!(say(&sandbox, "init in out"), @"
    exit code 0
    -- stdout
    strandline.toml is written
    ");
    insta::assert_snapshot!(say(&sandbox, "init in out"), @"
    exit code 2
    -- stderr
    error: strandline.toml is there already
      hint: name another file with -c, or remove this one
    ");
    insta::assert_snapshot!(say(&sandbox, "run"), @"
    exit code 0
    -- stderr
    done in [TIME]
      files    3 added
      rows     4 read, 4 written
      bytes    48B read ([RATE]), 2.4KiB written
      outputs  2 written
    ");
    insta::assert_snapshot!(say(&sandbox, "status"), @"
    exit code 0
    -- stdout
    pipeline   in -> out
    last run   r000000 done at [INSTANT], took [TIME]
    files      3 live, all loaded
    outputs    2 outputs, 2 units, 4 rows, 2.4KiB
    watermark [INSTANT] ([TIME] behind now)
    ledger [SIZE] in out/_strandline
    ");
    insta::assert_snapshot!(say(&sandbox, "config show --threads 3"), @r#"
    exit code 0
    -- stdout
    [source]
    path = "in"                              # strandline.toml
    format = "auto"                          # default
    include = []                             # default
    exclude = []                             # default
    hidden = false                           # default
    follow_symlinks = false                  # default
    settle = "[TIME]"                            # default
    sheet = ""                               # default

    [csv]
    delimiter = "auto"                       # default
    quote = '"'                              # default
    escape = "none"                          # default
    comment = "none"                         # default
    header = true                            # default
    columns = []                             # default
    skip_lines = 0                           # default
    null = []                                # default
    trailing_delimiter = false               # default
    encoding = "auto"                        # default
    decimal_comma = false                    # default

    [lines]
    pattern = ""                             # default
    unmatched = "refuse"                     # default
    widths = []                              # default

    [schema]
    policy = "evolve"                        # default
    compatibility = "none"                   # default
    # columns is not set                     # default

    [transform]
    # select is not set                      # default
    # where is not set                       # default

    [target]
    path = "out"                             # strandline.toml
    partition_by = []                        # default
    sort_by = []                             # default
    target_file_size = "256MiB"              # default
    row_group_rows = 1048576                 # default
    page_size = "1MiB"                       # default
    compression = "zstd"                     # default
    encodings = "auto"                       # default
    bloom_filter = []                        # default
    schema_metadata = false                  # default
    # state is not set                       # default
    lease = "[TIME]"                            # default

    [run]
    threads = 3                              # flag
    memory = "512MiB"                        # default
    # max_files is not set                   # default
    # max_bytes is not set                   # default
    # max_requests is not set                # default
    # max_duration is not set                # default
    until_complete = false                   # default
    # requests_per_second is not set         # default
    # bytes_per_second is not set            # default
    # store_concurrency is not set           # default
    # ca_file is not set                     # default
    allow_removals = false                   # default
    on_delete = "remove"                     # default
    on_modify = "replace"                    # default
    same_content = "load"                    # default
    events = "none"                          # default
    listing_every = "[TIME]"                     # default
    interval = "[TIME]"                         # default
    "#);
}

#[test]
fn the_settings_file_that_is_written_tells_of_every_setting() {
    let sandbox = sandbox();
    say(&sandbox, "init in out");
    insta::assert_snapshot!(fs::read_to_string(sandbox.path("strandline.toml")).unwrap(), @r##"
    # Settings of a strandline pipeline: `strandline run -c strandline.toml`.
    # A line that begins with "#" and a key shows the default, or an example where there is none.
    # Flags and STRANDLINE_* variables win over what is set here; `strandline config show` tells what counts.

    # Where the files come from, and which of them count.
    [source]
    # The directory that holds the files, relative to this file; or a URL (s3://, gs://, az://, file://).
    path = "in"
    # How bytes become rows: auto (by extension), csv, tsv, ndjson, json, parquet, arrow, avro, text, regex, fixed or excel.
    #format = "auto"
    # Take only these: globs such as "*.csv" or "{dt}/*.csv", whose {dt} becomes a partition.
    #include = []
    # Leave these out, files and directories; wins over include.
    #exclude = []
    # Also take names that begin with "." or "_".
    #hidden = false
    # Follow symbolic links to files and directories.
    #follow_symlinks = false
    # Leave a file for the next run until nobody has written to it for this long; "0s" for objects if nothing is set.
    #settle = "2s"
    # The sheet of Excel workbooks; the first when not set.
    #sheet = ""

    # How CSV and TSV files are written.
    [csv]
    # What separates the fields of a CSV file: one character, or auto (, ; tab or |, told by the first row). TSV is always tabs.
    #delimiter = "auto"
    # What encloses fields: one character, or none. Within them it is doubled.
    #quote = '"'
    # What takes the meaning from a mark behind it: one character, or none.
    #escape = "none"
    # What begins a line that does not count: one character, or none.
    #comment = "none"
    # Whether the first row names the columns; without it they are column_1, column_2, …
    #header = true
    # Names of the columns, all of them; they win over those of a header.
    #columns = []
    # Lines at the beginning of each file that do not count.
    #skip_lines = 0
    # Values that are null besides the empty one, such as "NA" or "NULL".
    #null = []
    # Lines end in a delimiter behind which no field comes.
    #trailing_delimiter = false
    # How bytes are characters: auto (UTF-16 by its mark, else UTF-8), utf-8, utf-16, latin1 or windows-1252.
    #encoding = "auto"
    # 1,5 is a number and 1.5 is text, instead of the other way round.
    #decimal_comma = false

    # How lines become columns, with the formats regex and fixed. Null tokens, comments and the like are those of [csv].
    [lines]
    # A regular expression for whole lines whose named groups, (?<name>…), are the columns; or combined, common or syslog.
    #pattern = ""
    # Lines that the pattern does not match: refuse the file, or skip the lines.
    #unmatched = "refuse"
    # Columns of fixed width, as "name:10"; "name:*" is the rest of the line, and ":3" are characters that nobody wants.
    #widths = []

    # Which columns there are, and what becomes of the rest.
    [schema]
    # What is not as declared: evolve (other columns come in), strict (the file is set aside), rescue (into _rescued).
    #policy = "evolve"
    # Refuse to declare columns that break readers: none, backward, forward or full.
    #compatibility = "none"
    # Columns by name, with a type or { type, nullable, default, format, time_zone }.
    #[schema.columns]
    #amount = "decimal(10,2)"

    # What is made of the rows, in SQL; [[expect]] below says what must be true of them.
    [transform]
    # The columns to write, as between SELECT and FROM; all columns as they are when not set.
    #select = "*, upper(country) AS region"
    # Take only rows for which this is true, as behind WHERE; all rows when not set.
    #where = "amount > 0"

    # Where the Parquet files go, and how they are cut and written.
    [target]
    # The directory for the Parquet files; relative to this file.
    path = "out"
    # Columns whose values become directories, col=value/.
    #partition_by = []
    # Sort the rows of a unit's partition by these columns, such as "day" or "amount DESC"; nulls come last.
    #sort_by = []
    # Split an output that grows beyond this.
    #target_file_size = "256MiB"
    # Rows of a row group at most; 1024 to 16777216. It also ends at about 32MiB of encoded rows.
    #row_group_rows = 1048576
    # A page ends at this size before compression, or at 20000 rows; 4KiB to 64MiB.
    #page_size = "1MiB"
    # How pages are compressed: zstd (level 3), zstd:LEVEL (1 to 19), snappy, lz4, gzip or none.
    #compression = "zstd"
    # How columns are encoded: auto (as is best for each), or plain (values and dictionaries, for old readers).
    #encodings = "auto"
    # Columns that get a bloom filter, which tells that a value is not there.
    #bloom_filter = []
    # Keep comments: what Parquet, Arrow and Avro files say about themselves and their columns.
    #schema_metadata = false
    # Keep the ledger here instead of in the target's _strandline/.
    #state = "./state"
    # In an object store: how long a run may be silent before another takes its ledger over.
    #lease = "60s"

    # How a run behaves, and how much it may use.
    [run]
    # Workers; as many as there are processors when not set.
    #threads = 4
    # Bytes of rows in flight, over all workers.
    #memory = "512MiB"
    # Take at most this many new and changed files in one run; any number when not set.
    #max_files = 10000
    # Take at most this many bytes of new and changed files in one run; any number when not set.
    #max_bytes = "10GiB"
    # Take no more work once object stores were asked this often; what is begun is finished. Any number when not set.
    #max_requests = 10000
    # Take no more work after this long; what is begun is finished. Any time when not set.
    #max_duration = "10m"
    # Run again, in the same process, until max_files and max_bytes leave nothing for the next run.
    #until_complete = false
    # Ask an object store at most this often in a second; any number when not set.
    #requests_per_second = 500
    # Exchange at most this many bytes a second with an object store, at least 64KiB; any number when not set.
    #bytes_per_second = "50MiB"
    # Let at most this many requests to an object store be under way at once; any number when not set.
    #store_concurrency = 16
    # Trust the certificates in this file, in PEM form, when an object store is asked; beside those of the system.
    #ca_file = "./ca.pem"
    # Go on however many files have vanished, instead of stopping at over half (and over 100) of them.
    #allow_removals = false
    # A vanished file's rows: remove them, or retain them.
    #on_delete = "remove"
    # A changed file's rows: replace them, ignore the change, or fail the run.
    #on_modify = "replace"
    # The same bytes under two names: load both, load both and warn, or skip all but the first.
    #same_content = "load"
    # Where a store tells of changes: a queue (sqs://HOST/ACCOUNT/QUEUE), for watch also an address to listen at (http://127.0.0.1:8788/).
    #events = "none"
    # With events: list everything this often all the same, since some get lost.
    #listing_every = "6h"
    # Watching without events: list everything this long after the last time.
    #interval = "60s"

    # What must be true of the rows that are written; any number of these, asked in order. Null is not true.
    # on_fail: drop (leave the row out and count it), quarantine_row (leave it out and keep it beside the ledger),
    # quarantine_file (set its file aside) or fail (end the run).
    #[[expect]]
    #name = "amounts are not negative"
    #sql = "amount >= 0"
    #on_fail = "drop"
    "##);
}

#[test]
fn a_variable_wins_over_the_file_and_a_flag_over_the_variable() {
    let sandbox = sandbox();
    sandbox.write(
        "strandline.toml",
        "[run]\nmemory = \"1GiB\"\nthreads = 2\nmax_files = 9\n",
    );
    let mut command = sandbox.command(&["config", "show", "--memory", "3GiB"]);
    command
        .env("STRANDLINE_MEMORY", "2GiB")
        .env("STRANDLINE_THREADS", "5");
    let shown = super::seen(&command.output().unwrap());
    for line in ["memory = \"3GiB\"", "threads = 5", "max_files = 9"] {
        assert!(shown.contains(line), "{shown}");
    }
}

#[test]
fn rows_that_are_lost_with_an_output_are_told_with_the_way_to_give_them_up() {
    let sandbox = loaded();
    std::fs::remove_file(sandbox.path("in/day=1/a.csv")).unwrap();
    say(&sandbox, "run in out --on-delete retain");
    std::fs::remove_file(sandbox.path("out/day=1/u000000.parquet")).unwrap();
    say(&sandbox, "verify out");
    insta::assert_snapshot!(say(&sandbox, "run in out --on-delete retain"), @"
    exit code 1
    -- stderr
    part of the work failed ([TIME]); it is safe to run again
      files    2 unchanged
      units    1 failed of 1
    trouble:
      cannot build unit u000000: cannot carry the rows of day=1/a.csv over: output day=1/u000000.parquet is missing
      hint: bring the output back and run again; `strandline reset TARGET --lost` gives up what only missing or damaged outputs held
    ");
    insta::assert_snapshot!(say(&sandbox, "reset out --lost"), @"
    exit code 0
    -- stdout
    2 files in 1 unit forgotten: the next run loads again what the source still has
    ");
    insta::assert_snapshot!(say(&sandbox, "run in out --on-delete retain"), @"
    exit code 0
    -- stderr
    done in [TIME]
      files    1 added, 1 unchanged
      rows     1 read, 1 written
      bytes    14B read ([RATE]), 1.1KiB written
      outputs  1 written, 1 removed
    ");
}
