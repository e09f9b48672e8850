//! What a run may use before it takes no more work: time (`--max-duration`), and requests to object stores (`--max-requests`).
//!
//! # Invariants
//! - It is asked before something is begun: a listing, a file to hash, a unit. What has begun is finished, and what is
//!   finished recorded, with as much time and as many requests as that takes: otherwise a run could use up all it
//!   has, and come to nothing.
//! - What was refused is known afterwards, so a run that had nothing more to do when its time was over is whole.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::pipeline::Pipeline;
use crate::clock::Clock;
use crate::config::Limits;
use crate::model::RunLimit;
use crate::store::Stores;

/// What all passes of a run may use together.
#[derive(Clone)]
pub(super) struct Allowance {
    clock: Arc<dyn Clock>,
    stores: Stores,
    /// On the monotonic clock.
    ends_at: Option<Duration>,
    /// Of all that were ever made to these stores.
    last_request: Option<u64>,
}

impl Allowance {
    /// Begins to count.
    pub(super) fn begin(pipeline: &Pipeline) -> Self {
        let Limits {
            max_duration,
            max_requests,
            ..
        } = pipeline.limits;
        let clock = Arc::clone(&pipeline.target.clock);
        let now = clock.monotonic();
        let mut allowance = Self {
            ends_at: max_duration.map(|time| now.saturating_add(time)),
            last_request: None,
            stores: pipeline.stores.clone(),
            clock,
        };
        let made = allowance.requests();
        allowance.last_request = max_requests.map(|most| made.saturating_add(most));
        allowance
    }

    /// Returns the limit that is reached.
    pub(super) fn spent(&self) -> Option<RunLimit> {
        if self.requests_left() == Some(0) {
            return Some(RunLimit::MaxRequests);
        }
        let ends_at = self.ends_at?;
        (self.clock.monotonic() >= ends_at).then_some(RunLimit::MaxDuration)
    }

    /// Returns how many requests are left.
    pub(super) fn requests_left(&self) -> Option<u64> {
        let last = self.last_request?;
        Some(last.saturating_sub(self.requests()))
    }

    fn requests(&self) -> u64 {
        let exchanged = self.stores.exchanged();
        exchanged.map_or(0, |exchanged| exchanged.requests.total())
    }
}

impl fmt::Debug for Allowance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Allowance")
            .field("ends_at", &self.ends_at)
            .field("last_request", &self.last_request)
            .finish_non_exhaustive()
    }
}
