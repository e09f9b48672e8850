//! The throttle over a service that answers as it is told, on a clock that waiting moves.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use object_store::ObjectStoreExt;
use object_store::path::Path;
use tokio::runtime::{Builder, Runtime};

use object_store::client::HttpErrorKind;

use super::super::Objects;
use super::super::connect::{connected, retries};
use super::super::paced::Paced;
use super::super::traffic::Timer;
use super::*;
use crate::clock::ManualClock;
use crate::config::{Access, StoreLimits, StoreUrl};
use crate::model::{ByteSize, Timestamp};

/// Lets the time pass that is waited for, and takes it down.
struct Waits {
    clock: Arc<ManualClock>,
    waited: Mutex<Vec<Duration>>,
}

#[async_trait]
impl Timer for Waits {
    async fn wait(&self, time: Duration) {
        self.waited.lock().unwrap().push(time);
        self.clock.advance(time);
    }
}

/// An answer: its status, a `Retry-After`, and its body.
type Answer = (u16, Option<&'static str>, &'static str);

/// Gives its answers one after the other, and the last for ever; says when it was asked for each.
#[derive(Debug, Clone)]
struct Answers {
    left: Arc<Mutex<VecDeque<Answer>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl HttpConnector for Answers {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for Answers {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let asked = format!("{} {}", request.method(), request.uri().path());
        self.asked.lock().unwrap().push(asked);
        let mut left = self.left.lock().unwrap();
        let (status, retry_after, body) = match left.len() {
            1 => left[0],
            _ => left.pop_front().unwrap(),
        };
        let mut answer = HttpResponse::new(if body == BREAKS {
            HttpResponseBody::new(Breaks)
        } else {
            body.to_owned().into()
        });
        *answer.status_mut() = status.try_into().unwrap();
        if let Some(wait) = retry_after {
            let headers = answer.headers_mut();
            headers.insert("retry-after", wait.parse().unwrap());
        }
        Ok(answer)
    }
}

/// What is told of an answer whose body breaks off at once.
const BREAKS: &str = "breaks";

#[derive(Debug)]
struct Breaks;

impl Body for Breaks {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        Poll::Ready(Some(Err(HttpError::new(HttpErrorKind::Interrupted, reset))))
    }
}

/// A store behind a throttle.
struct Setting {
    clock: Arc<ManualClock>,
    waits: Arc<Waits>,
    answers: Answers,
    traffic: Traffic,
    runtime: Runtime,
}

impl Setting {
    fn new(limits: StoreLimits, answers: &[Answer]) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp(784_111_777_000_000_000)));
        clock.advance(Duration::from_mins(1));
        let waits = Arc::new(Waits {
            clock: Arc::clone(&clock),
            waited: Mutex::default(),
        });
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        Self {
            traffic: Traffic::new(limits, clock.clone(), waits.clone()),
            waits,
            clock,
            answers: Answers {
                left: Arc::new(Mutex::new(answers.iter().copied().collect())),
                asked: Arc::default(),
            },
            runtime,
        }
    }

    fn throttled(&self) -> Throttled<Answers> {
        Throttled {
            inner: self.answers.clone(),
            traffic: self.traffic.clone(),
        }
    }

    fn store(&self) -> Arc<dyn Objects> {
        let access: Access = [("AWS_ACCESS_KEY_ID", "k"), ("AWS_SECRET_ACCESS_KEY", "s")]
            .into_iter()
            .collect();
        let url = StoreUrl::parse("s3://bucket/raw").unwrap();
        connected(&url, &access, Vec::new(), self.throttled(), retries()).unwrap()
    }

    fn client(&self) -> HttpClient {
        self.throttled().connect(&ClientOptions::new()).unwrap()
    }

    fn ask(&self, request: HttpRequest) -> HttpResponse {
        let client = self.client();
        self.runtime.block_on(client.execute(request)).unwrap()
    }

    fn read(&self, answer: HttpResponse) -> Bytes {
        let body = answer.into_body().bytes();
        self.runtime.block_on(body).unwrap()
    }

    /// Returns how long was waited since the last call, in milliseconds.
    fn waited(&self) -> Vec<u128> {
        let mut waited = self.waits.waited.lock().unwrap();
        waited.drain(..).map(|wait| wait.as_millis()).collect()
    }
}

const BODY: &str = "0123456789";

fn request(method: &str, body: &'static str) -> HttpRequest {
    let mut request = HttpRequest::new(Bytes::from_static(body.as_bytes()).into());
    *request.method_mut() = method.parse().unwrap();
    *request.uri_mut() = "https://bucket.example/raw/a.csv".parse().unwrap();
    request
}

fn range(range: &str) -> HttpRequest {
    let mut request = request("GET", "");
    let headers = request.headers_mut();
    headers.insert("range", range.parse().unwrap());
    request
}

#[test]
fn requests_and_bytes_are_counted_in_both_directions() {
    let setting = Setting::new(StoreLimits::default(), &[(200, None, BODY)]);
    setting.read(setting.ask(request("GET", "")));
    drop(setting.ask(request("HEAD", "")));
    setting.read(setting.ask(request("PUT", "abc")));
    let exchanged = setting.traffic.exchanged();
    let counts = exchanged.requests;
    assert_eq!((counts.get, counts.head, counts.put), (1, 1, 1));
    assert_eq!(counts.total(), 3);
    assert_eq!((exchanged.sent, exchanged.received), (3, 20));
    assert_eq!(setting.waited(), [0u128; 0]);
}

#[test]
fn requests_wait_for_their_turn_and_no_longer() {
    let limits = StoreLimits {
        requests_per_second: Some(4),
        ..StoreLimits::default()
    };
    let setting = Setting::new(limits, &[(200, None, "")]);
    // A second's worth was saved up, and nobody waits for himself.
    for _ in 0..5 {
        drop(setting.ask(request("GET", "")));
    }
    assert_eq!(setting.waited(), [0u128; 0]);
    for _ in 0..3 {
        drop(setting.ask(request("GET", "")));
    }
    assert_eq!(setting.waited(), [250; 3]);
    setting.clock.advance(Duration::from_millis(100));
    drop(setting.ask(request("GET", "")));
    assert_eq!(setting.waited(), [150]);
}

#[test]
fn bytes_are_paid_for_by_those_that_come_later() {
    let limits = StoreLimits {
        bytes_per_second: Some(ByteSize(10)),
        ..StoreLimits::default()
    };
    let setting = Setting::new(limits, &[(200, None, BODY)]);
    drop(setting.ask(request("PUT", "twenty bytes or more")));
    assert_eq!(setting.waited(), [0u128; 0]);
    // Sixty bytes are expected; ten come, and the rest is nobody's debt.
    let answer = setting.ask(range("bytes=0-59"));
    assert_eq!(setting.waited(), [1_000]);
    setting.read(answer);
    setting.read(setting.ask(request("GET", "")));
    assert_eq!(setting.waited(), [1_000]);
    // What nobody expected is owed once it has come.
    drop(setting.ask(request("GET", "")));
    assert_eq!(setting.waited(), [1_000]);
}

#[test]
fn what_is_signed_does_not_wait_until_that_is_stale() {
    let limits = StoreLimits {
        bytes_per_second: Some(ByteSize(1)),
        ..StoreLimits::default()
    };
    let setting = Setting::new(limits, &[(200, None, "")]);
    let unread = setting.ask(range("bytes=0-9999"));
    drop(setting.ask(request("GET", "")));
    assert_eq!(setting.waited(), [120_000]);
    drop(unread);
}

#[test]
fn an_object_waits_before_it_is_signed_as_long_as_it_takes() {
    let limits = StoreLimits {
        bytes_per_second: Some(ByteSize(1)),
        concurrency: Some(1),
        ..StoreLimits::default()
    };
    let answers = [(200, None, ""), (503, None, ""), (403, None, "<Error/>")];
    let setting = Setting::new(limits, &answers);
    let store = Paced {
        inner: setting.store(),
        traffic: setting.traffic.clone(),
    };
    let path = Path::from("raw/a.csv");
    let put = store.put(&path, Bytes::from_static(&[0; 300]).into());
    let _ = setting.runtime.block_on(put);
    assert_eq!(setting.waited(), [0u128; 0]);
    let get = store.get_range(&path, 0..10);
    assert!(setting.runtime.block_on(get).is_err());
    // Once for the object; the second try found nothing that was owed.
    assert_eq!(setting.waited(), [299_000]);
    let exchanged = setting.traffic.exchanged();
    assert_eq!((exchanged.requests.put, exchanged.requests.get), (1, 2));
    assert_eq!(exchanged.sent, 300);
}

#[test]
fn a_request_keeps_its_place_until_its_answer_is_read_or_let_go() {
    let limits = StoreLimits {
        concurrency: Some(1),
        ..StoreLimits::default()
    };
    let setting = Setting::new(limits, &[(200, None, BODY)]);
    let first = setting.ask(request("GET", ""));
    let client = setting.client();
    let second = setting.runtime.spawn(async move {
        let answer = client.execute(request("GET", "")).await.unwrap();
        answer.into_body().bytes().await.unwrap()
    });
    let turn = || setting.runtime.block_on(tokio::task::yield_now());
    (0..10).for_each(|_| turn());
    assert_eq!(setting.answers.asked.lock().unwrap().len(), 1);
    assert!(!second.is_finished());
    setting.read(first);
    assert_eq!(setting.runtime.block_on(second).unwrap(), BODY);
    assert_eq!(setting.answers.asked.lock().unwrap().len(), 2);
}

#[test]
fn an_answer_that_failed_or_broke_off_keeps_nobody_from_his_turn_however_long_the_client_keeps_it()
{
    for first in [(200, None, BREAKS), (503, None, "busy")] {
        let setting = Setting::new(
            StoreLimits {
                concurrency: Some(1),
                ..StoreLimits::default()
            },
            &[first, (200, None, BODY)],
        );
        let kept = setting.ask(request("GET", ""));
        let (parts, mut body) = kept.into_parts();
        let polled = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context));
        let polled = setting.runtime.block_on(polled);
        assert_eq!(polled.unwrap().is_err(), parts.status.is_success());
        let next = setting.ask(request("GET", ""));
        assert_eq!(setting.read(next), BODY);
        drop(body);
    }
}

#[test]
fn what_must_not_be_held_back_waits_for_no_turn_and_no_store_and_counts_all_the_same() {
    let setting = Setting::new(
        StoreLimits {
            requests_per_second: Some(1),
            concurrency: Some(1),
            ..StoreLimits::default()
        },
        &[(503, Some("60"), "busy"), (200, None, BODY)],
    );
    let at_once = Throttled {
        inner: setting.answers.clone(),
        traffic: setting.traffic.at_once(),
    };
    let at_once = at_once.connect(&ClientOptions::new()).unwrap();
    for _ in 0..5 {
        let asked = at_once.execute(request("PUT", ""));
        setting.runtime.block_on(asked).unwrap();
    }
    assert_eq!(setting.waited(), [0; 0]);
    assert_eq!(setting.traffic.exchanged().requests.put, 5);
    let next = setting.ask(request("GET", ""));
    assert_eq!(setting.read(next), BODY);
    assert!(
        setting.waited().iter().sum::<u128>() >= 4_000,
        "others wait for them"
    );
}

#[test]
fn a_client_retries_when_the_store_wants_it_to_and_each_try_counts() {
    let setting = Setting::new(
        StoreLimits {
            concurrency: Some(1),
            ..StoreLimits::default()
        },
        &[
            (503, Some("7"), "<Error><Code>SlowDown</Code></Error>"),
            (429, Some("Sun, 06 Nov 1994 08:50:47 GMT"), ""),
            (403, None, "<Error><Code>AccessDenied</Code></Error>"),
        ],
    );
    let store = setting.store();
    let path = Path::from("raw/a.csv");
    let refused = store.get(&path);
    let refused = setting.runtime.block_on(refused).unwrap_err();
    assert!(refused.to_string().contains("AccessDenied"), "{refused}");
    // It is 08:50:37, and seven seconds later when it answers again.
    assert_eq!(setting.waited(), [7_000, 3_000]);
    let asked = setting.answers.asked.lock().unwrap();
    assert_eq!(asked.as_slice(), ["GET /bucket/raw/a.csv"; 3]);
    assert_eq!(setting.traffic.exchanged().requests.get, 3);
}
