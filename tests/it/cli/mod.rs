//! The real program as people and programs meet it: what it says on stdout, what on stderr, and how it ends.

mod access;
mod doctor;
mod help;
mod json;
mod lakes;
mod ledgers;
mod objects;
mod policies;
mod questions;
mod runs;
mod schema;
mod sql;
mod streams;
mod tls;
mod usage;

use std::process::Output;

use crate::support::program::Sandbox;
use crate::support::redact::redacted;

/// A sandbox with a source of three small files in two partitions.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("in/day=1/a.csv", "id,name\n1,ant\n2,bee\n");
    sandbox.write("in/day=1/b.csv", "id,name\n3,cat\n");
    sandbox.write("in/day=2/c.csv", "id,name\n4,dog\n");
    sandbox
}

/// A sandbox whose source has been loaded.
fn loaded() -> Sandbox {
    let sandbox = sandbox();
    sandbox.succeed(&["run", "in", "out"]);
    sandbox
}

/// Calls the program with the words of a line and returns all that can be seen of it from the outside.
fn say(sandbox: &Sandbox, line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    seen(&sandbox.call(&words))
}

fn seen(output: &Output) -> String {
    let code = output.status.code().unwrap();
    let mut text = format!("exit code {code}\n");
    for (name, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
        if !bytes.is_empty() {
            text.push_str("-- ");
            text.push_str(name);
            text.push('\n');
            text.push_str(&redacted(std::str::from_utf8(bytes).unwrap()));
        }
    }
    text
}
