//! Servers of object stores on this machine, each with one bucket, for as long as they are held.
//!
//! `.ci/run` installs them and says where: moto and `SeaweedFS` by `READERS_PYTHON`, Azurite by `AZURITE`. For Google Cloud
//! Storage there is none to install, and [a double of our own](super::gcs) stands in. A server that is not there fails the test that
//! needs it.

mod azurite;
mod http;
mod moto;
mod process;
mod seaweedfs;
mod tls;
mod user;
mod weed;

use std::process::Command;

use serde_json::Value;

use self::http::{ask, is_success};
use self::process::Process;
pub(crate) use self::tls::Tls;
pub(crate) use self::user::User;
use super::gcs::GcsDouble;
use super::program::Sandbox;

/// A server.
pub(crate) struct Server {
    holder: Holder,
    address: String,
    /// What the URL of a key begins with, behind the address, and what it ends with.
    around_keys: (&'static str, &'static str),
    /// What is said to it beside what HTTP wants.
    headers: &'static str,
    /// By which the program comes in.
    variables: Vec<(&'static str, String)>,
    /// By which a client of this process does, whose environment nobody can change.
    own_variables: Vec<(&'static str, String)>,
    /// The bucket, as the program has it.
    bucket: &'static str,
}

enum Holder {
    Process(Process),
    Double(GcsDouble),
}

impl Server {
    /// Starts the double of Google Cloud Storage.
    pub(crate) fn gcs(sandbox: &Sandbox) -> Self {
        let double = GcsDouble::start();
        let address = double.address().to_owned();
        let account = sandbox.path("account.json");
        let text = serde_json::json!({
            "private_key": "very secret",
            "private_key_id": "k",
            "client_email": "e",
            "disable_oauth": true,
            "gcs_base_url": format!("http://{address}"),
        });
        std::fs::write(&account, text.to_string()).unwrap();
        let variables = vec![("GOOGLE_SERVICE_ACCOUNT", account.display().to_string())];
        Self {
            holder: Holder::Double(double),
            address,
            around_keys: ("/bucket/", ""),
            headers: "",
            own_variables: variables.clone(),
            variables,
            bucket: "gs://bucket",
        }
    }

    /// Returns where it is.
    pub(crate) fn endpoint(&self) -> &str {
        let endpoint = self
            .variables
            .iter()
            .find(|(_, value)| value.starts_with("http://"));
        endpoint.map_or("", |(_, value)| value)
    }

    /// Returns the double that this is.
    pub(crate) fn double(&self) -> &GcsDouble {
        match &self.holder {
            Holder::Double(double) => double,
            Holder::Process(_) => panic!("{} is a server", self.bucket),
        }
    }

    /// Returns the variables by which a client of this process comes in.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let variables = self.own_variables.iter();
        variables.map(|(name, value)| (*name, value.as_str()))
    }

    /// Returns the URL of a prefix, as the program has it.
    pub(crate) fn url(&self, prefix: &str) -> String {
        format!("{}/{prefix}", self.bucket)
    }

    /// Returns what it has said of itself and of requests since the last call, a line each, up to one that contains `last`.
    pub(crate) fn log_until(&self, last: &str) -> Vec<String> {
        match &self.holder {
            Holder::Process(process) => process.lines_until(last),
            Holder::Double(_) => panic!("the double keeps no log"),
        }
    }

    pub(crate) fn put(&self, key: &str, bytes: impl AsRef<[u8]>) {
        self.ask("PUT", key, bytes.as_ref());
    }

    pub(crate) fn put_with(&self, headers: &str, key: &str, bytes: &[u8]) {
        self.ask_with(headers, "PUT", &self.target(key), bytes);
    }

    pub(crate) fn delete(&self, key: &str) {
        self.ask("DELETE", key, b"");
    }

    fn target(&self, key: &str) -> String {
        let (before, behind) = self.around_keys;
        format!("{before}{key}{behind}")
    }

    fn ask(&self, method: &str, key: &str, body: &[u8]) {
        self.ask_with("", method, &self.target(key), body);
    }

    /// Asks for something by hand, which has to go well.
    pub(crate) fn ask_with(&self, headers: &str, method: &str, target: &str, body: &[u8]) {
        let headers = format!("{}{headers}", self.headers);
        let answer = ask(&self.address, &headers, method, target, body).unwrap();
        assert!(is_success(&answer), "{method} {target}: {answer}");
    }

    /// Returns a command of the program that comes in.
    pub(crate) fn command(&self, sandbox: &Sandbox, words: &[&str]) -> Command {
        let mut command = sandbox.command(words);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs the program, and returns how it ended and its report.
    pub(crate) fn call(&self, sandbox: &Sandbox, words: &[&str]) -> (Option<i32>, Value) {
        let mut command = self.command(sandbox, words);
        let output = command.arg("--json").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("very secret"));
        let report = serde_json::from_slice(&output.stdout);
        (
            output.status.code(),
            report.unwrap_or_else(|_| panic!("{words:?}: {said}")),
        )
    }

    /// Runs the program, which has to go well, and returns its report.
    pub(crate) fn run(&self, sandbox: &Sandbox, words: &[&str]) -> Value {
        let (code, report) = self.call(sandbox, words);
        assert_eq!(code, Some(0), "{words:?}: {report}");
        report
    }
}
