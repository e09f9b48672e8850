//! The real program against a real server that speaks like S3.
//!
//! It needs moto; `.ci/run` installs it and says where by `READERS_PYTHON`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};

use serde_json::Value;

use crate::support::program::Sandbox;

/// A server on a free port of this machine, with one bucket, for as long as it is held.
struct Server {
    process: Child,
    address: String,
    /// What it has been asked, a line each.
    log: Receiver<String>,
}

impl Server {
    fn start(sandbox: &Sandbox) -> Self {
        let python = std::env::var("READERS_PYTHON").expect("READERS_PYTHON, as .ci/run sets it");
        let mut command = Command::new(python);
        sandbox.seal(&mut command);
        command.args(["-u", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]);
        let mut process = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let address = lines.find_map(|line| {
            let line = line.unwrap();
            Some(line.split_once("http://")?.1.trim().to_owned())
        });
        let (sender, log) = mpsc::channel();
        // Whoever does not listen to a server blocks it.
        std::thread::spawn(move || {
            lines.map_while(Result::ok).for_each(|line| {
                // Nobody cares any more when the test is over.
                let _ = sender.send(line);
            });
        });
        let server = Self {
            process,
            address: address.expect("the server tells its address"),
            log,
        };
        server.ask("PUT", "/bucket", b"");
        server
    }

    fn put(&self, key: &str, bytes: impl AsRef<[u8]>) {
        self.ask("PUT", &format!("/bucket/{key}"), bytes.as_ref());
    }

    fn put_archived(&self, key: &str, bytes: &[u8], class: &str) {
        let header = format!("x-amz-storage-class: {class}\r\n");
        self.ask_with(&header, "PUT", &format!("/bucket/{key}"), bytes);
    }

    /// Returns how many pages were listed, and how many objects asked for, since the last call.
    fn take_requests(&self) -> (usize, usize) {
        // The server tells of a request before it answers, so all that came before this one has been told.
        let last = "/bucket?list-type=2&prefix=the-last-of-all";
        self.ask("GET", last, b"");
        let mut requests = (0, 0);
        for line in self.log.iter().take_while(|line| !line.contains(last)) {
            if line.contains("GET /bucket?") {
                requests.0 += 1;
            } else if line.contains("GET /bucket/") {
                requests.1 += 1;
            } else if line.contains("HEAD /bucket/") {
                panic!("nobody needs {line}");
            }
        }
        requests
    }

    fn delete(&self, key: &str) {
        self.ask("DELETE", &format!("/bucket/{key}"), b"");
    }

    fn ask(&self, method: &str, path: &str, body: &[u8]) {
        self.ask_with("", method, path, body);
    }

    fn ask_with(&self, headers: &str, method: &str, path: &str, body: &[u8]) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/s3/aws4_request\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n",
            self.address,
            body.len()
        )
        .unwrap();
        stream.write_all(body).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert!(status.starts_with('2'), "{method} {path}: {answer}");
    }

    /// Runs the program, and returns its report.
    fn run(&self, sandbox: &Sandbox, words: &[&str]) -> Value {
        let output = sandbox
            .command(words)
            .arg("--json")
            .env("AWS_ENDPOINT_URL", format!("http://{}", self.address))
            .env("AWS_ALLOW_HTTP", "true")
            .env("AWS_ACCESS_KEY_ID", "k")
            .env("AWS_SECRET_ACCESS_KEY", "very secret")
            .env("AWS_REGION", "us-east-1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {said}");
        assert!(!said.contains("very secret"));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn counts(report: &Value, names: &[&str]) -> Vec<u64> {
    let count = |name: &&str| report["files"][*name].as_u64().unwrap();
    names.iter().map(count).collect()
}

#[test]
#[ignore = "needs moto; .ci/run installs it"]
fn a_bucket_is_loaded_and_followed_through_its_changes() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let large: String = (0..300_000)
        .flat_map(|id| [id.to_string(), ",word\n".to_owned()])
        .collect();
    server.put("raw/day=1/a.csv", "id,name\n1,ant\n2,bee\n");
    server.put("raw/day=1/b%20c%2Bd.csv", "id,name\n3,cat\n");
    server.put("raw/day=2/large.csv", format!("id,name\n{large}"));
    server.put("raw/day=3/", "");
    server.put("raw/empty.csv", "");
    server.put("elsewhere/x.csv", "id,name\n9,owl\n");
    let words = ["run", "s3://bucket/raw", "out"];
    let report = server.run(&sandbox, &words);
    assert_eq!(report["rows"]["written"], 300_003);
    assert_eq!(counts(&report, &["added", "skipped"]), [4, 1]);

    let report = server.run(&sandbox, &words);
    assert_eq!(report["units"]["planned"], 0);
    assert_eq!(report["bytes"]["read"], 0);
    assert_eq!(counts(&report, &["unchanged"]), [4]);

    server.put("raw/day=1/a.csv", "id,name\n1,ant\n2,elk\n");
    server.delete("raw/day=2/large.csv");
    let report = server.run(&sandbox, &words);
    assert_eq!(
        counts(&report, &["modified", "removed", "unchanged"]),
        [1, 1, 2]
    );
    let verified = server.run(
        &sandbox,
        &["verify", "out", "--deep", "--source", "s3://bucket/raw"],
    );
    assert_eq!(verified["findings"], serde_json::json!([]));
}

#[test]
#[ignore = "needs moto; .ci/run installs it"]
fn objects_of_every_odd_kind_are_told_and_stop_no_other() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    server.put("raw/a.csv", "id,name\n1,ant\n");
    server.put("raw/b%26%25.csv", "id,name\n2,bee\n");
    server.put("raw/c//d.csv", "id,name\n3,cat\n");
    server.put("raw/dir/", "");
    server.put("raw/plain", "");
    server.put_archived("raw/old.csv", b"id,name\n4,dog\n", "GLACIER");
    server.put_archived("raw/cold.csv", b"id,name\n5,elk\n", "GLACIER_IR");
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
    server.put_archived("raw/cold.csv", b"id,name\n5,elk\n", "DEEP_ARCHIVE");
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
    let server = Server::start(&sandbox);
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
    let server = Server::start(&sandbox);
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
    let server = Server::start(&sandbox);
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
