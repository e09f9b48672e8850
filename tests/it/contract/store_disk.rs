//! The disk of a ledger in an object store: small files, and a lock that is a lease.

use std::io;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use strandline::clock::ManualClock;
use strandline::durable::{Disk, HeldLock};
use strandline::model::Timestamp;
use strandline::store::{
    Client, Conditions, Directory, FaultyStore, Objects, StoreDisk, StoreFault,
};

use super::disk::{read, write};
use crate::support::cut_store::CutStore;

pub(super) const LEASE: Duration = Duration::from_mins(1);

pub(super) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp(1_750_000_000_123_456_789)))
}

/// A store, and what it is asked through.
pub(super) struct Stand {
    pub(super) store: CutStore,
    pub(super) reach: Arc<dyn Objects>,
}

impl Deref for Stand {
    type Target = CutStore;

    fn deref(&self) -> &CutStore {
        &self.store
    }
}

pub(super) fn disk_with(store: &Stand, clock: &Arc<ManualClock>, lease: Duration) -> StoreDisk {
    let client = Client::over(Arc::clone(&store.reach));
    let directory = Directory::new(client, "state", "s3://bucket/state".to_owned()).unwrap();
    StoreDisk::new(directory, lease, clock.clone())
}

/// A store that is asked itself, and one behind a wrapper that could let it fail.
pub(super) fn on_every_store(check: impl Fn(Stand, Arc<ManualClock>)) {
    over_every(|store| store, check);
}

fn over_every(prepare: impl Fn(CutStore) -> CutStore, check: impl Fn(Stand, Arc<ManualClock>)) {
    for is_wrapped in [false, true] {
        let clock = clock();
        let store = prepare(CutStore::new(clock.clone()));
        let itself: Arc<dyn Objects> = Arc::new(store.clone());
        let reach = if is_wrapped {
            Arc::new(FaultyStore::new(itself, 0))
        } else {
            itself
        };
        check(Stand { store, reach }, clock);
    }
}

pub(super) fn at(name: &str) -> PathBuf {
    Path::new("s3://bucket/state").join(name)
}

pub(super) fn lock(disk: &StoreDisk, who: &str) -> Option<Box<dyn HeldLock>> {
    disk.try_lock(&at("lock"), who).unwrap()
}

#[test]
fn small_files_are_objects() {
    on_every_store(|store, clock| {
        let disk = disk_with(&store, &clock, LEASE);
        disk.create_dir_all(disk.root()).unwrap();
        write(&disk, &at("a"), b"one");
        write(&disk, &at("deep/b"), b"");
        assert_eq!(read(&disk, &at("a")), b"one");
        disk.rename(&at("a"), &at("c")).unwrap();
        let names = || -> Vec<String> {
            let entries = disk.list(disk.root()).unwrap();
            entries.into_iter().map(|entry| entry.name).collect()
        };
        assert_eq!(names(), ["c", "deep"]);
        assert_eq!(disk.look(&at("a")).unwrap(), None);
        assert_eq!(
            disk.open(&at("a")).err().unwrap().kind(),
            io::ErrorKind::NotFound
        );
        disk.remove_file(&at("c")).unwrap();
        disk.remove_file(&at("c")).unwrap();
        assert_eq!(names(), ["deep"]);
        assert!(disk.open(Path::new("/elsewhere")).is_err());
    });
}

#[test]
fn a_lease_has_one_holder_until_he_lets_go() {
    on_every_store(|store, clock| {
        let (one, other) = (
            disk_with(&store, &clock, LEASE),
            disk_with(&store, &clock, LEASE),
        );
        let held = lock(&one, "one").unwrap();
        assert!(held.is_held());
        assert_eq!(one.fence().token(), 1);
        assert_eq!(one.fence().conditions(), Conditions::Kept);
        assert!(lock(&other, "other").is_none());
        assert!(other.is_locked(&at("lock")).unwrap());
        clock.advance(Duration::from_secs(12));
        assert_eq!(
            other.lock_note(&at("lock")).unwrap().unwrap(),
            "one, with a lease of 60 s that was renewed 12 s ago"
        );
        drop(held);
        assert!(!one.fence().is_open());
        assert!(!other.is_locked(&at("lock")).unwrap());
        let held = lock(&other, "other").unwrap();
        assert!(held.is_held());
        assert_eq!(other.fence().token(), 2);
    });
}

#[test]
fn a_lease_that_nobody_renews_ends_for_its_holder_before_another_has_it() {
    on_every_store(|store, clock| {
        let (one, other) = (
            disk_with(&store, &clock, LEASE),
            disk_with(&store, &clock, LEASE),
        );
        let held = lock(&one, "one").unwrap();
        let mut waited = Duration::ZERO;
        let mut ended = None;
        let taken = loop {
            if !held.is_held() {
                ended = ended.or(Some(waited));
            }
            if let Some(taken) = lock(&other, "other") {
                break taken;
            }
            waited += Duration::from_secs(1);
            assert!(waited < 2 * LEASE);
            clock.advance(Duration::from_secs(1));
        };
        assert!(ended.unwrap() < waited, "{ended:?} {waited:?}");
        assert!(taken.is_held() && !held.is_held());
        // Whoever lost it does not take it from the other by letting go.
        drop(held);
        assert!(taken.is_held());
        assert!(lock(&one, "one").is_none());
    });
}

#[test]
fn a_holder_whose_clock_is_set_or_stands_still_is_not_deceived() {
    on_every_store(|store, clock| {
        let one = disk_with(&store, &clock, LEASE);
        let held = lock(&one, "one").unwrap();
        // The machine slept: its steady clock stood still meanwhile.
        let now = Timestamp(1_750_000_000_123_456_789);
        clock.set(now.plus(LEASE));
        assert!(!held.is_held());
        clock.set(now);
        assert!(held.is_held());
        clock.advance(LEASE);
        // Somebody has set it back.
        clock.set(now);
        assert!(!held.is_held());
    });
}

#[test]
fn a_lease_is_renewed_for_as_long_as_it_is_held() {
    on_every_store(|store, clock| {
        let one = disk_with(&store, &clock, Duration::from_secs(1));
        let held = lock(&one, "one").unwrap();
        for _ in 0..3 {
            let before = store.requests();
            clock.advance(Duration::from_millis(600));
            store.wait_for_requests(before + 1);
        }
        // It would have ended long ago by the clock that moves only when told to.
        store.wait_for_requests(store.requests() + 1);
        assert!(held.is_held());
        drop(held);
        assert!(!one.is_locked(&at("lock")).unwrap());
    });
}

#[test]
fn a_store_that_ignores_conditions_is_found_out() {
    over_every(
        |store| store.ignoring_conditions(),
        |store, clock| {
            let one = disk_with(&store, &clock, LEASE);
            let held = lock(&one, "one").unwrap();
            assert_eq!(one.fence().conditions(), Conditions::Ignored);
            let file = one.open_store(&at("ledger.redb")).unwrap();
            file.write_all_at(0, b"mine").unwrap();
            file.sync().unwrap();
            // Another has got in, and writes: that is seen before it is overwritten.
            store.put_aside("state/ledger.redb", b"strandline image 1 0\n{}\n");
            file.write_all_at(0, b"more").unwrap();
            file.sync().unwrap_err();
            assert!(!held.is_held());
        },
    );
}

/// A store that could fail, and a disk in it.
pub(super) fn failing() -> (FaultyStore, StoreDisk) {
    let clock = clock();
    let store = CutStore::new(clock.clone());
    let faulty = FaultyStore::new(Arc::new(store.clone()), 0);
    let reach: Arc<dyn Objects> = Arc::new(faulty.clone());
    (faulty, disk_with(&Stand { store, reach }, &clock, LEASE))
}

#[test]
fn a_ledger_that_was_not_found_is_not_overwritten_by_one_that_begins() {
    // A wrong "not found" was taken for none, and the new ledger was renamed over the one that stood there.
    for nth in [None, Some(0), Some(1)] {
        let (faulty, disk) = failing();
        let _held = lock(&disk, "one").unwrap();
        write(&disk, &at("ledger.redb"), b"ours");
        write(&disk, &at("ledger.new"), b"new");
        if let Some(nth) = nth {
            faulty.fail_nth(nth, StoreFault::Vanished);
        }
        let renamed = disk.rename(&at("ledger.new"), &at("ledger.redb"));
        assert_eq!(faulty.met(StoreFault::Vanished), u64::from(nth.is_some()));
        let expected = match nth {
            Some(0) => io::ErrorKind::NotFound,
            _ => io::ErrorKind::AlreadyExists,
        };
        assert_eq!(renamed.unwrap_err().kind(), expected);
        assert_eq!(read(&disk, &at("ledger.redb")), b"ours");
    }
}
