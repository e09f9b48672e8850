//! Stands between the client and the store: every request goes through [`Traffic`], the client's retries included.
//!
//! The client retries by itself, with pauses that grow and have jitter, and pays no heed to a `Retry-After`. So an answer
//! that has one is kept back for as long as the store wants ([`wait_after`]) before the client sees it.

use std::pin::Pin;
use std::task::{Context, Poll};

use async_trait::async_trait;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
};
use object_store::{ClientOptions, HeaderValue};

use super::request::{RequestKind, range_length};
use super::retry_after::wait_after;
use super::traffic::{LONGEST_WAIT, Traffic, Turn, Underway};

/// Makes clients whose requests are counted and kept within limits.
#[derive(Debug)]
pub(crate) struct Throttled<C> {
    pub(crate) inner: C,
    pub(crate) traffic: Traffic,
}

impl<C: HttpConnector> HttpConnector for Throttled<C> {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Gate {
            inner: self.inner.connect(options)?,
            traffic: self.traffic.clone(),
        }))
    }
}

#[derive(Debug)]
struct Gate {
    inner: HttpClient,
    traffic: Traffic,
}

#[async_trait]
impl HttpService for Gate {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let uri = request.uri();
        let kind = RequestKind::of(request.method().as_str(), uri.host(), uri.query());
        let range = request.headers().get("range");
        let range = range.and_then(|range| range_length(range.as_bytes()));
        let expected = range.filter(|_| kind == RequestKind::Get).unwrap_or(0);
        let sent = request.body().content_length() as u64;
        let turn = request.extensions().get::<Turn>().and_then(Turn::take);
        let mut underway = if let Some(underway) = turn {
            underway
        } else {
            let longest = Some(LONGEST_WAIT);
            self.traffic.turn(sent, expected, longest).await
        };
        underway.send(kind, sent).await;
        let (parts, inner) = self.inner.execute(request).await?.into_parts();
        let counted = HttpResponseBody::new(Counted { inner, underway });
        if parts.status.is_success() {
            return Ok(HttpResponse::from_parts(parts, counted));
        }
        // The client keeps an answer while it waits for its next try, and would keep others from theirs.
        let told = counted.bytes().await?;
        let header = parts.headers.get("retry-after");
        let header = header.map(HeaderValue::as_bytes);
        if let Some(wait) = wait_after(parts.status.as_u16(), header, self.traffic.now()) {
            self.traffic.heed(wait).await;
        }
        Ok(HttpResponse::from_parts(parts, told.into()))
    }
}

/// The body of an answer.
#[derive(Debug)]
struct Counted {
    inner: HttpResponseBody,
    underway: Underway,
}

impl Body for Counted {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                self.underway.receive(bytes as u64);
            }
            // The client keeps a body that broke while it asks for the rest, which takes a place of its own.
            Poll::Ready(_) => self.underway.is_answered(),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests;
