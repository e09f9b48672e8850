//! How much of a source has to be looked at where hints tell what may have changed.

use std::time::Duration;

use crate::model::{Gaps, Hints, Listed, Timestamp, WhyListed};

/// Files on a page of a listing.
const PAGE_FILES: u64 = 1_000;

/// Looks at single files that cost as much as a page of a listing, by the prices of S3: 0.4 and 5 dollars for a million.
const LOOKS_PER_PAGE: u64 = 12;

/// How much is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The files that are hinted at.
    Hinted,
    /// All of it.
    Everything(WhyListed),
}

/// What the answer depends on.
#[derive(Debug, Clone, Copy)]
pub struct ScopeFacts<'a> {
    /// The moment.
    pub now: Timestamp,
    /// How long hints alone may be believed.
    pub every: Duration,
    /// The last listing after which nothing was left to do.
    pub last: Option<&'a Listed>,
    /// The hash of what would be listed now, and of what is to be made of it.
    pub of: &'a str,
    /// Files that are known.
    pub known: u64,
}

/// Tells how much of the source to look at.
///
/// Hints are lost now and then, so a listing every so often is the truth, and one that was not finished is made again.
#[must_use]
pub fn scope(hints: &Hints, facts: &ScopeFacts<'_>) -> Scope {
    let Some(last) = facts.last else {
        return Scope::Everything(WhyListed::First);
    };
    if last.of != facts.of || last.from.as_deref() != Some(&*hints.from) {
        return Scope::Everything(WhyListed::Changed);
    }
    // A clock that was set back tells nothing.
    if facts.now < last.at || facts.now.since(last.at) >= facts.every {
        return Scope::Everything(WhyListed::Due);
    }
    if hints.gaps == Gaps::Some {
        return Scope::Everything(WhyListed::Lost);
    }
    let pages = facts.known / PAGE_FILES + 1;
    if hints.paths.len() as u64 > pages.saturating_mul(LOOKS_PER_PAGE) {
        return Scope::Everything(WhyListed::Many);
    }
    Scope::Hinted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SourcePath;

    use Scope::{Everything, Hinted};

    const HOUR: u64 = 3_600_000_000_000;

    fn hints(count: usize, gaps: Gaps) -> Hints {
        let paths = (0..count).map(|number| SourcePath::from(&*format!("{number:06}")));
        Hints {
            paths: paths.collect(),
            gaps,
            from: "there".to_owned(),
        }
    }

    #[test]
    fn hints_are_believed_for_a_time_after_a_listing_that_left_nothing() {
        let listed = |hours: i64| Listed {
            at: Timestamp(hours * i64::try_from(HOUR).unwrap()),
            of: "this".to_owned(),
            from: Some("there".to_owned()),
        };
        let now = listed(100).at;
        for (last, of, known, count, gaps, expected) in [
            (
                None,
                "this",
                0,
                1,
                Gaps::NoneKnown,
                Everything(WhyListed::First),
            ),
            (
                Some(99),
                "that",
                0,
                1,
                Gaps::NoneKnown,
                Everything(WhyListed::Changed),
            ),
            (Some(95), "this", 0, 1, Gaps::NoneKnown, Hinted),
            (
                Some(94),
                "this",
                0,
                1,
                Gaps::NoneKnown,
                Everything(WhyListed::Due),
            ),
            (
                Some(101),
                "this",
                0,
                1,
                Gaps::NoneKnown,
                Everything(WhyListed::Due),
            ),
            (
                Some(99),
                "this",
                0,
                0,
                Gaps::Some,
                Everything(WhyListed::Lost),
            ),
            (Some(99), "this", 0, 0, Gaps::NoneKnown, Hinted),
            (Some(99), "this", 999, 12, Gaps::NoneKnown, Hinted),
            (
                Some(99),
                "this",
                999,
                13,
                Gaps::NoneKnown,
                Everything(WhyListed::Many),
            ),
            (Some(99), "this", 1_000, 24, Gaps::NoneKnown, Hinted),
            (
                Some(99),
                "this",
                1_000,
                25,
                Gaps::NoneKnown,
                Everything(WhyListed::Many),
            ),
        ] {
            let last = last.map(listed);
            let facts = ScopeFacts {
                now,
                every: Duration::from_nanos(6 * HOUR),
                last: last.as_ref(),
                of,
                known,
            };
            assert_eq!(
                scope(&hints(count, gaps), &facts),
                expected,
                "{last:?} {of} {known} {count}"
            );
        }
    }

    #[test]
    fn a_listing_counts_for_the_place_that_hints_were_awaited_from() {
        for (from, expected) in [
            (None, Everything(WhyListed::Changed)),
            (Some("elsewhere"), Everything(WhyListed::Changed)),
            (Some("there"), Hinted),
        ] {
            let last = Listed {
                at: Timestamp(0),
                of: "this".to_owned(),
                from: from.map(str::to_owned),
            };
            let facts = ScopeFacts {
                now: Timestamp(1),
                every: Duration::from_nanos(HOUR),
                last: Some(&last),
                of: "this",
                known: 0,
            };
            assert_eq!(
                scope(&hints(1, Gaps::NoneKnown), &facts),
                expected,
                "{from:?}"
            );
        }
    }
}
