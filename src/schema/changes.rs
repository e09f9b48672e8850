//! What is different between two versions of a pipeline's columns.

use arrow_schema::DataType;
use serde::{Serialize, Serializer};

use super::declared::type_text;
use crate::model::Shape;

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// A column is new.
    Added {
        /// Its name.
        column: String,
        /// Its type.
        #[serde(serialize_with = "text")]
        new: DataType,
    },
    /// A column is gone.
    Removed {
        /// Its name.
        column: String,
        /// Its type.
        #[serde(serialize_with = "text")]
        old: DataType,
    },
    /// A column has another type.
    Retyped {
        /// Its name.
        column: String,
        /// The type before.
        #[serde(serialize_with = "text")]
        old: DataType,
        /// The type behind.
        #[serde(serialize_with = "text")]
        new: DataType,
    },
}

/// Returns the differences: in the order of `old`, then what is new in the order of `new`.
#[must_use]
pub fn changes(old: &Shape, new: &Shape) -> Vec<Change> {
    let mut all = Vec::new();
    for column in &old.columns {
        let name = || column.name.clone();
        let was = column.data_type.clone();
        match new.type_of(&column.name) {
            None => all.push(Change::Removed {
                column: name(),
                old: was,
            }),
            Some(now) if *now != was => all.push(Change::Retyped {
                column: name(),
                old: was,
                new: now.clone(),
            }),
            Some(_) => {}
        }
    }
    let added = new.columns.iter();
    let added = added.filter(|column| old.type_of(&column.name).is_none());
    all.extend(added.map(|column| Change::Added {
        column: column.name.clone(),
        new: column.data_type.clone(),
    }));
    all
}

fn text<S: Serializer>(data_type: &DataType, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&type_text(data_type))
}
