//! Runs that cannot be rolled forward: somebody emptied the staging place between the power cut and the next start.
//! Outputs may then stand that no record knows, or over those that a record does know.

use std::path::Path;

use strandline::durable::{MemoryDisk, Survivors};

use super::check::{self, Ending};
use super::cut::{Stage, Wreck, sampled};
use super::world::{HISTORY, STATE, World, as_disk};

/// Returns the wreck of each cut without anything staged.
fn without_staging(stage: &Stage) -> Vec<(usize, Wreck)> {
    let cut = |cut: usize| {
        let survivors = Survivors::Some { seed: cut as u64 };
        let wreck = stage.cut(&stage.before, cut, survivors);
        let staging = Path::new(STATE).join("staging");
        let disk = as_disk(&wreck.disk);
        for entry in disk.list(&staging).unwrap() {
            disk.remove_file(&staging.join(entry.name)).unwrap();
        }
        (cut, wreck)
    };
    let cuts = sampled(stage.operations, 60);
    cuts.into_iter().map(cut).collect()
}

/// Demands that a run on each wreck ends with the rows of a full load, and owning all that stands there.
fn demand_full_load(world: &World, name: &str, wrecks: &[(usize, Wreck)]) {
    let fresh = MemoryDisk::new();
    world.run(&fresh).unwrap();
    let expected = Ending::of(&fresh).rows();
    for (cut, wreck) in wrecks {
        let what = format!("{name}, cut at {cut}");
        let report = world.run(&wreck.disk).unwrap();
        let ending = Ending::of(&wreck.disk);
        let mut complaints = ending.own_complaints();
        complaints.extend(check::row_complaints(&ending.rows(), &expected));
        complaints.extend(
            report
                .errors
                .iter()
                .filter(|error| !error.path.contains("bad"))
                .map(|error| error.message.clone()),
        );
        wreck.demand(&what, &complaints);
    }
}

#[test]
fn a_run_whose_staging_was_emptied_ends_as_if_undisturbed() {
    for (index, chapter) in HISTORY.iter().enumerate() {
        let stage = Stage::of(index);
        for (cut, wreck) in without_staging(&stage) {
            wreck.demand(
                &format!("{}, cut at {cut}", chapter.name),
                &stage.finish(&wreck.disk),
            );
        }
    }
}

#[test]
fn a_source_that_moves_on_after_staging_was_emptied_ends_as_a_full_load() {
    for index in 0..HISTORY.len() - 1 {
        let stage = Stage::of(index);
        let wrecks = without_staging(&stage);
        stage.world.play(&HISTORY[index + 1]);
        demand_full_load(&stage.world, HISTORY[index].name, &wrecks);
    }
}

#[test]
fn a_change_that_is_taken_back_after_staging_was_emptied_leaves_no_trace() {
    for index in 1..HISTORY.len() {
        let (stage, earlier) = Stage::with_source_before(index);
        let wrecks = without_staging(&stage);
        let source = &stage.world.source;
        for path in source.contents().into_keys() {
            if !earlier.contains_key(&path) {
                source.remove(&path);
            }
        }
        for (path, bytes) in earlier {
            if source.contents().get(&path) != Some(&bytes) {
                source.replace(&path, bytes);
            }
        }
        stage
            .world
            .clock
            .advance(std::time::Duration::from_secs(3600));
        demand_full_load(&stage.world, HISTORY[index].name, &wrecks);
    }
}
