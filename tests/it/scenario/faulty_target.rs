//! Whatever a store does that target and ledger are in, readers see whole outputs, no run is called done that is not, and
//! one run over a store that does not fail makes everything as it has to be.
//!
//! A history is all that follows from a seed: files that come, change and go, runs that meet a store which fails or that
//! are cut off from it, and a last one that meets no fault. `FAULTY_TARGET_SEED=17` plays one of them again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use strandline::config::OnDelete;
use strandline::engine::{ResetFilter, RunError, reset};
use strandline::model::{ErrorKind, ReportedError, RunReport, RunStatus};
use strandline::store::{FaultyStore, StoreFault};

use super::lake::Lake;
use super::operation::{Operation, Place, Recipe};
use super::world::{Setup, World};
use crate::support::cut_store::Cut;
use crate::support::lake::LEASE;
use crate::support::seeds::{Dice, play_all};

/// Runs of a history before the last, at most.
const RUNS: u64 = 3;

/// About as many requests as a run needs.
const REQUESTS: u64 = 60;

/// What all faults of a run may hit alone.
const AIMS: [&str; 5] = [".parquet", ".parquet", "staging", "ledger", "lock"];

/// What came of the runs of a history.
#[derive(Debug, Default)]
struct Tally {
    done: u64,
    incomplete: u64,
    failed: BTreeMap<&'static str, u64>,
    cut_off: u64,
    parts: u64,
    met: BTreeMap<StoreFault, u64>,
}

struct History {
    seed: u64,
    dice: Dice,
    world: World,
    /// Bytes that files had once.
    past: Vec<(String, Vec<u8>)>,
    runs: u64,
    /// A file went, and may have been found again under another name.
    has_moved: bool,
    /// How many of a thousand requests fail with one kind of fault, at most.
    often: u64,
    tally: Tally,
}

/// What a run meets.
struct Weather {
    faulty: FaultyStore,
    is_cut: bool,
    /// Time enough has passed for any lease to be over.
    has_waited: bool,
}

impl History {
    fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let mut world = World::new(Setup {
            settle: Duration::ZERO,
            threads: 1,
            memory: 8 << 20,
            partition_by: dice.below(2) == 0,
            on_delete: dice.one_of(&[OnDelete::Remove, OnDelete::Remove, OnDelete::Retain]),
            ..Setup::default()
        });
        let parts = dice.one_of(&[None, Some((800, 300))]);
        world.lake = Some(Lake::new(world.clock.clone(), parts));
        Self {
            often: dice.one_of(&[6, 20, 60]),
            seed,
            dice,
            world,
            past: Vec::new(),
            runs: 0,
            has_moved: false,
            tally: Tally::default(),
        }
    }

    fn lake(&mut self) -> &mut Lake {
        self.world.lake.as_mut().unwrap()
    }

    /// Lets a file come, change or go.
    fn change(&mut self) {
        use Operation as O;
        let (which, place) = (self.dice.byte(), Place(self.dice.byte() % 42));
        let recipe = Recipe {
            rows: 1 + self.dice.byte() % 4,
            flavour: self.dice.byte(),
        };
        let operation = match self.dice.below(14) {
            0..=4 => O::Add(place, recipe),
            5 => O::Edit(which, recipe),
            6 | 7 => O::SameSizeEdit(which),
            8 => O::Append(which, recipe),
            9 => O::Touch(which),
            10 => O::Rename(which, place),
            11 => O::Copy(which, place),
            12 => O::Delete(which),
            _ => return self.write_back(),
        };
        self.has_moved |= matches!(operation, O::Rename(..) | O::Delete(_));
        self.past.extend(self.world.source.contents());
        self.world.apply(&operation);
        self.world.clock.advance(Duration::from_millis(1));
    }

    /// Lets a file be as it was once, be it there or not.
    fn write_back(&mut self) {
        if !self.past.is_empty() {
            let which = self.dice.below(self.past.len() as u64);
            let (path, bytes) = self.past.swap_remove(usize::try_from(which).unwrap());
            self.world.source.replace(&path, bytes);
        }
    }

    /// Decides what the next run meets.
    fn weather(&mut self) -> Weather {
        let store = self.lake().store.clone();
        let is_cut = self.dice.below(4) == 0;
        let store = if is_cut {
            let at = usize::try_from(self.dice.below(REQUESTS)).unwrap();
            store.cut_off(at, self.dice.one_of(&[Cut::Before, Cut::Behind]))
        } else {
            store
        };
        self.runs += 1;
        let faulty = FaultyStore::new(Arc::new(store), self.seed * 100 + self.runs);
        match self.dice.below(8) {
            0 if !is_cut => {}
            0..=2 => {
                let nth = self.dice.below(REQUESTS);
                faulty.fail_nth(nth, self.dice.one_of(&StoreFault::ALL));
            }
            3..=5 => {
                faulty.aim_at(self.dice.one_of(&AIMS));
                let fault = self.dice.one_of(&StoreFault::ALL);
                faulty.set_chance(fault, 1 + self.dice.below(500));
            }
            _ => {
                for fault in StoreFault::ALL {
                    faulty.set_chance(fault, self.dice.below(self.often));
                }
            }
        }
        self.lake().reach = Arc::new(faulty.clone());
        let has_waited = self.dice.below(6) > 0;
        let pause = if has_waited {
            2 * LEASE
        } else {
            Duration::from_secs(1)
        };
        self.world.clock.advance(pause);
        Weather {
            faulty,
            is_cut,
            has_waited,
        }
    }

    /// Runs once, and looks at what it leaves.
    fn run(&mut self) {
        let weather = self.weather();
        let ended = self.world.run();
        match &ended {
            Ok(report) => self.check_report(report, &weather),
            Err(error) => self.check_error(error, &weather),
        }
        self.tally.cut_off += u64::from(weather.is_cut);
        for fault in StoreFault::ALL {
            *self.tally.met.entry(fault).or_default() += weather.faulty.met(fault);
        }
        let open = self.lake().store.uploads().len() as u64;
        self.tally.parts = self.tally.parts.max(open);
        self.lake().heal();
        self.lake().check_between();
    }

    /// Nothing that a store does is the fault of a file, and who has not done everything says so.
    fn check_report(&mut self, report: &RunReport, weather: &Weather) {
        assert_eq!(report.files.quarantined, 0, "{report:?}");
        match report.status {
            RunStatus::Done => {
                // Where files have no rows, nothing names partitions, and that is no error of a run.
                let is_said = |error: &ReportedError| error.kind != ErrorKind::NoSuchColumn;
                let is_wrong = report.units.failed > 0 || report.errors.iter().any(is_said);
                assert!(!is_wrong, "{report:?}");
                self.tally.done += 1;
            }
            RunStatus::Incomplete => {
                assert!(weather.fails() || self.has_lost(report), "{report:?}");
                self.tally.incomplete += 1;
            }
            _ => panic!("{report:?}"),
        }
    }

    fn check_error(&mut self, error: &RunError, weather: &Weather) {
        let lies = |faults: &[StoreFault]| faults.iter().any(|it| weather.faulty.met(*it) > 0);
        let (what, is_told) = match error {
            RunError::Held { .. } => (
                "held",
                !weather.has_waited
                    || lies(&[
                        StoreFault::Vanished,
                        StoreFault::Changed,
                        StoreFault::LostCondition,
                    ]),
            ),
            RunError::LedgerMissing { .. } => ("no ledger", lies(&[StoreFault::Vanished])),
            RunError::TargetLost { .. } => ("no mark", lies(&[StoreFault::Vanished])),
            RunError::Open(_) => ("open", weather.fails()),
            RunError::Ledger(_) => ("ledger", weather.fails()),
            RunError::Sink(_) => ("sink", weather.fails()),
            RunError::LeaseLost => ("lease", weather.fails()),
            _ => ("other", false),
        };
        assert!(is_told, "a run failed with {error:?}");
        *self.tally.failed.entry(what).or_default() += 1;
    }

    /// One run over a store that does not fail comes to what a fresh one comes to, and leaves nothing else.
    fn end(&mut self) {
        self.world.clock.advance(2 * LEASE);
        let report = self.world.run().expect("nothing fails any more");
        if self.has_lost(&report) {
            return self.lake().check_between();
        }
        assert_eq!(report.status, RunStatus::Done, "{report:?}");
        self.lake().check_end();
        match self.seed % 8 {
            0 | 4 => self.compare(),
            2 => self.build_again(),
            _ => {}
        }
    }

    /// A fresh run comes to the same, and another of ours does nothing.
    fn compare(&mut self) {
        let opens = self.world.counting.opens();
        self.lake().take_written();
        self.world.check_fresh();
        assert_eq!(self.world.counting.opens(), opens, "all was done before");
        assert_eq!(self.lake().take_written(), [""; 0], "all was done before");
    }

    /// A worker that dies between two outputs of one group takes those with it that are staged. What a file that goes before the
    /// next run had in them is told as lost, run for run.
    fn has_lost(&self, report: &RunReport) -> bool {
        let mut errors = report.errors.iter().map(|error| error.kind);
        self.world.setup.on_delete == OnDelete::Retain
            && self.has_moved
            && report.status == RunStatus::Incomplete
            && errors.all(|it| it == ErrorKind::RowsLost)
    }

    /// The same inputs are the same bytes. A rename moves no rows, and may change their order when they are built again.
    fn build_again(&mut self) {
        let before = self.lake().outputs().clone();
        let all = ResetFilter {
            path: Some("**".to_owned()),
            ..ResetFilter::default()
        };
        reset(&self.world.target(), &all).unwrap();
        let report = self.world.run_to_the_end();
        assert_eq!(report.units.written > 0, !before.is_empty(), "{report:?}");
        self.lake().check_end();
        let is_same = *self.lake().outputs() == before;
        assert!(is_same || self.has_moved, "other bytes");
    }
}

impl Weather {
    fn fails(&self) -> bool {
        let met = |fault: &StoreFault| self.faulty.met(*fault) > 0;
        self.is_cut || StoreFault::ALL.iter().any(met)
    }
}

fn play(seed: u64) -> Tally {
    let mut history = History::new(seed);
    for _ in 0..=history.dice.below(RUNS) {
        for _ in 0..=history.dice.below(5) {
            history.change();
        }
        history.run();
    }
    history.end();
    history.tally
}

#[test]
fn no_fault_of_the_store_that_a_target_is_in_shows_and_a_good_run_makes_it_whole() {
    let Some(played) = play_all("FAULTY_TARGET_SEED", play) else {
        return;
    };
    let mut sum = Tally::default();
    for tally in played {
        sum.done += tally.done;
        sum.incomplete += tally.incomplete;
        sum.cut_off += tally.cut_off;
        sum.parts += tally.parts;
        for (what, count) in tally.failed {
            *sum.failed.entry(what).or_default() += count;
        }
        for (fault, count) in tally.met {
            *sum.met.entry(fault).or_default() += count;
        }
    }
    // Each kind of thing has happened.
    assert!(
        sum.done > 100 && sum.cut_off > 50 && sum.parts > 5,
        "{sum:?}"
    );
    for fault in StoreFault::ALL {
        assert!(sum.met[&fault] > 3, "{sum:?}");
    }
    for what in ["held", "open", "ledger", "sink"] {
        assert!(sum.failed.contains_key(what), "{sum:?}");
    }
}
