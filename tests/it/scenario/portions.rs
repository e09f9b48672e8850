//! Runs that go through many changes in portions end where one pass would.

use std::time::Duration;

use strandline::config::OnDelete;
use strandline::engine::RunError;
use strandline::model::{FileCounts, RunReport};
use strandline::source::Moment;

use super::read_back::read_back;
use super::world::{Setup, World};

fn world_in_portions_of(portion_files: usize) -> World {
    World::new(Setup {
        portion_files,
        unit_files: 4,
        unit_size: 1 << 20,
        ..Setup::default()
    })
}

fn run_later(world: &mut World) -> Result<RunReport, RunError> {
    world.clock.advance(Duration::from_mins(1));
    let report = world.run();
    world.clock.advance(Duration::from_mins(1));
    report
}

fn name(number: u32) -> String {
    format!("dt={}/{number:03}.csv", number % 3)
}

fn fill(world: &World, numbers: std::ops::Range<u32>) {
    for number in numbers {
        world.source.write(&name(number), format!("x\n{number}\n"));
    }
}

/// Plays a little history; returns what the reports count and which rows stand in the end.
fn play(portion_files: usize) -> (Vec<FileCounts>, Vec<String>) {
    let mut world = world_in_portions_of(portion_files);
    fill(&world, 0..40);
    world.source.write("bad.parquet", "no parquet");
    let first = run_later(&mut world).unwrap();
    for number in 0..9 {
        world.source.remove(&name(number));
    }
    for number in 10..15 {
        world.source.write(&name(number), format!("x\n{number}0\n"));
    }
    world.source.touch(&name(20));
    fill(&world, 40..50);
    let second = run_later(&mut world).unwrap();
    let third = run_later(&mut world).unwrap();
    let rows = read_back(&world.disk).rows();
    let rows = rows.iter().map(|row| format!("{row:?}")).collect();
    (vec![first.files, second.files, third.files], rows)
}

#[test]
fn portions_of_any_size_count_and_load_what_one_pass_does() {
    let whole = play(1000);
    assert_eq!(whole.0[0].added, 41);
    assert_eq!((whole.0[1].removed, whole.0[1].modified), (9, 5));
    assert_eq!(whole.0[2].unchanged, whole.0[2].listed);
    for portion_files in [1, 2, 7, 20] {
        let portioned = play(portion_files);
        assert_eq!(portioned.0, whole.0, "portions of {portion_files}");
        assert_eq!(portioned.1, whole.1, "portions of {portion_files}");
    }
}

#[test]
fn the_brake_judges_all_that_vanished_before_the_first_portion_is_taken_up() {
    let mut world = world_in_portions_of(1000);
    fill(&world, 0..150);
    run_later(&mut world).unwrap();
    let before = world.disk.files().len();
    for number in 0..101 {
        world.source.remove(&name(number));
    }
    world.setup.portion_files = 10;
    let refused = run_later(&mut world);
    assert!(matches!(refused, Err(RunError::Braked(brake)) if brake.vanished == 101));
    assert_eq!(world.disk.files().len(), before);
    fill(&world, 0..1);
    let report = run_later(&mut world).unwrap();
    assert_eq!(
        report.files.removed, 100,
        "a hundred may go, in portions as well"
    );
}

#[test]
fn a_budget_holds_over_all_portions() {
    let mut world = world_in_portions_of(3);
    world.setup.max_files = Some(7);
    fill(&world, 0..20);
    let report = run_later(&mut world).unwrap();
    assert_eq!((report.files.added, report.files.deferred), (20, 13));
    assert_eq!(read_back(&world.disk).rows().len(), 7);
}

#[test]
fn renames_are_told_however_many_new_files_come_with_them() {
    for on_delete in [OnDelete::Remove, OnDelete::Retain] {
        let mut world = world_in_portions_of(1000);
        world.setup.on_delete = on_delete;
        fill(&world, 0..12);
        run_later(&mut world).unwrap();
        let rows = read_back(&world.disk).rows();
        for number in 0..12 {
            let to = format!("z/{}", name(number));
            world.source.rename(&name(number), &to);
        }
        fill(&world, 100..110);
        world.setup.portion_files = 2;
        let report = run_later(&mut world).unwrap();
        assert_eq!((report.files.renamed, report.files.added), (12, 10));
        assert_eq!(read_back(&world.disk).rows().len(), rows.len() + 10);
    }
}

#[test]
fn a_later_portion_lets_files_settle_that_are_young_by_then() {
    let mut world = world_in_portions_of(1);
    fill(&world, 0..1);
    world.source.write("z.csv", "x\n7\n");
    let (source, clock) = (world.source.clone(), world.clock.clone());
    let first = name(0);
    world.faulty.once(&first, Moment::Reading, move || {
        clock.advance(Duration::from_mins(10));
        source.write("z.csv", "x\n7\n8");
    });
    let report = run_later(&mut world).unwrap();
    assert_eq!(report.files.unsettled, 1, "{report:?}");
    assert_eq!(read_back(&world.disk).rows().len(), 1);
    run_later(&mut world).unwrap();
    assert_eq!(read_back(&world.disk).rows().len(), 3);
}
