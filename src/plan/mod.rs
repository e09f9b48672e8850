//! Verdicts -> units to build, outputs to retire. PURE.
//!
//! [`plan`] groups arrivals into units and says which recorded units have to be built again, and why. Nothing is
//! looked up here: the engine hands in the open units of the partitions concerned.
//!
//! # How arrivals find a unit
//! Arrivals of one path partition are packed in path order into units of bounded size. Full packs become units of
//! their own. The last, smaller pack absorbs the open units of its partition as long as the next one is no larger
//! than [`TIER`] times what has been gathered so far, beginning with the smallest. So the sizes of a
//! partition's open units grow like a geometric series: their number is logarithmic in the rows, and a row is
//! rewritten a logarithmic number of times, however small the portions are in which files arrive.
//!
//! # Invariants
//! - Every arrival is in exactly one unit of the plan, in its own path partition.
//! - A unit that an earlier, unfinished run assigned is kept: a plan that is interrupted and made again groups
//!   the same files the same way, so its outputs are the same to the byte.
//! - A unit with a change is never absorbed, and where an unfinished run planned to absorb one that has a change by
//!   now, the change goes with it: no member is built twice in one round.
//! - A unit that members depart from takes no arrivals: it is built behind those in which they arrive.
//! - A changed member that may wait does so only while its unit is not built for another reason.
//! - The plan depends on the set of its inputs, not on the order they come in.

mod brake;
mod budget;

pub use brake::{Brake, removal_brake};
pub use budget::{Budget, Taken, take_within};

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use crate::model::{DirtyReason, SourcePath, UnitId};

/// How many times larger than what arrives an open unit may be and still be joined.
pub const TIER: u64 = 2;

/// A file that needs a place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrival {
    /// The file.
    pub path: SourcePath,
    /// Its path partition, as a directory.
    pub partition: String,
    /// Its length.
    pub size: u64,
    /// The unit that an earlier, unfinished run gave it.
    pub assigned: Option<UnitId>,
}

/// A member of a recorded unit that changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Changed {
    /// The unit.
    pub unit: UnitId,
    /// The member.
    pub path: SourcePath,
}

/// A unit that can take more members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct OpenUnit {
    /// Bytes of its members.
    pub bytes: u64,
    /// Number of its members.
    pub members: u64,
    /// The unit.
    pub id: UnitId,
}

/// How large a unit may be planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnitBounds {
    /// Bytes of its members; a single larger file has a unit of its own.
    pub bytes: u64,
    /// Number of its members.
    pub members: u64,
}

/// What is known before planning.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// Files that need a place.
    pub arrivals: Vec<Arrival>,
    /// Members with other bytes.
    pub modified: Vec<Changed>,
    /// Members that are gone.
    pub removed: Vec<Changed>,
    /// Members that arrive in another path partition.
    pub departing: Vec<Changed>,
    /// Members with other bytes that may wait: they come in where their unit is built anyway.
    pub deferred: Vec<Changed>,
    /// Units that have to be built again for other reasons.
    pub dirty: Vec<(UnitId, DirtyReason)>,
    /// Open units of each partition in which something arrives.
    pub open: BTreeMap<String, Vec<OpenUnit>>,
    /// The first number that no unit has had.
    pub next_unit: u64,
}

/// Why a unit is built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "why")]
pub enum Why {
    /// Files joined.
    Joined {
        /// How many.
        files: u64,
    },
    /// Members changed.
    Modified {
        /// How many.
        files: u64,
    },
    /// Members are gone.
    Removed {
        /// How many.
        files: u64,
    },
    /// Members belong to another path partition by now.
    Departed {
        /// How many.
        files: u64,
    },
    /// Small units are folded into it.
    Absorbs {
        /// How many.
        units: u64,
    },
    /// The ledger says that it is dirty.
    Dirty {
        /// Why that is.
        reason: DirtyReason,
    },
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |f: &mut fmt::Formatter<'_>, n: u64, thing: &str, what: &str| {
            write!(f, "{n} {thing}{} {what}", if n == 1 { "" } else { "s" })
        };
        match self {
            Self::Joined { files } => count(f, *files, "file", "joined"),
            Self::Modified { files } => count(f, *files, "file", "modified"),
            Self::Removed { files } => count(f, *files, "file", "removed"),
            Self::Departed { files } => count(f, *files, "file", "moved to another partition"),
            Self::Absorbs { units } => count(f, *units, "small unit", "absorbed"),
            Self::Dirty { reason } => reason.fmt(f),
        }
    }
}

/// One unit to build.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlannedUnit {
    /// The path partition, where arrivals tell it; a recorded unit keeps its own.
    pub partition: Option<String>,
    /// Files that become members.
    pub joins: Vec<SourcePath>,
    /// Members whose bytes changed.
    pub modified: Vec<SourcePath>,
    /// Members that are gone.
    pub leaves: Vec<SourcePath>,
    /// Members that arrive in a unit of another path partition: they are members until that unit has them.
    pub departs: Vec<SourcePath>,
    /// Units whose members it takes over.
    pub absorbs: Vec<UnitId>,
    /// Why the ledger holds it for dirty, if it does.
    pub dirty: Option<DirtyReason>,
    /// Bytes of the files that join.
    pub joined_bytes: u64,
}

impl PlannedUnit {
    /// Returns every reason to build the unit, the most telling first.
    #[must_use]
    pub fn why(&self) -> Vec<Why> {
        let count = |list: &[SourcePath]| list.len() as u64;
        let mut why = Vec::new();
        if !self.joins.is_empty() {
            why.push(Why::Joined {
                files: count(&self.joins),
            });
        }
        if !self.modified.is_empty() {
            why.push(Why::Modified {
                files: count(&self.modified),
            });
        }
        if !self.leaves.is_empty() {
            why.push(Why::Removed {
                files: count(&self.leaves),
            });
        }
        if !self.departs.is_empty() {
            why.push(Why::Departed {
                files: count(&self.departs),
            });
        }
        if !self.absorbs.is_empty() {
            why.push(Why::Absorbs {
                units: self.absorbs.len() as u64,
            });
        }
        if let Some(reason) = &self.dirty {
            why.push(Why::Dirty {
                reason: reason.clone(),
            });
        }
        why
    }
}

/// What to build.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The units, by id.
    pub units: BTreeMap<UnitId, PlannedUnit>,
    /// The first number that no unit has, once the plan is recorded.
    pub next_unit: u64,
}

impl Plan {
    /// Takes out the units that can only be built behind all others: those that members depart from, which have to
    /// have arrived by then.
    #[must_use]
    pub fn split_off_departures(&mut self) -> Self {
        let departures = |_: &UnitId, unit: &mut PlannedUnit| !unit.departs.is_empty();
        Self {
            units: self.units.extract_if(.., departures).collect(),
            next_unit: self.next_unit,
        }
    }
}

/// Decides which units to build.
#[must_use]
pub fn plan(inputs: Inputs, bounds: UnitBounds) -> Plan {
    let mut plan = Plan {
        units: BTreeMap::new(),
        next_unit: inputs.next_unit,
    };
    for (id, reason) in inputs.dirty {
        let unit = plan.units.entry(id).or_default();
        if let DirtyReason::Unfinished { absorbs, .. } = &reason {
            unit.absorbs.clone_from(absorbs);
        }
        unit.dirty = Some(reason);
    }
    for changed in inputs.modified {
        plan.units
            .entry(changed.unit)
            .or_default()
            .modified
            .push(changed.path);
    }
    for changed in inputs.removed {
        plan.units
            .entry(changed.unit)
            .or_default()
            .leaves
            .push(changed.path);
    }
    for changed in inputs.departing {
        plan.units
            .entry(changed.unit)
            .or_default()
            .departs
            .push(changed.path);
    }
    hand_over(&mut plan);
    let unassigned = keep_assigned(&mut plan, inputs.arrivals);
    let mut by_partition: BTreeMap<String, Vec<Arrival>> = BTreeMap::new();
    for arrival in unassigned {
        by_partition
            .entry(arrival.partition.clone())
            .or_default()
            .push(arrival);
    }
    for (partition, mut arrivals) in by_partition {
        arrivals.sort();
        let busy: BTreeSet<UnitId> = busy_units(&plan);
        let mut open = inputs.open.get(&partition).cloned().unwrap_or_default();
        open.retain(|unit| !busy.contains(&unit.id));
        place(&mut plan, arrivals, open, bounds);
    }
    take_along(&mut plan, inputs.deferred);
    for unit in plan.units.values_mut() {
        unit.joins.sort();
        unit.modified.sort();
        unit.leaves.sort();
        unit.departs.sort();
    }
    plan
}

/// Lets arrivals join the unit that an unfinished run gave them, and returns those that have none: also those whose
/// unit members depart from, since it is built behind the units in which those arrive.
fn keep_assigned(plan: &mut Plan, arrivals: Vec<Arrival>) -> Vec<Arrival> {
    let absorbers = absorbers(plan);
    let mut unassigned = Vec::new();
    for arrival in arrivals {
        let assigned = arrival.assigned;
        let unit = assigned.map(|id| absorbers.get(&id).copied().unwrap_or(id));
        let is_late = |id: &UnitId| {
            plan.units
                .get(id)
                .is_some_and(|unit| !unit.departs.is_empty())
        };
        match unit.filter(|id| !is_late(id)) {
            Some(id) => join(plan.units.entry(id).or_default(), arrival),
            None => unassigned.push(arrival),
        }
    }
    unassigned
}

/// Returns which unit takes over which, by what an unfinished run planned.
fn absorbers(plan: &Plan) -> BTreeMap<UnitId, UnitId> {
    let absorbs = |(id, unit): (&UnitId, &PlannedUnit)| -> Vec<(UnitId, UnitId)> {
        unit.absorbs.iter().map(|small| (*small, *id)).collect()
    };
    plan.units.iter().flat_map(absorbs).collect()
}

/// Lets what happened to a unit that is being absorbed happen to the one that absorbs it.
fn hand_over(plan: &mut Plan) {
    for (small, large) in absorbers(plan) {
        let Some(unit) = plan.units.remove(&small) else {
            continue;
        };
        let heir = plan.units.entry(large).or_default();
        heir.modified.extend(unit.modified);
        heir.leaves.extend(unit.leaves);
        heir.departs.extend(unit.departs);
        heir.absorbs.extend(unit.absorbs);
    }
}

/// A unit that is built reads its members as they are now, so what could have waited comes in with it.
fn take_along(plan: &mut Plan, deferred: Vec<Changed>) {
    let absorbers = absorbers(plan);
    for changed in deferred {
        let id = absorbers.get(&changed.unit).unwrap_or(&changed.unit);
        if let Some(unit) = plan.units.get_mut(id) {
            unit.modified.push(changed.path);
        }
    }
}

fn busy_units(plan: &Plan) -> BTreeSet<UnitId> {
    let absorbed = plan
        .units
        .values()
        .flat_map(|unit| unit.absorbs.iter().copied());
    plan.units.keys().copied().chain(absorbed).collect()
}

fn join(unit: &mut PlannedUnit, arrival: Arrival) {
    unit.partition = Some(arrival.partition);
    unit.joined_bytes += arrival.size;
    unit.joins.push(arrival.path);
}

/// Places the arrivals of one partition, given in path order.
fn place(plan: &mut Plan, arrivals: Vec<Arrival>, open: Vec<OpenUnit>, bounds: UnitBounds) {
    let mut packs = pack(arrivals, bounds);
    let Some(last) = packs.pop() else {
        return;
    };
    for full in packs {
        let id = fresh(plan);
        let unit = plan.units.entry(id).or_default();
        for arrival in full {
            join(unit, arrival);
        }
    }
    let mut absorbed = absorb(&last, open, bounds);
    let id = match absorbed.pop() {
        Some(largest) => largest.id,
        None => fresh(plan),
    };
    let unit = plan.units.entry(id).or_default();
    unit.absorbs = absorbed.iter().map(|small| small.id).collect();
    for arrival in last {
        join(unit, arrival);
    }
}

fn fresh(plan: &mut Plan) -> UnitId {
    let id = UnitId(plan.next_unit);
    plan.next_unit += 1;
    id
}

/// Cuts arrivals, in order, into packs within the bounds; all but the last are as full as they get.
fn pack(arrivals: Vec<Arrival>, bounds: UnitBounds) -> Vec<Vec<Arrival>> {
    let mut packs: Vec<Vec<Arrival>> = Vec::new();
    let mut bytes = 0u64;
    for arrival in arrivals {
        let fits = packs.last().is_some_and(|pack| {
            bytes.saturating_add(arrival.size) <= bounds.bytes
                && (pack.len() as u64) < bounds.members
        });
        if !fits {
            packs.push(Vec::new());
            bytes = 0;
        }
        bytes = bytes.saturating_add(arrival.size);
        if let Some(pack) = packs.last_mut() {
            pack.push(arrival);
        }
    }
    packs
}

/// Returns the open units that the pack takes in, smallest first.
fn absorb(pack: &[Arrival], mut open: Vec<OpenUnit>, bounds: UnitBounds) -> Vec<OpenUnit> {
    open.sort();
    let mut bytes: u64 = pack.iter().map(|arrival| arrival.size).sum();
    let mut members = pack.len() as u64;
    let mut taken = Vec::new();
    for unit in open {
        let joined_bytes = bytes.saturating_add(unit.bytes);
        let joined_members = members.saturating_add(unit.members);
        let tier = unit.bytes <= bytes.saturating_mul(TIER)
            || unit.members <= members.saturating_mul(TIER);
        if !tier || joined_bytes > bounds.bytes || joined_members > bounds.members {
            break;
        }
        (bytes, members) = (joined_bytes, joined_members);
        taken.push(unit);
    }
    taken
}

#[cfg(test)]
mod tests;
