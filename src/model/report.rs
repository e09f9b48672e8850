//! The report of a run: what `--json` prints and what the history keeps. It may only grow.

use serde::{Deserialize, Serialize};

use super::{HintCounts, RequestCounts, RunId, Timestamp};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Under way, or killed before it could say how it ended.
    Running,
    /// Everything that was discovered is committed (or there was nothing to do).
    Done,
    /// As [`Self::Done`], but some inputs are quarantined.
    Quarantined,
    /// Part of the work is committed; some inputs could not be read or some units failed.
    Incomplete,
    /// Nothing but what was committed before the failure.
    Failed,
    /// Stopped by a limit (`--max-files`, `--max-bytes`, `--max-duration`, `--max-requests`): the rest is left for the next
    /// run.
    Partial,
    /// Stopped by a signal.
    Interrupted,
    /// Stopped by the removal brake before anything was removed.
    Braked,
}

/// A limit after which a run takes no more work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunLimit {
    /// The time of `--max-duration` is over.
    MaxDuration,
    /// The requests of `--max-requests` are used up.
    MaxRequests,
}

impl RunLimit {
    /// Returns the option that sets it.
    #[must_use]
    pub fn option(self) -> &'static str {
        match self {
            Self::MaxDuration => "--max-duration",
            Self::MaxRequests => "--max-requests",
        }
    }
}

/// Counts of source files by verdict.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileCounts {
    /// Seen in the listing.
    pub listed: u64,
    /// As they were.
    pub unchanged: u64,
    /// New.
    pub added: u64,
    /// With other bytes than before.
    pub modified: u64,
    /// With other stamps and the same bytes.
    pub touched: u64,
    /// Under another name with the same bytes.
    pub renamed: u64,
    /// Gone.
    pub removed: u64,
    /// Still being written, or changed while they were read: looked at again next time.
    pub unsettled: u64,
    /// Set aside because they cannot be decoded, now or by an earlier run.
    pub quarantined: u64,
    /// Could not be looked at or read.
    #[serde(default)]
    pub unreadable: u64,
    /// In the source and not taken: hidden, temporary, excluded or of an unknown format.
    #[serde(default)]
    pub skipped: u64,
    /// Left for the next run by a limit, as far as they were listed.
    #[serde(default)]
    pub deferred: u64,
    /// In an archive of the store, and left alone until somebody restores them.
    #[serde(default)]
    pub archived: u64,
}

/// Counts of units.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitCounts {
    /// With work to do.
    pub planned: u64,
    /// Built and committed.
    pub written: u64,
    /// Left as they were because the work failed.
    pub failed: u64,
}

/// Rows in and out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowCounts {
    /// Decoded from source files.
    pub read: u64,
    /// Written to outputs.
    pub written: u64,
}

/// Bytes in and out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByteCounts {
    /// Read from source files, for hashing and for decoding.
    pub read: u64,
    /// Written to outputs.
    pub written: u64,
    /// Sent to object stores.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub sent: u64,
    /// Received from object stores, listings and all else included.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub received: u64,
}

/// What an expectation left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpectationCount {
    /// Its name.
    pub name: String,
    /// What a failure leads to.
    pub on_fail: String,
    /// Rows of the files read in this run that it dropped.
    pub dropped: u64,
    /// Rows of the files read in this run that it set aside.
    #[serde(default)]
    pub quarantined_rows: u64,
    /// Files read in this run that it set aside.
    #[serde(default)]
    pub quarantined_files: u64,
    /// Rows that ended the run: it ends at the first.
    #[serde(default)]
    pub failed: u64,
}

/// Counts of outputs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputCounts {
    /// Published.
    pub written: u64,
    /// Rebuilt with the same bytes and therefore not touched.
    pub kept: u64,
    /// Retired.
    pub removed: u64,
}

/// Where the time went.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Seconds {
    /// Listing and joining with the ledger.
    pub discover: f64,
    /// Hashing what may have changed.
    pub verify: f64,
    /// Decoding, routing and encoding.
    pub work: f64,
    /// Making outputs visible and recording them.
    pub publish: f64,
    /// From start to end.
    pub total: f64,
}

/// What kind of trouble a reported error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The bytes cannot be decoded: the file is quarantined.
    Undecodable,
    /// The file or directory could not be read this time.
    Unreadable,
    /// The name is not UTF-8, or no path, so the file cannot be recorded.
    BadName,
    /// The file is in an archive of the store, and is left alone.
    Archived,
    /// The file changed or vanished while it was read.
    Unsettled,
    /// A symbolic link leads back to a directory above it.
    LinkLoop,
    /// Building or publishing a unit failed.
    Unit,
    /// Rows that the source cannot give again stood in an output that is missing or damaged.
    RowsLost,
    /// The run ended before it was done.
    Run,
    /// A limit was reached before anything could be done.
    Limit,
    /// Two files hold the same bytes (`--same-content warn`).
    SameContent,
    /// The SQL names a column that no file has.
    UnknownColumn,
    /// The store that the ledger is in does every write, whatever its condition is.
    Unconditional,
    /// No file has a column that is to name partitions.
    NoSuchColumn,
}

/// One trouble that did not end the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedError {
    /// The file, directory or unit concerned.
    pub path: String,
    /// What kind of trouble.
    pub kind: ErrorKind,
    /// What was being done, to what, and why it failed.
    pub message: String,
}

/// What one run did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// Version of this document; grows only when a key is added.
    pub version: u32,
    /// The run.
    pub run_id: RunId,
    /// How it ended.
    pub status: RunStatus,
    /// The pipeline's fingerprint (its definition's).
    pub pipeline: String,
    /// Where the files come from.
    pub source: String,
    /// Where the outputs stand.
    pub target: String,
    /// When it started.
    pub started_at: Timestamp,
    /// Source files by verdict.
    pub files: FileCounts,
    /// Units.
    pub units: UnitCounts,
    /// Rows in and out.
    pub rows: RowCounts,
    /// Bytes in and out.
    pub bytes: ByteCounts,
    /// Outputs.
    pub outputs: OutputCounts,
    /// Requests to object stores, where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<RequestCounts>,
    /// What hints came to, where there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hints: Option<HintCounts>,
    /// The limit that left something for the next run, where it is one of time or requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_by: Option<RunLimit>,
    /// Where the time went.
    pub seconds: Seconds,
    /// The highest source mtime that is fully behind us.
    pub watermark: Option<Timestamp>,
    /// True where everything discovered is committed or quarantined.
    pub checkpoint: bool,
    /// True where `--same-content skip` held to the end: every known content counts under one name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub distinct: bool,
    /// The expectations of the definition, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expectations: Vec<ExpectationCount>,
    /// Trouble that did not end the run, up to a limit that keeps the report small.
    pub errors: Vec<ReportedError>,
    /// How many more there were beyond that limit.
    #[serde(default)]
    pub errors_omitted: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands out references"
)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}
