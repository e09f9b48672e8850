//! A step of the user's own on the rows, as a library has it: incremental and full come to the same.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema, SchemaRef};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use strandline::config::Key;
use strandline::engine::{BuildError, Pipeline};
use strandline::transform::{StepError, Transform};

/// Writes every row `times` times, beside the number of columns that its file has. It has no use for files with a column
/// `secret`, and for rows in which `n` is 13.
struct Repeat {
    times: usize,
}

impl Transform for Repeat {
    fn identity(&self) -> String {
        format!("repeat {}", self.times)
    }

    fn columns(&self, own: &SchemaRef) -> Result<SchemaRef, StepError> {
        if own.index_of("secret").is_ok() {
            return Err("it has secrets".into());
        }
        let width = Arc::new(Field::new("width", DataType::Int64, true));
        let fields = own.fields().iter().cloned().chain([width]);
        Ok(Arc::new(Schema::new(fields.collect::<Vec<_>>())))
    }

    fn rows(&self, rows: RecordBatch) -> Result<RecordBatch, StepError> {
        if let Some(column) = rows.column_by_name("n") {
            let unlucky = match column.data_type() {
                DataType::Int64 => column
                    .as_primitive::<Int64Type>()
                    .iter()
                    .flatten()
                    .any(|n| n == 13),
                DataType::Float64 => column
                    .as_primitive::<Float64Type>()
                    .iter()
                    .flatten()
                    .any(|n| n.to_bits() == 13.0_f64.to_bits()),
                _ => false,
            };
            if unlucky {
                return Err("13 is unlucky".into());
            }
        }
        let width = i64::try_from(rows.num_columns())?;
        let width: ArrayRef = Arc::new(Int64Array::from(vec![width; rows.num_rows()]));
        let columns = rows.columns().iter().cloned().chain([width]).collect();
        let one = RecordBatch::try_new(self.columns(&rows.schema())?, columns)?;
        let all = vec![one; self.times];
        Ok(arrow::compute::concat_batches(&all[0].schema(), &all)?)
    }
}

fn pipeline(home: &Path, target: &str, times: usize) -> Pipeline {
    Pipeline::builder(home.join("in"), home.join(target))
        .transform(Repeat { times })
        .set(Key::Settle, "0s")
        .build()
        .unwrap()
}

/// Returns the rows of all outputs, each with its columns and types.
fn rows(target: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(target).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap());
        for batch in reader.unwrap().build().unwrap() {
            let batch = batch.unwrap();
            let options = FormatOptions::default().with_null("-");
            let show = |row: usize| {
                let columns = batch.schema_ref().fields().iter().zip(batch.columns());
                let cells = columns.map(|(field, column)| {
                    let cell = ArrayFormatter::try_new(column, &options).unwrap();
                    format!("{}:{}={}", field.name(), field.data_type(), cell.value(row))
                });
                cells.collect::<Vec<_>>().join(" ")
            };
            found.extend((0..batch.num_rows()).map(show));
        }
    }
    found.sort();
    found
}

fn same_as_a_full_reload(home: &Path, times: usize) -> Vec<String> {
    let fresh = home.join("fresh");
    fs::remove_dir_all(&fresh).ok();
    pipeline(home, "fresh", times).run().unwrap();
    let found = rows(&home.join("out"));
    assert_eq!(found, rows(&fresh));
    found
}

#[test]
fn a_step_comes_to_the_same_incrementally_and_at_once() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    fs::create_dir(home.join("in")).unwrap();
    let write = |name: &str, text: &str| fs::write(home.join("in").join(name), text).unwrap();
    write("a.csv", "n\n1\n2\n");
    let report = pipeline(home, "out", 2).run().unwrap();
    assert_eq!(report.rows.written, 4);

    // A wider type elsewhere: the step sees whole numbers in one file and fractions in the other.
    write("b.csv", "n,note\n1.5,x\n");
    write("c.ndjson", "{\"n\": 3, \"note\": \"y\", \"more\": true}\n");
    pipeline(home, "out", 2).run().unwrap();
    let found = same_as_a_full_reload(home, 2);
    assert_eq!(found.len(), 8);
    assert!(
        found.iter().all(|row| row.contains("n:Float64=")),
        "{found:?}"
    );
    assert!(
        found
            .iter()
            .any(|row| row.contains("n:Float64=1.5 ") && row.contains("width:Int64=2")),
        "{found:?}"
    );

    // What a step refuses sets the file aside, and nothing else.
    write("d.csv", "n,secret\n1,s\n");
    write("e.csv", "n\n12\n13\n");
    let report = pipeline(home, "out", 2).run().unwrap();
    assert_eq!(report.files.quarantined, 2);
    let reasons: Vec<&str> = report
        .errors
        .iter()
        .map(|error| error.message.as_str())
        .collect();
    assert!(
        reasons[0].contains("the transform refuses the columns: it has secrets"),
        "{reasons:?}"
    );
    assert!(
        reasons[1].contains("the transform refuses a row: 13 is unlucky"),
        "{reasons:?}"
    );
    assert_eq!(same_as_a_full_reload(home, 2), found);

    // Nothing to do is free, and another version of the step is other rows.
    assert_eq!(pipeline(home, "out", 2).run().unwrap().units.written, 0);
    let report = pipeline(home, "out", 1).run().unwrap();
    assert!(report.units.written > 0);
    assert_eq!(same_as_a_full_reload(home, 1).len(), 4);
}

#[test]
fn a_step_and_declared_columns_exclude_each_other() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("in")).unwrap();
    let built = Pipeline::builder(home.path().join("in"), home.path().join("out"))
        .transform(Repeat { times: 1 })
        .set(Key::SchemaColumn, "n=int64")
        .build();
    assert!(matches!(built.err(), Some(BuildError::Declared)));
}

#[test]
fn a_builder_refuses_what_the_command_line_does() {
    let home = tempfile::tempdir().unwrap();
    let (source, target) = (home.path().join("in"), home.path().join("in/out"));
    fs::create_dir(&source).unwrap();
    let error = Pipeline::builder(&source, &target).build().err().unwrap();
    assert!(error.to_string().contains("lies in the source"), "{error}");
    let error = Pipeline::builder(&source, home.path().join("out"))
        .set(Key::Threads, "none")
        .build()
        .err()
        .unwrap();
    assert_eq!(error.to_string(), "threads is \"none\", which it cannot be");
}

/// Calls every column by another name, and has no use for files without a column `a`.
struct Rename;

impl Transform for Rename {
    fn identity(&self) -> String {
        "rename".to_owned()
    }

    fn columns(&self, own: &SchemaRef) -> Result<SchemaRef, StepError> {
        own.index_of("a")?;
        let renamed = |field: &Arc<Field>| {
            Arc::new(
                field
                    .as_ref()
                    .clone()
                    .with_name(format!("{}_x", field.name())),
            )
        };
        Ok(Arc::new(Schema::new(
            own.fields().iter().map(renamed).collect::<Vec<_>>(),
        )))
    }

    fn rows(&self, rows: RecordBatch) -> Result<RecordBatch, StepError> {
        let schema = self.columns(&rows.schema())?;
        Ok(RecordBatch::try_new(schema, rows.columns().to_vec())?)
    }
}

#[test]
fn rows_that_only_outputs_hold_have_been_through_the_step_already() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    fs::create_dir(home.join("in")).unwrap();
    let write = |name: &str, text: &str| fs::write(home.join("in").join(name), text).unwrap();
    let run = || {
        let pipeline = Pipeline::builder(home.join("in"), home.join("out"))
            .transform(Rename)
            .set(Key::Settle, "0s")
            .set(Key::OnDelete, "retain")
            .build();
        pipeline.unwrap().run().unwrap()
    };
    write("a.csv", "a,b\n1,x\n");
    write("b.csv", "a\n2\n");
    run();
    let before = rows(&home.join("out"));
    fs::remove_file(home.join("in/a.csv")).unwrap();
    write("b.csv", "a\n3\n");
    run();
    let expected: Vec<String> = before
        .iter()
        .map(|row| row.replace("a_x:Int64=2", "a_x:Int64=3"))
        .collect();
    assert_eq!(rows(&home.join("out")), expected);
    assert!(
        expected
            .iter()
            .any(|row| row.contains("a_x:Int64=1") && row.contains("b_x:Utf8=x")),
        "{expected:?}"
    );
}

#[test]
fn a_step_sees_all_columns_of_a_file_in_every_batch_and_is_not_asked_about_empty_files() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    fs::create_dir(home.join("in")).unwrap();
    let line = |n: usize| match n {
        0..15_000 => format!("{{\"a\":{n}}}\n"),
        _ => format!("{{\"a\":{n},\"late\":true}}\n"),
    };
    let text: String = (0..20_000).map(line).collect();
    fs::write(home.join("in/a.ndjson"), text).unwrap();
    fs::write(home.join("in/empty.csv"), "").unwrap();
    fs::write(home.join("in/blank.ndjson"), "\n\n").unwrap();
    for (target, threads) in [("out-1", "1"), ("out-4", "4")] {
        let pipeline = Pipeline::builder(home.join("in"), home.join(target))
            .transform(Repeat { times: 1 })
            .set(Key::Settle, "0s")
            .set(Key::Threads, threads)
            .build();
        let report = pipeline.unwrap().run().unwrap();
        assert_eq!(
            (report.rows.written, report.files.quarantined),
            (20_000, 0),
            "{:?}",
            report.errors
        );
        assert!(
            rows(&home.join(target))
                .iter()
                .all(|row| row.contains("width:Int64=2"))
        );
    }
}

/// Tells a column twice.
struct Twice;

impl Transform for Twice {
    fn identity(&self) -> String {
        "twice".to_owned()
    }

    fn columns(&self, own: &SchemaRef) -> Result<SchemaRef, StepError> {
        let fields = own.fields().iter().chain(own.fields()).cloned();
        Ok(Arc::new(Schema::new(fields.collect::<Vec<_>>())))
    }

    fn rows(&self, rows: RecordBatch) -> Result<RecordBatch, StepError> {
        let columns = rows.columns().iter().chain(rows.columns()).cloned();
        let schema = self.columns(&rows.schema())?;
        Ok(RecordBatch::try_new(schema, columns.collect())?)
    }
}

#[test]
fn a_column_that_a_step_tells_twice_is_not_lost_without_a_word() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    fs::create_dir(home.join("in")).unwrap();
    fs::write(home.join("in/a.csv"), "a\n1\n").unwrap();
    let pipeline = Pipeline::builder(home.join("in"), home.join("out"))
        .transform(Twice)
        .set(Key::Settle, "0s")
        .build();
    let report = pipeline.unwrap().run().unwrap();
    assert_eq!(report.files.quarantined, 1);
    let reason = &report.errors[0].message;
    assert!(
        reason.contains("the transform tells column a twice"),
        "{reason}"
    );
}
