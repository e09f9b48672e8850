//! What a caller can see and stop while a run goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

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
}

impl Control {
    /// Watches `interrupt`: once it is true the run takes no more work, finishes what it has begun, and ends.
    #[must_use]
    pub fn new(interrupt: Arc<AtomicBool>) -> Self {
        Self {
            interrupt,
            progress: Arc::default(),
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
}
