//! What a run costs that finds nothing to do in a real object store, which holds its target and its ledger as well: listed
//! one request after another, and in ranges that the ledger knows.
//!
//! `cargo bench --bench store_idle` takes 100,000 objects in one directory, and as many in a hundred of them, whose names
//! come in byte order and in another; and requests that are answered at once, and 50 ms later. `-- --quick` takes 10,000
//! objects in one directory and 5 ms, a word as in `-- tree` one of the shapes.
//!
//! The store is a `SeaweedFS` on loopback ([where it comes from](seaweedfs::python)), on the same cores. Objects are put and
//! loaded by a first run, and all of it is kept for the next time. Runs are whole processes, taken in turn; the shortest
//! round of each counts, and the largest peak. Beside them stands the barest listing: a process that asks for page after
//! page, and counts keys.
//!
//! Requests that wait pass through a process that lets each of them wait for itself. Before anything is measured, runs pass
//! through it that do not wait, and every request of theirs is looked at: pages of the source, and what an idle run asks of
//! its target and ledger, and nothing else.

#![expect(clippy::print_stdout, reason = "a bench talks to whoever started it")]

#[path = "support/best.rs"]
mod best;
#[path = "support/between.rs"]
mod between;
#[path = "support/prefix.rs"]
mod prefix;
#[path = "support/seaweedfs.rs"]
mod seaweedfs;
mod support;
#[path = "support/wire.rs"]
mod wire;

use std::process::Command;
use std::time::Duration;

use best::{keep_best, tell, tell_ratio};
use between::{Request, lines};
use prefix::Shape;
use seaweedfs::{SeaweedFs, asked, strandline_at};
use support::{Measured, Scale, data, measure, scale};

/// With this before an address and a prefix the bench does nothing but ask for its pages.
const PAGES: &str = "--pages";

/// What an idle run asks for beside pages of its source, at most: the lock, the ledger and the line that it adds to that.
const MOST_BESIDE: usize = 24;

/// How many objects are worth a range, and how many ranges there are at most.
const RANGE_OBJECTS: u64 = 5_000;
const MOST_RANGES: u64 = 32;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, flag, address, prefix] = arguments.as_slice()
        && flag == PAGES
    {
        let (_, objects) = prefix::pages(address, prefix);
        println!("{objects}");
        return;
    }
    let (objects, wait, rounds, shapes): (_, _, _, &[Shape]) = match scale() {
        Scale::Quick => (10_000, 5, 1, &[Shape::Flat]),
        Scale::Normal | Scale::Full => {
            (100_000, 50, 3, &[Shape::Flat, Shape::Tree, Shape::Twisted])
        }
    };
    let home = data(&format!("store-idle-{objects}"));
    let store = SeaweedFs::over(&home.join("weed"));
    for shape in shapes
        .iter()
        .copied()
        .filter(|shape| is_asked_for(*shape, &arguments))
    {
        prefix::plant(&home, &store.address, shape, objects);
        let lake = Lake {
            store: &store,
            shape,
            objects,
        };
        lake.load();
        lake.look();
        for wait in [0, wait] {
            lake.compare(Duration::from_millis(wait), rounds);
        }
    }
}

fn is_asked_for(shape: Shape, arguments: &[String]) -> bool {
    let mut words = arguments
        .iter()
        .skip(1)
        .filter(|word| !word.starts_with("--"))
        .peekable();
    words.peek().is_none() || words.any(|word| word == shape.name())
}

/// A prefix of a store, and what a run makes of it.
struct Lake<'a> {
    store: &'a SeaweedFs,
    shape: Shape,
    objects: u64,
}

/// How requests follow one another.
#[derive(Clone, Copy)]
enum Way {
    /// Each when the one before it is answered.
    OneByOne,
    /// As the program has it.
    SideBySide,
}

impl Lake<'_> {
    /// Loads what is not loaded yet. That is not measured, and more threads than there are cores wait for the store.
    fn load(&self) {
        let loaded = self.run_with(&self.store.address, &["--threads", "16"]);
        if !self.is_idle(&loaded) {
            tell(
                "first load, 16 threads",
                "objects",
                self.objects,
                0,
                &loaded,
            );
        }
    }

    fn run(&self, address: &str, way: Way) -> Measured {
        let words: &[&str] = match way {
            Way::OneByOne => &["--store-concurrency", "1"],
            Way::SideBySide => &[],
        };
        let run = self.run_with(address, words);
        assert!(self.is_idle(&run), "something changed: {}", run.stdout);
        run
    }

    fn run_with(&self, address: &str, words: &[&str]) -> Measured {
        let name = self.shape.name();
        let mut command = strandline_at(address);
        command.args(["run", "--json", "--quiet"]).args(words);
        measure(command.args([
            format!("s3://bucket/{name}"),
            format!("s3://bucket/lake-{name}"),
        ]))
    }

    fn is_idle(&self, run: &Measured) -> bool {
        run.stdout
            .contains(&format!("\"unchanged\":{},", self.objects))
    }

    /// Looks at every request that a run makes in each way.
    fn look(&self) {
        let (objects, name) = (self.objects, self.shape.name());
        let (pages, listed) = prefix::pages(&self.store.address, name);
        assert_eq!(listed, objects, "objects below {name}");
        println!("{objects} objects, {name}: {pages} pages in one listing");
        let between = &self.store.between;
        for (what, way) in [
            ("one by one", Way::OneByOne),
            ("side by side", Way::SideBySide),
        ] {
            between.take();
            let run = self.run(between.address(), way);
            self.check(&asked(between, &run), pages, what);
        }
    }

    /// Whoever asks for what there is no reason for stops the bench.
    fn check(&self, asked: &[Request], pages: u64, what: &str) {
        let name = self.shape.name();
        let source = format!("/bucket/{name}/");
        let (of_source, beside): (Vec<_>, Vec<_>) = asked
            .iter()
            .partition(|request| request.place().starts_with(&source));
        let is_page = |request: &&Request| request.is_listing() && request.place() == source;
        assert!(
            of_source.iter().all(is_page),
            "no pages of the source:{}",
            lines(&of_source)
        );
        let listed = of_source.len() as u64;
        println!(
            "  idle run, {what:<24} {listed} pages, {} requests beside",
            beside.len()
        );
        let whole = match self.shape {
            Shape::Flat | Shape::Tree => pages,
            // What was listed in ranges does not count, and all is listed again.
            Shape::Twisted => 2 * pages,
        };
        let ranges = (self.objects / RANGE_OBJECTS).min(MOST_RANGES);
        assert!((pages..=whole + ranges).contains(&listed), "{listed} pages");
        let state = format!("/bucket/lake-{name}/_strandline/");
        let is_state = |request: &&Request| {
            request.place().starts_with(&state) || request.target.ends_with("?delete")
        };
        assert!(
            beside.iter().all(is_state),
            "more than the ledger:{}",
            lines(&beside)
        );
        assert!(
            beside.len() <= MOST_BESIDE,
            "much beside:{}",
            lines(&beside)
        );
    }

    fn compare(&self, wait: Duration, rounds: usize) {
        println!("{} ms before each answer", wait.as_millis());
        let between = &self.store.between;
        between.wait_for(wait);
        let address = if wait.is_zero() {
            &self.store.address
        } else {
            between.address()
        };
        let (mut bare, mut one_by_one, mut side_by_side) = (None, None, None);
        for _ in 0..rounds {
            keep_best(&mut bare, self.list(address));
            keep_best(&mut one_by_one, self.run(address, Way::OneByOne));
            keep_best(&mut side_by_side, self.run(address, Way::SideBySide));
        }
        between.wait_for(Duration::ZERO);
        let (Some(bare), Some(one_by_one), Some(side_by_side)) = (bare, one_by_one, side_by_side)
        else {
            return;
        };
        tell(
            "bare listing, page after page",
            "objects",
            self.objects,
            0,
            &bare,
        );
        tell(
            "idle run, one by one",
            "objects",
            self.objects,
            0,
            &one_by_one,
        );
        tell(
            "idle run, side by side",
            "objects",
            self.objects,
            0,
            &side_by_side,
        );
        tell_ratio("one by one / side by side", &one_by_one, &side_by_side);
        tell_ratio("bare listing / side by side", &bare, &side_by_side);
    }

    /// Lists in a process of its own: this program once more.
    fn list(&self, address: &str) -> Measured {
        let this = std::env::current_exe().unwrap_or_default();
        let listed = measure(Command::new(this).args([PAGES, address, self.shape.name()]));
        assert_eq!(listed.stdout.trim_end(), self.objects.to_string());
        listed
    }
}
