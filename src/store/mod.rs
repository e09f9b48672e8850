//! Speaks with object stores: S3, Google Cloud Storage, Azure, or whatever speaks like one of them.
//!
//! `connect` makes a client of `object_store` for a URL; what such a client does not tell, or tells in a way that
//! must not be shown, is read from the answers on their way to it (`ListedKey`, `Refusal`). Whose certificates are trusted,
//! `trust` says, and `process` asks a program for keys. `Directory` is what sinks
//! and ledgers in stores stand on: objects by their paths, and conditional writes. [`StoreDisk`] is a disk for a ledger, whose
//! lock is a lease and whose file is kept as an image; see `lease` and `image`.
//! [`MessageQueue`] is a queue of SQS, in which S3 tells of its events.
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
mod process;
mod queue;
mod refusal;
mod request;
mod retry_after;
mod segment;
mod throttle;
mod tokens;
mod traffic;
mod trust;

use std::error::Error;
use std::io;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use tokio::runtime::Runtime;

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
#[cfg(test)]
pub(crate) use pages::Pages;
pub(crate) use pages::{ListedKey, Locations};
pub use queue::{Message, MessageQueue, QueueError, Receipt};
pub(crate) use refusal::{OwnFault, Refusal};
pub use traffic::{Stores, Traffic};

/// Objects that can be written in parts.
pub trait Objects: ObjectStore + MultipartStore {}

impl<T: ObjectStore + MultipartStore> Objects for T {}

/// Talks to a store.
#[derive(Clone)]
pub struct Client {
    objects: Arc<dyn Objects>,
    locations: Locations,
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
            locations: Locations::Listed,
        })
    }

    /// Talks to a store that somebody else made.
    #[must_use]
    pub fn over(objects: Arc<dyn Objects>) -> Self {
        Self {
            objects,
            locations: Locations::Keys,
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

/// Starts threads that talk to a store. They wait and copy; whatever costs time is done by whoever asks.
///
/// # Errors
/// What the system reports.
pub(crate) fn runtime(threads: usize) -> io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name("object store")
        .enable_all()
        .build()
}

/// Reads a key as the client takes it: as a path.
///
/// # Errors
/// `InvalidInput` where it is none.
pub(crate) fn parse(key: &str) -> io::Result<Path> {
    Path::parse(key).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))
}

/// Sorts what a client says by kinds. An object that is not the one that was asked for any more is a stale handle.
#[expect(
    clippy::needless_pass_by_value,
    reason = "an error handler takes its error"
)]
pub(crate) fn io_error(error: object_store::Error) -> io::Error {
    use object_store::Error;
    let refusal = Refusal::of(&error);
    let kind = match &error {
        _ if refusal.is_denial() => io::ErrorKind::PermissionDenied,
        Error::NotFound { .. } => io::ErrorKind::NotFound,
        Error::AlreadyExists { .. } => io::ErrorKind::AlreadyExists,
        Error::Precondition { .. } => io::ErrorKind::StaleNetworkFileHandle,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            io::ErrorKind::PermissionDenied
        }
        Error::InvalidPath { .. } => io::ErrorKind::InvalidInput,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, refusal)
}
