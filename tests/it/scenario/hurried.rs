//! Runs whose time is over at any moment take no more work, remove nothing that they did not look for, and end well.

use std::time::Duration;

use strandline::config::{Limits, OnDelete, Repeat};
use strandline::engine::{Control, Passes, Pipeline};
use strandline::model::{ErrorKind, RunLimit, RunReport, RunStatus};
use strandline::source::Moment;

use super::read_back::read_back;
use super::rows::CAPTURES;
use super::world::{Setup, World};
use crate::support::is_nightly;

fn world(setup: &Setup) -> World {
    World::new(Setup {
        threads: 1,
        unit_files: 2,
        unit_size: 1 << 20,
        ..setup.clone()
    })
}

fn name(number: u32) -> String {
    format!("dt={}/{number:03}.csv", number % 4)
}

fn fill(world: &World, numbers: std::ops::Range<u32>) {
    for number in numbers {
        world.source.write(&name(number), format!("x\n{number}\n"));
    }
    later(world);
}

fn later(world: &World) {
    world.clock.advance(Duration::from_mins(1));
}

fn hurried(world: &mut World, looks: u64) -> RunReport {
    world.looks = Some(looks);
    let report = world.run().unwrap();
    world.looks = None;
    report
}

fn told(report: &RunReport) -> Vec<&str> {
    let limits = report.errors.iter();
    let limits = limits.filter(|error| error.kind == ErrorKind::Limit);
    limits.map(|error| error.message.as_str()).collect()
}

#[test]
fn a_run_whose_time_is_over_finishes_what_it_has_begun_and_leaves_the_rest() {
    let mut world = world(&Setup::default());
    fill(&world, 0..8);
    let clock = world.clock.clone();
    world.faulty.once(&name(0), Moment::Reading, move || {
        clock.advance(Duration::from_mins(10));
    });
    let pipeline = Pipeline {
        limits: Limits {
            max_duration: Some(Duration::from_mins(10)),
            ..world.pipeline().limits
        },
        ..world.pipeline()
    };
    let report = pipeline.run().unwrap();
    assert_eq!(report.status, RunStatus::Partial);
    assert_eq!(report.stopped_by, Some(RunLimit::MaxDuration));
    assert_eq!((report.units.planned, report.units.written), (4, 1));
    assert_eq!((report.files.added, report.files.deferred), (8, 6));
    assert_eq!(report.errors, []);
    assert!(!report.checkpoint && report.watermark.is_none());
    assert_eq!(read_back(&world.disk).rows().len(), 2);
    later(&world);
    let report = world.run().unwrap();
    assert_eq!(report.status, RunStatus::Done);
    assert!(report.checkpoint && report.stopped_by.is_none());
    assert_eq!((report.rows.read, report.files.deferred), (6, 0));
}

#[test]
fn time_that_is_over_when_nothing_is_left_to_do_leaves_a_whole_run() {
    let mut world = world(&Setup::default());
    fill(&world, 0..2);
    let clock = world.clock.clone();
    world.faulty.once(&name(1), Moment::Reading, move || {
        clock.advance(Duration::from_mins(10));
    });
    world.setup.unit_files = 100;
    let pipeline = Pipeline {
        limits: Limits {
            max_duration: Some(Duration::from_mins(1)),
            ..world.pipeline().limits
        },
        ..world.pipeline()
    };
    // One unit for each partition, and the time is over in the last.
    let report = pipeline.run().unwrap();
    assert_eq!(report.status, RunStatus::Done);
    assert_eq!(report.stopped_by, None);
    assert!(report.checkpoint);
}

/// Lets the time of a run be over after any number of looks at the clock, and then another one finish.
fn at_any_look(setup: &Setup, change: impl Fn(&World)) -> Vec<RunReport> {
    let mut reports = Vec::new();
    for looks in 1.. {
        let mut world = world(setup);
        fill(&world, 0..12);
        world.run().unwrap();
        let rows = read_back(&world.disk).rows();
        change(&world);
        later(&world);
        let report = hurried(&mut world, looks);
        if report.units.planned == 0 && report.outputs.removed == 0 {
            assert_eq!(read_back(&world.disk).rows(), rows, "{looks}: {report:?}");
        }
        let is_whole = report.stopped_by.is_none();
        assert_eq!(report.status == RunStatus::Done, is_whole, "{report:?}");
        assert_eq!(report.checkpoint, is_whole);
        reports.push(report);
        later(&world);
        world.run().unwrap();
        if is_nightly() || looks % 3 == 0 {
            world.check_fresh();
        }
        if is_whole {
            return reports;
        }
    }
    reports
}

#[test]
fn wherever_the_time_is_over_nothing_goes_that_was_not_looked_for_and_the_next_run_ends_it() {
    let reports = at_any_look(&Setup::default(), |world| {
        for number in 0..3 {
            world.source.remove(&name(number));
        }
        for number in 3..5 {
            world.source.write(&name(number), format!("x\n{number}0\n"));
        }
        for number in 5..8 {
            let to = format!("dt={}/z{number}.csv", number % 4);
            world.source.rename(&name(number), &to);
        }
        world.source.touch(&name(10));
        fill(world, 12..18);
    });
    let cut = |report: &&RunReport| told(report).iter().any(|told| told.contains(" was listed"));
    let unbuilt = |report: &&RunReport| {
        told(report)
            .iter()
            .any(|told| told.contains("nothing was built"))
    };
    let (cut, unbuilt): (Vec<_>, Vec<_>) = (
        reports.iter().filter(cut).collect(),
        reports.iter().filter(unbuilt).collect(),
    );
    assert!(cut.len() > 5 && !unbuilt.is_empty(), "{reports:?}");
    for report in cut {
        let files = &report.files;
        assert_eq!((files.removed, files.added, files.modified), (0, 0, 0));
        assert_eq!(told(report).len(), 1);
    }
    let begun = reports.iter().filter(|report| told(report).is_empty());
    assert!(begun.count() > 2, "{reports:?}");
}

#[test]
fn a_vanished_file_waits_for_new_ones_that_may_be_it_under_another_name() {
    let setup = Setup {
        on_delete: OnDelete::Retain,
        ..Setup::default()
    };
    for looks in 1.. {
        let mut world = world(&setup);
        fill(&world, 0..8);
        world.run().unwrap();
        for number in 0..8 {
            let to = format!("dt={}/z{number}.csv", number % 4);
            world.source.rename(&name(number), &to);
        }
        later(&world);
        let report = hurried(&mut world, looks);
        later(&world);
        let last = world.run().unwrap();
        // A rename that was not seen would leave its rows twice.
        assert_eq!(read_back(&world.disk).rows().len(), 8, "{looks}");
        if report.stopped_by.is_none() {
            assert_eq!((last.units.planned, report.files.renamed), (0, 8));
            break;
        }
        assert_eq!(report.files.renamed + last.files.renamed, 8, "{looks}");
    }
}

#[test]
fn rows_that_move_to_another_partition_stand_in_one_place_wherever_the_time_is_over() {
    for looks in 1.. {
        let mut world = world(&Setup::default());
        for number in 0..6 {
            let path = format!("dt=3/x/{number}.csv");
            world.source.write(&path, format!("x\n{number}\n"));
        }
        later(&world);
        world.run().unwrap();
        world.definition.captures = vec![CAPTURES.to_owned()];
        later(&world);
        let report = hurried(&mut world, looks);
        assert_eq!(
            read_back(&world.disk).rows().len(),
            6,
            "{looks}: {report:?}"
        );
        later(&world);
        let last = world.run().unwrap();
        assert_eq!(read_back(&world.disk).rows().len(), 6, "{looks}");
        assert!(last.checkpoint, "{last:?}");
        if report.stopped_by.is_none() {
            assert_eq!(last.units.planned, 0);
            break;
        }
    }
}

#[test]
fn a_portion_that_is_not_begun_is_counted() {
    let mut world = world(&Setup {
        portion_files: 5,
        ..Setup::default()
    });
    fill(&world, 0..20);
    let clock = world.clock.clone();
    // The last one of the first portion.
    let paths = world.paths();
    world.faulty.once(&paths[4], Moment::Reading, move || {
        clock.advance(Duration::from_mins(10));
    });
    let pipeline = Pipeline {
        limits: Limits {
            max_duration: Some(Duration::from_mins(1)),
            ..world.pipeline().limits
        },
        ..world.pipeline()
    };
    let report = pipeline.run().unwrap();
    assert_eq!((report.files.added, report.files.deferred), (20, 15));
    assert_eq!(report.status, RunStatus::Partial);
    let report = world.run().unwrap();
    assert_eq!((report.files.added, report.status), (15, RunStatus::Done));
}

/// Makes passes until they are over.
fn passes(world: &World, limits: Limits) -> Vec<RunReport> {
    let pipeline = Pipeline {
        limits: Limits {
            repeat: Repeat::UntilComplete,
            ..limits
        },
        ..world.pipeline()
    };
    let mut passes = Passes::begin(&pipeline);
    let mut reports = Vec::new();
    while !passes.are_over() {
        reports.push(passes.next(&pipeline, &Control::default()).unwrap());
        assert!(reports.len() < 50, "it never ends");
    }
    reports
}

#[test]
fn passes_follow_one_another_until_nothing_is_left() {
    let world = world(&Setup::default());
    fill(&world, 0..10);
    let limits = Limits {
        max_files: Some(3),
        ..world.pipeline().limits
    };
    let reports = passes(&world, limits);
    let left: Vec<u64> = reports.iter().map(|report| report.files.deferred).collect();
    assert_eq!(left, [7, 4, 1, 0]);
    assert_eq!(reports[3].status, RunStatus::Done);
    let ids: Vec<u64> = reports.iter().map(|report| report.run_id.0).collect();
    assert_eq!(ids, [0, 1, 2, 3]);
    assert_eq!(read_back(&world.disk).rows().len(), 10);
}

#[test]
fn the_time_is_for_all_passes_together() {
    let world = world(&Setup::default());
    fill(&world, 0..10);
    for number in [0, 1] {
        let clock = world.clock.clone();
        world
            .faulty
            .once(&world.paths()[number * 3], Moment::Reading, move || {
                clock.advance(Duration::from_mins(6));
            });
    }
    let limits = Limits {
        max_files: Some(3),
        max_duration: Some(Duration::from_mins(10)),
        ..world.pipeline().limits
    };
    let reports = passes(&world, limits);
    assert_eq!(reports.len(), 2);
    assert_eq!(reports[0].stopped_by, None);
    assert_eq!(reports[1].stopped_by, Some(RunLimit::MaxDuration));
    assert!(reports[1].files.deferred > 0);
}

#[test]
fn passes_end_where_none_gets_further() {
    let world = world(&Setup {
        settle: Duration::ZERO,
        ..Setup::default()
    });
    fill(&world, 0..3);
    // Somebody keeps writing to the only file that there is room for.
    for round in 0..50u32 {
        let source = world.source.clone();
        world.faulty.once(&name(0), Moment::Reading, move || {
            source.write(&name(0), format!("x\n{round}\n{round}\n"));
        });
    }
    let limits = Limits {
        max_files: Some(1),
        ..world.pipeline().limits
    };
    let reports = passes(&world, limits);
    assert!(reports.len() < 5, "{}", reports.len());
    let last = reports.last().unwrap();
    assert_eq!(last.status, RunStatus::Partial);
    assert_eq!(last.stopped_by, None);
    assert_eq!(last.files.deferred, 2);
}
