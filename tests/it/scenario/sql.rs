//! SQL on rows, from one end to the other: incremental = full, in every order, with any number of threads.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use strandline::clock::Clock;
use strandline::config::{Definition, Expectation, OnDelete, OnFail, RowSql};
use strandline::durable::{Disk, MemoryDisk};
use strandline::engine::{self, Control, Pipeline, RunError};
use strandline::ledger;
use strandline::model::{ErrorKind, RunReport, RunStatus};
use strandline::source::CountingSource;

use super::read_back::{Contents, read_back};
use super::world::{STATE, Setup, TARGET, World};

/// A pipeline with SQL, without a model of what it must hold.
pub(super) struct Sql {
    pub(super) world: World,
}

impl Sql {
    pub(super) fn new(sql: RowSql, files: &[(&str, &str)]) -> Self {
        Self::with(Setup::default(), sql, files)
    }

    pub(super) fn with(setup: Setup, sql: RowSql, files: &[(&str, &str)]) -> Self {
        let mut world = World::new(setup);
        world.definition.sql = sql;
        let this = Self { world };
        this.write(files);
        this
    }

    pub(super) fn write(&self, files: &[(&str, &str)]) {
        for (path, text) in files {
            self.world.source.write(path, *text);
        }
        self.later();
    }

    pub(super) fn later(&self) {
        self.world.clock.advance(Duration::from_mins(1));
    }

    fn pipeline(&self) -> Pipeline {
        self.world.pipeline()
    }

    pub(super) fn run(&self) -> RunReport {
        let report = self.try_run();
        report.unwrap_or_else(|error| panic!("the run failed: {error:?}"))
    }

    pub(super) fn try_run(&self) -> Result<RunReport, RunError> {
        let result = engine::run(&self.pipeline(), &Control::default());
        self.later();
        result
    }

    pub(super) fn contents(&self) -> Contents {
        read_back(&self.world.disk)
    }

    /// The rows of each file, as `column=value` texts.
    pub(super) fn rows(&self) -> BTreeMap<String, Vec<String>> {
        let texts = |rows: Vec<BTreeMap<String, String>>| -> Vec<String> {
            let text = |row: BTreeMap<String, String>| {
                let cells = row
                    .into_iter()
                    .map(|(name, value)| format!("{name}={value}"));
                cells.collect::<Vec<_>>().join(" ")
            };
            rows.into_iter().map(text).collect()
        };
        let by_file = self.contents().by_file.into_iter();
        by_file.map(|(path, rows)| (path, texts(rows))).collect()
    }

    pub(super) fn outputs(&self) -> Vec<(PathBuf, Vec<u8>)> {
        outputs(&self.world.disk)
    }

    /// A pipeline of the same definition that meets the source for the first time.
    pub(super) fn fresh(&self) -> Self {
        let mut fresh = World::new(self.world.setup.clone());
        fresh
            .clock
            .set(self.world.clock.now().plus(Duration::from_hours(1)));
        fresh.counting = CountingSource::new(Arc::new(self.world.source.clone()));
        fresh.definition = self.world.definition.clone();
        Self { world: fresh }
    }
}

fn outputs(disk: &MemoryDisk) -> Vec<(PathBuf, Vec<u8>)> {
    let is_output = |path: &Path| path.extension().is_some_and(|end| end == "parquet");
    let files = disk.files().into_iter();
    files
        .filter(|(path, _)| is_output(path) && path.starts_with(TARGET))
        .collect()
}

pub(super) fn select(text: &str) -> RowSql {
    RowSql {
        select: Some(text.to_owned()),
        ..RowSql::default()
    }
}

pub(super) fn expect(name: &str, sql: &str, on_fail: OnFail) -> RowSql {
    RowSql {
        expect: vec![Expectation {
            name: name.to_owned(),
            sql: sql.to_owned(),
            on_fail,
        }],
        ..RowSql::default()
    }
}

pub(super) fn texts(rows: &[&str]) -> Vec<String> {
    rows.iter().map(|row| (*row).to_owned()).collect()
}

#[test]
fn select_and_where_make_the_rows_that_are_written() {
    let sql = RowSql {
        filter: Some("n > 1".to_owned()),
        ..select("k, n * 10 AS tens, upper(k) AS big")
    };
    let pipeline = Sql::new(
        sql,
        &[("a.csv", "k,n,z\nx,1,q\ny,2,q\n"), ("b.csv", "k,n\nw,3\n")],
    );
    let report = pipeline.run();
    assert_eq!((report.rows.read, report.rows.written), (3, 2));
    let rows = pipeline.rows();
    assert_eq!(rows["a.csv"], texts(&["big=Y k=y tens=20"]));
    assert_eq!(rows["b.csv"], texts(&["big=W k=w tens=30"]));
    assert_eq!(pipeline.run().units.planned, 0);
}

#[test]
fn a_column_that_comes_late_reaches_the_rows_that_were_written_without_it() {
    let sql = select("k, coalesce(extra, -1) AS e, arrow_typeof(extra) AS t");
    let early = ("a.csv", "k\nx\n");
    let late = ("b.csv", "k,extra\ny,7\n");
    let pipeline = Sql::with(
        Setup {
            unit_files: 1,
            ..Setup::default()
        },
        sql,
        &[early],
    );
    let report = pipeline.run();
    assert_eq!(report.errors.len(), 1, "{:?}", report.errors);
    assert_eq!(report.errors[0].kind, ErrorKind::UnknownColumn);
    assert!(
        report.errors[0]
            .message
            .contains("no file has a column extra")
    );
    assert_eq!(report.status, RunStatus::Done);
    pipeline.write(&[late]);
    let report = pipeline.run();
    assert_eq!(report.errors, []);
    assert_eq!(
        report.units.written, 2,
        "the unit without it is built again"
    );
    assert_eq!(pipeline.rows()["a.csv"], texts(&["e=-1 k=x t=Int64"]));
    assert_eq!(pipeline.run().units.planned, 0);
    let fresh = pipeline.fresh();
    fresh.run();
    assert_eq!(fresh.contents().rows(), pipeline.contents().rows());
}

#[test]
fn a_wider_type_of_a_column_that_is_named_rebuilds_and_of_another_does_not() {
    let sql = select("CAST(n AS VARCHAR) AS t");
    let setup = Setup {
        unit_files: 1,
        ..Setup::default()
    };
    let pipeline = Sql::with(setup, sql, &[("a.csv", "n,m\n1,1\n")]);
    pipeline.run();
    pipeline.write(&[("b.csv", "n,m\n2,x\n")]);
    assert_eq!(pipeline.run().units.written, 1, "m is not named");
    pipeline.write(&[("c.csv", "n,m\n2.5,1\n")]);
    assert_eq!(pipeline.run().units.written, 3, "n is");
    let rows = pipeline.rows();
    assert_eq!(rows["a.csv"], texts(&["t=1"]));
    assert_eq!(rows["c.csv"], texts(&["t=2.5"]));
    assert_eq!(pipeline.run().units.planned, 0);
}

#[test]
fn rows_are_routed_by_a_column_that_select_makes() {
    let sql = select("* EXCEPT (at), CAST(at AS DATE) AS day");
    let mut pipeline = Sql::new(
        sql,
        &[(
            "a.csv",
            "k,at\nx,2024-02-29T10:00:00\ny,2024-03-01T00:00:00\n",
        )],
    );
    pipeline.world.definition.partition_by = vec!["day".to_owned()];
    pipeline.run();
    assert_eq!(
        pipeline.rows()["a.csv"],
        texts(&["day=2024-02-29 k=x", "day=2024-03-01 k=y"])
    );
    assert!(pipeline.outputs()[0].0.starts_with("/out/day=2024-02-29"));
}

#[test]
fn fields_of_the_path_and_pseudo_columns_can_be_used() {
    let sql = select("v, _row AS r, _path AS p, length(_hash) AS h, dt || '!' AS d");
    let pipeline = Sql::new(sql, &[("dt=1/a.csv", "v\na\nb\n")]);
    pipeline.run();
    assert_eq!(
        pipeline.rows()["dt=1/a.csv"],
        texts(&[
            "d=1! dt=1 h=64 p=dt=1/a.csv r=1 v=a",
            "d=1! dt=1 h=64 p=dt=1/a.csv r=2 v=b"
        ])
    );
}

#[test]
fn a_rename_is_work_only_where_rows_tell_the_path() {
    for (sql, renamed) in [(select("v, _path AS p"), 0), (select("v, _hash AS h"), 1)] {
        let pipeline = Sql::new(sql, &[("a.csv", "v\n1\n")]);
        pipeline.run();
        pipeline.world.source.rename("a.csv", "b.csv");
        pipeline.later();
        let report = pipeline.run();
        assert_eq!(report.files.renamed, renamed);
        assert_eq!(report.units.written == 0, renamed == 1);
        let fresh = pipeline.fresh();
        fresh.run();
        assert_eq!(fresh.contents().rows(), pipeline.contents().rows());
    }
}

#[test]
fn a_row_that_an_expression_fails_on_sets_its_file_aside_alone() {
    let sql = select("CAST(n AS BIGINT) AS n");
    let pipeline = Sql::new(sql, &[("a.csv", "n\n1\n"), ("b.csv", "n\n2\nx\n")]);
    let report = pipeline.run();
    assert_eq!(report.status, RunStatus::Quarantined);
    assert_eq!(report.errors[0].path, "b.csv");
    let message = &report.errors[0].message;
    assert!(
        message.contains("row 2") && message.contains("'x'"),
        "{message}"
    );
    assert_eq!(pipeline.rows().keys().collect::<Vec<_>>(), ["a.csv"]);
    pipeline.write(&[("b.csv", "n\n2\n3\n")]);
    assert_eq!(pipeline.run().status, RunStatus::Done);
    assert_eq!(pipeline.rows()["b.csv"], texts(&["n=2", "n=3"]));
}

#[test]
fn a_file_whose_types_make_the_sql_impossible_is_set_aside_whatever_came_first() {
    let files = [
        ("a.csv", "n\n1\n"),
        ("b.csv", "n\nx\n"),
        ("c.csv", "n\n3\n"),
    ];
    for order in [[0, 1, 2], [1, 0, 2], [2, 1, 0]] {
        let pipeline = Sql::new(select("n * 2 AS n"), &[]);
        for at in order {
            pipeline.write(&[files[at]]);
            pipeline.run();
        }
        let report = pipeline.run();
        assert_eq!(report.files.quarantined, 1);
        let rows = pipeline.rows();
        assert_eq!(rows.len(), 2, "{rows:?}");
        assert_eq!(
            (&rows["a.csv"], &rows["c.csv"]),
            (&texts(&["n=2"]), &texts(&["n=6"]))
        );
    }
}

#[test]
fn what_was_set_aside_is_tried_again_when_a_type_widens() {
    let setup = Setup {
        unit_files: 1,
        ..Setup::default()
    };
    let pipeline = Sql::with(setup, select("10 / n AS q"), &[("a.csv", "n\n0\n")]);
    assert_eq!(pipeline.run().status, RunStatus::Quarantined);
    pipeline.write(&[("b.csv", "n\n2.5\n")]);
    pipeline.run();
    assert_eq!(pipeline.run().status, RunStatus::Done);
    assert_eq!(pipeline.rows()["a.csv"], texts(&["q=inf"]));
}

#[test]
fn rows_of_vanished_files_are_carried_and_not_made_twice() {
    let setup = Setup {
        on_delete: OnDelete::Retain,
        ..Setup::default()
    };
    let pipeline = Sql::with(
        setup,
        select("n + 1 AS n"),
        &[("a.csv", "n\n1\n"), ("b.csv", "n\n5\n")],
    );
    pipeline.run();
    pipeline.world.source.remove("a.csv");
    pipeline.later();
    pipeline.run();
    pipeline.write(&[("b.csv", "n\n6.5\n")]);
    pipeline.run();
    let rows = pipeline.rows();
    assert_eq!(rows["a.csv"], texts(&["n=2"]));
    assert_eq!(rows["b.csv"], texts(&["n=7.5"]));
    let types = pipeline.contents().types;
    assert_eq!(types["n"].len(), 1, "{types:?}");
}

#[test]
fn carried_rows_that_a_new_select_has_no_room_for_stop_their_unit() {
    let setup = Setup {
        on_delete: OnDelete::Retain,
        ..Setup::default()
    };
    let mut pipeline = Sql::with(
        setup,
        select("n AS x"),
        &[("a.csv", "n\ntext\n"), ("b.csv", "n\nmore\n")],
    );
    pipeline.run();
    pipeline.world.source.remove("a.csv");
    pipeline.later();
    pipeline.run();
    pipeline.world.definition.sql = select("length(n) AS x");
    let report = pipeline.run();
    assert_eq!(report.status, RunStatus::Incomplete);
    assert!(
        report.errors[0].message.contains("column x holds Utf8"),
        "{:?}",
        report.errors
    );
    assert_eq!(pipeline.rows()["a.csv"], texts(&["x=text"]));
    pipeline.world.definition.sql = select("CAST(length(n) AS VARCHAR) AS x");
    assert_eq!(pipeline.run().status, RunStatus::Done);
    let rows = pipeline.rows();
    assert_eq!(
        (&rows["a.csv"], &rows["b.csv"]),
        (&texts(&["x=text"]), &texts(&["x=4"]))
    );
}

#[test]
fn each_outcome_of_an_expectation_does_what_it_says() {
    let files = [("a.csv", "n\n1\n-1\n"), ("b.csv", "n\n2\n")];
    let pipeline = Sql::new(expect("positive", "n > 0", OnFail::Drop), &files);
    let report = pipeline.run();
    assert_eq!(report.status, RunStatus::Done);
    assert_eq!(report.expectations[0].dropped, 1);
    assert_eq!(pipeline.rows()["a.csv"], texts(&["n=1"]));

    let pipeline = Sql::new(expect("positive", "n > 0", OnFail::QuarantineFile), &files);
    let report = pipeline.run();
    assert_eq!(report.status, RunStatus::Quarantined);
    let message = &report.errors[0].message;
    assert!(
        message.contains("row 2 does not meet the expectation \"positive\""),
        "{message}"
    );
    assert_eq!(pipeline.rows().keys().collect::<Vec<_>>(), ["b.csv"]);

    let pipeline = Sql::new(expect("positive", "n > 0", OnFail::Fail), &files);
    let error = pipeline.try_run().unwrap_err();
    assert!(
        matches!(&error, RunError::Expectation { path, .. } if **path == *"a.csv"),
        "{error:?}"
    );
    assert_eq!(pipeline.outputs(), []);
    pipeline.write(&[("a.csv", "n\n1\n")]);
    assert_eq!(pipeline.run().status, RunStatus::Done);
    assert_eq!(pipeline.rows().len(), 2);
}

#[test]
fn a_null_does_not_meet_an_expectation_unless_it_says_so() {
    let files = [("a.csv", "n,m\n1,1\n,2\n")];
    let pipeline = Sql::new(expect("e", "n > 0", OnFail::Drop), &files);
    assert_eq!(pipeline.run().expectations[0].dropped, 1);
    let pipeline = Sql::new(expect("e", "n > 0 OR n IS NULL", OnFail::Drop), &files);
    assert_eq!(pipeline.run().expectations[0].dropped, 0);
}

#[test]
fn sql_that_does_not_go_with_the_columns_stops_a_run_before_work() {
    let mut pipeline = Sql::new(select("*"), &[("a.csv", "n\nx\n")]);
    pipeline.run();
    let before = pipeline.outputs();
    pipeline.world.definition.sql = select("n * 2 AS n");
    for _ in 0..2 {
        let error = pipeline.try_run().unwrap_err();
        assert!(matches!(error, RunError::Sql(_)), "{error:?}");
    }
    assert_eq!(pipeline.outputs(), before);
}

#[test]
fn a_lost_ledger_is_rebuilt_with_the_columns_that_the_sql_reads() {
    let sql = select("k, coalesce(extra, -1) AS e");
    let setup = Setup {
        unit_files: 1,
        ..Setup::default()
    };
    let mut pipeline = Sql::with(
        setup,
        sql,
        &[("a.csv", "k\nx\n"), ("b.csv", "k,extra\ny,7\n")],
    );
    pipeline.run();
    pipeline.run();
    let before = pipeline.outputs();
    pipeline.world.lose_ledger();
    engine::recover(&pipeline.world.target()).unwrap();
    let disk: Arc<dyn Disk> = Arc::new(pipeline.world.disk.clone());
    let view = ledger::snapshot(disk, Path::new(STATE)).unwrap();
    let shape = view.schema().unwrap().unwrap().shape;
    let names: Vec<_> = shape
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    assert_eq!(names, ["extra", "k"]);
    let report = pipeline.run();
    assert_eq!(report.outputs.written, 0, "{report:?}");
    assert_eq!(pipeline.outputs(), before);
}

fn definitions() -> impl Strategy<Value = Definition> {
    let select = prop_oneof![
        Just("*"),
        Just("*, n + 1 AS next"),
        Just("* EXCEPT (n), CAST(n AS VARCHAR) AS text"),
        Just("k, n, coalesce(m, n) AS best, arrow_typeof(m) AS kind"),
        Just("k, TRY_CAST(n AS BIGINT) AS n, _row AS r, _path AS p"),
        Just("k, n, unnest([n, NULL]) AS item, _mtime AS at"),
    ];
    let expect = prop_oneof![
        Just(Vec::new()),
        Just(vec![("some", "k <> 'a'", OnFail::QuarantineRow)]),
        Just(vec![
            ("first", "_row > 1", OnFail::QuarantineRow),
            ("second", "k = 'b'", OnFail::Drop),
        ]),
        Just(vec![("third", "_row < 2", OnFail::QuarantineFile)]),
    ];
    let filter = prop_oneof![
        Just(None),
        Just(Some("k <> 'b'")),
        Just(Some("n IS NOT NULL"))
    ];
    (select, filter, expect, any::<bool>()).prop_map(|(select, filter, expect, partitioned)| {
        Definition {
            partition_by: if partitioned {
                vec!["k".to_owned()]
            } else {
                Vec::new()
            },
            sql: RowSql {
                select: Some(select.to_owned()),
                filter: filter.map(str::to_owned),
                expect: expect
                    .into_iter()
                    .map(|(name, sql, on_fail)| Expectation {
                        name: name.to_owned(),
                        sql: sql.to_owned(),
                        on_fail,
                    })
                    .collect(),
            },
            ..Definition::default()
        }
    })
}

/// What a file may hold; the columns and types differ.
const FILES: [&str; 7] = [
    "k,n\na,1\nb,2\n",
    "k,n\na,\nc,4\n",
    "k,n\nb,1.5\n",
    "k,n\na,x\n",
    "k\na\nb\n",
    "k,m,n\na,5,1\nb,,2\n",
    "m,k\n2.5,c\n",
];

fn steps() -> impl Strategy<Value = Vec<(usize, Option<usize>, bool)>> {
    let content = proptest::option::weighted(0.8, 0..=FILES.len() + 1);
    proptest::collection::vec((0..4usize, content, any::<bool>()), 1..10)
}

/// Runs until there is nothing to do, and tells whether all files are in then: one that was good and was changed for
/// the bad counts with its last good version, whose rows may not go with what the SQL makes by now.
fn settle(pipeline: &Sql) -> bool {
    let mut last = pipeline.run();
    for _ in 0..8 {
        if last.units.planned == 0 {
            return last.files.quarantined == 0;
        }
        last = pipeline.run();
    }
    assert!(last.units.failed > 0, "9 runs were not enough: {last:?}");
    false
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_happened_between_runs_the_rows_are_those_of_a_fresh_run(
        definition in definitions(),
        steps in steps(),
        unit_files in 1..4usize,
        threads in 1..3usize,
    ) {
        let setup = Setup { unit_files, threads, ..Setup::default() };
        let mut pipeline = Sql::with(setup, RowSql::default(), &[]);
        pipeline.world.definition = definition;
        for (file, content, runs) in steps {
            let path = format!("f{file}.csv");
            match content {
                Some(content) if content == FILES.len() => pipeline.world.source.touch(&path),
                Some(content) if content > FILES.len() => {
                    pipeline.world.source.rename(&path, &format!("g{file}.csv"));
                }
                Some(content) => pipeline.world.source.write(&path, FILES[content]),
                None => pipeline.world.source.remove(&path),
            }
            pipeline.later();
            if runs {
                pipeline.run();
            }
        }
        let all_in = settle(&pipeline);
        let fresh = pipeline.fresh();
        settle(&fresh);
        let has_schema = |pipeline: &Sql| {
            let disk: Arc<dyn Disk> = Arc::new(pipeline.world.disk.clone());
            ledger::snapshot(disk, Path::new(STATE)).unwrap().schema().unwrap().map(|version| version.shape)
        };
        // A schema never narrows by itself, and rows may tell their types.
        let sorted = |shape: Option<strandline::model::Shape>| {
            let columns = shape.unwrap_or_default().columns;
            let mut columns: Vec<_> = columns.into_iter().map(|c| (c.name, c.data_type)).collect();
            columns.sort();
            columns
        };
        if all_in && sorted(has_schema(&pipeline)) == sorted(has_schema(&fresh)) {
            prop_assert_eq!(fresh.contents().rows(), pipeline.contents().rows());
            prop_assert_eq!(fresh.contents().aside, pipeline.contents().aside);
        }
        // The types of what is written are one for each column.
        for (column, types) in pipeline.contents().types {
            prop_assert_eq!(types.len(), 1, "types of {}: {:?}", column, types);
        }
    }

    #[test]
    fn neither_the_order_of_files_nor_the_number_of_threads_shows(
        definition in definitions(),
        contents in proptest::collection::vec(0..FILES.len(), 1..5),
        order in Just((0..5usize).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let setup = |threads| Setup { unit_files: 2, threads, ..Setup::default() };
        let files: Vec<(String, &str)> = contents
            .iter()
            .enumerate()
            .map(|(at, content)| (format!("f{at}.csv"), FILES[*content]))
            .collect();
        let begin = |threads| {
            let mut pipeline = Sql::with(setup(threads), RowSql::default(), &[]);
            pipeline.world.definition = definition.clone();
            pipeline
        };
        let at_once = begin(1);
        for (path, text) in &files {
            at_once.world.source.write(path, *text);
        }
        at_once.later();
        settle(&at_once);
        prop_assert_eq!(at_once.run().units.planned, 0);
        let threaded = begin(4);
        for (path, text) in &files {
            threaded.world.source.write(path, *text);
        }
        threaded.later();
        settle(&threaded);
        prop_assert_eq!(at_once.outputs(), threaded.outputs());
        let one_by_one = begin(2);
        for at in order.into_iter().filter(|at| *at < files.len()) {
            let (path, text) = &files[at];
            one_by_one.write(&[(path, text)]);
            one_by_one.run();
        }
        let all_are_in = settle(&one_by_one);
        prop_assert_eq!(one_by_one.run().units.planned, 0);
        let with_mtime = definition.sql.select.as_ref().is_some_and(|text| text.contains("_mtime"));
        // Files that are written later tell so.
        if !with_mtime {
            prop_assert_eq!(at_once.contents().rows(), one_by_one.contents().rows());
            // A file that was in before another's columns made it impossible has widened types, which never narrow: a row
            // that is set aside tells its values as texts then.
            if all_are_in {
                prop_assert_eq!(at_once.contents().aside, one_by_one.contents().aside);
            }
        }
    }
}
