//! Cuts that do not come alone: power that goes once more during recovery, and a source that has moved on by the time
//! of the next run.

use std::path::PathBuf;
use std::sync::Arc;

use strandline::durable::{Disk, FaultyDisk, MemoryDisk, Survivors};
use strandline::engine::{self, Control, Depth, RunError};

use super::check::{self, Ending};
use super::cut::{Stage, sampled, tell};
use super::world::{HISTORY, STATE, World, as_disk};
use crate::support::is_nightly;

/// Opens the pipeline as a run does, recovery included, and does no work.
fn recover(world: &World, disk: &Arc<dyn Disk>) -> Result<(), RunError> {
    let target = world.pipeline(disk).target;
    engine::verify(&target, None, Depth::Shallow, &Control::default()).map(|_| ())
}

/// Recovers with the power going at `cut`, if it is given; returns the disk as the next start finds it.
fn cut_recovery(
    world: &World,
    start: &MemoryDisk,
    cut: usize,
    survivors: Survivors,
) -> (MemoryDisk, usize) {
    let disk = start.crash(Survivors::All);
    let faulty = FaultyDisk::new(as_disk(&disk));
    faulty.cut_at(cut);
    let on: Arc<dyn Disk> = Arc::new(faulty.clone());
    // A ledger that is not there yet leaves nothing to recover.
    recover(world, &on).ok();
    (disk.crash(survivors), faulty.changes())
}

fn every_cut_of_the_recovery_of(chapter: usize) {
    let stage = Stage::of(chapter);
    let mut pairs = 0;
    for first in sampled(stage.operations, 9) {
        let fate = Survivors::Some { seed: first as u64 };
        let wreck = stage.cut(&stage.before, first, fate);
        let (_, count) = cut_recovery(&stage.world, &wreck.disk, usize::MAX, Survivors::All);
        // Another stretch of the recovery for each first cut.
        let seconds: Vec<usize> = if is_nightly() {
            (0..count).collect()
        } else {
            (0..count).skip(first % 7).step_by(11).collect()
        };
        for second in seconds {
            for fate in [
                Survivors::Synced,
                Survivors::Some {
                    seed: second as u64,
                },
            ] {
                let (disk, _) = cut_recovery(&stage.world, &wreck.disk, second, fate);
                let name = HISTORY[chapter].name;
                let what = format!("{name}, cut at {first}, its recovery at {second}, {fate:?}");
                wreck.demand(&what, &check::between(&disk));
                wreck.demand(&what, &stage.finish(&disk));
                pairs += 1;
            }
        }
    }
    tell(&format!("{}: {pairs} pairs of cuts", HISTORY[chapter].name));
}

#[test]
fn a_first_load_whose_recovery_is_cut_ends_as_if_undisturbed() {
    every_cut_of_the_recovery_of(0);
}

#[test]
fn edits_whose_recovery_is_cut_end_as_if_undisturbed() {
    every_cut_of_the_recovery_of(1);
}

#[test]
fn absorbing_whose_recovery_is_cut_ends_as_if_undisturbed() {
    every_cut_of_the_recovery_of(2);
}

#[test]
fn widening_whose_recovery_is_cut_ends_as_if_undisturbed() {
    every_cut_of_the_recovery_of(3);
}

#[test]
fn removals_whose_recovery_is_cut_end_as_if_undisturbed() {
    every_cut_of_the_recovery_of(4);
}

/// Returns the rows that a first load of the source as it is now gives.
fn full_load(world: &World) -> Vec<String> {
    let disk = MemoryDisk::new();
    world.run(&disk).unwrap();
    Ending::of(&disk).rows()
}

/// Cuts the run of one chapter, lets the next chapter happen, and runs.
fn the_source_moves_on_after(chapter: usize) {
    let stage = Stage::of(chapter);
    let world = &stage.world;
    let wrecks: Vec<_> = sampled(stage.operations, 16)
        .into_iter()
        .map(|cut| {
            let fate = Survivors::Some { seed: cut as u64 };
            (cut, stage.cut(&stage.before, cut, fate))
        })
        .collect();
    world.play(&HISTORY[chapter + 1]);
    let expected = full_load(world);
    for (cut, wreck) in wrecks {
        let what = format!("{}, cut at {cut}, moved on", HISTORY[chapter].name);
        world.run(&wreck.disk).unwrap();
        let ending = Ending::of(&wreck.disk);
        let mut complaints = ending.own_complaints();
        complaints.extend(check::empty_directories(&wreck.disk));
        complaints.extend(check::row_complaints(&ending.rows(), &expected));
        wreck.demand(&what, &complaints);
    }
}

#[test]
fn a_first_load_that_is_cut_before_the_source_moves_on_ends_as_a_full_load() {
    the_source_moves_on_after(0);
}

#[test]
fn edits_that_are_cut_before_the_source_moves_on_end_as_a_full_load() {
    the_source_moves_on_after(1);
}

#[test]
fn absorbing_that_is_cut_before_the_source_moves_on_ends_as_a_full_load() {
    the_source_moves_on_after(2);
}

#[test]
fn widening_that_is_cut_before_the_source_moves_on_ends_as_a_full_load() {
    // What the last chapter removes is not what made the type wide, so a full load is as wide.
    the_source_moves_on_after(3);
}

#[test]
fn the_creation_of_a_ledger_can_be_cut_anywhere_twice() {
    let world = World::new();
    let count = {
        let disk = MemoryDisk::new();
        let faulty = FaultyDisk::new(as_disk(&disk));
        let on: Arc<dyn Disk> = Arc::new(faulty.clone());
        world.run_on(&on).unwrap();
        faulty.changes()
    };
    let run_cut = |start: &MemoryDisk, cut: usize, fate: Survivors| {
        let disk = start.crash(Survivors::All);
        let faulty = FaultyDisk::new(as_disk(&disk));
        faulty.cut_at(cut);
        let on: Arc<dyn Disk> = Arc::new(faulty);
        world.run_on(&on).ok();
        disk.crash(fate)
    };
    let mut tried = 0;
    for first in 0..count {
        let once = run_cut(
            &MemoryDisk::new(),
            first,
            Survivors::Some { seed: first as u64 },
        );
        assert_eq!(check::between(&once), [""; 0], "cut at {first}");
        let step = if is_nightly() { 1 } else { 29 };
        for second in (first % step..count).step_by(step) {
            let twice = run_cut(&once, second, Survivors::Synced);
            world
                .run(&twice)
                .unwrap_or_else(|error| panic!("cut at {first} and {second}: {error:?}"));
            let ending = Ending::of(&twice);
            assert_eq!(
                ending.own_complaints(),
                [""; 0],
                "cut at {first} and {second}"
            );
            let state = PathBuf::from(STATE);
            let names = as_disk(&twice).list(&state).unwrap();
            let names: Vec<String> = names.into_iter().map(|entry| entry.name).collect();
            assert_eq!(names, ["gate", "ledger.redb", "lock", "mark"]);
            tried += 1;
        }
    }
    tell(&format!(
        "an empty run: {count} operations, {tried} pairs of cuts"
    ));
}
