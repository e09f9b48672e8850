//! A changed definition: every unit is stale, and some files belong to another path partition now.

use std::collections::BTreeSet;

use super::error::RunError;
use super::prepare::Prepared;
use crate::config::{Definition, PathPartitions};
use crate::ledger::{Batch, Ledger, LedgerError, View};
use crate::model::{DirtyReason, FileRecord, SourcePath, Standing, UnitId, partition_dir};
use crate::plan::{Arrival, Changed};

/// Compiles the captures of the definition.
pub(super) fn partitions(definition: &Definition) -> Result<PathPartitions, RunError> {
    PathPartitions::new(&definition.captures).map_err(|source| RunError::Pattern {
        pattern: definition.captures.join(", "),
        source: Box::new(source),
    })
}

/// Makes `definition` the pipeline's: marks every unit that was built under another one.
pub(super) fn adopt(ledger: &Ledger, definition: &Definition) -> Result<(), RunError> {
    let view = ledger.view()?;
    let fingerprint = definition.fingerprint();
    if view.meta()?.definition.as_deref() == Some(fingerprint.as_str()) {
        return Ok(());
    }
    let text = serde_json::to_string(definition).unwrap_or_default();
    let stale = outdated(&view, &fingerprint)?;
    ledger.write(&Batch {
        dirty: stale
            .into_iter()
            .map(|(id, reason)| (id, Some(reason)))
            .collect(),
        definition: Some((fingerprint, text)),
        ..Batch::default()
    })?;
    Ok(())
}

/// Returns the units that were built under another definition than `fingerprint` and are not dirty already for
/// a reason that has more to say.
pub(super) fn outdated(
    view: &View,
    fingerprint: &str,
) -> Result<Vec<(UnitId, DirtyReason)>, LedgerError> {
    let dirty = view.dirty()?;
    let mut stale = Vec::new();
    for unit in view.units()? {
        let (id, unit) = unit?;
        let unfinished = dirty
            .iter()
            .any(|(other, why)| *other == id && matches!(why, DirtyReason::Unfinished { .. }));
        if unit.definition != fingerprint && !unfinished {
            let (old, new) = (unit.definition, fingerprint.to_owned());
            stale.push((id, DirtyReason::DefinitionChanged { old, new }));
        }
    }
    Ok(stale)
}

/// Members that belong to another path partition than their unit, since the captures changed.
#[derive(Debug, Default)]
pub(super) struct Rehomed(Vec<(UnitId, SourcePath, FileRecord)>);

/// Finds them among the units that a changed definition made dirty, and those that an interrupted run was building
/// when it changed.
pub(super) fn rehomed(
    view: &View,
    dirty: &[(UnitId, DirtyReason)],
    partitions: &PathPartitions,
) -> Result<Rehomed, LedgerError> {
    let mut concerned: BTreeSet<UnitId> = BTreeSet::new();
    for (id, why) in dirty {
        match why {
            DirtyReason::DefinitionChanged { .. } => concerned.extend([*id]),
            DirtyReason::Unfinished { absorbs } => {
                concerned.extend(absorbs.iter().chain([id]));
            }
            _ => {}
        }
    }
    let mut moved = Vec::new();
    for id in &concerned {
        let Some(unit) = view.unit(*id)? else {
            continue;
        };
        for member in unit.members {
            if partition_dir(&partitions.of(&member.path)) == unit.partition {
                continue;
            }
            let file = view.file(&member.path)?;
            let own =
                |file: &FileRecord| file.unit == Some(*id) && file.standing == Standing::Loaded;
            if let Some(file) = file.filter(own) {
                moved.push((*id, member.path, file));
            }
        }
    }
    Ok(Rehomed(moved))
}

impl Rehomed {
    /// Takes the members out of their units and lets them arrive anew, unless they are gone anyway.
    pub(super) fn add_to(self, prepared: &mut Prepared, partitions: &PathPartitions) {
        for (unit, path, file) in self.0 {
            let inputs = &mut prepared.inputs;
            if inputs.removed.iter().any(|gone| gone.path == path) {
                continue;
            }
            inputs.modified.retain(|modified| modified.path != path);
            let seen = prepared.current.entry(path.clone()).or_insert(file.seen);
            inputs.arrivals.push(Arrival {
                partition: partition_dir(&partitions.of(&path)),
                size: seen.size,
                assigned: None,
                path: path.clone(),
            });
            inputs.removed.push(Changed { unit, path });
        }
    }
}
