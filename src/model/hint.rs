//! What somebody says to have changed in a source, and what came of it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{SourcePath, Timestamp};

/// Files that may have changed, by the word of somebody else: of a store that tells of its events, say.
///
/// A hint is no more than a reason to look. It may come late, twice, in any order, of a file that was never there; and that
/// none comes proves nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hints {
    /// The files.
    pub paths: BTreeSet<SourcePath>,
    /// Whether these are all that came.
    pub gaps: Gaps,
    /// Where they come from.
    pub from: String,
}

/// Whether hints are known to be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Gaps {
    /// All that came are there.
    #[default]
    NoneKnown,
    /// Some were lost, or do not say which files they are about.
    Some,
}

impl Hints {
    /// Adds `later` to these.
    pub fn append(&mut self, mut later: Self) {
        self.paths.append(&mut later.paths);
        if later.gaps == Gaps::Some {
            self.gaps = Gaps::Some;
        }
    }

    /// Tells whether there is nothing to look at because of them.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty() && self.gaps == Gaps::NoneKnown
    }
}

/// A listing of everything after which nothing was left to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// When it began.
    pub at: Timestamp,
    /// A hash of what was listed, and of what was to be made of it.
    pub of: String,
    /// Where hints were awaited from then on; nothing where nobody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

/// Why everything was listed although there were hints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhyListed {
    /// No listing is known after which nothing was left to do, and nobody has marked anything to be done again.
    First,
    /// Since the last one, other files are taken, something else is made of them, or hints come from elsewhere.
    Changed,
    /// The last one is too long ago.
    Due,
    /// Hints were lost, or do not say which files they are about.
    Lost,
    /// There are so many hints that a listing costs no more.
    Many,
    /// Files that hints name are gone, and the source shows no others.
    Gone,
}

/// What hints came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HintCounts {
    /// Files that they name.
    pub paths: u64,
    /// Why everything was listed all the same; `None` where only those files were looked at.
    pub listed: Option<WhyListed>,
    /// When the listing began that makes up for hints which did not come: the last one after which nothing was left to do, as
    /// long as nothing is left now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}
