//! Beginnings of objects that are read more than once: for the hash, for the columns, and for the rows.
//!
//! Most objects are no longer than their beginning, so what is kept spares all requests but the first.
//!
//! # Invariants
//! - What is kept is of a version that its `ETag` tells apart from others.
//! - All of it was fetched behind the beginning of the last listing, and of an object behind the last look at it. So
//!   what is kept is no older than what whoever reads it expects.
//! - It holds no more than a fixed number of bytes: copies, since what a client hands over may be a small part of the
//!   buffer that it received, and would keep all of that.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use object_store::path::Path;

/// What is held at once, in all.
const MOST_BYTES: usize = 16 << 20;

/// What an entry costs beside its bytes.
const ENTRY_BYTES: usize = 512;

/// Beginnings by their places.
pub(super) struct Kept<V> {
    shelf: Mutex<Shelf<V>>,
    most_bytes: usize,
}

struct Shelf<V> {
    beginnings: HashMap<Path, (V, Bytes)>,
    /// The same places, for choosing one.
    places: Vec<Path>,
    bytes: usize,
    turn: usize,
}

impl<V> Default for Kept<V> {
    fn default() -> Self {
        Self::with_bytes(MOST_BYTES)
    }
}

impl<V> Kept<V> {
    fn with_bytes(most_bytes: usize) -> Self {
        Self {
            shelf: Mutex::new(Shelf {
                beginnings: HashMap::new(),
                places: Vec::new(),
                bytes: 0,
                turn: 0,
            }),
            most_bytes,
        }
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf<V>> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a copy of the beginning of what lies at `place`, and makes room for it.
    pub(super) fn put(&self, place: &Path, version: V, beginning: &[u8]) {
        let mut shelf = self.shelf();
        shelf.forget(place);
        let cost = cost(beginning);
        if cost > self.most_bytes {
            return;
        }
        while shelf.bytes + cost > self.most_bytes {
            shelf.drop_one();
        }
        shelf.bytes += cost;
        shelf.places.push(place.clone());
        let kept = (version, Bytes::copy_from_slice(beginning));
        shelf.beginnings.insert(place.clone(), kept);
    }

    /// Tells whether anything is kept of `place`.
    pub(super) fn has(&self, place: &Path) -> bool {
        self.shelf().beginnings.contains_key(place)
    }

    /// Forgets what is known of `place`.
    pub(super) fn forget(&self, place: &Path) {
        self.shelf().forget(place);
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        let mut shelf = self.shelf();
        shelf.beginnings.clear();
        shelf.places.clear();
        shelf.bytes = 0;
    }
}

impl<V: Clone> Kept<V> {
    /// Returns what is kept of `place`.
    pub(super) fn get(&self, place: &Path) -> Option<(V, Bytes)> {
        self.shelf().beginnings.get(place).cloned()
    }
}

impl<V> Shelf<V> {
    /// Drops one of all, now here and now there: the files of a unit are gone through twice in the same order, and of
    /// more than fit, the oldest is always the next that is asked for.
    fn drop_one(&mut self) {
        self.turn = self.turn.wrapping_mul(31).wrapping_add(7);
        let place = self.places.swap_remove(self.turn % self.places.len());
        self.take(&place);
    }

    fn forget(&mut self, place: &Path) {
        if self.take(place) {
            self.places.retain(|known| known != place);
        }
    }

    fn take(&mut self, place: &Path) -> bool {
        let Some((_, beginning)) = self.beginnings.remove(place) else {
            return false;
        };
        self.bytes -= cost(&beginning);
        true
    }
}

fn cost(beginning: &[u8]) -> usize {
    beginning.len() + ENTRY_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(names: impl Iterator<Item = usize>, most: usize) -> Kept<usize> {
        let kept = Kept::with_bytes(most * (ENTRY_BYTES + 8));
        names.for_each(|name| kept.put(&place(name), name, b"8 bytes."));
        kept
    }

    fn place(name: usize) -> Path {
        Path::from(format!("raw/{name}"))
    }

    #[test]
    fn what_fits_is_kept_and_what_is_put_again_replaces_what_was() {
        let kept = kept((0..4).chain(0..4), 4);
        kept.put(&place(2), 7, &[]);
        let versions = (0..5).map(|name| kept.get(&place(name)).map(|(version, _)| version));
        let versions: Vec<_> = versions.collect();
        assert_eq!(versions, [Some(0), Some(1), Some(7), Some(3), None]);
    }

    #[test]
    fn of_twice_as_much_as_fits_going_through_it_again_finds_a_part() {
        let kept = kept(0..200, 100);
        let found = |name: &usize| kept.get(&place(*name)).is_some();
        assert_eq!((0..200).filter(found).count(), 100);
        assert!((0..100).filter(found).count() > 20);
        assert!(found(&199), "the last is in any case");
    }

    #[test]
    fn what_is_forgotten_makes_room() {
        let kept = kept(0..3, 3);
        kept.forget(&place(1));
        assert!(kept.get(&place(1)).is_none());
        kept.put(&place(9), 9, b"8 bytes.");
        assert!(
            [0, 2, 9]
                .iter()
                .all(|name| kept.get(&place(*name)).is_some())
        );
        kept.clear();
        assert!(kept.get(&place(9)).is_none());
    }

    #[test]
    fn what_is_kept_holds_no_more_than_is_counted() {
        let received = Bytes::from(vec![0; 4096]);
        let beginning = received.slice(..8);
        let kept = Kept::with_bytes(ENTRY_BYTES + 8);
        kept.put(&place(0), 0, &beginning);
        drop(beginning);
        assert_eq!(kept.get(&place(0)).unwrap().1.len(), 8);
        assert!(received.is_unique());
    }

    #[test]
    fn what_can_never_fit_is_not_kept_and_displaces_nothing() {
        let kept = kept(0..1, 1);
        kept.put(&place(1), 1, &[0; 4096]);
        assert!(kept.get(&place(0)).is_some());
        assert!(kept.get(&place(1)).is_none());
    }
}
