//! What a careless newcomer types: every wrong command says what is wrong and what to do.

use std::fs;

use super::{sandbox, say};

/// Calls the program in a fresh sandbox, where it must not write anything.
fn refused(line: &str) -> String {
    let sandbox = sandbox();
    let said = say(&sandbox, line);
    assert!(!sandbox.path("out").exists(), "{said}");
    said
}

#[test]
fn without_a_command_the_commands_are_listed() {
    insta::assert_snapshot!(refused(""), @"
    exit code 2
    -- stderr
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
fn an_unknown_command_is_told() {
    insta::assert_snapshot!(refused("rnu in out"), @"
    exit code 2
    -- stderr
    error: unrecognized subcommand 'rnu'

    Usage: strandline [OPTIONS] <COMMAND>

    For more information, try '--help'.
    ");
}

#[test]
fn an_unknown_flag_is_told_with_the_nearest() {
    insta::assert_snapshot!(refused("run in out --exlude x"), @"
    exit code 2
    -- stderr
    error: unexpected argument '--exlude' found

      tip: a similar argument exists: '--exclude'

    Usage: strandline run --exclude <GLOB> <SOURCE> <TARGET>

    For more information, try '--help'.
    ");
}

#[test]
fn a_source_without_a_target_is_not_enough() {
    insta::assert_snapshot!(refused("run in"), @"
    exit code 2
    -- stderr
    error: the following required arguments were not provided:
      <TARGET>

    Usage: strandline run <SOURCE> <TARGET>

    For more information, try '--help'.
    ");
}

#[test]
fn no_source_at_all_names_the_ways_to_give_one() {
    insta::assert_snapshot!(refused("run"), @"
    exit code 2
    -- stderr
    error: no SOURCE is given
      hint: name it (`strandline run SOURCE TARGET`), or set path in [source] of strandline.toml (`strandline init` writes one)
    ");
}

#[test]
fn status_without_a_target_names_the_ways_to_give_one() {
    insta::assert_snapshot!(refused("status"), @"
    exit code 2
    -- stderr
    error: no TARGET is given
      hint: name it (`strandline status TARGET`), or set path in [target] of strandline.toml (`strandline init` writes one)
    ");
}

#[test]
fn a_source_that_is_not_there_is_told() {
    insta::assert_snapshot!(refused("run nowhere out"), @"
    exit code 2
    -- stderr
    error: cannot use nowhere as a source
      caused by: No such file or directory (os error 2)
      hint: SOURCE must be a directory that is there and can be read
    ");
}

#[test]
fn a_source_that_is_a_file_is_told() {
    insta::assert_snapshot!(refused("run in/day=1/a.csv out"), @"
    exit code 2
    -- stderr
    error: cannot use in/day=1/a.csv as a source
      caused by: not a directory
      hint: SOURCE must be a directory that is there and can be read
    ");
}

#[test]
fn a_target_that_is_a_file_is_told() {
    insta::assert_snapshot!(refused("run in in/day=1/a.csv"), @"
    exit code 2
    -- stderr
    error: cannot use in/day=1/a.csv as a target
      caused by: not a directory
      hint: it must be a directory, or not be there yet
    ");
}

#[test]
fn a_target_inside_the_source_is_refused() {
    insta::assert_snapshot!(refused("run in in/out"), @"
    exit code 2
    -- stderr
    error: the target in/out lies in the source in
      hint: keep SOURCE and TARGET apart, for example ./in and ./out
    ");
}

#[test]
fn a_source_inside_the_target_is_refused() {
    insta::assert_snapshot!(refused("run in/day=1 in"), @"
    exit code 2
    -- stderr
    error: the source in/day=1 lies in the target in
      hint: keep SOURCE and TARGET apart, for example ./in and ./out
    ");
}

#[test]
fn source_and_target_in_one_place_are_refused() {
    insta::assert_snapshot!(refused("run in in"), @"
    exit code 2
    -- stderr
    error: the target in is also the source in
      hint: keep SOURCE and TARGET apart, for example ./in and ./out
    ");
}

#[test]
fn a_state_directory_inside_the_source_is_refused() {
    insta::assert_snapshot!(refused("run in out --state in/state"), @"
    exit code 2
    -- stderr
    error: the state directory in/state lies in the source in
      hint: name another directory with --state, or leave it out
    ");
}

#[test]
fn a_target_or_a_ledger_in_a_store_that_access_is_missing_for_is_refused_before_anything_is_asked()
{
    for command in [
        "run in az://box/out",
        "status az://box/out",
        "recover az://box/out",
        "run in out --state az://box/state",
    ] {
        let said = refused(command);
        assert!(said.starts_with("exit code 2\n"), "{said}");
        assert!(said.contains("Account must be specified"), "{said}");
        assert!(said.contains("hint: `strandline run --help`"), "{said}");
    }
}

#[test]
fn places_in_one_bucket_that_overlap_are_refused() {
    insta::assert_snapshot!(refused("run s3://bucket/a s3://bucket/a/b"), @"
    exit code 2
    -- stderr
    error: the target s3://bucket/a/b lies in the source s3://bucket/a
      hint: keep SOURCE and TARGET apart, for example ./in and ./out
    ");
}

#[test]
fn a_lease_that_is_too_short_is_refused() {
    insta::assert_snapshot!(refused("run in out --lease 2s"), @r#"
    exit code 2
    -- stderr
    error: --lease is "[TIME]", which it cannot be
      caused by: it must be at least [TIME]
    "#);
}

#[test]
fn a_url_with_secrets_is_refused_and_not_repeated() {
    insta::assert_snapshot!(refused("run s3://me:pw@bucket/in?token=pw out"), @r#"
    exit code 2
    -- stderr
    error: SOURCE is "s3://bucket/in", which it cannot be
      caused by: s3://bucket/in is written with more than a bucket and a prefix, which may be secret
      hint: keys and tokens belong in the environment (AWS_ACCESS_KEY_ID, GOOGLE_SERVICE_ACCOUNT, AZURE_STORAGE_SAS_TOKEN, …); a ? or # of a key is written %3F or %23
    "#);
}

#[test]
fn an_object_store_that_access_is_missing_for_is_refused_before_anything_is_asked() {
    insta::assert_snapshot!(refused("run az://box/in out"), @r#"
    exit code 2
    -- stderr
    error: cannot use az://box/in
      caused by: Account must be specified
      hint: `strandline run --help` tells, under SOURCE, which variables give access to an object store
    "#);
}

#[test]
fn an_address_without_encryption_is_refused_by_its_name() {
    let sandbox = sandbox();
    let mut command = sandbox.command(&["run", "s3://bucket/in", "out"]);
    command.env("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    insta::assert_snapshot!(String::from_utf8(output.stderr).unwrap(), @"
    error: cannot use s3://bucket/in
      caused by: AWS_ENDPOINT_URL is no https:// address, and AWS_ALLOW_HTTP is not true
      hint: `strandline run --help` tells, under SOURCE, which variables give access to an object store
    ");
}

#[test]
fn another_scheme_is_no_place() {
    insta::assert_snapshot!(refused("run http://example.com/in out"), @r#"
    exit code 2
    -- stderr
    error: SOURCE is "http://example.com/in", which it cannot be
      caused by: http://example.com/in is neither a path nor a URL of a kind that is known (file, s3, gs, az, abfss)
    "#);
}

#[test]
fn a_size_that_is_none_is_told() {
    insta::assert_snapshot!(refused("run in out --memory lots"), @r#"
    exit code 2
    -- stderr
    error: --memory is "lots", which it cannot be
      caused by: "lots" is not a size such as 64MiB, 1.5GB or 4096
    "#);
}

#[test]
fn a_size_of_nothing_is_told() {
    insta::assert_snapshot!(refused("run in out --target-file-size 0"), @r#"
    exit code 2
    -- stderr
    error: --target-file-size is "0", which it cannot be
      caused by: it must be more than zero bytes
    "#);
}

#[test]
fn a_duration_that_is_none_is_told() {
    insta::assert_snapshot!(refused("run in out --settle soon"), @r#"
    exit code 2
    -- stderr
    error: --settle is "soon", which it cannot be
      caused by: "soon" is not a duration such as [TIME], [TIME] or [TIME]
    "#);
}

#[test]
fn a_number_of_threads_that_is_none_is_told() {
    insta::assert_snapshot!(refused("run in out --threads 0"), @r#"
    exit code 2
    -- stderr
    error: --threads is "0", which it cannot be
      caused by: it must be a whole number above zero
    "#);
}

#[test]
fn limits_that_are_none_are_told() {
    for (line, why) in [
        ("--max-duration 0", "it must be more than no time"),
        ("--max-duration 10", "\"10\" is not a duration such as"),
        ("--max-requests 0", "it must be a whole number above zero"),
        (
            "--requests-per-second 0.5",
            "it must be a whole number above zero",
        ),
        ("--bytes-per-second 1KiB", "it must be at least 64KiB"),
        ("--store-concurrency 1025", "it must be at most 1024"),
    ] {
        let told = refused(&format!("run in out {line}"));
        let (option, value) = line.split_once(' ').unwrap();
        let cannot = format!("error: {option} is {value:?}, which it cannot be");
        let cause = format!("caused by: {why}");
        assert!(told.contains("exit code 2"), "{told}");
        assert!(told.contains(&cannot) && told.contains(&cause), "{told}");
    }
}

#[test]
fn an_unknown_format_is_told_with_the_known_ones() {
    insta::assert_snapshot!(refused("run in out --format xml"), @"
    exit code 2
    -- stderr
    error: invalid value 'xml' for '--format <FORMAT>'
      [possible values: auto, csv, tsv, ndjson, json, parquet, arrow, avro, text, regex, fixed, excel]

    For more information, try '--help'.
    ");
}

#[test]
fn a_delimiter_of_two_characters_is_told() {
    insta::assert_snapshot!(refused("run in out --delimiter ||"), @r#"
    exit code 2
    -- stderr
    error: --delimiter is "||", which it cannot be
      caused by: it must be one ASCII character or the word auto, and no line end
    "#);
}

#[test]
fn one_character_with_two_meanings_is_told() {
    insta::assert_snapshot!(refused("run in out --delimiter ; --comment ;"), @r#"
    exit code 2
    -- stderr
    error: --comment is ";", which it cannot be
      caused by: the delimiter is that already, and one character cannot mean both
    "#);
}

#[test]
fn an_unknown_encoding_is_told_with_the_known_ones() {
    insta::assert_snapshot!(refused("run in out --encoding utf-7"), @"
    exit code 2
    -- stderr
    error: invalid value 'utf-7' for '--encoding <ENCODING>'
      [possible values: auto, utf-8, utf-16, latin1, windows-1252]

      tip: a similar value exists: 'utf-8'

    For more information, try '--help'.
    ");
}

#[test]
fn an_unknown_key_of_a_dialect_is_told_with_the_nearest() {
    let sandbox = sandbox();
    sandbox.write("strandline.toml", "[csv]\ndelimeter = ';'\n");
    insta::assert_snapshot!(say(&sandbox, "run"), @r#"
    exit code 2
    -- stderr
    error: unknown key "delimeter" in [csv] of strandline.toml, line 2; did you mean "delimiter"?
      hint: `strandline config show` lists every key with its default
    "#);
}

#[test]
fn an_unknown_policy_is_told_with_the_known_ones() {
    insta::assert_snapshot!(refused("run in out --on-delete keep"), @"
    exit code 2
    -- stderr
    error: invalid value 'keep' for '--on-delete <WHAT>'
      [possible values: remove, retain]

    For more information, try '--help'.
    ");
}

#[test]
fn a_broken_pattern_is_told() {
    insta::assert_snapshot!(refused("run in out --include {dt/*.csv"), @r#"
    exit code 2
    -- stderr
    error: --include is "{dt/*.csv", which it cannot be
      caused by: pattern "{dt/*.csv" has a brace without its partner
      hint: `strandline run --help` tells about patterns, under --include
    "#);
}

#[test]
fn a_pattern_that_leaves_the_source_is_told() {
    insta::assert_snapshot!(refused("run in out --exclude ../x"), @r#"
    exit code 2
    -- stderr
    error: --exclude is "../x", which it cannot be
      caused by: pattern "../x" has a segment ".."; patterns are relative to the source
      hint: `strandline run --help` tells about patterns, under --include
    "#);
}

#[test]
fn a_column_that_is_named_twice_is_told() {
    insta::assert_snapshot!(refused("run in out --partition-by a,a"), @r#"
    exit code 2
    -- stderr
    error: --partition-by is "a,a", which it cannot be
      caused by: a column must have a name, and can be named once only
    "#);
}

#[test]
fn what_outputs_cannot_be_written_with_is_told_with_what_they_can() {
    insta::assert_snapshot!(refused("run in out --compression zstd:20"), @r#"
    exit code 2
    -- stderr
    error: --compression is "zstd:20", which it cannot be
      caused by: the level must be from 1 to 19
    "#);
    insta::assert_snapshot!(refused("run in out --compression lzo"), @r#"
    exit code 2
    -- stderr
    error: --compression is "lzo", which it cannot be
      caused by: it must be zstd, zstd:LEVEL, snappy, lz4, gzip or none
    "#);
    insta::assert_snapshot!(refused("run in out --row-group-rows 10"), @r#"
    exit code 2
    -- stderr
    error: --row-group-rows is "10", which it cannot be
      caused by: it must be from 1024 to 16777216
    "#);
    insta::assert_snapshot!(refused("run in out --page-size 1GiB"), @r#"
    exit code 2
    -- stderr
    error: --page-size is "1GiB", which it cannot be
      caused by: it must be from 4KiB to 64MiB
    "#);
}

#[test]
fn a_target_that_is_not_there_has_no_status() {
    insta::assert_snapshot!(refused("status out"), @"
    exit code 1
    -- stderr
    error: cannot ask the ledger of out
      caused by: there is no ledger
      hint: `strandline run SOURCE TARGET` begins one; where TARGET has outputs already, `strandline recover TARGET` rebuilds it; where it is kept elsewhere, name the place with --state
    ");
}

#[test]
fn a_source_asked_for_its_status_has_no_ledger() {
    insta::assert_snapshot!(refused("status in"), @"
    exit code 1
    -- stderr
    error: cannot ask the ledger of in
      caused by: there is no ledger
      hint: `strandline run SOURCE TARGET` begins one; where TARGET has outputs already, `strandline recover TARGET` rebuilds it; where it is kept elsewhere, name the place with --state
    ");
}

#[test]
fn reset_wants_to_know_what() {
    insta::assert_snapshot!(refused("reset out"), @"
    exit code 2
    -- stderr
    error: the following required arguments were not provided:
      <--path <GLOB>|--since <T>|--all|--lost>

    Usage: strandline reset <--path <GLOB>|--since <T>|--all|--lost> <TARGET>

    For more information, try '--help'.
    ");
}

#[test]
fn reset_wants_dates_in_their_order() {
    insta::assert_snapshot!(refused("reset out --since 2026-02-01 --until 2026-01-01"), @"
    exit code 2
    -- stderr
    error: --since [INSTANT] lies behind --until [INSTANT]
    ");
    insta::assert_snapshot!(refused("reset out --since yesterday"), @r#"
    exit code 2
    -- stderr
    error: invalid value 'yesterday' for '--since <T>': "yesterday" is not an instant such as 2026-01-31, [INSTANT] or 2026-01-31T10:00:00+02:00

    For more information, try '--help'.
    "#);
}

#[test]
fn an_unknown_standing_is_told_with_the_known_ones() {
    insta::assert_snapshot!(refused("files out --standing good"), @"
    exit code 2
    -- stderr
    error: invalid value 'good' for '--standing <STANDING>': it must be one of pending, loaded, quarantined, outlived, retained, frozen, duplicate

    For more information, try '--help'.
    ");
}

#[test]
fn a_settings_file_that_is_not_there_is_told() {
    insta::assert_snapshot!(refused("run -c none.toml"), @"
    exit code 2
    -- stderr
    error: cannot read the settings file none.toml
      caused by: No such file or directory (os error 2)
      hint: `strandline init` writes a settings file
    ");
}

#[test]
fn an_unknown_shell_is_told_with_the_known_ones() {
    insta::assert_snapshot!(refused("completions cmd"), @"
    exit code 2
    -- stderr
    error: invalid value 'cmd' for '<SHELL>'
      [possible values: bash, elvish, fish, powershell, zsh]

    For more information, try '--help'.
    ");
}

#[test]
fn a_settings_file_with_a_fault_is_told_with_its_line() {
    for (text, expected) in [
        ("[source]\npth = \"in\"\n", "unknown key"),
        ("[sauce]\npath = \"in\"\n", "unknown table"),
        ("[source]\npath = 3\n", "must be"),
        ("[source\n", "not valid TOML"),
    ] {
        let sandbox = sandbox();
        sandbox.write("strandline.toml", text);
        let said = say(&sandbox, "run");
        assert!(
            said.starts_with("exit code 2\n") && said.contains(expected),
            "{said}"
        );
    }
}

#[test]
fn an_unknown_key_is_told_with_the_nearest() {
    let sandbox = sandbox();
    sandbox.write(
        "strandline.toml",
        "[source]\npath = \"in\"\n\n[target]\npatition_by = [\"a\"]\n",
    );
    insta::assert_snapshot!(say(&sandbox, "run"), @r#"
    exit code 2
    -- stderr
    error: unknown key "patition_by" in [target] of strandline.toml, line 5; did you mean "partition_by"?
      hint: `strandline config show` lists every key with its default
    "#);
}

#[test]
fn text_that_is_no_toml_is_shown_where_it_breaks() {
    let sandbox = sandbox();
    sandbox.write("strandline.toml", "[source]\npath = in\n");
    insta::assert_snapshot!(say(&sandbox, "run"), @"
    exit code 2
    -- stderr
    error: strandline.toml is not valid TOML
      caused by: TOML parse error at line 2, column 8
          |
        2 | path = in
          |        ^^
        invalid float, expected `inf`
    ");
}

#[test]
fn a_variable_with_a_fault_is_told_by_its_name() {
    let sandbox = sandbox();
    let mut command = sandbox.command(&["run", "in", "out"]);
    let output = command.env("STRANDLINE_SETTLE", "later").output().unwrap();
    insta::assert_snapshot!(super::seen(&output), @r#"
    exit code 2
    -- stderr
    error: STRANDLINE_SETTLE is "later", which it cannot be
      caused by: "later" is not a duration such as [TIME], [TIME] or [TIME]
    "#);
}

#[test]
fn an_unreadable_target_is_told() {
    let sandbox = sandbox();
    fs::create_dir_all(sandbox.path("out/_strandline")).unwrap();
    fs::write(sandbox.path("out/_strandline/ledger.redb"), "").unwrap();
    insta::assert_snapshot!(say(&sandbox, "status out"), @"
    exit code 1
    -- stderr
    error: cannot ask the ledger of out
      caused by: cannot read the ledger out/_strandline/ledger.redb
      caused by: malformed ledger: the file is empty
      hint: `strandline recover TARGET` sets the damaged ledger aside and rebuilds it from the outputs
    ");
}
