//! Who does the work: a foreman for each unit that is being built, and the crew that all of them share.
//!
//! A foreman takes one unit at a time. As long as there are enough units for all threads, each is built by its foreman
//! alone, which costs nothing; where there are fewer, the crew splits what is large in them.
//!
//! Foremen are plain threads and no workers of the pool: a worker that waits for others takes up what else there is to
//! do, which could be the whole of another unit, while its own has to wait and keeps its memory.

use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::ThreadPool;

use super::error::RunError;
use super::pipeline::Pipeline;
use crate::crew::{Crew, Job};

/// Deep trees are walked and nested values are decoded recursively, so stacks are roomy.
pub(super) const STACK_BYTES: usize = 16 << 20;

/// Starts the workers.
pub(super) fn pool(pipeline: &Pipeline) -> Result<ThreadPool, RunError> {
    let threads = pipeline.limits.threads.max(1);
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .stack_size(STACK_BYTES)
        .build()
        .map_err(|source| RunError::Workers {
            threads,
            source: source.into(),
        })
}

/// The crew of all foremen.
pub(super) struct Hands<'p> {
    pool: &'p ThreadPool,
    foremen: AtomicUsize,
}

impl<'p> Hands<'p> {
    pub(super) fn new(pool: &'p ThreadPool) -> Self {
        Self {
            pool,
            foremen: AtomicUsize::new(0),
        }
    }

    /// Counts a foreman in, until what is returned goes.
    pub(super) fn foreman(&self) -> Foreman<'_> {
        self.foremen.fetch_add(1, Ordering::Relaxed);
        Foreman(&self.foremen)
    }
}

impl Crew for Hands<'_> {
    fn hands(&self) -> usize {
        let foremen = self.foremen.load(Ordering::Relaxed).max(1);
        self.pool.current_num_threads().div_ceil(foremen)
    }

    fn start(&self, job: Job) {
        if self.hands() == 1 {
            job();
        } else {
            self.pool.spawn(job);
        }
    }
}

/// Somebody who builds units.
pub(super) struct Foreman<'h>(&'h AtomicUsize);

impl Drop for Foreman<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crew::{self, Begun};

    #[test]
    fn hands_are_shared_by_the_foremen_and_every_job_is_done_once() {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(4)
            .build()
            .unwrap();
        let hands = Hands::new(&pool);
        assert_eq!(hands.hands(), 4);
        let first = hands.foreman();
        let others: Vec<Foreman<'_>> = (0..3).map(|_| hands.foreman()).collect();
        assert_eq!(hands.hands(), 1);
        for foremen in [others, Vec::new()] {
            let begun: Vec<_> = (0..1000).map(|n| crew::begin(&hands, move || n)).collect();
            let done: Vec<usize> = begun.into_iter().map(Begun::wait).collect();
            assert_eq!(done, (0..1000).collect::<Vec<_>>());
            drop(foremen);
        }
        drop(first);
        assert_eq!(hands.hands(), 4);
    }
}
