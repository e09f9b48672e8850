//! Keys of S3 that a program tells, as `credential_process` of a profile names it.
//!
//! # Format
//! The program says one JSON document: `Version` (1), `AccessKeyId`, `SecretAccessKey`, and where the keys end some time,
//! `SessionToken` and `Expiration`. What else it has to say, it says on stderr, which is the one of this process.
//!
//! # Invariants
//! - The program is asked before the keys end: five minutes, or a quarter of the time that they are good for. The old ones are
//!   used meanwhile, and as long as they are good if it fails: nobody who has good keys waits for better ones.
//! - It is asked once for all who wait, and not waited for without end. Where it fails, it is left alone for ten seconds.
//! - Nothing of what it says is shown.

use std::io::{self, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::DateTime;
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;
use rustix::fs::OFlags;
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

use crate::clock::Clock;
use crate::config::CredentialProcess;
use crate::model::Timestamp;

/// How long the program may take: somebody may have to touch a key.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long the program is left alone before it is looked after again.
const PAUSE: Duration = Duration::from_millis(5);

/// How long before their end keys are asked for anew.
const AHEAD: Duration = Duration::from_mins(5);

/// How long nobody asks again where the program failed.
const RESPITE: Duration = Duration::from_secs(10);

/// More than this is no document with keys.
const MOST_BYTES: usize = 1 << 20;

/// Keys that were not told.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProcessError {
    /// There is no such program, or it cannot be started.
    #[error("cannot start the credential_process of the profile {profile}")]
    Start {
        profile: String,
        #[source]
        source: io::Error,
    },
    /// It cannot be listened to.
    #[error("cannot listen to the credential_process of the profile {profile}")]
    Listen {
        profile: String,
        #[source]
        source: io::Error,
    },
    /// It failed.
    #[error("the credential_process of the profile {profile} failed ({status})")]
    Ended { profile: String, status: ExitStatus },
    /// It goes on for ever.
    #[error("the credential_process of the profile {profile} did not end within {} seconds", PATIENCE.as_secs())]
    Slow { profile: String },
    /// It says something else.
    #[error(
        "the credential_process of the profile {profile} told no keys: it has to say a JSON object with Version 1, AccessKeyId and SecretAccessKey"
    )]
    Document { profile: String },
    /// Nobody can tell when the keys end.
    #[error(
        "the credential_process of the profile {profile} told an Expiration that is no instant such as 2026-01-31T10:00:00Z"
    )]
    Expiration { profile: String },
    /// The keys are no good any more.
    #[error("the credential_process of the profile {profile} told keys that have expired")]
    Expired { profile: String },
}

/// Asks the program for keys.
pub(super) struct ProcessCredentials(Arc<Asker>);

struct Asker {
    process: CredentialProcess,
    clock: Arc<dyn Clock>,
    known: std::sync::Mutex<Known>,
    /// Whose turn it is to ask.
    turn: Mutex<()>,
}

/// What came of asking so far.
#[derive(Default)]
struct Known {
    told: Option<Told>,
    /// When it failed the last time, and how.
    failed: Option<(Timestamp, Arc<ProcessError>)>,
}

#[derive(Clone)]
struct Told {
    keys: Arc<AwsCredential>,
    expiry: Option<Expiry>,
}

#[derive(Clone, Copy)]
struct Expiry {
    /// From here on, new ones are asked for.
    renewed_at: Timestamp,
    ends_at: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    version: u64,
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    expiration: Option<String>,
}

impl Document {
    /// Returns the token of keys that end; others say none, or an empty one.
    fn token(&self) -> Option<&str> {
        self.session_token
            .as_deref()
            .filter(|token| !token.is_empty())
    }
}

impl ProcessCredentials {
    pub(super) fn new(process: CredentialProcess, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Asker {
            process,
            clock,
            known: std::sync::Mutex::default(),
            turn: Mutex::default(),
        }))
    }

    /// Returns keys that are good now. Who gives up waiting ends nobody else's: whoever asks does it on his own.
    async fn keys(&self) -> Result<Arc<AwsCredential>, Arc<ProcessError>> {
        let asker = &self.0;
        let now = asker.clock.now();
        let told = asker.known().told.clone();
        let good = told.filter(|told| told.outlasts(now));
        match good {
            Some(told) if told.is_fresh(now) => Ok(told.keys),
            Some(old) => {
                // Nobody has to wait for better ones, least of all who renews a lease.
                tokio::spawn(Arc::clone(asker).renew());
                Ok(old.keys)
            }
            None => {
                let renewed = tokio::spawn(Arc::clone(asker).renew()).await;
                renewed.unwrap_or_else(|_| {
                    let profile = asker.process.profile().to_owned();
                    Err(Arc::new(ProcessError::Slow { profile }))
                })
            }
        }
    }
}

impl Asker {
    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks, unless somebody has while others waited for their turn.
    async fn renew(self: Arc<Self>) -> Result<Arc<AwsCredential>, Arc<ProcessError>> {
        let _turn = self.turn.lock().await;
        let now = self.clock.now();
        {
            let known = self.known();
            if let Some(told) = known.told.as_ref().filter(|told| told.is_fresh(now)) {
                return Ok(Arc::clone(&told.keys));
            }
            let lately = |(at, _): &&(Timestamp, Arc<ProcessError>)| now.since(*at) < RESPITE;
            if let Some((_, error)) = known.failed.as_ref().filter(lately) {
                return Err(Arc::clone(error));
            }
        }
        let asked = self.ask().await;
        let now = self.clock.now();
        let mut known = self.known();
        match asked {
            Ok(new) => {
                let keys = Arc::clone(&new.keys);
                *known = Known {
                    told: Some(new),
                    failed: None,
                };
                Ok(keys)
            }
            Err(error) => {
                let error = Arc::new(error);
                known.failed = Some((now, Arc::clone(&error)));
                let old = known.told.as_mut().filter(|old| old.outlasts(now));
                old.map(|old| Arc::clone(&old.respite(now).keys))
                    .ok_or(error)
            }
        }
    }

    async fn ask(&self) -> Result<Told, ProcessError> {
        let profile = || self.process.profile().to_owned();
        let document = self.run().await?;
        let read = || {
            let document: Document = serde_json::from_slice(&document).ok()?;
            let is_whole = document.version == 1
                && is_header(&document.access_key_id)
                && !document.secret_access_key.is_empty()
                && document.token().is_none_or(is_header);
            is_whole.then_some(document)
        };
        let document = read().ok_or_else(|| ProcessError::Document { profile: profile() })?;
        let expiry = match &document.expiration {
            None => None,
            Some(text) => {
                let ends_at = instant(text);
                let ends_at =
                    ends_at.ok_or_else(|| ProcessError::Expiration { profile: profile() })?;
                let expiry = Expiry::between(self.clock.now(), ends_at);
                Some(expiry.ok_or_else(|| ProcessError::Expired { profile: profile() })?)
            }
        };
        let keys = Arc::new(AwsCredential {
            token: document.token().map(str::to_owned),
            key_id: document.access_key_id,
            secret_key: document.secret_access_key,
        });
        Ok(Told { keys, expiry })
    }

    /// Runs the program, and returns what it says.
    async fn run(&self) -> Result<Vec<u8>, ProcessError> {
        let profile = || self.process.profile().to_owned();
        let mut words = self.process.words().iter();
        let mut command = Command::new(words.next().map_or("", String::as_str));
        command
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let child = command.spawn();
        let child = child.map_err(|source| ProcessError::Start {
            profile: profile(),
            source,
        })?;
        let mut running = Running(child);
        let said = timeout(PATIENCE, listen(&mut running.0)).await;
        let said = said.map_err(|_| ProcessError::Slow { profile: profile() })?;
        let (document, status) = said.map_err(|source| ProcessError::Listen {
            profile: profile(),
            source,
        })?;
        if !status.success() {
            let profile = profile();
            return Err(ProcessError::Ended { profile, status });
        }
        Ok(document)
    }
}

/// A program that ends with whoever waits for it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended by itself, as a rule.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Listens to a program until it ends. No thread waits for it: one that a program of its own keeps from ending could not be
/// ended either.
async fn listen(child: &mut Child) -> io::Result<(Vec<u8>, ExitStatus)> {
    let mut stdout = child.stdout.take();
    if let Some(stdout) = &stdout {
        let flags = rustix::fs::fcntl_getfl(stdout)?;
        rustix::fs::fcntl_setfl(stdout, flags | OFlags::NONBLOCK)?;
    }
    let mut said = Vec::new();
    let mut block = [0; 4096];
    loop {
        // Asked before reading: what it said before it ended is there then.
        let ended = child.try_wait()?;
        while let Some(pipe) = &mut stdout {
            match pipe.read(&mut block) {
                Ok(0) => stdout = None,
                Ok(bytes) if said.len() + bytes <= MOST_BYTES => {
                    said.extend_from_slice(&block[..bytes]);
                }
                Ok(_) => return Err(io::ErrorKind::FileTooLarge.into()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        if let Some(status) = ended {
            return Ok((said, status));
        }
        sleep(PAUSE).await;
    }
}

impl Told {
    fn is_fresh(&self, now: Timestamp) -> bool {
        self.expiry.is_none_or(|expiry| now < expiry.renewed_at)
    }

    fn outlasts(&self, now: Timestamp) -> bool {
        self.expiry.is_none_or(|expiry| now < expiry.ends_at)
    }

    /// Has the keys used for a while, or until they end, before anybody asks anew.
    fn respite(&mut self, now: Timestamp) -> &Self {
        if let Some(expiry) = &mut self.expiry {
            expiry.renewed_at = now.plus(RESPITE).min(expiry.ends_at);
        }
        self
    }
}

impl Expiry {
    /// Returns when keys are asked for anew that are told now; `None` where they are no good already.
    fn between(now: Timestamp, ends_at: Timestamp) -> Option<Self> {
        let left = u64::try_from(ends_at.0.checked_sub(now.0)?).ok()?;
        let left = Some(Duration::from_nanos(left)).filter(|left| !left.is_zero())?;
        let renewed_at = ends_at.minus(AHEAD.min(left / 4));
        Some(Self {
            renewed_at,
            ends_at,
        })
    }
}

fn instant(text: &str) -> Option<Timestamp> {
    let instant = DateTime::parse_from_rfc3339(text);
    // As `date +%z` writes it.
    let instant = instant.or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"));
    let instant = instant.ok()?;
    instant.timestamp_nanos_opt().map(Timestamp)
}

/// Tells whether a text can stand in the header of a request.
pub(super) fn is_header(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

impl std::fmt::Debug for ProcessCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ProcessCredentials")
            .field(&self.0.process)
            .finish()
    }
}

#[async_trait]
impl CredentialProvider for ProcessCredentials {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let keys = self.keys().await;
        keys.map_err(|error| object_store::Error::Generic {
            store: "S3",
            source: error.into(),
        })
    }
}

#[cfg(test)]
mod tests;
