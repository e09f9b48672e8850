//! What a run costs that finds one changed file among many, against a run that finds nothing.
//!
//! The trees are those of the bench `idle`: 20,000 and 200,000 files, `-- --full` a million as well, `-- --quick`
//! 2,000 and 20,000. Both runs are whole processes, taken in turn; the shortest round of each counts, and the
//! largest peak.

#![expect(clippy::print_stdout, reason = "a bench tells its figures")]

mod support;

use std::time::{SystemTime, UNIX_EPOCH};

use support::landing::{Landing, walk_mode};
use support::{Scale, best, scale, tell, tell_ratio};

fn main() {
    if walk_mode() {
        return;
    }
    let (sizes, rounds): (&[u64], u64) = match scale() {
        Scale::Quick => (&[2_000, 20_000], 3),
        Scale::Normal => (&[20_000, 200_000], 7),
        Scale::Full => (&[20_000, 200_000, 1_000_000], 7),
    };
    for files in sizes {
        println!("{files} files");
        compare(&Landing::loaded(*files), rounds);
    }
}

fn compare(landing: &Landing, rounds: u64) {
    let (mut idle, mut one) = (None, None);
    // Another content than whatever an earlier time left.
    let first = SystemTime::now().duration_since(UNIX_EPOCH);
    let first = first.map_or(1, |since| since.as_secs());
    for round in 0..rounds {
        landing.change(first + round);
        let changed = landing.run();
        assert!(
            changed.stdout.contains("\"modified\":1,"),
            "one file changed: {}",
            changed.stdout
        );
        one = best(one, changed);
        // Looks once more at the stamp that was too fresh.
        landing.run();
        idle = best(idle, landing.run());
    }
    let (Some(idle), Some(one)) = (idle, one) else {
        return;
    };
    let (files, bytes) = (landing.files, landing.bytes);
    tell("nothing changed", "files", files, bytes, &idle);
    tell("one file changed", "files", files, bytes, &one);
    tell_ratio("one change / nothing", &one, &idle);
}
