//! How fast a first run brings files into Parquet, beside DuckDB and Polars.
//!
//! The shape: orders of seven columns (id, time, day, user, country, amount, free text with quotes and commas), 30 days
//! mixed in every file; as CSV, CSV in gzip, NDJSON and Parquet, in 200 files and in one, into one directory and by day.
//!
//! - `cargo bench --bench ingest` takes every case with 20 MB and with 2 GB of text, strandline alone; `-- --quick`
//!   once with 2 MB, `-- --megabytes N` with another size.
//! - `-- --peers` runs DuckDB 2.0.1 (with `PARQUET_VERSION V2`, and as it is) and Polars 2.1.0 in turn with strandline
//!   at the largest size. They are installed by pip, beside the made data, by the first bench that needs them.
//!   `-- --peer duckdb-v2` runs that one alone.
//! - `-- --rounds N` takes another number of rounds than five.
//! - A word picks cases: `-- csv-200-flat`, `-- ndjson`, `-- by-day`.
//!
//! # How it is measured
//!
//! Every run is a whole process with nothing in its target and all inputs in the page cache: for strandline that is
//! listing, hashing, inference, the ledger and waiting for the disk (fsync); for the others, who do none but inference,
//! the start of Python. Everybody compresses with zstd at level 3. Medians count: wall time, processor time (user and
//! system), peak memory, and what was written, each by itself. In a first round, which is not counted, each peer tries
//! its settings (rows in order or not, a file per thread, files of any size) and goes on with the fastest. Ratios say how many times more
//! a peer takes than strandline: above 1 is good for us. Whoever wrote other rows than strandline stops the bench.
//!
//! Texts that look like times are read as times in CSV by all three, and in NDJSON by strandline and DuckDB: each does what
//! it does when nothing is asked of it, except for Polars, which is asked for times in CSV.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench talks to whoever started it, and stops where it cannot go on"
)]

#[path = "support/cases.rs"]
mod cases;
#[path = "support/columns.rs"]
mod columns;
#[path = "support/inputs.rs"]
mod inputs;
#[path = "support/medians.rs"]
mod medians;
#[path = "support/orders.rs"]
mod orders;
#[path = "support/peers.rs"]
mod peers;
mod support;

use std::fs;
use std::path::PathBuf;

use cases::{Asked, Case, Layout};
use inputs::Inputs;
use medians::{Rounds, Written};
use peers::{Peer, Python, Way};
use support::{Measured, data, figure, measure, strandline};

fn main() {
    let asked = Asked::read();
    let python = (!asked.peers.is_empty()).then(Python::with_peers);
    let largest = asked.sizes.iter().max().copied();
    for case in asked.cases() {
        for bytes in asked.sizes.iter().copied() {
            let python = python.as_ref().filter(|_| Some(bytes) == largest);
            Job::new(case, bytes).compare(python, &asked);
        }
    }
}

/// One case at one size.
struct Job {
    case: Case,
    inputs: Inputs,
    target: PathBuf,
}

/// A peer with the setting that suits it best here.
struct Contender {
    peer: Peer,
    way: Way,
    rounds: Rounds,
}

impl Job {
    fn new(case: Case, bytes: u64) -> Self {
        let inputs = Inputs::made(case.format, case.files, bytes);
        inputs.warm();
        Self {
            case,
            inputs,
            target: data("ingest-out"),
        }
    }

    fn compare(&self, python: Option<&Python>, asked: &Asked) {
        let (files, rows) = (self.inputs.files, self.inputs.rows);
        let megabytes = figure(self.inputs.bytes) / 1e6;
        println!(
            "{}: {rows} rows, {megabytes:.0} MB in {files}",
            self.case.name()
        );
        let mut contenders =
            python.map_or_else(Vec::new, |python| self.contenders(python, &asked.peers));
        let mut ours = Rounds::default();
        for _ in 0..asked.rounds {
            ours.add(&self.bring_in(), Written::below(&self.target));
            for Contender { way, rounds, .. } in &mut contenders {
                let Some(python) = python else { continue };
                let took = self.let_bring_in(python, way);
                rounds.add(&took, Written::below(&self.target));
            }
        }
        self.tell(&ours, &contenders);
        fs::remove_dir_all(&self.target).ok();
    }

    fn tell(&self, ours: &Rounds, contenders: &[Contender]) {
        let (rows, bytes) = (self.inputs.rows, self.inputs.bytes);
        let Some(ours) = ours.medians() else { return };
        ours.tell("strandline", rows, bytes);
        let all = || {
            let theirs = |contender: &Contender| contender.rounds.medians();
            contenders
                .iter()
                .filter_map(move |contender| Some((contender, theirs(contender)?)))
        };
        for (contender, theirs) in all() {
            let who = format!("{}, {}", contender.peer.name(), contender.way.setting);
            theirs.tell(&who, rows, bytes);
        }
        for (contender, theirs) in all() {
            theirs.tell_ratios(contender.peer.name(), &ours);
        }
    }

    /// Lets every peer try its settings, and checks that all of them write the rows that strandline writes.
    fn contenders(&self, python: &Python, peers: &[Peer]) -> Vec<Contender> {
        self.bring_in();
        let expected = python.totals(&self.target);
        let fastest = |peer: &Peer| {
            let ways = peer.ways(self.case, &self.inputs, &self.target);
            let tried = ways.into_iter().map(|way| {
                let took = self.let_bring_in(python, &way);
                let who = (peer.name(), way.setting);
                assert_eq!(python.totals(&self.target), expected, "rows of {who:?}");
                (took.wall, way)
            });
            let (_, way) = tried.min_by_key(|(wall, _)| *wall)?;
            let rounds = Rounds::default();
            let peer = *peer;
            Some(Contender { peer, way, rounds })
        };
        peers.iter().filter_map(fastest).collect()
    }

    fn bring_in(&self) -> Measured {
        self.empty_target();
        let mut command = strandline();
        command.args(["run", "--quiet", "--json", "--settle", "0s"]);
        if self.case.layout == Layout::ByDay {
            command.args(["--partition-by", "day"]);
        }
        let took = measure(command.arg(&self.inputs.source).arg(&self.target));
        let rows = format!("\"written\":{}", self.inputs.rows);
        assert!(took.stdout.contains(&rows), "rows: {}", took.stdout);
        took
    }

    fn let_bring_in(&self, python: &Python, way: &Way) -> Measured {
        self.empty_target();
        python.run(way)
    }

    /// What the one before has left to be written back does not burden the next one.
    fn empty_target(&self) {
        fs::remove_dir_all(&self.target).ok();
        fs::create_dir_all(&self.target).unwrap();
        rustix::fs::sync();
    }
}
