//! What can go wrong with Parquet files of our own.

use std::io;

use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use parquet::errors::ParquetError;

/// Rows that could not be encoded.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// Every column is a partition column, and Parquet cannot hold rows without columns.
    #[error("there is no column left to write beside the partition columns")]
    NoColumns,
    /// A batch does not have the columns of the file.
    #[error("a batch has the columns {found} instead of {expected}")]
    Columns {
        /// The columns of the file.
        expected: SchemaRef,
        /// Those of the batch.
        found: SchemaRef,
    },
    /// Rows are said to be of a member that the unit does not have.
    #[error("rows of member {member} were pushed for a unit of {members}")]
    Member {
        /// The member.
        member: usize,
        /// How many the unit has.
        members: usize,
    },
    /// Rows could not be put together into chunks.
    #[error("cannot put rows together")]
    Rechunk(#[source] ArrowError),
    /// Parquet refused the rows.
    #[error("cannot encode rows")]
    Rows(#[source] ParquetError),
    /// Parquet refused the row groups, or the sink the bytes.
    #[error("cannot encode file {number} of the partition")]
    Encode {
        /// The file's number.
        number: usize,
        /// Parquet's own words.
        #[source]
        source: ParquetError,
    },
    /// The footer could not be put into words.
    #[error("cannot describe file {number} of the partition")]
    Footer {
        /// The file's number.
        number: usize,
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
    /// The place where the bytes go refused.
    #[error("cannot {action} file {number} of the partition")]
    Sink {
        /// What was being done.
        action: &'static str,
        /// The file's number.
        number: usize,
        /// The system's own words.
        #[source]
        source: io::Error,
    },
}

impl EncodeError {
    /// Tells whether another try may succeed: what the place of the bytes refuses is not the rows' fault.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Sink { .. } => true,
            Self::Encode { source, .. } => matches!(source, ParquetError::External(_)),
            _ => false,
        }
    }
}

/// A Parquet file whose footer could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FooterError {
    /// The bytes could not be read.
    #[error("cannot read the footer")]
    Read(#[source] io::Error),
    /// The bytes do not end like a Parquet file.
    #[error("the file is not Parquet, or not whole")]
    NotParquet,
    /// Parquet's own metadata is damaged.
    #[error("cannot decode the Parquet metadata")]
    Damaged(#[source] ParquetError),
    /// Some of our metadata is there, but not this.
    #[error("the metadata lacks {key}")]
    Missing {
        /// The key.
        key: &'static str,
    },
    /// What is to say whose the rows are is no such thing.
    #[error("the metadata does not tell whose the rows are")]
    Order,
    /// A value of our metadata does not read as what it should be.
    #[error("cannot read the metadata {key}")]
    Malformed {
        /// The key.
        key: &'static str,
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
}
