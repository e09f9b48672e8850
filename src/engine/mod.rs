//! One run: placeholders of the calls that the command line makes.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde::Serialize;

use crate::clock::Clock;
use crate::config::{Definition, Limits, Policies};
use crate::durable::Disk;
use crate::model::{FileCounts, ReportedError, RunReport, RunStatus, Timestamp};
use crate::sink::Sink;
use crate::source::Source;

/// A source, a transform and a target.
pub struct Pipeline {
    /// Where the files come from.
    pub source: Arc<dyn Source>,
    /// Where the outputs go.
    pub target: Target,
    /// What is computed.
    pub definition: Definition,
    /// How a run behaves.
    pub policies: Policies,
    /// How much it may use.
    pub limits: Limits,
}

/// Where the outputs and the ledger are.
pub struct Target {
    /// The outputs.
    pub sink: Arc<dyn Sink>,
    /// The disk of the ledger.
    pub disk: Arc<dyn Disk>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Directory of ledger and lock.
    pub state: PathBuf,
    /// Note for the lock.
    pub holder: String,
}

/// Interruption and progress.
pub struct Control {
    interrupt: Arc<AtomicBool>,
    progress: Progress,
}

/// What a run is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Listing.
    Discover,
    /// Hashing.
    Verify,
    /// Building.
    Work,
    /// Publishing.
    Publish,
}

macro_rules! counters {
    ($($name:ident),*) => {
        /// How far a run is.
        #[derive(Debug, Default)]
        pub struct Progress { $($name: AtomicU64),* }
        impl Progress {
            /// Returns the phase.
            pub fn phase(&self) -> Phase { Phase::Discover }
            $(
                /// Returns the count.
                pub fn $name(&self) -> u64 { self.$name.load(Ordering::Relaxed) }
            )*
        }
    };
}
counters!(files_listed, files_total, files_done, bytes_total, bytes_done, rows_done, units_total, units_done);

impl Control {
    /// Makes one.
    pub fn new(interrupt: Arc<AtomicBool>) -> Self {
        Self {
            interrupt,
            progress: Progress::default(),
        }
    }

    /// Returns how far the run is.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }
}

/// What a run would do.
#[derive(Debug, Clone, Default, Serialize)]
pub struct PlanReport {
    /// Files by verdict.
    pub files: FileCounts,
    /// Changes.
    pub changes: Vec<PlannedChange>,
    /// Units to build.
    pub units: Vec<PlannedUnit>,
    /// Outputs that would go.
    pub outputs_retired: u64,
    /// Trouble.
    pub errors: Vec<ReportedError>,
}

/// One change.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedChange {
    /// The file.
    pub path: String,
    /// The verdict.
    pub verdict: String,
    /// Why.
    pub reason: String,
}

/// One unit.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedUnit {
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
    pub problems: Vec<ReportedError>,
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

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Another run holds the pipeline.
    #[error("cannot lock the pipeline: {note} holds it")]
    Held {
        /// Its note.
        note: String,
    },
    /// Too many files vanished.
    #[error("cannot remove {vanished} vanished files of {live}: the brake is at {limit}")]
    Braked {
        /// Vanished.
        vanished: u64,
        /// Live.
        live: u64,
        /// Limit.
        limit: u64,
    },
    /// Outputs without a ledger.
    #[error("cannot find the ledger of {outputs} outputs")]
    LedgerMissing {
        /// Outputs.
        outputs: u64,
    },
    /// The mark does not match.
    #[error("cannot use the ledger: the target belongs to another")]
    Foreign,
    /// Stopped by a signal.
    #[error("interrupted")]
    Interrupted,
}

impl RunError {
    /// Returns how the run ended.
    pub fn status(&self) -> RunStatus {
        match self {
            Self::Braked { .. } => RunStatus::Braked,
            Self::Interrupted => RunStatus::Interrupted,
            _ => RunStatus::Failed,
        }
    }
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
pub fn verify(_: &Target, _: Option<&dyn Source>, _: Depth, control: &Control) -> Result<VerifyReport, RunError> {
    if control.interrupt.load(Ordering::Relaxed) {
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
