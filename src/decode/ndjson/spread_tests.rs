//! Blocks that are decoded side by side against one look at the whole.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::ControlFlow;

use arrow::array::RecordBatch;
use proptest::prelude::*;

use super::columns::expected;
use super::parse::{Fault, Parser};
use super::spread;
use crate::crew::{Alone, Crew, Unordered};
use crate::decode::testing::cells;
use crate::decode::{DecodeError, Decoded, JsonFault, Malformed};
use crate::model::Shape;

/// Blocks that end with the first line that makes them this long.
fn blocks(text: &[u8], bytes: usize) -> Vec<Vec<u8>> {
    let mut blocks: Vec<Vec<u8>> = Vec::new();
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        match blocks.last_mut().filter(|block| block.len() < bytes) {
            Some(block) => block.extend_from_slice(line),
            None => blocks.push(line.to_vec()),
        }
    }
    blocks
}

fn decode(
    text: &[u8],
    bytes: usize,
    crew: &dyn Crew,
    shape: &Shape,
    take: &mut dyn FnMut(RecordBatch),
) -> Result<Decoded, DecodeError> {
    let mut blocks = blocks(text, bytes).into_iter();
    let mut emit = |batch| {
        take(batch);
        ControlFlow::Continue(())
    };
    spread::decode(&mut |_| Ok(blocks.next()), expected(shape), crew, &mut emit)
}

/// Everything that must not depend on blocks and hands.
#[derive(Debug, PartialEq)]
enum Outcome {
    Rows(Vec<BTreeMap<String, String>>, Shape),
    Misfit(Shape),
    Malformed(Malformed),
}

fn outcome(text: &[u8], bytes: usize, crew: &dyn Crew, shape: &Shape) -> Outcome {
    let mut batches = Vec::new();
    match decode(text, bytes, crew, shape, &mut |batch| batches.push(batch)) {
        Ok(decoded) => {
            let rows: Vec<_> = batches
                .iter()
                .flat_map(|batch| rows(batch, &decoded.observed))
                .collect();
            assert_eq!(rows.len() as u64, decoded.rows);
            Outcome::Rows(rows, decoded.observed)
        }
        Err(DecodeError::Misfit { observed }) => Outcome::Misfit(observed),
        Err(DecodeError::Malformed(malformed)) => Outcome::Malformed(malformed),
        Err(error) => panic!("{error:?}"),
    }
}

/// The values that are not null, by column; the columns are the first of the file in its order.
fn rows(batch: &RecordBatch, observed: &Shape) -> Vec<BTreeMap<String, String>> {
    let schema = batch.schema();
    let names: Vec<&String> = schema.fields().iter().map(|field| field.name()).collect();
    let columns = observed.columns.iter().map(|column| &column.name);
    assert_eq!(names, columns.take(names.len()).collect::<Vec<_>>());
    if names.is_empty() {
        return vec![BTreeMap::new(); batch.num_rows()];
    }
    let named = |row: Vec<Option<String>>| {
        let values = names.iter().zip(row);
        values
            .filter_map(|(name, value)| Some(((*name).clone(), value?)))
            .collect()
    };
    cells(std::slice::from_ref(batch))
        .into_iter()
        .map(named)
        .collect()
}

fn assert_alike(text: &[u8], shape: &Shape) -> Outcome {
    let whole = outcome(text, usize::MAX, &Alone, shape);
    for bytes in [1, 40, 300] {
        for hands in [1, 3] {
            let apart = outcome(text, bytes, &Unordered(hands), shape);
            assert_eq!(apart, whole, "blocks of {bytes} bytes, {hands} hands");
        }
    }
    whole
}

/// Compares under what the text holds, what a part of it holds, and nothing.
pub(super) fn assert_alike_under_any_shape(text: &[u8]) {
    let observe = |text: &[u8]| match outcome(text, usize::MAX, &Alone, &Shape::default()) {
        Outcome::Misfit(shape) | Outcome::Rows(_, shape) => shape,
        Outcome::Malformed(_) => Shape::default(),
    };
    let shape = observe(text);
    let whole = assert_alike(text, &shape);
    assert!(!matches!(whole, Outcome::Misfit(_)));
    assert_alike(text, &observe(&text[..text.len() / 2]));
    assert_alike(text, &Shape::default());
}

pub(super) fn value() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        any::<i64>().prop_map(|value| value.to_string()),
        any::<u64>().prop_map(|value| value.to_string()),
        (-99..99_i32).prop_map(|value| value.to_string()),
        any::<f64>()
            .prop_filter("JSON has no others", |value| value.is_finite())
            .prop_map(|value| format!("{value:?}")),
        r"-?[0-9]\.[0-9]{1,20}",
        r"-?[1-9]{1,3}[eE][-+]?[0-9]{1,2}",
    ];
    let text = "\"([a-zé{}:, ]|\\\\[n\"\\\\/]|\\\\u00e9){0,12}\"";
    let instant = r#""2026-[01][0-9]-0[1-9]([T ](0[0-9]|29):00(:00)?(\.5)?(Z|\+02:00)?)?""#;
    let leaf = prop_oneof![
        4 => number,
        4 => text,
        2 => instant,
        1 => "true|false|null|\\[ \\]|\\{\\}",
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|values| format!("[{}]", values.join(", "))),
            object(inner),
        ]
    })
}

fn object(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let keys = prop::sample::subsequence(vec!["a", "b", "id", "long name of a key", "x"], 0..5);
    let keys = keys.prop_shuffle();
    (keys, prop::collection::vec(value, 5), " ?").prop_map(|(keys, values, space)| {
        let members = keys.iter().zip(values);
        let members = members.map(|(key, value)| format!("\"{key}\":{space}{value}"));
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    })
}

fn lines() -> impl Strategy<Value = String> {
    let end = prop_oneof![8 => Just("\n"), 1 => Just("\r\n"), 1 => Just(" \n\n")];
    // Most rows of most files are alike.
    let row = prop_oneof![
        (0..99_u32, "[a-z]{0,9}").prop_map(|(id, x)| format!("{{\"id\":{id},\"x\":\"{x}\"}}")),
        (1..10_u32, "[a-z]{0,9}")
            .prop_map(|(b, x)| format!("{{\"b\":\"2026-01-0{b}\",\"x\":\"{x}\"}}")),
        object(value()),
    ];
    prop::collection::vec((row, end), 0..40).prop_map(|lines| {
        let lines = lines.iter();
        lines.fold(String::new(), |text, (row, end)| text + row + end)
    })
}

/// Puts bytes that mean something in the place of others.
pub(super) fn hurt(text: &mut Vec<u8>, wounds: &[(prop::sample::Index, prop::sample::Index)]) {
    const BYTES: &[u8] = b"\"\\{}[],:\n\r 0-.e\0\xff\xc3atu";
    for (at, byte) in wounds {
        let byte = *byte.get(BYTES);
        if text.is_empty() {
            return;
        }
        let at = at.index(text.len());
        match byte {
            b'a' => {
                text.remove(at);
            }
            b't' => text.insert(at, b'"'),
            b'u' => text.truncate(at),
            byte => text[at] = byte,
        }
    }
}

proptest! {
    #[test]
    fn blocks_side_by_side_are_decoded_as_the_whole_is(text in lines()) {
        assert_alike_under_any_shape(text.as_bytes());
    }

    #[test]
    fn what_is_wrong_is_found_at_the_same_place_by_any_number_of_hands(
        text in lines(),
        wounds in prop::collection::vec(any::<(prop::sample::Index, prop::sample::Index)>(), 1..4),
    ) {
        let mut text = text.into_bytes();
        hurt(&mut text, &wounds);
        assert_alike_under_any_shape(&text);
    }

    #[test]
    fn a_row_is_taken_or_refused_as_by_serde_json_whatever_stood_before_it(
        text in lines(),
        wounds in prop::collection::vec(any::<(prop::sample::Index, prop::sample::Index)>(), 0..4),
    ) {
        let mut text = text.into_bytes();
        hurt(&mut text, &wounds);
        let text = String::from_utf8_lossy(&text);
        let mut parser = Parser::default();
        for line in text.lines() {
            let ours = parser.parse(line).map(|_| ()).map_err(Fault::parts);
            let theirs = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(line);
            match (ours, theirs) {
                // Theirs takes the last of the two.
                (Err((_, JsonFault::DuplicateKey { .. })), _) => {}
                // Ours keeps the digits.
                (Ok(()), Err(error)) if error.to_string().contains("out of range") => {}
                (ours, theirs) => prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{}", line),
            }
        }
    }
}

#[test]
fn the_limit_of_names_holds_over_all_blocks() {
    let mut text = String::new();
    // Names below what has become text count as long as it has not.
    for line in [
        "{\"t\":{\"x\":1}}",
        "{\"t\":1}",
        "{\"t\":{\"y\":{}}}",
        "{\"s\":[{\"u\":1}]}",
    ] {
        writeln!(text, "{line}").unwrap();
    }
    for key in 0..16_384 {
        let key = format!("k{key}");
        writeln!(
            text,
            "{{\"id\":1,\"s\":[{{\"{key}\":1}}],\"t\":{{\"{key}\":1}}}}"
        )
        .unwrap();
    }
    let expected = Outcome::Malformed(Malformed::TooManyColumns {
        // Behind `t`, `x`, `s`, `u` and `id`.
        line: 4 + 16_384 - 5 + 1,
        limit: 16_384,
    });
    for bytes in [10_000, 400_000] {
        for hands in [1, 3] {
            let found = outcome(text.as_bytes(), bytes, &Unordered(hands), &Shape::default());
            assert_eq!(found, expected, "{bytes} {hands}");
        }
    }
}

#[test]
fn names_in_one_block_that_no_file_may_have_are_fine_below_text() {
    let mut text = String::from("{\"t\":0}\n{\"t\":1}\n");
    let keys: Vec<String> = (0..17_000).map(|key| format!("\"k{key}\":1")).collect();
    writeln!(text, "{{\"t\":{{{}}}}}", keys.join(",")).unwrap();
    text.push_str("{\"t\":2}\n");
    let shape = Shape::of(&[("t", arrow::datatypes::DataType::Utf8)]);
    let whole = outcome(text.as_bytes(), usize::MAX, &Alone, &shape);
    assert!(matches!(&whole, Outcome::Rows(rows, _) if rows.len() == 4));
    assert_eq!(outcome(text.as_bytes(), 8, &Unordered(3), &shape), whole);
}

#[test]
fn a_few_bytes_that_are_rows_of_many_columns_are_not_gathered() {
    const COLUMNS: usize = 2000;
    let keys: Vec<String> = (0..COLUMNS)
        .map(|key| format!("\"k{key}\":{key}"))
        .collect();
    let first = format!("{{{}}}\n", keys.join(","));
    let shape = match outcome(first.as_bytes(), usize::MAX, &Alone, &Shape::default()) {
        Outcome::Misfit(shape) => shape,
        other => panic!("{other:?}"),
    };
    let texts = [("{}\n", 0), ("{\"k7\":1}\n", 5000)].map(|(row, values)| {
        let text = format!("{{}}\n{first}{}{first}{{}}\n", row.repeat(5000));
        (text, values)
    });
    let ways = [(usize::MAX, 1), (100_000, 3), (1500, 3)];
    let cases = texts.iter().flat_map(|text| ways.map(|way| (text, way)));
    for ((text, few), (bytes, hands)) in cases {
        let (mut values, mut largest) = (0, 0);
        let mut take = |batch: RecordBatch| {
            assert!(batch.num_columns() == 0 || batch.num_columns() == COLUMNS);
            largest = largest.max(batch.num_rows() * batch.num_columns() * 8);
            let columns = batch.columns().iter();
            values += columns
                .map(|column| column.len() - column.null_count())
                .sum::<usize>();
        };
        let decoded = decode(text.as_bytes(), bytes, &Unordered(hands), &shape, &mut take);
        assert_eq!(decoded.unwrap().rows, 5004);
        assert_eq!(values, 2 * COLUMNS + few);
        assert!(largest <= 5 << 20, "{largest}");
    }
}
