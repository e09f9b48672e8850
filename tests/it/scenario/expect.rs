//! Rows that are set aside, rows that tell when their file was modified, and lists whose items become rows: each as a
//! fresh run would have it.

use std::sync::Arc;

use strandline::config::{Expectation, OnDelete, OnFail, OnModify, RowSql};
use strandline::durable::{Disk, FaultyDisk, Survivors};
use strandline::engine::{self, Control, Pipeline, RunError};
use strandline::ledger;
use strandline::model::{ErrorKind, RunReport, RunStatus};
use strandline::sink::DiskSink;

use super::sql::{Sql, expect, select, texts};
use super::world::{STATE, Setup, TARGET};

fn one_unit_per_file() -> Setup {
    Setup {
        unit_files: 1,
        ..Setup::default()
    }
}

/// The rows of a file that are set aside, as `column=value` texts.
fn aside(pipeline: &Sql, path: &str) -> Vec<String> {
    let contents = pipeline.contents();
    let rows = contents.aside.get(path).into_iter().flatten();
    rows.map(|row| {
        let cells = row.iter().map(|(name, value)| format!("{name}={value}"));
        cells.collect::<Vec<_>>().join(" ")
    })
    .collect()
}

fn assert_fresh(pipeline: &Sql) {
    let fresh = pipeline.fresh();
    fresh.run();
    let (own, all) = (pipeline.contents(), fresh.contents());
    assert_eq!(own.rows(), all.rows());
    assert_eq!(own.aside, all.aside);
}

fn last_run(pipeline: &Sql) -> RunReport {
    let disk: Arc<dyn Disk> = Arc::new(pipeline.world.disk.clone());
    let view = ledger::snapshot(disk, STATE.as_ref()).unwrap();
    view.runs(1).unwrap().remove(0)
}

#[test]
fn a_row_is_set_aside_with_the_reason_its_file_and_its_number() {
    let sql = expect("positive", "n > 0", OnFail::QuarantineRow);
    let files = [
        ("a.csv", "n,s\n1,x\n-2,\"q\"\"\"\n3,y\n,\n"),
        ("b.csv", "n,s\n4,z\n"),
    ];
    let pipeline = Sql::new(sql, &files);
    let report = pipeline.run();
    assert_eq!(report.status, RunStatus::Done);
    assert_eq!((report.rows.written, report.outputs.written), (3, 1));
    assert_eq!(report.expectations[0].quarantined_rows, 2);
    assert_eq!(report.expectations[0].dropped, 0);
    assert_eq!(pipeline.rows()["a.csv"], texts(&["n=1 s=x", "n=3 s=y"]));
    assert_eq!(
        aside(&pipeline, "a.csv"),
        texts(&[
            r#"path=a.csv reason=positive row=2 values={"n":-2,"s":"q\""}"#,
            "path=a.csv reason=positive row=4 values={}",
        ])
    );
    assert_eq!(aside(&pipeline, "b.csv"), texts(&[]));
    let names = pipeline.outputs().into_iter().map(|(path, _)| path);
    let place = format!("{TARGET}/_strandline/quarantine/");
    let in_place: Vec<_> = names.filter(|path| path.starts_with(&place)).collect();
    assert_eq!(in_place.len(), 1);
    assert_fresh(&pipeline);
}

#[test]
fn rows_that_are_set_aside_follow_their_file() {
    let sql = expect("positive", "n > 0", OnFail::QuarantineRow);
    let pipeline = Sql::new(sql, &[("a.csv", "n\n-1\n1\n"), ("b.csv", "n\n2\n-2\n")]);
    pipeline.run();
    let before = pipeline.outputs();
    pipeline.world.source.touch("a.csv");
    pipeline.later();
    assert_eq!(pipeline.run().units.planned, 0);
    assert_eq!(pipeline.outputs(), before, "nothing is made twice");
    pipeline.write(&[("a.csv", "n\n1\n-7\n-8\n")]);
    pipeline.run();
    assert_eq!(aside(&pipeline, "a.csv").len(), 2);
    assert_eq!(aside(&pipeline, "b.csv").len(), 1);
    assert_fresh(&pipeline);
    pipeline.write(&[("a.csv", "n\n1\n")]);
    pipeline.run();
    assert_eq!(aside(&pipeline, "a.csv").len(), 0);
    pipeline.world.source.remove("b.csv");
    pipeline.later();
    let report = pipeline.run();
    assert_eq!(report.outputs.removed, 0, "of the target, that is");
    assert_eq!(pipeline.outputs().len(), 1, "no file is left of those");
    assert_fresh(&pipeline);
}

#[test]
fn a_unit_whose_rows_are_all_set_aside_is_one_all_the_same() {
    let sql = expect("positive", "n > 0", OnFail::QuarantineRow);
    let mut pipeline = Sql::with(one_unit_per_file(), sql, &[("a.csv", "n\n-1\n")]);
    pipeline.run();
    assert_eq!(pipeline.run().units.planned, 0);
    assert_eq!(aside(&pipeline, "a.csv").len(), 1);
    pipeline.world.lose_ledger();
    assert!(matches!(
        pipeline.try_run(),
        Err(RunError::LedgerMissing { .. })
    ));
    engine::recover(&pipeline.world.target()).unwrap();
    let report = pipeline.run();
    assert_eq!((report.units.planned, report.files.added), (0, 0));
    assert_eq!(aside(&pipeline, "a.csv").len(), 1);
    pipeline.world.source.remove("a.csv");
    pipeline.later();
    pipeline.run();
    assert_eq!(pipeline.outputs(), []);
}

#[test]
fn rows_that_are_set_aside_stay_with_a_file_whose_rows_are_kept() {
    let setup = Setup {
        on_delete: OnDelete::Retain,
        ..Setup::default()
    };
    let sql = expect("positive", "n > 0", OnFail::QuarantineRow);
    let files = [("a.csv", "n\n-1\n1\n"), ("b.csv", "n\n2\n-2\n")];
    let mut pipeline = Sql::with(setup, sql, &files);
    pipeline.run();
    let kept = aside(&pipeline, "a.csv");
    pipeline.world.source.remove("a.csv");
    pipeline.write(&[("b.csv", "n,m\n-3,1\n-4,2\n5,3\n")]);
    pipeline.run();
    assert_eq!(aside(&pipeline, "a.csv"), kept);
    assert_eq!(aside(&pipeline, "b.csv").len(), 2);
    // Not even another expectation reaches them.
    pipeline.world.definition.sql = RowSql::default();
    pipeline.run();
    assert_eq!(aside(&pipeline, "a.csv"), kept);
    assert_eq!(aside(&pipeline, "b.csv").len(), 0);
    assert_eq!(pipeline.rows()["a.csv"], texts(&["n=1"]));
    assert_eq!(pipeline.rows()["b.csv"].len(), 3);
    assert_eq!(pipeline.run().units.planned, 0);
}

#[test]
fn a_rename_is_work_where_a_row_that_is_set_aside_tells_the_path() {
    let sql = expect("positive", "n > 0", OnFail::QuarantineRow);
    let files = [("a.csv", "n\n-1\n1\n"), ("b.csv", "n\n2\n")];
    let pipeline = Sql::with(one_unit_per_file(), sql, &files);
    pipeline.run();
    pipeline.world.source.rename("a.csv", "c.csv");
    pipeline.world.source.rename("b.csv", "d.csv");
    pipeline.later();
    let report = pipeline.run();
    // One unit loses its only file, another gets it.
    assert_eq!((report.files.renamed, report.units.written), (1, 2));
    assert_fresh(&pipeline);
}

#[test]
fn a_lost_ledger_knows_again_what_was_set_aside() {
    let sql = expect("positive", "n > 0", OnFail::QuarantineRow);
    let mut pipeline = Sql::new(sql, &[("a.csv", "n\n-1\n1\n"), ("b.csv", "n\n2\n-2\n")]);
    pipeline.run();
    let before = pipeline.outputs();
    pipeline.world.lose_ledger();
    engine::recover(&pipeline.world.target()).unwrap();
    assert_eq!(pipeline.run().units.planned, 0);
    assert_eq!(pipeline.outputs(), before);
    pipeline.write(&[("a.csv", "n\n1\n")]);
    pipeline.run();
    assert_fresh(&pipeline);
}

#[test]
fn what_each_expectation_did_is_counted() {
    let expectation = |name: &str, sql: &str, on_fail| Expectation {
        name: name.to_owned(),
        sql: sql.to_owned(),
        on_fail,
    };
    let sql = RowSql {
        expect: vec![
            expectation("dropped", "n <> 1", OnFail::Drop),
            expectation("aside", "n <> 2", OnFail::QuarantineRow),
            expectation("file", "n <> 3", OnFail::QuarantineFile),
            expectation("run", "n <> 4", OnFail::Fail),
        ],
        ..RowSql::default()
    };
    let files = [
        ("a.csv", "n\n1\n1\n2\n9\n"),
        ("b.csv", "n\n1\n3\n3\n"),
        ("c.csv", "n\n3\n"),
    ];
    let pipeline = Sql::new(sql, &files);
    let report = pipeline.run();
    assert_eq!(report.status, RunStatus::Quarantined);
    let counts = |report: &RunReport| -> Vec<[u64; 4]> {
        let all = report.expectations.iter();
        all.map(|one| {
            [
                one.dropped,
                one.quarantined_rows,
                one.quarantined_files,
                one.failed,
            ]
        })
        .collect()
    };
    let expected = [[2, 0, 0, 0], [0, 1, 0, 0], [0, 0, 2, 0], [0, 0, 0, 0]];
    assert_eq!(
        counts(&report),
        expected,
        "rows of files that are out do not count"
    );
    assert_fresh(&pipeline);
    pipeline.write(&[("d.csv", "n\n4\n4\n")]);
    assert!(matches!(
        pipeline.try_run(),
        Err(RunError::Expectation { .. })
    ));
    let failed = last_run(&pipeline);
    assert_eq!(failed.status, RunStatus::Failed);
    assert_eq!(counts(&failed)[3], [0, 0, 0, 1]);
}

#[test]
fn an_expectation_sees_the_fields_of_the_path_and_where_a_row_comes_from() {
    for sql in [
        "dt = '1'",
        "_path LIKE 'dt=1/%'",
        "_row < 3 AND length(_hash) = 64",
        "_mtime > '2020-01-01'",
    ] {
        let mut asked = expect("e", sql, OnFail::Drop);
        for select in [None, Some("v, dt".to_owned())] {
            asked.select = select;
            let pipeline = Sql::new(asked.clone(), &[("dt=1/a.csv", "v\na\nb\n")]);
            let report = pipeline.run();
            assert_eq!(report.errors, [], "{sql}");
            assert_eq!(report.expectations[0].dropped, 0, "{sql}");
            assert_eq!(pipeline.rows()["dt=1/a.csv"].len(), 2, "{sql}");
        }
    }
}

#[test]
fn a_column_to_leave_out_that_no_file_has_is_told() {
    let pipeline = Sql::new(select("* EXCEPT (emial)"), &[("a.csv", "k,email\nx,y\n")]);
    let report = pipeline.run();
    assert_eq!(report.errors[0].kind, ErrorKind::UnknownColumn);
    assert_eq!(
        report.errors[0].message,
        "select, column 11: no file has a column emial; did you mean email?"
    );
    let pipeline = Sql::new(select("* EXCLUDE (email)"), &[("a.csv", "k,email\nx,y\n")]);
    assert_eq!(pipeline.run().errors, []);
    assert_eq!(pipeline.rows()["a.csv"], texts(&["k=x"]));
}

#[test]
fn a_filter_that_leaves_nothing_leaves_a_unit_without_outputs() {
    let sql = RowSql {
        filter: Some("n > 5".to_owned()),
        ..RowSql::default()
    };
    let pipeline = Sql::new(sql, &[("a.csv", "n\n1\n"), ("b.csv", "n\n")]);
    let report = pipeline.run();
    assert_eq!((report.status, report.rows.written), (RunStatus::Done, 0));
    assert_eq!(pipeline.outputs(), []);
    assert_eq!(pipeline.run().units.planned, 0);
    pipeline.write(&[("a.csv", "n\n1\n7\n")]);
    pipeline.run();
    assert_eq!(pipeline.rows()["a.csv"], texts(&["n=7"]));
    pipeline.write(&[("a.csv", "n\n1\n")]);
    pipeline.run();
    assert_eq!(pipeline.outputs(), []);
    assert_fresh(&pipeline);
}

#[test]
fn numbers_that_overflow_set_their_file_aside_and_no_other() {
    let files = [
        ("a.csv", "n\n9223372036854775807\n"),
        ("b.csv", "n\n1\n"),
        ("c.csv", "n\n-9223372036854775808\n"),
    ];
    for (sql, bad) in [
        ("n + 1 AS x", "a.csv"),
        ("n - 1 AS x", "c.csv"),
        ("-n AS x", "c.csv"),
    ] {
        let pipeline = Sql::new(select(sql), &files);
        let report = pipeline.run();
        assert_eq!(report.status, RunStatus::Quarantined, "{sql}");
        assert_eq!(report.errors.len(), 1, "{:?}", report.errors);
        assert_eq!(report.errors[0].path, bad);
        let message = &report.errors[0].message;
        assert!(message.contains("row 1: Arithmetic overflow"), "{message}");
        assert_eq!(pipeline.rows().len(), 2);
    }
}

#[test]
fn a_touch_is_work_only_where_rows_tell_when_their_file_was_modified() {
    for (sql, touched) in [("n, _mtime AS at", 1), ("n", 0)] {
        for on_modify in [OnModify::Replace, OnModify::Ignore, OnModify::Fail] {
            let setup = Setup {
                on_modify,
                ..one_unit_per_file()
            };
            let files = [("a.csv", "n\n1\n"), ("b.csv", "n\n2\n")];
            let pipeline = Sql::with(setup, select(sql), &files);
            pipeline.run();
            pipeline.world.source.touch("a.csv");
            pipeline.later();
            let report = pipeline.run();
            assert_eq!(report.files.touched, 1);
            assert_eq!(report.units.written, touched, "{sql}");
            assert_eq!(pipeline.run().units.planned, 0);
            assert_fresh(&pipeline);
        }
    }
    let pipeline = Sql::new(select("n, _mtime AS at"), &[("a.csv", "n\n1\n")]);
    pipeline.run();
    pipeline.world.source.rename("a.csv", "b.csv");
    pipeline.later();
    pipeline.run();
    assert_fresh(&pipeline);
}

#[test]
fn a_file_that_was_set_aside_for_its_mtime_is_tried_again_when_it_is_touched() {
    let mut sql = select("n");
    sql.expect = expect(
        "fresh",
        "_mtime > '2023-11-14T22:14:00Z'",
        OnFail::QuarantineFile,
    )
    .expect;
    let pipeline = Sql::new(sql, &[("a.csv", "n\n1\n")]);
    assert_eq!(pipeline.run().status, RunStatus::Quarantined);
    pipeline.world.source.touch("a.csv");
    pipeline.later();
    assert_eq!(pipeline.run().status, RunStatus::Done);
    assert_fresh(&pipeline);
}

#[test]
fn a_touch_is_not_forgotten_by_a_run_that_was_cut() {
    let sql = select("n, _mtime AS at");
    let pipeline = Sql::new(sql, &[("a.csv", "n\n1\n"), ("b.csv", "n\n2\n")]);
    pipeline.run();
    pipeline.world.source.touch("a.csv");
    pipeline.later();
    let fresh = pipeline.fresh();
    fresh.run();
    for cut in 0.. {
        let disk = pipeline.world.disk.crash(Survivors::All);
        let faulty = FaultyDisk::new(Arc::new(disk.clone()));
        faulty.cut_at(cut);
        let on: Arc<dyn Disk> = Arc::new(faulty);
        let run = |on: Arc<dyn Disk>| {
            let mut one = pipeline.world.pipeline();
            one.target.sink = Arc::new(DiskSink::new(Arc::clone(&on), TARGET.into()));
            one.target.disk = on;
            engine::run(&Pipeline { ..one }, &Control::default())
        };
        if run(on).is_ok() {
            assert!(cut > 4);
            break;
        }
        let left = disk.crash(Survivors::Synced);
        run(Arc::new(left.clone())).unwrap();
        let rows = super::read_back::read_back(&left).rows();
        assert_eq!(rows, fresh.contents().rows(), "cut at {cut}");
    }
}

#[test]
fn items_of_lists_become_rows_and_are_carried_as_many_as_they_are() {
    let setup = Setup {
        on_delete: OnDelete::Retain,
        ..Setup::default()
    };
    let sql = select("k, unnest(json_list(tags, '$.t')) AS tag, _row AS r");
    let a = "k,tags\nx,\"{\"\"t\"\": [\"\"p\"\", 1]}\"\ny,{}\nz,\"{\"\"t\"\": [2, 3, 4]}\"\n";
    let pipeline = Sql::with(setup, sql, &[("a.csv", a), ("b.csv", "k,tags\nw,{}\n")]);
    let report = pipeline.run();
    assert_eq!((report.rows.read, report.rows.written), (4, 5));
    let rows = [
        "k=x r=1 tag=1",
        "k=x r=1 tag=p",
        "k=z r=3 tag=2",
        "k=z r=3 tag=3",
        "k=z r=3 tag=4",
    ];
    assert_eq!(pipeline.rows()["a.csv"], texts(&rows));
    assert_fresh(&pipeline);
    pipeline.world.source.remove("a.csv");
    pipeline.write(&[("b.csv", "k,tags\nv,\"{\"\"t\"\": [9]}\"\n")]);
    pipeline.run();
    assert_eq!(pipeline.rows()["a.csv"], texts(&rows));
    assert_eq!(pipeline.rows()["b.csv"], texts(&["k=v r=1 tag=9"]));
}
