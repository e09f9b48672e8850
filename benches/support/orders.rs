//! Orders, the same on every machine: rows of an id, a time, its day, a user, a country, an amount and a free text with
//! commas and quotes. Days are mixed.

#![expect(clippy::unwrap_used, reason = "a bench stops where it cannot go on")]

use std::fmt::Write as _;
use std::ops::Range;

use crate::support::noise;

/// How many days the orders are spread over.
pub(crate) const DAYS: u64 = 30;

/// The first line of a CSV file.
pub(crate) const HEADER: &str = "id,ordered_at,day,user_id,country,amount,note\n";

/// 2026-06-01, in days since 1970.
pub(crate) const FIRST_DAY: u64 = 20_605;
pub(crate) const DAY_SECONDS: u64 = 86_400;

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

/// One of them.
pub(crate) struct Order {
    pub(crate) id: u64,
    /// Of the month, from 0.
    pub(crate) day: u64,
    /// Of the day.
    pub(crate) second: u64,
    pub(crate) user: u64,
    pub(crate) country: &'static str,
    pub(crate) cents: u64,
    pub(crate) note: String,
}

impl Order {
    /// Returns the one with this id.
    pub(crate) fn new(id: u64) -> Self {
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
