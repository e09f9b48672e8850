//! Joins the listing with the ledger: two streams in byte order of the path, range by range, side by side.
//!
//! # Invariants
//! - What is unchanged costs a comparison and leaves nothing behind; memory grows with the change only, and of new
//!   files no further than a [`Portion`] of them.
//! - A range whose entries turn out not to be in order is listed again, sorted, and joined anew.
//! - Of ranges that do not prove to hold all there is nothing counts: everything is listed again in one.
//! - A record is missed only where the listing of its range is complete; what an [`Unknown`] hides is left alone, also
//!   where that is told behind it.

mod join;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rayon::prelude::*;

use super::control::Control;
use super::hinted::{self, Extent};
use super::pace::Pace;
use super::portion::{Later, Portion, Shelf};
use super::ranges;
use crate::detect::{Glance, Look};
use crate::ledger::{FileCursor, LedgerError, View};
use crate::model::{FileRecord, Fingerprint, KeyRange, SourcePath, Timestamp};
use crate::source::{self, Entries, Entry, Expansion, Proof, ReadyEntries, Source, Span, Unknown};
use join::{Join, Stop};

/// A file about which there is something to decide.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) path: SourcePath,
    /// How it looks now; `None` where it is not listed.
    pub(super) seen: Option<Fingerprint>,
    pub(super) record: Option<FileRecord>,
    pub(super) glance: Glance,
}

/// What a pass over the source found.
#[derive(Debug, Default)]
pub(super) struct Discovery {
    /// In byte order of the paths.
    pub(super) found: Vec<Found>,
    /// New files that are left to later portions.
    pub(super) later: Option<Later>,
    pub(super) unknown: Vec<Unknown>,
    pub(super) listed: u64,
    pub(super) unchanged: u64,
    pub(super) skipped: u64,
    /// Files that are there and cannot be read before somebody restores them: new ones are left alone, and the rows of
    /// known ones as they are.
    pub(super) archived: u64,
    /// The highest mtime of all that is listed.
    pub(super) newest: Option<Timestamp>,
    /// One of so many files as are worth a range, in byte order of the paths.
    samples: Vec<SourcePath>,
}

impl Discovery {
    fn append(&mut self, mut later: Self) {
        self.unknown.append(&mut later.unknown);
        self.listed += later.listed;
        self.unchanged += later.unchanged;
        self.skipped += later.skipped;
        self.archived += later.archived;
        self.newest = self.newest.max(later.newest);
        self.samples.append(&mut later.samples);
    }
}

/// What every range needs.
struct Pass<'a> {
    source: &'a dyn Source,
    view: &'a View,
    look: Look,
    portion: &'a Portion,
    shelf: Mutex<Shelf>,
    control: &'a Control,
    /// How many files are told of already when everything is listed again.
    told: AtomicU64,
}

/// Lists the source, or looks at some files of it, and compares that with the ledger, for the changes of one portion. Call it
/// inside the pool of workers.
///
/// # Errors
/// [`LedgerError`] where the ledger cannot be read. Trouble with the source is part of the result.
pub(super) fn discover(
    source: &dyn Source,
    view: &View,
    look: Look,
    (portion, extent): (&Portion, &Extent),
    control: &Control,
) -> Result<Discovery, LedgerError> {
    let pass = Pass {
        source,
        view,
        look,
        portion,
        shelf: Mutex::new(Shelf::new(portion)),
        control,
        told: AtomicU64::new(0),
    };
    let mut discovery = match extent {
        Extent::Everything => pass.span(&*ranges::root(source, view, portion)?, &mut None)?,
        Extent::Files(paths) => pass.files(paths)?,
    };
    let shelf = pass.shelf.into_inner();
    let (found, later) = shelf.unwrap_or_else(PoisonError::into_inner).into_found();
    let points = ranges::points(std::mem::take(&mut discovery.samples));
    Ok(Discovery {
        found,
        later: later.map(|later| Later { points, ..later }),
        ..discovery
    })
}

impl Pass<'_> {
    /// `records` is where an earlier range left off in the ledger: the next one mostly begins there.
    fn span(
        &self,
        span: &dyn Span,
        records: &mut Option<FileCursor>,
    ) -> Result<Discovery, LedgerError> {
        if self.portion.is_behind(span.range()) {
            return Ok(Discovery::default());
        }
        self.listed(span, records)
    }

    fn listed(
        &self,
        span: &dyn Span,
        records: &mut Option<FileCursor>,
    ) -> Result<Discovery, LedgerError> {
        if !self.control.takes_more() {
            return Ok(Discovery::default());
        }
        match span.expand() {
            Err(unknown) => Ok(Discovery {
                unknown: vec![unknown],
                ..Discovery::default()
            }),
            Ok(Expansion::Spans(spans)) => {
                side_by_side(spans, |span, records| self.span(span, records))
            }
            Ok(Expansion::Ranges(spans, proof)) => self.ranges(spans, &*proof),
            Ok(Expansion::Entries(entries)) => self.entries(span, entries, records),
        }
    }

    /// Takes single files, of which nothing follows for any other.
    fn files(&self, paths: &[SourcePath]) -> Result<Discovery, LedgerError> {
        // Whatever was fetched before may be old by now.
        drop(self.source.root());
        let mut whole = Discovery::default();
        let mut records = None;
        for looked in hinted::look(self.source, paths, self.control) {
            let mut pace = Pace::untold(self.control);
            let entries = Box::new(looked.entries);
            let joined = self.join(&looked.range, entries, &mut records, &mut pace)?;
            whole.append(joined.unwrap_or_default());
        }
        Ok(whole)
    }

    /// Takes the ranges side by side, and everything in one where they do not prove to be all there is.
    fn ranges(
        &self,
        spans: Vec<Box<dyn Span>>,
        proof: &dyn Proof,
    ) -> Result<Discovery, LedgerError> {
        let told = || self.control.progress().files_listed.load(Relaxed);
        let before = told();
        let whole = ranges::waiting(spans.len(), || {
            side_by_side(spans, |span, records| self.listed(span, records))
        })?;
        if proof.holds() && self.is_gone_what_is_missed() {
            return Ok(whole);
        }
        *self.shelf() = Shelf::new(self.portion);
        self.told.store(told().saturating_sub(before), Relaxed);
        self.span(&*self.source.root(), &mut None)
    }

    /// Looks at some of the files that were not listed.
    fn is_gone_what_is_missed(&self) -> bool {
        let missed = self.shelf().some_missed(ranges::LOOKS);
        let mut missed = missed.iter();
        missed.all(|path| matches!(self.source.look(path), Ok(None)))
    }

    fn entries(
        &self,
        span: &dyn Span,
        entries: Box<dyn Entries>,
        records: &mut Option<FileCursor>,
    ) -> Result<Discovery, LedgerError> {
        let mut pace = if self.portion.is_fresh() {
            Pace::told_from(self.control, self.told.load(Relaxed))
        } else {
            Pace::untold(self.control)
        };
        match self.join(span.range(), entries, records, &mut pace)? {
            Some(joined) => Ok(joined),
            None => self.sorted(span, &mut pace),
        }
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns nothing where the entries are not in byte order. Of a range that was interrupted nothing is known.
    fn join(
        &self,
        range: &KeyRange,
        entries: Box<dyn Entries>,
        records: &mut Option<FileCursor>,
        pace: &mut Pace<'_>,
    ) -> Result<Option<Discovery>, LedgerError> {
        let mut join = Join::new(self, range, entries, pace);
        let gone_on = records.take().map(|cursor| cursor.go_on(range));
        let mut cursor = match gone_on.transpose()?.flatten() {
            Some(cursor) => cursor,
            None => self.view.files(range)?,
        };
        let merged = join.merge(&mut cursor);
        *records = Some(cursor);
        match merged {
            Ok(()) => {
                if !join.findings.is_empty() {
                    self.shelf().put(range, join.findings);
                }
                join.pace.tell(join.out.listed);
                Ok(Some(join.out))
            }
            Err(Stop::Interrupted) => Ok(Some(Discovery::default())),
            Err(Stop::Disorder) => Ok(None),
            Err(Stop::Ledger(error)) => Err(error),
        }
    }

    /// Lists a range again whose entries were out of order, and joins it sorted.
    fn sorted(&self, span: &dyn Span, pace: &mut Pace<'_>) -> Result<Discovery, LedgerError> {
        let mut entries = match span.expand() {
            Ok(Expansion::Entries(entries)) => {
                source::collect_while(entries, |listed| pace.goes_on(listed))
            }
            Ok(Expansion::Spans(_)) => return self.span(span, &mut None),
            Ok(Expansion::Ranges(..)) => return self.sorted(&*self.source.root(), pace),
            Err(unknown) => vec![("".into(), Entry::Unknown(unknown))],
        };
        if !self.control.takes_more() {
            return Ok(Discovery::default());
        }
        // Trouble first, so that what it hides is known before anything could be missed.
        let key = |(path, entry): &(Box<str>, Entry)| match entry {
            Entry::Found(_) | Entry::Archived => Some(path.clone()),
            Entry::Skipped | Entry::Unknown(_) => None,
        };
        entries.sort_by_cached_key(key);
        entries.dedup_by(|a, b| key(a).is_some() && key(a) == key(b));
        let entries = Box::new(ReadyEntries::from(entries));
        let joined = self.join(span.range(), entries, &mut None, pace)?;
        Ok(joined.unwrap_or_else(|| Discovery {
            unknown: vec![out_of_range(span.range())],
            ..Discovery::default()
        }))
    }
}

/// Does with each of the spans what is to be done, and appends what comes of it in their order.
fn side_by_side(
    spans: Vec<Box<dyn Span>>,
    each: impl Fn(&dyn Span, &mut Option<FileCursor>) -> Result<Discovery, LedgerError> + Sync + Send,
) -> Result<Discovery, LedgerError> {
    let parts: Result<Vec<Discovery>, LedgerError> = spans
        .into_par_iter()
        .map_init(|| None, |records, span| each(&*span, records))
        .collect();
    let mut whole = Discovery::default();
    parts?.into_iter().for_each(|part| whole.append(part));
    Ok(whole)
}

/// A lister that names files outside the range it was asked for cannot be believed about that range.
fn out_of_range(range: &KeyRange) -> Unknown {
    Unknown {
        path: range.start.to_string(),
        hides: Some(range.clone()),
        kind: crate::model::ErrorKind::Unreadable,
        source: std::io::Error::other(
            "the listing names files outside the range that was asked for",
        ),
    }
}
