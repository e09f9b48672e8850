//! What can be wrong with a file.

use std::fmt;
use std::io;

use super::{Compression, Kind};
use crate::model::{ByteSize, Shape};

/// Why a file could not be decoded.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The bytes could not be read. Says nothing about the file: it is tried again, never quarantined.
    #[error("cannot read the input")]
    Read(#[source] io::Error),
    /// The bytes are bad, and will be as long as they are these bytes.
    #[error("the input is malformed")]
    Malformed(#[source] Malformed),
    /// The file is well formed and does not fit the shape that it was decoded under.
    #[error("the input does not fit the expected columns")]
    Misfit {
        /// What the whole file holds.
        observed: Shape,
    },
    /// The receiver of the batches broke off.
    #[error("decoding was stopped")]
    Stopped,
}

impl DecodeError {
    /// Tells whether the same bytes may decode at another time.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Read(_) | Self::Stopped)
    }
}

impl From<Malformed> for DecodeError {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

/// What is wrong with a file's bytes. Lines count from 1, in the decompressed text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A row with more or fewer fields than the header.
    #[error("line {line} has {found} fields where the header has {expected}")]
    Ragged {
        /// Where the row begins.
        line: u64,
        /// Fields in the row.
        found: usize,
        /// Fields in the header.
        expected: usize,
    },
    /// Bytes that are not UTF-8.
    #[error("line {line} is not UTF-8 text")]
    NotUtf8 {
        /// Where the row begins.
        line: u64,
    },
    /// Bytes that are not valid in the encoding that was asked for, or that the byte order mark tells.
    #[error("line {line} is not {charset} text")]
    NotText {
        /// Where the row begins.
        line: u64,
        /// The encoding.
        charset: Charset,
    },
    /// A row that has not as many fields as there are columns, where no header tells these.
    #[error("line {line} has {found} fields where {expected} are expected")]
    OtherWidth {
        /// Where the row begins.
        line: u64,
        /// Fields in the row.
        found: usize,
        /// Names that were given, or fields in the first row.
        expected: usize,
    },
    /// A quoted field that the file's end cuts off.
    #[error("a quote in the row at line {line} is never closed")]
    UnclosedQuote {
        /// Where the row begins.
        line: u64,
    },
    /// A row beyond the limit; often a quote that is never closed.
    #[error("the row at line {line} is larger than {limit} (is a quote or a line end missing?)")]
    RecordTooLarge {
        /// Where the row begins.
        line: u64,
        /// The limit.
        limit: ByteSize,
    },
    /// A line that the patterns do not know.
    #[error("line {line} does not match the pattern")]
    Unmatched {
        /// The line.
        line: u64,
    },
    /// A line that goes on where no column is.
    #[error("line {line} has text behind the last column")]
    BehindColumns {
        /// The line.
        line: u64,
    },
    /// More columns than the limit.
    #[error("line {line} brings the number of columns over {limit}")]
    TooManyColumns {
        /// Where the row begins.
        line: u64,
        /// The limit.
        limit: usize,
    },
    /// A line that is not one JSON object.
    #[error("line {line}, byte {byte}: {fault}")]
    Json {
        /// The line.
        line: u64,
        /// Where in the line, from 1.
        byte: usize,
        /// What is wrong there.
        fault: JsonFault,
    },
    /// A compressed file that ends too early.
    #[error("the {compression} data is cut off")]
    Truncated {
        /// How it is compressed.
        compression: Compression,
    },
    /// A compressed file that does not decompress.
    #[error("the {compression} data is corrupt: {detail}")]
    Corrupt {
        /// How it is compressed.
        compression: Compression,
        /// The decompressor's own words.
        detail: String,
    },
    /// Bytes behind the last member of a compressed file.
    #[error("the {compression} data is followed by something else")]
    Trailing {
        /// How the file is compressed.
        compression: Compression,
    },
    /// A file that grows beyond all measure, with all that is in it.
    #[error("the file as a whole expands to more than {limit} times its size")]
    Expands {
        /// The limit.
        limit: u64,
    },
    /// A file that can only be decoded in memory and is too large for that.
    #[error(
        "a file that is read at random may hold up to {limit} where it is compressed as a whole (store it without outer compression)"
    )]
    TooLargeForMemory {
        /// The limit.
        limit: ByteSize,
    },
    /// A member of an archive that is malformed itself.
    #[error("member {member:?}: {malformed}")]
    Member {
        /// Its name.
        member: String,
        /// What is wrong with it.
        malformed: Box<Malformed>,
    },
    /// A file with types of its own that cannot be decoded.
    #[error("the {kind} data is corrupt: {detail}")]
    Content {
        /// What it should be.
        kind: Kind,
        /// The reader's own words.
        detail: String,
    },
}

/// How the bytes of a text are characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    /// UTF-8.
    Utf8,
    /// UTF-16, low byte first.
    Utf16Le,
    /// UTF-16, high byte first.
    Utf16Be,
    /// ISO 8859-1.
    Latin1,
    /// Windows-1252.
    Windows1252,
}

impl fmt::Display for Charset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16Le | Self::Utf16Be => "UTF-16",
            Self::Latin1 => "Latin-1",
            Self::Windows1252 => "Windows-1252",
        })
    }
}

/// What is wrong with a line of JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonFault {
    /// What stands in the place of a row is some other JSON value.
    #[error("expected an object, or an array of objects")]
    NotAnElement,
    /// The file ends within a value.
    #[error("the file ends within a value")]
    FileEnds,
    /// The line is some other JSON value.
    #[error("expected an object, one on each line")]
    NotAnObject,
    /// The line ends within a value.
    #[error("the line ends within a value (each object must be on one line)")]
    UnexpectedEnd,
    /// No value begins here.
    #[error("expected a value")]
    ExpectedValue,
    /// No key begins here.
    #[error("expected a key in double quotes")]
    ExpectedKey,
    /// A key without a value.
    #[error("expected ':'")]
    ExpectedColon,
    /// Two members or elements without a comma, or a missing bracket.
    #[error("expected ',' or the closing bracket")]
    ExpectedComma,
    /// Not a number by the rules of JSON.
    #[error("not a JSON number")]
    BadNumber,
    /// A bare control character or a wrong escape.
    #[error("not a JSON string")]
    BadString,
    /// The same key twice in one object.
    #[error("the key {key:?} occurs twice in one object")]
    DuplicateKey {
        /// The key.
        key: String,
    },
    /// Nested beyond the limit.
    #[error("nested more than {limit} levels deep")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// Something behind the object.
    #[error("unexpected text after the object")]
    TrailingText,
}
