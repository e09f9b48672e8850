//! The contract of `Source`, for every source and wrapper.

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use strandline::clock::ManualClock;
use strandline::config::Links;
use strandline::model::{Fingerprint, KeyRange, SelectAll, SourcePath, Timestamp};
use strandline::source::{
    CountingSource, FaultySource, LocalSource, MemorySource, Moment, ObjectSource, ReadError,
    Source,
};
use strandline::store::FaultyStore;

use super::buckets::Prefix;
use crate::support::listing::{Listing, drain, list, sorted};
use crate::support::store::PlannedStore;

/// A source, and a way to change what it shows.
pub(super) struct World {
    source: Arc<dyn Source>,
    files: Files,
}

enum Files {
    Memory(MemorySource, Arc<ManualClock>),
    Local(tempfile::TempDir),
    Objects(PlannedStore),
    Bucket(Box<Prefix>),
}

impl World {
    fn memory(span_files: usize) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp(1_700_000_000_000_000_000)));
        let memory = MemorySource::with_span_files(clock.clone(), span_files);
        Self {
            source: Arc::new(memory.clone()),
            files: Files::Memory(memory, clock),
        }
    }

    fn local(links: Links) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let source = LocalSource::new(directory.path(), Arc::new(SelectAll), links).unwrap();
        Self {
            source: Arc::new(source),
            files: Files::Local(directory),
        }
    }

    fn objects() -> Self {
        let store = PlannedStore::new();
        Self {
            source: Arc::new(store.source(Arc::new(SelectAll))),
            files: Files::Objects(store),
        }
    }

    /// The same through a wrapper that can let it fail, and does not.
    fn objects_that_could_fail() -> Self {
        let store = PlannedStore::new();
        let faulty = FaultyStore::new(Arc::new(store.clone()), 0);
        let name = "s3://bucket/raw".to_owned();
        let source = ObjectSource::over(Arc::new(faulty), "raw", name, Arc::new(SelectAll));
        Self {
            source: Arc::new(source.unwrap()),
            files: Files::Objects(store),
        }
    }

    /// What lies below a prefix of a bucket, be it real or a server's.
    pub(super) fn bucket(prefix: Prefix) -> Self {
        Self {
            source: Arc::new(prefix.source()),
            files: Files::Bucket(Box::new(prefix)),
        }
    }

    fn wrapped(self, wrap: impl Fn(Arc<dyn Source>) -> Arc<dyn Source>) -> Self {
        Self {
            source: wrap(self.source),
            files: self.files,
        }
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        match &self.files {
            Files::Memory(memory, clock) => {
                clock.advance(std::time::Duration::from_millis(1));
                memory.write(path, bytes);
            }
            Files::Local(_) => {
                let path = self.at(path);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, bytes).unwrap();
            }
            Files::Objects(store) => store.put(&format!("raw/{path}"), bytes),
            Files::Bucket(prefix) => prefix.put(path, bytes),
        }
    }

    fn remove(&self, path: &str) {
        match &self.files {
            Files::Memory(memory, _) => memory.remove(path),
            Files::Local(_) => std::fs::remove_file(self.at(path)).unwrap(),
            Files::Objects(store) => store.delete(&format!("raw/{path}")),
            Files::Bucket(prefix) => prefix.delete(path),
        }
    }

    fn rename(&self, from: &str, to: &str) {
        match &self.files {
            Files::Memory(memory, _) => memory.rename(from, to),
            Files::Local(_) => std::fs::rename(self.at(from), self.at(to)).unwrap(),
            Files::Objects(_) | Files::Bucket(_) => panic!("objects have no other name"),
        }
    }

    fn at(&self, path: &str) -> PathBuf {
        match &self.files {
            Files::Local(directory) => directory.path().join(path),
            Files::Memory(..) | Files::Objects(_) | Files::Bucket(_) => {
                panic!("only a local source has a place")
            }
        }
    }

    fn look(&self, path: &str) -> Option<Fingerprint> {
        self.source.look(&path.into()).unwrap()
    }

    fn listing(&self) -> Listing {
        match &self.files {
            Files::Bucket(prefix) if !prefix.is_in_byte_order() => sorted(&*self.source),
            _ => list(&*self.source),
        }
    }

    fn paths(&self) -> Vec<String> {
        let listing = self.listing();
        assert!(listing.unknown.is_empty(), "{:?}", listing.unknown);
        listing.paths().into_iter().map(str::to_owned).collect()
    }
}

type Check = fn(&World);

/// What holds for every source that may be in a bucket, by name.
pub(super) const CHECKS: [(&str, Check); 9] = [
    ("an_empty_source_lists_nothing", check_empty),
    ("paths_come_in_byte_order_across_directories", check_order),
    (
        "listing_looking_and_opening_tell_the_same_fingerprint",
        check_fingerprint,
    ),
    (
        "what_is_not_there_is_none_to_a_look_and_vanished_to_an_open",
        check_missing,
    ),
    ("an_input_reads_from_the_front_and_at_any_place", check_read),
    ("an_open_file_outlives_its_name", check_outlive),
    ("expanding_a_span_again_lists_it_again", check_expand_again),
    ("no_path_leads_out_of_the_source", check_lead_out),
    (
        "what_is_one_version_stays_as_it_was_when_it_is_overwritten",
        check_one_version,
    ),
];

fn on_every_source(check: impl Fn(&World)) {
    on_every_file_system(&check);
    check(&World::objects());
    check(&World::objects_that_could_fail());
    check(&World::objects().wrapped(|inner| Arc::new(CountingSource::new(inner))));
    check(&World::objects().wrapped(|inner| Arc::new(FaultySource::new(inner))));
}

fn on_every_file_system(check: impl Fn(&World)) {
    for span_files in [1, 2, 1000] {
        check(&World::memory(span_files));
    }
    for links in [Links::Ignored, Links::Followed] {
        check(&World::local(links));
    }
    check(&World::memory(2).wrapped(|inner| Arc::new(CountingSource::new(inner))));
    check(&World::local(Links::Ignored).wrapped(|inner| Arc::new(FaultySource::new(inner))));
}

#[test]
fn an_empty_source_lists_nothing() {
    on_every_source(check_empty);
}

fn check_empty(world: &World) {
    assert_eq!(world.paths(), [""; 0]);
}

#[test]
fn paths_come_in_byte_order_across_directories() {
    on_every_source(check_order);
}

fn check_order(world: &World) {
    // A lister that sorts names before it adds `/` gives `a`'s files before `a-b.csv`.
    let sorted = [
        "B",
        "a-b.csv",
        "a.csv",
        "a/b.csv",
        "a/c/d",
        "a/c.csv",
        "a0.csv",
        "ab/x",
        "\u{e9}/x",
        "\u{10000}",
    ];
    let mut expected = sorted;
    expected.sort_unstable();
    for path in sorted.iter().rev() {
        world.write(path, b"x");
    }
    assert_eq!(world.paths(), expected);
}

#[test]
fn listing_looking_and_opening_tell_the_same_fingerprint() {
    on_every_source(check_fingerprint);
}

fn check_fingerprint(world: &World) {
    world.write("a/b.csv", b"12345");
    let looked = world.look("a/b.csv").unwrap();
    assert_eq!(looked.size, 5);
    let listing = world.listing();
    assert_eq!(listing.fingerprints, std::slice::from_ref(&looked));
    let input = world.source.open(&"a/b.csv".into()).unwrap();
    assert_eq!(input.fingerprint().unwrap(), looked);
}

#[test]
fn what_is_not_there_is_none_to_a_look_and_vanished_to_an_open() {
    on_every_source(check_missing);
}

fn check_missing(world: &World) {
    world.write("a/b.csv", b"1");
    for missing in ["x", "a", "a/x", "a/b.csv/x", "x/y/z"] {
        let missing = SourcePath::from(missing);
        assert_eq!(world.source.look(&missing).unwrap(), None, "{missing}");
        let error = world.source.open(&missing).err().unwrap();
        assert!(
            matches!(error, ReadError::Vanished { .. }),
            "{missing}: {error:?}"
        );
    }
}

#[test]
fn an_input_reads_from_the_front_and_at_any_place() {
    on_every_source(check_read);
}

fn check_read(world: &World) {
    world.write("a", b"0123456789");
    let mut input = world.source.open(&"a".into()).unwrap();
    let random = input.random_access().unwrap();
    assert_eq!(random.len(), 10);
    let mut part = [0; 3];
    random.read_exact_at(7, &mut part).unwrap();
    assert_eq!(&part, b"789");
    assert!(random.read_exact_at(8, &mut part).is_err());
    let mut all = Vec::new();
    input.read_to_end(&mut all).unwrap();
    assert_eq!(all, b"0123456789");
}

#[test]
fn an_open_file_outlives_its_name() {
    on_every_source(check_outlive);
}

fn check_outlive(world: &World) {
    world.write("a", b"kept");
    let mut input = world.source.open(&"a".into()).unwrap();
    world.remove("a");
    let mut all = Vec::new();
    input.read_to_end(&mut all).unwrap();
    assert_eq!(all, b"kept");
    assert_eq!(world.paths(), [""; 0]);
}

#[test]
fn appending_to_an_open_file_shows_in_its_fingerprint() {
    on_every_file_system(|world| {
        world.write("a", b"1");
        let input = world.source.open(&"a".into()).unwrap();
        let before = input.fingerprint().unwrap();
        world.write("a", b"1234");
        assert_ne!(input.fingerprint().unwrap(), before);
    });
}

#[test]
fn what_is_one_version_stays_as_it_was_when_it_is_overwritten() {
    check_one_version(&World::objects());
    check_one_version(&World::objects_that_could_fail());
    check_one_version(&World::objects().wrapped(|inner| Arc::new(CountingSource::new(inner))));
    check_one_version(&World::objects().wrapped(|inner| Arc::new(FaultySource::new(inner))));
}

fn check_one_version(world: &World) {
    world.write("a", b"1");
    let mut input = world.source.open(&"a".into()).unwrap();
    assert!(input.is_one_version());
    let before = input.fingerprint().unwrap();
    world.write("a", b"2");
    assert_eq!(input.fingerprint().unwrap(), before);
    assert_ne!(world.look("a"), Some(before));
    let mut all = Vec::new();
    input.read_to_end(&mut all).unwrap();
    assert_eq!(all, b"1");
}

#[test]
fn a_rename_keeps_inode_and_mtime() {
    on_every_file_system(|world| {
        world.write("a", b"1");
        let before = world.look("a").unwrap();
        world.rename("a", "b");
        assert_eq!(world.look("a"), None);
        let after = world.look("b").unwrap();
        assert_eq!(
            (after.inode, after.modified_at),
            (before.inode, before.modified_at)
        );
    });
}

#[test]
fn expanding_a_span_again_lists_it_again() {
    on_every_source(check_expand_again);
}

fn check_expand_again(world: &World) {
    world.write("b", b"1");
    let root = world.source.root();
    let mut first = Listing::default();
    drain(&*root, &mut first);
    world.write("a/x", b"1");
    world.write("c", b"1");
    world.remove("b");
    let mut second = Listing::default();
    drain(&*root, &mut second);
    assert_eq!(first.paths(), ["b"]);
    assert_eq!(second.paths(), ["a/x", "c"]);
}

#[test]
fn no_path_leads_out_of_the_source() {
    on_every_source(check_lead_out);
}

fn check_lead_out(world: &World) {
    world.write("a/b", b"1");
    for bad in [
        "../x",
        "a/../a/b",
        "/etc/passwd",
        "./a/b",
        "a//b",
        "",
        "a/b/",
    ] {
        let bad = SourcePath::from(bad);
        assert!(!matches!(world.source.look(&bad), Ok(Some(_))), "{bad}");
        assert!(world.source.open(&bad).is_err(), "{bad}");
    }
}

#[test]
fn a_directory_that_cannot_be_listed_hides_its_files_and_no_others() {
    for span_files in [1, 2, 1000] {
        let world = World::memory(span_files);
        let Files::Memory(memory, _) = &world.files else {
            panic!("made above");
        };
        for path in ["a", "b-x", "b/1", "b/2", "b/c/3", "b0", "c"] {
            world.write(path, b"1");
        }
        memory.deny("b/");
        let listing = list(&*world.source);
        assert_eq!(listing.paths(), ["a", "b-x", "b0", "c"]);
        for hidden in ["b/1", "b/c/3", "b/was/once/here"] {
            assert!(listing.hides(hidden), "{hidden}");
        }
        assert!(
            !["a", "b-x", "b", "b0"]
                .iter()
                .any(|path| listing.hides(path))
        );
        let error = world.source.open(&"b/1".into()).err().unwrap();
        assert!(matches!(error, ReadError::Failed { .. }));
        memory.deny("");
        assert!(list(&*world.source).hides("a"));
    }
}

#[test]
fn a_faulty_listing_hides_its_range_in_every_span_it_touches() {
    for world in [World::memory(2), World::local(Links::Ignored)] {
        let faulty = FaultySource::new(Arc::clone(&world.source));
        for path in ["a", "b/1", "b/2", "c/1", "c/2", "d"] {
            world.write(path, b"1");
        }
        faulty.hide(
            KeyRange::new("b/2", Some("c/2")),
            std::io::ErrorKind::TimedOut,
        );
        let listing = list(&faulty);
        assert_eq!(listing.paths(), ["a", "b/1", "c/2", "d"]);
        for hidden in ["b/2", "b/was", "c/1"] {
            assert!(listing.hides(hidden), "{hidden}");
        }
        assert!(!["a", "b/1", "c/2"].iter().any(|path| listing.hides(path)));
        faulty.heal();
        assert_eq!(list(&faulty).paths().len(), 6);
    }
}

#[test]
fn a_faulty_source_fails_as_often_as_told_and_changes_files_under_the_reader() {
    let world = World::memory(10);
    world.write("a", b"old");
    let faulty = FaultySource::new(Arc::clone(&world.source));
    faulty.fail("a", Moment::Opening, std::io::ErrorKind::TimedOut, 1);
    assert!(faulty.open(&"a".into()).is_err());
    faulty.fail("a", Moment::Reading, std::io::ErrorKind::TimedOut, 1);
    let mut input = faulty.open(&"a".into()).unwrap();
    let mut bytes = [0; 1];
    assert!(input.read(&mut bytes).is_err());
    let Files::Memory(memory, _) = &world.files else {
        panic!("made above");
    };
    let memory = memory.clone();
    let mut input = faulty.open(&"a".into()).unwrap();
    let change = move || memory.append("a", b" and new");
    faulty.once("a", Moment::Reading, change);
    let before = input.fingerprint().unwrap();
    let mut all = String::new();
    input.read_to_string(&mut all).unwrap();
    assert_eq!(all, "old and new");
    assert_ne!(input.fingerprint().unwrap(), before);
}

#[test]
fn a_counting_source_counts_listing_and_reading_apart() {
    let world = World::memory(1);
    world.write("a", b"123");
    world.write("b", b"456");
    let counting = CountingSource::new(Arc::clone(&world.source));
    list(&counting);
    assert_eq!(
        (
            counting.expansions(),
            counting.opens(),
            counting.bytes_read()
        ),
        (3, 0, 0)
    );
    let mut input = counting.open(&"a".into()).unwrap();
    std::io::copy(&mut input, &mut std::io::sink()).unwrap();
    counting.look(&"a".into()).unwrap();
    assert_eq!(
        (counting.opens(), counting.looks(), counting.bytes_read()),
        (1, 1, 3)
    );
}

#[test]
fn two_writes_within_one_tick_of_memory_leave_equal_stamps() {
    let clock = Arc::new(ManualClock::new(Timestamp(7)));
    let memory = MemorySource::new(clock);
    memory.write("a", "one");
    let before = memory.look(&"a".into()).unwrap();
    memory.write("a", "two");
    assert_eq!(memory.look(&"a".into()).unwrap(), before);
    memory.remove("a");
    memory.write("b", "new");
    let reused = memory.look(&"b".into()).unwrap();
    assert_eq!(reused, before, "inode numbers come back as well");
}
