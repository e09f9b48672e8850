//! Joins the listing with the ledger: two streams in byte order of the path, range by range, side by side.
//!
//! # Invariants
//! - What is unchanged costs a comparison and leaves nothing behind; memory grows with the change only.
//! - A range whose entries turn out not to be in order is listed again, sorted, and joined anew.
//! - A record is missed only where the listing of its range is complete; what an [`Unknown`] hides is left alone.

use rayon::prelude::*;

use super::control::{Control, Progress};
use crate::detect::{self, Change, Glance, Look};
use crate::ledger::{FileCursor, FileRow, LedgerError, View};
use crate::model::{FileRecord, Fingerprint, KeyRange, Listed, SourcePath, Timestamp};
use crate::source::{Entry, Expansion, Source, Span, Unknown};

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
    pub(super) unknown: Vec<Unknown>,
    pub(super) listed: u64,
    pub(super) unchanged: u64,
    pub(super) skipped: u64,
    /// The highest mtime of all that is listed.
    pub(super) newest: Option<Timestamp>,
}

impl Discovery {
    fn append(&mut self, mut later: Self) {
        self.found.append(&mut later.found);
        self.unknown.append(&mut later.unknown);
        self.listed += later.listed;
        self.unchanged += later.unchanged;
        self.skipped += later.skipped;
        self.newest = self.newest.max(later.newest);
    }
}

/// What every range needs.
struct Pass<'a> {
    view: &'a View,
    look: Look,
    control: &'a Control,
}

/// Lists the source and compares it with the ledger. Call it inside the pool of workers.
///
/// # Errors
/// [`LedgerError`] where the ledger cannot be read. Trouble with the source is part of the result.
pub(super) fn discover(
    source: &dyn Source,
    view: &View,
    look: Look,
    control: &Control,
) -> Result<Discovery, LedgerError> {
    let root = source.root();
    Pass {
        view,
        look,
        control,
    }
    .span(&*root)
}

impl Pass<'_> {
    fn span(&self, span: &dyn Span) -> Result<Discovery, LedgerError> {
        if self.control.is_interrupted() {
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
                    .map(|span| self.span(&*span))
                    .collect();
                let mut whole = Discovery::default();
                parts?.into_iter().for_each(|part| whole.append(part));
                Ok(whole)
            }
            Ok(Expansion::Entries(entries)) => {
                let joined = match self.join(span.range(), entries)? {
                    Ordered::Yes(joined) => joined,
                    Ordered::No => self.sorted(span)?,
                };
                let listed = &self.control.progress().files_listed;
                Progress::add(listed, joined.listed);
                Ok(joined)
            }
        }
    }

    fn join(
        &self,
        range: &KeyRange,
        entries: Box<dyn Iterator<Item = Entry> + Send>,
    ) -> Result<Ordered, LedgerError> {
        Join::new(&self.look, range).run(entries, self.view.files(range)?)
    }

    /// Lists a range again whose entries were out of order, and joins it sorted.
    fn sorted(&self, span: &dyn Span) -> Result<Discovery, LedgerError> {
        let mut entries: Vec<Entry> = match span.expand() {
            Ok(Expansion::Entries(entries)) => entries.collect(),
            Ok(Expansion::Spans(_)) => return self.span(span),
            Err(unknown) => vec![Entry::Unknown(unknown)],
        };
        entries.sort_by(|a, b| sort_key(a).cmp(&sort_key(b)));
        entries.dedup_by(
            |a, b| matches!((a, b), (Entry::Found(a), Entry::Found(b)) if a.path == b.path),
        );
        match self.join(span.range(), Box::new(entries.into_iter()))? {
            Ordered::Yes(joined) => Ok(joined),
            Ordered::No => Ok(Discovery {
                unknown: vec![out_of_range(span.range())],
                ..Discovery::default()
            }),
        }
    }
}

/// Trouble first, so that what it hides is known before anything could be missed.
fn sort_key(entry: &Entry) -> Option<&str> {
    match entry {
        Entry::Found(listed) => Some(&listed.path),
        Entry::Skipped | Entry::Unknown(_) => None,
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

/// Whether a range came in byte order.
enum Ordered {
    Yes(Discovery),
    No,
}

/// The range came in another order, or with paths that are not its own.
struct Disorder;

/// The merge join of one range.
struct Join<'a> {
    look: &'a Look,
    range: &'a KeyRange,
    out: Discovery,
    hidden: Vec<KeyRange>,
    last: Option<SourcePath>,
}

impl<'a> Join<'a> {
    fn new(look: &'a Look, range: &'a KeyRange) -> Self {
        Self {
            look,
            range,
            out: Discovery::default(),
            hidden: Vec::new(),
            last: None,
        }
    }

    fn run(
        mut self,
        mut entries: Box<dyn Iterator<Item = Entry> + Send>,
        mut records: FileCursor,
    ) -> Result<Ordered, LedgerError> {
        match self.merge(&mut *entries, &mut records)? {
            Ok(()) => Ok(Ordered::Yes(self.out)),
            Err(Disorder) => Ok(Ordered::No),
        }
    }

    fn merge(
        &mut self,
        entries: &mut dyn Iterator<Item = Entry>,
        records: &mut FileCursor,
    ) -> Result<Result<(), Disorder>, LedgerError> {
        macro_rules! pull {
            () => {
                match self.pull(entries) {
                    Ok(next) => next,
                    Err(disorder) => return Ok(Err(disorder)),
                }
            };
        }
        let mut next = pull!();
        while let Some(row) = records.next()? {
            while let Some(listed) = next.take_if(|listed| *listed.path < *row.path) {
                self.judge(listed, None);
                next = pull!();
            }
            if let Some(listed) = next.take_if(|listed| *listed.path == *row.path) {
                self.compare(listed, &row);
                next = pull!();
            } else {
                self.miss(&row);
            }
        }
        while let Some(listed) = next {
            self.judge(listed, None);
            next = pull!();
        }
        Ok(Ok(()))
    }

    /// Returns the next listed file, noting what else comes on the way.
    fn pull(
        &mut self,
        entries: &mut dyn Iterator<Item = Entry>,
    ) -> Result<Option<Listed>, Disorder> {
        for entry in entries {
            match entry {
                Entry::Found(listed) => {
                    let in_order = self.last.as_ref().is_none_or(|last| *last < listed.path);
                    if !in_order || !self.range.contains(&listed.path) {
                        return Err(Disorder);
                    }
                    self.last = Some(listed.path.clone());
                    self.out.listed += 1;
                    self.out.newest = self.out.newest.max(Some(listed.fingerprint.modified_at));
                    return Ok(Some(listed));
                }
                Entry::Skipped => self.out.skipped += 1,
                Entry::Unknown(unknown) => {
                    self.hidden.extend(unknown.hides.clone());
                    self.out.unknown.push(unknown);
                }
            }
        }
        Ok(None)
    }

    fn compare(&mut self, listed: Listed, row: &FileRow<'_>) {
        let equal = row.hash().is_some() && row.seen_equals(&listed.fingerprint);
        if detect::is_plainly_unchanged(equal, row.racy(), row.standing(), self.look) {
            self.out.unchanged += 1;
        } else {
            self.judge(listed, Some(row.record()));
        }
    }

    fn judge(&mut self, listed: Listed, record: Option<FileRecord>) {
        let glance = detect::glance(&listed.fingerprint, record.as_ref(), self.look);
        self.out.found.push(Found {
            path: listed.path,
            seen: Some(listed.fingerprint),
            record,
            glance,
        });
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
            self.out.found.push(Found {
                path: SourcePath::new(row.path),
                seen: None,
                glance: Glance::Decided(verdict),
                record: Some(record),
            });
        }
    }
}
