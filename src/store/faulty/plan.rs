//! What is to fail, and when: decided by a seed and by how often something was asked for, and by nothing else.

use std::collections::BTreeMap;

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StoreFault {
    /// The store refuses (503), and nothing has happened.
    Unavailable,
    /// It has happened, or was refused, and no answer came.
    LostAnswer,
    /// A write under a condition has happened, its answer was lost, and the client's next try was refused by what the first
    /// has written: was it me who won?
    LostCondition,
    /// Bytes end early, and nobody says so.
    Truncated,
    /// A listing breaks off behind some objects.
    BrokenListing,
    /// Pages of a listing come in another order.
    ReorderedPages,
    /// What is there is not found.
    Vanished,
    /// An object has another `ETag` than before.
    Changed,
}

impl StoreFault {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Unavailable,
        Self::LostAnswer,
        Self::LostCondition,
        Self::Truncated,
        Self::BrokenListing,
        Self::ReorderedPages,
        Self::Vanished,
        Self::Changed,
    ];
}

/// What is asked of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Operation {
    Put,
    /// A write that depends on what is there.
    PutIf,
    Get,
    Head,
    List,
    Delete,
    BeginParts,
    PutPart,
    Complete,
    Abort,
}

impl Operation {
    /// Returns what can go wrong with it.
    fn faults(self) -> &'static [StoreFault] {
        use StoreFault as F;
        match self {
            Self::Put
            | Self::Delete
            | Self::BeginParts
            | Self::PutPart
            | Self::Complete
            | Self::Abort => &[F::Unavailable, F::LostAnswer],
            Self::PutIf => &[F::Unavailable, F::LostAnswer, F::LostCondition],
            Self::Get => &[F::Unavailable, F::Truncated, F::Vanished, F::Changed],
            Self::Head => &[F::Unavailable, F::Vanished, F::Changed],
            Self::List => &[F::Unavailable, F::BrokenListing, F::ReorderedPages],
        }
    }
}

/// What is to happen to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fate {
    pub(super) fault: Option<StoreFault>,
    /// A number without meaning, for whatever else has to be chosen.
    pub(super) noise: u64,
}

/// What is to fail.
#[derive(Debug, Default)]
pub(super) struct Plan {
    seed: u64,
    chances: BTreeMap<StoreFault, u64>,
    /// By the number of requests that come before.
    nth: Vec<(u64, StoreFault)>,
    /// What a key has to contain for anything to fail.
    aim: String,
    requests: u64,
    asked: BTreeMap<(Operation, String), u64>,
    met: BTreeMap<StoreFault, u64>,
}

impl Plan {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            ..Self::default()
        }
    }

    pub(super) fn set_chance(&mut self, fault: StoreFault, per_mille: u64) {
        self.chances.insert(fault, per_mille);
    }

    pub(super) fn fail_nth(&mut self, nth: u64, fault: StoreFault) {
        self.nth.push((self.requests + nth, fault));
    }

    pub(super) fn aim_at(&mut self, part: &str) {
        part.clone_into(&mut self.aim);
    }

    pub(super) fn heal(&mut self) {
        self.aim.clear();
        self.chances.clear();
        self.nth.clear();
    }

    pub(super) fn requests(&self) -> u64 {
        self.requests
    }

    pub(super) fn met(&self, fault: StoreFault) -> u64 {
        self.met.get(&fault).copied().unwrap_or_default()
    }

    /// Decides what happens to a request. How requests for other keys come in between makes no difference to the chances,
    /// so that a seed means the same however threads are scheduled.
    pub(super) fn decide(&mut self, operation: Operation, key: &str) -> Fate {
        let request = self.requests;
        self.requests += 1;
        let is_aimed_at = key.contains(&self.aim);
        let key = lasting(key);
        let mut noise = hash(&key);
        let asked = self.asked.entry((operation, key)).or_default();
        noise = mix(self.seed ^ noise ^ mix(*asked) ^ ((operation as u64) << 56));
        *asked += 1;
        let due = self.nth.iter().position(|(nth, fault)| {
            is_aimed_at && *nth <= request && operation.faults().contains(fault)
        });
        let mut fault = due.map(|at| self.nth.remove(at).1);
        for candidate in operation.faults() {
            noise = mix(noise);
            let chance = self.chances.get(candidate).copied().unwrap_or_default();
            if fault.is_none() && is_aimed_at && noise % 1000 < chance {
                fault = Some(*candidate);
            }
        }
        if let Some(fault) = fault {
            *self.met.entry(fault).or_default() += 1;
        }
        Fate {
            fault,
            noise: mix(noise),
        }
    }
}

/// Returns the next number (splitmix64).
fn mix(state: u64) -> u64 {
    let state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    state ^ (state >> 31)
}

/// Hexadecimal digits that no lasting name has so many of, one behind the other.
const MADE_UP_DIGITS: usize = 24;

/// Returns the key without what differs each time that the same is done.
fn lasting(key: &str) -> String {
    let is_lasting = |word: &&str| {
        word.len() < MADE_UP_DIGITS || !word.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let words = key.split_inclusive(['/', '-', '.']);
    words
        .filter(|word| is_lasting(&word.trim_end_matches(['/', '-', '.'])))
        .collect()
}

fn hash(text: &str) -> u64 {
    text.bytes()
        .fold(0, |hash, byte| mix(hash ^ u64::from(byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fates(seed: u64, others: bool) -> Vec<Option<StoreFault>> {
        let mut plan = Plan::new(seed);
        for fault in StoreFault::ALL {
            plan.set_chance(fault, 200);
        }
        let fates = (0..40).map(|_| {
            if others {
                plan.decide(Operation::Get, "other");
            }
            plan.decide(Operation::Get, "key").fault
        });
        fates.collect()
    }

    #[test]
    fn a_seed_means_the_same_whatever_else_is_asked_for() {
        assert_eq!(fates(7, false), fates(7, true));
        assert_ne!(fates(7, false), fates(8, false));
        let met = fates(7, false).into_iter().flatten().count();
        assert!((10..35).contains(&met), "{met}");
    }

    #[test]
    fn nothing_fails_but_what_is_aimed_at() {
        let mut plan = Plan::new(0);
        plan.set_chance(StoreFault::Unavailable, 1000);
        plan.aim_at(".parquet");
        let mut decide = |key| plan.decide(Operation::Put, key).fault;
        assert_eq!(decide("lock"), None);
        assert_eq!(decide("u1.parquet"), Some(StoreFault::Unavailable));
        plan.heal();
        plan.set_chance(StoreFault::Unavailable, 1000);
        let fate = plan.decide(Operation::Put, "lock");
        assert_eq!(fate.fault, Some(StoreFault::Unavailable));
    }

    #[test]
    fn a_name_that_is_made_up_each_time_makes_no_difference() {
        let made_up = |digit: &str| format!("segments/00000001-{}-0", digit.repeat(24));
        assert_eq!(lasting(&made_up("a")), lasting(&made_up("7")));
        assert_ne!(lasting(&made_up("a")), lasting(&made_up("g")));
        let named = "day=2026-01-01/deadbeef.parquet";
        assert_eq!(lasting(named), named);
    }

    #[test]
    fn the_nth_request_fails_or_the_next_that_can_and_no_other() {
        let mut plan = Plan::new(0);
        plan.decide(Operation::Get, "a");
        plan.fail_nth(1, StoreFault::LostAnswer);
        let mut decide = |operation| plan.decide(operation, "a").fault;
        assert_eq!(decide(Operation::Put), None);
        assert_eq!(decide(Operation::Get), None);
        assert_eq!(decide(Operation::Put), Some(StoreFault::LostAnswer));
        assert_eq!(decide(Operation::Put), None);
        assert_eq!(plan.met(StoreFault::LostAnswer), 1);
        assert_eq!(plan.requests(), 5);
    }
}
