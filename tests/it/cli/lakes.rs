//! The real program with target and ledger in a bucket of a real server: workers that have nothing but the bucket.
//!
//! It needs moto; `.ci/run` installs it and says where by `READERS_PYTHON`.

use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::readme::{batch_job, readme};
use crate::support::program::Sandbox;
use crate::support::server::Server;

const RUN: [&str; 5] = [
    "run",
    "s3://bucket/raw",
    "s3://bucket/lake",
    "--lease",
    "3s",
];

/// How long a lease may take to end.
const PATIENCE: Duration = Duration::from_mins(1);

fn csv(from: u64, rows: u64) -> String {
    let lines = (from..from + rows).map(|id| format!("{id},{}\n", id % 7));
    format!("id,v\n{}", lines.collect::<Vec<_>>().concat())
}

fn start(server: &Server, sandbox: &Sandbox) -> Child {
    let mut command = server.command(sandbox, &RUN);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Returns how often the server was asked for something that has `words` in it, since the last call.
fn take_count<const N: usize>(server: &Server, words: &[&str; N]) -> [usize; N] {
    let lines = server.take_log();
    words.map(|words| lines.iter().filter(|line| line.contains(words)).count())
}

/// Runs until no lease of a dead worker is in the way.
fn run_when_free(server: &Server, sandbox: &Sandbox) -> Output {
    let begun = Instant::now();
    loop {
        let output = server.command(sandbox, &RUN).output().unwrap();
        if output.status.code() != Some(4) {
            return output;
        }
        assert!(begun.elapsed() < PATIENCE, "{}", said(&output));
        sleep(Duration::from_millis(200));
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    let sent = Command::new("kill").args(["-s", name, &pid]).status();
    assert!(sent.unwrap().success());
}

/// Makes sure that the lake is what a full load would be.
#[track_caller]
fn demand_whole(server: &Server, sandbox: &Sandbox) {
    let words = [
        "verify",
        "s3://bucket/lake",
        "--deep",
        "--source",
        "s3://bucket/raw",
    ];
    let verified = server.run(sandbox, &words);
    assert_eq!(verified["findings"], json!([]));
    server.run(sandbox, &["run", "s3://bucket/raw", "fresh"]);
    let rows = |target: &str| -> Value {
        let status = server.run(sandbox, &["status", target]);
        status["rows"].clone()
    };
    assert_ne!(rows("fresh"), Value::Null);
    assert_eq!(rows("s3://bucket/lake"), rows("fresh"));
}

#[test]
#[ignore = "needs moto; .ci/run installs it"]
fn a_lake_is_loaded_followed_and_asked_by_workers_that_have_nothing_but_the_bucket() {
    let server = Server::moto(&Sandbox::new());
    let sandbox = Sandbox::new;
    server.put("raw/day=1/a.csv", csv(0, 10));
    server.put("raw/day=1/b.csv", csv(10, 10));
    server.put("raw/day=2/a.csv", csv(20, 10));
    let report = server.run(&sandbox(), &RUN);
    assert_eq!(
        (&report["status"], &report["rows"]["written"]),
        (&json!("done"), &json!(30))
    );
    assert_eq!(report["errors"], json!([]), "this server keeps conditions");

    let asked = [
        "GET /bucket/raw/",
        "HEAD ",
        "PUT /bucket/lake/day",
        "DELETE /bucket/lake/day",
    ];
    take_count(&server, &asked);
    let report = server.run(&sandbox(), &RUN);
    assert_eq!(report["files"]["unchanged"], 3);
    assert_eq!(
        take_count(&server, &asked),
        [0, 0, 0, 0],
        "nothing to do is free"
    );

    server.put("raw/day=1/a.csv", csv(100, 5));
    server.delete("raw/day=2/a.csv");
    server.put("raw/day=3/a.csv", csv(200, 5));
    take_count(&server, &asked);
    let report = server.run(&sandbox(), &RUN);
    assert_eq!(report["files"]["modified"], 1);
    assert_eq!(report["files"]["removed"], 1);
    assert_eq!(
        take_count(&server, &asked)[..3],
        [3, 1, 2],
        "each change once and its neighbour in the unit, each output once, and a look at the one that is replaced"
    );
    for words in [
        &["status", "s3://bucket/lake"][..],
        &["files", "s3://bucket/lake"],
        &["history", "s3://bucket/lake"],
        &["explain", "day=1/a.csv", "s3://bucket/lake"],
        &["schema", "show", "s3://bucket/lake"],
        &["quarantine", "list", "s3://bucket/lake"],
        &["plan", "s3://bucket/raw", "s3://bucket/lake"],
    ] {
        server.run(&sandbox(), words);
    }
    demand_whole(&server, &sandbox());
}

#[test]
#[ignore = "needs moto; .ci/run installs it"]
fn the_batch_job_of_the_readme_goes_as_it_is_written_there() {
    let sandbox = Sandbox::new();
    let server = Server::moto(&sandbox);
    sandbox.copy_fixtures("flights");
    let job = batch_job();
    assert!(job.contains("http://127.0.0.1:5555"), "{job}");
    // The bucket of this server is there already, as its answer says.
    let job = job.replace("http://127.0.0.1:5555", server.endpoint());
    let said = sandbox.shell(&format!("set -e; {job}"));
    assert!(said.contains("3 added"), "{said}");
    assert!(said.contains("nothing to do: 3 files"), "{said}");
    assert!(said.contains("nothing wrong"), "{said}");

    // What it says of the cost of an idle run.
    take_count(&server, &[]);
    server.run(&sandbox, &RUN);
    let asked = take_count(&server, &["HTTP/1.1", "list-type=2&prefix=raw"]);
    assert_eq!(asked[1], 1);
    let told = format!("and {} times for", asked[0] - asked[1]);
    assert!(readme().contains(&told), "README.md does not say: {told}");
}

/// Loads a lake from a bucket into the same, and follows it through changes, by workers that have nothing else.
fn follow(server: &Server) {
    let sandbox = Sandbox::new;
    let (raw, lake) = (server.url("raw"), server.url("lake"));
    let run = ["run", &raw, &lake];
    server.put("raw/day=1/a.csv", csv(0, 10));
    server.put("raw/day=1!/b.csv", csv(10, 10));
    server.put("raw/day=2/a.csv", csv(20, 10));
    let report = server.run(&sandbox(), &run);
    assert_eq!(report["rows"]["written"], 30);
    assert_eq!(report["errors"], json!([]), "this server keeps conditions");
    let report = server.run(&sandbox(), &run);
    assert_eq!(report["files"]["unchanged"], 3);
    assert_eq!(report["units"]["planned"], 0);
    server.put("raw/day=1/a.csv", csv(100, 5));
    server.delete("raw/day=2/a.csv");
    server.put("raw/day=3/a.csv", csv(200, 5));
    let report = server.run(&sandbox(), &run);
    assert_eq!(report["files"]["modified"], 1);
    assert_eq!(report["files"]["removed"], 1);
    let words = ["verify", &lake, "--deep", "--source", &raw];
    let verified = server.run(&sandbox(), &words);
    assert_eq!(verified["findings"], json!([]));
    let status = server.run(&sandbox(), &["status", &lake]);
    assert_eq!(
        (&status["rows"], &status["held_by"]),
        (&json!(20), &Value::Null)
    );

    // A ledger in a store serves a target on a disk, and the other way round.
    let (state, third) = (server.url("state"), server.url("third"));
    let own = sandbox();
    for words in [
        ["run", &raw, "out", "--state", &state],
        ["run", &raw, &third, "--state", "state"],
    ] {
        assert_eq!(server.run(&own, &words)["files"]["added"], 3);
        assert_eq!(server.run(&own, &words)["files"]["unchanged"], 3);
    }
}

#[test]
#[ignore = "needs moto; .ci/run installs it"]
fn a_lake_in_moto_is_followed() {
    let sandbox = Sandbox::new();
    follow(&Server::moto(&sandbox));
}

#[test]
#[ignore = "needs SeaweedFS; .ci/run installs it"]
fn a_lake_in_seaweedfs_is_followed() {
    let sandbox = Sandbox::new();
    follow(&Server::seaweedfs(&sandbox));
}

#[test]
#[ignore = "needs Azurite; .ci/run installs it"]
fn a_lake_in_azurite_is_followed() {
    let sandbox = Sandbox::new();
    follow(&Server::azurite(&sandbox));
}

#[test]
fn a_lake_in_a_double_of_google_cloud_storage_is_followed() {
    let sandbox = Sandbox::new();
    follow(&Server::gcs(&sandbox));
}

#[test]
#[ignore = "needs moto; .ci/run installs it"]
fn a_worker_that_is_killed_wherever_it_is_loses_work_and_nothing_else() {
    let sandbox = Sandbox::new();
    let server = Server::moto(&sandbox);
    for round in 0_u64..6 {
        for day in 0..5 {
            server.put(
                &format!("raw/day={day}/{round}.csv"),
                csv(round * 100 + day * 10, 10),
            );
        }
        server.delete(&format!("raw/day={round}/0.csv"));
        let mut killed = start(&server, &sandbox);
        // It gets further from round to round; where it is by then, the machine decides.
        sleep(Duration::from_millis(60 * round));
        killed.kill().unwrap();
        killed.wait().unwrap();
        let output = run_when_free(&server, &sandbox);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    }
    demand_whole(&server, &sandbox);
}

#[test]
#[ignore = "needs moto; .ci/run installs it"]
fn a_worker_that_is_stopped_and_wakes_after_its_lease_was_taken_publishes_nothing() {
    let sandbox = Sandbox::new();
    let server = Server::moto(&sandbox);
    for number in 0..40 {
        server.put(&format!("raw/day={number}/a.csv"), csv(number * 10, 10));
    }
    let stopped = start(&server, &sandbox);
    server.log_until("PUT /bucket/lake/day");
    signal(&stopped, "STOP");
    server.put("raw/day=3/a.csv", csv(7_000, 3));
    server.delete("raw/day=5/a.csv");
    let output = run_when_free(&server, &sandbox);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    signal(&stopped, "CONT");
    let output = stopped.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let is_told = ["lock", "lease"]
        .iter()
        .any(|word| said(&output).contains(word));
    assert!(is_told, "{}", said(&output));
    let output = run_when_free(&server, &sandbox);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    demand_whole(&server, &sandbox);
}

#[test]
#[ignore = "needs moto; .ci/run installs it"]
fn of_workers_that_start_at_once_one_works_and_the_others_are_told_so() {
    let sandbox = Sandbox::new();
    let server = Server::moto(&sandbox);
    for number in 0..20 {
        server.put(&format!("raw/day={number}/a.csv"), csv(number * 10, 10));
    }
    let workers: Vec<Child> = (0..4).map(|_| start(&server, &sandbox)).collect();
    let outputs = workers
        .into_iter()
        .map(|worker| worker.wait_with_output().unwrap());
    let outputs: Vec<Output> = outputs.collect();
    let codes: Vec<_> = outputs.iter().map(|output| output.status.code()).collect();
    assert!(codes.contains(&Some(0)), "{codes:?}");
    for output in outputs
        .iter()
        .filter(|output| output.status.code() != Some(0))
    {
        assert_eq!(output.status.code(), Some(4), "{}", said(output));
        assert!(said(output).contains("another"), "{}", said(output));
    }
    demand_whole(&server, &sandbox);
}
