//! What files say about themselves: what stands in the outputs of it, and that it does not matter how they came about.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use strandline::config::{Expectation, OnDelete, OnFail, RowSql, SchemaMetadata, Writing};
use strandline::engine::{self, Control};
use strandline::model::{ByteSize, RunReport, RunStatus};

use super::world::{Setup, World};

/// A Parquet file with the columns `x` and `k`.
#[derive(Clone)]
struct File<'a> {
    rows: std::ops::Range<i64>,
    /// Keys and texts, of the file (`owner=sea`) and of `x` (`x.comment=metres`).
    says: &'a [&'a str],
}

fn file<'a>(rows: std::ops::Range<i64>, says: &'a [&'a str]) -> File<'a> {
    File { rows, says }
}

impl File<'_> {
    fn bytes(&self) -> Vec<u8> {
        let (mut file, mut column) = (HashMap::new(), HashMap::new());
        for text in self.says {
            let (key, text) = text.split_once('=').unwrap();
            match key.strip_prefix("x.") {
                Some(key) => column.insert(key.to_owned(), text.to_owned()),
                None => file.insert(key.to_owned(), text.to_owned()),
            };
        }
        let fields = vec![
            Field::new("x", DataType::Int64, true).with_metadata(column),
            Field::new("k", DataType::Utf8, true),
        ];
        let schema = Arc::new(Schema::new_with_metadata(fields, file));
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(self.rows.clone()));
        let keys = self
            .rows
            .clone()
            .map(|row| ["a", "b"][usize::from(row % 2 == 0)]);
        let keys: ArrayRef = Arc::new(StringArray::from_iter_values(keys));
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![numbers, keys]).unwrap();
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, schema, None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        bytes
    }
}

fn setup() -> Setup {
    Setup {
        unit_size: 1 << 20,
        unit_files: 10,
        memory: 1 << 20,
        ..Setup::default()
    }
}

fn retaining() -> Setup {
    Setup {
        on_delete: OnDelete::Retain,
        ..setup()
    }
}

/// A world without a model of what it must hold, whose outputs say what their files do.
fn world(setup: &Setup, files: &[(&str, File<'_>)]) -> World {
    let mut world = World::new(setup.clone());
    world.definition.writing.schema_metadata = SchemaMetadata::Kept;
    write(&world, files);
    world
}

fn write(world: &World, files: &[(&str, File<'_>)]) {
    for (path, file) in files {
        world.source.write(path, file.bytes());
    }
}

fn run(world: &World) -> RunReport {
    run_to(world, RunStatus::Done)
}

fn run_to(world: &World, status: RunStatus) -> RunReport {
    world.clock.advance(Duration::from_mins(1));
    let report = engine::run(&world.pipeline(), &Control::default()).unwrap();
    assert_eq!(report.status, status, "{report:?}");
    report
}

fn outputs(world: &World) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = world.disk.files().into_iter();
    files
        .filter(|(path, _)| path.extension().is_some_and(|end| end == "parquet"))
        .collect()
}

/// What is loaded where nothing was there before.
fn fresh(setup: &Setup, files: &[(&str, File<'_>)]) -> BTreeMap<PathBuf, Vec<u8>> {
    let world = world(setup, files);
    run(&world);
    outputs(&world)
}

/// What an output says as readers find it, in order: of the file (`owner=sea`), and of columns (`x.comment=metres`).
fn said(bytes: &[u8]) -> Vec<String> {
    let bytes = Bytes::copy_from_slice(bytes);
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
    let schema = reader.schema();
    let file = schema.metadata().iter();
    let file = file.filter(|(key, _)| !key.starts_with("strandline."));
    let columns = schema.fields().iter().flat_map(|field| {
        let texts = field.metadata().iter();
        texts.map(|(key, text)| format!("{}.{key}={text}", field.name()))
    });
    let mut said: Vec<String> = file
        .map(|(key, text)| format!("{key}={text}"))
        .chain(columns)
        .collect();
    said.sort();
    said
}

/// What all outputs of a world say.
fn all_say(world: &World) -> Vec<String> {
    let mut all = outputs(world).into_values().map(|bytes| said(&bytes));
    let first = all.next().unwrap();
    assert!(all.all(|other| other == first));
    first
}

const SEA: &[&str] = &["owner=sea", "licence=a", "x.comment=metres"];
const LAND: &[&str] = &["owner=sea", "licence=b", "x.comment=metres", "area=7"];
const BOTH: [&str; 3] = ["area=7", "owner=sea", "x.comment=metres"];

#[test]
fn outputs_say_what_their_files_agree_about() {
    let layout = [
        "pandas={}",
        "org.apache.spark.version=4",
        "x.PARQUET:field_id=1",
    ];
    let says = [SEA, &layout].concat();
    let files = [
        ("a.parquet", file(0..3, &says)),
        ("b.parquet", file(3..5, LAND)),
    ];
    for partition_by in [false, true] {
        let world = world(
            &Setup {
                partition_by,
                ..setup()
            },
            &files,
        );
        world.source.write("c.csv", "x,k\n7,a\n");
        run(&world);
        assert_eq!(all_say(&world), BOTH);
    }
}

#[test]
fn the_choice_is_part_of_the_definition_and_without_it_outputs_say_nothing() {
    let files = [
        ("a.parquet", file(0..3, SEA)),
        ("b.parquet", file(3..5, LAND)),
    ];
    let silent = |says| {
        [
            ("a.parquet", file(0..3, says)),
            ("b.parquet", file(3..5, says)),
        ]
    };
    let mut world = world(&setup(), &files);
    world.definition.writing = Writing::default();
    run(&world);
    let plain = outputs(&world);
    assert_eq!(all_say(&world), [""; 0]);
    world.definition.writing.schema_metadata = SchemaMetadata::Kept;
    assert_eq!(run(&world).outputs.written, 1);
    assert_eq!(all_say(&world), BOTH);
    assert_eq!(run(&world).units.planned, 0);
    world.definition.writing = Writing::default();
    assert_eq!(run(&world).outputs.written, 1);
    assert!(outputs(&world) == plain);
    // Of files that say nothing only the fingerprint is another.
    let [with, without] = [SchemaMetadata::Kept, SchemaMetadata::Dropped].map(|kept| {
        let mut silent = self::world(&setup(), &silent(&[]));
        silent.definition.writing.schema_metadata = kept;
        run(&silent);
        let mut outputs = outputs(&silent).into_values();
        outputs.next().unwrap()
    });
    assert_eq!(with.len(), without.len());
}

#[test]
fn a_file_of_which_only_the_comments_change_is_loaded_again() {
    let b = ("b.parquet", file(3..5, SEA));
    let world = world(&setup(), &[("a.parquet", file(0..3, SEA)), b.clone()]);
    run(&world);
    assert_eq!(
        all_say(&world),
        ["licence=a", "owner=sea", "x.comment=metres"]
    );
    let changed = ("a.parquet", file(0..3, &["owner=sea", "x.comment=miles"]));
    write(&world, std::slice::from_ref(&changed));
    assert_eq!(run(&world).outputs.written, 1);
    assert_eq!(all_say(&world), ["licence=a", "owner=sea"]);
    assert!(outputs(&world) == fresh(&setup(), &[changed, b]));
}

#[test]
fn files_whose_rows_are_carried_over_still_say_what_they_said() {
    for (partition_by, rows_of_b) in [(false, 3..5), (true, 3..5), (false, 0..0), (true, 0..0)] {
        let setup = Setup {
            partition_by,
            ..retaining()
        };
        let b = ("b.parquet", file(rows_of_b, LAND));
        let world = world(&setup, &[("a.parquet", file(0..3, SEA)), b.clone()]);
        run(&world);
        world.source.remove("b.parquet");
        run(&world);
        for says in [&["licence=b"][..], &["owner=land"], SEA] {
            let a = ("a.parquet", file(10..13, says));
            write(&world, std::slice::from_ref(&a));
            run(&world);
            assert!(
                outputs(&world) == fresh(&setup, &[a, b.clone()]),
                "{says:?}"
            );
        }
        assert_eq!(all_say(&world), BOTH);
    }
}

#[test]
fn a_file_that_has_become_bad_still_says_what_it_said() {
    let b = ("b.parquet", file(3..5, LAND));
    let world = world(&setup(), &[("a.parquet", file(0..3, SEA)), b.clone()]);
    run(&world);
    world.source.write("b.parquet", "no more");
    let a = ("a.parquet", file(10..13, SEA));
    write(&world, std::slice::from_ref(&a));
    run_to(&world, RunStatus::Quarantined);
    assert_eq!(all_say(&world), BOTH);
    assert!(outputs(&world) == fresh(&setup(), &[a, b]));
}

#[test]
fn a_file_that_was_renamed_and_is_gone_still_says_what_it_said() {
    let b = file(3..5, LAND);
    let world = world(
        &retaining(),
        &[("a.parquet", file(0..3, SEA)), ("b.parquet", b.clone())],
    );
    run(&world);
    world.source.rename("b.parquet", "c.parquet");
    assert_eq!(run(&world).files.renamed, 1);
    world.source.remove("c.parquet");
    run(&world);
    let a = ("a.parquet", file(10..13, SEA));
    write(&world, std::slice::from_ref(&a));
    run(&world);
    assert_eq!(all_say(&world), BOTH);
    assert!(outputs(&world) == fresh(&retaining(), &[a, ("c.parquet", b)]));
}

#[test]
fn a_ledger_that_was_rebuilt_has_the_comments_of_files_that_are_gone() {
    let b = ("b.parquet", file(3..5, LAND));
    let mut world = world(&retaining(), &[("a.parquet", file(0..3, SEA)), b.clone()]);
    run(&world);
    let before = outputs(&world);
    world.lose_ledger();
    engine::recover(&world.target()).unwrap();
    world.source.remove("b.parquet");
    run(&world);
    assert!(outputs(&world) == before);
    world.lose_ledger();
    engine::recover(&world.target()).unwrap();
    let a = ("a.parquet", file(10..13, SEA));
    write(&world, std::slice::from_ref(&a));
    run(&world);
    assert!(outputs(&world) == fresh(&retaining(), &[a, b]));
}

#[test]
fn outputs_that_are_full_before_the_last_file_is_read_say_no_more_than_all_agree_about() {
    // More outputs than are kept open until everything is known.
    let files = [
        ("a.parquet", file(0..25_000, SEA)),
        ("b.parquet", file(25_000..26_000, LAND)),
    ];
    let bytes = [1, 4].map(|threads| {
        let mut world = world(&Setup { threads, ..setup() }, &files);
        // Text where a look at the beginning finds numbers: what is known of it then is not what it says.
        let late = (0..20_000).map(|row| format!("{row},a\n"));
        let late = format!("x,k\n{}late,a\n", late.collect::<String>());
        world.source.write("c.csv", late);
        world.definition.writing.row_group_rows = 1024;
        world.definition.target_file_size = ByteSize(1);
        run(&world);
        assert_eq!(all_say(&world), BOTH);
        outputs(&world)
    });
    assert!(bytes[0].len() > 20, "{}", bytes[0].len());
    assert!(bytes[0] == bytes[1]);
}

#[test]
fn what_sql_makes_of_a_column_keeps_its_comment_under_its_name_and_rows_set_aside_have_none() {
    let mut world = world(&setup(), &[("a.parquet", file(0..3, SEA))]);
    world.definition.sql = RowSql {
        select: Some("x + 1 AS x, x AS y".to_owned()),
        expect: vec![Expectation {
            name: "small".to_owned(),
            sql: "x < 3".to_owned(),
            on_fail: OnFail::QuarantineRow,
        }],
        ..RowSql::default()
    };
    run(&world);
    let said = outputs(&world).into_iter().map(|(path, bytes)| {
        let is_aside = path.starts_with("/out/_strandline");
        (is_aside, said(&bytes))
    });
    let said: BTreeMap<bool, Vec<String>> = said.collect();
    assert_eq!(said[&false], ["licence=a", "owner=sea", "x.comment=metres"]);
    assert_eq!(said[&true], [""; 0]);
}
