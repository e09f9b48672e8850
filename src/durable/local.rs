//! The operating system's disk.

use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, fs};

use crate::model::ReadAt;

use super::{Disk, Entry, HeldLock, Kind, StagedFile, StoreFile};

/// Bytes gathered before a staged file is written to.
const WRITE_BUFFER_BYTES: usize = 256 << 10;

/// The operating system's file systems.
///
/// Names are UTF-8 here: [`Disk::list`] fails on a directory that holds others, since everything that strandline
/// puts on a disk is.
///
/// [`Disk::create_dir_all`] syncs the directories above those that it makes. Where a process was killed between the
/// two, the next finds the directory there and does not sync above it again: that a file synced below brings the
/// names of its directories with it is left to the file system, and the journaling ones do so.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalDisk;

impl LocalDisk {
    /// Returns the disk.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

impl Disk for LocalDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn StagedFile>> {
        let file = File::create(path)?;
        Ok(Box::new(LocalStaged(BufWriter::with_capacity(
            WRITE_BUFFER_BYTES,
            file,
        ))))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadAt>> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        Ok(Arc::new(LocalFile {
            file,
            length: metadata.len(),
        }))
    }

    fn open_store(&self, path: &Path) -> io::Result<Box<dyn StoreFile>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        let file = match options.clone().create_new(true).open(path) {
            Ok(file) => {
                file.sync_all()?;
                self.sync_dir(directory_of(path))?;
                file
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => options.open(path)?,
            Err(error) => return Err(error),
        };
        Ok(Box::new(LocalStore(file)))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        match fs::create_dir(path) {
            Ok(()) => self.sync_dir(directory_of(path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let Some(parent) = path.parent() else {
                    return Err(error);
                };
                self.create_dir_all(parent)?;
                self.create_dir_all(path)
            }
            Err(_) if path.is_dir() => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        unless_missing(fs::remove_file(path)).map(|_| ())
    }

    fn remove_empty_dir(&self, path: &Path) -> io::Result<bool> {
        match fs::remove_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(false),
            other => Ok(unless_missing(other)?.is_some()),
        }
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in unless_missing(fs::read_dir(path))?.into_iter().flatten() {
            let entry = entry?;
            // An entry may go between the listing and the look: then it is simply not there.
            if let Some(metadata) = unless_missing(entry.metadata())? {
                let name = entry.file_name().into_string().map_err(|name| {
                    io::Error::new(
                        io::ErrorKind::InvalidData,
                        format!("the name {} is not UTF-8", name.display()),
                    )
                })?;
                entries.push(Entry {
                    name,
                    kind: kind_of(&metadata),
                });
            }
        }
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn look(&self, path: &Path) -> io::Result<Option<Kind>> {
        match unless_missing(fs::symlink_metadata(path)) {
            Ok(metadata) => Ok(metadata.as_ref().map(kind_of)),
            // Below a file there is nothing.
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn try_lock(&self, path: &Path, note: &str) -> io::Result<Option<Box<dyn HeldLock>>> {
        loop {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false);
            let file = options.open(path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
            let lock = LocalLock {
                path: path.to_owned(),
                file,
            };
            // Whoever removed the file between our opening and our locking has left us a lock on nothing.
            if lock.is_held() {
                lock.write_note(note)?;
                return Ok(Some(Box::new(lock)));
            }
        }
    }

    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        let Some(file) = unless_missing(File::open(path))? else {
            return Ok(false);
        };
        // A shared lock can be had by any number at once, and through a file that may only be read.
        match file.try_lock_shared() {
            Ok(()) => file.unlock().map(|()| false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn unless_missing<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn kind_of(metadata: &Metadata) -> Kind {
    if metadata.is_file() {
        Kind::File(metadata.len())
    } else if metadata.is_dir() {
        Kind::Directory
    } else {
        Kind::Other
    }
}

struct LocalStaged(BufWriter<File>);

impl Write for LocalStaged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl StagedFile for LocalStaged {
    fn finish(self: Box<Self>) -> io::Result<()> {
        let file = self
            .0
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        file.sync_all()
    }
}

struct LocalFile {
    file: File,
    length: u64,
}

impl ReadAt for LocalFile {
    fn len(&self) -> u64 {
        self.length
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }
}

#[derive(Debug)]
struct LocalStore(File);

impl ReadAt for LocalStore {
    fn len(&self) -> u64 {
        // Asking an open file for its length fails only where the disk is gone; reading then says so.
        self.0.metadata().map_or(0, |metadata| metadata.len())
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(buffer, offset)
    }
}

impl StoreFile for LocalStore {
    fn write_all_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

/// An advisory lock on an open file; the system ends it with the last handle. A program that this process starts has
/// a copy of every handle for a moment, so letting go is said, and not left to closing. The file is never removed:
/// whoever removes a lock file can hand two processes a lock each.
struct LocalLock {
    path: PathBuf,
    file: File,
}

impl LocalLock {
    fn write_note(&self, note: &str) -> io::Result<()> {
        self.file.write_all_at(note.as_bytes(), 0)?;
        self.file.set_len(note.len() as u64)
    }
}

impl HeldLock for LocalLock {
    fn is_held(&self) -> bool {
        match (self.file.metadata(), fs::symlink_metadata(&self.path)) {
            (Ok(ours), Ok(there)) => ours.dev() == there.dev() && ours.ino() == there.ino(),
            _ => false,
        }
    }
}

impl Drop for LocalLock {
    fn drop(&mut self) {
        // If the system refuses, the handle that closes now was the last one, but for copies.
        drop(self.file.unlock());
    }
}

impl fmt::Debug for LocalLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalLock({})", self.path.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_was_let_go_is_free_though_a_copy_of_its_handle_is_open() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("lock");
        let held = LocalLock {
            file: File::create(&path).unwrap(),
            path: path.clone(),
        };
        held.file.try_lock().unwrap();
        let copy = held.file.try_clone().unwrap();
        assert!(LocalDisk::new().try_lock(&path, "").unwrap().is_none());
        drop(held);
        let free = LocalDisk::new().try_lock(&path, "").unwrap();
        assert!(free.is_some(), "{copy:?} holds nothing");
    }
}
