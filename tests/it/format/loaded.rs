//! Every fixture is loaded: how many rows, in which columns, of which types.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::support::program::{Sandbox, fixtures};

#[test]
fn flights_are_loaded_with_their_days_as_partitions() {
    insta::assert_snapshot!(loaded("flights"), @r#"
    dt=2013-01-01/u000000.parquet
      842 rows
      year Int64
      month Int64
      day Int64
      dep_time Utf8
      sched_dep_time Int64
      dep_delay Utf8
      arr_time Utf8
      sched_arr_time Int64
      arr_delay Utf8
      carrier Utf8
      flight Int64
      tailnum Utf8
      origin Utf8
      dest Utf8
      air_time Utf8
      distance Int64
      hour Int64
      minute Int64
      time_hour Timestamp(µs, "UTC")
    dt=2013-01-02/u000001.parquet
      943 rows
    dt=2013-01-03/u000002.parquet
      914 rows
    dt=2013-01-04/u000003.parquet
      915 rows
    "#);
}

#[test]
fn weather_is_loaded_with_its_structs_and_lists() {
    insta::assert_snapshot!(loaded("weather"), @r#"
    u000000.parquet
      283 rows
      station Struct("origin": Utf8)
      time Timestamp(µs, "UTC")
      temp Float64
      wind List(Float64)
      precip Int64
      visib Int64
    "#);
}

#[test]
fn parquet_of_every_writer_is_loaded_and_its_rows_are_all_there() {
    let mut seen = Described::default();
    for path in parquet_fixtures() {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let sandbox = Sandbox::new();
        sandbox.write(&format!("in/{name}.parquet"), fs::read(&path).unwrap());
        sandbox.succeed(&["run", "in", "out", "--settle", "0s"]);
        let outputs = outputs_below(&sandbox.path("out"));
        seen.add(name, &outputs);
    }
    insta::assert_snapshot!(seen.text, @r#"
    duckdb-lz4_raw
      52 rows
      origin Utf8
      hour Int32
      temp Float64
      gust Float64
      calm Boolean
      at Timestamp(µs, "UTC")
    duckdb-nested
      52 rows
      station Struct("origin": Utf8, "place": Struct("hour": Int64))
      wind List(Float64)
      gusts List(Struct("speed": Float64))
    duckdb-snappy
      52 rows
      origin Utf8
      hour Int32
      temp Float64
      gust Float64
      calm Boolean
      at Timestamp(µs, "UTC")
    duckdb-zstd
      52 rows
    fastparquet-gzip
      52 rows
    fastparquet-int96
      52 rows
      origin Utf8
      hour Int32
      temp Float64
      gust Float64
      calm Boolean
      at Timestamp(ns)
    polars-nested
      52 rows
      station Struct("origin": Utf8, "place": Struct("hour": Int64))
      wind List(Float64)
      gusts List(Struct("speed": Float64))
    polars-zstd
      52 rows
      origin Utf8
      hour Int32
      temp Float64
      gust Float64
      calm Boolean
      at Timestamp(µs, "UTC")
    pyarrow-brotli
      52 rows
    pyarrow-delta-gzip
      52 rows
    pyarrow-int96
      52 rows
      origin Utf8
      hour Int32
      temp Float64
      gust Float64
      calm Boolean
      at Timestamp(ns)
    pyarrow-nested
      52 rows
      station Struct("origin": Utf8, "place": Struct("hour": Int64))
      wind List(Float64)
      gusts List(Struct("speed": Float64))
    pyarrow-no-rows: no output
    pyarrow-types
      52 rows
      temp32 Float32
      precip Decimal128(9, 3)
      small Int8
      large UInt64
      raw Binary
      day Date32
      clock Time64(µs)
      local Timestamp(µs)
      kind Utf8
    pyarrow-v1-snappy
      52 rows
      origin Utf8
      hour Int32
      temp Float64
      gust Float64
      calm Boolean
      at Timestamp(µs, "UTC")
    pyarrow-v2-zstd
      52 rows
    "#);
}

/// Returns the Parquet files among the fixtures, in order.
pub(super) fn parquet_fixtures() -> Vec<PathBuf> {
    outputs_below(&fixtures().join("parquet"))
}

fn loaded(name: &str) -> String {
    let sandbox = Sandbox::new();
    sandbox.copy_fixtures(name);
    let source = format!("fixtures/{name}");
    sandbox.succeed(&["run", &source, "out"]);
    let target = sandbox.path("out");
    let mut seen = Described::default();
    for path in outputs_below(&target) {
        let name = path.strip_prefix(&target).unwrap().display().to_string();
        seen.add(&name, &[path]);
    }
    seen.text
}

/// Returns the Parquet files below a directory, in order.
pub(super) fn outputs_below(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("_strandline") {
            found.extend(outputs_below(&path));
        } else if path
            .extension()
            .is_some_and(|extension| extension == "parquet")
        {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// What was found in files, with columns told only where they differ from those before.
#[derive(Default)]
struct Described {
    text: String,
    columns: String,
}

impl Described {
    fn add(&mut self, name: &str, files: &[PathBuf]) {
        let none = if files.is_empty() { ": no output" } else { "" };
        writeln!(self.text, "{name}{none}").unwrap();
        for file in files {
            let file = File::open(file).unwrap();
            let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
            let rows = reader.metadata().file_metadata().num_rows();
            let mut columns = String::new();
            for field in reader.schema().fields() {
                writeln!(columns, "  {} {}", field.name(), field.data_type()).unwrap();
            }
            writeln!(self.text, "  {rows} rows").unwrap();
            if columns != self.columns {
                self.text.push_str(&columns);
                self.columns = columns;
            }
        }
    }
}
