//! What goes on while a range is listed: the numbers that somebody watches, and whether to go on at all.
//!
//! A range may be all of a bucket with millions of objects, and minutes long.

use super::control::{Control, Progress};

/// Entries between two looks up.
const STRIDE: u64 = 1 << 10;

/// Looks up now and then from the entries of one range.
pub(super) struct Pace<'a> {
    control: &'a Control,
    is_told: bool,
    entries: u64,
    /// How many files of the range are told of already.
    told: u64,
}

impl<'a> Pace<'a> {
    /// For a range whose files are told of as they are listed.
    pub(super) fn told(control: &'a Control) -> Self {
        Self {
            control,
            is_told: true,
            entries: 0,
            told: 0,
        }
    }

    /// For one of whose files so many have been told of before.
    pub(super) fn told_from(control: &'a Control, told: u64) -> Self {
        Self {
            told,
            ..Self::told(control)
        }
    }

    /// For one that has been listed before.
    pub(super) fn untold(control: &'a Control) -> Self {
        Self {
            is_told: false,
            ..Self::told(control)
        }
    }

    /// Takes note of one more entry, the files among which are `listed` so far. Returns false where the run was asked to
    /// stop, or a limit is reached.
    pub(super) fn goes_on(&mut self, listed: u64) -> bool {
        self.entries += 1;
        if !self.entries.is_multiple_of(STRIDE) {
            return true;
        }
        self.tell(listed);
        self.control.takes_more()
    }

    /// Tells that so many files of the range are listed. What is listed again is not told again.
    pub(super) fn tell(&mut self, listed: u64) {
        if self.is_told && listed > self.told {
            let files = &self.control.progress().files_listed;
            Progress::add(files, listed - self.told);
            self.told = listed;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn files_are_told_of_as_they_are_listed_and_once() {
        let control = Control::default();
        let listed = || control.progress().files_listed.load(Ordering::Relaxed);
        let mut pace = Pace::told(&control);
        for count in 0..STRIDE {
            assert!(pace.goes_on(count));
        }
        assert_eq!(listed(), STRIDE - 1);
        for again in 0..STRIDE {
            assert!(pace.goes_on(again));
        }
        assert_eq!(listed(), STRIDE - 1);
        pace.tell(STRIDE + 7);
        assert_eq!(listed(), STRIDE + 7);
        Pace::untold(&control).tell(5);
        assert_eq!(listed(), STRIDE + 7);
        Pace::told_from(&control, STRIDE + 7).tell(STRIDE + 8);
        assert_eq!(listed(), STRIDE + 8);
    }

    #[test]
    fn a_range_is_left_soon_after_somebody_asked_to_stop() {
        let interrupt = Arc::new(AtomicBool::new(false));
        let control = Control::new(Arc::clone(&interrupt));
        let mut pace = Pace::told(&control);
        assert!((0..5 * STRIDE).all(|count| pace.goes_on(count)));
        interrupt.store(true, Ordering::Relaxed);
        let more = (0..2 * STRIDE)
            .take_while(|count| pace.goes_on(*count))
            .count();
        assert!(more < usize::try_from(STRIDE).unwrap());
    }
}
