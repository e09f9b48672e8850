//! The crash matrix: every durable operation of every run of a history is cut once, the disk loses what was not
//! synced (or some of it, or nothing), and the next run must end exactly where an undisturbed one does.
//!
//! Why it can: the plan is recorded before the work, so the same units come out, and a unit's bytes are a function of
//! its members. Only the grouping of commits depends on timing; nothing that is compared depends on the grouping.
//!
//! On each push the cuts are sampled; `NIGHTLY=1` makes all of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use strandline::durable::{Action, Disk, FaultyDisk, MemoryDisk, Step, Survivors};

use strandline::config::{Expectation, OnFail};
use strandline::model::ByteSize;

use super::check::{self, Ending};
use super::world::{HISTORY, World, as_disk};
use crate::support::is_nightly;

/// A run about to be cut: the source as it is, the disk before it, and where it has to end.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) before: MemoryDisk,
    pub(crate) expected: Ending,
    /// Durable operations of the undisturbed run.
    pub(crate) operations: usize,
    /// Those of them that concern spilled rows.
    spills: usize,
    /// Those of them behind which an intent is open.
    pub(crate) publications: Vec<usize>,
}

impl Stage {
    /// Plays the history up to the chapter `index`, and runs it once undisturbed.
    pub(crate) fn of(index: usize) -> Self {
        Self::with_source_before(World::new(), index).0
    }

    /// As [`Stage::of`] in a world of one's own, with what the source held before the chapter.
    pub(crate) fn with_source_before(
        world: World,
        index: usize,
    ) -> (Self, BTreeMap<String, Vec<u8>>) {
        let disk = MemoryDisk::new();
        for chapter in &HISTORY[..index] {
            world.play(chapter);
            world.run(&disk).unwrap();
        }
        let earlier = world.source.contents();
        world.play(&HISTORY[index]);
        let before = disk.crash(Survivors::All);
        let faulty = FaultyDisk::new(as_disk(&disk));
        let on: Arc<dyn Disk> = Arc::new(faulty.clone());
        world.run_on(&on).unwrap();
        let expected = Ending::of(&disk);
        assert_eq!(expected.own_complaints(), [""; 0]);
        assert_eq!(check::empty_directories(&disk), [""; 0]);
        let stage = Self {
            world,
            before,
            expected,
            operations: faulty.changes(),
            spills: spills(&faulty.history()),
            publications: publications(&faulty.history()),
        };
        (stage, earlier)
    }

    /// Runs with the power going at `cut`, and returns what the next start finds, with the operations before it.
    pub(crate) fn cut(&self, start: &MemoryDisk, cut: usize, survivors: Survivors) -> Wreck {
        let disk = start.crash(Survivors::All);
        let faulty = FaultyDisk::new(as_disk(&disk));
        faulty.cut_at(cut);
        let on: Arc<dyn Disk> = Arc::new(faulty.clone());
        let was_cut = self.world.run_on(&on).is_err();
        let history = faulty.history();
        let last = history.iter().rev().take(6).rev();
        Wreck {
            disk: disk.crash(survivors),
            was_cut,
            trail: last
                .map(|step| format!("{:?} {}", step.action, step.path.display()))
                .collect(),
        }
    }

    /// Runs to the end and returns what is not as it should be.
    pub(crate) fn finish(&self, disk: &MemoryDisk) -> Vec<String> {
        if let Err(error) = self.world.run(disk) {
            return vec![format!("the next run fails: {}", chain(&error))];
        }
        let mut complaints = Ending::of(disk).complaints(&self.expected);
        complaints.extend(check::empty_directories(disk));
        complaints
    }
}

/// Returns how many operations concern spilled rows.
fn spills(history: &[Step]) -> usize {
    let spilled = |step: &&Step| step.path.to_string_lossy().contains("-spill-");
    history.iter().filter(spilled).count()
}

/// Returns the operations that make outputs visible; of a removal, nobody can tell by its name.
fn publications(history: &[Step]) -> Vec<usize> {
    let is_output = |step: &Step| step.path.to_string_lossy().contains("/day=");
    let publishes = |step: &Step| {
        let actions = [Action::CreateDir, Action::Rename, Action::SyncDir];
        actions.contains(&step.action) && is_output(step)
    };
    let found = history
        .iter()
        .enumerate()
        .filter(|(_, step)| publishes(step));
    found.map(|(number, _)| number).collect()
}

/// What a power cut left.
pub(crate) struct Wreck {
    pub(crate) disk: MemoryDisk,
    pub(crate) was_cut: bool,
    trail: Vec<String>,
}

impl Wreck {
    pub(crate) fn demand(&self, what: &str, complaints: &[String]) {
        assert!(
            complaints.is_empty(),
            "{what}, after\n  {}\n- {}",
            self.trail.join("\n  "),
            complaints.join("\n- ")
        );
    }
}

pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Tells whoever reads the log how much was sampled.
#[expect(clippy::print_stdout, reason = "the log of a test is its stdout")]
pub(crate) fn tell(text: &str) {
    println!("{text}");
}

/// Returns the numbers below `count` that are tried: all of them at night, else about `sample`, evenly spread.
pub(crate) fn sampled(count: usize, sample: usize) -> Vec<usize> {
    let stride = if is_nightly() {
        1
    } else {
        count.div_ceil(sample).max(1)
    };
    (0..count).step_by(stride).collect()
}

const FATES: [Survivors; 5] = [
    Survivors::Synced,
    Survivors::Some { seed: 1 },
    Survivors::All,
    Survivors::Some { seed: 2 },
    Survivors::Some { seed: 3 },
];

/// Returns the fates that a cut is tried with: all at night, else two that change from cut to cut.
fn fates(turn: usize) -> Vec<Survivors> {
    if is_nightly() {
        return FATES.to_vec();
    }
    vec![FATES[turn % FATES.len()], FATES[(turn + 2) % FATES.len()]]
}

fn every_cut_of(chapter: usize) {
    every_cut_on(&Stage::of(chapter), chapter, 26);
}

fn every_cut_on(stage: &Stage, chapter: usize, sample: usize) {
    // The grouping of commits varies, so another run may take a few operations more.
    let count = stage.operations + 8;
    let cuts = sampled(count, sample);
    let mut hit = 0;
    for (turn, cut) in cuts.iter().copied().enumerate() {
        for survivors in fates(turn) {
            let wreck = stage.cut(&stage.before, cut, survivors);
            hit += usize::from(wreck.was_cut);
            let what = format!("{}, cut at {cut}, {survivors:?}", HISTORY[chapter].name);
            wreck.demand(&what, &check::between(&wreck.disk));
            wreck.demand(&what, &stage.finish(&wreck.disk));
        }
    }
    let (name, tried) = (HISTORY[chapter].name, cuts.len());
    let count = stage.operations;
    tell(&format!(
        "{name}: {count} operations, {tried} cuts tried, {hit} runs cut"
    ));
    assert!(hit > tried, "{hit} of {tried} cuts were made");
}

#[test]
fn a_first_load_that_is_cut_anywhere_ends_as_if_undisturbed() {
    every_cut_of(0);
}

#[test]
fn edits_that_are_cut_anywhere_end_as_if_undisturbed() {
    every_cut_of(1);
}

#[test]
fn absorbing_that_is_cut_anywhere_ends_as_if_undisturbed() {
    every_cut_of(2);
}

#[test]
fn widening_that_is_cut_anywhere_ends_as_if_undisturbed() {
    every_cut_of(3);
}

#[test]
fn removals_that_are_cut_anywhere_end_as_if_undisturbed() {
    every_cut_of(4);
}

#[test]
fn rows_that_are_set_aside_are_so_once_wherever_a_run_is_cut() {
    for chapter in [0, 1, 2, 4] {
        let mut world = World::new();
        world.definition.sql.expect = vec![Expectation {
            name: "not every third".to_owned(),
            sql: "id % 3 <> 0".to_owned(),
            on_fail: OnFail::QuarantineRow,
        }];
        let (stage, _) = Stage::with_source_before(world, chapter);
        let names = stage.expected.target.keys();
        let aside = names.filter(|name| name.starts_with("_strandline/quarantine/"));
        assert!(aside.count() > 1);
        every_cut_on(&stage, chapter, 8);
    }
}

#[test]
fn rows_that_spill_to_disk_leave_no_trace_wherever_the_run_is_cut() {
    let mut world = World::new();
    world.limits.memory = ByteSize(4);
    let (stage, _) = Stage::with_source_before(world, 0);
    let plain = Stage::of(0);
    assert!(stage.spills > 0 && plain.spills == 0);
    assert_eq!(stage.expected.complaints(&plain.expected), [""; 0]);
    every_cut_on(&stage, 0, 12);
}
