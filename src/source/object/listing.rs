//! Pages of a listing, as entries.

use std::io;
use std::sync::Arc;

use futures::StreamExt;
use object_store::ObjectMeta;
use tokio::sync::mpsc;

use crate::model::{ErrorKind, Fingerprint, KeyRange};

use super::super::{Entries, Entry, Unknown};
use super::{Bucket, fingerprint, io_error};

/// Objects that are handed over at once: as many as a store puts on a page.
const PAGE_OBJECTS: usize = 1000;

/// Pages that wait to be looked at.
const PAGES_AHEAD: usize = 2;

type Listed = Result<ObjectMeta, object_store::Error>;

enum Page {
    Objects(Vec<Listed>),
    /// The store has said that there is no more.
    End,
}

/// Walks through the objects below a prefix while the next page is on its way.
pub(super) struct ObjectEntries {
    bucket: Arc<Bucket>,
    range: KeyRange,
    pages: mpsc::Receiver<Page>,
    page: std::vec::IntoIter<Listed>,
    /// An object that was looked at ahead.
    ahead: Option<Listed>,
    path: String,
    is_over: bool,
}

impl ObjectEntries {
    /// Begins to list everything in `range`, which is everything there is.
    pub(super) fn list(bucket: &Arc<Bucket>, range: &KeyRange) -> Self {
        let (sender, pages) = mpsc::channel(PAGES_AHEAD);
        let listing = bucket.store.list(Some(&bucket.root));
        let mut listing = listing.ready_chunks(PAGE_OBJECTS);
        bucket.runtime.spawn(async move {
            while let Some(objects) = listing.next().await {
                let is_broken = objects.iter().any(Result::is_err);
                if sender.send(Page::Objects(objects)).await.is_err() || is_broken {
                    return;
                }
            }
            // Nobody listens where the pass was broken off.
            let _ = sender.send(Page::End).await;
        });
        Self {
            bucket: Arc::clone(bucket),
            range: range.clone(),
            pages,
            page: Vec::new().into_iter(),
            ahead: None,
            path: String::new(),
            is_over: false,
        }
    }

    /// Returns what is listed next, `None` behind the last. A listing that breaks off without a word has failed.
    fn pull(&mut self) -> Option<Listed> {
        if let Some(ahead) = self.ahead.take() {
            return Some(ahead);
        }
        while !self.is_over {
            if let Some(listed) = self.page.next() {
                self.is_over = listed.is_err();
                return Some(listed);
            }
            match self.pages.blocking_recv() {
                Some(Page::Objects(objects)) => self.page = objects.into_iter(),
                Some(Page::End) => self.is_over = true,
                None => {
                    self.is_over = true;
                    return Some(Err(object_store::Error::Generic {
                        store: "object store",
                        source: "the listing broke off".into(),
                    }));
                }
            }
        }
        None
    }

    fn judge(&mut self, object: &ObjectMeta) -> Entry {
        let key: &str = object.location.as_ref();
        // The marker of the prefix itself has no path below it.
        let Some(path) = key.strip_prefix(&self.bucket.prefix) else {
            return Entry::Skipped;
        };
        if path.is_empty() || !self.bucket.selection.admits(path) || self.is_marker(object) {
            return Entry::Skipped;
        }
        self.path.clear();
        self.path.push_str(path);
        let seen: Fingerprint = fingerprint(object);
        Entry::Found(seen)
    }

    /// Tells whether an object only stands for a directory. It has no bytes, hence no rows, and either no extension or
    /// the directory's objects right behind it.
    fn is_marker(&mut self, object: &ObjectMeta) -> bool {
        if object.size > 0 {
            return false;
        }
        let name = object.location.filename().unwrap_or_default();
        if !name.contains('.') {
            return true;
        }
        self.ahead = self.pull();
        match &self.ahead {
            Some(Ok(next)) => {
                let rest = next
                    .location
                    .as_ref()
                    .strip_prefix(object.location.as_ref());
                rest.is_some_and(|rest| rest.starts_with('/'))
            }
            _ => false,
        }
    }
}

impl Entries for ObjectEntries {
    fn next(&mut self) -> Option<Entry> {
        Some(match self.pull()? {
            Ok(object) => self.judge(&object),
            Err(error) => Entry::Unknown(unknown(&self.bucket.name, &self.range, io_error(error))),
        })
    }

    fn path(&self) -> &str {
        &self.path
    }
}

fn unknown(name: &str, range: &KeyRange, source: io::Error) -> Unknown {
    Unknown {
        path: name.to_owned(),
        hides: Some(range.clone()),
        kind: ErrorKind::Unreadable,
        source,
    }
}
