//! An object store in memory that lists page by page, in whatever order it is told to. A listing that begins behind a key,
//! there or not, tells what that order has behind it.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::ready;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt, TryStreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use strandline::model::SelectAll;
use strandline::source::ObjectSource;

/// The order of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Bytes,
    /// `a/b` before `a!`.
    Tree,
    /// That of UTF-16 code units.
    Utf16,
    Reversed,
    /// None that anybody could see, but always the same.
    Scattered,
}

pub(crate) const ORDERS: [Order; 5] = [
    Order::Bytes,
    Order::Tree,
    Order::Utf16,
    Order::Reversed,
    Order::Scattered,
];

impl Order {
    fn compare(self, a: &str, b: &str) -> Ordering {
        match self {
            Self::Bytes => a.cmp(b),
            Self::Tree => a.replace('/', "\0").cmp(&b.replace('/', "\0")),
            Self::Utf16 => a.encode_utf16().cmp(b.encode_utf16()),
            Self::Reversed => b.cmp(a),
            Self::Scattered => scattered(a).cmp(&scattered(b)).then(a.cmp(b)),
        }
    }
}

fn scattered(key: &str) -> u64 {
    let mix = |state: u64, byte| (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    key.bytes().fold(0xcbf2_9ce4_8422_2325, mix)
}

/// What has been asked of a store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Pages of listings.
    pub(crate) pages: usize,
    /// Listings that began behind a key.
    pub(crate) ranges: usize,
    /// Names of directories.
    pub(crate) directories: usize,
}

struct Plan {
    order: Order,
    page: usize,
    asked: Asked,
    /// Fails every page that would begin with a key like this.
    fails_at: Option<String>,
    fails_once: bool,
    offsets: Offsets,
    fails_ranges: bool,
    hides_directories: bool,
}

/// What it means to begin behind a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offsets {
    /// To tell what the order of the store has behind it.
    Begin,
    /// Nothing.
    Ignored,
    /// To leave out whatever has no greater bytes.
    Filter,
}

/// An object store in memory. Clones share it.
#[derive(Clone)]
pub(crate) struct OrderedStore {
    inner: Arc<InMemory>,
    plan: Arc<Mutex<Plan>>,
}

impl OrderedStore {
    /// Makes an empty store with so many keys on a page.
    pub(crate) fn new(order: Order, page: usize) -> Self {
        Self {
            inner: Arc::new(InMemory::new()),
            plan: Arc::new(Mutex::new(Plan {
                order,
                page,
                asked: Asked::default(),
                fails_at: None,
                fails_once: false,
                offsets: Offsets::Begin,
                fails_ranges: false,
                hides_directories: false,
            })),
        }
    }

    /// Returns the source of what lies below `raw/`, in ranges where there are so many files for each.
    pub(crate) fn source(&self, range_files: u64) -> ObjectSource {
        self.in_one().in_ranges_of(range_files)
    }

    /// Returns the source of what lies below `raw/`.
    pub(crate) fn in_one(&self) -> ObjectSource {
        let (store, name) = (Arc::new(self.clone()), "s3://bucket/raw".to_owned());
        ObjectSource::over(store, "raw", name, Arc::new(SelectAll)).unwrap()
    }

    pub(crate) fn put(&self, path: &str, bytes: impl Into<Vec<u8>>) {
        let key = Path::parse(format!("raw/{path}")).unwrap();
        let put = self.inner.put(&key, PutPayload::from(bytes.into()));
        put.now_or_never().unwrap().unwrap();
    }

    pub(crate) fn delete(&self, path: &str) {
        let key = Path::parse(format!("raw/{path}")).unwrap();
        let delete = self.inner.delete(&key);
        delete.now_or_never().unwrap().unwrap();
    }

    /// Puts so many keys on a page from now on.
    pub(crate) fn set_page(&self, keys: usize) {
        self.plan().page = keys;
    }

    pub(crate) fn list_in(&self, order: Order) {
        self.plan().order = order;
    }

    /// Lets every page fail on which `path` would be the first, or none any more.
    pub(crate) fn fail_at(&self, path: Option<&str>) {
        self.plan().fails_at = path.map(|path| format!("raw/{path}"));
    }

    /// Lets the next page fail on which `path` would be the first.
    pub(crate) fn fail_once_at(&self, path: &str) {
        self.fail_at(Some(path));
        self.plan().fails_once = true;
    }

    /// Lets listings that are to begin behind a key begin like this.
    pub(crate) fn take_offsets_as(&self, offsets: Offsets) {
        self.plan().offsets = offsets;
    }

    /// Lets every listing fail that begins behind a key.
    pub(crate) fn fail_ranges(&self) {
        self.plan().fails_ranges = true;
    }

    /// Lets whoever asks for directories fail.
    pub(crate) fn hide_directories(&self) {
        self.plan().hides_directories = true;
    }

    /// Returns what has been asked for since the last call.
    pub(crate) fn take_asked(&self) -> Asked {
        std::mem::take(&mut self.plan().asked)
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap()
    }

    /// Returns the page behind `after`, and whether it is the last.
    fn page(&self, after: Option<&str>) -> Result<(Vec<ObjectMeta>, bool)> {
        let all = self.inner.list(None).try_collect::<Vec<_>>();
        let mut all = all.now_or_never().unwrap()?;
        let mut plan = self.plan();
        plan.asked.pages += 1;
        let order = plan.order;
        let is_behind = |object: &ObjectMeta| {
            let key = object.location.as_ref();
            after.is_none_or(|after| order.compare(after, key) == Ordering::Less)
        };
        all.retain(is_behind);
        all.sort_by(|a, b| order.compare(a.location.as_ref(), b.location.as_ref()));
        let first = all.first().map(|object| object.location.as_ref());
        if first.is_some() && first == plan.fails_at.as_deref() {
            if plan.fails_once {
                plan.fails_at = None;
            }
            return Err(slow_down());
        }
        let is_last = all.len() <= plan.page;
        all.truncate(plan.page);
        Ok((all, is_last))
    }

    fn pages(&self, after: Option<String>) -> BoxStream<'static, Result<ObjectMeta>> {
        let store = self.clone();
        let pages = stream::unfold(Some(after), move |after| {
            let store = store.clone();
            async move {
                let after = after?;
                // A page takes its time.
                tokio::task::yield_now().await;
                Some(match store.page(after.as_deref()) {
                    Ok((objects, is_last)) => {
                        let last = objects.last().map(|object| object.location.to_string());
                        let objects: Vec<_> = objects.into_iter().map(Ok).collect();
                        (objects, (!is_last).then_some(last))
                    }
                    Err(error) => (vec![Err(error)], None),
                })
            }
        });
        pages.flat_map(stream::iter).boxed()
    }
}

fn slow_down() -> Error {
    Error::Generic {
        store: "ordered",
        source: "503 Slow Down".into(),
    }
}

impl fmt::Debug for OrderedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OrderedStore")
    }
}

impl fmt::Display for OrderedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OrderedStore")
    }
}

#[async_trait]
impl ObjectStore for OrderedStore {
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

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
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
        self.pages(None)
    }

    fn list_with_offset(
        &self,
        _: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let mut plan = self.plan();
        plan.asked.ranges += 1;
        if plan.fails_ranges {
            return stream::once(async { Err(slow_down()) }).boxed();
        }
        let offsets = plan.offsets;
        drop(plan);
        match offsets {
            Offsets::Begin => self.pages(Some(offset.to_string())),
            Offsets::Ignored => self.pages(None),
            Offsets::Filter => {
                let offset = offset.clone();
                let all = self.pages(None);
                all.try_filter(move |object| ready(object.location > offset))
                    .boxed()
            }
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.plan().asked.directories += 1;
        tokio::task::yield_now().await;
        if self.plan().hides_directories {
            return Err(slow_down());
        }
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
