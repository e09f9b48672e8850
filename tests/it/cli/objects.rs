//! The real program against real servers, and against a double of the one store that has none to install.
//!
//! They need moto, `SeaweedFS` and Azurite; `.ci/run` installs them and says where.

use std::sync::Arc;

use serde_json::Value;
use strandline::config::{Access, StoreUrl};
use strandline::model::{SelectAll, SourcePath};
use strandline::source::{ObjectSource, Source};
use strandline::store::Stores;

use crate::support::listing::{Listing, drain, list};
use crate::support::program::Sandbox;
use crate::support::server::Server;

fn counts(report: &Value, names: &[&str]) -> Vec<u64> {
    let count = |name: &&str| report["files"][*name].as_u64().unwrap();
    names.iter().map(count).collect()
}

fn put_archived(server: &Server, key: &str, bytes: &[u8], class: &str) {
    server.put_with(&format!("x-amz-storage-class: {class}\r\n"), key, bytes);
}

/// Loads what lies in a bucket and follows it through changes.
fn follow(sandbox: &Sandbox, server: &Server) {
    let large: String = (0..300_000)
        .flat_map(|id| [id.to_string(), ",word\n".to_owned()])
        .collect();
    server.put("raw/day=1/a.csv", "id,name\n1,ant\n2,bee\n");
    server.put("raw/day=1/b%20c%2Bd.csv", "id,name\n3,cat\n");
    server.put("raw/day=1!/e.csv", "id,name\n4,dog\n");
    server.put("raw/day=2/large.csv", format!("id,name\n{large}"));
    server.put("raw/empty.csv", "");
    server.put("elsewhere/x.csv", "id,name\n9,owl\n");
    let source = server.url("raw");
    let words = ["run", &source, "out"];
    let report = server.run(sandbox, &words);
    assert_eq!(report["rows"]["written"], 300_004);
    assert_eq!(counts(&report, &["added", "skipped"]), [5, 0]);

    let report = server.run(sandbox, &words);
    assert_eq!(report["units"]["planned"], 0);
    assert_eq!(report["bytes"]["read"], 0);
    assert_eq!(counts(&report, &["unchanged"]), [5]);

    server.put("raw/day=1/a.csv", "id,name\n1,ant\n2,elk\n");
    server.delete("raw/day=2/large.csv");
    let report = server.run(sandbox, &words);
    assert_eq!(
        counts(&report, &["modified", "removed", "unchanged"]),
        [1, 1, 3]
    );
    let verified = server.run(sandbox, &["verify", "out", "--deep", "--source", &source]);
    assert_eq!(verified["findings"], serde_json::json!([]));
}

/// Has a doctor look at a store that does everything well, and leave nothing behind. Returns the order of its listings.
fn examine(sandbox: &Sandbox, server: &Server) -> String {
    server.put("lake/a.csv", "id\n1\n");
    let report = server.run(sandbox, &["doctor", &server.url("lake")]);
    let findings = report["findings"].as_array().unwrap();
    let (order, rest): (Vec<&Value>, _) = findings.iter().partition(|it| it["probe"] == "order");
    assert!(rest.iter().all(|it| it["outcome"] == "works"), "{report}");
    assert_eq!(report["target"], "yes");
    let report = server.run(sandbox, &["doctor", &server.url("lake"), "--read-only"]);
    assert_eq!(report["findings"][2]["found"], "1 object");
    assert_eq!(report["findings"][3]["found"], "a byte of lake/a.csv");
    order[0]["found"].as_str().unwrap().to_owned()
}

#[test]
#[ignore = "needs moto; .ci/run installs it"]
fn a_bucket_in_moto_is_loaded_and_followed_through_its_changes() {
    let sandbox = Sandbox::new();
    let server = Server::moto(&sandbox);
    follow(&sandbox, &server);
    assert_eq!(examine(&sandbox, &server), "bytes of the keys");
}

#[test]
#[ignore = "needs SeaweedFS; .ci/run installs it"]
fn a_bucket_in_seaweedfs_is_loaded_and_followed_through_its_changes() {
    let sandbox = Sandbox::new();
    let server = Server::seaweedfs(&sandbox);
    follow(&sandbox, &server);
    assert_eq!(examine(&sandbox, &server), "as a tree is walked");
}

#[test]
#[ignore = "needs Azurite; .ci/run installs it"]
fn a_container_in_azurite_is_loaded_and_followed_through_its_changes() {
    let sandbox = Sandbox::new();
    let server = Server::azurite(&sandbox);
    follow(&sandbox, &server);
    assert_eq!(examine(&sandbox, &server), "UTF-16 of the keys");
}

#[test]
fn a_bucket_in_a_double_of_google_is_loaded_and_followed_through_its_changes() {
    let sandbox = Sandbox::new();
    let server = Server::gcs(&sandbox);
    follow(&sandbox, &server);
    assert_eq!(examine(&sandbox, &server), "bytes of the keys");
    let keys = server.double().keys();
    let is_ours = |key: &String| {
        ["raw/", "elsewhere/", "lake/a.csv"]
            .iter()
            .any(|it| key.starts_with(it))
    };
    assert!(keys.iter().all(is_ours), "{keys:?}");
}

#[test]
fn a_doctor_notices_a_store_that_ignores_conditions_without_a_word() {
    let sandbox = Sandbox::new();
    let server = Server::gcs(&sandbox);
    server.double().ignore_conditions();
    let (code, report) = server.call(&sandbox, &["doctor", &server.url("lake")]);
    assert_eq!(code, Some(1));
    let failed = report["findings"].as_array().unwrap().iter();
    let failed = failed.filter(|it| it["outcome"] == "fails");
    let failed: Vec<&Value> = failed.map(|it| &it["probe"]).collect();
    assert_eq!(failed, ["create", "update", "create_race", "update_race"]);
    assert_eq!(
        (&report["source"], &report["target"]),
        (&"yes".into(), &"limited".into())
    );
    assert_eq!(server.double().keys(), [""; 0]);
}

#[test]
fn what_the_readme_shows_of_a_doctor_is_what_it_says() {
    let sandbox = Sandbox::new();
    let server = Server::gcs(&sandbox);
    server.put("lake/a.csv", "id\n1\n");
    server.double().ignore_conditions();
    let url = server.url("lake");
    let output = server.command(&sandbox, &["doctor", &url]).output();
    let said = String::from_utf8(output.unwrap().stdout).unwrap();
    let readme = include_str!("../../../README.md");
    assert!(readme.contains(&format!("```text\n{said}```\n")), "{said}");
}

#[test]
fn whoever_may_not_write_is_told_to_have_a_source() {
    let sandbox = Sandbox::new();
    let server = Server::gcs(&sandbox);
    server.put("lake/a.csv", "id\n1\n");
    server.double().deny_writes();
    let url = server.url("lake");
    let (code, report) = server.call(&sandbox, &["doctor", &url]);
    assert_eq!(code, Some(1));
    assert_eq!(
        (&report["source"], &report["target"]),
        (&"yes".into(), &"no".into())
    );
    let write = &report["findings"][4];
    assert_eq!(
        (&write["probe"], &write["outcome"]),
        (&"write".into(), &"denied".into())
    );
    assert_eq!(
        server.run(&sandbox, &["doctor", &url, "--read-only"])["target"],
        Value::Null
    );
}

#[test]
#[ignore = "needs moto; .ci/run installs it"]
fn objects_of_every_odd_kind_are_told_and_stop_no_other() {
    let sandbox = Sandbox::new();
    let server = Server::moto(&sandbox);
    server.put("raw/a.csv", "id,name\n1,ant\n");
    server.put("raw/b%26%25.csv", "id,name\n2,bee\n");
    server.put("raw/c//d.csv", "id,name\n3,cat\n");
    server.put("raw/dir/", "");
    server.put("raw/plain", "");
    put_archived(&server, "raw/old.csv", b"id,name\n4,dog\n", "GLACIER");
    put_archived(&server, "raw/cold.csv", b"id,name\n5,elk\n", "GLACIER_IR");
    let words = [
        "run",
        "s3://bucket/raw",
        "out",
        "--format",
        "csv",
        "--include",
        "**",
    ];
    server.take_requests();
    let report = server.run(&sandbox, &words);
    assert_eq!(report["status"], "done");
    assert_eq!(
        counts(&report, &["added", "archived", "skipped", "unreadable"]),
        [4, 1, 2, 0]
    );
    assert_eq!(report["rows"]["written"], 3);
    let errors = report["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0]["path"], "c//d.csv");
    assert_eq!(errors[0]["kind"], "bad_name");

    let report = server.run(&sandbox, &words);
    assert_eq!(counts(&report, &["unchanged", "archived"]), [4, 1]);
    server.delete("raw/cold.csv");
    put_archived(&server, "raw/cold.csv", b"id,name\n5,elk\n", "DEEP_ARCHIVE");
    let report = server.run(&sandbox, &words);
    assert_eq!(
        counts(&report, &["unchanged", "removed", "archived"]),
        [3, 0, 2],
        "what is archived keeps its rows"
    );
}

#[test]
#[ignore = "needs moto; .ci/run installs it"]
fn more_objects_than_a_page_holds_are_all_listed() {
    let sandbox = Sandbox::new();
    let server = Server::moto(&sandbox);
    for number in 0..1_203 {
        server.put(&format!("raw/{number}.csv"), format!("id\n{number}\n"));
    }
    server.take_requests();
    let words = ["run", "s3://bucket/raw", "out"];
    let report = server.run(&sandbox, &words);
    assert_eq!(counts(&report, &["added"]), [1_203]);
    assert_eq!(report["rows"]["written"], 1_203);
    assert_eq!(
        server.take_requests(),
        (2, 1_203),
        "two pages, and each once"
    );
    assert_eq!(requests(&report), [2, 1_203, 0]);
    let report = server.run(&sandbox, &words);
    assert_eq!(counts(&report, &["unchanged"]), [1_203]);
    assert_eq!(server.take_requests(), (2, 0));
    assert_eq!(requests(&report), [2, 0, 0]);
    assert!(report["bytes"]["received"].as_u64().unwrap() > 100_000);
}

#[test]
#[ignore = "needs moto; .ci/run installs it"]
fn a_run_asks_no_more_of_a_store_than_it_may_and_the_next_one_goes_on() {
    let sandbox = Sandbox::new();
    let server = Server::moto(&sandbox);
    for number in 0..40 {
        server.put(
            &format!("raw/part={number:02}/a.csv"),
            format!("id\n{number}\n"),
        );
    }
    let run = |options: &[&str]| {
        let mut words = vec!["run", "s3://bucket/raw", "out"];
        words.extend(options);
        server.take_requests();
        let report = server.run(&sandbox, &words);
        let (lists, gets) = server.take_requests();
        let asked = [lists as u64, gets as u64, 0];
        assert_eq!(requests(&report), asked, "{options:?}");
        report
    };
    let report = run(&["--max-requests", "1"]);
    assert_eq!(report["status"], "partial");
    assert_eq!(report["stopped_by"], "max_requests");
    assert_eq!(report["errors"][0]["kind"], "limit");
    assert_eq!(requests(&report), [1, 0, 0]);
    assert_eq!(counts(&report, &["added", "deferred"]), [40, 40]);

    let report = run(&["--max-requests", "11"]);
    assert_eq!(report["status"], "partial");
    assert_eq!(requests(&report), [1, 10, 0]);
    assert_eq!(counts(&report, &["deferred"]), [30]);
    assert_eq!(report["errors"], serde_json::json!([]));

    // With one at a time, and twenty in a second after those of a second at most.
    let limits = ["--requests-per-second", "20", "--store-concurrency", "1"];
    let report = run(&limits);
    assert_eq!(report["status"], "done");
    assert_eq!(requests(&report), [1, 30, 0]);
    assert!(report["seconds"]["total"].as_f64().unwrap() > 0.4);
}

#[test]
#[ignore = "needs moto; .ci/run installs it"]
fn passes_ask_a_store_for_one_listing_each_and_for_each_object_once() {
    let sandbox = Sandbox::new();
    let server = Server::moto(&sandbox);
    for number in 0..9 {
        server.put(
            &format!("raw/part={number}/a.csv"),
            format!("id\n{number}\n"),
        );
    }
    server.take_requests();
    let words = ["run", "s3://bucket/raw", "out"];
    let limits = ["--until-complete", "--max-files", "4"];
    let report = server.run(&sandbox, &[&words[..], &limits].concat());
    assert_eq!(report["status"], "done");
    assert_eq!(server.take_requests(), (3, 9));
    assert_eq!(requests(&report), [1, 1, 0], "of the last pass");
}

/// Returns how many pages were listed, how many objects read, and what else was asked, as the report tells it.
fn requests(report: &Value) -> [u64; 3] {
    let count = |name: &str| report["requests"][name].as_u64().unwrap();
    let others = ["head", "put", "delete", "other"];
    let others = others.iter().map(|name| count(name)).sum();
    [count("list"), count("get"), others]
}

#[test]
#[ignore = "needs moto; .ci/run installs it"]
fn a_bucket_of_many_pages_is_listed_in_ranges() {
    let sandbox = Sandbox::new();
    let server = Server::moto_with_pages_of(&sandbox, 50);
    for number in 0..600 {
        server.put(&format!("raw/day={:02}/{number:03}.bin", number / 30), "x");
    }
    server.put("raw/day=03!.csv", "id,name\n1,ant\n");
    server.put("raw/day=19/last.csv", "id,name\n2,bee\n");
    let words = ["run", "s3://bucket/raw", "out", "--include", "**.csv"];
    for expected in [[2, 0], [0, 2]] {
        server.take_log();
        let report = server.run(&sandbox, &words);
        assert_eq!(counts(&report, &["added", "unchanged"]), expected);
        assert_eq!(counts(&report, &["skipped"]), [600]);
        let log = server.take_log();
        let listings = |mark: &str| log.iter().filter(|line| line.contains(mark)).count();
        // Few of them are known to the second run as well.
        let (ranges, pages) = (listings("start-after="), listings("GET /bucket?"));
        assert!(listings("delimiter=") == 1 && ranges > 5, "{log:?}");
        assert!(pages <= 13 + 1 + ranges, "{log:?}");
    }

    let access: Access = server.variables().collect();
    let url = StoreUrl::parse("s3://bucket/raw").unwrap();
    let source = ObjectSource::new(&url, &access, &Stores::default(), Arc::new(SelectAll)).unwrap();
    let in_one = list(&source);
    // One that is there, and others that are not.
    let points = ["day=03!.csv", "day=05/170.bin", "day=07", "e"].map(SourcePath::from);
    let mut in_ranges = Listing::default();
    drain(&*source.divided(&points, 0), &mut in_ranges);
    assert!(in_ranges.is_proven);
    assert_eq!(in_ranges.paths(), in_one.paths());
    assert_eq!(in_ranges.fingerprints, in_one.fingerprints);
    assert_eq!(in_one.paths().len(), 602);
}
