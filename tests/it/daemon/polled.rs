//! The program watches a directory by listing it again and again.

use super::watcher::Watcher;
use crate::support::program::Sandbox;

const WATCH: [&str; 7] = ["watch", "in", "out", "--interval", "50ms", "--settle", "0s"];

fn watch(sandbox: &Sandbox) -> Watcher {
    let mut command = sandbox.command(&WATCH);
    command.arg("--json");
    Watcher::start(command)
}

#[test]
fn what_changes_is_taken_up_while_it_watches() {
    let sandbox = Sandbox::new();
    sandbox.write("in/a.csv", "x\n1\n");
    let mut watcher = watch(&sandbox);
    assert_eq!(watcher.report()["files"]["added"], 1);
    sandbox.write("in/b.csv", "x\n2\n");
    let report = watcher.report_that(|report| report["files"]["added"] == 1);
    assert_eq!(report["status"], "done");
    assert_eq!(report.get("hints"), None);
    std::fs::remove_file(sandbox.path("in/a.csv")).unwrap();
    watcher.report_that(|report| report["files"]["removed"] == 1);
    // Between two passes others may ask, and mark.
    let status = sandbox.succeed(&["status", "out", "--json"]);
    assert!(status.contains("\"rows\":1"), "{status}");
    watcher.signal("TERM");
    assert_eq!(watcher.code(), Some(143));
}

#[test]
fn a_signal_ends_it_while_it_waits() {
    let sandbox = Sandbox::new();
    sandbox.write("in/a.csv", "x\n1\n");
    let command = sandbox.command(&["watch", "in", "out", "--interval", "1d", "--json"]);
    let mut watcher = Watcher::start(command);
    watcher.report();
    watcher.signal("INT");
    assert_eq!(watcher.code(), Some(130));
}

#[test]
fn what_has_nothing_to_do_is_told_only_to_who_wants_it() {
    let sandbox = Sandbox::new();
    sandbox.write("in/a.csv", "x\n1\n");
    sandbox.succeed(&["run", "in", "out"]);
    let mut command = sandbox.command(&WATCH);
    command.arg("-v");
    let watcher = Watcher::start(command);
    watcher.talk_of("watching ");
    watcher.talk_of("nothing to do");
    watcher.talk_of("nothing to do");
    drop(watcher);
    let watcher = Watcher::start(sandbox.command(&WATCH));
    watcher.talk_of("watching ");
    sandbox.write("in/b.csv", "x\n2\n");
    let line = watcher.talk_of(" r0");
    assert!(line.contains("1 added; outputs 1 written"), "{line}");
}

#[test]
fn wrong_settings_end_it_at_once() {
    let sandbox = Sandbox::new();
    sandbox.write("in/a.csv", "x\n1\n");
    for (words, code, said) in [
        (&["watch", "none", "out"][..], 2, "none"),
        (
            &["watch", "in", "out", "--interval", "0s"],
            2,
            "more than no time",
        ),
        (&["watch", "in", "out", "--where", "y > 0 AND"], 2, "SQL"),
        (
            &["watch", "in", "out", "--events", "http://127.0.0.1:0/"],
            2,
            "no hints come of in",
        ),
        (
            &["watch", "in", "out", "--events", "kafka://x"],
            2,
            "sqs://HOST/ACCOUNT/QUEUE",
        ),
        (
            &[
                "run",
                "s3://bucket/raw",
                "out",
                "--events",
                "http://127.0.0.1:0/",
            ],
            2,
            "`strandline watch` listens",
        ),
        (
            &[
                "watch",
                "s3://bucket/raw",
                "out",
                "--events",
                "http://0.0.0.0:0/",
            ],
            2,
            "STRANDLINE_EVENTS_TOKEN",
        ),
        (
            &[
                "run",
                "s3://bucket/raw",
                "out",
                "--events",
                "sqs://127.0.0.1/1/raw",
            ],
            2,
            "names a region",
        ),
    ] {
        let output = sandbox.call(words);
        let talk = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {talk}");
        assert!(talk.contains(said), "{words:?}: {talk}");
    }
}

#[test]
fn a_pipeline_that_another_run_holds_is_refused_at_the_beginning() {
    let sandbox = Sandbox::new();
    sandbox.write("in/a.csv", "x\n1\n");
    sandbox.succeed(&["run", "in", "out"]);
    let lock = std::fs::File::options()
        .write(true)
        .open(sandbox.path("out/_strandline/lock"))
        .unwrap();
    lock.lock().unwrap();
    assert_eq!(sandbox.call(&WATCH).status.code(), Some(4));
}
