//! Turns verdicts into ledger rows that need no work, and into the planner's inputs for those that do.
//!
//! # Invariants
//! - Nothing here touches the source, the target or the ledger; what it returns is written in one transaction.
//! - A file that leaves no trace in any output (touched, renamed, retained, frozen, archived) causes no
//!   work.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::edits::{Edit, MemberEdits};
use super::error::RunError;
use super::same_content::{Duplicate, Skipped};
use super::verify::{Changed, Changes, Renamed};
use crate::config::{OnDelete, OnModify, PathPartitions, Policies};
use crate::detect::{self, Change, Verdict};
use crate::ledger::{Batch, LedgerError, View};
use crate::model::{
    Carried, DirtyReason, FileRecord, Fingerprint, RunId, SourcePath, Standing, Timestamp, UnitId,
    UnitRecord, partition_dir,
};
use crate::plan::{self, Arrival, Budget, removal_brake, take_within};

/// What a run is about to do.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    /// Rows that need no work.
    pub(super) batch: Batch,
    /// What the planner has to know, but for the open units.
    pub(super) inputs: plan::Inputs,
    /// How changed and new files look now: newer than their records.
    pub(super) current: HashMap<SourcePath, Fingerprint>,
    /// How many new and changed files are left for the next run.
    pub(super) deferred: u64,
    /// What they leave of the budget.
    pub(super) budget: Budget,
    /// Members of units among the files that are left: they come in if their unit is built anyway.
    pub(super) left: BTreeMap<SourcePath, Left>,
    /// Units with members that belong elsewhere and could not be moved yet: they stay dirty.
    pub(super) waiting: BTreeSet<UnitId>,
    /// Members among the arrivals.
    pub(super) moving: BTreeSet<SourcePath>,
}

/// A changed member that is left for the next run.
#[derive(Debug)]
pub(super) struct Left {
    unit: UnitId,
    verdict: Verdict,
}

impl Prepared {
    /// Returns the members that are left, as the planner wants to know them.
    pub(super) fn members_left(&self) -> Vec<plan::Changed> {
        let left = self.left.iter().map(|(path, left)| plan::Changed {
            unit: left.unit,
            path: path.clone(),
        });
        left.collect()
    }

    /// Notes which of the members that were left come in with `plan`. Returns how many.
    pub(super) fn take_along(&mut self, plan: &plan::Plan) -> u64 {
        let before = self.left.len();
        for path in plan.units.values().flat_map(|unit| &unit.modified) {
            if let Some(left) = self.left.remove(path) {
                keep_reason(&mut self.batch, path, &left.verdict);
            }
        }
        (before - self.left.len()) as u64
    }
}

/// What verdicts are turned into rows with.
pub(super) struct Preparation<'a> {
    pub(super) view: &'a View,
    pub(super) policies: Policies,
    pub(super) partitions: &'a PathPartitions,
    /// The moment before the listing began.
    pub(super) looked_at: Timestamp,
    pub(super) run: RunId,
    pub(super) budget: Budget,
    /// Rows tell when their file was modified, so a touched file has other rows.
    pub(super) rows_tell_mtime: bool,
}

impl Preparation<'_> {
    /// # Errors
    /// [`RunError::Braked`] and [`RunError::ModifiedForbidden`] before anything is changed; [`LedgerError`].
    pub(super) fn prepare(&self, skipped: Skipped) -> Result<Prepared, RunError> {
        let Skipped {
            changes,
            duplicates,
            bound,
        } = skipped;
        self.check_policies(&changes)?;
        let mut prepared = Prepared::default();
        let mut members = MemberEdits::default();
        for renamed in changes.renames {
            self.rename(renamed, &mut prepared.batch, &mut members);
        }
        let is_archived = |file: &Changed| file.verdict.change == Change::Archived;
        let (archived, files): (Vec<_>, Vec<_>) = changes.files.into_iter().partition(is_archived);
        for file in archived {
            self.shelve(file, &mut prepared.batch, &mut members);
        }
        let (work, rest): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| {
            let change = file.verdict.change;
            matches!(change, Change::Added | Change::Modified) || self.has_other_rows(file)
        });
        // Freezing costs nothing, so no limit holds it back.
        let (ignored, work): (Vec<_>, Vec<_>) = work
            .into_iter()
            .partition(|file| is_ignored(self.policies, file));
        for file in ignored {
            self.freeze(file, &mut prepared.batch, &mut members);
        }
        let waiting = self.take_work(work, &bound, &mut prepared)?;
        for file in rest {
            self.note(file, &mut prepared);
        }
        for Duplicate { file, of } in duplicates {
            if waiting.contains(&of) {
                prepared.deferred += 1;
            } else {
                self.set_aside(file, &mut prepared);
            }
        }
        members.apply(self.view, &mut prepared.batch)?;
        Ok(prepared)
    }

    /// Takes in as much as the budget allows, and returns what is left for the next run.
    fn take_work(
        &self,
        work: Vec<Changed>,
        bound: &HashSet<SourcePath>,
        prepared: &mut Prepared,
    ) -> Result<BTreeSet<SourcePath>, RunError> {
        let (mut taken, free): (Vec<_>, Vec<_>) = work
            .into_iter()
            .partition(|file| bound.contains(&file.path));
        let size = |file: &Changed| file.seen.as_ref().map_or(0, |seen| seen.size);
        let within = take_within(free, size, self.budget);
        prepared.budget = within.left;
        taken.extend(within.taken);
        let places = Places::of(self.view, &taken)?;
        for file in taken {
            self.take_in(file, prepared, &places);
        }
        let waiting = within.deferred.iter().map(|file| file.path.clone());
        let waiting: BTreeSet<SourcePath> = waiting.collect();
        prepared.deferred = waiting.len() as u64;
        for file in within.deferred {
            leave(file, prepared);
        }
        Ok(waiting)
    }

    /// Tells whether a file that was only touched comes to other rows than before. The policy for changed files is not
    /// asked: the bytes are those that were loaded.
    fn has_other_rows(&self, file: &Changed) -> bool {
        let (Some(seen), Some(record)) = (&file.seen, &file.record) else {
            return false;
        };
        let is_read = matches!(
            record.standing,
            Standing::Loaded | Standing::Quarantined | Standing::Outlived
        );
        self.rows_tell_mtime
            && is_read
            && file.verdict.change == Change::Touched
            && seen.modified_at != record.seen.modified_at
    }

    fn check_policies(&self, changes: &Changes) -> Result<(), RunError> {
        let loses_rows = |file: &&Changed| {
            file.verdict.change == Change::Removed
                && self.policies.on_delete == OnDelete::Remove
                && file
                    .record
                    .as_ref()
                    .is_some_and(|record| record.standing.has_rows())
        };
        let vanished = changes.files.iter().filter(loses_rows).count() as u64;
        if self.policies.removals == crate::config::Removals::Braked
            && self.policies.on_delete == OnDelete::Remove
            && let Some(brake) = removal_brake(vanished, self.view.meta()?.files)
        {
            return Err(RunError::Braked(brake));
        }
        if self.policies.on_modify == OnModify::Fail {
            let mut changed = changes.files.iter().filter(|file| {
                let loaded = |record: &FileRecord| {
                    record.standing == Standing::Loaded && record.hash.is_some()
                };
                file.verdict.change == Change::Modified && file.record.as_ref().is_some_and(loaded)
            });
            if let Some(first) = changed.next() {
                return Err(RunError::ModifiedForbidden {
                    path: first.path.clone(),
                    others: changed.count(),
                });
            }
        }
        Ok(())
    }

    /// The record moves to the new name; the unit's outputs stay as they are.
    fn rename(&self, renamed: Renamed, batch: &mut Batch, members: &mut MemberEdits) {
        let Renamed { from, to } = renamed;
        let (Some(record), Some(seen)) = (from.record, to.seen) else {
            return;
        };
        if let Some(unit) = record.unit {
            members.edit(unit, &from.path, Edit::Rename(to.path.clone()));
        }
        batch.files.insert(from.path.clone(), None);
        batch.reasons.insert(from.path, None);
        keep_reason(batch, &to.path, &to.verdict);
        batch
            .files
            .insert(to.path, Some(self.seen_again(record, seen)));
    }

    /// A file that is new, or has other bytes.
    fn take_in(&self, file: Changed, prepared: &mut Prepared, places: &Places) {
        let Some(seen) = file.seen.clone() else {
            return;
        };
        keep_reason(&mut prepared.batch, &file.path, &file.verdict);
        prepared.current.insert(file.path.clone(), seen.clone());
        if let Some(unit) = member_of(&file) {
            prepared.inputs.modified.push(plan::Changed {
                unit,
                path: file.path,
            });
            return;
        }
        let partition = partition_dir(&self.partitions.of(&file.path));
        let assigned = file.record.and_then(|record| record.unit);
        prepared.inputs.arrivals.push(Arrival {
            assigned: assigned.filter(|unit| places.is(*unit, &partition)),
            partition,
            size: seen.size,
            path: file.path,
        });
    }

    /// The same bytes count under an earlier name: this one contributes no row, or no longer.
    fn set_aside(&self, file: Changed, prepared: &mut Prepared) {
        let Some(seen) = file.seen else {
            return;
        };
        let batch = &mut prepared.batch;
        keep_reason(batch, &file.path, &file.verdict);
        if let Some(FileRecord {
            unit: Some(unit), ..
        }) = file.record
        {
            // The unit must be built again even if this run ends before: the row no longer tells.
            let unfinished = DirtyReason::Unfinished {
                absorbs: Vec::new(),
                movers: Vec::new(),
            };
            batch.dirty.insert(unit, Some(unfinished));
            prepared.inputs.removed.push(plan::Changed {
                unit,
                path: file.path.clone(),
            });
        }
        batch.quarantine.insert(file.path.clone(), None);
        let duplicate = FileRecord {
            racy: detect::is_racy(&seen, self.looked_at),
            seen,
            hash: file.hash,
            standing: Standing::Duplicate,
            unit: None,
            run: self.run,
        };
        batch.files.insert(file.path, Some(duplicate));
    }

    /// The policy keeps the rows of the version that was loaded.
    fn freeze(&self, file: Changed, batch: &mut Batch, members: &mut MemberEdits) {
        let (Some(record), Some(seen)) = (file.record, file.seen) else {
            return;
        };
        if let (Some(unit), Some(hash)) = (record.unit, record.hash) {
            let version = Carried {
                size: record.seen.size,
                hash,
            };
            members.edit(unit, &file.path, Edit::Carry(version));
        }
        batch.quarantine.insert(file.path.clone(), None);
        keep_reason(batch, &file.path, &file.verdict);
        let frozen = FileRecord {
            hash: file.hash.or(record.hash),
            standing: Standing::Frozen,
            ..self.seen_again(record, seen)
        };
        batch.files.insert(file.path, Some(frozen));
    }

    /// Its bytes cannot be read: what is loaded of it is carried over, until it is restored and asked for again.
    fn shelve(&self, file: Changed, batch: &mut Batch, members: &mut MemberEdits) {
        let Some(record) = file.record else {
            return;
        };
        if record.standing == Standing::Pending {
            return forget(batch, file.path);
        }
        if let (Some(unit), Some(hash)) = (record.unit, record.hash) {
            let version = Carried {
                size: record.seen.size,
                hash,
            };
            members.edit(unit, &file.path, Edit::Carry(version));
        }
        keep_reason(batch, &file.path, &file.verdict);
        batch
            .files
            .insert(file.path, Some(record.shelved(self.run)));
    }

    /// A file that needs no reading.
    fn note(&self, file: Changed, prepared: &mut Prepared) {
        let batch = &mut prepared.batch;
        match (file.verdict.change, file.record, file.seen) {
            (Change::Touched, Some(record), Some(seen)) => {
                keep_reason(batch, &file.path, &file.verdict);
                prepared.current.insert(file.path.clone(), seen.clone());
                let touched = self.seen_again(record, seen);
                batch.files.insert(file.path, Some(touched));
            }
            (Change::Removed, Some(record), _) => {
                match record.unit.filter(|_| record.standing.has_rows()) {
                    None => forget(batch, file.path),
                    Some(_) if self.policies.on_delete == OnDelete::Retain => {
                        keep_reason(batch, &file.path, &file.verdict);
                        batch.quarantine.insert(file.path.clone(), None);
                        let retained = FileRecord {
                            standing: Standing::Retained,
                            run: self.run,
                            ..record
                        };
                        batch.files.insert(file.path, Some(retained));
                    }
                    Some(unit) => {
                        prepared.inputs.removed.push(plan::Changed {
                            unit,
                            path: file.path,
                        });
                    }
                }
            }
            _ => {}
        }
    }

    fn seen_again(&self, mut record: FileRecord, seen: Fingerprint) -> FileRecord {
        record.racy = detect::is_racy(&seen, self.looked_at);
        record.seen = seen;
        record.run = self.run;
        record
    }
}

/// A file that this run does not take. Where it is a member, it may have to be taken with its unit after all.
fn leave(file: Changed, prepared: &mut Prepared) {
    if let (Some(unit), Some(seen)) = (member_of(&file), file.seen) {
        prepared.current.insert(file.path.clone(), seen);
        let verdict = file.verdict;
        prepared.left.insert(file.path, Left { unit, verdict });
    }
}

/// Returns the unit that the file is a member of.
fn member_of(file: &Changed) -> Option<UnitId> {
    let record = file.record.as_ref()?;
    record.unit.filter(|_| record.standing != Standing::Pending)
}

/// Tells whether the policy keeps the rows of the version that was loaded, whatever has become of the file since.
pub(super) fn is_ignored(policies: Policies, file: &Changed) -> bool {
    policies.on_modify == OnModify::Ignore
        && file.verdict.change == Change::Modified
        && file.record.as_ref().is_some_and(|record| {
            let is_loaded = record.standing == Standing::Loaded && record.hash.is_some();
            is_loaded || record.standing.is_carried()
        })
}

/// The path partitions of the units that an unfinished run gave to files. Where a changed definition puts a file
/// elsewhere, what was planned for it no longer holds.
struct Places(HashMap<UnitId, String>);

impl Places {
    fn of(view: &View, files: &[Changed]) -> Result<Self, LedgerError> {
        let units: BTreeSet<UnitId> = files
            .iter()
            .filter_map(|file| file.record.as_ref()?.unit)
            .collect();
        let mut places = HashMap::new();
        for id in units {
            if let Some(unit) = view.unit(id)? {
                places.insert(id, unit.partition);
            }
        }
        Ok(Self(places))
    }

    fn is(&self, unit: UnitId, partition: &str) -> bool {
        self.0.get(&unit).is_some_and(|place| place == partition)
    }
}

/// Removes every trace of a file that has no rows.
pub(super) fn forget(batch: &mut Batch, path: SourcePath) {
    batch.quarantine.insert(path.clone(), None);
    batch.reasons.insert(path.clone(), None);
    batch.files.insert(path, None);
}

fn keep_reason(batch: &mut Batch, path: &SourcePath, verdict: &Verdict) {
    if verdict.reason != detect::Reason::NoRecord {
        let text = serde_json::to_string(verdict).ok();
        batch.reasons.insert(path.clone(), text);
    }
}

/// Writes down what was planned, so that an interrupted run is taken up with the same units. A member that moves to
/// another unit keeps its record until that unit has it.
pub(super) fn record_plan(
    plan: &plan::Plan,
    prepared: &Prepared,
    known: &BTreeSet<UnitId>,
    preparation: &Preparation<'_>,
    batch: &mut Batch,
) {
    for (id, unit) in &plan.units {
        let joins = unit.joins.iter().cloned();
        let (movers, news): (Vec<_>, Vec<_>) =
            joins.partition(|path| prepared.moving.contains(path));
        for path in &news {
            let Some(seen) = prepared.current.get(path) else {
                continue;
            };
            let pending = FileRecord {
                seen: seen.clone(),
                racy: detect::is_racy(seen, preparation.looked_at),
                hash: None,
                standing: Standing::Pending,
                unit: Some(*id),
                run: preparation.run,
            };
            batch.files.insert(path.clone(), Some(pending));
        }
        if !unit.joins.is_empty() || !unit.absorbs.is_empty() {
            let absorbs = unit.absorbs.clone();
            let unfinished = DirtyReason::Unfinished { absorbs, movers };
            batch.dirty.insert(*id, Some(unfinished));
        }
        if let (Some(partition), false) = (&unit.partition, known.contains(id)) {
            batch.units.insert(
                *id,
                Some(UnitRecord {
                    partition: partition.clone(),
                    definition: String::new(),
                    shape: crate::model::Shape::default(),
                    members: Vec::new(),
                    outputs: Vec::new(),
                    bytes: 0,
                }),
            );
        }
    }
    batch.meta.next_unit = Some(plan.next_unit);
}
