//! What a caller can see and stop while a run goes on, and whether it may take up more.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use super::allowance::Allowance;
use crate::model::RunLimit;

/// The stage that a run is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Listing and joining.
    Discover,
    /// Hashing.
    Verify,
    /// Building and publishing units.
    Work,
    /// Done.
    Finished,
}

/// Numbers that a run keeps up to date while it goes on.
#[derive(Debug, Default)]
pub struct Progress {
    phase: AtomicU8,
    /// Files seen in the listing.
    pub files_listed: AtomicU64,
    /// Files to read.
    pub files_total: AtomicU64,
    /// Files read.
    pub files_done: AtomicU64,
    /// Bytes to read.
    pub bytes_total: AtomicU64,
    /// Bytes read.
    pub bytes_done: AtomicU64,
    /// Rows decoded.
    pub rows_done: AtomicU64,
    /// Units to build.
    pub units_total: AtomicU64,
    /// Units built.
    pub units_done: AtomicU64,
}

impl Progress {
    /// Returns the stage that the run is in.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Relaxed) {
            0 => Phase::Discover,
            1 => Phase::Verify,
            2 => Phase::Work,
            _ => Phase::Finished,
        }
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.phase.store(
            match phase {
                Phase::Discover => 0,
                Phase::Verify => 1,
                Phase::Work => 2,
                Phase::Finished => 3,
            },
            Ordering::Relaxed,
        );
    }

    pub(super) fn add(counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Ordering::Relaxed);
    }
}

/// A caller's hand on a run: the request to stop, and the numbers to show.
#[derive(Debug, Clone, Default)]
pub struct Control {
    interrupt: Arc<AtomicBool>,
    progress: Arc<Progress>,
    watch: Option<Arc<Watch>>,
}

/// What a pass may use, and what was refused because of it.
#[derive(Debug)]
struct Watch {
    allowance: Allowance,
    refused: OnceLock<RunLimit>,
}

impl Control {
    /// Watches `interrupt`: once it is true the run takes no more work, finishes what it has begun, and ends.
    #[must_use]
    pub fn new(interrupt: Arc<AtomicBool>) -> Self {
        Self {
            interrupt,
            ..Self::default()
        }
    }

    /// Returns the same hand on one pass, which takes no more work once `allowance` is spent.
    pub(super) fn within(&self, allowance: Allowance) -> Self {
        Self {
            watch: Some(Arc::new(Watch {
                allowance,
                refused: OnceLock::new(),
            })),
            ..self.clone()
        }
    }

    /// Returns the numbers of the run.
    #[must_use]
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Tells whether the run was asked to stop.
    #[must_use]
    pub fn is_interrupted(&self) -> bool {
        self.interrupt.load(Ordering::Relaxed)
    }

    /// Tells whether something that is there to do may be begun: nobody has asked to stop, and no limit is reached. A
    /// refusal is remembered.
    pub(super) fn takes_more(&self) -> bool {
        if self.is_interrupted() {
            return false;
        }
        match self.spent() {
            None => true,
            Some(limit) => {
                // The first one counts.
                let _ = self.watch.as_ref().map(|watch| watch.refused.set(limit));
                false
            }
        }
    }

    /// Returns the limit because of which something was not begun.
    pub(super) fn refused(&self) -> Option<RunLimit> {
        self.watch.as_ref()?.refused.get().copied()
    }

    /// Returns the limit that is reached, whether anything was refused because of it or not.
    pub(super) fn spent(&self) -> Option<RunLimit> {
        self.watch.as_ref()?.allowance.spent()
    }

    /// Returns how many requests to object stores are left.
    pub(super) fn requests_left(&self) -> Option<u64> {
        self.watch.as_ref()?.allowance.requests_left()
    }
}
