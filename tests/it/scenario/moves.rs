//! Members that move to another partition because the captures of the settings changed: their rows always stand
//! somewhere, whatever happens to the run or to the file on the way.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::DataType;
use strandline::config::{OnDelete, OnModify, SameContent};
use strandline::durable::Disk;
use strandline::engine::{self, Control, ResetFilter};
use strandline::ledger::{self, View};
use strandline::model::{RunReport, RunStatus, Standing};
use strandline::schema::Declared;

use super::machine::{at_crashes, play};
use super::operation::Operation::{
    self, Add, Advance, Captures, ChangeWhileRead, Copy, Delete, FailRead, HideListing, Rename,
    Run, Spoil,
};
use super::operation::{Place, Recipe, Survive};
use super::read_back::read_back;
use super::world::{STATE, Setup, TARGET, World};

/// In `dt=3/x/`, where the captures make a difference; the second is a neighbour in the same unit.
const MOVING: [Place; 2] = [Place(6), Place(13)];

fn setup(on_delete: OnDelete) -> Setup {
    Setup {
        settle: Duration::ZERO,
        on_delete,
        ..Setup::default()
    }
}

fn rows(rows: u8, flavour: u8) -> Recipe {
    Recipe { rows, flavour }
}

/// Two files loaded into one unit, with stamps that are to be trusted, and settings under which both belong elsewhere.
fn before() -> Vec<Operation> {
    let [a, b] = MOVING.map(|place| Add(place, rows(2, 0)));
    let load = [a, b, Add(Place(1), rows(1, 0)), Advance(3), Run];
    [&load[..], &[Advance(3), Run, Captures(true)]].concat()
}

#[test]
fn a_file_that_goes_after_an_interrupted_move_is_retained() {
    for number in 0.. {
        let mut world = World::new(setup(OnDelete::Retain));
        for operation in before() {
            world.apply(&operation);
        }
        let over = world.crash_run(number, Survive::All).is_ok();
        world.apply(&Delete(1));
        world.check_idle();
        let kept = read_back(&world.disk).by_file;
        assert_eq!(
            kept.get(&MOVING[0].path(MOVING[0].extension()))
                .map(Vec::len),
            Some(2),
            "after the change numbered {number}"
        );
        if over {
            break;
        }
    }
}

#[test]
fn a_file_that_changes_under_the_reader_after_an_interrupted_move_keeps_its_rows() {
    for on_delete in [OnDelete::Retain, OnDelete::Remove] {
        let after = [ChangeWhileRead(1, rows(3, 7)), Run, Delete(1), Run];
        at_crashes(&setup(on_delete), &before(), &after, 1);
    }
}

#[test]
fn a_file_that_turns_bad_after_an_interrupted_move_keeps_its_rows() {
    at_crashes(&setup(OnDelete::Remove), &before(), &[Spoil(1), Run], 1);
}

#[test]
fn an_interrupted_move_is_taken_back_with_the_settings() {
    at_crashes(
        &setup(OnDelete::Remove),
        &before(),
        &[Captures(false), Run],
        1,
    );
}

#[test]
fn a_file_that_cannot_be_had_on_its_way_to_another_partition_is_not_lost() {
    for trouble in [
        ChangeWhileRead(1, rows(3, 7)),
        FailRead(1),
        Spoil(1),
        HideListing(3),
    ] {
        for on_modify in [OnModify::Replace, OnModify::Ignore] {
            let setup = Setup {
                on_modify,
                ..setup(OnDelete::Retain)
            };
            let on_the_way = [trouble.clone(), Run, Delete(1), Run, Captures(false), Run];
            play(setup, &[&before()[..], &on_the_way].concat());
        }
    }
}

#[test]
fn a_move_that_was_interrupted_and_whose_file_is_renamed_counts_once() {
    let after = [Rename(1, Place(20)), Add(MOVING[0], rows(1, 0)), Run];
    at_crashes(&setup(OnDelete::Remove), &before(), &after, 1);
}

#[test]
fn a_double_that_steps_back_does_not_move_to_its_partition_all_the_same() {
    let setup = Setup {
        same_content: SameContent::Skip,
        ..setup(OnDelete::Remove)
    };
    let load = [Add(MOVING[0], rows(2, 0)), Advance(3), Run, Advance(3), Run];
    let double = [Copy(0, Place(0)), Captures(true), Run];
    play(setup, &[&load[..], &double].concat());
}

/// A world in which files of `dt=3/x/` are written as they are named, one row with `bytes` in all.
fn wide_world() -> World {
    World::new(Setup {
        unit_size: 1 << 20,
        unit_files: 100,
        ..setup(OnDelete::Retain)
    })
}

fn write(world: &World, name: &str, bytes: usize) {
    let text = format!("id\n{}\n", "x".repeat(bytes - 4));
    world.source.write(&format!("dt=3/x/{name}.csv"), text);
    world.clock.advance(Duration::from_mins(1));
}

fn remove(world: &World, name: &str) {
    world.source.remove(&format!("dt=3/x/{name}.csv"));
    world.clock.advance(Duration::from_mins(1));
}

fn run(world: &World) -> RunReport {
    engine::run(&world.pipeline(), &Control::default()).unwrap()
}

fn ledger(world: &World) -> View {
    let disk: Arc<dyn Disk> = Arc::new(world.disk.clone());
    ledger::snapshot(disk, Path::new(STATE)).unwrap()
}

/// How a file stands, and in which partition.
fn place(world: &World, name: &str) -> (Standing, String) {
    let view = ledger(world);
    let file = view.file(&format!("dt=3/x/{name}.csv")).unwrap().unwrap();
    let unit = view.unit(file.unit.unwrap()).unwrap().unwrap();
    (file.standing, unit.partition)
}

/// Removes the outputs that hold rows of a file.
fn lose(world: &World, name: &str) {
    let view = ledger(world);
    let file = view.file(&format!("dt=3/x/{name}.csv")).unwrap().unwrap();
    for output in view.unit(file.unit.unwrap()).unwrap().unwrap().outputs {
        let path = Path::new(TARGET).join(output.path.to_string());
        world.disk.remove_file(&path).unwrap();
    }
}

#[test]
fn what_has_moved_out_of_a_unit_whose_output_is_lost_is_not_given_up_with_it() {
    let mut world = wide_world();
    write(&world, "moves", 50);
    write(&world, "gone", 50);
    run(&world);
    remove(&world, "gone");
    run(&world);
    lose(&world, "gone");
    world.apply(&Captures(true));
    assert_eq!(run(&world).units.failed, 1);
    remove(&world, "moves");
    run(&world);
    let kept = (Standing::Retained, "dt=3/sub=x/".to_owned());
    assert_eq!(place(&world, "moves"), kept);
    let filter = ResetFilter {
        lost: true,
        ..ResetFilter::default()
    };
    assert_eq!(engine::reset(&world.target(), &filter).unwrap().files, 1);
    assert_eq!(run(&world).status, RunStatus::Done);
    assert_eq!(place(&world, "moves"), kept);
    assert_eq!(read_back(&world.disk).rows().len(), 1);
}

#[test]
fn a_file_that_comes_home_does_not_join_a_unit_that_cannot_be_built() {
    let mut world = wide_world();
    world.apply(&Captures(true));
    for (name, bytes) in [("lost", 100), ("whole", 10)] {
        write(&world, name, bytes);
        run(&world);
        remove(&world, name);
        run(&world);
    }
    world.apply(&Captures(false));
    write(&world, "m", 60);
    run(&world);
    world.source.write("dt=3/x/m.csv", vec![b'x', b'\n', 0xff]);
    world.clock.advance(Duration::from_mins(1));
    run(&world);
    assert_eq!(place(&world, "m"), (Standing::Outlived, "dt=3/".to_owned()));
    lose(&world, "lost");
    world.apply(&Captures(true));
    write(&world, "m", 60);
    assert_eq!(run(&world).units.failed, 1);
    assert_eq!(
        place(&world, "m"),
        (Standing::Loaded, "dt=3/sub=x/".to_owned())
    );
}

#[test]
fn a_file_on_its_way_whose_bytes_the_declared_columns_refuse_counts_as_in_a_fresh_run() {
    let world = wide_world();
    for (name, value) in [("refused", "abc"), ("b", "1")] {
        let path = format!("dt=3/x/{name}.csv");
        world.source.write(&path, format!("n\n{value}\n"));
    }
    world.clock.advance(Duration::from_mins(1));
    run(&world);
    let mut world = world;
    world.apply(&Captures(true));
    let number = Declared::new("n", DataType::Int64);
    world.definition.schema.columns = vec![number];
    let report = run(&world);
    assert_eq!(report.status, RunStatus::Quarantined, "{report:?}");
    assert_eq!(read_back(&world.disk).rows().len(), 1);
    assert_eq!(run(&world).units.planned, 0);
}
