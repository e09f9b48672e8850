//! What a run costs that finds one changed file among many, against a run that finds nothing.
//!
//! The trees are those of the bench `idle`: 20,000 and 200,000 files, `-- --full` a million as well, `-- --quick`
//! 2,000 and 20,000. Both runs are whole processes, taken in turn; the shortest round of each counts, and the
//! largest peak.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench talks to whoever started it, and stops where it cannot go on"
)]

#[path = "support/best.rs"]
mod best;
#[path = "support/landing.rs"]
mod landing;
mod support;

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use best::{keep_best, tell, tell_ratio};
use landing::{DIRECTORIES, Landing, content, name};
use support::{Scale, scale};

fn main() {
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
        change(landing, first + round);
        let changed = landing.run();
        assert!(
            changed.stdout.contains("\"modified\":1,"),
            "one file changed: {}",
            changed.stdout
        );
        keep_best(&mut one, changed);
        // Looks once more at the stamp that was too fresh.
        landing.run();
        keep_best(&mut idle, landing.run());
    }
    let (Some(idle), Some(one)) = (idle, one) else {
        return;
    };
    let (files, bytes) = (landing.files, landing.bytes);
    tell("nothing changed", "files", files, bytes, &idle);
    tell("one file changed", "files", files, bytes, &one);
    tell_ratio("one change / nothing", &one, &idle);
}

/// Gives one file in the middle a new content.
fn change(landing: &Landing, version: u64) {
    let each = landing.files.div_ceil(DIRECTORIES);
    let directory = DIRECTORIES / 2;
    let file = directory * each + each / 2;
    let path = landing.source.join(format!("sensor-{directory:05}"));
    fs::write(path.join(name(file)), content(file, version)).unwrap();
}
