//! What is wrong with a record, before it is known in which line of the file it begins.

use crate::config::{Dialect, Header};
use crate::decode::{Charset, MAX_COLUMNS, Malformed, RECORD_BYTES};
use crate::model::ByteSize;

/// What is wrong with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It has another number of fields than there are columns.
    Width {
        /// Its fields.
        found: usize,
        /// The columns.
        expected: usize,
    },
    /// It is no text in the file's encoding.
    NotText,
    /// The text ends within it.
    Unclosed,
    /// It has more bytes than a record may have.
    TooLarge,
    /// It has more fields than there may be columns.
    TooManyColumns,
}

/// A record that is wrong, by its place in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Faulty {
    /// Where the record begins.
    pub(super) start: usize,
    /// What is wrong with it.
    pub(super) fault: Fault,
}

impl Fault {
    /// Says it of the record that begins in this line of a text.
    pub(super) fn at(self, line: u64, charset: Charset, dialect: &Dialect) -> Malformed {
        match self {
            Self::Width { found, expected } => {
                if dialect.header == Header::Present && dialect.columns.is_empty() {
                    Malformed::Ragged {
                        line,
                        found,
                        expected,
                    }
                } else {
                    Malformed::OtherWidth {
                        line,
                        found,
                        expected,
                    }
                }
            }
            Self::NotText if charset == Charset::Utf8 => Malformed::NotUtf8 { line },
            Self::NotText => Malformed::NotText { line, charset },
            Self::Unclosed => Malformed::UnclosedQuote { line },
            Self::TooLarge => Malformed::RecordTooLarge {
                line,
                limit: ByteSize(RECORD_BYTES as u64),
            },
            Self::TooManyColumns => Malformed::TooManyColumns {
                line,
                limit: MAX_COLUMNS,
            },
        }
    }
}
