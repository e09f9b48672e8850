//! Questions to the ledger, and what marks files for the next run.

use std::fs;

use super::{loaded, sandbox, say};

#[test]
fn status_history_and_files_tell_how_things_stand() {
    let sandbox = loaded();
    insta::assert_snapshot!(say(&sandbox, "status out"), @"");
    insta::assert_snapshot!(say(&sandbox, "history out"), @"");
    insta::assert_snapshot!(say(&sandbox, "files out"), @"");
    insta::assert_snapshot!(say(&sandbox, "files out --standing quarantined"), @"");
    insta::assert_snapshot!(say(&sandbox, "quarantine list out"), @"");
    insta::assert_snapshot!(say(&sandbox, "quarantine retry out"), @"");
}

#[test]
fn a_file_is_explained_with_its_unit_and_outputs() {
    let sandbox = loaded();
    insta::assert_snapshot!(say(&sandbox, "explain day=1/a.csv out"), @"");
    insta::assert_snapshot!(say(&sandbox, "explain day=1/z.csv out"), @"");
    insta::assert_snapshot!(say(&sandbox, "explain in/day=1/a.csv out"), @"");
}

#[test]
fn verify_names_what_does_not_match_and_the_next_run_mends_it() {
    let sandbox = loaded();
    insta::assert_snapshot!(say(&sandbox, "verify out"), @"");
    insta::assert_snapshot!(say(&sandbox, "verify out --deep --source in"), @"");
    let output = sandbox
        .path("out/day=2")
        .read_dir()
        .unwrap()
        .next()
        .unwrap();
    fs::write(output.unwrap().path(), "PAR1").unwrap();
    insta::assert_snapshot!(say(&sandbox, "verify out"), @"");
    insta::assert_snapshot!(say(&sandbox, "run in out"), @"");
    insta::assert_snapshot!(say(&sandbox, "verify out --deep"), @"");
}

#[test]
fn a_reset_marks_files_and_an_output_that_comes_out_the_same_is_kept() {
    let sandbox = loaded();
    insta::assert_snapshot!(say(&sandbox, "reset out --path day=1/*"), @"");
    insta::assert_snapshot!(say(&sandbox, "plan in out"), @"");
    insta::assert_snapshot!(say(&sandbox, "run in out"), @"");
    insta::assert_snapshot!(say(&sandbox, "reset out --path nothing/*"), @"");
    insta::assert_snapshot!(say(&sandbox, "reset out --since 2026-02-01"), @"");
    insta::assert_snapshot!(say(&sandbox, "reset out --all"), @"");
}

#[test]
fn a_settings_file_is_written_read_and_shown() {
    let sandbox = sandbox();
    insta::assert_snapshot!(say(&sandbox, "init in out"), @"");
    insta::assert_snapshot!(say(&sandbox, "init in out"), @"");
    insta::assert_snapshot!(say(&sandbox, "run"), @"");
    insta::assert_snapshot!(say(&sandbox, "status"), @"");
    insta::assert_snapshot!(say(&sandbox, "config show --threads 3"), @"");
    insta::assert_snapshot!(fs::read_to_string(sandbox.path("strandline.toml")).unwrap(), @"");
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
