//! The crash matrix of a target and a ledger in an object store: a worker is cut off at every request of every run of a
//! history, before it is done or when only its answer is lost. Another worker, which has nothing of the first but what is in the
//! store, takes over once the lease is over, and has to end exactly where an undisturbed one does.
//!
//! On each push the cuts are sampled; `NIGHTLY=1` makes all of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use strandline::config::OnDelete;
use strandline::durable::{Disk, MemoryDisk};
use strandline::engine::{self, Control, Depth, Pipeline, RunError, verify};
use strandline::model::{ErrorKind, RunReport, RunStatus};
use strandline::store::Objects;

use super::world::{HISTORY, World};
use crate::support::cut_store::{Cut, CutStore};
use crate::support::is_nightly;
use crate::support::lake::{LEASE, STATE, parts, target};

/// Returns a worker that has nothing but what is in the store.
fn worker(world: &World, store: &CutStore) -> Pipeline {
    let reach: Arc<dyn Objects> = Arc::new(store.clone());
    let pipeline = world.pipeline(&(Arc::new(MemoryDisk::new()) as Arc<dyn Disk>));
    Pipeline {
        target: target(&reach, &world.clock, None),
        ..pipeline
    }
}

fn run(world: &World, store: &CutStore) -> Result<RunReport, RunError> {
    world.clock.advance(Duration::from_secs(1));
    engine::run(&worker(world, store), &Control::default())
}

/// Returns what is wrong behind a run that went well.
fn complaints(
    world: &World,
    store: &CutStore,
    expected: &BTreeMap<String, Vec<u8>>,
) -> Vec<String> {
    let mut complaints = Vec::new();
    let (outputs, state) = parts(store);
    if outputs.keys().ne(expected.keys()) {
        complaints.push(format!("other outputs: {:?}", outputs.keys()));
    } else if outputs != *expected {
        complaints.push("outputs with other bytes".to_owned());
    }
    if state != STATE {
        complaints.push(format!("leftovers: {state:?}"));
    }
    let target = worker(world, store).target;
    let verified = verify(&target, None, Depth::Deep, &Control::default()).unwrap();
    if !verified.is_clean() {
        complaints.push(format!("{verified:?}"));
    }
    complaints
}

#[test]
fn a_target_in_a_store_is_the_same_to_the_byte_as_one_on_a_disk() {
    let (world, local) = (World::new(), World::new());
    let (store, disk) = (CutStore::new(world.clock.clone()), MemoryDisk::new());
    for chapter in &HISTORY {
        world.play(chapter);
        local.play(chapter);
        run(&world, &store).unwrap();
        local.run(&disk).unwrap();
        let on_disk = disk.files().into_iter().filter_map(|(path, bytes)| {
            let key = path
                .to_str()
                .unwrap()
                .strip_prefix("/data/out/")?
                .to_owned();
            (!key.starts_with("_strandline/")).then_some((format!("lake/{key}"), bytes))
        });
        let on_disk: BTreeMap<String, Vec<u8>> = on_disk.collect();
        assert_eq!(
            complaints(&world, &store, &on_disk),
            [""; 0],
            "{}",
            chapter.name
        );
    }
}

#[test]
fn a_worker_that_is_cut_off_at_any_request_leaves_the_next_one_a_target_that_ends_as_if_undisturbed()
 {
    let step = if is_nightly() { 1 } else { 5 };
    for index in 0..HISTORY.len() {
        let world = World::new();
        let store = CutStore::new(world.clock.clone());
        for chapter in &HISTORY[..index] {
            world.play(chapter);
            run(&world, &store).unwrap();
        }
        world.play(&HISTORY[index]);
        let undisturbed = store.copy();
        run(&world, &undisturbed).unwrap();
        let (expected, _) = parts(&undisturbed);
        let requests = undisturbed.requests();
        assert!(requests > 10, "{requests}");
        for at in (index % step..requests).step_by(step) {
            for cut in [Cut::Before, Cut::Behind] {
                let wreck = store.copy();
                // Where the run is told of nothing that went wrong, it is whole.
                let cut_off = run(&world, &wreck.cut_off(at, cut));
                world.clock.advance(LEASE * 2);
                let finished = run(&world, &wreck);
                let name = format!(
                    "{} cut {cut:?} request {at}: {cut_off:?}",
                    HISTORY[index].name
                );
                assert!(finished.is_ok(), "{name}: {finished:?}");
                assert_eq!(complaints(&world, &wreck, &expected), [""; 0], "{name}");
            }
        }
    }
}

#[test]
fn rows_that_only_outputs_hold_survive_a_worker_that_is_cut_off_at_any_request() {
    let fresh = || {
        let mut world = World::new();
        world.policies.on_delete = OnDelete::Retain;
        let store = CutStore::new(world.clock.clone());
        world.play(&HISTORY[0]);
        run(&world, &store).unwrap();
        world.source.remove("1/a.csv");
        world.source.append("1/b.csv", b"990,z,1\n");
        world.clock.advance(Duration::from_hours(1));
        (world, store)
    };
    let (world, undisturbed) = fresh();
    let before = undisturbed.requests();
    run(&world, &undisturbed).unwrap();
    let (expected, _) = parts(&undisturbed);
    let requests = undisturbed.requests() - before;
    for at in (0..requests).step_by(if is_nightly() { 1 } else { 2 }) {
        for cut in [Cut::Before, Cut::Behind] {
            let (world, wreck) = fresh();
            let cut_off = run(&world, &wreck.cut_off(at, cut));
            world.clock.advance(LEASE * 2);
            let finished = run(&world, &wreck).unwrap();
            let name = format!("cut {cut:?} request {at}: {cut_off:?}");
            assert_eq!(finished.units.failed, 0, "{name}: {finished:?}");
            assert_eq!(complaints(&world, &wreck, &expected), [""; 0], "{name}");
        }
    }
}

#[test]
fn rows_of_a_file_that_goes_behind_a_worker_that_is_cut_off_stay_or_are_told_as_lost() {
    let fresh = || {
        let mut world = World::new();
        world.policies.on_delete = OnDelete::Retain;
        let store = CutStore::new(world.clock.clone());
        world.play(&HISTORY[0]);
        run(&world, &store).unwrap();
        world.source.append("1/b.csv", b"990,z,1\n");
        world.clock.advance(Duration::from_hours(1));
        (world, store)
    };
    let goes = |world: &World| {
        world.source.remove("1/a.csv");
        world.clock.advance(LEASE * 2);
    };
    let (world, undisturbed) = fresh();
    let before = undisturbed.requests();
    run(&world, &undisturbed).unwrap();
    let requests = undisturbed.requests() - before;
    goes(&world);
    run(&world, &undisturbed).unwrap();
    let (expected, _) = parts(&undisturbed);
    let mut lost = 0;
    for at in (0..requests).step_by(if is_nightly() { 1 } else { 2 }) {
        let (world, wreck) = fresh();
        let cut_off = run(&world, &wreck.cut_off(at, Cut::Before));
        goes(&world);
        let finished = run(&world, &wreck).unwrap();
        let name = format!("cut request {at}: {cut_off:?}");
        if finished.status == RunStatus::Done {
            assert_eq!(complaints(&world, &wreck, &expected), [""; 0], "{name}");
            continue;
        }
        let mut errors = finished.errors.iter().map(|error| error.kind);
        assert!(errors.all(|it| it == ErrorKind::RowsLost), "{finished:?}");
        assert_eq!(finished.status, RunStatus::Incomplete, "{name}");
        lost += 1;
    }
    // It takes a cut between two outputs of one group.
    assert!(lost * 4 < requests, "{lost} of {requests}");
}

#[test]
fn a_second_worker_is_refused_until_the_lease_of_a_dead_one_is_over() {
    let world = World::new();
    let store = CutStore::new(world.clock.clone());
    world.play(&HISTORY[0]);
    let requests = {
        let trial = store.copy();
        run(&world, &trial).unwrap();
        trial.requests()
    };
    run(&world, &store.cut_off(requests / 2, Cut::Before)).unwrap_err();
    let refused = run(&world, &store).unwrap_err();
    assert!(
        matches!(&refused, RunError::Held { note } if note.starts_with("a test, with a lease of 60 s")),
        "{refused:?}"
    );
    world.clock.advance(Duration::from_secs(58));
    assert!(run(&world, &store).is_err());
    world.clock.advance(Duration::from_secs(1));
    run(&world, &store).unwrap();
}

/// Runs once, held up at a request for longer than the lease lasts. Meanwhile another takes over, and a third ends it all.
/// Returns nothing where the run had no so many requests.
fn contest(world: &World, store: &CutStore, at: usize, meanwhile: fn(&World)) -> Option<String> {
    let (rival, other) = (world.clone(), store.clone());
    let (sender, was_held_up) = std::sync::mpsc::channel();
    let interrupted = store.before(at, move || {
        sender.send(()).unwrap();
        meanwhile(&rival);
        rival.clock.advance(LEASE * 2);
        run(&rival, &other).unwrap();
    });
    let first = run(world, &interrupted);
    world.clock.advance(LEASE * 2);
    run(world, store).unwrap();
    let told = format!("held up at request {at}: {first:?}");
    was_held_up.try_recv().ok().map(|()| told)
}

#[test]
fn a_worker_that_is_overtaken_while_it_looks_for_a_ledger_goes_by_the_lock() {
    for at in 0..3 {
        let world = World::new();
        world.play(&HISTORY[0]);
        let store = CutStore::new(world.clock.clone());
        let (rival, other) = (world.clone(), store.clone());
        let overtaken = store.before(at, move || {
            run(&rival, &other).unwrap();
        });
        let report = run(&world, &overtaken).unwrap();
        assert_eq!(report.files.unchanged, report.files.listed, "request {at}");
    }
}

#[test]
fn a_worker_that_wakes_after_its_lease_was_taken_changes_nothing_more() {
    for chapter in &HISTORY[1..] {
        let world = World::new();
        let store = CutStore::new(world.clock.clone());
        world.play(&HISTORY[0]);
        run(&world, &store).unwrap();
        world.play(chapter);
        let undisturbed = store.copy();
        run(&world, &undisturbed).unwrap();
        let (expected, _) = parts(&undisturbed);
        for at in (0..undisturbed.requests()).step_by(if is_nightly() { 1 } else { 3 }) {
            let contested = store.copy();
            let told = contest(&world, &contested, at, |_| {}).unwrap_or_default();
            assert_eq!(
                complaints(&world, &contested, &expected),
                [""; 0],
                "{} {told}",
                chapter.name
            );
        }
    }
}

#[test]
fn what_a_worker_publishes_when_it_wakes_and_nobody_wants_any_more_is_removed() {
    let fresh = || {
        let world = World::new();
        world.play(&HISTORY[0]);
        let store = CutStore::new(world.clock.clone());
        (world, store)
    };
    let (world, trial) = fresh();
    run(&world, &trial).unwrap();
    for at in (0..trial.requests()).step_by(if is_nightly() { 1 } else { 3 }) {
        let (world, store) = fresh();
        let told = contest(&world, &store, at, |world| {
            for name in ["1/a", "1/b", "1/c", "1/d", "1/e", "3/a"] {
                world.source.remove(&format!("{name}.csv"));
            }
            world.source.append("2/a.csv", b"290,x,9\n");
        });
        let Some(told) = told else { continue };
        let (outputs, _) = parts(&store);
        let left = outputs.keys().filter(|key| !key.contains("/day=2/"));
        assert_eq!(left.collect::<Vec<_>>(), [""; 0], "{told}");
        assert_eq!(complaints(&world, &store, &outputs), [""; 0], "{told}");
    }
}
