//! A changed definition: every unit is stale, and some files belong to another path partition now.

use std::collections::BTreeSet;

use super::error::RunError;
use super::forget::ask_again;
use super::prepare::Prepared;
use super::run::{Built, Pass};
use crate::config::{Definition, PathPartitions};
use crate::ledger::{Batch, Ledger, LedgerError, View};
use crate::model::{
    DirtyReason, FileRecord, KeyRange, SourcePath, Standing, UnitId, partition_dir,
};
use crate::plan::{Arrival, Changed};

/// Compiles the captures of the definition.
pub(super) fn partitions(definition: &Definition) -> Result<PathPartitions, RunError> {
    PathPartitions::new(&definition.captures).map_err(|source| RunError::Pattern {
        pattern: definition.captures.join(", "),
        source: Box::new(source),
    })
}

/// Makes `definition` the pipeline's: marks every unit that was built under another one, and lets files that could
/// not be decoded under the old one be tried again.
pub(super) fn adopt(ledger: &Ledger, definition: &Definition) -> Result<(), RunError> {
    let view = ledger.view()?;
    let fingerprint = definition.fingerprint();
    if view.meta()?.definition.as_deref() == Some(fingerprint.as_str()) {
        return Ok(());
    }
    let text = serde_json::to_string(definition).unwrap_or_default();
    let stale = outdated(&view, &fingerprint)?;
    let mut batch = Batch {
        dirty: stale
            .into_iter()
            .map(|(id, reason)| (id, Some(reason)))
            .collect(),
        definition: Some((fingerprint, text)),
        ..Batch::default()
    };
    for (path, _) in view.quarantine()? {
        if let Some(record) = view.file(&path)? {
            ask_again(&mut batch, &path, record);
        }
    }
    ledger.write(&batch)?;
    Ok(())
}

/// Returns the units that were built under another definition than `fingerprint` and are not dirty already.
pub(super) fn outdated(
    view: &View,
    fingerprint: &str,
) -> Result<Vec<(UnitId, DirtyReason)>, LedgerError> {
    let dirty: BTreeSet<UnitId> = view.dirty()?.into_iter().map(|(id, _)| id).collect();
    let mut stale = Vec::new();
    for unit in view.units()? {
        let (id, unit) = unit?;
        if unit.definition != fingerprint && !dirty.contains(&id) {
            let (old, new) = (unit.definition, fingerprint.to_owned());
            stale.push((id, DirtyReason::DefinitionChanged { old, new }));
        }
    }
    Ok(stale)
}

/// Loaded members of dirty units that belong to another path partition than their unit, since the captures changed.
#[derive(Debug, Default)]
pub(super) struct Misplaced(Vec<(UnitId, SourcePath, FileRecord)>);

/// Finds them. Members whose rows can only be carried over stay where they are.
pub(super) fn misplaced(
    view: &View,
    dirty: &[(UnitId, DirtyReason)],
    partitions: &PathPartitions,
) -> Result<Misplaced, LedgerError> {
    let mut concerned: BTreeSet<UnitId> = BTreeSet::new();
    for (id, why) in dirty {
        concerned.insert(*id);
        if let DirtyReason::Unfinished { absorbs } = why {
            concerned.extend(absorbs);
        }
    }
    let mut members = Vec::new();
    for id in &concerned {
        let Some(unit) = view.unit(*id)? else {
            continue;
        };
        for member in unit.members {
            if partition_dir(&partitions.of(&member.path)) == unit.partition {
                continue;
            }
            let own =
                |file: &FileRecord| file.unit == Some(*id) && file.standing == Standing::Loaded;
            if let Some(file) = view.file(&member.path)?.filter(own) {
                members.push((*id, member.path, file));
            }
        }
    }
    Ok(Misplaced(members))
}

/// What a look at the source found out about files, as far as moving them to another unit goes.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Looked at, and not plainly there: gone, unsettled, renamed, unreadable.
    pub(super) doubtful: BTreeSet<SourcePath>,
    /// Nothing is known of what lies in here.
    pub(super) hidden: Vec<KeyRange>,
}

impl Seen {
    pub(super) fn is_plainly_there(&self, path: &SourcePath) -> bool {
        !self.doubtful.contains(path) && !self.hidden.iter().any(|range| range.contains(path))
    }
}

impl Misplaced {
    /// Takes the members out of their units and lets them arrive anew. Only files that were plainly seen move:
    /// reading is what comes next, and where that fails the rows would be lost. The rest stay, and their units stay
    /// dirty, until they are seen.
    pub(super) fn move_into(
        self,
        prepared: &mut Prepared,
        seen: &Seen,
        partitions: &PathPartitions,
    ) {
        let mut moving = BTreeSet::new();
        for (unit, path, file) in self.0 {
            if !seen.is_plainly_there(&path) {
                prepared.waiting.insert(unit);
                continue;
            }
            if prepared.left.remove(&path).is_some() {
                prepared.deferred -= 1;
            }
            let fingerprint = prepared.current.entry(path.clone()).or_insert(file.seen);
            prepared.inputs.arrivals.push(Arrival {
                partition: partition_dir(&partitions.of(&path)),
                size: fingerprint.size,
                assigned: None,
                path: path.clone(),
            });
            moving.insert(path.clone());
            prepared.inputs.removed.push(Changed { unit, path });
        }
        let modified = &mut prepared.inputs.modified;
        modified.retain(|changed| !moving.contains(&changed.path));
    }
}

impl Pass<'_> {
    /// Moves members that could be read again, after only the outputs had held their rows, to the partition where the
    /// definition puts them by now. Moving them any sooner would have lost those rows where reading failed.
    pub(super) fn bring_home(
        &mut self,
        ledger: &Ledger,
        prepared: &mut Prepared,
        built: &mut Built,
    ) -> Result<(), RunError> {
        let astray = std::mem::take(&mut built.astray);
        if astray.is_empty() || self.control.is_interrupted() {
            return Ok(());
        }
        let view = ledger.view()?;
        let mut dirty = view.dirty()?;
        dirty.retain(|(_, why)| matches!(why, DirtyReason::Misplaced));
        self.seen.doubtful.retain(|path| !astray.contains(path));
        let deferred = prepared.deferred;
        prepared.waiting.clear();
        let misplaced = misplaced(&view, &dirty, &self.partitions)?;
        misplaced.move_into(prepared, &self.seen, &self.partitions);
        self.report.files.deferred -= deferred - prepared.deferred;
        let leaves = &prepared.inputs.removed;
        dirty.retain(|(id, _)| leaves.iter().any(|changed| changed.unit == *id));
        let plan = self.plan(&view, prepared, dirty)?;
        self.record(ledger, &view, prepared, &plan)?;
        drop(view);
        self.build(ledger, plan, prepared, built)
    }
}
