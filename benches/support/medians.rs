//! Rounds of one who brings files in, and the median of each of their figures.

#![expect(clippy::print_stdout, reason = "a bench tells its figures")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::support::{Measured, figure};

/// What lies below a directory.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Written {
    pub(crate) bytes: u64,
    pub(crate) files: u64,
}

impl Written {
    /// Looks below `directory`; what strandline keeps beside its outputs does not count.
    pub(crate) fn below(directory: &Path) -> Self {
        let mut all = Self { bytes: 0, files: 0 };
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            if entry.file_name() == "_strandline" {
                continue;
            }
            let Ok(found) = entry.metadata() else {
                continue;
            };
            let found = if found.is_dir() {
                Self::below(&entry.path())
            } else {
                Self {
                    bytes: found.len(),
                    files: 1,
                }
            };
            all.bytes += found.bytes;
            all.files += found.files;
        }
        all
    }
}

/// All rounds of one contender.
#[derive(Default)]
pub(crate) struct Rounds {
    walls: Vec<Duration>,
    cpus: Vec<Duration>,
    peaks: Vec<u64>,
    written: Vec<Written>,
}

impl Rounds {
    /// Takes in one more round.
    pub(crate) fn add(&mut self, took: &Measured, written: Written) {
        self.walls.push(took.wall);
        self.cpus.push(took.cpu);
        self.peaks.push(took.peak_bytes);
        self.written.push(written);
    }

    /// The median of each figure, by itself.
    pub(crate) fn medians(&self) -> Option<Medians> {
        let written = median(&self.written)?;
        Some(Medians {
            wall: median(&self.walls)?.as_secs_f64(),
            cpu: median(&self.cpus)?.as_secs_f64(),
            peak: figure(median(&self.peaks)?),
            bytes: figure(written.bytes),
            files: written.files,
        })
    }
}

/// The middle one; the lower one of two.
fn median<T: Copy + Ord>(values: &[T]) -> Option<T> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len().checked_sub(1)? / 2).copied()
}

/// What one contender takes.
pub(crate) struct Medians {
    wall: f64,
    cpu: f64,
    peak: f64,
    bytes: f64,
    files: u64,
}

impl Medians {
    /// Prints one line of figures for inputs of `rows` rows in `bytes` bytes.
    pub(crate) fn tell(&self, who: &str, rows: u64, bytes: u64) {
        println!(
            "  {who:<28} {:>8.3} s  cpu {:>7.2} s {:>10.0} rows/s {:>7.1} MB/s  peak {:>5.0} MB  out {:>6.1} MB in {}",
            self.wall,
            self.cpu,
            figure(rows) / self.wall,
            figure(bytes) / self.wall / 1e6,
            self.peak / 1e6,
            self.bytes / 1e6,
            self.files,
        );
    }

    /// Prints how many times more `self` takes than `ours`.
    pub(crate) fn tell_ratios(&self, who: &str, ours: &Self) {
        println!(
            "  {:<28} wall {:.2}  cpu {:.2}  peak {:.2}  out {:.3}",
            format!("{who} / strandline"),
            self.wall / ours.wall,
            self.cpu / ours.cpu,
            self.peak / ours.peak,
            self.bytes / ours.bytes,
        );
    }
}
