//! A parser that has seen other rows against one that has not.

use proptest::prelude::*;

use super::parse::{Fault, Parser};
use super::spread_tests::{assert_alike_under_any_shape, hurt, value};
use super::tape::Token;
use crate::decode::JsonFault;
use crate::model::MAX_NESTING;

/// What a row holds: names, where the values begin, and what they say.
type Row = Result<Vec<(String, usize, String)>, (usize, JsonFault)>;

fn parse(parser: &mut Parser, line: &str) -> Row {
    let row = parser.parse(line).map_err(Fault::parts)?;
    let members = row.members().map(|(key, value)| {
        let mut text = String::new();
        match value.token() {
            Token::String | Token::Escaped(..) => text.push_str(value.content()),
            _ => value.write_compact(&mut text),
        }
        (key.name().to_owned(), value.start(), text)
    });
    Ok(members.collect())
}

/// Parses lines one after the other, and returns what has become of the last.
fn assert_no_line_matters_to_the_next<'l>(lines: impl IntoIterator<Item = &'l str>) -> Option<Row> {
    let mut parser = Parser::default();
    let rows = lines.into_iter().map(|line| {
        let row = parse(&mut parser, line);
        assert_eq!(row, parse(&mut Parser::default(), line), "{line}");
        row
    });
    rows.last()
}

/// The names of rows, in order: those of the first row with few changes, if any.
fn names() -> impl Strategy<Value = Vec<&'static str>> {
    let all = vec![
        "id",
        "a",
        "a name of more than sixteen bytes",
        "b",
        "é",
        "",
        "x",
    ];
    let some = prop::sample::subsequence(all.clone(), 0..=all.len());
    let change = (some, any::<prop::sample::Index>(), 0..6_u8);
    let change = change.prop_map(|(mut names, at, change)| {
        let count = names.len();
        match change {
            1 => names.push("more"),
            2 if count > 0 => names.push(names[at.index(count)]),
            3 if count > 0 => names.rotate_left(at.index(count)),
            4 if count > 0 => names.insert(at.index(count), "\\u0061"),
            5 if count > 0 => names.truncate(at.index(count)),
            _ => {}
        }
        names
    });
    prop_oneof![3 => Just(all), 1 => change]
}

fn row() -> impl Strategy<Value = String> {
    let spaces = prop_oneof![3 => Just(""), 1 => Just(" "), 1 => Just("\t ")];
    let spaces = prop::collection::vec(spaces, 4);
    let values = prop::collection::vec(value(), 9);
    (names(), values, spaces).prop_map(|(names, values, spaces)| {
        let [a, b, c, d] = [0, 1, 2, 3].map(|at| spaces[at]);
        let members = names.iter().zip(values);
        let members = members.map(|(name, value)| format!("\"{name}\"{a}:{b}{value}"));
        let members = members.collect::<Vec<_>>().join(&format!("{c},{d}"));
        format!("{b}{{{c}{members}{d}}}{a}")
    })
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(row(), 0..12).prop_map(|rows| rows.join("\n").into_bytes())
}

proptest! {
    #[test]
    fn a_row_is_parsed_as_if_it_were_the_first_and_has_the_keys_that_serde_json_finds(
        mut text in text(),
        wounds in prop::collection::vec(any::<(prop::sample::Index, prop::sample::Index)>(), 0..3),
    ) {
        hurt(&mut text, &wounds);
        let text = String::from_utf8_lossy(&text);
        assert_no_line_matters_to_the_next(text.lines());
        let mut parser = Parser::default();
        for line in text.lines() {
            let Ok(row) = parse(&mut parser, line) else { continue };
            if let Ok(theirs) = serde_json::from_str(line) {
                let theirs: serde_json::Map<String, serde_json::Value> = theirs;
                let names: Vec<&String> = row.iter().map(|(name, _, _)| name).collect();
                prop_assert_eq!(names, theirs.keys().collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn rows_alike_become_the_same_columns_in_one_piece_and_row_by_row(
        mut text in text(),
        wounds in prop::collection::vec(any::<(prop::sample::Index, prop::sample::Index)>(), 0..2),
    ) {
        hurt(&mut text, &wounds);
        assert_alike_under_any_shape(&text);
    }
}

#[test]
fn a_key_is_not_taken_twice_because_of_the_rows_before() {
    let duplicate = |at, key: &str| {
        let key = key.to_owned();
        Some(Err((at, JsonFault::DuplicateKey { key })))
    };
    let two = "{\"a\":1,\"b\":2}";
    for (lines, expected) in [
        (&["{\"a\":1,\"a\":2}"; 2][..], duplicate(11, "a")),
        (&[two, "{\"a\":1,\"b\":2,\"a\":3}"], duplicate(17, "a")),
        (&[two, "{\"a\":1,\"a\":2}"], duplicate(11, "a")),
        (
            &[two, "{\"a\":1,\"a\":2,", "{\"a\":1,\"a\":2}"],
            duplicate(11, "a"),
        ),
        (
            &[two, "{\"a\":1}", two, "{\"b\":1,\"a\":2,\"b\":3}"],
            duplicate(17, "b"),
        ),
        (
            &[two, "{\"a\":1,\"\\u0062\":2,\"b\":3}"],
            duplicate(22, "b"),
        ),
        (
            &["{\"\\u0061\":1}", "{\"\\u0061\":1,\"a\":3}"],
            duplicate(16, "a"),
        ),
    ] {
        assert_eq!(
            assert_no_line_matters_to_the_next(lines.iter().copied()),
            expected
        );
    }
}

#[test]
fn a_row_that_is_wrong_behind_keys_as_before_is_refused_where_it_is_wrong() {
    use JsonFault::{
        BadNumber, BadString, ExpectedColon, ExpectedComma, ExpectedKey, ExpectedValue,
        NotAnObject, TrailingText, UnexpectedEnd,
    };
    for (line, at, fault) in [
        ("[\"a\":1,\"b\":2]", 0, NotAnObject),
        ("{\"a\":1,\"b\":2} x", 14, TrailingText),
        ("{\"a\":1,\"b\":2", 12, UnexpectedEnd),
        ("{\"a\":1,\"b\":", 11, UnexpectedEnd),
        ("{\"a\":1,", 7, UnexpectedEnd),
        ("{\"a\":1,}", 7, ExpectedKey),
        ("{\"a\":1,\"b\" 2}", 11, ExpectedColon),
        ("{\"a\":1 \"b\":2}", 7, ExpectedComma),
        ("{\"a\":1]", 6, ExpectedComma),
        ("{\"a\":,\"b\":2}", 5, ExpectedValue),
        ("{\"a\":01,\"b\":2}", 5, BadNumber),
        ("{\"a\":\"\\x\",\"b\":2}", 5, BadString),
    ] {
        let lines = ["{\"a\":1,\"b\":2}", line, "{\"a\":1,\"b\":[3]}"];
        let row = assert_no_line_matters_to_the_next(lines[..2].iter().copied());
        assert_eq!(row, Some(Err((at, fault))), "{line}");
        assert_no_line_matters_to_the_next(lines);
    }
}

#[test]
fn values_of_a_row_alike_nest_as_deep_as_those_of_any_other() {
    let deep = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    for levels in [1, MAX_NESTING, MAX_NESTING + 1] {
        let row = assert_no_line_matters_to_the_next(["{\"a\":1}", &deep(levels)]);
        let limit = MAX_NESTING;
        let whole = Ok(vec![(
            "a".to_owned(),
            5,
            deep(levels)[5..5 + 2 * levels].to_owned(),
        )]);
        let refused = Err((5 + limit, JsonFault::TooDeep { limit }));
        let expected = if levels > limit { refused } else { whole };
        assert_eq!(row, Some(expected), "{levels}");
    }
}

#[test]
fn keys_that_have_no_number_are_known_by_their_names() {
    let keys: Vec<String> = (0..1100).map(|key| format!("k{key}")).collect();
    let members: Vec<String> = keys
        .iter()
        .map(|key| format!("\"{key}\":\"{key}\""))
        .collect();
    let row = |more: &str| format!("{{{}{more}}}", members.join(","));
    let (plain, more) = (row(""), row(",\"\\n\":[1],\"z\":{\"k1\":2}"));
    let lines = [&plain, &plain, &more, &more, &plain].map(String::as_str);
    let found = assert_no_line_matters_to_the_next(lines).unwrap().unwrap();
    assert_eq!(found.len(), keys.len());
    for ((name, _, text), key) in found.iter().zip(&keys) {
        assert_eq!((name, text), (key, key));
    }
    for twice in ["k0", "k1099"] {
        let again = row(&format!(",\"{twice}\":1"));
        let found = assert_no_line_matters_to_the_next([plain.as_str(), again.as_str()]);
        let key = twice.to_owned();
        let expected = Err((again.len() - 2, JsonFault::DuplicateKey { key }));
        assert_eq!(found, Some(expected));
    }
}
