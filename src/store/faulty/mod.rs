//! A store that fails as stores do, over one that does not.
//!
//! What fails is said by [chances](FaultyStore::set_chance) and a seed, or by
//! [number](FaultyStore::fail_nth). The same seed brings the same faults: they depend on the seed, on what is asked for
//! which key, and on how often that was asked before; not on the clock, and not on how threads are scheduled. Names that are
//! made up anew each time (24 hexadecimal digits and more) count as one.
//!
//! # Invariants
//! - What an answer says to have happened has happened. The other way round, nothing is promised: that is what the wrapper
//!   is for.
//! - [Healed](FaultyStore::heal), it is the store below.
//!
//! # Limits
//! Errors are those that a client gives up with: there is none in between that would try again.

mod plan;
mod upload;

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyMode, CopyOptions, Error, GetOptions, GetRange, GetResult, GetResultPayload, ListResult,
    MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result,
};

pub use plan::StoreFault;
use plan::{Fate, Operation, Plan};
use upload::FaultyUpload;

use super::Objects;

/// Objects that change places together.
const PAGE_OBJECTS: usize = 3;

/// Lets another store fail. Clones share what is to happen.
#[derive(Clone)]
pub struct FaultyStore {
    inner: Arc<dyn Objects>,
    plan: SharedPlan,
}

#[derive(Clone)]
struct SharedPlan(Arc<Mutex<Plan>>);

impl SharedPlan {
    fn lock(&self) -> MutexGuard<'_, Plan> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn decide(&self, operation: Operation, key: &Path) -> Fate {
        self.lock().decide(operation, key.as_ref())
    }

    /// Does what changes something: not, or without anybody being told, where that is what is to happen.
    async fn change<T>(
        &self,
        operation: Operation,
        key: &Path,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        match self.decide(operation, key).fault {
            Some(StoreFault::Unavailable) => Err(unavailable()),
            Some(StoreFault::LostAnswer) => {
                // A refusal is lost as well.
                let _ = work.await;
                Err(lost())
            }
            Some(StoreFault::LostCondition) => {
                work.await?;
                Err(Error::AlreadyExists {
                    path: key.to_string(),
                    source: "412 Precondition Failed, after a retry".into(),
                })
            }
            _ => work.await,
        }
    }
}

impl FaultyStore {
    /// Wraps `inner`; nothing fails yet.
    #[must_use]
    pub fn new(inner: Arc<dyn Objects>, seed: u64) -> Self {
        Self {
            inner,
            plan: SharedPlan(Arc::new(Mutex::new(Plan::new(seed)))),
        }
    }

    /// Lets so many of a thousand requests that `fault` can happen to fail with it, until it is healed.
    pub fn set_chance(&self, fault: StoreFault, per_mille: u64) {
        self.plan.lock().set_chance(fault, per_mille);
    }

    /// Lets the request behind the next `nth` fail, or the first behind it that `fault` can happen to.
    pub fn fail_nth(&self, nth: u64, fault: StoreFault) {
        self.plan.lock().fail_nth(nth, fault);
    }

    /// Lets only requests fail whose keys contain `part`, until it is healed.
    pub fn aim_at(&self, part: &str) {
        self.plan.lock().aim_at(part);
    }

    /// Lets everything be as in the store below.
    pub fn heal(&self) {
        self.plan.lock().heal();
    }

    /// Returns how often `fault` has happened.
    #[must_use]
    pub fn met(&self, fault: StoreFault) -> u64 {
        self.plan.lock().met(fault)
    }

    /// Returns how many requests there have been.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.plan.lock().requests()
    }

    fn listing(
        &self,
        prefix: Option<&Path>,
        listing: BoxStream<'static, Result<ObjectMeta>>,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let fate = self
            .plan
            .decide(Operation::List, prefix.unwrap_or(&Path::default()));
        match fate.fault {
            Some(StoreFault::Unavailable) => broken(),
            Some(StoreFault::BrokenListing) => listing
                .take(objects_before(fate.noise))
                .chain(broken())
                .boxed(),
            Some(StoreFault::ReorderedPages) => {
                let pages = listing.chunks(PAGE_OBJECTS).collect::<Vec<_>>();
                let turned = stream::once(pages).flat_map(|mut pages| {
                    pages.reverse();
                    stream::iter(pages.into_iter().flatten())
                });
                turned.boxed()
            }
            _ => listing,
        }
    }
}

/// Returns how many objects come before a listing breaks off: few or many.
fn objects_before(noise: u64) -> usize {
    (1 << (noise % 11)) - 1
}

fn broken() -> BoxStream<'static, Result<ObjectMeta>> {
    stream::once(async { Err(unavailable()) }).boxed()
}

fn unavailable() -> Error {
    failed("503 Slow Down")
}

fn lost() -> Error {
    failed("no answer came in time")
}

fn failed(told: &'static str) -> Error {
    Error::Generic {
        store: "faulty",
        source: told.into(),
    }
}

fn vanished(key: &Path) -> Error {
    Error::NotFound {
        path: key.to_string(),
        source: "404 Not Found".into(),
    }
}

impl fmt::Debug for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FaultyStore({})", self.inner)
    }
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FaultyStore({})", self.inner)
    }
}

#[async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        let (operation, is_update) = match opts.mode {
            PutMode::Overwrite => (Operation::Put, false),
            PutMode::Create => (Operation::PutIf, false),
            PutMode::Update(_) => (Operation::PutIf, true),
        };
        let put = self.inner.put_opts(location, payload, opts);
        let put = self.plan.change(operation, location, put).await;
        put.map_err(|error| match error {
            Error::AlreadyExists { path, source } if is_update => {
                Error::Precondition { path, source }
            }
            error => error,
        })
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let upload = self.inner.put_multipart_opts(location, opts);
        let begun = self.plan.change(Operation::BeginParts, location, upload);
        Ok(Box::new(FaultyUpload {
            inner: begun.await?,
            location: location.clone(),
            plan: self.plan.clone(),
        }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let operation = if options.head {
            Operation::Head
        } else {
            Operation::Get
        };
        let asks_for_version = options.if_match.is_some();
        let fault = self.plan.decide(operation, location).fault;
        match fault {
            Some(StoreFault::Unavailable) => return Err(unavailable()),
            Some(StoreFault::Vanished) => return Err(vanished(location)),
            Some(StoreFault::Changed) if asks_for_version => {
                return Err(Error::Precondition {
                    path: location.to_string(),
                    source: "412 Precondition Failed".into(),
                });
            }
            _ => {}
        }
        let mut answer = self.inner.get_opts(location, options).await?;
        match fault {
            Some(StoreFault::Changed) => {
                let tag = answer.meta.e_tag.take();
                answer.meta.e_tag = tag.map(|tag| format!("{}-changed", tag.trim_matches('"')));
                Ok(answer)
            }
            Some(StoreFault::Truncated) => truncated(answer).await,
            _ => Ok(answer),
        }
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let mut parts = Vec::with_capacity(ranges.len());
        for range in ranges {
            let options = GetOptions {
                range: Some(GetRange::Bounded(range.clone())),
                ..GetOptions::default()
            };
            parts.push(self.get_opts(location, options).await?.bytes().await?);
        }
        Ok(parts)
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let (inner, plan) = (Arc::clone(&self.inner), self.plan.clone());
        let deleted = locations.and_then(move |location| {
            let (inner, plan) = (Arc::clone(&inner), plan.clone());
            async move {
                let delete = inner.delete(&location);
                plan.change(Operation::Delete, &location, delete).await?;
                Ok(location)
            }
        });
        deleted.boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.listing(prefix, self.inner.list(prefix))
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.listing(prefix, self.inner.list_with_offset(prefix, offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let key = prefix.cloned().unwrap_or_default();
        let fault = self.plan.decide(Operation::List, &key).fault;
        if matches!(
            fault,
            Some(StoreFault::Unavailable | StoreFault::BrokenListing)
        ) {
            return Err(unavailable());
        }
        let mut listed = self.inner.list_with_delimiter(prefix).await?;
        if fault == Some(StoreFault::ReorderedPages) {
            listed.objects.reverse();
            listed.common_prefixes.reverse();
        }
        Ok(listed)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let operation = match options.mode {
            CopyMode::Overwrite => Operation::Put,
            CopyMode::Create => Operation::PutIf,
        };
        let copy = self.inner.copy_opts(from, to, options);
        self.plan.change(operation, to, copy).await
    }
}

/// Returns the answer with the first half of its bytes.
async fn truncated(answer: GetResult) -> Result<GetResult> {
    let (meta, range) = (answer.meta.clone(), answer.range.clone());
    let attributes = answer.attributes.clone();
    let bytes = answer.bytes().await?;
    let half = bytes.slice(..bytes.len() / 2);
    Ok(GetResult {
        payload: GetResultPayload::Stream(stream::once(async { Ok(half) }).boxed()),
        meta,
        range,
        attributes,
    })
}

#[cfg(test)]
mod tests;
