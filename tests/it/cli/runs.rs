//! Runs: what people are told of each kind of ending.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use super::{loaded, sandbox, say};
use crate::support::program::{Sandbox, settle};

#[test]
fn a_first_run_tells_what_it_did() {
    insta::assert_snapshot!(say(&sandbox(), "run in out"), @"
    exit code 0
    -- stderr
    done in [TIME]
      files    3 added
      rows     4 read, 4 written
      bytes    48B read ([RATE]), 2.4KiB written
      outputs  2 written
    ");
}

#[test]
fn a_run_with_nothing_to_do_takes_one_line() {
    insta::assert_snapshot!(say(&loaded(), "run in out"), @"
    exit code 0
    -- stderr
    nothing to do: 3 files ([TIME])
    ");
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
    insta::assert_snapshot!(say(&sandbox, "plan in out"), @"
    exit code 0
    -- stdout
    a run would build 2 units: 4 files listed
    added (1):
      day=3/e.csv: not in the ledger
    modified (1):
      day=1/a.csv: size 20 -> 14, mtime [INSTANT] -> [INSTANT], ctime [INSTANT] -> [INSTANT]; the content hash went from [HASH] to [HASH]
    renamed (1):
      day=2/d.csv: same bytes as the vanished day=2/c.csv ([HASH])
    touched (1):
      day=1/b.csv: mtime [INSTANT] -> [INSTANT], ctime [INSTANT] -> [INSTANT]; the bytes are the same
    to build (2):
      u000000 in day=1: 2 files, 28B to read; 1 file modified
      u000002 in day=3: 1 file, 21B to read; 1 file joined
    columns, by the beginnings of 2 files:
      + legs int64
    ");
    insta::assert_snapshot!(say(&sandbox, "run in out --dry-run"), @"
    exit code 0
    -- stdout
    a run would build 2 units: 4 files listed
    added (1):
      day=3/e.csv: not in the ledger
    modified (1):
      day=1/a.csv: size 20 -> 14, mtime [INSTANT] -> [INSTANT], ctime [INSTANT] -> [INSTANT]; the content hash went from [HASH] to [HASH]
    renamed (1):
      day=2/d.csv: same bytes as the vanished day=2/c.csv ([HASH])
    touched (1):
      day=1/b.csv: mtime [INSTANT] -> [INSTANT], ctime [INSTANT] -> [INSTANT]; the bytes are the same
    to build (2):
      u000000 in day=1: 2 files, 28B to read; 1 file modified
      u000002 in day=3: 1 file, 21B to read; 1 file joined
    columns, by the beginnings of 2 files:
      + legs int64
    ");
    insta::assert_snapshot!(say(&sandbox, "run in out"), @"
    exit code 0
    -- stderr
    done in [TIME]
      files    1 added, 1 modified, 1 renamed, 1 touched
      rows     3 read, 3 written
      bytes    91B read ([RATE]), 2.7KiB written
      outputs  2 written
    ");
    insta::assert_snapshot!(say(&sandbox, "plan in out"), @"
    exit code 0
    -- stdout
    nothing to build: 4 files listed, 4 unchanged
    ");
}

#[test]
fn a_removed_file_takes_its_output_with_it() {
    let sandbox = loaded();
    fs::remove_file(sandbox.path("in/day=2/c.csv")).unwrap();
    insta::assert_snapshot!(say(&sandbox, "plan in out"), @"
    exit code 0
    -- stdout
    a run would build 1 unit: 2 files listed, 2 unchanged
    removed (1):
      day=2/c.csv: no longer in the source
    to build (1):
      u000001 in day=2: 0 files, 0B to read; 1 file removed
    ");
    insta::assert_snapshot!(say(&sandbox, "run in out"), @"
    exit code 0
    -- stderr
    done in [TIME]
      files    1 removed, 2 unchanged
      outputs  1 removed
    ");
    assert!(!sandbox.path("out/day=2").exists());
}

#[test]
fn a_file_that_was_just_written_is_left_and_the_run_says_so() {
    let sandbox = sandbox();
    fs::write(sandbox.path("in/now.csv"), "id\n1\n").unwrap();
    for name in ["in/day=1/a.csv", "in/day=1/b.csv", "in/day=2/c.csv"] {
        fs::remove_file(sandbox.path(name)).unwrap();
    }
    insta::assert_snapshot!(say(&sandbox, "run in out --settle 1h"), @"
    exit code 0
    -- stderr
    nothing to do yet: 1 file; 1 not settled yet ([TIME])
      a file that was written to a moment ago is left for the next run; --settle says for how long
    ");
    insta::assert_snapshot!(say(&sandbox, "plan in out --settle 1h"), @"
    exit code 0
    -- stdout
    nothing to build: 1 file listed
    unsettled (1):
      now.csv: written at [INSTANT], less than [TIME] before the look at [INSTANT]
    ");
}

#[test]
fn a_file_that_cannot_be_decoded_is_set_aside_and_tried_again_when_it_changes() {
    let sandbox = sandbox();
    sandbox.write("in/day=1/bad.csv", "id,name\n1\n");
    insta::assert_snapshot!(say(&sandbox, "run in out"), @"
    exit code 3
    -- stderr
    done in [TIME], but not with all files; 1 quarantined
      files    4 added
      rows     7 read, 4 written
      bytes    92B read ([RATE]), 2.4KiB written
      outputs  2 written
    trouble:
      cannot decode day=1/bad.csv: line 2 has 1 fields where the header has 2
    ");
    insta::assert_snapshot!(say(&sandbox, "run in out"), @"
    exit code 3
    -- stderr
    nothing to do: 4 files; 1 quarantined ([TIME])
    ");
    insta::assert_snapshot!(say(&sandbox, "quarantine list out"), @"
    exit code 0
    -- stdout
    day=1/bad.csv (10B, set aside by r000000 at [INSTANT])
      line 2 has 1 fields where the header has 2
    ");
    insta::assert_snapshot!(say(&sandbox, "explain day=1/bad.csv out"), @"
    exit code 0
    -- stdout
    day=1/bad.csv
      decision: added: not in the ledger
      stands:   quarantined: it cannot be decoded and has no row in the outputs (recorded by r000000)
      seen:     10B, modified at [INSTANT]
      content: [HASH]
      aside:    set aside by r000000 at [INSTANT]: line 2 has 1 fields where the header has 2
    ");
    insta::assert_snapshot!(say(&sandbox, "status out"), @"
    exit code 0
    -- stdout
    pipeline   in -> out
    last run   r000001 quarantined at [INSTANT], took [TIME]
    files      4 live: 3 loaded, 1 quarantined
    outputs    2 outputs, 2 units, 4 rows, 2.4KiB
    watermark [INSTANT] ([TIME] behind now)
    ledger [SIZE] in out/_strandline
    1 file quarantined:
      day=1/bad.csv: line 2 has 1 fields where the header has 2
    ");
    insta::assert_snapshot!(say(&sandbox, "quarantine retry out"), @"
    exit code 0
    -- stdout
    1 file marked: the next run tries again
    ");
    insta::assert_snapshot!(say(&sandbox, "run in out"), @"
    exit code 3
    -- stderr
    done in [TIME], but not with all files; 1 quarantined
      files    1 modified, 3 unchanged
      rows     6 read
      bytes    88B read ([RATE])
      outputs  1 kept as they were
    trouble:
      cannot decode day=1/bad.csv: line 2 has 1 fields where the header has 2
    ");
    sandbox.write("in/day=1/bad.csv", "id,name\n1,fly\n");
    insta::assert_snapshot!(say(&sandbox, "run in out"), @"
    exit code 0
    -- stderr
    done in [TIME]
      files    1 modified, 3 unchanged
      rows     4 read, 4 written
      bytes    62B read ([RATE]), 1.4KiB written
      outputs  1 written
    ");
}

#[test]
fn the_removal_brake_stops_a_run_before_anything_goes() {
    let sandbox = sandbox();
    for number in 0..102 {
        sandbox.write(&format!("in/many/{number}.csv"), format!("id\n{number}\n"));
    }
    sandbox.succeed(&["run", "in", "out"]);
    fs::remove_dir_all(sandbox.path("in/many")).unwrap();
    insta::assert_snapshot!(say(&sandbox, "run in out"), @"
    exit code 5
    -- stderr
    error: 102 of 105 files vanished from the source, more than the 100 that may go in one run
      hint: look whether SOURCE is whole (a missing mount?); `strandline plan` lists what would go; --allow-removals lets it go
    ");
    insta::assert_snapshot!(say(&sandbox, "run in out --allow-removals"), @"
    exit code 0
    -- stderr
    done in [TIME]
      files    102 removed, 3 unchanged
      outputs  1 removed
    ");
}

#[test]
fn a_change_that_a_policy_forbids_ends_the_run() {
    let sandbox = loaded();
    sandbox.write("in/day=1/a.csv", "id,name\n9,yak\n");
    settle(&sandbox.path("in/day=1/a.csv"), 60);
    insta::assert_snapshot!(say(&sandbox, "run in out --on-modify fail"), @"
    exit code 1
    -- stderr
    error: day=1/a.csv changed, which --on-modify fail forbids
      hint: `strandline plan` lists what changed; --on-modify replace takes it, --on-modify ignore keeps what was loaded
    ");
}

#[test]
fn a_limit_leaves_the_rest_for_the_next_run() {
    let sandbox = sandbox();
    insta::assert_snapshot!(say(&sandbox, "run in out --max-files 2"), @"
    exit code 0
    -- stderr
    stopped at the limit after [TIME]; 1 left for the next run
      files    3 added
      rows     3 read, 3 written
      bytes    34B read ([RATE]), 1.3KiB written
      outputs  1 written
    ");
    insta::assert_snapshot!(say(&sandbox, "run in out --max-files 2"), @"
    exit code 0
    -- stderr
    done in [TIME]
      files    1 added, 2 unchanged
      rows     1 read, 1 written
      bytes    14B read ([RATE]), 1.1KiB written
      outputs  1 written
    ");
}

#[test]
fn passes_follow_until_nothing_is_left_and_each_is_a_run_of_its_own() {
    let sandbox = sandbox();
    insta::assert_snapshot!(say(&sandbox, "run in out --max-files 2 --until-complete"), @"
    exit code 0
    -- stderr
    stopped at the limit after [TIME]; 1 left for the next run
      files    3 added
      rows     3 read, 3 written
      bytes    34B read ([RATE]), 1.3KiB written
      outputs  1 written
    done in [TIME]
      files    1 added, 2 unchanged
      rows     1 read, 1 written
      bytes    14B read ([RATE]), 1.1KiB written
      outputs  1 written
    ");
    let history = say(&sandbox, "history out --json");
    assert_eq!(history.matches("\"run_id\"").count(), 2, "{history}");
}

#[test]
fn the_result_of_passes_is_the_report_of_the_last() {
    let sandbox = sandbox();
    let words = ["run", "in", "out", "--max-files", "1", "--json"];
    let output = sandbox
        .command(&words)
        .env("STRANDLINE_UNTIL_COMPLETE", "true")
        .output()
        .unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["status"], "done");
    assert_eq!(report["files"]["unchanged"], 2);
    // Nothing was asked of any object store.
    for key in ["requests", "stopped_by"] {
        assert!(report.get(key).is_none(), "{report}");
    }
    assert!(report["bytes"].get("sent").is_none());
}

#[test]
fn a_time_that_is_shorter_than_the_listing_is_told_and_changes_nothing() {
    let sandbox = loaded();
    fs::remove_file(sandbox.path("in/day=1/a.csv")).unwrap();
    insta::assert_snapshot!(say(&sandbox, "run in out --max-duration 1ns"), @"
    exit code 0
    -- stderr
    stopped at --max-duration after [TIME]
    trouble:
      the time of --max-duration was over before in was listed: nothing was taken up, and the next run begins anew; give it more time
    ");
    insta::assert_snapshot!(say(&sandbox, "run in out --until-complete --max-duration 1h"), @"
    exit code 0
    -- stderr
    done in [TIME]
      files    1 removed, 2 unchanged
      rows     1 read, 1 written
      bytes    14B read ([RATE]), 1.1KiB written
      outputs  1 written
    ");
}

#[test]
fn quiet_runs_say_nothing_unless_something_is_wrong() {
    let sandbox = sandbox();
    insta::assert_snapshot!(say(&sandbox, "run in out --quiet"), @"exit code 0");
    insta::assert_snapshot!(say(&sandbox, "run in out -q"), @"exit code 0");
    insta::assert_snapshot!(say(&sandbox, "run nowhere out -q"), @"
    exit code 2
    -- stderr
    error: cannot use nowhere as a source
      caused by: No such file or directory (os error 2)
      hint: SOURCE must be a directory that is there and can be read
    ");
}

#[test]
fn a_source_without_a_known_file_is_no_error_and_says_what_was_left_out() {
    let sandbox = sandbox();
    sandbox.write("other/notes.txt", "x");
    insta::assert_snapshot!(say(&sandbox, "run other out2"), @"
    exit code 0
    -- stderr
    nothing to do: 0 files ([TIME])
      every file there is left out: its name is hidden, unfinished or excluded, or its extension is unknown; --format takes any
    ");
}

#[test]
fn a_partition_column_that_no_file_has_is_told() {
    insta::assert_snapshot!(say(&sandbox(), "run in out --partition-by nmae"), @"
    exit code 0
    -- stderr
    done in [TIME]
      files    3 added
      rows     4 read, 4 written
      bytes    48B read ([RATE]), 2.5KiB written
      outputs  2 written
    trouble:
      no file has the column nmae, which is to name partitions: it is null in all rows
    ");
}

#[test]
fn a_column_to_sort_by_or_to_filter_that_no_file_has_is_told() {
    let told = say(&sandbox(), "run in out --sort-by nmae --bloom-filter di");
    let (_, trouble) = told.split_once("trouble:").unwrap();
    insta::assert_snapshot!(trouble, @"
      no file has the column di, which is to have a bloom filter: none is written
      no file has the column nmae, which is to sort rows: it sorts nothing
    ");
}

#[test]
fn a_partition_column_that_paths_give_is_not_missed() {
    insta::assert_snapshot!(say(&sandbox(), "run in out --partition-by day --json --quiet").contains("no_such_column"), @"false");
}

/// Rows of 150 days, one day behind the other, of which each makes whole row groups while others are still to come.
#[test]
fn many_partitions_need_few_files_at_a_time() {
    let sandbox = Sandbox::new();
    let mut text = String::from("id,day,note\n");
    for id in 0..150 * 2100_u64 {
        let day = id / 2100;
        writeln!(
            text,
            "{id},{day},note {} and some more words",
            id * 7919 % 1_000_003
        )
        .unwrap();
    }
    sandbox.write("in/all.csv", text);
    let mut limited = Command::new("sh");
    sandbox.seal(&mut limited);
    let run = "ulimit -n 48 && exec \"$0\" run in out --threads 1 --memory 4MiB --partition-by day --row-group-rows 1024";
    limited.args(["-c", run, env!("CARGO_BIN_EXE_strandline")]);
    let output = limited.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(fs::read_dir(sandbox.path("out")).unwrap().count(), 151);
}
