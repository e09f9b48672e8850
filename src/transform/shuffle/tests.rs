use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::Int64Type;
use proptest::prelude::*;

use super::*;
use crate::crew::Unordered;
use crate::model::{PartitionValues, partition_dir};
use crate::transform::spill::testing::MemorySpill;

fn values(partition: usize) -> PartitionValues {
    vec![("p".to_owned(), Some(partition.to_string()))]
}

/// Rows numbered from `first`; members take turns at having a second column.
fn rows(member: usize, first: i64, count: usize) -> RecordBatch {
    let numbers = first..first + i64::try_from(count).unwrap();
    let texts = StringArray::from_iter_values(numbers.clone().map(|n| format!("row {n}")));
    let mut columns: Vec<(&str, ArrayRef)> =
        vec![("n", Arc::new(Int64Array::from_iter_values(numbers)))];
    if member % 2 == 1 {
        columns.push(("t", Arc::new(texts)));
    }
    RecordBatch::try_from_iter(columns).unwrap()
}

type Seen = Vec<(PartitionValues, Vec<(usize, usize, i64)>)>;

/// Takes everything out: member, number of columns and row number of each row.
fn drain(shuffled: Shuffled<'_>) -> Seen {
    let mut seen = Vec::new();
    let visited = shuffled.for_each::<TransformError>(&mut |values, batches| {
        let batches = batches.collect::<Result<Vec<_>, _>>()?;
        seen.push((values.clone(), numbers(&batches)));
        Ok(())
    });
    visited.unwrap();
    seen
}

fn push(shuffle: &mut Shuffle<'_>, member: usize, rows: &Routed) {
    shuffle.push(member, rows).unwrap();
    if shuffle.is_full() {
        let none = shuffle.hand_out::<TransformError>(&mut |_, _| Ok(0));
        none.unwrap();
        shuffle.make_room().unwrap();
    }
}

fn fill<'a>(
    budget: usize,
    spill: &'a MemorySpill,
    pushes: &[(usize, usize, usize)],
) -> Shuffled<'a> {
    let mut shuffle = Shuffle::new(budget, &Unordered(3), spill);
    let mut first = 0;
    for (member, partition, count) in pushes {
        let batch = rows(*member, first, *count);
        let rows = Routed::to_one(values(*partition), batch);
        push(&mut shuffle, *member, &rows);
        first += i64::try_from(*count).unwrap();
    }
    shuffle.finish().unwrap()
}

fn expected(pushes: &[(usize, usize, usize)]) -> Seen {
    let mut partitions: BTreeMap<String, (PartitionValues, Vec<_>)> = BTreeMap::new();
    let mut first = 0;
    for (member, partition, count) in pushes {
        let next = first + i64::try_from(*count).unwrap();
        if *count > 0 {
            let values = values(*partition);
            let entry = partitions.entry(partition_dir(&values));
            let (_, rows) = entry.or_insert((values, Vec::new()));
            rows.extend((first..next).map(|n| (*member, 1 + member % 2, n)));
        }
        first = next;
    }
    partitions.into_values().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn rows_come_out_by_partition_in_the_order_they_went_in(
        pushes in proptest::collection::vec((0..4_usize, 0..12_usize, prop_oneof![0..20_usize, 0..4000_usize]), 0..40),
        budget in prop_oneof![Just(0), Just(usize::MAX), 1000..200_000_usize],
    ) {
        let spill = MemorySpill::default();
        prop_assert_eq!(drain(fill(budget, &spill, &pushes)), expected(&pushes));
        prop_assert!(spill.files.lock().unwrap().is_empty(), "spilled files go");
    }
}

/// Returns member, number of columns and row number of each row.
fn numbers(batches: &[(usize, RecordBatch)]) -> Vec<(usize, usize, i64)> {
    let rows = batches.iter().flat_map(|(member, batch)| {
        let numbers = batch.column(0).as_primitive::<Int64Type>();
        let columns = batch.num_columns();
        numbers.values().iter().map(move |n| (*member, columns, *n))
    });
    rows.collect()
}

/// Takes shares of what is handed out early, in quarters, and expects all rows by partition in the order they went in.
fn check_early(pushes: &[(usize, usize, usize)], budget: usize, shares: &[usize]) {
    let spill = MemorySpill::default();
    let mut shuffle = Shuffle::new(budget, &Unordered(3), &spill);
    let mut early: BTreeMap<String, Vec<(usize, usize, i64)>> = BTreeMap::new();
    let mut shares = shares.iter().cycle();
    let mut first = 0;
    for (member, partition, count) in pushes {
        let routed = Routed::to_one(values(*partition), rows(*member, first, *count));
        first += i64::try_from(*count).unwrap();
        shuffle.push(*member, &routed).unwrap();
        if !shuffle.is_full() {
            continue;
        }
        let handed_out = shuffle.hand_out::<TransformError>(&mut |values, batches| {
            let rows = numbers(&batches);
            let taken = rows.len() * shares.next().unwrap() / 4;
            let early = early.entry(partition_dir(values)).or_default();
            early.extend(&rows[..taken]);
            Ok(taken)
        });
        handed_out.unwrap();
        shuffle.make_room().unwrap();
    }
    let mut seen = drain(shuffle.finish().unwrap());
    for (values, rows) in &mut seen {
        let first = early.remove(&partition_dir(values)).unwrap_or_default();
        rows.splice(0..0, first);
    }
    assert!(early.is_empty());
    assert_eq!(seen, expected(pushes));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn rows_that_are_handed_out_early_come_first_and_once(
        pushes in proptest::collection::vec((0..4_usize, 0..6_usize, prop_oneof![0..20_usize, 0..4000_usize]), 0..60),
        budget in prop_oneof![Just(0), 1000..200_000_usize],
        shares in proptest::collection::vec(0..=4_usize, 1..20),
    ) {
        check_early(&pushes, budget, &shares);
    }
}

#[test]
fn rows_of_a_partition_that_was_spilled_are_not_handed_out() {
    check_early(&[(1, 0, 2187), (1, 0, 2848)], 0, &[1]);
}

/// Takes all rows of large partitions out whenever there is no room, and returns how many files were spilled.
fn spilled_beside_large_ones(batch: impl Fn(usize) -> Routed) -> usize {
    let spill = MemorySpill::default();
    let mut shuffle = Shuffle::new(400_000, &Unordered(3), &spill);
    for round in 0..200 {
        shuffle.push(0, &batch(round)).unwrap();
        if shuffle.is_full() {
            let mut all =
                |_: &_, batches: MemberRows| Ok::<_, TransformError>(numbers(&batches).len());
            shuffle.hand_out(&mut all).unwrap();
            shuffle.make_room().unwrap();
        }
        assert!(!shuffle.is_full());
    }
    drop(shuffle);
    spill.created.into_inner().unwrap()
}

#[test]
fn rows_that_make_room_are_not_spilled() {
    let one = |round| Routed::to_one(values(round % 3), rows(0, 0, 4000));
    assert_eq!(spilled_beside_large_ones(one), 0);
}

#[test]
fn a_row_that_is_left_does_not_hold_its_block() {
    let with_a_rare_one = |_| {
        let parts = [(0, 2000), (1, 1999), (2, 1)];
        let parts = parts.map(|(partition, rows)| (values(partition), rows));
        Routed::to_each(parts.into(), rows(0, 0, 4000))
    };
    assert_eq!(spilled_beside_large_ones(with_a_rare_one), 0);
}

#[test]
fn many_runs_are_merged_and_lose_nothing() {
    let pushes: Vec<_> = (0..200).map(|n| (n / 20, n % 7, 1 + n % 50)).collect();
    let spill = MemorySpill::default();
    let shuffled = fill(0, &spill, &pushes);
    assert!(*spill.created.lock().unwrap() > 200, "merging writes more");
    assert!(spill.files.lock().unwrap().len() <= 32, "few runs stay");
    assert_eq!(drain(shuffled), expected(&pushes));
}

#[test]
fn ten_thousand_partitions_in_every_batch_stay_within_the_budget() {
    let budget = 1 << 20;
    let spill = MemorySpill::default();
    let mut shuffle = Shuffle::new(budget, &Unordered(3), &spill);
    for round in 0..10 {
        for partition in 0..10_000 {
            let first = round * 10_000 + i64::try_from(partition).unwrap();
            let rows = Routed::to_one(values(partition), rows(0, first, 1));
            push(&mut shuffle, 0, &rows);
            assert!(shuffle.memory.bytes() <= budget);
        }
    }
    let seen = drain(shuffle.finish().unwrap());
    assert_eq!(seen.len(), 10_000);
    for (_, rows) in seen {
        let numbers: Vec<i64> = rows.iter().map(|(_, _, n)| *n).collect();
        let first = numbers[0];
        assert_eq!(
            numbers,
            (0..10).map(|n| first + n * 10_000).collect::<Vec<_>>()
        );
    }
}

#[test]
fn rows_that_a_visitor_leaves_do_not_reach_the_next_partition() {
    let pushes: Vec<_> = (0..60).map(|n| (0, n % 3, 10)).collect();
    let spill = MemorySpill::default();
    let mut firsts = Vec::new();
    let visited = fill(2_000, &spill, &pushes).for_each::<TransformError>(&mut |_, batches| {
        let (_, batch) = batches.next().unwrap()?;
        firsts.push(batch.column(0).as_primitive::<Int64Type>().value(0));
        Ok(())
    });
    visited.unwrap();
    assert_eq!(firsts, [0, 10, 20]);
}

#[test]
fn rows_without_columns_are_still_rows() {
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(3));
    let schema = Arc::new(arrow::datatypes::Schema::empty());
    let bare = RecordBatch::try_new_with_options(schema, Vec::new(), &options).unwrap();
    let spill = MemorySpill::default();
    for budget in [0, usize::MAX] {
        let mut shuffle = Shuffle::new(budget, &Unordered(3), &spill);
        for n in 0..4 {
            let rows = Routed::to_one(values(n % 2), bare.clone());
            push(&mut shuffle, 0, &rows);
        }
        let mut counts = Vec::new();
        let visited = shuffle
            .finish()
            .unwrap()
            .for_each::<TransformError>(&mut |_, batches| {
                let mut count = 0;
                for item in batches {
                    count += item?.1.num_rows();
                }
                counts.push(count);
                Ok(())
            });
        visited.unwrap();
        assert_eq!(counts, [6, 6]);
    }
}
