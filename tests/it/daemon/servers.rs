//! The program takes hints from real servers: queues of moto, to which its buckets tell of their events, and what `SeaweedFS`
//! posts.
//!
//! It needs them; `.ci/run` installs them and says where by `READERS_PYTHON`.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::{Arc, OnceLock};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::watcher::{Watcher, told};
use crate::readme;
use crate::support::program::Sandbox;
use crate::support::server::Server;

const SOURCE: &str = "s3://bucket/raw";
const TARGET: &str = "s3://bucket/lake";

/// How long a lease, and a message that somebody has taken, may take to be free.
const PATIENCE: Duration = Duration::from_mins(1);

/// An address behind which another lies, once that is known.
struct Door {
    address: String,
    leads_to: Arc<OnceLock<String>>,
}

impl Door {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let door = Self {
            address: listener.local_addr().unwrap().to_string(),
            leads_to: Arc::default(),
        };
        let leads_to = Arc::clone(&door.leads_to);
        thread::spawn(move || {
            for outer in listener.incoming().map_while(Result::ok) {
                let inner = leads_to.get().map(TcpStream::connect);
                if let Some(Ok(inner)) = inner {
                    pass_on(&outer, &inner);
                    pass_on(&inner, &outer);
                }
            }
        });
        door
    }

    fn lead_to(&self, address: &str) {
        self.leads_to.set(address.to_owned()).unwrap();
    }
}

fn pass_on(from: &TcpStream, to: &TcpStream) {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(std::net::Shutdown::Write);
    });
}

/// Runs as the README says, with hints of the queue at `url`.
fn run(server: &Server, url: &str) -> Value {
    let words = readme::hinted("run");
    let words = words.iter().map(|word| match &**word {
        word if word.starts_with("sqs://") => url,
        word => word,
    });
    server.run(&Sandbox::new(), &words.collect::<Vec<_>>())
}

#[test]
#[ignore = "needs moto; .ci/run installs it"]
fn a_run_looks_at_what_a_queue_tells_of_and_deletes_what_it_was_told() {
    let server = Server::moto(&Sandbox::new());
    let queue = server.queue("raw");
    queue.hear();
    server.put("raw/a.csv", "x\n1\n");
    server.put("raw/a%20b%2Bc.csv", "x\n2\n");
    let report = run(&server, &queue.url());
    // Nobody has listed anything before.
    assert_eq!(told(&report), json!({"paths": 2, "listed": "first"}));
    assert_eq!(report["files"]["added"], 2);
    assert_eq!(queue.messages(), 0);

    server.put("raw/a%20b%2Bc.csv", "x\n3\n");
    server.put("raw/day/d%C3%A4.csv", "x\n4\n");
    server.delete("raw/a.csv");
    server.take_log();
    let report = run(&server, &queue.url());
    assert_eq!(told(&report), json!({"paths": 3, "listed": null}));
    let files = &report["files"];
    let changes = json!([files["added"], files["modified"], files["removed"]]);
    assert_eq!(changes, json!([1, 1, 1]));
    let log = server.take_log();
    let count = |words: &str| log.iter().filter(|line| line.contains(words)).count();
    // Whether anything is there, since one of them is gone.
    assert_eq!(count("prefix=raw"), 1, "{log:#?}");
    assert_eq!(count("HEAD /bucket/raw/"), 3);
    assert_eq!(queue.messages(), 0);

    // Nothing told, nothing done, and nothing listed.
    let report = run(&server, &queue.url());
    assert_eq!(told(&report), json!({"paths": 0, "listed": null}));
    assert_eq!(report["files"]["listed"], 0);
    let verify = ["verify", TARGET, "--deep", "--source", SOURCE];
    let verified = server.run(&Sandbox::new(), &verify);
    assert_eq!(verified["findings"], json!([]));
}

#[test]
#[ignore = "needs moto; .ci/run installs it"]
fn what_comes_in_envelopes_twice_or_in_no_language_does_no_harm() {
    let server = Server::moto(&Sandbox::new());
    let queue = server.queue("raw");
    server.put("raw/a.csv", "x\n1\n");
    run(&server, &queue.url());
    server.put("raw/b.csv", "x\n2\n");
    // One of the target's own is among them.
    let event = json!({"Records": [{"s3": {"bucket": {"name": "bucket"}, "object": {"key": "raw/b.csv"}}}]});
    let envelope = json!({"Type": "Notification", "Message": event.to_string()}).to_string();
    for message in [
        &*envelope,
        &envelope,
        "hello",
        r#"{"Event": "s3:TestEvent"}"#,
        &event.to_string().replace("raw/", "lake/"),
    ] {
        queue.send(message);
    }
    let words = ["run", SOURCE, TARGET, "--events", &queue.url()];
    let output = server.command(&Sandbox::new(), &words).output().unwrap();
    let talk = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{talk}");
    assert!(
        talk.contains("1 added")
            && talk.contains("is no notification that is known, and stays there"),
        "{talk}"
    );
    // What nobody understands may be somebody else's.
    assert_eq!(queue.messages(), 1);
}

#[test]
#[ignore = "needs moto; .ci/run installs it"]
fn a_queue_of_others_is_not_emptied() {
    let server = Server::moto(&Sandbox::new());
    let queue = server.queue("raw");
    server.put("raw/a.csv", "x\n1\n");
    let event = |key: &str| {
        let s3 = json!({"bucket": {"name": "bucket"}, "object": {"key": key}});
        json!({"Records": [{"s3": s3}]}).to_string()
    };
    for key in ["other/a.csv", "other/b.csv"] {
        queue.send(&event(key));
    }
    let words = ["run", SOURCE, TARGET, "--json", "--events", &queue.url()];
    let output = server.command(&Sandbox::new(), &words).output().unwrap();
    let talk = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        talk.contains("are about other places, and stay there"),
        "{talk}"
    );
    assert_eq!(queue.messages(), 2);
    // Once it has told of the source, it is ours.
    queue.send(&event("raw/a.csv"));
    run(&server, &queue.url());
    let begun = Instant::now();
    while queue.messages() > 0 {
        assert!(begun.elapsed() < PATIENCE);
        queue.send(&event("raw/a.csv"));
        run(&server, &queue.url());
    }
}

#[test]
#[ignore = "needs moto; .ci/run installs it"]
fn a_run_that_is_killed_leaves_its_messages_to_the_next() {
    let server = Server::moto(&Sandbox::new());
    let queue = server.queue("raw");
    server.put("raw/a.csv", "x\n1\n");
    let url = queue.url();
    let words = ["run", SOURCE, TARGET, "--events", &url, "--lease", "3s"];
    server.run(&Sandbox::new(), &words);
    queue.hear();
    server.put("raw/b.csv", "x\n2\n");
    server.take_log();
    let sandbox = Sandbox::new();
    let mut child = server.command(&sandbox, &words);
    let mut child = child
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The queue has answered.
    server.log_until("\"POST / ");
    child.kill().unwrap();
    child.wait().unwrap();
    let begun = Instant::now();
    loop {
        assert!(begun.elapsed() < PATIENCE);
        let (code, report) = server.call(&Sandbox::new(), &words);
        // Until the lease of the dead is over.
        if code != Some(4) {
            assert_eq!(report["hints"]["listed"], Value::Null, "{report}");
        }
        let status = server.run(&Sandbox::new(), &["status", TARGET]);
        if status["rows"] == 2 && queue.messages() == 0 {
            return;
        }
        sleep(Duration::from_millis(200));
    }
}

#[test]
#[ignore = "needs moto; .ci/run installs it"]
fn a_queue_that_is_not_there_is_told_with_what_to_do() {
    let server = Server::moto(&Sandbox::new());
    let url = server.queue("raw").url().replace("/raw", "/other");
    let words = ["run", SOURCE, TARGET, "--events", &url];
    let output = server.command(&Sandbox::new(), &words).output().unwrap();
    let talk = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{talk}");
    assert!(
        talk.contains("NonExistentQueue") || talk.contains("QueueDoesNotExist"),
        "{talk}"
    );
    assert!(talk.contains("hint: "), "{talk}");
}

#[test]
#[ignore = "needs moto; .ci/run installs it"]
fn a_queue_that_nobody_reaches_leaves_a_run_to_list_everything() {
    let server = Server::moto(&Sandbox::new());
    server.put("raw/a.csv", "x\n1\n");
    let sandbox = Sandbox::new();
    let words = ["run", SOURCE, TARGET];
    server.run(&sandbox, &words);
    server.put("raw/b.csv", "x\n2\n");
    // Nothing listens at the port that nobody may have.
    let words = [
        "run",
        SOURCE,
        TARGET,
        "--events",
        "sqs+http://127.0.0.1:1/123456789012/raw",
    ];
    let report = server.run(&sandbox, &words);
    // Nobody has listed anything for this queue before.
    assert_eq!(told(&report), json!({"paths": 0, "listed": "changed"}));
    assert_eq!(report["files"]["added"], 1);
}

#[test]
#[ignore = "needs moto; .ci/run installs it"]
fn a_queue_is_watched() {
    let server = Server::moto(&Sandbox::new());
    let queue = server.queue("raw");
    queue.hear();
    let sandbox = Sandbox::new();
    let words = [
        "watch",
        SOURCE,
        TARGET,
        "--json",
        "-v",
        "--events",
        &queue.url(),
    ];
    let mut watcher = Watcher::start(server.command(&sandbox, &words));
    assert_eq!(watcher.report()["hints"]["listed"], "first");
    for (key, rows) in [("raw/a.csv", "x\n1\n"), ("raw/b.csv", "x\n2\n")] {
        server.put(key, rows);
        let report = watcher.report();
        assert_eq!(told(&report), json!({"paths": 1, "listed": null}));
        assert_eq!(report["files"]["added"], 1);
    }
    watcher.signal("TERM");
    assert_eq!(watcher.code(), Some(143));
}

#[test]
#[ignore = "needs SeaweedFS; .ci/run installs it"]
fn what_seaweedfs_posts_is_looked_at() {
    // A door between the two, since each wants to know the other's address first.
    let door = Door::open();
    let home = Sandbox::new();
    let server = Server::seaweedfs_that_tells(&home, &format!("http://{}/hook", door.address));
    let sandbox = Sandbox::new();
    server.put("raw/a.csv", "x\n1\n");
    let words = [
        "watch",
        SOURCE,
        "out",
        "--json",
        "-v",
        "--events",
        "http://127.0.0.1:0/hook",
    ];
    let mut watcher = Watcher::start(server.command(&sandbox, &words));
    let line = watcher.talk_of("watching ");
    door.lead_to(
        line.split_once("http://")
            .unwrap()
            .1
            .split('/')
            .next()
            .unwrap(),
    );
    watcher.report();
    server.put("raw/day/b%20c.csv", "x\n2\n");
    let report = watcher.report_that(|report| report["files"]["added"] == 1);
    assert_eq!(report["hints"]["listed"], Value::Null, "{report}");
    assert_eq!(report["requests"]["list"], 0);
    server.put("raw/a.csv", "x\n3\n");
    watcher.report_that(|report| report["files"]["modified"] == 1);
    server.delete("raw/a.csv");
    watcher.report_that(|report| report["files"]["removed"] == 1);
}
