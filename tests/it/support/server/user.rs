//! A user of moto, which looks at signatures and policies once it is told to.
//!
//! It knows actions and resources. It does not look at conditions (`s3:prefix`); and where several objects are to be deleted
//! by one request, it wants the right to delete the bucket's, where S3 wants the right to delete each.

use std::process::Command;

use serde_json::Value;

use super::{Sandbox, Server, ask, is_success};

/// Somebody who is known by keys.
pub(crate) struct User<'a> {
    server: &'a Server,
    pub(crate) id: String,
    pub(crate) secret: String,
}

const IAM: &str = "Authorization: AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/iam/aws4_request\r\nContent-Type: application/x-www-form-urlencoded\r\n";

impl<'a> User<'a> {
    /// Makes a user who may do nothing, and has moto look at who asks from now on.
    pub(crate) fn new(server: &'a Server) -> Self {
        call(server, &[("Action", "CreateUser"), ("UserName", "w")]);
        let key = call(server, &[("Action", "CreateAccessKey"), ("UserName", "w")]);
        let of = |name: &str| {
            let (_, rest) = key.split_once(&format!("<{name}>")).unwrap();
            rest.split('<').next().unwrap().to_owned()
        };
        let user = Self {
            server,
            id: of("AccessKeyId"),
            secret: of("SecretAccessKey"),
        };
        look(server, true);
        user
    }

    /// Gives the user these policies, and no others.
    pub(crate) fn may(&self, policies: &[Value; 2]) {
        self.unseen(|server| {
            for (name, policy) in ["one", "other"].into_iter().zip(policies) {
                let policy = policy.to_string();
                let words = [
                    ("Action", "PutUserPolicy"),
                    ("UserName", "w"),
                    ("PolicyName", name),
                    ("PolicyDocument", policy.as_str()),
                ];
                call(server, &words);
            }
        });
    }

    /// Does something with our own hands, at which nobody looks.
    pub(crate) fn unseen<T>(&self, work: impl FnOnce(&Server) -> T) -> T {
        look(self.server, false);
        let done = work(self.server);
        look(self.server, true);
        done
    }

    /// Returns a command of the program that comes in by the user's keys.
    pub(crate) fn command(&self, sandbox: &Sandbox, words: &[&str]) -> Command {
        let mut command = self.server.command(sandbox, words);
        command.env("AWS_ACCESS_KEY_ID", &self.id);
        command.env("AWS_SECRET_ACCESS_KEY", &self.secret);
        command
    }
}

fn look(server: &Server, does: bool) {
    let after = if does { "0" } else { "inf" };
    server.ask_with("", "POST", "/moto-api/reset-auth", after.as_bytes());
}

/// Has something done in IAM, and returns what is answered.
fn call(server: &Server, words: &[(&str, &str)]) -> String {
    let words = words.iter().chain([&("Version", "2010-05-08")]);
    let words: Vec<String> = words
        .map(|(name, value)| format!("{name}={}", escaped(value)))
        .collect();
    let body = words.join("&");
    let answer = ask(&server.address, IAM, "POST", "/", body.as_bytes()).unwrap();
    assert!(is_success(&answer), "{body}: {answer}");
    answer
}

fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}
