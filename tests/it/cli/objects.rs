//! The real program against a real server that speaks like S3.
//!
//! It needs moto; `.ci/run` installs it and says where by `READERS_PYTHON`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};

use serde_json::Value;
use strandline::config::{Access, StoreUrl};
use strandline::model::{SelectAll, SourcePath};
use strandline::source::{ObjectSource, Source};

use crate::support::listing::{Listing, drain, list};
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
        Self::with_pages_of(sandbox, 1000)
    }

    fn with_pages_of(sandbox: &Sandbox, keys: usize) -> Self {
        let python = std::env::var("READERS_PYTHON").expect("READERS_PYTHON, as .ci/run sets it");
        let mut command = Command::new(python);
        sandbox.seal(&mut command);
        command.env("MOTO_S3_DEFAULT_MAX_KEYS", keys.to_string());
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
        let mut requests = (0, 0);
        for line in self.take_log() {
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

    /// Returns what was asked for since the last call, as the server tells it.
    fn take_log(&self) -> Vec<String> {
        // The server tells of a request before it answers, so all that came before this one has been told.
        let last = "/bucket?list-type=2&prefix=the-last-of-all";
        self.ask("GET", last, b"");
        let lines = self.log.iter();
        lines.take_while(|line| !line.contains(last)).collect()
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
    let report = server.run(&sandbox, &words);
    assert_eq!(counts(&report, &["unchanged"]), [1_203]);
    assert_eq!(server.take_requests(), (2, 0));
}

#[test]
#[ignore = "needs moto; .ci/run installs it"]
fn a_bucket_of_many_pages_is_listed_in_ranges() {
    let sandbox = Sandbox::new();
    let server = Server::with_pages_of(&sandbox, 50);
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

    let access: Access = [
        ("AWS_ENDPOINT_URL", format!("http://{}", server.address)),
        ("AWS_ALLOW_HTTP", "true".to_owned()),
        ("AWS_ACCESS_KEY_ID", "k".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "s".to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
    ]
    .into_iter()
    .collect();
    let url = StoreUrl::parse("s3://bucket/raw").unwrap();
    let source = ObjectSource::new(&url, &access, Arc::new(SelectAll)).unwrap();
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
