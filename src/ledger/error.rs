//! What can go wrong with a ledger, and how the storage's many errors become these few.

use std::any::Any;
use std::fmt::Display;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use super::batch::IntentId;
use super::codec::Malformed;

/// What does not fit in a file that was taken for a ledger.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Damage(String);

impl Damage {
    pub(super) fn new(detail: impl Display) -> Self {
        Self(detail.to_string())
    }
}

/// Why a ledger cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process holds the pipeline.
    #[error("cannot lock the ledger: {note} holds it")]
    Held {
        /// What the holder says of itself.
        note: String,
    },
    /// There is none.
    #[error("there is no ledger")]
    Missing,
    /// A later version of the program wrote it.
    #[error("its format {found} is newer than {known}, the newest known here")]
    Newer {
        /// The version that the file has.
        found: u32,
        /// The newest version that can be read.
        known: u32,
    },
    /// The file is damaged, or is no ledger.
    #[error("cannot read the ledger {}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Damage,
    },
    /// The system refused an operation.
    #[error("cannot open the ledger {}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The system's own words.
        source: io::Error,
    },
}

/// Why an open ledger cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file is damaged.
    #[error("cannot read the ledger {}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Damage,
    },
    /// The system refused an operation; nothing of the batch is recorded, or all of it.
    #[error("cannot use the ledger {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's own words.
        source: io::Error,
    },
    /// The lock file was removed or replaced: somebody else may be writing by now.
    #[error("cannot write the ledger {}: the lock beside it is no longer ours", path.display())]
    LostLease {
        /// The file.
        path: PathBuf,
    },
    /// An earlier write failed, or the ledger was closed: it has to be opened again.
    #[error("cannot use the ledger {} before it is opened again: it stopped after a failure", path.display())]
    Stopped {
        /// The file.
        path: PathBuf,
    },
    /// An intent's batch opens an intent.
    #[error("cannot record intent {intent}: it would open another intent")]
    NestedIntent {
        /// The outer one.
        intent: IntentId,
    },
}

impl LedgerError {
    /// Tells whether the file itself is damaged, so that only rebuilding helps.
    #[must_use]
    pub fn is_corrupt(&self) -> bool {
        matches!(self, Self::Corrupt { .. })
    }
}

/// A fault below the edge of the room, before it knows which file it concerns.
#[derive(Debug)]
pub(super) enum Fault {
    Storage(redb::Error),
    Malformed(Malformed),
    Panicked(String),
    Newer { found: u32, known: u32 },
}

impl From<Malformed> for Fault {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

macro_rules! from_storage {
    ($($error:ident),*) => {$(
        impl From<redb::$error> for Fault {
            fn from(error: redb::$error) -> Self {
                Self::Storage(error.into())
            }
        }
    )*};
}

from_storage!(
    CommitError,
    CompactionError,
    DatabaseError,
    StorageError,
    TableError,
    TransactionError
);

/// Runs `work` and turns a panic into a fault.
///
/// The storage checks its pages when it repairs, and else trusts them: where a pointer or a length within a page
/// is bent, it indexes out of bounds or hits an assertion. Damage is input here, so it must end in an error.
/// Nothing is left half changed: readers own no state, and a writer that failed is not used again.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|payload| Err(Fault::Panicked(text_of(payload.as_ref()))))
}

/// Closes a database, which writes as well, and which a damaged file may make panic; what was committed is kept either
/// way.
pub(super) fn close_quietly(db: Option<redb::Database>) {
    let _ = guarded(|| {
        drop(db);
        Ok(())
    });
}

fn text_of(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    format!("a page makes no sense ({})", text.unwrap_or("no detail"))
}

impl Fault {
    /// Says which file the fault concerns, when it was met in an open ledger.
    pub(super) fn at(self, path: &Path) -> LedgerError {
        let path = path.to_owned();
        match self {
            Self::Storage(redb::Error::Io(source)) if !is_damage(&source) => {
                LedgerError::Io { path, source }
            }
            Self::Storage(redb::Error::PreviousIo | redb::Error::DatabaseClosed) => {
                LedgerError::Stopped { path }
            }
            other => LedgerError::Corrupt {
                path,
                source: other.damage(),
            },
        }
    }

    /// Says which file the fault concerns, when it was met while opening.
    pub(super) fn opening(self, path: &Path) -> OpenError {
        let path = path.to_owned();
        match self {
            Self::Newer { found, known } => OpenError::Newer { found, known },
            Self::Storage(redb::Error::Io(source)) if !is_damage(&source) => {
                OpenError::Io { path, source }
            }
            other => OpenError::Corrupt {
                path,
                source: other.damage(),
            },
        }
    }

    fn damage(self) -> Damage {
        match self {
            Self::Storage(error) => Damage::new(error),
            Self::Malformed(malformed) => Damage::new(malformed),
            Self::Panicked(detail) => Damage(detail),
            Self::Newer { found, known } => {
                Damage(format!("its format {found} is newer than {known}"))
            }
        }
    }
}

/// Says which file or directory an I/O error concerns, when it was met while opening.
pub(super) fn io_at(path: &Path, source: io::Error) -> OpenError {
    OpenError::Io {
        path: path.to_owned(),
        source,
    }
}

/// Tells whether an I/O error speaks of the content and not of the disk: a file that ends before what its header
/// promises, or that has no such header.
fn is_damage(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData
    )
}
