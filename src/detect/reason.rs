//! Verdicts and their reasons, as the ledger stores them and `explain` prints them.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{ContentHash, Fingerprint, SourcePath, Stamp, Timestamp};

/// What happened to a source file since the last look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// New.
    Added,
    /// Other bytes.
    Modified,
    /// Other stamps, the same bytes.
    Touched,
    /// Another name, the same bytes.
    Renamed,
    /// Gone.
    Removed,
    /// Still being written; looked at again next time.
    Unsettled,
    /// There, and not to be read before somebody restores it.
    Archived,
    /// As it was.
    Unchanged,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Added => "added",
            Self::Modified => "modified",
            Self::Touched => "touched",
            Self::Renamed => "renamed",
            Self::Removed => "removed",
            Self::Unsettled => "unsettled",
            Self::Archived => "archived",
            Self::Unchanged => "unchanged",
        })
    }
}

/// Why a verdict is what it is, with the values that it was made from.
///
/// What is large is boxed: there is one of these for every new file of a first load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "why")]
pub enum Reason {
    /// The ledger does not know the path.
    NoRecord,
    /// An earlier run planned the file and ended before it was loaded.
    PlannedBefore,
    /// No stamp moved, and all were clearly older than the last look.
    StampsEqual,
    /// Gone from the source, and the policy keeps its rows.
    StillRetained,
    /// The policy that kept the older version, or left the file out, no longer holds.
    PolicyLifted,
    /// It was gone, its rows were retained, and now it is there again.
    BackInSource,
    /// Its bytes are in an archive.
    InArchive,
    /// The listing does not show the path.
    NotListed {
        /// How it looked last.
        seen: Box<Fingerprint>,
    },
    /// Written too recently.
    TooYoung {
        /// Its mtime.
        modified_at: Timestamp,
        /// The moment of looking.
        looked_at: Timestamp,
        /// How long it must have been left alone, in milliseconds.
        settle_ms: u64,
    },
    /// It changed or vanished between the listing and the end of reading.
    ChangedWhileRead,
    /// Somebody asked to try it again.
    TriedAgain {
        /// The hash now.
        hash: ContentHash,
    },
    /// The stamps were too fresh to trust; the bytes are the same.
    FreshButSame {
        /// The hash then and now.
        hash: ContentHash,
    },
    /// The stamps are the same, and were too fresh to trust: the bytes differ.
    EditedInTick {
        /// The hash then.
        old: ContentHash,
        /// The hash now.
        new: ContentHash,
    },
    /// Stamps moved; the bytes are the same.
    BytesSame {
        /// Which stamps moved.
        stamps: Box<[Stamp]>,
        /// The stamps then.
        old_seen: Box<Fingerprint>,
        /// The stamps now.
        new_seen: Box<Fingerprint>,
        /// The hash then and now.
        hash: ContentHash,
    },
    /// Stamps moved and the bytes differ.
    BytesDiffer {
        /// Which stamps moved.
        stamps: Box<[Stamp]>,
        /// The stamps then.
        old_seen: Box<Fingerprint>,
        /// The stamps now.
        new_seen: Box<Fingerprint>,
        /// The hash then.
        old: ContentHash,
        /// The hash now.
        new: ContentHash,
    },
    /// All earlier names with the same bytes are gone, so this one counts.
    FirstOfItsContent {
        /// The hash.
        hash: ContentHash,
    },
    /// An earlier name with the same bytes counts, so this one does not.
    DoubleOfEarlierName {
        /// The hash.
        hash: ContentHash,
    },
    /// A vanished file of this content stands under another name.
    SameBytesAs {
        /// The name that vanished.
        from: SourcePath,
        /// The hash of both.
        hash: ContentHash,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRecord => f.write_str("not in the ledger"),
            Self::PlannedBefore => f.write_str("planned by a run that ended before it was loaded"),
            Self::StampsEqual => f.write_str("size, mtime, ctime and inode are the same"),
            Self::StillRetained => f.write_str("gone from the source; its rows are retained"),
            Self::PolicyLifted => f.write_str("was left as it is by a policy that no longer holds"),
            Self::BackInSource => f.write_str("back in the source, where it had been gone from"),
            Self::InArchive => f.write_str("archived, and left alone until it is restored"),
            Self::NotListed { .. } => f.write_str("no longer in the source"),
            Self::TooYoung {
                modified_at,
                looked_at,
                settle_ms,
            } => write!(
                f,
                "written at {modified_at}, less than {:?} before the look at {looked_at}",
                Duration::from_millis(*settle_ms)
            ),
            Self::ChangedWhileRead => f.write_str("changed or vanished while it was read"),
            Self::TriedAgain { .. } => f.write_str("asked to be tried again"),
            Self::FreshButSame { .. } => {
                f.write_str("stamps were too fresh to trust; the bytes are the same")
            }
            Self::EditedInTick { old, new } => write!(
                f,
                "the stamps are the same, but the content hash went from {old:.12} to {new:.12}"
            ),
            Self::BytesSame {
                stamps,
                old_seen,
                new_seen,
                ..
            } => {
                moved(f, stamps, old_seen, new_seen)?;
                f.write_str("; the bytes are the same")
            }
            Self::BytesDiffer {
                stamps,
                old_seen,
                new_seen,
                old,
                new,
            } => {
                moved(f, stamps, old_seen, new_seen)?;
                write!(f, "; the content hash went from {old:.12} to {new:.12}")
            }
            Self::FirstOfItsContent { hash } => {
                write!(f, "the first name left with these bytes ({hash})")
            }
            Self::DoubleOfEarlierName { hash } => {
                write!(f, "an earlier name holds the same bytes ({hash})")
            }
            Self::SameBytesAs { from, hash } => {
                write!(f, "same bytes as the vanished {from} ({hash})")
            }
        }
    }
}

/// Writes each stamp that moved with its old and its new value.
fn moved(
    f: &mut fmt::Formatter<'_>,
    stamps: &[Stamp],
    old: &Fingerprint,
    new: &Fingerprint,
) -> fmt::Result {
    for (index, stamp) in stamps.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        write!(
            f,
            "{stamp} {} -> {}",
            value(*stamp, old),
            value(*stamp, new)
        )?;
    }
    Ok(())
}

fn value(stamp: Stamp, seen: &Fingerprint) -> String {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
    match stamp {
        Stamp::Size => seen.size.to_string(),
        Stamp::ModifiedAt => seen.modified_at.to_string(),
        Stamp::ChangedAt => or_none(seen.changed_at.map(|at| at.to_string())),
        Stamp::Inode => or_none(seen.inode.map(|inode| inode.to_string())),
        Stamp::Validator => or_none(seen.validator.as_ref().map(ToString::to_string)),
    }
}

/// What happened to a file, and why we think so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// What happened.
    pub change: Change,
    /// Why we think so.
    pub reason: Reason,
}

impl Verdict {
    /// Joins a change with its reason.
    #[must_use]
    pub fn new(change: Change, reason: Reason) -> Self {
        Self { change, reason }
    }
}
