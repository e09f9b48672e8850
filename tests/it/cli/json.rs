//! `--json`: stdout is one document for every command and every error, and talk stays away.

use std::fs;

use serde_json::Value;

use super::{loaded, sandbox};
use crate::support::program::Sandbox;

#[test]
fn every_command_writes_one_document() {
    let sandbox = loaded();
    for line in [
        "run in out",
        "run in out --dry-run",
        "plan in out",
        "status out",
        "history out",
        "files out",
        "explain day=1/a.csv out",
        "verify out --deep",
        "quarantine list out",
        "quarantine retry out",
        "reset out --all",
        "schema show out",
        "schema history out",
        "schema diff out",
        "schema check in/day=1/a.csv out",
        "config show",
        "init in out",
    ] {
        let (code, document) = document(&sandbox, line);
        assert_eq!(code, 0, "{line}: {document}");
        assert_eq!(document["version"], 1, "{line}: {document}");
    }
    fs::remove_dir_all(sandbox.path("out/_strandline")).unwrap();
    let (code, document) = document(&sandbox, "recover out");
    assert_eq!(
        (code, &document["version"]),
        (0, &Value::from(1)),
        "{document}"
    );
}

#[test]
fn every_error_is_a_document_with_its_kind_and_what_to_do() {
    for (line, code, kind) in [
        ("run nowhere out", 2, "usage"),
        ("run in in/out", 2, "usage"),
        ("run in out --memory lots", 2, "usage"),
        ("run in out --bogus", 2, "usage"),
        ("rnu", 2, "usage"),
        ("status out", 1, "failed"),
    ] {
        let (found, document) = document(&sandbox(), line);
        assert_eq!(found, code, "{line}: {document}");
        assert_eq!(document["error"]["kind"], kind, "{line}: {document}");
        assert!(
            document["error"]["message"].is_string(),
            "{line}: {document}"
        );
    }
}

#[test]
fn the_report_of_a_run_has_every_key_that_is_promised() {
    let sandbox = sandbox();
    sandbox.write("in/bad.csv", "a,b\n1\n");
    let (code, mut report) = document(&sandbox, "run in out");
    assert_eq!(code, 3);
    for key in ["discover", "verify", "work", "publish", "total"] {
        assert!(report["seconds"][key].is_number(), "{report}");
        report["seconds"][key] = "[TIME]".into();
    }
    report["started_at"] = "[INSTANT]".into();
    insta::assert_snapshot!(serde_json::to_string_pretty(&report).unwrap(), @r#"
    {
      "version": 1,
      "run_id": 0,
      "status": "quarantined",
      "pipeline": "3d3a090ab8ea02a5edc22821c6e34699",
      "source": "in",
      "target": "out",
      "started_at": "[INSTANT]",
      "files": {
        "listed": 4,
        "unchanged": 0,
        "added": 4,
        "modified": 0,
        "touched": 0,
        "renamed": 0,
        "removed": 0,
        "unsettled": 0,
        "quarantined": 1,
        "unreadable": 0,
        "skipped": 0,
        "deferred": 0,
        "archived": 0
      },
      "units": {
        "planned": 3,
        "written": 3,
        "failed": 0
      },
      "rows": {
        "read": 4,
        "written": 4
      },
      "bytes": {
        "read": 54,
        "written": 2481
      },
      "outputs": {
        "written": 2,
        "kept": 0,
        "removed": 0
      },
      "seconds": {
        "discover": "[TIME]",
        "verify": "[TIME]",
        "work": "[TIME]",
        "publish": "[TIME]",
        "total": "[TIME]"
      },
      "watermark": "2026-01-05T08:00:00Z",
      "checkpoint": true,
      "errors": [
        {
          "path": "bad.csv",
          "kind": "undecodable",
          "message": "cannot decode bad.csv: line 2 has 1 fields where the header has 2"
        }
      ],
      "errors_omitted": 0
    }
    "#);
}

/// Returns the exit code and the one document that a command writes.
fn document(sandbox: &Sandbox, line: &str) -> (i32, Value) {
    let words = line.split_whitespace().chain(["--json"]);
    let output = sandbox.call(&words.collect::<Vec<_>>());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.ends_with('\n'), "{line}: {text:?}");
    let code = output.status.code().unwrap();
    if code == 0 {
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{line}");
    }
    (code, serde_json::from_str(&text).unwrap())
}
