//! An address of this machine at which stores tell of their events, by POST.
//!
//! # What it answers
//! 204 to a post that was understood, also where it is about another place; 400 to one that was not, 413 to one that is too
//! long, 401 to one without the token where there is one (`Authorization: Bearer TOKEN`, or `?token=TOKEN`). Event Grid wants
//! to be sure of whom it posts to, and gets its code back, or leave by the answer to OPTIONS. GET tells that somebody is
//! there.
//!
//! # Invariants
//! - What is answered by 204 is held until [`HintSource::take`] gives it out, or leaves a gap that is told.
//! - A post takes no more than [`LONGEST_POST`] bytes and no longer than [`PATIENCE`], a connection no longer than
//!   [`LONGEST_CONNECTION`]; there are no more than [`CONNECTIONS`] at once.
//! - A post of somebody who may speak that is too long leaves a gap that is told, since nobody sends it again.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::HeaderValue;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

use crate::config::{EndpointUrl, EventsToken};
use crate::model::Gaps;
use crate::store::runtime;

use super::aim::Aim;
use super::notice::Notice;
use super::{HintError, HintSource, Taken};

/// The longest post that is read. A notification has a few kilobytes, and Event Grid sends up to a megabyte of them at once.
const LONGEST_POST: usize = 1 << 20;

/// The longest that somebody may take to say what he has to say.
const PATIENCE: Duration = Duration::from_secs(30);

/// The longest that a connection is kept, however it is used.
const LONGEST_CONNECTION: Duration = Duration::from_mins(5);

/// Connections that are listened to at once.
const CONNECTIONS: usize = 64;

/// How often somebody who waits looks whether to stop.
const GLANCE: Duration = Duration::from_millis(100);

/// Words that are kept for people.
const WORDS: usize = 16;

/// An address at which stores tell of their events.
pub struct Endpoint {
    url: EndpointUrl,
    told: Arc<Shared>,
    /// Listens for as long as it is there.
    _runtime: Runtime,
}

struct Shared {
    aim: Aim,
    path: String,
    token: Option<EventsToken>,
    taken: Mutex<Taken>,
    news: Condvar,
}

impl Shared {
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something was told, and nobody knows what.
    fn miss(&self) {
        self.taken().hints.gaps = Gaps::Some;
        self.news.notify_all();
    }

    fn take(&self, notice: Notice) {
        let mut taken = self.taken();
        // Who posts is answered whosever it is.
        let _ = self.aim.take(notice, &mut taken);
        taken.words.truncate(WORDS);
        self.news.notify_all();
    }
}

impl Endpoint {
    /// Begins to listen at `url` for hints about `aim`, from whoever knows `token` where there is one.
    ///
    /// # Errors
    /// [`HintError::Open`] where others than this machine would need no token; [`HintError::Io`] where the system
    /// does not let us listen there.
    pub fn listen(
        url: &EndpointUrl,
        token: Option<EventsToken>,
        aim: Aim,
    ) -> Result<Self, HintError> {
        let place = || url.to_string();
        if token.is_none() && !url.is_loopback() {
            return Err(HintError::Open { place: place() });
        }
        let failed = |source| HintError::Io {
            place: place(),
            source,
        };
        let runtime = runtime(1).map_err(failed)?;
        let listener = runtime.block_on(TcpListener::bind(url.address()));
        let listener = listener.map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let told = Arc::new(Shared {
            aim,
            path: url.path().to_owned(),
            token,
            taken: Mutex::default(),
            news: Condvar::new(),
        });
        runtime.spawn(serve(listener, Arc::clone(&told)));
        Ok(Self {
            url: url.clone().at_port(port),
            told,
            _runtime: runtime,
        })
    }
}

impl HintSource for Endpoint {
    fn take(&mut self, longest: Duration, stop: &AtomicBool) -> Result<Taken, HintError> {
        let mut left = longest;
        let mut taken = self.told.taken();
        while taken.hints.is_empty()
            && taken.words.is_empty()
            && !left.is_zero()
            && !stop.load(Ordering::Relaxed)
        {
            let wait = left.min(GLANCE);
            let waited = self.told.news.wait_timeout(taken, wait);
            taken = waited.unwrap_or_else(PoisonError::into_inner).0;
            left -= wait;
        }
        Ok(std::mem::take(&mut *taken))
    }

    fn settle(&mut self, _stop: &AtomicBool) -> Result<(), HintError> {
        Ok(())
    }

    fn is_lasting(&self) -> bool {
        false
    }

    fn describe(&self) -> String {
        self.url.to_string()
    }
}

/// Takes connections until the runtime ends.
async fn serve(listener: TcpListener, told: Arc<Shared>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let told = Arc::clone(&told);
                tokio::spawn(async move {
                    converse(stream, told).await;
                    drop(place);
                });
            }
            // Too many open files, or somebody who went before he was let in.
            Err(_) => tokio::time::sleep(GLANCE).await,
        }
    }
}

async fn converse(stream: TcpStream, told: Arc<Shared>) {
    let service = service_fn(|request| {
        let told = Arc::clone(&told);
        async move { Ok::<_, Infallible>(answer(request, &told).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), service);
    // Whoever goes in the middle of it comes again, and whoever never reads an answer is not waited for.
    let _ = tokio::time::timeout(LONGEST_CONNECTION, connection).await;
}

type Answer = Response<Full<Bytes>>;

fn plain(status: StatusCode, text: &'static str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *answer.status_mut() = status;
    answer
}

async fn answer(request: Request<Incoming>, told: &Shared) -> Answer {
    let uri = request.uri();
    if uri.path() != told.path {
        return plain(StatusCode::NOT_FOUND, "nothing is heard at this path\n");
    }
    if !may_speak(told.token.as_ref(), request.headers(), uri.query()) {
        return plain(
            StatusCode::UNAUTHORIZED,
            "the token is missing, or another\n",
        );
    }
    match *request.method() {
        Method::GET | Method::HEAD => {
            plain(StatusCode::OK, "strandline takes hints here, by POST\n")
        }
        Method::OPTIONS => leave(request.headers()),
        Method::POST => posted(request, told).await,
        _ => plain(StatusCode::METHOD_NOT_ALLOWED, "hints come by POST\n"),
    }
}

/// Tells whether somebody knows what he has to know.
fn may_speak(token: Option<&EventsToken>, headers: &HeaderMap, query: Option<&str>) -> bool {
    let Some(token) = token else {
        return true;
    };
    let header = headers.get("authorization");
    let header = header.and_then(|header| header.to_str().ok());
    let bearer = header.and_then(|header| header.strip_prefix("Bearer "));
    let parts = query.unwrap_or_default().split('&');
    let mut in_query = parts.filter_map(|part| part.strip_prefix("token="));
    bearer.is_some_and(|said| token.is(said))
        || in_query.any(|said| token.is(&crate::model::unescape(said)))
}

/// Gives Event Grid leave to send `CloudEvents`.
fn leave(headers: &HeaderMap) -> Answer {
    let mut answer = plain(StatusCode::OK, "");
    if let Some(origin) = headers.get("webhook-request-origin") {
        let allowed = answer.headers_mut();
        allowed.insert("webhook-allowed-origin", origin.clone());
        if let Some(rate) = headers.get("webhook-request-rate") {
            allowed.insert("webhook-allowed-rate", rate.clone());
        }
    }
    answer
}

async fn posted(request: Request<Incoming>, told: &Shared) -> Answer {
    let body = Limited::new(request.into_body(), LONGEST_POST).collect();
    let body = match tokio::time::timeout(PATIENCE, body).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            told.miss();
            return plain(
                StatusCode::PAYLOAD_TOO_LARGE,
                "a post has a megabyte at most\n",
            );
        }
        Ok(Err(_)) => return plain(StatusCode::BAD_REQUEST, "the post broke off\n"),
        Err(_) => return plain(StatusCode::REQUEST_TIMEOUT, "the post took too long\n"),
    };
    let text = String::from_utf8_lossy(&body);
    if let Some(code) = Notice::validation_code(&text) {
        let text = serde_json::json!({ "validationResponse": code }).to_string();
        let mut answer = Response::new(Full::new(text.into()));
        let json = HeaderValue::from_static("application/json");
        answer.headers_mut().insert("content-type", json);
        return answer;
    }
    match Notice::read(&text) {
        Some(notice) => {
            told.take(notice);
            plain(StatusCode::NO_CONTENT, "")
        }
        None => plain(
            StatusCode::BAD_REQUEST,
            "this is no notification that is known\n",
        ),
    }
}

#[cfg(test)]
mod tests;
