//! What a run may make of the columns: told from the beginnings of files, before they are read.

use std::collections::BTreeSet;

use serde::Serialize;

use super::error::RunError;
use super::growth::Growth;
use super::member::{self, ToRead};
use super::prepare::Prepared;
use super::run::Pass;
use super::step;
use crate::crew::Alone;
use crate::decode::{Kind, recognise};
use crate::ledger::View;
use crate::model::{Shape, SourcePath, UnitId};
use crate::plan::Plan;
use crate::schema::{Change, Contract, changes, join_shapes};

/// Files that are looked at; a guess from more of them would not be much better, and no longer cheap.
const LOOKS: usize = 100;

/// Units that would be built again because a type becomes wider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Stale {
    /// How many.
    pub stale_units: u64,
    /// Files in them.
    pub stale_files: u64,
    /// Bytes of those.
    pub stale_bytes: u64,
}

/// What the columns become at least. What stands farther behind in the files may change them more.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Forecast {
    /// New and changed files whose beginnings were looked at.
    pub looked_at: u64,
    /// Those that were not.
    pub not_looked_at: u64,
    /// What becomes different.
    pub changes: Vec<Change>,
    /// What that costs beyond what is planned.
    #[serde(flatten)]
    pub stale: Stale,
}

impl Stale {
    /// Counts the units that `growth` would make stale, but for those that are built anyway.
    pub(super) fn under(
        growth: &Growth<'_>,
        view: &View,
        built: &BTreeSet<UnitId>,
    ) -> Result<Self, RunError> {
        let mut all = Self::default();
        for unit in view.units()? {
            let (id, unit) = unit?;
            if !built.contains(&id) && growth.stale(&unit).is_some() {
                all.stale_units += 1;
                all.stale_files += unit.members.len() as u64;
                all.stale_bytes += unit.bytes;
            }
        }
        Ok(all)
    }
}

/// Returns the pipeline's columns with those of one more file.
pub(super) fn with_file(known: &Shape, observed: &Shape, contract: Option<&Contract>) -> Shape {
    let mut next = join_shapes(known, observed);
    for column in &mut next.columns {
        if let Some(declared) = contract.and_then(|contract| contract.declared(&column.name)) {
            *column = declared.column();
        }
    }
    next
}

/// Looks at the beginnings of the files that `plan` takes up.
///
/// # Errors
/// Where the ledger cannot be read. What cannot be looked at is left to the run.
pub(super) fn forecast(
    view: &View,
    pass: &Pass<'_>,
    plan: &Plan,
    prepared: &Prepared,
) -> Result<Forecast, RunError> {
    let units = plan.units.values();
    let files: BTreeSet<&SourcePath> = units
        .flat_map(|unit| unit.joins.iter().chain(&unit.modified))
        .collect();
    let mut forecast = Forecast {
        not_looked_at: files.len().saturating_sub(LOOKS) as u64,
        ..Forecast::default()
    };
    let pipeline = pass.pipeline;
    let definition = &pipeline.definition;
    let rule = pipeline.policies.compatibility;
    let begun = super::definition::known(view, definition, rule, pass.run)?;
    let recorded = view.schema()?.map(|schema| schema.shape);
    let recorded = recorded.unwrap_or_default();
    let mut next = begun.clone();
    for path in files.into_iter().take(LOOKS) {
        let expected = prepared.current.get(path);
        let (Some(expected), Some(how)) = (expected, recognise(path, definition.format)) else {
            continue;
        };
        if how.kind == Kind::Parquet && !how.wants_random_access() {
            // Its columns stand at its end, behind all that has to be decompressed.
            forecast.not_looked_at += 1;
            continue;
        }
        let in_path = pass.partitions.of(path).into_iter().map(|(name, _)| name);
        let contract = definition.schema.contract(in_path.collect());
        let file = ToRead {
            path,
            expected,
            how,
            definition,
            contract: contract.as_ref(),
            step: None,
            crew: &Alone,
            spool: None,
        };
        forecast.looked_at += 1;
        let Some(own) = member::sniff(&*pipeline.source, &file) else {
            continue;
        };
        let contract = contract.as_ref();
        if contract.is_some_and(|contract| contract.stranger(&own).is_some()) {
            continue;
        }
        let own = step::admitted(contract, pipeline.step.as_deref(), &own);
        next = with_file(&next, &own, contract);
    }
    forecast.changes = changes(&recorded, &next);
    let absorbed = plan.units.values().flat_map(|unit| &unit.absorbs);
    let built = plan.units.keys().chain(absorbed).copied().collect();
    let growth = Growth {
        was: &begun,
        now: &next,
        transform: pass.transform,
    };
    forecast.stale = Stale::under(&growth, view, &built)?;
    Ok(forecast)
}
