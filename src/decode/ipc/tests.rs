//! Tests.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, DictionaryArray, Int64Array, RecordBatch, RunArray, StringArray, new_null_array,
};
use arrow::datatypes::{DataType, Field, Int32Type, IntervalUnit, Schema, TimeUnit};
use arrow::ipc::CompressionType;
use arrow::ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};

use crate::decode::parquet::tests::{sample, sixteen_bytes};
use crate::decode::testing::{Drip, grid, guess, observe, plain, run, terms};
use crate::decode::{Bytes, DecodeError, Kind, Malformed, decode};
use crate::model::{Shape, deepest, uuid_field};
use crate::schema::canonical;

fn options(compression: Option<CompressionType>) -> IpcWriteOptions {
    IpcWriteOptions::default()
        .try_with_compression(compression)
        .unwrap()
}

fn stream(batches: &[RecordBatch], compression: Option<CompressionType>) -> Vec<u8> {
    let schema = batches[0].schema();
    let mut writer =
        StreamWriter::try_new_with_options(Vec::new(), &schema, options(compression)).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.into_inner().unwrap()
}

/// A table in the file format, or in that of streams.
pub(crate) fn written(batches: &[RecordBatch], compression: Option<CompressionType>) -> Vec<u8> {
    let schema = batches[0].schema();
    let mut writer =
        FileWriter::try_new_with_options(Vec::new(), &schema, options(compression)).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.into_inner().unwrap()
}

fn table(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).unwrap()
}

/// Looked-up texts, runs, and a list.
pub(crate) fn mixed() -> RecordBatch {
    let words: DictionaryArray<Int32Type> = [Some("a"), None, Some("b"), Some("a")]
        .into_iter()
        .collect();
    let runs: RunArray<Int32Type> = [Some("x"), Some("x"), None, Some("y")]
        .into_iter()
        .collect();
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, Some(3), Some(4)]));
    table(vec![
        ("word", Arc::new(words)),
        ("run", Arc::new(runs)),
        ("number", numbers),
    ])
}

fn corrupt(bytes: &[u8]) -> String {
    match run(bytes, plain(Kind::Arrow), &Shape::default()).0 {
        Err(DecodeError::Malformed(Malformed::Content {
            kind: Kind::Arrow,
            detail,
        })) => detail,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_or_stream_says_what_its_schema_and_its_fields_do() {
    let texts = |text: &str| HashMap::from([("comment".to_owned(), text.to_owned())]);
    let field = Field::new("a", DataType::Int64, true).with_metadata(texts("metres"));
    let schema = Schema::new_with_metadata(vec![field], texts("of the sea"));
    let column: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let batch = RecordBatch::try_new(Arc::new(schema), vec![column]).unwrap();
    let batches = [batch];
    for bytes in [written(&batches, None), stream(&batches, None)] {
        let shape = Shape::of(&[("a", DataType::Int64)]);
        let decoded = run(&bytes, plain(Kind::Arrow), &shape).0.unwrap();
        assert_eq!(
            serde_json::to_string(&decoded.comments).unwrap(),
            r#"{"file":{"comment":"of the sea"},"columns":{"a":{"comment":"metres"}}}"#
        );
    }
}

const BODIES: [Option<CompressionType>; 3] = [
    None,
    Some(CompressionType::LZ4_FRAME),
    Some(CompressionType::ZSTD),
];

#[test]
fn files_and_streams_hold_the_same_rows_whatever_their_bodies_are_compressed_with() {
    for batch in [sample(), mixed()] {
        for compression in BODIES {
            for bytes in [
                written(&[batch.clone(), batch.clone()], compression),
                stream(&[batch.clone(), batch.clone()], compression),
            ] {
                let shape = guess(&bytes, plain(Kind::Arrow)).unwrap();
                assert_eq!(observe(&bytes, plain(Kind::Arrow)).unwrap(), shape);
                let fields = batch.schema();
                let expected = fields
                    .fields()
                    .iter()
                    .map(|field| canonical(field.data_type()));
                let found = shape.columns.iter().map(|column| column.data_type.clone());
                assert!(found.eq(expected));
                let (result, batches) = run(&bytes, plain(Kind::Arrow), &shape);
                assert_eq!(result.unwrap().rows, 2 * batch.num_rows() as u64);
                assert_eq!(grid(&batches), grid(&[batch.clone(), batch.clone()]));
            }
        }
    }
}

#[test]
fn a_stream_without_rows_or_end_mark_is_whole() {
    let batch = mixed();
    let bytes = stream(&[sample().slice(0, 0)], None);
    let shape = guess(&bytes, plain(Kind::Arrow)).unwrap();
    assert_eq!(run(&bytes, plain(Kind::Arrow), &shape).0.unwrap().rows, 0);
    let shape = guess(
        &stream(std::slice::from_ref(&batch), None),
        plain(Kind::Arrow),
    )
    .unwrap();
    let bytes = stream(&[batch], None);
    let open = &bytes[..bytes.len() - 8];
    assert_eq!(run(open, plain(Kind::Arrow), &shape).0.unwrap().rows, 4);
}

#[test]
fn a_file_that_is_cut_anywhere_is_malformed() {
    let bytes = written(&[mixed()], None);
    for len in 0..bytes.len() {
        corrupt(&bytes[..len]);
    }
    let mut bytes = stream(&[mixed()], None);
    bytes.push(0);
    assert_eq!(corrupt(&bytes), "the stream is followed by something else");
    assert_eq!(corrupt(b""), "the file is cut off");
    assert_eq!(corrupt(b"ARROW2\0\0"), "the file does not begin like one");
}

#[test]
fn a_read_that_fails_within_a_message_is_not_the_files_fault() {
    let bytes = written(&[mixed()], None);
    for len in [0, 5, 100, bytes.len() - 20, bytes.len()] {
        let mut input = Drip {
            bytes: &bytes[..len],
            piece: 7,
            fails: Some(std::io::ErrorKind::UnexpectedEof),
        };
        let result = decode(
            Bytes::Stream(&mut input),
            plain(Kind::Arrow),
            terms(&crate::config::Definition::default(), &Shape::default()),
            &mut |_| ControlFlow::Continue(()),
        );
        assert!(
            matches!(result, Err(DecodeError::Read(_))),
            "{len}: {result:?}"
        );
    }
}

#[test]
fn forged_lengths_are_refused_before_anything_is_reserved() {
    let bytes = stream(&[mixed()], None);
    let mut forged = bytes.clone();
    forged[4..8].copy_from_slice(&0x7fff_fff8_u32.to_le_bytes());
    assert!(corrupt(&forged).contains("a message claims"));
    // What a column of a compressed body says that it expands to.
    let long: ArrayRef = Arc::new(Int64Array::from(vec![7; 5000]));
    for compression in [CompressionType::LZ4_FRAME, CompressionType::ZSTD] {
        let bytes = stream(&[table(vec![("a", Arc::clone(&long))])], Some(compression));
        let claim = 40_000_u64.to_le_bytes();
        let at = bytes.windows(8).position(|bytes| bytes == claim).unwrap();
        for forged in [1 << 40, u64::MAX - 1] {
            let mut bytes = bytes.clone();
            bytes[at..at + 8].copy_from_slice(&forged.to_le_bytes());
            corrupt(&bytes);
        }
    }
}

#[test]
fn a_dictionary_of_one_large_text_is_not_copied_out_at_once() {
    let large = "x".repeat(1 << 20);
    let words: DictionaryArray<Int32Type> = std::iter::repeat_n(Some(large.as_str()), 64).collect();
    let bytes = stream(&[table(vec![("word", Arc::new(words))])], None);
    let shape = Shape::of(&[("word", DataType::Utf8)]);
    let (result, batches) = run(&bytes, plain(Kind::Arrow), &shape);
    assert_eq!(result.unwrap().rows, 64);
    assert!(batches.len() >= 16, "{}", batches.len());
}

#[test]
fn what_parquet_cannot_hold_is_refused_by_name() {
    let list = |item| Field::new_list_field(item, true).into();
    for (data_type, what) in [
        (DataType::Interval(IntervalUnit::MonthDayNano), "intervals"),
        (DataType::ListView(list(DataType::Int8)), "list views"),
        (DataType::FixedSizeBinary(0), "values without any bytes"),
        (
            DataType::List(list(DataType::Interval(IntervalUnit::DayTime))),
            "intervals",
        ),
    ] {
        let schema = Arc::new(Schema::new(vec![Field::new("c", data_type.clone(), true)]));
        let column = new_null_array(&data_type, 1);
        let batch = RecordBatch::try_new(schema, vec![column]).unwrap();
        let told = corrupt(&stream(&[batch], None));
        assert!(
            told.starts_with(&format!("the column \"c\" holds {what}")),
            "{told}"
        );
    }
}

#[test]
fn instants_come_in_the_units_of_the_lattice() {
    let text: ArrayRef = Arc::new(StringArray::from(vec!["2024-01-01T00:00:00"]));
    for (unit, zone) in [
        (TimeUnit::Second, None),
        (TimeUnit::Millisecond, Some(Arc::from("+02:00"))),
    ] {
        let kind = DataType::Timestamp(unit, zone);
        let column = arrow::compute::cast(&text, &kind).unwrap();
        let bytes = stream(&[table(vec![("at", column)])], None);
        let shape = Shape::of(&[("at", canonical(&kind))]);
        let (result, batches) = run(&bytes, plain(Kind::Arrow), &shape);
        assert_eq!(result.unwrap().observed, shape);
        assert_eq!(batches[0].column(0).data_type(), &canonical(&kind));
    }
}

#[test]
fn uuids_are_known_wherever_they_are() {
    let batch = sixteen_bytes(uuid_field);
    let expected = Shape::of_schema(batch.schema_ref());
    for bytes in [
        written(std::slice::from_ref(&batch), None),
        stream(std::slice::from_ref(&batch), None),
    ] {
        let (result, batches) = run(&bytes, plain(Kind::Arrow), &expected);
        assert_eq!(result.unwrap().observed, expected);
        assert_eq!(grid(&batches), grid(std::slice::from_ref(&batch)));
        let types = |batch: &RecordBatch| {
            let columns = batch.columns().iter();
            columns
                .map(|column| column.data_type().clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(types(&batches[0]), types(&batch));
    }
}

#[test]
fn columns_are_taken_as_deep_as_any_may_nest_and_no_deeper() {
    let write = |shape: &Shape| {
        let schema = shape.to_arrow();
        let columns = schema.fields().iter();
        let columns = columns.map(|field| new_null_array(field.data_type(), 2));
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns.collect()).unwrap();
        written(&[batch], None)
    };
    let deepest = deepest();
    assert_eq!(
        observe(&write(&deepest), plain(Kind::Arrow)).unwrap(),
        deepest
    );
    for column in deepest.columns {
        let inner = Field::new("inner", column.data_type, true);
        let deeper = Shape::of(&[(&column.name, DataType::Struct(vec![inner].into()))]);
        let name = column.name;
        assert_eq!(
            corrupt(&write(&deeper)),
            format!("the column {name:?} is nested more than 40 levels deep")
        );
    }
}
