//! What went wrong for others, told in one sentence each, and does not go wrong here.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use strandline::durable::{Disk, FaultyDisk, MemoryDisk};
use strandline::engine::{self, Control, RunError};
use strandline::model::{KeyRange, RunStatus};
use strandline::source::Moment;

use super::read_back::read_back;
use super::world::{STATE, Setup, TARGET, World};

fn world(files: &[(&str, &str)]) -> World {
    world_of(Setup::default(), files)
}

fn world_of(setup: Setup, files: &[(&str, &str)]) -> World {
    let world = World::new(setup);
    for (path, text) in files {
        world.source.write(path, *text);
    }
    world.clock.advance(Duration::from_mins(1));
    world
}

fn later(world: &World) {
    world.clock.advance(Duration::from_mins(1));
}

fn outputs(disk: &MemoryDisk) -> Vec<(PathBuf, Vec<u8>)> {
    let is_output = |path: &Path| path.extension().is_some_and(|end| end == "parquet");
    let files = disk.files().into_iter();
    files
        .filter(|(path, _)| is_output(path) && path.starts_with(TARGET))
        .collect()
}

/// A file of `rows` rows that belong to `partitions` partitions in turn.
fn routed(rows: u32, partitions: u32) -> String {
    let rows = (0..rows).map(|row| format!("{},{row}\n", row % partitions));
    std::iter::once("k,x\n".to_owned()).chain(rows).collect()
}

#[test]
fn a_file_that_shrinks_or_moves_leaves_no_row_behind_and_an_empty_partition_no_directory() {
    let mut world = world(&[("dt=1/a.csv", "x\n1\n2\n3\n"), ("dt=2/b.csv", "x\n4\n")]);
    world.run().unwrap();
    world.source.write("dt=1/a.csv", "x\n1\n");
    later(&world);
    world.run().unwrap();
    assert_eq!(read_back(&world.disk).rows().len(), 2);
    world.source.rename("dt=2/b.csv", "dt=1/b.csv");
    later(&world);
    world.run().unwrap();
    assert_eq!(read_back(&world.disk).rows().len(), 2);
    assert_eq!(world.disk.look(Path::new("/out/dt=2")).unwrap(), None);
    assert!(world.disk.look(Path::new("/out/dt=1")).unwrap().is_some());
}

#[test]
fn a_target_with_outputs_and_no_ledger_is_refused() {
    let mut world = world(&[("a.csv", "x\n1\n")]);
    world.run().unwrap();
    let before = outputs(&world.disk);
    world.lose_ledger();
    let refused = engine::run(&world.pipeline(), &Control::default());
    assert!(matches!(
        refused,
        Err(RunError::LedgerMissing { outputs: 1, .. })
    ));
    assert_eq!(outputs(&world.disk), before);
    world.recover();
    let report = world.run().unwrap();
    assert_eq!(
        report.outputs.written, 0,
        "recovered outputs are not written again"
    );
}

#[test]
fn a_target_that_lost_its_ledger_before_it_had_an_output_can_be_recovered() {
    let mut world = world(&[]);
    world.run().unwrap();
    world.lose_ledger();
    let refused = engine::run(&world.pipeline(), &Control::default());
    assert!(matches!(
        refused,
        Err(RunError::LedgerMissing { outputs: 0, .. })
    ));
    world.recover();
    world.run().unwrap();
}

#[test]
fn a_target_that_belongs_to_another_ledger_is_refused() {
    let mut world = world(&[("a.csv", "x\n1\n")]);
    world.run().unwrap();
    let mut elsewhere = world.pipeline();
    elsewhere.target.state = PathBuf::from("/elsewhere");
    world.disk.create_dir_all(Path::new("/elsewhere")).unwrap();
    let other = self::world(&[("other.csv", "x\n1\n")]);
    other.clock.advance(Duration::from_secs(1));
    engine::run(&other.pipeline(), &Control::default()).unwrap();
    let ledger = Path::new(STATE).join("ledger.redb");
    let (_, bytes) = other
        .disk
        .files()
        .into_iter()
        .find(|(path, _)| *path == ledger)
        .unwrap();
    let mut copy = world
        .disk
        .create(Path::new("/elsewhere/ledger.redb"))
        .unwrap();
    std::io::Write::write_all(&mut copy, &bytes).unwrap();
    copy.finish().unwrap();
    let refused = engine::run(&elsewhere, &Control::default());
    assert!(
        matches!(refused, Err(RunError::Foreign { .. })),
        "{refused:?}"
    );
}

#[test]
fn the_brake_stops_the_run_before_anything_is_removed() {
    let mut world = world(&[]);
    for number in 0..150 {
        world.source.write(&format!("{number:03}.csv"), "x\n1\n");
    }
    later(&world);
    world.setup.unit_files = 50;
    world.setup.unit_size = 1 << 20;
    world.run().unwrap();
    let before = outputs(&world.disk);
    for number in 0..101 {
        world.source.remove(&format!("{number:03}.csv"));
    }
    let refused = engine::run(&world.pipeline(), &Control::default());
    assert!(matches!(refused, Err(RunError::Braked(brake)) if brake.vanished == 101));
    assert_eq!(outputs(&world.disk), before);
}

#[test]
fn a_listing_that_is_incomplete_deletes_nothing() {
    let mut world = world(&[("dt=1/a.csv", "x\n1\n"), ("dt=2/b.csv", "x\n2\n")]);
    world.run().unwrap();
    world.source.remove("dt=1/a.csv");
    let hidden = KeyRange::below("dt=1/");
    world
        .faulty
        .hide(hidden.clone(), ErrorKind::PermissionDenied);
    world.hidden.push(hidden);
    let report = world.run().unwrap();
    assert_eq!(
        (report.status, report.files.removed),
        (RunStatus::Incomplete, 0)
    );
    assert_eq!(read_back(&world.disk).rows().len(), 2);
    assert_eq!(world.run().unwrap().files.removed, 1);
}

/// A lister that does not keep byte order told of trouble behind the next file, and the files that it hides had been
/// taken for removed by then.
#[test]
fn trouble_that_is_told_behind_the_files_it_hides_removes_none_of_them() {
    let mut world = world(&[
        ("a.csv", "x\n1\n"),
        ("b.csv", "x\n2\n"),
        ("c.csv", "x\n3\n"),
    ]);
    world.run().unwrap();
    world.source.remove("b.csv");
    let hidden = KeyRange::only("a.csv");
    world.faulty.hide(hidden.clone(), ErrorKind::TimedOut);
    world.faulty.reverse(KeyRange::all());
    world.hidden.push(hidden);
    let report = world.run().unwrap();
    assert_eq!(
        (report.status, report.files.removed, report.files.unreadable),
        (RunStatus::Incomplete, 1, 1),
        "the file that is gone is no part of what is hidden"
    );
    assert_eq!(read_back(&world.disk).rows().len(), 2);
    assert_eq!(world.run().unwrap().files.unchanged, 2);
}

#[test]
fn the_same_bytes_sent_again_cause_no_work() {
    let mut world = world(&[("a.csv", "x\n1\n"), ("b.csv", "x\n2\n")]);
    world.run().unwrap();
    let before = outputs(&world.disk);
    later(&world);
    world.source.replace("a.csv", "x\n1\n");
    world.source.touch("b.csv");
    later(&world);
    let report = world.run().unwrap();
    assert_eq!(
        (
            report.files.touched,
            report.units.planned,
            report.outputs.written
        ),
        (2, 0, 0)
    );
    assert_eq!(outputs(&world.disk), before);
}

#[test]
fn a_fan_out_into_two_thousand_partitions_loses_no_row() {
    let text = routed(4000, 2000);
    let setup = Setup {
        partition_by: true,
        unit_size: 1 << 20,
        ..Setup::default()
    };
    let mut world = world_of(setup, &[("a.csv", &text)]);
    world.run().unwrap();
    assert_eq!(outputs(&world.disk).len(), 2000);
    assert_eq!(read_back(&world.disk).rows().len(), 4000);
}

#[test]
fn neither_the_memory_budget_nor_the_number_of_threads_changes_a_byte() {
    let text = routed(3000, 5);
    let files = [
        ("a.csv", text.as_str()),
        ("b.csv", &text),
        ("c.csv", "k,more\n1,2\n"),
    ];
    let bytes_with = |memory, threads| {
        let setup = Setup {
            partition_by: true,
            unit_size: 1 << 20,
            unit_files: 2,
            memory,
            threads,
            ..Setup::default()
        };
        let mut world = world_of(setup, &files);
        world.run().unwrap();
        outputs(&world.disk)
    };
    let roomy = bytes_with(64 << 20, 1);
    assert_eq!(roomy.len(), 6);
    for (memory, threads) in [(1024, 1), (1024, 4), (64 << 20, 3)] {
        assert!(
            bytes_with(memory, threads) == roomy,
            "{memory} bytes, {threads} threads"
        );
    }
}

#[test]
fn one_bad_file_blocks_nothing_and_is_tried_again_when_its_content_changes() {
    let mut world = world(&[("a.csv", "x\n1\n"), ("b.ndjson", "{\"x\":")]);
    let report = world.run().unwrap();
    assert_eq!(
        (report.status, report.files.quarantined),
        (RunStatus::Quarantined, 1)
    );
    assert_eq!(read_back(&world.disk).rows().len(), 1);
    later(&world);
    world.run().unwrap();
    let opens = world.counting.opens();
    assert_eq!(world.run().unwrap().status, RunStatus::Quarantined);
    assert_eq!(
        world.counting.opens(),
        opens,
        "a bad file is not read for nothing"
    );
    world.source.write("b.ndjson", "{\"x\":2}\n");
    later(&world);
    assert_eq!(world.run().unwrap().status, RunStatus::Done);
    assert_eq!(read_back(&world.disk).rows().len(), 2);
}

#[test]
fn a_read_that_fails_for_the_moment_never_quarantines() {
    let mut world = world(&[("a.csv", "x\n1\n"), ("b.csv", "x\n2\n")]);
    for moment in [Moment::Opening, Moment::Reading] {
        world.faulty.fail("a.csv", moment, ErrorKind::TimedOut, 10);
        let report = world.run().unwrap();
        assert_eq!(
            (report.status, report.files.quarantined),
            (RunStatus::Incomplete, 0)
        );
        world.faulty.heal();
    }
    assert_eq!(world.run().unwrap().status, RunStatus::Done);
    assert_eq!(read_back(&world.disk).rows().len(), 2);
}

#[test]
fn a_second_run_is_refused_while_one_holds_the_lock() {
    let mut world = world(&[("a.csv", "x\n1\n")]);
    world.run().unwrap();
    let lock = Path::new(STATE).join("lock");
    let held = world
        .disk
        .try_lock(&lock, "somebody")
        .unwrap()
        .expect("nobody holds it");
    let refused = engine::run(&world.pipeline(), &Control::default());
    assert!(matches!(refused, Err(RunError::Held { .. })), "{refused:?}");
    drop(held);
    world.run().unwrap();
}

#[test]
fn a_run_that_lost_its_lock_publishes_nothing_more() {
    let world = world(&[("a.csv", "x\n1\n")]);
    let disk = world.disk.clone();
    world.faulty.once("a.csv", Moment::Reading, move || {
        disk.remove_file(&Path::new(STATE).join("lock")).unwrap();
    });
    let refused = engine::run(&world.pipeline(), &Control::default());
    assert!(matches!(refused, Err(RunError::LeaseLost)), "{refused:?}");
    assert_eq!(outputs(&world.disk), []);
}

#[test]
fn outputs_that_did_not_change_are_not_touched() {
    let mut world = world(&[("dt=1/a.csv", "x\n1\n"), ("dt=2/b.csv", "x\n2\n")]);
    world.run().unwrap();
    world.faulty_disk = FaultyDisk::new(Arc::new(world.disk.clone()));
    world.source.write("dt=1/a.csv", "x\n7\n");
    later(&world);
    world.run().unwrap();
    let other = Path::new(TARGET).join("dt=2");
    assert!(
        world
            .faulty_disk
            .history()
            .iter()
            .all(|step| !step.path.starts_with(&other))
    );
}

#[test]
fn a_changed_file_beyond_the_limit_comes_in_if_its_unit_is_built_anyway() {
    let setup = Setup {
        max_files: Some(1),
        unit_size: 1 << 20,
        ..Setup::default()
    };
    let files = [
        ("a.csv", "x\n1\n"),
        ("b.csv", "x\n2\n"),
        ("c.csv", "x\n3\n"),
    ];
    let mut world = world_of(setup, &files);
    world.setup.max_files = None;
    world.run().unwrap();
    world.setup.max_files = Some(1);
    world.source.write("a.csv", "x\n7\n");
    world.source.write("b.csv", "x\n8\n");
    world.source.write("z.csv", "x\n9\n");
    later(&world);
    let report = world.run().unwrap();
    let files = &report.files;
    assert_eq!((files.deferred, files.unsettled), (1, 0), "{report:?}");
    assert_eq!(report.status, RunStatus::Partial);
    assert_eq!(report.errors, []);
    let ids: Vec<String> = read_back(&world.disk)
        .rows()
        .into_iter()
        .map(|row| row["x"].clone())
        .collect();
    assert_eq!(ids, ["3", "7", "8"]);
    assert_eq!(world.run().unwrap().status, RunStatus::Done);
    assert_eq!(world.run().unwrap().units.planned, 0);
}

#[test]
fn a_changed_file_beyond_the_limit_comes_in_if_a_wider_type_has_its_unit_built() {
    let setup = Setup {
        unit_files: 1,
        ..Setup::default()
    };
    let mut world = world_of(setup, &[("a.csv", "x\n1\n"), ("b.csv", "x\n2\n")]);
    world.run().unwrap();
    world.setup.max_files = Some(1);
    world.source.write("a.csv", "x\nwide\n");
    world.source.write("b.csv", "x\n8\n");
    later(&world);
    let report = world.run().unwrap();
    let files = &report.files;
    assert_eq!((files.deferred, files.unsettled), (0, 0), "{report:?}");
    assert_eq!(report.status, RunStatus::Done);
    assert_eq!(world.run().unwrap().units.planned, 0);
}

#[test]
fn a_changed_file_beyond_the_limit_comes_in_if_a_later_portion_has_its_unit_built() {
    let setup = Setup {
        unit_size: 1 << 20,
        ..Setup::default()
    };
    let files = [
        ("0/a.csv", "x\n1\n"),
        ("1/b.csv", "x\n2\n"),
        ("1/c.csv", "x\n3\n"),
    ];
    let mut world = world_of(setup, &files);
    world.run().unwrap();
    world.setup.max_files = Some(1);
    world.setup.portion_files = 2;
    world.source.write("0/a.csv", "x\n7\n");
    world.source.write("1/b.csv", "x\n8\n");
    world.source.remove("1/c.csv");
    later(&world);
    let report = world.run().unwrap();
    let files = &report.files;
    assert_eq!((files.deferred, files.unsettled), (0, 0), "{report:?}");
    assert_eq!(world.run().unwrap().units.planned, 0);
}
