//! What the ledger is told in one transaction, and what it tells of itself: plain data.

use std::collections::BTreeMap;
use std::fmt;

use crate::model::{
    ContentHash, DirtyReason, FileRecord, LedgerId, Listed, OutputPath, QuarantineRecord, RunId,
    RunReport, Shape, SourcePath, Timestamp, UnitId, UnitRecord,
};

/// Changes that become durable together or not at all. In the maps `None` removes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// Source files.
    pub files: BTreeMap<SourcePath, Option<FileRecord>>,
    /// Units.
    pub units: BTreeMap<UnitId, Option<UnitRecord>>,
    /// Units to build again.
    pub dirty: BTreeMap<UnitId, Option<DirtyReason>>,
    /// Files set aside.
    pub quarantine: BTreeMap<SourcePath, Option<QuarantineRecord>>,
    /// The stored verdict of a file, as opaque JSON text.
    pub reasons: BTreeMap<SourcePath, Option<String>>,
    /// Publications that begin.
    pub open_intents: Vec<Intent>,
    /// Publications that are over. Closing does not apply [`Intent::then`]: it belongs into the same batch.
    pub closed_intents: Vec<IntentId>,
    /// Outputs that no unit owns any more.
    pub garbage: BTreeMap<OutputPath, Garbage>,
    /// Reports, inserted or replaced by their run.
    pub runs: Vec<RunReport>,
    /// A schema that becomes the current one.
    pub schema: Option<SchemaVersion>,
    /// Fingerprint and JSON text of a definition that becomes the current one.
    pub definition: Option<(String, String)>,
    /// The ledger's own row.
    pub meta: MetaChange,
}

impl Batch {
    /// Tells whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds `later`, which wins where both speak of the same thing.
    pub fn append(&mut self, later: Self) {
        self.files.extend(later.files);
        self.units.extend(later.units);
        self.dirty.extend(later.dirty);
        self.quarantine.extend(later.quarantine);
        self.reasons.extend(later.reasons);
        self.open_intents.extend(later.open_intents);
        self.closed_intents.extend(later.closed_intents);
        self.garbage.extend(later.garbage);
        self.runs.extend(later.runs);
        self.schema = later.schema.or(self.schema.take());
        self.definition = later.definition.or(self.definition.take());
        self.meta.append(later.meta);
    }
}

/// Changes to the ledger's own row; `None` leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MetaChange {
    /// Where the files come from.
    pub source: Option<String>,
    /// Where the outputs stand.
    pub target: Option<String>,
    /// The number of the next unit.
    pub next_unit: Option<u64>,
    /// The number of the next run.
    pub next_run: Option<u64>,
    /// The highest source mtime that is fully behind us.
    pub watermark: Option<Timestamp>,
    /// The last run in which everything discovered was committed or quarantined.
    pub checkpoint: Option<RunId>,
    /// The last listing of everything after which nothing was left to do. A run says so at its end, and no [`Intent`] holds it.
    pub listed: ListedChange,
}

impl MetaChange {
    fn append(&mut self, later: Self) {
        self.source = later.source.or(self.source.take());
        self.target = later.target.or(self.target.take());
        self.next_unit = later.next_unit.or(self.next_unit);
        self.next_run = later.next_run.or(self.next_run);
        self.watermark = later.watermark.or(self.watermark);
        self.checkpoint = later.checkpoint.or(self.checkpoint);
        if later.listed != ListedChange::Nothing {
            self.listed = later.listed;
        }
    }
}

/// What becomes of the listing that a ledger knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ListedChange {
    /// It stays what it is.
    #[default]
    Nothing,
    /// There is another.
    Now(Listed),
    /// None counts any more.
    Never,
}

/// Names an intent within its ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct IntentId(pub u64);

impl fmt::Display for IntentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "i{:06}", self.0)
    }
}

/// A publication that has begun: what is to be moved, and what is true once it has been.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Intent {
    /// Its name; opening another under the same name replaces it.
    pub id: IntentId,
    /// The run that publishes.
    pub run: RunId,
    /// Staged files and their places.
    pub moves: Vec<Planned>,
    /// What is recorded when the moves are done.
    pub then: Batch,
}

/// One staged output that is to be made visible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Its name in the staging place.
    pub stage: String,
    /// Its place in the target.
    pub output: OutputPath,
    /// Its length.
    pub size: u64,
    /// The hash of its bytes.
    pub hash: ContentHash,
}

/// What is known of an output that no unit owns any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Garbage {
    /// It is still to be deleted.
    Add,
    /// It has been deleted.
    Collected,
}

/// One version of the pipeline's schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaVersion {
    /// Counts from one.
    pub version: u32,
    /// The columns and types.
    pub shape: Shape,
    /// The run that brought it.
    pub run: RunId,
    /// What made it necessary.
    pub cause: String,
}

/// The ledger's own row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// The ledger's name.
    pub id: LedgerId,
    /// The version of the tables and encodings.
    pub format_version: u32,
    /// Where the files come from.
    pub source: Option<String>,
    /// Where the outputs stand.
    pub target: Option<String>,
    /// The fingerprint of the current definition.
    pub definition: Option<String>,
    /// The highest source mtime that is fully behind us.
    pub watermark: Option<Timestamp>,
    /// The last run in which everything discovered was committed or quarantined.
    pub checkpoint: Option<RunId>,
    /// The last listing of everything after which nothing was left to do.
    pub listed: Option<Listed>,
    /// The number of the next unit.
    pub next_unit: u64,
    /// The number of the next run.
    pub next_run: u64,
    /// Number of recorded files.
    pub files: u64,
    /// Number of recorded units.
    pub units: u64,
}

/// A unit as far as planning needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnitSummary {
    /// The unit.
    pub id: UnitId,
    /// Bytes of all members.
    pub bytes: u64,
    /// Number of members.
    pub members: u64,
}

/// How large the ledger is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LedgerStats {
    /// Length of the file (of the copy, in a snapshot).
    pub file_bytes: u64,
    /// Bytes of it that keys and values take.
    pub live_bytes: u64,
    /// Bytes of it that lie between these, in pages that are in use: compacting moves whole pages and frees none of
    /// them.
    pub fragmented_bytes: u64,
    /// Bytes of it that the records of files take, keys and bookkeeping included.
    pub files_bytes: u64,
    /// Number of recorded files.
    pub files: u64,
    /// Number of recorded units.
    pub units: u64,
}

impl LedgerStats {
    /// Tells whether most of the file is free, so that compacting makes it smaller.
    #[must_use]
    pub fn is_sparse(&self) -> bool {
        (self.live_bytes + self.fragmented_bytes) * 2 <= self.file_bytes
    }
}

/// What [`Ledger::compact_if_sparse`](super::Ledger::compact_if_sparse) did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compaction {
    /// The file is small or well filled.
    NotNeeded,
    /// A view is still open; try again without it.
    Busy,
    /// The file was rewritten.
    Done {
        /// Its length before.
        before_bytes: u64,
        /// Its length after.
        after_bytes: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_that_nobody_uses_make_a_ledger_sparse() {
        let is_sparse = |live_bytes, fragmented_bytes| {
            let stats = LedgerStats {
                file_bytes: 1000,
                live_bytes,
                fragmented_bytes,
                ..LedgerStats::default()
            };
            stats.is_sparse()
        };
        assert!(is_sparse(500, 0));
        assert!(is_sparse(100, 400));
        assert!(!is_sparse(501, 0));
        assert!(!is_sparse(100, 401));
    }
}
