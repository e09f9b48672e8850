//! One run: placeholders of the calls that the command line makes.

mod control;
mod error;
mod pipeline;

pub use control::{Control, Phase, Progress};
pub use error::RunError;
pub use pipeline::{Pipeline, Target};

use serde::Serialize;

use crate::detect::Change;
use crate::model::{FileCounts, ReportedError, RunReport, SourcePath, Timestamp};
use crate::source::Source;

/// What a run would do.
#[derive(Debug, Clone, Default, Serialize)]
pub struct PlanReport {
    /// Files by verdict.
    pub files: FileCounts,
    /// Changes.
    pub changes: Vec<PlannedChange>,
    /// Units to build.
    pub units: Vec<UnitPreview>,
    /// Outputs that would go.
    pub outputs_retired: u64,
    /// Trouble.
    pub errors: Vec<ReportedError>,
}

/// One change.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedChange {
    /// The file.
    pub path: SourcePath,
    /// The verdict.
    pub verdict: Change,
    /// Why.
    pub reason: String,
}

/// One unit.
#[derive(Debug, Clone, Serialize)]
pub struct UnitPreview {
    /// Its name, if it has one yet.
    pub unit: Option<String>,
    /// Its path partition.
    pub partition: String,
    /// Why it is built.
    pub why: String,
    /// Members.
    pub members: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// How deep `verify` looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Presence and size.
    Shallow,
    /// Hashes too.
    Deep,
}

/// What `verify` found.
#[derive(Debug, Clone, Default, Serialize)]
pub struct VerifyReport {
    /// Outputs looked at.
    pub outputs: u64,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// The output or file.
    pub path: String,
    /// What is wrong with it.
    pub message: String,
}

/// What to reset.
#[derive(Debug, Clone, Default)]
pub struct ResetFilter {
    /// Everything.
    pub all: bool,
    /// Files that match.
    pub path: Option<String>,
    /// Files modified since.
    pub since: Option<Timestamp>,
    /// Files modified until.
    pub until: Option<Timestamp>,
}

/// What `reset` did.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ResetReport {
    /// Files marked.
    pub files: u64,
    /// Units marked.
    pub units: u64,
}

/// What `recover` did.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RecoverReport {
    /// Outputs read.
    pub outputs: u64,
    /// Units rebuilt.
    pub units: u64,
    /// Files recorded.
    pub files: u64,
}

/// Runs.
pub fn run(_: &Pipeline, _: &Control) -> Result<RunReport, RunError> {
    Err(RunError::Interrupted)
}
/// Previews.
pub fn preview(_: &Pipeline, _: &Control) -> Result<PlanReport, RunError> {
    Ok(PlanReport::default())
}
/// Verifies.
pub fn verify(
    _: &Target,
    _: Option<&dyn Source>,
    _: Depth,
    control: &Control,
) -> Result<VerifyReport, RunError> {
    if control.is_interrupted() {
        return Err(RunError::Interrupted);
    }
    Ok(VerifyReport::default())
}
/// Resets.
pub fn reset(_: &Target, _: &ResetFilter) -> Result<ResetReport, RunError> {
    Ok(ResetReport::default())
}
/// Recovers.
pub fn recover(_: &Target) -> Result<RecoverReport, RunError> {
    Ok(RecoverReport::default())
}
/// Retries.
pub fn retry_quarantined(_: &Target, _: Option<&str>) -> Result<u64, RunError> {
    Ok(0)
}
