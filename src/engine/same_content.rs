//! `--same-content`: the same bytes under two live names.
//!
//! With `skip`, of all live names with the same bytes only the first in byte order counts. Which one that is can
//! change with every file that comes or goes, so the names of each hash that a change touches are looked at
//! together: the ledger's, less what vanished, plus what is new.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::verify::{Changed, Changes};
use crate::detect::{Change, Reason, Verdict};
use crate::ledger::{LedgerError, View};
use crate::model::{
    ContentHash, ErrorKind, FileRecord, KeyRange, ReportedError, RunId, SourcePath, Standing,
};

/// What `skip` makes of the changes.
pub(super) struct Skipped {
    /// The changes that count.
    pub(super) changes: Changes,
    /// Files that hold the same bytes as an earlier name, and are to contribute no row.
    pub(super) duplicates: Vec<Changed>,
}

/// Finds, for each hash that a change touches, the one name that counts.
///
/// # Errors
/// [`LedgerError`] where the ledger cannot be read.
pub(super) fn skip(view: &View, mut changes: Changes) -> Result<Skipped, LedgerError> {
    // A rename is a name that went and one that came; with names in competition it has to be seen as such.
    for renamed in std::mem::take(&mut changes.renames) {
        changes.files.push(renamed.from);
        let verdict = Verdict::new(Change::Added, Reason::NoRecord);
        changes.files.push(Changed {
            verdict,
            ..renamed.to
        });
    }
    let mut names = Names::of_changes(&changes);
    names.add_recorded(view)?;
    let mut files: BTreeMap<SourcePath, Changed> = changes
        .files
        .into_iter()
        .map(|file| (file.path.clone(), file))
        .collect();
    let mut duplicates = Vec::new();
    for (hash, live) in names.live {
        for (place, (path, record)) in live.into_iter().enumerate() {
            let counts = record
                .as_ref()
                .is_some_and(|record| record.standing != Standing::Duplicate);
            match (place, files.remove(&path)) {
                (0, Some(file)) => {
                    files.insert(path, file);
                }
                (0, None) if counts => {}
                (0, None) => {
                    if let Some(next) = steps_in(path, record, hash) {
                        files.insert(next.path.clone(), next);
                    }
                }
                (_, Some(file)) => duplicates.push(file),
                (_, None) if counts => duplicates.extend(steps_back(path, record, hash)),
                (_, None) => {}
            }
        }
    }
    changes.files = files.into_values().collect();
    Ok(Skipped {
        changes,
        duplicates,
    })
}

/// Live names by content.
struct Names {
    touched: HashSet<ContentHash>,
    changed: HashSet<SourcePath>,
    live: HashMap<ContentHash, BTreeMap<SourcePath, Option<FileRecord>>>,
}

impl Names {
    fn of_changes(changes: &Changes) -> Self {
        let mut names = Self {
            touched: HashSet::new(),
            changed: HashSet::new(),
            live: HashMap::new(),
        };
        for file in &changes.files {
            names.changed.insert(file.path.clone());
            names
                .touched
                .extend(file.record.as_ref().and_then(|record| record.hash));
            names.touched.extend(file.hash);
            let comes = matches!(file.verdict.change, Change::Added | Change::Modified);
            if let Some(hash) = file.hash.filter(|_| comes) {
                let live = names.live.entry(hash).or_default();
                live.insert(file.path.clone(), file.record.clone());
            }
        }
        names
    }

    /// Adds the names of the same content that did not change.
    fn add_recorded(&mut self, view: &View) -> Result<(), LedgerError> {
        if self.touched.is_empty() {
            return Ok(());
        }
        let mut rows = view.files(&KeyRange::all())?;
        while let Some(row) = rows.next()? {
            let Some(hash) = row.hash().filter(|hash| self.touched.contains(hash)) else {
                continue;
            };
            let stands = matches!(row.standing(), Standing::Loaded | Standing::Duplicate);
            if stands && !self.changed.contains(row.path) {
                let live = self.live.entry(hash).or_default();
                live.insert(SourcePath::new(row.path), Some(row.record()));
            }
        }
        Ok(())
    }
}

/// A duplicate whose predecessors are gone.
fn steps_in(path: SourcePath, record: Option<FileRecord>, hash: ContentHash) -> Option<Changed> {
    let record = record?;
    Some(Changed {
        path,
        verdict: Verdict::new(Change::Added, Reason::FirstOfItsContent { hash }),
        seen: Some(record.seen.clone()),
        hash: Some(hash),
        record: Some(record),
    })
}

/// A file that counted until an earlier name with the same bytes came.
fn steps_back(path: SourcePath, record: Option<FileRecord>, hash: ContentHash) -> Option<Changed> {
    let record = record?;
    Some(Changed {
        path,
        verdict: Verdict::new(Change::Modified, Reason::DoubleOfEarlierName { hash }),
        seen: Some(record.seen.clone()),
        hash: Some(hash),
        record: Some(record),
    })
}

/// Returns a word about each file of this run whose bytes stand under another name as well.
///
/// # Errors
/// [`LedgerError`] where the ledger cannot be read.
pub(super) fn doubles(view: &View, run: RunId) -> Result<Vec<ReportedError>, LedgerError> {
    let mut fresh: HashMap<ContentHash, Vec<SourcePath>> = HashMap::new();
    let mut rows = view.files(&KeyRange::all())?;
    while let Some(row) = rows.next()? {
        if let Some(hash) = row.hash().filter(|_| row.run() == run && row.size() > 0) {
            fresh.entry(hash).or_default();
        }
    }
    let mut rows = view.files(&KeyRange::all())?;
    while let Some(row) = rows.next()? {
        if let Some(names) = row.hash().and_then(|hash| fresh.get_mut(&hash)) {
            names.push(SourcePath::new(row.path));
        }
    }
    let mut doubles: Vec<ReportedError> = fresh
        .into_values()
        .filter(|names| names.len() > 1)
        .flat_map(|names| {
            let first = names[0].clone();
            names.into_iter().skip(1).map(move |name| ReportedError {
                path: name.to_string(),
                kind: ErrorKind::SameContent,
                message: format!("{name} holds the same bytes as {first}; both are loaded"),
            })
        })
        .collect();
    doubles.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(doubles)
}
