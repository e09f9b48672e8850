//! How long to wait after a pass. PURE.

use std::time::Duration;

use crate::model::{RunReport, RunStatus};

/// The pause after the first failure; each one in a row doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause after a failure.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// What came of a pass, as far as the next one depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Went {
    /// Nothing is left.
    Well,
    /// A limit left something that the next pass may take up at once.
    Further,
    /// Something is left that may take time: a file that is still being written, or cannot be read.
    Short,
    /// It failed in a way that may pass.
    Badly,
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
        );
        match (files.deferred, files.unsettled) {
            (0, 0) if is_well && report.stopped_by.is_none() => Self::Well,
            (1.., _) if is_well && did_something => Self::Further,
            _ => Self::Short,
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
}

impl Cadence {
    /// Makes a pass each `interval`; where hints come, as they do, and each `listing_every`.
    #[must_use]
    pub fn new(interval: Duration, listing_every: Option<Duration>) -> Self {
        Self {
            interval,
            listing_every,
            failures: 0,
        }
    }

    /// Returns how long to wait after a pass that went like this.
    pub fn after(&mut self, went: Went) -> Wait {
        self.failures = match went {
            Went::Badly => self.failures.saturating_add(1),
            _ => 0,
        };
        let longest = match went {
            Went::Well => self.listing_every.unwrap_or(self.interval),
            Went::Further => Duration::ZERO,
            Went::Short => self.interval,
            Went::Badly => {
                let doubled = 2_u32.saturating_pow(self.failures - 1);
                FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE)
            }
        };
        Wait {
            longest,
            // Whatever made it fail would make it fail again, as often as anybody says anything.
            hints_end_it: went != Went::Badly,
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
        for (listing_every, went, seconds) in [
            (None, Went::Well, 60),
            (None, Went::Further, 0),
            (None, Went::Short, 60),
            (Some(HOUR), Went::Well, 3600),
            (Some(HOUR), Went::Further, 0),
            (Some(HOUR), Went::Short, 60),
        ] {
            let wait = Cadence::new(MINUTE, listing_every).after(went);
            let expected = Wait {
                longest: Duration::from_secs(seconds),
                hints_end_it: true,
            };
            assert_eq!(wait, expected, "{listing_every:?} {went:?}");
        }
    }

    #[test]
    fn what_fails_again_and_again_is_tried_less_and_less_often_and_never_given_up() {
        let mut cadence = Cadence::new(MINUTE, Some(HOUR));
        let mut pauses = Vec::new();
        for _ in 0..12 {
            let wait = cadence.after(Went::Badly);
            assert!(!wait.hints_end_it);
            pauses.push(wait.longest.as_secs());
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
        cadence.failures = u32::MAX;
        assert_eq!(cadence.after(Went::Badly).longest, LONGEST_PAUSE);
        cadence.after(Went::Well);
        assert_eq!(cadence.after(Went::Badly).longest, FIRST_PAUSE);
    }
}
