//! `--help`: what, when, default and an example.

use super::{beside_run, help, of_hints, own};

#[test]
fn long_help_of_the_program() {
    insta::assert_snapshot!(help("--help"), @r#"
    exit code 0
    -- stdout
    Keep Parquet partitions equal to a full reload of a pile of files

    strandline finds what changed in a directory since last time and brings exactly that into a set of
    Parquet files, so that they hold what a full reload would have produced.

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
      -h, --help
              Print help (see a summary with '-h')

      -V, --version
              Print version

    General:
      -c, --config <FILE>
              Read settings from FILE

              Default: ./strandline.toml, where it is there and no SOURCE and no TARGET is given.
              Relative paths in the file are relative to the file. Example: -c
              /etc/strandline/orders.toml

          --ca-file <FILE>
              Trust the certificates in FILE when an object store is asked

              For a store whose certificate is signed by a CA of one's own: FILE holds that CA's
              certificate, or several, in PEM form. They are trusted beside those of the system.
              Example: --ca-file /etc/ssl/our-ca.pem

          --json
              Write results to stdout as one JSON document

              The document has a version and may only grow. Default: text for people.

      -q, --quiet
              Say nothing but errors

              Results that were asked for still go to stdout.

      -v, --verbose
              Leave nothing out of lists

              Without it, long lists of changes and troubles end in "… and N more".

          --progress <WHEN>
              Show how far a run is

              Default: auto, which shows it where stderr is a terminal.

              Possible values:
              - auto:   Where people can see it
              - always: Always
              - never:  Never

    Example:
      strandline run ./in ./out       load ./in into ./out; do it again and only changes are worked on
      strandline status ./out         see how things stand

    Exit codes:
      0 done, also with nothing to do      4 another run holds the pipeline
      1 failed, safe to run again          5 stopped by the removal brake
      2 wrong usage or settings            130, 143 interrupted, safe to run again
      3 done, some inputs quarantined
    "#);
}

#[test]
fn long_help_of_run() {
    insta::assert_snapshot!(own("run --help"), @r#"
    exit code 0
    -- stdout
    Bring what changed in SOURCE into TARGET

    One pass: list SOURCE, work out what changed since the last run, rebuild what that concerns, publish
    it. Safe to kill at any moment and to run again. Example: strandline run ./in ./out

    Usage: strandline run [OPTIONS] [SOURCE] [TARGET]

    Arguments:
      [SOURCE]
              Directory or URL (s3://, gs://, az://, file://) that holds the files

              Access to an object store comes from the environment, by the names that its own tools
              have: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION,
              AWS_ENDPOINT_URL (with AWS_ALLOW_HTTP=true where that is no https://), AWS_PROFILE with
              the profiles of the AWS CLI in ~/.aws, GOOGLE_SERVICE_ACCOUNT, AZURE_STORAGE_ACCOUNT_NAME,
              AZURE_STORAGE_ACCOUNT_KEY and so on. Example: s3://bucket/raw

      [TARGET]
              Directory or URL (s3://, gs://, az://, file://) for the Parquet files

              Access to an object store comes from the environment, as for SOURCE. Example:
              s3://bucket/lake

    Inputs:
          --format <FORMAT>
              Read files as this format

              Default: auto, which goes by the extension of each file and leaves unknown ones out.

              [possible values: auto, csv, tsv, ndjson, json, parquet, arrow, avro, text, regex, fixed,
              excel]

          --include <GLOB>
              Take only files that match GLOB; may be repeated

              `*` stays within a name, `**` crosses directories, {a,b} is either. A pattern without "/"
              is about names at any depth. {name} alone captures a directory or a name as a partition.
              Default: every file of a known format. Example: --include '{dt}/{hour}/*.csv'

          --exclude <GLOB>
              Leave out files and directories that match GLOB; may be repeated

              Wins over --include. Example: --exclude 'archive/'

          --hidden[=<BOOL>]
              Also take names that begin with "." or "_"

              Names of unfinished files (*.tmp, *.part, …) are still left out unless an --include spells
              them out.

          --follow-symlinks[=<BOOL>]
              Follow symbolic links

              What a link leads to counts as if it stood in its place. Default: links are skipped.

          --settle <DUR>
              Leave a file for the next run until nobody has written to it for DUR

              Set it to 0 where files appear whole, for example by a rename. Default: [TIME], or 0 for an
              object store, where they always do. Example: --settle [TIME]

          --sheet <NAME>
              Read the sheet NAME of Excel workbooks

              Default: the first. A workbook without such a sheet is set aside. Example: --sheet 'Q1
              2026'

    CSV and TSV:
          --delimiter <CHAR>
              Take CHAR for what separates the fields of a CSV file

              One ASCII character; a tab is \t or tab. Default: auto, which takes, file by file,
              whichever of , ; tab and | splits the first row into most fields (in this order where
              several do, a comma where none does). TSV is always tabs. Example: --delimiter ';'

          --quote <CHAR>
              Take CHAR for what encloses fields

              Within a field it stands doubled. none means that no character does. Default: ". Example:
              --quote none

          --escape <CHAR>
              Take CHAR for what makes the next character plain text

              In quotes and outside, it goes before a delimiter, quote, comment character, line end or
              itself. Before anything else, CHAR stands for itself. Default: none. Example: --escape '\'

          --comment <CHAR>
              Skip lines that begin with CHAR

              Elsewhere in a line, CHAR is text. Default: none. Example: --comment '#'

          --header <BOOL>
              Say whether the first row names the columns

              Default: true. Without a header the columns are called `column_1`, `column_2`, …, or what
              --columns says.

          --columns <COL[,COL]>
              Name the columns, all of them

              Wins over the names of a header. Example: --header false --columns id,name

          --skip-lines <N>
              Skip the first N lines of each file

              Whatever is in them: quotes have no meaning there. Default: 0.

          --null <TEXT>
              Take TEXT for null, besides the empty field; may be repeated

              In quotes or not. Default: none. Example: --null NA --null '\N'

          --trailing-delimiter[=<BOOL>]
              Take the delimiter at the end of a line for no field

              Default: what comes behind it is an empty field. With it, an empty last field is left out
              of the header and, where there is one more than columns, of a row.

          --encoding <ENCODING>
              Read bytes as this encoding

              Default: auto, which is UTF-16 where a byte order mark says so, else UTF-8. A file whose
              bytes are not valid is set aside.

              [possible values: auto, utf-8, utf-16, latin1, windows-1252]

          --decimal-comma[=<BOOL>]
              Take 1,5 for a number and 1.5 for text

              A comma is then detected as the delimiter only in a header without ; tab and |. Numbers
              with separators of thousands stay text.

    Lines of text:
          --pattern <REGEX>
              Cut lines by REGEX, with --format regex

              It must match the whole line, and its named groups, `(?<name>…)`, are the columns. Or one
              of the words combined, common (access logs of Apache and Nginx) and syslog (RFC 5424 and
              RFC 3164). Values get types as those of CSV do; --null, --comment, --skip-lines,
              --encoding and --decimal-comma count as well. Example: --pattern combined

          --unmatched <POLICY>
              Say what becomes of a line that the pattern does not match

              Default: refuse, which sets the file aside and tells the line. skip leaves such lines out.

              [possible values: refuse, skip]

          --widths <NAME:N[,NAME:N]>
              Cut lines at these widths, with --format fixed

              In characters, from left to right; blanks around a value do not count. NAME:* is the rest
              of the line, and :N are characters that nobody wants. Example: --widths
              id:8,name:20,:2,note:*

    Schema:
          --schema-policy <POLICY>
              Choose what becomes of what is not as declared

              evolve lets other columns in, with the types of their values, and sets a file aside whose
              values do not fit a declared column (default). strict sets files with other columns aside
              as well. rescue puts both, as JSON, into the column _rescued. strict and rescue need
              declared columns.

              [possible values: evolve, strict, rescue]

          --schema-compatibility <RULE>
              Refuse to declare columns anew in a way that breaks readers

              backward: who reads by the new columns can read what the old ones wrote. forward: the
              other way round. full: both. Default: none.

              [possible values: none, backward, forward, full]

          --schema-column <NAME=TYPE>
              Declare a column; may be repeated, in the order of the columns

              TYPE is int8 to int64, uint8 to uint64, float32, float64, decimal(p,s), bool, date,
              timestamp, `timestamp_utc`, utf8, binary, or `{ type = "date", nullable = false, default =
              "…", format = "%d.%m.%Y", time_zone = "Europe/Berlin" }`. Example: --schema-column
              'amount=decimal(10,2)'

    SQL:
          --select <SQL>
              Write these columns

              What would stand between SELECT and FROM: columns, expressions with names, *, * EXCEPT (a,
              b). Each row is taken by itself, so there are no aggregates, joins or windows. Names are
              written as in the files; _path, _row, _hash and _mtime tell where a row comes from, and
              unnest(list) makes a row of each item. Default: all columns as they are. Example: --select
              '*, upper(country) AS region'

          --where <SQL>
              Take only rows for which this is true

              What would stand behind WHERE, over the columns of the files. Default: all rows. Example:
              --where "amount > 0 AND country IS NOT NULL"

    Outputs:
          --partition-by <COL[,COL]>
              Make directories COL=value/ from the values of these columns

              They come after partitions that the paths of source files bring. Example: --partition-by
              country,day

          --sort-by <COL[ DESC][,COL]>
              Sort rows by these columns

              The rows that a unit has in a partition are sorted as a whole, so that readers skip what
              they do not want. Ties stay in the order of the files and their rows; nulls come last in
              either direction. Lists, structs and maps order nothing. Default: rows stay in the order
              of the files. Example: --sort-by 'day,amount DESC'

          --target-file-size <SIZE>
              Split an output that grows beyond SIZE

              Default: 256MiB. Example: --target-file-size 64MiB

          --row-group-rows <N>
              Put at most N rows into a row group

              From 1024 to 16777216; a row group also ends with a megabyte of rows for each column
              (16MiB to 64MiB), or half of that where rows are of several partitions. Default: 1048576.
              Example: --row-group-rows 100000

          --page-size <SIZE>
              End a page at SIZE, before compression

              From 4KiB to 64MiB; a page also ends at 20000 rows. Small pages let readers skip more.
              Default: 1MiB. Example: --page-size 64KiB

          --compression <CODEC>
              Compress pages by this codec

              zstd, zstd:LEVEL (1 to 19), snappy, lz4, gzip or none. Default: zstd, which is zstd:3.
              Example: --compression zstd:9

          --encodings <WHICH>
              Choose how columns are encoded

              Default: auto, which takes what is best for each column, deltas among them. plain leaves
              it at values and dictionaries, which the oldest readers know.

              [possible values: auto, plain]

          --bloom-filter <COL[,COL]>
              Write bloom filters for these columns

              A reader that looks for a value learns from them which row groups do not have it. They pay
              for values that are looked for one by one and hardly repeat. Default: none. Example:
              --bloom-filter customer,session

          --schema-metadata[=<BOOL>]
              Keep what files say about themselves and their columns

              Parquet, Arrow and Avro files may hold comments and other texts under keys. An output says
              what those of its files agree about that have the key. Default: outputs tell of columns
              and their types only.

    State:
          --state <DIR>
              Keep the ledger in DIR

              A directory or URL, as TARGET. Default: TARGET/_strandline. Name the same DIR in every
              command about this target.

    Behaviour:
          --allow-removals[=<BOOL>]
              Go on however many files have vanished

              Without it, a run stops before it removes anything if more than half of the files, and
              more than 100, are gone: that is more often a missing mount than a wish.

          --on-delete <WHAT>
              Choose what becomes of the rows of a vanished file

              remove takes them out (default). retain keeps them: for a landing zone that somebody
              purges.

              [possible values: remove, retain]

          --on-modify <WHAT>
              Choose what becomes of the rows of a changed file

              replace brings in the new content (default), ignore keeps what was loaded first, fail
              stops the run.

              [possible values: replace, ignore, fail]

          --same-content <WHAT>
              Choose what the same bytes under two names mean

              load takes both (default), warn takes both and says so, skip takes only the first name in
              path order.

              [possible values: load, warn, skip]

          --dry-run
              Show what would be done, as `plan` does, and change nothing

              Everything is listed then, and no hints are taken.

    Resources:
          --threads <N>
              Work with N threads

              At most 1024. Default: as many as there are processors.

          --memory <SIZE>
              Keep the rows in flight below SIZE, over all threads

              Default: 512MiB.

          --max-files <N>
              Take at most N new and changed files; the next run takes the rest

              A changed file whose unit is built for another reason is taken beyond that. Default: any
              number.

          --max-bytes <SIZE>
              Take at most SIZE of new and changed files; the next run takes the rest

              A changed file whose unit is built for another reason is taken beyond that. Default: any
              size. Example: --max-bytes 10GiB

          --lease <DUR>
              Let another run take over after DUR of silence

              Only for a ledger in an object store: a run renews its lock there four times in this time,
              and loses it if it cannot. After a killed run, the next one has to wait for so long.
              Default: [TIME]; at least 3s. Example: --lease [TIME]

          --max-requests <N>
              Take no more work once object stores were asked N times

              Listings and retries count, and no more new and changed files are taken than there are
              requests left. What is begun is finished, and recorded, with as many as that takes. Ends
              with exit code 0 and the status partial where something is left for the next run. Default:
              any number.

          --max-duration <DUR>
              Take no more work after DUR

              What is begun is finished, and recorded. Ends with exit code 0 and the status partial
              where something is left for the next run. Where a source cannot be listed in that time,
              nothing is taken up, and that is told. Default: any time. Example: --max-duration [TIME]

          --until-complete[=<BOOL>]
              Run again until nothing is left for the next run

              With --max-files or --max-bytes: one pass after the other, each recorded as a run of its
              own, and each with a listing of its own. --max-duration and --max-requests are for all of
              them together. Ends as the last pass does: when nothing is left, when one fails, or when
              one gets no further. Default: false.

          --requests-per-second <N>
              Ask an object store at most N times a second

              Retries count. Up to a second's worth may come at once. Default: any number.

          --bytes-per-second <SIZE>
              Exchange at most SIZE a second with an object store

              In both directions together; at least 64KiB. Default: any size. Example:
              --bytes-per-second 50MiB

          --store-concurrency <N>
              Let at most N requests to an object store be under way at once

              At most 1024. Default: as many as the threads ask for.

    Hints:
          --events <URL>
              Take hints of what changed from URL, instead of listing SOURCE each time

              For a SOURCE in an object store. sqs://HOST/ACCOUNT/QUEUE is a queue of SQS that gets the
              notifications of S3: from S3 itself, by SNS or by EventBridge. It is the queue's URL with
              sqs:// for https:// (sqs+http:// for http://, with AWS_ALLOW_HTTP=true).
              http://IP:PORT/PATH is an address at which `watch` listens for what S3 (by SNS), Google
              Cloud Storage (by Pub/Sub), Azure (by Event Grid), MinIO or SeaweedFS post; where other
              machines reach it, who posts has to say what STRANDLINE_EVENTS_TOKEN holds. A hint is only
              a reason to look: every file is looked at in SOURCE. Default: none. Example: --events
              sqs://sqs.eu-central-1.amazonaws.com/123456789012/raw

          --listing-every <DUR>
              With --events: list everything all the same, each DUR

              Hints get lost now and then, and a listing finds what they did not tell. Default: 6h.
              Example: --listing-every [TIME]

    Every option can also be set in strandline.toml (`strandline init` writes one) or as a variable such
    as STRANDLINE_FORMAT. A flag wins over a variable, a variable over the file. ./strandline.toml is
    read where no SOURCE and no TARGET is given.
    "#);
}

#[test]
fn long_help_of_watch() {
    insta::assert_snapshot!(of_hints("watch --help"), @r#"
Hints:
      --events <URL>
          Take hints of what changed from URL, instead of listing SOURCE each time

          For a SOURCE in an object store. sqs://HOST/ACCOUNT/QUEUE is a queue of SQS that gets the
          notifications of S3: from S3 itself, by SNS or by EventBridge. It is the queue's URL with
          sqs:// for https:// (sqs+http:// for http://, with AWS_ALLOW_HTTP=true).
          http://IP:PORT/PATH is an address at which `watch` listens for what S3 (by SNS), Google
          Cloud Storage (by Pub/Sub), Azure (by Event Grid), MinIO or SeaweedFS post; where other
          machines reach it, who posts has to say what STRANDLINE_EVENTS_TOKEN holds. A hint is only
          a reason to look: every file is looked at in SOURCE. Default: none. Example: --events
          sqs://sqs.eu-central-1.amazonaws.com/123456789012/raw

      --listing-every <DUR>
          With --events: list everything all the same, each DUR

          Hints get lost now and then, and a listing finds what they did not tell. Default: 6h.
          Example: --listing-every [TIME]

      --interval <DUR>
          Make the next pass DUR after the last, where no hints come

          Also where a pass has left something that is not settled, or could not be read. Default:
          60s. Example: --interval [TIME]
    "#);
}

#[test]
fn long_help_of_plan() {
    insta::assert_snapshot!(beside_run("plan --help"), @r#"
    exit code 0
    -- stdout
    Show what a run would do, and why

    Reads what a run would read to decide, and changes nothing. Example: strandline plan ./in ./out

    Usage: strandline plan [OPTIONS] [SOURCE] [TARGET]

    Arguments:
      [SOURCE]
              Directory or URL (s3://, gs://, az://, file://) that holds the files

              Access to an object store comes from the environment, by the names that its own tools
              have: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION,
              AWS_ENDPOINT_URL (with AWS_ALLOW_HTTP=true where that is no https://), AWS_PROFILE with
              the profiles of the AWS CLI in ~/.aws, GOOGLE_SERVICE_ACCOUNT, AZURE_STORAGE_ACCOUNT_NAME,
              AZURE_STORAGE_ACCOUNT_KEY and so on. Example: s3://bucket/raw

      [TARGET]
              Directory or URL (s3://, gs://, az://, file://) for the Parquet files

              Access to an object store comes from the environment, as for SOURCE. Example:
              s3://bucket/lake

    CSV and TSV:
          --delimiter <CHAR>
              Take CHAR for what separates the fields of a CSV file

              One ASCII character; a tab is \t or tab. Default: auto, which takes, file by file,
              whichever of , ; tab and | splits the first row into most fields (in this order where
              several do, a comma where none does). TSV is always tabs. Example: --delimiter ';'

          --quote <CHAR>
              Take CHAR for what encloses fields

              Within a field it stands doubled. none means that no character does. Default: ". Example:
              --quote none

          --escape <CHAR>
              Take CHAR for what makes the next character plain text

              In quotes and outside, it goes before a delimiter, quote, comment character, line end or
              itself. Before anything else, CHAR stands for itself. Default: none. Example: --escape '\'

          --comment <CHAR>
              Skip lines that begin with CHAR

              Elsewhere in a line, CHAR is text. Default: none. Example: --comment '#'

          --header <BOOL>
              Say whether the first row names the columns

              Default: true. Without a header the columns are called `column_1`, `column_2`, …, or what
              --columns says.

          --columns <COL[,COL]>
              Name the columns, all of them

              Wins over the names of a header. Example: --header false --columns id,name

          --skip-lines <N>
              Skip the first N lines of each file

              Whatever is in them: quotes have no meaning there. Default: 0.

          --null <TEXT>
              Take TEXT for null, besides the empty field; may be repeated

              In quotes or not. Default: none. Example: --null NA --null '\N'

          --trailing-delimiter[=<BOOL>]
              Take the delimiter at the end of a line for no field

              Default: what comes behind it is an empty field. With it, an empty last field is left out
              of the header and, where there is one more than columns, of a row.

          --encoding <ENCODING>
              Read bytes as this encoding

              Default: auto, which is UTF-16 where a byte order mark says so, else UTF-8. A file whose
              bytes are not valid is set aside.

              [possible values: auto, utf-8, utf-16, latin1, windows-1252]

          --decimal-comma[=<BOOL>]
              Take 1,5 for a number and 1.5 for text

              A comma is then detected as the delimiter only in a header without ; tab and |. Numbers
              with separators of thousands stay text.

    Lines of text:
          --pattern <REGEX>
              Cut lines by REGEX, with --format regex

              It must match the whole line, and its named groups, `(?<name>…)`, are the columns. Or one
              of the words combined, common (access logs of Apache and Nginx) and syslog (RFC 5424 and
              RFC 3164). Values get types as those of CSV do; --null, --comment, --skip-lines,
              --encoding and --decimal-comma count as well. Example: --pattern combined

          --unmatched <POLICY>
              Say what becomes of a line that the pattern does not match

              Default: refuse, which sets the file aside and tells the line. skip leaves such lines out.

              [possible values: refuse, skip]

          --widths <NAME:N[,NAME:N]>
              Cut lines at these widths, with --format fixed

              In characters, from left to right; blanks around a value do not count. NAME:* is the rest
              of the line, and :N are characters that nobody wants. Example: --widths
              id:8,name:20,:2,note:*

    Every option can also be set in strandline.toml (`strandline init` writes one) or as a variable such
    as STRANDLINE_FORMAT. A flag wins over a variable, a variable over the file. ./strandline.toml is
    read where no SOURCE and no TARGET is given.
    "#);
}

#[test]
fn long_help_of_status() {
    insta::assert_snapshot!(own("status --help"), @"
    exit code 0
    -- stdout
    Show how a pipeline stands

    Asks the ledger, also while a run is going on. Example: strandline status ./out

    Usage: strandline status [OPTIONS] [TARGET]

    Arguments:
      [TARGET]
              The target

              Default: the one of the settings file.

    State:
          --state <DIR>
              Keep the ledger in DIR

              A directory or URL, as TARGET. Default: TARGET/_strandline. Name the same DIR in every
              command about this target.
    ");
}

#[test]
fn long_help_of_history() {
    insta::assert_snapshot!(own("history --help"), @"
    exit code 0
    -- stdout
    List past runs, the latest first

    Example: strandline history ./out -n 50

    Usage: strandline history [OPTIONS] [TARGET]

    Arguments:
      [TARGET]
              The target

              Default: the one of the settings file.

    State:
          --state <DIR>
              Keep the ledger in DIR

              A directory or URL, as TARGET. Default: TARGET/_strandline. Name the same DIR in every
              command about this target.

    Selection:
      -n, --limit <N>
              Show the latest N runs

              Default: 20.
    ");
}

#[test]
fn long_help_of_files() {
    insta::assert_snapshot!(own("files --help"), @"
    exit code 0
    -- stdout
    List the recorded source files

    Example: strandline files ./out --standing quarantined

    Usage: strandline files [OPTIONS] [TARGET]

    Arguments:
      [TARGET]
              The target

              Default: the one of the settings file.

    State:
          --state <DIR>
              Keep the ledger in DIR

              A directory or URL, as TARGET. Default: TARGET/_strandline. Name the same DIR in every
              command about this target.

    Selection:
          --standing <STANDING>
              Show only files that stand like this; may be repeated

              pending: planned, not built yet. loaded: its rows are in the outputs. quarantined: cannot
              be decoded. outlived: cannot be decoded any more, rows of an earlier version are in the
              outputs. retained: gone, rows kept. frozen: changed or archived, rows that were loaded
              kept. duplicate: same bytes as an earlier name, not loaded.
    ");
}

#[test]
fn long_help_of_explain() {
    insta::assert_snapshot!(own("explain --help"), @"
    exit code 0
    -- stdout
    Explain what became of one source file

    Tells the last decision about it with its reason, its record, its unit and the outputs of that.
    Example: strandline explain 2026/01/orders.csv ./out

    Usage: strandline explain [OPTIONS] <PATH> [TARGET]

    Arguments:
      <PATH>
              The source file, relative to the source

      [TARGET]
              The target

              Default: the one of the settings file.

    State:
          --state <DIR>
              Keep the ledger in DIR

              A directory or URL, as TARGET. Default: TARGET/_strandline. Name the same DIR in every
              command about this target.
    ");
}

#[test]
fn long_help_of_verify() {
    insta::assert_snapshot!(own("verify --help"), @r#"
    exit code 0
    -- stdout
    Check outputs against the ledger

    Looks whether every output is there with its size, with --deep also whether its bytes are the
    recorded ones. Where SOURCE is known (--source or a settings file), its files are compared with the
    ledger too. What does not match its record is built again by the next run. Example: strandline
    verify ./out --deep

    Usage: strandline verify [OPTIONS] [TARGET]

    Arguments:
      [TARGET]
              The target

              Default: the one of the settings file.

    State:
          --state <DIR>
              Keep the ledger in DIR

              A directory or URL, as TARGET. Default: TARGET/_strandline. Name the same DIR in every
              command about this target.

    Depth:
          --deep
              Read every output and compare its hash

          --source <SOURCE>
              Compare the files of SOURCE with the ledger, too

              Default: the one of the settings file, else none.

    Inputs:
          --format <FORMAT>
              Read files as this format

              Default: auto, which goes by the extension of each file and leaves unknown ones out.

              [possible values: auto, csv, tsv, ndjson, json, parquet, arrow, avro, text, regex, fixed,
              excel]

          --include <GLOB>
              Take only files that match GLOB; may be repeated

              `*` stays within a name, `**` crosses directories, {a,b} is either. A pattern without "/"
              is about names at any depth. {name} alone captures a directory or a name as a partition.
              Default: every file of a known format. Example: --include '{dt}/{hour}/*.csv'

          --exclude <GLOB>
              Leave out files and directories that match GLOB; may be repeated

              Wins over --include. Example: --exclude 'archive/'

          --hidden[=<BOOL>]
              Also take names that begin with "." or "_"

              Names of unfinished files (*.tmp, *.part, …) are still left out unless an --include spells
              them out.

          --follow-symlinks[=<BOOL>]
              Follow symbolic links

              What a link leads to counts as if it stood in its place. Default: links are skipped.

          --settle <DUR>
              Leave a file for the next run until nobody has written to it for DUR

              Set it to 0 where files appear whole, for example by a rename. Default: [TIME], or 0 for an
              object store, where they always do. Example: --settle [TIME]

          --sheet <NAME>
              Read the sheet NAME of Excel workbooks

              Default: the first. A workbook without such a sheet is set aside. Example: --sheet 'Q1
              2026'
    "#);
}

#[test]
fn long_help_of_doctor() {
    insta::assert_snapshot!(own("doctor --help"), @"
    exit code 0
    -- stdout
    Tell what works in an object store

    Tries out reach, credentials, list, read, write, writes that depend on what is there (also with
    several writers at once), listing and reading behind a write, parts, the clock and delete, and tells
    what that means for what strandline promises. What it writes lies below URL/_strandline/doctor and
    is deleted at the end. Code 0: the store can be used as a source and as a target; 1: something that
    is needed fails. Example: `strandline doctor s3://bucket/lake`

    Usage: strandline doctor [OPTIONS] <URL>

    Arguments:
      <URL>
              URL (s3://, gs://, az://) of the prefix to look at

              Access comes from the environment, as for a run (`strandline run --help`, under SOURCE).

    Depth:
          --read-only
              Write nothing, and look at what a source needs only

              Default: what a target needs is tried, too. Code 0 then means that the store can be used
              as a source.
    ");
}

#[test]
fn long_help_of_reset() {
    insta::assert_snapshot!(own("reset --help"), @"
    exit code 0
    -- stdout
    Mark files for reprocessing by the next run

    The outputs stay until the next run replaces them. Example: strandline reset ./out --path
    'day=2026-01-*/**'

    Usage: strandline reset [OPTIONS] <--path <GLOB>|--since <T>|--all|--lost> [TARGET]

    Arguments:
      [TARGET]
              The target

              Default: the one of the settings file.

    State:
          --state <DIR>
              Keep the ledger in DIR

              A directory or URL, as TARGET. Default: TARGET/_strandline. Name the same DIR in every
              command about this target.

    Selection:
          --path <GLOB>
              Only files whose paths match GLOB

          --since <T>
              Only files modified at T or later

              T is a date or an instant, in UTC where it has no zone. Example: --since 2026-01-31T10:00Z

          --until <T>
              Only files modified before T

          --all
              Every file

          --lost
              Forget files whose rows stood in a missing or damaged output

              The next run loads those again that are in the source. Rows that it cannot give again (of
              retained or frozen files, or of files that have become undecodable) are given up: without
              this, their unit fails until the output is back.
    ");
}

#[test]
fn long_help_of_recover() {
    insta::assert_snapshot!(own("recover --help"), @"
    exit code 0
    -- stdout
    Rebuild a lost ledger from the outputs

    Reads the footers of the outputs, which tell what they were made of. Example: strandline recover
    ./out

    Usage: strandline recover [OPTIONS] [TARGET]

    Arguments:
      [TARGET]
              The target

              Default: the one of the settings file.

    State:
          --state <DIR>
              Keep the ledger in DIR

              A directory or URL, as TARGET. Default: TARGET/_strandline. Name the same DIR in every
              command about this target.
    ");
}

#[test]
fn long_help_of_quarantine() {
    insta::assert_snapshot!(own("quarantine --help"), @"
    exit code 0
    -- stdout
    List or retry the files that were set aside

    A file that cannot be decoded is set aside with its reason and tried again when its bytes change.

    Usage: strandline quarantine [OPTIONS] <COMMAND>

    Commands:
      list   List the files that were set aside, with their reasons
      retry  Try files again in the next run although their bytes are the same
      help   Print this message or the help of the given subcommand(s)
    ");
}

#[test]
fn long_help_of_quarantine_list() {
    insta::assert_snapshot!(own("quarantine list --help"), @"
    exit code 0
    -- stdout
    List the files that were set aside, with their reasons

    Example: strandline quarantine list ./out

    Usage: strandline quarantine list [OPTIONS] [TARGET]

    Arguments:
      [TARGET]
              The target

              Default: the one of the settings file.

    State:
          --state <DIR>
              Keep the ledger in DIR

              A directory or URL, as TARGET. Default: TARGET/_strandline. Name the same DIR in every
              command about this target.
    ");
}

#[test]
fn long_help_of_quarantine_retry() {
    insta::assert_snapshot!(own("quarantine retry --help"), @"
    exit code 0
    -- stdout
    Try files again in the next run although their bytes are the same

    Example: strandline quarantine retry ./out --path 'day=2026-01-*/**'

    Usage: strandline quarantine retry [OPTIONS] [TARGET]

    Arguments:
      [TARGET]
              The target

              Default: the one of the settings file.

    State:
          --state <DIR>
              Keep the ledger in DIR

              A directory or URL, as TARGET. Default: TARGET/_strandline. Name the same DIR in every
              command about this target.

    Selection:
          --path <GLOB>
              Only files whose paths match GLOB

              Default: all that were set aside.
    ");
}

#[test]
fn long_help_of_init() {
    insta::assert_snapshot!(own("init --help"), @"
    exit code 0
    -- stdout
    Write a commented strandline.toml

    Refuses to overwrite a file. Example: strandline init ./in ./out

    Usage: strandline init [OPTIONS] [SOURCE] [TARGET]

    Arguments:
      [SOURCE]
              The source to write into it

      [TARGET]
              The target to write into it
    ");
}

#[test]
fn long_help_of_config() {
    insta::assert_snapshot!(own("config --help"), @"
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
fn long_help_of_config_show() {
    insta::assert_snapshot!(beside_run("config show --help"), @r#"
    exit code 0
    -- stdout
    Show every setting with its value and where that comes from

    Takes the same arguments as `run`. Example: strandline config show -c strandline.toml

    Usage: strandline config show [OPTIONS] [SOURCE] [TARGET]

    Arguments:
      [SOURCE]
              Directory or URL (s3://, gs://, az://, file://) that holds the files

              Access to an object store comes from the environment, by the names that its own tools
              have: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION,
              AWS_ENDPOINT_URL (with AWS_ALLOW_HTTP=true where that is no https://), AWS_PROFILE with
              the profiles of the AWS CLI in ~/.aws, GOOGLE_SERVICE_ACCOUNT, AZURE_STORAGE_ACCOUNT_NAME,
              AZURE_STORAGE_ACCOUNT_KEY and so on. Example: s3://bucket/raw

      [TARGET]
              Directory or URL (s3://, gs://, az://, file://) for the Parquet files

              Access to an object store comes from the environment, as for SOURCE. Example:
              s3://bucket/lake

    CSV and TSV:
          --delimiter <CHAR>
              Take CHAR for what separates the fields of a CSV file

              One ASCII character; a tab is \t or tab. Default: auto, which takes, file by file,
              whichever of , ; tab and | splits the first row into most fields (in this order where
              several do, a comma where none does). TSV is always tabs. Example: --delimiter ';'

          --quote <CHAR>
              Take CHAR for what encloses fields

              Within a field it stands doubled. none means that no character does. Default: ". Example:
              --quote none

          --escape <CHAR>
              Take CHAR for what makes the next character plain text

              In quotes and outside, it goes before a delimiter, quote, comment character, line end or
              itself. Before anything else, CHAR stands for itself. Default: none. Example: --escape '\'

          --comment <CHAR>
              Skip lines that begin with CHAR

              Elsewhere in a line, CHAR is text. Default: none. Example: --comment '#'

          --header <BOOL>
              Say whether the first row names the columns

              Default: true. Without a header the columns are called `column_1`, `column_2`, …, or what
              --columns says.

          --columns <COL[,COL]>
              Name the columns, all of them

              Wins over the names of a header. Example: --header false --columns id,name

          --skip-lines <N>
              Skip the first N lines of each file

              Whatever is in them: quotes have no meaning there. Default: 0.

          --null <TEXT>
              Take TEXT for null, besides the empty field; may be repeated

              In quotes or not. Default: none. Example: --null NA --null '\N'

          --trailing-delimiter[=<BOOL>]
              Take the delimiter at the end of a line for no field

              Default: what comes behind it is an empty field. With it, an empty last field is left out
              of the header and, where there is one more than columns, of a row.

          --encoding <ENCODING>
              Read bytes as this encoding

              Default: auto, which is UTF-16 where a byte order mark says so, else UTF-8. A file whose
              bytes are not valid is set aside.

              [possible values: auto, utf-8, utf-16, latin1, windows-1252]

          --decimal-comma[=<BOOL>]
              Take 1,5 for a number and 1.5 for text

              A comma is then detected as the delimiter only in a header without ; tab and |. Numbers
              with separators of thousands stay text.

    Lines of text:
          --pattern <REGEX>
              Cut lines by REGEX, with --format regex

              It must match the whole line, and its named groups, `(?<name>…)`, are the columns. Or one
              of the words combined, common (access logs of Apache and Nginx) and syslog (RFC 5424 and
              RFC 3164). Values get types as those of CSV do; --null, --comment, --skip-lines,
              --encoding and --decimal-comma count as well. Example: --pattern combined

          --unmatched <POLICY>
              Say what becomes of a line that the pattern does not match

              Default: refuse, which sets the file aside and tells the line. skip leaves such lines out.

              [possible values: refuse, skip]

          --widths <NAME:N[,NAME:N]>
              Cut lines at these widths, with --format fixed

              In characters, from left to right; blanks around a value do not count. NAME:* is the rest
              of the line, and :N are characters that nobody wants. Example: --widths
              id:8,name:20,:2,note:*

    Every option can also be set in strandline.toml (`strandline init` writes one) or as a variable such
    as STRANDLINE_FORMAT. A flag wins over a variable, a variable over the file. ./strandline.toml is
    read where no SOURCE and no TARGET is given.
    "#);
}

#[test]
fn long_help_of_completions() {
    insta::assert_snapshot!(own("completions --help"), @"
    exit code 0
    -- stdout
    Write completions for a shell to stdout

    Example: strandline completions bash > ~/.local/share/bash-completion/completions/strandline

    Usage: strandline completions [OPTIONS] <SHELL>

    Arguments:
      <SHELL>
              The shell

              [possible values: bash, elvish, fish, powershell, zsh]
    ");
}

#[test]
fn long_help_of_schema() {
    insta::assert_snapshot!(own("schema --help"), @"
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
fn long_help_of_schema_show() {
    insta::assert_snapshot!(own("schema show --help"), @"
    exit code 0
    -- stdout
    Show the columns with their types, and since which version they have them

    Example: strandline schema show ./out --toml >> strandline.toml

    Usage: strandline schema show [OPTIONS] [TARGET]

    Arguments:
      [TARGET]
              The target

              Default: the one of the settings file.

    State:
          --state <DIR>
              Keep the ledger in DIR

              A directory or URL, as TARGET. Default: TARGET/_strandline. Name the same DIR in every
              command about this target.

    Form:
          --toml
              Write them as [schema.columns] for strandline.toml
    ");
}

#[test]
fn long_help_of_schema_history() {
    insta::assert_snapshot!(own("schema history --help"), @"
    exit code 0
    -- stdout
    List the versions of the columns, the latest first, with what caused them

    Example: strandline schema history ./out

    Usage: strandline schema history [OPTIONS] [TARGET]

    Arguments:
      [TARGET]
              The target

              Default: the one of the settings file.

    State:
          --state <DIR>
              Keep the ledger in DIR

              A directory or URL, as TARGET. Default: TARGET/_strandline. Name the same DIR in every
              command about this target.
    ");
}

#[test]
fn long_help_of_schema_diff() {
    insta::assert_snapshot!(own("schema diff --help"), @"
    exit code 0
    -- stdout
    Show what is different between two versions

    Example: strandline schema diff ./out --from 1 --to 3

    Usage: strandline schema diff [OPTIONS] [TARGET]

    Arguments:
      [TARGET]
              The target

              Default: the one of the settings file.

    State:
          --state <DIR>
              Keep the ledger in DIR

              A directory or URL, as TARGET. Default: TARGET/_strandline. Name the same DIR in every
              command about this target.

    Selection:
          --from <N>
              The older version

              Default: the one before the newer.

          --to <N>
              The newer version

              Default: the latest.
    ");
}

#[test]
fn long_help_of_schema_check() {
    insta::assert_snapshot!(own("schema check --help"), @"
    exit code 0
    -- stdout
    Tell whether a file would fit and what it would change, and touch nothing

    Reads the whole file as a run would: by the settings where -c or no TARGET is given, else as TARGET
    was last run. Ends with 0 where it fits, with 3 where it would be set aside, and with 1 where it
    cannot be read. Example: strandline schema check new.csv ./out

    Usage: strandline schema check [OPTIONS] <FILE> [TARGET]

    Arguments:
      <FILE>
              The file

      [TARGET]
              The target

              Default: the one of the settings file.

    State:
          --state <DIR>
              Keep the ledger in DIR

              A directory or URL, as TARGET. Default: TARGET/_strandline. Name the same DIR in every
              command about this target.
    ");
}
