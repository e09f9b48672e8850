//! A listing in ranges tells what a listing in one does, or does not count.

use std::collections::BTreeSet;

use proptest::collection::btree_set;
use proptest::prelude::*;
use proptest::sample::select;
use strandline::model::SourcePath;
use strandline::source::{Entry, Expansion, ObjectSource, Proof, Source, Span, collect};

use crate::support::listing::{Listing, drain, list};
use crate::support::ordered::{Asked, ORDERS, Offsets, Order, OrderedStore};

fn store_of(order: Order, page: usize, paths: &[&str]) -> OrderedStore {
    let store = OrderedStore::new(order, page);
    for path in paths {
        store.put(path, "x");
    }
    store
}

fn paths_of(points: &[&str]) -> Vec<SourcePath> {
    points
        .iter()
        .map(|point| SourcePath::from(*point))
        .collect()
}

fn ranges(source: &ObjectSource, points: &[&str]) -> (Vec<Box<dyn Span>>, Box<dyn Proof>) {
    match source.divided(&paths_of(points), 0).expand() {
        Ok(Expansion::Ranges(spans, proof)) => (spans, proof),
        _ => panic!("{points:?} are points"),
    }
}

fn divided(source: &ObjectSource, points: &[SourcePath]) -> Listing {
    let mut listing = Listing::default();
    drain(&*source.divided(points, 0), &mut listing);
    listing
}

fn listed(span: &dyn Span) -> Vec<String> {
    let mut listing = Listing::default();
    drain(span, &mut listing);
    listing.paths().iter().map(ToString::to_string).collect()
}

/// As many paths as that, in directories of a hundred.
fn many(files: usize) -> OrderedStore {
    let store = OrderedStore::new(Order::Bytes, 1000);
    (0..files).for_each(|file| store.put(&path(file), "x"));
    store
}

fn path(file: usize) -> String {
    format!("day={:04}/{file:06}.csv", file / 100)
}

#[test]
fn ranges_begin_behind_their_points_and_cost_a_page_more_each_at_most() {
    let store = many(950);
    store.set_page(100);
    let points = [path(199), path(200), "day=0005".to_owned(), path(949)];
    let points: Vec<&str> = points.iter().map(String::as_str).collect();
    let (spans, proof) = ranges(&store.source(1), &points);
    let counts: Vec<usize> = spans.iter().map(|span| listed(&**span).len()).collect();
    assert_eq!(counts, [200, 1, 299, 450, 0]);
    assert!(proof.holds());
    let asked = store.take_asked();
    assert_eq!((asked.ranges, asked.directories), (4, 0));
    assert!(asked.pages <= 10 + 4, "{asked:?}");
}

#[test]
fn points_that_are_no_paths_or_come_twice_or_in_disorder_do_no_harm() {
    let store = store_of(Order::Bytes, 2, &["a", "b/c", "d"]);
    let points = paths_of(&["c", "", "b/c", "b//", "../x", "b/c", "a\n", "b/"]);
    let listing = divided(&store.source(1), &points);
    assert_eq!(listing.paths(), ["a", "b/c", "d"]);
    assert!(listing.is_proven);
    assert_eq!(store.take_asked().ranges, 2);
}

#[test]
fn a_key_that_comes_or_goes_at_a_seam_between_two_listings_is_no_proof() {
    for (change, holds) in [
        ("put ba", false),
        ("delete c", false),
        ("put d", true),
        ("delete d", true),
        ("put aa", true),
    ] {
        let store = store_of(Order::Bytes, 10, &["a", "b", "c", "cc"]);
        store.put("d", "x");
        let (spans, proof) = ranges(&store.source(1), &["b"]);
        assert_eq!(listed(&*spans[0]), ["a", "b"]);
        match change.split_once(' ').unwrap() {
            ("put", path) => store.put(path, "y"),
            (_, path) => store.delete(path),
        }
        listed(&*spans[1]);
        assert_eq!(proof.holds(), holds, "{change}");
    }
}

#[test]
fn ranges_that_are_not_walked_to_their_ends_prove_nothing() {
    let store = store_of(Order::Bytes, 10, &["a", "b", "c", "d"]);
    let source = store.source(1);
    let (spans, proof) = ranges(&source, &["b"]);
    assert!(!proof.holds());
    listed(&*spans[0]);
    assert!(!proof.holds(), "the second was not begun");
    let Ok(Expansion::Entries(mut entries)) = spans[1].expand() else {
        panic!("a range is not parted further");
    };
    assert!(matches!(entries.next(), Some(Entry::Found(_))));
    assert!(!proof.holds(), "the second was not ended");
    while entries.next().is_some() {}
    assert!(proof.holds());
}

#[test]
fn a_page_that_fails_in_whatever_range_hides_it_and_leaves_no_proof() {
    let paths: Vec<String> = (0..40).map(|file| format!("{file:02}")).collect();
    for at in ["00", "06", "10", "14", "20", "39"] {
        let store = OrderedStore::new(Order::Bytes, 4);
        for path in &paths {
            store.put(path, "x");
        }
        // It has to be the first of a page.
        let first = paths.iter().find(|path| path.as_str() >= at).unwrap();
        store.fail_at(Some(first));
        let (spans, proof) = ranges(&store.source(1), &["09", "19", "29"]);
        let mut failed = 0;
        for span in &spans {
            let mut listing = Listing::default();
            drain(&**span, &mut listing);
            if let [unknown] = &*listing.unknown {
                assert_eq!(unknown.hides.as_ref(), Some(span.range()));
                failed += 1;
            }
        }
        let is_met = ["00", "10", "14", "20"].contains(&at);
        assert_eq!(failed > 0, is_met, "{at}");
        assert_eq!(proof.holds(), !is_met, "{at}");
    }
}

#[test]
fn a_store_that_begins_wherever_it_likes_is_listed_in_one_after_two_tries() {
    let store = store_of(Order::Bytes, 10, &["a", "b", "c", "d"]);
    store.take_offsets_as(Offsets::Ignored);
    let source = store.source(1);
    for _ in 0..2 {
        assert!(!divided(&source, &paths_of(&["b"])).is_proven);
    }
    assert_eq!(store.take_asked().ranges, 2);
    assert_eq!(
        divided(&source, &paths_of(&["b"])).paths(),
        ["a", "b", "c", "d"]
    );
    assert_eq!(store.take_asked().ranges, 0);
}

#[test]
fn a_page_that_fails_does_not_make_a_store_one_that_cannot_be_listed_in_ranges() {
    let store = store_of(Order::Bytes, 10, &["a", "b", "c"]);
    store.fail_at(Some("c"));
    let source = store.source(1);
    for _ in 0..5 {
        assert!(!divided(&source, &paths_of(&["b"])).is_proven);
    }
    store.fail_at(None);
    assert!(divided(&source, &paths_of(&["b"])).is_proven);
}

#[test]
fn a_range_that_is_listed_again_is_looked_at_again() {
    let store = store_of(Order::Bytes, 10, &["a", "b", "c"]);
    let (spans, proof) = ranges(&store.source(1), &["b"]);
    for span in &spans {
        listed(&**span);
    }
    assert!(proof.holds());
    store.delete("c");
    assert_eq!(listed(&*spans[1]), [""; 0]);
    assert!(!proof.holds());
}

#[test]
fn what_is_listed_on_a_few_pages_costs_those_pages_only() {
    for files in [0, 1, 999, 1000, 1001, 4000] {
        let store = many(files);
        let listing = divided(&store.source(1), &[]);
        assert_eq!(listing.found.len(), files);
        let pages = files.div_ceil(1000).max(1);
        let asked = Asked {
            pages,
            ..Asked::default()
        };
        assert_eq!(store.take_asked(), asked, "{files}");
    }
}

#[test]
fn nobody_looks_around_before_there_is_much_more_than_is_known() {
    let store = many(9000);
    for (known, looks) in [(0, 1), (2000, 1), (2500, 0), (9000, 0), (u64::MAX, 0)] {
        let mut listing = Listing::default();
        drain(&*store.source(1).divided(&[], known), &mut listing);
        assert_eq!(listing.found.len(), 9000);
        assert_eq!(store.take_asked().directories, looks, "{known}");
    }
}

#[test]
fn a_long_first_listing_goes_on_in_the_directories_that_it_finds() {
    let store = many(9000);
    let listing = divided(&store.source(1), &[]);
    assert!(listing.is_proven);
    assert_eq!(listing.found.len(), 9000);
    assert!(listing.found.is_sorted_by(|a, b| a < b));
    let asked = store.take_asked();
    assert_eq!(asked.directories, 1);
    assert!((8..=31).contains(&asked.ranges), "{asked:?}");
    assert!(asked.pages <= 9 + asked.ranges, "{asked:?}");
}

#[test]
fn directories_are_looked_for_below_one_that_is_alone() {
    let store = OrderedStore::new(Order::Bytes, 1000);
    for file in 0..12_000 {
        store.put(&format!("a/b/{:02}/{file:05}", file / 1000), "x");
    }
    let listing = divided(&store.source(1), &[]);
    assert!(listing.is_proven);
    assert_eq!(listing.found.len(), 12_000);
    let asked = store.take_asked();
    assert!(asked.directories == 3 && asked.ranges >= 2, "{asked:?}");
}

#[test]
fn a_long_flat_prefix_is_listed_in_one() {
    let store = OrderedStore::new(Order::Bytes, 1000);
    (0..5500).for_each(|file| store.put(&format!("{file:05}"), "x"));
    let listing = divided(&store.source(1), &[]);
    assert_eq!(listing.found.len(), 5500);
    let asked = Asked {
        pages: 6,
        ..Asked::default()
    };
    assert_eq!(store.take_asked(), asked);
}

#[test]
fn a_first_listing_whose_directories_are_not_told_is_listed_in_one() {
    let store = many(6000);
    store.hide_directories();
    let listing = divided(&store.source(1), &[]);
    assert_eq!(listing.found.len(), 6000);
    assert!(listing.unknown.is_empty());
    let asked = Asked {
        pages: 6,
        directories: 1,
        ranges: 0,
    };
    assert_eq!(store.take_asked(), asked);
}

#[test]
fn a_first_listing_that_fails_on_any_page_hides_something_and_proves_nothing() {
    let store = many(9000);
    for page in 0..9 {
        store.fail_at(Some(&path(page * 1000)));
        let listing = divided(&store.source(1), &[]);
        // Ranges do not begin with the pages of a listing in one.
        let is_met = !listing.unknown.is_empty();
        assert!(is_met || page >= 4, "{page}");
        assert_ne!(is_met, listing.is_proven, "{page}");
        assert_ne!(is_met, listing.found.len() == 9000, "{page}");
    }
}

#[test]
fn a_source_that_was_not_told_that_it_may_is_listed_in_one() {
    let store = store_of(Order::Bytes, 10, &["a", "b", "c"]);
    let source = store.in_one();
    assert_eq!(source.range_files(), None);
    assert_eq!(divided(&source, &paths_of(&["b"])).paths(), ["a", "b", "c"]);
    assert_eq!(store.take_asked().ranges, 0);
}

/// Paths in which orders differ: below `/` and above, beyond the characters of one UTF-16 unit and before.
fn some_path() -> impl Strategy<Value = String> {
    let letters = select(vec![
        "a",
        "b",
        "!",
        "0",
        "\u{e9}",
        "\u{ff61}",
        "\u{1f40c}",
        "/",
    ]);
    let text = proptest::collection::vec(letters, 1..7);
    text.prop_filter_map("no path", |letters| {
        let path = letters.concat();
        let is_path = path.split('/').all(|segment| !segment.is_empty());
        is_path.then_some(path)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn ranges_that_are_proven_tell_what_one_listing_does(
        paths in btree_set(some_path(), 0..40),
        points in btree_set(some_path(), 1..6),
        page in 1_usize..5,
        order in select(ORDERS.to_vec()),
    ) {
        let store = OrderedStore::new(order, page);
        for path in &paths {
            store.put(path, "x");
        }
        let points: Vec<SourcePath> = points.iter().map(|path| path.as_str().into()).collect();
        let listing = divided(&store.source(1), &points);
        let found: BTreeSet<String> = listing.found.iter().map(ToString::to_string).collect();
        if listing.is_proven {
            prop_assert_eq!(&found, &paths);
            prop_assert!(listing.found.is_sorted_by(|a, b| a < b));
        }
        if order == Order::Bytes {
            prop_assert!(listing.is_proven);
            let asked = store.take_asked();
            prop_assert!(asked.pages <= paths.len() / page + points.len() + 1);
        }
        let in_one = match store.in_one().root().expand() {
            Ok(Expansion::Entries(entries)) => collect(entries).len(),
            _ => panic!("there is one span only"),
        };
        prop_assert_eq!(in_one, paths.len());
    }
}

#[test]
fn a_listing_in_order_is_the_same_in_one() {
    let store = many(300);
    let all = list(&store.in_one());
    let points: Vec<SourcePath> = [50, 100, 299].map(|file| path(file).as_str().into()).into();
    let ranges = divided(&store.source(1), &points);
    assert_eq!(ranges.paths(), all.paths());
    assert_eq!(ranges.fingerprints, all.fingerprints);
}
