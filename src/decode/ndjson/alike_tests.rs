//! Rows that are taken together against the same rows one by one.

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use proptest::prelude::*;

use super::parse::Parser;
use super::rows::Rows;
use super::spread_tests::{assert_alike_under_any_shape, value};
use crate::decode::testing::{plain, run};
use crate::decode::{BATCH_BYTES, BATCH_ROWS, Kind};
use crate::model::Shape;

/// What the values of a column are, by turns.
const KINDS: [&[&str]; 8] = [
    &["1", "-7", "20260101"],
    &["1", "null", "1000000000000000000000"],
    &["1.5", "2", "-0.25", "1e3"],
    &["\"2026-01-01\"", "\"2026-01-02\"", "null"],
    &[
        "\"2026-01-01T10:00\"",
        "\"2026-01-01\"",
        "\"2026-01-01 10:00:00.5\"",
    ],
    &["\"2026-01-01T10:00Z\"", "\"2026-01-01T10:00:00+02:00\""],
    &[
        "\"a\"",
        "\"\\u00e9\\n\"",
        "\"a text of more than sixteen bytes\"",
        "\"\"",
    ],
    &["true", "false", "null"],
];

/// Returns a row, which is changed as a number says.
fn row(values: &[&str], change: u8, other: &str) -> String {
    let [a, b, c] = values else {
        panic!("three columns")
    };
    match change {
        1 => format!("{{\"a\":{other},\"b\":{b},\"c\":{c}}}\n"),
        2 => format!("{{\"a\":{a},\"b\":{b},\"c\":{other}}}\n"),
        3 => format!("{{\"a\":{a},\"c\":{c}}}\n"),
        4 => format!("{{\"a\":{a},\"b\":{b},\"c\":{c},\"d\":{other}}}\n"),
        5 => format!("{{\"b\":{b},\"a\":{a},\"c\":{c}}}\n"),
        6 => format!("\n \t\n {{ \"a\" :{a}, \"b\": {b} ,\"c\":{c} }} \r\n"),
        7 => format!("{{\"a\":{a},\"b\":{b},\"b\":{c}}}\n"),
        8 => format!("{{\"a\":{a},\"b\":{b},\"c\":{c},}}\n"),
        9 => format!("{{\"a\":{a},\"b\":{b},\"c\":{c}\n"),
        10 => "{}\n".to_owned(),
        11 => format!("{{\"a\":{a},\"b\":{b},\"c\":{c}}} {other}\n"),
        12 => format!("{{\"a\":{a},\"b\":{b},\"c\":{c},\n"),
        13 => format!("{{\"a\":{a}}}\"b\":{b},\"c\":{c}}}\n"),
        _ => format!("{{\"a\":{a},\"b\":{b},\"c\":{c}}}\n"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn rows_that_are_taken_together_are_those_that_are_taken_one_by_one(
        kinds in prop::array::uniform3(0..KINDS.len()),
        rows in 0..150_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), 1..14_u8, value()), 0..4),
        ends_with_line in any::<bool>(),
    ) {
        let mut lines: Vec<String> = Vec::new();
        for at in 0..rows {
            let values = kinds.map(|kind| KINDS[kind][at % KINDS[kind].len()]);
            let change = changes.iter().find(|(place, ..)| place.index(rows) == at);
            let (change, other) = change.map_or((0, ""), |(_, change, other)| (*change, other));
            lines.push(row(&values, change, other));
        }
        let text = lines.concat();
        let text = if ends_with_line { &text } else { text.trim_end_matches('\n') };
        assert_alike_under_any_shape(text.as_bytes());
    }
}

#[test]
fn rows_are_looked_at_together_where_two_had_the_same_keys_and_single_values() {
    let mut parser = Parser::default();
    assert!(!parser.expects_alike());
    for (row, expected) in [
        ("{\"a\":1}", false),
        ("{\"a\":2}", true),
        ("{\"a\":[]}", false),
        ("{\"a\":{}}", false),
        ("{\"a\":\"x\"}", true),
        ("{\"a\":1,\"b\":1}", false),
        ("{\"a\":1}", false),
        ("{\"a\":null}", true),
        ("{\"a\":1", false),
        ("{}", false),
        ("{}", false),
        ("{\"\\u0061\":1}", false),
        ("{\"\\u0061\":1}", false),
    ] {
        let _is_right = parser.parse(row);
        assert_eq!(parser.expects_alike(), expected, "{row}");
    }
}

#[test]
fn rows_that_are_taken_together_go_beyond_no_batch() {
    let wide: Vec<String> = (0..2000).map(|column| format!("c{column}")).collect();
    let all: Vec<(&str, DataType)> = wide
        .iter()
        .map(|name| (name.as_str(), DataType::Int64))
        .collect();
    let members: Vec<String> = wide.iter().map(|name| format!("\"{name}\":1")).collect();
    let widest = format!("{{{}}}\n", members.join(","));
    let short = "{\"c0\":1}\n".repeat(20_000);
    for (text, columns, most) in [
        (short.clone(), &all[..1], BATCH_ROWS),
        (widest + &short, &all[..], BATCH_BYTES / (8 * 2000) + 1),
    ] {
        let (result, batches) = run(text.as_bytes(), plain(Kind::Ndjson), &Shape::of(columns));
        let rows: Vec<usize> = batches.iter().map(RecordBatch::num_rows).collect();
        assert_eq!(rows.iter().sum::<usize>() as u64, result.unwrap().rows);
        assert!(rows.iter().all(|rows| *rows <= most), "{rows:?} of {most}");
    }
}

/// The rows that are taken together, each time that a row has been parsed by itself.
fn runs(text: &str, most: usize) -> Vec<usize> {
    let mut rows = Rows::new(text.as_bytes(), 0);
    let mut parser = Parser::default();
    let mut runs = Vec::new();
    loop {
        if parser.expects_alike()
            && let Some(alike) = parser.parse_alike(&mut rows, most)
        {
            runs.push(alike.rows());
            continue;
        }
        let Ok(Some(frame)) = rows.next() else {
            return runs;
        };
        let _is_right = parser.parse(frame.text);
    }
}

#[test]
fn rows_are_taken_together_from_the_third_on_up_to_one_that_is_otherwise() {
    let usual = "{\"a\":1,\"b\":\"x\"}\n";
    for (rows, expected) in [
        (0, &[][..]),
        (2, &[]),
        (3, &[1]),
        (10, &[8]),
        (600, &[256, 256, 86]),
    ] {
        assert_eq!(runs(&usual.repeat(rows), 1000), expected, "{rows} rows");
    }
    for odd in [
        "{\"a\":1}\n",
        "{\"a\":1,\"b\":\"x\",\"c\":1}\n",
        "{\"b\":1,\"a\":\"x\"}\n",
        "{\"a\":1,\"b\":[]}\n",
        "{\"a\":{},\"b\":1}\n",
        "{\"a\":1,\"b\":\"x\"} 1\n",
        "{\"a\":1,\"b\":x}\n",
        "{\"a\":1,\"a\":1}\n",
        "{\"a\":1,\"b\":1,\n",
        "{\"a\":1}\"b\":1}\n",
        "[1]\n",
        "\n",
    ] {
        let text = usual.repeat(5) + odd + &usual.repeat(5);
        let runs = runs(&text, 1000);
        assert_eq!(runs[0], 3, "{odd}");
        assert!(matches!(runs[1..], [2..=5]), "{odd}: {runs:?}");
    }
    assert_eq!(runs(&usual.repeat(20), 8), [8, 8, 2]);
    assert_eq!(runs(&usual.repeat(20), 3), [0; 0]);
    let wide: Vec<String> = (0..200).map(|key| format!("\"{key}\":1")).collect();
    assert_eq!(
        runs(&format!("{{{}}}\n", wide.join(",")).repeat(9), 1000),
        [0; 0]
    );
    let long = format!("{{\"a\":\"{}\"}}\n", "x".repeat(30 << 10));
    assert_eq!(runs(&long.repeat(9), 1000), [3, 3, 1]);
}
