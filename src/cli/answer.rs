//! What is asked of the ledger, as values: what `--json` prints and what people's text is rendered from.

use std::collections::BTreeMap;

use anyhow::Context;
use serde::Serialize;

use crate::detect::{Change, Reason, Verdict};
use crate::ledger::{LedgerError, View};
use crate::model::{
    ContentHash, DirtyReason, FileRecord, Fingerprint, KeyRange, OutputPath, OutputRecord,
    PartitionValues, QuarantineRecord, RunId, RunReport, SourcePath, Standing, Timestamp, UnitId,
    UnitRecord,
};

/// Version of the documents; grows only when a key is added.
pub(super) const VERSION: u32 = 1;

/// How a pipeline stands.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Status {
    pub(super) version: u32,
    pub(super) source: Option<String>,
    pub(super) target: String,
    pub(super) state: String,
    /// Who is running it now.
    pub(super) held_by: Option<String>,
    pub(super) ledger: String,
    pub(super) ledger_bytes: u64,
    pub(super) pipeline: Option<String>,
    pub(super) files: FilesByStanding,
    pub(super) units: u64,
    pub(super) dirty: Vec<Dirty>,
    pub(super) outputs: u64,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) quarantined: Vec<Quarantined>,
    pub(super) watermark: Option<Timestamp>,
    /// How far the watermark is behind now.
    pub(super) lag_seconds: Option<u64>,
    pub(super) checkpoint: Option<RunId>,
    pub(super) last_run: Option<RunReport>,
}

/// Recorded files, and how many of them stand how.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct FilesByStanding {
    pub(super) total: u64,
    pub(super) pending: u64,
    pub(super) loaded: u64,
    pub(super) quarantined: u64,
    pub(super) outlived: u64,
    pub(super) retained: u64,
    pub(super) frozen: u64,
    pub(super) duplicate: u64,
}

/// A unit that has to be built again.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Dirty {
    pub(super) unit: UnitId,
    pub(super) reason: DirtyReason,
}

/// A file that was set aside.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Quarantined {
    pub(super) path: SourcePath,
    #[serde(flatten)]
    pub(super) record: QuarantineRecord,
}

/// Rows of a file that were set aside.
#[derive(Debug, Clone, Serialize)]
pub(super) struct RowsAside {
    pub(super) path: SourcePath,
    pub(super) rows: u64,
    /// The file in the target that holds them, among others.
    pub(super) output: OutputPath,
}

/// One recorded file.
#[derive(Debug, Clone, Serialize)]
pub(super) struct File {
    pub(super) path: String,
    pub(super) standing: Standing,
    pub(super) size: u64,
    pub(super) modified_at: Timestamp,
    pub(super) rows: Option<u64>,
    pub(super) unit: Option<UnitId>,
    pub(super) hash: Option<ContentHash>,
    pub(super) run: RunId,
}

/// Everything about one path.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Explanation {
    pub(super) version: u32,
    pub(super) path: String,
    pub(super) verdict: Option<Verdict>,
    pub(super) record: Option<Record>,
    pub(super) unit: Option<Unit>,
    pub(super) quarantine: Option<QuarantineRecord>,
}

/// A file's record.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Record {
    pub(super) standing: Standing,
    pub(super) seen: Fingerprint,
    pub(super) racy: bool,
    pub(super) hash: Option<ContentHash>,
    pub(super) run: RunId,
    /// Rows that it contributes to the outputs.
    pub(super) rows: Option<u64>,
    /// Hash of the version that the rows are of, where that is an earlier one.
    pub(super) rows_of: Option<ContentHash>,
}

/// A file's unit.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Unit {
    pub(super) id: UnitId,
    pub(super) partition: String,
    pub(super) members: u64,
    pub(super) dirty: Option<DirtyReason>,
    /// The outputs that hold rows of the file.
    pub(super) outputs: Vec<Output>,
}

/// An output with rows of the file in question.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Output {
    pub(super) path: String,
    pub(super) partition: PartitionValues,
    /// Rows of the file in it.
    pub(super) rows: u64,
}

impl FilesByStanding {
    fn add(&mut self, standing: Standing) {
        self.total += 1;
        *match standing {
            Standing::Pending => &mut self.pending,
            Standing::Loaded => &mut self.loaded,
            Standing::Quarantined => &mut self.quarantined,
            Standing::Outlived => &mut self.outlived,
            Standing::Retained => &mut self.retained,
            Standing::Frozen => &mut self.frozen,
            Standing::Duplicate => &mut self.duplicate,
        } += 1;
    }
}

/// Counts the recorded files.
///
/// # Errors
/// Where the ledger cannot be read; so in every function here.
pub(super) fn files_by_standing(view: &View) -> Result<FilesByStanding, LedgerError> {
    let mut counts = FilesByStanding::default();
    let mut files = view.files(&KeyRange::all())?;
    while let Some(row) = files.next()? {
        counts.add(row.standing());
    }
    Ok(counts)
}

/// Returns the files that were set aside.
///
/// # Errors
/// See [`files_by_standing`].
pub(super) fn quarantined(view: &View) -> Result<Vec<Quarantined>, LedgerError> {
    let all = view.quarantine()?.into_iter();
    Ok(all
        .map(|(path, record)| Quarantined { path, record })
        .collect())
}

/// Returns where rows are that were set aside, in byte order of the files that they are of.
///
/// # Errors
/// See [`files_by_standing`].
pub(super) fn rows_aside(view: &View) -> Result<Vec<RowsAside>, LedgerError> {
    let mut all = Vec::new();
    for unit in view.units()? {
        let (_, unit) = unit?;
        for output in unit.outputs.iter().filter(|output| output.path.is_aside()) {
            let members = unit.members.iter().zip(&output.member_rows);
            all.extend(
                members
                    .filter(|(_, rows)| **rows > 0)
                    .map(|(member, rows)| RowsAside {
                        path: member.path.clone(),
                        rows: *rows,
                        output: output.path.clone(),
                    }),
            );
        }
    }
    all.sort_by(|a, b| (&a.path, &a.output).cmp(&(&b.path, &b.output)));
    Ok(all)
}

/// Returns the units that have to be built again.
///
/// # Errors
/// See [`files_by_standing`].
pub(super) fn dirty(view: &View) -> Result<Vec<Dirty>, LedgerError> {
    let all = view.dirty()?.into_iter();
    Ok(all.map(|(unit, reason)| Dirty { unit, reason }).collect())
}

/// Returns everything about `path`, `None` where the ledger has never heard of it.
///
/// # Errors
/// See [`files_by_standing`].
pub(super) fn explanation(view: &View, path: &str) -> anyhow::Result<Option<Explanation>> {
    let stored = view.reason(path)?;
    let stored: Option<Verdict> = stored
        .map(|json| serde_json::from_str(&json))
        .transpose()
        .with_context(|| format!("cannot read the decision that is stored for {path}"))?;
    let file = view.file(path)?;
    // Most files are only ever added, so the ledger leaves that verdict out.
    let added = || Verdict::new(Change::Added, Reason::NoRecord);
    let verdict = stored.or_else(|| file.is_some().then(added));
    let quarantine = view.quarantined(path)?;
    if verdict.is_none() && file.is_none() && quarantine.is_none() {
        return Ok(None);
    }
    let unit = match file.as_ref().and_then(|file| file.unit) {
        Some(id) => view.unit(id)?.map(|unit| (id, unit)),
        None => None,
    };
    let dirty: BTreeMap<UnitId, DirtyReason> = view.dirty()?.into_iter().collect();
    let record = file.map(|file| record(file, path, unit.as_ref().map(|(_, unit)| unit)));
    Ok(Some(Explanation {
        version: VERSION,
        path: path.to_owned(),
        verdict,
        record,
        unit: unit.map(|(id, unit)| self::unit(id, &unit, path, dirty.get(&id))),
        quarantine,
    }))
}

fn record(file: FileRecord, path: &str, unit: Option<&UnitRecord>) -> Record {
    let member = unit.and_then(|unit| unit.members.iter().find(|member| &*member.path == path));
    Record {
        standing: file.standing,
        seen: file.seen,
        racy: file.racy,
        hash: file.hash,
        run: file.run,
        rows: member.map(|member| member.rows),
        rows_of: member.and_then(|member| Some(member.carried?.hash)),
    }
}

fn unit(id: UnitId, unit: &UnitRecord, path: &str, dirty: Option<&DirtyReason>) -> Unit {
    let at = unit.members.iter().position(|member| &*member.path == path);
    let rows = |output: &OutputRecord| Some(*output.member_rows.get(at?)?).filter(|rows| *rows > 0);
    let outputs = unit.outputs.iter().filter_map(|output| {
        Some(Output {
            path: output.path.to_string(),
            partition: output.partition.clone(),
            rows: rows(output)?,
        })
    });
    Unit {
        id,
        partition: unit.partition.clone(),
        members: unit.members.len() as u64,
        dirty: dirty.cloned(),
        outputs: outputs.collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::durable::MemoryDisk;
    use crate::ledger::{Batch, Ledger};
    use crate::model::LedgerId;

    #[test]
    fn a_decision_that_cannot_be_read_names_its_file() {
        let id = || LedgerId("id".to_owned());
        let disk = Arc::new(MemoryDisk::new());
        let ledger = Ledger::open(disk, Path::new("/state"), &id, "the test").unwrap();
        let reasons = [("a.csv".into(), Some("{}".to_owned()))].into();
        let batch = Batch {
            reasons,
            ..Batch::default()
        };
        ledger.write(&batch).unwrap();
        let error = explanation(&ledger.view().unwrap(), "a.csv").unwrap_err();
        let text = error.to_string();
        assert_eq!(text, "cannot read the decision that is stored for a.csv");
        assert!(error.chain().count() > 1);
    }
}
