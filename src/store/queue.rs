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
use object_store::ClientOptions;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, AwsAuthorizer, AwsCredentialProvider};
use object_store::client::{HttpClient, HttpConnector, HttpRequest, ReqwestConnector};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::connect::{is_true, known};
use super::{OpenStoreError, runtime};
use crate::config::{Access, QueueUrl};

/// The most that SQS hands out, and deletes, at once.
const AT_ONCE: usize = 10;

/// The longest that SQS lets somebody wait for a message.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// How often the same is tried, and the pause before the second time; each is twice the one before.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(200);

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
                *status >= 500 || *status == 429 || code.contains("Throttl")
            }
            Self::Unreachable(_) => true,
            Self::Stranger | Self::Credentials(_) | Self::Stopped => false,
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
        let own = |name: &str| {
            let mut variables = access.variables();
            let found = variables.find(|(known, _)| *known == name);
            found.map(|(_, value)| value.to_owned())
        };
        if url.is_plain() && !own("AWS_ALLOW_HTTP").is_some_and(|value| is_true(&value)) {
            return Err(failed(
                "sqs+http:// is without encryption, and AWS_ALLOW_HTTP is not true".into(),
            ));
        }
        let region = url.region().map(str::to_owned);
        let region = region.or_else(|| own("AWS_REGION").or_else(|| own("AWS_DEFAULT_REGION")));
        let region = region
            .ok_or_else(|| failed("neither its host nor AWS_REGION names a region".into()))?;
        let mut builder = AmazonS3Builder::new().with_bucket_name("none");
        for (key, value) in known::<AmazonS3ConfigKey>(access, "AWS_") {
            builder = builder.with_config(key, value);
        }
        let store = builder.build().map_err(|error| failed(error.into()))?;
        let options = ClientOptions::new().with_allow_http(url.is_plain());
        let client = ReqwestConnector::default().connect(&options);
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
        let seconds = longest.min(LONGEST_WAIT).as_secs();
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

/// Reads why a request was refused.
fn refused(status: u16, body: &[u8]) -> QueueError {
    let told: Value = serde_json::from_slice(body).unwrap_or_default();
    let code = told["__type"].as_str().unwrap_or_default();
    let message = told["message"].as_str().or(told["Message"].as_str());
    QueueError::Refused {
        status,
        code: code.rsplit('#').next().unwrap_or_default().to_owned(),
        message: message.unwrap_or("it does not say why").to_owned(),
    }
}
