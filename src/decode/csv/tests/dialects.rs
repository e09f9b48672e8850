//! Dialects: a table for each question, and the property that a table comes back from any of them.

use std::ops::ControlFlow;

use arrow::datatypes::DataType;
use proptest::prelude::*;

use crate::config::{Decimal, Dialect, Encoding, Header, Mark, TrailingDelimiter};
use crate::decode::testing::{Drip, cells, grid, in_dialect, plain, run_in, terms};
use crate::decode::{Bytes, Charset, DecodeError, Kind, Malformed, decode, sniff};
use crate::model::Shape;

#[expect(
    clippy::unnecessary_wraps,
    reason = "the marks of a dialect are optional"
)]
fn mark(text: &str) -> Option<Mark> {
    Some(Mark::parse(text).unwrap())
}

fn default() -> Dialect {
    Dialect::default()
}

fn observed_in(text: &[u8], kind: Kind, dialect: &Dialect) -> Result<Shape, Malformed> {
    match run_in(text, plain(kind), dialect, &Shape::default()).0 {
        Ok(decoded) => Ok(decoded.observed),
        Err(DecodeError::Misfit { observed }) => Ok(observed),
        Err(DecodeError::Malformed(malformed)) => Err(malformed),
        Err(error) => panic!("{error:?}"),
    }
}

/// The columns' names, and then the rows; the guess from the beginning has to be right about such short texts.
fn table_of(text: impl AsRef<[u8]>, dialect: &Dialect) -> Vec<Vec<String>> {
    let text = text.as_ref();
    let shape = observed_in(text, Kind::Csv, dialect).unwrap();
    let guess = sniff(
        Bytes::Stream(&mut &*text),
        plain(Kind::Csv),
        &in_dialect(dialect),
    )
    .unwrap();
    assert_eq!(guess, shape);
    let (result, batches) = run_in(text, plain(Kind::Csv), dialect, &shape);
    assert_eq!(result.unwrap().observed, shape);
    let names = shape.columns.iter().map(|column| column.name.clone());
    let mut table = vec![names.collect()];
    table.extend(grid(&batches));
    table
}

fn malformed(text: impl AsRef<[u8]>, dialect: &Dialect) -> Malformed {
    observed_in(text.as_ref(), Kind::Csv, dialect).unwrap_err()
}

fn types(text: &str, dialect: &Dialect) -> Vec<DataType> {
    let shape = observed_in(text.as_bytes(), Kind::Csv, dialect).unwrap();
    let types = shape.columns.into_iter().map(|column| column.data_type);
    types.collect()
}

#[test]
fn the_first_row_tells_the_delimiter() {
    for (text, columns) in [
        ("a,b\n1,2\n", 2),
        ("a;b\n1;2\n", 2),
        ("a\tb\n1\t2\n", 2),
        ("a|b\n1|2\n", 2),
        ("a\n", 1),
        ("a\nx;y\nz;w\n", 1),
        ("a;b,c;d\n1;2,3;4\n", 3),
        ("a,b;c\n1,2\n", 2),
        ("a|b;c\n1;2\n", 2),
        ("\"a,b,c\";d\n1;2\n", 2),
        ("\"a;\"\",b\";\"c\nd\"\n1;2\n", 2),
        ("\n\r\na;b\n1;2\n", 2),
        ("a;b", 2),
        ("\"a;b", 0),
    ] {
        let shape = observed_in(text.as_bytes(), Kind::Csv, &default());
        assert_eq!(
            shape.map_or(0, |shape| shape.columns.len()),
            columns,
            "{text:?}"
        );
    }
}

#[test]
fn a_quote_or_comment_is_never_detected_as_the_delimiter() {
    let dialect = Dialect {
        quote: mark("|"),
        comment: mark(";"),
        ..default()
    };
    assert_eq!(
        table_of("; a; comment\n|a|,|b|\n1,2\n", &dialect),
        [["a", "b"], ["1", "2"]]
    );
}

#[test]
fn a_header_longer_than_the_buffers_tells_the_delimiter_too() {
    for columns in [3_000, 16_000] {
        let names: Vec<String> = (0..columns).map(|column| format!("a,{column}")).collect();
        let text = names.join(";;") + "\n";
        let shape = observed_in(text.as_bytes(), Kind::Csv, &default());
        match shape {
            Ok(shape) => assert_eq!(shape.columns.len(), 2 * columns - 1),
            Err(error) => assert!(matches!(error, Malformed::TooManyColumns { .. }), "{error}"),
        }
    }
}

#[test]
fn a_given_delimiter_is_the_delimiter_and_tsv_is_always_tabs() {
    let dialect = Dialect {
        delimiter: mark("^"),
        ..default()
    };
    assert_eq!(
        table_of("a^b,c\n1^2,3\n", &dialect),
        [["a", "b,c"], ["1", "2,3"]]
    );
    let comma = Dialect {
        delimiter: mark(","),
        ..default()
    };
    assert_eq!(table_of("a;b\n1;2\n", &comma), [["a;b"], ["1;2"]]);
    let tabs = observed_in(b"a^b\tc;d;e\n", Kind::Tsv, &dialect).unwrap();
    assert_eq!(tabs.columns.len(), 2);
}

#[test]
fn quotes_are_what_the_dialect_says() {
    let single = Dialect {
        quote: mark("'"),
        ..default()
    };
    assert_eq!(
        table_of("a,b\n'x,''y''','\"'\n", &single),
        [["a", "b"], ["x,'y'", "\""]]
    );
    let none = Dialect {
        quote: None,
        ..default()
    };
    assert_eq!(
        table_of("a,b\n\"x,y\"\n\"\",5\"\n", &none),
        [["a", "b"], ["\"x", "y\""], ["\"\"", "5\""]]
    );
    assert_eq!(
        table_of("a,b\nx\"y\"z,\"p\"q\n", &default()),
        [["a", "b"], ["x\"y\"z", "pq"]]
    );
}

#[test]
fn an_escape_makes_a_mark_plain_text_and_else_stands_for_itself() {
    let dialect = Dialect {
        escape: mark("\\"),
        comment: mark("#"),
        ..default()
    };
    for (field, value) in [
        (r"x\,y", "x,y"),
        (r#""say \"hi\"""#, "say \"hi\""),
        (r#""say ""hi""""#, "say \"hi\""),
        (r"C:\new\table", r"C:\new\table"),
        (r#""C:\new""#, r"C:\new"),
        (r"\\N", r"\N"),
        (r"\N", r"\N"),
        (r"\#1", "#1"),
        (r#"\"q"#, "\"q"),
        ("two\\\nlines", "two\nlines"),
        ("two\\\r\\\nlines", "two\r\nlines"),
        ("\"two\\\r\nlines\"", "two\r\nlines"),
        ("\"two\r\nlines\"", "two\r\nlines"),
    ] {
        let text = format!("a,b\n{field},1\nz,2\n");
        let expected = [["a", "b"], [value, "1"], ["z", "2"]];
        assert_eq!(table_of(&text, &dialect), expected, "{field}");
    }
    assert_eq!(
        malformed("a,b\n\"two\\\nlines\",1\n3\n", &dialect),
        Malformed::Ragged {
            line: 4,
            found: 1,
            expected: 2
        }
    );
    assert_eq!(
        malformed("a,b\n1,\"x\\\"\n", &dialect),
        Malformed::UnclosedQuote { line: 2 }
    );
}

#[test]
fn a_dump_of_mysql_is_read_as_it_is() {
    let dialect = Dialect {
        delimiter: mark("tab"),
        quote: None,
        escape: mark("\\"),
        header: Header::Absent,
        null: vec!["\\N".to_owned()],
        ..default()
    };
    assert_eq!(
        table_of("1\t\"a\\\tb\"\n\\N\tc\\\nd\n", &dialect),
        [["column_1", "column_2"], ["1", "\"a\tb\""], ["-", "c\nd"]]
    );
}

#[test]
fn comments_are_lines_that_begin_with_the_mark() {
    let dialect = Dialect {
        comment: mark("#"),
        ..default()
    };
    for text in [
        "#c\n# \"x,\n\na,b\n#\n1,x#y\n \n\"#\",2\n#end",
        "#c\r#d\ra,b\r1,x#y\r\r#e\r \r\"#\",2\r#end\r",
    ] {
        let text = text.replace(" \n", "").replace(" \r", "");
        assert_eq!(
            table_of(&text, &dialect),
            [["a", "b"], ["1", "x#y"], ["#", "2"]],
            "{text:?}"
        );
    }
    assert_eq!(
        table_of("#a,b\n1,2\n", &default()),
        [["#a", "b"], ["1", "2"]]
    );
}

#[test]
fn without_a_header_the_columns_are_counted_or_named() {
    let absent = Dialect {
        header: Header::Absent,
        ..default()
    };
    assert_eq!(
        table_of("1,x\n2,y\n", &absent),
        [["column_1", "column_2"], ["1", "x"], ["2", "y"]]
    );
    let named = Dialect {
        columns: vec!["id".to_owned(), "name".to_owned()],
        ..absent.clone()
    };
    assert_eq!(table_of("1,x", &named), [["id", "name"], ["1", "x"]]);
    let renamed = Dialect {
        header: Header::Present,
        ..named.clone()
    };
    assert_eq!(
        table_of("a,b\n1,x\n", &renamed),
        [["id", "name"], ["1", "x"]]
    );
    let other = |line, found, expected| Malformed::OtherWidth {
        line,
        found,
        expected,
    };
    assert_eq!(malformed("1,2\n3\n", &absent), other(2, 1, 2));
    assert_eq!(malformed("\n1,2,3\n", &named), other(2, 3, 2));
    assert_eq!(malformed("a\n1\n", &renamed), other(1, 1, 2));
    assert_eq!(table_of("", &named), [[] as [&str; 0]]);
}

#[test]
fn skipped_lines_are_lines_whatever_is_in_them() {
    let dialect = Dialect {
        skip_lines: 2,
        ..default()
    };
    for text in [
        "\"junk;;;\n\n a;b\n1;2\n",
        "junk\r\n\r\n a;b\r\n1;2",
        "junk\r\r a;b\r1;2\r",
    ] {
        assert_eq!(
            table_of(text, &dialect),
            [[" a", "b"], ["1", "2"]],
            "{text:?}"
        );
    }
    assert_eq!(table_of("one\ntwo", &dialect), [[] as [&str; 0]]);
    assert_eq!(
        malformed("x\ny\na,b\n\n1\n", &dialect),
        Malformed::Ragged {
            line: 5,
            found: 1,
            expected: 2
        }
    );
}

#[test]
fn null_tokens_are_null_quoted_or_not_and_nothing_else_is() {
    let dialect = Dialect {
        null: vec!["NA".to_owned(), "\\N".to_owned()],
        ..default()
    };
    let text = "NA,b\n1,NA\n\\N,\"NA\"\nNA,na\n";
    assert_eq!(
        table_of(text, &dialect),
        [["NA", "b"], ["1", "-"], ["-", "-"], ["-", "na"]]
    );
    assert_eq!(types(text, &dialect), [DataType::Int64, DataType::Utf8]);
    assert_eq!(types(text, &default()), [DataType::Utf8, DataType::Utf8]);
}

#[test]
fn a_delimiter_at_the_end_of_lines_ends_them_where_the_dialect_says_so() {
    let ends = Dialect {
        trailing_delimiter: TrailingDelimiter::Ends,
        ..default()
    };
    for text in ["a,b,\n1,2,\n3,,\n", "a,b\n1,2,\n3,,\n", "a,b,\n1,2\n3,\n"] {
        assert_eq!(
            table_of(text, &ends),
            [["a", "b"], ["1", "2"], ["3", "-"]],
            "{text:?}"
        );
    }
    let named = Dialect {
        header: Header::Absent,
        columns: vec!["x".to_owned(), "y".to_owned()],
        ..ends.clone()
    };
    assert_eq!(table_of("1,2,\n", &named), [["x", "y"], ["1", "2"]]);
    assert_eq!(table_of("1,\n", &named), [["x", "y"], ["1", "-"]]);
    assert_eq!(
        malformed("a,b,\n1,2,3\n", &ends),
        Malformed::Ragged {
            line: 2,
            found: 3,
            expected: 2
        }
    );
    assert_eq!(
        table_of("a,b,\n1,2,\n", &default()),
        [["a", "b", "column_3"], ["1", "2", "-"]]
    );
}

fn utf16(text: &str, little: bool) -> Vec<u8> {
    let bytes = |unit: u16| {
        if little {
            unit.to_le_bytes()
        } else {
            unit.to_be_bytes()
        }
    };
    text.encode_utf16().flat_map(bytes).collect()
}

#[test]
fn encodings_are_told_by_their_mark_or_given() {
    let text = "a;b\n\"é\n\";😀\n";
    let expected = [["a", "b"], ["é\n", "😀"]];
    let with = |encoding| Dialect {
        encoding,
        ..default()
    };
    for little in [true, false] {
        let marked = utf16(&format!("\u{feff}{text}"), little);
        assert_eq!(table_of(&marked, &default()), expected);
        assert_eq!(table_of(&marked, &with(Encoding::Utf16)), expected);
    }
    assert_eq!(
        table_of(utf16(text, true), &with(Encoding::Utf16)),
        expected
    );
    assert_eq!(table_of(text, &with(Encoding::Utf8)), expected);
    assert_eq!(
        table_of(format!("\u{feff}{text}"), &with(Encoding::Utf8)),
        expected
    );
    assert_eq!(
        table_of(b"a,b\n\xe9,\x85x\n", &with(Encoding::Latin1)),
        [["a", "b"], ["é", "\u{85}x"]]
    );
    assert_eq!(
        table_of(b"a,b\n\xe9,\x80x\n", &with(Encoding::Windows1252)),
        [["a", "b"], ["é", "€x"]]
    );
}

#[test]
fn what_is_not_valid_in_the_encoding_is_told_with_its_line() {
    let with = |encoding| Dialect {
        encoding,
        ..default()
    };
    let not = |line, charset| Malformed::NotText { line, charset };
    assert_eq!(
        malformed(b"a\n1\n\x81\n", &with(Encoding::Windows1252)),
        not(3, Charset::Windows1252)
    );
    let mut lone = utf16("\u{feff}a\n1\n2\n", true);
    lone.extend([0x00, 0xd8, b'\n', 0]);
    assert_eq!(malformed(&lone, &default()), not(4, Charset::Utf16Le));
    let mut odd = utf16("\u{feff}a\n1\n", false);
    odd.push(0);
    assert_eq!(malformed(&odd, &default()), not(3, Charset::Utf16Be));
    let mut half = utf16("\u{feff}a\n1\n", true);
    half.extend([0x3d, 0xd8]);
    assert_eq!(malformed(&half, &default()), not(3, Charset::Utf16Le));
    for bytes in [&b"\xff\xfe\0\0a\0\0\0"[..], b"a\n\xe9\n"] {
        assert!(matches!(
            malformed(bytes, &default()),
            Malformed::NotUtf8 { .. }
        ));
    }
    let marked = utf16("\u{feff}a\n", true);
    assert_eq!(
        malformed(&marked, &with(Encoding::Utf8)),
        Malformed::NotUtf8 { line: 1 }
    );
}

#[test]
fn a_decimal_comma_makes_numbers_and_a_point_makes_text() {
    let dialect = Dialect {
        decimal: Decimal::Comma,
        ..default()
    };
    let float = DataType::Float64;
    for (rows, kind, values) in [
        ("1,5\n-2\n", float.clone(), ["1.5", "-2.0"]),
        ("1,5\n\"0,25e1\"\n", float, ["1.5", "2.5"]),
        ("1,5\n1.5\n", DataType::Utf8, ["1,5", "1.5"]),
        ("1.5\n2.5\n", DataType::Utf8, ["1.5", "2.5"]),
        ("1.500,5\n2\n", DataType::Utf8, ["1.500,5", "2"]),
        ("1\n2\n", DataType::Int64, ["1", "2"]),
        ("true\n1,5\n", DataType::Utf8, ["true", "1,5"]),
        ("2024-01-01\n1,5\n", DataType::Utf8, ["2024-01-01", "1,5"]),
    ] {
        let text = format!("a\n{rows}");
        assert_eq!(types(&text, &dialect), [kind], "{rows}");
        let rows = table_of(&text, &dialect);
        assert_eq!(rows[1..].concat(), values, "{rows:?}");
    }
    // A guess that is too narrow, or too wide, changes nothing.
    for guess in [DataType::Int64, DataType::Float64, DataType::Date32] {
        let shape = Shape::of(&[("a", guess)]);
        let (result, _) = run_in(b"a\n7\n1,5\n1.5\n", plain(Kind::Csv), &dialect, &shape);
        let Err(DecodeError::Misfit { observed }) = result else {
            panic!("{result:?}");
        };
        assert_eq!(observed, Shape::of(&[("a", DataType::Utf8)]));
    }
}

#[test]
fn a_decimal_comma_is_not_detected_as_the_delimiter() {
    let header = Dialect {
        decimal: Decimal::Comma,
        ..default()
    };
    let rows = Dialect {
        header: Header::Absent,
        ..header.clone()
    };
    assert_eq!(
        table_of("a,b,c;d\n1,5;2\n", &header),
        [["a,b,c", "d"], ["1.5", "2"]]
    );
    assert_eq!(
        table_of("a,b\n\"1,5\",2\n", &header),
        [["a", "b"], ["1.5", "2"]]
    );
    assert_eq!(
        table_of("1,5\n2,5\n", &rows),
        [["column_1"], ["1.5"], ["2.5"]]
    );
}

#[test]
fn lines_are_counted_whatever_ends_them() {
    let ragged = |line| Malformed::Ragged {
        line,
        found: 1,
        expected: 2,
    };
    for (text, line) in [
        ("a,b\r\"x\ry\",2\r3\r", 4),
        ("a,b\r\n\"x\r\ny\",2\r\n3\r\n", 4),
        ("a,b\n\"x\ny\",2\n3\n", 4),
        ("a,b\r\"x\r\ny\",2\r\r3\r", 5),
        ("a,b\n1,2\r\n1,2\r3", 4),
    ] {
        assert_eq!(malformed(text, &default()), ragged(line), "{text:?}");
    }
}

#[test]
fn two_files_of_two_dialects_hold_the_same_rows() {
    assert_eq!(
        table_of("a,b\n1,x\n", &default()),
        table_of("\u{feff}a;b\r\n1;x\r\n", &default())
    );
}

#[derive(Debug, Clone)]
struct Written {
    dialect: Dialect,
    line_end: &'static str,
    enclose: bool,
}

/// A dialect and how it is written; `detected` leaves the delimiter to be found.
fn written() -> impl Strategy<Value = Written> {
    let marks = (
        prop::sample::select(vec![",", ";", "tab", "|", "^", " "]),
        prop::sample::select(vec!["\"", "'", "none"]),
        prop::sample::select(vec!["\\", "!", "none"]),
        prop::sample::select(vec!["#", "none"]),
    );
    let encodings = vec![
        Encoding::Auto,
        Encoding::Utf16,
        Encoding::Latin1,
        Encoding::Windows1252,
    ];
    let rest = (
        any::<[bool; 5]>(),
        0u64..3,
        prop::sample::select(encodings),
        prop::sample::select(vec!["\n", "\r\n", "\r"]),
    );
    (marks, rest).prop_map(
        |((delimiter, quote, escape, comment), (flags, skip_lines, encoding, line_end))| {
            let [header, trailing, comma, detected, enclose] = flags;
            let optional = |text: &str| {
                if text == "none" {
                    None
                } else {
                    Mark::parse(text)
                }
            };
            // Where nothing encloses and nothing escapes, most values could not be written.
            let quote = optional(quote);
            let escape = optional(escape).or(if quote.is_none() { mark("\\") } else { None });
            let detected = detected && header && !matches!(delimiter, "^" | " ");
            let dialect = Dialect {
                delimiter: if detected { None } else { mark(delimiter) },
                quote,
                escape,
                comment: optional(comment),
                header: if header {
                    Header::Present
                } else {
                    Header::Absent
                },
                columns: Vec::new(),
                skip_lines,
                null: vec!["NA".to_owned()],
                trailing_delimiter: if trailing {
                    TrailingDelimiter::Ends
                } else {
                    TrailingDelimiter::Separates
                },
                encoding,
                decimal: if comma {
                    Decimal::Comma
                } else {
                    Decimal::Point
                },
            };
            Written {
                dialect,
                line_end,
                enclose,
            }
        },
    )
}

impl Written {
    fn field(&self, value: &str, delimiter: char) -> String {
        let dialect = &self.dialect;
        let [quote, escape, comment] =
            [dialect.quote, dialect.escape, dialect.comment].map(|mark| mark.map(char::from));
        let special = |c: char| {
            c == delimiter || c == '\n' || c == '\r' || [quote, escape, comment].contains(&Some(c))
        };
        let needed = value.chars().any(special);
        match (quote, escape) {
            (Some(quote), _) if needed || self.enclose => {
                let mut inner = String::new();
                for c in value.chars() {
                    match escape {
                        Some(escape) if c == escape => inner.extend([escape, c]),
                        _ if c == quote => inner.extend([quote, c]),
                        _ => inner.push(c),
                    }
                }
                format!("{quote}{inner}{quote}")
            }
            (_, Some(escape)) => {
                let mut out = String::new();
                for c in value.chars() {
                    if special(c) {
                        out.push(escape);
                    }
                    out.push(c);
                }
                out
            }
            _ => value.to_owned(),
        }
    }

    fn text(&self, rows: &[Vec<String>]) -> String {
        let dialect = &self.dialect;
        let delimiter = dialect.delimiter.map_or(';', char::from);
        let mut text = "skipped \"; line".to_owned() + self.line_end;
        text = text.repeat(usize::try_from(dialect.skip_lines).unwrap());
        for row in rows {
            if let Some(comment) = dialect.comment {
                text.push(char::from(comment));
                text.push_str("\" a comment,;|");
                text.push_str(self.line_end);
            }
            let fields: Vec<String> = row
                .iter()
                .map(|value| self.field(value, delimiter))
                .collect();
            text.push_str(&fields.join(&delimiter.to_string()));
            if dialect.trailing_delimiter == TrailingDelimiter::Ends {
                text.push(delimiter);
            }
            text.push_str(self.line_end);
        }
        text
    }

    fn bytes(&self, text: &str) -> Vec<u8> {
        match self.dialect.encoding {
            Encoding::Auto => utf16(&format!("\u{feff}{text}"), true),
            Encoding::Utf16 => utf16(&format!("\u{feff}{text}"), false),
            Encoding::Utf8 => text.as_bytes().to_vec(),
            Encoding::Latin1 | Encoding::Windows1252 => {
                text.chars().map(|c| u8::try_from(c).unwrap()).collect()
            }
        }
    }
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => (-50i64..50).prop_map(|number| number.to_string()),
        2 => "[0-9]{1,2}[.,][0-9]{1,2}",
        1 => prop::sample::select(vec!["true", "NA", "", "2024-02-29", "2024-02-29 10:00"]).prop_map(str::to_owned),
        4 => "[a-cé,;|#'\"\\\\!\t\n\r^ ]{0,5}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn a_table_comes_back_from_every_dialect(
        written in written(),
        rows in prop::collection::vec(prop::collection::vec(value(), 3), 1..8),
        piece in 1usize..40,
    ) {
        let mut lines = Vec::new();
        if written.dialect.header == Header::Present {
            lines.push(vec!["a".to_owned(), "b".to_owned(), "c".to_owned()]);
        }
        lines.extend(rows.clone());
        let bytes = written.bytes(&written.text(&lines));
        let dialect = &written.dialect;
        let observed = observed_in(&bytes, Kind::Csv, dialect)
            .map_err(|error| TestCaseError::fail(error.to_string()))?;
        // As text, every value is what was written, and so it is however the bytes arrive.
        let mut texts = observed.clone();
        texts.columns.iter_mut().for_each(|column| column.data_type = DataType::Utf8);
        let mut drip = Drip { bytes: &bytes, piece, fails: None };
        let mut batches = Vec::new();
        let decoded = decode(Bytes::Stream(&mut drip), plain(Kind::Csv), terms(&in_dialect(dialect), &texts), &mut |batch| {
            batches.push(batch);
            ControlFlow::Continue(())
        });
        prop_assert_eq!(decoded.unwrap().observed, observed.clone());
        let expected: Vec<Vec<Option<String>>> = rows.iter()
            .map(|row| row.iter().map(|value| Some(value.clone()).filter(|value| !value.is_empty() && value != "NA")).collect())
            .collect();
        prop_assert_eq!(cells(&batches), expected.clone());
        // And its type does not depend on the dialect it was written in, but for the decimal comma.
        let plain_text = Written { dialect: Dialect { decimal: dialect.decimal, null: dialect.null.clone(), delimiter: mark(";"), ..default() }, line_end: "\n", enclose: true };
        lines.splice(..lines.len() - rows.len(), [vec!["a".to_owned(), "b".to_owned(), "c".to_owned()]]);
        let same = observed_in(plain_text.text(&lines).as_bytes(), Kind::Csv, &plain_text.dialect).unwrap();
        let kinds = |shape: &Shape| shape.columns.iter().map(|column| column.data_type.clone()).collect::<Vec<_>>();
        prop_assert_eq!(kinds(&same), kinds(&observed));
        prop_assert!(run_in(&bytes, plain(Kind::Csv), dialect, &observed).0.is_ok());
    }
}
