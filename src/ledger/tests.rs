use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use super::block::tests::{path, record};
use super::record::tests::{file, full_batch, intent, report, unit};
use super::*;
use crate::durable::{Action, Disk, Fault, FaultyDisk, LocalDisk, MemoryDisk, Step};
use crate::model::RunReport;
use crate::model::{
    DirtyReason, FileRecord, KeyRange, LedgerId, OutputPath, RunId, SourcePath, Timestamp, UnitId,
    UnitRecord, deepest,
};

pub(super) fn dir() -> &'static Path {
    Path::new("/state")
}

pub(super) fn open(disk: &MemoryDisk) -> Result<Ledger, OpenError> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    Ledger::open(disk, dir(), &|| LedgerId("id".to_owned()), "the test")
}

pub(super) fn peek(disk: &MemoryDisk) -> Result<View, OpenError> {
    snapshot(Arc::new(disk.clone()), dir())
}

pub(super) fn scan(view: &View, range: &KeyRange) -> Vec<(String, FileRecord)> {
    let mut cursor = view.files(range).unwrap();
    let mut files = Vec::new();
    while let Some(row) = cursor.next().unwrap() {
        files.push((row.path.to_owned(), row.record()));
    }
    files
}

/// Walks with one cursor over the ranges between `cuts`, up to as many files in each as the cut says.
fn going_on(
    view: &View,
    cuts: &BTreeMap<String, usize>,
) -> Vec<(KeyRange, Vec<(String, FileRecord)>)> {
    let mut found = Vec::new();
    let mut cursor = None;
    let mut start = String::new();
    for (end, at_most) in cuts {
        let range = KeyRange::new(start, Some(end.clone()));
        let gone_on = cursor.map(|cursor: FileCursor| cursor.go_on(&range).unwrap().unwrap());
        let mut here = gone_on.unwrap_or_else(|| view.files(&range).unwrap());
        let mut files = Vec::new();
        while files.len() < *at_most {
            let Some(row) = here.next().unwrap() else {
                break;
            };
            files.push((row.path.to_owned(), row.record()));
        }
        found.push((range, files));
        cursor = Some(here);
        start = end.clone();
    }
    found
}

#[test]
fn points_part_the_files_about_evenly() {
    let disk = MemoryDisk::new();
    let ledger = open(&disk).unwrap();
    assert_eq!(ledger.view().unwrap().points(8).unwrap(), []);
    let paths = (0..6000).map(|number| format!("day={:03}/{number:07}.csv", number / 40));
    let files = paths.map(|path| (SourcePath::from(path.as_str()), Some(file(1))));
    let batch = Batch {
        files: files.collect(),
        ..Batch::default()
    };
    ledger.write(&batch).unwrap();
    let view = ledger.view().unwrap();
    for parts in [0, 1] {
        assert_eq!(view.points(parts).unwrap(), [], "{parts}");
    }
    let points = view.points(4).unwrap();
    assert_eq!(points.len(), 3);
    let ends = points
        .iter()
        .map(|point| Some(point.as_str()))
        .chain([None]);
    let mut start = "";
    for end in ends {
        let files = scan(&view, &KeyRange::new(start, end)).len();
        assert!((1000..2000).contains(&files), "{files} up to {end:?}");
        start = end.unwrap_or_default();
    }
    let finest = view.points(u64::MAX / 8192).unwrap();
    assert!(finest.len() > 10 && finest.is_sorted_by(|a, b| a < b));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn files_are_what_a_map_would_hold(
        batches in vec((btree_map(path(), option::of(record()), 0..60), any::<bool>()), 1..8),
        start in path(),
        end in option::of(path()),
        cuts in vec((path(), 0_usize..20), 0..6),
    ) {
        let disk = MemoryDisk::new();
        let mut ledger = open(&disk).unwrap();
        let mut model: BTreeMap<String, FileRecord> = BTreeMap::new();
        for (changes, reopen) in batches {
            let mut batch = Batch::default();
            for (path, record) in changes {
                batch.files.insert(SourcePath::from(path.as_str()), record.clone());
                match record {
                    Some(record) => model.insert(path, record),
                    None => model.remove(&path),
                };
            }
            ledger.write(&batch).unwrap();
            if reopen {
                ledger.close().unwrap();
                ledger = open(&disk).unwrap();
            }
            let view = ledger.view().unwrap();
            prop_assert_eq!(view.meta().unwrap().files, model.len() as u64);
            prop_assert_eq!(scan(&view, &KeyRange::all()), model.clone().into_iter().collect::<Vec<_>>());
        }
        let view = peek(&disk).unwrap();
        let range = KeyRange::new(start.clone(), end);
        let expected = model.clone().into_iter().filter(|(path, _)| range.contains(path));
        prop_assert_eq!(scan(&view, &range), expected.collect::<Vec<_>>());
        prop_assert_eq!(view.file(&start).unwrap(), model.get(&start).cloned());
        let cuts: BTreeMap<String, usize> = cuts.into_iter().collect();
        for (range, found) in going_on(&view, &cuts) {
            let expected = model.clone().into_iter().filter(|(path, _)| range.contains(path));
            let at_most = cuts[range.end.as_deref().unwrap()];
            prop_assert_eq!(found, expected.take(at_most).collect::<Vec<_>>(), "{:?}", range);
        }
    }
}

#[test]
fn every_field_of_a_batch_can_be_read_back() {
    let disk = MemoryDisk::new();
    let ledger = open(&disk).unwrap();
    let mut batch = full_batch();
    batch.open_intents = vec![intent(7), intent(9)];
    ledger.write(&batch).unwrap();
    ledger.close().unwrap();

    let view = peek(&disk).unwrap();
    let meta = view.meta().unwrap();
    assert_eq!(meta.id, LedgerId("id".to_owned()));
    assert_eq!(meta.format_version, 1);
    assert_eq!(meta.source.as_deref(), Some("/in"));
    assert_eq!(meta.target.as_deref(), Some("/out"));
    assert_eq!(meta.definition.as_deref(), Some("f00d"));
    assert_eq!((meta.next_unit, meta.next_run), (3, 5));
    assert_eq!(
        (meta.watermark, meta.checkpoint),
        (Some(Timestamp(-1)), Some(RunId(4)))
    );
    assert_eq!((meta.files, meta.units), (2, 1));
    let unit = batch.units[&UnitId(1)].clone();
    assert_eq!(view.unit(UnitId(1)).unwrap(), unit);
    let units: Vec<_> = view.units().unwrap().map(Result::unwrap).collect();
    assert_eq!(units, [(UnitId(1), unit.unwrap())]);
    assert_eq!(view.dirty().unwrap(), [(UnitId(1), DirtyReason::Reset)]);
    let bad = batch.quarantine["bad"].clone();
    assert_eq!(view.quarantined("bad").unwrap(), bad);
    assert_eq!(view.quarantine().unwrap(), [("bad".into(), bad.unwrap())]);
    assert_eq!(view.reason("a").unwrap().as_deref(), Some("{}"));
    assert_eq!(view.intents().unwrap(), [intent(9)]);
    assert_eq!(view.garbage().unwrap(), [OutputPath::from("old")]);
    assert_eq!(view.runs(5).unwrap(), batch.runs);
    assert_eq!(view.run(RunId(4)).unwrap().as_ref(), batch.runs.first());
    assert_eq!(view.run(RunId(5)).unwrap(), None);
    assert_eq!(view.schema().unwrap(), batch.schema);
    assert_eq!(view.schemas().unwrap().len(), 1);
    let text = view.definition("f00d").unwrap();
    assert_eq!(text.as_deref(), Some("{\"format\":\"csv\"}"));
}

#[test]
fn the_deepest_shape_comes_back_from_every_table() {
    let disk = MemoryDisk::new();
    let ledger = open(&disk).unwrap();
    let unit = UnitRecord {
        shape: deepest(),
        ..unit("p=1/", 2)
    };
    let schema = SchemaVersion {
        version: 1,
        shape: deepest(),
        run: RunId(1),
        cause: "a file nests deep".to_owned(),
    };
    let mut batch = Batch {
        units: [(UnitId(1), Some(unit))].into(),
        schema: Some(schema),
        ..Batch::default()
    };
    let then = batch.clone();
    batch.open_intents = vec![Intent { then, ..intent(1) }];
    ledger.write(&batch).unwrap();
    let view = ledger.view().unwrap();
    assert_eq!(view.unit(UnitId(1)).unwrap(), batch.units[&UnitId(1)]);
    assert_eq!(view.schema().unwrap(), batch.schema);
    assert_eq!(view.intents().unwrap(), batch.open_intents);
}

#[test]
fn the_newest_runs_come_first() {
    let disk = MemoryDisk::new();
    let ledger = open(&disk).unwrap();
    for run in 1..=4 {
        let runs = vec![report(run)];
        ledger
            .write(&Batch {
                runs,
                ..Batch::default()
            })
            .unwrap();
    }
    let runs = ledger.view().unwrap().runs(2).unwrap();
    assert_eq!(runs, [report(4), report(3)]);
}

#[test]
fn the_history_keeps_the_newest_thousand_runs() {
    let disk = MemoryDisk::new();
    let ledger = open(&disk).unwrap();
    let batch = |runs: Vec<RunReport>| Batch {
        runs,
        ..Batch::default()
    };
    ledger
        .write(&batch((0..1_200).map(report).collect()))
        .unwrap();
    ledger.write(&batch(vec![report(1_200)])).unwrap();
    let runs = ledger.view().unwrap().runs(5_000).unwrap();
    assert_eq!(runs.len(), 1_000);
    assert_eq!(runs.first(), Some(&report(1_200)));
    assert_eq!(runs.last(), Some(&report(201)));
}

#[test]
fn a_partition_knows_its_units_and_only_its_own() {
    let disk = MemoryDisk::new();
    let ledger = open(&disk).unwrap();
    let write = |id, unit| {
        let units = [(UnitId(id), unit)].into();
        ledger
            .write(&Batch {
                units,
                ..Batch::default()
            })
            .unwrap();
    };
    write(1, Some(unit("p=1/", 3)));
    write(2, Some(unit("p=1/", 4)));
    write(3, Some(unit("p=10/", 1)));
    write(1, Some(unit("p=2/", 3)));
    write(4, Some(unit("", 2)));
    let ids = |partition| {
        let units = ledger.view().unwrap().units_in(partition).unwrap();
        units
            .iter()
            .map(|unit| (unit.id.0, unit.members))
            .collect::<Vec<_>>()
    };
    assert_eq!(ids("p=1/"), [(2, 4)]);
    assert_eq!(ids("p=2/"), [(1, 3)]);
    assert_eq!(ids("p=10/"), [(3, 1)]);
    assert_eq!(ids(""), [(4, 2)]);
    write(2, None);
    assert_eq!(ids("p=1/"), []);
    assert_eq!(ledger.view().unwrap().meta().unwrap().units, 3);
}

#[test]
fn a_view_does_not_see_what_is_written_after_it() {
    let disk = MemoryDisk::new();
    let ledger = open(&disk).unwrap();
    let before = ledger.view().unwrap();
    ledger.write(&full_batch()).unwrap();
    assert_eq!(before.meta().unwrap().files, 0);
    assert_eq!(scan(&before, &KeyRange::all()), []);
    assert_eq!(ledger.view().unwrap().meta().unwrap().files, 2);
}

#[test]
fn a_snapshot_works_beside_a_writer_and_a_second_writer_is_refused() {
    let disk = MemoryDisk::new();
    assert!(matches!(peek(&disk), Err(OpenError::Missing)));
    assert_eq!(holder(&disk, dir()).unwrap(), None);
    let ledger = open(&disk).unwrap();
    ledger.write(&full_batch()).unwrap();
    assert_eq!(peek(&disk).unwrap().meta().unwrap().files, 2);
    assert_eq!(holder(&disk, dir()).unwrap().as_deref(), Some("the test"));
    let second = open(&disk).unwrap_err();
    assert!(
        matches!(&second, OpenError::Held { note } if note == "the test"),
        "{second}"
    );
    let view = ledger.view().unwrap();
    ledger.close().unwrap();
    assert_eq!(holder(&disk, dir()).unwrap(), None);
    open(&disk).unwrap().close().unwrap();
    drop(view);
}

#[test]
fn a_note_is_shown_short_and_without_control_characters() {
    let disk = MemoryDisk::new();
    disk.create_dir_all(dir()).unwrap();
    let note = format!("run\u{1b}[31m 7\r\n\u{9b}{}", "x".repeat(5_000_000));
    let _held = disk.try_lock(&dir().join("lock"), &note).unwrap();
    let told = holder(&disk, dir()).unwrap().unwrap();
    assert!(told.starts_with("run[31m 7xxx"), "{told}");
    assert!(told.len() < 1_024);
    let refused = open(&disk).unwrap_err();
    assert!(matches!(refused, OpenError::Held { note } if note == told));
}

#[test]
fn questions_are_answered_where_nothing_may_be_written() {
    let disk = MemoryDisk::new();
    let ledger = open(&disk).unwrap();
    ledger.write(&full_batch()).unwrap();
    let read_only = FaultyDisk::new(Arc::new(disk.clone()));
    let refused = Fault::Kind(std::io::ErrorKind::ReadOnlyFilesystem);
    read_only.fail_where(|step| step.action.is_change(), refused);
    let held = holder(&read_only, dir()).unwrap();
    assert_eq!(held.as_deref(), Some("the test"));
    let view = snapshot(Arc::new(read_only.clone()), dir()).unwrap();
    assert_eq!(view.meta().unwrap().files, 2);
    ledger.close().unwrap();
    assert_eq!(holder(&read_only, dir()).unwrap(), None);
}

#[test]
fn a_shut_gate_does_not_keep_a_reader_out() {
    let disk = MemoryDisk::new();
    let ledger = open(&disk).unwrap();
    ledger.write(&full_batch()).unwrap();
    let _shut = disk.try_lock(&dir().join("gate"), "").unwrap().unwrap();
    assert_eq!(peek(&disk).unwrap().meta().unwrap().files, 2);
}

#[test]
fn a_writer_that_lost_its_lock_writes_nothing_more() {
    let disk = MemoryDisk::new();
    let ledger = open(&disk).unwrap();
    ledger.write(&full_batch()).unwrap();
    disk.remove_file(&dir().join("lock")).unwrap();
    assert!(!ledger.is_held());
    let before = disk.files();
    let lost = ledger.write(&full_batch());
    assert!(matches!(lost, Err(LedgerError::LostLease { .. })));
    assert!(matches!(ledger.close(), Err(LedgerError::LostLease { .. })));
    let ledger_of = |files: Vec<(std::path::PathBuf, Vec<u8>)>| {
        files
            .into_iter()
            .find(|(path, _)| path.ends_with("ledger.redb"))
    };
    assert_eq!(ledger_of(disk.files()), ledger_of(before));
}

/// Returns a disk that loses the lock of the ledger during change `number`, counted from now on.
fn losing_the_lock(disk: &MemoryDisk, number: usize) -> FaultyDisk {
    let losing = FaultyDisk::new(Arc::new(disk.clone()));
    let (inner, left) = (disk.clone(), AtomicUsize::new(number));
    let lose = move |step: &Step| {
        let counts = step.action.is_change() && step.action != Action::Lock;
        if counts && left.fetch_sub(1, Ordering::Relaxed) == 0 {
            inner.remove_file(&dir().join("lock")).unwrap();
        }
        false
    };
    losing.fail_where(lose, Fault::System(5));
    losing
}

#[test]
fn a_writer_that_loses_its_lock_within_a_write_says_so() {
    let disk = MemoryDisk::new();
    open(&disk).unwrap().close().unwrap();
    let open_on = |disk: FaultyDisk| {
        Ledger::open(
            Arc::new(disk),
            dir(),
            &|| LedgerId("id".to_owned()),
            "the test",
        )
    };
    let counting = FaultyDisk::new(Arc::new(disk.clone()));
    let ledger = open_on(counting.clone()).unwrap();
    let opening = counting.history();
    let opening = opening.iter().filter(|step| step.action != Action::Lock);
    let first_write = opening.count();
    ledger.close().unwrap();
    let ledger = open_on(losing_the_lock(&disk, first_write)).unwrap();
    let lost = ledger.write(&full_batch());
    assert!(
        matches!(lost, Err(LedgerError::LostLease { .. })),
        "{lost:?}"
    );
}

#[test]
fn a_ledger_is_not_put_in_its_place_by_who_has_lost_the_lock() {
    let beginning = || {
        let disk = MemoryDisk::new();
        disk.create_dir_all(dir()).unwrap();
        disk
    };
    let open_on = |disk: FaultyDisk| {
        Ledger::open(
            Arc::new(disk),
            dir(),
            &|| LedgerId("id".to_owned()),
            "the test",
        )
    };
    let counting = FaultyDisk::new(Arc::new(beginning()));
    open_on(counting.clone()).unwrap();
    let steps = counting.history().into_iter();
    let steps = steps.filter(|step| step.action != Action::Lock);
    let steps = steps.take_while(|step| step.action != Action::Rename);
    for number in 0..steps.count() {
        let disk = beginning();
        open_on(losing_the_lock(&disk, number)).unwrap_err();
        let found = Ledger::exists(&disk, dir()).unwrap();
        assert!(!found, "the lock was lost at change {number}");
    }
}

#[test]
fn an_empty_batch_leaves_the_file_as_it_is() {
    let disk = MemoryDisk::new();
    let ledger = open(&disk).unwrap();
    let before = disk.files();
    ledger.write(&Batch::default()).unwrap();
    assert_eq!(disk.files(), before);
}

#[test]
fn a_view_and_a_cursor_can_go_to_other_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    fn sent<T: Send + 'static>() {}
    shared::<View>();
    shared::<Ledger>();
    sent::<FileCursor>();
}

#[test]
fn a_ledger_that_loses_most_of_its_files_shrinks() {
    let disk = MemoryDisk::new();
    let mut ledger = open(&disk).unwrap();
    let path = |n: u64| SourcePath::from(format!("some/directory/of/files/{n:06}.csv").as_str());
    let files = (0..100_000).map(|n| (path(n), Some(file(n)))).collect();
    ledger
        .write(&Batch {
            files,
            ..Batch::default()
        })
        .unwrap();
    assert_eq!(ledger.compact_if_sparse().unwrap(), Compaction::NotNeeded);
    let files = (0..100_000)
        .filter(|n| n % 100 != 0)
        .map(|n| (path(n), None))
        .collect();
    ledger
        .write(&Batch {
            files,
            ..Batch::default()
        })
        .unwrap();
    let view = ledger.view().unwrap();
    assert_eq!(ledger.compact_if_sparse().unwrap(), Compaction::Busy);
    drop(view);
    let done = ledger.compact_if_sparse().unwrap();
    let Compaction::Done {
        before_bytes,
        after_bytes,
    } = done
    else {
        panic!("{done:?}");
    };
    assert!(after_bytes * 4 < before_bytes, "{done:?}");
    assert_eq!(ledger.compact_if_sparse().unwrap(), Compaction::NotNeeded);
    assert_eq!(scan(&ledger.view().unwrap(), &KeyRange::all()).len(), 1_000);
}

#[test]
fn copies_made_while_a_writer_commits_hold_one_committed_state() {
    let disk = MemoryDisk::new();
    let ledger = open(&disk).unwrap();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for run in 0..150 {
                let path = |n: u64| SourcePath::from(format!("{:05}", n * 150 + run).as_str());
                let mut batch = Batch {
                    files: (0..20).map(|n| (path(n), Some(file(run)))).collect(),
                    ..Batch::default()
                };
                batch.meta.next_run = Some(run + 1);
                ledger.write(&batch).unwrap();
            }
            is_over.store(true, Ordering::Release);
        });
        let mut copies = 0;
        while !is_over.load(Ordering::Acquire) || copies == 0 {
            let path = dir().join("ledger.redb");
            let Ok(Some(bytes)) = super::backend::copy_once(&disk, &path) else {
                continue;
            };
            let copy = MemoryDisk::new();
            copy.create_dir_all(dir()).unwrap();
            copy.open_store(&path)
                .unwrap()
                .write_all_at(0, &bytes)
                .unwrap();
            for view in [peek(&copy).unwrap(), peek(&disk).unwrap()] {
                let meta = view.meta().unwrap();
                assert_eq!(meta.files, meta.next_run * 20);
                assert_eq!(scan(&view, &KeyRange::all()).len() as u64, meta.files);
            }
            copies += 1;
        }
    });
}

#[test]
fn a_copy_of_a_file_that_grows_meanwhile_is_made_again() {
    let disk = MemoryDisk::new();
    open(&disk).unwrap().close().unwrap();
    let path = dir().join("ledger.redb");
    let file = disk.open_store(&path).unwrap();
    let (longer, grown) = (file.len() + 4096, AtomicBool::new(false));
    let growing = FaultyDisk::new(Arc::new(disk.clone()));
    let grows = move |step: &Step| {
        if step.action == Action::Read && !grown.swap(true, Ordering::Relaxed) {
            file.set_len(longer).unwrap();
        }
        false
    };
    growing.fail_where(grows, Fault::System(5));
    assert_eq!(super::backend::copy_once(&growing, &path).unwrap(), None);
    let copied = super::backend::copy_once(&growing, &path).unwrap();
    assert_eq!(copied.map(|bytes| bytes.len() as u64), Some(longer));
}

#[test]
fn a_ledger_on_the_local_disk_is_held_by_one_and_read_by_all() {
    let place = tempfile::tempdir().unwrap();
    let state = place.path().join("target/_strandline");
    let disk: Arc<dyn Disk> = Arc::new(LocalDisk::new());
    let open = || {
        Ledger::open(
            Arc::clone(&disk),
            &state,
            &|| LedgerId("id".to_owned()),
            "run 7",
        )
    };
    let ledger = open().unwrap();
    ledger.write(&full_batch()).unwrap();
    let second = open().unwrap_err();
    assert!(
        matches!(&second, OpenError::Held { note } if note == "run 7"),
        "{second}"
    );
    let view = snapshot(Arc::clone(&disk), &state).unwrap();
    assert_eq!(view.meta().unwrap().files, 2);
    ledger.close().unwrap();
    assert_eq!(open().unwrap().view().unwrap().meta().unwrap().files, 2);
}
