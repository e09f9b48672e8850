//! The removal brake: a source that suddenly looks empty is more often broken than empty.

/// Vanished files below this number never trip the brake.
const FLOOR: u64 = 100;

/// More files vanished than the brake allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Brake {
    /// Files that vanished.
    pub vanished: u64,
    /// Files that were live before.
    pub live: u64,
    /// The largest number that would have passed.
    pub allowed: u64,
}

/// Returns the brake if it must be pulled: over half of the live set vanished, and more than a hundred files.
#[must_use]
pub fn removal_brake(vanished: u64, live: u64) -> Option<Brake> {
    let allowed = FLOOR.max(live / 2);
    (vanished > allowed).then_some(Brake {
        vanished,
        live,
        allowed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_brake_needs_both_many_and_over_half() {
        for (vanished, live, pulled) in [
            (0, 0, false),
            (100, 100, false),
            (101, 101, true),
            (101, 202, false),
            (102, 203, true),
            (500_000, 1_000_000, false),
            (500_001, 1_000_000, true),
        ] {
            assert_eq!(
                removal_brake(vanished, live).is_some(),
                pulled,
                "{vanished} of {live}"
            );
        }
    }
}
