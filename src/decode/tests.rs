//! Tests that concern all formats: compression, failing reads, and properties.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, new_null_array};
use arrow::datatypes::{DataType, Field, TimeUnit};
use arrow::ipc::CompressionType;
use proptest::prelude::*;

use super::parquet::tests::{sample, written};
use super::testing::{Drip, cells, grid, guess, plain, run, run_by, terms};
use super::*;
use crate::model::uuid_field;
use crate::schema::{canonical, classify, fits, join_shapes, join_types, written_type};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn packed(bytes: &[u8], compression: Compression) -> Vec<u8> {
    match compression {
        Compression::None => bytes.to_vec(),
        Compression::Gzip => gzip(bytes),
        Compression::Zstd => zstd::encode_all(bytes, 1).unwrap(),
        Compression::Bzip2 => {
            let level = bzip2::Compression::fast();
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), level);
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Xz => liblzma::encode_all(bytes, 0).unwrap(),
        Compression::Lz4 => {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Snappy => {
            let mut encoder = snap::write::FrameEncoder::new(Vec::new());
            encoder.write_all(bytes).unwrap();
            encoder.into_inner().unwrap()
        }
    }
}

const COMPRESSED: [Compression; 6] = [
    Compression::Gzip,
    Compression::Zstd,
    Compression::Bzip2,
    Compression::Xz,
    Compression::Lz4,
    Compression::Snappy,
];

pub(super) const EVERY: [Compression; 7] = [
    Compression::None,
    Compression::Gzip,
    Compression::Zstd,
    Compression::Bzip2,
    Compression::Xz,
    Compression::Lz4,
    Compression::Snappy,
];

fn how(kind: Kind, compression: Compression) -> Recognised {
    Recognised {
        kind,
        compression,
        magic: Magic::Ignored,
    }
}

#[test]
fn compressed_files_hold_the_same_rows() {
    let text = b"a,b\n1,x\n2,y\n";
    let table = written(&sample(), 50);
    for compression in COMPRESSED {
        let mut bytes = packed(&text[..6], compression);
        bytes.extend(packed(&text[6..], compression));
        let shape = guess(&bytes, how(Kind::Csv, compression)).unwrap();
        let (result, batches) = run(&bytes, how(Kind::Csv, compression), &shape);
        assert_eq!(result.unwrap().rows, 2);
        assert_eq!(grid(&batches), [["1", "x"], ["2", "y"]]);

        let bytes = packed(&table, compression);
        let how = how(Kind::Parquet, compression);
        let shape = guess(&bytes, how).unwrap();
        assert_eq!(grid(&run(&bytes, how, &shape).1), grid(&[sample()]));
    }
}

#[test]
fn a_cut_or_dirty_compressed_file_is_malformed() {
    let text = "a,b\n".to_owned() + &"1,x\n2,yyy\n".repeat(2000);
    for compression in COMPRESSED {
        let how = how(Kind::Csv, compression);
        let shape = Shape::of(&[("a", DataType::Int64), ("b", DataType::Utf8)]);
        let whole = packed(text.as_bytes(), compression);
        for len in 0..whole.len() {
            let (result, _) = run(&whole[..len], how, &shape);
            if compression == Compression::Snappy && result.is_ok() {
                // Between two chunks; there is one behind the header.
                assert_eq!(len, 10);
                continue;
            }
            let Err(DecodeError::Malformed(malformed)) = result else {
                panic!("{compression} cut at {len}: {result:?}");
            };
            assert_eq!(malformed, Malformed::Truncated { compression }, "{len}");
        }
        let mut dirty = whole.clone();
        dirty.extend(b"garbage behind the end");
        let Err(DecodeError::Malformed(malformed)) = run(&dirty, how, &shape).0 else {
            panic!("{compression}: garbage is taken");
        };
        match malformed {
            Malformed::Corrupt { .. } => assert_eq!(compression, Compression::Snappy),
            other => assert_eq!(other, Malformed::Trailing { compression }),
        }
        let (result, _) = run(text.as_bytes(), how, &shape);
        assert!(
            matches!(
                result,
                Err(DecodeError::Malformed(Malformed::Corrupt { .. }))
            ),
            "{result:?}"
        );
    }
}

#[test]
fn padding_between_members_is_skipped() {
    let shape = Shape::of(&[("a", DataType::Int64)]);
    let skippable = b"\x53\x2a\x4d\x18\x03\0\0\0abc".to_vec();
    for (compression, padding) in [
        (Compression::Xz, vec![0; 8]),
        (Compression::Lz4, skippable.clone()),
        (Compression::Zstd, skippable),
    ] {
        let mut bytes = packed(b"a\n1\n", compression);
        bytes.extend(&padding);
        bytes.extend(packed(b"2\n", compression));
        bytes.extend(&padding);
        let (result, _) = run(&bytes, how(Kind::Csv, compression), &shape);
        assert_eq!(result.unwrap().rows, 2, "{compression}");
    }
}

#[test]
fn first_bytes_win_over_a_name_where_the_format_is_told_by_the_name() {
    let shape = Shape::of(&[("a", DataType::Int64)]);
    for compression in COMPRESSED {
        for named in [Compression::None, Compression::Gzip, Compression::Xz] {
            let mut how = how(Kind::Csv, named);
            how.magic = Magic::Heeded;
            let (result, _) = run(&packed(b"a\n1\n", compression), how, &shape);
            assert_eq!(result.unwrap().rows, 1, "{compression} named {named}");

            how.kind = Kind::Parquet;
            let file: Arc<dyn ReadAt> = Arc::new(packed(&written(&sample(), 50), compression));
            let guess = sniff(Bytes::Random(file), how, &Definition::default());
            assert!(guess.is_ok(), "{compression} named {named}: {guess:?}");
        }
        let (result, _) = run(
            &packed(b"a\n1\n", compression),
            plain(Kind::Csv),
            &Shape::default(),
        );
        assert!(
            !matches!(result, Ok(Decoded { rows: 1, .. })),
            "{compression} without being asked for"
        );
    }
    // Three letters are not enough.
    let mut how = plain(Kind::Csv);
    how.magic = Magic::Heeded;
    assert_eq!(guess(b"BZh9,b\n1,2\n", how).unwrap().columns.len(), 2);
}

#[test]
fn a_file_that_expands_without_measure_is_refused() {
    let megabyte = b"12345678".repeat(128 << 10);
    for (compression, times) in [
        (Compression::Zstd, 80),
        (Compression::Bzip2, 80),
        (Compression::Xz, 80),
        // Below the limit, and above it in too small a file.
        (Compression::Gzip, 80),
        (Compression::Lz4, 80),
        (Compression::Xz, 60),
    ] {
        let explodes = times > 60 && !matches!(compression, Compression::Gzip | Compression::Lz4);
        let bytes = packed(&megabyte, compression).repeat(times);
        let result = with_text(
            Bytes::Stream(&mut &*bytes),
            how(Kind::Csv, compression),
            &mut |text| io::copy(text, &mut io::sink()).map_err(DecodeError::Read),
        );
        let limit = 1000;
        match result {
            Ok(count) => assert!(!explodes && count == times as u64 * (1 << 20)),
            Err(DecodeError::Malformed(malformed)) => {
                assert!(explodes, "{compression}: {malformed}");
                assert_eq!(malformed, Malformed::Expands { limit });
            }
            Err(error) => panic!("{compression}: {error:?}"),
        }
    }
}

#[test]
fn a_read_that_fails_is_never_a_verdict_about_the_file() {
    for kind in [Kind::Csv, Kind::Ndjson, Kind::Json, Kind::Parquet] {
        for compression in EVERY {
            for fails in [
                io::ErrorKind::UnexpectedEof,
                io::ErrorKind::InvalidData,
                io::ErrorKind::TimedOut,
            ] {
                let bytes = packed(b"{\"a\":1}\n{\"a\":2}\n", compression);
                let input = || Drip {
                    bytes: &bytes[..bytes.len() - 3],
                    piece: 5,
                    fails: Some(fails),
                };
                let how = how(kind, compression);
                let result = decode(
                    Bytes::Stream(&mut input()),
                    how,
                    terms(&Definition::default(), &Shape::default()),
                    &mut |_| ControlFlow::Continue(()),
                );
                let Err(DecodeError::Read(error)) = result else {
                    panic!("{how:?}: {result:?}");
                };
                assert_eq!(error.kind(), fails);
                let guess = sniff(Bytes::Stream(&mut input()), how, &Definition::default());
                assert!(
                    matches!(guess, Err(DecodeError::Read(_))),
                    "{how:?}: {guess:?}"
                );
            }
        }
    }
}

/// A file that shrank, or whose disk fails, behind its length.
struct Failing(Vec<u8>, u64);

impl ReadAt for Failing {
    fn len(&self) -> u64 {
        self.0.as_slice().len() as u64
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        if offset < self.1 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.0.read_exact_at(offset, buffer)
    }
}

#[test]
fn a_parquet_file_that_cannot_be_read_is_not_corrupt() {
    let bytes = written(&sample(), 50);
    for broken in [50, bytes.len() as u64] {
        let file: Arc<dyn ReadAt> = Arc::new(Failing(bytes.clone(), broken));
        let shape = Shape::default();
        let result = decode(
            Bytes::Random(file),
            plain(Kind::Parquet),
            terms(&Definition::default(), &shape),
            &mut |_| ControlFlow::Continue(()),
        );
        assert!(matches!(result, Err(DecodeError::Read(_))), "{result:?}");
    }
}

#[test]
fn the_receiver_can_break_off() {
    let shape = Shape::of(&[("a", DataType::Int64)]);
    for (kind, bytes) in [(Kind::Csv, &b"a\n1\n"[..]), (Kind::Ndjson, b"{\"a\":1}")] {
        let result = decode(
            Bytes::Stream(&mut &*bytes),
            plain(kind),
            terms(&Definition::default(), &shape),
            &mut |_| ControlFlow::Break(()),
        );
        assert!(matches!(result, Err(DecodeError::Stopped)));
    }
}

#[test]
fn carried_rows_are_cast_by_name_and_nothing_is_added() {
    let object = |fields: Vec<Field>| DataType::Struct(fields.into());
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None]));
    let untyped: ArrayRef = Arc::new(StringArray::from(vec![None::<&str>, None]));
    let empty: ArrayRef = Arc::new(StringArray::from(vec![Some("{}"), None]));
    let batch = RecordBatch::try_from_iter([("id", ids), ("n", untyped), ("o", empty)]).unwrap();
    let inner = object(vec![Field::new("x", DataType::Int64, true)]);
    let shape = Shape::of(&[
        ("missing", DataType::Int64),
        ("o", inner),
        (
            "n",
            DataType::List(Field::new_list_field(DataType::Int64, true).into()),
        ),
        ("id", DataType::Utf8),
    ]);
    let cast = cast_batch(&batch, &shape).unwrap();
    let names: Vec<_> = cast
        .schema_ref()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    assert_eq!(names, ["id", "n", "o"]);
    assert_eq!(
        grid(&[cast]),
        [["1", "-", r#"{"x":null}"#], ["-", "-", "-"]]
    );
    let text: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
    let batch = RecordBatch::try_from_iter([("id", text)]).unwrap();
    assert!(cast_batch(&batch, &Shape::of(&[("id", DataType::Int64)])).is_err());
}

#[test]
fn a_date_becomes_an_instant_of_either_kind() {
    for zone in [None, Some(Arc::from("UTC"))] {
        let kind = DataType::Timestamp(TimeUnit::Microsecond, zone);
        let days: ArrayRef = Arc::new(arrow::array::Date32Array::from(vec![1]));
        let batch = RecordBatch::try_from_iter([("d", days)]).unwrap();
        let cast = cast_batch(&batch, &Shape::of(&[("d", kind.clone())])).unwrap();
        assert_eq!(cast.column(0).data_type(), &kind);
        assert!(grid(&[cast])[0][0].starts_with("1970-01-02T00:00:00"));
    }
}

fn cell() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => (-50i64..50).prop_map(|number| number.to_string()),
        2 => (-50i32..50).prop_map(|number| (f64::from(number) / 8.0).to_string()),
        1 => any::<bool>().prop_map(|value| value.to_string()),
        1 => (10u32..29).prop_map(|day| format!("2024-02-{day}")),
        1 => (10u32..29).prop_map(|day| format!("2024-02-{day}T10:00")),
        1 => (10u32..29).prop_map(|day| format!("2024-02-{day} 10:00:{day}Z")),
        2 => Just(String::new()),
        1 => "[a-c\",\n\r é]{0,4}",
    ]
}

fn csv_text(rows: &[Vec<String>]) -> String {
    let field = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
    let line = |row: &Vec<String>| row.iter().map(field).collect::<Vec<_>>().join(",");
    rows.iter().map(|row| line(row) + "\n").collect()
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        (-9i64..9).prop_map(Into::into),
        (-9i32..9).prop_map(|number| (f64::from(number) / 4.0).into()),
        "[a\"\n\\\\é]{0,3}".prop_map(Into::into),
        "2026-01-0[1-9](T10:00Z?)?|7|true".prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Into::into),
            prop::collection::btree_map("[abc]", inner, 0..3)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

/// The type of a JSON value, found another way.
fn type_of(value: &serde_json::Value) -> DataType {
    match value {
        serde_json::Value::Null => DataType::Null,
        serde_json::Value::Bool(_) => DataType::Boolean,
        serde_json::Value::Number(number) => classify(&number.to_string()),
        serde_json::Value::String(text) => Some(classify(text))
            .filter(DataType::is_temporal)
            .unwrap_or(DataType::Utf8),
        serde_json::Value::Array(items) => {
            let item = items
                .iter()
                .map(type_of)
                .fold(DataType::Null, |a, b| join_types(&a, &b));
            DataType::List(Field::new_list_field(item, true).into())
        }
        serde_json::Value::Object(members) => {
            let fields = members
                .iter()
                .map(|(name, value)| Field::new(name, type_of(value), true));
            canonical(&DataType::Struct(fields.collect()))
        }
    }
}

pub(super) fn quick(cases: u32) -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases)
    }
}

proptest! {
    #![proptest_config(quick(96))]

    #[test]
    fn csv_tables_come_back_with_the_smallest_types(
        rows in prop::collection::vec(prop::collection::vec(cell(), 3), 0..12),
        narrow in prop::collection::vec(cell(), 3),
    ) {
        let mut lines = vec![vec!["a".to_owned(), "b".to_owned(), "c".to_owned()]];
        lines.extend(rows.clone());
        let text = csv_text(&lines);
        let column = |at: usize| {
            let values = rows.iter().map(|row| &row[at]).filter(|cell| !cell.is_empty());
            values.fold(DataType::Null, |seen, cell| join_types(&seen, &classify(cell)))
        };
        let expected = Shape::of(&[("a", column(0)), ("b", column(1)), ("c", column(2))]);
        let guess_of = |cells: &[String]| {
            let kind = |cell: &String| if cell.is_empty() { DataType::Null } else { classify(cell) };
            Shape::of(&[("a", kind(&cells[0])), ("b", kind(&cells[1])), ("c", kind(&cells[2]))])
        };
        let texts = Shape::of(&[("a", DataType::Utf8), ("b", DataType::Utf8), ("c", DataType::Utf8)]);
        for guess in [guess_of(&narrow), expected.clone(), texts.clone()] {
            let fitting = expected.columns.iter().zip(&guess.columns).all(|(found, guessed)| {
                fits(&found.data_type, &guessed.data_type)
            });
            match run(text.as_bytes(), plain(Kind::Csv), &guess).0 {
                Ok(decoded) => prop_assert!(fitting && decoded.observed == expected && decoded.rows == rows.len() as u64),
                Err(DecodeError::Misfit { observed }) => prop_assert!(!fitting && observed == expected),
                Err(error) => prop_assert!(false, "{error:?}"),
            }
            let joined = join_shapes(&guess, &expected);
            prop_assert!(run(text.as_bytes(), plain(Kind::Csv), &joined).0.is_ok());
        }
        let plain_cells = cells(&run(text.as_bytes(), plain(Kind::Csv), &texts).1);
        let written: Vec<Vec<Option<String>>> = rows.iter()
            .map(|row| row.iter().map(|cell| Some(cell.clone()).filter(|cell| !cell.is_empty())).collect())
            .collect();
        prop_assert_eq!(plain_cells, written);
    }

    #[test]
    fn json_values_come_back_with_the_smallest_types(
        values in prop::collection::vec(json(), 1..8),
        guess in json(),
    ) {
        let lines: Vec<String> = values.iter().map(|value| format!("{}\n", serde_json::json!({"a": value}))).collect();
        let lines = lines.concat();
        let kind = values.iter().map(type_of).fold(DataType::Null, |a, b| join_types(&a, &b));
        let expected = Shape::of(&[("a", kind.clone())]);
        for guess in [Shape::of(&[("a", type_of(&guess))]), expected.clone(), Shape::default()] {
            match run(lines.as_bytes(), plain(Kind::Ndjson), &guess).0 {
                Ok(decoded) => prop_assert_eq!(decoded.observed, expected.clone()),
                Err(DecodeError::Misfit { observed }) => prop_assert_eq!(observed, expected.clone()),
                Err(error) => prop_assert!(false, "{error:?}"),
            }
            let joined = join_shapes(&guess, &expected);
            prop_assert!(run(lines.as_bytes(), plain(Kind::Ndjson), &joined).0.is_ok());
        }
        // What was written as `written_type` can be cast to any wider type, and text keeps the tokens.
        let (_, batches) = run(lines.as_bytes(), plain(Kind::Ndjson), &expected);
        let written = Shape::of(&[("a", written_type(&kind))]);
        let text = Shape::of(&[("a", DataType::Utf8)]);
        for batch in &batches {
            let stored = cast_batch(batch, &written).unwrap();
            cast_batch(&stored, &text).unwrap();
            prop_assert_eq!(&cast_batch(&stored, &expected).unwrap(), batch);
        }
        let texts = cells(&run(lines.as_bytes(), plain(Kind::Ndjson), &text).1);
        for (text, value) in texts.iter().zip(&values) {
            let plain = match value {
                serde_json::Value::Null => None,
                serde_json::Value::String(text) => Some(text.clone()),
                other => Some(other.to_string()),
            };
            prop_assert_eq!(&text[0], &plain);
        }
    }

    #[test]
    fn random_bytes_are_never_worse_than_malformed(
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(b"\",\n\r{}[]:1a\\".to_vec())], 0..200)
    ) {
        for kind in [Kind::Csv, Kind::Tsv, Kind::Ndjson, Kind::Json, Kind::Parquet, Kind::Arrow, Kind::Avro, Kind::Tar, Kind::Zip, Kind::Excel] {
            for compression in EVERY {
                survives(&bytes, how(kind, compression))?;
            }
        }
        for (kind, definition) in cuts() {
            survives_by(&bytes, plain(kind), &definition)?;
        }
    }

    #[test]
    fn damaged_files_are_never_worse_than_malformed(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        which in 0usize..11,
        from_end in any::<bool>(),
    ) {
        let (kind, bytes) = match which {
            0 => (Kind::Csv, b"a,b\n1,\"x\ny\"\n2,z\n".repeat(5)),
            2 => (Kind::Json, b"[{\"a\":1,\n\"b\":[{\"c\":\"\\u00e9\"}]},{\"a\":2}]\n".to_vec()),
            1 => (Kind::Ndjson, b"{\"a\":1,\"b\":[{\"c\":\"\\u00e9\"}]}\n".repeat(5)),
            3 => (Kind::Arrow, ipc::tests::written(&[ipc::tests::mixed()], None)),
            4 => (Kind::Arrow, ipc::tests::written(&[sample()], Some(CompressionType::ZSTD))),
            5 => (Kind::Arrow, ipc::tests::written(&[sample()], Some(CompressionType::LZ4_FRAME))),
            6 => (Kind::Avro, avro::tests::sample()),
            7 => (Kind::Tar, archive::tests::sample_tar()),
            8 => (Kind::Zip, archive::tests::sample_zip()),
            9 => (Kind::Excel, include_bytes!("../../fixtures/excel/types.xlsx").to_vec()),
            _ => (Kind::Parquet, written(&sample(), 50)),
        };
        for compression in EVERY {
            let mut bytes = packed(&bytes, compression);
            let len = bytes.len();
            for (at, byte) in &damage {
                // A Parquet file is most easily hurt at its end.
                let at = if from_end { len - 1 - at.index(len.min(600)) } else { at.index(len) };
                bytes[at] = *byte;
            }
            survives(&bytes, how(kind, compression))?;
        }
    }
}

/// How lines may be cut.
fn cuts() -> [(Kind, Definition); 2] {
    [
        (
            Kind::Regex,
            lines::tests::by_pattern("(?<a>[^,]*),?(?<b>.*)"),
        ),
        (Kind::Fixed, lines::tests::by_widths(&["a:3", ":1", "b:*"])),
    ]
}

fn survives(bytes: &[u8], how: Recognised) -> Result<(), TestCaseError> {
    survives_by(bytes, how, &Definition::default())
}

fn survives_by(
    bytes: &[u8],
    how: Recognised,
    definition: &Definition,
) -> Result<(), TestCaseError> {
    let guess = sniff(Bytes::Stream(&mut &*bytes), how, definition).unwrap_or_default();
    let observed = match run_by(bytes, how, definition, &Shape::default()).0 {
        Ok(decoded) => decoded.observed,
        Err(DecodeError::Misfit { observed }) => observed,
        Err(DecodeError::Malformed(_)) => {
            let again = run_by(bytes, how, definition, &guess).0;
            prop_assert!(
                matches!(again, Err(DecodeError::Malformed(_))),
                "{:?}",
                again
            );
            return Ok(());
        }
        Err(error) => return Err(TestCaseError::fail(format!("{error:?}"))),
    };
    let joined = join_shapes(&guess, &observed);
    let (result, batches) = run_by(bytes, how, definition, &joined);
    let decoded = result.map_err(|error| TestCaseError::fail(format!("{error:?}")))?;
    prop_assert_eq!(
        decoded.rows,
        batches
            .iter()
            .map(|batch| batch.num_rows() as u64)
            .sum::<u64>()
    );
    Ok(())
}

#[test]
fn whatever_joins_can_be_cast() {
    let instants = [
        TimeUnit::Second,
        TimeUnit::Millisecond,
        TimeUnit::Microsecond,
        TimeUnit::Nanosecond,
    ]
    .map(|unit| DataType::Timestamp(unit, Some(Arc::from("+01:00"))));
    let mut types = vec![
        DataType::Null,
        DataType::Boolean,
        DataType::Int8,
        DataType::UInt64,
        DataType::Float16,
        DataType::Float64,
        DataType::Date32,
        DataType::Date64,
        DataType::Time64(TimeUnit::Nanosecond),
        DataType::Decimal128(10, 2),
        DataType::Utf8,
        DataType::Utf8View,
        DataType::BinaryView,
        DataType::FixedSizeBinary(4),
        DataType::List(Field::new("item", DataType::FixedSizeBinary(16), true).into()),
        DataType::List(uuid_field("item").into()),
        DataType::Struct(vec![uuid_field("a")].into()),
        DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8)),
        DataType::LargeList(Field::new("element", DataType::Utf8View, true).into()),
        DataType::Struct(
            vec![
                Field::new("b", DataType::Int8, true),
                Field::new("a", DataType::Utf8, true),
            ]
            .into(),
        ),
        DataType::Timestamp(TimeUnit::Microsecond, None),
    ];
    types.extend(instants);
    let names: BTreeMap<usize, &DataType> = types.iter().enumerate().collect();
    for a in names.values() {
        for b in names.values() {
            let joined = join_types(a, b);
            let cast = super::cast::cast_array(&new_null_array(a, 2), &joined).unwrap();
            assert_eq!(cast.data_type(), &joined, "{a} with {b}");
            assert_eq!(cast.len(), 2);
        }
    }
}
