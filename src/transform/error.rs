//! What can go wrong between decoding and encoding.

use std::io;

use arrow::datatypes::DataType;
use arrow::error::ArrowError;

/// Rows that could not be brought into shape or to their partition.
#[derive(Debug, thiserror::Error)]
pub enum TransformError {
    /// A partition column's type has no text that could name a directory.
    #[error("cannot partition by column {column} of type {data_type}")]
    Unroutable {
        /// The partition column.
        column: String,
        /// Its type.
        data_type: DataType,
    },
    /// A partition value does not read as the column's type.
    #[error("partition value {value:?} of column {column} is not of type {data_type}")]
    Unreadable {
        /// The partition column.
        column: String,
        /// The value's text.
        value: String,
        /// The type it was to have.
        data_type: DataType,
    },
    /// A column does not have the type that the unit's schema gives it.
    #[error("column {column} has type {found} instead of {expected}")]
    Mismatch {
        /// The column.
        column: String,
        /// The type that the unit's schema gives it.
        expected: DataType,
        /// The type that it has.
        found: DataType,
    },
    /// An operation on arrays failed, as where a batch holds more text than its offsets can count.
    #[error("cannot {action}")]
    Arrow {
        /// What was being done.
        action: &'static str,
        /// Arrow's own words.
        #[source]
        source: ArrowError,
    },
    /// Spilled rows could not be written or read again.
    #[error("cannot {action} spilled run {number}")]
    Spill {
        /// What was being done.
        action: &'static str,
        /// The run.
        number: usize,
        /// The system's own words.
        #[source]
        source: io::Error,
    },
}

impl TransformError {
    pub(super) fn arrow(action: &'static str) -> impl FnOnce(ArrowError) -> Self {
        move |source| Self::Arrow { action, source }
    }

    /// Tells whether another try may succeed: what fails in the spill store is not the rows' fault.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Spill { .. })
    }
}
