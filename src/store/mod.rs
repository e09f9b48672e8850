//! Speaks with object stores: S3, Google Cloud Storage, Azure, or whatever speaks like one of them.
//!
//! `connect` makes a client of `object_store` for a URL; what such a client does not tell, or tells in a way that
//! must not be shown, is read from the answers on their way to it (`ListedKey`, `Refusal`). Requests are counted on their
//! way to the store, and kept within limits ([`Traffic`]). The sources and sinks that lie in stores stand on this room.

mod complete;
mod connect;
mod markup;
mod paced;
mod pages;
mod refusal;
mod request;
mod retry_after;
mod throttle;
mod tokens;
mod traffic;

use std::error::Error;
use std::io;

pub(crate) use connect::connect;
#[cfg(test)]
pub(crate) use connect::connected;
pub(crate) use pages::ListedKey;
#[cfg(test)]
pub(crate) use pages::Pages;
pub(crate) use refusal::Refusal;
pub use traffic::{Stores, Traffic};

/// An object store that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use {url}")]
pub struct OpenStoreError {
    /// The place.
    pub url: String,
    /// What the client says.
    #[source]
    pub source: Box<dyn Error + Send + Sync>,
}

/// Sorts what a client says by kinds. An object that is not the one that was asked for any more is a stale handle.
#[expect(
    clippy::needless_pass_by_value,
    reason = "an error handler takes its error"
)]
pub(crate) fn io_error(error: object_store::Error) -> io::Error {
    use object_store::Error;
    let kind = match &error {
        Error::NotFound { .. } => io::ErrorKind::NotFound,
        Error::AlreadyExists { .. } => io::ErrorKind::AlreadyExists,
        Error::Precondition { .. } => io::ErrorKind::StaleNetworkFileHandle,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            io::ErrorKind::PermissionDenied
        }
        Error::InvalidPath { .. } => io::ErrorKind::InvalidInput,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, Refusal::of(&error))
}
