//! What was exchanged with object stores.

use serde::{Deserialize, Serialize};

/// Requests by kind, retries included: what a store charges for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestCounts {
    /// Pages of listings.
    pub list: u64,
    /// Bytes of objects.
    pub get: u64,
    /// What is told of an object, without its bytes.
    pub head: u64,
    /// Objects that were written, and parts of such.
    pub put: u64,
    /// Objects that were deleted, and uploads that were given up.
    pub delete: u64,
    /// All else, such as requests for credentials.
    pub other: u64,
}

impl RequestCounts {
    /// Returns how many they are in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.list + self.get + self.head + self.put + self.delete + self.other
    }
}

/// What was exchanged with object stores.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exchange {
    /// Requests.
    pub requests: RequestCounts,
    /// Bytes in the bodies of requests.
    pub sent: u64,
    /// Bytes in the bodies of answers.
    pub received: u64,
}

impl Exchange {
    /// Returns this with that of `other` store.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        self.with(other, u64::wrapping_add)
    }

    /// Returns what has come since it was `before`.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        self.with(before, u64::saturating_sub)
    }

    fn with(self, other: Self, of: fn(u64, u64) -> u64) -> Self {
        let (ours, theirs) = (self.requests, other.requests);
        Self {
            requests: RequestCounts {
                list: of(ours.list, theirs.list),
                get: of(ours.get, theirs.get),
                head: of(ours.head, theirs.head),
                put: of(ours.put, theirs.put),
                delete: of(ours.delete, theirs.delete),
                other: of(ours.other, theirs.other),
            },
            sent: of(self.sent, other.sent),
            received: of(self.received, other.received),
        }
    }
}
