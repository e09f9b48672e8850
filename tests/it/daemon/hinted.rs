//! The program takes hints of a store: here those of Google, told by hand as Pub/Sub pushes them, of a double of its storage.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::json;

use super::watcher::{Watcher, told};
use crate::readme;
use crate::support::program::Sandbox;
use crate::support::server::Server;

fn watch(server: &Server, sandbox: &Sandbox, more: &[&str]) -> (Watcher, String) {
    start(server, sandbox, &["watch", "gs://bucket/raw", "out"], more)
}

fn start(server: &Server, sandbox: &Sandbox, words: &[&str], more: &[&str]) -> (Watcher, String) {
    let mut command = server.command(sandbox, words);
    command.args(["--json", "-v", "--events", "http://127.0.0.1:0/push"]);
    command.args(more);
    let watcher = Watcher::start(command);
    let address = address(&watcher.talk_of("watching gs://bucket/raw"));
    (watcher, address)
}

/// Returns the address that a line tells.
fn address(line: &str) -> String {
    let (_, rest) = line.split_once("http://").expect("an address");
    let address = rest.split('/').next().unwrap();
    address.replace("0.0.0.0", "127.0.0.1")
}

fn push(address: &str, headers: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "POST /push HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn pushed(keys: &str) -> String {
    let attributes =
        json!({"bucketId": "bucket", "objectId": keys, "eventType": "OBJECT_FINALIZE"});
    json!({"message": {"attributes": attributes, "messageId": "1"}}).to_string()
}

#[test]
fn what_is_told_is_looked_at_and_nothing_is_listed() {
    let sandbox = Sandbox::new();
    let server = Server::gcs(&sandbox);
    server.put("raw/a.csv", "x\n1\n");
    let (mut watcher, address) = watch(&server, &sandbox, &[]);
    let report = watcher.report();
    assert_eq!(
        (&report["files"]["added"], &report["hints"]["listed"]),
        (&json!(1), &json!("first"))
    );
    assert!(report["requests"]["list"].as_u64() > Some(0));

    server.put("raw/b.csv", "x\n2\n");
    let answer = push(&address, "", &pushed("raw/b.csv"));
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    let report = watcher.report();
    assert_eq!(told(&report), json!({"paths": 1, "listed": null}));
    assert_eq!(report["files"]["added"], 1);
    assert_eq!(report["requests"]["list"], 0);

    // Told twice, of what is no file, and of what is as it was.
    for key in ["raw/b.csv", "raw/none.csv", "raw/a.csv"] {
        push(&address, "", &pushed(key));
    }
    let mut hinted = 0;
    while hinted < 3 {
        let report = watcher.report();
        hinted += report["hints"]["paths"].as_u64().unwrap();
        let changes = json!([
            report["files"]["added"],
            report["files"]["modified"],
            report["files"]["removed"]
        ]);
        assert_eq!(changes, json!([0, 0, 0]));
        assert_eq!(report["outputs"]["written"], 0);
    }

    server.delete("raw/a.csv");
    push(&address, "", &pushed("raw/a.csv"));
    let report = watcher.report_that(|report| report["files"]["removed"] == 1);
    // One look whether anything is there at all.
    assert_eq!(report["requests"]["list"], 1);
    watcher.signal("TERM");
    assert_eq!(watcher.code(), Some(143));
}

#[test]
fn the_command_of_the_readme_follows_a_bucket() {
    let sandbox = Sandbox::new();
    let server = Server::gcs(&sandbox);
    let words = readme::hinted("watch");
    // As it is written, but for a port that two tests cannot have at once.
    let (events, words) = words.split_last().unwrap();
    assert_eq!(events, "http://127.0.0.1:8788/");
    let (_, words) = words.split_last().unwrap();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (mut watcher, address) = start(&server, &sandbox, &words, &[]);
    watcher.report();
    server.put("raw/a.csv", "x\n1\n");
    push(&address, "", &pushed("raw/a.csv"));
    let report = watcher.report();
    assert_eq!(told(&report), json!({"paths": 1, "listed": null}));
    assert_eq!(report["outputs"]["written"], 1);
}

#[test]
fn what_nobody_told_is_found_by_the_listing_that_is_due() {
    let sandbox = Sandbox::new();
    let server = Server::gcs(&sandbox);
    server.put("raw/a.csv", "x\n1\n");
    let (mut watcher, _) = watch(&server, &sandbox, &["--listing-every", "300ms"]);
    watcher.report();
    server.put("raw/b.csv", "x\n2\n");
    let report = watcher.report_that(|report| report["files"]["added"] == 1);
    assert_eq!(report["hints"]["listed"], "due");
}

#[test]
fn whoever_does_not_know_the_token_is_not_heard_and_the_token_is_not_said() {
    let sandbox = Sandbox::new();
    let server = Server::gcs(&sandbox);
    server.put("raw/a.csv", "x\n1\n");
    let mut command = server.command(&sandbox, &["watch", "gs://bucket/raw", "out", "-v"]);
    command.args(["--events", "http://0.0.0.0:0/push"]);
    command.env("STRANDLINE_EVENTS_TOKEN", "very secret");
    let watcher = Watcher::start(command);
    let line = watcher.talk_of("watching gs://bucket/raw");
    assert!(
        line.contains("http://0.0.0.0:") && !line.contains("secret"),
        "{line}"
    );
    let address = address(&line);
    watcher.talk_of("1 added");
    server.put("raw/b.csv", "x\n2\n");
    for headers in ["", "Authorization: Bearer wrong\r\n"] {
        let answer = push(&address, headers, &pushed("raw/b.csv"));
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    }
    let answer = push(
        &address,
        "Authorization: Bearer very secret\r\n",
        &pushed("raw/b.csv"),
    );
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    watcher.talk_of("looked at 1 hinted");
}
