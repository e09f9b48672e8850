//! What a listing tells of a file for free.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// What a listing tells for free: cheap to compare, and only a hint about the bytes.
///
/// Two fingerprints are compared for *difference*, never for "newer than".
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Length in bytes.
    pub size: u64,
    /// Last modification, as the store tells it.
    pub modified_at: Timestamp,
    /// Last change of data or metadata, where the store keeps one that users cannot set.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub changed_at: Option<Timestamp>,
    /// Identity of the file's storage, where there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub inode: Option<u64>,
    /// The store's strong validator (`ETag` or version), where there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub validator: Option<Arc<str>>,
}

impl Fingerprint {
    /// Returns what is known of a file that was never looked at: its length. It differs from whatever a listing tells.
    #[must_use]
    pub fn unseen(size: u64) -> Self {
        Self {
            size,
            modified_at: Timestamp(0),
            changed_at: None,
            inode: None,
            validator: None,
        }
    }

    /// Tells whether it stands for a file that was never looked at.
    #[must_use]
    pub fn is_unseen(&self) -> bool {
        *self == Self::unseen(self.size)
    }

    /// Tells whether both are of one version of the file, where one of them may be told by a listing and the other by the
    /// file itself: some stores round an mtime in one place and not in the other, or take it from another clock. So where
    /// both have validators, those decide.
    #[must_use]
    pub fn is_same_version(&self, other: &Self) -> bool {
        match (&self.validator, &other.validator) {
            (Some(one), Some(other_one)) => one == other_one && self.size == other.size,
            _ => self == other,
        }
    }
}

/// One part of a [`Fingerprint`], named so that a reason can say which of them moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stamp {
    /// [`Fingerprint::size`].
    Size,
    /// [`Fingerprint::modified_at`].
    ModifiedAt,
    /// [`Fingerprint::changed_at`].
    ChangedAt,
    /// [`Fingerprint::inode`].
    Inode,
    /// [`Fingerprint::validator`].
    Validator,
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Size => "size",
            Self::ModifiedAt => "mtime",
            Self::ChangedAt => "ctime",
            Self::Inode => "inode",
            Self::Validator => "etag",
        })
    }
}

impl Fingerprint {
    /// Returns the stamps in which `self` and `other` differ, in declaration order.
    #[must_use]
    pub fn moved_stamps(&self, other: &Self) -> Vec<Stamp> {
        let mut moved = Vec::new();
        let mut note = |differs: bool, stamp| {
            if differs {
                moved.push(stamp);
            }
        };
        note(self.size != other.size, Stamp::Size);
        note(self.modified_at != other.modified_at, Stamp::ModifiedAt);
        note(self.changed_at != other.changed_at, Stamp::ChangedAt);
        note(self.inode != other.inode, Stamp::Inode);
        note(self.validator != other.validator, Stamp::Validator);
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_both_have_validators_those_tell_versions_apart_and_else_every_stamp() {
        let seen = |size, seconds, validator: Option<&str>| Fingerprint {
            modified_at: Timestamp(seconds),
            validator: validator.map(Into::into),
            ..Fingerprint::unseen(size)
        };
        let base = seen(1, 1, Some("a"));
        for (other, is_same) in [
            (seen(1, 2, Some("a")), true),
            (seen(2, 1, Some("a")), false),
            (seen(1, 1, Some("b")), false),
            (seen(1, 1, None), false),
        ] {
            assert_eq!(base.is_same_version(&other), is_same, "{other:?}");
        }
        let bare = seen(1, 1, None);
        assert!(bare.is_same_version(&bare.clone()));
        assert!(!bare.is_same_version(&seen(1, 2, None)));
    }
}
