//! How the pipeline's schema grows with what units hold, and which units that leaves behind. No I/O but reading the
//! ledger.
//!
//! # Invariants
//! - The schema is the join over everything that was accepted, so it does not depend on the order of units.
//! - A unit is stale exactly when a column was written with another type than the pipeline's. A new column makes
//!   no unit stale: where a unit lacks it, readers of the union see null. Where rows go through SQL, a unit is stale
//!   exactly when a column that the SQL names, or takes along, had another type, or none.

use std::collections::{BTreeMap, BTreeSet};

use super::error::RunError;
use super::forget::ask_again;
use super::order::{Receipt, WorkOrder};
use crate::ledger::{Batch, SchemaVersion, View};
use crate::model::{Column, DirtyReason, RunId, Shape, UnitId, UnitRecord};
use crate::schema::join_shapes;
use crate::transform::RowTransform;

/// Joins what the finished units hold into the schema, adds the new version to `then`, and marks the units that
/// were written with other types. Returns the schema as it is behind `then`.
pub(super) fn grow(
    schema: Option<SchemaVersion>,
    run: RunId,
    view: &View,
    finished: &[(WorkOrder, Receipt)],
    transform: Option<&RowTransform>,
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
    let growth = Growth {
        was: &was,
        now: &now,
        transform,
    };
    if grown && growth.concerns_others() {
        growth.mark_stale(view, then)?;
        growth.try_again(view, then)?;
    }
    for (order, receipt) in finished {
        then.dirty.insert(order.unit, stale(&receipt.inputs, &now));
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

/// The schema before and after.
pub(super) struct Growth<'a> {
    pub(super) was: &'a Shape,
    pub(super) now: &'a Shape,
    /// The SQL that rows go through.
    pub(super) transform: Option<&'a RowTransform>,
}

impl Growth<'_> {
    /// Tells whether a type was widened, or the SQL names a column that is new: it was null until now.
    fn concerns_others(&self) -> bool {
        let mut columns = self.was.columns.iter();
        let widened = columns.any(|column| self.now.column(&column.name) != Some(column));
        widened || self.shows()
    }

    /// Tells whether the growth is one of columns that the SQL names.
    fn shows(&self) -> bool {
        self.transform
            .is_some_and(|transform| transform.sees_a_difference(self.was, self.now))
    }

    /// Marks recorded units, but for those that are built in this round anyway: dirty ones, and those that a dirty
    /// unit is to absorb. What is unsettled, or could not be moved, may wait for the next run, and must not keep its
    /// narrower types until then.
    fn mark_stale(&self, view: &View, then: &mut Batch) -> Result<(), RunError> {
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
            if let Some(reason) = self.stale(&unit).filter(|_| !in_hand.contains(&id)) {
                then.dirty.insert(id, Some(reason));
            }
        }
        Ok(())
    }

    /// Returns why a recorded unit is stale. Its record tells the types that were written, which are those of the
    /// source only where rows are taken as they come; but a unit that is not dirty was made with `was`.
    pub(super) fn stale(&self, unit: &UnitRecord) -> Option<DirtyReason> {
        let Some(transform) = self.transform else {
            return stale(&unit.shape, self.now);
        };
        let named = transform.difference(self.was, self.now);
        let named = named.map(|(old, new)| widened(&old, &new));
        named.or_else(|| {
            let along = unit.shape.columns.iter();
            let along = along.filter(|column| transform.takes_along(&column.name));
            let along = Shape {
                columns: along.cloned().collect(),
            };
            stale(&along, self.now)
        })
    }

    /// Lets the next run try what was set aside once more, where other types may make its rows well.
    fn try_again(&self, view: &View, then: &mut Batch) -> Result<(), RunError> {
        if !self.shows() {
            return Ok(());
        }
        for (path, _) in view.quarantine()? {
            if let Some(record) = view.file(&path)? {
                ask_again(then, &path, record);
            }
        }
        Ok(())
    }
}

/// Returns why a unit that was made with the types `assumed` does not fit the pipeline's.
pub(super) fn stale(assumed: &Shape, schema: &Shape) -> Option<DirtyReason> {
    assumed.columns.iter().find_map(|column| {
        let now = schema.column(&column.name).filter(|now| *now != column)?;
        Some(widened(column, now))
    })
}

fn widened(old: &Column, new: &Column) -> DirtyReason {
    DirtyReason::SchemaWidened {
        column: old.name.clone(),
        old: old.type_name(),
        new: new.type_name(),
    }
}

/// Says which units brought which columns or wider types.
fn cause(was: &Shape, now: &Shape, finished: &[(WorkOrder, Receipt)]) -> String {
    let news: BTreeMap<&str, String> = now
        .columns
        .iter()
        .filter_map(|column| match was.column(&column.name) {
            None => Some((column.name.as_str(), format!("{} is new", column.name))),
            Some(old) if old != column => {
                let (from, to) = (old.type_name(), column.type_name());
                let news = format!("{} went from {from} to {to}", column.name);
                Some((column.name.as_str(), news))
            }
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
