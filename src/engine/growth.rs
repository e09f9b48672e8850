//! How the pipeline's schema grows with what units hold, and which units that leaves behind. No I/O but reading the
//! ledger.
//!
//! # Invariants
//! - The schema is the join over everything that was accepted, so it does not depend on the order of units.
//! - A unit is stale exactly when a column was written with another type than the pipeline's. A new column makes
//!   no unit stale: where a unit lacks it, readers of the union see null.

use std::collections::{BTreeMap, BTreeSet};

use super::error::RunError;
use super::order::{Receipt, WorkOrder};
use crate::ledger::{Batch, SchemaVersion, View};
use crate::model::{DirtyReason, RunId, Shape, UnitId};
use crate::schema::join_shapes;

/// Joins what the finished units hold into the schema, adds the new version to `then`, and marks the units that
/// were written with other types. Returns the schema as it is behind `then`.
pub(super) fn grow(
    schema: Option<SchemaVersion>,
    run: RunId,
    view: &View,
    finished: &[(WorkOrder, Receipt)],
    then: &mut Batch,
) -> Result<Option<SchemaVersion>, RunError> {
    let was = schema
        .as_ref()
        .map(|schema| schema.shape.clone())
        .unwrap_or_default();
    let now = finished.iter().fold(was.clone(), |all, (_, receipt)| {
        join_shapes(&all, &receipt.observed)
    });
    let grown = now != was;
    if grown && is_widened(&was, &now) {
        mark_stale(view, &now, then)?;
    }
    for (order, receipt) in finished {
        then.dirty.insert(order.unit, stale(&receipt.shape, &now));
    }
    if !grown {
        return Ok(schema);
    }
    let version = SchemaVersion {
        version: schema.map_or(1, |schema| schema.version + 1),
        cause: cause(&was, &now, finished),
        shape: now,
        run,
    };
    then.schema = Some(version.clone());
    Ok(Some(version))
}

fn is_widened(was: &Shape, now: &Shape) -> bool {
    let other =
        |column: &crate::model::Column| now.type_of(&column.name) != Some(&column.data_type);
    was.columns.iter().any(other)
}

/// Marks recorded units, but for those that are built in this round anyway: dirty ones, and those that a dirty unit is
/// to absorb. What is unsettled, or could not be moved, may wait for the next run, and must not keep its narrower types
/// until then.
fn mark_stale(view: &View, now: &Shape, then: &mut Batch) -> Result<(), RunError> {
    let mut in_hand: BTreeSet<UnitId> = BTreeSet::new();
    for (id, why) in view.dirty()? {
        match why {
            DirtyReason::Unsettled | DirtyReason::Misplaced => {}
            DirtyReason::Unfinished { absorbs, .. } => {
                in_hand.extend(absorbs.into_iter().chain([id]));
            }
            _ => {
                in_hand.insert(id);
            }
        }
    }
    for unit in view.units()? {
        let (id, unit) = unit?;
        if let Some(reason) = stale(&unit.shape, now).filter(|_| !in_hand.contains(&id)) {
            then.dirty.insert(id, Some(reason));
        }
    }
    Ok(())
}

/// Returns why a unit that was written with `written` does not fit the pipeline's types.
pub(super) fn stale(written: &Shape, schema: &Shape) -> Option<DirtyReason> {
    written.columns.iter().find_map(|column| {
        let now = schema
            .type_of(&column.name)
            .filter(|now| **now != column.data_type)?;
        Some(DirtyReason::SchemaWidened {
            column: column.name.clone(),
            old: column.data_type.to_string(),
            new: now.to_string(),
        })
    })
}

/// Says which units brought which columns or wider types.
fn cause(was: &Shape, now: &Shape, finished: &[(WorkOrder, Receipt)]) -> String {
    let news: BTreeMap<&str, String> = now
        .columns
        .iter()
        .filter_map(|column| match was.type_of(&column.name) {
            None => Some((column.name.as_str(), format!("{} is new", column.name))),
            Some(old) if *old != column.data_type => Some((
                column.name.as_str(),
                format!("{} went from {old} to {}", column.name, column.data_type),
            )),
            Some(_) => None,
        })
        .collect();
    let brings = |receipt: &Receipt| {
        let mut columns = receipt.observed.columns.iter();
        columns.any(|column| news.contains_key(column.name.as_str()))
    };
    let units: Vec<String> = finished
        .iter()
        .filter(|(_, receipt)| brings(receipt))
        .map(|(order, _)| order.unit.to_string())
        .take(3)
        .collect();
    let list: Vec<String> = news.into_values().collect();
    format!("{} (by unit {})", list.join(", "), units.join(", "))
}
