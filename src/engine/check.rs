//! Whether a file would fit, and what it would change: read as a run reads it, and nothing is written.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use serde::Serialize;

use super::definition::partitions;
use super::error::RunError;
use super::forecast::{Stale, with_file};
use super::growth::Growth;
use super::member::{self, Reading, ToRead, Trouble};
use crate::config::Definition;
use crate::crew::Alone;
use crate::decode::{raw_shape, recognise};
use crate::ledger::View;
use crate::model::{PartitionValues, Shape, SourcePath, partition_dir, partition_values};
use crate::schema::{Change, changes, join_types};
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

/// Finds out what would become of the file `path` of `source` under `definition`, given what `view` tells.
///
/// # Errors
/// Where the ledger or a pattern cannot be read. That the file cannot be is an answer.
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
        Some(view) => view.schema()?.map(|schema| schema.shape),
        None => None,
    };
    let known = definition
        .schema
        .begin(&known.unwrap_or_default(), &definition.schema);
    let names = partitions(definition)?.of(path);
    let fields = partition_values(&partition_dir(&names));
    let transform = RowTransform::new(definition)?;
    let sql = transform.as_ref().map(|transform| (transform, &fields));
    let in_path = names.into_iter().map(|(name, _)| name).collect();
    let contract = definition.schema.contract(in_path);
    let read = match (source.look(path), recognise(path, definition.format)) {
        (Err(error), _) => Err(error.to_string()),
        (Ok(None), _) => Err("it is not there".to_owned()),
        (Ok(_), None) => Err("its name does not tell a known format".to_owned()),
        (Ok(Some(expected)), Some(how)) => {
            let file = ToRead {
                path,
                expected: &expected,
                how,
                definition,
                contract: contract.as_ref(),
                crew: &Alone,
            };
            read(source, &file, &known, sql)
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

/// Returns the rows and the columns that would come in, or why they would not.
fn read(
    source: &dyn Source,
    file: &ToRead<'_>,
    known: &Shape,
    sql: Option<(&RowTransform, &PartitionValues)>,
) -> Result<(u64, Shape), String> {
    let mut own = member::sniff(source, file).unwrap_or_default();
    for _ in 0..READINGS {
        let admitted = match file.contract {
            Some(contract) => contract.admitted(&own),
            None => own.clone(),
        };
        let mut unit = admitted;
        for column in &mut unit.columns {
            let is_settled = file.contract.is_some_and(|c| c.settles(&column.name));
            if let Some(known) = known.type_of(&column.name).filter(|_| !is_settled) {
                column.data_type = join_types(&column.data_type, known);
            }
        }
        let raw = file
            .contract
            .map(|contract| raw_shape(contract, file.how.kind, &own, &unit));
        let shape = raw.as_ref().unwrap_or(&unit);
        let mut trial = match sql {
            Some(sql) => Trial::new(sql, source, file, &unit, known),
            None => Trial::default(),
        };
        match member::read(source, file, shape, &mut |batch| {
            trial.put(&batch);
            ControlFlow::Continue(())
        }) {
            Reading::Rows { decoded, .. } => {
                return match trial.fault {
                    None => Ok((decoded.rows, decoded.observed)),
                    Some(fault) => Err(fault),
                };
            }
            Reading::Misfit { observed, .. } => own = observed,
            Reading::Trouble(Trouble::Bad { reason, .. } | Trouble::Unreadable(reason)) => {
                return Err(reason);
            }
            Reading::Trouble(Trouble::Unsettled | Trouble::Vanished) | Reading::Stopped => break,
        }
    }
    Err("it changed while it was read".to_owned())
}

/// SQL on the rows of one file, of which only the first trouble counts.
#[derive(Default)]
struct Trial<'a> {
    sql: Option<(Arc<Bound>, Origin<'a>)>,
    fault: Option<String>,
}

impl<'a> Trial<'a> {
    fn new(
        (transform, fields): (&RowTransform, &'a PartitionValues),
        source: &dyn Source,
        file: &ToRead<'a>,
        unit: &Shape,
        known: &Shape,
    ) -> Self {
        let hash = || member::hash(source, file.path, file.expected).ok();
        let origin = Origin {
            path: file.path,
            hash: transform.uses_hash().then(hash).flatten(),
            modified_at: file.expected.modified_at,
            before: 0,
            fields,
        };
        match transform.bind(unit, known, fields) {
            Ok(bound) => Self {
                sql: Some((bound, origin)),
                fault: None,
            },
            Err(error) => Self {
                sql: None,
                fault: Some(error.line()),
            },
        }
    }

    fn put(&mut self, batch: &RecordBatch) {
        let Some((bound, origin)) = &mut self.sql else {
            return;
        };
        match bound.pieces(batch, *origin).find_map(Result::err) {
            None => origin.before += batch.num_rows() as u64,
            Some(error) => {
                self.fault = Some(error.to_string());
                self.sql = None;
            }
        }
    }
}
