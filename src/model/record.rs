//! What the ledger remembers: source files, units, outputs, quarantine.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ContentHash, Fingerprint, OutputPath, Shape, SourcePath, Timestamp};

macro_rules! number_type {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{:06}"), self.0)
            }
        }
    };
}

number_type! {
    /// Names a unit within its ledger; never reused.
    UnitId, "u"
}

number_type! {
    /// Names a run within its ledger; later runs have larger numbers.
    RunId, "r"
}

/// Names a ledger, so that a target and a ledger that do not belong together are noticed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LedgerId(pub String);

/// How a source file stands with the outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Planned into its unit, and not yet part of any output.
    Pending,
    /// Its rows, as of the recorded hash, are in its unit's outputs.
    Loaded,
    /// Its bytes cannot be decoded and it never contributed a row.
    Quarantined,
    /// Its bytes cannot be decoded; the rows of an earlier good version are still in the outputs.
    Outlived,
    /// Gone from the source; the policy keeps its rows in the outputs.
    Retained,
    /// Changed in the source, and the policy keeps the rows of the version that was loaded; or archived, and there are no
    /// others.
    Frozen,
    /// Holds the same bytes as an earlier name; the policy counts them once, so it contributes no row.
    Duplicate,
}

impl Standing {
    /// Tells whether outputs hold rows of the file.
    #[must_use]
    pub fn has_rows(self) -> bool {
        !matches!(self, Self::Pending | Self::Quarantined | Self::Duplicate)
    }

    /// Tells whether the unit's outputs hold rows of the file that its present bytes cannot reproduce.
    #[must_use]
    pub fn is_carried(self) -> bool {
        matches!(self, Self::Outlived | Self::Retained | Self::Frozen)
    }
}

/// What the ledger remembers of one source file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRecord {
    /// The fingerprint at the last look.
    pub seen: Fingerprint,
    /// True where a stamp was not clearly older than the moment of that look: the next look hashes again.
    pub racy: bool,
    /// Hash of the bytes at the last look; `None` where they have not been read yet, or where
    /// it must be taken afresh.
    pub hash: Option<ContentHash>,
    /// How it stands with the outputs.
    pub standing: Standing,
    /// The unit it belongs to; `None` for a file that belongs to none (quarantined, duplicate).
    pub unit: Option<UnitId>,
    /// The run that last changed this record.
    pub run: RunId,
}

impl FileRecord {
    /// Returns the record of a file that turned out to be archived: its rows stay, and once it can be read again it is
    /// asked for, whatever its stamps are by then.
    #[must_use]
    pub fn shelved(self, run: RunId) -> Self {
        Self {
            hash: None,
            standing: Standing::Frozen,
            run,
            ..self
        }
    }
}

/// The version of a member whose rows are carried over, where that is not the version in the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Carried {
    /// Length of the good version.
    pub size: u64,
    /// Hash of the good version.
    pub hash: ContentHash,
}

/// One source file's part in a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The source file.
    pub path: SourcePath,
    /// Rows that it contributes to the unit's outputs.
    pub rows: u64,
    /// The version that the rows are of, where it is not the one in the file's record.
    pub carried: Option<Carried>,
}

/// One partition column's value; `None` is null.
pub type PartitionValue = Option<String>;

/// Partition columns with their values, in the order of the directories.
pub type PartitionValues = Vec<(String, PartitionValue)>;

/// One Parquet file that a unit owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputRecord {
    /// Where it stands, relative to the target.
    pub path: OutputPath,
    /// Length in bytes.
    pub size: u64,
    /// Hash of its bytes.
    pub hash: ContentHash,
    /// The partition values that its directory stands for.
    pub partition: PartitionValues,
    /// Rows that each member contributes, in the order of the unit's members.
    pub member_rows: Vec<u64>,
}

impl OutputRecord {
    /// Returns the number of rows in the file.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.member_rows.iter().sum()
    }
}

/// What the ledger remembers of one unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitRecord {
    /// The path partition that all members lie in, as `col=value/…/` in its escaped form, or empty.
    pub partition: String,
    /// The fingerprint of the definition that the outputs were made under; empty before the first build.
    pub definition: String,
    /// The columns and types that the outputs were written with (partition columns included).
    pub shape: Shape,
    /// The members, in the order of their rows, unless those are sorted.
    pub members: Vec<Member>,
    /// The outputs, in byte order of their paths.
    pub outputs: Vec<OutputRecord>,
    /// Bytes of all members, the measure that the size tiers go by.
    pub bytes: u64,
}

/// Why a file is set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineRecord {
    /// Hash of the bytes that could not be decoded; the file is retried when it changes.
    pub hash: ContentHash,
    /// What is wrong with them, with the line or row where there is one.
    pub reason: String,
    /// Length of those bytes.
    pub size: u64,
    /// The run that set it aside.
    pub run: RunId,
    /// When that was.
    pub at: Timestamp,
    /// True where the next run tries it again although its bytes are the same.
    #[serde(default)]
    pub retry: bool,
}
