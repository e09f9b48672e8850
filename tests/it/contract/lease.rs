//! A lease in a store that fails: it never has two holders, and whatever became of a request for it, it is free when it is
//! over. `FAULTY_LEASE_SEED=17` plays one of the histories again.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use strandline::clock::ManualClock;
use strandline::durable::{Disk, HeldLock};
use strandline::model::Timestamp;
use strandline::store::{Client, Directory, FaultyStore, StoreDisk, StoreFault};

use crate::support::cut_store::CutStore;
use crate::support::seeds::{Dice, play_all};

const LEASE: Duration = Duration::from_mins(1);

/// One of those who want the lease.
struct Worker {
    name: String,
    faulty: FaultyStore,
    disk: StoreDisk,
}

impl Worker {
    fn new(store: &CutStore, clock: &Arc<ManualClock>, lease: Duration, seed: u64) -> Self {
        let faulty = FaultyStore::new(Arc::new(store.clone()), seed);
        let client = Client::over(Arc::new(faulty.clone()));
        let directory = Directory::new(client, "state", "s3://bucket/state".to_owned()).unwrap();
        Self {
            // Nobody does anything in the very moment that another does it, and the clock stands still.
            name: format!("worker {seed}"),
            faulty,
            disk: StoreDisk::new(directory, lease, clock.clone()),
        }
    }

    /// Tries to take it; whatever goes wrong is a lease that was not taken.
    fn take(&self) -> Option<Box<dyn HeldLock>> {
        let lock = Path::new("s3://bucket/state/lock");
        self.disk.try_lock(lock, &self.name).ok().flatten()
    }
}

fn fresh() -> (CutStore, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(Timestamp(1_750_000_000_123_456_789)));
    (CutStore::new(clock.clone()), clock)
}

/// Lets three workers take the lease, let go of it and lose it, over a store that fails; returns how often it was taken.
fn contest(seed: u64) -> u64 {
    let (mut dice, (store, clock)) = (Dice::new(seed), fresh());
    let workers: Vec<Worker> = (0..3)
        .map(|index| Worker::new(&store, &clock, LEASE, seed * 3 + index))
        .collect();
    let often = dice.one_of(&[20, 100, 300]);
    for worker in &workers {
        for fault in StoreFault::ALL {
            worker.faulty.set_chance(fault, dice.below(often));
        }
    }
    let mut held: Vec<Option<Box<dyn HeldLock>>> = (0..3).map(|_| None).collect();
    let mut taken = 0;
    for _ in 0..40 {
        let index = dice.one_of(&[0, 1, 2]);
        match dice.below(4) {
            0 | 1 if held[index].is_none() => {
                held[index] = workers[index].take();
                taken += u64::from(held[index].is_some());
            }
            2 => held[index] = None,
            _ => clock.advance(Duration::from_secs(1 + dice.below(70))),
        }
        let holders = held.iter().flatten().filter(|it| it.is_held()).count();
        assert!(holders <= 1, "{holders} at once");
    }
    for worker in &workers {
        worker.faulty.heal();
    }
    held.clear();
    clock.advance(2 * LEASE);
    assert!(workers[0].take().is_some(), "it is locked for ever");
    taken
}

#[test]
fn whatever_the_store_does_a_lease_has_one_holder_at_most_and_is_free_when_it_is_over() {
    if let Some(taken) = play_all("FAULTY_LEASE_SEED", contest) {
        let sum: u64 = taken.iter().sum();
        assert!(sum > 2 * taken.len() as u64, "{sum}");
    }
}

#[test]
fn each_request_for_a_lease_can_fail_and_another_has_it_when_it_is_over() {
    let (mut met, mut taken) = (0, 0);
    for (nth, fault) in (0..8).flat_map(|nth| StoreFault::ALL.map(|fault| (nth, fault))) {
        let (store, clock) = fresh();
        // The lease of somebody who died is over, and that has to be asked for.
        let dead = Worker::new(&store, &clock, LEASE, 0);
        dead.faulty.fail_nth(3, StoreFault::Unavailable);
        drop(dead.take().unwrap());
        clock.advance(2 * LEASE);
        let (one, other) = (
            Worker::new(&store, &clock, LEASE, 1),
            Worker::new(&store, &clock, LEASE, 2),
        );
        one.faulty.fail_nth(nth, fault);
        let held = one.take();
        met += one.faulty.met(fault);
        taken += u64::from(held.is_some());
        let is_held = held.as_ref().is_some_and(|it| it.is_held());
        assert_eq!(held.is_some(), is_held, "{fault:?} at {nth}");
        let second = other.take();
        assert!(!is_held || second.is_none(), "{fault:?} at {nth}");
        drop((held, second));
        clock.advance(2 * LEASE);
        one.faulty.heal();
        assert!(other.take().is_some(), "{fault:?} at {nth}");
        assert!(one.take().is_some(), "{fault:?} at {nth}: others let go");
    }
    assert!(met > 15 && taken > 30, "{met} {taken}");
}

#[test]
fn a_renewal_whose_answer_is_lost_is_ours() {
    // Each with the requests that come until another is under way behind it.
    let cases = [
        (&[StoreFault::LostCondition][..], 3),
        (&[StoreFault::LostAnswer], 3),
        (&[StoreFault::Unavailable], 3),
        // What was found was cut short, and was taken for another's: the lease was given up.
        (&[StoreFault::LostCondition, StoreFault::Truncated], 4),
    ];
    // Each of them waits for renewals.
    std::thread::scope(|threads| {
        for (faults, requests) in cases {
            threads.spawn(move || check_renewals(faults, requests));
        }
    });
}

fn check_renewals(faults: &[StoreFault], requests: usize) {
    let (store, clock) = fresh();
    let worker = Worker::new(&store, &clock, Duration::from_secs(1), 0);
    let held = worker.take().unwrap();
    for _ in 0..2 {
        let before = store.requests();
        for fault in faults {
            worker.faulty.fail_nth(0, *fault);
        }
        clock.advance(Duration::from_millis(400));
        store.wait_for_requests(before + requests);
    }
    for fault in faults {
        assert_eq!(worker.faulty.met(*fault), 2);
    }
    assert!(held.is_held(), "{faults:?}");
    clock.advance(Duration::from_millis(400));
    assert!(held.is_held(), "{faults:?}");
    drop(held);
    let other = Worker::new(&store, &clock, LEASE, 1);
    assert!(other.take().is_some(), "{faults:?}: the first let go");
}
