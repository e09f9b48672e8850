//! One run: placeholders of the calls that the command line makes.

mod control;
mod error;
mod pipeline;

pub use control::{Control, Phase, Progress};
pub use error::RunError;
pub use pipeline::{Pipeline, Target};

use std::fmt;

use serde::Serialize;

use crate::detect::{Change, Reason};
use crate::model::{
    FileCounts, OutputPath, ReportedError, RunReport, SourcePath, Timestamp, UnitId,
};
use crate::plan::Why;
use crate::source::Source;

/// What a run would do.
#[derive(Debug, Clone, Default, Serialize)]
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

/// How deep `verify` looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Presence and size of outputs; stamps of source files.
    Shallow,
    /// The content hashes as well: reads everything.
    Deep,
}

/// Something that is not as the ledger says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "finding")]
pub enum Finding {
    /// An output is not there.
    OutputMissing {
        /// The output.
        path: OutputPath,
    },
    /// An output has another length or other bytes.
    OutputDamaged {
        /// The output.
        path: OutputPath,
    },
    /// A Parquet file in the target that no unit owns.
    OutputUnknown {
        /// The file.
        path: OutputPath,
    },
    /// A source file is gone.
    SourceMissing {
        /// The file.
        path: SourcePath,
    },
    /// A source file has other stamps: the next run looks at it anyway.
    SourceMoved {
        /// The file.
        path: SourcePath,
    },
    /// A source file has the same stamps and other bytes.
    SourceChangedInSecret {
        /// The file.
        path: SourcePath,
    },
    /// A source file could not be read.
    SourceUnreadable {
        /// The file.
        path: SourcePath,
    },
}

impl Finding {
    /// Returns the output or source file concerned.
    #[must_use]
    pub fn path(&self) -> &str {
        match self {
            Self::OutputMissing { path }
            | Self::OutputDamaged { path }
            | Self::OutputUnknown { path } => path,
            Self::SourceMissing { path }
            | Self::SourceMoved { path }
            | Self::SourceChangedInSecret { path }
            | Self::SourceUnreadable { path } => path,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutputMissing { .. } => "the output is missing",
            Self::OutputDamaged { .. } => "the output is damaged",
            Self::OutputUnknown { .. } => "no unit owns this file; it is left alone",
            Self::SourceMissing { .. } => "gone from the source since the last run",
            Self::SourceMoved { .. } => "its stamps moved since the last run",
            Self::SourceChangedInSecret { .. } => "its stamps are the same, and its bytes differ",
            Self::SourceUnreadable { .. } => "the source file cannot be read",
        })
    }
}

/// What was looked at and what was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// Version of this document.
    pub version: u32,
    /// Outputs looked at.
    pub outputs: u64,
    /// Source files looked at.
    pub files: u64,
    /// What is not as the ledger says.
    pub findings: Vec<Finding>,
    /// Units that the next run builds again because of it.
    pub units_marked: u64,
    /// True where content hashes were compared.
    pub deep: bool,
    /// False where it was interrupted.
    pub complete: bool,
}

impl VerifyReport {
    /// Tells whether everything that was looked at is as the ledger says.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty() && self.complete
    }
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
    /// Version of this document.
    pub version: u32,
    /// Files marked.
    pub files: u64,
    /// Units marked.
    pub units: u64,
}

/// What was rebuilt.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RecoverReport {
    /// Version of this document.
    pub version: u32,
    /// Outputs read.
    pub outputs: u64,
    /// Units rebuilt.
    pub units: u64,
    /// Source files that are known again.
    pub files: u64,
    /// Units that are incomplete and will be built again.
    pub incomplete: Vec<UnitId>,
    /// Parquet files in the target that are not ours, or cannot be read: left alone.
    pub foreign: Vec<OutputPath>,
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
