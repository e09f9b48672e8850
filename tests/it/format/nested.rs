//! Values within values within values: as deep as a ledger can keep, and deeper.

use std::fs;

use strandline::model::MAX_NESTING;

use crate::support::program::Sandbox;

/// Returns a row with one column of so many levels of objects.
fn row(levels: usize, leaf: u32) -> String {
    let (open, close) = ("{\"a\":".repeat(levels + 1), "}".repeat(levels + 1));
    format!("{open}{leaf}{close}\n")
}

#[test]
fn a_file_that_nests_too_deep_is_set_aside_and_the_ledger_stays_readable() {
    let sandbox = Sandbox::new();
    sandbox.write("in/deepest.ndjson", row(MAX_NESTING, 1));
    sandbox.write("in/deeper.ndjson", row(MAX_NESTING + 1, 2));
    sandbox.write("in/deeper.json", format!("[{}]", row(MAX_NESTING + 3, 3)));
    let output = sandbox.call(&["run", "in", "out"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let listed = sandbox.succeed(&["quarantine", "list", "out"]);
    let reasons = listed.matches("nested more than 40 levels deep");
    assert_eq!(reasons.count(), 2, "{listed}");

    sandbox.succeed(&["status", "out"]);
    fs::remove_dir_all(sandbox.path("out/_strandline")).unwrap();
    sandbox.succeed(&["recover", "out"]);
    sandbox.write("in/another.ndjson", row(MAX_NESTING, 4));
    let output = sandbox.call(&["run", "in", "out"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let status = sandbox.succeed(&["status", "out", "--json"]);
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["files"]["loaded"], 2, "{status}");
    assert_eq!(status["rows"], 2, "{status}");
}
