//! How long to wait after a pass. PURE.

use std::time::Duration;

use crate::model::{RunReport, RunStatus};

/// The pause after the first failure; each one in a row doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause after a failure.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// How often the interval is doubled behind passes that leave something.
const MOST_DOUBLINGS: u32 = 4;

/// So many passes in a row may leave no fewer files than one before them without a pause.
const PATIENCE: u32 = 3;

/// What came of a pass, as far as the next one depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Went {
    /// Nothing is left.
    Well,
    /// A limit left so many files, which the next pass may take up at once.
    Further {
        /// How many.
        left: u64,
    },
    /// Something is left that may take time: a file that is still being written, or cannot be read.
    Short(Progress),
    /// It failed in a way that may pass.
    Badly,
}

/// Whether a pass that left something did anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It did not.
    None,
    /// It did.
    Some,
}

impl Went {
    /// Returns what came of the pass that `report` is about.
    #[must_use]
    pub fn of(report: &RunReport) -> Self {
        let files = &report.files;
        let did_something = report.outputs.written + report.outputs.removed > 0;
        let is_well = matches!(
            report.status,
            RunStatus::Done | RunStatus::Quarantined | RunStatus::Partial
        ) && report.stopped_by.is_none();
        // Where hints come, and no listing makes up for those that did not.
        let trusts_nothing = report
            .hints
            .as_ref()
            .is_some_and(|hints| hints.since.is_none());
        match (files.deferred, files.unsettled) {
            (0, 0) if is_well && !trusts_nothing => Self::Well,
            (left @ 1.., _) if is_well && did_something => Self::Further { left },
            _ if did_something => Self::Short(Progress::Some),
            _ => Self::Short(Progress::None),
        }
    }
}

/// How long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// At most.
    pub longest: Duration,
    /// Whether hints end it.
    pub hints_end_it: bool,
}

/// How often passes are made.
#[derive(Debug, Clone)]
pub struct Cadence {
    interval: Duration,
    /// Where hints come.
    listing_every: Option<Duration>,
    failures: u32,
    /// How many passes in a row have left something and done nothing.
    shorts: u32,
    /// The fewest files that a limit left since nothing was left.
    fewest: Option<u64>,
    /// How many passes since then have left no fewer.
    in_vain: u32,
}

impl Cadence {
    /// Makes a pass each `interval`; where hints come, as they do, and each `listing_every`.
    #[must_use]
    pub fn new(interval: Duration, listing_every: Option<Duration>) -> Self {
        Self {
            interval,
            listing_every,
            failures: 0,
            shorts: 0,
            fewest: None,
            in_vain: 0,
        }
    }

    /// Returns how long to wait after a pass that went like this; `listed_ago` is when the last listing began that makes up for
    /// hints which did not come.
    pub fn after(&mut self, went: Went, listed_ago: Duration) -> Wait {
        let went = self.held_to_get_further(went);
        self.failures = match went {
            Went::Badly => self.failures.saturating_add(1),
            _ => 0,
        };
        self.shorts = match went {
            Went::Short(Progress::None) => self.shorts.saturating_add(1),
            _ => 0,
        };
        let longest = match (went, self.listing_every) {
            (Went::Well, Some(every)) => every.saturating_sub(listed_ago),
            (Went::Well | Went::Short(_), None) => self.interval,
            (Went::Further { .. }, _) => Duration::ZERO,
            // Each of these lists everything, perhaps for a file that nobody will ever read.
            (Went::Short(_), Some(_)) => {
                let doubled = 2_u32.pow(self.shorts.saturating_sub(1).min(MOST_DOUBLINGS));
                self.interval.saturating_mul(doubled)
            }
            (Went::Badly, _) => {
                let doubled = 2_u32.saturating_pow(self.failures - 1);
                FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE)
            }
        };
        Wait {
            longest,
            // Whatever is in the way would be so again, as often as anybody says anything.
            hints_end_it: matches!(went, Went::Well | Went::Further { .. }),
        }
    }

    /// A file that somebody keeps writing to is taken up by every pass, before those behind it: passes that leave no fewer are
    /// not made without a pause.
    fn held_to_get_further(&mut self, went: Went) -> Went {
        let Went::Further { left } = went else {
            if went == Went::Well {
                (self.fewest, self.in_vain) = (None, 0);
            }
            return went;
        };
        let is_fewer = self.fewest.is_none_or(|fewest| left < fewest);
        self.in_vain = if is_fewer { 0 } else { self.in_vain + 1 };
        self.fewest = Some(self.fewest.map_or(left, |fewest| fewest.min(left)));
        if self.in_vain < PATIENCE {
            went
        } else {
            self.in_vain = 0;
            Went::Short(Progress::Some)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);
    const HOUR: Duration = Duration::from_hours(1);

    #[test]
    fn a_pass_follows_after_the_interval_or_as_hints_come() {
        for (listing_every, went, ago, seconds, hints_end_it) in [
            (None, Went::Well, 0, 60, true),
            (None, Went::Further { left: 1 }, 0, 0, true),
            (None, Went::Short(Progress::Some), 0, 60, false),
            (Some(HOUR), Went::Well, 0, 3600, true),
            (Some(HOUR), Went::Well, 3599, 1, true),
            (Some(HOUR), Went::Well, 4000, 0, true),
            (Some(HOUR), Went::Further { left: 1 }, 0, 0, true),
            (Some(HOUR), Went::Short(Progress::None), 0, 60, false),
        ] {
            let ago = Duration::from_secs(ago);
            let wait = Cadence::new(MINUTE, listing_every).after(went, ago);
            let expected = Wait {
                longest: Duration::from_secs(seconds),
                hints_end_it,
            };
            assert_eq!(wait, expected, "{listing_every:?} {went:?} {ago:?}");
        }
    }

    #[test]
    fn what_is_left_again_and_again_is_listed_for_less_often_where_that_costs_a_listing() {
        let pauses = |listing_every, progress| {
            let mut cadence = Cadence::new(MINUTE, listing_every);
            let waits = (0..7).map(|_| cadence.after(Went::Short(progress), Duration::ZERO));
            waits
                .map(|wait| wait.longest.as_secs() / 60)
                .collect::<Vec<_>>()
        };
        assert_eq!(pauses(Some(HOUR), Progress::None), [1, 2, 4, 8, 16, 16, 16]);
        // Who gets anything done has a source that is busy, and no file that nobody will ever read.
        assert_eq!(pauses(Some(HOUR), Progress::Some), [1; 7]);
        assert_eq!(pauses(None, Progress::None), [1; 7]);
    }

    #[test]
    fn passes_that_get_no_further_are_not_made_without_a_pause() {
        let mut cadence = Cadence::new(MINUTE, None);
        let mut pauses = |lefts: &[u64]| {
            let waits = lefts.iter().map(|&left| {
                let wait = cadence.after(Went::Further { left }, Duration::ZERO);
                wait.longest.as_secs()
            });
            waits.collect::<Vec<_>>()
        };
        assert_eq!(
            pauses(&[9, 8, 7, 7, 8, 7, 7, 7, 7]),
            [0, 0, 0, 0, 0, 60, 0, 0, 60]
        );
        assert_eq!(pauses(&[6, 5]), [0, 0]);
    }

    #[test]
    fn what_fails_again_and_again_is_tried_less_and_less_often_and_never_given_up() {
        let mut cadence = Cadence::new(MINUTE, Some(HOUR));
        let mut after = |went| cadence.after(went, Duration::ZERO);
        let mut pauses = Vec::new();
        for _ in 0..12 {
            let wait = after(Went::Badly);
            assert!(!wait.hints_end_it);
            pauses.push(wait.longest.as_secs());
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
        after(Went::Well);
        assert_eq!(after(Went::Badly).longest, FIRST_PAUSE);
        cadence.failures = u32::MAX;
        assert_eq!(
            cadence.after(Went::Badly, Duration::ZERO).longest,
            LONGEST_PAUSE
        );
    }
}
