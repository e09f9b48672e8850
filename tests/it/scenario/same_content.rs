//! `--same-content skip`, alone and with the other policies: whatever happens, the same bytes count once.

use std::time::Duration;

use strandline::config::{OnDelete, OnModify, SameContent};
use strandline::engine::{self, Control};
use strandline::model::RunReport;

use super::read_back::read_back;
use super::world::{Setup, World};

const ONE: &str = "x\n1\n";
const TWO: &str = "x\n2\n";

/// A world in which the files were loaded once.
fn world(setup: &Setup, files: &[(&str, &str)]) -> World {
    let mut world = World::new(Setup {
        settle: Duration::ZERO,
        same_content: SameContent::Skip,
        ..setup.clone()
    });
    let max_files = world.setup.max_files.take();
    for (path, text) in files {
        world.source.write(path, *text);
    }
    run(&world);
    world.setup.max_files = max_files;
    world
}

fn run(world: &World) -> RunReport {
    world.clock.advance(Duration::from_mins(1));
    engine::run(&world.pipeline(), &Control::default()).unwrap()
}

/// The files that have rows, each with the values of its rows.
fn loaded(world: &World) -> Vec<String> {
    let contents = read_back(&world.disk);
    let by_file = contents.by_file.into_iter();
    let with_rows = by_file.filter(|(_, rows)| !rows.is_empty());
    let text = with_rows.map(|(path, rows)| {
        let values: Vec<&str> = rows.iter().map(|row| &*row["x"]).collect();
        format!("{path} {}", values.join(","))
    });
    text.collect()
}

#[track_caller]
fn assert_loaded(world: &World, files: &[&str]) {
    run(world);
    assert_eq!(loaded(world), files);
    assert_eq!(run(world).units.planned, 0);
    assert_eq!(loaded(world), files);
}

fn retain() -> Setup {
    Setup {
        on_delete: OnDelete::Retain,
        ..Setup::default()
    }
}

fn ignore() -> Setup {
    Setup {
        on_modify: OnModify::Ignore,
        ..Setup::default()
    }
}

fn one_file_at_a_time() -> Setup {
    Setup {
        max_files: Some(1),
        ..Setup::default()
    }
}

#[test]
fn the_first_name_counts_and_when_it_goes_the_next_steps_in() {
    let world = world(&Setup::default(), &[("b.csv", ONE), ("c.csv", ONE)]);
    assert_loaded(&world, &["b.csv 1"]);
    world.source.write("a.csv", ONE);
    assert_loaded(&world, &["a.csv 1"]);
    world.source.remove("a.csv");
    assert_loaded(&world, &["b.csv 1"]);
    world.source.write("b.csv", TWO);
    assert_loaded(&world, &["b.csv 2", "c.csv 1"]);
}

#[test]
fn a_file_that_is_renamed_keeps_its_rows_where_no_other_name_has_its_bytes() {
    let world = world(&retain(), &[("a.csv", ONE)]);
    world.source.rename("a.csv", "b.csv");
    let report = run(&world);
    assert_eq!((report.files.renamed, report.units.planned), (1, 0));
    assert_loaded(&world, &["b.csv 1"]);
}

#[test]
fn a_first_name_that_has_to_wait_takes_nothing_from_the_one_that_counts() {
    let world = world(&one_file_at_a_time(), &[("c.csv", ONE)]);
    world.source.write("a.csv", TWO);
    world.source.write("b.csv", ONE);
    run(&world);
    assert!(loaded(&world).iter().any(|file| file.ends_with(" 1")));
    assert_loaded(&world, &["a.csv 2", "b.csv 1"]);
}

#[test]
fn new_names_of_new_bytes_wait_together() {
    let world = world(&one_file_at_a_time(), &[]);
    world.source.write("a.csv", TWO);
    world.source.write("b.csv", ONE);
    world.source.write("c.csv", ONE);
    assert_eq!(run(&world).files.deferred, 2);
    assert_eq!(loaded(&world), ["a.csv 2"]);
    // The first of those that wait goes before it was ever taken.
    world.source.remove("b.csv");
    assert_loaded(&world, &["a.csv 2", "c.csv 1"]);
}

#[test]
fn the_next_name_steps_in_at_once_whatever_the_limit_is() {
    let world = world(&one_file_at_a_time(), &[("b.csv", ONE), ("c.csv", ONE)]);
    world.source.remove("b.csv");
    world.source.write("a.csv", TWO);
    run(&world);
    assert_eq!(loaded(&world), ["a.csv 2", "c.csv 1"]);
    assert_loaded(&world, &["a.csv 2", "c.csv 1"]);
}

#[test]
fn a_first_name_that_changes_is_not_held_back_while_the_next_steps_in() {
    let world = world(&one_file_at_a_time(), &[("b.csv", ONE), ("c.csv", ONE)]);
    world.source.write("a.csv", "x\n3\n");
    world.source.write("b.csv", TWO);
    run(&world);
    let files = loaded(&world);
    assert!(!files.contains(&"b.csv 1".to_owned()), "{files:?}");
    assert_loaded(&world, &["a.csv 3", "b.csv 2", "c.csv 1"]);
}

#[test]
fn a_first_name_that_is_frozen_counts_with_the_bytes_that_were_loaded() {
    let world = world(&ignore(), &[("a.csv", ONE), ("b.csv", ONE)]);
    world.source.write("a.csv", TWO);
    assert_loaded(&world, &["a.csv 1"]);
    // Nobody has loaded what the frozen file holds now.
    world.source.write("c.csv", TWO);
    assert_loaded(&world, &["a.csv 1", "c.csv 2"]);
    world.source.write("0.csv", ONE);
    assert_loaded(&world, &["a.csv 1", "c.csv 2"]);
    world.source.remove("a.csv");
    assert_loaded(&world, &["0.csv 1", "c.csv 2"]);
}

#[test]
fn a_frozen_name_that_may_change_again_competes_with_what_it_holds() {
    let mut world = world(&ignore(), &[("a.csv", ONE), ("b.csv", ONE)]);
    world.source.write("a.csv", TWO);
    world.source.write("c.csv", TWO);
    assert_loaded(&world, &["a.csv 1", "c.csv 2"]);
    world.setup.on_modify = OnModify::Replace;
    assert_loaded(&world, &["a.csv 2", "b.csv 1"]);
}

#[test]
fn a_first_name_that_is_retained_counts_and_no_other_steps_in() {
    let world = world(&retain(), &[("b.csv", ONE), ("c.csv", ONE)]);
    world.source.remove("b.csv");
    assert_loaded(&world, &["b.csv 1"]);
    world.source.write("a.csv", ONE);
    assert_loaded(&world, &["b.csv 1"]);
    world.source.remove("a.csv");
    world.source.remove("c.csv");
    assert_loaded(&world, &["b.csv 1"]);
    world.source.write("a.csv", ONE);
    world.source.write("b.csv", TWO);
    assert_loaded(&world, &["a.csv 1", "b.csv 2"]);
}

#[test]
fn a_retained_name_that_comes_back_competes_again() {
    let world = world(&retain(), &[("b.csv", ONE), ("c.csv", ONE)]);
    world.source.remove("b.csv");
    world.source.write("a.csv", ONE);
    assert_loaded(&world, &["b.csv 1"]);
    world.source.write("b.csv", ONE);
    assert_loaded(&world, &["a.csv 1"]);
}

#[test]
fn a_retained_name_that_is_to_go_after_all_makes_room_for_the_next() {
    let mut world = world(&retain(), &[("b.csv", ONE), ("c.csv", ONE)]);
    world.source.remove("b.csv");
    assert_loaded(&world, &["b.csv 1"]);
    world.setup.on_delete = OnDelete::Remove;
    assert_loaded(&world, &["c.csv 1"]);
}

#[test]
fn doubles_that_were_loaded_before_the_policy_held_count_once() {
    let mut world = world(&Setup::default(), &[]);
    world.setup.same_content = SameContent::Load;
    for name in ["a.csv", "b.csv", "dt=1/c.csv"] {
        world.source.write(name, ONE);
    }
    assert_loaded(&world, &["a.csv 1", "b.csv 1", "dt=1/c.csv 1"]);
    world.setup.same_content = SameContent::Skip;
    assert_loaded(&world, &["a.csv 1"]);
}

#[test]
fn a_first_name_that_is_bad_leaves_its_place_to_the_next() {
    let world = world(&Setup::default(), &[("a.parquet", ONE), ("b.csv", ONE)]);
    assert_loaded(&world, &["b.csv 1"]);
    engine::retry_quarantined(&world.target(), None).unwrap();
    run(&world);
    assert_loaded(&world, &["b.csv 1"]);
}

#[test]
fn a_name_that_is_tried_again_and_stays_bad_does_not_count_beside_its_earlier_rows() {
    let world = world(&Setup::default(), &[("a.csv", ONE), ("b.csv", ONE)]);
    world.source.write("a.csv", "x\n1,2,3\n");
    assert_loaded(&world, &["a.csv 1"]);
    engine::retry_quarantined(&world.target(), None).unwrap();
    run(&world);
    assert_loaded(&world, &["a.csv 1"]);
}
