//! Port: takes hints of what changed in a store, from a queue ([`Queue`]) or by being told ([`Endpoint`]).
//!
//! Stores tell of their events in many ways; [`Notice`] reads all of them and keeps the one thing that counts: which objects to
//! look at. [`Aim`] leaves out those of other places. What is taken is no more than a reason to look, so nobody needs to
//! know what kind of event it was, when it happened, or whether it is told for the first time.
//!
//! # Invariants
//! - What a queue gives is deleted there only when somebody says that it is [settled](HintSource::settle); until then it comes
//!   again by itself, also to another process.
//! - What an endpoint is told is in memory only, and a listing makes up for what is lost with it.
//! - No more than [`MOST`] hints are held. A queue keeps the rest; of an endpoint they are lost, which is
//!   [told](crate::model::Gaps).
//! - Messages that nobody understands stay in the queue, and so do those about other places until one has come that is about
//!   the source: whoever names the wrong queue does not empty it.
//! - Nothing that is told is believed, and nothing of it is shown but bucket and key.

mod aim;
mod endpoint;
mod notice;
mod queue;

use std::error::Error;
use std::io;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::model::Hints;

pub use aim::Aim;
pub use endpoint::Endpoint;
pub use notice::{Notice, Told};
pub use queue::Queue;

/// Hints that are held at once.
pub const MOST: usize = 100_000;

/// Where hints come from.
pub trait HintSource {
    /// Waits for hints, at most for `longest`, and returns all that are there once some have come. Returns early where
    /// `stop` is set.
    ///
    /// # Errors
    /// [`HintError`] where nobody can be asked; what was taken before is not lost.
    fn take(&mut self, longest: Duration, stop: &AtomicBool) -> Result<Taken, HintError>;

    /// Forgets what was taken: whatever it led to is recorded. Where `stop` is set, some of it may come again.
    ///
    /// # Errors
    /// [`HintError`] where it will come again.
    fn settle(&mut self, stop: &AtomicBool) -> Result<(), HintError>;

    /// Tells whether hints outlast this process.
    fn is_lasting(&self) -> bool;

    /// Returns where they come from, as people write it.
    fn describe(&self) -> String;
}

/// What came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    /// What to look at.
    pub hints: Hints,
    /// Messages that are about other places.
    pub foreign: u64,
    /// What people have to know, such as a message that nobody understands.
    pub words: Vec<String>,
}

impl Taken {
    /// Adds `later` to this.
    pub fn append(&mut self, mut later: Self) {
        self.hints.append(later.hints);
        self.foreign += later.foreign;
        self.words.append(&mut later.words);
    }
}

/// Hints that cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum HintError {
    /// The system does not let us listen, or talk.
    #[error("cannot take hints at {place}")]
    Io {
        /// The place.
        place: String,
        /// The system's own words.
        #[source]
        source: io::Error,
    },
    /// The queue refuses, or cannot be reached.
    #[error("cannot {action} {place}")]
    Queue {
        /// What was being done.
        action: &'static str,
        /// The queue.
        place: String,
        /// What it said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
        /// Whether it may go well the next time.
        may_pass: bool,
    },
    /// Everybody could reach an endpoint, and nobody would have to know anything.
    #[error("{place} can be reached from other machines, and nobody who posts has to know a token")]
    Open {
        /// The place.
        place: String,
    },
}

impl HintError {
    /// Tells whether the same may go well the next time.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Queue { may_pass: true, .. })
    }
}
