//! The rules that a pipeline's columns follow, and what they make of one file's columns.

use serde::{Deserialize, Serialize};

use super::declared::Declared;
use super::join_columns;
use crate::model::{Column, Shape};

/// The column that takes what does not fit the declared ones.
pub const RESCUED: &str = "_rescued";

/// What becomes of what is not as declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SchemaPolicy {
    /// Other columns come in with the types of their values; a file whose values do not fit a declared column is set
    /// aside.
    #[default]
    Evolve,
    /// A file with other columns is set aside as well.
    Strict,
    /// Other columns, and values that do not fit, go into [`RESCUED`].
    Rescue,
}

/// The rules that a pipeline's columns follow.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SchemaRules {
    /// What becomes of what is not as declared.
    #[serde(default)]
    pub policy: SchemaPolicy,
    /// The columns that are declared, in order.
    #[serde(default)]
    pub columns: Vec<Declared>,
}

impl SchemaRules {
    /// Tells whether nothing is declared.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Returns what the rules ask of files whose path gives the columns `in_path`; `None` where nothing is declared.
    #[must_use]
    pub fn contract(&self, in_path: Vec<String>) -> Option<Contract> {
        if self.columns.is_empty() {
            return None;
        }
        let columns = self.columns.iter();
        let own = columns.filter(|column| !in_path.contains(&column.name));
        Some(Contract {
            policy: self.policy,
            columns: own.cloned().collect(),
            in_path,
        })
    }

    /// Returns the pipeline's columns with which these rules begin, where `known` grew under `old` rules: declared
    /// columns, then those of `known` that neither rules declare.
    #[must_use]
    pub fn begin(&self, known: &Shape, old: &Self) -> Shape {
        let mut columns: Vec<Column> = self.columns.iter().map(Declared::column).collect();
        let is_declared = |name: &str, rules: &Self| {
            let mut columns = rules.columns.iter();
            columns.any(|column| column.name == name)
        };
        let was_rescue = old.policy == SchemaPolicy::Rescue;
        match self.policy {
            SchemaPolicy::Evolve => columns.extend(
                known
                    .columns
                    .iter()
                    .filter(|column| !is_declared(&column.name, self))
                    .filter(|column| !is_declared(&column.name, old))
                    .filter(|column| !was_rescue || column.name != RESCUED)
                    .cloned(),
            ),
            SchemaPolicy::Strict => {}
            SchemaPolicy::Rescue => columns.push(rescued()),
        }
        Shape { columns }
    }
}

/// What the rules ask of the files of one path partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contract {
    /// What becomes of what is not as declared.
    pub policy: SchemaPolicy,
    /// The declared columns, without those that the path gives.
    pub columns: Vec<Declared>,
    /// Columns that the path gives: what a file has under their names does not count.
    in_path: Vec<String>,
}

impl Contract {
    /// Returns the declared column called `name`.
    #[must_use]
    pub fn declared(&self, name: &str) -> Option<&Declared> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Tells whether a file's column is one that nobody declared.
    #[must_use]
    pub fn is_other(&self, name: &str) -> bool {
        self.declared(name).is_none() && !self.in_path.iter().any(|given| given == name)
    }

    /// Tells whether the type of the pipeline's column `name` is settled, whatever files hold.
    #[must_use]
    pub fn settles(&self, name: &str) -> bool {
        let is_rescued = self.policy == SchemaPolicy::Rescue && name == RESCUED;
        is_rescued || self.declared(name).is_some()
    }

    /// Returns the first column of a file that must not be there.
    #[must_use]
    pub fn stranger<'s>(&self, own: &'s Shape) -> Option<&'s Column> {
        let mut columns = own.columns.iter();
        columns.find(|column| self.policy == SchemaPolicy::Strict && self.is_other(&column.name))
    }

    /// Returns the columns that a file with the columns `own` has in the outputs.
    #[must_use]
    pub fn admitted(&self, own: &Shape) -> Shape {
        let mut columns: Vec<Column> = self.columns.iter().map(Declared::column).collect();
        match self.policy {
            SchemaPolicy::Evolve => {
                let others = own.columns.iter();
                columns.extend(others.filter(|column| self.is_other(&column.name)).cloned());
            }
            SchemaPolicy::Strict => {}
            SchemaPolicy::Rescue => columns.push(rescued()),
        }
        Shape { columns }
    }
}

/// Returns the columns with the types that the pipeline knows, which may be wider than their own, unless `contract` settles
/// them.
#[must_use]
pub fn typed(own: &Shape, known: &Shape, contract: Option<&Contract>) -> Shape {
    let is_settled = |name: &str| contract.is_some_and(|contract| contract.settles(name));
    let columns = own.columns.iter();
    let columns = columns.map(|column| match known.column(&column.name) {
        Some(known) if !is_settled(&column.name) => join_columns(column, known),
        _ => column.clone(),
    });
    Shape {
        columns: columns.collect(),
    }
}

fn rescued() -> Column {
    Column::new(RESCUED, arrow_schema::DataType::Utf8)
}
