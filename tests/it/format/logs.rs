//! Logs and columns of fixed width, through the program.

use super::loaded::outputs_below;
use super::many::columns;
use crate::support::program::Sandbox;

#[test]
fn access_logs_become_columns_with_types() {
    let sandbox = Sandbox::new();
    let line = r#"10.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/1.1" 200 23 "-" "curl/8""#;
    sandbox.write(
        "in/access.log",
        format!("{line}\n{}\n", line.replace("23", "-")),
    );
    sandbox.succeed(&[
        "run",
        "in",
        "out",
        "--settle",
        "0s",
        "--format",
        "regex",
        "--pattern",
        "combined",
    ]);
    assert_eq!(
        columns(&sandbox),
        [
            "host Utf8|ident Utf8|user Utf8|time Utf8|method Utf8|path Utf8|protocol Utf8|request Utf8|status Int64|bytes Int64|referer Utf8|agent Utf8",
            "10.0.0.1|||10/Oct/2000:13:55:36 -0700|GET|/a|HTTP/1.1||200|23||curl/8",
            "10.0.0.1|||10/Oct/2000:13:55:36 -0700|GET|/a|HTTP/1.1||200|||curl/8",
        ]
    );
    // Another pattern is another definition: everything is built again.
    let words = [
        "run",
        "in",
        "out",
        "--settle",
        "0s",
        "--format",
        "regex",
        "--pattern",
        "(?<ip>[^ ]+) .*",
    ];
    sandbox.succeed(&words);
    assert_eq!(columns(&sandbox), ["ip Utf8", "10.0.0.1", "10.0.0.1"]);
}

#[test]
fn a_line_that_does_not_match_sets_its_file_aside_and_no_other() {
    let sandbox = Sandbox::new();
    sandbox.write("in/a.log", "n=1\nn=x\n");
    sandbox.write("in/b.log", "n=2\n");
    let words = [
        "run",
        "in",
        "out",
        "--settle",
        "0s",
        "--format",
        "regex",
        "--pattern",
        "n=(?<n>[0-9]+)",
    ];
    let output = sandbox.call(&words);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        told.contains("cannot decode a.log: line 2 does not match the pattern"),
        "{told}"
    );
    assert_eq!(columns(&sandbox), ["n Int64", "2"]);
    sandbox.succeed(&[&words[..], &["--unmatched", "skip"]].concat());
    let mut rows: Vec<String> = columns(&sandbox)
        .into_iter()
        .filter(|row| row.len() == 1)
        .collect();
    rows.sort();
    assert_eq!(rows, ["1", "2"]);
}

#[test]
fn columns_of_fixed_width_are_named_and_trimmed() {
    let sandbox = Sandbox::new();
    sandbox.write("in/a.dat", "0001 2024-02-29 1.50\n   2            \n");
    sandbox.write(
        "strandline.toml",
        "[source]\npath = 'in'\nformat = 'fixed'\nsettle = '0s'\n[lines]\nwidths = ['id:4', ':1', 'day:10', 'x:*']\n[target]\npath = 'out'\n",
    );
    sandbox.succeed(&["run"]);
    assert_eq!(
        columns(&sandbox),
        ["id Utf8|day Date32|x Float64", "0001|2024-02-29|1.5", "2||"]
    );
    assert_eq!(outputs_below(&sandbox.path("out")).len(), 1);
}
