//! What was seen + what is recorded -> a verdict with its reason. PURE.
//!
//! A file system tells of a change in one of two ways: a stamp moved, or the stamp is so fresh that a second
//! write in the same tick of its clock could not have moved it. Everything else is "unchanged", and is not
//! opened. So the rule has three steps:
//!
//! 1. [`glance`] compares stamps. It decides what stamps can decide, and else *asks* for the content hash,
//!    saying why ([`Doubt`]).
//! 2. The engine hashes the file and calls [`Doubt::resolve`].
//! 3. New and vanished files of equal size are hashed as well and [`pair_renames`] matches them.
//!
//! # Invariants
//! - Stamps are compared for difference, never for "newer than": a stamp that went back is a change.
//! - A record made while a stamp was not clearly older than the moment of looking is *racy* ([`is_racy`]): it
//!   proves nothing, and the file is hashed at the next look.
//! - There is no catch-all reason. A [`Verdict`] carries the values that it was made from, and it is what the
//!   ledger stores and `explain` prints.
//!
//! # Lies that were considered
//! - *mtime set back* (`cp -p`, `rsync -t`, `tar x`): differs, so it is seen; ctime moves as well.
//! - *mtime in the future*: would look "too young" for ever, so youth is judged by ctime then, and where there
//!   is none the file is taken, and hashed at each look until the clock has passed the stamp.
//! - *mtime restored after a same-size edit* (`touch -r`): ctime moved, users cannot set it.
//! - *Two names swapped*: inode and ctime of both moved; both are hashed and both are modified.
//! - *Whole-second stamps* (FAT, some network file systems): the tick is taken as two seconds.

mod reason;
mod rename;
mod scope;

pub use reason::{Change, Reason, Verdict};
pub use rename::{Candidate, pair_renames, sizes_in_common};
pub use scope::{Scope, ScopeFacts, scope};

use std::time::Duration;

use crate::config::{OnDelete, OnModify, SameContent};
use crate::model::{ContentHash, FileRecord, Fingerprint, Standing, Timestamp};

/// What a look at the source is made with.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// The moment before the listing began.
    pub now: Timestamp,
    /// How long a file must have been left alone.
    pub settle: Duration,
    /// What becomes of changed files.
    pub on_modify: OnModify,
    /// What becomes of vanished files.
    pub on_delete: OnDelete,
    /// What becomes of equal files.
    pub same_content: SameContent,
}

/// What a glance at the stamps leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Glance {
    /// The stamps decide.
    Decided(Verdict),
    /// The content hash has to be known.
    HashNeeded(Doubt),
}

/// Why stamps do not decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Doubt {
    /// Stamps moved since the last look.
    Moved(Box<Moved>),
    /// The stamps are the same, but were too fresh at the last look to prove anything.
    TooFresh {
        /// The hash then.
        old: ContentHash,
    },
    /// The record holds no hash: somebody asked to try again.
    Asked,
}

/// Stamps that moved, with what they were and are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// What the record says.
    pub old: Fingerprint,
    /// What the listing says.
    pub new: Fingerprint,
    /// The hash then.
    pub hash: ContentHash,
}

/// Tells whether equal stamps are enough: nothing is opened, nothing is recorded.
#[must_use]
pub fn is_plainly_unchanged(
    stamps_equal: bool,
    racy: bool,
    standing: Standing,
    look: &Look,
) -> bool {
    let steady = match standing {
        Standing::Pending | Standing::Retained => false,
        Standing::Frozen | Standing::Duplicate => !is_lifted(standing, look),
        Standing::Loaded | Standing::Quarantined | Standing::Outlived => true,
    };
    stamps_equal && !racy && steady
}

/// Tells whether the file stands as it does for a policy that no longer holds.
fn is_lifted(standing: Standing, look: &Look) -> bool {
    match standing {
        Standing::Frozen => look.on_modify != OnModify::Ignore,
        Standing::Duplicate => look.same_content != SameContent::Skip,
        Standing::Retained => look.on_delete != OnDelete::Retain,
        _ => false,
    }
}

/// Compares a listed file with its record, if there is one.
#[must_use]
pub fn glance(seen: &Fingerprint, record: Option<&FileRecord>, look: &Look) -> Glance {
    let Some(record) = record else {
        return Glance::Decided(if is_young(seen, look) {
            too_young(seen, look)
        } else {
            Verdict::new(Change::Added, Reason::NoRecord)
        });
    };
    let stamps_equal = record.seen == *seen;
    if record.standing != Standing::Pending && !stamps_equal && is_young(seen, look) {
        return Glance::Decided(too_young(seen, look));
    }
    let Some(hash) = record.hash else {
        return match record.standing {
            Standing::Pending if is_young(seen, look) => Glance::Decided(too_young(seen, look)),
            Standing::Pending => {
                Glance::Decided(Verdict::new(Change::Added, Reason::PlannedBefore))
            }
            _ => Glance::HashNeeded(Doubt::Asked),
        };
    };
    if is_plainly_unchanged(stamps_equal, record.racy, record.standing, look) {
        return Glance::Decided(Verdict::new(Change::Unchanged, Reason::StampsEqual));
    }
    if record.standing == Standing::Retained {
        return Glance::Decided(Verdict::new(Change::Modified, Reason::BackInSource));
    }
    if is_lifted(record.standing, look) {
        return Glance::Decided(Verdict::new(Change::Modified, Reason::PolicyLifted));
    }
    Glance::HashNeeded(if stamps_equal {
        Doubt::TooFresh { old: hash }
    } else {
        Doubt::Moved(Box::new(Moved {
            old: record.seen.clone(),
            new: seen.clone(),
            hash,
        }))
    })
}

/// Judges a recorded file that the listing does not show.
#[must_use]
pub fn missing(record: &FileRecord, look: &Look) -> Verdict {
    if record.standing == Standing::Retained && !is_lifted(record.standing, look) {
        Verdict::new(Change::Unchanged, Reason::StillRetained)
    } else {
        Verdict::new(
            Change::Removed,
            Reason::NotListed {
                seen: Box::new(record.seen.clone()),
            },
        )
    }
}

/// Judges a recorded file whose bytes cannot be had before somebody restores them. Whatever might read it again, for its
/// own sake or its unit's, has to know.
#[must_use]
pub fn archived(standing: Standing) -> Verdict {
    let change = match standing {
        Standing::Pending | Standing::Loaded => Change::Archived,
        Standing::Quarantined
        | Standing::Outlived
        | Standing::Retained
        | Standing::Frozen
        | Standing::Duplicate => Change::Unchanged,
    };
    Verdict::new(change, Reason::InArchive)
}

impl Doubt {
    /// Decides, now that the content hash is known.
    #[must_use]
    pub fn resolve(self, new: ContentHash) -> Verdict {
        match self {
            Self::Asked => Verdict::new(Change::Modified, Reason::TriedAgain { hash: new }),
            Self::TooFresh { old } if old == new => {
                Verdict::new(Change::Touched, Reason::FreshButSame { hash: new })
            }
            Self::TooFresh { old } => {
                Verdict::new(Change::Modified, Reason::EditedInTick { old, new })
            }
            Self::Moved(moved) => {
                let stamps = moved.old.moved_stamps(&moved.new).into();
                let (old_seen, new_seen) = (Box::new(moved.old), Box::new(moved.new));
                let old = moved.hash;
                if old == new {
                    Verdict::new(
                        Change::Touched,
                        Reason::BytesSame {
                            stamps,
                            old_seen,
                            new_seen,
                            hash: new,
                        },
                    )
                } else {
                    Verdict::new(
                        Change::Modified,
                        Reason::BytesDiffer {
                            stamps,
                            old_seen,
                            new_seen,
                            old,
                            new,
                        },
                    )
                }
            }
        }
    }
}

/// Tells whether a stamp of `seen` is not clearly older than the moment `looked_at`, so that a later edit might
/// leave it as it is.
#[must_use]
pub fn is_racy(seen: &Fingerprint, looked_at: Timestamp) -> bool {
    if seen.validator.is_some() {
        return false;
    }
    let newest = seen.changed_at.unwrap_or(seen.modified_at);
    let tick = if newest.is_whole_second() {
        Duration::from_secs(2)
    } else {
        Duration::from_millis(20)
    };
    newest.plus(tick) >= looked_at
}

/// Tells whether the file was written so recently that the writer may not be done.
fn is_young(seen: &Fingerprint, look: &Look) -> bool {
    let stamp = if seen.modified_at <= look.now {
        Some(seen.modified_at)
    } else {
        seen.changed_at.filter(|changed| *changed <= look.now)
    };
    stamp.is_some_and(|stamp| look.now.since(stamp) < look.settle)
}

fn too_young(seen: &Fingerprint, look: &Look) -> Verdict {
    Verdict::new(
        Change::Unsettled,
        Reason::TooYoung {
            modified_at: seen.modified_at,
            looked_at: look.now,
            settle_ms: u64::try_from(look.settle.as_millis()).unwrap_or(u64::MAX),
        },
    )
}

#[cfg(test)]
mod tests;
