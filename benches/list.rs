//! What a run costs that finds nothing to do in an object store, listed in one and in ranges that the ledger knows.
//!
//! `cargo bench --bench list` takes 100,000 objects in one directory, a thousand on a page, and pages that come at once and
//! pages that take 50 ms; `-- --quick` 5,000 objects and 5 ms. The store is in memory, with the waiting of a real one and
//! no more. The objects are loaded by a first run, whose target is kept for the next time. The shortest of the rounds counts.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench talks to whoever started it, and stops where it cannot go on"
)]

#[path = "support/slow_store.rs"]
mod slow_store;
// Measures the program as a process, which this bench does not start.
#[expect(
    dead_code,
    reason = "of what the benches share it takes the flags and the place"
)]
mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use slow_store::SlowStore;
use strandline::config::Key;
use strandline::engine::{Control, Pipeline, run};
use strandline::model::{RunReport, SelectAll};
use strandline::source::{ObjectSource, Source};
use support::{Scale, data, scale};

fn main() {
    let (objects, page, waits, rounds) = match scale() {
        Scale::Quick => (5_000, 100, [0, 5], 1),
        Scale::Normal | Scale::Full => (100_000, 1_000, [0, 50], 5),
    };
    let store = SlowStore::new(objects, page);
    let home = data(&format!("list-{objects}"));
    std::fs::create_dir_all(home.join("in")).unwrap();
    let in_one = source(&store);
    // Five pages each, as the program has it.
    let in_ranges = source(&store).in_ranges_of(5 * page as u64);
    let loaded = idle(&home, &in_one);
    println!("first run: {} objects new", loaded.files.added);
    for wait in waits {
        println!("{objects} objects, {wait} ms a page");
        store.wait_for(Duration::from_millis(wait));
        let (one, ranges) = (
            best(rounds, "in one listing", &home, &in_one, &store),
            best(rounds, "in ranges", &home, &in_ranges, &store),
        );
        let ratio = one.as_secs_f64() / ranges.as_secs_f64();
        println!("  {:<34} {ratio:>8.2}", "in one listing / in ranges");
    }
}

fn source(store: &SlowStore) -> ObjectSource {
    let (store, name) = (Arc::new(store.clone()), "s3://bucket/raw".to_owned());
    ObjectSource::over(store, "raw", name, Arc::new(SelectAll)).unwrap()
}

fn best(
    rounds: u32,
    what: &str,
    home: &Path,
    source: &ObjectSource,
    store: &SlowStore,
) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..rounds {
        store.take_pages();
        let start = Instant::now();
        let report = idle(home, source);
        best = best.min(start.elapsed());
        assert_eq!(report.files.unchanged, store.objects(), "something changed");
    }
    let pages = store.take_pages();
    let rate = f64::from(u32::try_from(store.objects()).unwrap()) / best.as_secs_f64();
    println!(
        "  {what:<34} {:>8.3} s  {rate:>12.0} objects/s  {pages} pages",
        best.as_secs_f64()
    );
    best
}

fn idle(home: &Path, source: &ObjectSource) -> RunReport {
    let pipeline = Pipeline::builder(home.join("in"), home.join("out"))
        .set(Key::Settle, "0s")
        .build()
        .unwrap();
    let source: Arc<dyn Source> = Arc::new(source.clone());
    let pipeline = Pipeline { source, ..pipeline };
    run(&pipeline, &Control::default()).unwrap()
}
