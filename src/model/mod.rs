//! The plain values that every room shares: what a file looked like, what was recorded of it, what a unit is
//! made of. Nothing here reads a file, a clock or the environment; most of it is `Clone + Eq` and small.
//!
//! # Invariants
//! - A [`SourcePath`] is relative, `/`-separated UTF-8 and compares in byte order, which is the one order that
//!   listings, the ledger and the members of a unit share.
//! - A [`ContentHash`] is the truth about a file's bytes; a [`Fingerprint`] is only a hint.
//! - An [`OutputPath`] is relative to the target and never begins with the state directory's name.

mod comments;
mod dirty;
mod fingerprint;
mod hash;
mod hint;
mod key_range;
mod logical;
mod partition;
mod path;
mod read_at;
mod record;
mod report;
mod select;
mod shape;
mod size;
mod stored;
mod timestamp;
mod traffic;

pub use comments::{Comments, FileComments};
pub use dirty::DirtyReason;
pub use fingerprint::{Fingerprint, Stamp};
pub use hash::{ContentHash, ParseHashError};
pub use hint::{Gaps, HintCounts, Hints, Listed, WhyListed};
pub use key_range::KeyRange;
pub use logical::{Logical, type_name};
pub(crate) use partition::unescape;
pub use partition::{partition_dir, partition_values};
pub use path::{OutputPath, SourcePath};
pub use read_at::{ReadAt, ReadAtCursor};
pub use record::{
    Carried, FileRecord, LedgerId, Member, OutputRecord, PartitionValue, PartitionValues,
    QuarantineRecord, RunId, Standing, UnitId, UnitRecord,
};
pub use report::{
    ByteCounts, ErrorKind, ExpectationCount, FileCounts, OutputCounts, ReportedError, RowCounts,
    RunLimit, RunReport, RunStatus, Seconds, UnitCounts,
};
pub use select::{Select, SelectAll};
pub use shape::{Column, MAX_NESTING, Shape};
pub use size::{ByteSize, ParseSizeError};
pub use stored::stored_schema;
pub use timestamp::{ParseTimestampError, Timestamp};
pub(crate) use timestamp::{date_of_days, days_of_date};
pub use traffic::{Exchange, RequestCounts};

#[cfg(test)]
pub(crate) use logical::tests::uuid_field;
#[cfg(test)]
pub(crate) use shape::tests::deepest;
