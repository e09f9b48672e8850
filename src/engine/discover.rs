//! Joins the listing with the ledger: two streams in byte order of the path, range by range, side by side.
//!
//! # Invariants
//! - What is unchanged costs a comparison and leaves nothing behind; memory grows with the change only, and of new
//!   files no further than a [`Portion`] of them.
//! - A range whose entries turn out not to be in order is listed again, sorted, and joined anew.
//! - A listing that was cut short, by a signal or by a limit, is not to be believed: [`Control`] tells.
//! - A record is missed only where the listing of its range is complete; what an [`Unknown`] hides is left alone, also
//!   where that is told behind it.

use std::cmp::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rayon::prelude::*;

use super::control::Control;
use super::pace::Pace;
use super::portion::{Findings, Later, Portion, Shelf};
use crate::detect::{self, Change, Glance, Look};
use crate::ledger::{FileCursor, FileRow, LedgerError, View};
use crate::model::{FileRecord, Fingerprint, KeyRange, SourcePath, Timestamp};
use crate::source::{self, Entries, Entry, Expansion, ReadyEntries, Source, Span, Unknown};

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
}

impl Discovery {
    fn append(&mut self, mut later: Self) {
        self.unknown.append(&mut later.unknown);
        self.listed += later.listed;
        self.unchanged += later.unchanged;
        self.skipped += later.skipped;
        self.archived += later.archived;
        self.newest = self.newest.max(later.newest);
    }
}

/// What every range needs.
struct Pass<'a> {
    view: &'a View,
    look: Look,
    portion: &'a Portion,
    shelf: Mutex<Shelf>,
    control: &'a Control,
}

/// Lists the source and compares it with the ledger, for the changes of one portion. Call it inside the pool of
/// workers.
///
/// # Errors
/// [`LedgerError`] where the ledger cannot be read. Trouble with the source is part of the result.
pub(super) fn discover(
    source: &dyn Source,
    view: &View,
    look: Look,
    portion: &Portion,
    control: &Control,
) -> Result<Discovery, LedgerError> {
    let root = source.root();
    let pass = Pass {
        view,
        look,
        portion,
        shelf: Mutex::new(Shelf::new(portion)),
        control,
    };
    let discovery = pass.span(&*root, &mut None)?;
    let shelf = pass.shelf.into_inner();
    let (found, later) = shelf.unwrap_or_else(PoisonError::into_inner).into_found();
    Ok(Discovery {
        found,
        later,
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
        if self.portion.is_behind(span.range()) || !self.control.takes_more() {
            return Ok(Discovery::default());
        }
        match span.expand() {
            Err(unknown) => Ok(Discovery {
                unknown: vec![unknown],
                ..Discovery::default()
            }),
            Ok(Expansion::Spans(spans)) => {
                let parts: Result<Vec<Discovery>, LedgerError> = spans
                    .into_par_iter()
                    .map_init(|| None, |records, span| self.span(&*span, records))
                    .collect();
                let mut whole = Discovery::default();
                parts?.into_iter().for_each(|part| whole.append(part));
                Ok(whole)
            }
            Ok(Expansion::Entries(entries)) => self.entries(span, entries, records),
        }
    }

    fn entries(
        &self,
        span: &dyn Span,
        entries: Box<dyn Entries>,
        records: &mut Option<FileCursor>,
    ) -> Result<Discovery, LedgerError> {
        let mut pace = if self.portion.is_fresh() {
            Pace::told(self.control)
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

/// Why a merge did not come to its end.
enum Stop {
    /// The range came in another order, or with paths that are not its own.
    Disorder,
    /// Somebody asked to.
    Interrupted,
    Ledger(LedgerError),
}

impl From<LedgerError> for Stop {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

/// A file that is listed.
enum Listed {
    Here(Fingerprint),
    Archived,
}

/// The merge join of one range.
struct Join<'a, 'p> {
    look: &'a Look,
    portion: &'a Portion,
    /// How many new files are kept.
    room: usize,
    range: &'a KeyRange,
    entries: Box<dyn Entries>,
    pace: &'a mut Pace<'p>,
    /// The listed file that comes next, and has not been judged yet.
    next: Option<Listed>,
    /// Its path; one text for all of them, so that what is unchanged allocates nothing.
    path: String,
    out: Discovery,
    findings: Findings,
    hidden: Vec<KeyRange>,
}

impl<'a, 'p> Join<'a, 'p> {
    fn new(
        pass: &'a Pass<'_>,
        range: &'a KeyRange,
        entries: Box<dyn Entries>,
        pace: &'a mut Pace<'p>,
    ) -> Self {
        Self {
            look: &pass.look,
            portion: pass.portion,
            room: pass.shelf().room(range),
            range,
            entries,
            pace,
            next: None,
            path: String::new(),
            out: Discovery::default(),
            findings: Findings::default(),
            hidden: Vec::new(),
        }
    }

    fn merge(&mut self, records: &mut FileCursor) -> Result<(), Stop> {
        self.pull()?;
        while let Some(row) = records.next()? {
            let mut order = self.compared_with(row.path);
            while order == Ordering::Less {
                self.judge(None);
                self.pull()?;
                order = self.compared_with(row.path);
            }
            if order == Ordering::Equal {
                self.compare(&row);
                self.pull()?;
            } else {
                self.miss(&row);
            }
        }
        while self.next.is_some() {
            self.judge(None);
            self.pull()?;
        }
        Ok(())
    }

    /// Returns how the listed file that comes next lies to `path`; behind everything where none comes.
    fn compared_with(&self, path: &str) -> Ordering {
        match self.next {
            Some(_) => self.path.as_str().cmp(path),
            None => Ordering::Greater,
        }
    }

    /// Moves to the next listed file, noting what else comes on the way.
    fn pull(&mut self) -> Result<(), Stop> {
        while let Some(entry) = self.entries.next() {
            if !self.pace.goes_on(self.out.listed) {
                return Err(Stop::Interrupted);
            }
            match entry {
                Entry::Found(seen) => {
                    self.advance()?;
                    self.out.newest = self.out.newest.max(Some(seen.modified_at));
                    self.next = Some(Listed::Here(seen));
                    return Ok(());
                }
                Entry::Archived => {
                    self.advance()?;
                    self.next = Some(Listed::Archived);
                    return Ok(());
                }
                Entry::Skipped => self.out.skipped += 1,
                Entry::Unknown(unknown) => {
                    if let Some(hides) = &unknown.hides {
                        self.findings.take_back_missed(hides);
                        self.hidden.push(hides.clone());
                    }
                    self.out.unknown.push(unknown);
                }
            }
        }
        self.next = None;
        Ok(())
    }

    /// Takes over the path of the file just found, which must lie in the range and behind the one before.
    fn advance(&mut self) -> Result<(), Stop> {
        let path = self.entries.path();
        let is_behind = match self.out.listed {
            0 => *self.range.start <= *path,
            _ => *self.path < *path,
        };
        if !is_behind || self.range.end.as_deref().is_some_and(|end| end <= path) {
            return Err(Stop::Disorder);
        }
        self.path.clear();
        self.path.push_str(path);
        self.out.listed += 1;
        Ok(())
    }

    fn compare(&mut self, row: &FileRow<'_>) {
        let Some(Listed::Here(seen)) = &self.next else {
            return self.compare_archived(row);
        };
        let equal = row.hash().is_some() && row.seen_equals(seen);
        if detect::is_plainly_unchanged(equal, row.racy(), row.standing(), self.look) {
            self.out.unchanged += 1;
        } else {
            self.judge(Some(row.record()));
        }
    }

    fn compare_archived(&mut self, row: &FileRow<'_>) {
        self.judge(None);
        let verdict = detect::archived(row.standing());
        if verdict.change != Change::Unchanged {
            let record = row.record();
            self.keep(Found {
                path: SourcePath::new(row.path),
                seen: Some(record.seen.clone()),
                glance: Glance::Decided(verdict),
                record: Some(record),
            });
        }
    }

    /// Decides about the listed file that comes next.
    fn judge(&mut self, record: Option<FileRecord>) {
        let seen = match self.next.take() {
            Some(Listed::Here(seen)) => seen,
            Some(Listed::Archived) => {
                self.out.archived += 1;
                return;
            }
            None => return,
        };
        let glance = detect::glance(&seen, record.as_ref(), self.look);
        self.keep(Found {
            path: SourcePath::from(self.path.as_str()),
            seen: Some(seen),
            record,
            glance,
        });
    }

    fn keep(&mut self, found: Found) {
        self.findings.keep(found, self.portion, self.room);
    }

    /// A record that is not listed.
    fn miss(&mut self, row: &FileRow<'_>) {
        let hidden = self.hidden.iter().any(|range| range.contains(row.path));
        if hidden {
            return;
        }
        let record = row.record();
        let verdict = detect::missing(&record, self.look);
        if verdict.change != Change::Unchanged {
            self.keep(Found {
                path: SourcePath::new(row.path),
                seen: None,
                glance: Glance::Decided(verdict),
                record: Some(record),
            });
        }
    }
}
