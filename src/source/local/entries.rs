//! Looks at the files of a run, one after the other.

use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::FileType;
use rustix::io::Errno;

use crate::model::{ErrorKind, KeyRange};
use crate::source::{self, Entry, Unknown};

use super::names::{Found, Names};
use super::place;
use super::span::{Home, kind_of_trouble};

/// The entries of a run, each looked at when it is asked for.
pub(super) struct Entries {
    home: Arc<Home>,
    names: Arc<Names>,
    directory: OwnedFd,
    left: Range<usize>,
    bad_left: Range<usize>,
    /// The directory's path, and behind it the name being looked at.
    path: String,
}

impl Entries {
    pub(super) fn new(
        home: Arc<Home>,
        names: Arc<Names>,
        left: Range<usize>,
        directory: OwnedFd,
    ) -> Self {
        let bad = if left.start == 0 { names.bad.len() } else { 0 };
        Self {
            path: home.prefix.to_string(),
            home,
            names,
            directory,
            left,
            bad_left: 0..bad,
        }
    }

    fn bad(&self, index: usize) -> Entry {
        Entry::Unknown(Unknown {
            path: self.names.bad[index].clone(),
            hides: None,
            kind: ErrorKind::BadName,
            source: io::Error::new(io::ErrorKind::InvalidData, "the name is not UTF-8"),
        })
    }

    /// Returns the entry for a name; `None` where there is nothing (any more).
    fn entry(&mut self, index: usize) -> Option<Entry> {
        let (name, found) = self.names.get(index);
        self.path.truncate(self.home.prefix.len());
        self.path.push_str(name);
        match found {
            Found::File if self.home.tree.selection.admits(&self.path) => self.file(name),
            Found::HiddenDirectory => self.hidden_directory(name),
            Found::File | Found::Nothing | Found::Directory => Some(Entry::Skipped),
        }
    }

    fn file(&self, name: &str) -> Option<Entry> {
        match self.home.tree.stat(self.directory.as_fd(), name) {
            Ok(stat) if place::kind(&stat) == FileType::RegularFile => {
                Some(Entry::Found(place::fingerprint(&stat)))
            }
            Ok(_) => Some(Entry::Skipped),
            // Gone since its name was read.
            Err(Errno::NOENT) => None,
            Err(errno) => Some(self.unknown(errno, KeyRange::only(&self.path))),
        }
    }

    /// A name that could not be looked at may have been a directory's, with files below it.
    fn hidden_directory(&self, name: &str) -> Option<Entry> {
        let plain = name.trim_end_matches('/');
        let trouble = match self.home.tree.stat(self.directory.as_fd(), plain) {
            Ok(stat) if place::kind(&stat) == FileType::Directory => Errno::AGAIN,
            Ok(_) | Err(Errno::NOENT) => return None,
            Err(errno) => errno,
        };
        Some(self.unknown(trouble, KeyRange::below(&self.path)))
    }

    fn unknown(&self, errno: Errno, hides: KeyRange) -> Entry {
        Entry::Unknown(Unknown {
            path: self.path.clone(),
            hides: Some(hides),
            kind: kind_of_trouble(errno),
            source: errno.into(),
        })
    }
}

impl source::Entries for Entries {
    fn next(&mut self) -> Option<Entry> {
        if let Some(index) = self.bad_left.next() {
            return Some(self.bad(index));
        }
        while let Some(index) = self.left.next() {
            let entry = self.entry(index);
            if entry.is_some() {
                return entry;
            }
        }
        None
    }

    fn path(&self) -> &str {
        &self.path
    }
}
