//! The same orders as columns.

#![expect(clippy::unwrap_used, reason = "a bench stops where it cannot go on")]

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};

use crate::orders::{DAY_SECONDS, FIRST_DAY, Order};
use crate::support::figure;

/// The orders as columns.
pub(crate) fn batch(ids: Range<u64>) -> RecordBatch {
    let orders: Vec<Order> = ids.map(Order::new).collect();
    let all = || orders.iter();
    let micros = |order: &Order| {
        (((FIRST_DAY + order.day) * DAY_SECONDS + order.second) * 1_000_000).cast_signed()
    };
    let date = |order: &Order| i32::try_from(FIRST_DAY + order.day).unwrap();
    let columns: [(&str, ArrayRef); 7] = [
        (
            "id",
            Arc::new(
                all()
                    .map(|order| order.id.cast_signed())
                    .collect::<Int64Array>(),
            ),
        ),
        (
            "ordered_at",
            Arc::new(TimestampMicrosecondArray::from_iter_values(
                all().map(micros),
            )),
        ),
        (
            "day",
            Arc::new(Date32Array::from_iter_values(all().map(date))),
        ),
        (
            "user_id",
            Arc::new(
                all()
                    .map(|order| order.user.cast_signed())
                    .collect::<Int64Array>(),
            ),
        ),
        (
            "country",
            Arc::new(StringArray::from_iter_values(
                all().map(|order| order.country),
            )),
        ),
        (
            "amount",
            Arc::new(
                all()
                    .map(|order| figure(order.cents) / 100.0)
                    .collect::<Float64Array>(),
            ),
        ),
        (
            "note",
            Arc::new(StringArray::from_iter_values(
                all().map(|order| &order.note),
            )),
        ),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}
