//! Tests: the default dialect here, the others beside.

mod dialects;
mod reference;
mod spectrum;

use arrow::datatypes::{DataType, TimeUnit};

use crate::config::Definition;
use crate::decode::testing::{Drip, grid, guess, observe, plain, run, terms};
use crate::decode::{Bytes, DecodeError, Kind, Malformed, decode};
use crate::model::Shape;

fn csv(text: &str) -> (Shape, Vec<Vec<String>>) {
    let shape = observe(text.as_bytes(), plain(Kind::Csv)).unwrap();
    let (result, batches) = run(text.as_bytes(), plain(Kind::Csv), &shape);
    assert_eq!(result.unwrap().observed, shape);
    (shape, grid(&batches))
}

fn malformed(text: &[u8]) -> Malformed {
    match run(text, plain(Kind::Csv), &Shape::default()).0 {
        Err(DecodeError::Malformed(malformed)) => malformed,
        other => panic!("{other:?}"),
    }
}

#[test]
fn values_get_the_smallest_type_that_holds_their_column() {
    let (shape, rows) = csv(
        "i,f,b,d,t,z,s\n1,1,true,2024-02-29,2024-01-01 10:00,2024-01-01T10:00Z,007\n\
         -2,2.5,FALSE,,2024-01-02,2024-01-01T10:00:00.5+02:00,x\n",
    );
    let expected = Shape::of(&[
        ("i", DataType::Int64),
        ("f", DataType::Float64),
        ("b", DataType::Boolean),
        ("d", DataType::Date32),
        ("t", DataType::Timestamp(TimeUnit::Microsecond, None)),
        (
            "z",
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        ),
        ("s", DataType::Utf8),
    ]);
    assert_eq!(shape, expected);
    assert_eq!(
        rows,
        [
            [
                "1",
                "1.0",
                "true",
                "2024-02-29",
                "2024-01-01T10:00:00",
                "2024-01-01T10:00:00Z",
                "007"
            ],
            [
                "-2",
                "2.5",
                "false",
                "-",
                "2024-01-02T00:00:00",
                "2024-01-01T08:00:00.5Z",
                "x"
            ],
        ]
    );
}

#[test]
fn widening_to_text_keeps_the_text() {
    let (_, rows) = csv("a\n1.50\n0x\n 1\n1e3\n\"say \"\"hi\"\"\"\n");
    assert_eq!(rows.concat(), ["1.50", "0x", " 1", "1e3", "say \"hi\""]);
}

#[test]
fn line_ends_quotes_blank_lines_and_marks_are_taken_as_they_come() {
    for text in [
        "a,b\n1,x\n2,y\n",
        "a,b\r\n1,x\r\n2,y\r\n",
        "a,b\r1,x\r2,y",
        "\u{feff}a,b\n1,x\n2,y",
        "\n\n\"a\",\"b\"\n\n1,\"x\"\n\r\n2,y\n\n",
    ] {
        let (shape, rows) = csv(text);
        assert_eq!(
            shape,
            Shape::of(&[("a", DataType::Int64), ("b", DataType::Utf8)]),
            "{text:?}"
        );
        assert_eq!(rows, [["1", "x"], ["2", "y"]], "{text:?}");
    }
    let (_, rows) = csv("a,b\n\"two\nlines\",\"a,\r\nb\"\n");
    assert_eq!(rows, [["two\nlines", "a,\r\nb"]]);
}

#[test]
fn empty_fields_are_null_quoted_or_not() {
    let (shape, rows) = csv("a,b\n,\"\"\n\"\",\n");
    assert_eq!(
        shape,
        Shape::of(&[("a", DataType::Null), ("b", DataType::Null)])
    );
    assert_eq!(rows, [["-", "-"], ["-", "-"]]);
}

#[test]
fn an_empty_file_has_no_columns_and_a_header_alone_has_no_rows() {
    for text in ["", "\n\r\n", "\u{feff}"] {
        let (result, batches) = run(
            text.as_bytes(),
            plain(Kind::Csv),
            &Shape::of(&[("a", DataType::Int64)]),
        );
        let decoded = result.unwrap();
        assert_eq!(
            (decoded.rows, decoded.observed),
            (0, Shape::default()),
            "{text:?}"
        );
        assert!(batches.is_empty());
    }
    let (shape, rows) = csv("a,b");
    assert_eq!(
        shape,
        Shape::of(&[("a", DataType::Null), ("b", DataType::Null)])
    );
    assert!(rows.is_empty());
}

#[test]
fn every_column_gets_its_own_name() {
    let (shape, _) = csv("a,a,,a_2,a,\n");
    let names: Vec<_> = shape
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    assert_eq!(names, ["a", "a_3", "column_3", "a_2", "a_4", "column_6"]);
}

#[test]
fn what_is_wrong_is_said_with_the_line_where_the_row_begins() {
    let ragged = |line, found, expected| Malformed::Ragged {
        line,
        found,
        expected,
    };
    for (text, expected) in [
        (&b"a,b\n1,2\n3\n"[..], ragged(3, 1, 2)),
        (b"a,b\r\n\r\n\"x\ny\",2\r\n3,4,5\r\n", ragged(5, 3, 2)),
        (b"a,b\r1,2\r3,4,5", ragged(3, 3, 2)),
        (b"\n\na\n1,2", ragged(4, 2, 1)),
        (
            b"a\n1\n\"never\nclosed\n",
            Malformed::UnclosedQuote { line: 3 },
        ),
        (b"\"a", Malformed::UnclosedQuote { line: 1 }),
        (b"a\nb\n\xff\n", Malformed::NotUtf8 { line: 3 }),
        (b"a,b\n\xc3,\xa9\n", Malformed::NotUtf8 { line: 2 }),
        (b"\xff\n", Malformed::NotUtf8 { line: 1 }),
    ] {
        assert_eq!(
            malformed(text),
            expected,
            "{:?}",
            String::from_utf8_lossy(text)
        );
    }
}

#[test]
fn a_bad_row_behind_a_misfit_makes_the_file_malformed() {
    let shape = Shape::of(&[("a", DataType::Int64)]);
    let (result, _) = run(b"a\n1\nx\n1,2\n", plain(Kind::Csv), &shape);
    assert!(matches!(
        result,
        Err(DecodeError::Malformed(Malformed::Ragged { line: 4, .. }))
    ));
}

#[test]
fn a_misfit_tells_what_the_whole_file_holds() {
    let shape = Shape::of(&[
        ("a", DataType::Int64),
        ("b", DataType::Utf8),
        ("c", DataType::Utf8),
    ]);
    let (result, _) = run(b"a,b\n1,2\n2.5,\n7,true\n", plain(Kind::Csv), &shape);
    let Err(DecodeError::Misfit { observed }) = result else {
        panic!("{result:?}");
    };
    assert_eq!(
        observed,
        Shape::of(&[("a", DataType::Float64), ("b", DataType::Utf8)])
    );
}

#[test]
fn a_record_beyond_the_limit_is_refused() {
    let mut text = b"a\n1\n\"".to_vec();
    text.resize(66 << 20, b'x');
    assert!(matches!(
        malformed(&text),
        Malformed::RecordTooLarge { line: 3, .. }
    ));
    let wide = ",".repeat(20_000);
    assert!(matches!(
        malformed(wide.as_bytes()),
        Malformed::TooManyColumns { line: 1, .. }
    ));
}

#[test]
fn large_rows_make_small_batches() {
    let mut text = "a\n".to_owned();
    for _ in 0..20 {
        text.push_str(&"x".repeat(1 << 20));
        text.push('\n');
    }
    let (result, batches) = run(
        text.as_bytes(),
        plain(Kind::Csv),
        &Shape::of(&[("a", DataType::Utf8)]),
    );
    assert_eq!(result.unwrap().rows, 20);
    assert!(batches.len() >= 5 && batches.iter().all(|batch| batch.num_rows() <= 5));
}

#[test]
fn the_pieces_in_which_bytes_arrive_make_no_difference() {
    let text = "\u{feff}a,b\r\n1,\"x\r\ny\"\r\n\r\n2,é\r\n";
    let shape = observe(text.as_bytes(), plain(Kind::Csv)).unwrap();
    let whole = grid(&run(text.as_bytes(), plain(Kind::Csv), &shape).1);
    for piece in 1..8 {
        let mut drip = Drip {
            bytes: text.as_bytes(),
            piece,
            fails: None,
        };
        let mut batches = Vec::new();
        let mut emit = |batch| {
            batches.push(batch);
            std::ops::ControlFlow::Continue(())
        };
        decode(
            Bytes::Stream(&mut drip),
            plain(Kind::Csv),
            terms(&Definition::default(), &shape),
            &mut emit,
        )
        .unwrap();
        assert_eq!(grid(&batches), whole, "{piece}");
    }
}

#[test]
fn a_guess_does_not_look_at_the_row_that_it_cuts() {
    let mut text = "a\n".to_owned();
    text.push_str(&"1234567\n".repeat(20_000));
    text.push_str("x\n");
    let shape = guess(text.as_bytes(), plain(Kind::Csv)).unwrap();
    assert_eq!(shape, Shape::of(&[("a", DataType::Int64)]));
    let tabs = guess(b"a\tb\n1,5\t2\n", plain(Kind::Tsv)).unwrap();
    assert_eq!(
        tabs,
        Shape::of(&[("a", DataType::Utf8), ("b", DataType::Int64)])
    );
}

#[test]
fn a_text_that_ends_within_quotes_leaves_nothing_to_the_next() {
    let shape = Shape::of(&[("a", DataType::Utf8)]);
    let (broken, _) = run(b"a\n\"never closed", plain(Kind::Csv), &shape);
    assert!(matches!(
        broken,
        Err(DecodeError::Malformed(Malformed::UnclosedQuote { line: 2 }))
    ));
    let (whole, batches) = run(b"a\n\"x\"\n", plain(Kind::Csv), &shape);
    assert_eq!(whole.unwrap().rows, 1);
    assert_eq!(grid(&batches), [["x"]]);
}
