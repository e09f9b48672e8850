//! How many changes a run takes up at once.
//!
//! What is found out about a file costs memory until the file is dealt with. So a pass keeps the first findings in
//! byte order of the paths, as many as fit, and only counts the rest; when those are built and recorded, the next
//! portion begins behind the last of them. A run over an empty ledger and ten million files is a few dozen
//! portions, and each listing but the first passes over what lies before its portion.
//!
//! # Invariants
//! - Which findings a portion keeps depends on the paths alone, not on the number of workers or their luck.
//! - A portion that is not the last keeps at least one finding, so a run comes to its end.
//! - Vanished files are counted to the end in the first portion already: the removal brake judges the whole.
//!
//! # Limits
//! A unit whose outputs are lost is built from its files, and no carried rows stand for those of a later portion: a
//! run that finds such a unit takes up everything at once.
//!
//! A file that was renamed from one portion into another is one that went and one that came: its rows are read again.

use std::collections::BTreeMap;

use super::discover::Found;
use crate::detect::{Change, Glance};
use crate::model::{KeyRange, SourcePath, Standing};

/// The part of the changes that a pass takes up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Portion {
    /// What lies up to here has been taken up before.
    after: Option<SourcePath>,
    /// How many findings are kept.
    most: usize,
}

impl Portion {
    /// The first portion, of at most `most` findings.
    pub(super) fn first(most: usize) -> Self {
        Self {
            after: None,
            most: most.max(1),
        }
    }

    /// Everything at once.
    pub(super) fn whole() -> Self {
        Self::first(usize::MAX)
    }

    pub(super) fn is_first(&self) -> bool {
        self.after.is_none()
    }

    /// Tells whether all of `range` has been taken up before.
    pub(super) fn is_behind(&self, range: &KeyRange) -> bool {
        let end = range.end.as_deref();
        end.zip(self.after.as_deref())
            .is_some_and(|(end, after)| end <= after)
    }

    /// Tells whether `path` has been taken up before.
    pub(super) fn is_past(&self, path: &str) -> bool {
        self.after.as_deref().is_some_and(|after| path <= after)
    }

    /// Returns what lies outside this portion, whose last finding is `last` if more come behind it.
    pub(super) fn outside(&self, last: Option<&SourcePath>) -> Vec<KeyRange> {
        let behind = |path: &SourcePath| format!("{path}\0");
        let before = self.after.as_ref().map(|after| KeyRange {
            start: "".into(),
            end: Some(behind(after).into()),
        });
        let beyond = last.map(|last| KeyRange {
            start: behind(last).into(),
            end: None,
        });
        before.into_iter().chain(beyond).collect()
    }

    /// Returns the portion behind this one.
    pub(super) fn behind(&self, last: SourcePath) -> Self {
        Self {
            after: Some(last),
            most: self.most,
        }
    }
}

/// Findings that are only counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Beyond {
    pub(super) files: u64,
    /// Vanished files whose rows would go with them.
    pub(super) lost: u64,
}

impl Beyond {
    pub(super) fn count(&mut self, found: &Found) {
        self.files += 1;
        self.lost += u64::from(found.loses_rows());
    }

    fn add(&mut self, other: Self) {
        self.files += other.files;
        self.lost += other.lost;
    }
}

/// The findings kept so far, by the beginnings of the ranges that they lie in.
#[derive(Debug)]
pub(super) struct Shelf {
    most: usize,
    parts: BTreeMap<Box<str>, Vec<Found>>,
    kept: usize,
    beyond: Beyond,
    /// Nothing from here on is among the first.
    full_at: Option<Box<str>>,
}

impl Shelf {
    pub(super) fn new(portion: &Portion) -> Self {
        Self {
            most: portion.most,
            parts: BTreeMap::new(),
            kept: 0,
            beyond: Beyond::default(),
            full_at: None,
        }
    }

    /// Returns how many findings of `range` can be among the first.
    pub(super) fn room(&self, range: &KeyRange) -> usize {
        match &self.full_at {
            Some(full_at) if **full_at <= *range.start => 0,
            _ => self.most,
        }
    }

    /// Takes the findings of one range, and drops what can no longer be among the first.
    pub(super) fn put(&mut self, range: &KeyRange, found: Vec<Found>, beyond: Beyond) {
        self.beyond.add(beyond);
        if found.is_empty() {
            return;
        }
        self.kept += found.len();
        self.parts.insert(range.start.clone(), found);
        while let Some(last) = self.parts.last_entry()
            && self.kept - last.get().len() >= self.most
        {
            let (start, dropped) = last.remove_entry();
            self.kept -= dropped.len();
            for found in &dropped {
                self.beyond.count(found);
            }
            self.full_at = Some(start);
        }
    }

    /// Returns the first findings in byte order of the paths, and what is known of the rest.
    pub(super) fn into_found(self) -> (Vec<Found>, Beyond) {
        let mut found = Vec::with_capacity(self.kept.min(self.most));
        let mut beyond = self.beyond;
        for finding in self.parts.into_values().flatten() {
            if found.len() < self.most {
                found.push(finding);
            } else {
                beyond.count(&finding);
            }
        }
        (found, beyond)
    }
}

impl Found {
    /// Tells whether the file is gone, and outputs hold rows of it.
    pub(super) fn loses_rows(&self) -> bool {
        let is_removed =
            matches!(&self.glance, Glance::Decided(verdict) if verdict.change == Change::Removed);
        let standing = self.record.as_ref().map(|record| record.standing);
        is_removed && standing.is_some_and(Standing::has_rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{Reason, Verdict};

    fn found(path: &str) -> Found {
        Found {
            path: SourcePath::from(path),
            seen: None,
            record: None,
            glance: Glance::Decided(Verdict::new(Change::Added, Reason::NoRecord)),
        }
    }

    /// Puts ranges of the given sizes, named by letters, in the given order.
    fn shelved(most: usize, order: &[(char, usize)]) -> (Vec<String>, u64) {
        let mut shelf = Shelf::new(&Portion::first(most));
        for (letter, count) in order {
            let end = char::from_u32(u32::from(*letter) + 1).unwrap();
            let range = KeyRange::new(letter.to_string(), Some(end.to_string()));
            let room = shelf.room(&range);
            let mut beyond = Beyond::default();
            let mut kept = Vec::new();
            for number in 0..*count {
                let found = found(&format!("{letter}{number}"));
                if kept.len() < room {
                    kept.push(found);
                } else {
                    beyond.count(&found);
                }
            }
            shelf.put(&range, kept, beyond);
            assert!(
                shelf.kept <= most.saturating_add(9),
                "never much more than fits"
            );
        }
        let (found, beyond) = shelf.into_found();
        let paths = found.into_iter().map(|found| found.path.to_string());
        (paths.collect(), beyond.files)
    }

    #[test]
    fn the_first_in_path_order_are_kept_in_whatever_order_ranges_come() {
        let forth = [('a', 3), ('b', 0), ('c', 4), ('d', 5), ('e', 9)];
        let back = [('e', 9), ('d', 5), ('c', 4), ('b', 0), ('a', 3)];
        let mixed = [('d', 5), ('a', 3), ('e', 9), ('c', 4), ('b', 0)];
        for most in [1, 3, 4, 7, 8, 20, 21, 50] {
            let expected = shelved(usize::MAX, &forth).0;
            let expected = &expected[..expected.len().min(most)];
            for order in [forth, back, mixed] {
                let (kept, beyond) = shelved(most, &order);
                assert_eq!(kept, expected, "{most} of {order:?}");
                assert_eq!(beyond, 21 - kept.len() as u64, "{most} of {order:?}");
            }
        }
    }

    #[test]
    fn a_portion_passes_over_what_was_taken_up_before() {
        let first = Portion::first(2);
        let second = first.behind("b/c".into());
        assert!(!first.is_past("") && first.is_first());
        assert!(second.is_past("b/c") && !second.is_past("b/c0"));
        assert!(second.is_behind(&KeyRange::new("a", Some("b/c"))));
        assert!(!second.is_behind(&KeyRange::new("a", Some("b/d"))));
        assert!(!second.is_behind(&KeyRange::new("a", None::<&str>)));
    }

    #[test]
    fn only_the_portion_itself_is_known() {
        let hidden = |portion: &Portion, last: Option<&str>, path: &str| {
            let last = last.map(SourcePath::from);
            let mut outside = portion.outside(last.as_ref()).into_iter();
            outside.any(|range| range.contains(path))
        };
        let second = Portion::first(2).behind("b".into());
        for (path, last, outside) in [
            ("a", None, true),
            ("b", None, true),
            ("b0", None, false),
            ("z", None, false),
            ("d", Some("d"), false),
            ("d0", Some("d"), true),
        ] {
            assert_eq!(hidden(&second, last, path), outside, "{path} {last:?}");
        }
        assert!(!hidden(&Portion::whole(), None, "a"));
    }
}
