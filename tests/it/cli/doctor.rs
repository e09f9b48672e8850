//! `strandline doctor` where there is no store to look at; what it finds in stores stands beside the servers.

use serde_json::Value;

use super::{say, seen};
use crate::support::program::Sandbox;

#[test]
fn what_is_no_store_is_refused_with_what_to_do() {
    let sandbox = Sandbox::new();
    insta::assert_snapshot!(say(&sandbox, "doctor in"), @"
    exit code 2
    -- stderr
    error: in is no URL of an object store
      hint: doctor is for object stores (s3://, gs://, az://); what is wrong with a directory, a run tells
    ");
    insta::assert_snapshot!(say(&sandbox, "doctor s3://me:pw@bucket/in"), @r#"
    exit code 2
    -- stderr
    error: SOURCE is "s3://bucket/in", which it cannot be
      caused by: s3://bucket/in is written with more than a bucket and a prefix, which may be secret
      hint: keys and tokens belong in the environment (AWS_ACCESS_KEY_ID, GOOGLE_SERVICE_ACCOUNT, AZURE_STORAGE_SAS_TOKEN, …); a ? or # of a key is written %3F or %23
    "#);
    let plain = sandbox
        .command(&["doctor", "s3://bucket/in"])
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        .output();
    insta::assert_snapshot!(seen(&plain.unwrap()), @"
    exit code 2
    -- stderr
    error: cannot use s3://bucket/in
      caused by: AWS_ENDPOINT_URL is no https:// address, and AWS_ALLOW_HTTP is not true
      hint: `strandline run --help` tells, under SOURCE, which variables give access to an object store
    ");
}

#[test]
fn where_nobody_answers_nothing_else_is_tried() {
    let sandbox = Sandbox::new();
    let call = |words: &[&str]| {
        let mut command = sandbox.command(words);
        command
            .env("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
            .env("AWS_ALLOW_HTTP", "true")
            .env("AWS_ACCESS_KEY_ID", "k")
            .env("AWS_SECRET_ACCESS_KEY", "very secret")
            .env("AWS_REGION", "us-east-1")
            .output()
            .unwrap()
    };
    let output = call(&["doctor", "s3://bucket/in", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["version"], 1);
    assert_eq!(
        (&report["source"], &report["target"]),
        (&"no".into(), &"no".into())
    );
    assert_eq!(report["left_behind"], serde_json::json!([]));
    let findings = report["findings"].as_array().unwrap();
    assert_eq!(findings[0]["probe"], "reach");
    assert_eq!(findings[0]["outcome"], "fails");
    assert!(findings[1..].iter().all(|it| it["outcome"] == "untried"));
    assert_eq!(findings.len(), 16);

    let output = call(&["doctor", "s3://bucket/in", "--read-only"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("reach          FAILS"), "{text}");
    assert!(
        text.contains("nothing can be done with it: look at the address"),
        "{text}"
    );
    assert!(
        text.ends_with("as a source: it cannot be used; see reach\n"),
        "{text}"
    );
    assert!(!text.contains("very secret"), "{text}");
}
