//! A changed definition: every unit is stale, and some files belong to another path partition now.
//!
//! # Moving to another partition
//! A member that moves arrives in its new unit first and is taken out of its old one behind that, so that its rows
//! always stand somewhere: where the run ends in between, both units have them until the next one, which finds the old
//! unit dirty still. Until the new unit is committed the file's record speaks of the old one, so a file that changes,
//! turns bad or goes meanwhile is what it was: a member of its old unit, with its rows.

use std::collections::{BTreeSet, HashMap};

use super::error::RunError;
use super::forget::ask_again;
use super::prepare::Prepared;
use super::run::{Built, Pass};
use crate::config::{Definition, PathPartitions};
use crate::ledger::{Batch, Ledger, LedgerError, SchemaVersion, View};
use crate::model::{
    DirtyReason, ErrorKind, FileRecord, KeyRange, ReportedError, RunId, Shape, SourcePath,
    Standing, UnitId, partition_dir,
};
use crate::plan::{Arrival, Changed, Plan};
use crate::schema::{Compatibility, SchemaRules, as_declared, breaches};

/// How often one portion tries to bring members home: a file that changes all the time can be read by one unit and
/// not by the next, again and again.
const HOMECOMINGS: usize = 3;

/// Compiles the captures of the definition.
pub(super) fn partitions(definition: &Definition) -> Result<PathPartitions, RunError> {
    PathPartitions::new(&definition.captures).map_err(|source| RunError::Pattern {
        pattern: definition.captures.join(", "),
        source: Box::new(source),
    })
}

/// Makes `definition` the pipeline's: marks every unit that was built under another one, and lets files that could
/// not be decoded under the old one be tried again.
pub(super) fn adopt(
    ledger: &Ledger,
    definition: &Definition,
    rule: Compatibility,
    run: RunId,
) -> Result<(), RunError> {
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
        schema: begun(&view, definition, rule, run)?,
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

/// Returns the schema with which a new definition begins, where that is another than the present one: declared columns
/// have the types that are declared, and none from what was inferred, or declared, before.
pub(super) fn begun(
    view: &View,
    definition: &Definition,
    rule: Compatibility,
    run: RunId,
) -> Result<Option<SchemaVersion>, RunError> {
    let old = recorded_rules(view)?;
    let new = &definition.schema;
    let current = view.schema()?;
    let known = current.as_ref().map(|schema| schema.shape.clone());
    let known = known.unwrap_or_default();
    if current.is_some() && !new.columns.is_empty() {
        let columns = as_declared(&known, &old);
        let breaches = breaches(&columns, &new.columns, rule);
        if !breaches.is_empty() {
            return Err(RunError::Incompatible { rule, breaches });
        }
    }
    let shape = new.begin(&known, &old);
    Ok((shape != known).then(|| SchemaVersion {
        version: current.map_or(1, |schema| schema.version + 1),
        shape,
        run,
        cause: match new.columns.len() {
            0 => "no columns are declared any more".to_owned(),
            1 => "1 column is declared".to_owned(),
            count => format!("{count} columns are declared"),
        },
    }))
}

/// Returns the rules under which the pipeline was last run.
pub(super) fn recorded_rules(view: &View) -> Result<SchemaRules, LedgerError> {
    let fingerprint = view.meta()?.definition;
    let text = fingerprint.as_deref().map(|old| view.definition(old));
    let text = text.transpose()?.flatten();
    let old: Option<Definition> = text.and_then(|text| serde_json::from_str(&text).ok());
    Ok(old.map(|old| old.schema).unwrap_or_default())
}

/// Returns the columns that the pipeline knows once `definition` is its own.
pub(super) fn known(
    view: &View,
    definition: &Definition,
    rule: Compatibility,
    run: RunId,
) -> Result<Shape, RunError> {
    let schema = match begun(view, definition, rule, run)? {
        Some(begun) => Some(begun),
        None => view.schema()?,
    };
    Ok(schema.map(|schema| schema.shape).unwrap_or_default())
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
pub(super) struct Misplaced {
    members: Vec<(UnitId, SourcePath, FileRecord)>,
    /// Where an unfinished run meant them to go, with the partition of that unit.
    assigned: HashMap<SourcePath, (UnitId, String)>,
}

/// Finds them. Members whose rows can only be carried over stay where they are.
pub(super) fn misplaced(
    view: &View,
    dirty: &[(UnitId, DirtyReason)],
    partitions: &PathPartitions,
) -> Result<Misplaced, LedgerError> {
    let mut concerned: BTreeSet<UnitId> = BTreeSet::new();
    let mut assigned = HashMap::new();
    for (id, why) in dirty {
        concerned.insert(*id);
        let DirtyReason::Unfinished { absorbs, movers } = why else {
            continue;
        };
        concerned.extend(absorbs);
        if let Some(unit) = view.unit(*id)?.filter(|_| !movers.is_empty()) {
            let place = |path: &SourcePath| (path.clone(), (*id, unit.partition.clone()));
            assigned.extend(movers.iter().map(place));
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
    Ok(Misplaced { members, assigned })
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
    /// Leaves all others out.
    fn of(mut self, paths: &BTreeSet<SourcePath>) -> Self {
        self.members.retain(|(_, path, _)| paths.contains(path));
        self
    }

    /// Lets the members arrive in their new partition. Only files that were plainly seen move: reading is what comes
    /// next. The rest stay, and their units stay dirty, until they are seen.
    pub(super) fn move_into(
        mut self,
        prepared: &mut Prepared,
        seen: &Seen,
        partitions: &PathPartitions,
    ) {
        let going = prepared.inputs.removed.iter();
        let going: BTreeSet<SourcePath> = going.map(|changed| changed.path.clone()).collect();
        for (unit, path, file) in self.members {
            let recorded = prepared.batch.files.get(&path).and_then(Option::as_ref);
            let is_loaded = recorded.is_none_or(|file| file.standing == Standing::Loaded);
            // What goes, or can only be carried over from now on, does not move, nor does its unit wait for it.
            if going.contains(&path) || !is_loaded {
                continue;
            }
            if !seen.is_plainly_there(&path) {
                prepared.waiting.insert(unit);
                continue;
            }
            if prepared.left.remove(&path).is_some() {
                prepared.deferred -= 1;
            }
            let fingerprint = prepared.current.entry(path.clone()).or_insert(file.seen);
            let partition = partition_dir(&partitions.of(&path));
            let assigned = self.assigned.remove(&path);
            prepared.inputs.arrivals.push(Arrival {
                size: fingerprint.size,
                assigned: assigned.and_then(|(unit, place)| (place == partition).then_some(unit)),
                partition,
                path: path.clone(),
            });
            prepared.moving.insert(path.clone());
            prepared.inputs.departing.push(Changed { unit, path });
        }
        let Prepared { inputs, moving, .. } = prepared;
        let modified = &mut inputs.modified;
        modified.retain(|changed| !moving.contains(&changed.path));
    }
}

impl Pass<'_> {
    /// Moves members that could be read again, after only the outputs had held their rows, to the partition where the
    /// definition puts them by now. What cannot be brought home is left to the next run.
    pub(super) fn bring_home(
        &mut self,
        ledger: &Ledger,
        prepared: &mut Prepared,
        built: &mut Built,
    ) -> Result<(), RunError> {
        for _ in 0..HOMECOMINGS {
            let mut astray = std::mem::take(&mut built.astray);
            astray.retain(|path| !built.stuck.contains(path));
            if astray.is_empty() || !self.control.takes_more() {
                return Ok(());
            }
            let plan = self.plan_homecoming(ledger, prepared, &astray)?;
            self.build(ledger, plan, prepared, built)?;
        }
        let mut astray = std::mem::take(&mut built.astray);
        astray.retain(|path| !built.stuck.contains(path));
        built.away.append(&mut astray);
        Ok(())
    }

    /// Plans the moves of members that are astray, and records the plan.
    fn plan_homecoming(
        &mut self,
        ledger: &Ledger,
        prepared: &mut Prepared,
        astray: &BTreeSet<SourcePath>,
    ) -> Result<Plan, RunError> {
        let view = ledger.view()?;
        let mut dirty = view.dirty()?;
        // What is dirty by now is another run's, or departed from: nothing joins it.
        self.closed.extend(dirty.iter().map(|(id, _)| *id));
        dirty.retain(|(_, why)| matches!(why, DirtyReason::Misplaced));
        self.seen.doubtful.retain(|path| !astray.contains(path));
        let deferred = prepared.deferred;
        prepared.waiting.clear();
        prepared.moving.clear();
        let misplaced = misplaced(&view, &dirty, &self.partitions)?.of(astray);
        misplaced.move_into(prepared, &self.seen, &self.partitions);
        self.report.files.deferred -= deferred - prepared.deferred;
        let departing = &prepared.inputs.departing;
        dirty.retain(|(id, _)| departing.iter().any(|changed| changed.unit == *id));
        let plan = self.plan(&view, prepared, dirty)?;
        self.record(ledger, &view, prepared, &plan)?;
        Ok(plan)
    }

    /// Tells of members that no homecoming brought home: they kept changing.
    pub(super) fn tell_who_is_away(&mut self, view: &View, built: &Built) -> Result<(), RunError> {
        for path in &built.away {
            let unit = view.file(path)?.and_then(|file| file.unit);
            let unit = unit.map(|id| view.unit(id)).transpose()?.flatten();
            if unit.is_none_or(|unit| unit.partition == partition_dir(&self.partitions.of(path))) {
                continue;
            }
            self.report.files.unsettled += 1;
            self.errors.push(ReportedError {
                path: path.to_string(),
                kind: ErrorKind::Unsettled,
                message: format!("{path} kept changing while it was to move to its partition"),
            });
        }
        Ok(())
    }
}
