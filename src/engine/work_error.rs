//! Why a unit could not be built, and whose fault that is.

use super::carry::CarryError;
use crate::encode::EncodeError;
use crate::model::SourcePath;
use crate::sink::SinkError;
use crate::transform::{RowError, SqlError, TransformError};

/// A unit that could not be built. Its present outputs stand, and the next run tries again.
#[derive(Debug, thiserror::Error)]
pub(super) enum WorkError {
    #[error("cannot bring rows to their partition")]
    Transform(#[from] TransformError),
    #[error("cannot encode rows")]
    Encode(#[from] EncodeError),
    #[error("cannot set rows aside")]
    Aside(#[source] arrow::error::ArrowError),
    #[error("cannot stage rows")]
    Sink(#[from] SinkError),
    #[error("cannot carry the rows of {member} over")]
    Carry {
        member: SourcePath,
        #[source]
        source: CarryError,
    },
    #[error("a value of partition column {column} is too long to name a directory")]
    TooLong { column: String },
    /// Found out only when rows of other members had come in.
    #[error("cannot bring the rows of a member to their partition")]
    Misplaced {
        /// Its place among those that are in.
        place: usize,
        #[source]
        source: Box<WorkError>,
    },
    #[error("the source kept changing while it was read")]
    Restless,
    #[error("the SQL does not go with the columns: {}", .0.line())]
    Sql(SqlError),
    #[error("{0}")]
    Row(RowError),
    #[error("{error} of {path}")]
    Forbidden { path: SourcePath, error: RowError },
    #[error("interrupted")]
    Interrupted,
}

impl WorkError {
    /// Returns the member whose rows only a missing or damaged output held, if that is what stops the unit.
    pub(super) fn lost_member(&self) -> Option<&SourcePath> {
        match self {
            Self::Carry { member, source } if source.is_loss() => Some(member),
            _ => None,
        }
    }

    /// Tells whether the rows of the member at hand are at fault: it is set aside, and the others go on.
    pub(super) fn is_of_the_rows(&self) -> bool {
        matches!(
            self,
            Self::TooLong { .. }
                | Self::Row(_)
                | Self::Transform(TransformError::Unroutable { .. })
                | Self::Encode(EncodeError::NoColumns)
        )
    }
}
