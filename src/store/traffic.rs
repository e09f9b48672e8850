//! What goes to and fro between this program and the stores: counted, and kept within limits.
//!
//! There is one [`Traffic`] for each store, however many clients speak with it: those of a source, of a target and of a
//! ledger in one bucket share its limits. [`Stores`] hands them out.
//!
//! # Invariants
//! - Every request is counted before it is sent, retries and those that fail included.
//! - A request has its place among those under way from when it is sent until its answer has come whole, or nobody wants it any more.
//! - A request that is signed waits no longer than [`LONGEST_WAIT`] for its turn, since stores take no old signatures: a
//!   limit that would make it wait longer is exceeded. What waits for long waits [before that](super::paced).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::request::RequestKind;
use super::tokens::TokenBucket;
use crate::clock::{Clock, SystemClock};
use crate::config::{StoreLimits, StoreUrl};
use crate::model::{Exchange, RequestCounts, Timestamp};

/// With the retries of the client before it and the time that an answer takes, it is well within the quarter of an hour
/// that signatures last.
pub(super) const LONGEST_WAIT: Duration = Duration::from_mins(2);

/// The stores that a pipeline speaks with. Clones share them.
#[derive(Clone)]
pub struct Stores(Arc<Known>);

struct Known {
    limits: StoreLimits,
    clock: Arc<dyn Clock>,
    /// By the URL of the bucket.
    traffic: Mutex<BTreeMap<String, Traffic>>,
}

impl Stores {
    /// Begins with none; each that comes has these limits.
    #[must_use]
    pub fn new(limits: StoreLimits, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Known {
            limits,
            clock,
            traffic: Mutex::default(),
        }))
    }

    /// Returns the traffic with the store that `url` is in: the same for every place in it.
    #[must_use]
    pub fn traffic(&self, url: &StoreUrl) -> Traffic {
        let mut known = self.known();
        let traffic = known.entry(url.store());
        let new = || Traffic::new(self.0.limits, Arc::clone(&self.0.clock), Arc::new(Timers));
        traffic.or_insert_with(new).clone()
    }

    /// Returns what was exchanged with all of them; `None` where there are none.
    #[must_use]
    pub fn exchanged(&self) -> Option<Exchange> {
        let known = self.known();
        let exchanged = known.values().map(Traffic::exchanged);
        exchanged.reduce(Exchange::plus)
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, Traffic>> {
        let known = &self.0.traffic;
        known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Stores {
    fn default() -> Self {
        Self::new(StoreLimits::default(), Arc::new(SystemClock::new()))
    }
}

impl fmt::Debug for Stores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.known().keys()).finish()
    }
}

/// Lets time pass.
#[async_trait]
pub(super) trait Timer: Send + Sync {
    /// Comes back after `time`.
    async fn wait(&self, time: Duration);
}

struct Timers;

#[async_trait]
impl Timer for Timers {
    async fn wait(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

/// What is exchanged with one store. Clones share it.
#[derive(Clone)]
pub struct Traffic(Arc<Shared>);

struct Shared {
    counts: Arc<Counts>,
    requests: Option<Arc<Mutex<TokenBucket>>>,
    bytes: Option<Arc<Mutex<TokenBucket>>>,
    places: Option<Arc<Semaphore>>,
    /// Requests wait for their turn.
    is_patient: bool,
    clock: Arc<dyn Clock>,
    timer: Arc<dyn Timer>,
}

#[derive(Default)]
struct Counts {
    list: AtomicU64,
    get: AtomicU64,
    head: AtomicU64,
    put: AtomicU64,
    delete: AtomicU64,
    other: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
}

impl Counts {
    fn of(&self, kind: RequestKind) -> &AtomicU64 {
        match kind {
            RequestKind::List => &self.list,
            RequestKind::Get => &self.get,
            RequestKind::Head => &self.head,
            RequestKind::Put => &self.put,
            RequestKind::Delete => &self.delete,
            RequestKind::Other => &self.other,
        }
    }
}

impl Traffic {
    pub(super) fn new(limits: StoreLimits, clock: Arc<dyn Clock>, timer: Arc<dyn Timer>) -> Self {
        let bucket = |per_second: u64| Arc::new(Mutex::new(TokenBucket::new(per_second)));
        Self(Arc::new(Shared {
            counts: Arc::default(),
            requests: limits.requests_per_second.map(bucket),
            bytes: limits.bytes_per_second.map(|size| bucket(size.0)),
            places: limits
                .concurrency
                .map(|most| Arc::new(Semaphore::new(most))),
            is_patient: true,
            clock,
            timer,
        }))
    }

    /// Returns the same, for what must not be held back: it counts here, and whatever else there is waits for it.
    #[must_use]
    pub fn at_once(&self) -> Self {
        Self(Arc::new(Shared {
            counts: Arc::clone(&self.0.counts),
            requests: self.0.requests.clone(),
            bytes: self.0.bytes.clone(),
            places: None,
            is_patient: false,
            clock: Arc::clone(&self.0.clock),
            timer: Arc::clone(&self.0.timer),
        }))
    }

    /// Returns what was exchanged so far.
    #[must_use]
    pub fn exchanged(&self) -> Exchange {
        let counts = &self.0.counts;
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Exchange {
            requests: RequestCounts {
                list: read(&counts.list),
                get: read(&counts.get),
                head: read(&counts.head),
                put: read(&counts.put),
                delete: read(&counts.delete),
                other: read(&counts.other),
            },
            sent: read(&counts.sent),
            received: read(&counts.received),
        }
    }

    /// Waits, at most for `longest`, until a request may be sent that brings `sent` bytes and asks for `expected`.
    pub(super) async fn turn(
        &self,
        sent: u64,
        expected: u64,
        longest: Option<Duration>,
    ) -> Underway {
        let bytes = sent.saturating_add(expected);
        let now = self.0.clock.monotonic();
        let take = |bucket: &Option<Arc<Mutex<TokenBucket>>>, tokens| {
            let bucket = bucket.as_deref().map(lock);
            bucket.map_or(Duration::ZERO, |mut bucket| bucket.take(now, tokens))
        };
        let underway = Underway {
            traffic: self.clone(),
            taken: bytes,
            used: 0,
            place: None,
        };
        let wait = take(&self.0.requests, 1).max(take(&self.0.bytes, bytes));
        if !self.0.is_patient {
            // Those that come behind wait for it.
            return underway;
        }
        self.wait(longest.map_or(wait, |longest| wait.min(longest)))
            .await;
        underway
    }

    /// Leaves the store alone for as long as it wants, unless nothing here may be held back.
    pub(super) async fn heed(&self, wait: Duration) {
        if self.0.is_patient {
            self.wait(wait).await;
        }
    }

    /// Lets `time` pass.
    pub(super) async fn wait(&self, time: Duration) {
        if !time.is_zero() {
            self.0.timer.wait(time).await;
        }
    }

    /// Returns the wall time.
    pub(super) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        let places = Arc::clone(self.0.places.as_ref()?);
        // Nobody closes it.
        places.acquire_owned().await.ok()
    }
}

impl fmt::Debug for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.exchanged().fmt(f)
    }
}

/// The turn of a request that has waited, and is on its way through the client.
#[derive(Clone)]
pub(super) struct Turn(Arc<Mutex<Option<Underway>>>);

impl Turn {
    pub(super) fn of(underway: Underway) -> Self {
        Self(Arc::new(Mutex::new(Some(underway))))
    }

    /// Takes it; whoever comes again, with the same request, has to wait for another.
    pub(super) fn take(&self) -> Option<Underway> {
        let mut turn = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turn.take()
    }
}

/// A request that is under way, until its answer is whole or let go.
#[derive(Debug)]
pub(super) struct Underway {
    traffic: Traffic,
    /// Bytes that were taken from the limit in advance.
    taken: u64,
    /// Bytes that were exchanged.
    used: u64,
    place: Option<OwnedSemaphorePermit>,
}

impl Underway {
    /// Waits for a place among those that are under way, and counts the request, which is sent then with `bytes` in its body.
    ///
    /// Nobody who has a place waits for anything but his answer, least of all for credentials, which are asked for on
    /// the same way.
    pub(super) async fn send(&mut self, kind: RequestKind, bytes: u64) {
        self.place = self.traffic.place().await;
        self.used += bytes;
        let counts = &self.traffic.0.counts;
        counts.of(kind).fetch_add(1, Ordering::Relaxed);
        counts.sent.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Lets go of the place: all of the answer has come, or the rest of it never will.
    pub(super) fn is_answered(&mut self) {
        self.place = None;
    }

    /// Counts bytes of the answer.
    pub(super) fn receive(&mut self, bytes: u64) {
        self.used += bytes;
        let received = &self.traffic.0.counts.received;
        received.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        let Some(bytes) = &self.traffic.0.bytes else {
            return;
        };
        if self.used < self.taken {
            lock(bytes).give_back(self.taken - self.used);
        } else {
            // Those that come now wait for it.
            let now = self.traffic.0.clock.monotonic();
            lock(bytes).take(now, self.used - self.taken);
        }
    }
}

fn lock(bucket: &Mutex<TokenBucket>) -> MutexGuard<'_, TokenBucket> {
    bucket.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_in_a_store_shares_its_traffic_and_no_other_does() {
        let stores = Stores::default();
        assert_eq!(stores.exchanged(), None);
        let at = |url: &str| stores.traffic(&StoreUrl::parse(url).unwrap());
        at("s3://a/raw")
            .0
            .counts
            .get
            .fetch_add(1, Ordering::Relaxed);
        at("s3://a").0.counts.get.fetch_add(2, Ordering::Relaxed);
        at("s3://b").0.counts.put.fetch_add(4, Ordering::Relaxed);
        assert_eq!(at("s3://a/lake").exchanged().requests.get, 3);
        assert_eq!(at("gs://a").exchanged(), Exchange::default());
        let all = stores.clone().exchanged().unwrap();
        assert_eq!((all.requests.get, all.requests.total()), (3, 7));
        assert_eq!(format!("{stores:?}"), r#"["gs://a", "s3://a", "s3://b"]"#);
    }
}
