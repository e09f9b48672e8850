//! Port: does independent jobs, side by side where there are hands for them.
//!
//! A room that can split its work takes a [`Crew`] and leaves to the engine on how many threads the jobs are done.
//!
//! # Invariants
//! - Every job is done exactly once, and [`Crew::each`] returns when all of them are.
//! - What comes of the jobs must not depend on the crew: they share nothing, and results come in the order of the jobs.

use std::sync::{Mutex, PoisonError};

/// Hands for jobs that do not depend on one another.
pub trait Crew: Sync {
    /// Returns how many jobs are done at the same time, at least one.
    fn hands(&self) -> usize;

    /// Does the jobs with the numbers below `count`, in any order, and `meanwhile` once, on the thread that asks. A job
    /// must not wait for another, nor hand jobs to the crew.
    fn each(&self, count: usize, job: &(dyn Fn(usize) + Sync), meanwhile: &mut dyn FnMut());
}

/// One pair of hands: whoever asks does the jobs, one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Alone;

impl Crew for Alone {
    fn hands(&self) -> usize {
        1
    }

    fn each(&self, count: usize, job: &(dyn Fn(usize) + Sync), meanwhile: &mut dyn FnMut()) {
        (0..count).for_each(job);
        meanwhile();
    }
}

/// Does `job` with each item and returns what comes of it, in the order of the items.
pub fn map<I: Send, O: Send>(
    crew: &dyn Crew,
    items: Vec<I>,
    job: impl Fn(I) -> O + Sync,
) -> Vec<O> {
    map_while(crew, items, job, &mut || {})
}

/// As [`map`], with something to do on this thread meanwhile.
pub fn map_while<I: Send, O: Send>(
    crew: &dyn Crew,
    items: Vec<I>,
    job: impl Fn(I) -> O + Sync,
    meanwhile: &mut dyn FnMut(),
) -> Vec<O> {
    enum Slot<I, O> {
        Item(I),
        Taken,
        Done(O),
    }
    if items.len() < 2 {
        let done = items.into_iter().map(job).collect();
        meanwhile();
        return done;
    }
    let slots: Vec<Mutex<Slot<I, O>>> = items
        .into_iter()
        .map(|item| Mutex::new(Slot::Item(item)))
        .collect();
    let take = |number: usize| {
        // Nobody else has this slot: the lock only says so to the compiler.
        let mut slot = slots[number].lock().unwrap_or_else(PoisonError::into_inner);
        if let Slot::Item(item) = std::mem::replace(&mut *slot, Slot::Taken) {
            *slot = Slot::Done(job(item));
        }
    };
    crew.each(slots.len(), &take, meanwhile);
    let done = slots.into_iter().filter_map(|slot| {
        match slot.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Slot::Done(done) => Some(done),
            Slot::Item(_) | Slot::Taken => None,
        }
    });
    done.collect()
}

/// Any number of hands that do the last job first.
#[cfg(test)]
pub(crate) struct Backwards(pub(crate) usize);

#[cfg(test)]
impl Crew for Backwards {
    fn hands(&self) -> usize {
        self.0
    }

    fn each(&self, count: usize, job: &(dyn Fn(usize) + Sync), meanwhile: &mut dyn FnMut()) {
        meanwhile();
        (0..count).rev().for_each(job);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_of_the_jobs_is_in_the_order_of_the_items() {
        let items: Vec<u32> = (0..100).collect();
        let crews: [&dyn Crew; 2] = [&Alone, &Backwards(3)];
        for crew in crews {
            let doubled = map(crew, items.clone(), |item| item * 2);
            let expected: Vec<u32> = items.iter().map(|item| item * 2).collect();
            assert_eq!(doubled, expected);
            for count in 0..3 {
                let mut times = 0;
                let done = map_while(crew, vec![1; count], |item| item, &mut || times += 1);
                assert_eq!((done.len(), times), (count, 1));
            }
        }
    }
}
