//! Access to S3 by profiles of the AWS CLI: which of them is used, what it gives, and what is said where it cannot be.
//!
//! What works is shown against moto, which looks at signatures; `.ci/run` installs it.

use std::fs;
use std::process::{Command, Output};

use serde_json::json;

use super::{sandbox, seen};
use crate::support::program::Sandbox;
use crate::support::server::{Server, Tls, User};

/// Has the profiles of the AWS CLI in two files of the sandbox.
fn with_profiles(sandbox: &Sandbox, words: &[&str], config: &str, credentials: &str) -> Command {
    sandbox.write("aws/config", config);
    sandbox.write("aws/credentials", credentials);
    let mut command = sandbox.command(words);
    command.env("AWS_CONFIG_FILE", "aws/config");
    command.env("AWS_SHARED_CREDENTIALS_FILE", "aws/credentials");
    command
}

fn profile(name: &str, config: &str, credentials: &str) -> String {
    let sandbox = sandbox();
    let words = ["run", "s3://bucket/in", "out"];
    let mut command = with_profiles(&sandbox, &words, config, credentials);
    seen(&command.env("AWS_PROFILE", name).output().unwrap())
}

#[test]
fn a_profile_that_is_not_there_is_told_with_the_files_that_were_looked_in() {
    insta::assert_snapshot!(profile("other", "[profile own]\n", "[own]\n"), @"
    exit code 2
    -- stderr
    error: cannot use a profile of the AWS CLI for S3
      caused by: there is no profile other, neither in aws/config nor in aws/credentials
      hint: `aws configure list-profiles` lists those that are there; AWS_PROFILE names the one that is used
    ");
    let sandbox = sandbox();
    let mut command = sandbox.command(&["status", "s3://bucket/lake"]);
    let said = seen(&command.env("AWS_PROFILE", "other").output().unwrap());
    for file in ["/home/.aws/config ", "/home/.aws/credentials\n"] {
        assert!(said.contains(file), "{said}");
    }
}

#[test]
fn a_profile_that_only_the_cli_can_follow_is_told_with_a_way_out() {
    let config = "[profile own]\nsso_session = mine\nsso_account_id = 1\nsso_role_name = r\nregion = eu-west-1\n";
    insta::assert_snapshot!(profile("own", config, ""), @r#"
    exit code 2
    -- stderr
    error: cannot use a profile of the AWS CLI for S3
      caused by: the profile own has sso_account_id, which only the AWS CLI can follow
      hint: eval "$(aws configure export-credentials --profile NAME --format env)" has the AWS CLI follow it and put the keys into the environment; for keys that are renewed, name a profile that has `credential_process = aws configure export-credentials --profile NAME`
    "#);
}

#[test]
fn a_file_that_is_none_of_the_cli_is_told_without_what_it_says() {
    let credentials = "[own]\naws_access_key_id = k\nvery secret\n";
    insta::assert_snapshot!(profile("own", "", credentials), @"
    exit code 2
    -- stderr
    error: cannot use a profile of the AWS CLI for S3
      caused by: line 3 of aws/credentials is neither a section in brackets nor a key with its value
      hint: mend the profile, name another with AWS_PROFILE, or give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY
    ");
}

#[test]
fn an_address_without_encryption_is_told_by_the_profile_that_has_it() {
    let keys = "[own]\naws_access_key_id = k\naws_secret_access_key = very secret\n";
    let config = "[profile own]\nendpoint_url = http://127.0.0.1:9\n";
    insta::assert_snapshot!(profile("own", config, keys), @"
    exit code 2
    -- stderr
    error: cannot use s3://bucket/in
      caused by: endpoint_url of the profile own is no https:// address, and AWS_ALLOW_HTTP is not true
      hint: `strandline run --help` tells, under SOURCE, which variables give access to an object store
    ");
}

#[test]
fn where_no_s3_is_spoken_nobody_asks_for_a_profile() {
    let sandbox = sandbox();
    let mut command = sandbox.command(&["run", "in", "out"]);
    let output = command.env("AWS_PROFILE", "other").output().unwrap();
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_home_that_cannot_be_read_is_no_matter_unless_a_profile_is_named() {
    let sandbox = sandbox();
    // Where the directory of the profiles would be is a file.
    sandbox.write(".aws", "");
    let run = |profile: Option<&str>| {
        let mut command = sandbox.command(&["run", "s3://bucket/in", "out"]);
        command.env("HOME", sandbox.path(""));
        command.env("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
        command.envs(profile.map(|profile| ("AWS_PROFILE", profile)));
        seen(&command.output().unwrap())
    };
    assert!(run(None).contains("AWS_ALLOW_HTTP is not true"));
    let said = run(Some("own"));
    assert!(said.starts_with("exit code 2"), "{said}");
    assert!(said.contains("cannot read the profiles in"), "{said}");
}

fn said(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains("very secret"), "{said}");
    said
}

/// Lets the user do anything.
fn everything() -> [serde_json::Value; 2] {
    let statement = json!([{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]);
    let policy = json!({"Version": "2012-10-17", "Statement": statement});
    [policy.clone(), policy]
}

/// What is shown, the two files, and the variables.
type Row<'a> = (&'a str, String, String, &'a [(&'a str, &'a str)]);

#[test]
#[ignore = "needs moto; .ci/run installs it"]
fn a_profile_gives_keys_region_and_address_and_the_environment_wins() {
    let sandbox = Sandbox::new();
    let server = Server::moto(&sandbox);
    server.put("raw/a.csv", "id\n1\n");
    let user = User::new(&server);
    user.may(&everything());
    let (id, secret) = (&user.id, &user.secret);
    let address = format!("region = us-east-1\nendpoint_url = {}\n", server.endpoint());
    let keys = format!("aws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
    let document = json!({"Version": 1, "AccessKeyId": id, "SecretAccessKey": secret});
    let tells = sandbox.path("tells.json");
    fs::write(&tells, document.to_string()).unwrap();
    let process = format!("credential_process = /bin/cat '{}'\n", tells.display());
    let bad = "aws_access_key_id = k\naws_secret_access_key = very secret\n";
    let (id, secret) = (id.as_str(), secret.as_str());
    let rows: [Row<'_>; 6] = [
        (
            "keys of the default profile",
            format!("[default]\n{address}"),
            format!("[default]\n{keys}"),
            &[],
        ),
        (
            "keys in config",
            format!("[profile own]\n{address}{keys}"),
            String::new(),
            &[("AWS_PROFILE", "own")],
        ),
        (
            "a program",
            format!("[profile own]\n{address}{process}"),
            String::new(),
            &[("AWS_PROFILE", "own")],
        ),
        (
            "a program of the profile before keys in config",
            format!("[profile own]\n{address}{process}{bad}"),
            String::new(),
            &[("AWS_PROFILE", "own")],
        ),
        (
            "keys of the environment before those of the profile",
            format!("[profile own]\n{address}"),
            format!("[own]\n{bad}"),
            &[
                ("AWS_PROFILE", "own"),
                ("AWS_ACCESS_KEY_ID", id),
                ("AWS_SECRET_ACCESS_KEY", secret),
            ],
        ),
        (
            "a token of the environment does not go with keys of the profile",
            format!("[profile own]\n{address}"),
            format!("[own]\n{keys}"),
            &[("AWS_PROFILE", "own"), ("AWS_SESSION_TOKEN", "stray")],
        ),
    ];
    for (what, config, credentials, variables) in rows {
        let words = ["run", "s3://bucket/raw", "s3://bucket/lake"];
        let mut command = with_profiles(&sandbox, &words, &config, &credentials);
        command.env("AWS_ALLOW_HTTP", "true");
        let output = command.envs(variables.iter().copied()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{what}: {}", said(&output));
    }

    let words = ["run", "s3://bucket/raw", "s3://bucket/lake"];
    let refused = |config: String, credentials: String| {
        let mut command = with_profiles(&sandbox, &words, &config, &credentials);
        command
            .env("AWS_ALLOW_HTTP", "true")
            .env("AWS_PROFILE", "own");
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        said(&output)
    };
    let told = refused(format!("[profile own]\n{address}"), format!("[own]\n{bad}"));
    assert!(told.contains("the store answered 403 Forbidden"), "{told}");
    let fails =
        "credential_process = /bin/sh -c 'echo no such session >&2; exit 3' 'very secret'\n";
    let told = refused(format!("[profile own]\n{address}{fails}"), String::new());
    for part in [
        "no such session\n",
        "the credential_process of the profile own failed (exit status: 3)",
        "hint: call the program that credential_process names by itself",
    ] {
        assert!(told.contains(part), "{told}");
    }
}

#[test]
#[ignore = "needs moto; .ci/run installs it"]
fn a_role_of_a_profile_is_taken_on_by_web_identity() {
    let sandbox = Sandbox::new();
    let server = Server::moto(&sandbox);
    // A token is only handed to whoever speaks TLS.
    let tls = Tls::before(&server, &sandbox, "127.0.0.1");
    server.put("raw/a.csv", "id\n1\n");
    sandbox.write("token", "very secret");
    let config = format!(
        "[default]\nregion = us-east-1\nendpoint_url = {}\nca_bundle = {}\nservices = local\n\
         role_arn = arn:aws:iam::123456789012:role/lake\nrole_session_name = nightly\nweb_identity_token_file = {}\n\
         [services local]\nsts =\n  endpoint_url = {}\n",
        tls.endpoint(),
        tls.ca(),
        sandbox.path("token").display(),
        tls.endpoint(),
    );
    let words = ["run", "s3://bucket/raw", "s3://bucket/lake"];
    let output = with_profiles(&sandbox, &words, &config, "")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let asked = tls.role_asked_for();
    for part in ["role%2Flake", "RoleSessionName=nightly"] {
        assert!(asked.contains(part), "{asked}");
    }
}
