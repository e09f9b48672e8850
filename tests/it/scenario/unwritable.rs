//! Files that can be decoded and cannot be written are the fault of the file: it is set aside, and the rest goes on.

use std::time::Duration;

use strandline::engine::{self, Control};
use strandline::ledger;
use strandline::model::RunStatus;

use super::read_back::read_back;
use super::world::{Setup, World};

/// Runs over the files, routed by `k`, and returns the paths that were set aside and the ids that were not.
fn run(setup: &Setup, portions: &[&[(&str, &str)]]) -> (Vec<String>, Vec<String>, World) {
    let world = World::new(Setup {
        unit_size: 1 << 20,
        unit_files: 10,
        ..setup.clone()
    });
    let mut status = RunStatus::Done;
    for portion in portions {
        for (path, text) in *portion {
            world.source.write(path, *text);
        }
        world.clock.advance(Duration::from_mins(1));
        // The model does not know of files that can be read and not be written.
        let report = engine::run(&world.pipeline(), &Control::default()).unwrap();
        assert_eq!(report.units.failed, 0, "{report:?}");
        status = report.status;
    }
    let aside = set_aside(&world);
    assert_eq!(status == RunStatus::Quarantined, !aside.is_empty());
    let rows = read_back(&world.disk).rows();
    let ids = rows.into_iter().filter_map(|mut row| row.remove("id"));
    (aside, ids.collect(), world)
}

fn set_aside(world: &World) -> Vec<String> {
    let target = world.target();
    let view = ledger::snapshot(target.disk.clone(), &target.state).unwrap();
    let aside = view.quarantine().unwrap().into_iter();
    aside.map(|(path, _)| path.to_string()).collect()
}

fn by_k() -> Setup {
    Setup {
        partition_by: true,
        ..Setup::default()
    }
}

#[test]
fn a_file_with_partition_columns_only_is_set_aside_whether_it_comes_alone_or_in_company() {
    let bare = ("a.csv", "k\n1\n2\n");
    let good = ("b.csv", "k,id\n1,10\n");
    for portions in [
        &[&[bare][..], &[good][..]][..],
        &[&[good], &[bare]],
        &[&[bare, good]],
    ] {
        let (aside, ids, world) = run(&by_k(), portions);
        assert_eq!(
            (aside, ids),
            (vec!["a.csv".to_owned()], vec!["10".to_owned()])
        );
        world.source.write("a.csv", "k,id\n3,30\n");
        world.clock.advance(Duration::from_mins(1));
        let report = engine::run(&world.pipeline(), &Control::default()).unwrap();
        assert_eq!(report.status, RunStatus::Done);
        assert_eq!(read_back(&world.disk).rows().len(), 2);
    }
}

#[test]
fn a_file_whose_only_column_is_named_by_its_directory_is_set_aside() {
    let files = [("dt=1/a.csv", "dt\n1\n"), ("dt=2/b.csv", "id\n7\n")];
    let (aside, ids, _) = run(&Setup::default(), &[&files]);
    assert_eq!(
        (aside, ids),
        (vec!["dt=1/a.csv".to_owned()], vec!["7".to_owned()])
    );
}

#[test]
fn a_file_of_nothing_but_a_header_is_no_trouble() {
    let files = [("a.csv", "k\n"), ("b.csv", "k,id\n1,10\n")];
    let (aside, ids, _) = run(&by_k(), &[&files]);
    assert_eq!((aside, ids), (Vec::new(), vec!["10".to_owned()]));
}

#[test]
fn a_file_whose_partition_column_is_a_list_is_set_aside_whatever_else_is_in_its_unit() {
    let list = ("a.ndjson", "{\"k\":[1],\"id\":1}\n");
    let good = ("b.ndjson", "{\"k\":1,\"id\":10}\n");
    let text = ("c.ndjson", "{\"k\":\"x\",\"id\":11}\n");
    for portions in [
        &[&[list][..], &[good][..]][..],
        &[&[good], &[list]],
        &[&[list, good]],
        &[&[text], &[list]],
        &[&[list, text]],
    ] {
        let (aside, ids, _) = run(&by_k(), portions);
        assert_eq!((aside, ids.len()), (vec!["a.ndjson".to_owned()], 1));
    }
}

#[test]
fn a_partition_value_that_is_too_long_to_name_a_directory_sets_its_file_aside() {
    // Each of these is three bytes in a path.
    let (fits, too_long) = ("/".repeat(84), "/".repeat(85));
    let bad = format!("k,id\nx,1\n{too_long},2\n");
    let good = format!("k,id\n{fits},10\n");
    let files = [("a.csv", bad.as_str()), ("b.csv", good.as_str())];
    let (aside, ids, _) = run(&by_k(), &[&files]);
    assert_eq!(
        (aside, ids),
        (vec!["a.csv".to_owned()], vec!["10".to_owned()])
    );
}
