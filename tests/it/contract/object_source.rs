//! What only an object store can do to a listing or a reader.

use std::io::{ErrorKind, Read};
use std::sync::Arc;

use futures::FutureExt;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use strandline::clock::ManualClock;
use strandline::model::{SelectAll, Timestamp};
use strandline::source::{Entry, Expansion, ObjectSource, ReadError, Source, collect};

use crate::support::cut_store::CutStore;
use crate::support::listing::list;
use crate::support::store::{Break, PlannedStore, Requests};

/// Takes a beginning, two parts and a bit.
const LARGE_BYTES: usize = (9 << 20) + 7;

fn source(store: &PlannedStore) -> ObjectSource {
    store.source(Arc::new(SelectAll))
}

fn pattern(seed: u8) -> Vec<u8> {
    let byte = |at: usize| u8::try_from(at % 251).unwrap() ^ seed;
    (0..LARGE_BYTES).map(byte).collect()
}

fn store_of(keys: &[&str]) -> PlannedStore {
    let store = PlannedStore::new();
    for key in keys {
        store.put(key, "x");
    }
    store
}

#[test]
fn only_what_lies_below_the_prefix_is_listed_and_nothing_else_is_asked() {
    let store = store_of(&["raw/a.csv", "raw/b/c.csv", "rawer/x.csv", "raw.csv"]);
    let source = source(&store);
    assert_eq!(list(&source).paths(), ["a.csv", "b/c.csv"]);
    let asked = Requests {
        lists: 1,
        ..Requests::default()
    };
    assert_eq!(store.take_requests(), asked);
    assert_eq!(source.describe(), "s3://bucket/raw");
}

#[test]
fn an_object_without_bytes_is_a_file_whatever_its_name() {
    let store = store_of(&["raw/a/x.csv"]);
    for key in ["raw/a", "raw/empty.csv", "raw/lonely"] {
        store.put(key, "");
    }
    let listing = list(&source(&store));
    assert_eq!(listing.paths(), ["a", "a/x.csv", "empty.csv", "lonely"]);
    assert_eq!(listing.skipped, 0);
}

#[test]
fn what_is_expected_is_asked_for_before_it_is_opened_and_not_again_until_somebody_looks() {
    let store = CutStore::new(Arc::new(ManualClock::new(Timestamp(
        1_750_000_000_000_000_000,
    ))));
    let put = |key: &str, text: &'static str| {
        let key = Path::from(key);
        let put = store.put(&key, text.into());
        put.now_or_never().unwrap().unwrap();
    };
    put("raw/a", "one");
    put("raw/b", "two");
    let shared = Arc::new(store.clone());
    let name = "s3://bucket/raw".to_owned();
    let source = ObjectSource::over(shared, "raw", name, Arc::new(SelectAll)).unwrap();
    let read = |path: &str| {
        let mut text = String::new();
        let mut input = source.open(&path.into()).unwrap();
        input.read_to_string(&mut text).unwrap();
        text
    };
    let before = store.requests();
    source.expect(&"a".into());
    source.expect(&"b".into());
    source.expect(&"a".into());
    store.wait_for_requests(before + 2);
    assert_eq!(read("a"), "one");
    source.expect(&"a".into());
    assert_eq!(
        (read("a"), store.requests()),
        ("one".to_owned(), before + 2)
    );
    put("raw/b", "other");
    source.look(&"b".into()).unwrap();
    assert_eq!(read("b"), "other");
    source.expect(&"gone".into());
    let opened = source.open(&"gone".into());
    assert!(matches!(opened.err(), Some(ReadError::Vanished { .. })));
}

#[test]
fn what_was_read_is_kept_until_the_next_look() {
    let store = store_of(&["raw/a"]);
    let source = source(&store);
    let read = || {
        let mut text = String::new();
        let mut input = source.open(&"a".into()).unwrap();
        input.read_to_string(&mut text).unwrap();
        (text, store.take_requests().gets)
    };
    assert_eq!(read(), ("x".to_owned(), 1));
    assert_eq!(read(), ("x".to_owned(), 0));
    store.put("raw/a", "y");
    drop(source.root());
    assert_eq!(read(), ("y".to_owned(), 1));
    store.put("raw/a", "z");
    source.look(&"a".into()).unwrap();
    assert_eq!(read(), ("z".to_owned(), 1));
}

#[test]
fn a_listing_that_breaks_off_hides_everything() {
    for how in [Break::Fails, Break::Panics] {
        let store = store_of(&["raw/a", "raw/b", "raw/c"]);
        store.break_listings(2, how);
        let listing = list(&source(&store));
        if how == Break::Fails {
            assert_eq!(listing.paths(), ["a", "b"]);
        }
        for hidden in ["", "a", "c", "z"] {
            assert!(listing.hides(hidden), "{how:?}: {hidden}");
        }
        store.heal();
        let listing = list(&source(&store));
        assert_eq!(listing.paths(), ["a", "b", "c"]);
        assert!(listing.unknown.is_empty());
    }
}

#[test]
fn a_listing_in_tree_order_is_told_as_it_comes() {
    let store = store_of(&["raw/a!.csv", "raw/a/b.csv"]);
    store.list_as_tree();
    let Ok(Expansion::Entries(entries)) = source(&store).root().expand() else {
        panic!("there is one span only");
    };
    let paths = collect(entries).into_iter().map(|(path, entry)| {
        assert!(matches!(entry, Entry::Found(_)));
        path
    });
    let paths: Vec<_> = paths.collect();
    assert_eq!(
        paths.iter().map(|path| &**path).collect::<Vec<_>>(),
        ["a/b.csv", "a!.csv"]
    );
}

#[test]
fn a_small_object_takes_one_request_and_an_empty_one_a_second() {
    let store = store_of(&["raw/a"]);
    store.put("raw/empty", "");
    for (path, expected, gets, heads) in [("a", "x", 1, 0), ("empty", "", 1, 1)] {
        let mut input = source(&store).open(&path.into()).unwrap();
        let mut text = String::new();
        input.read_to_string(&mut text).unwrap();
        assert_eq!(text, expected);
        let random = input.random_access().unwrap();
        let mut bytes = vec![0; expected.len()];
        random.read_exact_at(0, &mut bytes).unwrap();
        assert_eq!(bytes, expected.as_bytes());
        let asked = Requests {
            lists: 0,
            gets,
            heads,
        };
        assert_eq!(store.take_requests(), asked, "{path}");
    }
}

#[test]
fn whether_an_object_is_empty_is_asked_only_where_a_range_was_refused() {
    let store = store_of(&["raw/a"]);
    for (words, heads) in [
        ("503 Slow Down", 0),
        (
            "Server returned non-2xx status code: 416 Range Not Satisfiable: ",
            1,
        ),
        ("Received non-partial response when range requested", 1),
    ] {
        store.refuse_gets(words);
        let opened = source(&store).open(&"a".into());
        assert!(matches!(opened, Err(ReadError::Failed { .. })), "{words}");
        let asked = Requests {
            lists: 0,
            gets: 1,
            heads,
        };
        assert_eq!(store.take_requests(), asked, "{words}");
    }
}

#[test]
fn a_large_object_is_read_in_parts_and_at_any_place() {
    let store = PlannedStore::new();
    let bytes = pattern(0);
    store.put("raw/a", bytes.clone());
    let mut input = source(&store).open(&"a".into()).unwrap();
    let random = input.random_access().unwrap();
    let mut all = Vec::new();
    input.read_to_end(&mut all).unwrap();
    assert!(all == bytes);
    assert_eq!(store.take_requests().gets, 4);
    for (offset, length) in [
        (0, 10),
        ((1 << 20) - 5, 10),
        ((2 << 20) - 5, 10),
        (3 << 20, 2 << 20),
        (LARGE_BYTES - 3, 3),
    ] {
        let mut part = vec![0; length];
        random.read_exact_at(offset as u64, &mut part).unwrap();
        assert!(
            part == bytes[offset..offset + length],
            "{length} at {offset}"
        );
    }
    let mut one = [0];
    random.read_exact_at(1 << 20, &mut one).unwrap();
    assert_eq!(store.take_requests().gets, 5, "blocks are kept");
    let behind = random.read_exact_at(LARGE_BYTES as u64, &mut one);
    assert_eq!(behind.unwrap_err().kind(), ErrorKind::UnexpectedEof);
}

#[test]
fn an_object_that_is_overwritten_or_deleted_while_it_is_read_is_a_stale_handle_and_no_mixture() {
    for (deleted, ignores_versions) in [(false, false), (true, false), (false, true)] {
        let store = PlannedStore::new();
        if ignores_versions {
            store.ignore_versions();
        }
        store.put("raw/a", pattern(0));
        let mut input = source(&store).open(&"a".into()).unwrap();
        let random = input.random_access().unwrap();
        let mut first = [0];
        input.read_exact(&mut first).unwrap();
        if deleted {
            store.delete("raw/a");
        } else {
            store.put("raw/a", pattern(1));
        }
        let error = input.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StaleNetworkFileHandle);
        let error = random.read_exact_at(2 << 20, &mut first).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StaleNetworkFileHandle);
    }
}

#[test]
fn without_tags_no_input_vouches_for_one_version_and_nothing_is_kept() {
    let store = store_of(&["raw/a"]);
    store.tell_no_tags();
    let source = source(&store);
    for _ in 0..2 {
        let mut text = String::new();
        let mut input = source.open(&"a".into()).unwrap();
        input.read_to_string(&mut text).unwrap();
        assert_eq!(text, "x");
        assert!(!input.is_one_version());
        assert_eq!(store.take_requests().gets, 1);
    }
}
