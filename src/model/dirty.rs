//! Why a unit has to be built again.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{SourcePath, UnitId};

/// Why a unit has to be built again although a listing alone would not tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "why")]
pub enum DirtyReason {
    /// Its members were planned, and the run ended before the unit was built.
    Unfinished {
        /// The smaller units whose members it takes over.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        absorbs: Vec<UnitId>,
        /// Members of units in other path partitions that were to join it; until they do, they are where they were.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        movers: Vec<SourcePath>,
    },
    /// A killed run had begun to publish it and could not be rolled forward.
    RolledBack,
    /// It was built under another definition.
    DefinitionChanged {
        /// The fingerprint then.
        old: String,
        /// The fingerprint now.
        new: String,
    },
    /// A column's type was widened after it was built.
    SchemaWidened {
        /// The column.
        column: String,
        /// The type that the unit was written with.
        old: String,
        /// The pipeline's type now.
        new: String,
    },
    /// An output is missing or does not match its record.
    Damaged {
        /// The output.
        output: String,
    },
    /// Somebody asked for it.
    Reset,
    /// A member could not be read or changed under the reader; its rows are of an earlier look.
    Unsettled,
    /// A member could be read again, and the definition in force gives it another path partition than the unit's.
    Misplaced,
}

impl fmt::Display for DirtyReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unfinished { .. } => {
                f.write_str("planned by a run that ended before it was built")
            }
            Self::RolledBack => f.write_str("a killed run was publishing it"),
            Self::DefinitionChanged { .. } => f.write_str("the definition changed"),
            Self::SchemaWidened { column, old, new } => {
                write!(f, "column {column} widened from {old} to {new}")
            }
            Self::Damaged { output } => write!(f, "output {output} is missing or damaged"),
            Self::Reset => f.write_str("reset"),
            Self::Unsettled => f.write_str("a member was changing while it was read"),
            Self::Misplaced => f.write_str("a member belongs to another partition by now"),
        }
    }
}
