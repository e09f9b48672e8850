//! A token bucket: so much may be taken in a second.
//!
//! # Invariants
//! - Over any time, no more is taken than that time and one second more bring, but for the last that is taken: whoever
//!   takes more than there is goes into debt, and those that come later wait until it is paid.
//! - Nobody waits for what he takes himself, so a request of any size gets through.

use std::time::Duration;

/// What is saved up while nobody takes anything.
const SAVED: Duration = Duration::from_secs(1);

/// A token bucket over a time that is handed in, and never goes back.
#[derive(Debug)]
pub(super) struct TokenBucket {
    per_second: u64,
    /// When all that was taken is paid for.
    paid_at: Duration,
}

impl TokenBucket {
    /// Brings `per_second` tokens in a second, at least one.
    pub(super) fn new(per_second: u64) -> Self {
        Self {
            per_second: per_second.max(1),
            paid_at: Duration::ZERO,
        }
    }

    /// Takes `tokens` and returns how long to wait before they may be used.
    pub(super) fn take(&mut self, now: Duration, tokens: u64) -> Duration {
        let begins_at = self.paid_at.max(now.saturating_sub(SAVED));
        self.paid_at = begins_at.saturating_add(self.time_of(tokens));
        begins_at.saturating_sub(now)
    }

    /// Gives back `tokens` that were taken and not used.
    pub(super) fn give_back(&mut self, tokens: u64) {
        self.paid_at = self.paid_at.saturating_sub(self.time_of(tokens));
    }

    fn time_of(&self, tokens: u64) -> Duration {
        let nanos = u128::from(tokens) * 1_000_000_000 / u128::from(self.per_second);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn whoever_comes_too_early_waits_until_what_was_taken_before_is_paid() {
        let mut bucket = TokenBucket::new(10);
        for (now, tokens, wait) in [
            (0, 1, 0),
            (0, 1, 100),
            (0, 1, 200),
            (250, 1, 50),
            // A second's worth is saved up, and no more.
            (60_000, 10, 0),
            (60_000, 1, 0),
            (60_000, 1, 100),
            // More than there is: a debt of others.
            (120_000, 45, 0),
            (120_000, 1, 3_500),
            (123_500, 1, 100),
        ] {
            let waited = bucket.take(millis(now), tokens);
            assert_eq!(waited, millis(wait), "{tokens} at {now}");
        }
    }

    #[test]
    fn what_is_given_back_nobody_waits_for() {
        let mut bucket = TokenBucket::new(10);
        assert_eq!(bucket.take(millis(5_000), 100), millis(0));
        bucket.give_back(70);
        assert_eq!(bucket.take(millis(5_000), 1), millis(2_000));
        bucket.give_back(1_000_000);
        assert_eq!(bucket.take(millis(5_000), 10), millis(0));
        assert_eq!(
            bucket.take(millis(5_000), 1),
            millis(0),
            "a second's worth was saved up"
        );
        assert_eq!(bucket.take(millis(5_000), 1), millis(100));
    }

    #[test]
    fn over_any_time_no_more_is_taken_than_it_brings() {
        for per_second in [1, 3, 7, 1_000, 1 << 30] {
            let mut bucket = TokenBucket::new(per_second);
            let (mut now, mut taken) = (millis(10_000), 0u64);
            for step in 0..2_000u64 {
                let tokens = step % 5 * (per_second / 3).max(1);
                now += bucket.take(now, tokens);
                taken += tokens;
                now += millis(step % 7);
                let spent = now.saturating_sub(millis(9_000)).as_nanos();
                let brought = u128::from(per_second) * spent / 1_000_000_000;
                let last = tokens + 1;
                assert!(
                    u128::from(taken) <= brought + u128::from(last) + 2_000,
                    "{per_second} at {step}"
                );
            }
        }
    }

    #[test]
    fn the_largest_numbers_do_no_harm() {
        let mut bucket = TokenBucket::new(0);
        assert_eq!(bucket.take(millis(0), u64::MAX), millis(0));
        assert!(bucket.take(millis(0), u64::MAX) > Duration::from_hours(1));
        bucket.give_back(u64::MAX);
    }
}
