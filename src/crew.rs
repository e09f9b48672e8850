//! Port: has jobs done, side by side where there are hands for them.
//!
//! A room that can split its work takes a [`Crew`], [`begin`]s a job with it and waits for what comes of it when that is
//! needed; of several, [`InOrder`] keeps the order. On how many threads jobs are done is left to the engine.
//!
//! # Invariants
//! - Every job is done exactly once, whether anybody waits for it or not.
//! - What comes of the jobs must not depend on the crew: a job holds all it needs, and whoever began several takes what
//!   came of them in their order.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread;

/// Something to do that holds all it needs.
pub type Job = Box<dyn FnOnce() + Send>;

/// Hands for jobs that do not depend on one another.
pub trait Crew: Sync {
    /// Returns how many jobs are done at the same time, at least one.
    fn hands(&self) -> usize;

    /// Sees to it that the job is done, at once or by another hand while the caller goes on. It must not wait for another
    /// job, nor panic.
    fn start(&self, job: Job);
}

/// One pair of hands: whoever asks does the jobs, one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Alone;

impl Crew for Alone {
    fn hands(&self) -> usize {
        1
    }

    fn start(&self, job: Job) {
        job();
    }
}

/// What comes of a job that was begun.
pub struct Begun<T> {
    result: Receiver<thread::Result<T>>,
    early: Option<thread::Result<T>>,
}

/// Has the crew do `job`, and returns at once where the crew has a hand for it.
pub fn begin<T: Send + 'static>(
    crew: &dyn Crew,
    job: impl FnOnce() -> T + Send + 'static,
) -> Begun<T> {
    let (done, result) = sync_channel(1);
    crew.start(Box::new(move || {
        // A panic belongs to whoever asked. Where nobody waits any more, nobody misses the result.
        done.send(catch_unwind(AssertUnwindSafe(job))).ok();
    }));
    Begun {
        result,
        early: None,
    }
}

impl<T> Begun<T> {
    /// Tells whether the job is done.
    pub fn is_done(&mut self) -> bool {
        if self.early.is_none() {
            match self.result.try_recv() {
                Ok(result) => self.early = Some(result),
                Err(TryRecvError::Disconnected) => return true,
                Err(TryRecvError::Empty) => {}
            }
        }
        self.early.is_some()
    }

    /// Waits for the job and returns what came of it.
    ///
    /// # Panics
    /// Where the job did.
    #[must_use]
    pub fn wait(self) -> T {
        let result = self.early.or_else(|| self.result.recv().ok());
        #[expect(
            clippy::expect_used,
            reason = "a crew does every job that it was given"
        )]
        match result.expect("every job is done") {
            Ok(done) => done,
            Err(panic) => resume_unwind(panic),
        }
    }
}

/// Jobs that were begun, in their order, each with how many bytes it holds.
pub struct InOrder<T> {
    begun: VecDeque<(usize, Begun<T>)>,
    bytes: usize,
}

impl<T> Default for InOrder<T> {
    fn default() -> Self {
        Self {
            begun: VecDeque::new(),
            bytes: 0,
        }
    }
}

impl<T: Send + 'static> InOrder<T> {
    /// [`begin`]s another job, which holds so many bytes until what comes of it is taken.
    pub fn begin(
        &mut self,
        crew: &dyn Crew,
        bytes: usize,
        job: impl FnOnce() -> T + Send + 'static,
    ) {
        self.bytes += bytes;
        self.begun.push_back((bytes, begin(crew, job)));
    }

    /// Returns how many jobs were begun of which nothing has been taken.
    #[must_use]
    pub fn len(&self) -> usize {
        self.begun.len()
    }

    /// Tells whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.begun.is_empty()
    }

    /// Returns how many bytes they hold.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Waits for the first of them and takes what came of it; `None` where there is none.
    pub fn take_first(&mut self) -> Option<T> {
        let (bytes, begun) = self.begun.pop_front()?;
        self.bytes -= bytes;
        Some(begun.wait())
    }
}

/// Any number of hands, none of which does a job at once, or in the order of the jobs.
#[cfg(test)]
pub(crate) struct Unordered(pub(crate) usize);

#[cfg(test)]
impl Crew for Unordered {
    fn hands(&self) -> usize {
        self.0
    }

    fn start(&self, job: Job) {
        thread::spawn(job);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_of_a_job_that_was_begun_can_be_waited_for() {
        let crews: [&dyn Crew; 2] = [&Alone, &Unordered(3)];
        for crew in crews {
            let mut begun = begin(crew, || 1);
            while !begun.is_done() {
                thread::yield_now();
            }
            assert!(begun.is_done());
            assert_eq!(begun.wait() + begin(crew, || 2).wait(), 3);
        }
    }

    #[test]
    fn what_comes_of_several_jobs_is_taken_in_their_order() {
        let crews: [&dyn Crew; 2] = [&Alone, &Unordered(3)];
        for crew in crews {
            let mut jobs = InOrder::default();
            (0..100).for_each(|number| jobs.begin(crew, number, move || number));
            assert_eq!((jobs.len(), jobs.bytes()), (100, (0..100).sum()));
            let taken = std::iter::from_fn(|| jobs.take_first());
            assert!(taken.eq(0..100));
            assert!(jobs.is_empty() && jobs.bytes() == 0);
        }
    }

    #[test]
    fn a_panic_comes_back_to_whoever_waits() {
        let crews: [&dyn Crew; 2] = [&Alone, &Unordered(3)];
        for crew in crews {
            let begun = begin(crew, || -> u32 { panic!("on purpose") });
            assert!(catch_unwind(AssertUnwindSafe(|| begun.wait())).is_err());
        }
    }
}
