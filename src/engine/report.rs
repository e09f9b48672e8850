//! Fills in the run's report.

use super::discover::Discovery;
use super::pipeline::{Pipeline, Target};
use super::verify::Changes;
use crate::config::Definition;
use crate::detect::Change;
use crate::ledger::{LedgerError, View};
use crate::model::{
    ErrorKind, Exchange, ExpectationCount, KeyRange, ReportedError, RunId, RunReport, RunStatus,
    Seconds, Timestamp, partition_values,
};
use crate::source::Unknown;
use crate::transform::{RowTransform, SqlError};

/// More errors than this are counted and not listed, so that a report stays small.
const ERRORS_LISTED: usize = 100;

/// Begins a report.
pub(super) fn begin(
    pipeline: &Pipeline,
    run: RunId,
    started_at: Timestamp,
    watermark: Option<Timestamp>,
) -> RunReport {
    RunReport {
        version: 1,
        run_id: run,
        status: RunStatus::Running,
        pipeline: pipeline.definition.fingerprint(),
        source: pipeline.source.describe(),
        target: pipeline.target.sink.describe(),
        started_at,
        files: crate::model::FileCounts::default(),
        units: crate::model::UnitCounts::default(),
        rows: crate::model::RowCounts::default(),
        bytes: crate::model::ByteCounts::default(),
        outputs: crate::model::OutputCounts::default(),
        requests: None,
        hints: None,
        stopped_by: None,
        seconds: Seconds::default(),
        watermark,
        checkpoint: false,
        distinct: false,
        expectations: expectations(&pipeline.definition),
        errors: Vec::new(),
        errors_omitted: 0,
    }
}

fn expectations(definition: &Definition) -> Vec<ExpectationCount> {
    let all = definition.sql.expect.iter();
    all.map(|expectation| ExpectationCount {
        name: expectation.name.clone(),
        on_fail: expectation.on_fail.word().to_owned(),
        dropped: 0,
        quarantined_rows: 0,
        quarantined_files: 0,
        failed: 0,
    })
    .collect()
}

/// Tells what keeps the pipeline's lock from being as good as it should be.
pub(super) fn caveat(target: &Target) -> Option<ReportedError> {
    target.disk.caveat().map(|caveat| ReportedError {
        path: target.state.display().to_string(),
        kind: ErrorKind::Unconditional,
        message: caveat.to_owned(),
    })
}

/// Tells of columns that the SQL names and no file has.
pub(super) fn unknown_columns(unknown: Vec<SqlError>, errors: &mut Vec<ReportedError>) {
    errors.extend(unknown.into_iter().map(|error| ReportedError {
        path: error.clause().to_string(),
        kind: ErrorKind::UnknownColumn,
        message: error.line(),
    }));
}

/// Counts what a pass over the source saw.
pub(super) fn listed(report: &mut RunReport, discovery: &Discovery) {
    report.files.listed = discovery.listed;
    report.files.unchanged = discovery.unchanged;
    report.files.skipped += discovery.skipped;
    report.files.archived += discovery.archived;
}

/// Counts what could not be looked at.
pub(super) fn unknown<'a>(
    report: &mut RunReport,
    errors: &mut Vec<ReportedError>,
    unknown: impl Iterator<Item = &'a Unknown>,
) {
    for unknown in unknown {
        // A name that cannot be recorded, or a link in a circle, will be there next time as well: it is told every
        // time and does not make a run incomplete. What could not be read may come back.
        match unknown.kind {
            ErrorKind::BadName | ErrorKind::LinkLoop => report.files.skipped += 1,
            _ => report.files.unreadable += 1,
        }
        errors.push(ReportedError {
            path: unknown.path.clone(),
            kind: unknown.kind,
            message: chain(unknown),
        });
    }
}

/// Returns the trouble that hides the whole source, if there is one.
pub(super) fn lost_root(discovery: &Discovery) -> Option<&Unknown> {
    discovery
        .unknown
        .iter()
        .find(|unknown| unknown.hides.as_ref() == Some(&KeyRange::all()))
}

/// Counts verdicts.
pub(super) fn verified(
    report: &mut RunReport,
    errors: &mut Vec<ReportedError>,
    changes: &mut Changes,
) {
    for (path, trouble) in changes.unreadable.drain(..) {
        let error = trouble.told(&path);
        match error.kind {
            ErrorKind::Archived => report.files.archived += 1,
            _ => report.files.unreadable += 1,
        }
        errors.push(error);
    }
    let files = &mut report.files;
    files.renamed += changes.renames.len() as u64;
    for file in &changes.files {
        match file.verdict.change {
            Change::Added => files.added += 1,
            Change::Modified => files.modified += 1,
            Change::Touched => files.touched += 1,
            Change::Renamed => files.renamed += 1,
            Change::Removed => files.removed += 1,
            Change::Unsettled => files.unsettled += 1,
            // Counted by whoever told.
            Change::Archived => {}
            Change::Unchanged => files.unchanged += 1,
        }
    }
    report.bytes.read += changes.bytes_read;
}

/// Tells of columns that settings name and that neither a file nor a path has: a misspelt one would go unnoticed, since
/// rows without it are well placed, sorted and filtered.
///
/// Behind SQL only columns that come with the star can be missing: all others are written, and what they are made of is
/// told by [`unknown_columns`].
pub(super) fn missing_columns(
    view: &View,
    definition: &Definition,
    transform: Option<&RowTransform>,
) -> Result<Vec<ReportedError>, LedgerError> {
    let shape = view
        .schema()?
        .map(|schema| schema.shape)
        .unwrap_or_default();
    let mut missing = named_columns(definition);
    missing.retain(|(column, _)| shape.type_of(column).is_none());
    missing.retain(|(column, _)| transform.is_none_or(|sql| sql.only_takes_along(column)));
    if missing.is_empty() || shape.columns.is_empty() {
        return Ok(Vec::new());
    }
    for unit in view.units()? {
        let from_path = partition_values(&unit?.1.partition);
        missing.retain(|(column, _)| from_path.iter().all(|(name, _)| name != column));
    }
    let told = missing.into_iter().map(|(column, what)| ReportedError {
        path: column.to_owned(),
        kind: ErrorKind::NoSuchColumn,
        message: format!("no file has the column {column}, which is to {what}"),
    });
    Ok(told.collect())
}

/// Returns the columns that settings about outputs name, with what each of them is to do, and what comes of it where it
/// is not there.
fn named_columns(definition: &Definition) -> Vec<(&str, &'static str)> {
    let writing = &definition.writing;
    let partition = definition.partition_by.iter().map(String::as_str);
    let sorted = writing.sort_by.iter().map(|key| key.column.as_str());
    let filtered = writing.bloom_filter.iter().map(String::as_str);
    partition
        .map(|column| (column, "name partitions: it is null in all rows"))
        .chain(sorted.map(|column| (column, "sort rows: it sorts nothing")))
        .chain(filtered.map(|column| (column, "have a bloom filter: none is written")))
        .collect()
}

/// Takes down what was exchanged with object stores.
pub(super) fn exchanged(report: &mut RunReport, exchanged: Exchange) {
    report.requests = Some(exchanged.requests);
    report.bytes.sent = exchanged.sent;
    report.bytes.received = exchanged.received;
}

/// Decides how the run ended, and lists its errors.
pub(super) fn finish(report: &mut RunReport, mut errors: Vec<ReportedError>, interrupted: bool) {
    errors.sort_by(|a, b| a.path.cmp(&b.path));
    let omitted = errors.len().saturating_sub(ERRORS_LISTED);
    errors.truncate(ERRORS_LISTED);
    report.errors = errors;
    report.errors_omitted = omitted as u64;
    let leaves_something = report.files.deferred > 0 || report.stopped_by.is_some();
    report.status = if interrupted {
        RunStatus::Interrupted
    } else if report.units.failed > 0 || report.files.unreadable > 0 {
        RunStatus::Incomplete
    } else if report.files.quarantined > 0 {
        RunStatus::Quarantined
    } else if leaves_something {
        RunStatus::Partial
    } else {
        RunStatus::Done
    };
    let all_taken = report.files.unsettled == 0 && !leaves_something;
    report.checkpoint =
        all_taken && matches!(report.status, RunStatus::Done | RunStatus::Quarantined);
}

/// Returns an error with its causes in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.ends_with(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = error.source();
    }
    text
}
