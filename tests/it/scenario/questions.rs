//! What is answered without a run: a plan, and a check.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use strandline::config::OnDelete;
use strandline::engine::{self, Control, Depth, PlanReport, RunError};

use super::world::{Setup, World};

fn world(setup: &Setup, files: &[(&str, &str)]) -> World {
    let mut world = World::new(Setup {
        unit_size: 1 << 20,
        ..setup.clone()
    });
    for (path, text) in files {
        world.source.write(path, *text);
    }
    world.clock.advance(Duration::from_mins(1));
    world.run().unwrap();
    world
}

fn plan(world: &World) -> PlanReport {
    world.clock.advance(Duration::from_mins(1));
    engine::preview(&world.pipeline(), &Control::default()).unwrap()
}

#[test]
fn a_plan_counts_the_bytes_that_a_run_would_read() {
    let files = [
        ("a.csv", "x\n1\n"),
        ("b.csv", "x\n2\n"),
        ("c.csv", "x\n3\n"),
    ];
    let world = world(&Setup::default(), &files);
    world.source.remove("a.csv");
    world.source.write("b.csv", "x\n22\n");
    let plan = plan(&world);
    let [unit] = &plan.units[..] else {
        panic!("{plan:?}")
    };
    assert_eq!((unit.members, unit.bytes), (2, 5 + 4));
}

#[test]
fn a_plan_does_not_count_the_bytes_of_rows_that_are_carried_over() {
    let setup = Setup {
        on_delete: OnDelete::Retain,
        ..Setup::default()
    };
    let mut world = world(&setup, &[("a.csv", "x\n1\n"), ("b.csv", "x\n2\n")]);
    world.source.remove("a.csv");
    world.run().unwrap();
    world.source.write("b.csv", "x\n22\n");
    let plan = plan(&world);
    assert_eq!((plan.units[0].bytes, plan.carried_members), (5, 1));
}

#[test]
fn a_plan_under_a_new_definition_shows_the_quarantined_files_that_it_tries_again() {
    let files = [
        ("a.csv", "x\n1\n"),
        ("b.csv", "x\n1,2\n"),
        ("c.csv", "x\n1,2\n"),
    ];
    let mut world = world(&Setup::default(), &files);
    assert_eq!(plan(&world).changes.len(), 0);
    world.source.remove("c.csv");
    world.definition.partition_by = vec!["k".to_owned()];
    let plan = plan(&world);
    let paths: Vec<&str> = plan.changes.iter().map(|change| &*change.path).collect();
    assert_eq!(paths, ["b.csv", "c.csv"]);
    assert_eq!((plan.files.modified, plan.files.unchanged), (1, 1));
    let report = world.run().unwrap();
    assert_eq!((report.files.modified, report.files.unchanged), (1, 1));
}

#[test]
fn a_plan_that_is_interrupted_is_not_shown_as_if_it_were_whole() {
    let world = world(&Setup::default(), &[("a.csv", "x\n1\n")]);
    let control = Control::new(Arc::new(AtomicBool::new(true)));
    let refused = engine::preview(&world.pipeline(), &control);
    assert!(matches!(refused, Err(RunError::Interrupted)));
}

#[test]
fn a_check_after_a_recovery_compares_the_source_by_content() {
    let mut world = world(
        &Setup::default(),
        &[("a.csv", "x\n1\n"), ("b.csv", "x\n2\n")],
    );
    world.lose_ledger();
    world.recover();
    let check = || {
        let (target, control) = (world.target(), Control::default());
        let source = Some(&world.counting as _);
        let report = engine::verify(&target, source, Depth::Shallow, &control).unwrap();
        let findings = report.findings.into_iter();
        findings.map(|found| found.path().to_owned()).collect()
    };
    let found: Vec<String> = check();
    assert_eq!(found, [] as [&str; 0]);
    world.source.write("b.csv", "x\n3\n");
    let found: Vec<String> = check();
    assert_eq!(found, ["b.csv"]);
}
