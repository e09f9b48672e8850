//! A landing zone of many small files with a target into which they are loaded: made once, kept for the next time.

#![expect(clippy::unwrap_used, reason = "a bench stops where it cannot go on")]

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rayon::prelude::*;

use crate::best::tell;
use crate::support::{Measured, data, measure, noise, strandline};

/// A source of small files, and its target.
pub(crate) struct Landing {
    /// How many files.
    pub(crate) files: u64,
    /// What they hold.
    pub(crate) bytes: u64,
    /// The directory that they lie in.
    pub(crate) source: PathBuf,
    target: PathBuf,
}

/// Directories that the files lie in.
pub(crate) const DIRECTORIES: u64 = 1_000;

impl Landing {
    /// Returns a landing zone of `files` files, all of them loaded; tells what loading took where it had to be done.
    pub(crate) fn loaded(files: u64) -> Self {
        let home = data(&format!("landing-{files}"));
        let landing = Self {
            files,
            bytes: 0,
            source: home.join("in"),
            target: home.join("out"),
        };
        let is_planted = home.join("planted");
        let bytes = fs::read_to_string(&is_planted).ok();
        let bytes = bytes.and_then(|bytes| bytes.parse().ok());
        let landing = Self {
            bytes: bytes.unwrap_or_else(|| plant(&home, files, &is_planted)),
            ..landing
        };
        if !landing.target.join("_strandline/ledger.redb").exists() {
            tell("first load", "files", files, landing.bytes, &landing.run());
        }
        // Whatever is left of an earlier time, and of stamps too fresh to trust, is settled by a run that does not
        // count.
        landing.run();
        landing
    }

    /// Runs the program over it.
    pub(crate) fn run(&self) -> Measured {
        let mut command = strandline();
        command.args(["run", "--json", "--quiet", "--settle", "0s"]);
        measure(command.arg(&self.source).arg(&self.target))
    }
}

fn plant(home: &Path, files: u64, is_planted: &Path) -> u64 {
    fs::remove_dir_all(home).ok();
    let bytes = write_files(&home.join("in"), DIRECTORIES, files);
    // Until no stamp is too fresh to trust.
    thread::sleep(Duration::from_secs(3));
    fs::write(is_planted, bytes.to_string()).unwrap();
    bytes
}

/// Writes `files` small CSV files into `directories` directories below `root`; returns how many bytes they hold.
fn write_files(root: &Path, directories: u64, files: u64) -> u64 {
    let each = files.div_ceil(directories);
    (0..directories)
        .into_par_iter()
        .map(|number| {
            let directory = root.join(format!("sensor-{number:05}"));
            fs::create_dir_all(&directory).unwrap();
            let first = number * each;
            (first..files.min(first + each))
                .map(|file| {
                    let text = content(file, 0);
                    fs::write(directory.join(name(file)), &text).unwrap();
                    text.len() as u64
                })
                .sum::<u64>()
        })
        .sum()
}

/// The name of a file within its directory.
pub(crate) fn name(file: u64) -> String {
    format!("readings-{file:08}.csv")
}

/// What the file holds in its `version`.
pub(crate) fn content(file: u64, version: u64) -> String {
    let value = noise(file ^ (version << 40)) % 100_000;
    format!("id,value\n{file},{value}\n")
}
