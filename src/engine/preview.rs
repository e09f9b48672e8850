//! `plan`: what a run would do, and why. Changes nothing and takes no lock.

use std::sync::Arc;

use serde::Serialize;

use super::control::Control;
use super::definition;
use super::error::RunError;
use super::pipeline::Pipeline;
use super::portion::Portion;
use super::run::{Pass, pool};
use super::verify::Changes;
use crate::detect::{Change, Reason, Verdict};
use crate::durable::MemoryDisk;
use crate::ledger::{self, Ledger, OpenError, View};
use crate::model::{FileCounts, LedgerId, ReportedError, SourcePath, UnitId};
use crate::plan::{Plan, PlannedUnit, Why};

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
pub fn preview(pipeline: &Pipeline, control: &Control) -> Result<PlanReport, RunError> {
    let view = view(pipeline)?;
    let pool = pool(pipeline)?;
    let mut pass = Pass::new(pipeline, control, &pool, &view.meta()?)?;
    let mut dirty = view.dirty()?;
    let fingerprint = pipeline.definition.fingerprint();
    if view.meta()?.definition.as_deref() != Some(fingerprint.as_str()) {
        dirty.extend(definition::outdated(&view, &fingerprint)?);
    }
    let found = pass.look(&view, &Portion::whole())?;
    let changes = list(&found);
    let mut prepared = pass.prepare(&view, found, &dirty)?;
    let plan = pass.plan(&view, &mut prepared, dirty)?;
    let mut report = PlanReport {
        version: 1,
        pipeline: fingerprint,
        source: pipeline.source.describe(),
        target: pipeline.target.sink.describe(),
        files: pass.report.files,
        changes,
        units: Vec::new(),
        carried_members: 0,
        errors: pass.errors,
    };
    describe_units(&view, &plan, &mut report)?;
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

fn describe_units(view: &View, plan: &Plan, report: &mut PlanReport) -> Result<(), RunError> {
    for (id, planned) in &plan.units {
        let mut members = planned.joins.len() as u64;
        let mut bytes = planned.joined_bytes;
        let mut partition = planned.partition.clone().unwrap_or_default();
        for recorded in std::iter::once(id).chain(&planned.absorbs) {
            if let Some(unit) = view.unit(*recorded)? {
                members += unit.members.len() as u64;
                bytes += unit.bytes;
                report.carried_members += carried(view, &unit, planned)?;
                partition = unit.partition;
            }
        }
        let details = planned.why();
        report.units.push(UnitPreview {
            unit: *id,
            partition,
            why: details.iter().map(ToString::to_string).collect(),
            details,
            members: members.saturating_sub(planned.leaves.len() as u64),
            bytes,
        });
    }
    Ok(())
}

fn carried(
    view: &View,
    unit: &crate::model::UnitRecord,
    planned: &PlannedUnit,
) -> Result<u64, RunError> {
    let mut count = 0;
    for member in &unit.members {
        let file = view.file(&member.path)?;
        let is_carried = file.is_some_and(|file| file.standing.is_carried());
        if is_carried && planned.modified.binary_search(&member.path).is_err() {
            count += 1;
        }
    }
    Ok(count)
}
