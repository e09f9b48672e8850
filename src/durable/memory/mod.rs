//! A disk in memory that can lose power.
//!
//! It keeps what was synced apart from what was merely written. The content of a file is durable after
//! [`StagedFile::finish`] or [`StoreFile::sync`], a name (created, renamed, removed) after [`Disk::sync_dir`] of its
//! directory; what [`Disk::create_dir_all`] and [`Disk::open_store`] create is durable when they return.
//! [`MemoryDisk::crash`] gives the disk as the next start finds it.

mod content;
mod state;

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::ReadAt;

use super::{Disk, Entry, HeldLock, Kind, StagedFile, StoreFile};
use state::{NodeId, State};

/// A disk in memory. Clones share it.
#[derive(Clone, Default)]
pub struct MemoryDisk {
    shared: Arc<Shared>,
}

/// What is left on a disk after the process or the power went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Survivors {
    /// Everything: only the process was killed.
    All,
    /// Only what was synced.
    Synced,
    /// What was synced, and of the rest what a real disk may happen to have kept: a prefix of the changes of
    /// names, and any of the writes to each file, some of them cut short.
    Some {
        /// Decides which.
        seed: u64,
    },
}

impl MemoryDisk {
    /// Returns an empty disk; only `/` exists.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a disk with what survives a crash now. All locks are free on it. Whoever still uses `self` goes on
    /// writing to the disk as it was, which nobody will see again.
    #[must_use]
    pub fn crash(&self, survivors: Survivors) -> Self {
        Self {
            shared: Arc::new(Shared(Mutex::new(self.state().after_crash(survivors)))),
        }
    }

    /// Returns every file with its content, in order of the paths: for comparing two disks whole.
    #[must_use]
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        self.state().files()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.lock()
    }

    fn handle(&self, node: NodeId) -> Handle {
        Handle {
            shared: Arc::clone(&self.shared),
            node,
        }
    }
}

impl fmt::Debug for MemoryDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files = self.files();
        f.debug_map()
            .entries(files.iter().map(|(path, bytes)| (path, bytes.len())))
            .finish()
    }
}

impl Disk for MemoryDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn StagedFile>> {
        let node = self.state().create(path)?;
        let handle = self.handle(node);
        Ok(Box::new(MemoryStaged { handle, offset: 0 }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadAt>> {
        let node = self.state().file(path)?;
        Ok(Arc::new(self.handle(node)))
    }

    fn open_store(&self, path: &Path) -> io::Result<Box<dyn StoreFile>> {
        let node = self.state().open_or_create(path)?;
        Ok(Box::new(self.handle(node)))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.state().create_dir_all(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.state().rename(from, to)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.state().sync_dir(path)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.state().remove_file(path)
    }

    fn remove_empty_dir(&self, path: &Path) -> io::Result<bool> {
        self.state().remove_empty_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        self.state().list(path)
    }

    fn look(&self, path: &Path) -> io::Result<Option<Kind>> {
        Ok(self.state().kind(path))
    }

    fn try_lock(&self, path: &Path, note: &str) -> io::Result<Option<Box<dyn HeldLock>>> {
        let locked = self.state().try_lock(path, note)?;
        Ok(locked.map(|locked| -> Box<dyn HeldLock> {
            Box::new(MemoryLock {
                handle: self.handle(locked),
                path: path.to_owned(),
            })
        }))
    }

    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        self.state().is_locked(path)
    }
}

#[derive(Default)]
struct Shared(Mutex<State>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An open file.
struct Handle {
    shared: Arc<Shared>,
    node: NodeId,
}

impl ReadAt for Handle {
    fn len(&self) -> u64 {
        self.shared.lock().length(self.node)
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.shared.lock().read(self.node, offset, buffer)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({:?})", self.node)
    }
}

impl StoreFile for Handle {
    fn write_all_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.shared.lock().write(self.node, offset, bytes)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.shared.lock().set_len(self.node, length)
    }

    fn sync(&self) -> io::Result<()> {
        self.shared.lock().sync(self.node)
    }
}

struct MemoryStaged {
    handle: Handle,
    offset: u64,
}

impl Write for MemoryStaged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.handle.write_all_at(self.offset, bytes)?;
        self.offset += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl StagedFile for MemoryStaged {
    fn finish(self: Box<Self>) -> io::Result<()> {
        self.handle.sync()
    }
}

#[derive(Debug)]
struct MemoryLock {
    handle: Handle,
    path: PathBuf,
}

impl HeldLock for MemoryLock {
    fn is_held(&self) -> bool {
        self.handle
            .shared
            .lock()
            .file(&self.path)
            .is_ok_and(|node| node == self.handle.node)
    }
}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        self.handle.shared.lock().unlock(self.handle.node);
    }
}
