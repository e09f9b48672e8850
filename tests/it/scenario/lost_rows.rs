//! Rows that only an output held, and that output gone: the unit says so, and the user can give them up.

use std::path::Path;
use std::time::Duration;

use strandline::config::OnDelete;
use strandline::durable::Disk;
use strandline::engine::{self, Control, ResetFilter};
use strandline::model::{ErrorKind, RunReport, RunStatus};

use super::read_back::read_back;
use super::world::{Setup, World};

const OUTPUT: &str = "/out/u000000.parquet";

/// A world where `gone.csv` was loaded beside `here.csv` and its rows are only in the output, which is lost.
fn world(spoil: impl Fn(&World), on_delete: OnDelete) -> World {
    let mut world = World::new(Setup {
        on_delete,
        unit_size: 1 << 20,
        ..Setup::default()
    });
    world.source.write("gone.csv", "x\n1\n");
    world.source.write("here.csv", "x\n2\n");
    world.clock.advance(Duration::from_mins(1));
    run(&world);
    spoil(&world);
    world.clock.advance(Duration::from_mins(1));
    world.next_id = 0;
    world
}

fn run(world: &World) -> RunReport {
    engine::run(&world.pipeline(), &Control::default()).unwrap()
}

fn lose(world: &World) -> Vec<u8> {
    let files = world.disk.files().into_iter();
    let mut own = files.filter(|(path, _)| path == Path::new(OUTPUT));
    let (path, bytes) = own.next().unwrap();
    world.disk.remove_file(&path).unwrap();
    world.verify();
    bytes
}

fn give_up(world: &World) -> u64 {
    let filter = ResetFilter {
        lost: true,
        ..ResetFilter::default()
    };
    engine::reset(&world.target(), &filter).unwrap().files
}

fn assert_lost(report: &RunReport) {
    assert_eq!(report.status, RunStatus::Incomplete);
    let told: Vec<_> = report.errors.iter().map(|e| (&*e.path, e.kind)).collect();
    assert_eq!(told, [("gone.csv", ErrorKind::RowsLost)], "{report:?}");
}

fn values(world: &World) -> Vec<String> {
    let rows = read_back(&world.disk).rows().into_iter();
    rows.map(|row| row["x"].clone()).collect()
}

#[test]
fn rows_of_a_retained_file_that_are_lost_with_their_output_can_be_given_up() {
    let world = world(|world| world.source.remove("gone.csv"), OnDelete::Retain);
    assert_eq!(run(&world).status, RunStatus::Done);
    lose(&world);
    assert_lost(&run(&world));
    assert_lost(&run(&world));
    assert_eq!(give_up(&world), 2);
    assert_eq!(run(&world).status, RunStatus::Done);
    assert_eq!(values(&world), ["2"]);
    assert_eq!(run(&world).units.planned, 0);
    assert_eq!(give_up(&world), 0);
}

#[test]
fn rows_of_a_file_that_went_bad_and_are_lost_with_their_output_can_be_given_up() {
    for lost_before in [false, true] {
        let spoil = |world: &World| world.source.write("gone.csv", vec![b'x', b'\n', 0xff]);
        let world = world(|_| {}, OnDelete::Remove);
        if lost_before {
            lose(&world);
        }
        spoil(&world);
        world.clock.advance(Duration::from_mins(1));
        if !lost_before {
            assert_eq!(run(&world).status, RunStatus::Quarantined);
            lose(&world);
        }
        assert_lost(&run(&world));
        assert_eq!(give_up(&world), 2);
        assert_eq!(run(&world).status, RunStatus::Quarantined);
        assert_eq!(values(&world), ["2"]);
        assert_eq!(run(&world).units.planned, 0);
    }
}

#[test]
fn an_output_that_is_brought_back_serves_again_although_it_was_found_missing() {
    let world = world(|world| world.source.remove("gone.csv"), OnDelete::Retain);
    assert_eq!(run(&world).status, RunStatus::Done);
    let bytes = lose(&world);
    assert_lost(&run(&world));
    world.verify();
    let mut file = world.disk.create(Path::new(OUTPUT)).unwrap();
    std::io::Write::write_all(&mut file, &bytes).unwrap();
    file.finish().unwrap();
    assert_eq!(run(&world).status, RunStatus::Done);
    assert_eq!(values(&world), ["1", "2"]);
}
