//! Questions about columns, and columns that are declared, as people ask for them.

use std::fs;
use std::sync::Arc;

use arrow::array::{FixedSizeBinaryArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use strandline::model::Logical;

use super::say;
use crate::support::program::Sandbox;

fn grown() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("in/a.csv", "id,at\n1,2026-01-01\n2,\n");
    sandbox.succeed(&["run", "in", "out"]);
    sandbox.write("in/b.csv", "id,tags,at\n1.5,x,2026-01-01T10:00\n");
    sandbox.write("in/c.ndjson", "{\"id\":3,\"list\":[1]}\n");
    sandbox.succeed(&["run", "in", "out"]);
    sandbox
}

/// A Parquet file of one UUID, or of sixteen bytes that nothing else is said of.
fn sixteen_bytes(mark: Option<Logical>) -> Vec<u8> {
    let field = Field::new("id", DataType::FixedSizeBinary(16), true);
    let field = mark.map_or(field.clone(), |mark| mark.marked(field));
    let schema = Arc::new(Schema::new(vec![field]));
    let ids = FixedSizeBinaryArray::try_from_iter([[7; 16]].iter()).unwrap();
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(ids)]).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, schema, None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

#[test]
fn uuids_are_shown_as_such_and_so_is_where_they_end() {
    let sandbox = Sandbox::new();
    sandbox.write("in/a.parquet", sixteen_bytes(Some(Logical::Uuid)));
    sandbox.succeed(&["run", "in", "out"]);
    insta::assert_snapshot!(say(&sandbox, "schema show out"), @"
    exit code 0
    -- stdout
    schema 1, by r000000: id is new (by unit u000000)
    column type               since
    id     uuid               1
    ");
    sandbox.write("in/b.parquet", sixteen_bytes(None));
    let check = sandbox.succeed(&["schema", "check", "in/b.parquet", "out"]);
    let cost = "\n  ~ id uuid -> FixedSizeBinary(16)\n  1 unit would be built again";
    assert!(check.contains(cost), "{check}");
    sandbox.succeed(&["run", "in", "out"]);
    insta::assert_snapshot!(say(&sandbox, "schema history out"), @"
    exit code 0
    -- stdout
    version run      at                   columns cause
          2 r000001 [INSTANT]       1 id went from uuid to FixedSizeBinary(16) (by unit u000000)
          1 r000000 [INSTANT]       1 id is new (by unit u000000)
    ");
    let diff = sandbox.succeed(&["schema", "diff", "out", "--json"]);
    let diff: serde_json::Value = serde_json::from_str(&diff).unwrap();
    let expected = serde_json::json!({
        "change": "retyped", "column": "id", "old": "uuid", "new": "FixedSizeBinary(16)"
    });
    assert_eq!(diff["changes"], serde_json::json!([expected]));
}

#[test]
fn columns_are_shown_with_the_version_since_which_they_are_so() {
    let sandbox = grown();
    insta::assert_snapshot!(say(&sandbox, "schema show out"), @"
    exit code 0
    -- stdout
    schema 2, by r000001: at went from Date32 to Timestamp(µs), id went from Int64 to Float64, list is new, tags is new (by unit u000000)
    column type               since
    id     float64            2
    at     timestamp          2
    tags   utf8               2
    list   List(Int64)        2
    ");
    insta::assert_snapshot!(say(&sandbox, "schema history out"), @"
    exit code 0
    -- stdout
    version run      at                   columns cause
          2 r000001 [INSTANT]       4 at went from Date32 to Timestamp(µs), id went from Int64 to Float64, list is new, tags is new (by unit u000000)
          1 r000000 [INSTANT]       2 at is new, id is new (by unit u000000)
    ");
    insta::assert_snapshot!(say(&sandbox, "schema diff out"), @"
    exit code 0
    -- stdout
    schema 1 to 2
      ~ id int64 -> float64
      ~ at date -> timestamp
      + tags utf8
      + list List(Int64)
    ");
    insta::assert_snapshot!(say(&sandbox, "schema diff out --from 0 --to 1"), @"
    exit code 0
    -- stdout
    schema 0 to 1
      + id int64
      + at date
    ");
    insta::assert_snapshot!(say(&sandbox, "schema diff out --to 9"), @"
    exit code 2
    -- stderr
    error: there is no schema 9; the latest is 2
      hint: `strandline schema history TARGET` lists them
    ");
    insta::assert_snapshot!(say(&sandbox, "schema show out --toml"), @r#"
    exit code 0
    -- stdout
    [schema.columns]
    id = "float64"
    at = "timestamp"
    tags = "utf8"
    list = "utf8" # List(Int64) cannot be declared; as text, a nested value is JSON
    "#);
}

#[test]
fn what_is_shown_as_settings_can_be_declared_and_is_the_same() {
    let sandbox = grown();
    let columns = sandbox.succeed(&["schema", "show", "out", "--toml"]);
    let head = "[source]\npath = 'in'\n[target]\npath = 'other'\n[schema]\npolicy = 'strict'\n";
    sandbox.write("strandline.toml", format!("{head}{columns}"));
    sandbox.succeed(&["run"]);
    let again = sandbox.succeed(&["schema", "show", "other", "--toml"]);
    let settings = |text: &str| text.parse::<toml::Table>().unwrap();
    assert_eq!(settings(&again), settings(&columns));
    sandbox.succeed(&["schema", "check", "in/a.csv"]);
}

#[test]
fn a_file_is_checked_and_nothing_is_touched() {
    let sandbox = grown();
    let before = fs::read(sandbox.path("out/_strandline/ledger.redb")).unwrap();
    sandbox.write("new.csv", "id,more\nx,1\n");
    sandbox.write("bad.csv", "id,more\nx\n");
    insta::assert_snapshot!(say(&sandbox, "schema check in/a.csv out"), @"
    exit code 0
    -- stdout
    a.csv fits (2 rows) and changes no column
    ");
    insta::assert_snapshot!(say(&sandbox, "schema check new.csv out"), @"
    exit code 0
    -- stdout
    new.csv fits (1 row) and changes columns:
      ~ id float64 -> utf8
      + more int64
      1 unit would be built again: 3 files, 76B
    ");
    insta::assert_snapshot!(say(&sandbox, "schema check bad.csv out"), @"
    exit code 3
    -- stdout
    bad.csv does not fit: line 2 has 1 fields where the header has 2
    ");
    insta::assert_snapshot!(say(&sandbox, "schema check gone.csv out"), @"
    exit code 1
    -- stderr
    error: cannot look at gone.csv
      caused by: No such file or directory (os error 2)
      hint: FILE must be a file that is there and can be read
    ");
    insta::assert_snapshot!(say(&sandbox, "schema check new.csv out --json"), @r#"
    exit code 0
    -- stdout
    {"version":1,"path":"new.csv","fits":true,"reason":null,"rows":1,"changes":[{"change":"retyped","column":"id","old":"float64","new":"utf8"},{"change":"added","column":"more","new":"int64"}],"stale_units":1,"stale_files":3,"stale_bytes":76}
    "#);
    assert_eq!(
        fs::read(sandbox.path("out/_strandline/ledger.redb")).unwrap(),
        before
    );
}

#[test]
fn a_file_is_checked_down_to_the_directories_of_its_values() {
    let sandbox = Sandbox::new();
    let long = "x".repeat(300);
    sandbox.write("long.csv", format!("day,id\n{long},1\n"));
    sandbox.write("only.csv", "day\n1\n");
    sandbox.write("list.ndjson", "{\"day\":[1],\"id\":1}\n");
    sandbox.write("s.toml", "[target]\npath = 'out'\npartition_by = ['day']\n");
    for (file, why) in [
        ("long.csv", "too long"),
        ("only.csv", "no column left"),
        ("list.ndjson", "day"),
    ] {
        let output = sandbox.call(&["schema", "check", file, "-c", "s.toml"]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(
            said.contains("does not fit") && said.contains(why),
            "{said}"
        );
    }
    fs::create_dir(sandbox.path("dir.csv")).unwrap();
    insta::assert_snapshot!(say(&sandbox, "schema check dir.csv -c s.toml"), @"
    exit code 1
    -- stderr
    error: cannot check dir.csv: there is no such file
      hint: FILE must be a file that is there and can be read, and that nothing writes to meanwhile
    ");
}

#[test]
fn a_file_is_checked_under_new_rules_as_a_run_would_begin_with_them() {
    let sandbox = Sandbox::new();
    sandbox.write("in/a.csv", "id,other\n1,x\n");
    sandbox.succeed(&["run", "in", "out", "--schema-column", "id=int32"]);
    sandbox.write("s.toml", "[source]\npath = 'in'\n[target]\npath = 'out'\n");
    sandbox.write("b.csv", "id\n2\n");
    // What was declared before is inferred anew, and has no type yet.
    let told = sandbox.succeed(&["schema", "check", "b.csv", "-c", "s.toml"]);
    assert!(told.contains("+ id int64"), "{told}");
}

#[test]
fn the_default_of_a_decimal_keeps_its_digits_in_quotes_or_not() {
    let sandbox = Sandbox::new();
    sandbox.write("in/a.csv", "id,amount\n1,\n");
    sandbox.write(
        "s.toml",
        "[schema.columns]\namount = { type = 'decimal(38,20)', default = 0.12345678901234567891 }\n",
    );
    sandbox.succeed(&["run", "in", "out", "-c", "s.toml"]);
    let shown = sandbox.succeed(&["schema", "show", "out", "--toml"]);
    assert!(shown.contains("0.12345678901234567891"), "{shown}");
    let flag = "amount={ type = 'decimal(38,0)', default = 12345678901234567890123 }";
    sandbox.succeed(&["run", "in", "other", "--schema-column", flag]);
    let shown = sandbox.succeed(&["schema", "show", "other", "--toml"]);
    assert!(shown.contains("12345678901234567890123"), "{shown}");
}

#[test]
fn what_does_not_fit_is_set_aside_or_rescued() {
    let sandbox = Sandbox::new();
    sandbox.write("in/a.csv", "id,amount\n007,1.50\n8,x\n");
    sandbox.write("in/b.csv", "id,amount\n9,2\n");
    let declared = "--schema-column id=int32 --schema-column amount=decimal(10,2)";
    insta::assert_snapshot!(say(&sandbox, &format!("run in out {declared}")), @r#"
    exit code 3
    -- stderr
    done in [TIME], but not with all files; 1 quarantined
      files    2 added
      rows     2 read, 1 written
      bytes    51B read ([RATE]), 1.1KiB written
      outputs  1 written
    trouble:
      cannot decode a.csv: column amount must be decimal(10,2) and holds utf8, line 3: "x"
    "#);
    insta::assert_snapshot!(say(&sandbox, &format!("run in out --schema-policy rescue {declared}")), @"
    exit code 0
    -- stderr
    done in [TIME]
      files    1 modified, 1 unchanged
      rows     3 read, 3 written
      bytes    60B read ([RATE]), 2.9KiB written
      outputs  2 written
    ");
    insta::assert_snapshot!(say(&sandbox, "schema show out"), @"
    exit code 0
    -- stdout
    schema 2, by r000001: 2 columns are declared
    column   type               since
    id       int32              1, declared
    amount   decimal(10,2)      1, declared
    _rescued utf8               2
    ");
    insta::assert_snapshot!(say(&sandbox, "run in out --schema-column id=int8 --schema-compatibility backward"), @"
    exit code 2
    -- stderr
    error: the declared columns are not backward-compatible with those before: column id goes from int32 to int8, and int8 does not hold every int32
      hint: declare them so that it holds, or say --schema-compatibility none for this one run; `strandline schema show TARGET` tells what there is
    ");
}

#[test]
fn what_cannot_be_declared_says_where_and_why() {
    let sandbox = Sandbox::new();
    sandbox.write("in/a.csv", "id\n1\n");
    insta::assert_snapshot!(say(&sandbox, "run in out --schema-policy strict"), @r#"
    exit code 2
    -- stderr
    error: --schema-policy is "strict", which it cannot be
      caused by: it needs columns that are declared, in [schema.columns]
      hint: `strandline schema show TARGET --toml` prints the columns of a pipeline as [schema.columns]
    "#);
    insta::assert_snapshot!(say(&sandbox, "run in out --schema-column id=int23"), @r#"
    exit code 2
    -- stderr
    error: --schema-column is "id=int23", which it cannot be
      caused by: column id cannot be declared like that
      caused by: "int23" is not a type that can be declared; it must be one of int8, int16, int32, int64, uint8, uint16, uint32, uint64, float32, float64, decimal(p,s), bool, date, timestamp, timestamp_utc, utf8, binary
    "#);
    insta::assert_snapshot!(say(&sandbox, "run in out --schema-column id"), @r#"
    exit code 2
    -- stderr
    error: --schema-column is "id", which it cannot be
      caused by: "id" is not a column such as amount=decimal(10,2)
    "#);
    insta::assert_snapshot!(say(&sandbox, "run in out --schema-compatibility full"), @r#"
    exit code 2
    -- stderr
    error: --schema-compatibility is "full", which it cannot be
      caused by: it needs columns that are declared, in [schema.columns]
      hint: `strandline schema show TARGET --toml` prints the columns of a pipeline as [schema.columns]
    "#);
    insta::assert_snapshot!(say(&sandbox, "run in out --schema-column id=binary --partition-by id"), @r#"
    exit code 2
    -- stderr
    error: --partition-by is "id", which it cannot be
      caused by: id is declared binary, and no directory can be named after its values
    "#);
    insta::assert_snapshot!(say(&sandbox, "run in out --schema-column id=int8 --partition-by id --schema-policy strict"), @r#"
    exit code 2
    -- stderr
    error: --partition-by is "id", which it cannot be
      caused by: there is no declared column beside these, and Parquet cannot hold rows without columns
    "#);
    for (text, why) in [
        (
            "id = { type = 'int8', format = '%d' }",
            "format says nothing about the type int8",
        ),
        (
            "id = { type = 'int8', default = 300 }",
            "the default \"300\" does not fit int8",
        ),
        (
            "id = { type = 'int8', time_zone = 'UTC' }",
            "time_zone says nothing about the type int8",
        ),
        (
            "id = { type = 'timestamp_utc', time_zone = 'Mars' }",
            "\"Mars\" is not a time zone",
        ),
        (
            "id = { type = 'date', format = '%Q' }",
            "\"%Q\" is not a format",
        ),
        ("id = { type = 'date', formt = '%d' }", "is not a column"),
        ("id = 7", "must be a table of columns"),
        ("'' = 'int8'", "a column must have a name"),
    ] {
        sandbox.write("s.toml", format!("[schema.columns]\n{text}\n"));
        let output = sandbox.call(&["run", "in", "out", "-c", "s.toml"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(why), "{said}");
    }
}
