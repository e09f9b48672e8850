//! An object store in memory whose pages take their time.

#![expect(clippy::unwrap_used, reason = "a bench stops where it cannot go on")]

use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// Objects `raw/0000000.csv` and so on, each of a row; clones share them.
#[derive(Debug, Clone)]
pub(crate) struct SlowStore {
    inner: Arc<InMemory>,
    listed: Arc<Vec<ObjectMeta>>,
    page: usize,
    wait: Arc<RwLock<Duration>>,
    pages: Arc<AtomicU64>,
}

impl SlowStore {
    /// Makes a store that does not wait yet.
    pub(crate) fn new(objects: usize, page: usize) -> Self {
        let inner = InMemory::new();
        let put = |number: usize| {
            let location = Path::from(format!("raw/{number:07}.csv"));
            let text = format!("id\n{number}\n");
            let size = text.len() as u64;
            let put = inner.put(&location, PutPayload::from(text));
            put.now_or_never().unwrap().unwrap();
            ObjectMeta {
                location,
                last_modified: "2026-01-01T00:00:00Z".parse().unwrap(),
                size,
                e_tag: Some(format!("\"{number}\"")),
                version: None,
            }
        };
        let listed = (0..objects).map(put).collect();
        Self {
            listed: Arc::new(listed),
            inner: Arc::new(inner),
            page,
            wait: Arc::default(),
            pages: Arc::default(),
        }
    }

    /// Lets each page take so long.
    pub(crate) fn wait_for(&self, wait: Duration) {
        *self.wait.write().unwrap() = wait;
    }

    /// Returns how many objects there are.
    pub(crate) fn objects(&self) -> u64 {
        self.listed.len() as u64
    }

    /// Returns how many pages were asked for since the last call.
    pub(crate) fn take_pages(&self) -> u64 {
        self.pages.swap(0, Ordering::Relaxed)
    }

    fn behind(&self, offset: &Path) -> usize {
        self.listed
            .partition_point(|object| object.location <= *offset)
    }

    fn list_from(&self, first: usize) -> BoxStream<'static, Result<ObjectMeta>> {
        let store = self.clone();
        let pages = stream::unfold(Some(first), move |first| {
            let store = store.clone();
            async move {
                let first = first?;
                let wait = *store.wait.read().unwrap();
                tokio::time::sleep(wait).await;
                store.pages.fetch_add(1, Ordering::Relaxed);
                let end = store.listed.len().min(first + store.page);
                let page: Vec<_> = store.listed[first..end].iter().cloned().map(Ok).collect();
                Some((page, (end < store.listed.len()).then_some(end)))
            }
        });
        pages.flat_map(stream::iter).boxed()
    }
}

impl fmt::Display for SlowStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SlowStore")
    }
}

#[async_trait]
impl ObjectStore for SlowStore {
    async fn put_opts(&self, at: &Path, bytes: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.inner.put_opts(at, bytes, opts).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, mut options: GetOptions) -> Result<GetResult> {
        options.if_match = None;
        let mut answer = self.inner.get_opts(location, options).await?;
        answer.meta = self.listed[self.behind(location) - 1].clone();
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

    fn list(&self, _: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.list_from(0)
    }

    fn list_with_offset(
        &self,
        _: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.list_from(self.behind(offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
