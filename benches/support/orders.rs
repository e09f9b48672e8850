//! Orders, the same on every machine: rows of an id, a time, its day, a user, a country, an amount and a free text with
//! commas and quotes. Days are mixed.

#![expect(clippy::unwrap_used, reason = "a bench stops where it cannot go on")]

use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};

use crate::support::{figure, noise};

/// How many days the orders are spread over.
pub(crate) const DAYS: u64 = 30;

/// The first line of a CSV file.
pub(crate) const HEADER: &str = "id,ordered_at,day,user_id,country,amount,note\n";

/// 2026-06-01, in days since 1970.
const FIRST_DAY: u64 = 20_605;
const DAY_SECONDS: u64 = 86_400;

const COUNTRIES: [&str; 12] = [
    "DE", "FR", "US", "BR", "IN", "JP", "NG", "AU", "CA", "MX", "SE", "ZA",
];
const WORDS: [&str; 16] = [
    "delivered",
    "late",
    "gift",
    "returned",
    "fragile",
    "second",
    "attempt",
    "neighbour",
    "signed",
    "express",
    "partial",
    "refund",
    "ordered",
    "again",
    "phone",
    "missing",
];

struct Order {
    id: u64,
    /// Of the month, from 0.
    day: u64,
    /// Of the day.
    second: u64,
    user: u64,
    country: &'static str,
    cents: u64,
    note: String,
}

impl Order {
    fn new(id: u64) -> Self {
        let (a, b) = (noise(id), noise(!id));
        Self {
            id,
            day: a % DAYS,
            second: (a >> 8) % DAY_SECONDS,
            user: (a >> 40) % 500_000,
            country: COUNTRIES[usize::try_from((a >> 32) % 12).unwrap()],
            cents: b % 5_000 * 100 + (b >> 16) % 100,
            note: note(b >> 24),
        }
    }

    fn date(&self) -> String {
        format!("2026-06-{:02}", self.day + 1)
    }

    fn time(&self) -> String {
        let (hour, minute) = (self.second / 3600, self.second / 60 % 60);
        format!(
            "{}T{hour:02}:{minute:02}:{:02}",
            self.date(),
            self.second % 60
        )
    }

    fn amount(&self) -> String {
        format!("{}.{:02}", self.cents / 100, self.cents % 100)
    }
}

/// Two to seven words; one in eight notes has a comma and quotes.
fn note(seed: u64) -> String {
    let mut words = Vec::new();
    for place in 0..seed % 6 + 2 {
        words.push(WORDS[usize::try_from((seed >> (3 + 4 * place)) % 16).unwrap()]);
    }
    match (seed >> 34) % 8 {
        0 => format!("{}, \"{}\"", words.join(" "), words[0]),
        _ => words.join(" "),
    }
}

/// The orders as lines of CSV, without a header.
pub(crate) fn csv(ids: Range<u64>) -> String {
    let mut text = String::new();
    for order in ids.map(Order::new) {
        let note = if order.note.contains('"') {
            format!("\"{}\"", order.note.replace('"', "\"\""))
        } else {
            order.note.clone()
        };
        writeln!(
            text,
            "{},{},{},{},{},{},{note}",
            order.id,
            order.time(),
            order.date(),
            order.user,
            order.country,
            order.amount(),
        )
        .unwrap();
    }
    text
}

/// The orders as lines of JSON.
pub(crate) fn ndjson(ids: Range<u64>) -> String {
    let mut text = String::new();
    for order in ids.map(Order::new) {
        writeln!(
            text,
            r#"{{"id":{},"ordered_at":"{}","day":"{}","user_id":{},"country":"{}","amount":{},"note":"{}"}}"#,
            order.id,
            order.time(),
            order.date(),
            order.user,
            order.country,
            order.amount(),
            order.note.replace('"', "\\\""),
        )
        .unwrap();
    }
    text
}

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
