//! `--same-content`: the same bytes under two live names.
//!
//! With `skip`, of all live names with the same bytes only the first in byte order counts. Which one that is can
//! change with every file that comes or goes, so the names of each hash that a change touches are looked at
//! together: the ledger's, less what vanished, plus what is new.
//!
//! What no change touches can be out of order as well: doubles that were loaded under another policy, and names that
//! stepped back, or did not, for one that turned out to be bad. Where the run before may have left such, its report
//! is not *distinct*, and everything that the ledger knows is looked at.
//!
//! # Other policies
//! - A name whose rows only the outputs hold (retained, frozen, outlived) counts before all others, with the bytes
//!   that its rows are of: nothing may take the place of rows that cannot be had again.
//! - What is left by `--max-files` must not change which name counts. New names of new bytes wait together; where
//!   recorded names are in competition, none of them is held back.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::error::RunError;
use super::prepare::is_ignored;
use super::run::{Built, Pass};
use super::verify::{Changed, Changes, Renamed};
use crate::config::{OnDelete, Policies};
use crate::detect::{Change, Reason, Verdict};
use crate::ledger::{FileRow, Ledger, LedgerError, View};
use crate::model::{
    ContentHash, ErrorKind, FileRecord, KeyRange, ReportedError, RunId, SourcePath, Standing,
    UnitId, UnitRecord,
};

/// How often a run lets other names step in for those that turned out bad.
const ROUNDS_OF_NAMES: usize = 8;

/// What `skip` makes of the changes.
#[derive(Default)]
pub(super) struct Skipped {
    /// The changes that count.
    pub(super) changes: Changes,
    /// Files that are to contribute no row.
    pub(super) duplicates: Vec<Duplicate>,
    /// Files that decide which recorded name counts: no limit may hold them back.
    pub(super) bound: HashSet<SourcePath>,
}

/// A file that holds the same bytes as another name, which counts.
pub(super) struct Duplicate {
    pub(super) file: Changed,
    /// The name that counts.
    pub(super) of: SourcePath,
}

/// Where to look for names of the same bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// Among those whose bytes a change concerns.
    Changes,
    /// Among all.
    Everything,
}

/// Finds, for each hash in `scope`, the one name that counts.
///
/// # Errors
/// [`LedgerError`] where the ledger cannot be read.
pub(super) fn skip(
    view: &View,
    mut changes: Changes,
    policies: Policies,
    scope: Scope,
) -> Result<Skipped, LedgerError> {
    let renames = split_renames(&mut changes);
    let mut names = Names::new(view, policies);
    for file in &changes.files {
        names.add_changed(file)?;
    }
    if scope == Scope::Everything {
        names.touch_disorder()?;
    }
    names.add_recorded()?;
    let mut skipped = Skipped::default();
    let mut files: BTreeMap<SourcePath, Changed> = changes
        .files
        .into_iter()
        .map(|file| (file.path.clone(), file))
        .collect();
    for renamed in renames {
        if names.take_alone(&renamed) {
            files.remove(&renamed.from.path);
            files.remove(&renamed.to.path);
            changes.renames.push(renamed);
        }
    }
    let left: HashSet<ContentHash> = names.of.values().copied().collect();
    let mut contested = HashSet::new();
    for (hash, group) in std::mem::take(&mut names.groups) {
        let in_competition = group.len() > 1;
        let is_known = left.contains(&hash) || group.values().any(Option::is_some);
        let stepped_in = settle(hash, group, &mut files, &mut skipped.duplicates);
        if is_known && (in_competition || stepped_in) {
            contested.insert(hash);
        }
    }
    let is_bound = |(path, file): &(&SourcePath, &Changed)| {
        let of_rows = names.of.get(*path);
        let mut hashes = of_rows.into_iter().chain(&file.hash);
        hashes.any(|hash| contested.contains(hash))
    };
    let bound = files.iter().filter(is_bound);
    skipped.bound = bound.map(|(path, _)| path.clone()).collect();
    changes.files = files.into_values().collect();
    skipped.changes = changes;
    Ok(skipped)
}

impl Pass<'_> {
    /// Doubles among the files that nothing happened to are looked for where the run before may have left some.
    pub(super) fn scope_of_names(&self, view: &View) -> Result<Scope, LedgerError> {
        let before = view.runs(1)?.pop();
        let is_distinct = self.report.distinct || before.is_some_and(|run| run.distinct);
        Ok(if is_distinct {
            Scope::Changes
        } else {
            Scope::Everything
        })
    }

    /// A name that turned out bad counts with its earlier rows, or not at all: which name of each content counts is
    /// settled again. What is still open after some rounds is left to the next run.
    pub(super) fn let_the_next_step_in(
        &mut self,
        ledger: &Ledger,
        built: &mut Built,
    ) -> Result<(), RunError> {
        let is_bad = |error: &&ReportedError| error.kind == ErrorKind::Undecodable;
        let mut known = 0;
        for _ in 0..ROUNDS_OF_NAMES {
            let bad = self.errors.iter().filter(is_bad).count();
            if bad == known {
                return Ok(());
            }
            if !self.control.takes_more() {
                break;
            }
            known = bad;
            self.report.distinct = false;
            self.take_up(ledger, ledger.view()?, Changes::default(), built)?;
        }
        self.report.distinct = self.errors.iter().filter(is_bad).count() == known;
        Ok(())
    }
}

/// A rename is a name that went and one that came; with names in competition it has to be seen as such.
fn split_renames(changes: &mut Changes) -> Vec<Renamed> {
    let renames = std::mem::take(&mut changes.renames);
    for renamed in &renames {
        changes.files.push(renamed.from.clone());
        changes.files.push(Changed {
            verdict: Verdict::new(Change::Added, Reason::NoRecord),
            ..renamed.to.clone()
        });
    }
    renames
}

/// Lets the first name of a group count and the others not. Returns whether a name steps in that did not count.
fn settle(
    hash: ContentHash,
    group: Group,
    files: &mut BTreeMap<SourcePath, Changed>,
    duplicates: &mut Vec<Duplicate>,
) -> bool {
    let Some(((_, first), _)) = group.first_key_value() else {
        return false;
    };
    let first = first.clone();
    let mut stepped_in = false;
    for ((rank, path), record) in group {
        if rank == Rank::Held {
            continue;
        }
        let is_first = path == first;
        let counts = record
            .as_ref()
            .is_some_and(|record| record.standing != Standing::Duplicate);
        // What is still being written counts as it was last time, and keeps its own verdict.
        let changed = files.get(&path).is_some_and(has_settled);
        let file = changed.then(|| files.remove(&path)).flatten();
        let touched = file.as_ref().is_some_and(is_touched);
        let next = match file {
            Some(file) if touched && is_first != counts => Some(judged(file, is_first, hash)),
            None if is_first != counts => {
                record.map(|record| judged(unchanged(path, record), is_first, hash))
            }
            other => other,
        };
        let Some(file) = next else { continue };
        stepped_in |= is_first && matches!(file.verdict.reason, Reason::FirstOfItsContent { .. });
        if is_first || (touched && !counts) {
            files.insert(file.path.clone(), file);
        } else {
            let of = first.clone();
            duplicates.push(Duplicate { file, of });
        }
    }
    stepped_in
}

/// A name's claim to be the one that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// Its rows cannot be had again.
    Held,
    /// It lies in the source.
    Live,
}

/// Names of the same bytes, the one that counts first.
type Group = BTreeMap<(Rank, SourcePath), Option<FileRecord>>;

/// Names by content.
struct Names<'a> {
    view: &'a View,
    policies: Policies,
    /// What the rows of changed files are of.
    of: HashMap<SourcePath, ContentHash>,
    touched: HashSet<ContentHash>,
    changed: HashSet<SourcePath>,
    groups: HashMap<ContentHash, Group>,
    /// The unit that was asked last: neighbours often share one.
    unit: Option<(UnitId, UnitRecord)>,
}

impl<'a> Names<'a> {
    fn new(view: &'a View, policies: Policies) -> Self {
        Self {
            view,
            policies,
            of: HashMap::new(),
            touched: HashSet::new(),
            changed: HashSet::new(),
            groups: HashMap::new(),
            unit: None,
        }
    }

    fn add_changed(&mut self, file: &Changed) -> Result<(), LedgerError> {
        let record = file.record.as_ref();
        let loaded = match record {
            Some(record) => self.loaded(&file.path, record)?,
            None => None,
        };
        let recorded = record.and_then(|record| record.hash);
        self.of.extend(loaded.map(|hash| (file.path.clone(), hash)));
        self.touched
            .extend([loaded, recorded, file.hash].into_iter().flatten());
        if !has_settled(file) {
            return Ok(());
        }
        self.changed.insert(file.path.clone());
        let held = match file.verdict.change {
            Change::Added => false,
            Change::Modified => is_ignored(self.policies, file),
            Change::Removed => {
                self.policies.on_delete == OnDelete::Retain
                    && record.is_some_and(|record| record.standing.has_rows())
            }
            Change::Archived => record.is_some_and(|record| record.standing.has_rows()),
            _ => record.is_some_and(|record| record.standing.is_carried()),
        };
        let comes = match file.verdict.change {
            Change::Added | Change::Modified => true,
            Change::Touched => record.is_some_and(|record| stands(record.standing)),
            _ => false,
        };
        let claim = if held {
            loaded.map(|hash| (Rank::Held, hash))
        } else {
            file.hash.filter(|_| comes).map(|hash| (Rank::Live, hash))
        };
        if let Some((rank, hash)) = claim {
            let group = self.groups.entry(hash).or_default();
            group.insert((rank, file.path.clone()), file.record.clone());
        }
        Ok(())
    }

    /// Touches each recorded content that counts under no name, or under more than one. Remembers them by the first bytes
    /// of their hashes: where those are the same by chance, too much is touched, which does no harm.
    fn touch_disorder(&mut self) -> Result<(), LedgerError> {
        let mut names: Vec<(u64, bool)> = Vec::new();
        self.each_recorded(|_, _, hash, row| {
            names.push((beginning(hash), row.standing() != Standing::Duplicate));
        })?;
        names.sort_unstable();
        let same = names.chunk_by(|a, b| a.0 == b.0);
        let disorder = same.filter(|same| same.iter().filter(|(_, counts)| *counts).count() != 1);
        let disorder: HashSet<u64> = disorder.map(|same| same[0].0).collect();
        if disorder.is_empty() {
            return Ok(());
        }
        self.each_recorded(|names, _, hash, _| {
            if disorder.contains(&beginning(hash)) {
                names.touched.insert(hash);
            }
        })
    }

    /// Adds the names of the same content that did not change.
    fn add_recorded(&mut self) -> Result<(), LedgerError> {
        if self.touched.is_empty() {
            return Ok(());
        }
        self.each_recorded(|names, rank, hash, row| {
            if names.touched.contains(&hash) {
                let group = names.groups.entry(hash).or_default();
                group.insert((rank, SourcePath::new(row.path)), Some(row.record()));
            }
        })
    }

    /// Hands each name that did not change, and may count, to `take`, with what it counts for.
    fn each_recorded(
        &mut self,
        mut take: impl FnMut(&mut Self, Rank, ContentHash, &FileRow<'_>),
    ) -> Result<(), LedgerError> {
        let mut rows = self.view.files(&KeyRange::all())?;
        while let Some(row) = rows.next()? {
            let held = row.standing().is_carried();
            if self.changed.contains(row.path) || !(held || stands(row.standing())) {
                continue;
            }
            let (rank, hash) = if held {
                (Rank::Held, self.loaded(row.path, &row.record())?)
            } else {
                (Rank::Live, row.hash())
            };
            if let Some(hash) = hash {
                take(self, rank, hash, &row);
            }
        }
        Ok(())
    }

    /// Returns what the file's rows in the outputs are of.
    fn loaded(
        &mut self,
        path: &str,
        record: &FileRecord,
    ) -> Result<Option<ContentHash>, LedgerError> {
        let Some(id) = record.unit.filter(|_| record.standing.is_carried()) else {
            return Ok(record.hash.filter(|_| record.standing == Standing::Loaded));
        };
        if self.unit.as_ref().is_none_or(|(known, _)| *known != id) {
            self.unit = self.view.unit(id)?.map(|unit| (id, unit));
        }
        let members = self.unit.iter().flat_map(|(_, unit)| &unit.members);
        let mut own = members.filter(|member| *member.path == *path);
        let version = own.next().and_then(|member| member.carried);
        Ok(version.map(|version| version.hash).or(record.hash))
    }

    /// Takes the two names of a rename out, if no other name has their bytes.
    fn take_alone(&mut self, renamed: &Renamed) -> bool {
        let Some(hash) = renamed.to.hash else {
            return false;
        };
        let own = [&renamed.from.path, &renamed.to.path];
        let group = self.groups.get(&hash);
        let alone = group.is_some_and(|group| group.keys().all(|(_, path)| own.contains(&path)));
        if alone {
            self.groups.remove(&hash);
        }
        alone
    }
}

fn beginning(hash: ContentHash) -> u64 {
    let first = hash.0.first_chunk();
    first.map_or(0, |first| u64::from_be_bytes(*first))
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

/// A name that counts from now on, or no longer.
fn judged(file: Changed, is_first: bool, hash: ContentHash) -> Changed {
    let verdict = if is_first {
        Verdict::new(Change::Added, Reason::FirstOfItsContent { hash })
    } else {
        Verdict::new(Change::Modified, Reason::DoubleOfEarlierName { hash })
    };
    Changed { verdict, ..file }
}

/// A recorded name that nothing happened to.
fn unchanged(path: SourcePath, record: FileRecord) -> Changed {
    Changed {
        path,
        verdict: Verdict::new(Change::Unchanged, Reason::StampsEqual),
        seen: Some(record.seen.clone()),
        hash: record.hash,
        record: Some(record),
    }
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
