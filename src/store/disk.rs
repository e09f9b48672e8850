//! A disk for a ledger that lies in a store, for workers that have none to come back to.
//!
//! Its lock is a lease (`super::lease`), its database file an image (`super::image`); what else is written there is small,
//! and each file of it one object. Directories are not there before something lies in them, and what a call has returned
//! for is durable.
//!
//! A file is renamed only to where nothing stands: a ledger that begins, or one that is set aside. An answer that nothing
//! stands there can be wrong, and what is there is a ledger then.
//!
//! # What it is not for
//! Outputs: a file that is created is held in memory until it is finished.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;

use super::directory::{Condition, Directory};
use super::image::{self, Image};
use super::lease::{Conditions, Fence, Place};
use crate::clock::Clock;
use crate::durable::{Disk, Entry, HeldLock, Kind, StagedFile, StoreFile};
use crate::model::ReadAt;

/// A directory in a store, as a disk.
#[derive(Clone)]
pub struct StoreDisk {
    directory: Directory,
    /// What the paths of the disk begin with.
    name: PathBuf,
    lasts: Duration,
    fence: Arc<Fence>,
    inline_bytes: usize,
    /// Files of databases that are open: what is asked about them is answered without a request.
    open: Arc<Mutex<HashMap<PathBuf, Weak<Image>>>>,
}

impl StoreDisk {
    /// Makes the disk of `directory`, whose leases last so long when nobody renews them.
    #[must_use]
    pub fn new(directory: Directory, lasts: Duration, clock: Arc<dyn Clock>) -> Self {
        Self {
            name: PathBuf::from(directory.name()),
            directory,
            lasts: lasts.max(Duration::from_secs(1)),
            fence: Fence::new(clock),
            inline_bytes: image::INLINE_BYTES,
            open: Arc::default(),
        }
    }

    /// Lets the head of a file hold so many bytes of changes, and no more.
    #[must_use]
    pub fn with_heads_of(self, inline_bytes: usize) -> Self {
        Self {
            inline_bytes,
            ..self
        }
    }

    /// Returns the directory that all of its paths lie in.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.name
    }

    /// Returns what tells whether the lock is ours, for those who write elsewhere on its behalf.
    #[must_use]
    pub fn fence(&self) -> Arc<Fence> {
        Arc::clone(&self.fence)
    }

    /// Returns the object's path; of the disk's own directory it is empty.
    fn key(&self, path: &Path) -> io::Result<String> {
        let below = path.strip_prefix(&self.name);
        let below = below.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let text = below.to_str().ok_or(io::ErrorKind::InvalidFilename)?;
        Ok(text.to_owned())
    }

    fn lock_at(&self, path: &Path) -> io::Result<Place> {
        Ok(Place {
            directory: self.directory.clone(),
            path: self.key(path)?,
            lasts: self.lasts,
            fence: Arc::clone(&self.fence),
        })
    }

    fn open_files(&self) -> MutexGuard<'_, HashMap<PathBuf, Weak<Image>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for StoreDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreDisk({})", self.name.display())
    }
}

impl Disk for StoreDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn StagedFile>> {
        Ok(Box::new(Staged {
            directory: self.directory.clone(),
            path: self.key(path)?,
            bytes: Vec::new(),
        }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadAt>> {
        image::open(&self.directory, &self.key(path)?)
    }

    fn open_store(&self, path: &Path) -> io::Result<Box<dyn StoreFile>> {
        let key = self.key(path)?;
        let fence = Arc::clone(&self.fence);
        let image = Image::open(self.directory.clone(), key, fence, self.inline_bytes)?;
        image.sweep()?;
        let image = Arc::new(image);
        let mut open = self.open_files();
        open.retain(|_, image| image.strong_count() > 0);
        open.insert(path.to_owned(), Arc::downgrade(&image));
        Ok(Box::new(Shared(image)))
    }

    fn create_dir_all(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (self.key(from)?, self.key(to)?);
        let (bytes, _) = self.directory.get(&from)?;
        // Some stores do not ask for the condition of a write.
        if self.directory.look(&to)?.is_some() {
            let told = format!("something stands at {to} already");
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, told));
        }
        self.fence.check()?;
        self.directory.put(&to, &bytes, Condition::Absent)?;
        self.directory.remove([&*from])
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.fence.check()?;
        self.directory.remove([&*self.key(path)?])
    }

    fn remove_empty_dir(&self, _: &Path) -> io::Result<bool> {
        Ok(false)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let directory = self.key(path)?;
        let prefix = if directory.is_empty() {
            String::new()
        } else {
            format!("{directory}/")
        };
        let mut entries: Vec<Entry> = Vec::new();
        for object in self.directory.list(&directory)? {
            let Some(below) = object.path.strip_prefix(&prefix) else {
                continue;
            };
            let (name, kind) = match below.split_once('/') {
                Some((name, _)) => (name, Kind::Directory),
                None => (below, Kind::File(object.size)),
            };
            entries.push(Entry {
                name: name.to_owned(),
                kind,
            });
        }
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        entries.dedup_by(|a, b| a.name == b.name);
        Ok(entries)
    }

    fn look(&self, path: &Path) -> io::Result<Option<Kind>> {
        let open = self.open_files().get(path).and_then(Weak::upgrade);
        if let Some(image) = open {
            return Ok(Some(Kind::File(image.len())));
        }
        let key = self.key(path)?;
        if key.is_empty() {
            return Ok(Some(Kind::Directory));
        }
        Ok(image::length(&self.directory, &key)?.map(Kind::File))
    }

    fn try_lock(&self, path: &Path, note: &str) -> io::Result<Option<Box<dyn HeldLock>>> {
        let lease = self.lock_at(path)?.take(note)?;
        Ok(lease.map(|lease| Box::new(lease) as Box<dyn HeldLock>))
    }

    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        Ok(self.lock_at(path)?.holder()?.is_some())
    }

    fn lock_note(&self, path: &Path) -> io::Result<Option<String>> {
        self.lock_at(path)?.holder()
    }

    fn caveat(&self) -> Option<&'static str> {
        let is_ignored = self.fence.conditions() == Conditions::Ignored;
        is_ignored.then_some(
            "this store does a write though its condition does not hold: a run that is held up for longer than its lease may overwrite what another has written since; let only one run at a time",
        )
    }

    fn opens_whole(&self) -> bool {
        true
    }
}

/// The disk knows the file for as long as somebody has it open.
#[derive(Debug)]
struct Shared(Arc<Image>);

impl ReadAt for Shared {
    fn len(&self) -> u64 {
        self.0.len()
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(offset, buffer)
    }
}

impl StoreFile for Shared {
    fn write_all_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(offset, bytes)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync()
    }
}

/// A small file that is being written.
struct Staged {
    directory: Directory,
    path: String,
    bytes: Vec<u8>,
}

impl Write for Staged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl StagedFile for Staged {
    fn finish(self: Box<Self>) -> io::Result<()> {
        let bytes = Bytes::from(self.bytes);
        let written = self.directory.put(&self.path, &bytes, Condition::Any);
        written.map(|_| ())
    }
}
