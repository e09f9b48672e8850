//! The keys of a text, by number, and which of them is most likely next.
//!
//! A key is known by its name and by the key in whose objects it stands, so that the same name at two places does not
//! make a guess about one of them wrong. Objects mostly have the keys of those before them, in the same order. The key that followed last time is therefore
//! compared where the next one begins, with its quotes and colon: where it stands, it is neither searched for its end
//! nor looked up.
//!
//! # Invariants
//! - A guess changes how long a text takes, and nothing else.
//! - Keys beyond [`MOST_KEYS`] are known by their names only, so that a text of ever new keys takes no more memory.

use std::collections::HashMap;

/// Keys that get a number, at most.
const MOST_KEYS: u16 = 1024;
/// Keys that are marked in one word.
const MARKS: usize = u64::BITS as usize;
/// Bytes that are compared at once.
const WORD: usize = 16;

/// The number of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct KeyId(u16);

impl KeyId {
    /// What has no number: the rows themselves, and keys that are known by their names only.
    pub(super) const NONE: Self = Self(0);

    /// Returns it for use in a table.
    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// Where a key can stand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot {
    /// The key whose value the object is, or an array with the object.
    pub(super) within: KeyId,
    /// The key before it in the object, if there is one.
    pub(super) behind: KeyId,
}

/// Whether a key has been marked before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// It has not.
    New,
    /// It has.
    Known,
}

/// The keys that are marked.
#[derive(Default)]
pub(super) struct Marks([u64; MOST_KEYS as usize / MARKS]);

impl Marks {
    /// Marks a key that has a number.
    pub(super) fn mark(&mut self, id: KeyId) -> Mark {
        let (word, bit) = (id.index() / MARKS, id.index() % MARKS);
        let before = self.0[word];
        self.0[word] |= 1 << bit;
        if self.0[word] == before {
            Mark::Known
        } else {
            Mark::New
        }
    }
}

/// The keys so far.
pub(super) struct Keys {
    known: Vec<Key>,
    /// For each key, those in its objects by name.
    within: Vec<HashMap<Box<str>, KeyId>>,
}

struct Key {
    /// As it is written most often: `"name":`.
    written: Box<str>,
    /// The same for one comparison, where it is short enough; what stands nowhere has a word that no text equals.
    word: u128,
    mask: u128,
    /// The first key in its objects, the last time.
    within: KeyId,
    /// The key behind it, the last time.
    behind: KeyId,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            known: vec![Key::never()],
            within: vec![HashMap::new()],
        }
    }
}

impl Keys {
    /// Returns the key that stood at a spot the last time.
    #[inline]
    pub(super) fn likely(&self, spot: Spot) -> KeyId {
        match spot.behind {
            KeyId::NONE => self.key(spot.within).within,
            key => self.key(key).behind,
        }
    }

    /// Returns the key that stands at the front of `text`, and the length of it with its colon, if it is the one that is
    /// likely, or the one behind that where it is missing.
    #[inline]
    pub(super) fn guess(&self, likely: KeyId, text: &[u8]) -> Option<(KeyId, usize)> {
        if let Some(length) = self.length_in(likely, text) {
            return Some((likely, length));
        }
        let behind = self.key(likely).behind;
        Some((behind, self.length_in(behind, text)?))
    }

    /// Returns the length of a key with its colon, if it has a number and stands at the front of `text`.
    #[inline]
    pub(super) fn length_in(&self, id: KeyId, text: &[u8]) -> Option<usize> {
        self.key(id).length_in(text)
    }

    /// Returns the name of a key that has a number.
    pub(super) fn name(&self, id: KeyId) -> &str {
        let written = &self.key(id).written;
        let end = written.len().saturating_sub(2);
        written.get(1..end).unwrap_or_default()
    }

    /// Returns the number of the key that was found at a spot, where no guess was right.
    pub(super) fn learn(&mut self, spot: Spot, name: &str) -> KeyId {
        let id = match self.within[spot.within.index()].get(name) {
            Some(id) => *id,
            None => self.add(spot.within, name),
        };
        if id != KeyId::NONE {
            match spot.behind {
                KeyId::NONE => self.known[spot.within.index()].within = id,
                key => self.known[key.index()].behind = id,
            }
        }
        id
    }

    fn add(&mut self, within: KeyId, name: &str) -> KeyId {
        let is_plain = |byte: u8| !matches!(byte, b'"' | b'\\' | 0..0x20);
        let number = u16::try_from(self.known.len()).unwrap_or(MOST_KEYS);
        // Written with escapes, it could not be compared.
        if number >= MOST_KEYS || !name.bytes().all(is_plain) {
            return KeyId::NONE;
        }
        self.known.push(Key::written(format!("\"{name}\":")));
        self.within.push(HashMap::new());
        self.within[within.index()].insert(name.into(), KeyId(number));
        KeyId(number)
    }

    #[inline]
    fn key(&self, id: KeyId) -> &Key {
        &self.known[id.index()]
    }
}

impl Key {
    /// What stands nowhere.
    fn never() -> Self {
        Self {
            written: "".into(),
            word: 1,
            mask: 0,
            within: KeyId::NONE,
            behind: KeyId::NONE,
        }
    }

    fn written(text: String) -> Self {
        let mut key = Self::never();
        if text.len() <= WORD {
            let mut word = [0; WORD];
            word[..text.len()].copy_from_slice(text.as_bytes());
            key.word = u128::from_le_bytes(word);
            key.mask = u128::MAX >> (8 * (WORD - text.len()));
        }
        key.written = text.into();
        key
    }

    #[inline]
    fn length_in(&self, text: &[u8]) -> Option<usize> {
        let length = self.written.len();
        let is_there = match text.first_chunk() {
            Some(word) if length <= WORD => u128::from_le_bytes(*word) & self.mask == self.word,
            _ => length > 0 && text.starts_with(self.written.as_bytes()),
        };
        is_there.then_some(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(within: KeyId, behind: KeyId) -> Spot {
        Spot { within, behind }
    }

    #[test]
    fn the_key_that_followed_last_time_is_guessed_and_so_is_the_one_behind_it() {
        let mut keys = Keys::default();
        let front = at(KeyId::NONE, KeyId::NONE);
        let long = "a name of more than sixteen bytes";
        let text = format!("\"{long}\":1, and more of it");
        assert_eq!(keys.guess(keys.likely(front), b"\"a\":1"), None);
        let a = keys.learn(front, "a");
        let b = keys.learn(at(KeyId::NONE, a), "b");
        let c = keys.learn(at(KeyId::NONE, b), long);
        for padding in ["", "                "] {
            let guess = |spot, text: &str| {
                let text = format!("{text}{padding}");
                keys.guess(keys.likely(spot), text.as_bytes())
            };
            assert_eq!(guess(front, "\"a\":1"), Some((a, 4)));
            assert_eq!(guess(front, "\"b\":1"), Some((b, 4)));
            assert_eq!(guess(front, &text), None);
            assert_eq!(guess(at(KeyId::NONE, a), "\"b\":1"), Some((b, 4)));
            assert_eq!(guess(at(KeyId::NONE, a), &text), Some((c, long.len() + 3)));
            assert_eq!(guess(at(KeyId::NONE, a), "\"b\" :1"), None);
            assert_eq!(guess(at(KeyId::NONE, c), "\"b\":1"), None);
            assert_eq!(guess(at(a, KeyId::NONE), "\"b\":1"), None);
            assert_eq!(guess(at(a, KeyId::NONE), ""), None);
        }
        assert_eq!([a, b, c].map(|key| keys.name(key)), ["a", "b", long]);
    }

    #[test]
    fn keys_without_end_and_keys_with_escapes_get_no_number() {
        let mut keys = Keys::default();
        let front = at(KeyId::NONE, KeyId::NONE);
        assert_eq!(keys.learn(front, "a\"b"), KeyId::NONE);
        for number in 1..MOST_KEYS {
            assert_eq!(keys.learn(front, &number.to_string()), KeyId(number));
        }
        assert_eq!(keys.learn(front, "one more"), KeyId::NONE);
        assert_eq!(keys.learn(front, "7"), KeyId(7));
    }

    #[test]
    fn each_key_is_marked_for_itself() {
        let mut marks = Marks::default();
        for mark in [Mark::New, Mark::Known] {
            for number in 1..MOST_KEYS {
                assert_eq!(marks.mark(KeyId(number)), mark, "{number}");
            }
        }
    }

    #[test]
    fn a_name_at_two_places_is_two_keys() {
        let mut keys = Keys::default();
        let a = keys.learn(at(KeyId::NONE, KeyId::NONE), "a");
        let b = keys.learn(at(KeyId::NONE, a), "b");
        let inner = keys.learn(at(b, KeyId::NONE), "a");
        keys.learn(at(b, inner), "c");
        assert_ne!(a, inner);
        let likely = keys.likely(at(KeyId::NONE, a));
        assert_eq!(keys.guess(likely, b"\"b\":1"), Some((b, 4)));
    }
}
