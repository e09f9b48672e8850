//! The same rows in every format and compression: they arrive the same.

use std::fs::{self, File};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType, TimestampNanosecondType};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::loaded::outputs_below;
use crate::support::program::{Sandbox, fixtures};

#[test]
fn every_compression_holds_the_same_rows() {
    let expected = columns(&loaded("weather.csv.gz"));
    assert_eq!(expected.len(), 52 + 1);
    assert_eq!(
        expected[0],
        "origin Utf8|hour Int64|temp Float64|gust Float64|calm Boolean|at Timestamp(µs, \"UTC\")"
    );
    assert_eq!(expected[1], "EWR|1|39.02||false|2013-01-01T06:00:00Z");
    for name in [
        "weather.csv.bz2",
        "weather.csv.xz",
        "weather.csv.lz4",
        "weather.csv.sz",
        "bzip2-by-content.csv",
    ] {
        assert_eq!(columns(&loaded(name)), expected, "{name}");
    }
}

#[test]
fn json_holds_the_same_rows_however_it_is_written() {
    let expected = columns(&loaded("weather.csv.gz"));
    for name in ["array.json", "array-indented.json", "lines.json"] {
        assert_eq!(columns(&loaded(name)), expected, "{name}");
    }
}

#[test]
fn arrow_holds_the_same_rows_as_file_and_stream() {
    let expected = columns(&loaded("weather.csv.gz"));
    for name in [
        "file.arrow",
        "lz4.feather",
        "zstd.arrow",
        "stream.arrows",
        "stream-zstd.ipc",
    ] {
        assert_eq!(columns(&loaded(name)), expected, "{name}");
    }
}

#[test]
fn avro_holds_the_same_rows_with_every_codec() {
    let expected = columns(&loaded("weather.csv.gz"));
    for codec in ["null", "deflate", "snappy", "zstandard", "bzip2", "xz"] {
        let name = format!("avro/weather-{codec}.avro");
        assert_eq!(columns(&loaded_from(&name)), expected, "{name}");
    }
}

#[test]
fn avro_types_become_those_that_parquet_has() {
    let rows = columns(&loaded_from("avro/types.avro"));
    let head: Vec<&str> = rows[0].split('|').collect();
    assert_eq!(
        head,
        [
            "date Date32",
            "time_millis Time32(ms)",
            "time_micros Time64(µs)",
            "at_millis Timestamp(µs, \"UTC\")",
            "at_micros Timestamp(µs, \"UTC\")",
            "at_nanos Timestamp(ns, \"UTC\")",
            "local_millis Timestamp(µs)",
            "local_micros Timestamp(µs)",
            "money Decimal128(12, 2)",
            "fixed_money Decimal128(30, 4)",
            "large Decimal256(60, 10)",
            "uuid Utf8",
            "kind Utf8",
            "hash FixedSizeBinary(4)",
            "blob Binary",
            "small Int32",
            "ratio Float32",
            "tags List(Utf8)",
            "scores Map(\"entries\": non-null Struct(\"key\": non-null Utf8, \"value\": Int64), unsorted)",
            "point Struct(\"x\": Int32, \"y\": Float32)",
            "path List(Struct(\"x\": Int32, \"y\": Float32))",
            "number Int64",
            "mixed Utf8",
        ]
    );
    let row: Vec<&str> = rows[4].split('|').collect();
    assert_eq!(
        row,
        [
            "2013-01-01",
            "13:30:15.250",
            "13:30:15.250001",
            "2013-01-02T06:30:15.250Z",
            "2013-01-01T06:30:15.250001Z",
            "2013-01-01T06:30:15.250000002Z",
            "2013-01-02T06:30:15.250",
            "2013-01-01T06:30:15.250001",
            "12345.67",
            "-98765432109876543210.1234",
            "",
            "00000000-0000-0003-0000-000000000007",
            "warm",
            "0100ff01",
            "00ff00ff00ff",
            "536870912",
            "0.25",
            "[a, , é]",
            "{k0: 0, k1: 1, k2: 2}",
            "{x: 1, y: 0.5}",
            "[{x: 0, y: 0.5}]",
            "8",
            "true",
        ]
    );
}

#[test]
fn an_archive_holds_the_rows_of_its_members() {
    let expected = columns(&loaded("weather.csv.gz"));
    for name in [
        "deflated.zip",
        "bzip2.zip",
        "stored-64.zip",
        "pax.tar",
        "gnu.tgz",
        "gnu.tar.bz2",
        "ustar.tar.xz",
    ] {
        let sandbox = loaded_from(&format!("archives/{name}"));
        assert_eq!(columns(&sandbox), expected, "{name}");
    }
}

#[test]
fn an_archive_under_declared_columns_holds_the_rows_of_its_members() {
    let declared = |path: &str, policy: &str, temp: &str| {
        let sandbox = Sandbox::new();
        let name = path.rsplit('/').next().unwrap();
        let bytes = fs::read(fixtures().join(path)).unwrap();
        sandbox.write(&format!("in/{name}"), bytes);
        let temp = format!("temp={temp}");
        let columns = ["--schema-column", "origin=utf8", "--schema-column", &temp];
        let run = [
            "run",
            "in",
            "out",
            "--settle",
            "0s",
            "--schema-policy",
            policy,
        ];
        let output = sandbox.call(&[&run[..], &columns].concat());
        (sandbox, output)
    };
    for (policy, temp) in [("evolve", "decimal(8,4)"), ("rescue", "int16")] {
        let (alone, _) = declared("formats/weather.csv.gz", policy, temp);
        for name in ["deflated.zip", "gnu.tgz"] {
            let (sandbox, output) = declared(&format!("archives/{name}"), policy, temp);
            assert!(output.status.success(), "{output:?}");
            assert_eq!(columns(&sandbox), columns(&alone), "{name}");
        }
    }
    let (_, output) = declared("archives/deflated.zip", "evolve", "int16");
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        told.contains("/name.csv\": column temp must be int16 and holds float64, row 1: "),
        "{told}"
    );
}

#[test]
fn an_archive_with_a_bad_member_is_set_aside_with_its_name() {
    let sandbox = Sandbox::new();
    let mut bytes = fs::read(fixtures().join("archives/stored-64.zip")).unwrap();
    let at = bytes.windows(4).position(|four| four == b"EWR,").unwrap();
    bytes[at] = b'X';
    sandbox.write("in/a.zip", bytes);
    let output = sandbox.call(&["run", "in", "out", "--settle", "0s"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        told.contains("/name.csv\": the zip data is corrupt: its checksum is wrong"),
        "{told}"
    );
}

#[test]
fn a_workbook_holds_the_same_rows() {
    // A workbook has fifteen digits of a number, and instants without a zone.
    let rounded = |row: String| {
        let fields = row
            .trim_end_matches('Z')
            .split('|')
            .map(|field| match field.parse::<f64>() {
                Ok(number) => format!("{number:.5}"),
                Err(_) => field.to_owned(),
            });
        fields
            .collect::<Vec<_>>()
            .join("|")
            .replace(", \"UTC\"", "")
    };
    let expected = columns(&loaded("weather.csv.gz")).into_iter().map(rounded);
    let found = columns(&loaded_from("excel/weather.xlsx"))
        .into_iter()
        .map(rounded);
    assert!(found.eq(expected));
}

#[test]
fn cells_have_the_types_that_excel_says() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "in/a.xlsx",
        fs::read(fixtures().join("excel/types.xlsx")).unwrap(),
    );
    sandbox.succeed(&["run", "in", "out", "--settle", "0s", "--sheet", "types"]);
    assert_eq!(
        columns(&sandbox),
        [
            "whole Int64|float Float64|day Date32|moment Timestamp(µs)|clock Utf8|yes Boolean|text Utf8|mixed Utf8|error Utf8|column_10 Int64|formula Utf8",
            "1|1.5|2024-02-29|2024-02-29T23:59:59|10:30:00|true|007|1|||",
            "-9007199254740992|1e300|1900-03-01|1999-12-31T00:00:00|26:00:00|false|2024-01-01|x||5|",
            "0|2.0||2024-01-01T00:00:00.500||||2024-01-01|||",
        ]
    );
    let output = sandbox.call(&["run", "in", "other", "--settle", "0s", "--sheet", "typos"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        told.contains("the Excel data is corrupt: it has no sheet \"typos\""),
        "{told}"
    );
}

#[test]
fn the_first_bytes_tell_the_format_where_the_name_lies() {
    let expected = columns(&loaded("weather.csv.gz"));
    for (path, name) in [
        ("parquet/pyarrow-v2-zstd.parquet", "a.csv"),
        ("formats/file.arrow", "a.json"),
        ("avro/weather-xz.avro", "a.csv"),
    ] {
        let sandbox = Sandbox::new();
        sandbox.write(
            &format!("in/{name}"),
            fs::read(fixtures().join(path)).unwrap(),
        );
        sandbox.succeed(&["run", "in", "out", "--settle", "0s"]);
        assert_eq!(columns(&sandbox).len(), expected.len(), "{path}");
    }
    let sandbox = Sandbox::new();
    sandbox.write("in/a.ndjson", "[{\"a\": 1},\n {\"a\": 2}]");
    sandbox.write("in/b.csv", "PAR1,x\n1,2\n");
    sandbox.succeed(&["run", "in", "out", "--settle", "0s"]);
    assert_eq!(
        columns(&sandbox),
        ["a Int64|PAR1 Int64|x Int64", "1||", "2||", "|1|2"]
    );
}

#[test]
fn a_directory_of_all_formats_is_one_table() {
    let sandbox = Sandbox::new();
    let files = [
        "formats/weather.csv.gz",
        "formats/weather.csv.xz",
        "formats/array.json",
        "formats/file.arrow",
        "formats/stream-zstd.ipc",
        "avro/weather-snappy.avro",
        "archives/deflated.zip",
        "archives/gnu.tgz",
    ];
    for path in files {
        let name = path.rsplit('/').next().unwrap();
        sandbox.write(
            &format!("in/{name}"),
            fs::read(fixtures().join(path)).unwrap(),
        );
    }
    sandbox.succeed(&["run", "in", "out", "--settle", "0s"]);
    let mut rows = columns(&sandbox);
    let head = rows.remove(0);
    assert_eq!(
        head,
        "origin Utf8|hour Int64|temp Float64|gust Float64|calm Boolean|at Timestamp(µs, \"UTC\")"
    );
    rows.sort();
    let mut counts: Vec<usize> = rows.chunk_by(|a, b| a == b).map(<[String]>::len).collect();
    counts.dedup();
    assert_eq!((rows.len(), counts), (52 * files.len(), vec![files.len()]));
    let again = sandbox.call(&["run", "in", "out", "--settle", "0s"]);
    let told = String::from_utf8_lossy(&again.stderr);
    assert!(told.contains("nothing to do"), "{told}");
}

#[test]
fn lines_of_text_are_taken_when_asked_for_and_else_left_alone() {
    let sandbox = Sandbox::new();
    sandbox.write("in/a.log", "one\n\nthree");
    sandbox.write("in/b.txt", "x\n");
    sandbox.succeed(&["run", "in", "auto", "--settle", "0s"]);
    assert!(outputs_below(&sandbox.path("auto")).is_empty());
    let words = ["run", "in", "out", "--settle", "0s", "--format", "text"];
    sandbox.succeed(&words);
    assert_eq!(
        columns(&sandbox),
        [
            "line Utf8|line_number Int64",
            "one|1",
            "|2",
            "three|3",
            "x|1"
        ]
    );
}

#[test]
fn garbage_behind_compressed_data_sets_the_file_aside_and_says_so() {
    let sandbox = Sandbox::new();
    let mut bytes = fs::read(fixtures().join("formats/weather.csv.bz2")).unwrap();
    bytes.extend(b"and more");
    sandbox.write("in/a.csv.bz2", bytes);
    let output = sandbox.call(&["run", "in", "out", "--settle", "0s"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        told.contains("the bzip2 data is followed by something else"),
        "{told}"
    );
}

/// Loads one of the fixtures alone.
fn loaded(name: &str) -> Sandbox {
    loaded_from(&format!("formats/{name}"))
}

/// Loads one file of the fixtures alone.
fn loaded_from(path: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let name = path.rsplit('/').next().unwrap();
    sandbox.write(
        &format!("in/{name}"),
        fs::read(fixtures().join(path)).unwrap(),
    );
    sandbox.succeed(&["run", "in", "out", "--settle", "0s"]);
    sandbox
}

/// Returns the columns of the outputs in a line, and then every row.
pub(super) fn columns(sandbox: &Sandbox) -> Vec<String> {
    let mut lines = Vec::new();
    for path in outputs_below(&sandbox.path("out")) {
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
        let fields = reader.schema().fields().iter();
        let fields = fields.map(|field| format!("{} {}", field.name(), field.data_type()));
        lines.push(fields.collect::<Vec<_>>().join("|"));
        for batch in reader.build().unwrap() {
            let batch = batch.unwrap();
            let options = FormatOptions::default();
            let arrays: Vec<_> = batch.columns().iter().map(with_offset).collect();
            let columns: Vec<_> = arrays
                .iter()
                .map(|column| ArrayFormatter::try_new(column, &options).unwrap())
                .collect();
            for row in 0..batch.num_rows() {
                let cells = columns.iter().map(|column| column.value(row).to_string());
                lines.push(cells.collect::<Vec<_>>().join("|"));
            }
        }
    }
    lines
}

/// Returns instants with the offset of UTC in the place of its name, which only a database of zones knows.
fn with_offset(column: &ArrayRef) -> ArrayRef {
    match column.data_type() {
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => {
            let instants = column.as_primitive::<TimestampMicrosecondType>().clone();
            Arc::new(instants.with_timezone("+00:00"))
        }
        DataType::Timestamp(TimeUnit::Nanosecond, Some(_)) => {
            let instants = column.as_primitive::<TimestampNanosecondType>().clone();
            Arc::new(instants.with_timezone("+00:00"))
        }
        _ => Arc::clone(column),
    }
}
