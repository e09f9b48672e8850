//! How far the local listing is from a bare walk that only reads names and asks for stamps.
//!
//! `cargo bench --bench walk` lists 200,000 files; `-- --files N` another number, `-- --quick` 5,000 and one round.
//! The shape is fixed: 100 files a directory, 50 directories a parent. Both walks run on all cores and are taken in
//! turn; the best round of each counts.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench talks to whoever started it, and stops where it cannot go on"
)]

use std::fs;
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rayon::prelude::*;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, StatxFlags, openat, statx};
use strandline::config::Links;
use strandline::model::SelectAll;
use strandline::source::{Entry, Expansion, LocalSource, Source, Span};

const FILES_PER_DIRECTORY: usize = 100;
const DIRECTORIES_PER_PARENT: usize = 50;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let is_quick = arguments.iter().any(|argument| argument == "--quick");
    let after = |flag: &str| {
        let at = arguments.iter().position(|argument| argument == flag)?;
        arguments.get(at + 1)?.parse().ok()
    };
    let files = after("--files").unwrap_or(if is_quick { 5_000 } else { 200_000 });
    let directory = tempfile::tempdir().unwrap();
    plant(directory.path(), files);
    let source = LocalSource::new(directory.path(), Arc::new(SelectAll), Links::Ignored).unwrap();
    let root = rustix::fs::open(directory.path(), DIRECTORY, Mode::empty()).unwrap();
    let mut bare_best = Duration::MAX;
    let mut spans_best = Duration::MAX;
    for _ in 0..if is_quick { 1 } else { 7 } {
        bare_best = bare_best.min(timed(files, || bare(&root)));
        spans_best = spans_best.min(timed(files, || expand(&*source.root())));
    }
    report("bare readdir and statx", files, bare_best);
    report("local source", files, spans_best);
    println!(
        "ratio {:.2}",
        spans_best.as_secs_f64() / bare_best.as_secs_f64()
    );
}

fn plant(root: &Path, files: usize) {
    let directories = files.div_ceil(FILES_PER_DIRECTORY);
    (0..directories).into_par_iter().for_each(|number| {
        let parent = number / DIRECTORIES_PER_PARENT;
        let directory = root.join(format!("region={parent:04}/day={number:06}"));
        fs::create_dir_all(&directory).unwrap();
        let count = FILES_PER_DIRECTORY.min(files - number * FILES_PER_DIRECTORY);
        for file in 0..count {
            fs::File::create(directory.join(format!("events-{file:05}.csv"))).unwrap();
        }
    });
}

fn timed(files: usize, walk: impl Fn() -> usize) -> Duration {
    let start = Instant::now();
    assert_eq!(walk(), files);
    start.elapsed()
}

fn report(name: &str, files: usize, took: Duration) {
    let files = u32::try_from(files).unwrap();
    let rate = f64::from(files) / took.as_secs_f64();
    println!("{name:<24} {files} files in {took:.1?}: {rate:.0} files/s");
}

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY);

/// Reads names and stamps as directly as it goes, in the system's order, and keeps nothing.
fn bare(directory: &OwnedFd) -> usize {
    let mut buffer = [MaybeUninit::uninit(); 16 << 10];
    let here = openat(directory, ".", DIRECTORY, Mode::empty()).unwrap();
    let mut names = RawDir::new(&here, &mut buffer);
    let mut below = Vec::new();
    let mut files = 0;
    while let Some(entry) = names.next() {
        let entry = entry.unwrap();
        match entry.file_type() {
            FileType::Directory if !entry.file_name().to_bytes().starts_with(b".") => {
                below.push(entry.file_name().to_owned());
            }
            FileType::RegularFile => {
                let flags = AtFlags::SYMLINK_NOFOLLOW;
                let stamps = StatxFlags::BASIC_STATS;
                black_box(statx(&here, entry.file_name(), flags, stamps).unwrap());
                files += 1;
            }
            _ => {}
        }
    }
    let children = below
        .par_iter()
        .map(|name| bare(&openat(&here, name, DIRECTORY, Mode::empty()).unwrap()));
    files + children.sum::<usize>()
}

fn expand(span: &dyn Span) -> usize {
    match span.expand().unwrap() {
        Expansion::Spans(spans) => spans.par_iter().map(|span| expand(&**span)).sum(),
        Expansion::Entries(entries) => entries
            .filter(|entry| matches!(black_box(entry), Entry::Found(_)))
            .count(),
    }
}
