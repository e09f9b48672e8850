use arrow::array::{
    AsArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array,
    ListArray, NullArray, StringArray, TimestampMicrosecondArray,
};
use arrow::compute::concat_batches;
use arrow::datatypes::{Int32Type, TimeUnit};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(
        columns
            .into_iter()
            .map(|(name, column)| (name, column, true)),
    )
    .unwrap()
}

/// Splits a batch by `p` into its parts.
fn split(batch: &RecordBatch, columns: &[String]) -> Vec<(PartitionValues, RecordBatch)> {
    let routed = route(batch, columns).unwrap();
    let mut offset = 0;
    let part = |(values, rows): &(PartitionValues, usize)| {
        let part = routed.batch().slice(offset, *rows);
        offset += rows;
        (values.clone(), part)
    };
    routed.parts().iter().map(part).collect()
}

fn names(columns: &[&str]) -> Vec<String> {
    columns.iter().map(|column| (*column).to_owned()).collect()
}

fn shape_of(batch: &RecordBatch) -> Shape {
    let schema = batch.schema();
    let columns: Vec<_> = schema
        .fields()
        .iter()
        .map(|field| (field.name().as_str(), field.data_type().clone()))
        .collect();
    Shape::of(&columns)
}

/// Routes by `p`, restores, and expects each part to be the rows of its number, in order.
fn check_inverse(column: ArrayRef) {
    let rows = i32::try_from(column.len()).unwrap();
    let numbers: ArrayRef = Arc::new(Int32Array::from_iter_values(0..rows));
    let whole = batch(vec![("n", numbers), ("p", column)]);
    let parts = split(&whole, &names(&["p"]));
    let mut restored = Vec::new();
    for (values, part) in &parts {
        assert_eq!(part.num_columns(), 1);
        let numbers = part.column(0).as_primitive::<Int32Type>();
        assert!(numbers.values().is_sorted(), "rows keep their order");
        restored.push(restore(part, values, &shape_of(&whole)).unwrap());
    }
    let distinct: std::collections::HashSet<_> = parts.iter().map(|(values, _)| values).collect();
    assert_eq!(distinct.len(), parts.len(), "one part for each value");
    if restored.is_empty() {
        assert_eq!(whole.num_rows(), 0);
        return;
    }
    let all = concat_batches(&whole.schema(), &restored).unwrap();
    let order = arrow::compute::sort_to_indices(all.column(0), None, None).unwrap();
    let sorted = arrow::compute::take_record_batch(&all, &order).unwrap();
    assert_eq!(sorted, whole);
}

#[test]
fn values_are_written_as_text_by_their_type() {
    let timestamps = || TimestampMicrosecondArray::from(vec![1_704_164_645_600_000]);
    let cases: Vec<(ArrayRef, Option<&str>)> = vec![
        (Arc::new(Int64Array::from(vec![-7])), Some("-7")),
        (Arc::new(Float64Array::from(vec![0.1])), Some("0.1")),
        (Arc::new(Float64Array::from(vec![1.0])), Some("1.0")),
        (Arc::new(Float64Array::from(vec![1e300])), Some("1e300")),
        (Arc::new(BooleanArray::from(vec![true])), Some("true")),
        (
            Arc::new(Date32Array::from(vec![19_724])),
            Some("2024-01-02"),
        ),
        (Arc::new(timestamps()), Some("2024-01-02T03:04:05.600000")),
        (
            Arc::new(timestamps().with_timezone("UTC")),
            Some("2024-01-02T03:04:05.600000Z"),
        ),
        (
            Arc::new(timestamps().with_timezone("+05:30")),
            Some("2024-01-02T03:04:05.600000Z"),
        ),
        (
            Arc::new(
                Decimal128Array::from(vec![-1250])
                    .with_precision_and_scale(9, 2)
                    .unwrap(),
            ),
            Some("-12.50"),
        ),
        (Arc::new(StringArray::from(vec![""])), Some("")),
        (Arc::new(NullArray::new(1)), None),
    ];
    for (column, text) in cases {
        let parts = split(&batch(vec![("p", Arc::clone(&column))]), &names(&["p"]));
        let expected = vec![("p".to_owned(), text.map(str::to_owned))];
        assert_eq!(parts[0].0, expected, "{:?}", column.data_type());
        assert_eq!(parts[0].1.num_rows(), 1, "rows outlive their last column");
        check_inverse(column);
    }
}

#[test]
fn parts_come_in_order_of_first_appearance() {
    let whole = batch(vec![
        ("p", Arc::new(StringArray::from(vec!["b", "a", "b", "c"]))),
        ("n", Arc::new(Int64Array::from(vec![1, 2, 3, 4]))),
    ]);
    let parts: Vec<_> = split(&whole, &names(&["p"]))
        .into_iter()
        .map(|(values, part)| {
            let numbers: &Int64Array = part.column(0).as_primitive();
            (values[0].1.clone().unwrap(), numbers.values().to_vec())
        })
        .collect();
    let expected = [("b", vec![1, 3]), ("a", vec![2]), ("c", vec![4])];
    assert_eq!(
        parts,
        expected.map(|(value, rows)| (value.to_owned(), rows))
    );
}

#[test]
fn a_missing_partition_column_is_null() {
    let whole = batch(vec![("n", Arc::new(Int64Array::from(vec![1, 2])))]);
    let parts = split(&whole, &names(&["p"]));
    assert_eq!(parts.len(), 1);
    assert_eq!(parts[0].0, [("p".to_owned(), None)]);
    assert_eq!(parts[0].1, whole);
}

#[test]
fn all_nans_are_one_partition_and_both_zeros_two() {
    let odd = f64::from_bits(f64::NAN.to_bits() | 1);
    let column = Float64Array::from(vec![f64::NAN, 0.0, odd, -f64::NAN, -0.0]);
    let parts = split(&batch(vec![("p", Arc::new(column))]), &names(&["p"]));
    let found: Vec<_> = parts
        .iter()
        .map(|(values, part)| (values[0].1.as_deref().unwrap(), part.num_rows()))
        .collect();
    assert_eq!(found, [("NaN", 3), ("0.0", 1), ("-0.0", 1)]);
}

#[test]
fn a_list_cannot_name_a_directory() {
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1)])]);
    let error = route(&batch(vec![("p", Arc::new(list))]), &names(&["p"])).unwrap_err();
    assert!(matches!(error, TransformError::Unroutable { column, .. } if column == "p"));
}

#[test]
fn a_value_of_another_type_is_refused_and_one_without_a_type_left_out() {
    let part = batch(vec![("n", Arc::new(Int64Array::from(vec![1])))]);
    let values = vec![("p".to_owned(), Some("x".to_owned()))];
    let typed = |data_type| Shape::of(&[("p", data_type)]);
    for data_type in [
        DataType::Int64,
        DataType::Date32,
        DataType::Boolean,
        DataType::Timestamp(TimeUnit::Microsecond, None),
    ] {
        let error = restore(&part, &values, &typed(data_type)).unwrap_err();
        assert!(matches!(error, TransformError::Unreadable { value, .. } if value == "x"));
    }
    assert_eq!(restore(&part, &values, &Shape::default()).unwrap(), part);
}

proptest! {
    #[test]
    fn routing_and_restoring_are_inverse(
        ints in vec(option::of(-2..3_i64), 0..40),
        floats in vec(option::of(prop_oneof![Just(0.5), any::<f64>()]), 0..20),
        bools in vec(any::<Option<bool>>(), 0..20),
        dates in vec(any::<Option<i32>>(), 0..20),
        instants in vec(any::<Option<i64>>(), 0..20),
        texts in vec(option::of(prop_oneof![Just(String::new()), "[ab]", ".*"]), 0..40),
    ) {
        let floats: Vec<_> = floats
            .into_iter()
            .map(|float| float.filter(|float: &f64| !float.is_nan()))
            .collect();
        check_inverse(Arc::new(Int64Array::from(ints)));
        check_inverse(Arc::new(Float64Array::from(floats)));
        check_inverse(Arc::new(BooleanArray::from(bools)));
        check_inverse(Arc::new(Date32Array::from(dates)));
        check_inverse(Arc::new(TimestampMicrosecondArray::from(instants.clone())));
        check_inverse(Arc::new(TimestampMicrosecondArray::from(instants).with_timezone("UTC")));
        check_inverse(Arc::new(StringArray::from(texts)));
    }
}
