use super::*;
use crate::config::{Decimal, Definition, Encoding, Lines, Unmatched, Width, line_patterns};
use crate::decode::testing::{grid, plain, run_by};
use crate::decode::{Bytes, Charset, Kind, Malformed};
use crate::model::Column;
use arrow::datatypes::DataType;

pub(in crate::decode) fn by_pattern(pattern: &str) -> Definition {
    let patterns = line_patterns(pattern).unwrap();
    Definition {
        lines: Lines {
            patterns,
            ..Lines::default()
        },
        ..Definition::default()
    }
}

pub(in crate::decode) fn by_widths(widths: &[&str]) -> Definition {
    let widths = widths.iter().map(|text| Width::parse(text).unwrap());
    Definition {
        lines: Lines {
            widths: widths.collect(),
            ..Lines::default()
        },
        ..Definition::default()
    }
}

/// Decodes a text under what it holds, and returns its columns and rows.
fn table(text: &[u8], kind: Kind, definition: &Definition) -> (Vec<Column>, Vec<Vec<String>>) {
    let how = plain(kind);
    let observed = match run_by(text, how, definition, &Shape::default()).0 {
        Err(DecodeError::Misfit { observed }) => observed,
        other => panic!("{other:?}"),
    };
    let guess = crate::decode::sniff(Bytes::Stream(&mut &*text), how, definition).unwrap();
    assert_eq!(guess, observed);
    let (result, batches) = run_by(text, how, definition, &observed);
    assert_eq!(result.unwrap().observed, observed);
    (observed.columns, grid(&batches))
}

fn malformed(text: &[u8], kind: Kind, definition: &Definition) -> Malformed {
    match run_by(text, plain(kind), definition, &Shape::default()).0 {
        Err(DecodeError::Malformed(malformed)) => malformed,
        other => panic!("{other:?}"),
    }
}

#[test]
fn groups_are_columns_typed_like_those_of_csv() {
    let definition = by_pattern("(?<day>[^ ]+) (?:(?<n>[0-9]+)|(?<word>[a-z]+))(?: (?<rest>.*))?");
    let text = "2024-02-29 7 x y\r\n\n2024-03-01 abc\n2024-03-02 08 \n";
    let (columns, rows) = table(text.as_bytes(), Kind::Regex, &definition);
    let types: Vec<_> = columns
        .iter()
        .map(|c| (c.name.as_str(), &c.data_type))
        .collect();
    let text = &DataType::Utf8;
    assert_eq!(
        types,
        [
            ("day", &DataType::Date32),
            ("n", text),
            ("word", text),
            ("rest", text)
        ]
    );
    assert_eq!(
        rows,
        [
            ["2024-02-29", "7", "-", "x y"],
            ["2024-03-01", "-", "abc", "-"],
            ["2024-03-02", "08", "-", "-"]
        ]
    );
}

#[test]
fn a_line_that_does_not_match_is_told_or_skipped() {
    let mut definition = by_pattern("(?<n>[0-9]+)");
    let text = b"1\n2\nthree\n4\n";
    assert_eq!(
        malformed(text, Kind::Regex, &definition),
        Malformed::Unmatched { line: 3 }
    );
    definition.lines.unmatched = Unmatched::Skip;
    assert_eq!(
        table(text, Kind::Regex, &definition).1.concat(),
        ["1", "2", "4"]
    );
    assert_eq!(table(b"x\n", Kind::Regex, &definition).1.len(), 0);
}

#[test]
fn both_forms_of_syslog_are_one_table() {
    let text = "<34>Oct 11 22:14:15 a su[12]: one\n<35>1 - b app - - - two\n";
    let (columns, rows) = table(text.as_bytes(), Kind::Regex, &by_pattern("syslog"));
    let names: Vec<_> = columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "priority",
            "version",
            "timestamp",
            "host",
            "app",
            "process",
            "message_id",
            "data",
            "message"
        ]
    );
    assert_eq!(columns[0].data_type, DataType::Int64);
    assert_eq!(
        rows[0],
        [
            "34",
            "-",
            "Oct 11 22:14:15",
            "a",
            "su",
            "12",
            "-",
            "-",
            "one"
        ]
    );
    assert_eq!(rows[1], ["35", "1", "-", "b", "app", "-", "-", "-", "two"]);
}

#[test]
fn widths_are_characters_and_blanks_around_values_do_not_count() {
    let definition = by_widths(&["id:4", ":1", "name:6", "rest:*"]);
    let text = " 12 |\u{e9}l\u{e8}ve 1.5\n7   |ab\n8\n";
    let (columns, rows) = table(text.as_bytes(), Kind::Fixed, &definition);
    let types: Vec<_> = columns.iter().map(|column| &column.data_type).collect();
    assert_eq!(
        types,
        [&DataType::Int64, &DataType::Utf8, &DataType::Float64]
    );
    assert_eq!(
        rows,
        [
            ["12", "\u{e9}l\u{e8}ve", "1.5"],
            ["7", "ab", "-"],
            ["8", "-", "-"]
        ]
    );
    let narrow = by_widths(&["a:2"]);
    assert_eq!(
        malformed(b"ab  \nabc\n", Kind::Fixed, &narrow),
        Malformed::BehindColumns { line: 2 }
    );
}

#[test]
fn the_dialect_counts_for_lines_as_well() {
    let mut definition = by_widths(&["a:4", "b:4"]);
    definition.csv.skip_lines = 1;
    definition.csv.comment = Mark::parse("#");
    definition.csv.null = vec!["NA".to_owned()];
    definition.csv.decimal = Decimal::Comma;
    definition.csv.encoding = Encoding::Latin1;
    let (columns, rows) = table(
        b"NAMES\xff\n# no\n1,5 \xe9\nNA  z\n",
        Kind::Fixed,
        &definition,
    );
    assert_eq!(columns[0].data_type, DataType::Float64);
    assert_eq!(rows, [["1.5", "\u{e9}"], ["-", "z"]]);
    definition.csv.encoding = Encoding::Windows1252;
    let charset = Charset::Windows1252;
    assert_eq!(
        malformed(b"\n1   \x81\n", Kind::Fixed, &definition),
        Malformed::NotText { line: 2, charset }
    );
    definition.csv.encoding = Encoding::Auto;
    assert_eq!(
        malformed(b"\n1\xff\n", Kind::Fixed, &definition),
        Malformed::NotUtf8 { line: 2 }
    );
}

#[test]
fn a_pattern_that_would_explode_elsewhere_takes_linear_time() {
    let definition = by_pattern("(?<a>(x+x+)+y)");
    let text = [vec![b'x'; 200_000], b"\n".to_vec()].concat();
    assert_eq!(
        malformed(&text, Kind::Regex, &definition),
        Malformed::Unmatched { line: 1 }
    );
}
