//! A queue of SQS: takes messages from it, and deletes them.
//!
//! The words are SQS's JSON protocol (one POST for each request, the action in a header), signed as requests to S3 are, with the
//! same credentials.
//!
//! # Invariants
//! - A message that was received is hidden from others for as long as the queue says, and comes again unless it is deleted.
//! - Deleting a message that is gone already is no error.
//! - Nobody waits for an answer once `stop` is set; what the queue hands out all the same comes again.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::{Either, select};
use http::{Method, Request, StatusCode};
use object_store::aws::{AmazonS3ConfigKey, AwsAuthorizer, AwsCredentialProvider};
use object_store::client::{HttpClient, HttpConnector, HttpRequest, ReqwestConnector};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::connect::{of_aws, options_of_aws, retries};
use super::refusal::own_fault;
use super::trust::Verified;
use super::{OpenStoreError, runtime};
use crate::config::{Access, QueueUrl};

/// The most that SQS hands out, and deletes, at once.
const AT_ONCE: usize = 10;

/// The longest that SQS lets somebody wait for a message.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// How often the same is tried, and the pause before the second time; each is twice the one before.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(200);

/// Characters of a server's words that are shown.
const WORDS: usize = 200;

/// How often somebody who waits looks whether to stop.
const GLANCE: Duration = Duration::from_millis(100);

/// A queue of SQS.
pub struct MessageQueue {
    client: HttpClient,
    credentials: AwsCredentialProvider,
    url: QueueUrl,
    region: String,
    runtime: Runtime,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What it says.
    pub body: String,
    /// By which it is deleted.
    pub receipt: Receipt,
}

/// By which a message is deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt(String);

/// A queue that refuses, or cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// It says no.
    #[error("{status} {code}: {message}")]
    Refused {
        /// The status of the answer.
        status: u16,
        /// The code in it.
        code: String,
        /// What it says.
        message: String,
    },
    /// It answers with something else than what SQS does.
    #[error("what answers there is no queue of SQS")]
    Stranger,
    /// There are no credentials, or none that can be had now.
    #[error("there are no credentials for it")]
    Credentials(#[source] object_store::Error),
    /// There is no answer.
    #[error("it cannot be reached")]
    Unreachable(#[source] object_store::client::HttpError),
    /// Somebody asked to stop.
    #[error("somebody asked to stop")]
    Stopped,
}

impl QueueError {
    /// Tells whether the same may go well the next time.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Refused { status, code, .. } => {
                let is_busy = code.contains("Throttl") || code.contains("OverLimit");
                is_busy || *status >= 500 || matches!(status, 408 | 429)
            }
            Self::Unreachable(error) => own_fault(error).is_none(),
            Self::Credentials(error) => own_fault(error).is_none(),
            Self::Stranger | Self::Stopped => false,
        }
    }
}

impl MessageQueue {
    /// Makes what talks to the queue. Nothing is asked of it yet.
    ///
    /// # Errors
    /// [`OpenStoreError`] where `access` does not tell how to come in.
    pub fn connect(url: &QueueUrl, access: &Access) -> Result<Self, OpenStoreError> {
        let failed = |source| OpenStoreError {
            url: url.to_string(),
            source,
        };
        if url.is_plain() && !access.is_true("AWS_ALLOW_HTTP") {
            return Err(failed(
                "sqs+http:// is without encryption, and AWS_ALLOW_HTTP is not true".into(),
            ));
        }
        let region = url.region().or_else(|| access.value("AWS_REGION"));
        let region = region.or_else(|| access.value("AWS_DEFAULT_REGION"));
        let region = region
            .ok_or_else(|| failed("neither its host nor AWS_REGION names a region".into()))?
            .to_owned();
        let options = options_of_aws(access).map_err(failed)?;
        // Only its credentials are wanted, whatever kind of bucket the source is in.
        let store = of_aws(access, options.clone())
            .with_bucket_name("none")
            .with_config(AmazonS3ConfigKey::S3Express, "false")
            .with_retry(retries())
            .with_http_connector(Verified(ReqwestConnector::default()));
        let store = store.build().map_err(|error| failed(error.into()))?;
        let options = options.with_allow_http(url.is_plain());
        let client = Verified(ReqwestConnector::default()).connect(&options);
        Ok(Self {
            client: client.map_err(|error| failed(error.into()))?,
            credentials: Arc::clone(store.credentials()),
            runtime: runtime(1).map_err(|error| failed(error.into()))?,
            url: url.clone(),
            region,
        })
    }

    /// Waits for messages, at most for `longest`, and returns those that come at once.
    ///
    /// # Errors
    /// [`QueueError`].
    pub fn receive(
        &self,
        longest: Duration,
        stop: &AtomicBool,
    ) -> Result<Vec<Message>, QueueError> {
        // Without any wait, a queue asks only some of its servers, and answers at once.
        let seconds = longest.min(LONGEST_WAIT).as_secs().max(1);
        let asked = json!({
            "QueueUrl": self.url.address(),
            "MaxNumberOfMessages": AT_ONCE,
            "WaitTimeSeconds": seconds,
        });
        let answer = self.ask("ReceiveMessage", &asked, stop)?;
        let messages = match &answer["Messages"] {
            Value::Null => return Ok(Vec::new()),
            messages => messages.as_array().ok_or(QueueError::Stranger)?,
        };
        let messages = messages.iter().map(|message| {
            Some(Message {
                body: message["Body"].as_str()?.to_owned(),
                receipt: Receipt(message["ReceiptHandle"].as_str()?.to_owned()),
            })
        });
        let messages: Option<_> = messages.collect();
        messages.ok_or(QueueError::Stranger)
    }

    /// Deletes messages.
    ///
    /// # Errors
    /// [`QueueError`] where some of them will come again.
    pub fn delete(&self, receipts: &[Receipt], stop: &AtomicBool) -> Result<(), QueueError> {
        for some in receipts.chunks(AT_ONCE) {
            let entries: Vec<Value> = (0..)
                .zip(some)
                .map(|(id, Receipt(receipt)): (u32, _)| json!({"Id": id.to_string(), "ReceiptHandle": receipt}))
                .collect();
            let asked = json!({"QueueUrl": self.url.address(), "Entries": entries});
            // What cannot be deleted comes again, and does no harm.
            self.ask("DeleteMessageBatch", &asked, stop)?;
        }
        Ok(())
    }

    fn ask(
        &self,
        action: &'static str,
        asked: &Value,
        stop: &AtomicBool,
    ) -> Result<Value, QueueError> {
        self.runtime.block_on(unless(stop, async {
            let mut pause = PAUSE;
            for _ in 1..TRIES {
                match self.ask_once(action, asked).await {
                    Err(error) if error.may_pass() => {}
                    other => return other,
                }
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            self.ask_once(action, asked).await
        }))
    }

    async fn ask_once(&self, action: &str, asked: &Value) -> Result<Value, QueueError> {
        let credentials = self.credentials.get_credential().await;
        let credentials = credentials.map_err(QueueError::Credentials)?;
        let mut request = self.request(action, asked).ok_or(QueueError::Stranger)?;
        AwsAuthorizer::new(&credentials, "sqs", &self.region).authorize(&mut request, None);
        let answer = self.client.execute(request).await;
        let (parts, body) = answer.map_err(QueueError::Unreachable)?.into_parts();
        let body = body.bytes().await.map_err(QueueError::Unreachable)?;
        if parts.status == StatusCode::OK {
            return serde_json::from_slice(&body).map_err(|_| QueueError::Stranger);
        }
        Err(refused(parts.status.as_u16(), &body))
    }

    fn request(&self, action: &str, asked: &Value) -> Option<HttpRequest> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(self.url.endpoint())
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", format!("AmazonSQS.{action}"));
        request.body(asked.to_string().into()).ok()
    }
}

/// Does `work`, unless somebody asks to stop before it is done.
async fn unless<T>(
    stop: &AtomicBool,
    work: impl Future<Output = Result<T, QueueError>>,
) -> Result<T, QueueError> {
    let stopped = async {
        while !stop.load(Ordering::Relaxed) {
            tokio::time::sleep(GLANCE).await;
        }
    };
    match select(Box::pin(work), Box::pin(stopped)).await {
        Either::Left((done, _)) => done,
        Either::Right(_) => Err(QueueError::Stopped),
    }
}

/// Returns the beginning of what a server says: what comes behind the first line may repeat what was sent, keys included.
fn first_words(said: &str) -> String {
    let line = said.lines().next().unwrap_or_default();
    let plain = line.chars().filter(|char| !char.is_control());
    plain.take(WORDS).collect()
}

/// Reads why a request was refused.
fn refused(status: u16, body: &[u8]) -> QueueError {
    let told: Value = serde_json::from_slice(body).unwrap_or_default();
    let code = told["__type"].as_str().unwrap_or_default();
    let message = told["message"].as_str().or(told["Message"].as_str());
    QueueError::Refused {
        status,
        code: code.rsplit('#').next().unwrap_or_default().to_owned(),
        message: first_words(message.unwrap_or("it does not say why")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_by_its_code_and_first_words_and_never_by_what_was_sent() {
        let body = br#"{"__type": "com.amazonaws.sqs#SignatureDoesNotMatch", "message": "It does not match.\n\nx-amz-security-token:very secret"}"#;
        let error = refused(403, body);
        assert_eq!(
            error.to_string(),
            "403 SignatureDoesNotMatch: It does not match."
        );
        assert!(!error.may_pass());
        let long = format!(r#"{{"message": "{}"}}"#, "a".repeat(1000));
        assert_eq!(
            refused(500, long.as_bytes()).to_string().len(),
            "500 : ".len() + WORDS
        );
    }

    #[test]
    fn what_is_busy_or_broken_may_go_well_the_next_time() {
        for (status, code, may_pass) in [
            (500, "", true),
            (503, "ServiceUnavailable", true),
            (429, "", true),
            (408, "", true),
            (400, "RequestThrottled", true),
            (400, "ThrottlingException", true),
            (400, "OverLimit", true),
            (400, "QueueDoesNotExist", false),
            (403, "AccessDenied", false),
        ] {
            let body = format!(r#"{{"__type": "{code}"}}"#);
            assert_eq!(
                refused(status, body.as_bytes()).may_pass(),
                may_pass,
                "{status} {code}"
            );
        }
    }
}
