//! Tests.

use std::ops::ControlFlow;

use arrow::datatypes::{DataType, Field, TimeUnit};

use super::parse::Parser;
use crate::decode::testing::{Drip, grid, guess, observe, plain, run, terms};
use crate::decode::{Bytes, DecodeError, JsonFault, Kind, Malformed, decode};
use crate::model::{MAX_NESTING, Shape};

fn ndjson(text: &str) -> (Shape, Vec<Vec<String>>) {
    let shape = observe(text.as_bytes(), plain(Kind::Ndjson)).unwrap();
    let (result, batches) = run(text.as_bytes(), plain(Kind::Ndjson), &shape);
    assert_eq!(result.unwrap().observed, shape);
    (shape, grid(&batches))
}

fn under(shape: &Shape, text: &str) -> Vec<Vec<String>> {
    let (result, batches) = run(text.as_bytes(), plain(Kind::Ndjson), shape);
    result.unwrap();
    grid(&batches)
}

fn malformed(text: &[u8]) -> Malformed {
    match run(text, plain(Kind::Ndjson), &Shape::default()).0 {
        Err(DecodeError::Malformed(malformed)) => malformed,
        other => panic!("{other:?}"),
    }
}

fn list(item: DataType) -> DataType {
    DataType::List(Field::new_list_field(item, true).into())
}

fn object(fields: &[(&str, DataType)]) -> DataType {
    let fields = fields
        .iter()
        .map(|(name, kind)| Field::new(*name, kind.clone(), true));
    DataType::Struct(fields.collect())
}

#[test]
fn values_get_the_smallest_type_that_holds_their_column() {
    use DataType::{Boolean, Date32, Float64, Int64, Null, Utf8};
    let naive = DataType::Timestamp(TimeUnit::Microsecond, None);
    let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    for (values, expected) in [
        (&["1", "-5", "null"][..], Int64),
        (&["1", "2.5"], Float64),
        (&["1e2"], Float64),
        (&["-0"], Float64),
        (&["9223372036854775808"], Utf8),
        (&["1e999"], Utf8),
        (&["true", "false"], Boolean),
        (&["true", "1"], Utf8),
        (&["\"2024-01-01\"", "null"], Date32),
        (&["\"2024-01-01\"", "\"2024-01-01 10:00\""], naive.clone()),
        (&["\"2024-01-01\"", "\"2024-01-01T10:00:00Z\""], utc.clone()),
        (&["\"\\u00324-01-01\""], Utf8),
        (&["\"\\u0032024-01-01\""], Date32),
        (&["\"2024-01-01T10:00\"", "\"2024-01-01T10:00Z\""], Utf8),
        (&["\"2024-01-01\"", "\"\""], Utf8),
        (&["\"2024-01-01\"", "2024"], Utf8),
        (&["\"2024-02-30\""], Utf8),
        (&["[\"2024-01-01T10:00\"]"], list(naive)),
        (
            &["{\"at\":\"2024-01-01T10:00+02:00\"}"],
            object(&[("at", utc)]),
        ),
        (&["\"1\""], Utf8),
        (&["\"true\""], Utf8),
        (&["\"\""], Utf8),
        (&["null"], Null),
        (&["[]"], list(Null)),
        (&["[null]"], list(Null)),
        (&["[]", "[1]", "[2.5,null]"], list(Float64)),
        (&["[[1],[]]"], list(list(Int64))),
        (&["[1]", "1"], Utf8),
        (&["{}"], object(&[])),
        (
            &["{\"b\":1,\"a\":null}", "{\"a\":true}"],
            object(&[("a", Boolean), ("b", Int64)]),
        ),
        (&["{}", "[]"], Utf8),
        (
            &["[{\"x\":1},{\"y\":\"z\"}]"],
            list(object(&[("x", Int64), ("y", Utf8)])),
        ),
    ] {
        let lines: Vec<String> = values
            .iter()
            .map(|value| format!("{{\"a\":{value}}}\n"))
            .collect();
        let (shape, _) = ndjson(&lines.concat());
        assert_eq!(shape, Shape::of(&[("a", expected)]), "{values:?}");
    }
}

#[test]
fn a_text_column_keeps_what_was_written() {
    let values = [
        ("\"plain\"", "plain"),
        (r#""q\"\u00e9\n""#, "q\"é\n"),
        ("1.50", "1.50"),
        ("1E+2", "1E+2"),
        (
            "123456789012345678901234567890",
            "123456789012345678901234567890",
        ),
        ("true", "true"),
        (
            r#"{ "b" : [ 1.0 , "x y" ] , "a" : { } }"#,
            r#"{"b":[1.0,"x y"],"a":{}}"#,
        ),
        ("[ ]", "[]"),
        ("null", "-"),
    ];
    let shape = Shape::of(&[("a", DataType::Utf8)]);
    for (value, expected) in values {
        assert_eq!(
            under(&shape, &format!("{{\"a\": {value} }}")),
            [[expected]],
            "{value}"
        );
    }
}

#[test]
fn nested_values_are_built_field_by_field() {
    let (_, rows) = ndjson(
        "{\"s\":{\"x\":1,\"l\":[{\"k\":\"a\"},{},null]}}\n{\"s\":null}\n{}\n{\"s\":{}}\n{\"s\":{\"l\":[]}}\n",
    );
    assert_eq!(
        rows.concat(),
        [
            r#"{"l":[{"k":"a"},{"k":null},null],"x":1}"#,
            "-",
            "-",
            r#"{"l":null,"x":null}"#,
            r#"{"l":[],"x":null}"#,
        ]
    );
}

#[test]
fn columns_come_in_order_of_first_appearance_and_missing_keys_are_null() {
    let (shape, rows) = ndjson("\u{feff}{\"b\":1}\r\n\n  \n{\"a\":2,\"b\":3}\n{}");
    assert_eq!(
        shape,
        Shape::of(&[("b", DataType::Int64), ("a", DataType::Int64)])
    );
    assert_eq!(rows, [["1", "-"], ["3", "2"], ["-", "-"]]);
}

#[test]
fn an_empty_file_and_empty_objects_have_no_columns() {
    for (text, rows) in [("", 0), ("\n \n", 0), ("{}\n{ }", 2)] {
        let (result, _) = run(text.as_bytes(), plain(Kind::Ndjson), &Shape::default());
        let decoded = result.unwrap();
        assert_eq!((decoded.rows, decoded.observed), (rows, Shape::default()));
    }
}

#[test]
fn integers_become_floats_where_the_column_is_wider() {
    let shape = Shape::of(&[("a", DataType::Float64)]);
    let (result, batches) = run(b"{\"a\":1}\n", plain(Kind::Ndjson), &shape);
    assert_eq!(
        result.unwrap().observed,
        Shape::of(&[("a", DataType::Int64)])
    );
    assert_eq!(grid(&batches), [["1.0"]]);
}

#[test]
fn dates_and_instants_are_built_from_strings_alone() {
    let rows = |kind: &str, text: &str| {
        let kind = match kind {
            "date" => DataType::Date32,
            "naive" => DataType::Timestamp(TimeUnit::Microsecond, None),
            _ => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        };
        let shape = Shape::of(&[("a", kind)]);
        let (result, batches) = run(text.as_bytes(), plain(Kind::Ndjson), &shape);
        result.map(|_| grid(&batches).concat())
    };
    let lines = "{\"a\":\"2024-01-01\"}\n{\"a\":null}\n{\"a\":\"2024-\\u00302-29\"}\n{}\n";
    let dates = rows("date", lines).unwrap();
    assert_eq!(dates, ["2024-01-01", "-", "2024-02-29", "-"]);
    let instants = rows(
        "naive",
        "{\"a\":\"2024-01-01T10:00\"}\n{\"a\":\"2024-01-02\"}",
    )
    .unwrap();
    assert_eq!(instants, ["2024-01-01T10:00:00", "2024-01-02T00:00:00"]);
    let instants = rows("utc", "{\"a\":\"2024-01-01T10:00:00.25+02:00\"}").unwrap();
    assert_eq!(instants, ["2024-01-01T08:00:00.25Z"]);
    for value in ["2024", "true", "\"\"", "[]", "\"2024-01-01T10:00\""] {
        let result = rows("date", &format!("{{\"a\":{value}}}"));
        assert!(matches!(result, Err(DecodeError::Misfit { .. })), "{value}");
    }
}

#[test]
fn a_key_that_the_shape_lacks_is_a_misfit_at_any_depth() {
    for (shape, text) in [
        (Shape::of(&[]), "{\"a\":null}"),
        (
            Shape::of(&[("a", object(&[("x", DataType::Int64)]))]),
            "{\"a\":{\"y\":1}}",
        ),
        (Shape::of(&[("a", list(DataType::Null))]), "{\"a\":[1]}"),
        (
            Shape::of(&[("a", DataType::Int64)]),
            "{\"a\":1}\n{\"a\":[]}",
        ),
        (
            Shape::of(&[("a", DataType::Date32)]),
            "{\"a\":\"2024-01-01\"}\n{\"a\":\"2024-13-01\"}",
        ),
    ] {
        let (result, _) = run(text.as_bytes(), plain(Kind::Ndjson), &shape);
        assert!(matches!(result, Err(DecodeError::Misfit { .. })), "{text}");
    }
}

#[test]
fn what_is_wrong_is_said_with_line_and_byte() {
    let duplicate = JsonFault::DuplicateKey {
        key: "a".to_owned(),
    };
    for (text, line, byte, fault) in [
        ("{}\n[1]", 2, 1, JsonFault::NotAnObject),
        ("\n1", 2, 1, JsonFault::NotAnObject),
        ("{", 1, 2, JsonFault::UnexpectedEnd),
        ("{\n\"a\":1}", 1, 2, JsonFault::UnexpectedEnd),
        ("{\"a\":1} {}", 1, 9, JsonFault::TrailingText),
        ("{\"a\":1,}", 1, 8, JsonFault::ExpectedKey),
        ("{\"a\" 1}", 1, 6, JsonFault::ExpectedColon),
        ("{\"a\":1 \"b\":2}", 1, 8, JsonFault::ExpectedComma),
        ("{\"a\":}", 1, 6, JsonFault::ExpectedValue),
        ("{\"a\":nul}", 1, 6, JsonFault::ExpectedValue),
        ("{\"a\":-}", 1, 6, JsonFault::BadNumber),
        ("{\"a\":1.}", 1, 6, JsonFault::BadNumber),
        ("{\"a\":1e}", 1, 6, JsonFault::BadNumber),
        ("{\"a\":01}", 1, 6, JsonFault::BadNumber),
        ("{\"a\":\"\t\"}", 1, 7, JsonFault::BadString),
        (r#"{"a":"\x"}"#, 1, 6, JsonFault::BadString),
        (r#"{"a":"\ud800"}"#, 1, 6, JsonFault::BadString),
        (r#"{"a":"\"#, 1, 8, JsonFault::UnexpectedEnd),
        (r#"{"a":1,"\u0061":2}"#, 1, 17, duplicate.clone()),
        (r#"{"b":[{"a":1,"a":1}]}"#, 1, 18, duplicate),
    ] {
        let expected = Malformed::Json { line, byte, fault };
        assert_eq!(malformed(text.as_bytes()), expected, "{text}");
    }
    assert_eq!(
        malformed(b"{}\n{\"a\":\"\xff\"}"),
        Malformed::NotUtf8 { line: 2 }
    );
}

#[test]
fn a_duplicate_among_many_keys_is_found() {
    let mut keys: Vec<String> = (0..20).map(|key| format!("\"k{key}\":1")).collect();
    keys.push("\"k3\":2".to_owned());
    let text = format!("{{{}}}", keys.join(","));
    assert!(matches!(
        malformed(text.as_bytes()),
        Malformed::Json {
            fault: JsonFault::DuplicateKey { .. },
            ..
        }
    ));
}

#[test]
fn deep_nesting_is_refused_and_not_followed() {
    let deep = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    let shape = observe(deep(MAX_NESTING).as_bytes(), plain(Kind::Ndjson)).unwrap();
    assert_eq!(shape.columns[0].nesting(), MAX_NESTING);
    for levels in [MAX_NESTING + 1, 1_000_000] {
        let fault = malformed(deep(levels).as_bytes());
        assert!(matches!(
            fault,
            Malformed::Json {
                fault: JsonFault::TooDeep { limit: MAX_NESTING },
                ..
            }
        ));
    }
}

#[test]
fn a_line_beyond_the_limit_and_keys_without_end_are_refused() {
    let long = vec![b'x'; 65 << 20];
    assert!(matches!(
        malformed(&long),
        Malformed::RecordTooLarge { line: 1, .. }
    ));
    let keys: Vec<String> = (0..20_000)
        .map(|key| format!("{{\"k{key}\":1}}\n"))
        .collect();
    let keys = keys.concat();
    assert!(matches!(
        malformed(keys.as_bytes()),
        Malformed::TooManyColumns { line: 16_385, .. }
    ));
}

#[test]
fn the_same_json_is_accepted_as_by_serde_json() {
    let values = [
        "0",
        "-0",
        "1.0e-5",
        "01",
        "1.",
        ".5",
        "+1",
        "1e",
        "--1",
        "tru",
        "true",
        "nul",
        "[1,]",
        "[,]",
        "{\"a\"}",
        "\"\\u12\"",
        "\"\\/\"",
        "\"\u{7f}\"",
        "[1 2]",
        "{\"a\":1,}",
        "NaN",
        "'a'",
        "\"a",
        "[",
        "1e+5",
        "\"\u{1}\"",
    ];
    for value in values {
        let line = format!("{{\"k\": {value}}}");
        let ours = Parser::default().parse(&line).is_ok();
        let theirs = serde_json::from_str::<serde_json::Value>(&line).is_ok();
        assert_eq!(ours, theirs, "{value}");
    }
}

#[test]
fn a_guess_looks_at_whole_lines_only() {
    let mut text = "{\"a\":12345}\n".repeat(10_000);
    text.push_str("{\"b\":1}");
    let shape = guess(text.as_bytes(), plain(Kind::Ndjson)).unwrap();
    assert_eq!(shape, Shape::of(&[("a", DataType::Int64)]));
    let broken = guess(b"{\"a\":1}\n{", plain(Kind::Ndjson)).unwrap();
    assert_eq!(broken, shape);
}

fn json(text: &str) -> (Shape, Vec<Vec<String>>) {
    let shape = observe(text.as_bytes(), plain(Kind::Json)).unwrap();
    assert_eq!(guess(text.as_bytes(), plain(Kind::Json)).unwrap(), shape);
    let (result, batches) = run(text.as_bytes(), plain(Kind::Json), &shape);
    assert_eq!(result.unwrap().observed, shape);
    (shape, grid(&batches))
}

#[test]
fn one_object_several_or_an_array_are_the_same_rows() {
    let expected = ndjson("{\"a\":1,\"b\":{\"c\":[\"]}\"]}}\n{\"a\":2.5,\"b\":null}\n");
    for text in [
        "{\"a\":1,\"b\":{\"c\":[\"]}\"]}}\n{\"a\":2.5,\"b\":null}\n",
        "{\"a\":1,\"b\":{\"c\":[\"]}\"]}} {\"a\":2.5,\"b\":null}",
        "[{\"a\":1,\"b\":{\"c\":[\"]}\"]}},{\"a\":2.5,\"b\":null}]",
        "\u{feff} \n[ {\"a\" : 1,\n\"b\":{\"c\":\r\n[\"]}\"]}\n}\n\n,\t{\"a\":2.5,\"b\":null} ]\n\n",
        "{\n  \"a\": 1,\n  \"b\": {\"c\": [\"]}\"]}\n}\n{\n  \"a\": 2.5,\n  \"b\": null\n}",
    ] {
        assert_eq!(json(text), expected, "{text}");
    }
    for empty in ["", " \n", "[]", " [ ] \n"] {
        assert_eq!(json(empty), (Shape::default(), vec![]), "{empty:?}");
    }
    assert_eq!(json("[{}, {\"a\":\"\\\"}\\\\\"}]").1, [["-"], ["\"}\\"]]);
}

#[test]
fn what_is_wrong_with_json_is_said_with_line_and_byte() {
    use JsonFault::{
        BadNumber, ExpectedColon, ExpectedComma, ExpectedValue, FileEnds, NotAnElement, TooDeep,
        TrailingText,
    };
    let key = "a".to_owned();
    for (text, line, byte, fault) in [
        ("1", 1, 1, NotAnElement),
        (" null", 1, 2, NotAnElement),
        ("[1]", 1, 2, NotAnElement),
        ("[[]]", 1, 2, NotAnElement),
        ("[{},\n NaN]", 2, 2, NotAnElement),
        ("[{\"a\":\n  NaN}]", 2, 3, ExpectedValue),
        ("[{\"a\":01}]", 1, 7, BadNumber),
        ("{\"a\":-}", 1, 6, BadNumber),
        ("[{} {}]", 1, 5, ExpectedComma),
        ("[{},]", 1, 5, ExpectedValue),
        ("[{}", 1, 4, FileEnds),
        ("[", 1, 2, FileEnds),
        ("[{},", 1, 5, FileEnds),
        ("[\n{\"a\":\n[1", 3, 3, FileEnds),
        ("{\"a\":\"x", 1, 8, FileEnds),
        ("[]]", 1, 3, TrailingText),
        ("[] {}", 1, 4, TrailingText),
        ("{}\n,{}", 2, 1, TrailingText),
        ("{\"a\"}", 1, 5, ExpectedColon),
        (
            "[{},\n{\"a\":1,\n\"a\":2}]",
            3,
            5,
            JsonFault::DuplicateKey { key },
        ),
    ] {
        let result = run(text.as_bytes(), plain(Kind::Json), &Shape::default()).0;
        let expected = Malformed::Json { line, byte, fault };
        match result {
            Err(DecodeError::Malformed(found)) => assert_eq!(found, expected, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
    let result = run(deep.as_bytes(), plain(Kind::Json), &Shape::default()).0;
    assert!(matches!(
        result,
        Err(DecodeError::Malformed(Malformed::Json {
            fault: TooDeep { .. },
            ..
        }))
    ));
}

#[test]
fn json_may_come_in_pieces_of_any_size() {
    let text = "\u{feff}[{\"a\":\"é\\\"\"},\n {\"a\":\"b\"}]\n";
    let shape = Shape::of(&[("a", DataType::Utf8)]);
    for piece in 1..8 {
        let mut input = Drip {
            bytes: text.as_bytes(),
            piece,
            fails: None,
        };
        let decoded = decode(
            Bytes::Stream(&mut input),
            plain(Kind::Json),
            terms(&crate::config::Definition::default(), &shape),
            &mut |_| ControlFlow::Continue(()),
        );
        assert_eq!(decoded.unwrap().rows, 2, "{piece}");
    }
}
