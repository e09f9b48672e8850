//! The columns of a table, as plain values.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef};
use serde::{Deserialize, Serialize};

/// One column: a name and a type. Every column may hold nulls.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Column {
    /// Name, unique within a shape and case-sensitive.
    pub name: String,
    /// Type by the lattice of `schema`; `DataType::Null` where no value has been seen yet.
    #[serde(rename = "type")]
    pub data_type: DataType,
}

/// An ordered list of columns with unique names: what was observed in a file, or what an output is written with.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Shape {
    /// The columns, in order of first appearance.
    pub columns: Vec<Column>,
}

impl Shape {
    /// Builds a shape from names and types.
    #[must_use]
    pub fn of(columns: &[(&str, DataType)]) -> Self {
        Self {
            columns: columns
                .iter()
                .map(|(name, data_type)| Column {
                    name: (*name).to_owned(),
                    data_type: data_type.clone(),
                })
                .collect(),
        }
    }

    /// Returns the columns of an Arrow schema.
    #[must_use]
    pub fn of_schema(schema: &Schema) -> Self {
        let column = |field: &Arc<Field>| Column {
            name: field.name().clone(),
            data_type: field.data_type().clone(),
        };
        Self {
            columns: schema.fields().iter().map(column).collect(),
        }
    }

    /// Returns the type of the column called `name`.
    #[must_use]
    pub fn type_of(&self, name: &str) -> Option<&DataType> {
        self.columns
            .iter()
            .find(|column| column.name == name)
            .map(|column| &column.data_type)
    }

    /// Tells whether there are no columns.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// Returns the Arrow schema with the same columns, all nullable.
    #[must_use]
    pub fn to_arrow(&self) -> SchemaRef {
        Arc::new(Schema::new(
            self.columns
                .iter()
                .map(|column| Field::new(&column.name, column.data_type.clone(), true))
                .collect::<Vec<_>>(),
        ))
    }
}
