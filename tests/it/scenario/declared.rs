//! Declared columns: what stands in the target is what a fresh run comes to, whatever came in which order.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use arrow_schema::DataType;
use proptest::prelude::*;
use strandline::clock::Clock;
use strandline::config::{Definition, OnDelete};
use strandline::engine::{self, Control, RunError};
use strandline::model::{RunReport, RunStatus};
use strandline::schema::{Compatibility, Declared, SchemaPolicy, SchemaRules, parse_type};
use strandline::source::CountingSource;

use super::read_back::{Contents, read_back};
use super::world::{Setup, World};

fn column(name: &str, data_type: &str) -> Declared {
    Declared::new(name, parse_type(data_type).unwrap())
}

fn rules(policy: SchemaPolicy) -> SchemaRules {
    let amount = Declared {
        default: Some("0".to_owned()),
        ..column("amount", "decimal(6,2)")
    };
    let id = Declared {
        nullable: false,
        ..column("id", "int32")
    };
    SchemaRules {
        policy,
        columns: vec![id, amount, column("day", "date")],
    }
}

fn world(schema: SchemaRules) -> World {
    let mut world = World::new(Setup::default());
    world.definition.schema = schema;
    world
}

/// Runs without the model, which knows nothing of declared columns.
fn run(world: &World) -> RunReport {
    world.clock.advance(Duration::from_mins(1));
    engine::run(&world.pipeline(), &Control::default()).unwrap()
}

/// What a fresh run over the same source comes to.
fn fresh(world: &World, threads: usize) -> World {
    let mut fresh = World::new(Setup {
        threads,
        ..world.setup.clone()
    });
    fresh.definition = world.definition.clone();
    fresh.clock.set(world.clock.now());
    fresh.counting = CountingSource::new(std::sync::Arc::new(world.source.clone()));
    run(&fresh);
    fresh
}

fn assert_fresh(world: &World) -> Contents {
    let own = read_back(&world.disk);
    let all = read_back(&fresh(world, 1).disk);
    assert_eq!(
        own.rows(),
        all.rows(),
        "rows of this run, and of a fresh one"
    );
    // What is inferred may have been wider once.
    for column in &world.definition.schema.columns {
        assert_eq!(own.types.get(&column.name), all.types.get(&column.name));
    }
    own
}

/// A file of either format: fitting or not, with an undeclared column or not.
fn file() -> impl Strategy<Value = (String, String)> {
    let id = prop::sample::select(vec!["1", "007", "-5", "", "x", "3000000000"]);
    let amount = prop::sample::select(vec!["1.5", "2", "", "1.555", "1e2", "n/a"]);
    let other = prop::sample::select(vec!["", "7", "q", "2024-01-01"]);
    let rows = prop::collection::vec((id, amount, other), 0..4);
    let kind = (0..3usize, any::<bool>(), any::<bool>());
    (0..5usize, kind, rows).prop_map(|(name, (format, has_other, reversed), rows)| {
        let is_csv = format < 2;
        let mut text = String::new();
        if is_csv {
            text.push_str(if reversed { "amount,id" } else { "id,amount" });
            text.push_str(if has_other { ",other\n" } else { "\n" });
        }
        for (id, amount, other) in rows {
            if is_csv {
                let (a, b) = if reversed { (amount, id) } else { (id, amount) };
                let other = if has_other {
                    format!(",{other}")
                } else {
                    String::new()
                };
                writeln!(text, "{a},{b}{other}").unwrap();
            } else {
                let value = |text: &str| match text {
                    "" => "null".to_owned(),
                    _ if text == "2" || text == "1.5" => text.to_owned(),
                    _ => format!("{text:?}"),
                };
                let mut object = BTreeMap::from([("id", value(id)), ("amount", value(amount))]);
                if has_other && !other.is_empty() {
                    object.insert("other", value(other));
                }
                let members: Vec<String> = object
                    .iter()
                    .map(|(key, value)| format!("{key:?}:{value}"))
                    .collect();
                writeln!(text, "{{{}}}", members.join(",")).unwrap();
            }
        }
        let end = if is_csv { "csv" } else { "ndjson" };
        (format!("f{name}.{end}"), text)
    })
}

fn policy() -> impl Strategy<Value = SchemaPolicy> {
    prop::sample::select(vec![
        SchemaPolicy::Evolve,
        SchemaPolicy::Strict,
        SchemaPolicy::Rescue,
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn under_every_policy_incremental_is_full(
        policy in policy(),
        files in prop::collection::vec(file(), 1..12),
        portions in prop::collection::vec(1usize..4, 1..6),
    ) {
        let world = world(rules(policy));
        let mut waiting = files.into_iter();
        for portion in portions.into_iter().chain([12]) {
            for (path, text) in waiting.by_ref().take(portion) {
                // A file that was good and is bad now counts with its last good version, which a fresh run cannot
                // know: it goes first.
                if world.source.contents().contains_key(&path) {
                    world.source.remove(&path);
                    run(&world);
                }
                world.source.write(&path, text);
            }
            run(&world);
            assert_fresh(&world);
        }
        // However many threads: the same bytes.
        let (one, four) = (fresh(&world, 1), fresh(&world, 4));
        let outputs = |world: &World| -> Vec<_> {
            let files = world.disk.files().into_iter();
            files.filter(|(path, _)| path.extension().is_some_and(|end| end == "parquet")).collect()
        };
        prop_assert!(outputs(&one) == outputs(&four));
    }

    #[test]
    fn whatever_the_policy_was_before_the_new_one_counts(
        policies in prop::collection::vec(policy(), 2..4),
        files in prop::collection::vec(file(), 1..6),
    ) {
        let mut world = world(rules(policies[0]));
        for (path, text) in files {
            world.source.write(&path, text);
        }
        for policy in policies {
            world.definition.schema = rules(policy);
            run(&world);
            assert_fresh(&world);
        }
        world.definition = Definition::default();
        run(&world);
        let own = read_back(&world.disk);
        prop_assert_eq!(own.rows(), read_back(&fresh(&world, 2).disk).rows());
    }
}

#[test]
fn a_file_that_does_not_fit_is_set_aside_and_comes_in_when_it_is_mended() {
    let world = world(rules(SchemaPolicy::Strict));
    world.source.write("a.csv", "id,amount\n1,1.5\n");
    world.source.write("b.csv", "id,amount\n1,1.555\n");
    let report = run(&world);
    assert_eq!(report.status, RunStatus::Quarantined);
    assert_eq!(
        report.errors[0].message,
        "cannot decode b.csv: column amount must be decimal(6,2) and holds float64, line 2: \"1.555\""
    );
    assert_eq!(assert_fresh(&world).rows().len(), 1);
    world.source.write("b.csv", "id,amount\n1,1.55\n2,\n");
    assert_eq!(run(&world).status, RunStatus::Done);
    assert_eq!(assert_fresh(&world).rows().len(), 3);
    // Good once: its last good rows stay.
    world.source.write("b.csv", "id,amount,more\n1,1.55,x\n");
    assert_eq!(run(&world).status, RunStatus::Quarantined);
    assert_eq!(read_back(&world.disk).rows().len(), 3);
}

#[test]
fn a_declared_column_has_its_type_whatever_was_inferred_before() {
    let mut world = world(SchemaRules::default());
    world.source.write("a.csv", "id,amount,x\n007,1.5,1\n");
    run(&world);
    let types = |world: &World, column: &str| read_back(&world.disk).types[column].clone();
    assert_eq!(
        types(&world, "id").into_iter().collect::<Vec<_>>(),
        ["Utf8"]
    );
    world.definition.schema = rules(SchemaPolicy::Evolve);
    run(&world);
    let own = assert_fresh(&world);
    let named = |data_type: DataType| std::collections::BTreeSet::from([data_type.to_string()]);
    assert_eq!(own.types["id"], named(DataType::Int32));
    assert_eq!(own.types["amount"], named(DataType::Decimal128(6, 2)));
    assert_eq!(own.types["x"], named(DataType::Int64));
    // An undeclared column still widens.
    world.source.write("b.csv", "id,x\n1,y\n");
    run(&world);
    assert_eq!(assert_fresh(&world).types["x"], named(DataType::Utf8));
}

#[test]
fn columns_that_the_path_gives_are_not_asked_of_files() {
    let mut schema = rules(SchemaPolicy::Strict);
    schema.columns.push(Declared {
        nullable: false,
        ..column("dt", "date")
    });
    let world = world(schema);
    world.source.write("dt=2026-01-01/a.csv", "id\n1\n");
    world.source.write("dt=2026-01-02/b.csv", "id,dt\n1,x\n");
    world.source.write("c.csv", "id,dt\n1,2026-01-03\n");
    world.source.write("d.csv", "id\n1\n");
    let report = run(&world);
    assert_eq!(report.errors.len(), 1, "{report:?}");
    assert!(
        report.errors[0]
            .message
            .contains("column dt must not be null")
    );
    assert_eq!(assert_fresh(&world).rows().len(), 3);
}

#[test]
fn a_lost_ledger_comes_back_with_declared_columns() {
    let world = world(rules(SchemaPolicy::Rescue));
    world.source.write("a.csv", "id,amount\n007,x\n");
    run(&world);
    let before = read_back(&world.disk).rows();
    let mut world = world;
    world.lose_ledger();
    engine::recover(&world.target()).unwrap();
    let report = run(&world);
    assert_eq!((report.status, report.units.planned), (RunStatus::Done, 0));
    assert_eq!(read_back(&world.disk).rows(), before);
    world.source.write("b.csv", "id\n2\n");
    run(&world);
    assert_eq!(assert_fresh(&world).rows().len(), 2);
}

#[test]
fn rows_that_only_outputs_hold_follow_the_declaration_or_stop_their_unit() {
    let mut world = world(rules(SchemaPolicy::Evolve));
    world.setup.on_delete = OnDelete::Retain;
    world.source.write("a.csv", "id,amount,x\n1,1.5,kept\n");
    run(&world);
    world.source.remove("a.csv");
    run(&world);
    world.definition.schema = rules(SchemaPolicy::Strict);
    let report = run(&world);
    assert_eq!(report.status, RunStatus::Incomplete);
    assert!(
        report.errors[0]
            .message
            .contains("column x (utf8) is not declared"),
        "{report:?}"
    );
    assert_eq!(read_back(&world.disk).rows().len(), 1);
    world.definition.schema = rules(SchemaPolicy::Rescue);
    assert_eq!(run(&world).status, RunStatus::Done);
    let rows = format!("{:?}", read_back(&world.disk).rows());
    assert!(rows.contains(r#"{\"x\":\"kept\"}"#), "{rows}");
    // Written again, it stays what it is.
    world.definition.target_file_size = strandline::model::ByteSize(1 << 20);
    assert_eq!(run(&world).status, RunStatus::Done);
    assert_eq!(format!("{:?}", read_back(&world.disk).rows()), rows);
}

#[test]
fn rows_that_only_outputs_hold_are_read_with_the_decimal_mark_of_their_file() {
    let mut world = world(SchemaRules::default());
    world.definition.csv.decimal = strandline::config::Decimal::Comma;
    world.setup.on_delete = OnDelete::Retain;
    world.source.write("a.csv", "id;amount\n1;1,5\n2;x\n");
    world
        .source
        .write("b.ndjson", "{\"id\":3,\"amount\":\"2.5\"}\n");
    run(&world);
    world.source.remove("a.csv");
    world.source.remove("b.ndjson");
    run(&world);
    world.definition.schema = SchemaRules {
        policy: SchemaPolicy::Rescue,
        columns: vec![column("id", "int32"), column("amount", "decimal(6,2)")],
    };
    assert_eq!(run(&world).status, RunStatus::Done);
    let rows = format!("{:?}", read_back(&world.disk).rows());
    assert!(rows.contains("1.50") && rows.contains("2.50"), "{rows}");
    assert!(rows.contains(r#"{\"amount\":\"x\"}"#), "{rows}");
}

#[test]
fn a_declaration_that_breaks_readers_is_refused_before_anything_is_touched() {
    let mut world = world(rules(SchemaPolicy::Strict));
    world.source.write("a.csv", "id,amount\n1,1.5\n");
    run(&world);
    let before = world.disk.files();
    let mut narrower = rules(SchemaPolicy::Strict);
    narrower.columns[0].data_type = DataType::Int16;
    world.definition.schema = narrower;
    let mut pipeline = world.pipeline();
    pipeline.policies.compatibility = Compatibility::Backward;
    let outputs = |files: &BTreeMap<_, Vec<u8>>| {
        let files: Vec<(std::path::PathBuf, Vec<u8>)> = files
            .iter()
            .map(|(path, bytes)| (std::path::PathBuf::clone(path), bytes.clone()))
            .collect();
        files
            .into_iter()
            .filter(|(path, _)| path.extension().is_some_and(|end| end == "parquet"))
            .collect::<Vec<_>>()
    };
    let refused = engine::run(&pipeline, &Control::default()).unwrap_err();
    assert!(
        matches!(refused, RunError::Incompatible { .. }),
        "{refused}"
    );
    let preview = engine::preview(&pipeline, &Control::default()).unwrap_err();
    assert_eq!(preview.to_string(), refused.to_string());
    assert_eq!(
        outputs(&world.disk.files().into_iter().collect()),
        outputs(&before.into_iter().collect())
    );
    pipeline.policies.compatibility = Compatibility::Forward;
    engine::run(&pipeline, &Control::default()).unwrap();
    assert_fresh(&world);
}
