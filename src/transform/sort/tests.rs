use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float32Array, Float64Array, Int64Array, RecordBatch, StringArray,
};
use arrow::datatypes::Int64Type;
use proptest::prelude::*;

use super::*;
use crate::transform::spill::testing::MemorySpill;

fn number(at: usize) -> i64 {
    i64::try_from(at).unwrap()
}

/// Rows with a key that repeats, a text, and their number in the order they come.
fn rows(keys: &[Option<i64>], first: usize) -> RecordBatch {
    let keys = Int64Array::from(keys.to_vec());
    let numbers = Int64Array::from_iter_values((first..).map(number).take(keys.len()));
    let texts = StringArray::from_iter_values(keys.iter().map(|key| format!("text {key:?}")));
    let columns: [(&str, ArrayRef); 3] = [
        ("key", Arc::new(keys)),
        ("text", Arc::new(texts)),
        ("number", Arc::new(numbers)),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(n, c)| (n, c, true))).unwrap()
}

/// Sorts rows by their key; returns keys, numbers and members of the rows.
fn sort(
    parts: &[(usize, RecordBatch)],
    direction: Direction,
    budget: usize,
    store: &MemorySpill,
) -> Vec<(Option<i64>, i64, usize)> {
    let schema = parts[0].1.schema();
    let mut sorter = Sorter::new(&schema, &[(0, direction)], budget, store).unwrap();
    for (member, batch) in parts {
        sorter.push(*member, batch).unwrap();
    }
    let mut sorted = Vec::new();
    let taken: Result<(), TransformError> = sorter.finish(&mut |batch, members| {
        let keys = batch.column(0).as_primitive::<Int64Type>().iter();
        let numbers = batch.column(2).as_primitive::<Int64Type>().values().iter();
        let members = members
            .iter()
            .flat_map(|(member, rows)| std::iter::repeat_n(*member, *rows));
        let before = sorted.len();
        sorted.extend(keys.zip(numbers).zip(members).map(|((k, n), m)| (k, *n, m)));
        assert_eq!(sorted.len() - before, batch.num_rows());
        Ok(())
    });
    taken.unwrap();
    assert!(
        store.files.lock().unwrap().is_empty(),
        "a spilled run is left"
    );
    sorted
}

/// Cuts keys into parts of several members.
fn parts(keys: &[Option<i64>], length: usize) -> Vec<(usize, RecordBatch)> {
    let all = keys.chunks(length).enumerate();
    all.map(|(at, keys)| (at / 3, rows(keys, at * length)))
        .collect()
}

/// The same by the standard library.
fn expected(keys: &[Option<i64>], length: usize, back: bool) -> Vec<(Option<i64>, i64, usize)> {
    let all = keys.iter().enumerate();
    let mut rows: Vec<_> = all
        .map(|(at, key)| (*key, number(at), at / length / 3))
        .collect();
    rows.sort_by_key(|(key, ..)| {
        let value = key.map(|key| if back { -key } else { key });
        (key.is_none(), value)
    });
    rows
}

#[test]
fn many_runs_are_merged_and_equal_rows_stay_in_order() {
    let keys: Vec<_> = (0..40_000_i64)
        .map(|n| (n % 11 != 0).then_some((n * 7919) % 97))
        .collect();
    let parts = parts(&keys, 61);
    for (direction, back) in [(Direction::Ascending, false), (Direction::Descending, true)] {
        let store = MemorySpill::default();
        let sorted = sort(&parts, direction, 6_000, &store);
        assert!(sorted == expected(&keys, 61, back));
        // Runs of runs of runs.
        assert!(
            *store.created.lock().unwrap() > 17 * 17,
            "{:?}",
            store.created
        );
    }
}

#[test]
fn floats_and_texts_have_one_order() {
    let floats = [
        Some(f64::NAN),
        Some(1.0),
        None,
        Some(0.0),
        Some(-0.0),
        Some(f64::INFINITY),
    ];
    let floats: ArrayRef = Arc::new(Float64Array::from(floats.to_vec()));
    let texts = StringArray::from(vec![
        Some("é"),
        Some("b"),
        None,
        Some("B"),
        Some(""),
        Some("ba"),
    ]);
    let texts: ArrayRef = Arc::new(texts);
    for column in [floats, texts] {
        assert_eq!(order_of(column), [4, 3, 1, 5, 0, 2]);
    }
}

#[test]
fn what_is_no_number_comes_behind_all_numbers_whatever_its_sign() {
    let doubles = [-f64::NAN, 1.0, f64::NAN, f64::NEG_INFINITY];
    let singles = [-f32::NAN, 1.0, f32::NAN, f32::NEG_INFINITY];
    let doubles: ArrayRef = Arc::new(Float64Array::from(doubles.to_vec()));
    let singles: ArrayRef = Arc::new(Float32Array::from(singles.to_vec()));
    for column in [doubles, singles] {
        assert_eq!(order_of(column), [3, 1, 0, 2]);
    }
}

/// Returns the numbers of the rows, sorted by a column.
fn order_of(column: ArrayRef) -> Vec<i64> {
    let numbers = Int64Array::from_iter_values((0..column.len()).map(number));
    let columns = [("key", column), ("number", Arc::new(numbers) as ArrayRef)];
    let columns = columns.map(|(name, column)| (name, column, true));
    let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    let store = MemorySpill::default();
    let columns = [(0, Direction::Ascending)];
    let mut sorter = Sorter::new(&batch.schema(), &columns, 1 << 20, &store).unwrap();
    sorter.push(0, &batch).unwrap();
    let mut order = Vec::new();
    let taken: Result<(), TransformError> = sorter.finish(&mut |batch, _| {
        order.extend(batch.column(1).as_primitive::<Int64Type>().values());
        Ok(())
    });
    taken.unwrap();
    order
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn neither_the_budget_nor_the_batches_leave_a_trace(
        keys in proptest::collection::vec(proptest::option::of(-5..5_i64), 1..600),
        length in 1..80_usize,
        budget in prop_oneof![Just(0_usize), 1_000..60_000_usize],
        back: bool,
    ) {
        let direction = if back { Direction::Descending } else { Direction::Ascending };
        let sorted = sort(&parts(&keys, length), direction, budget, &MemorySpill::default());
        prop_assert!(sorted == expected(&keys, length, back));
    }
}
