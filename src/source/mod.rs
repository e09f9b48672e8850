//! Port: lists and opens inputs.
//!
//! A source hands out a tree of [`Span`]s. Each covers a range of keys and expands into smaller spans, in byte
//! order and without gaps, or into the entries of its range. The engine expands them side by side and joins each
//! with its own stretch of the ledger; the source decides nothing.
//!
//! # Invariants
//! - The spans that a span expands into partition its range, in order.
//! - Entries come in byte order of their paths, each within the span's range. A lister that cannot promise that
//!   is noticed by the engine, which sorts such a range before it joins it.
//! - What could not be looked at comes as an [`Unknown`] with the range that it hides: nothing in there may be
//!   taken for removed.
//! - Expanding a span again lists it again.
//! - Ranges that were chosen before anything was listed ([`Expansion::Ranges`]) count only where their [`Proof`] holds:
//!   where the listing comes in another order than that of the bytes, they may leave out what is there.
//! - What is open goes on to be read when its name is gone or leads elsewhere; where that cannot be, reading fails with
//!   [`io::ErrorKind::StaleNetworkFileHandle`], and never gives bytes of two versions without telling by the fingerprint.

mod counting;
mod faulty;
mod local;
mod memory;
mod object;

use std::io::{self, Read};
use std::sync::Arc;

use crate::model::{ErrorKind, Fingerprint, KeyRange, ReadAt, Select, SourcePath};

pub use counting::CountingSource;
pub use faulty::{FaultySource, Moment, Told};
pub use local::{LocalSource, OpenSourceError};
pub use memory::MemorySource;
pub use object::ObjectSource;
#[cfg(test)]
pub(crate) use object::testing;

/// Where the files come from.
pub trait Source: Send + Sync {
    /// Returns the span of everything.
    fn root(&self) -> Box<dyn Span>;

    /// Returns the span of everything, which may expand into [`Expansion::Ranges`] that part it behind each of `points`. They
    /// are in byte order, and need not exist. Where there are none, the source may look for some itself, if there is much
    /// more to list than `known` files.
    fn divided(&self, points: &[SourcePath], known: u64) -> Box<dyn Span> {
        let _ = (points, known);
        self.root()
    }

    /// Returns how many files are worth a range of their own; `None` where [`Self::divided`] is no other than
    /// [`Self::root`].
    fn range_files(&self) -> Option<u64> {
        None
    }

    /// Returns the file's fingerprint as it is now, `None` where there is no such file.
    ///
    /// # Errors
    /// [`ReadError`] where the file may exist but cannot be looked at.
    fn look(&self, path: &SourcePath) -> Result<Option<Fingerprint>, ReadError>;

    /// Says that the file will be opened soon, so that whoever has to ask for it may do so now. What is opened then is no
    /// older than the last listing and the last look at it.
    fn expect(&self, _path: &SourcePath) {}

    /// Opens the file for reading.
    ///
    /// # Errors
    /// [`ReadError::Vanished`] where there is no such file, [`ReadError::Archived`] where it has to be restored first, else
    /// [`ReadError::Failed`].
    fn open(&self, path: &SourcePath) -> Result<Box<dyn Input>, ReadError>;

    /// Returns what tells which files are inputs. [`Self::look`] and [`Self::open`] do not ask it.
    fn selection(&self) -> &dyn Select;

    /// Returns how the source is written on the command line, without secrets.
    fn describe(&self) -> String;

    /// Tells whether each look is a request, so that one listing is better than many looks.
    fn is_far(&self) -> bool {
        false
    }
}

/// A stretch of the listing that can be worked through on its own.
pub trait Span: Send + Sync {
    /// Returns the keys that it covers.
    fn range(&self) -> &KeyRange;

    /// Lists it, or splits it into smaller spans.
    ///
    /// # Errors
    /// [`Unknown`] where nothing in it can be looked at.
    fn expand(&self) -> Result<Expansion, Unknown>;
}

/// What a span turns out to be.
pub enum Expansion {
    /// Smaller spans that partition its range, in order.
    Spans(Vec<Box<dyn Span>>),
    /// Smaller spans that partition its range, in order; nothing of them counts unless the proof holds. Only
    /// [`Source::divided`] expands into these.
    Ranges(Vec<Box<dyn Span>>, Box<dyn Proof>),
    /// Its entries, in byte order.
    Entries(Box<dyn Entries>),
}

/// Whether ranges hold all there is.
pub trait Proof: Send + Sync {
    /// Tells so once each of the ranges has been walked through to its end. Where it is false, [`Source::root`] has to be
    /// listed instead.
    fn holds(&self) -> bool;
}

/// Walks through the entries of a span. The path of a file is lent, not given: most files are unchanged, and what is
/// unchanged is compared and forgotten.
pub trait Entries: Send {
    /// Moves to the next entry; `None` behind the last.
    fn next(&mut self) -> Option<Entry>;

    /// Returns the path of the file that the last call of [`Self::next`] found, archived or not; after anything else,
    /// any text.
    fn path(&self) -> &str;
}

/// One step of a listing.
#[derive(Debug)]
pub enum Entry {
    /// A file that the selection admits; [`Entries::path`] tells which.
    Found(Fingerprint),
    /// A file that the selection admits, and whose bytes cannot be had before somebody restores them;
    /// [`Entries::path`] tells which.
    Archived,
    /// A file that the selection does not admit, or that is none (a socket, a link that is not followed, an object that
    /// only stands for a directory).
    Skipped,
    /// Something that could not be looked at.
    Unknown(Unknown),
}

/// Entries that are in memory already, with the paths of those that are files.
#[derive(Debug, Default)]
pub struct ReadyEntries {
    left: std::vec::IntoIter<(Box<str>, Entry)>,
    path: Box<str>,
}

impl From<Vec<(Box<str>, Entry)>> for ReadyEntries {
    fn from(entries: Vec<(Box<str>, Entry)>) -> Self {
        Self {
            left: entries.into_iter(),
            path: Box::default(),
        }
    }
}

impl Entries for ReadyEntries {
    fn next(&mut self) -> Option<Entry> {
        let (path, entry) = self.left.next()?;
        self.path = path;
        Some(entry)
    }

    fn path(&self) -> &str {
        &self.path
    }
}

/// Returns all entries, with the paths of those that are files.
#[must_use]
pub fn collect(entries: Box<dyn Entries>) -> Vec<(Box<str>, Entry)> {
    collect_while(entries, |_| true)
}

/// Returns the entries as [`collect`] does, until `goes_on`, which is asked before each of them with how many files came
/// before it, is false.
pub fn collect_while(
    mut entries: Box<dyn Entries>,
    mut goes_on: impl FnMut(u64) -> bool,
) -> Vec<(Box<str>, Entry)> {
    let mut all = Vec::new();
    let mut files = 0;
    while goes_on(files)
        && let Some(entry) = entries.next()
    {
        let path = match entry {
            Entry::Found(_) | Entry::Archived => {
                files += 1;
                entries.path().into()
            }
            Entry::Skipped | Entry::Unknown(_) => Box::default(),
        };
        all.push((path, entry));
    }
    all
}

/// Something that could not be looked at, and the keys that it hides.
#[derive(Debug, thiserror::Error)]
#[error("cannot look at {path}")]
pub struct Unknown {
    /// What could not be looked at, as people read it (a name that is not UTF-8 is shown with replacements).
    pub path: String,
    /// The keys about which nothing is known now; `None` where no record can be concerned.
    pub hides: Option<KeyRange>,
    /// What kind of trouble.
    pub kind: ErrorKind,
    /// The system's own words.
    #[source]
    pub source: io::Error,
}

/// A file that could not be read this time. Never a reason to quarantine it.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is no such file (any more).
    #[error("{path} is gone from the source")]
    Vanished {
        /// The file.
        path: SourcePath,
    },
    /// Its bytes are in an archive, and cannot be had before somebody restores them.
    #[error("{path} is archived")]
    Archived {
        /// The file.
        path: SourcePath,
    },
    /// The system refused.
    #[error("cannot read {path}")]
    Failed {
        /// The file.
        path: SourcePath,
        /// The system's own words.
        #[source]
        source: io::Error,
    },
}

/// An open input: a stream from the front, and bytes at any place.
pub trait Input: Read + Send {
    /// Returns the fingerprint of what is open, for comparing with the listing before and after reading.
    ///
    /// # Errors
    /// What the system reports.
    fn fingerprint(&self) -> io::Result<Fingerprint>;

    /// Returns the same bytes for reading at any place.
    ///
    /// # Errors
    /// What the system reports.
    fn random_access(&self) -> io::Result<Arc<dyn ReadAt>>;

    /// Tells whether all bytes are those of the version that [`Self::fingerprint`] is of, whatever happens to the file
    /// meanwhile: then nobody has to look at it again after reading.
    fn is_one_version(&self) -> bool {
        false
    }

    /// Tells whether bytes that are read once more are fetched once more, so that a copy is worth its place.
    fn is_far(&self) -> bool {
        false
    }
}
