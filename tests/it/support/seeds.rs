//! Histories that follow from a number: how many are played, and how one is played again.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::is_nightly;

/// Histories on each push; a nightly run has more of them.
const HISTORIES: u64 = 200;
const NIGHTLY_HISTORIES: u64 = 5_000;

/// After so many that failed no more are played.
const FAILURES: usize = 8;

/// Numbers from a seed.
pub(crate) struct Dice(u64);

impl Dice {
    /// A number of its own for each history, and never 0.
    pub(crate) fn new(seed: u64) -> Self {
        Self((seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    /// Returns one of them.
    pub(crate) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }

    pub(crate) fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap()
    }
}

/// Plays all histories, or the one that the environment names, and returns what came of them where it was all.
pub(crate) fn play_all<T>(variable: &str, play: impl Fn(u64) -> T) -> Option<Vec<T>> {
    let named = std::env::var(variable).ok();
    let seeds = match named.map(|seed| seed.parse().unwrap()) {
        Some(seed) => seed..seed + 1,
        None if is_nightly() => 0..NIGHTLY_HISTORIES,
        None => 0..HISTORIES,
    };
    let is_all = seeds.end - seeds.start > 1;
    let (mut played, mut failed) = (Vec::new(), Vec::new());
    for seed in seeds {
        match catch_unwind(AssertUnwindSafe(|| play(seed))) {
            Ok(came) => played.push(came),
            Err(_) => failed.push(seed),
        }
        // A few of them tell as much as all.
        if failed.len() == FAILURES {
            break;
        }
    }
    assert!(
        failed.is_empty(),
        "{variable}={} plays it again; these fail: {failed:?}",
        failed[0]
    );
    is_all.then_some(played)
}
