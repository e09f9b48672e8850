//! SQL on rows, as people meet it: what is refused, where it points, and what is told of the rows.

use super::{sandbox, seen};

#[test]
fn sql_that_is_wrong_is_shown_where_it_is_before_anything_is_read() {
    let sandbox = sandbox();
    let output = sandbox.call(&["run", "in", "out", "--select", "id, uppr(name) AS n"]);
    insta::assert_snapshot!(seen(&output), @"
    exit code 2
    -- stderr
    error: cannot use the SQL
      caused by: select, column 5: there is no function uppr; did you mean upper?
        id, uppr(name) AS n
            ^
      hint: `strandline run --help` tells about SQL, under --select
    ");
    assert!(!sandbox.path("out").exists());
    let output = sandbox.call(&["plan", "in", "out", "--where", "count(*) > 1"]);
    insta::assert_snapshot!(seen(&output), @"
    exit code 2
    -- stderr
    error: cannot use the SQL
      caused by: where, column 1: count is an aggregate over many rows, and each row is taken by itself
        count(*) > 1
        ^
      hint: `strandline run --help` tells about SQL, under --select
    ");
}

#[test]
fn a_partition_column_that_select_does_not_write_is_refused() {
    let sandbox = sandbox();
    let words = [
        "run",
        "in",
        "out",
        "--select",
        "id, name",
        "--partition-by",
        "nam",
    ];
    insta::assert_snapshot!(seen(&sandbox.call(&words)), @"
    exit code 2
    -- stderr
    error: cannot use the SQL
      caused by: partition-by: nam is not among the columns that select writes; did you mean name?
      hint: `strandline run --help` tells about SQL, under --select
    ");
}

#[test]
fn a_column_that_no_file_has_is_told_with_the_nearest() {
    let sandbox = sandbox();
    let output = sandbox.call(&["run", "in", "out", "--select", "id, Name AS name"]);
    insta::assert_snapshot!(seen(&output), @"
    exit code 0
    -- stderr
    done in [TIME]
      files    3 added
      rows     4 read, 4 written
      bytes    48B read ([RATE]), 2.5KiB written
      outputs  2 written
    trouble:
      select, column 5: no file has a column Name; did you mean name?; until one has it, it is null
    ");
}

#[test]
fn expectations_are_counted_in_the_summary_and_in_the_report() {
    let sandbox = sandbox();
    sandbox.write(
        "strandline.toml",
        "[source]\npath = 'in'\n[target]\npath = 'out'\n[transform]\nselect = 'id, upper(name) AS name'\n\
         [[expect]]\nname = 'no bees'\nsql = \"name <> 'BEE'\"\non_fail = 'drop'\n",
    );
    insta::assert_snapshot!(seen(&sandbox.call(&["run"])), @r#"
    exit code 0
    -- stderr
    done in [TIME]
      files    3 added
      rows     4 read, 3 written
      left out 1 row that did not meet "no bees"
      bytes    48B read ([RATE]), 2.6KiB written
      outputs  2 written
    "#);
    sandbox.write("in/day=1/d.csv", "id,name\n9,bee\n");
    let report: serde_json::Value =
        serde_json::from_slice(&sandbox.call(&["run", "--json"]).stdout).unwrap();
    assert_eq!(
        report["expectations"],
        serde_json::json!([{
            "name": "no bees",
            "on_fail": "drop",
            "dropped": 2,
            "quarantined_rows": 0,
            "quarantined_files": 0,
            "failed": 0,
        }])
    );
}

#[test]
fn an_expectation_that_forbids_a_row_ends_the_run() {
    let sandbox = sandbox();
    sandbox.write(
        "strandline.toml",
        "[source]\npath = 'in'\n[target]\npath = 'out'\n\
         [[expect]]\nname = 'no dogs'\nsql = \"name <> 'dog'\"\non_fail = 'fail'\n",
    );
    insta::assert_snapshot!(seen(&sandbox.call(&["run"])), @r#"
    exit code 1
    -- stderr
    error: cannot take day=2/c.csv
      caused by: row 1 does not meet the expectation "no dogs"
      hint: nothing of its unit was published; mend the file, or let the expectation drop the row, or set it or the file aside
    "#);
}

#[test]
fn rows_that_are_set_aside_are_told_in_the_summary_and_listed() {
    let sandbox = sandbox();
    sandbox.write(
        "strandline.toml",
        "[source]\npath = 'in'\n[target]\npath = 'out'\n\
         [[expect]]\nname = 'no bees'\nsql = \"name <> 'bee'\"\non_fail = 'quarantine_row'\n\
         [[expect]]\nname = 'no dogs'\nsql = \"name <> 'dog'\"\non_fail = 'quarantine_file'\n",
    );
    insta::assert_snapshot!(seen(&sandbox.call(&["run"])), @r#"
    exit code 3
    -- stderr
    done in [TIME], but not with all files; 1 quarantined
      files    3 added
      rows     4 read, 2 written
      aside    1 row that did not meet "no bees"
      aside    1 file that did not meet "no dogs"
      bytes    62B read ([RATE]), 3.4KiB written
      outputs  1 written
    trouble:
      cannot decode day=2/c.csv: row 1 does not meet the expectation "no dogs"
    "#);
    insta::assert_snapshot!(seen(&sandbox.call(&["quarantine", "list", "out"])), @r#"
    exit code 0
    -- stdout
    day=2/c.csv (14B, set aside by r000000 at [INSTANT])
      row 1 does not meet the expectation "no dogs"
    day=1/a.csv (1 row set aside)
      _strandline/quarantine/u000000.parquet
    "#);
    let explained = seen(&sandbox.call(&["explain", "day=1/a.csv", "out"]));
    let aside = "  aside:    _strandline/quarantine/u000000.parquet (1 row of it)\n";
    assert!(explained.contains(aside), "{explained}");
    let listed = sandbox.call(&["quarantine", "list", "out", "--json"]);
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed["rows"][0]["rows"], 1);
    assert_eq!(
        listed["rows"][0]["output"],
        "_strandline/quarantine/u000000.parquet"
    );
}

#[test]
fn a_state_that_lies_elsewhere_leaves_rows_that_are_set_aside_with_the_target() {
    let sandbox = sandbox();
    sandbox.write(
        "strandline.toml",
        "[source]\npath = 'in'\n[target]\npath = 'out'\nstate = 'state'\n\
         [[expect]]\nname = 'no bees'\nsql = \"name <> 'bee'\"\non_fail = 'quarantine_row'\n",
    );
    assert_eq!(sandbox.call(&["run"]).status.code(), Some(0));
    assert!(sandbox.path("out/_strandline/quarantine").is_dir());
    let verified = sandbox.call(&["verify", "--deep"]);
    assert_eq!(verified.status.code(), Some(0), "{}", seen(&verified));
    assert_eq!(sandbox.call(&["run"]).status.code(), Some(0));
}
