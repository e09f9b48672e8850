//! A directory of the machine.
//!
//! Listing is the heart of a run that finds nothing to do, so it asks the system for as little as it can: one
//! `openat` and one `getdents` loop for each directory, one `statx` by bare name for each file that the selection
//! admits. The names of a directory lie in one arena; a full path is put together in one text that is lent for each file.
//!
//! # Order
//! Full paths come in byte order if the names of a directory are sorted with `/` behind those of its
//! subdirectories: `a-b.csv` < `a.csv` < `a/b.csv` < `a0.csv`, since `-` < `.` < `/` < `0`.
//!
//! # Trouble
//! A directory that cannot be read, or a file that cannot be looked at, comes as an
//! [`Unknown`](super::Unknown); what is not there any more is simply absent. A root that is gone is unknown as a
//! whole. Names that are not UTF-8 have no key, so they are told of and hide nothing.
//!
//! # Links
//! Ignored, no path leads through a link, below the root. Followed, what a link leads to stands in its place;
//! links to nowhere are skipped, and a link that leads to a directory above itself is a loop, told by device and
//! inode.
//!
//! # Limits
//! No descriptor is held by a span that waits, one by an iterator that is being drained. Memory is that of the
//! names of the directories being worked on.

mod entries;
mod names;
mod place;
mod span;

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};

use crate::config::Links;
use crate::model::{Fingerprint, ReadAt, Select, SourcePath};

use super::{Input, ReadError, Source, Span};
use span::DirectorySpan;

/// A directory of the machine, opened once; lives for one run.
#[derive(Clone)]
pub struct LocalSource {
    tree: Arc<Tree>,
}

/// A source directory that cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot open the source directory {}", path.display())]
pub struct OpenSourceError {
    /// The directory.
    pub path: PathBuf,
    /// The system's own words.
    #[source]
    pub source: io::Error,
}

impl LocalSource {
    /// Opens the directory `root`.
    ///
    /// # Errors
    /// [`OpenSourceError`] where it is missing, no directory or not readable.
    pub fn new(
        root: &Path,
        selection: Arc<dyn Select>,
        links: Links,
    ) -> Result<Self, OpenSourceError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match rustix::fs::open(root, flags, Mode::empty()) {
            Ok(directory) => Ok(Self {
                tree: Arc::new(Tree {
                    root: root.to_owned(),
                    directory,
                    selection,
                    links,
                }),
            }),
            Err(errno) => Err(OpenSourceError {
                path: root.to_owned(),
                source: errno.into(),
            }),
        }
    }
}

impl Source for LocalSource {
    fn root(&self) -> Box<dyn Span> {
        Box::new(DirectorySpan::root(Arc::clone(&self.tree)))
    }

    fn look(&self, path: &SourcePath) -> Result<Option<Fingerprint>, ReadError> {
        self.tree.look(path).map_err(|source| ReadError::Failed {
            path: path.clone(),
            source,
        })
    }

    fn open(&self, path: &SourcePath) -> Result<Box<dyn Input>, ReadError> {
        match self.tree.open_file(path) {
            Ok(Some(file)) => Ok(Box::new(LocalInput(File::from(file)))),
            Ok(None) => Err(ReadError::Vanished { path: path.clone() }),
            Err(source) => Err(ReadError::Failed {
                path: path.clone(),
                source,
            }),
        }
    }

    fn selection(&self) -> &dyn Select {
        &*self.tree.selection
    }

    fn describe(&self) -> String {
        self.tree.root.to_string_lossy().into_owned()
    }
}

/// What every span of a listing shares.
struct Tree {
    root: PathBuf,
    directory: OwnedFd,
    selection: Arc<dyn Select>,
    links: Links,
}

struct LocalInput(File);

impl Read for LocalInput {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Input for LocalInput {
    fn fingerprint(&self) -> io::Result<Fingerprint> {
        Ok(place::fingerprint(&place::stat_open(self.0.as_fd())?))
    }

    fn random_access(&self) -> io::Result<Arc<dyn ReadAt>> {
        Ok(Arc::new(LocalBytes {
            length: self.0.metadata()?.len(),
            file: self.0.try_clone()?,
        }))
    }
}

struct LocalBytes {
    file: File,
    length: u64,
}

impl ReadAt for LocalBytes {
    fn len(&self) -> u64 {
        self.length
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }
}
