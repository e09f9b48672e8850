//! An object store in memory with the habits of real ones: a listing has fractions of a second and bare tags, an answer
//! whole seconds and quotes. It counts requests, and breaks off, lists in tree order or changes an object when told to.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use object_store::memory::InMemory;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartId, MultipartUpload,
    ObjectMeta, ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result,
};
use strandline::config::StoreUrl;
use strandline::model::Select;
use strandline::source::ObjectSource;

/// What has been asked of a store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Requests {
    pub(crate) lists: u32,
    pub(crate) gets: u32,
    pub(crate) heads: u32,
}

/// How a listing ends early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Break {
    /// The client gives up.
    Fails,
    /// Something is wrong with the client itself.
    Panics,
}

type Hook = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Plan {
    requests: Requests,
    fetched: u64,
    breaks: Option<(usize, Break)>,
    is_tree_ordered: bool,
    takes_any_version: bool,
    has_no_tags: bool,
    /// What is said instead of handing out bytes.
    refuses: Option<&'static str>,
    /// By how many seconds the mtime of an answer is behind that of a listing.
    answers_behind: i64,
    /// Called before the bytes of an object are asked for once more, when that has been done so often.
    hooks: Vec<(String, u32, Hook)>,
}

/// An object store in memory. Clones share it.
#[derive(Clone)]
pub(crate) struct PlannedStore {
    inner: Arc<InMemory>,
    plan: Arc<Mutex<Plan>>,
}

impl PlannedStore {
    pub(crate) fn new() -> Self {
        Self {
            inner: Arc::new(InMemory::new()),
            plan: Arc::default(),
        }
    }

    /// Returns the source of what lies below `raw/`.
    pub(crate) fn source(&self, selection: Arc<dyn Select>) -> ObjectSource {
        let url = StoreUrl::parse("s3://bucket/raw").unwrap();
        let store = Arc::new(self.clone());
        ObjectSource::over(store, url.prefix(), url.to_string(), selection).unwrap()
    }

    pub(crate) fn put(&self, key: &str, bytes: impl Into<Vec<u8>>) {
        let key = path(key);
        let put = self.inner.put(&key, PutPayload::from(bytes.into()));
        put.now_or_never().unwrap().unwrap();
    }

    pub(crate) fn delete(&self, key: &str) {
        let key = path(key);
        let delete = self.inner.delete(&key);
        delete.now_or_never().unwrap().unwrap();
    }

    /// Lets every listing end behind `objects` of them.
    pub(crate) fn break_listings(&self, objects: usize, how: Break) {
        self.plan().breaks = Some((objects, how));
    }

    /// Lets listings come in the order of a tree: `a/b` before `a!`.
    pub(crate) fn list_as_tree(&self) {
        self.plan().is_tree_ordered = true;
    }

    /// Lets the store hand out whatever version there is, also where another is asked for.
    pub(crate) fn ignore_versions(&self) {
        self.plan().takes_any_version = true;
    }

    /// Lets the store tell no `ETag` of anything.
    pub(crate) fn tell_no_tags(&self) {
        self.plan().has_no_tags = true;
    }

    /// Lets every request for bytes fail with these words.
    pub(crate) fn refuse_gets(&self, words: &'static str) {
        self.plan().refuses = Some(words);
    }

    /// Lets answers tell an mtime that is so many seconds before that in listings.
    pub(crate) fn answer_behind(&self, seconds: i64) {
        self.plan().answers_behind = seconds;
    }

    /// Calls `hook` once, when the bytes of `key` are asked for after `gets` requests for them.
    pub(crate) fn before_get(&self, key: &str, gets: u32, hook: impl FnOnce() + Send + 'static) {
        let hook = (key.to_owned(), gets, Box::new(hook) as Hook);
        self.plan().hooks.push(hook);
    }

    /// Lets everything go well from now on.
    pub(crate) fn heal(&self) {
        *self.plan() = Plan::default();
    }

    /// Returns what has been asked for since the last call.
    pub(crate) fn take_requests(&self) -> Requests {
        std::mem::take(&mut self.plan().requests)
    }

    /// Returns how many bytes of objects have been handed out since the last call.
    pub(crate) fn take_fetched(&self) -> u64 {
        std::mem::take(&mut self.plan().fetched)
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap()
    }

    fn meet(&self, key: &str) {
        let mut plan = self.plan();
        let mut due = None;
        for (at, (name, left, _)) in plan.hooks.iter_mut().enumerate() {
            if name == key && *left == 0 {
                due = Some(at);
            } else if name == key {
                *left -= 1;
            }
        }
        let hook = due.map(|at| plan.hooks.remove(at).2);
        drop(plan);
        if let Some(hook) = hook {
            hook();
        }
    }
}

fn path(key: &str) -> Path {
    Path::parse(key).unwrap()
}

/// As an answer tells it, where a listing says the same otherwise.
fn answered(mut object: ObjectMeta, plan: &Plan) -> ObjectMeta {
    let tag = object.e_tag.filter(|_| !plan.has_no_tags);
    object.e_tag = tag.map(|tag| format!("\"{tag}\""));
    let seconds = object.last_modified.timestamp() - plan.answers_behind;
    object.last_modified = chrono::DateTime::from_timestamp(seconds, 0).unwrap();
    object
}

impl fmt::Debug for PlannedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlannedStore")
    }
}

impl fmt::Display for PlannedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlannedStore")
    }
}

#[async_trait]
impl ObjectStore for PlannedStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        self.inner.put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, mut options: GetOptions) -> Result<GetResult> {
        if options.head {
            self.plan().requests.heads += 1;
        } else {
            self.plan().requests.gets += 1;
            self.meet(location.as_ref());
            if let Some(words) = self.plan().refuses {
                return Err(Error::Generic {
                    store: "planned",
                    source: words.into(),
                });
            }
        }
        let asked = options.if_match.filter(|_| !self.plan().takes_any_version);
        options.if_match = asked.map(|tag| tag.trim_matches('"').to_owned());
        let is_head = options.head;
        let mut answer = self.inner.get_opts(location, options).await?;
        if !is_head {
            self.plan().fetched += answer.range.end - answer.range.start;
        }
        answer.meta = answered(answer.meta, &self.plan());
        Ok(answer)
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let mut plan = self.plan();
        plan.requests.lists += 1;
        let all = self.inner.list(prefix).collect::<Vec<_>>();
        let mut all = all.now_or_never().unwrap();
        if plan.has_no_tags {
            let objects = all.iter_mut().filter_map(|object| object.as_mut().ok());
            objects.for_each(|object| object.e_tag = None);
        }
        if plan.is_tree_ordered {
            all.sort_by_key(|object| {
                let key = object.as_ref().unwrap().location.to_string();
                key.replace('/', "\0")
            });
        }
        let Some((objects, how)) = plan.breaks else {
            return stream::iter(all).boxed();
        };
        all.truncate(objects);
        let last = stream::once(async move {
            assert!(how == Break::Fails, "the listing breaks off as planned");
            Err(Error::Generic {
                store: "planned",
                source: "503 Slow Down".into(),
            })
        });
        stream::iter(all).chain(last).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

/// Nothing is planned for what is written in parts.
#[async_trait]
impl MultipartStore for PlannedStore {
    async fn create_multipart(&self, path: &Path) -> Result<MultipartId> {
        self.inner.create_multipart(path).await
    }

    async fn put_part(
        &self,
        path: &Path,
        id: &MultipartId,
        part_idx: usize,
        data: PutPayload,
    ) -> Result<PartId> {
        self.inner.put_part(path, id, part_idx, data).await
    }

    async fn complete_multipart(
        &self,
        path: &Path,
        id: &MultipartId,
        parts: Vec<PartId>,
    ) -> Result<PutResult> {
        self.inner.complete_multipart(path, id, parts).await
    }

    async fn abort_multipart(&self, path: &Path, id: &MultipartId) -> Result<()> {
        self.inner.abort_multipart(path, id).await
    }
}
