//! `verify`: outputs against the ledger, and the source against the ledger. What is found damaged is marked, and
//! the next run mends it.

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::control::Control;
use super::discover::discover;
use super::error::RunError;
use super::hinted::Extent;
use super::member::{self, Trouble};
use super::pipeline::Target;
use super::portion::Portion;
use super::recover::hash_of;
use super::session::{self, Absent};
use crate::config::{OnDelete, OnModify, SameContent};
use crate::detect::Look;
use crate::ledger::{Batch, Ledger, LedgerError, View};
use crate::model::{
    DirtyReason, FileRecord, Fingerprint, KeyRange, OutputPath, SourcePath, Standing, Timestamp,
    UnitId,
};
use crate::source::Source;

/// How closely to look.
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

/// Compares outputs, and the source if it is given, with the ledger.
///
/// # Errors
/// [`RunError::Held`] while a run goes on; else what ledger and target report.
pub fn verify(
    target: &Target,
    source: Option<&dyn Source>,
    depth: Depth,
    control: &Control,
) -> Result<VerifyReport, RunError> {
    let ledger = session::open(target, Absent::Refuse)?;
    let report = audit(&ledger, target, source, depth, control)?;
    ledger.close()?;
    Ok(report)
}

fn audit(
    ledger: &Ledger,
    target: &Target,
    source: Option<&dyn Source>,
    depth: Depth,
    control: &Control,
) -> Result<VerifyReport, RunError> {
    let view = ledger.view()?;
    let mut audit = Audit {
        view: &view,
        depth,
        control,
        marks: Batch::default(),
        report: VerifyReport {
            version: 1,
            deep: depth == Depth::Deep,
            ..VerifyReport::default()
        },
    };
    audit.outputs(target)?;
    if let Some(source) = source {
        audit.source(source, target.clock.now())?;
    }
    let Audit {
        marks, mut report, ..
    } = audit;
    report.complete = !control.is_interrupted();
    ledger.write(&marks)?;
    Ok(report)
}

struct Audit<'a> {
    view: &'a View,
    depth: Depth,
    control: &'a Control,
    marks: Batch,
    report: VerifyReport,
}

/// Files that a listing does not show as they are recorded.
struct Doubt {
    paths: HashSet<SourcePath>,
    hidden: Vec<KeyRange>,
}

impl Doubt {
    fn contains(&self, path: &SourcePath) -> bool {
        self.paths.contains(path) || self.hidden.iter().any(|range| range.contains(path))
    }
}

impl Audit<'_> {
    fn outputs(&mut self, target: &Target) -> Result<(), RunError> {
        let mut unknown: BTreeSet<OutputPath> = target.sink.outputs()?.into_iter().collect();
        let dirty: BTreeSet<_> = self.view.dirty()?.into_iter().map(|(id, _)| id).collect();
        for unit in self.view.units()? {
            let (id, unit) = unit?;
            let mut damaged = Vec::new();
            for output in &unit.outputs {
                unknown.remove(&output.path);
                if self.control.is_interrupted() {
                    continue;
                }
                self.report.outputs += 1;
                let path = output.path.clone();
                let finding = match target.sink.look(&path)? {
                    None => Finding::OutputMissing { path },
                    Some(size) if size != output.size => Finding::OutputDamaged { path },
                    Some(_) if self.depth == Depth::Shallow => continue,
                    Some(_) if hash_of(target.sink.open(&path)?)? == output.hash => continue,
                    Some(_) => Finding::OutputDamaged { path },
                };
                self.report.findings.push(finding);
                damaged.push(output.path.clone());
            }
            self.mark(id, &damaged, dirty.contains(&id));
        }
        let unknown = unknown
            .into_iter()
            .map(|path| Finding::OutputUnknown { path });
        self.report.findings.extend(unknown);
        Ok(())
    }

    /// A unit that is to be built anyway keeps its reason, which may say more than why. What its record says of its
    /// outputs stays: they may be brought back.
    fn mark(&mut self, id: UnitId, damaged: &[OutputPath], is_dirty: bool) {
        let Some(first) = damaged.first() else {
            return;
        };
        self.report.units_marked += 1;
        if !is_dirty {
            let output = first.to_string();
            let reason = DirtyReason::Damaged { output };
            self.marks.dirty.insert(id, Some(reason));
        }
    }

    fn source(&mut self, source: &dyn Source, now: Timestamp) -> Result<(), RunError> {
        let in_doubt = if source.is_far() {
            Some(self.in_doubt(source, now)?)
        } else {
            None
        };
        let mut rows = self.view.files(&KeyRange::all())?;
        while let Some(row) = rows.next()? {
            if self.control.is_interrupted() {
                return Ok(());
            }
            if matches!(row.standing(), Standing::Retained | Standing::Pending) {
                continue;
            }
            self.report.files += 1;
            let path = SourcePath::new(row.path);
            let is_plain = in_doubt
                .as_ref()
                .is_some_and(|doubt| !doubt.contains(&path));
            let looked = if is_plain {
                Ok(Some(row.record().seen))
            } else {
                source.look(&path)
            };
            let seen = match looked {
                Ok(Some(seen)) => seen,
                Ok(None) => {
                    self.report.findings.push(Finding::SourceMissing { path });
                    continue;
                }
                Err(_) => {
                    self.report
                        .findings
                        .push(Finding::SourceUnreadable { path });
                    continue;
                }
            };
            let record = row.record();
            if record.seen.is_unseen() && record.seen.size == seen.size {
                self.never_seen(source, path, &seen, &record);
            } else if !record.seen.is_same_version(&seen) {
                self.report.findings.push(Finding::SourceMoved { path });
            } else if self.depth == Depth::Deep {
                self.content(source, path, record);
            }
        }
        Ok(())
    }

    /// Lists the source, and finds what is not plainly as recorded. That is looked at once more: the listing may have
    /// broken off, and need not admit all that has been loaded.
    fn in_doubt(&self, source: &dyn Source, now: Timestamp) -> Result<Doubt, LedgerError> {
        let look = Look {
            now,
            settle: Duration::ZERO,
            on_modify: OnModify::Ignore,
            on_delete: OnDelete::Retain,
            same_content: SameContent::Skip,
        };
        let all = (&Portion::first(1), &Extent::Everything);
        let discovery = discover(source, self.view, look, all, self.control)?;
        let found = discovery.found.into_iter().map(|found| found.path);
        let unknown = discovery.unknown.into_iter();
        Ok(Doubt {
            paths: found.collect(),
            hidden: unknown.filter_map(|unknown| unknown.hides).collect(),
        })
    }

    /// A record that `recover` made holds no stamps, so only the content can tell whether the file moved.
    fn never_seen(
        &mut self,
        source: &dyn Source,
        path: SourcePath,
        seen: &Fingerprint,
        record: &FileRecord,
    ) {
        let finding = match member::hash(source, &path, seen) {
            Ok(hash) if record.hash == Some(hash) => return,
            Err(Trouble::Unreadable(_) | Trouble::Archived) => Finding::SourceUnreadable { path },
            _ => Finding::SourceMoved { path },
        };
        self.report.findings.push(finding);
    }

    /// A record whose bytes differ under the same stamps is made racy, so that the next run hashes the file.
    fn content(&mut self, source: &dyn Source, path: SourcePath, record: FileRecord) {
        match member::hash(source, &path, &record.seen) {
            Ok(hash) if record.hash.is_none_or(|recorded| recorded == hash) => {}
            Ok(_) => {
                let racy = FileRecord {
                    racy: true,
                    ..record
                };
                self.marks.files.insert(path.clone(), Some(racy));
                self.report
                    .findings
                    .push(Finding::SourceChangedInSecret { path });
            }
            Err(Trouble::Unreadable(_) | Trouble::Archived) => {
                self.report
                    .findings
                    .push(Finding::SourceUnreadable { path });
            }
            Err(_) => self.report.findings.push(Finding::SourceMoved { path }),
        }
    }
}
