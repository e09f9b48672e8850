//! The old way as the measure: csv-core, one record after the other, against blocks of any size and any crew.

use std::ops::ControlFlow;

use arrow::datatypes::DataType;
use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use proptest::prelude::*;

use crate::config::{Dialect, Header, Mark, TrailingDelimiter};
use crate::crew::{Alone, Crew, Unordered};
use crate::decode::csv::splitter::{Action, Marks, Splitter};
use crate::decode::csv::{decode_in_blocks, line_of};
use crate::decode::testing::{Drip, cells};
use crate::decode::{DecodeError, Malformed};
use crate::model::{Column, Shape};
use crate::schema::TextType;

/// Splits one record into fields and returns how many bytes and LFs it took; `None` where it does not end.
fn split(text: &[u8], marks: Marks) -> Option<(usize, u64, Vec<Vec<u8>>)> {
    match marks.escape {
        Some(escape) => split_escaped(text, marks, escape),
        None => split_by_core(text, marks),
    }
}

fn split_by_core(text: &[u8], marks: Marks) -> Option<(usize, u64, Vec<Vec<u8>>)> {
    let mut reader: Reader = ReaderBuilder::new()
        .delimiter(marks.delimiter)
        .quote(marks.quote.unwrap_or(b'"'))
        .quoting(marks.quote.is_some())
        .build();
    let mut output = vec![0; text.len() + 2];
    let mut ends = vec![0; text.len() + 2];
    let (mut result, used, mut written, mut ended) =
        reader.read_record(text, &mut output, &mut ends);
    if result == ReadRecordResult::InputEmpty {
        let (again, _, more, closed) =
            reader.read_record(b"\n", &mut output[written..], &mut ends[ended..]);
        result = again;
        written += more;
        ended += closed;
    }
    if result != ReadRecordResult::Record {
        return None;
    }
    let starts = [0].into_iter().chain(ends.iter().copied());
    let fields = starts.zip(&ends[..ended]);
    let fields = fields.map(|(start, end)| output[..written][start..*end].to_vec());
    let lines = memchr::memchr_iter(b'\n', &text[..used]).count() as u64;
    Some((used, lines, fields.collect()))
}

fn split_escaped(text: &[u8], marks: Marks, escape: u8) -> Option<(usize, u64, Vec<Vec<u8>>)> {
    let mut splitter = Splitter::new(marks);
    let mut fields = vec![Vec::new()];
    for (at, byte) in text.iter().copied().chain([b'\n']).enumerate() {
        let field = fields.last_mut().unwrap();
        match splitter.step(byte) {
            Action::Drop => {}
            Action::Copy => field.push(byte),
            Action::CopyEscapeToo => field.extend([escape, byte]),
            Action::EndField => fields.push(Vec::new()),
            Action::EndRecord => {
                let used = text.len().min(at + 1);
                let lines = memchr::memchr_iter(b'\n', &text[..used]).count() as u64;
                return Some((used, lines, fields));
            }
        }
    }
    None
}

/// The line in which a record begins, and its fields.
type Record = (u64, Vec<Vec<u8>>);

/// The records of a text with the lines in which they begin, and the line of the one that never ends.
fn records(text: &[u8], marks: Marks) -> (Vec<Record>, Option<u64>) {
    let mut records = Vec::new();
    let (mut position, mut line, mut after_cr, mut in_comment) = (0, 1, false, false);
    let mut last: Vec<u8> = Vec::new();
    while let Some(byte) = text.get(position).copied() {
        if matches!(byte, b'\n' | b'\r') {
            in_comment = false;
            line += u64::from(byte == b'\r' || !after_cr);
            after_cr = byte == b'\r';
            position += 1;
            continue;
        }
        if in_comment {
            position += 1;
            continue;
        }
        if after_cr {
            after_cr = false;
            let behind = last.iter().skip(1).map(Some).chain([None]);
            let lone = last.iter().zip(behind);
            let lone = lone.filter(|(byte, next)| **byte == b'\r' && *next != Some(&b'\n'));
            line += lone.count() as u64;
        }
        if marks.comment == Some(byte) {
            in_comment = true;
            last.clear();
            continue;
        }
        let Some((used, lines, fields)) = split(&text[position..], marks) else {
            return (records, Some(line));
        };
        last = fields.concat();
        records.push((line, fields));
        after_cr = text[..position + used].ends_with(b"\r");
        line += lines + u64::from(after_cr);
        position += used;
    }
    (records, None)
}

type Rows = Vec<Vec<Option<String>>>;

/// What a text holds: its shape and its values, or what is wrong with it.
type Held = Result<(Shape, Rows), Malformed>;

fn marks(dialect: &Dialect) -> Marks {
    let byte = |mark: Option<Mark>| mark.map(Mark::byte);
    Marks {
        delimiter: byte(dialect.delimiter).unwrap(),
        quote: byte(dialect.quote),
        escape: byte(dialect.escape),
        comment: byte(dialect.comment),
    }
}

fn held(text: &[u8], dialect: &Dialect) -> Held {
    let (records, unclosed) = records(text, marks(dialect));
    let mut columns: Vec<(String, TextType)> = Vec::new();
    let mut rows = Vec::new();
    for (number, (line, mut fields)) in records.into_iter().enumerate() {
        let ends = dialect.trailing_delimiter == TrailingDelimiter::Ends;
        let texts = |fields: &[Vec<u8>]| -> Result<Vec<String>, Malformed> {
            let texts = fields.iter().map(|field| String::from_utf8(field.clone()));
            let texts = texts.collect::<Result<Vec<_>, _>>();
            texts.map_err(|_| Malformed::NotUtf8 { line })
        };
        if number == 0 {
            texts(&fields)?;
        }
        let (found, expected) = (fields.len(), columns.len());
        let may_end = match number {
            0 => found > 1,
            _ => found == expected + 1,
        };
        if may_end {
            texts(&fields)?;
        }
        if ends && may_end && fields.last().is_some_and(Vec::is_empty) {
            fields.pop();
        }
        if number == 0 {
            let name = |at: usize, name: String| match dialect.header {
                Header::Present if !name.is_empty() => name,
                _ => format!("column_{}", at + 1),
            };
            let names = texts(&fields)?.into_iter().enumerate();
            let names = names.map(|(at, text)| name(at, text)).collect();
            let names = crate::decode::unique_names(names).into_iter();
            columns = names.map(|name| (name, TextType::Null)).collect();
            if dialect.header == Header::Present {
                continue;
            }
        }
        if fields.len() != columns.len() {
            let expected = columns.len();
            return Err(match dialect.header {
                Header::Present => Malformed::Ragged {
                    line,
                    found,
                    expected,
                },
                Header::Absent => Malformed::OtherWidth {
                    line,
                    found,
                    expected,
                },
            });
        }
        let row = texts(&fields)?
            .into_iter()
            .map(|text| Some(text).filter(|text| !text.is_empty()));
        let row: Vec<Option<String>> = row.collect();
        for (value, (_, seen)) in row.iter().zip(&mut columns) {
            *seen = seen.join(value.as_deref().map_or(TextType::Null, TextType::of));
        }
        rows.push(row);
    }
    if let Some(line) = unclosed {
        return Err(Malformed::UnclosedQuote { line });
    }
    let columns = columns.into_iter();
    let columns = columns.map(|(name, seen)| Column::new(name, seen.data_type()));
    Ok((
        Shape {
            columns: columns.collect(),
        },
        rows,
    ))
}

/// The same by the way that is tested, under a shape.
fn decoded(
    text: &[u8],
    dialect: &Dialect,
    shape: &Shape,
    block_bytes: usize,
    crew: &dyn Crew,
) -> Result<(Shape, Option<Rows>), Malformed> {
    let mut batches = Vec::new();
    let mut input = Drip {
        bytes: text,
        piece: 7,
        fails: None,
    };
    let mut emit = |batch| {
        batches.push(batch);
        ControlFlow::Continue(())
    };
    match decode_in_blocks(block_bytes, &mut input, dialect, shape, crew, &mut emit) {
        Ok(decoded) => {
            assert_eq!(
                decoded.rows,
                batches.iter().map(|b| b.num_rows() as u64).sum::<u64>()
            );
            Ok((decoded.observed, Some(cells(&batches))))
        }
        Err(DecodeError::Misfit { observed }) => Ok((observed, None)),
        Err(DecodeError::Malformed(malformed)) => Err(malformed),
        Err(error) => panic!("{error:?}"),
    }
}

fn check(text: &[u8], dialect: &Dialect, block_bytes: usize) {
    let held = held(text, dialect);
    if held.is_ok() {
        let header = usize::from(dialect.header == Header::Present);
        let lines = records(text, marks(dialect)).0.into_iter().skip(header);
        let lines = lines.map(|(line, _)| Some(line)).chain([None]);
        for (row, line) in lines.enumerate() {
            let found = line_of(&mut &*text, dialect, row as u64);
            assert_eq!(found.unwrap(), line, "{:?}", String::from_utf8_lossy(text));
        }
    }
    let crews: [&dyn Crew; 2] = [&Alone, &Unordered(3)];
    let shown = || format!("{:?}", String::from_utf8_lossy(text));
    for crew in crews {
        let under = |shape: &Shape| decoded(text, dialect, shape, block_bytes, crew);
        let (shape, rows) = match &held {
            Err(malformed) => {
                assert_eq!(
                    under(&Shape::default()),
                    Err(malformed.clone()),
                    "{}",
                    shown()
                );
                continue;
            }
            Ok(held) => held,
        };
        let mut texts = shape.clone();
        for column in &mut texts.columns {
            column.data_type = DataType::Utf8;
        }
        let expected = Ok((shape.clone(), Some(rows.clone())));
        assert_eq!(under(&texts), expected, "{}", shown());
        // Under what it holds it fits, and under the type of a part of it, it is observed as a whole.
        assert!(matches!(under(shape), Ok((observed, Some(_))) if observed == *shape));
        for column in &mut texts.columns {
            column.data_type = DataType::Int64;
        }
        assert_eq!(under(&texts).unwrap().0, *shape, "{}", shown());
    }
}

/// Dialects without and with what hides quotes.
fn dialect() -> impl Strategy<Value = Dialect> {
    let marks = (
        prop::sample::select(vec![",", ";"]),
        prop::sample::select(vec!["\"", "\"", "\"", "none"]),
        prop::sample::select(vec!["none", "none", "\\"]),
        prop::sample::select(vec!["none", "none", "#"]),
    );
    (marks, any::<[bool; 2]>()).prop_map(|((delimiter, quote, escape, comment), [header, ends])| {
        let optional = |text: &str| (text != "none").then(|| Mark::parse(text)).flatten();
        Dialect {
            delimiter: optional(delimiter),
            quote: optional(quote),
            escape: optional(escape),
            comment: optional(comment),
            header: if header {
                Header::Present
            } else {
                Header::Absent
            },
            trailing_delimiter: if ends {
                TrailingDelimiter::Ends
            } else {
                TrailingDelimiter::Separates
            },
            ..Dialect::default()
        }
    })
}

fn token() -> impl Strategy<Value = &'static [u8]> {
    prop_oneof![
        40 => prop::sample::select(vec![&b"a"[..], b"1", b"\"", b"\"\"", b"\n", b"\r", b"\r\n", b" "]),
        10 => prop::sample::select(vec![&b"#"[..], b"\\", b"\xc3\xa9", b"\n\n", b"\"\n", b"\n\"", b"2024-01-01"]),
        2 => prop::sample::select(vec![&b","[..], b";"]),
        1 => prop::sample::select(vec![&b"\xc3"[..], b"\xa9"]),
    ]
}

/// A field of a table, written in some way that is not always a good one.
fn field() -> impl Strategy<Value = Vec<u8>> {
    let soup = || prop::collection::vec(token(), 0..6).prop_map(|tokens| tokens.concat());
    prop_oneof![
        4 => prop::sample::select(vec!["", "7", "-1", "1.5", "true", "x", "2024-01-01"]).prop_map(|text| text.as_bytes().to_vec()),
        6 => soup().prop_map(|text| {
            let doubled = text.iter().flat_map(|byte| vec![*byte; if *byte == b'"' { 2 } else { 1 }]);
            [vec![b'"'], doubled.collect(), vec![b'"']].concat()
        }),
        1 => soup(),
    ]
}

fn table() -> impl Strategy<Value = Vec<u8>> {
    let ends = vec![
        &b"\n"[..],
        b"\r\n",
        b"\r",
        b"\n\n",
        b"\r\n\r\n",
        b"\r\r",
        b"\n# \"\n",
    ];
    (1usize..4, prop::sample::select(vec![b',', b';'])).prop_flat_map(move |(width, delimiter)| {
        let row = prop::collection::vec(field(), width);
        let row = row.prop_map(move |fields| fields.join(&delimiter));
        let end = prop_oneof![
            3 => Just(&b"\n"[..]),
            1 => prop::sample::select(ends.clone()),
        ];
        let rows = prop::collection::vec((row, end), 1..12);
        rows.prop_map(|rows| {
            let rows = rows.into_iter().flat_map(|(row, end)| [row, end.to_vec()]);
            rows.collect::<Vec<_>>().concat()
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn any_text_is_read_as_by_the_reference(
        tokens in prop::collection::vec(token(), 0..40),
        dialect in dialect(),
        block_bytes in 1usize..70,
    ) {
        check(&tokens.concat(), &dialect, block_bytes);
    }

    #[test]
    fn any_table_is_read_as_by_the_reference(
        text in table(),
        dialect in dialect(),
        block_bytes in 1usize..70,
    ) {
        check(&text, &dialect, block_bytes);
    }
}
