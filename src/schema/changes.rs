//! What is different between two versions of a pipeline's columns.

use serde::Serialize;

use super::declared::column_text;
use crate::model::Shape;

/// One difference; types are told as people read them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// A column is new.
    Added {
        /// Its name.
        column: String,
        /// Its type.
        new: String,
    },
    /// A column is gone.
    Removed {
        /// Its name.
        column: String,
        /// Its type.
        old: String,
    },
    /// A column has another type.
    Retyped {
        /// Its name.
        column: String,
        /// The type before.
        old: String,
        /// The type behind.
        new: String,
    },
}

/// Returns the differences: in the order of `old`, then what is new in the order of `new`.
#[must_use]
pub fn changes(old: &Shape, new: &Shape) -> Vec<Change> {
    let mut all = Vec::new();
    for column in &old.columns {
        let name = || column.name.clone();
        match new.column(&column.name) {
            None => all.push(Change::Removed {
                column: name(),
                old: column_text(column),
            }),
            Some(now) if now != column => all.push(Change::Retyped {
                column: name(),
                old: column_text(column),
                new: column_text(now),
            }),
            Some(_) => {}
        }
    }
    let added = new.columns.iter();
    let added = added.filter(|column| old.column(&column.name).is_none());
    all.extend(added.map(|column| Change::Added {
        column: column.name.clone(),
        new: column_text(column),
    }));
    all
}
