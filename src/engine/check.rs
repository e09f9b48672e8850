//! Whether a file would fit, and what it would change: read as a run reads it, and nothing is written.

use std::collections::BTreeSet;

use serde::Serialize;

use super::definition::partitions;
use super::error::RunError;
use super::forecast::{Stale, with_file};
use super::member::{self, Reading, ToRead, Trouble};
use crate::config::Definition;
use crate::decode::{raw_shape, recognise};
use crate::ledger::View;
use crate::model::{Shape, SourcePath};
use crate::schema::{Change, changes, join_types};
use crate::source::Source;

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
            };
            read(source, &file, &known)
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
                check.stale = Stale::under(&next, view, &BTreeSet::new())?;
            }
        }
    }
    Ok(check)
}

/// Returns the rows and the columns that would come in, or why they would not.
fn read(source: &dyn Source, file: &ToRead<'_>, known: &Shape) -> Result<(u64, Shape), String> {
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
        match member::read(source, file, shape, &mut |_| {
            std::ops::ControlFlow::Continue(())
        }) {
            Reading::Rows { decoded, .. } => return Ok((decoded.rows, decoded.observed)),
            Reading::Misfit { observed, .. } => own = observed,
            Reading::Trouble(Trouble::Bad { reason, .. } | Trouble::Unreadable(reason)) => {
                return Err(reason);
            }
            Reading::Trouble(Trouble::Unsettled | Trouble::Vanished) | Reading::Stopped => break,
        }
    }
    Err("it changed while it was read".to_owned())
}
