//! The real program, watching.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// How long it may take to say something.
const PATIENCE: Duration = Duration::from_mins(2);

/// Returns what a report tells of hints, but for the time.
pub(super) fn told(report: &Value) -> Value {
    let hints = &report["hints"];
    json!({"paths": hints["paths"], "listed": hints["listed"]})
}

/// A program that watches, for as long as it is held.
pub(super) struct Watcher {
    child: Child,
    reports: Lines<BufReader<ChildStdout>>,
    talk: Receiver<String>,
}

impl Watcher {
    /// Starts a command, which is to tell its reports as lines of JSON.
    pub(super) fn start(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let reports = BufReader::new(child.stdout.take().unwrap()).lines();
        let talk = listen(child.stderr.take().unwrap());
        Self {
            child,
            reports,
            talk,
        }
    }

    /// Waits for the next report.
    pub(super) fn report(&mut self) -> Value {
        let line = self.reports.next().expect("another report").unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"))
    }

    /// Waits for a report that is so.
    pub(super) fn report_that(&mut self, is_so: impl Fn(&Value) -> bool) -> Value {
        loop {
            let report = self.report();
            if is_so(&report) {
                return report;
            }
        }
    }

    /// Waits for a line of talk that has `words` in it.
    pub(super) fn talk_of(&self, words: &str) -> String {
        loop {
            let line = self.talk.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|error| panic!("nothing is said of {words:?}: {error}"));
            if line.contains(words) {
                return line;
            }
        }
    }

    pub(super) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits for its end, and returns its code.
    pub(super) fn code(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listen(pipe: ChildStderr) -> Receiver<String> {
    let (sender, talk) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            // Nobody cares any more when the test is over.
            let _ = sender.send(line);
        }
    });
    talk
}
