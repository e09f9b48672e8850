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
            // What is still being written counts as it was last time, and keeps its own verdict.
            let changed = files.get(&path).is_some_and(has_settled);
            let file = changed.then(|| files.remove(&path)).flatten();
            let next = match (place, file) {
                (0, Some(file)) if is_touched(&file) && !counts => Some(first(file, hash)),
                (0, Some(file)) => Some(file),
                (0, None) if counts => None,
                (0, None) => steps_in(path, record, hash),
                (_, Some(file)) if is_touched(&file) && !counts => Some(file),
                (_, Some(file)) if is_touched(&file) => {
                    duplicates.push(double(file, hash));
                    None
                }
                (_, Some(file)) => {
                    duplicates.push(file);
                    None
                }
                (_, None) => {
                    duplicates.extend(steps_back(path, record, hash).filter(|_| counts));
                    None
                }
            };
            files.extend(next.map(|file| (file.path.clone(), file)));
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
            if has_settled(file) {
                names.changed.insert(file.path.clone());
            }
            names
                .touched
                .extend(file.record.as_ref().and_then(|record| record.hash));
            names.touched.extend(file.hash);
            let comes = match file.verdict.change {
                Change::Added | Change::Modified => true,
                Change::Touched => file
                    .record
                    .as_ref()
                    .is_some_and(|record| stands(record.standing)),
                _ => false,
            };
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
            if stands(row.standing()) && !self.changed.contains(row.path) {
                let live = self.live.entry(hash).or_default();
                live.insert(SourcePath::new(row.path), Some(row.record()));
            }
        }
        Ok(())
    }
}

/// Tells whether a recorded file is live with the bytes of its record.
fn stands(standing: Standing) -> bool {
    matches!(standing, Standing::Loaded | Standing::Duplicate)
}

fn has_settled(file: &Changed) -> bool {
    file.verdict.change != Change::Unsettled
}

/// Its stamps moved or were too fresh to trust, and its bytes are the same.
fn is_touched(file: &Changed) -> bool {
    file.verdict.change == Change::Touched
}

/// A duplicate whose predecessors are gone, and whose stamps moved besides.
fn first(file: Changed, hash: ContentHash) -> Changed {
    let verdict = Verdict::new(Change::Added, Reason::FirstOfItsContent { hash });
    Changed { verdict, ..file }
}

/// A file that counted until an earlier name with the same bytes came, and whose stamps moved besides.
fn double(file: Changed, hash: ContentHash) -> Changed {
    let verdict = Verdict::new(Change::Modified, Reason::DoubleOfEarlierName { hash });
    Changed { verdict, ..file }
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
