//! A source in an object store comes to the same as a directory, with no request too many.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use strandline::clock::ManualClock;
use strandline::config::Key;
use strandline::engine::{Control, Depth, Finding, Pipeline, VerifyReport, verify};
use strandline::model::{ErrorKind, RunReport, RunStatus, SelectAll, Timestamp};
use strandline::source::{CountingSource, FaultySource, MemorySource, Source, Told};
use tempfile::TempDir;

use super::hands::files;
use crate::support::store::{Break, PlannedStore, Requests};

/// A target whose files come from somewhere else than a directory.
struct World {
    home: TempDir,
    source: Arc<dyn Source>,
}

impl World {
    fn over(source: Arc<dyn Source>) -> Self {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join("in")).unwrap();
        Self { home, source }
    }

    fn objects(store: &PlannedStore) -> Self {
        Self::over(Arc::new(store.source(Arc::new(SelectAll))))
    }

    fn pipeline(&self) -> Pipeline {
        let pipeline = Pipeline::builder(self.home.path().join("in"), self.target())
            .partition_by(["day"])
            .set(Key::Settle, "0s")
            .build()
            .unwrap();
        Pipeline {
            source: Arc::clone(&self.source),
            ..pipeline
        }
    }

    fn run(&self) -> RunReport {
        self.pipeline().run().unwrap()
    }

    fn target(&self) -> std::path::PathBuf {
        self.home.path().join("out")
    }

    fn is_whole(&self) -> bool {
        self.verified(Depth::Deep).is_clean()
    }

    fn verified(&self, depth: Depth) -> VerifyReport {
        let target = self.pipeline().target;
        verify(&target, Some(&*self.source), depth, &Control::default()).unwrap()
    }
}

fn csv(from: u64, rows: u64) -> String {
    let lines = (from..from + rows).map(|id| format!("{id},2026-01-0{}\n", id % 3 + 1));
    format!("id,day\n{}", lines.collect::<String>())
}

const LARGE_ROWS: u64 = 1 << 20;

/// Numbers that no encoding makes small.
fn large_parquet() -> Vec<u8> {
    let mut state = 1_u64;
    let ids = (0..LARGE_ROWS).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        i64::from_ne_bytes(state.to_ne_bytes())
    });
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(ids));
    let days = (0..LARGE_ROWS).map(|_| "2026-01-01");
    let days: ArrayRef = Arc::new(StringArray::from_iter_values(days));
    let batch = RecordBatch::try_from_iter([("id", ids), ("day", days)]).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

fn parquet() -> Vec<u8> {
    let name = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/parquet");
    let mut names: Vec<_> = std::fs::read_dir(name)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "parquet")
        })
        .collect();
    names.sort();
    std::fs::read(&names[0]).unwrap()
}

#[test]
fn objects_become_the_same_outputs_as_files_to_the_byte() {
    let store = PlannedStore::new();
    let inputs = [
        ("a.csv", csv(0, 100).into_bytes()),
        ("b/large.csv", csv(1000, 120_000).into_bytes()),
        ("b/x.parquet", parquet()),
        ("c.ndjson", b"{\"id\":7,\"day\":\"2026-01-02\"}\n".to_vec()),
        ("empty.csv", Vec::new()),
    ];
    let objects = World::objects(&store);
    let local = World::over(Arc::new(
        strandline::source::LocalSource::new(
            &objects.home.path().join("in"),
            Arc::new(SelectAll),
            strandline::config::Links::Ignored,
        )
        .unwrap(),
    ));
    for (path, bytes) in inputs {
        let file = objects.home.path().join("in").join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, &bytes).unwrap();
        store.put(&format!("raw/{path}"), bytes);
    }
    let (of_objects, of_files) = (objects.run(), local.run());
    assert_eq!(of_objects.rows, of_files.rows);
    assert_eq!(of_objects.status, of_files.status);
    assert_eq!(files(&objects.target()), files(&local.target()));
    assert!(objects.is_whole());
}

#[test]
fn a_run_asks_for_a_listing_and_once_for_each_object_that_changed_and_for_nothing_else() {
    let store = PlannedStore::new();
    for name in 0..50 {
        store.put(&format!("raw/{name}.csv"), csv(name * 10, 10));
    }
    let world = World::objects(&store);
    let listing = Requests {
        lists: 1,
        ..Requests::default()
    };
    assert_eq!(world.run().files.added, 50);
    assert_eq!(
        store.take_requests(),
        Requests {
            gets: 50,
            ..listing
        }
    );

    let report = world.run();
    assert_eq!((report.files.unchanged, report.units.planned), (50, 0));
    assert_eq!(store.take_requests(), listing);

    store.put("raw/7.csv", csv(70, 10));
    let report = world.run();
    assert_eq!((report.files.touched, report.units.planned), (1, 0));
    assert_eq!(store.take_requests(), Requests { gets: 1, ..listing });

    store.delete("raw/7.csv");
    let report = world.run();
    assert_eq!(report.files.removed, 1);
    assert!(world.is_whole());
}

#[test]
fn a_changed_object_is_asked_for_once_for_its_hash_its_columns_and_its_rows() {
    let store = PlannedStore::new();
    store.put("raw/a.csv", csv(0, 10));
    let world = World::objects(&store);
    world.run();
    store.put("raw/a.csv", csv(500, 10));
    store.take_requests();
    let report = world.run();
    assert_eq!((report.files.modified, report.rows.written), (1, 10));
    let asked = Requests {
        lists: 1,
        gets: 1,
        heads: 0,
    };
    assert_eq!(store.take_requests(), asked);
}

#[test]
fn a_check_lists_the_store_once_and_asks_only_for_what_is_not_as_recorded() {
    let store = PlannedStore::new();
    for name in 0..50 {
        store.put(&format!("raw/{name:02}.csv"), csv(name * 10, 10));
    }
    let world = World::objects(&store);
    world.run();
    let check = |lists, heads, findings: &[Finding]| {
        store.take_requests();
        let report = world.verified(Depth::Shallow);
        assert_eq!((report.files, &*report.findings), (50, findings));
        let asked = Requests {
            lists,
            gets: 0,
            heads,
        };
        assert_eq!(store.take_requests(), asked);
    };
    check(1, 0, &[]);
    store.break_listings(10, Break::Fails);
    check(1, 50, &[]);
    store.heal();
    store.put("raw/07.csv", csv(900, 10));
    store.put("raw/new.csv", csv(900, 10));
    store.delete("raw/31.csv");
    let findings = [
        Finding::SourceMoved {
            path: "07.csv".into(),
        },
        Finding::SourceMissing {
            path: "31.csv".into(),
        },
    ];
    check(1, 2, &findings);
}

#[test]
fn an_mtime_that_only_answers_tell_otherwise_is_no_change_where_tags_are_the_same() {
    let store = PlannedStore::new();
    store.put("raw/a.csv", csv(0, 10));
    store.put("raw/b.csv", csv(0, 120_000));
    store.answer_behind(60);
    let world = World::objects(&store);
    let report = world.run();
    assert_eq!((report.files.added, report.files.unsettled), (2, 0));
    assert_eq!(report.rows.written, 120_010);
    assert_eq!(world.run().units.planned, 0);
    assert!(world.is_whole());
}

#[test]
fn a_large_parquet_object_is_not_fetched_twice() {
    let store = PlannedStore::new();
    let bytes = large_parquet();
    let size = bytes.len() as u64;
    assert!(size > 6 << 20, "{size}");
    store.put("raw/a.parquet", bytes);
    let world = World::objects(&store);
    assert_eq!(world.run().rows.written, LARGE_ROWS);
    let fetched = store.take_fetched();
    // The columns are looked for in the last block, which is fetched with the rest once more.
    assert!(
        (size..size + (2 << 20)).contains(&fetched),
        "{fetched} of {size}"
    );
    let staging = world.target().join("_strandline").join("staging");
    assert_eq!(files(&staging).len(), 0, "no copy stays behind");
    assert!(world.is_whole());
}

#[test]
fn an_object_overwritten_between_listing_and_reading_is_taken_next_time() {
    let store = PlannedStore::new();
    store.put("raw/a.csv", csv(0, 10));
    store.put("raw/b.csv", csv(10, 10));
    let world = World::objects(&store);
    let other = store.clone();
    store.before_get("raw/b.csv", 0, move || other.put("raw/b.csv", csv(50, 10)));
    let report = world.run();
    assert_eq!((report.files.unsettled, report.rows.written), (1, 10));
    let report = world.run();
    assert_eq!((report.files.unsettled, report.files.unchanged), (0, 1));
    assert_eq!(report.status, RunStatus::Done);
    assert!(world.is_whole());
}

#[test]
fn an_object_overwritten_at_whatever_request_is_no_mixture() {
    // One for the beginning, and one for the rest.
    for gets in 0..2 {
        let store = PlannedStore::new();
        store.put("raw/a.csv", csv(0, 10));
        store.put("raw/b.csv", csv(1_000_000, 120_000));
        let world = World::objects(&store);
        let other = store.clone();
        let newer = csv(2_000_000, 120_000);
        store.before_get("raw/b.csv", gets, move || other.put("raw/b.csv", newer));
        let report = world.run();
        assert_eq!((report.files.quarantined, report.files.unreadable), (0, 0));
        assert_eq!(report.files.unsettled, 1, "after {gets}");
        store.heal();
        store.put("raw/b.csv", csv(2_000_000, 120_000));
        assert_eq!(world.run().status, RunStatus::Done);
        assert!(world.is_whole());
    }
}

#[test]
fn without_tags_an_object_overwritten_within_a_second_is_right_in_the_next_run() {
    // One for the beginning, and one for the rest.
    for gets in 0..2 {
        let store = PlannedStore::new();
        store.tell_no_tags();
        store.put("raw/b.csv", csv(1_000_000, 120_000));
        let world = World::objects(&store);
        let other = store.clone();
        let newer = csv(2_000_000, 120_000);
        store.before_get("raw/b.csv", gets, move || other.put("raw/b.csv", newer));
        // What it is taken for depends on whether the second has passed.
        world.run();
        assert_eq!(world.run().status, RunStatus::Done);
        assert!(world.is_whole(), "after {gets}");
    }
}

#[test]
fn a_listing_that_breaks_off_removes_nothing_in_whatever_order_it_comes() {
    for objects in [0, 1, 2, 3] {
        let store = PlannedStore::new();
        for key in ["raw/a!.csv", "raw/a/1.csv", "raw/a/2.csv", "raw/b.csv"] {
            store.put(key, csv(0, 10));
        }
        let world = World::objects(&store);
        world.run();
        let before = files(&world.target());

        store.list_as_tree();
        store.break_listings(objects, Break::Fails);
        match world.pipeline().run() {
            Ok(report) => assert_eq!((report.files.removed, report.files.unreadable), (0, 1)),
            Err(error) => assert!(objects == 0, "{error}"),
        }
        assert_eq!(files(&world.target()), before);

        store.heal();
        store.list_as_tree();
        let report = world.run();
        assert_eq!((report.files.unchanged, report.files.removed), (4, 0));
    }
}

/// A file, and one that is archived; who tells so, and what it counts how often files are opened.
fn archive(told: Told) -> (World, FaultySource, CountingSource) {
    archive_over(&two_files(), told)
}

fn two_files() -> MemorySource {
    let clock = Arc::new(ManualClock::new(Timestamp(1_700_000_000_000_000_000)));
    let memory = MemorySource::new(clock);
    memory.write("a.csv", csv(0, 10));
    memory.write("b.csv", csv(10, 10));
    memory
}

fn archive_over(memory: &MemorySource, told: Told) -> (World, FaultySource, CountingSource) {
    let faulty = FaultySource::new(Arc::new(memory.clone()));
    faulty.archive("b.csv", told);
    let counting = CountingSource::new(Arc::new(faulty.clone()));
    (World::over(Arc::new(counting.clone())), faulty, counting)
}

#[test]
fn what_a_listing_tells_to_be_archived_is_never_opened_and_left_alone() {
    let (world, faulty, counting) = archive(Told::ByListing);
    let report = world.run();
    assert_eq!(report.status, RunStatus::Done);
    assert!(report.checkpoint && report.errors.is_empty());
    let files = &report.files;
    assert_eq!((files.listed, files.added, files.archived), (2, 1, 1));
    assert_eq!(
        counting.opens(),
        2,
        "the other, for its columns and its rows"
    );
    faulty.heal();
    let report = world.run();
    assert_eq!((report.files.added, report.files.archived), (1, 0));
    assert_eq!(report.rows.written, 20);
}

#[test]
fn what_is_archived_when_it_is_known_already_keeps_its_rows() {
    let (world, faulty, _) = archive(Told::ByListing);
    faulty.heal();
    assert_eq!(world.run().files.added, 2);
    let before = files(&world.target());
    faulty.archive("b.csv", Told::ByListing);
    let report = world.run();
    let counts = &report.files;
    assert_eq!(
        (counts.unchanged, counts.removed, counts.archived),
        (1, 0, 1)
    );
    assert_eq!(report.status, RunStatus::Done);
    assert_eq!(files(&world.target()), before);
}

#[test]
fn what_is_archived_is_carried_over_when_its_unit_is_built_again_and_that_is_all() {
    for told in [Told::ByListing, Told::ByOpening] {
        let memory = two_files();
        let (world, faulty, counting) = archive_over(&memory, told);
        faulty.heal();
        assert_eq!(world.run().files.added, 2);

        faulty.archive("b.csv", told);
        memory.write("a.csv", csv(100, 10));
        let report = world.run();
        let counts = &report.files;
        assert_eq!((counts.modified, counts.archived), (1, 1), "{told:?}");
        assert_eq!((report.units.planned, report.rows.written), (1, 20));
        assert_eq!(report.status, RunStatus::Done);

        let opens = counting.opens();
        let report = world.run();
        assert_eq!(report.units.planned, 0, "{told:?}");
        assert_eq!(report.files.archived, 1, "{told:?}");
        if told == Told::ByListing {
            assert_eq!(counting.opens(), opens);
        }

        faulty.heal();
        let report = world.run();
        assert_eq!((report.files.modified, report.units.planned), (1, 1));
        assert_eq!(world.run().units.planned, 0);
        assert!(world.is_whole());
    }
}

#[test]
fn an_archived_name_still_counts_for_its_content() {
    let memory = two_files();
    let (world, faulty, _) = archive_over(&memory, Told::ByListing);
    faulty.heal();
    let run = || {
        let pipeline = Pipeline::builder(world.home.path().join("in"), world.target())
            .set(Key::Settle, "0s")
            .set(Key::SameContent, "skip")
            .build()
            .unwrap();
        let pipeline = Pipeline {
            source: Arc::clone(&world.source),
            ..pipeline
        };
        pipeline.run().unwrap()
    };
    assert_eq!(run().rows.written, 20);
    let before = files(&world.target());
    faulty.archive("b.csv", Told::ByListing);
    memory.write("c.csv", csv(10, 10));
    for _ in 0..2 {
        let report = run();
        assert_eq!((report.units.planned, report.files.archived), (0, 1));
        assert_eq!(files(&world.target()), before);
    }
}

#[test]
fn what_is_archived_is_reached_by_a_changed_definition_once_it_is_restored() {
    for told in [Told::ByListing, Told::ByOpening] {
        let (world, faulty, _) = archive(told);
        faulty.heal();
        world.run();
        faulty.archive("b.csv", told);
        let run_changed = |target: &Path| {
            let pipeline = Pipeline::builder(world.home.path().join("in"), target)
                .partition_by(["day"])
                .set(Key::Settle, "0s")
                .set(Key::Select, "id + 1 AS id, day")
                .build()
                .unwrap();
            let pipeline = Pipeline {
                source: Arc::clone(&world.source),
                ..pipeline
            };
            pipeline.run().unwrap()
        };
        let (target, fresh) = (world.target(), world.home.path().join("fresh"));
        assert_eq!(run_changed(&target).status, RunStatus::Done);
        assert_eq!(run_changed(&target).units.planned, 0, "{told:?}");
        faulty.heal();
        run_changed(&target);
        run_changed(&fresh);
        assert_eq!(files(&target), files(&fresh), "{told:?}");
    }
}

#[test]
fn what_turns_out_to_be_archived_when_it_is_opened_is_told_and_is_no_fault_of_the_run() {
    let (world, faulty, _) = archive(Told::ByOpening);
    let report = world.run();
    assert_eq!(report.status, RunStatus::Done);
    assert_eq!((report.files.archived, report.files.unreadable), (1, 0));
    assert_eq!(report.rows.written, 10);
    let error = &report.errors[0];
    assert_eq!(error.kind, ErrorKind::Archived);
    assert_eq!(
        error.message,
        "b.csv is archived, and left alone until it is restored"
    );
    faulty.heal();
    assert_eq!(world.run().rows.written, 20);
    assert!(world.is_whole());
}
