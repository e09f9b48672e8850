//! `plan`: what a run would do, and why. Changes nothing and takes no lock.

use std::sync::Arc;

use serde::Serialize;

use super::control::Control;
use super::definition;
use super::error::RunError;
use super::forecast::{Forecast, forecast};
use super::hands::pool;
use super::pipeline::Pipeline;
use super::portion::Portion;
use super::prepare::Prepared;
use super::run::{Looked, Pass};
use super::verify::{Changed, Changes};
use super::{report, sql};
use crate::detect::{Change, Reason, Verdict};
use crate::durable::MemoryDisk;
use crate::ledger::{self, Ledger, OpenError, View};
use crate::model::{
    FileCounts, FileRecord, LedgerId, ReportedError, SourcePath, UnitId, UnitRecord,
};
use crate::plan::{Plan, PlannedUnit, Why};
use crate::transform::RowTransform;

/// What a run would do.
#[derive(Debug, Clone, Serialize)]
pub struct PlanReport {
    /// Version of this document; grows only when a key is added.
    pub version: u32,
    /// The definition's fingerprint.
    pub pipeline: String,
    /// Where the files come from.
    pub source: String,
    /// Where the outputs stand.
    pub target: String,
    /// Source files by verdict.
    pub files: FileCounts,
    /// Every file that is not unchanged, in byte order of the paths.
    pub changes: Vec<PlannedChange>,
    /// The units to build.
    pub units: Vec<UnitPreview>,
    /// Rows of members that are carried over, which a changed definition cannot reach.
    pub carried_members: u64,
    /// What the columns become, as far as the beginnings of new and changed files tell.
    pub schema: Forecast,
    /// What could not be looked at.
    pub errors: Vec<ReportedError>,
}

/// A file and its verdict.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedChange {
    /// The file.
    pub path: SourcePath,
    /// What happened to it.
    pub change: Change,
    /// Why we think so, for people.
    pub reason: String,
    /// The same with its values.
    pub details: Reason,
}

/// A unit to build.
#[derive(Debug, Clone, Serialize)]
pub struct UnitPreview {
    /// The unit.
    pub unit: UnitId,
    /// Its path partition.
    pub partition: String,
    /// Why it is built, for people.
    pub why: Vec<String>,
    /// The same with its values.
    pub details: Vec<Why>,
    /// Members that it will have.
    pub members: u64,
    /// Bytes of the files to read, as far as the ledger and the listing tell.
    pub bytes: u64,
}

/// Finds out what a run would do.
///
/// # Errors
/// As a run, but for what only writing can bring; a pipeline that is held by a run can be previewed.
/// [`RunError::Interrupted`], since half a preview would look like a whole one.
pub fn preview(pipeline: &Pipeline, control: &Control) -> Result<PlanReport, RunError> {
    let transform = RowTransform::new(&pipeline.definition)?;
    let view = view(pipeline)?;
    let pool = pool(pipeline)?;
    let mut pass = Pass::new(pipeline, transform.as_ref(), None, control, &pool, &view)?;
    let mut dirty = view.dirty()?;
    let fingerprint = pipeline.definition.fingerprint();
    let is_new = view.meta()?.definition.as_deref() != Some(fingerprint.as_str());
    if is_new {
        let rule = pipeline.policies.compatibility;
        definition::begun(&view, &pipeline.definition, rule, pass.run)?;
        dirty.extend(definition::outdated(&view, &fingerprint)?);
    }
    let looked = pass.look(&view, &Portion::whole())?;
    let Looked::Whole(mut found) = looked else {
        return Err(RunError::Interrupted);
    };
    if control.is_interrupted() {
        return Err(RunError::Interrupted);
    }
    if is_new {
        try_again(&view, &mut pass, &mut found)?;
    }
    let changes = list(&found);
    if let Some(transform) = &transform {
        let rule = pipeline.policies.compatibility;
        let known = definition::known(&view, &pipeline.definition, rule, pass.run)?;
        let unknown = sql::unknown(transform, &known, &view)?;
        report::unknown_columns(unknown, &mut pass.errors);
    }
    let mut prepared = pass.prepare(&view, found, &dirty)?;
    let plan = pass.plan(&view, &mut prepared, dirty)?;
    let schema = forecast(&view, &pass, &plan, &prepared)?;
    let mut report = PlanReport {
        version: 1,
        pipeline: fingerprint,
        source: pipeline.source.describe(),
        target: pipeline.target.sink.describe(),
        files: pass.report.files,
        changes,
        units: Vec::new(),
        carried_members: 0,
        schema,
        errors: pass.errors,
    };
    describe_units(&view, &plan, &prepared, &mut report)?;
    report.files.quarantined = view.quarantine()?.len() as u64;
    Ok(report)
}

/// What the ledger says, or an empty one where there is none yet and the target does not contradict.
fn view(pipeline: &Pipeline) -> Result<View, RunError> {
    let target = &pipeline.target;
    match ledger::snapshot(target.disk.clone(), &target.state) {
        Ok(view) => Ok(view),
        Err(OpenError::Missing) => {
            let outputs = target.sink.outputs()?.len();
            if outputs > 0 {
                let target = target.sink.describe();
                return Err(RunError::LedgerMissing { target, outputs });
            }
            let state = std::path::Path::new("/preview");
            let empty = || LedgerId("preview".to_owned());
            let disk: Arc<dyn crate::durable::Disk> = Arc::new(MemoryDisk::new());
            Ledger::open(disk.clone(), state, &empty, "preview")?.close()?;
            Ok(ledger::snapshot(disk, state)?)
        }
        Err(error) => Err(error.into()),
    }
}

/// Adds the quarantined files that nothing happened to: a run under a new definition tries them again.
fn try_again(view: &View, pass: &mut Pass<'_>, changes: &mut Changes) -> Result<(), RunError> {
    for (path, quarantined) in view.quarantine()? {
        let Some(record) = view.file(&path)? else {
            continue;
        };
        if !pass.seen.is_plainly_there(&path) {
            continue;
        }
        let files = &mut pass.report.files;
        files.unchanged = files.unchanged.saturating_sub(1);
        files.modified += 1;
        let hash = quarantined.hash;
        changes.files.push(Changed {
            path,
            verdict: Verdict::new(Change::Modified, Reason::TriedAgain { hash }),
            seen: Some(record.seen.clone()),
            hash: Some(hash),
            record: Some(FileRecord {
                hash: None,
                ..record
            }),
        });
    }
    changes.files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(())
}

fn list(changes: &Changes) -> Vec<PlannedChange> {
    let renamed = changes
        .renames
        .iter()
        .map(|renamed| (&renamed.to.path, &renamed.to.verdict));
    let others = changes.files.iter().map(|file| (&file.path, &file.verdict));
    let planned = |(path, verdict): (&SourcePath, &Verdict)| PlannedChange {
        path: path.clone(),
        change: verdict.change,
        reason: verdict.reason.to_string(),
        details: verdict.reason.clone(),
    };
    let mut list: Vec<PlannedChange> = renamed.chain(others).map(planned).collect();
    list.sort_by(|a, b| a.path.cmp(&b.path));
    list
}

fn describe_units(
    view: &View,
    plan: &Plan,
    prepared: &Prepared,
    report: &mut PlanReport,
) -> Result<(), RunError> {
    for (id, planned) in &plan.units {
        let mut sums = Sums {
            members: planned.joins.len() as u64,
            bytes: planned.joined_bytes,
            carried: 0,
        };
        let mut partition = planned.partition.clone().unwrap_or_default();
        for recorded in std::iter::once(id).chain(&planned.absorbs) {
            if let Some(unit) = view.unit(*recorded)? {
                sums.add(view, *recorded, &unit, planned, prepared)?;
                partition = unit.partition;
            }
        }
        report.carried_members += sums.carried;
        let details = planned.why();
        report.units.push(UnitPreview {
            unit: *id,
            partition,
            why: details.iter().map(ToString::to_string).collect(),
            details,
            members: sums.members,
            bytes: sums.bytes,
        });
    }
    Ok(())
}

/// What a unit to build comes to.
struct Sums {
    members: u64,
    /// Of the files to read.
    bytes: u64,
    /// Members that are carried over.
    carried: u64,
}

impl Sums {
    /// Adds the members of a recorded unit that stay.
    fn add(
        &mut self,
        view: &View,
        id: UnitId,
        unit: &UnitRecord,
        planned: &PlannedUnit,
        prepared: &Prepared,
    ) -> Result<(), RunError> {
        for member in &unit.members {
            let has = |list: &[SourcePath]| list.binary_search(&member.path).is_ok();
            if has(&planned.leaves) || has(&planned.departs) {
                continue;
            }
            let file = view.file(&member.path)?;
            let Some(file) = file.filter(|file| file.unit == Some(id)) else {
                continue;
            };
            self.members += 1;
            let is_modified = planned.modified.binary_search(&member.path).is_ok();
            if file.standing.is_carried() && !is_modified {
                self.carried += 1;
            } else {
                let now = prepared.current.get(&member.path);
                self.bytes += now.unwrap_or(&file.seen).size;
            }
        }
        Ok(())
    }
}
