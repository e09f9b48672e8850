//! A server that is a process, and what it says.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// How long a server may take until it answers.
const PATIENCE: Duration = Duration::from_mins(2);

/// How long it is left alone before it is asked again.
const PAUSE: Duration = Duration::from_millis(50);

pub(super) struct Process {
    child: Child,
    lines: Receiver<String>,
}

impl Process {
    /// Starts a server. Whoever does not listen to one blocks it.
    pub(super) fn start(mut command: Command) -> Self {
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child =
            child.unwrap_or_else(|error| panic!("{command:?}: {error}; .ci/run installs it"));
        let (sender, lines) = mpsc::channel();
        let pipes: [Box<dyn Read + Send>; 2] = [
            Box::new(child.stdout.take().unwrap()),
            Box::new(child.stderr.take().unwrap()),
        ];
        for pipe in pipes {
            let sender = sender.clone();
            thread::spawn(move || {
                let lines = BufReader::new(pipe).lines();
                // Nobody cares any more when the test is over.
                lines
                    .map_while(Result::ok)
                    .for_each(|line| drop(sender.send(line)));
            });
        }
        Self { child, lines }
    }

    /// Waits for a line that tells an address behind `mark`; `None` where the server ends before.
    pub(super) fn address(&self, mark: &str) -> Option<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    if let Some((_, address)) = line.split_once(mark) {
                        return Some(address.trim().to_owned());
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => panic!("the server does not tell its address"),
            }
        }
    }

    /// Asks `is_ready` until it says so; `false` where the server ends before.
    pub(super) fn is_ready(&self, is_ready: impl Fn() -> bool) -> bool {
        let deadline = Instant::now() + PATIENCE;
        while !is_ready() {
            assert!(Instant::now() < deadline, "the server does not answer");
            if let Err(RecvTimeoutError::Disconnected) = self.lines.recv_timeout(PAUSE) {
                return false;
            }
        }
        true
    }

    pub(super) fn lines_until(&self, last: &str) -> Vec<String> {
        let lines = self.lines.iter();
        lines.take_while(|line| !line.contains(last)).collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
