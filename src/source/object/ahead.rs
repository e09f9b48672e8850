//! Beginnings of objects that will be opened soon, on their way while others are read.
//!
//! Whoever reads a unit goes through its files one after another, and most objects are a request each: without this he
//! would wait for every answer before he asks for the next.
//!
//! # Invariants
//! - No more than [`MOST`] are on their way or wait to be opened, each no longer than a beginning is.
//! - What is handed out was asked for behind the beginning of the last listing, and behind the last look at the object:
//!   whatever was asked for before is let go.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use object_store::path::Path;
use tokio::task::JoinHandle;

/// How many there are at most: as many as ranges are listed side by side.
pub(super) const MOST: usize = 16;

/// Requests on their way, by their places.
pub(super) struct Ahead<T> {
    asked: Mutex<HashMap<Path, JoinHandle<T>>>,
}

impl<T> Default for Ahead<T> {
    fn default() -> Self {
        Self {
            asked: Mutex::default(),
        }
    }
}

impl<T> Ahead<T> {
    /// Has `ask` send for what lies at `place`, unless that is under way or there are enough.
    pub(super) fn send(&self, place: &Path, ask: impl FnOnce() -> JoinHandle<T>) {
        let mut asked = self.asked();
        if asked.len() < MOST && !asked.contains_key(place) {
            asked.insert(place.clone(), ask());
        }
    }

    /// Hands out what is on its way from `place`.
    pub(super) fn take(&self, place: &Path) -> Option<JoinHandle<T>> {
        self.asked().remove(place)
    }

    /// Lets go of what is on its way from `place`.
    pub(super) fn forget(&self, place: &Path) {
        if let Some(asked) = self.take(place) {
            asked.abort();
        }
    }

    /// Lets go of everything.
    pub(super) fn clear(&self) {
        for (_, asked) in self.asked().drain() {
            asked.abort();
        }
    }

    fn asked(&self) -> MutexGuard<'_, HashMap<Path, JoinHandle<T>>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
