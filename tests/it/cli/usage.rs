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
    insta::assert_snapshot!(refused(""), @"");
}

#[test]
fn an_unknown_command_is_told_with_the_nearest() {
    insta::assert_snapshot!(refused("rnu in out"), @"");
}

#[test]
fn an_unknown_flag_is_told_with_the_nearest() {
    insta::assert_snapshot!(refused("run in out --exlude x"), @"");
}

#[test]
fn a_source_without_a_target_is_not_enough() {
    insta::assert_snapshot!(refused("run in"), @"");
}

#[test]
fn no_source_at_all_names_the_ways_to_give_one() {
    insta::assert_snapshot!(refused("run"), @"");
}

#[test]
fn status_without_a_target_names_the_ways_to_give_one() {
    insta::assert_snapshot!(refused("status"), @"");
}

#[test]
fn a_source_that_is_not_there_is_told() {
    insta::assert_snapshot!(refused("run nowhere out"), @"");
}

#[test]
fn a_source_that_is_a_file_is_told() {
    insta::assert_snapshot!(refused("run in/day=1/a.csv out"), @"");
}

#[test]
fn a_target_that_is_a_file_is_told() {
    insta::assert_snapshot!(refused("run in in/day=1/a.csv"), @"");
}

#[test]
fn a_target_inside_the_source_is_refused() {
    insta::assert_snapshot!(refused("run in in/out"), @"");
}

#[test]
fn a_source_inside_the_target_is_refused() {
    insta::assert_snapshot!(refused("run in/day=1 in"), @"");
}

#[test]
fn source_and_target_in_one_place_are_refused() {
    insta::assert_snapshot!(refused("run in in"), @"");
}

#[test]
fn a_state_directory_inside_the_source_is_refused() {
    insta::assert_snapshot!(refused("run in out --state in/state"), @"");
}

#[test]
fn an_object_store_is_not_supported_yet_as_a_source() {
    insta::assert_snapshot!(refused("run s3://bucket/in out"), @"");
}

#[test]
fn an_object_store_is_not_supported_yet_as_a_target() {
    insta::assert_snapshot!(refused("run in gs://bucket/out"), @"");
}

#[test]
fn another_scheme_is_no_place() {
    insta::assert_snapshot!(refused("run http://example.com/in out"), @"");
}

#[test]
fn a_size_that_is_none_is_told() {
    insta::assert_snapshot!(refused("run in out --memory lots"), @"");
}

#[test]
fn a_size_of_nothing_is_told() {
    insta::assert_snapshot!(refused("run in out --target-file-size 0"), @"");
}

#[test]
fn a_duration_that_is_none_is_told() {
    insta::assert_snapshot!(refused("run in out --settle soon"), @"");
}

#[test]
fn a_number_of_threads_that_is_none_is_told() {
    insta::assert_snapshot!(refused("run in out --threads 0"), @"");
}

#[test]
fn an_unknown_format_is_told_with_the_known_ones() {
    insta::assert_snapshot!(refused("run in out --format xml"), @"");
}

#[test]
fn an_unknown_policy_is_told_with_the_known_ones() {
    insta::assert_snapshot!(refused("run in out --on-delete keep"), @"");
}

#[test]
fn a_broken_pattern_is_told() {
    insta::assert_snapshot!(refused("run in out --include {dt/*.csv"), @"");
}

#[test]
fn a_pattern_that_leaves_the_source_is_told() {
    insta::assert_snapshot!(refused("run in out --exclude ../x"), @"");
}

#[test]
fn a_column_that_is_named_twice_is_told() {
    insta::assert_snapshot!(refused("run in out --partition-by a,a"), @"");
}

#[test]
fn a_target_that_is_not_there_has_no_status() {
    insta::assert_snapshot!(refused("status out"), @"");
}

#[test]
fn a_source_asked_for_its_status_has_no_ledger() {
    insta::assert_snapshot!(refused("status in"), @"");
}

#[test]
fn reset_wants_to_know_what() {
    insta::assert_snapshot!(refused("reset out"), @"");
}

#[test]
fn reset_wants_a_date() {
    insta::assert_snapshot!(refused("reset out --since yesterday"), @"");
}

#[test]
fn an_unknown_standing_is_told_with_the_known_ones() {
    insta::assert_snapshot!(refused("files out --standing good"), @"");
}

#[test]
fn a_settings_file_that_is_not_there_is_told() {
    insta::assert_snapshot!(refused("run -c none.toml"), @"");
}

#[test]
fn an_unknown_shell_is_told_with_the_known_ones() {
    insta::assert_snapshot!(refused("completions cmd"), @"");
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
    insta::assert_snapshot!(say(&sandbox, "run"), @"");
}

#[test]
fn text_that_is_no_toml_is_shown_where_it_breaks() {
    let sandbox = sandbox();
    sandbox.write("strandline.toml", "[source]\npath = in\n");
    insta::assert_snapshot!(say(&sandbox, "run"), @"");
}

#[test]
fn a_variable_with_a_fault_is_told_by_its_name() {
    let sandbox = sandbox();
    let mut command = sandbox.command(&["run", "in", "out"]);
    let output = command.env("STRANDLINE_SETTLE", "later").output().unwrap();
    insta::assert_snapshot!(super::seen(&output), @"");
}

#[test]
fn an_unreadable_target_is_told() {
    let sandbox = sandbox();
    fs::create_dir_all(sandbox.path("out/_strandline")).unwrap();
    fs::write(sandbox.path("out/_strandline/ledger.redb"), "").unwrap();
    insta::assert_snapshot!(say(&sandbox, "status out"), @"");
}
