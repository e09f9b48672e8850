//! Whether listings of neighbouring ranges add up to one listing of everything.
//!
//! A range is listed behind one key and up to another, and ends at the first key that lies beyond. That is right where a
//! store lists in byte order, and stores that do not are many: in tree order `a/…` comes before `a!`, and what lies beyond
//! may be followed by what does not.
//!
//! So each range is walked through with three questions. Does every key lie in it? Does every key lie behind the one before
//! it? And is the key at which it ended the very one with which the next range began, or was there no more for either? Where
//! all answers are yes, every range went on just where the one before it had left off, and all of them together are what one
//! listing would have told, in whatever order the store has: nothing was left out between two of them, and the last one went
//! on to the end. A key that came or went at the seam of two ranges between their listings is told from that by nobody, and
//! breaks the chain as well.
//!
//! What this takes for granted is what a listing is for a store: a sequence of which "behind a key" is the rest. Where the
//! client or the store lists everything and leaves out whatever is not greater, a key out of place could fall between two
//! ranges unseen; such stores are not listed in ranges.
//!
//! # Invariants
//! - The questions are asked about keys as they are listed, before anybody judges what they stand for.
//! - What is broken stays broken.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What became of a key, or that there was none.
type Met = Option<Box<str>>;

/// What is known of ranges that are neighbours.
#[derive(Debug)]
pub(super) struct Chain {
    ranges: Mutex<Vec<Ends>>,
    is_torn: AtomicBool,
    has_failed: AtomicBool,
}

/// How a range began and ended, as far as it is known.
#[derive(Debug, Clone, Default)]
struct Ends {
    /// The first key that was listed.
    first: Option<Met>,
    /// The first key beyond the range.
    beyond: Option<Met>,
}

/// What the ranges of a chain add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sum {
    /// One listing.
    Whole,
    /// Something may be left out: the order is another, or somebody changed what lies at a seam.
    Torn,
    /// Not all was listed.
    Unfinished,
}

impl Chain {
    /// Begins a chain of so many ranges.
    pub(super) fn of(ranges: usize) -> Self {
        Self {
            ranges: Mutex::new(vec![Ends::default(); ranges]),
            is_torn: AtomicBool::new(false),
            has_failed: AtomicBool::new(false),
        }
    }

    /// Tells whether nothing can become of it any more.
    pub(super) fn is_broken(&self) -> bool {
        self.is_torn.load(Ordering::Relaxed) || self.has_failed.load(Ordering::Relaxed)
    }

    /// Says what its ranges add up to.
    pub(super) fn sum(&self) -> Sum {
        let ranges = self.ranges();
        let are_over = ranges.iter().all(|ends| ends.beyond.is_some());
        let is_torn = self.is_torn.load(Ordering::Relaxed);
        if is_torn || ranges.windows(2).any(|pair| is_gap(&pair[0], &pair[1])) {
            Sum::Torn
        } else if are_over && !self.has_failed.load(Ordering::Relaxed) {
            Sum::Whole
        } else {
            Sum::Unfinished
        }
    }

    fn note(&self, at: usize, change: impl FnOnce(&mut Ends)) {
        let mut ranges = self.ranges();
        let Some(ends) = ranges.get_mut(at) else {
            return self.tear();
        };
        change(ends);
        let around = at.saturating_sub(1)..ranges.len().min(at + 2);
        if ranges[around]
            .windows(2)
            .any(|pair| is_gap(&pair[0], &pair[1]))
        {
            self.tear();
        }
    }

    fn tear(&self) {
        self.is_torn.store(true, Ordering::Relaxed);
    }

    fn ranges(&self) -> MutexGuard<'_, Vec<Ends>> {
        self.ranges.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells whether the second range is known not to begin where the first one ended.
fn is_gap(one: &Ends, next: &Ends) -> bool {
    matches!((&one.beyond, &next.first), (Some(beyond), Some(first)) if beyond != first)
}

/// Where a key lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In the range.
    Here,
    /// Beyond the range, which is over.
    Beyond,
    /// Where it should not.
    Astray,
}

/// Goes through the keys of one range of a chain.
#[derive(Debug)]
pub(super) struct Walk {
    chain: Arc<Chain>,
    at: usize,
    /// The key that was listed last, before that the one behind which the range begins.
    last: Met,
    upto: Met,
    has_begun: bool,
    is_over: bool,
}

impl Walk {
    /// Begins the range number `at`, of the keys behind `after` up to `upto`.
    pub(super) fn begin(chain: Arc<Chain>, at: usize, after: Met, upto: Met) -> Self {
        chain.note(at, |ends| *ends = Ends::default());
        Self {
            chain,
            at,
            last: after,
            upto,
            has_begun: false,
            is_over: false,
        }
    }

    /// Takes note of the key that is listed next.
    pub(super) fn meet(&mut self, key: String) -> Place {
        if self.last.as_deref().is_some_and(|last| *last >= *key) {
            self.chain.tear();
            return Place::Astray;
        }
        let key = key.into_boxed_str();
        if !self.has_begun {
            self.has_begun = true;
            self.chain
                .note(self.at, |ends| ends.first = Some(Some(key.clone())));
        }
        if self.upto.as_ref().is_some_and(|upto| *upto < key) {
            self.is_over = true;
            self.chain
                .note(self.at, |ends| ends.beyond = Some(Some(key)));
            return Place::Beyond;
        }
        self.last = Some(key);
        Place::Here
    }

    /// Takes note that no more is listed.
    pub(super) fn end(&mut self) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        let has_begun = self.has_begun;
        self.chain.note(self.at, |ends| {
            ends.beyond = Some(None);
            if !has_begun {
                ends.first = Some(None);
            }
        });
    }

    /// Takes note that the range cannot be listed to its end.
    pub(super) fn fail(&self) {
        self.chain.has_failed.store(true, Ordering::Relaxed);
    }

    /// Tells whether it is of no use to go on.
    pub(super) fn is_in_vain(&self) -> bool {
        self.chain.is_broken()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Walks through ranges between `points`, each of which is told the keys given, in order.
    fn walked(points: &[&str], told: &[&[&str]]) -> Sum {
        let (chain, walks) = begun(points);
        for (mut walk, keys) in walks.into_iter().zip(told) {
            go(&mut walk, keys);
        }
        chain.sum()
    }

    fn begun(points: &[&str]) -> (Arc<Chain>, Vec<Walk>) {
        let chain = Arc::new(Chain::of(points.len() + 1));
        let walk = |at: usize| {
            let after = at.checked_sub(1).map(|at| points[at].into());
            let upto = points.get(at).map(|point| (*point).into());
            Walk::begin(Arc::clone(&chain), at, after, upto)
        };
        let walks = (0..=points.len()).map(walk).collect();
        (chain, walks)
    }

    fn go(walk: &mut Walk, keys: &[&str]) {
        for key in keys {
            if walk.meet((*key).to_owned()) != Place::Here {
                return;
            }
        }
        walk.end();
    }

    #[test]
    fn ranges_that_go_on_where_the_one_before_left_off_are_whole() {
        for (points, told) in [
            (&[][..], &[&["a", "b"][..]][..]),
            (&["b"], &[&["a", "b", "c"], &["c", "d"]]),
            (&["b", "d"], &[&["a", "c"], &["c", "e"], &["e"]]),
            (&["b", "d"], &[&["e"], &["e"], &["e"]]),
            (&["b", "d"], &[&["a"], &[], &[]]),
            (&["b"], &[&[], &[]]),
        ] {
            assert_eq!(walked(points, told), Sum::Whole, "{points:?} {told:?}");
        }
    }

    #[test]
    fn a_key_out_of_place_or_a_seam_that_does_not_fit_tears_the_chain() {
        for (points, told) in [
            // Out of order, twice the same, before the range.
            (&[][..], &[&["b", "a"][..]][..]),
            (&[], &[&["a", "a"]]),
            (&["b"], &[&["a", "c"], &["b"]]),
            (&["b"], &[&["a", "c"], &["c", "d", "a"]]),
            // In tree order: what comes behind `a/2` is beyond the range, and `a!` behind that.
            (&["a/1"], &[&["a/1", "a/2"], &["a/2", "a!"]]),
            // Something came or went at the seam.
            (&["b"], &[&["a", "c"], &["d"]]),
            (&["b"], &[&["a", "d"], &["c", "d"]]),
            (&["b"], &[&["a"], &["c"]]),
            (&["b"], &[&["a", "c"], &[]]),
            (&["b", "d"], &[&["a", "e"], &["c", "e"], &["e"]]),
        ] {
            assert_eq!(walked(points, told), Sum::Torn, "{points:?} {told:?}");
        }
    }

    #[test]
    fn what_has_not_come_to_its_end_is_not_whole() {
        assert_eq!(walked(&["b"], &[&["a", "c"]]), Sum::Unfinished);
        let (chain, mut walks) = begun(&["b"]);
        go(&mut walks[0], &["a", "c"]);
        assert_eq!(walks[1].meet("c".to_owned()), Place::Here);
        assert_eq!(chain.sum(), Sum::Unfinished);
        walks[1].end();
        assert_eq!(chain.sum(), Sum::Whole);
        walks[1].fail();
        assert_eq!(chain.sum(), Sum::Unfinished);
        assert!(walks[0].is_in_vain());
    }

    #[test]
    fn a_range_that_is_listed_again_is_asked_again() {
        let (chain, mut walks) = begun(&["b"]);
        go(&mut walks[0], &["a", "c"]);
        go(&mut walks[1], &["c"]);
        assert_eq!(chain.sum(), Sum::Whole);
        let (after, upto) = (None, Some("b".into()));
        let mut again = Walk::begin(Arc::clone(&chain), 0, after, upto);
        assert_eq!(chain.sum(), Sum::Unfinished);
        go(&mut again, &["a", "d"]);
        assert_eq!(chain.sum(), Sum::Torn);
    }
}
