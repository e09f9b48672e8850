//! A source in memory, with the habits of a real file system.
//!
//! Writing sets mtime and ctime to what the clock says, so two writes within one tick of it leave the same stamps;
//! renaming keeps the inode and mtime and moves ctime; the inode number of a removed file is given to the next new
//! one; a file that is read while it is written shows the new bytes. Directories are implied by the paths.

mod files;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::Clock;
use crate::model::{
    ErrorKind, Fingerprint, KeyRange, ReadAt, Select, SelectAll, SourcePath, Timestamp,
};

use super::{Entry, Expansion, Input, ReadError, ReadyEntries, Source, Span, Unknown};
use files::{Content, Files};

/// A source in memory. Clones share it.
#[derive(Clone)]
pub struct MemorySource {
    shared: Arc<Shared>,
}

impl MemorySource {
    /// Returns an empty source whose stamps come from `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::with_span_files(clock, 64)
    }

    /// As [`MemorySource::new`], but lists in spans of `span_files` files (at least one).
    #[must_use]
    pub fn with_span_files(clock: Arc<dyn Clock>, span_files: usize) -> Self {
        Self {
            shared: Arc::new(Shared {
                files: Mutex::default(),
                clock,
                span_files: span_files.max(1),
            }),
        }
    }

    /// Writes `bytes` to `path` in place, creating it if missing. An existing file keeps its inode.
    pub fn write(&self, path: &str, bytes: impl Into<Vec<u8>>) {
        let now = self.shared.clock.now();
        let bytes = bytes.into();
        self.files().change(path, now, |old| *old = bytes);
    }

    /// Puts a new file with `bytes` at `path`, as writing elsewhere and renaming over it does.
    pub fn replace(&self, path: &str, bytes: impl Into<Vec<u8>>) {
        let now = self.shared.clock.now();
        self.files().put(path, bytes.into(), now);
    }

    /// Adds `bytes` to the end of `path`, creating it if missing.
    pub fn append(&self, path: &str, bytes: &[u8]) {
        let now = self.shared.clock.now();
        self.files()
            .change(path, now, |old| old.extend_from_slice(bytes));
    }

    /// Sets mtime and ctime to now; does nothing where there is no such file.
    pub fn touch(&self, path: &str) {
        let now = self.shared.clock.now();
        self.files().stamp(path, Some(now), now);
    }

    /// Sets mtime to `modified_at` and ctime to now, as `utimes` does; does nothing where there is no such file.
    pub fn set_modified_at(&self, path: &str, modified_at: Timestamp) {
        let now = self.shared.clock.now();
        self.files().stamp(path, Some(modified_at), now);
    }

    /// Renames `from` over `to`; does nothing where there is no such file.
    pub fn rename(&self, from: &str, to: &str) {
        let now = self.shared.clock.now();
        self.files().rename(from, to, now);
    }

    /// Removes `path`; does nothing where there is no such file. Whoever has it open can go on reading.
    pub fn remove(&self, path: &str) {
        self.files().remove(path);
    }

    /// Denies reading the file `path`, or, where `path` ends in `/` or is empty, looking into that directory.
    pub fn deny(&self, path: &str) {
        self.files().denied.insert(path.to_owned());
    }

    /// Takes back what [`MemorySource::deny`] did.
    pub fn allow(&self, path: &str) {
        self.files().denied.remove(path);
    }

    /// Returns the paths with their bytes, whatever is denied: the truth to check against.
    #[must_use]
    pub fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        self.files().contents()
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.shared.lock()
    }
}

impl Source for MemorySource {
    fn root(&self) -> Box<dyn Span> {
        Box::new(MemorySpan {
            shared: Arc::clone(&self.shared),
            range: KeyRange::all(),
            extent: Extent::Everything,
        })
    }

    fn look(&self, path: &SourcePath) -> Result<Option<Fingerprint>, ReadError> {
        let files = self.files();
        files
            .may_enter(path)
            .map_err(|source| failed(path, source))?;
        Ok(files.content(path).map(|content| content.fingerprint()))
    }

    fn open(&self, path: &SourcePath) -> Result<Box<dyn Input>, ReadError> {
        let files = self.files();
        files
            .may_read(path)
            .map_err(|source| failed(path, source))?;
        match files.content(path) {
            Some(content) => Ok(Box::new(MemoryInput { content, offset: 0 })),
            None => Err(ReadError::Vanished { path: path.clone() }),
        }
    }

    fn selection(&self) -> &dyn Select {
        &SelectAll
    }

    fn describe(&self) -> String {
        "memory".to_owned()
    }
}

fn failed(path: &SourcePath, source: io::Error) -> ReadError {
    ReadError::Failed {
        path: path.clone(),
        source,
    }
}

struct Shared {
    files: Mutex<Files>,
    clock: Arc<dyn Clock>,
    span_files: usize,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How much of the source a span stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    Everything,
    Stretch,
}

struct MemorySpan {
    shared: Arc<Shared>,
    range: KeyRange,
    extent: Extent,
}

impl MemorySpan {
    /// Splits everything into stretches of about as many files.
    fn split(&self) -> Vec<Box<dyn Span>> {
        let files = self.shared.lock();
        let starts = files
            .paths()
            .step_by(self.shared.span_files)
            .skip(1)
            .map(Box::from);
        let starts: Vec<Box<str>> = std::iter::once(Box::from("")).chain(starts).collect();
        let ends = starts.iter().skip(1).cloned().map(Some).chain([None]);
        let spans = starts.iter().zip(ends).map(|(start, end)| {
            let range = KeyRange {
                start: start.clone(),
                end,
            };
            let span: Box<dyn Span> = Box::new(Self {
                shared: Arc::clone(&self.shared),
                range,
                extent: Extent::Stretch,
            });
            span
        });
        spans.collect()
    }

    /// Returns the parts of the span that must not be looked into, in order.
    fn hidden(&self, files: &Files) -> Vec<(String, KeyRange)> {
        let outermost: BTreeSet<&String> = files.denied_dirs().collect();
        let mut hidden: Vec<(String, KeyRange)> = Vec::new();
        for dir in outermost {
            let inside = hidden
                .last()
                .is_some_and(|(above, _)| dir.starts_with(above.as_str()));
            if !inside && let Some(part) = KeyRange::below(dir).overlap(&self.range) {
                hidden.push((dir.clone(), part));
            }
        }
        hidden
    }
}

impl Span for MemorySpan {
    fn range(&self) -> &KeyRange {
        &self.range
    }

    fn expand(&self) -> Result<Expansion, Unknown> {
        let files = self.shared.lock();
        let hidden = self.hidden(&files);
        if let [(dir, part)] = hidden.as_slice()
            && *part == self.range
        {
            return Err(unknown(dir, part.clone()));
        }
        if self.extent == Extent::Everything && files.count() > self.shared.span_files {
            drop(files);
            return Ok(Expansion::Spans(self.split()));
        }
        let mut entries: Vec<(Box<str>, Entry)> = Vec::new();
        for path in files.paths().filter(|path| self.range.contains(path)) {
            if hidden.iter().any(|(_, part)| part.contains(path)) {
                continue;
            }
            if let Some(content) = files.content(path) {
                entries.push((path.into(), Entry::Found(content.fingerprint())));
            }
        }
        for (dir, part) in hidden {
            entries.push((part.start.clone(), Entry::Unknown(unknown(&dir, part))));
        }
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(Expansion::Entries(Box::new(ReadyEntries::from(entries))))
    }
}

fn unknown(dir: &str, hides: KeyRange) -> Unknown {
    Unknown {
        path: dir.to_owned(),
        hides: Some(hides),
        kind: ErrorKind::Unreadable,
        source: io::ErrorKind::PermissionDenied.into(),
    }
}

struct MemoryInput {
    content: Content,
    offset: u64,
}

impl Read for MemoryInput {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.content.read(self.offset, buffer);
        self.offset += count as u64;
        Ok(count)
    }
}

impl Input for MemoryInput {
    fn fingerprint(&self) -> io::Result<Fingerprint> {
        Ok(self.content.fingerprint())
    }

    fn random_access(&self) -> io::Result<Arc<dyn ReadAt>> {
        Ok(Arc::new(self.content.clone()))
    }
}
