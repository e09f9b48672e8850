//! Names with something for each, in order of first appearance.

use std::collections::HashMap;
use std::sync::Arc;

use super::keys::KeyId;
use super::tape::Key;

/// The names of a table or struct.
///
/// It is asked with the keys of one [`Tape`](super::tape::Tape), of which it learns the numbers.
#[derive(Clone)]
pub(super) struct Fields<T> {
    names: Vec<Arc<str>>,
    index: HashMap<Arc<str>, usize>,
    items: Vec<T>,
    /// By the number of a key, the place of its name and one; 0 where that is unknown.
    places: Vec<u16>,
}

impl<T> Default for Fields<T> {
    fn default() -> Self {
        Self {
            names: Vec::new(),
            index: HashMap::new(),
            items: Vec::new(),
            places: Vec::new(),
        }
    }
}

impl<T> Fields<T> {
    /// Returns the place of a key.
    #[inline]
    pub(super) fn find(&mut self, key: Key<'_>) -> Option<usize> {
        match self.places.get(key.id().index()) {
            Some(place @ 1..) => Some(usize::from(*place) - 1),
            _ => self.find_and_learn(key),
        }
    }

    #[cold]
    fn find_and_learn(&mut self, key: Key<'_>) -> Option<usize> {
        let (id, place) = (key.id(), self.place_of(key.name())?);
        if let (Ok(behind), true) = (u16::try_from(place + 1), id != KeyId::NONE) {
            if self.places.len() <= id.index() {
                self.places.resize(id.index() + 1, 0);
            }
            self.places[id.index()] = behind;
        }
        Some(place)
    }

    /// Returns the place of a name.
    pub(super) fn place_of(&self, name: &str) -> Option<usize> {
        self.index.get(name).copied()
    }

    /// Adds a name that is not there yet and returns its place.
    pub(super) fn add(&mut self, name: &str, item: T) -> usize {
        let name: Arc<str> = name.into();
        self.index.insert(Arc::clone(&name), self.names.len());
        self.names.push(name);
        self.items.push(item);
        self.names.len() - 1
    }

    /// Returns what is at a place.
    pub(super) fn item(&mut self, at: usize) -> &mut T {
        &mut self.items[at]
    }

    /// Returns what a name has.
    pub(super) fn of(&self, name: &str) -> Option<&T> {
        self.items.get(self.place_of(name)?)
    }

    /// Returns names and items in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.names.iter().map(AsRef::as_ref).zip(&self.items)
    }

    /// Returns names and items in order.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut T)> {
        self.names.iter().map(AsRef::as_ref).zip(&mut self.items)
    }

    /// Returns the number of names.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }
}
