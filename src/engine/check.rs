//! Whether a file would fit, and what it would change: read as a run reads it, and nothing is written.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use serde::Serialize;

use super::definition::{partitions, recorded_rules};
use super::error::{RunError, Unread};
use super::forecast::{Stale, with_file};
use super::growth::Growth;
use super::member::{self, Reading, ToRead, Trouble};
use super::report::chain;
use super::routing;
use super::step;
use crate::config::Definition;
use crate::crew::Alone;
use crate::decode::{Decoded, raw_shape, recognise};
use crate::ledger::View;
use crate::model::{PartitionValues, Shape, SourcePath, partition_dir, partition_values};
use crate::schema::{Change, SchemaRules, changes, typed};
use crate::source::Source;
use crate::transform::{Bound, Origin, RowTransform};

/// More readings than a file that holds still can need.
const READINGS: usize = 8;

/// What would become of a file.
#[derive(Debug, Clone, Default, Serialize)]
pub struct FileCheck {
    /// Version of this document; grows only when a key is added.
    pub version: u32,
    /// The file.
    pub path: String,
    /// Whether its rows would come in.
    pub fits: bool,
    /// Why not.
    pub reason: Option<String>,
    /// How many rows it has.
    pub rows: Option<u64>,
    /// What the pipeline's columns would become different in.
    pub changes: Vec<Change>,
    /// What that would cost.
    #[serde(flatten)]
    pub stale: Stale,
}

/// Finds out what would become of the file `path` of `source` under `definition`, given what `view` tells, in a pipeline
/// without a step of the user's own.
///
/// # Errors
/// Where the ledger, a pattern or the file cannot be read, or the file does not hold still. That it does not fit is an
/// answer.
pub fn check_file(
    view: Option<&View>,
    definition: &Definition,
    source: &dyn Source,
    path: &SourcePath,
) -> Result<FileCheck, RunError> {
    let mut check = FileCheck {
        version: 1,
        path: path.to_string(),
        ..FileCheck::default()
    };
    let known = match view {
        Some(view) => began(view, &definition.schema)?,
        None => definition
            .schema
            .begin(&Shape::default(), &SchemaRules::default()),
    };
    let names = partitions(definition)?.of(path);
    let fields = partition_values(&partition_dir(&names));
    let transform = RowTransform::new(definition)?;
    let in_path = names.into_iter().map(|(name, _)| name).collect();
    let contract = definition.schema.contract(in_path);
    let unread = |unread| RunError::Unread {
        path: path.clone(),
        unread,
    };
    let expected = source.look(path);
    let expected = expected.map_err(|error| unread(Unread::Failed(error.to_string())))?;
    let expected = expected.ok_or_else(|| unread(Unread::Gone))?;
    let read = match recognise(path, definition.format) {
        None => Err("its name does not tell a known format".to_owned()),
        Some(how) => {
            let file = ToRead {
                path,
                expected: &expected,
                how,
                definition,
                contract: contract.as_ref(),
                step: None,
                crew: &Alone,
                spool: None,
            };
            let trial = Checking {
                source,
                known: &known,
                fields: &fields,
                transform: transform.as_ref(),
            };
            trial.read(&file).map_err(unread)?
        }
    };
    match read {
        Err(reason) => check.reason = Some(reason),
        Ok((rows, observed)) => {
            check.fits = true;
            check.rows = Some(rows);
            let next = with_file(&known, &observed, contract.as_ref());
            check.changes = changes(&known, &next);
            if let Some(view) = view {
                let growth = Growth {
                    was: &known,
                    now: &next,
                    transform: transform.as_ref(),
                };
                check.stale = Stale::under(&growth, view, &BTreeSet::new())?;
            }
        }
    }
    Ok(check)
}

/// Returns the columns with which the rules `new` begin, where the ledger was last written under others.
fn began(view: &View, new: &SchemaRules) -> Result<Shape, RunError> {
    let known = view.schema()?.map(|schema| schema.shape);
    Ok(new.begin(&known.unwrap_or_default(), &recorded_rules(view)?))
}

/// What a file is checked against.
struct Checking<'a> {
    source: &'a dyn Source,
    /// The pipeline's columns.
    known: &'a Shape,
    /// What the file's path says.
    fields: &'a PartitionValues,
    transform: Option<&'a RowTransform>,
}

impl Checking<'_> {
    /// Returns the rows and the columns that would come in, or why they would not.
    fn read(&self, file: &ToRead<'_>) -> Result<Result<(u64, Shape), String>, Unread> {
        let mut own = member::sniff(self.source, file).unwrap_or_default();
        for _ in 0..READINGS {
            let unit = self.typed(file, &own);
            let raw = file
                .contract
                .map(|contract| raw_shape(contract, file.how.kind, &own, &unit));
            let shape = raw.as_ref().unwrap_or(&unit);
            let mut trial = Trial::new(self, file, &unit);
            match member::read(self.source, file, shape, &mut |batch| {
                trial.put(&batch);
                ControlFlow::Continue(())
            }) {
                Reading::Rows { decoded, .. } => return Ok(self.judge(file, decoded, trial.fault)),
                Reading::Misfit { observed, .. } => own = observed,
                Reading::Trouble(Trouble::Bad { reason, .. }) => return Ok(Err(reason)),
                Reading::Trouble(Trouble::Unreadable(what)) => return Err(Unread::Failed(what)),
                Reading::Trouble(trouble @ Trouble::Archived) => {
                    return Err(Unread::Failed(trouble.told(file.path).message));
                }
                Reading::Trouble(Trouble::Vanished) => return Err(Unread::Gone),
                Reading::Trouble(Trouble::Unsettled) | Reading::Stopped => break,
            }
        }
        Err(Unread::Restless)
    }

    /// Returns the columns that come in of a file's own, with the pipeline's types.
    fn typed(&self, file: &ToRead<'_>, own: &Shape) -> Shape {
        let admitted = step::admitted(file.contract, None, own);
        typed(&admitted, self.known, file.contract)
    }

    fn judge(
        &self,
        file: &ToRead<'_>,
        decoded: Decoded,
        fault: Option<String>,
    ) -> Result<(u64, Shape), String> {
        let is_plain = self.transform.is_none() && decoded.rows > 0;
        let misfit = || routing::misfit(file.definition, self.fields, &decoded.observed);
        match fault.or_else(|| is_plain.then(misfit).flatten()) {
            Some(reason) => Err(reason),
            None => Ok((decoded.rows, decoded.observed)),
        }
    }
}

/// The way of one file's rows to their partitions, of which only the first trouble counts.
struct Trial<'a> {
    definition: &'a Definition,
    fields: &'a PartitionValues,
    sql: Option<(Arc<Bound>, Origin<'a>)>,
    fault: Option<String>,
}

impl<'a> Trial<'a> {
    fn new(checking: &Checking<'a>, file: &ToRead<'a>, unit: &Shape) -> Self {
        let mut trial = Self {
            definition: file.definition,
            fields: checking.fields,
            sql: None,
            fault: None,
        };
        let Some(transform) = checking.transform else {
            return trial;
        };
        let hash = || member::hash(checking.source, file.path, file.expected).ok();
        let origin = Origin {
            path: file.path,
            hash: transform.uses_hash().then(hash).flatten(),
            modified_at: file.expected.modified_at,
            before: 0,
            fields: checking.fields,
        };
        match transform.bind(unit, checking.known, checking.fields) {
            Ok(bound) => trial.sql = Some((bound, origin)),
            Err(error) => trial.fault = Some(error.line()),
        }
        trial
    }

    fn put(&mut self, batch: &RecordBatch) {
        if self.fault.is_some() {
            return;
        }
        let Some((bound, origin)) = &mut self.sql else {
            self.fault = misplaced(self.definition, self.fields, batch);
            return;
        };
        let faults = bound.pieces(batch, *origin).map(|piece| match piece {
            Err(error) => Some(error.to_string()),
            Ok(made) => misplaced(self.definition, self.fields, &made.batch),
        });
        self.fault = faults.flatten().next();
        origin.before += batch.num_rows() as u64;
    }
}

/// Returns why rows have no partition, where they have none.
fn misplaced(
    definition: &Definition,
    fields: &PartitionValues,
    rows: &RecordBatch,
) -> Option<String> {
    let checked = routing::check_partitions(definition, fields, rows);
    checked.err().map(|error| chain(&error))
}
