//! Outputs as pyarrow and DuckDB read them, against the inputs as the same programs read them.
//!
//! These tests need both; `.ci/run` installs them and says where by `READERS_PYTHON`.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::loaded::parquet_fixtures;
use crate::support::program::{Sandbox, fixtures};

#[test]
#[ignore = "needs pyarrow and duckdb; .ci/run installs them"]
fn other_readers_find_the_flights_of_a_full_reload_after_every_change() {
    let sandbox = Sandbox::new();
    sandbox.copy_fixtures("flights");
    let check = || {
        sandbox.succeed(&["run", "fixtures/flights", "out", "--settle", "0s"]);
        read(&sandbox, "csv", &["fixtures/flights", "out"])
    };
    assert_eq!(check(), "duckdb 3614\npyarrow 3614\n");

    let first = "fixtures/flights/dt=2013-01-01/flights.csv";
    let text = fs::read_to_string(sandbox.path(first)).unwrap();
    let half: String = text.split_inclusive('\n').take(400).collect();
    sandbox.write(first, half);
    fs::remove_file(sandbox.path("fixtures/flights/dt=2013-01-02/flights.csv")).unwrap();
    sandbox.write(
        "fixtures/flights/dt=2013-01-05/late.csv",
        late_flights(&text),
    );
    assert_eq!(check(), "duckdb 2233\npyarrow 2233\n");
    read(&sandbox, "footers", &["out"]);
}

/// Returns five flights with one column more and one that is no number any more.
fn late_flights(text: &str) -> String {
    let (header, rows) = text.split_once('\n').unwrap();
    let rows = rows
        .lines()
        .take(5)
        .map(|row| format!("{},late\n", row.replacen("2013", "MMXIII", 1)));
    format!("{header},remark\n{}", rows.collect::<String>())
}

#[test]
#[ignore = "needs pyarrow and duckdb; .ci/run installs them"]
fn other_readers_find_the_same_flights_partitioned_by_columns() {
    let sandbox = Sandbox::new();
    sandbox.copy_fixtures("flights");
    let by = ["--partition-by", "origin,carrier", "--include", "*.csv*"];
    let words = [&["run", "fixtures/flights", "out"][..], &by[..]].concat();
    sandbox.succeed(&words);
    read(&sandbox, "footers", &["out"]);
    assert_eq!(
        read(&sandbox, "csv", &["fixtures/flights", "out"]),
        "duckdb 3614\npyarrow 3614\n"
    );
}

#[test]
#[ignore = "needs pyarrow and duckdb; .ci/run installs them"]
fn other_readers_find_the_same_flights_however_they_are_written() {
    for how in [
        &["--encodings", "plain", "--compression", "snappy"][..],
        &["--compression", "lz4", "--page-size", "4KiB"],
        &["--compression", "gzip", "--row-group-rows", "1024"],
        &["--compression", "none", "--bloom-filter", "tailnum,flight"],
        &[
            "--sort-by",
            "carrier,distance DESC",
            "--bloom-filter",
            "tailnum",
        ],
    ] {
        let sandbox = Sandbox::new();
        sandbox.copy_fixtures("flights");
        sandbox.succeed(&[&["run", "fixtures/flights", "out"][..], how].concat());
        read(&sandbox, "footers", &["out"]);
        assert_eq!(
            read(&sandbox, "csv", &["fixtures/flights", "out"]),
            "duckdb 3614\npyarrow 3614\n",
            "{how:?}"
        );
    }
}

#[test]
#[ignore = "needs pyarrow and duckdb; .ci/run installs them"]
fn other_readers_find_the_weather_as_it_was() {
    let sandbox = Sandbox::new();
    sandbox.copy_fixtures("weather");
    sandbox.succeed(&["run", "fixtures/weather", "out"]);
    let source = "fixtures/weather/2013-01.ndjson";
    assert_eq!(read(&sandbox, "ndjson", &[source, "out"]), "duckdb 283\n");
    read(&sandbox, "footers", &["out"]);
}

#[test]
#[ignore = "needs pyarrow and duckdb; .ci/run installs them"]
fn other_readers_find_the_rows_that_each_parquet_writer_wrote() {
    for path in parquet_fixtures() {
        let sandbox = Sandbox::new();
        sandbox.write("in/a.parquet", fs::read(&path).unwrap());
        sandbox.succeed(&["run", "in", "out"]);
        if sandbox.path("out").read_dir().unwrap().count() == 1 {
            assert!(
                path.ends_with("pyarrow-no-rows.parquet"),
                "{path:?} has no output"
            );
            continue;
        }
        assert_eq!(
            read(&sandbox, "parquet", &["in/a.parquet", "out"]),
            "pyarrow 52\nduckdb 52\n"
        );
    }
}

#[test]
#[ignore = "needs pyarrow and duckdb; .ci/run installs them"]
fn uuids_of_other_writers_are_uuids_to_other_readers() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("in")).unwrap();
    read(&sandbox, "uuids", &["in"]);
    sandbox.succeed(&["run", "in", "out", "--settle", "0s", "--sort-by", "id"]);
    assert_eq!(
        read(&sandbox, "same", &["in", "out"]),
        "duckdb 6\nduckdb id UUID ids UUID[]\n\
         pyarrow id extension<arrow.uuid> ids list<item: extension<arrow.uuid>>\n"
    );
}

#[test]
#[ignore = "needs pyarrow, polars, duckdb and spark; .ci/run installs them"]
fn the_common_readers_find_the_same_values_under_every_encoding() {
    let sandbox = Sandbox::new();
    // Enough rows for pages and dictionaries to be what they are in large files.
    let line = |number: u64| {
        let day = number % 28 + 1;
        format!(
            "{number},{},2024-02-{day:02},2024-02-{day:02}T10:{:02}:00.25Z,2024-02-{day:02} 23:59:59,{}.{:02},{},{},\"note {}\"\n",
            number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 3,
            number % 60,
            number % 977,
            number % 100,
            ["DE", "FR", ""][usize::try_from(number % 3).unwrap()],
            number.is_multiple_of(2),
            number.wrapping_mul(0xD6E8_FEB8_6659_FD93),
        )
    };
    let rows: String = (0..20_000).map(line).collect();
    sandbox.write(
        "in/a.csv",
        format!("id,large,day,at,local,amount,country,even,note\n{rows}"),
    );
    sandbox.write(
        "in/b.ndjson",
        "{\"id\": -1, \"list\": [1, null, 3], \"inner\": {\"a\": \"x\", \"b\": [{\"c\": 1.5}]}}\n",
    );
    sandbox.succeed(&["run", "in", "out"]);
    let read = read(&sandbox, "everyone", &["out"]);
    assert_eq!(read, "polars 20001\nduckdb 20001\nspark 20001\n");
}

#[test]
#[ignore = "needs pyarrow, polars and duckdb; .ci/run installs them"]
fn other_readers_find_the_comments_that_pyarrow_wrote() {
    let sandbox = Sandbox::new();
    sandbox.write("in/b.csv", "x,y\n3,c\n");
    read(&sandbox, "remark", &["in/a.parquet"]);
    sandbox.succeed(&["run", "in", "out", "--settle", "0s", "--schema-metadata"]);
    assert_eq!(
        read(&sandbox, "comments", &["out"]),
        "pyarrow {'owner': 'sea'} {'x': {'comment': 'metres'}, 'y': {}}\npolars sea\nduckdb sea\n"
    );
    read(&sandbox, "footers", &["out"]);
}

fn read(sandbox: &Sandbox, what: &str, words: &[&str]) -> String {
    let python = std::env::var("READERS_PYTHON").expect("READERS_PYTHON, as .ci/run sets it");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/format/readers.py");
    let mut command = Command::new(python);
    sandbox.seal(&mut command);
    let output = command.arg(script).arg(what).args(words).output().unwrap();
    assert!(
        output.status.success(),
        "{what} {words:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
#[ignore = "needs pyarrow and duckdb; .ci/run installs them"]
fn the_query_of_the_readme_finds_the_flights_of_the_tour() {
    let (sandbox, sql) = crate::readme::after_the_tour();
    assert_eq!(
        read(&sandbox, "sql", &[&sql]),
        "2013-01-01 842\n2013-01-02 943\n2013-01-03 914\n2013-01-04 915\n"
    );
}

#[test]
#[ignore = "needs pyarrow and fastavro; .ci/run installs them"]
fn another_reader_finds_the_rows_that_fastavro_wrote() {
    for (name, rows) in [
        ("types", 5),
        ("weather-null", 52),
        ("weather-snappy", 52),
        ("weather-zstandard", 52),
    ] {
        let sandbox = Sandbox::new();
        let path = fixtures().join("avro").join(format!("{name}.avro"));
        sandbox.write("in/a.avro", fs::read(path).unwrap());
        sandbox.succeed(&["run", "in", "out"]);
        let read = read(&sandbox, "avro", &["in/a.avro", "out"]);
        assert_eq!(read, format!("fastavro {rows}\n"), "{name}");
    }
}
