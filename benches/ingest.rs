//! How fast a first run brings CSV into Parquet, in one directory and spread over thirty dates.
//!
//! The shape: 200 files of seven columns (id, timestamp, day, user, country, amount, free text with quotes and
//! commas), 30 days mixed in every file. `cargo bench --bench ingest` takes 20 MB and 2 GB, `-- --quick` 2 MB and
//! 20 MB. Each run is a whole process and begins with an empty target; the shortest of the rounds counts.
//!
//! With `STRANDLINE_BENCH_DUCKDB` naming a Python that has `duckdb`, the same files are brought into Parquet by
//! `COPY (SELECT * FROM read_csv(..)) TO .. (FORMAT parquet, COMPRESSION zstd)` in turn with it.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench talks to whoever started it, and stops where it cannot go on"
)]

mod support;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rayon::prelude::*;
use support::{Measured, Scale, data, figure, keep_best, measure, noise, scale, strandline};
use support::{tell, tell_ratio};

const FILES: u64 = 200;
const DAYS: u64 = 30;
/// What a row takes, about.
const ROW_BYTES: u64 = 100;

const COUNTRIES: [&str; 12] = [
    "DE", "FR", "US", "BR", "IN", "JP", "NG", "AU", "CA", "MX", "SE", "ZA",
];
const WORDS: [&str; 16] = [
    "delivered",
    "late",
    "gift",
    "returned",
    "fragile",
    "second",
    "attempt",
    "neighbour",
    "signed",
    "express",
    "partial",
    "refund",
    "ordered",
    "again",
    "phone",
    "missing",
];

fn main() {
    let (sizes, rounds): (&[u64], usize) = match scale() {
        Scale::Quick => (&[2_000_000, 20_000_000], 1),
        Scale::Normal | Scale::Full => (&[20_000_000, 2_000_000_000], 3),
    };
    let python = std::env::var_os("STRANDLINE_BENCH_DUCKDB");
    for bytes in sizes {
        let load = Load::made(*bytes);
        println!("{} rows, {:.0} MB", load.rows, figure(load.bytes) / 1e6);
        for layout in [Layout::Flat, Layout::ByDay] {
            load.compare(layout, python.as_ref(), rounds);
        }
    }
}

/// How the outputs lie.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    Flat,
    ByDay,
}

impl Layout {
    fn name(self) -> &'static str {
        match self {
            Self::Flat => "one directory",
            Self::ByDay => "by day",
        }
    }
}

/// Files to bring in.
struct Load {
    rows: u64,
    bytes: u64,
    source: PathBuf,
    target: PathBuf,
}

impl Load {
    /// Returns about `bytes` of CSV, written now or at an earlier time.
    fn made(bytes: u64) -> Self {
        let home = data(&format!("ingest-{bytes}"));
        let source = home.join("in");
        let rows_each = bytes / FILES / ROW_BYTES;
        let is_made = home.join("made");
        let made = fs::read_to_string(&is_made).ok();
        let bytes = made.and_then(|made| made.parse().ok()).unwrap_or_else(|| {
            let written = write_all(&source, rows_each);
            fs::write(&is_made, written.to_string()).unwrap();
            written
        });
        Self {
            rows: rows_each * FILES,
            bytes,
            source,
            target: home.join("out"),
        }
    }

    fn compare(&self, layout: Layout, python: Option<&OsString>, rounds: usize) {
        let (mut ours, mut peer) = (None, None);
        let (mut our_bytes, mut peer_bytes) = (0, 0);
        for _ in 0..rounds {
            keep_best(&mut ours, self.bring_in(layout));
            our_bytes = size_below(&self.target);
            if let Some(python) = python {
                keep_best(&mut peer, self.peer(layout, python));
                peer_bytes = size_below(&self.target);
            }
        }
        let Some(ours) = ours else { return };
        self.tell("strandline", layout, &ours, our_bytes);
        if let Some(peer) = peer {
            self.tell("duckdb", layout, &peer, peer_bytes);
            tell_ratio("strandline / duckdb", &ours, &peer);
        }
    }

    fn tell(&self, who: &str, layout: Layout, took: &Measured, out: u64) {
        let what = format!("{who}, {}", layout.name());
        tell(&what, "rows", self.rows, self.bytes, took);
        println!("  {:<34} {:>8.0} MB written", "", figure(out) / 1e6);
    }

    fn bring_in(&self, layout: Layout) -> Measured {
        fs::remove_dir_all(&self.target).ok();
        let mut command = strandline();
        command.args(["run", "--quiet", "--json", "--settle", "0s"]);
        if layout == Layout::ByDay {
            command.args(["--partition-by", "day"]);
        }
        let took = measure(command.arg(&self.source).arg(&self.target));
        let rows = format!("\"written\":{}", self.rows);
        assert!(took.stdout.contains(&rows), "rows: {}", took.stdout);
        took
    }

    fn peer(&self, layout: Layout, python: &OsString) -> Measured {
        fs::remove_dir_all(&self.target).ok();
        fs::create_dir_all(&self.target).unwrap();
        let (place, how) = match layout {
            Layout::Flat => ("/all.parquet", ""),
            Layout::ByDay => ("", ", PARTITION_BY (day), OVERWRITE_OR_IGNORE"),
        };
        let program = format!(
            "import duckdb; duckdb.sql(\"SET preserve_insertion_order = true; COPY (SELECT * FROM \
             read_csv('{}/*.csv')) TO '{}{place}' (FORMAT parquet, COMPRESSION zstd{how})\")",
            self.source.display(),
            self.target.display(),
        );
        measure(Command::new(python).arg("-c").arg(program))
    }
}

fn write_all(source: &Path, rows_each: u64) -> u64 {
    fs::remove_dir_all(source).ok();
    fs::create_dir_all(source).unwrap();
    let write = |file| {
        let text = content(file * rows_each, rows_each);
        fs::write(source.join(format!("orders-{file:04}.csv")), &text).unwrap();
        text.len() as u64
    };
    (0..FILES).into_par_iter().map(write).sum()
}

fn content(first: u64, rows: u64) -> String {
    let mut text = String::from("id,ordered_at,day,user_id,country,amount,note\n");
    for id in first..first + rows {
        let (a, b) = (noise(id), noise(!id));
        let day = a % DAYS + 1;
        let second = (a >> 8) % 86_400;
        let (hour, minute) = (second / 3600, second / 60 % 60);
        let country = COUNTRIES[usize::try_from((a >> 32) % 12).unwrap()];
        let (whole, cents) = (b % 5_000, (b >> 16) % 100);
        writeln!(
            text,
            "{id},2026-06-{day:02}T{hour:02}:{minute:02}:{:02},2026-06-{day:02},{},{country},{whole}.{cents:02},{}",
            second % 60,
            (a >> 40) % 500_000,
            note(b >> 24),
        )
        .unwrap();
    }
    text
}

/// Two to seven words; one in eight notes has to be quoted.
fn note(seed: u64) -> String {
    let mut words = Vec::new();
    for place in 0..seed % 6 + 2 {
        words.push(WORDS[usize::try_from((seed >> (3 + 4 * place)) % 16).unwrap()]);
    }
    match (seed >> 34) % 8 {
        0 => format!("\"{}, \"\"{}\"\"\"", words.join(" "), words[0]),
        _ => words.join(" "),
    }
}

fn size_below(directory: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(directory) else {
        return 0;
    };
    entries
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name() != "_strandline")
        .map(|entry| match entry.metadata().unwrap() {
            inner if inner.is_dir() => size_below(&entry.path()),
            inner => inner.len(),
        })
        .sum()
}
