//! What a run costs that finds nothing to do, against the barest walk over the same tree.
//!
//! `cargo bench --bench idle` takes 20,000 and 200,000 small files in a thousand directories, `-- --full` a million
//! as well, `-- --quick` 2,000 and 20,000. The files are written and loaded by a first run, and both are kept for
//! the next time. The run and the walk are whole processes on all cores, taken in turn; the shortest round of each
//! counts, and the largest peak.

#![expect(clippy::print_stdout, reason = "a bench tells its figures")]

#[path = "support/bare.rs"]
mod bare;
#[path = "support/best.rs"]
mod best;
#[path = "support/landing.rs"]
mod landing;
mod support;

use std::path::Path;
use std::process::Command;

use best::{keep_best, tell, tell_ratio};
use landing::Landing;
use support::{Measured, Scale, measure, scale};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, flag, directory] = arguments.as_slice()
        && flag == WALK
    {
        bare::walk(Path::new(directory));
        return;
    }
    let (sizes, rounds): (&[u64], usize) = match scale() {
        Scale::Quick => (&[2_000, 20_000], 3),
        Scale::Normal => (&[20_000, 200_000], 9),
        Scale::Full => (&[20_000, 200_000, 1_000_000], 9),
    };
    for files in sizes {
        println!("{files} files");
        compare(&Landing::loaded(*files), rounds);
    }
}

/// With this before a directory the bench does nothing but walk over it.
const WALK: &str = "--walk";

/// Walks in a process of its own: this program once more.
fn bare_walk(directory: &Path) -> Measured {
    let this = std::env::current_exe().unwrap_or_default();
    measure(Command::new(this).arg(WALK).arg(directory))
}

fn compare(landing: &Landing, rounds: usize) {
    let (mut run, mut walk) = (None, None);
    for _ in 0..rounds {
        keep_best(&mut walk, bare_walk(&landing.source));
        keep_best(&mut run, landing.run());
    }
    let (Some(run), Some(walk)) = (run, walk) else {
        return;
    };
    let (files, bytes) = (landing.files, landing.bytes);
    assert!(
        run.stdout.contains(&format!("\"unchanged\":{files},")),
        "something changed: {}",
        run.stdout
    );
    tell("bare walk", "files", files, bytes, &walk);
    tell("idle run", "files", files, bytes, &run);
    tell_ratio("idle run / bare walk", &run, &walk);
}
