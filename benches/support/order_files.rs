//! Files of orders as CSV, made once and kept for the next time, and the same as objects.

#![expect(clippy::unwrap_used, reason = "a bench stops where it cannot go on")]

use std::fs;
use std::path::PathBuf;

use rayon::prelude::*;

use crate::orders;
use crate::support::data;
use crate::wire::Wire;

/// What a row takes, about.
const ROW_BYTES: u64 = 92;

/// Files of one size.
pub(crate) struct OrderFiles {
    /// The directory with nothing but them.
    pub(crate) source: PathBuf,
    /// How many rows they hold together.
    pub(crate) rows: u64,
    /// What each of them takes.
    pub(crate) sizes: Vec<u64>,
}

impl OrderFiles {
    /// Returns so many files of about `bytes` each.
    pub(crate) fn made(files: u64, bytes: u64) -> Self {
        let source = data(&format!("orders-{files}-{bytes}"));
        fs::create_dir_all(&source).unwrap();
        let rows_each = bytes / ROW_BYTES;
        let made = |file: u64| {
            let path = source.join(name(file));
            if !path.exists() {
                let text = orders::csv(file * rows_each..(file + 1) * rows_each);
                let half = path.with_extension("half");
                fs::write(&half, format!("{}{text}", orders::HEADER)).unwrap();
                fs::rename(half, &path).unwrap();
            }
            fs::metadata(path).unwrap().len()
        };
        let sizes = (0..files).into_par_iter().map(made).collect();
        Self {
            sizes,
            rows: rows_each * files,
            source,
        }
    }

    /// Returns how many bytes they are.
    pub(crate) fn bytes(&self) -> u64 {
        self.sizes.iter().sum()
    }

    /// Puts them into a bucket of the server at `address`, below `raw`. Reading them has the page cache know them.
    pub(crate) fn put(&self, address: &str) {
        let files = (0..self.sizes.len() as u64).into_par_iter();
        files.for_each_init(
            || Wire::to(address),
            |wire, file| {
                let text = fs::read(self.source.join(name(file))).unwrap();
                wire.ask("PUT", &format!("/bucket/raw/{}", name(file)), &text);
            },
        );
    }
}

/// The name of a file.
pub(crate) fn name(file: u64) -> String {
    format!("orders-{file:04}.csv")
}
