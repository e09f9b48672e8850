//! A source that fails, changes under the reader's eyes or lists out of order when told to.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::{ErrorKind, Fingerprint, KeyRange, ReadAt, Select, SourcePath};

use super::{
    Entries, Entry, Expansion, Input, ReadError, ReadyEntries, Source, Span, Unknown, collect,
};

/// A moment in the life of a file that is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// It is about to be opened.
    Opening,
    /// Some of it, or all, has just been read.
    Reading,
}

/// Who tells that a file is archived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// The listing does, and so does opening it.
    ByListing,
    /// Only opening it does.
    ByOpening,
}

type Hook = Box<dyn FnOnce() + Send>;

struct Fault {
    path: String,
    at: Moment,
    kind: io::ErrorKind,
    times: u32,
}

#[derive(Default)]
struct Plan {
    faults: Vec<Fault>,
    hooks: Vec<(String, Moment, Hook)>,
    hidden: Vec<(KeyRange, io::ErrorKind)>,
    reversed: Vec<KeyRange>,
    archived: Vec<(String, Told)>,
}

/// Lets another source fail. Clones share what is to happen.
#[derive(Clone)]
pub struct FaultySource {
    inner: Arc<dyn Source>,
    plan: Arc<Mutex<Plan>>,
}

impl FaultySource {
    /// Wraps `inner`; nothing happens yet.
    #[must_use]
    pub fn new(inner: Arc<dyn Source>) -> Self {
        Self {
            inner,
            plan: Arc::default(),
        }
    }

    /// Lets opening or reading `path` fail the next `times` times.
    pub fn fail(&self, path: &str, at: Moment, kind: io::ErrorKind, times: u32) {
        self.plan().faults.push(Fault {
            path: path.to_owned(),
            at,
            kind,
            times,
        });
    }

    /// Calls `hook` once, the next time that `path` comes to `at`: for changing a file while it is read.
    pub fn once(&self, path: &str, at: Moment, hook: impl FnOnce() + Send + 'static) {
        self.plan()
            .hooks
            .push((path.to_owned(), at, Box::new(hook)));
    }

    /// Lets the listing of `range` fail until it is healed.
    pub fn hide(&self, range: KeyRange, kind: io::ErrorKind) {
        self.plan().hidden.push((range, kind));
    }

    /// Lists the spans that touch `range` backwards until it is healed.
    pub fn reverse(&self, range: KeyRange) {
        self.plan().reversed.push(range);
    }

    /// Lets `path` be archived until it is healed.
    pub fn archive(&self, path: &str, told: Told) {
        self.plan().archived.push((path.to_owned(), told));
    }

    fn archived(&self, path: &str) -> Option<Told> {
        let plan = self.plan();
        let known = plan.archived.iter().find(|(name, _)| name == path);
        known.map(|(_, told)| *told)
    }

    /// Lets everything be as in the source below.
    pub fn heal(&self) {
        *self.plan() = Plan::default();
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn meet(&self, path: &str, at: Moment) -> io::Result<()> {
        let mut plan = self.plan();
        let due = |(name, moment, _): &(String, Moment, Hook)| name == path && *moment == at;
        let hook = plan.hooks.iter().position(due);
        let hook = hook.map(|index| plan.hooks.remove(index).2);
        let is_due = |fault: &&mut Fault| fault.path == path && fault.at == at && fault.times > 0;
        let fault = plan.faults.iter_mut().find(is_due).map(|fault| {
            fault.times -= 1;
            fault.kind
        });
        // The hook may well tell this source to do something else.
        drop(plan);
        if let Some(hook) = hook {
            hook();
        }
        fault.map_or(Ok(()), |kind| Err(kind.into()))
    }

    fn wrap<T>(&self, path: &str, inner: T) -> Faulty<T> {
        Faulty {
            source: self.clone(),
            path: path.to_owned(),
            inner,
        }
    }
}

impl Source for FaultySource {
    fn root(&self) -> Box<dyn Span> {
        Box::new(FaultySpan {
            source: self.clone(),
            inner: self.inner.root(),
        })
    }

    fn divided(&self, points: &[SourcePath], known: u64) -> Box<dyn Span> {
        Box::new(FaultySpan {
            source: self.clone(),
            inner: self.inner.divided(points, known),
        })
    }

    fn range_files(&self) -> Option<u64> {
        self.inner.range_files()
    }

    fn expect(&self, path: &SourcePath) {
        self.inner.expect(path);
    }

    fn look(&self, path: &SourcePath) -> Result<Option<Fingerprint>, ReadError> {
        self.inner.look(path)
    }

    fn open(&self, path: &SourcePath) -> Result<Box<dyn Input>, ReadError> {
        if self.archived(path).is_some() {
            return Err(ReadError::Archived { path: path.clone() });
        }
        self.meet(path, Moment::Opening)
            .map_err(|source| ReadError::Failed {
                path: path.clone(),
                source,
            })?;
        Ok(Box::new(self.wrap(path, self.inner.open(path)?)))
    }

    fn selection(&self) -> &dyn Select {
        self.inner.selection()
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }

    fn is_far(&self) -> bool {
        self.inner.is_far()
    }
}

struct FaultySpan {
    source: FaultySource,
    inner: Box<dyn Span>,
}

impl FaultySpan {
    /// Returns the parts of the span that cannot be listed.
    fn hidden(&self) -> Vec<(KeyRange, io::ErrorKind)> {
        let plan = self.source.plan();
        let overlap =
            |(range, kind): &(KeyRange, io::ErrorKind)| Some((range.overlap(self.range())?, *kind));
        plan.hidden.iter().filter_map(overlap).collect()
    }

    fn is_reversed(&self) -> bool {
        let plan = self.source.plan();
        plan.reversed
            .iter()
            .any(|range| range.overlap(self.range()).is_some())
    }

    fn change(&self, entries: Box<dyn Entries>) -> Vec<(Box<str>, Entry)> {
        let hidden = self.hidden();
        let mut before: Vec<(KeyRange, io::ErrorKind)> = hidden.clone();
        before.sort_by(|a, b| b.0.start.cmp(&a.0.start));
        let mut changed = Vec::new();
        for (path, entry) in collect(entries) {
            if let Entry::Found(_) | Entry::Archived = &entry {
                while let Some((range, kind)) = before.pop_if(|(range, _)| range.start <= path) {
                    changed.push((Box::default(), Entry::Unknown(unknown(range, kind))));
                }
                if hidden.iter().any(|(range, _)| range.contains(&path)) {
                    continue;
                }
            }
            let is_archived = self.source.archived(&path) == Some(Told::ByListing);
            let entry = if is_archived { Entry::Archived } else { entry };
            changed.push((path, entry));
        }
        for (range, kind) in before.into_iter().rev() {
            changed.push((Box::default(), Entry::Unknown(unknown(range, kind))));
        }
        if self.is_reversed() {
            changed.reverse();
        }
        changed
    }
}

fn unknown(hides: KeyRange, kind: io::ErrorKind) -> Unknown {
    Unknown {
        path: hides.start.to_string(),
        hides: Some(hides),
        kind: ErrorKind::Unreadable,
        source: kind.into(),
    }
}

impl Span for FaultySpan {
    fn range(&self) -> &KeyRange {
        self.inner.range()
    }

    fn expand(&self) -> Result<Expansion, Unknown> {
        let whole = |(range, _): &(KeyRange, io::ErrorKind)| range == self.range();
        if let Some((range, kind)) = self.hidden().into_iter().find(whole) {
            return Err(unknown(range, kind));
        }
        let wrap = |inner| -> Box<dyn Span> {
            Box::new(Self {
                source: self.source.clone(),
                inner,
            })
        };
        Ok(match self.inner.expand()? {
            Expansion::Spans(spans) => Expansion::Spans(spans.into_iter().map(wrap).collect()),
            Expansion::Ranges(spans, proof) => {
                Expansion::Ranges(spans.into_iter().map(wrap).collect(), proof)
            }
            Expansion::Entries(entries) => {
                Expansion::Entries(Box::new(ReadyEntries::from(self.change(entries))))
            }
        })
    }
}

/// What is open, with what is to happen to it.
struct Faulty<T> {
    source: FaultySource,
    path: String,
    inner: T,
}

impl Read for Faulty<Box<dyn Input>> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.source.meet(&self.path, Moment::Reading)?;
        Ok(count)
    }
}

impl Input for Faulty<Box<dyn Input>> {
    fn fingerprint(&self) -> io::Result<Fingerprint> {
        self.inner.fingerprint()
    }

    fn random_access(&self) -> io::Result<Arc<dyn ReadAt>> {
        let bytes = self.inner.random_access()?;
        Ok(Arc::new(self.source.wrap(&self.path, bytes)))
    }

    fn is_one_version(&self) -> bool {
        self.inner.is_one_version()
    }

    fn is_far(&self) -> bool {
        self.inner.is_far()
    }
}

impl ReadAt for Faulty<Arc<dyn ReadAt>> {
    fn len(&self) -> u64 {
        self.inner.len()
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.inner.read_exact_at(offset, buffer)?;
        self.source.meet(&self.path, Moment::Reading)
    }
}
