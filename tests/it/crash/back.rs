//! Runs that cannot be rolled forward: somebody emptied the staging place between the power cut and the next start.
//! Outputs may then stand that no record knows, or over those that a record does know.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use strandline::config::{OnDelete, Policies};
use strandline::durable::{MemoryDisk, Survivors};

use super::check::{self, Ending};
use super::cut::{Stage, Wreck, sampled};
use super::world::{HISTORY, STATE, World, as_disk};
use crate::support::is_nightly;

/// Returns wrecks without anything staged: of every cut at night, else of about `sample` during publication.
fn without_staging(stage: &Stage, sample: usize) -> Vec<(usize, Wreck)> {
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
    let cuts = if is_nightly() {
        (0..stage.operations).collect()
    } else {
        stage.publications.clone()
    };
    let picked = sampled(cuts.len(), sample).into_iter();
    picked.map(|index| cut(cuts[index])).collect()
}

/// Returns rows without their types: a type that was widened stays wide, although what made it so is gone.
fn untyped(rows: Vec<String>) -> Vec<String> {
    let mut rows: Vec<String> = rows
        .into_iter()
        .map(|row| row.replace(":Int64=", "=").replace(":Utf8=", "="))
        .collect();
    rows.sort();
    rows
}

/// Demands that a run on each wreck ends with the rows of a full load, and owning all that stands there.
fn demand_full_load(world: &World, name: &str, wrecks: &[(usize, Wreck)]) {
    let fresh = MemoryDisk::new();
    world.run(&fresh).unwrap();
    let expected = untyped(Ending::of(&fresh).rows());
    for (cut, wreck) in wrecks {
        let what = format!("{name}, cut at {cut}");
        let report = world.run(&wreck.disk).unwrap();
        let ending = Ending::of(&wreck.disk);
        let mut complaints = ending.own_complaints();
        complaints.extend(check::row_complaints(&untyped(ending.rows()), &expected));
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
        for (cut, wreck) in without_staging(&stage, 5) {
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
        let wrecks = without_staging(&stage, 5);
        stage.world.play(&HISTORY[index + 1]);
        demand_full_load(&stage.world, HISTORY[index].name, &wrecks);
    }
}

#[test]
fn a_change_that_is_taken_back_after_staging_was_emptied_leaves_no_trace() {
    for (index, chapter) in HISTORY.iter().enumerate().skip(1) {
        let (stage, earlier) = Stage::with_source_before(World::new(), index);
        let wrecks = without_staging(&stage, 16);
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
        stage.world.clock.advance(Duration::from_hours(1));
        demand_full_load(&stage.world, chapter.name, &wrecks);
    }
}

/// Rows that only the outputs hold are carried over by where the record says that they stand.
#[test]
fn rows_are_never_carried_over_from_an_output_that_is_not_the_recorded_one() {
    let world = World {
        policies: Policies {
            on_delete: OnDelete::Retain,
            ..World::new().policies
        },
        ..World::new()
    };
    let disk = MemoryDisk::new();
    let source = &world.source;
    source.write("1/m.csv", b"id,kind,v\n1,x,1\n2,x,2\n".to_vec());
    source.write("1/n.csv", b"id,kind,v\n3,x,3\n".to_vec());
    let hour = Duration::from_hours(1);
    world.clock.advance(hour);
    world.run(&disk).unwrap();
    source.remove("1/n.csv");
    world.clock.advance(hour);
    world.run(&disk).unwrap();
    // Its rows now stand in front of the retained ones, in an output that nobody recorded.
    let output = Path::new(super::world::TARGET).join("day=1/kind=x/u000000.parquet");
    let recorded = read(&disk, &output);
    source.write("1/m.csv", b"id,kind,v\n1,x,1\n2,x,2\n9,x,9\n".to_vec());
    world.clock.advance(hour);
    let other = disk.crash(Survivors::All);
    world.run(&other).unwrap();
    write(&disk, &output, &read(&other, &output));
    let report = world.run(&disk).unwrap();
    let said = &report.errors[0].message;
    assert!(
        said.contains("day=1/kind=x/u000000.parquet is not what was recorded"),
        "{said}"
    );
    write(&disk, &output, &recorded);
    world.run(&disk).unwrap();
    assert_eq!(Ending::of(&disk).rows(), Ending::of(&other).rows());
}

fn read(disk: &MemoryDisk, path: &Path) -> Vec<u8> {
    let mut files = disk.files().into_iter();
    files.find(|(name, _)| name == path).unwrap().1
}

fn write(disk: &MemoryDisk, path: &Path, bytes: &[u8]) {
    let mut file = as_disk(disk).create(path).unwrap();
    file.write_all(bytes).unwrap();
    file.finish().unwrap();
}
