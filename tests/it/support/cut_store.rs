//! An object store in memory by a clock that moves when told to. It counts requests, and can be cut off at any of them:
//! before it is done, or behind it, so that only the answer is lost.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryStreamExt};
use object_store::memory::InMemory;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartId, MultipartUpload,
    ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result,
};
use strandline::clock::{Clock, ManualClock};

/// Whoever waits for requests that do not come gives up after so long.
const PATIENCE: Duration = Duration::from_mins(1);

/// What becomes of the request at which a store is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// It is not done.
    Before,
    /// It is done, and the answer is lost.
    Behind,
}

/// A store in memory. Clones share it.
#[derive(Clone)]
pub(crate) struct CutStore {
    inner: Arc<InMemory>,
    clock: Arc<ManualClock>,
    stamps: Arc<Mutex<HashMap<Path, i64>>>,
    requests: Arc<Count>,
    written: Arc<AtomicUsize>,
    /// The keys of all objects that were written, one after the other.
    keys: Arc<Mutex<Vec<String>>>,
    /// Uploads that are under way, by their names.
    uploads: Arc<Mutex<BTreeMap<MultipartId, Path>>>,
    cut: Option<(usize, Cut)>,
    /// Writes are done whatever their condition is.
    ignores_conditions: bool,
    /// What happens in the middle of a request, before it is done.
    hook: Option<(usize, Hook)>,
}

/// Requests, for those who wait for the next.
#[derive(Default)]
struct Count(Mutex<usize>, Condvar);

type Hook = Arc<Mutex<Option<Box<dyn FnOnce() + Send>>>>;

impl CutStore {
    pub(crate) fn new(clock: Arc<ManualClock>) -> Self {
        Self {
            inner: Arc::default(),
            clock,
            stamps: Arc::default(),
            requests: Arc::default(),
            written: Arc::default(),
            keys: Arc::default(),
            uploads: Arc::default(),
            cut: None,
            ignores_conditions: false,
            hook: None,
        }
    }

    /// Returns a copy that shares nothing but the clock.
    pub(crate) fn copy(&self) -> Self {
        Self {
            inner: Arc::new(self.inner.fork()),
            stamps: Arc::new(Mutex::new(self.stamps.lock().unwrap().clone())),
            uploads: Arc::new(Mutex::new(self.uploads())),
            requests: Arc::default(),
            ..self.clone()
        }
    }

    /// Returns the same store for somebody who is cut off at one of his requests, and from all behind it.
    pub(crate) fn cut_off(&self, at: usize, cut: Cut) -> Self {
        Self {
            requests: Arc::default(),
            cut: Some((at, cut)),
            ..self.clone()
        }
    }

    /// Returns the same store for somebody who is held up in the middle of one of his requests, while `hook` runs.
    pub(crate) fn before(&self, at: usize, hook: impl FnOnce() + Send + 'static) -> Self {
        let hook: Box<dyn FnOnce() + Send> = Box::new(hook);
        Self {
            requests: Arc::default(),
            hook: Some((at, Arc::new(Mutex::new(Some(hook))))),
            ..self.clone()
        }
    }

    /// Returns the same store for whom it takes every write.
    pub(crate) fn ignoring_conditions(&self) -> Self {
        Self {
            ignores_conditions: true,
            ..self.clone()
        }
    }

    /// Returns how many requests there were.
    pub(crate) fn requests(&self) -> usize {
        *self.requests.0.lock().unwrap()
    }

    /// Waits until there were so many requests.
    pub(crate) fn wait_for_requests(&self, count: usize) {
        let requests = self.requests.0.lock().unwrap();
        let waited = self
            .requests
            .1
            .wait_timeout_while(requests, PATIENCE, |it| *it < count);
        assert!(!waited.unwrap().1.timed_out(), "nobody asks any more");
    }

    /// Returns how many bytes of objects were written since the last call.
    pub(crate) fn take_written(&self) -> usize {
        self.written.swap(0, Ordering::Relaxed)
    }

    /// Returns the keys of all objects that were written since the last call, in order.
    pub(crate) fn take_keys(&self) -> Vec<String> {
        std::mem::take(&mut self.keys.lock().unwrap())
    }

    /// Returns the uploads that are neither completed nor given up.
    pub(crate) fn uploads(&self) -> BTreeMap<MultipartId, Path> {
        self.uploads.lock().unwrap().clone()
    }

    /// Returns what is in the store.
    pub(crate) fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        let listed = self.inner.list(None).try_collect::<Vec<_>>();
        let listed = listed.now_or_never().unwrap().unwrap();
        let read = |object: ObjectMeta| {
            let key = object.location;
            let bytes = async { self.inner.get(&key).await.unwrap().bytes().await.unwrap() };
            let bytes = bytes.now_or_never().unwrap().to_vec();
            (key.to_string(), bytes)
        };
        listed.into_iter().map(read).collect()
    }

    /// Puts an object there, as somebody else would.
    pub(crate) fn put_aside(&self, key: &str, bytes: &[u8]) {
        let key = Path::from(key);
        self.stamp(&key);
        let put = self.inner.put(&key, bytes.to_vec().into());
        put.now_or_never().unwrap().unwrap();
    }

    /// As real stores say it, where the one in memory has no name for it.
    fn is_open(&self, path: &Path, id: &MultipartId) -> Result<()> {
        if self.uploads.lock().unwrap().contains_key(id) {
            return Ok(());
        }
        Err(Error::NotFound {
            path: path.to_string(),
            source: "NoSuchUpload".into(),
        })
    }

    fn stamp(&self, key: &Path) {
        self.keys.lock().unwrap().push(key.to_string());
        let now = self.clock.now().0;
        self.stamps.lock().unwrap().insert(key.clone(), now);
    }

    fn stamped(&self, mut object: ObjectMeta) -> ObjectMeta {
        if let Some(at) = self.stamps.lock().unwrap().get(&object.location) {
            object.last_modified = chrono::DateTime::from_timestamp_nanos(*at);
        }
        object
    }

    /// Does a request, unless the store is cut off.
    async fn request<T>(&self, done: impl Future<Output = Result<T>>) -> Result<T> {
        let number = {
            let mut requests = self.requests.0.lock().unwrap();
            *requests += 1;
            self.requests.1.notify_all();
            *requests - 1
        };
        let due = self.hook.as_ref().filter(|(at, _)| *at == number);
        let hook = due.and_then(|(_, hook)| hook.lock().unwrap().take());
        if let Some(hook) = hook {
            // It asks this store itself, and waits for the answers on a thread of its own.
            std::thread::spawn(hook).join().unwrap();
        }
        let lost = || Error::Generic {
            store: "cut",
            source: "the store is cut off".into(),
        };
        match self.cut {
            Some((at, Cut::Behind)) if number == at => {
                // Whatever comes of it, nobody is told.
                let _ = done.await;
                Err(lost())
            }
            Some((at, _)) if number >= at => Err(lost()),
            _ => done.await,
        }
    }
}

impl fmt::Debug for CutStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CutStore({:?})", self.cut)
    }
}

impl fmt::Display for CutStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CutStore")
    }
}

#[async_trait]
impl ObjectStore for CutStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        mut opts: PutOptions,
    ) -> Result<PutResult> {
        if self.ignores_conditions {
            opts.mode = PutMode::Overwrite;
        }
        let bytes = payload.content_length();
        self.request(async {
            let written = self.inner.put_opts(location, payload, opts).await?;
            self.written.fetch_add(bytes, Ordering::Relaxed);
            self.stamp(location);
            Ok(written)
        })
        .await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.request(async {
            let mut answer = self.inner.get_opts(location, options).await?;
            answer.meta = self.stamped(answer.meta);
            Ok(answer)
        })
        .await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        let removed = locations.and_then(move |location| {
            let store = store.clone();
            async move {
                let removed = store.inner.delete(&location);
                store.request(removed).await?;
                Ok(location)
            }
        });
        removed.boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let store = self.clone();
        let prefix = prefix.cloned();
        let listed = async move {
            let objects = store.inner.list(prefix.as_ref()).try_collect::<Vec<_>>();
            let objects = store.request(objects).await?;
            let stamped = objects.into_iter().map(move |it| Ok(store.stamped(it)));
            Ok::<_, Error>(futures::stream::iter(stamped))
        };
        listed.into_stream().try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.request(self.inner.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

#[async_trait]
impl MultipartStore for CutStore {
    async fn create_multipart(&self, path: &Path) -> Result<MultipartId> {
        self.request(async {
            let id = self.inner.create_multipart(path).await?;
            self.uploads
                .lock()
                .unwrap()
                .insert(id.clone(), path.clone());
            Ok(id)
        })
        .await
    }

    async fn put_part(
        &self,
        path: &Path,
        id: &MultipartId,
        part_idx: usize,
        data: PutPayload,
    ) -> Result<PartId> {
        self.request(async {
            self.is_open(path, id)?;
            self.inner.put_part(path, id, part_idx, data).await
        })
        .await
    }

    async fn complete_multipart(
        &self,
        path: &Path,
        id: &MultipartId,
        parts: Vec<PartId>,
    ) -> Result<PutResult> {
        self.request(async {
            self.is_open(path, id)?;
            let written = self.inner.complete_multipart(path, id, parts).await?;
            self.uploads.lock().unwrap().remove(id);
            self.stamp(path);
            Ok(written)
        })
        .await
    }

    async fn abort_multipart(&self, path: &Path, id: &MultipartId) -> Result<()> {
        self.request(async {
            self.is_open(path, id)?;
            self.uploads.lock().unwrap().remove(id);
            self.inner.abort_multipart(path, id).await
        })
        .await
    }
}
