//! Inferred columns: the same types whatever the order of the files, their units and the number of threads.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use strandline::durable::Disk;
use strandline::engine::{self, Control};
use strandline::ledger;

use super::read_back::read_back;
use super::world::{STATE, Setup, World};

/// Columns of values that meet somewhere in the lattice.
const VALUES: [&[&str]; 4] = [
    &["1", "2.5", "007", "", "9223372036854775807"],
    &["2026-01-01", "2026-01-01T10:00", "10:00", ""],
    &["true", "1e5", "1_000", ""],
    &["x", "-0", "TRUE", "0"],
];

fn files() -> impl Strategy<Value = Vec<String>> {
    let row = prop::collection::vec(0usize..5, 4);
    let table = (prop::collection::vec(row, 1..4), 1usize..5, any::<bool>());
    let file = table.prop_map(|(rows, width, is_json)| {
        let value = |column: usize, at: usize| VALUES[column][at % VALUES[column].len()];
        let mut text = String::new();
        if !is_json {
            let names: Vec<String> = (0..width).map(|column| format!("c{column}")).collect();
            text = names.join(",") + ",end\n";
        }
        for row in rows {
            let cells = row.iter().take(width).enumerate();
            let cells = cells.map(|(column, at)| (column, value(column, *at)));
            if is_json {
                let members: Vec<String> = cells
                    .filter(|(_, text)| !text.is_empty())
                    .map(|(column, text)| match text.parse::<f64>() {
                        Ok(_) if !text.starts_with("00") => format!("\"c{column}\":{text}"),
                        _ => format!("\"c{column}\":\"{text}\""),
                    })
                    .collect();
                writeln!(text, "{{{}}}", members.join(",")).unwrap();
            } else {
                let cells: Vec<&str> = cells.map(|(_, text)| text).collect();
                text += &(cells.join(",") + ",e\n");
            }
        }
        let kind = if is_json { "ndjson" } else { "csv" };
        format!("{kind}:{text}")
    });
    prop::collection::vec(file, 2..7)
}

fn write(world: &World, at: usize, file: &str) {
    let (kind, text) = file.split_once(':').unwrap();
    world.source.write(&format!("f{at}.{kind}"), text);
}

fn run(world: &World) {
    world.clock.advance(Duration::from_mins(1));
    engine::run(&world.pipeline(), &Control::default()).unwrap();
}

/// The pipeline's columns, by name: their order is that in which they appeared.
fn schema(world: &World) -> BTreeMap<String, String> {
    let disk: Arc<dyn Disk> = Arc::new(world.disk.clone());
    let view = ledger::snapshot(disk, Path::new(STATE)).unwrap();
    let columns = view.schema().unwrap().unwrap().shape.columns.into_iter();
    columns
        .map(|column| (column.name, column.data_type.to_string()))
        .collect()
}

#[test]
fn a_column_that_was_text_keeps_dates_as_they_are_written() {
    let world = World::new(Setup::default());
    for text in ["soon", "2026-01-01T10:00+02:00"] {
        write(&world, 0, &format!("ndjson:{{\"at\":\"{text}\"}}\n"));
        run(&world);
        assert_eq!(schema(&world)["at"], "Utf8");
        let rows = read_back(&world.disk).rows();
        assert!(format!("{rows:?}").contains(text), "{rows:?}");
    }
    let anew = World::new(Setup::default());
    write(&anew, 0, "ndjson:{\"at\":\"2026-01-01T10:00+02:00\"}\n");
    run(&anew);
    assert_eq!(schema(&anew)["at"], "Timestamp(µs, \"UTC\")");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn types_depend_on_what_is_there_and_not_on_how_it_came(
        files in files(),
        order in any::<prop::sample::Index>(),
        unit_files in 1usize..4,
    ) {
        let at_once = World::new(Setup { threads: 1, unit_files: 100, unit_size: 1 << 20, ..Setup::default() });
        for (at, file) in files.iter().enumerate() {
            write(&at_once, at, file);
        }
        run(&at_once);
        let one_by_one = World::new(Setup { threads: 4, unit_files, ..Setup::default() });
        let first = order.index(files.len());
        for step in 0..files.len() {
            let at = (first + 2 * step + usize::from(files.len() % 2 == 0 && step >= files.len() / 2)) % files.len();
            write(&one_by_one, at, &files[at]);
            run(&one_by_one);
        }
        prop_assert_eq!(schema(&at_once), schema(&one_by_one));
        let (all, own) = (read_back(&at_once.disk), read_back(&one_by_one.disk));
        prop_assert_eq!(all.rows(), own.rows());
        prop_assert_eq!(all.types, own.types);
    }
}
