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

#[path = "support/bare.rs"]
mod bare;

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rayon::prelude::*;
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
    let mut bare_best = Duration::MAX;
    let mut spans_best = Duration::MAX;
    for _ in 0..if is_quick { 1 } else { 7 } {
        bare_best = bare_best.min(timed(files, || {
            usize::try_from(bare::walk(directory.path())).unwrap()
        }));
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

fn expand(span: &dyn Span) -> usize {
    match span.expand().unwrap() {
        Expansion::Spans(spans) | Expansion::Ranges(spans, _) => {
            spans.par_iter().map(|span| expand(&**span)).sum()
        }
        Expansion::Entries(mut entries) => {
            let mut files = 0;
            while let Some(entry) = black_box(entries.next()) {
                files += usize::from(matches!(entry, Entry::Found(_)));
                black_box(entries.path());
            }
            files
        }
    }
}
