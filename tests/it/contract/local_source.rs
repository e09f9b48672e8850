//! What only a real file system can do to a listing.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use rustix::fs::{CWD, FileType, Mode, OFlags};
use strandline::config::Links;
use strandline::model::{ErrorKind, Select, SelectAll};
use strandline::source::{Entry, Expansion, LocalSource, ReadError, Source, Span, collect};
use tempfile::TempDir;

use crate::support::listing::{Listing, drain, list};

fn tree(paths: &[&str]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for path in paths {
        write(directory.path(), path);
    }
    directory
}

fn write(root: &Path, path: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, b"x").unwrap();
}

fn source(root: &Path, links: Links) -> LocalSource {
    LocalSource::new(root, Arc::new(SelectAll), links).unwrap()
}

fn spans(span: &dyn Span) -> Vec<Box<dyn Span>> {
    match span.expand().unwrap() {
        Expansion::Spans(spans) => spans,
        Expansion::Entries(_) | Expansion::Ranges(..) => panic!("expected spans"),
    }
}

#[test]
fn a_missing_root_is_an_error_and_never_an_empty_listing() {
    let directory = tree(&["file"]);
    for bad in ["missing", "file"] {
        let path = directory.path().join(bad);
        let result = LocalSource::new(&path, Arc::new(SelectAll), Links::Ignored);
        assert_eq!(result.err().unwrap().path, path);
    }
}

#[test]
fn a_root_that_goes_after_it_was_opened_hides_everything() {
    let directory = tree(&[]);
    let root = directory.path().join("root");
    fs::create_dir(&root).unwrap();
    let source = source(&root, Links::Ignored);
    fs::remove_dir(&root).unwrap();
    let unknown = source.root().expand().err().unwrap();
    assert!(unknown.hides.unwrap().contains("anything"));
}

#[test]
fn a_directory_that_cannot_be_read_hides_what_lies_below_it() {
    // Permissions do not bind every user that tests run as; a directory that has become a file cannot be read by
    // anyone.
    let directory = tree(&["a.csv", "b/1", "b/2", "c/1", "z"]);
    let source = source(directory.path(), Links::Ignored);
    let root = source.root();
    let children = spans(&*root);
    fs::remove_dir_all(directory.path().join("b")).unwrap();
    fs::write(directory.path().join("b"), b"").unwrap();
    let mut listing = Listing::default();
    for child in &children {
        drain(&**child, &mut listing);
    }
    assert_eq!(listing.paths(), ["a.csv", "c/1", "z"]);
    assert_eq!(listing.unknown.len(), 1);
    assert!(listing.hides("b/1"));
    assert!(!listing.hides("c/1") && !listing.hides("bb") && !listing.hides("b"));
}

#[test]
fn what_vanishes_between_its_name_and_the_look_is_absent_and_hides_nothing() {
    let directory = tree(&["a", "b", "c"]);
    let source = source(directory.path(), Links::Ignored);
    let Expansion::Entries(entries) = source.root().expand().unwrap() else {
        panic!("three files are listed at once");
    };
    fs::remove_file(directory.path().join("b")).unwrap();
    let found = collect(entries).into_iter().map(|(path, entry)| {
        assert!(matches!(entry, Entry::Found(_)), "{entry:?}");
        path
    });
    assert_eq!(found.collect::<Vec<_>>(), ["a".into(), "c".into()]);
}

#[test]
fn a_directory_that_vanishes_before_it_is_expanded_is_empty() {
    let directory = tree(&["a/1", "b/1"]);
    let source = source(directory.path(), Links::Ignored);
    let root = source.root();
    let children = spans(&*root);
    fs::remove_dir_all(directory.path().join("a")).unwrap();
    let mut listing = Listing::default();
    for child in &children {
        drain(&**child, &mut listing);
    }
    assert_eq!(listing.paths(), ["b/1"]);
    assert!(listing.unknown.is_empty());
}

#[test]
fn a_name_that_is_not_utf8_is_told_of_and_hides_nothing() {
    for neighbours in [&["a/1", "b/2"][..], &["a", "b"]] {
        let directory = tree(neighbours);
        let bad = OsStr::from_bytes(b"caf\xe9.csv");
        fs::write(directory.path().join(bad), b"x").unwrap();
        let listing = list(&source(directory.path(), Links::Ignored));
        assert_eq!(listing.paths(), neighbours);
        assert_eq!(listing.unknown.len(), 1);
        assert_eq!(listing.unknown[0].kind, ErrorKind::BadName);
        assert_eq!(listing.unknown[0].path, "caf\u{fffd}.csv");
        assert!(listing.unknown[0].hides.is_none());
    }
}

#[test]
fn links_are_skipped_unless_they_are_followed() {
    let outside = tree(&["deep/x", "y"]);
    let directory = tree(&["a"]);
    symlink(outside.path(), directory.path().join("dir")).unwrap();
    symlink(outside.path().join("y"), directory.path().join("file")).unwrap();
    symlink("nowhere", directory.path().join("broken")).unwrap();
    let ignoring = source(directory.path(), Links::Ignored);
    let listing = list(&ignoring);
    assert_eq!((listing.paths(), listing.skipped), (vec!["a"], 3));
    for through in ["file", "dir/y", "dir/deep/x"] {
        assert_eq!(ignoring.look(&through.into()).unwrap(), None, "{through}");
        let error = ignoring.open(&through.into()).err().unwrap();
        assert!(matches!(error, ReadError::Vanished { .. }), "{through}");
    }
    let following = source(directory.path(), Links::Followed);
    let listing = list(&following);
    assert_eq!(listing.paths(), ["a", "dir/deep/x", "dir/y", "file"]);
    assert_eq!(listing.skipped, 1);
    for (path, seen) in listing.found.iter().zip(&listing.fingerprints) {
        assert_eq!(following.look(path).unwrap().as_ref(), Some(seen));
        let input = following.open(path).unwrap();
        assert_eq!(input.fingerprint().unwrap(), *seen);
    }
}

#[test]
fn a_link_to_a_directory_above_it_is_a_loop_and_ends_there() {
    let directory = tree(&["a/b/1", "z"]);
    symlink("..", directory.path().join("a/b/up")).unwrap();
    symlink(directory.path(), directory.path().join("a/top")).unwrap();
    symlink("itself", directory.path().join("itself")).unwrap();
    let listing = list(&source(directory.path(), Links::Followed));
    assert_eq!(listing.paths(), ["a/b/1", "z"]);
    assert!(
        listing
            .unknown
            .iter()
            .all(|unknown| unknown.kind == ErrorKind::LinkLoop)
    );
    for hidden in ["a/b/up/b/1", "a/top/z", "itself", "itself/x"] {
        assert!(listing.hides(hidden), "{hidden}");
    }
    assert!(!listing.hides("a/b/1") && !listing.hides("z"));
}

#[test]
fn two_links_to_one_directory_side_by_side_are_no_loop() {
    let directory = tree(&["real/1"]);
    symlink("real", directory.path().join("also")).unwrap();
    let listing = list(&source(directory.path(), Links::Followed));
    assert_eq!(listing.paths(), ["also/1", "real/1"]);
    assert!(listing.unknown.is_empty());
}

#[test]
fn a_pipe_is_skipped_and_opening_it_does_not_wait() {
    let directory = tree(&["a"]);
    let pipe = directory.path().join("pipe");
    rustix::fs::mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let source = source(directory.path(), Links::Ignored);
    let listing = list(&source);
    assert_eq!((listing.paths(), listing.skipped), (vec!["a"], 1));
    let error = source.open(&"pipe".into()).err().unwrap();
    assert!(matches!(error, ReadError::Vanished { .. }));
}

struct OnlyCsv;

impl Select for OnlyCsv {
    fn enters(&self, dir: &str) -> bool {
        !dir.ends_with("skip")
    }

    fn admits(&self, path: &str) -> bool {
        Path::new(path).extension() == Some(OsStr::new("csv"))
    }

    fn identity(&self) -> String {
        "only CSV".to_owned()
    }
}

#[test]
fn what_the_selection_leaves_out_is_skipped() {
    let directory = tree(&["a.csv", "a.tmp", "b/c.csv", "b/skip/d.csv", "skip/e.csv"]);
    let source = LocalSource::new(directory.path(), Arc::new(OnlyCsv), Links::Ignored).unwrap();
    let listing = list(&source);
    assert_eq!(listing.paths(), ["a.csv", "b/c.csv"]);
    assert_eq!(listing.skipped, 3);
}

#[test]
fn a_hundred_thousand_files_in_one_directory_come_in_order() {
    let directory = tree(&[]);
    for number in 0..100_000 {
        let name = format!("{:x}.csv", number * 2_654_435_761_u64 % 4_294_967_296);
        fs::File::create(directory.path().join(name)).unwrap();
    }
    let source = source(directory.path(), Links::Ignored);
    let listing = list(&source);
    assert_eq!(listing.found.len(), 100_000);
    let root = source.root();
    let runs = spans(&*root);
    assert!(runs.len() > 40, "{}", runs.len());
    // A run that is expanded again reads the directory again.
    let run = &runs[20];
    let count = |run: &dyn Span| {
        let mut listing = Listing::default();
        drain(run, &mut listing);
        listing.found.len()
    };
    let before = count(&**run);
    write(directory.path(), &format!("{}-new", run.range().start));
    write(directory.path(), &format!("{}-dir/x", run.range().start));
    assert_eq!(count(&**run), before + 2);
}

#[test]
fn paths_longer_than_the_system_takes_are_listed_and_read() {
    let directory = tree(&["z"]);
    let name = "d".repeat(200);
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let mut here = rustix::fs::open(directory.path(), flags, Mode::empty()).unwrap();
    for _ in 0..40 {
        rustix::fs::mkdirat(&here, &name, Mode::RWXU).unwrap();
        here = rustix::fs::openat(&here, &name, flags, Mode::empty()).unwrap();
    }
    let file = OFlags::WRONLY | OFlags::CREATE;
    rustix::fs::openat(&here, "deep.csv", file, Mode::RUSR).unwrap();
    let deep = format!("{}deep.csv", format!("{name}/").repeat(40));
    for links in [Links::Ignored, Links::Followed] {
        let source = source(directory.path(), links);
        let listing = list(&source);
        assert_eq!(listing.paths(), [deep.as_str(), "z"]);
        assert!(source.look(&listing.found[0]).unwrap().is_some());
        assert!(source.open(&listing.found[0]).is_ok());
    }
}

#[test]
fn spans_that_wait_hold_no_descriptors() {
    let directory = tree(&[]);
    for number in 0..3000 {
        fs::create_dir(directory.path().join(number.to_string())).unwrap();
        fs::create_dir(directory.path().join(number.to_string()).join("below")).unwrap();
    }
    let source = source(directory.path(), Links::Followed);
    let root = source.root();
    let waiting = spans(&*root);
    assert_eq!(waiting.len(), 3000);
    let below: Vec<_> = waiting.iter().flat_map(|span| spans(&**span)).collect();
    assert_eq!(below.len(), 3000);
    let open = fs::read_dir("/proc/self/fd").unwrap().count();
    assert!(open < 1000, "{open} descriptors are open");
}

fn walk(root: &Path, prefix: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(root.join(prefix)).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            walk(root, &format!("{path}/"), found);
        } else {
            found.push(path);
        }
    }
}

fn any_path() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "a", "a-b", "a.b", "a0", "b", "B", "\u{e9}", "~", " ", "a ",
    ]);
    prop::collection::vec(name, 1..4).prop_map(|names| names.join("/"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_tree_is_listed_as_a_sorted_walk(paths in prop::collection::vec(any_path(), 0..25)) {
        let directory = tree(&[]);
        for path in &paths {
            let path = directory.path().join(path);
            // Where a file is in the way of a directory, or the other way round, the first of them stays.
            if fs::create_dir_all(path.parent().unwrap()).is_ok() {
                let _ = fs::write(path, b"x");
            }
        }
        let mut expected = Vec::new();
        walk(directory.path(), "", &mut expected);
        expected.sort_unstable();
        for links in [Links::Ignored, Links::Followed] {
            let listing = list(&source(directory.path(), links));
            prop_assert_eq!(listing.paths(), expected.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }
}
