//! A store whose certificate is signed by a CA of one's own: refused, unless somebody vouches for that CA.
//!
//! What works is shown against moto behind TLS; `.ci/run` installs it.

use std::process::Command;

use serde_json::Value;

use super::{sandbox, seen};
use crate::support::program::Sandbox;
use crate::support::server::{Server, Tls};

#[test]
fn certificates_that_are_not_there_are_told_by_who_names_them() {
    let sandbox = sandbox();
    sandbox.write("no.pem", "nothing");
    sandbox.write("strandline.toml", "[source]\npath = \"s3://bucket/in\"\n[target]\npath = \"out\"\n[run]\nca_file = \"no.pem\"\n");
    insta::assert_snapshot!(seen(&sandbox.call(&["run"])), @"
    exit code 2
    -- stderr
    error: cannot use s3://bucket/in
      caused by: there is no certificate in PEM form in no.pem, which --ca-file names
      hint: `strandline run --help` tells, under SOURCE, which variables give access to an object store
    ");
    let words = ["--ca-file", "missing.pem", "doctor", "gs://bucket/in"];
    let mut command = sandbox.command(&words);
    command.env("GOOGLE_SKIP_SIGNATURE", "true");
    insta::assert_snapshot!(seen(&command.output().unwrap()), @"
    exit code 2
    -- stderr
    error: cannot use gs://bucket/in
      caused by: cannot read the certificates in missing.pem, which --ca-file names
      caused by: No such file or directory (os error 2)
      hint: `strandline run --help` tells, under SOURCE, which variables give access to an object store
    ");
}

#[test]
fn verification_cannot_be_switched_off() {
    let sandbox = sandbox();
    let mut command = sandbox.command(&["run", "s3://bucket/in", "out"]);
    command.env("AWS_ALLOW_INVALID_CERTIFICATES", "true");
    let said = seen(&command.output().unwrap());
    let expected = "AWS_ALLOW_INVALID_CERTIFICATES would trust any certificate";
    assert!(
        said.starts_with("exit code 2") && said.contains(expected),
        "{said}"
    );
}

/// Returns a command over moto behind TLS.
fn command(server: &Server, tls: &Tls, sandbox: &Sandbox, words: &[&str]) -> Command {
    let mut command = server.command(sandbox, words);
    command.env("AWS_ENDPOINT_URL", tls.endpoint());
    command.env_remove("AWS_ALLOW_HTTP");
    command
}

#[test]
#[ignore = "needs moto; .ci/run installs it"]
fn a_store_that_a_ca_of_ones_own_vouches_for_is_refused_without_it_and_used_with_it() {
    let sandbox = Sandbox::new();
    let server = Server::moto(&sandbox);
    let tls = Tls::before(&server, &sandbox, "127.0.0.1");
    server.put("raw/a.csv", "id\n1\n");
    let words = ["run", "s3://bucket/raw", "s3://bucket/lake"];
    let refused = |variables: &[(&str, &str)]| {
        let mut command = command(&server, &tls, &sandbox, &words);
        command.envs(variables.iter().copied());
        let said = seen(&command.output().unwrap());
        assert!(said.starts_with("exit code 1\n"), "{said}");
        assert!(
            said.contains("the certificate of 127.0.0.1 is not trusted"),
            "{said}"
        );
        assert!(
            said.contains("name the file of that CA with --ca-file"),
            "{said}"
        );
        // Nobody asks again what will not be otherwise.
        assert!(!said.contains("retries"), "{said}");
    };
    refused(&[]);
    for named in ["AWS_CA_BUNDLE", "STRANDLINE_CA_FILE", "SSL_CERT_FILE"] {
        refused(&[(named, tls.other_ca())]);
        let mut command = command(&server, &tls, &sandbox, &words);
        let said = seen(&command.env(named, tls.ca()).output().unwrap());
        assert!(said.starts_with("exit code 0\n"), "{named}: {said}");
    }
    let by_flag = ["--ca-file", tls.ca(), "verify", "s3://bucket/lake"];
    let said = seen(&command(&server, &tls, &sandbox, &by_flag).output().unwrap());
    assert!(said.starts_with("exit code 0\n"), "{said}");
    let (settings, ca) = (
        sandbox.path("conf/strandline.toml"),
        sandbox.path("conf/ca.pem"),
    );
    sandbox.write("conf/strandline.toml", "[run]\nca_file = \"ca.pem\"\n");
    std::fs::copy(tls.ca(), ca).unwrap();
    let by_file = [
        "-c",
        settings.to_str().unwrap(),
        "status",
        "s3://bucket/lake",
    ];
    let said = seen(&command(&server, &tls, &sandbox, &by_file).output().unwrap());
    assert!(said.starts_with("exit code 0\n"), "{said}");

    // A doctor tells the same, and what to do.
    let doctor = ["doctor", "s3://bucket/lake", "--read-only", "--json"];
    let output = command(&server, &tls, &sandbox, &doctor).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let reach = &report["findings"][0];
    assert_eq!(reach["outcome"], "fails");
    assert!(
        reach["meaning"].as_str().unwrap().contains("--ca-file"),
        "{report}"
    );
    let doctor = [&doctor[..], &["--ca-file", tls.ca()]].concat();
    let output = command(&server, &tls, &sandbox, &doctor).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", seen(&output));
}

#[test]
#[ignore = "needs moto; .ci/run installs it"]
fn a_certificate_for_another_host_is_refused_whoever_vouches_for_it() {
    let sandbox = Sandbox::new();
    let server = Server::moto(&sandbox);
    let tls = Tls::before(&server, &sandbox, "elsewhere.example");
    let words = ["--ca-file", tls.ca(), "run", "s3://bucket/raw", "out"];
    let said = seen(&command(&server, &tls, &sandbox, &words).output().unwrap());
    assert!(said.starts_with("exit code 1\n"), "{said}");
    assert!(
        said.contains("the certificate of 127.0.0.1 is not trusted"),
        "{said}"
    );
}

#[test]
#[ignore = "needs the packages of the readers for TLS; .ci/run installs them"]
fn a_store_that_is_not_s3_takes_the_file_of_a_ca_as_well() {
    let sandbox = Sandbox::new();
    let server = Server::gcs(&sandbox);
    let tls = Tls::before(&server, &sandbox, "127.0.0.1");
    server.put("raw/a.csv", "id\n1\n");
    let account = sandbox.path("account.json");
    let text = std::fs::read_to_string(&account).unwrap();
    let plain = format!("http://{}", server.double().address());
    std::fs::write(&account, text.replace(&plain, &tls.endpoint())).unwrap();
    let words = ["run", "gs://bucket/raw", "out"];
    let mut without = server.command(&sandbox, &words);
    without.env("AWS_CA_BUNDLE", tls.ca());
    let said = seen(&without.output().unwrap());
    assert!(
        said.contains("the certificate of 127.0.0.1 is not trusted"),
        "{said}"
    );
    let words = [&["--ca-file", tls.ca()], &words[..]].concat();
    server.run(&sandbox, &words);
}
