//! The only place that stages, syncs, renames and removes.
//!
//! [`Disk`] is the narrow seam under everything that must survive a power cut: outputs, the ledger's storage,
//! the lock. [`LocalDisk`] is the operating system's; [`MemoryDisk`] keeps what was synced apart from what was
//! merely written, so that a crash can be had at any operation; [`FaultyDisk`] counts what is done to either and
//! fails when told to.
//!
//! # Invariants
//! - What [`StagedFile::finish`] has returned for is on the disk as far as its *content* goes; its *name* is
//!   only after [`Disk::sync_dir`] of its directory.
//! - [`publish()`] is the one way to make staged files visible: it renames and syncs every directory concerned,
//!   so no caller can forget a step.
//! - Removing what is not there is no error, so that retiring can be repeated after a crash.

mod faulty;
mod local;
mod memory;
mod publish;

use std::fmt::Debug;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::model::ReadAt;

pub use faulty::{Action, Fault, FaultyDisk, Step};
pub use local::LocalDisk;
pub use memory::{MemoryDisk, Survivors};
pub use publish::{publish, replace_file};

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file of this length.
    File(u64),
    /// A directory.
    Directory,
    /// Anything else.
    Other,
}

/// One entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name, not its path.
    pub name: String,
    /// What it is.
    pub kind: Kind,
}

/// Files and directories, with the difference between written and durable made visible.
pub trait Disk: Send + Sync + Debug {
    /// Creates `path` anew (truncating what was there) for writing; its directory must exist.
    ///
    /// # Errors
    /// What the system reports: no space, no permission, no directory.
    fn create(&self, path: &Path) -> io::Result<Box<dyn StagedFile>>;

    /// Opens `path` for reading at any place.
    ///
    /// # Errors
    /// `NotFound` where there is no such file, else what the system reports.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadAt>>;

    /// Opens `path` for reading and writing at any place, creating it (durably, name included) if missing.
    ///
    /// # Errors
    /// What the system reports.
    fn open_store(&self, path: &Path) -> io::Result<Box<dyn StoreFile>>;

    /// Creates `path` and what is missing above it; durable when it returns.
    ///
    /// # Errors
    /// What the system reports.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;

    /// Renames `from` over `to` within one file system. Durable only after [`Disk::sync_dir`].
    ///
    /// # Errors
    /// What the system reports.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Makes the names in the directory `path` durable.
    ///
    /// # Errors
    /// What the system reports.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Removes the file `path`; it is no error if there is none.
    ///
    /// # Errors
    /// What the system reports.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Removes the directory `path` if it is there and empty; tells whether it did.
    ///
    /// # Errors
    /// What the system reports, but for "not empty" and "not found".
    fn remove_empty_dir(&self, path: &Path) -> io::Result<bool>;

    /// Returns the entries of the directory `path`, in byte order of their names; a missing one has none.
    ///
    /// # Errors
    /// What the system reports.
    fn list(&self, path: &Path) -> io::Result<Vec<Entry>>;

    /// Returns what stands at `path`, without following a symbolic link.
    ///
    /// # Errors
    /// What the system reports, but for "not found".
    fn look(&self, path: &Path) -> io::Result<Option<Kind>>;

    /// Takes the lock file `path` for this process, writing `note` into it; `None` where another holds it.
    /// The lock ends with the holder, however it ends.
    ///
    /// # Errors
    /// What the system reports.
    fn try_lock(&self, path: &Path, note: &str) -> io::Result<Option<Box<dyn HeldLock>>>;

    /// Tells whether anybody holds the lock file `path`; one that is not there is held by nobody. It changes nothing
    /// and needs no right to, but whoever tries to take the lock at that very moment may be refused.
    ///
    /// # Errors
    /// What the system reports.
    fn is_locked(&self, path: &Path) -> io::Result<bool>;

    /// Returns what the holder of the lock file `path` has noted, `None` where nobody holds it. It is as [`Self::is_locked`],
    /// and the note is what anybody may have put there.
    ///
    /// # Errors
    /// What the system reports.
    fn lock_note(&self, path: &Path) -> io::Result<Option<String>> {
        if !self.is_locked(path)? {
            return Ok(None);
        }
        let file = self.open(path)?;
        let length = usize::try_from(file.len().min(NOTE_BYTES)).unwrap_or_default();
        let mut bytes = vec![0; length];
        file.read_exact_at(0, &mut bytes)?;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Returns what keeps the locks of this disk from being as good as they should be; asked while one is held.
    fn caveat(&self) -> Option<&'static str> {
        None
    }

    /// Tells whether what [`Disk::open`] gives of a database's file is the file as it was at one [`StoreFile::sync`],
    /// whatever is written to it meanwhile.
    fn opens_whole(&self) -> bool {
        false
    }
}

/// What is read of a note, at most: whoever can write to the directory can put anything in its place.
const NOTE_BYTES: u64 = 1024;

/// A file being written. What has been flushed can be read through [`Disk::open`].
pub trait StagedFile: Write + Send {
    /// Flushes and syncs the content; the file is whole and durable but for its name.
    ///
    /// # Errors
    /// What the system reports; the file must then not be published.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// A file for a database: read and written at any place.
pub trait StoreFile: ReadAt + Debug {
    /// Writes all of `bytes` at `offset`.
    ///
    /// # Errors
    /// What the system reports.
    fn write_all_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Sets the length; new bytes are zero.
    ///
    /// # Errors
    /// What the system reports.
    fn set_len(&self, length: u64) -> io::Result<()>;

    /// Makes everything written so far durable.
    ///
    /// # Errors
    /// What the system reports.
    fn sync(&self) -> io::Result<()>;
}

/// A lock that is held until it is dropped.
pub trait HeldLock: Send + Sync + Debug {
    /// Tells whether the lock is still ours: its file may have been removed or replaced behind our back.
    fn is_held(&self) -> bool;
}

/// A staged file and the place where readers will find it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// The staged file, whole and synced.
    pub from: PathBuf,
    /// Its place.
    pub to: PathBuf,
}
