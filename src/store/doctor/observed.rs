//! What was seen when a store was tried out: plain values, for [judging](super::judge).

use crate::store::{OwnFault, Refusal};

/// What came of a probe; `None` where it was not tried.
pub(super) type Tried<T> = Option<Result<T, Trouble>>;

/// Everything that was seen.
#[derive(Debug, Default)]
pub(super) struct Observed {
    pub(super) list: Tried<Page>,
    /// The key that was read.
    pub(super) read: Tried<String>,
    pub(super) write: Tried<()>,
    /// The bytes were the same.
    pub(super) read_back: Tried<bool>,
    pub(super) overwrite: Tried<Overwritten>,
    pub(super) create: Tried<Condition>,
    pub(super) update: Tried<Condition>,
    pub(super) create_race: Tried<Race>,
    pub(super) update_race: Tried<Race>,
    pub(super) fresh_listing: Tried<Fresh>,
    /// The names that were listed, in the order in which they came.
    pub(super) order: Tried<Vec<String>>,
    pub(super) multipart: Tried<()>,
    /// Seconds by which the store's clock is ahead of ours, as far as it must be.
    pub(super) clock: Tried<i64>,
    pub(super) delete: Tried<()>,
    pub(super) left_behind: Vec<String>,
}

/// The beginning of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) objects: usize,
    /// There may be more.
    pub(super) is_full: bool,
}

/// What is read of an object that was overwritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Overwritten {
    pub(super) has_new_bytes: bool,
    /// It has another strong `ETag` than before.
    pub(super) has_new_tag: bool,
}

/// What became of the condition of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    /// It holds, and nothing else is refused.
    Kept,
    /// The write was made although it did not hold.
    Ignored,
    /// The write was refused although it held.
    NeverMet,
}

/// What became of those who wrote at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Race {
    pub(super) rounds: u32,
    /// Rounds with more than one winner, or with the bytes of another than the winner.
    pub(super) broken: u32,
    /// Rounds without a winner.
    pub(super) without_winner: u32,
}

/// What a listing tells of objects that were just written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fresh {
    pub(super) written: usize,
    pub(super) missing: usize,
    /// It tells the same of an object as an answer does.
    pub(super) tells_same: bool,
}

/// Why something could not be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) kind: TroubleKind,
    pub(super) told: String,
}

/// What is to be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TroubleKind {
    /// No answer came.
    Unreached,
    /// Nobody who is trusted vouches for whoever answers.
    Untrusted,
    /// The store does not know who asks.
    Unknown,
    /// It does, and refuses.
    Denied,
    /// There is no such thing.
    Missing,
    /// The client cannot do it in this kind of store.
    Unsupported,
    /// Anything else.
    Failed,
}

/// What stores call it where they do not know who asks, whatever status they give it.
const UNKNOWN: [&str; 10] = [
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
    "TokenRefreshRequired",
    "RequestTimeTooSkewed",
    "AuthenticationFailed",
    "InvalidAuthenticationInfo",
    "NoAuthenticationInformation",
    "AuthenticationRequired",
];

impl Trouble {
    /// Takes down what a client says.
    pub(super) fn of(error: &object_store::Error) -> Self {
        use object_store::Error;
        let refusal = Refusal::of(error);
        let is_unknown = refusal.code().is_some_and(|code| UNKNOWN.contains(&code));
        let kind = match error {
            _ if refusal.own_fault() == Some(OwnFault::Untrusted) => TroubleKind::Untrusted,
            _ if is_unknown || refusal.own_fault().is_some() => TroubleKind::Unknown,
            Error::Unauthenticated { .. } => TroubleKind::Unknown,
            Error::PermissionDenied { .. } => TroubleKind::Denied,
            _ if refusal.is_denial() => TroubleKind::Denied,
            Error::NotFound { .. } => TroubleKind::Missing,
            Error::NotSupported { .. } | Error::NotImplemented { .. } => TroubleKind::Unsupported,
            Error::Generic { .. } if !refusal.is_answer() => TroubleKind::Unreached,
            _ => TroubleKind::Failed,
        };
        Self {
            kind,
            told: refusal.to_string(),
        }
    }

    /// Something that no client says.
    pub(super) fn failed(told: impl Into<String>) -> Self {
        Self {
            kind: TroubleKind::Failed,
            told: told.into(),
        }
    }

    /// Tells whether nothing else can go well where a listing met this. Some stores make a bucket for whoever writes to
    /// one that is not there.
    pub(super) fn stops_all(&self) -> bool {
        use TroubleKind::{Missing, Unknown, Unreached, Untrusted};
        matches!(self.kind, Unreached | Untrusted | Unknown | Missing)
    }

    /// Tells whether a right is missing, and nothing else wrong.
    pub(super) fn is_denied(&self) -> bool {
        matches!(self.kind, TroubleKind::Denied | TroubleKind::Unknown)
    }
}
