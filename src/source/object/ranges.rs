//! A prefix that is listed in ranges, side by side.
//!
//! The points that part it are known before: quantiles of what the ledger holds, or what [`scout`](mod@super::scout) finds. Any
//! points will do, for the [`Chain`] tells whether the ranges between them add up.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use object_store::path::Path;

use super::super::{Expansion, Proof, Span, Unknown};
use super::Bucket;
use super::chain::{Chain, Sum, Walk};
use super::feed::{Feed, Telling, tell};
use super::listing::ObjectEntries;
use crate::model::{KeyRange, SourcePath};

/// How often in a row ranges may turn out not to add up before nobody tries any more.
const MOST_TEARS: u32 = 2;

/// How often in a row ranges did not add up.
#[derive(Debug, Default)]
pub(super) struct Tears(AtomicU32);

impl Tears {
    /// Tells whether the store is one that cannot be listed in ranges.
    pub(super) fn are_too_many(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= MOST_TEARS
    }

    fn note(&self, sum: Sum) {
        match sum {
            Sum::Whole => self.0.store(0, Ordering::Relaxed),
            Sum::Torn => {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
            Sum::Unfinished => {}
        }
    }
}

/// A path behind which a range begins, and its key.
#[derive(Debug, Clone)]
pub(super) struct Point {
    path: Box<str>,
    key: Path,
}

impl Point {
    /// Returns those of `paths` that there may be an object at, each once, in byte order.
    pub(super) fn of(bucket: &Bucket, paths: &[SourcePath]) -> Vec<Self> {
        let mut points: Vec<Self> = paths
            .iter()
            .filter_map(|path| {
                let key = bucket.location(path).ok()?;
                let path = path.as_str().into();
                Some(Self { path, key })
            })
            .collect();
        points.sort_by(|a, b| a.path.cmp(&b.path));
        points.dedup_by(|a, b| a.path == b.path);
        points
    }

    /// Returns the first path behind it.
    fn next(&self) -> Box<str> {
        format!("{}\0", self.path).into()
    }
}

/// Parts everything behind each of `points`. What `begun` tells is the beginning of all, and is taken for that of the first
/// range.
pub(super) fn ranges(bucket: &Arc<Bucket>, points: &[Point], begun: Option<Telling>) -> Expansion {
    let chain = Arc::new(Chain::of(points.len() + 1));
    let mut begun = begun;
    let spans = (0..=points.len()).map(|at| -> Box<dyn Span> {
        let after = at.checked_sub(1).and_then(|before| points.get(before));
        let upto = points.get(at);
        Box::new(RangeSpan {
            range: KeyRange {
                start: after.map(Point::next).unwrap_or_default(),
                end: upto.map(Point::next),
            },
            bucket: Arc::clone(bucket),
            chain: Arc::clone(&chain),
            at,
            after: after.map(|point| point.key.clone()),
            upto: upto.map(|point| point.key.as_ref().into()),
            begun: Mutex::new(begun.take()),
        })
    });
    let spans = spans.collect();
    let bucket = Arc::clone(bucket);
    Expansion::Ranges(spans, Box::new(Links { bucket, chain }))
}

struct RangeSpan {
    bucket: Arc<Bucket>,
    range: KeyRange,
    chain: Arc<Chain>,
    at: usize,
    after: Option<Path>,
    upto: Option<Box<str>>,
    begun: Mutex<Option<Telling>>,
}

impl Span for RangeSpan {
    fn range(&self) -> &KeyRange {
        &self.range
    }

    fn expand(&self) -> Result<Expansion, Unknown> {
        let bucket = &self.bucket;
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let telling = begun.take().unwrap_or_else(|| {
            let (store, root) = (&*bucket.store, &bucket.root);
            tell(store, bucket.locations, root, self.after.as_ref())
        });
        let feed = Feed::of(&bucket.runtime, telling, self.upto.clone());
        let after = self.after.as_ref().map(|after| after.as_ref().into());
        let walk = Walk::begin(Arc::clone(&self.chain), self.at, after, self.upto.clone());
        let entries = ObjectEntries::of_range(bucket, feed, &self.range, walk);
        Ok(Expansion::Entries(Box::new(entries)))
    }
}

struct Links {
    bucket: Arc<Bucket>,
    chain: Arc<Chain>,
}

impl Proof for Links {
    fn holds(&self) -> bool {
        let sum = self.chain.sum();
        self.bucket.tears.note(sum);
        sum == Sum::Whole
    }
}
