//! The file of a ledger in an object store: it travels by what was changed, and is whole or an error.

use std::io;
use std::sync::Arc;

use proptest::prelude::*;
use strandline::durable::{Disk, StoreFile};
use strandline::ledger::Ledger;
use strandline::model::{LedgerId, ReadAt};
use strandline::store::{FaultyStore, Objects, StoreFault};

use super::disk::read;
use super::store_disk::{LEASE, Stand, at, clock, disk_with, failing, lock, on_every_store};
use crate::support::cut_store::CutStore;
use crate::support::is_nightly;

fn content(file: &dyn ReadAt) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(file.len()).unwrap()];
    file.read_exact_at(0, &mut bytes).unwrap();
    bytes
}

/// Bytes that do not get smaller.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let bytes = (0..length).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    });
    bytes.collect()
}

#[test]
fn whoever_lost_the_lease_cannot_replace_the_file() {
    on_every_store(|store, clock| {
        let (one, other) = (
            disk_with(&store, &clock, LEASE),
            disk_with(&store, &clock, LEASE),
        );
        let first = lock(&one, "one").unwrap();
        let path = at("ledger.redb");
        let file = one.open_store(&path).unwrap();
        file.write_all_at(100, b"first").unwrap();
        file.sync().unwrap();
        clock.advance(2 * LEASE);
        let second = lock(&other, "other").unwrap();
        let later = other.open_store(&path).unwrap();
        later.write_all_at(100, b"later").unwrap();
        later.sync().unwrap();
        // He does not even look at a clock.
        file.write_all_at(100, b"stale").unwrap();
        let error = file.sync().unwrap_err();
        assert_eq!(
            error.to_string(),
            "another run has written it: the lease was lost"
        );
        assert!(!first.is_held() && second.is_held());
        assert!(read(&other, &path).ends_with(b"later"));
    });
}

#[test]
fn what_travels_is_what_was_changed() {
    on_every_store(|store, clock| {
        let disk = disk_with(&store, &clock, LEASE);
        let _held = lock(&disk, "one").unwrap();
        let path = at("ledger.redb");
        let file = disk.open_store(&path).unwrap();
        let mut expected = noise(7, 20 << 20);
        file.write_all_at(0, &expected).unwrap();
        file.sync().unwrap();
        let sent = store.take_written();
        assert!(sent > 20 << 20, "{sent}");
        file.sync().unwrap();
        assert_eq!(store.take_written(), 0, "nothing has changed");
        for round in 0..128_u64 {
            for change in 0..10_u64 {
                let place = (round * 7_919 + change * 104_729) * 997 % (20 << 20) / 4096 * 4096;
                let page = noise(round * 10 + change, 4096);
                file.write_all_at(place, &page).unwrap();
                let place = usize::try_from(place).unwrap();
                expected[place..place + 4096].copy_from_slice(&page);
            }
            file.sync().unwrap();
        }
        // As many chunks of sixteen kilobytes were touched as there are.
        let sent = store.take_written();
        assert!(sent < 8 * (20 << 20), "{sent}");
        let segments = store.contents().into_keys();
        let segments = segments.filter(|key| key.contains("/segments/")).count();
        assert!(segments < 16, "{segments}");
        drop(file);
        assert!(content(&*disk.open(&path).unwrap()) == expected);
        // And a small change is small whatever the file is.
        let file = disk.open_store(&path).unwrap();
        store.take_written();
        file.write_all_at(12_345_678, b"small").unwrap();
        file.sync().unwrap();
        let sent = store.take_written();
        assert!(sent < 300 << 10, "{sent}");
    });
}

#[test]
fn a_ledger_is_sent_once_when_it_is_made_and_once_when_it_is_closed() {
    /// The byte of the storage's header, and the bit in it, that tell that it was not closed.
    const IS_OPEN: (usize, u8) = (9, 2);
    on_every_store(|store, clock| {
        let disk = Arc::new(disk_with(&store, &clock, LEASE));
        let open = || {
            let new_id = || LedgerId("a ledger".to_owned());
            Ledger::open(disk.clone(), disk.root(), &new_id, "a test").unwrap()
        };
        let ledger = open();
        let made = store.requests();
        drop(ledger);
        // The ledger, and the end of the lease.
        assert_eq!((made, store.requests() - made), (14, 2));
        let header = content(&*disk.open(&at("ledger.redb")).unwrap());
        assert_eq!(header[IS_OPEN.0] & IS_OPEN.1, 0, "it was closed");
    });
}

#[test]
fn flags_at_the_beginning_travel_only_with_something_else() {
    on_every_store(|store, clock| {
        let disk = disk_with(&store, &clock, LEASE);
        let _held = lock(&disk, "one").unwrap();
        let path = at("ledger.redb");
        let file = disk.open_store(&path).unwrap();
        file.write_all_at(0, &noise(1, 1000)).unwrap();
        file.sync().unwrap();
        drop(file);
        let file = disk.open_store(&path).unwrap();
        store.take_written();
        file.write_all_at(9, b"!").unwrap();
        file.sync().unwrap();
        assert_eq!(store.take_written(), 0);
        file.write_all_at(500, b"?").unwrap();
        file.sync().unwrap();
        assert_ne!(store.take_written(), 0);
        let found = content(&*disk.open(&path).unwrap());
        assert_eq!((found[9], found[500]), (b'!', b'?'));
        file.write_all_at(9, b".").unwrap();
        file.sync().unwrap();
        assert_eq!(content(&*disk.open(&path).unwrap())[9], b'.');
    });
}

#[test]
fn a_file_that_is_not_as_it_was_written_is_an_error() {
    on_every_store(|store, clock| {
        let disk = disk_with(&store, &clock, LEASE);
        let _held = lock(&disk, "one").unwrap();
        let path = at("ledger.redb");
        let file = disk.open_store(&path).unwrap();
        file.write_all_at(0, &noise(1, 2 << 20)).unwrap();
        file.sync().unwrap();
        file.write_all_at(0, &noise(2, 1000)).unwrap();
        file.sync().unwrap();
        drop(file);
        let contents = store.contents();
        let bent = contents.iter().filter(|(key, _)| !key.ends_with("lock"));
        for (key, bytes) in bent {
            for place in [bytes.len() / 2, bytes.len() - 1] {
                let mut bytes = bytes.clone();
                bytes[place] ^= 1;
                store.put_aside(key, &bytes);
                let error = disk.open(&path).err().map(|error| error.kind());
                assert_eq!(error, Some(io::ErrorKind::InvalidData), "{key} {place}");
                store.put_aside(key, &bytes[..place]);
                let error = disk.open(&path).err().map(|error| error.kind());
                assert_eq!(error, Some(io::ErrorKind::InvalidData), "{key} to {place}");
            }
            store.put_aside(key, bytes);
        }
        assert!(disk.open(&path).is_ok());
    });
}

#[test]
fn a_head_that_was_not_found_keeps_its_segments() {
    // Whoever opened the file took it for empty then, and swept the segments that the head still names.
    let (faulty, disk) = failing();
    let _held = lock(&disk, "one").unwrap();
    let path = at("ledger.redb");
    let expected = noise(1, 2 << 20);
    let file = disk.open_store(&path).unwrap();
    file.write_all_at(0, &expected).unwrap();
    file.sync().unwrap();
    drop(file);
    faulty.fail_nth(0, StoreFault::Vanished);
    assert_eq!(disk.open_store(&path).unwrap().len(), 0);
    assert_eq!(faulty.met(StoreFault::Vanished), 1);
    assert!(content(&*disk.open(&path).unwrap()) == expected);
}

/// What is done to a file.
#[derive(Debug, Clone)]
enum Step {
    Write(u32, u32, u64),
    Cut(u32),
    Sync,
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let most = 3_u32 << 20;
    let step = prop_oneof![
        4 => (0..most, 1..600_000_u32, any::<u64>()).prop_map(|(at, length, seed)| Step::Write(at, length, seed)),
        2 => (0..most, 1..5_000_u32, any::<u64>()).prop_map(|(at, length, seed)| Step::Write(at, length, seed)),
        1 => (0..most).prop_map(Step::Cut),
        3 => Just(Step::Sync),
        1 => Just(Step::Reopen),
    ];
    proptest::collection::vec(step, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(if is_nightly() { 200 } else { 12 }) })]

    #[test]
    fn a_file_is_in_the_store_what_it_was_when_it_was_synced(steps in steps()) {
        // How a store is asked makes no difference to this.
        let clock = clock();
        let store = CutStore::new(clock.clone());
        let reach: Arc<dyn Objects> = Arc::new(FaultyStore::new(Arc::new(store.clone()), 0));
        let disk = disk_with(&Stand { store, reach }, &clock, LEASE);
        let _held = lock(&disk, "one").unwrap();
        let path = at("ledger.redb");
        let mut file: Box<dyn StoreFile> = disk.open_store(&path).unwrap();
        file.sync().unwrap();
        let (mut now, mut synced) = (Vec::new(), Vec::new());
        for step in steps {
            match step {
                Step::Write(at, length, seed) => {
                    let bytes = noise(seed, length as usize);
                    file.write_all_at(u64::from(at), &bytes).unwrap();
                    let at = at as usize;
                    let end = now.len().max(at + bytes.len());
                    now.resize(end, 0);
                    now[at..at + bytes.len()].copy_from_slice(&bytes);
                }
                Step::Cut(length) => {
                    file.set_len(u64::from(length)).unwrap();
                    now.resize(length as usize, 0);
                }
                Step::Sync => {
                    file.sync().unwrap();
                    synced.clone_from(&now);
                }
                Step::Reopen => {
                    drop(file);
                    file = disk.open_store(&path).unwrap();
                    now.clone_from(&synced);
                }
            }
            prop_assert!(content(&*file) == now);
            prop_assert!(content(&*disk.open(&path).unwrap()) == synced);
        }
    }
}
