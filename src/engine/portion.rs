//! How many new files a run takes up at once.
//!
//! What is found out about a file costs memory until the file is dealt with, and a first load finds nothing but new
//! files. So a pass keeps the first new files in byte order of the paths, as many as fit, and only counts the rest;
//! when those are built and recorded, the next portion begins behind the last of them. A run over an empty ledger
//! and ten million files is a few dozen portions, and each listing passes over what lies before its portion.
//!
//! # Invariants
//! - All that happened to files which the ledger knows is in the first portion. So the removal brake judges the
//!   whole, and a unit is never built while one of its members has a change that nobody has seen.
//! - So are all new files that may be a vanished one under another name.
//! - Which new files a portion keeps depends on the paths alone, not on the number of workers or their luck.
//! - A portion that is not the last keeps at least one new file, so a run comes to its end.
//!
//! # Limits
//! What happened to known files is held at once, whatever its amount.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::discover::Found;
use crate::detect::{Change, Glance, Reason};
use crate::model::{KeyRange, SourcePath, Standing};

/// The part of the changes that a pass takes up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Portion {
    /// New files up to here have been taken up before.
    after: Option<SourcePath>,
    /// How many new files are kept.
    most: usize,
    /// Sizes of vanished files: a new file of such a size is kept beyond that.
    vanished_sizes: HashSet<u64>,
    /// What the portion before has learned about how the paths lie.
    points: Arc<[SourcePath]>,
}

/// What a portion does with a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// It is kept.
    Now,
    /// It is kept if there is room.
    IfRoom,
    /// It is another portion's, or another run's.
    No,
}

impl Portion {
    /// The first portion, with at most `most` new files.
    pub(super) fn first(most: usize) -> Self {
        Self {
            after: None,
            most: most.max(1),
            vanished_sizes: HashSet::new(),
            points: Arc::default(),
        }
    }

    /// Everything at once.
    pub(super) fn whole() -> Self {
        Self::first(usize::MAX)
    }

    /// The same portion, with new files that may be a vanished one under another name.
    pub(super) fn with_sizes(self, vanished_sizes: HashSet<u64>) -> Self {
        Self {
            vanished_sizes,
            ..self
        }
    }

    pub(super) fn is_first(&self) -> bool {
        self.after.is_none()
    }

    /// Tells whether this is the first look of all.
    pub(super) fn is_fresh(&self) -> bool {
        self.is_first() && self.vanished_sizes.is_empty()
    }

    /// Tells whether nothing in `range` can be this portion's.
    pub(super) fn is_behind(&self, range: &KeyRange) -> bool {
        let end = range.end.as_deref();
        end.zip(self.after.as_deref())
            .is_some_and(|(end, after)| end <= after)
    }

    pub(super) fn claim(&self, found: &Found) -> Claim {
        if let Some(after) = &self.after
            && (found.record.is_some() || found.path <= *after)
        {
            return Claim::No;
        }
        let size = found.seen.as_ref().map(|seen| seen.size);
        let may_be_vanished = size.is_some_and(|size| self.vanished_sizes.contains(&size));
        if found.is_new() && !may_be_vanished {
            Claim::IfRoom
        } else {
            Claim::Now
        }
    }

    /// Returns the portion behind this one, which leaves `later`.
    pub(super) fn behind(&self, later: Later) -> Self {
        Self {
            after: Some(later.last),
            points: later.points,
            ..Self::first(self.most)
        }
    }

    /// Returns paths that part what there is to list into pieces of about the same size, if any are known.
    pub(super) fn points(&self) -> &[SourcePath] {
        &self.points
    }
}

/// What is left to later portions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Later {
    /// The last new file of this portion.
    pub(super) last: SourcePath,
    /// How many new files come behind it.
    pub(super) files: u64,
    /// Paths that part all that is listed into pieces of about the same size.
    pub(super) points: Arc<[SourcePath]>,
}

/// The findings kept so far.
#[derive(Debug)]
pub(super) struct Shelf {
    most: usize,
    /// What is kept in any case.
    now: Vec<Found>,
    /// New files, by the beginnings of the ranges that they lie in.
    new: BTreeMap<Box<str>, Vec<Found>>,
    kept: usize,
    later: u64,
    /// No new file from here on is among the first.
    full_at: Option<Box<str>>,
}

impl Shelf {
    pub(super) fn new(portion: &Portion) -> Self {
        Self {
            most: portion.most,
            now: Vec::new(),
            new: BTreeMap::new(),
            kept: 0,
            later: 0,
            full_at: None,
        }
    }

    /// Returns how many new files of `range` can be among the first.
    pub(super) fn room(&self, range: &KeyRange) -> usize {
        match &self.full_at {
            Some(full_at) if **full_at <= *range.start => 0,
            _ => self.most,
        }
    }

    /// Takes the findings of one range, and drops new files that can no longer be among the first.
    pub(super) fn put(&mut self, range: &KeyRange, mut findings: Findings) {
        self.later += findings.later;
        self.now.append(&mut findings.now);
        if findings.new.is_empty() {
            return;
        }
        self.kept += findings.new.len();
        self.new.insert(range.start.clone(), findings.new);
        while let Some(last) = self.new.last_entry()
            && self.kept - last.get().len() >= self.most
        {
            let (start, dropped) = last.remove_entry();
            self.kept -= dropped.len();
            self.later += dropped.len() as u64;
            self.full_at = Some(start);
        }
    }

    /// Returns at most `most` of the records that were missed, from all over.
    pub(super) fn some_missed(&self, most: usize) -> Vec<SourcePath> {
        let missed = || self.now.iter().filter(|found| found.seen.is_none());
        let stride = missed().count().div_ceil(most).max(1);
        let some = missed().step_by(stride).map(|found| found.path.clone());
        some.collect()
    }

    /// Returns what is kept, in byte order of the paths, and what is left to later portions.
    pub(super) fn into_found(self) -> (Vec<Found>, Option<Later>) {
        let mut found: Vec<Found> = self.new.into_values().flatten().collect();
        let surplus = found.len().saturating_sub(self.most);
        found.truncate(self.most);
        let files = self.later + surplus as u64;
        let last = found.last().map(|found| found.path.clone());
        let later = last.filter(|_| files > 0).map(|last| Later {
            last,
            files,
            points: Arc::default(),
        });
        found.extend(self.now);
        found.sort_by(|a, b| a.path.cmp(&b.path));
        (found, later)
    }
}

/// What was found in one range.
#[derive(Debug, Default)]
pub(super) struct Findings {
    now: Vec<Found>,
    new: Vec<Found>,
    later: u64,
}

impl Findings {
    /// Keeps a finding as far as `portion` claims it; `room` is what [`Shelf::room`] says.
    pub(super) fn keep(&mut self, found: Found, portion: &Portion, room: usize) {
        match portion.claim(&found) {
            Claim::Now => self.now.push(found),
            Claim::IfRoom if self.new.len() < room => self.new.push(found),
            Claim::IfRoom => self.later += 1,
            Claim::No => {}
        }
    }

    /// Forgets the records of `range` that were not listed: it has turned out that they may well be there.
    pub(super) fn take_back_missed(&mut self, range: &KeyRange) {
        // They came in byte order, so mostly none of them is concerned.
        let is_concerned = |last: &Found| *range.start <= *last.path;
        if self.now.last().is_some_and(is_concerned) {
            self.now
                .retain(|found| found.seen.is_some() || !range.contains(&found.path));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.now.is_empty() && self.new.is_empty() && self.later == 0
    }
}

impl Found {
    /// Tells whether the file is new, and not known to any run.
    pub(super) fn is_new(&self) -> bool {
        matches!(&self.glance, Glance::Decided(verdict)
            if verdict.change == Change::Added && verdict.reason == Reason::NoRecord)
    }

    /// Returns the size of a vanished file that may stand under another name.
    pub(super) fn vanished_size(&self) -> Option<u64> {
        let record = self.record.as_ref().filter(|_| self.seen.is_none())?;
        (record.standing == Standing::Loaded).then_some(record.seen.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Verdict;
    use crate::model::{Fingerprint, Timestamp};

    fn found(path: &str, size: u64, verdict: Verdict) -> Found {
        let seen = Fingerprint {
            size,
            modified_at: Timestamp(0),
            changed_at: None,
            inode: None,
            validator: None,
        };
        Found {
            path: SourcePath::from(path),
            seen: Some(seen),
            record: None,
            glance: Glance::Decided(verdict),
        }
    }

    fn later(last: &str) -> Later {
        Later {
            last: last.into(),
            files: 1,
            points: Arc::default(),
        }
    }

    fn new_file(path: &str) -> Found {
        found(path, 1, Verdict::new(Change::Added, Reason::NoRecord))
    }

    fn young_file(path: &str) -> Found {
        let young = Verdict::new(Change::Unsettled, Reason::ChangedWhileRead);
        found(path, 1, young)
    }

    fn known_file(path: &str) -> Found {
        let found = new_file(path);
        let record = crate::model::FileRecord {
            seen: found.seen.clone().unwrap(),
            racy: false,
            hash: None,
            standing: Standing::Pending,
            unit: None,
            run: crate::model::RunId(0),
        };
        Found {
            record: Some(record),
            glance: Glance::Decided(Verdict::new(Change::Added, Reason::PlannedBefore)),
            ..found
        }
    }

    /// Puts ranges of the given sizes, named by letters, in the given order; each begins with a young file.
    fn shelved(most: usize, order: &[(char, usize)]) -> (Vec<String>, Option<Later>) {
        let portion = Portion::first(most);
        let mut shelf = Shelf::new(&portion);
        for (letter, count) in order {
            let end = char::from_u32(u32::from(*letter) + 1).unwrap();
            let range = KeyRange::new(letter.to_string(), Some(end.to_string()));
            let room = shelf.room(&range);
            let mut findings = Findings::default();
            findings.keep(young_file(&format!("{letter}!")), &portion, room);
            for number in 0..*count {
                findings.keep(new_file(&format!("{letter}{number}")), &portion, room);
            }
            shelf.put(&range, findings);
            assert!(
                shelf.kept <= most.saturating_add(9),
                "never much more than fits"
            );
        }
        let (found, later) = shelf.into_found();
        let paths = found.into_iter().map(|found| found.path.to_string());
        (paths.collect(), later)
    }

    #[test]
    fn the_first_new_files_in_path_order_are_kept_in_whatever_order_ranges_come() {
        let forth = [('a', 3), ('b', 0), ('c', 4), ('d', 5), ('e', 9)];
        let back = [('e', 9), ('d', 5), ('c', 4), ('b', 0), ('a', 3)];
        let mixed = [('d', 5), ('a', 3), ('e', 9), ('c', 4), ('b', 0)];
        let all = shelved(usize::MAX, &forth).0;
        for most in [1, 3, 4, 7, 8, 20, 21, 50] {
            let mut new = 0;
            let mut expected = all.clone();
            expected.retain(|path| {
                let is_young = path.ends_with('!');
                new += usize::from(!is_young);
                is_young || new <= most
            });
            for order in [forth, back, mixed] {
                let (kept, later) = shelved(most, &order);
                assert_eq!(kept, expected, "{most} of {order:?}");
                let files = later.map_or(0, |later| later.files);
                assert_eq!(files, 21_u64.saturating_sub(most as u64), "{most}");
            }
        }
    }

    #[test]
    fn a_later_portion_takes_unknown_files_behind_the_last_and_nothing_else() {
        let first = Portion::first(2);
        let second = first.behind(later("b/c"));
        assert!(first.is_first() && !second.is_first());
        for (finding, in_first, in_second) in [
            (new_file("b/c"), Claim::IfRoom, Claim::No),
            (new_file("b/d"), Claim::IfRoom, Claim::IfRoom),
            (young_file("a"), Claim::Now, Claim::No),
            (young_file("z"), Claim::Now, Claim::Now),
            (known_file("z"), Claim::Now, Claim::No),
        ] {
            assert_eq!(first.claim(&finding), in_first, "{}", finding.path);
            assert_eq!(second.claim(&finding), in_second, "{}", finding.path);
        }
        assert!(second.is_behind(&KeyRange::new("a", Some("b/c"))));
        assert!(!second.is_behind(&KeyRange::new("a", Some("b/d"))));
        assert!(!second.is_behind(&KeyRange::new("a", None::<&str>)));
    }

    #[test]
    fn what_may_be_a_vanished_file_is_in_the_first_portion() {
        let portion = Portion::first(1).with_sizes(HashSet::from([1]));
        assert_eq!(portion.claim(&new_file("z")), Claim::Now);
        let behind = portion.behind(later("a"));
        assert_eq!(behind.claim(&new_file("z")), Claim::IfRoom);
    }
}
