//! A store that is listed in ranges, side by side: a run finds what it would find in one listing, whatever the order of
//! the store, and removes nothing that it has not missed in all of it.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use strandline::config::Key;
use strandline::engine::{Control, Depth, Pipeline, run, verify};
use strandline::model::{RunReport, RunStatus};
use strandline::source::Source;
use tempfile::TempDir;

use super::hands::files;
use crate::support::ordered::{Asked, ORDERS, Offsets, Order, OrderedStore};

/// Enough that the ledger knows several points.
const FILES: usize = 600;

/// Files that are worth a range, and keys on a page.
const RANGE_FILES: u64 = 100;
const PAGE: usize = 20;

struct World {
    home: TempDir,
    store: OrderedStore,
    source: Arc<dyn Source>,
}

impl World {
    fn over(store: OrderedStore) -> Self {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join("in")).unwrap();
        Self {
            source: Arc::new(store.source(RANGE_FILES)),
            home,
            store,
        }
    }

    /// A store with files in directories whose names differ in order, loaded by a first run.
    fn loaded(order: Order) -> Self {
        let store = OrderedStore::new(order, PAGE);
        (0..FILES).for_each(|file| store.put(&path(file), text(file)));
        let world = Self::over(store);
        let report = world.run();
        assert_eq!(report.files.added, FILES as u64);
        world.store.take_asked();
        world
    }

    fn pipeline(&self) -> Pipeline {
        let (source, target) = (self.home.path().join("in"), self.home.path().join("out"));
        let pipeline = Pipeline::builder(source, target)
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

    fn is_whole(&self) -> bool {
        let target = self.pipeline().target;
        let in_one = self.store.in_one();
        let report = verify(&target, Some(&in_one), Depth::Deep, &Control::default());
        report.unwrap().is_clean()
    }
}

/// `a/…`, `a!…` and such, which no two orders agree about.
fn path(file: usize) -> String {
    let between = ["/", "!", "0", "\u{ff61}", "\u{1f40c}"][file % 5];
    format!("{:02}{between}{file:04}.csv", file / 50)
}

fn text(file: usize) -> String {
    format!("id\n{file}\n")
}

fn counts(report: &RunReport) -> [u64; 5] {
    let files = &report.files;
    [
        files.listed,
        files.unchanged,
        files.added,
        files.modified,
        files.removed,
    ]
}

#[test]
fn in_whatever_order_a_store_lists_a_run_finds_what_changed_and_nothing_else() {
    for order in ORDERS {
        let world = World::loaded(order);
        assert_eq!(counts(&world.run()), [600, 600, 0, 0, 0], "{order:?}");

        world.store.put(&path(7), text(1_000_007));
        world.store.put("00!new.csv", text(2_000_000));
        world.store.put("zz/new.csv", text(2_000_001));
        for file in (100..130).chain(590..600) {
            world.store.delete(&path(file));
        }
        let report = world.run();
        assert_eq!(counts(&report), [562, 559, 2, 1, 40], "{order:?}");
        assert!(world.is_whole(), "{order:?}");
    }
}

#[test]
fn a_run_over_an_unchanged_store_costs_its_pages_and_one_more_for_each_range() {
    let world = World::loaded(Order::Bytes);
    let control = Control::default();
    let report = run(&world.pipeline(), &control).unwrap();
    assert_eq!(counts(&report), [600, 600, 0, 0, 0]);
    assert_eq!(report.units.planned, 0);
    assert_eq!(control.progress().files_listed.load(Relaxed), 600);
    let asked = world.store.take_asked();
    assert!((1..6).contains(&asked.ranges), "{asked:?}");
    assert!(asked.pages <= FILES / PAGE + 1 + asked.ranges, "{asked:?}");
    assert_eq!(asked.directories, 0);
}

#[test]
fn ranges_that_do_not_add_up_count_for_nothing_and_files_are_told_of_once() {
    let world = World::loaded(Order::Bytes);
    world.store.list_in(Order::Reversed);
    let control = Control::default();
    let report = run(&world.pipeline(), &control).unwrap();
    assert_eq!(counts(&report), [600, 600, 0, 0, 0]);
    assert_eq!(report.status, RunStatus::Done);
    assert!(report.errors.is_empty());
    assert_eq!(control.progress().files_listed.load(Relaxed), 600);
    assert!(world.store.take_asked().ranges > 0, "ranges were tried");
}

#[test]
fn files_are_told_of_once_where_ranges_fail_after_they_have_told_of_some() {
    let world = World::loaded(Order::Bytes);
    world.store.set_page(1);
    world.store.fail_once_at(&path(598));
    let control = Control::default();
    let report = run(&world.pipeline(), &control).unwrap();
    assert_eq!(counts(&report), [600, 600, 0, 0, 0]);
    assert_eq!(control.progress().files_listed.load(Relaxed), 600);
    let asked = world.store.take_asked();
    assert!(
        asked.pages > 600,
        "listed twice, as far as it got: {asked:?}"
    );
}

#[test]
fn what_a_store_hides_from_all_ranges_is_looked_at_before_it_is_taken_for_gone() {
    // What lies beside the directory comes behind all that lies in it, and is left out of every range that begins there.
    let store = OrderedStore::new(Order::Tree, PAGE);
    store.take_offsets_as(Offsets::Filter);
    for file in 0..FILES {
        store.put(&format!("d/{file:04}.csv"), text(file));
    }
    for file in 0..5 {
        store.put(&format!("d!{file}.csv"), text(file));
    }
    let world = World::over(store);
    world.run();
    world.store.take_asked();
    let report = world.run();
    assert_eq!(counts(&report), [605, 605, 0, 0, 0]);
    assert!(world.store.take_asked().ranges > 0, "ranges were tried");
}

#[test]
fn later_portions_of_a_first_load_are_listed_in_ranges_as_well() {
    let store = OrderedStore::new(Order::Bytes, PAGE);
    // In one directory, where a first listing finds no points.
    (0..FILES).for_each(|file| store.put(&format!("{file:04}.csv"), text(file)));
    let world = World::over(store);
    let mut pipeline = world.pipeline();
    pipeline.limits.portion_files = 250;
    let report = pipeline.run().unwrap();
    assert_eq!(counts(&report), [600, 0, 600, 0, 0]);
    let asked = world.store.take_asked();
    assert!(asked.ranges >= 10, "{asked:?}");
    assert!(asked.pages <= 3 * FILES / PAGE + asked.ranges + 3);
    assert!(world.is_whole());
}

#[test]
fn a_page_that_fails_in_one_range_only_is_made_up_for_by_a_listing_in_one() {
    let world = World::loaded(Order::Bytes);
    let before = files(&world.home.path().join("out"));
    world.store.delete(&path(300));
    world.store.fail_ranges();
    let report = world.run();
    assert_eq!(counts(&report), [599, 599, 0, 0, 1]);
    assert_ne!(files(&world.home.path().join("out")), before);
    assert!(world.is_whole());
}

#[test]
fn a_page_that_fails_in_every_listing_removes_nothing() {
    let world = World::loaded(Order::Bytes);
    // Pages of one listing and of a range begin with each of them, sooner or later.
    world.store.set_page(1);
    let before = files(&world.home.path().join("out"));
    for gone in [0, 1, 200, 599] {
        world.store.delete(&path(gone));
    }
    for fails_at in [5, 210, 450, 598] {
        world.store.fail_at(Some(&path(fails_at)));
        let report = world.run();
        assert_eq!((report.files.removed, report.files.unreadable), (0, 1));
        assert_eq!(files(&world.home.path().join("out")), before);
    }
    world.store.fail_at(None);
    assert_eq!(counts(&world.run()), [596, 596, 0, 0, 4]);
    assert!(world.is_whole());
}

#[test]
fn a_store_that_is_listed_in_one_before_too_few_files_are_known() {
    let store = OrderedStore::new(Order::Bytes, PAGE);
    (0..50).for_each(|file| store.put(&path(file), text(file)));
    let world = World::over(store);
    for _ in 0..2 {
        world.run();
        let asked = Asked {
            pages: 3,
            ..Asked::default()
        };
        assert_eq!(world.store.take_asked(), asked);
    }
}
