//! Speaks with object stores: S3, Google Cloud Storage, Azure, or whatever speaks like one of them.
//!
//! `connect` makes a client of `object_store` for a URL; what such a client does not tell, or tells in a way that
//! must not be shown, is read from the answers on their way to it (`ListedKey`, `Refusal`). `Directory` is what sinks
//! and ledgers in stores stand on: objects by their paths, and conditional writes. [`StoreDisk`] is a disk for a ledger, whose
//! lock is a lease and whose file is kept as an image; see `lease` and `image`.
//! Requests are counted on their way to the store, and kept within limits ([`Traffic`]). What works in a store, [`doctor`] finds out; [`FaultyStore`] is one that fails as stores do.

mod blocks;
mod complete;
mod connect;
mod directory;
mod disk;
pub mod doctor;
mod faulty;
mod image;
mod lease;
mod markup;
mod paced;
mod pages;
mod refusal;
mod request;
mod retry_after;
mod segment;
mod throttle;
mod tokens;
mod traffic;

use std::error::Error;
use std::io;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::multipart::MultipartStore;

use crate::config::{Access, StoreUrl};

pub(crate) use blocks::Blocks;
#[cfg(test)]
pub(crate) use connect::connected;
pub(crate) use connect::{connect, goes_on_behind_a_key};
pub use directory::Directory;
pub(crate) use directory::{Condition, PART_BYTES, Version};
pub use disk::StoreDisk;
pub use faulty::{FaultyStore, StoreFault};
pub use lease::{Conditions, Fence};
pub(crate) use pages::ListedKey;
#[cfg(test)]
pub(crate) use pages::Pages;
pub(crate) use refusal::Refusal;
pub use traffic::{Stores, Traffic};

/// Objects that can be written in parts.
pub trait Objects: ObjectStore + MultipartStore {}

impl<T: ObjectStore + MultipartStore> Objects for T {}

/// Talks to a store.
#[derive(Clone)]
pub struct Client {
    objects: Arc<dyn Objects>,
    /// Listings have [`ListedKey`]s for locations.
    is_listed: bool,
}

impl Client {
    /// Talks to the store of `url`. Nothing is asked of it yet.
    ///
    /// # Errors
    /// [`OpenStoreError`] where `access` does not tell how to come in.
    pub fn connect(
        url: &StoreUrl,
        access: &Access,
        traffic: &Traffic,
    ) -> Result<Self, OpenStoreError> {
        let objects = connect(url, access, traffic).map_err(|source| OpenStoreError {
            url: url.to_string(),
            source,
        })?;
        Ok(Self {
            objects,
            is_listed: true,
        })
    }

    /// Talks to a store that somebody else made.
    #[must_use]
    pub fn over(objects: Arc<dyn Objects>) -> Self {
        Self {
            objects,
            is_listed: false,
        }
    }
}
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
