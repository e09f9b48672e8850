use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::*;
use crate::clock::ManualClock;
use crate::config::{Access, Profile, ProfileFile};
use crate::store::runtime;

const NOW: i64 = 1_767_600_000 * 1_000_000_000;

/// A program that says what stands in a file, and counts how often it was asked.
struct Program {
    directory: TempDir,
    clock: Arc<ManualClock>,
    credentials: ProcessCredentials,
    runtime: Runtime,
}

fn process(line: &str) -> CredentialProcess {
    let file = |text: Option<String>| ProfileFile {
        path: "x".into(),
        text,
    };
    let config = file(Some(format!("[default]\ncredential_process = {line}\n")));
    let profile = Profile::find(None, &config, &file(None)).unwrap();
    let access = Access::default().with_profile(&profile).unwrap();
    access.process().unwrap().clone()
}

impl Program {
    fn new(document: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let script = "echo x >> \"$0/asked\"; cat \"$0/said\"";
        let process = process(&format!(
            "/bin/sh -c '{script}' '{}'",
            directory.path().display()
        ));
        let clock = Arc::new(ManualClock::new(Timestamp(NOW)));
        let program = Self {
            credentials: ProcessCredentials::new(process, clock.clone()),
            runtime: runtime(1).unwrap(),
            directory,
            clock,
        };
        program.says(document);
        program
    }

    fn says(&self, document: &str) {
        fs::write(self.directory.path().join("said"), document).unwrap();
    }

    fn keys(&self) -> Result<String, String> {
        told(&self.runtime, &self.credentials)
    }

    /// Waits until somebody has asked for better keys.
    fn renew(&self) {
        let renewed = Arc::clone(&self.credentials.0).renew();
        // What comes of it is kept.
        let _ = self.runtime.block_on(renewed);
    }

    fn asked(&self) -> usize {
        let asked = fs::read_to_string(self.directory.path().join("asked"));
        asked.unwrap_or_default().lines().count()
    }
}

fn told(runtime: &Runtime, credentials: &ProcessCredentials) -> Result<String, String> {
    let keys = runtime.block_on(credentials.keys());
    let keys = keys.map_err(|error| error.to_string())?;
    let token = keys.token.as_deref().unwrap_or("-");
    Ok(format!("{} {} {token}", keys.key_id, keys.secret_key))
}

fn document(id: &str, seconds: i64) -> String {
    let ends_at = DateTime::from_timestamp(NOW / 1_000_000_000 + seconds, 0).unwrap();
    let ends_at = ends_at.to_rfc3339();
    format!(
        "{{\"Version\": 1, \"AccessKeyId\": \"{id}\", \"SecretAccessKey\": \"s\", \"SessionToken\": \"t\", \"Expiration\": \"{ends_at}\"}}"
    )
}

#[test]
fn keys_that_never_end_are_asked_for_once() {
    let program = Program::new(
        "{\"Version\": 1, \"AccessKeyId\": \"a\", \"SecretAccessKey\": \"s\", \"AccountId\": 7}",
    );
    for days in [0, 1, 100] {
        program.clock.advance(Duration::from_secs(days * 86_400));
        assert_eq!(program.keys().unwrap(), "a s -");
    }
    assert_eq!(program.asked(), 1);
}

#[test]
fn keys_are_asked_for_anew_before_they_end_and_not_sooner() {
    for (life, before) in [(3600, 300), (60, 15)] {
        let program = Program::new(&document("a", life));
        assert_eq!(program.keys().unwrap(), "a s t");
        program.says(&document("b", 2 * life));
        let life = u64::try_from(life).unwrap();
        program
            .clock
            .advance(Duration::from_secs(life - before - 1));
        assert_eq!(program.keys().unwrap(), "a s t");
        assert_eq!(program.asked(), 1);
        program.clock.advance(Duration::from_secs(1));
        // Nobody waits who has good ones.
        assert_eq!(program.keys().unwrap(), "a s t");
        program.renew();
        assert_eq!(program.keys().unwrap(), "b s t");
        assert_eq!(program.asked(), 2);
    }
}

#[test]
fn where_the_program_fails_the_old_keys_are_used_until_they_end() {
    let program = Program::new(&document("a", 3600));
    program.keys().unwrap();
    program.says("no");
    program.clock.advance(Duration::from_secs(3400));
    assert_eq!(program.keys().unwrap(), "a s t");
    program.renew();
    assert_eq!(program.keys().unwrap(), "a s t");
    assert_eq!(program.asked(), 2, "nobody asks for each request");
    program.clock.advance(Duration::from_secs(200));
    let error = program.keys().unwrap_err();
    assert!(error.contains("told no keys"), "{error}");
}

#[test]
fn what_a_program_says_instead_of_keys_is_not_repeated() {
    let wants = "the credential_process of the profile default told no keys: it has to say a JSON object with Version 1, AccessKeyId and SecretAccessKey";
    for said in [
        "secret",
        "{\"Version\": \"secret\", \"AccessKeyId\": \"a\", \"SecretAccessKey\": \"secret\"}",
        "{\"Version\": 2, \"AccessKeyId\": \"a\", \"SecretAccessKey\": \"secret\"}",
        "{\"Version\": 1, \"SecretAccessKey\": \"secret\"}",
        "{\"Version\": 1, \"AccessKeyId\": \"a\\n\", \"SecretAccessKey\": \"secret\"}",
    ] {
        assert_eq!(Program::new(said).keys().unwrap_err(), wants, "{said}");
    }
    let unknown = "{\"Version\": 1, \"AccessKeyId\": \"a\", \"SecretAccessKey\": \"s\", \"Expiration\": \"secret\"}";
    let unknown = Program::new(unknown).keys().unwrap_err();
    assert!(
        unknown.contains("no instant such as") && !unknown.contains("secret"),
        "{unknown}"
    );
    let expired = Program::new(&document("a", 0)).keys().unwrap_err();
    assert_eq!(
        expired,
        "the credential_process of the profile default told keys that have expired"
    );
}

#[test]
fn a_program_that_fails_or_is_not_there_is_told_by_its_profile() {
    let clock = Arc::new(ManualClock::new(Timestamp(NOW)));
    for (line, expected) in [
        (
            "/bin/sh -c 'echo secret; exit 7'",
            "the credential_process of the profile default failed (exit status: 7)",
        ),
        (
            "/no/such secret",
            "cannot start the credential_process of the profile default",
        ),
    ] {
        let credentials = ProcessCredentials::new(process(line), clock.clone());
        let runtime = runtime(1).unwrap();
        assert_eq!(told(&runtime, &credentials).unwrap_err(), expected);
        // All who wait are told the same, and so is whoever asks right behind them.
        assert_eq!(told(&runtime, &credentials).unwrap_err(), expected);
        assert!(!format!("{credentials:?}").contains("secret"));
    }
    assert!(Path::new("/bin/sh").exists());
}

#[test]
fn documents_are_read_as_others_read_them() {
    let keys = "\"Version\": 1, \"AccessKeyId\": \"a\", \"SecretAccessKey\": \"s\"";
    for rest in [
        "\"SessionToken\": \"\"",
        "\"SessionToken\": null",
        "\"Expiration\": \"2126-01-31T10:00:00+0000\"",
        "\"Expiration\": \"2126-01-31T10:00:00.5Z\"",
    ] {
        let program = Program::new(&format!("{{{keys}, {rest}}}"));
        assert_eq!(program.keys().unwrap(), "a s -", "{rest}");
    }
}

#[test]
fn a_program_whose_own_goes_on_is_not_waited_for() {
    let clock = Arc::new(ManualClock::new(Timestamp(NOW)));
    let line = "/bin/sh -c 'sleep 30 & echo \"{\\\"Version\\\": 1, \\\"AccessKeyId\\\": \\\"a\\\", \\\"SecretAccessKey\\\": \\\"s\\\"}\"'";
    let credentials = ProcessCredentials::new(process(line), clock);
    assert_eq!(told(&runtime(1).unwrap(), &credentials).unwrap(), "a s -");
}
