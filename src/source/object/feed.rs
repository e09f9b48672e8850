//! Objects on their way from the store to whoever looks at them.
//!
//! A task turns the pages, and some wait at a bounded channel. A listing that has gone beyond the range that it is for turns
//! no more of them.

use std::sync::Arc;

use futures::stream::{self, BoxStream, Stream};
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use crate::store::{ListedKey, Locations};

/// Objects that are handed over at once: as many as a store puts on a page.
pub(super) const PAGE_OBJECTS: usize = 1000;

/// Pages that wait to be looked at.
const PAGES_AHEAD: usize = 2;

/// An object, or what went wrong.
pub(super) type Told = Result<Object, object_store::Error>;

/// What a listing tells, one by one.
pub(super) type Telling = BoxStream<'static, Told>;

/// An object as it is listed.
#[derive(Debug)]
pub(super) struct Object {
    /// Its whole key; none where it is not written as keys are.
    pub(super) key: Option<ListedKey>,
    pub(super) meta: ObjectMeta,
}

/// Begins to list what lies below `root`, behind the key `after` where there is one.
pub(super) fn tell(
    store: &dyn ObjectStore,
    locations: Locations,
    root: &Path,
    after: Option<&Path>,
) -> Telling {
    let listing = match after {
        Some(after) => store.list_with_offset(Some(root), after),
        None => store.list(Some(root)),
    };
    let read = move |meta: ObjectMeta| Object {
        key: locations.read(&meta.location),
        meta,
    };
    // What is over may be asked again.
    listing.map_ok(read).fuse().boxed()
}

enum Page {
    Objects(Vec<Told>),
    /// There is no more.
    End,
}

/// What a listing tells, while the next page is on its way.
pub(super) struct Feed {
    pages: mpsc::Receiver<Page>,
    page: std::vec::IntoIter<Told>,
    is_over: bool,
}

impl Feed {
    /// Has `telling` read ahead, to the first key that lies behind `upto`.
    pub(super) fn of(runtime: &Runtime, telling: Telling, upto: Option<Box<str>>) -> Self {
        let (sender, pages) = mpsc::channel(PAGES_AHEAD);
        let mut telling = Box::pin(until_beyond(telling, upto).ready_chunks(PAGE_OBJECTS));
        runtime.spawn(async move {
            while let Some(objects) = telling.next().await {
                let is_broken = objects.iter().any(Result::is_err);
                if sender.send(Page::Objects(objects)).await.is_err() || is_broken {
                    return;
                }
            }
            // Nobody listens where the pass was broken off.
            let _ = sender.send(Page::End).await;
        });
        Self {
            pages,
            page: Vec::new().into_iter(),
            is_over: false,
        }
    }

    /// Returns what is told next, `None` behind the last. A listing that breaks off without a word has failed.
    pub(super) fn next(&mut self) -> Option<Told> {
        while !self.is_over {
            if let Some(told) = self.page.next() {
                self.is_over = told.is_err();
                return Some(told);
            }
            match self.pages.blocking_recv() {
                Some(Page::Objects(objects)) => self.page = objects.into_iter(),
                Some(Page::End) => self.is_over = true,
                None => {
                    self.is_over = true;
                    return Some(Err(broke_off()));
                }
            }
        }
        None
    }

    /// Lets it be over.
    pub(super) fn close(&mut self) {
        self.is_over = true;
        self.pages.close();
    }
}

/// What came of a listing that ended without saying that there is no more.
pub(super) fn broke_off() -> object_store::Error {
    object_store::Error::Generic {
        store: "object store",
        source: "the listing broke off".into(),
    }
}

/// Ends behind the first object that lies behind `upto`, and asks for no more: that would turn a page.
fn until_beyond(telling: Telling, upto: Option<Box<str>>) -> impl Stream<Item = Told> {
    let upto: Option<Arc<str>> = upto.map(Arc::from);
    stream::unfold(Some(telling), move |telling| {
        let upto = upto.clone();
        async move {
            let mut telling = telling?;
            let told = telling.next().await?;
            let is_beyond = match (&told, &upto) {
                (Ok(object), Some(upto)) => {
                    let key = object.key.as_ref();
                    key.is_some_and(|listed| **upto < *listed.key)
                }
                _ => false,
            };
            Some((told, (!is_beyond).then_some(telling)))
        }
    })
}
