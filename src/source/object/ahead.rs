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

/// So many are asked for behind one that nobody has opened before it gives up its place to them.
const PATIENCE: u64 = 4 * MOST as u64;

/// Requests on their way, by their places.
pub(super) struct Ahead<T>(Mutex<Asked<T>>);

struct Asked<T> {
    /// With the number of the wish that it was sent for.
    tasks: HashMap<Path, (u64, JoinHandle<T>)>,
    wishes: u64,
}

impl<T> Default for Ahead<T> {
    fn default() -> Self {
        Self(Mutex::new(Asked {
            tasks: HashMap::new(),
            wishes: 0,
        }))
    }
}

impl<T> Ahead<T> {
    /// Has `ask` send for what lies at `place`, unless that is under way or there are enough.
    pub(super) fn send(&self, place: &Path, ask: impl FnOnce() -> JoinHandle<T>) {
        let mut asked = self.asked();
        if asked.tasks.contains_key(place) {
            return;
        }
        asked.wishes += 1;
        let wish = asked.wishes;
        if asked.tasks.len() >= MOST {
            let is_wanted =
                |(at, task): &(u64, JoinHandle<T>)| wish - at < PATIENCE || !task.is_finished();
            asked.tasks.retain(|_, task| is_wanted(task));
        }
        if asked.tasks.len() < MOST {
            asked.tasks.insert(place.clone(), (wish, ask()));
        }
    }

    /// Hands out what is on its way from `place`.
    pub(super) fn take(&self, place: &Path) -> Option<JoinHandle<T>> {
        let taken = self.asked().tasks.remove(place);
        taken.map(|(_, task)| task)
    }

    /// Lets go of what is on its way from `place`.
    pub(super) fn forget(&self, place: &Path) {
        if let Some(task) = self.take(place) {
            task.abort();
        }
    }

    /// Lets go of everything.
    pub(super) fn clear(&self) {
        for (_, (_, task)) in self.asked().tasks.drain() {
            task.abort();
        }
    }

    fn asked(&self) -> MutexGuard<'_, Asked<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
