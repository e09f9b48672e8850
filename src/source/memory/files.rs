//! The files of a [`MemorySource`](super::MemorySource): names, contents, stamps.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::{Fingerprint, ReadAt, Timestamp};

/// Storage of one file; outlives its name while somebody has it open.
#[derive(Clone)]
pub(super) struct Content(Arc<Mutex<Body>>);

struct Body {
    bytes: Vec<u8>,
    modified_at: Timestamp,
    changed_at: Timestamp,
    inode: u64,
}

impl Content {
    pub(super) fn fingerprint(&self) -> Fingerprint {
        let body = self.lock();
        Fingerprint {
            size: body.bytes.len() as u64,
            modified_at: body.modified_at,
            changed_at: Some(body.changed_at),
            inode: Some(body.inode),
            validator: None,
        }
    }

    /// Fills `buffer` from `offset` on as far as the bytes go, and tells how far that was.
    pub(super) fn read(&self, offset: u64, buffer: &mut [u8]) -> usize {
        let body = self.lock();
        let rest = usize::try_from(offset)
            .ok()
            .and_then(|start| body.bytes.get(start..))
            .unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        count
    }

    fn lock(&self) -> MutexGuard<'_, Body> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ReadAt for Content {
    fn len(&self) -> u64 {
        self.lock().bytes.len() as u64
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        if self.read(offset, buffer) == buffer.len() {
            Ok(())
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }
}

#[derive(Default)]
pub(super) struct Files {
    names: BTreeMap<String, Content>,
    /// Files that cannot be read and, ending in `/` or empty, directories that cannot be looked into.
    pub(super) denied: BTreeSet<String>,
    free_inodes: BTreeSet<u64>,
    next_inode: u64,
}

impl Files {
    pub(super) fn count(&self) -> usize {
        self.names.len()
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    pub(super) fn content(&self, path: &str) -> Option<Content> {
        self.names.get(path).cloned()
    }

    pub(super) fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        self.names
            .iter()
            .map(|(path, content)| (path.clone(), content.lock().bytes.clone()))
            .collect()
    }

    pub(super) fn denied_dirs(&self) -> impl Iterator<Item = &String> {
        self.denied
            .iter()
            .filter(|path| path.is_empty() || path.ends_with('/'))
    }

    pub(super) fn may_enter(&self, path: &str) -> io::Result<()> {
        if self.denied_dirs().any(|dir| path.starts_with(dir.as_str())) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Ok(())
    }

    pub(super) fn may_read(&self, path: &str) -> io::Result<()> {
        self.may_enter(path)?;
        if self.denied.contains(path) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Ok(())
    }

    pub(super) fn change(&mut self, path: &str, now: Timestamp, change: impl FnOnce(&mut Vec<u8>)) {
        if let Some(content) = self.names.get(path) {
            let mut body = content.lock();
            change(&mut body.bytes);
            body.modified_at = now;
            body.changed_at = now;
        } else {
            let mut bytes = Vec::new();
            change(&mut bytes);
            self.put(path, bytes, now);
        }
    }

    pub(super) fn put(&mut self, path: &str, bytes: Vec<u8>, now: Timestamp) {
        let inode = self.free_inodes.pop_first().unwrap_or_else(|| {
            self.next_inode += 1;
            self.next_inode
        });
        self.remove(path);
        let body = Body {
            bytes,
            modified_at: now,
            changed_at: now,
            inode,
        };
        let content = Content(Arc::new(Mutex::new(body)));
        self.names.insert(path.to_owned(), content);
    }

    pub(super) fn stamp(&mut self, path: &str, modified_at: Option<Timestamp>, now: Timestamp) {
        if let Some(content) = self.names.get(path) {
            let mut body = content.lock();
            body.modified_at = modified_at.unwrap_or(body.modified_at);
            body.changed_at = now;
        }
    }

    pub(super) fn rename(&mut self, from: &str, to: &str, now: Timestamp) {
        if from == to {
            return;
        }
        if let Some(content) = self.names.remove(from) {
            self.remove(to);
            content.lock().changed_at = now;
            self.names.insert(to.to_owned(), content);
        }
    }

    pub(super) fn remove(&mut self, path: &str) {
        if let Some(content) = self.names.remove(path) {
            self.free_inodes.insert(content.lock().inode);
        }
    }
}
