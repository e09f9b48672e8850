//! Where a ledger lies, and what stopped its storage.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use super::error::{Fault, LedgerError};

/// An open ledger's file, shared by its handle, its storage and all that read it.
///
/// Many may be reading when the file fails one of them. From then on the storage tells the others only that it
/// stopped; here they learn why, so that whoever is heard first does not hide what went wrong.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    cause: OnceLock<Cause>,
    is_synced_at_end: AtomicBool,
}

/// An I/O error as it can be told again.
#[derive(Debug)]
struct Cause {
    kind: io::ErrorKind,
    code: Option<i32>,
    text: String,
}

impl Place {
    pub(super) fn new(path: PathBuf) -> Arc<Self> {
        Arc::new(Self {
            path,
            cause: OnceLock::new(),
            is_synced_at_end: AtomicBool::new(false),
        })
    }

    /// Lets whatever is synced from now on wait for the storage's end: it is being closed, or nobody relies on it
    /// before. Only for a file of a disk that [opens whole](crate::durable::Disk::opens_whole), where what is written
    /// between two syncs can never be found by half.
    pub(super) fn sync_at_end(&self) {
        self.is_synced_at_end.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_synced_at_end(&self) -> bool {
        self.is_synced_at_end.load(Ordering::Relaxed)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Remembers the error that stops the storage; the first one stays.
    pub(super) fn stop(&self, error: &io::Error) {
        self.cause.get_or_init(|| Cause {
            kind: error.kind(),
            code: error.raw_os_error(),
            text: error.to_string(),
        });
    }

    /// Returns the error that stopped the storage, if one did.
    pub(super) fn cause(&self) -> Option<io::Error> {
        let cause = self.cause.get()?;
        Some(match cause.code {
            Some(code) => io::Error::from_raw_os_error(code),
            None => io::Error::new(cause.kind, cause.text.clone()),
        })
    }

    /// Says what a fault means that was met in this ledger.
    pub(super) fn error(&self, fault: Fault) -> LedgerError {
        let fault = match (fault, self.cause()) {
            (Fault::Storage(redb::Error::PreviousIo), Some(cause)) => {
                Fault::Storage(redb::Error::Io(cause))
            }
            (fault, _) => fault,
        };
        fault.at(&self.path)
    }
}
