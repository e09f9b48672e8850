//! Declared columns, SQL and moves between partitions, all at once.

use std::sync::Arc;
use std::time::Duration;

use strandline::clock::Clock;
use strandline::config::{OnDelete, RowSql};
use strandline::engine::{self, Control};
use strandline::model::{ErrorKind, RunReport, RunStatus, Standing};
use strandline::schema::{Declared, SchemaPolicy, SchemaRules, parse_type};
use strandline::source::CountingSource;

use super::read_back::{Contents, read_back};
use super::world::{STATE, Setup, World};

/// A pipeline with declared columns and SQL, and files in directories where captures make a difference.
fn world() -> World {
    let mut world = World::new(Setup {
        on_delete: OnDelete::Retain,
        ..Setup::default()
    });
    let declared = |name, data_type| Declared::new(name, parse_type(data_type).unwrap());
    world.definition.schema = SchemaRules {
        policy: SchemaPolicy::Rescue,
        columns: vec![declared("id", "int32"), declared("amount", "decimal(6,2)")],
    };
    world.definition.sql = RowSql {
        select: Some("*, amount * 2 AS twice, _rescued IS NOT NULL AS odd".to_owned()),
        filter: Some("amount > 0 OR amount IS NULL".to_owned()),
        expect: Vec::new(),
    };
    world
        .source
        .write("dt=1/x/a.csv", "id,amount,other\n007,1.5,q\n8,-1,\n");
    world.source.write("dt=1/x/b.csv", "id,amount\n9,n/a\n");
    world.source.write("dt=1/c.csv", "id,amount\n1,2\n");
    world
}

fn run(world: &World) -> RunReport {
    world.clock.advance(Duration::from_mins(1));
    engine::run(&world.pipeline(), &Control::default()).unwrap()
}

fn fresh(world: &World) -> Contents {
    let mut fresh = World::new(world.setup.clone());
    fresh.definition = world.definition.clone();
    fresh.clock.set(world.clock.now());
    fresh.counting = CountingSource::new(Arc::new(world.source.clone()));
    run(&fresh);
    read_back(&fresh.disk)
}

fn assert_fresh(world: &World) -> Contents {
    let (own, all) = (read_back(&world.disk), fresh(world));
    assert_eq!(own.rows(), all.rows(), "here, and in a fresh run");
    assert_eq!(own.types, all.types, "here, and in a fresh run");
    own
}

/// Lets the directories below `dt=…` name partitions as well.
fn capture(world: &mut World) {
    world.definition.captures = vec!["dt=*/{place}/*.csv".to_owned()];
}

fn standing(world: &World, path: &str) -> (Standing, bool) {
    let disk: Arc<dyn strandline::durable::Disk> = Arc::new(world.disk.clone());
    let view = strandline::ledger::snapshot(disk, std::path::Path::new(STATE)).unwrap();
    let file = view.file(path).unwrap().unwrap();
    (file.standing, file.unit.is_some())
}

#[test]
fn a_move_between_partitions_with_declared_columns_and_sql_ends_as_a_fresh_run() {
    let mut world = world();
    assert_eq!(run(&world).status, RunStatus::Done);
    let rows = format!("{:?}", assert_fresh(&world).rows());
    assert!(rows.contains("n/a") && rows.contains("twice"), "{rows}");
    capture(&mut world);
    assert_eq!(run(&world).status, RunStatus::Done);
    assert_fresh(&world);
    // The rows of one that goes stay behind the SQL, beside those of one that changes.
    let kept = |world: &World| read_back(&world.disk).by_file["dt=1/x/a.csv"].clone();
    let before = kept(&world);
    world.source.remove("dt=1/x/a.csv");
    world.source.write("dt=1/x/b.csv", "id,amount\n9,4\n10,0\n");
    assert_eq!(run(&world).status, RunStatus::Done);
    assert_eq!(kept(&world), before);
    world
        .source
        .write("dt=1/x/a.csv", "id,amount,other\n007,1.5,q\n8,-1,\n");
    assert_eq!(run(&world).status, RunStatus::Done);
    assert_fresh(&world);
    assert_eq!(run(&world).units.planned, 0);
}

#[test]
fn a_file_that_new_rules_refuse_on_its_way_to_another_partition_has_no_rows_in_either() {
    let refusing: [fn(&mut World); 2] = [
        |world| world.definition.schema.policy = SchemaPolicy::Strict,
        |world| world.definition.sql.select = Some("*, CAST(_rescued AS INT) AS n".to_owned()),
    ];
    for refuse in refusing {
        let mut world = world();
        run(&world);
        refuse(&mut world);
        if world.definition.schema.policy == SchemaPolicy::Strict {
            world.definition.sql.select = Some("*, amount * 2 AS twice".to_owned());
        }
        capture(&mut world);
        assert_eq!(run(&world).status, RunStatus::Quarantined);
        for path in ["dt=1/x/a.csv", "dt=1/x/b.csv"] {
            assert_eq!(standing(&world, path), (Standing::Quarantined, false));
        }
        let own = assert_fresh(&world);
        assert_eq!(own.by_file.len(), 1);
        assert_eq!(run(&world).units.planned, 0);
    }
}

#[test]
fn a_lost_ledger_comes_back_with_declared_columns_and_sql() {
    let mut world = world();
    run(&world);
    let before = read_back(&world.disk).rows();
    world.lose_ledger();
    engine::recover(&world.target()).unwrap();
    let report = run(&world);
    assert_eq!((report.status, report.units.planned), (RunStatus::Done, 0));
    assert_eq!(read_back(&world.disk).rows(), before);
    world.source.write("dt=1/d.csv", "id,amount\n5,6\n");
    assert_eq!(run(&world).status, RunStatus::Done);
    assert_fresh(&world);
}

#[test]
fn a_partition_column_is_looked_for_behind_the_sql_and_told_once() {
    let mut world = world();
    world.definition.schema = SchemaRules::default();
    let told = |world: &mut World, select: &str, column: &str| {
        world.definition.sql.select = Some(select.to_owned());
        world.definition.sql.filter = None;
        world.definition.partition_by = vec![column.to_owned()];
        let errors = run(world).errors.into_iter();
        errors.map(|error| error.kind).collect::<Vec<_>>()
    };
    assert_eq!(told(&mut world, "*, id AS k", "k"), []);
    assert_eq!(told(&mut world, "*", "k"), [ErrorKind::NoSuchColumn]);
    assert_eq!(
        told(&mut world, "*, missing AS k", "k"),
        [ErrorKind::UnknownColumn]
    );
    assert_eq!(
        told(&mut world, "*, k IS NULL AS n", "k"),
        [ErrorKind::UnknownColumn]
    );
}
