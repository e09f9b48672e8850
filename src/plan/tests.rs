//! The decision tables and laws of planning.

use super::*;
use proptest::prelude::*;

const BOUNDS: UnitBounds = UnitBounds {
    bytes: 100,
    members: 10,
};

fn arrival(path: &str, size: u64) -> Arrival {
    Arrival {
        path: SourcePath::from(path),
        partition: String::new(),
        size,
        assigned: None,
    }
}

fn open(id: u64, bytes: u64) -> OpenUnit {
    OpenUnit {
        bytes,
        members: 1,
        id: UnitId(id),
    }
}

fn planned(arrivals: Vec<Arrival>, open: Vec<OpenUnit>) -> Plan {
    let inputs = Inputs {
        arrivals,
        open: BTreeMap::from([(String::new(), open)]),
        next_unit: 50,
        ..Inputs::default()
    };
    plan(inputs, BOUNDS)
}

#[test]
fn nothing_to_do_gives_an_empty_plan() {
    assert_eq!(
        plan(
            Inputs {
                next_unit: 7,
                ..Inputs::default()
            },
            BOUNDS
        ),
        Plan {
            units: BTreeMap::new(),
            next_unit: 7
        }
    );
}

#[test]
fn arrivals_are_packed_in_path_order_within_the_bounds() {
    let plan = planned(
        vec![
            arrival("c", 40),
            arrival("a", 60),
            arrival("b", 40),
            arrival("d", 300),
        ],
        vec![],
    );
    let joins: Vec<Vec<&str>> = plan
        .units
        .values()
        .map(|unit| unit.joins.iter().map(|path| &**path).collect())
        .collect();
    assert_eq!(joins, [vec!["a", "b"], vec!["c"], vec!["d"]]);
    assert_eq!(plan.next_unit, 53);
}

#[test]
fn a_portion_absorbs_small_units_tier_by_tier() {
    for (size, units, survivor, absorbs) in [
        (10, vec![open(1, 20)], 1, vec![]),
        (10, vec![open(1, 10), open(2, 40)], 2, vec![1]),
        (10, vec![open(1, 60)], 1, vec![]),
        (30, vec![open(1, 80)], 50, vec![]),
    ] {
        let mut wide: Vec<OpenUnit> = units.clone();
        for unit in &mut wide {
            unit.members = 3;
        }
        let expected_by_bytes = units.iter().all(|unit| unit.bytes <= size * TIER);
        let plan = planned(vec![arrival("a", size)], wide);
        if expected_by_bytes || absorbs == [1] {
            let absorbs: Vec<UnitId> = absorbs.into_iter().map(UnitId).collect();
            assert_eq!(plan.units[&UnitId(survivor)].absorbs, absorbs);
        } else {
            assert_eq!(plan.units.keys().copied().collect::<Vec<_>>(), [UnitId(50)]);
        }
    }
}

#[test]
fn a_unit_with_a_change_is_not_absorbed() {
    let inputs = Inputs {
        arrivals: vec![arrival("a", 50)],
        modified: vec![Changed {
            unit: UnitId(1),
            path: SourcePath::from("m"),
        }],
        open: BTreeMap::from([(String::new(), vec![open(1, 10)])]),
        next_unit: 50,
        ..Inputs::default()
    };
    let plan = plan(inputs, BOUNDS);
    assert_eq!(
        plan.units.keys().copied().collect::<Vec<_>>(),
        [UnitId(1), UnitId(50)]
    );
}

#[test]
fn an_unfinished_plan_is_kept() {
    let inputs = Inputs {
        arrivals: vec![Arrival {
            assigned: Some(UnitId(3)),
            ..arrival("a", 50)
        }],
        dirty: vec![(
            UnitId(3),
            DirtyReason::Unfinished {
                absorbs: vec![UnitId(1)],
                movers: Vec::new(),
            },
        )],
        next_unit: 50,
        ..Inputs::default()
    };
    let plan = plan(inputs, BOUNDS);
    assert_eq!(plan.units[&UnitId(3)].absorbs, [UnitId(1)]);
    assert_eq!(plan.units[&UnitId(3)].joins, [SourcePath::from("a")]);
    assert_eq!(plan.next_unit, 50);
}

#[test]
fn every_reason_to_build_is_told() {
    let unit = PlannedUnit {
        joins: vec![SourcePath::from("a")],
        modified: vec![SourcePath::from("b"), SourcePath::from("c")],
        leaves: vec![SourcePath::from("d")],
        absorbs: vec![UnitId(2)],
        dirty: Some(DirtyReason::Reset),
        ..PlannedUnit::default()
    };
    let why: Vec<String> = unit.why().iter().map(ToString::to_string).collect();
    assert_eq!(
        why,
        [
            "1 file joined",
            "2 files modified",
            "1 file removed",
            "1 small unit absorbed",
            "reset"
        ]
    );
}

#[test]
fn equal_portions_leave_a_logarithmic_number_of_units_and_bounded_rewriting() {
    let bounds = UnitBounds {
        bytes: u64::MAX,
        members: u64::MAX,
    };
    let mut units: BTreeMap<UnitId, OpenUnit> = BTreeMap::new();
    let mut next_unit = 1;
    let mut written = 0;
    for round in 0..1000 {
        let inputs = Inputs {
            arrivals: vec![arrival(&format!("{round:04}"), 10)],
            open: BTreeMap::from([(String::new(), units.values().copied().collect())]),
            next_unit,
            ..Inputs::default()
        };
        let plan = plan(inputs, bounds);
        next_unit = plan.next_unit;
        for (id, planned) in plan.units {
            let mut unit = units.remove(&id).unwrap_or(OpenUnit {
                bytes: 0,
                members: 0,
                id,
            });
            for gone in planned.absorbs {
                let gone = units.remove(&gone).unwrap();
                unit.bytes += gone.bytes;
                unit.members += gone.members;
            }
            unit.bytes += planned.joined_bytes;
            unit.members += planned.joins.len() as u64;
            written += unit.bytes;
            units.insert(id, unit);
        }
        assert!(
            units.len() <= 12,
            "{} units after {round} rounds",
            units.len()
        );
    }
    assert_eq!(units.values().map(|unit| unit.bytes).sum::<u64>(), 10_000);
    assert!(
        written / 10_000 <= 20,
        "every byte was written {} times",
        written / 10_000
    );
}

proptest! {
    #[test]
    fn every_arrival_is_in_exactly_one_unit_of_its_partition(
        sizes in proptest::collection::vec((0u64..60, 0u8..3), 0..40),
        open_sizes in proptest::collection::vec((0u64..120, 0u8..3), 0..10),
        seed in any::<u64>(),
    ) {
        let mut inputs = Inputs { next_unit: 100, ..Inputs::default() };
        for (index, (size, partition)) in sizes.iter().enumerate() {
            inputs.arrivals.push(Arrival { partition: partition.to_string(), ..arrival(&format!("{index:03}"), *size) });
        }
        for (index, (bytes, partition)) in open_sizes.iter().enumerate() {
            inputs.open.entry(partition.to_string()).or_default().push(open(index as u64, *bytes));
        }
        let mut shuffled = inputs.clone();
        let turn = usize::try_from(seed % 41).unwrap();
        if !shuffled.arrivals.is_empty() {
            let by = turn % shuffled.arrivals.len();
            shuffled.arrivals.rotate_left(by);
        }
        let partition_of: BTreeMap<SourcePath, String> =
            inputs.arrivals.iter().map(|a| (a.path.clone(), a.partition.clone())).collect();
        let first = plan(inputs, BOUNDS);
        prop_assert_eq!(&first, &plan(shuffled, BOUNDS));
        let mut joined: Vec<SourcePath> = Vec::new();
        let mut absorbed: Vec<UnitId> = Vec::new();
        for unit in first.units.values() {
            for path in &unit.joins {
                prop_assert_eq!(unit.partition.as_ref(), partition_of.get(path));
            }
            prop_assert!(unit.joins.len() as u64 <= BOUNDS.members);
            joined.extend(unit.joins.iter().cloned());
            absorbed.extend(unit.absorbs.iter().copied());
        }
        joined.sort();
        prop_assert_eq!(joined, partition_of.into_keys().collect::<Vec<_>>());
        let distinct: BTreeSet<UnitId> = absorbed.iter().copied().collect();
        prop_assert_eq!(distinct.len(), absorbed.len());
        prop_assert!(absorbed.iter().all(|id| !first.units.contains_key(id)));
    }
}

#[test]
fn a_unit_that_members_depart_from_takes_no_arrival_and_is_built_behind_the_others() {
    let moving = Arrival {
        assigned: Some(UnitId(2)),
        ..arrival("a", 5)
    };
    let changed = |unit, path: &str| Changed {
        unit: UnitId(unit),
        path: SourcePath::from(path),
    };
    let inputs = Inputs {
        arrivals: vec![moving, arrival("b", 5)],
        departing: vec![changed(1, "a"), changed(2, "b")],
        dirty: vec![
            (UnitId(1), DirtyReason::Misplaced),
            (UnitId(2), DirtyReason::Misplaced),
        ],
        open: BTreeMap::from([(String::new(), vec![open(1, 10), open(2, 10), open(3, 10)])]),
        next_unit: 50,
        ..Inputs::default()
    };
    let mut first = plan(inputs, BOUNDS);
    let behind = first.split_off_departures();
    assert_eq!(first.units.keys().collect::<Vec<_>>(), [&UnitId(3)]);
    assert_eq!(first.units[&UnitId(3)].joins.len(), 2);
    assert_eq!(
        behind.units.keys().collect::<Vec<_>>(),
        [&UnitId(1), &UnitId(2)]
    );
    assert_eq!(
        behind.units[&UnitId(1)].why(),
        [
            Why::Departed { files: 1 },
            Why::Dirty {
                reason: DirtyReason::Misplaced
            }
        ]
    );
}

#[test]
fn what_departs_from_a_unit_that_is_being_absorbed_departs_from_its_heir() {
    let unfinished = DirtyReason::Unfinished {
        absorbs: vec![UnitId(1)],
        movers: Vec::new(),
    };
    let departing = Changed {
        unit: UnitId(1),
        path: SourcePath::from("a"),
    };
    let inputs = Inputs {
        departing: vec![departing],
        dirty: vec![(UnitId(2), unfinished)],
        next_unit: 50,
        ..Inputs::default()
    };
    let plan = plan(inputs, BOUNDS);
    assert_eq!(plan.units.keys().collect::<Vec<_>>(), [&UnitId(2)]);
    assert_eq!(plan.units[&UnitId(2)].departs, [SourcePath::from("a")]);
}
