//! Whatever a store does while it is read, nothing goes for it, nothing is mixed up, and one good run makes it whole.
//!
//! A history is all that follows from a seed: objects that come, change and go, runs in between over a store that fails,
//! and a last one over a store that does not. `FAULTY_SEED=17` plays one of them again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use object_store::ObjectStore;
use strandline::clock::ManualClock;
use strandline::durable::Disk;
use strandline::engine::{self, Control};
use strandline::model::{RunReport, RunStatus, SelectAll, Timestamp};
use strandline::source::{CountingSource, ObjectSource};
use strandline::store::{FaultyStore, StoreFault};

use super::read_back::{Contents, read_back};
use super::rows::{Rows, rows_of};
use super::world::{STATE, Setup, World};
use crate::support::seeds::{Dice, play_all};
use crate::support::store::PlannedStore;

/// Runs of a history before the last.
const RUNS: u64 = 4;

const NAMES: [&str; 10] = [
    "a!.csv",
    "a.csv",
    "a/1.csv",
    "a/2.csv",
    "a/b/3.csv",
    "a0.csv",
    "b.csv",
    "c/d.csv",
    "c/e.csv",
    "z.csv",
];

struct History {
    dice: Dice,
    store: PlannedStore,
    faulty: FaultyStore,
    world: World,
    /// What each object has ever held, the last of it last; and whether it is there.
    versions: BTreeMap<String, (Vec<Rows>, bool)>,
    next_id: u64,
    /// How often an object was overwritten while a run read it.
    overwritten: u64,
    /// What stood in the target after the last run.
    stood: BTreeMap<String, usize>,
}

impl History {
    fn new(seed: u64) -> Self {
        let store = PlannedStore::new();
        let faulty = FaultyStore::new(Arc::new(store.clone()), seed);
        let mut dice = Dice::new(seed);
        let often = dice.one_of(&[10, 100, 300]);
        for fault in StoreFault::ALL {
            faulty.set_chance(fault, dice.below(often));
        }
        Self {
            dice,
            world: world_over(Arc::new(faulty.clone())),
            store,
            faulty,
            versions: BTreeMap::new(),
            next_id: 0,
            overwritten: 0,
            stood: BTreeMap::new(),
        }
    }

    /// Lets an object come, change or go.
    fn change(&mut self) {
        let name = self.name();
        if self.dice.below(4) == 0 {
            if let Some((_, is_there)) = self
                .versions
                .get_mut(name)
                .filter(|(_, is_there)| *is_there)
            {
                *is_there = false;
                self.store.delete(&key(name));
            }
            return;
        }
        let text = self.version(name);
        self.store.put(&key(name), text);
        self.versions.get_mut(name).unwrap().1 = true;
    }

    fn name(&mut self) -> &'static str {
        self.dice.one_of(&NAMES)
    }

    /// Returns what an object is to hold next.
    fn version(&mut self, name: &str) -> String {
        let text = self.csv();
        let rows = rows_of(name, text.as_bytes(), false).unwrap();
        let (versions, _) = self.versions.entry(name.to_owned()).or_default();
        versions.push(rows);
        text
    }

    /// Has an object overwritten while the next run reads it, if it does; returns its name, and whether that has happened.
    fn overwrite_amid(&mut self) -> (&'static str, Arc<AtomicBool>) {
        let (name, gets) = (self.name(), self.dice.below(3));
        let text = self.version(name);
        let (store, happened) = (self.store.clone(), Arc::new(AtomicBool::new(false)));
        let told = Arc::clone(&happened);
        let hook = move || {
            store.put(&key(name), text);
            told.store(true, Ordering::SeqCst);
        };
        self.store
            .before_get(&key(name), u32::try_from(gets).unwrap(), hook);
        (name, happened)
    }

    /// Returns rows that no other object has, and once in a while more bytes than come with the first request.
    fn csv(&mut self) -> String {
        let (rows, width) = if self.dice.below(60) == 0 {
            (2, 600_000)
        } else {
            (1 + self.dice.below(4), 8)
        };
        let lines = (0..rows).map(|_| {
            self.next_id += 1;
            format!("{},{}\n", self.next_id, "x".repeat(width))
        });
        format!("id,note\n{}", lines.collect::<String>())
    }

    /// Runs over the store that fails, and looks at what stands behind it.
    fn run(&mut self) {
        let (name, happened) = self.overwrite_amid();
        let ended = engine::run(&self.world.pipeline(), &Control::default());
        self.store.heal();
        let (versions, is_there) = self.versions.get_mut(name).unwrap();
        if happened.load(Ordering::SeqCst) {
            *is_there = true;
            self.overwritten += 1;
        } else {
            versions.pop();
        }
        match ended {
            Ok(report) => self.check_report(&report),
            // A listing that fails at once is all that a run needs to give up.
            Err(error) => assert!(
                matches!(error, engine::RunError::Source(..)),
                "a run failed with {error:?}"
            ),
        }
        let ledger = Path::new(STATE).join("ledger.redb");
        if self.world.disk.look(&ledger).unwrap().is_some() {
            self.check(&read_back(&self.world.disk));
        }
    }

    fn check_report(&self, report: &RunReport) {
        assert_eq!(
            report.files.quarantined, 0,
            "no fault is one of a file: {report:?}"
        );
        let gone = self
            .versions
            .iter()
            .filter(|(name, (_, is_there))| !is_there && self.stood.contains_key(*name));
        let gone = gone.count() as u64;
        assert!(
            report.files.removed <= gone,
            "{gone} were deleted: {report:?}"
        );
    }

    /// Whatever stands in the target is a version of its object, no older than what stood there, and what has stood and is
    /// still in the store stands.
    fn check(&mut self, contents: &Contents) {
        let mut stands = BTreeMap::new();
        for (name, rows) in &contents.by_file {
            let (versions, _) = &self.versions[name];
            let version = versions.iter().position(|version| version == rows);
            let version = version.unwrap_or_else(|| panic!("{name} is a mixture"));
            stands.insert(name.clone(), version);
        }
        for (name, before) in &self.stood {
            let now = stands.get(name);
            assert!(
                now.is_some() || !self.versions[name].1,
                "{name} was removed, and is in the store"
            );
            assert!(now.is_none_or(|now| now >= before), "{name} went back");
        }
        self.stood = stands;
    }

    /// One run over a store that does not fail comes to what a fresh one comes to.
    fn end(&mut self) {
        self.faulty.heal();
        let report = engine::run(&self.world.pipeline(), &Control::default()).unwrap();
        assert_eq!(report.status, RunStatus::Done, "{report:?}");
        self.check_report(&report);
        let fresh = world_over(Arc::new(self.store.clone()));
        engine::run(&fresh.pipeline(), &Control::default()).unwrap();
        let (own, fresh) = (read_back(&self.world.disk), read_back(&fresh.disk));
        assert!(own == fresh, "a fresh run comes to something else");
        let there = self.versions.iter().filter(|(_, (_, is_there))| *is_there);
        let there: BTreeSet<&String> = there.map(|(name, _)| name).collect();
        assert_eq!(own.by_file.keys().collect::<BTreeSet<_>>(), there);
        self.check(&own);
    }
}

fn key(name: &str) -> String {
    format!("raw/{name}")
}

fn world_over(store: Arc<dyn ObjectStore>) -> World {
    let setup = Setup {
        settle: Duration::ZERO,
        threads: 1,
        memory: 8 << 20,
        ..Setup::default()
    };
    let mut world = World::new(setup);
    // Objects have the time of the machine, and are not of this very moment.
    world.clock = Arc::new(ManualClock::new(Timestamp(4_000_000_000_000_000_000)));
    let source = ObjectSource::over(
        store,
        "raw",
        "s3://bucket/raw".to_owned(),
        Arc::new(SelectAll),
    );
    world.counting = CountingSource::new(Arc::new(source.unwrap()));
    world
}

/// Plays a history to its end, and returns how often each fault was met, and an object overwritten amid a run.
fn play(seed: u64) -> (Vec<(StoreFault, u64)>, u64) {
    let mut history = History::new(seed);
    for _ in 0..RUNS {
        for _ in 0..=history.dice.below(6) {
            history.change();
        }
        history.run();
    }
    history.end();
    let met = |fault| (fault, history.faulty.met(fault));
    (StoreFault::ALL.map(met).to_vec(), history.overwritten)
}

#[test]
fn no_fault_of_a_store_removes_or_mixes_anything_and_a_good_run_makes_it_whole() {
    use StoreFault::{BrokenListing, Changed, ReorderedPages, Truncated, Unavailable, Vanished};
    let Some(played) = play_all("FAULTY_SEED", play) else {
        return;
    };
    let (mut met, mut overwritten): (BTreeMap<StoreFault, u64>, _) = (BTreeMap::new(), 0);
    for (faults, times) in played {
        overwritten += times;
        for (fault, times) in faults {
            *met.entry(fault).or_default() += times;
        }
    }
    for fault in [
        BrokenListing,
        Changed,
        ReorderedPages,
        Truncated,
        Unavailable,
        Vanished,
    ] {
        assert!(met[&fault] > 10, "{met:?}");
    }
    assert!(overwritten > 50, "{overwritten}");
}
