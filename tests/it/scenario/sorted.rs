//! Rows that are sorted: what stands in the outputs, and that rows which can only be carried over are found in them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use strandline::config::OnDelete;
use strandline::model::{ByteSize, RunReport, RunStatus};

use super::read_back::read_back;
use super::world::{Setup, World, sorted_by};

const KEY: &[&str] = &["x"];

/// CSV of which every third row has no key, with keys that repeat from file to file.
fn csv(seed: i64, rows: i64) -> String {
    let line = |row: i64| match row % 3 {
        0 => format!(",{row} of {seed}\n"),
        _ => format!("{},{row} of {seed}\n", (row * 7 + seed) % 10),
    };
    "x,note\n".to_owned() + &(0..rows).map(line).collect::<String>()
}

fn setup() -> Setup {
    Setup {
        sort_by: KEY,
        unit_size: 1 << 20,
        unit_files: 10,
        ..Setup::default()
    }
}

fn world_of(setup: &Setup, files: &[(&str, String)]) -> World {
    let mut world = World::new(setup.clone());
    for (path, text) in files {
        world.source.write(path, text.as_str());
    }
    run(&mut world);
    world
}

fn files() -> [(&'static str, String); 3] {
    files_times(1)
}

fn files_times(times: i64) -> [(&'static str, String); 3] {
    [
        ("a.csv", csv(1, 40 * times)),
        ("b.csv", csv(2, 50 * times)),
        ("c.csv", csv(3, 60 * times)),
    ]
}

/// A run under the eyes of the model.
fn run(world: &mut World) -> RunReport {
    world.clock.advance(Duration::from_mins(1));
    world.run().unwrap()
}

fn outputs(world: &World) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = world.disk.files().into_iter();
    files
        .filter(|(path, _)| path.extension().is_some_and(|end| end == "parquet"))
        .collect()
}

/// The keys and notes of the rows, as they stand in a file.
fn rows(bytes: &[u8]) -> Vec<(Option<i64>, String)> {
    let bytes = Bytes::copy_from_slice(bytes);
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
    let mut rows = Vec::new();
    for batch in reader.build().unwrap() {
        let batch = batch.unwrap();
        let notes = batch.column_by_name("note").unwrap().as_string::<i32>();
        let keys = batch.column_by_name("x").unwrap();
        let keys = keys.as_primitive::<Int64Type>().iter();
        rows.extend(keys.zip(notes.iter().map(|note| note.unwrap().to_owned())));
    }
    rows
}

/// What rows come to when the standard library sorts them: nulls last, equal ones in the order of the files.
fn expected(files: &[(&str, String)], back: bool) -> Vec<(Option<i64>, String)> {
    let lines = files.iter().flat_map(|(_, text)| text.lines().skip(1));
    let mut rows: Vec<(Option<i64>, String)> = lines
        .map(|line| {
            let (key, note) = line.split_once(',').unwrap();
            (key.parse().ok(), note.to_owned())
        })
        .collect();
    rows.sort_by_key(|(key, _)| (key.is_none(), key.map(|key| if back { -key } else { key })));
    rows
}

#[test]
fn rows_of_all_files_are_sorted_together_and_ties_stay_in_the_order_of_the_files() {
    for (sort_by, back) in [(KEY, false), (&["x DESC"], true)] {
        let world = world_of(&Setup { sort_by, ..setup() }, &files());
        let outputs = outputs(&world);
        assert_eq!(outputs.len(), 1);
        let bytes = outputs.values().next().unwrap();
        assert_eq!(rows(bytes), expected(&files(), back));
        let metadata = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes.clone()));
        let metadata = metadata.unwrap().metadata().clone();
        for group in metadata.row_groups() {
            let sorted = &group.sorting_columns().unwrap()[0];
            let said = (sorted.column_idx, sorted.descending, sorted.nulls_first);
            assert_eq!(said, (0, back, false));
        }
    }
}

#[test]
fn neither_the_memory_nor_the_number_of_threads_changes_a_byte() {
    let bytes_with = |memory, threads, partition_by| {
        let files =
            files().map(|(path, text)| (path, text.replace("x,note", "x,k").replace(" of ", "_")));
        let setup = Setup {
            memory,
            threads,
            partition_by,
            ..setup()
        };
        let world = world_of(&setup, &files);
        outputs(&world)
    };
    for partition_by in [false, true] {
        let roomy = bytes_with(64 << 20, 1, partition_by);
        for (memory, threads) in [(512, 1), (4096, 3)] {
            assert!(bytes_with(memory, threads, partition_by) == roomy);
        }
    }
}

#[test]
fn an_edit_and_a_removal_come_to_the_bytes_of_a_fresh_run() {
    let mut world = world_of(&setup(), &files());
    world.source.write("a.csv", csv(9, 33).as_str());
    world.source.remove("b.csv");
    run(&mut world);
    let left = [("a.csv", csv(9, 33)), ("c.csv", csv(3, 60))];
    assert!(outputs(&world) == outputs(&world_of(&setup(), &left)));
}

/// Edits `a.csv` where the rows of `b.csv` can only be carried over, twice, and compares the bytes with those of a run
/// that could read everything.
fn assert_carried(setup: &Setup, times: i64, spoil: impl Fn(&World)) {
    let begin = |text: String| {
        let mut world = World::new(setup.clone());
        // As many files as chunks of rows.
        world.definition.target_file_size = ByteSize(1);
        let [_, b, c] = files_times(times);
        for (path, text) in [("a.csv", text), b, c] {
            world.source.write(path, text.as_str());
        }
        run(&mut world);
        world
    };
    let mut world = begin(csv(1, 40 * times));
    assert_eq!(outputs(&world).len() > 1, times > 100);
    spoil(&world);
    run(&mut world);
    for seed in [8, 9] {
        world.source.write("a.csv", csv(seed, 33 * times).as_str());
        let report = run(&mut world);
        assert!(report.outputs.written > 0, "{report:?}");
        let full = begin(csv(seed, 33 * times));
        assert_eq!(
            read_back(&world.disk).by_file,
            read_back(&full.disk).by_file
        );
        assert!(outputs(&world) == outputs(&full), "after {seed}");
    }
}

#[test]
fn rows_of_a_retained_file_are_found_among_those_of_others() {
    let retain = Setup {
        on_delete: OnDelete::Retain,
        ..setup()
    };
    for times in [1, 200] {
        assert_carried(&retain, times, |world| {
            world.source.remove("b.csv");
        });
    }
}

#[test]
fn rows_of_a_file_that_has_become_bad_are_found_among_those_of_others() {
    assert_carried(&setup(), 1, |world| {
        world.source.write("b.csv", "x,note\n1,2,3\n");
    });
}

#[test]
fn a_retained_files_rows_follow_when_the_order_changes() {
    let retain = Setup {
        on_delete: OnDelete::Retain,
        sort_by: &[],
        ..setup()
    };
    let mut world = world_of(&retain, &files());
    world.source.remove("b.csv");
    run(&mut world);
    let unsorted = outputs(&world);
    for (sort_by, back) in [(&["x"], false), (&["x DESC"], true)] {
        world.definition.writing = sorted_by(sort_by);
        assert_eq!(run(&mut world).status, RunStatus::Done);
        let now = outputs(&world);
        let keys = |rows: Vec<(Option<i64>, String)>| -> Vec<Option<i64>> {
            rows.into_iter().map(|(key, _)| key).collect()
        };
        let stands = keys(rows(now.values().next().unwrap()));
        assert_eq!(stands, keys(expected(&files(), back)));
    }
    world.definition.writing = sorted_by(&[]);
    run(&mut world);
    assert_eq!(outputs(&world).len(), unsorted.len());
    assert_eq!(read_back(&world.disk).rows().len(), 150);
}

#[test]
fn a_ledger_that_was_rebuilt_finds_whose_sorted_rows_are() {
    let retain = Setup {
        on_delete: OnDelete::Retain,
        ..setup()
    };
    let mut world = world_of(&retain, &files());
    let before = outputs(&world);
    world.lose_ledger();
    world.recover();
    world.source.remove("b.csv");
    run(&mut world);
    world.source.write("a.csv", csv(1, 41).as_str());
    run(&mut world);
    let mut back = read_back(&world.disk).by_file;
    assert_eq!(back.remove("b.csv").map(|rows| rows.len()), Some(50));
    assert_ne!(outputs(&world), before);
}
