//! How a run behaves where more than one behaviour is right, and how much it may use.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::ByteSize;
use crate::schema::Compatibility;

/// What becomes of the rows of a file that vanished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnDelete {
    /// They go too.
    #[default]
    Remove,
    /// They stay: a landing zone that somebody purges.
    Retain,
}

/// What becomes of the rows of a file that changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnModify {
    /// The new content replaces them.
    #[default]
    Replace,
    /// They stay as they were first loaded.
    Ignore,
    /// The run fails and changes nothing.
    Fail,
}

/// What the same bytes under two live names mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SameContent {
    /// Two files.
    #[default]
    Load,
    /// Two files, and a word about it in the report.
    Warn,
    /// One file: only the first name in path order counts.
    Skip,
}

/// Whether symbolic links in the source are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Links {
    /// They are skipped.
    #[default]
    Ignored,
    /// What they lead to counts as if it stood in their place.
    Followed,
}

/// Whether the removal brake is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Removals {
    /// More vanished files than the brake allows stop the run.
    #[default]
    Braked,
    /// Any number may vanish.
    Allowed,
}

/// How a run behaves where more than one behaviour is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policies {
    /// For vanished files.
    pub on_delete: OnDelete,
    /// For changed files.
    pub on_modify: OnModify,
    /// For equal files.
    pub same_content: SameContent,
    /// For many vanished files.
    pub removals: Removals,
    /// How long a file must have been left alone before it is taken.
    pub settle: Duration,
    /// What a new declaration of columns must keep working.
    pub compatibility: Compatibility,
}

impl Default for Policies {
    fn default() -> Self {
        Self {
            on_delete: OnDelete::default(),
            on_modify: OnModify::default(),
            same_content: SameContent::default(),
            removals: Removals::default(),
            settle: Duration::from_secs(2),
            compatibility: Compatibility::default(),
        }
    }
}

/// How much a run may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Workers.
    pub threads: usize,
    /// Bytes of rows in flight, over all workers.
    pub memory: ByteSize,
    /// New and changed files taken in one run; the rest is left for the next.
    pub max_files: Option<u64>,
    /// Bytes of new and changed files taken in one run; the rest is left for the next.
    pub max_bytes: Option<ByteSize>,
    /// Bytes of source files that a unit may grow to.
    pub unit_size: ByteSize,
    /// Source files that a unit may grow to.
    pub unit_files: usize,
    /// New files that are taken up at once; where there are more, the run goes through them in portions.
    pub portion_files: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            threads: 1,
            memory: MEMORY,
            max_files: None,
            max_bytes: None,
            unit_size: ByteSize(128 << 20),
            unit_files: 1000,
            portion_files: Self::portion_within(MEMORY),
        }
    }
}

impl Limits {
    /// Returns how many new files fit into `memory` at once.
    #[must_use]
    pub fn portion_within(memory: ByteSize) -> usize {
        let files = usize::try_from(memory.0 / NEW_FILE_BYTES).unwrap_or(usize::MAX);
        files.max(LEAST_PORTION)
    }
}

/// What workers may hold where nobody says otherwise.
const MEMORY: ByteSize = ByteSize(512 << 20);

/// What a new file costs, generously, from the moment it is found until it is planned and recorded.
const NEW_FILE_BYTES: u64 = 4096;

/// Below this a run would rather list the source over and over than work.
const LEAST_PORTION: usize = 8192;
