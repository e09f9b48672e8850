//! Runs: what people are told of each kind of ending.

use std::fs;

use super::{loaded, sandbox, say};
use crate::support::program::settle;

#[test]
fn a_first_run_tells_what_it_did() {
    insta::assert_snapshot!(say(&sandbox(), "run in out"), @"");
}

#[test]
fn a_run_with_nothing_to_do_takes_one_line() {
    insta::assert_snapshot!(say(&loaded(), "run in out"), @"");
}

#[test]
fn changes_of_every_kind_are_planned_with_their_reasons_and_then_done() {
    let sandbox = loaded();
    sandbox.write("in/day=1/a.csv", "id,name\n1,ape\n");
    settle(&sandbox.path("in/day=1/a.csv"), 60);
    settle(&sandbox.path("in/day=1/b.csv"), 60);
    fs::rename(
        sandbox.path("in/day=2/c.csv"),
        sandbox.path("in/day=2/d.csv"),
    )
    .unwrap();
    sandbox.write("in/day=3/e.csv", "id,name,legs\n5,emu,2\n");
    insta::assert_snapshot!(say(&sandbox, "plan in out"), @"");
    insta::assert_snapshot!(say(&sandbox, "run in out --dry-run"), @"");
    insta::assert_snapshot!(say(&sandbox, "run in out"), @"");
    insta::assert_snapshot!(say(&sandbox, "plan in out"), @"");
}

#[test]
fn a_removed_file_takes_its_output_with_it() {
    let sandbox = loaded();
    fs::remove_file(sandbox.path("in/day=2/c.csv")).unwrap();
    insta::assert_snapshot!(say(&sandbox, "plan in out"), @"");
    insta::assert_snapshot!(say(&sandbox, "run in out"), @"");
    assert!(!sandbox.path("out/day=2").exists());
}

#[test]
fn a_file_that_was_just_written_is_left_and_the_run_says_so() {
    let sandbox = sandbox();
    fs::write(sandbox.path("in/now.csv"), "id\n1\n").unwrap();
    for name in ["in/day=1/a.csv", "in/day=1/b.csv", "in/day=2/c.csv"] {
        fs::remove_file(sandbox.path(name)).unwrap();
    }
    insta::assert_snapshot!(say(&sandbox, "run in out --settle 1h"), @"");
    insta::assert_snapshot!(say(&sandbox, "plan in out --settle 1h"), @"");
}

#[test]
fn a_file_that_cannot_be_decoded_is_set_aside_and_tried_again_when_it_changes() {
    let sandbox = sandbox();
    sandbox.write("in/day=1/bad.csv", "id,name\n1\n");
    insta::assert_snapshot!(say(&sandbox, "run in out"), @"");
    insta::assert_snapshot!(say(&sandbox, "run in out"), @"");
    insta::assert_snapshot!(say(&sandbox, "quarantine list out"), @"");
    insta::assert_snapshot!(say(&sandbox, "explain day=1/bad.csv out"), @"");
    insta::assert_snapshot!(say(&sandbox, "status out"), @"");
    insta::assert_snapshot!(say(&sandbox, "quarantine retry out"), @"");
    insta::assert_snapshot!(say(&sandbox, "run in out"), @"");
    sandbox.write("in/day=1/bad.csv", "id,name\n1,fly\n");
    insta::assert_snapshot!(say(&sandbox, "run in out"), @"");
}

#[test]
fn the_removal_brake_stops_a_run_before_anything_goes() {
    let sandbox = sandbox();
    for number in 0..102 {
        sandbox.write(&format!("in/many/{number}.csv"), format!("id\n{number}\n"));
    }
    sandbox.succeed(&["run", "in", "out"]);
    fs::remove_dir_all(sandbox.path("in/many")).unwrap();
    insta::assert_snapshot!(say(&sandbox, "run in out"), @"");
    insta::assert_snapshot!(say(&sandbox, "run in out --allow-removals"), @"");
}

#[test]
fn a_change_that_a_policy_forbids_ends_the_run() {
    let sandbox = loaded();
    sandbox.write("in/day=1/a.csv", "id,name\n9,yak\n");
    settle(&sandbox.path("in/day=1/a.csv"), 60);
    insta::assert_snapshot!(say(&sandbox, "run in out --on-modify fail"), @"");
}

#[test]
fn a_limit_leaves_the_rest_for_the_next_run() {
    let sandbox = sandbox();
    insta::assert_snapshot!(say(&sandbox, "run in out --max-files 2"), @"");
    insta::assert_snapshot!(say(&sandbox, "run in out --max-files 2"), @"");
}

#[test]
fn quiet_runs_say_nothing_unless_something_is_wrong() {
    let sandbox = sandbox();
    insta::assert_snapshot!(say(&sandbox, "run in out --quiet"), @"");
    insta::assert_snapshot!(say(&sandbox, "run in out -q"), @"");
    insta::assert_snapshot!(say(&sandbox, "run nowhere out -q"), @"");
}

#[test]
fn a_source_without_a_known_file_is_no_error_and_says_what_was_left_out() {
    let sandbox = sandbox();
    sandbox.write("other/notes.txt", "x");
    insta::assert_snapshot!(say(&sandbox, "run other out2"), @"");
}
