//! The policies of the README: with them the batch job runs, and each action in them is needed for something.
//!
//! They are put to moto, which knows actions and resources; `.ci/run` installs it. It does not look at conditions, so the
//! prefixes of listings are compared with those of the policies here. Source and target have a bucket each, so that what is
//! allowed in one does not do for the other. moto wants the right to delete the bucket's objects where several are deleted by
//! one request; S3 wants the right to delete each, and the policies say that.

use serde_json::{Value, json};

use super::seen;
use crate::readme::policies;
use crate::support::program::Sandbox;
use crate::support::server::{Server, User};

const RUN: [&str; 3] = ["run", "s3://bucket/raw", "s3://other/lake"];
const VERIFY: [&str; 6] = [
    "verify",
    "s3://other/lake",
    "--deep",
    "--source",
    "s3://bucket/raw",
    "--json",
];

/// Returns the policies for a target in a bucket of its own.
fn apart() -> [Value; 2] {
    let [source, target] = policies();
    let target = target.to_string().replace(":::bucket", ":::other");
    let mut target: Value = serde_json::from_str(&target).unwrap();
    for statement in target["Statement"].as_array_mut().unwrap() {
        if statement["Action"].to_string().contains("s3:DeleteObject") {
            let each = statement["Resource"].take();
            statement["Resource"] = json!([each, "arn:aws:s3:::other"]);
        }
    }
    [source, target]
}

/// Returns every action of a policy.
fn actions(policy: &Value) -> Vec<String> {
    let statements = policy["Statement"].as_array().unwrap().iter();
    let listed = statements.flat_map(|statement| match &statement["Action"] {
        Value::Array(actions) => actions.clone(),
        action => vec![action.clone()],
    });
    listed
        .map(|action| action.as_str().unwrap().to_owned())
        .collect()
}

/// Returns the policy without an action.
fn without(policy: &Value, action: &str) -> Value {
    let action = format!("\"{action}\"");
    // There has to be an action, and this is none of ours.
    let left = policy.to_string().replace(&action, "\"s3:GetBucketAcl\"");
    serde_json::from_str(&left).unwrap()
}

fn call(user: &User<'_>, words: &[impl AsRef<str>]) -> String {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    let words = &words[..];
    let said = seen(&user.command(&Sandbox::new(), words).output().unwrap());
    assert!(!said.contains(&user.secret), "{said}");
    said
}

#[test]
#[ignore = "needs moto; .ci/run installs it"]
fn with_the_policies_of_the_readme_the_batch_job_runs_and_asks_for_nothing_else() {
    let sandbox = Sandbox::new();
    let server = Server::moto(&sandbox);
    server.ask_with("", "PUT", "/other", b"");
    fill(&server);
    let user = User::new(&server);
    user.may(&apart());
    user.unseen(Server::take_log);
    let goes_well = |words: &[&str]| {
        let said = call(&user, words);
        assert!(said.starts_with("exit code 0\n"), "{words:?}: {said}");
        said
    };
    goes_well(&RUN);
    user.unseen(|server| {
        server.put("raw/dt=2013-01-01/flights.csv", "id\n7\n");
        server.delete("raw/dt=2013-01-02/flights.csv");
    });
    goes_well(&RUN);
    assert!(goes_well(&VERIFY).contains("\"findings\":[]"));
    goes_well(&["status", "s3://other/lake"]);
    goes_well(&["doctor", "s3://bucket/raw", "--read-only"]);
    doctor_is_denied_nothing(&user);
    listings_keep_to(&user.unseen(Server::take_log));

    // The source can be read, and nothing else.
    let said = call(&user, &["doctor", "s3://bucket/raw"]);
    assert!(said.contains("write          DENIED"), "{said}");
    assert!(
        said.contains("as a source: it can be used\nas a target: it cannot be used; see write\n"),
        "{said}"
    );
    let said = call(&user, &["run", "s3://other/lake", "s3://bucket/raw"]);
    assert!(said.starts_with("exit code 1\n"), "{said}");
    assert!(
        said.contains("PUT") && said.contains("403 Forbidden (AccessDenied"),
        "{said}"
    );
}

/// Has a doctor look. What moto makes of writers who race is its own affair.
fn doctor_is_denied_nothing(user: &User<'_>) {
    let words = ["doctor", "s3://other/lake", "--json"];
    let output = user.command(&Sandbox::new(), &words).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    for finding in report["findings"].as_array().unwrap() {
        let is_race = finding["probe"].as_str().unwrap().ends_with("_race");
        let outcome = &finding["outcome"];
        assert!(
            outcome == "works" || is_race && outcome == "fails",
            "{report}"
        );
    }
    assert_eq!(report["left_behind"], json!([]));
}

fn fill(server: &Server) {
    for day in 1..4 {
        server.put(
            &format!("raw/dt=2013-01-0{day}/flights.csv"),
            format!("id\n{day}\n"),
        );
    }
}

/// Makes sure that each listing has a prefix that the condition of its policy allows.
fn listings_keep_to(log: &[String]) {
    let [source, target] = policies();
    let mut seen = [0, 0];
    for line in log.iter().filter(|line| line.contains("list-type=2")) {
        for (at, (bucket, policy)) in [("bucket", &source), ("other", &target)].iter().enumerate() {
            if !line.contains(&format!("GET /{bucket}?")) {
                continue;
            }
            seen[at] += 1;
            let condition = &policy["Statement"][0]["Condition"]["StringLikeIfExists"];
            let allowed = condition["s3:prefix"].as_str().unwrap();
            let (_, prefix) = line
                .split_once("prefix=")
                .unwrap_or_else(|| panic!("no prefix: {line}"));
            let prefix = prefix.split(['&', ' ']).next().unwrap().replace("%2F", "/");
            let begin = allowed.strip_suffix('*').unwrap();
            assert!(prefix.starts_with(begin), "{line}");
        }
    }
    assert!(seen[0] > 1 && seen[1] > 1, "{seen:?}: {log:?}");
}

#[test]
#[ignore = "needs moto; .ci/run installs it"]
fn no_action_of_the_policies_can_be_left_out() {
    let sandbox = Sandbox::new();
    let server = Server::moto(&sandbox);
    server.ask_with("", "PUT", "/other", b"");
    fill(&server);
    let user = User::new(&server);
    let [source, target] = apart();
    let of_source = [
        (
            "s3:ListBucket",
            "run",
            "cannot list the source s3://bucket/raw",
        ),
        (
            "s3:GetObject",
            "run",
            "cannot read dt=2013-01-01/flights.csv: ",
        ),
    ];
    let of_target = [
        ("s3:ListBucket", "run", "/other?list-type=2&prefix=lake%2F"),
        (
            "s3:GetObject",
            "run",
            "cannot open the ledger s3://other/lake/of-target/GetObject/_strandline",
        ),
        (
            "s3:PutObject",
            "run",
            "cannot open the ledger s3://other/lake/of-target/PutObject/_strandline/lock",
        ),
        (
            "s3:DeleteObject",
            "run",
            "DeleteObjects request failed for key lake/",
        ),
        ("s3:AbortMultipartUpload", "doctor", "multipart      DENIED"),
    ];
    assert_eq!(of_source.map(|row| row.0.to_owned())[..], actions(&source));
    assert_eq!(of_target.map(|row| row.0.to_owned())[..], actions(&target));
    for (action, command, expected) in of_source {
        user.may(&[without(&source, action), target.clone()]);
        fails(
            &call(&user, &words(command, "of-source", action)),
            action,
            expected,
        );
    }
    for (action, command, expected) in of_target {
        user.may(&[source.clone(), without(&target, action)]);
        let said = call(&user, &words(command, "of-target", action));
        fails(&said, action, expected);
        let is_advised = said.contains("hint: whoever runs strandline needs access to TARGET");
        assert!(is_advised || command == "doctor", "{action}: {said}");
    }
    // Nothing of all that is in the way of a run that may do what it needs.
    user.may(&[source, target]);
    let said = call(&user, &RUN);
    assert!(
        said.starts_with("exit code 0\n") && said.contains("3 added"),
        "{said}"
    );
}

/// Returns the words of a command over a target that nobody has used yet.
fn words(command: &str, of: &str, action: &str) -> Vec<String> {
    let target = format!("s3://other/lake/{of}/{}", &action[3..]);
    let words = match command {
        "run" => vec![command, "s3://bucket/raw", &target],
        _ => vec![command, &target],
    };
    words.into_iter().map(str::to_owned).collect()
}

fn fails(said: &str, action: &str, expected: &str) {
    assert!(said.starts_with("exit code 1\n"), "{action}: {said}");
    assert!(said.contains(expected), "{action}: {said}");
    assert!(
        said.contains("Access Denied") || said.contains("403 Forbidden"),
        "{said}"
    );
}
