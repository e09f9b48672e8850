//! How a run behaves where more than one behaviour is right.

use std::time::Duration;

use serde::{Deserialize, Serialize};

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
