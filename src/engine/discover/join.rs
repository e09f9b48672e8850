//! The merge join of one range: what is listed against what is recorded, in one pass.

use std::cmp::Ordering;

use super::super::pace::Pace;
use super::super::portion::{Findings, Portion};
use super::{Discovery, Found, Pass};
use crate::detect::{self, Change, Glance, Look};
use crate::ledger::{FileCursor, FileRow, LedgerError};
use crate::model::{FileRecord, Fingerprint, KeyRange, SourcePath};
use crate::source::{Entries, Entry};

/// Why a merge did not come to its end.
pub(super) enum Stop {
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
pub(super) struct Join<'a, 'p> {
    look: &'a Look,
    portion: &'a Portion,
    /// How many new files are kept.
    room: usize,
    /// One of so many files is a sample.
    sampled: Option<u64>,
    range: &'a KeyRange,
    entries: Box<dyn Entries>,
    pub(super) pace: &'a mut Pace<'p>,
    /// The listed file that comes next, and has not been judged yet.
    next: Option<Listed>,
    /// Its path; one text for all of them, so that what is unchanged allocates nothing.
    path: String,
    pub(super) out: Discovery,
    pub(super) findings: Findings,
    hidden: Vec<KeyRange>,
}

impl<'a, 'p> Join<'a, 'p> {
    pub(super) fn new(
        pass: &'a Pass<'_>,
        range: &'a KeyRange,
        entries: Box<dyn Entries>,
        pace: &'a mut Pace<'p>,
    ) -> Self {
        Self {
            look: &pass.look,
            portion: pass.portion,
            room: pass.shelf().room(range),
            sampled: pass.source.range_files(),
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

    pub(super) fn merge(&mut self, records: &mut FileCursor) -> Result<(), Stop> {
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
        if self
            .sampled
            .is_some_and(|each| self.out.listed.is_multiple_of(each))
        {
            self.out.samples.push(SourcePath::from(path));
        }
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
