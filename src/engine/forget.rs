//! `reset` and `quarantine retry`: marks things for the next run.

use std::collections::BTreeSet;

use globset::{GlobBuilder, GlobMatcher};
use serde::Serialize;

use super::error::RunError;
use super::pipeline::Target;
use super::prepare::forget;
use super::recover::is_whole;
use super::session::{self, Absent};
use crate::ledger::{Batch, ListedChange, SchemaVersion, View};
use crate::model::{DirtyReason, FileRecord, KeyRange, Shape, SourcePath, Standing, Timestamp};
use crate::sink::Sink;

/// What to reset. Conditions that are given must all hold; with none given nothing is chosen but by `all`.
#[derive(Debug, Clone, Default)]
pub struct ResetFilter {
    /// Everything, the schema included: the next run is a full reload in place.
    pub all: bool,
    /// Files whose path matches this pattern.
    pub path: Option<String>,
    /// Files modified at or after this moment.
    pub since: Option<Timestamp>,
    /// Files modified before this moment.
    pub until: Option<Timestamp>,
    /// Of these, only files whose rows stood in an output that is missing or damaged. What is recorded of them is
    /// forgotten: rows that the source cannot give again are given up.
    pub lost: bool,
}

/// What was marked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ResetReport {
    /// Version of this document.
    pub version: u32,
    /// Files that matched.
    pub files: u64,
    /// Units that the next run builds again.
    pub units: u64,
}

/// Marks files for reprocessing: their units are built again by the next run, and quarantined files are tried again.
///
/// # Errors
/// [`RunError::Pattern`]; [`RunError::Held`] while a run goes on; else what the ledger reports.
pub fn reset(target: &Target, filter: &ResetFilter) -> Result<ResetReport, RunError> {
    let glob = filter.path.as_deref().map(matcher).transpose()?;
    let ledger = session::open(target, Absent::Refuse)?;
    let view = ledger.view()?;
    let mut batch = Batch::default();
    let mut report = ResetReport {
        version: 1,
        ..ResetReport::default()
    };
    let lost = if filter.lost {
        Some(lost(&view, &*target.sink)?)
    } else {
        None
    };
    let mut rows = view.files(&KeyRange::all())?;
    while let Some(row) = rows.next()? {
        let matches = filter.all
            || (glob.as_ref().is_none_or(|glob| glob.is_match(row.path))
                && filter.since.is_none_or(|since| row.modified_at() >= since)
                && filter.until.is_none_or(|until| row.modified_at() < until)
                && lost.as_ref().is_none_or(|lost| lost.contains(row.path)));
        if !matches {
            continue;
        }
        report.files += 1;
        if let Some(unit) = row.unit() {
            batch.dirty.insert(unit, Some(DirtyReason::Reset));
        }
        if filter.lost {
            forget(&mut batch, SourcePath::new(row.path));
        } else {
            ask_again(&mut batch, row.path, row.record());
        }
    }
    for (id, why) in view.dirty()? {
        if matches!(why, DirtyReason::Unfinished { .. }) {
            batch.dirty.remove(&id);
        }
    }
    if filter.all
        && let Some(schema) = view.schema()?
    {
        batch.schema = Some(SchemaVersion {
            version: schema.version + 1,
            shape: Shape::default(),
            run: schema.run,
            cause: "reset".to_owned(),
        });
    }
    report.units = batch.dirty.len() as u64;
    // Whatever is marked is found by a listing.
    batch.meta.listed = ListedChange::Never;
    drop(view);
    ledger.write(&batch)?;
    ledger.close()?;
    Ok(report)
}

/// Finds the files whose rows stood in an output that is missing or damaged.
fn lost(view: &View, sink: &dyn Sink) -> Result<BTreeSet<SourcePath>, RunError> {
    let mut lost = BTreeSet::new();
    for unit in view.units()? {
        let (id, unit) = unit?;
        for output in unit.outputs {
            if is_whole(sink.open(&output.path), output.size, output.hash)? {
                continue;
            }
            let members = unit.members.iter().zip(&output.member_rows);
            for (member, _) in members.filter(|(_, rows)| **rows > 0) {
                // A member that has moved on has its rows elsewhere.
                let file = view.file(&member.path)?;
                if file.is_some_and(|file| file.unit == Some(id)) {
                    lost.insert(member.path.clone());
                }
            }
        }
    }
    Ok(lost)
}

/// Lets the next run try quarantined files again although their bytes are the same. Returns how many.
///
/// # Errors
/// [`RunError::Pattern`]; [`RunError::Held`] while a run goes on; else what the ledger reports.
pub fn retry_quarantined(target: &Target, glob: Option<&str>) -> Result<u64, RunError> {
    let glob = glob.map(matcher).transpose()?;
    let ledger = session::open(target, Absent::Refuse)?;
    let view = ledger.view()?;
    let mut batch = Batch::default();
    let mut count = 0;
    for (path, mut quarantined) in view.quarantine()? {
        if glob.as_ref().is_some_and(|glob| !glob.is_match(&*path)) {
            continue;
        }
        let Some(record) = view.file(&path)? else {
            continue;
        };
        count += 1;
        quarantined.retry = true;
        batch.quarantine.insert(path.clone(), Some(quarantined));
        ask_again(&mut batch, &path, record);
    }
    batch.meta.listed = ListedChange::Never;
    drop(view);
    ledger.write(&batch)?;
    ledger.close()?;
    Ok(count)
}

/// A record of bad bytes is read again once it holds no hash. Rows of an earlier good version are not in danger: the
/// unit knows which version they are of.
pub(super) fn ask_again(batch: &mut Batch, path: &str, record: FileRecord) {
    if matches!(record.standing, Standing::Quarantined | Standing::Outlived) {
        let asked = FileRecord {
            hash: None,
            ..record
        };
        batch.files.insert(SourcePath::new(path), Some(asked));
    }
}

fn matcher(pattern: &str) -> Result<GlobMatcher, RunError> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    glob.map(|glob| glob.compile_matcher())
        .map_err(|source| RunError::Pattern {
            pattern: pattern.to_owned(),
            source: Box::new(source),
        })
}
