//! How fast a first run brings objects of a real store into Parquet in that store, where its ledger comes to lie as well.
//!
//! `cargo bench --bench store_ingest` takes 200 objects of 10 MB, orders as CSV (the shape is that of the bench `ingest`);
//! `-- --quick` 8 of 1 MB. In turn with it, the same from files into a directory, and Polars and pyarrow, which read the
//! same objects and write Parquet into the same store, with zstd at level 3 as strandline does.
//!
//! The store is a `SeaweedFS` on loopback ([where it comes from](seaweedfs::python)), on the same cores, and nothing of it
//! is kept. Every run is a whole process with nothing in its target; the shortest round of each counts, and the largest
//! peak.
//!
//! Before anything is measured, a run passes through a process that takes note of every request: pages of the source, what
//! each object takes, what each output does, and what is asked of the ledger, and nothing else.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench talks to whoever started it, and stops where it cannot go on"
)]

#[path = "support/best.rs"]
mod best;
#[expect(dead_code, reason = "nothing waits here")]
#[path = "support/between.rs"]
mod between;
#[path = "support/order_files.rs"]
mod order_files;
#[expect(dead_code, reason = "of the orders it takes those that are CSV")]
#[path = "support/orders.rs"]
mod orders;
#[path = "support/seaweedfs.rs"]
mod seaweedfs;
#[path = "support/store_peers.rs"]
mod store_peers;
mod support;
#[path = "support/wire.rs"]
mod wire;

use std::cell::Cell;
use std::fs;

use best::{keep_best, tell, tell_ratio};
use between::{Request, lines};
use order_files::OrderFiles;
use seaweedfs::{SeaweedFs, asked, strandline_at};
use store_peers::Peer;
use support::{Measured, Scale, data, measure, scale, strandline};
use wire::Wire;

/// What the first request for an object brings, and each that follows.
const BEGINNING: u64 = 1 << 20;
const PART: u64 = 4 << 20;

/// Beginnings that are kept between looking for the columns and reading the rows.
const KEPT: u64 = 16 << 20;

/// What is written with one request, and the parts of what is larger.
const WHOLE: u64 = 32 << 20;
const WRITTEN_PART: u64 = 16 << 20;

fn main() {
    let (files, bytes, rounds) = match scale() {
        Scale::Quick => (8, 1_000_000, 1),
        Scale::Normal | Scale::Full => (200, 10_000_000, 3),
    };
    let home = data("store-ingest");
    fs::remove_dir_all(&home).ok();
    let job = Job {
        orders: OrderFiles::made(files, bytes),
        store: SeaweedFs::over(&home.join("weed")),
        lakes: Cell::new(0),
    };
    job.orders.put(&job.store.address);
    job.look();
    job.compare(rounds);
    drop(job);
    fs::remove_dir_all(&home).unwrap();
}

/// Orders in a store, to be brought into buckets of it.
struct Job {
    orders: OrderFiles,
    store: SeaweedFs,
    /// How many buckets there were.
    lakes: Cell<u64>,
}

/// Who brings them in.
#[derive(Clone, Copy)]
enum Contender {
    Strandline,
    /// From files into a directory.
    Locally,
    Peer(Peer),
}

const CONTENDERS: [Contender; 4] = [
    Contender::Strandline,
    Contender::Locally,
    Contender::Peer(Peer::Polars),
    Contender::Peer(Peer::Pyarrow),
];

impl Contender {
    fn name(self) -> &'static str {
        match self {
            Self::Strandline => "strandline, in the store",
            Self::Locally => "strandline, on the disk",
            Self::Peer(peer) => peer.name(),
        }
    }
}

impl Job {
    fn compare(&self, rounds: usize) {
        let mut best = CONTENDERS.map(|_| None);
        for _ in 0..rounds {
            for (contender, best) in CONTENDERS.into_iter().zip(&mut best) {
                keep_best(best, self.bring_in(contender));
            }
        }
        let took: Vec<_> = CONTENDERS.into_iter().zip(best.iter().flatten()).collect();
        for (contender, took) in &took {
            tell(
                contender.name(),
                "rows",
                self.orders.rows,
                self.orders.bytes(),
                took,
            );
        }
        if let [(_, ours), others @ ..] = &*took {
            for (contender, took) in others {
                tell_ratio(&format!("{} / in the store", contender.name()), took, ours);
            }
        }
    }

    fn bring_in(&self, contender: Contender) -> Measured {
        // What the one before has left to be written back does not burden the next one.
        rustix::fs::sync();
        match contender {
            Contender::Strandline => self.with_lake(|lake| self.run(&self.store.address, lake)),
            Contender::Locally => self.run_locally(),
            Contender::Peer(peer) => self.with_lake(|lake| {
                let took = peer.bring_in(&self.store.address, lake);
                let rows = store_peers::rows(&self.store.address, lake);
                assert_eq!(
                    rows,
                    self.orders.rows.to_string(),
                    "rows of {}",
                    peer.name()
                );
                took
            }),
        }
    }

    /// Gives a bucket to whoever wants to write into it, and removes it.
    fn with_lake<T>(&self, write: impl FnOnce(&str) -> T) -> T {
        let lake = format!("lake-{}", self.lakes.replace(self.lakes.get() + 1));
        let mut wire = Wire::to(&self.store.address);
        wire.ask("PUT", &format!("/{lake}"), b"");
        let written = write(&lake);
        Wire::to(&self.store.address).ask("DELETE", &format!("/{lake}"), b"");
        written
    }

    fn run(&self, address: &str, lake: &str) -> Measured {
        let mut command = strandline_at(address);
        command.args(["run", "--json", "--quiet", "s3://bucket/raw"]);
        self.all_written(measure(command.arg(format!("s3://{lake}/orders"))))
    }

    fn run_locally(&self) -> Measured {
        let target = data("store-ingest").join("out");
        let mut command = strandline();
        command.args(["run", "--json", "--quiet", "--settle", "0s"]);
        let took = measure(command.arg(&self.orders.source).arg(&target));
        fs::remove_dir_all(target).unwrap();
        self.all_written(took)
    }

    fn all_written(&self, run: Measured) -> Measured {
        let rows = format!("\"written\":{}}}", self.orders.rows);
        assert!(run.stdout.contains(&rows), "rows: {}", run.stdout);
        run
    }

    /// Looks at every request of a run. Whoever asks for what there is no reason for stops the bench.
    fn look(&self) {
        let files = self.orders.sizes.len();
        println!(
            "{files} objects, {} rows, {} bytes",
            self.orders.rows,
            self.orders.bytes()
        );
        self.with_lake(|lake| {
            let between = &self.store.between;
            let run = self.run(between.address(), lake);
            let asked = asked(between, &run);
            let (source, target): (Vec<&Request>, Vec<&Request>) = asked
                .iter()
                .partition(|request| request.place().starts_with("/bucket/"));
            let (outputs, state): (Vec<&Request>, Vec<&Request>) = target
                .into_iter()
                .partition(|request| request.place().ends_with(".parquet"));
            self.check_source(&source);
            self.check_outputs(&outputs, lake);
            Self::check_state(&state, outputs.len(), lake);
        });
    }

    /// Pages of the listing, and of each object what it takes to read it once; but a beginning is asked for again by who
    /// reads the rows where there are too many to be kept.
    fn check_source(&self, asked: &[&Request]) {
        let (pages, gets): (Vec<&Request>, Vec<&Request>) =
            asked.iter().partition(|request| request.is_listing());
        let sizes = &self.orders.sizes;
        assert_eq!(
            pages.len(),
            sizes.len().div_ceil(1_000),
            "pages:{}",
            lines(asked)
        );
        assert!(
            gets.iter().all(|request| request.method == "GET"),
            "no GETs:{}",
            lines(&gets)
        );
        let again = u64::from(sizes.len() as u64 * BEGINNING > KEPT);
        let mut twice = 0;
        for (file, size) in sizes.iter().enumerate() {
            let place = format!("/bucket/raw/{}", order_files::name(file as u64));
            let found = gets
                .iter()
                .filter(|request| request.place() == place)
                .count() as u64;
            let once = 1 + size.saturating_sub(BEGINNING).div_ceil(PART);
            assert!(
                (once..=once + again).contains(&found),
                "{place}: {found} times"
            );
            twice += found - once;
        }
        println!(
            "  source: {} pages, {} GETs, {twice} of them for a beginning once more",
            pages.len(),
            gets.len()
        );
    }

    /// One request for each output, and of a large one each part.
    fn check_outputs(&self, asked: &[&Request], lake: &str) {
        let page = Wire::to(&self.store.address).page(lake, "orders/u", None);
        assert_eq!(page.next, None, "there are few outputs");
        let mut expected = 0;
        for (key, size) in &page.objects {
            let found = asked
                .iter()
                .filter(|request| request.place() == format!("/{lake}/{key}"))
                .count() as u64;
            let once = if *size <= WHOLE {
                1
            } else {
                2 + size.div_ceil(WRITTEN_PART)
            };
            assert_eq!(found, once, "{key}:{}", lines(asked));
            expected += once;
        }
        let is_write = |request: &Request| matches!(request.method.as_str(), "PUT" | "POST");
        let all_write = asked.iter().all(|request| is_write(request));
        assert!(
            all_write && asked.len() as u64 == expected,
            "outputs:{}",
            lines(asked)
        );
        println!("  outputs: {} in {expected} PUTs", page.objects.len());
    }

    /// No more than the lock, and what it takes to make a ledger and to write it for each of the outputs.
    fn check_state(asked: &[&Request], outputs: usize, lake: &str) {
        let state = format!("/{lake}/orders/");
        let is_state = |request: &Request| {
            request.place().starts_with(&state) || request.target.ends_with("?delete")
        };
        let are_state = asked.iter().all(|request| is_state(request));
        assert!(are_state, "no ledger:{}", lines(asked));
        assert!(
            asked.len() <= 40 + 4 * outputs,
            "much for a ledger:{}",
            lines(asked)
        );
        println!("  ledger and lock: {} requests", asked.len());
    }
}
