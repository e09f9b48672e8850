//! A prefix in an object store: S3, Google Cloud Storage, Azure, or whatever speaks like one of them.
//!
//! Everything is done over `object_store`, whose clients sign, retry and time out. Asynchronous code stops here: a
//! small runtime of this source's own does the talking, and whoever lists or reads waits for it at a bounded channel.
//!
//! # Fingerprints
//! A listing and an answer to a request must tell the same of the same object, and stores do not: some have
//! milliseconds in a listing and whole seconds elsewhere, some quote an `ETag` here and not there. So instants are cut to
//! whole seconds and quotes taken off. A weak `ETag` says nothing about bytes, and is left out. What remains is the object's
//! validator: where it is the same, the bytes are, and whatever else an answer tells
//! [does not matter](Fingerprint::is_same_version).
//!
//! # Order
//! One listing covers the whole prefix, page by page, or several side by side cover ranges of it. Most stores list in byte
//! order of the keys, some in tree order, some in another. Where one listing does, the engine sees it and sorts. Ranges are
//! only believed where they fit together without a gap, which [shows](chain) that nothing lies between them in the order
//! that the store has; else everything is listed again in one, and after that has happened twice in a row, nobody tries
//! ranges any more.
//!
//! S3 and Google Cloud Storage begin a listing behind a key. S3 directory buckets and the emulator of Azure do not, and the
//! client would list everything for each range and leave out what is smaller; of Azure it is not known what that means
//! where names are those of a tree. They are listed in one.
//!
//! # Trouble
//! A page that fails, after the retries of the client, makes everything unknown and not only what lies behind it: in a
//! store that lists in another order, anything may lie behind it. Where it is one of a range, the ranges do not count, and
//! everything is listed again in one; that has the last word. A listing counts as complete only if it says so itself, and
//! an answer for a page only if it is one.
//!
//! # Directories
//! There are none, but consoles and file systems put objects of no bytes where one should be: `a/` before `a/b.csv`. They
//! are skipped.
//!
//! # Archives
//! What a listing says to be archived is left alone, and is never asked for. Where it does not say so (an object that a store
//! moves to an archive by itself), asking for it does.
//!
//! # Limits
//! A key that is no path (`a//b`, `../a`, `a/` with bytes) cannot be asked for: it is told of by every listing, and
//! skipped. A store that somebody else made ([`ObjectSource::over`]) tells neither of these, nor of markers and archives.

mod ahead;
mod chain;
mod feed;
mod input;
mod kept;
mod listing;
mod ranges;
mod scout;
#[cfg(test)]
pub(crate) mod testing;

use std::io;
use std::sync::Arc;

use futures::{StreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use tokio::runtime::Runtime;

use crate::config::{Access, StoreUrl};
use crate::model::{Fingerprint, KeyRange, Select, SourcePath, Timestamp};
use crate::store::{
    Locations, OpenStoreError, Refusal, Stores, connect, goes_on_behind_a_key, io_error, parse,
    runtime,
};

use super::{Expansion, Input, ReadError, Source, Span, Unknown};
use ahead::Ahead;
use feed::{Feed, Telling, broke_off, tell};
use input::{Begun, ObjectInput, Version, begin};
use kept::Kept;
use listing::ObjectEntries;
use ranges::{Point, Tears, ranges};
use scout::{Scouted, Surroundings, scout};

/// Threads that talk to the store. They wait and copy; whatever costs time is done by whoever reads.
const THREADS: usize = 2;

/// How many files are worth a range of their own: a few pages.
const RANGE_FILES: u64 = 5_000;

/// The objects below a prefix.
#[derive(Clone)]
pub struct ObjectSource {
    bucket: Arc<Bucket>,
    range_files: Option<u64>,
}

impl ObjectSource {
    /// Makes the source of what lies at `url`, a store that is one of `stores`. Nothing is asked of it yet.
    ///
    /// # Errors
    /// [`OpenStoreError`] where `access` does not tell how to come in.
    pub fn new(
        url: &StoreUrl,
        access: &Access,
        stores: &Stores,
        selection: Arc<dyn Select>,
    ) -> Result<Self, OpenStoreError> {
        let failed = |source| OpenStoreError {
            url: url.to_string(),
            source,
        };
        let store = connect(url, access, &stores.traffic(url)).map_err(failed)?;
        let source = Self::listing(
            store,
            url.prefix(),
            url.to_string(),
            selection,
            Locations::Listed,
        )
        .map_err(|error| failed(error.into()))?;
        Ok(Self {
            range_files: goes_on_behind_a_key(url, access).then_some(RANGE_FILES),
            ..source
        })
    }

    /// Makes the source of the objects of `store` below the directory `prefix`, which people know as `name`.
    ///
    /// # Errors
    /// Where `prefix` is no path; else what the system reports when threads are started.
    pub fn over(
        store: Arc<dyn ObjectStore>,
        prefix: &str,
        name: String,
        selection: Arc<dyn Select>,
    ) -> io::Result<Self> {
        Self::listing(store, prefix, name, selection, Locations::Keys)
    }

    /// Lists in ranges, side by side, where there are at least `files` for each of them. That is only for a store whose
    /// [`ObjectStore::list_with_offset`] begins its listing, in whatever order that has, behind a key; one that lists all
    /// and leaves out smaller keys could hide some.
    #[must_use]
    pub fn in_ranges_of(self, files: u64) -> Self {
        Self {
            range_files: Some(files.max(1)),
            ..self
        }
    }

    fn listing(
        store: Arc<dyn ObjectStore>,
        prefix: &str,
        name: String,
        selection: Arc<dyn Select>,
        locations: Locations,
    ) -> io::Result<Self> {
        let runtime = runtime(THREADS)?;
        let root = parse(prefix)?;
        Ok(Self {
            bucket: Arc::new(Bucket {
                store,
                prefix: if root.is_root() {
                    String::new()
                } else {
                    format!("{root}/")
                },
                root,
                name,
                selection,
                locations,
                kept: Kept::default(),
                ahead: Ahead::default(),
                tears: Tears::default(),
                runtime,
            }),
            range_files: None,
        })
    }
}

impl Source for ObjectSource {
    fn root(&self) -> Box<dyn Span> {
        self.bucket.begin_anew();
        Box::new(ObjectSpan {
            bucket: Arc::clone(&self.bucket),
            range: KeyRange::all(),
        })
    }

    fn divided(&self, points: &[SourcePath], known: u64) -> Box<dyn Span> {
        if self.range_files.is_none() || self.bucket.tears.are_too_many() {
            return self.root();
        }
        self.bucket.begin_anew();
        Box::new(DividedSpan {
            points: Point::of(&self.bucket, points),
            bucket: Arc::clone(&self.bucket),
            range: KeyRange::all(),
            known,
        })
    }

    fn range_files(&self) -> Option<u64> {
        self.range_files
    }

    fn look(&self, path: &SourcePath) -> Result<Option<Fingerprint>, ReadError> {
        let bucket = &self.bucket;
        let location = bucket.location(path)?;
        bucket.kept.forget(&location);
        bucket.ahead.forget(&location);
        match bucket.runtime.block_on(bucket.store.head(&location)) {
            Ok(object) => Ok(Some(fingerprint(&object))),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed(path, io_error(error))),
        }
    }

    fn open(&self, path: &SourcePath) -> Result<Box<dyn Input>, ReadError> {
        let location = self.bucket.location(path)?;
        match ObjectInput::open(&self.bucket, location) {
            Ok(input) => Ok(Box::new(input)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(ReadError::Vanished { path: path.clone() })
            }
            Err(error) if is_archived(&error) => Err(ReadError::Archived { path: path.clone() }),
            Err(error) => Err(failed(path, error)),
        }
    }

    fn selection(&self) -> &dyn Select {
        &*self.bucket.selection
    }

    fn expect(&self, path: &SourcePath) {
        // What is wrong with it is told when it is opened.
        let Ok(location) = self.bucket.location(path) else {
            return;
        };
        if !self.bucket.kept.has(&location) {
            self.bucket.send_for(location);
        }
    }

    fn describe(&self) -> String {
        self.bucket.name.clone()
    }

    fn is_far(&self) -> bool {
        true
    }
}

/// What listings and inputs share. No task holds it: the runtime must not end within itself.
struct Bucket {
    store: Arc<dyn ObjectStore>,
    root: Path,
    /// What every key begins with: empty, or with a `/` at its end.
    prefix: String,
    name: String,
    selection: Arc<dyn Select>,
    locations: Locations,
    kept: Kept<Version>,
    ahead: Ahead<io::Result<Begun>>,
    tears: Tears,
    runtime: Runtime,
}

impl Bucket {
    /// Forgets what was fetched: what is listed from now on may be newer.
    fn begin_anew(&self) {
        self.kept.clear();
        self.ahead.clear();
    }

    fn send_for(&self, location: Path) {
        let ask = |location| {
            let begun = begin(Arc::clone(&self.store), location);
            self.runtime.spawn(begun)
        };
        self.ahead.send(&location.clone(), || ask(location));
    }

    /// Begins to list everything.
    fn tell(&self) -> Telling {
        tell(&*self.store, self.locations, &self.root, None)
    }

    /// Begins to list everything, and looks around if that is much more than `known` objects.
    fn scout(&self, known: u64) -> Scouted {
        let around = Surroundings {
            store: Arc::clone(&self.store),
            root: self.root.clone(),
            prefix_bytes: self.prefix.len(),
        };
        let scouting = scout(around, known, self.tell());
        let scouting = self.runtime.spawn(scouting);
        // Whatever is wrong with the client is not to end more than the listing.
        self.runtime.block_on(scouting).unwrap_or_else(|_| Scouted {
            telling: stream::once(async { Err(broke_off()) }).boxed(),
            points: Vec::new(),
        })
    }

    fn location(&self, path: &SourcePath) -> Result<Path, ReadError> {
        let refused = || failed(path, io::ErrorKind::InvalidInput.into());
        if !is_path(path) {
            return Err(refused());
        }
        Path::parse(format!("{}{path}", self.prefix)).map_err(|_| refused())
    }
}

/// Tells whether an object with this path can be asked for: the client takes keys for paths.
fn is_path(path: &str) -> bool {
    let is_plain = |segment: &str| !matches!(segment, "" | "." | "..");
    path.split('/').all(is_plain) && !path.bytes().any(|byte| byte.is_ascii_control())
}

struct ObjectSpan {
    bucket: Arc<Bucket>,
    range: KeyRange,
}

impl Span for ObjectSpan {
    fn range(&self) -> &KeyRange {
        &self.range
    }

    fn expand(&self) -> Result<Expansion, Unknown> {
        Ok(all(&self.bucket, self.bucket.tell()))
    }
}

/// Everything, in ranges that begin behind points, or that are still to be found.
struct DividedSpan {
    bucket: Arc<Bucket>,
    range: KeyRange,
    points: Vec<Point>,
    known: u64,
}

impl Span for DividedSpan {
    fn range(&self) -> &KeyRange {
        &self.range
    }

    fn expand(&self) -> Result<Expansion, Unknown> {
        if !self.points.is_empty() {
            return Ok(ranges(&self.bucket, &self.points, None));
        }
        let Scouted { telling, points } = self.bucket.scout(self.known);
        let prefix = &self.bucket.prefix;
        let paths = points.iter().filter_map(|key| key.strip_prefix(prefix));
        let paths: Vec<SourcePath> = paths.map(SourcePath::from).collect();
        let points = Point::of(&self.bucket, &paths);
        Ok(if points.is_empty() {
            all(&self.bucket, telling)
        } else {
            ranges(&self.bucket, &points, Some(telling))
        })
    }
}

/// Returns all that is told.
fn all(bucket: &Arc<Bucket>, telling: Telling) -> Expansion {
    let feed = Feed::of(&bucket.runtime, telling, None);
    Expansion::Entries(Box::new(ObjectEntries::all(bucket, feed)))
}

/// Returns what is told of an object, in the one form that listings and answers have in common.
fn fingerprint(object: &ObjectMeta) -> Fingerprint {
    Fingerprint {
        size: object.size,
        modified_at: Timestamp(
            object
                .last_modified
                .timestamp()
                .saturating_mul(1_000_000_000),
        ),
        changed_at: None,
        inode: None,
        validator: strong_tag(object).map(|tag| tag.trim_matches('"').into()),
    }
}

/// Returns the object's `ETag` as the store writes it, where it stands for the bytes.
fn strong_tag(object: &ObjectMeta) -> Option<&str> {
    let tag = object.e_tag.as_deref()?;
    (!tag.is_empty() && !tag.starts_with("W/")).then_some(tag)
}

fn failed(path: &SourcePath, source: io::Error) -> ReadError {
    ReadError::Failed {
        path: path.clone(),
        source,
    }
}

/// Tells whether a store says that an object has to be restored first. S3 and Azure do so by the code of an answer that
/// is otherwise a refusal or a conflict.
fn is_archived(error: &io::Error) -> bool {
    matches!(
        refusal(error).and_then(Refusal::code),
        Some("InvalidObjectState" | "BlobArchived")
    )
}

/// Returns what came of the request that an error is of.
fn refusal(error: &io::Error) -> Option<&Refusal> {
    error.get_ref()?.downcast_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(instant: &str, e_tag: Option<&str>) -> Fingerprint {
        fingerprint(&ObjectMeta {
            location: Path::from("a"),
            last_modified: instant.parse().unwrap(),
            size: 1,
            e_tag: e_tag.map(str::to_owned),
            version: None,
        })
    }

    #[test]
    fn a_listing_and_an_answer_tell_the_same_of_the_same_object() {
        assert_eq!(
            told("2026-01-02T03:04:05.678Z", Some("abc")),
            told("2026-01-02T03:04:05Z", Some("\"abc\"")),
        );
        assert_ne!(
            told("2026-01-02T03:04:05Z", Some("\"abc\"")),
            told("2026-01-02T03:04:05Z", Some("\"abd\"")),
        );
    }

    #[test]
    fn what_is_no_strong_validator_is_left_out() {
        for weak in [None, Some(""), Some("W/\"abc\"")] {
            assert_eq!(told("2026-01-02T03:04:05Z", weak).validator, None);
        }
    }

    #[test]
    fn a_store_that_wants_an_object_restored_first_has_it_archived_and_no_other_refusal_does() {
        let opened = |url: &str, status, body| {
            let opened = testing::source(url, status, body).open(&"a.csv".into());
            opened.err().map(|error| error.to_string())
        };
        for (url, status, body, error) in [
            (
                "s3://bucket/raw",
                403,
                "<Error><Code>InvalidObjectState</Code><StorageClass>GLACIER</StorageClass></Error>",
                "a.csv is archived",
            ),
            (
                "az://box/raw",
                409,
                "<Error><Code>BlobArchived</Code></Error>",
                "a.csv is archived",
            ),
            (
                "s3://bucket/raw",
                403,
                "<Error><Code>AccessDenied</Code><Message>no BlobArchived in InvalidObjectState</Message></Error>",
                "cannot read a.csv",
            ),
            (
                "s3://bucket/raw",
                404,
                "<Error><Code>NoSuchKey</Code></Error>",
                "a.csv is gone from the source",
            ),
        ] {
            assert_eq!(opened(url, status, body).as_deref(), Some(error), "{body}");
        }
    }
}
