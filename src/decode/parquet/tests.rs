//! Tests.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::*;
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Int32Type, Schema, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use crate::decode::testing::{cells, grid, guess, observe, plain, run};
use crate::decode::{DecodeError, Kind, Malformed, read_rows};
use crate::model::{MAX_NESTING, ReadAt, Shape, deepest, uuid_field};

pub(in crate::decode) fn written(batch: &RecordBatch, group_rows: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(group_rows))
        .build();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn batch_of(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, array)| (name, array, true)),
    )
    .unwrap()
}

pub(in crate::decode) fn sample() -> RecordBatch {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..100));
    let names: ArrayRef = Arc::new(
        (0..100)
            .map(|row| (row % 3 > 0).then(|| format!("n{row}")))
            .collect::<StringArray>(),
    );
    let mut lists = ListBuilder::new(Float64Builder::new());
    for row in 0..100 {
        lists.append_value((0..row % 4).map(|at| Some(f64::from(at) / 2.0)));
    }
    batch_of(vec![
        ("id", ids),
        ("name", names),
        ("list", Arc::new(lists.finish())),
    ])
}

fn parquet(batch: &RecordBatch) -> (Shape, Vec<Vec<String>>) {
    let bytes = written(batch, 1000);
    let shape = observe(&bytes, plain(Kind::Parquet)).unwrap();
    assert_eq!(guess(&bytes, plain(Kind::Parquet)).unwrap(), shape);
    let (result, batches) = run(&bytes, plain(Kind::Parquet), &shape);
    assert_eq!(result.unwrap().observed, shape);
    (shape, grid(&batches))
}

#[test]
fn rows_come_back_as_they_were_written() {
    let (shape, rows) = parquet(&sample());
    let list = DataType::List(Field::new_list_field(DataType::Float64, true).into());
    let expected = Shape::of(&[
        ("id", DataType::Int64),
        ("name", DataType::Utf8),
        ("list", list),
    ]);
    assert_eq!(shape, expected);
    assert_eq!(rows.len(), 100);
    assert_eq!(rows[3], ["3", "-", "[0.0,0.5,1.0]"]);
    assert_eq!(rows[4], ["4", "n4", "[]"]);
}

#[test]
fn foreign_layouts_become_canonical_types() {
    let dictionary: DictionaryArray<Int32Type> =
        vec![Some("x"), None, Some("x")].into_iter().collect();
    let millis = TimestampMillisecondArray::from(vec![1500, -1, 0]).with_timezone("+02:00");
    let nanos = TimestampNanosecondArray::from(vec![1, 2, 1_000_000_001]);
    let fields = vec![
        Field::new("z", DataType::Int32, false),
        Field::new("a", DataType::LargeUtf8, true),
    ];
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from(vec![1, 2, 3])),
        Arc::new(LargeStringArray::from(vec!["p", "q", "r"])),
    ];
    let (shape, rows) = parquet(&batch_of(vec![
        ("d", Arc::new(dictionary)),
        ("ms", Arc::new(millis)),
        ("ns", Arc::new(nanos)),
        (
            "s",
            Arc::new(StructArray::new(fields.into(), columns, None)),
        ),
        (
            "b",
            Arc::new(LargeBinaryArray::from_vec(vec![b"\x00\xff", b"", b"z"])),
        ),
        ("u", Arc::new(UInt64Array::from(vec![u64::MAX, 0, 1]))),
        (
            "v",
            Arc::new(StringViewArray::from(vec![
                "short",
                "a long enough string",
                "",
            ])),
        ),
    ]));
    let inner = vec![
        Field::new("a", DataType::Utf8, true),
        Field::new("z", DataType::Int32, true),
    ];
    let expected = Shape::of(&[
        ("d", DataType::Utf8),
        (
            "ms",
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        ),
        ("ns", DataType::Timestamp(TimeUnit::Nanosecond, None)),
        ("s", DataType::Struct(inner.into())),
        ("b", DataType::Binary),
        ("u", DataType::UInt64),
        ("v", DataType::Utf8),
    ]);
    assert_eq!(shape, expected);
    assert_eq!(
        rows[0],
        [
            "x",
            "1970-01-01T00:00:01.5Z",
            "1970-01-01T00:00:00.000000001",
            r#"{"a":"p","z":1}"#,
            "00ff",
            "18446744073709551615",
            "short"
        ]
    );
}

#[test]
fn a_wider_shape_is_cast_to_and_a_narrower_one_is_a_misfit() {
    let bytes = written(&sample(), 1000);
    let wide = Shape::of(&[
        ("list", DataType::Utf8),
        ("name", DataType::Utf8),
        ("id", DataType::Float64),
    ]);
    let (result, batches) = run(&bytes, plain(Kind::Parquet), &wide);
    assert_eq!(result.unwrap().rows, 100);
    assert_eq!(grid(&batches)[4], ["4.0", "n4", "[]"]);
    let narrow = Shape::of(&[
        ("id", DataType::Int32),
        ("name", DataType::Utf8),
        ("list", DataType::Utf8),
    ]);
    let (result, batches) = run(&bytes, plain(Kind::Parquet), &narrow);
    assert!(matches!(result, Err(DecodeError::Misfit { .. })) && batches.is_empty());
}

/// Sixteen bytes in all places where a column can have them, in fields that `field` makes.
pub(in crate::decode) fn sixteen_bytes(field: impl Fn(&str) -> Field) -> RecordBatch {
    let ids = || Arc::new(FixedSizeBinaryArray::try_from_iter([[7; 16], [8; 16]].iter()).unwrap());
    let offsets = || OffsetBuffer::from_lengths([2, 0]);
    let list = ListArray::new(field("item").into(), offsets(), ids(), None);
    let fields = vec![field("key").with_nullable(false), field("value")];
    let pairs = StructArray::new(fields.into(), vec![ids(), ids()], None);
    let entries = Field::new("entries", pairs.data_type().clone(), false);
    let map = MapArray::new(entries.into(), offsets(), pairs, None, false);
    let inner = StructArray::new(vec![field("a")].into(), vec![ids()], None);
    let fields = [
        ("list", list.data_type()),
        ("map", map.data_type()),
        ("struct", inner.data_type()),
    ];
    let nested = fields.map(|(name, data_type)| Field::new(name, data_type.clone(), true));
    let fields: Vec<Field> = [field("id")].into_iter().chain(nested).collect();
    let arrays: Vec<ArrayRef> = vec![ids(), Arc::new(list), Arc::new(map), Arc::new(inner)];
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

#[test]
fn uuids_are_known_by_the_schema_of_parquet_and_by_that_of_arrow() {
    let batch = sixteen_bytes(uuid_field);
    let mut by_parquet = Vec::new();
    let options = ArrowWriterOptions::new().with_skip_arrow_metadata(true);
    let mut writer =
        ArrowWriter::try_new_with_options(&mut by_parquet, batch.schema(), options).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let seven = "07".repeat(16);
    let eight = "08".repeat(16);
    for bytes in [written(&batch, 1000), by_parquet] {
        let shape = observe(&bytes, plain(Kind::Parquet)).unwrap();
        assert_eq!(shape, Shape::of_schema(&batch.schema()));
        let (result, batches) = run(&bytes, plain(Kind::Parquet), &shape);
        assert_eq!(result.unwrap().observed, shape);
        assert_eq!(
            grid(&batches)[0],
            [
                seven.clone(),
                format!("[\"{seven}\",\"{eight}\"]"),
                format!("{{\"{seven}\":\"{seven}\",\"{eight}\":\"{eight}\"}}"),
                format!("{{\"a\":\"{seven}\"}}"),
            ]
        );
    }
}

#[test]
fn uuids_are_read_as_plain_bytes_and_plain_bytes_not_as_uuids() {
    let uuids = sixteen_bytes(uuid_field);
    let plainly = sixteen_bytes(|name| Field::new(name, DataType::FixedSizeBinary(16), true));
    let shape = Shape::of_schema(plainly.schema_ref());
    let (result, batches) = run(&written(&uuids, 1000), plain(Kind::Parquet), &shape);
    assert_eq!(
        result.unwrap().observed,
        Shape::of_schema(uuids.schema_ref())
    );
    assert_eq!(batches, std::slice::from_ref(&plainly));
    for at in 0..plainly.num_columns() {
        let bytes = written(&plainly.project(&[at]).unwrap(), 1000);
        let shape = Shape::of_schema(uuids.project(&[at]).unwrap().schema_ref());
        let (result, batches) = run(&bytes, plain(Kind::Parquet), &shape);
        assert!(
            matches!(result, Err(DecodeError::Misfit { .. })),
            "{shape:?}"
        );
        assert_eq!(batches, []);
    }
}

#[test]
fn columns_of_one_name_are_told_apart() {
    let schema = Schema::new(vec![
        Field::new("a", DataType::Int64, true),
        Field::new("a", DataType::Utf8, true),
    ]);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![1])),
        Arc::new(StringArray::from(vec!["x"])),
    ];
    let (shape, rows) = parquet(&RecordBatch::try_new(Arc::new(schema), columns).unwrap());
    assert_eq!(
        shape,
        Shape::of(&[("a", DataType::Int64), ("a_2", DataType::Utf8)])
    );
    assert_eq!(rows, [["1", "x"]]);
}

#[test]
fn a_file_says_what_its_footer_and_its_columns_do() {
    let texts = |key: &str, text: &str| HashMap::from([(key.to_owned(), text.to_owned())]);
    let field = Field::new("a", DataType::Int64, true).with_metadata(texts("comment", "metres"));
    let schema = Schema::new_with_metadata(vec![field], texts("owner", "sea"));
    let column: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let batch = RecordBatch::try_new(Arc::new(schema), vec![column]).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    for (key, text) in [
        ("licence", Some("none")),
        ("pandas", Some("{}")),
        ("empty", None),
    ] {
        let text = text.map(str::to_owned);
        writer.append_key_value_metadata(KeyValue::new(key.to_owned(), text));
    }
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let shape = Shape::of(&[("a", DataType::Float64)]);
    let decoded = run(&bytes, plain(Kind::Parquet), &shape).0.unwrap();
    assert_eq!(
        serde_json::to_string(&decoded.comments).unwrap(),
        r#"{"file":{"licence":"none","owner":"sea"},"columns":{"a":{"comment":"metres"}}}"#
    );
}

#[test]
fn ranges_of_rows_are_read_across_row_groups() {
    let batch = sample();
    let file: Arc<dyn ReadAt> = Arc::new(written(&batch, 7));
    let all = cells(&[batch]);
    for range in [0..100, 0..0, 0..1, 6..8, 7..14, 13..50, 99..100, 100..100] {
        let mut batches = Vec::new();
        let mut emit = |batch| {
            batches.push(batch);
            ControlFlow::Continue(())
        };
        read_rows(Arc::clone(&file), range.clone(), &mut emit).unwrap();
        let (start, end) = (
            usize::try_from(range.start).unwrap(),
            usize::try_from(range.end).unwrap(),
        );
        assert_eq!(cells(&batches), all[start..end], "{range:?}");
    }
    let beyond = read_rows(file, 90..101, &mut |_| ControlFlow::Continue(()));
    assert!(matches!(
        beyond,
        Err(DecodeError::Malformed(Malformed::Content {
            kind: Kind::Parquet,
            ..
        }))
    ));
}

#[test]
fn one_large_value_that_many_rows_share_does_not_make_a_large_batch() {
    let large = "x".repeat(256 << 10);
    let array: ArrayRef = Arc::new(StringArray::from(vec![large.as_str(); 200]));
    let bytes = written(&batch_of(vec![("a", array)]), 1000);
    assert!(bytes.len() < 8 << 20, "the value is stored once");
    let (result, batches) = run(
        &bytes,
        plain(Kind::Parquet),
        &Shape::of(&[("a", DataType::Utf8)]),
    );
    assert_eq!(result.unwrap().rows, 200);
    assert!(batches.iter().all(|batch| batch.num_rows() <= 16));
}

#[test]
fn a_file_that_is_cut_anywhere_is_malformed() {
    let bytes = written(&sample(), 50);
    for len in (0..bytes.len())
        .step_by(37)
        .chain([bytes.len() - 1, 4, 8, 11, 12])
    {
        let (result, _) = run(&bytes[..len], plain(Kind::Parquet), &Shape::default());
        assert!(
            matches!(result, Err(DecodeError::Malformed(_))),
            "{len}: {result:?}"
        );
    }
}

#[test]
fn a_footer_that_claims_endless_lists_is_refused_before_room_is_made() {
    // version = 1, then the list of row groups with two billion entries.
    let footer = [0x15, 0x02, 0x39, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07, 0x00];
    let mut bytes = b"PAR1".to_vec();
    bytes.extend(footer);
    bytes.extend(u32::try_from(footer.len()).unwrap().to_le_bytes());
    bytes.extend(b"PAR1");
    let detail = "the footer claims more than it can hold".to_owned();
    match guess(&bytes, plain(Kind::Parquet)) {
        Err(DecodeError::Malformed(malformed)) => {
            assert_eq!(
                malformed,
                Malformed::Content {
                    kind: Kind::Parquet,
                    detail
                }
            );
        }
        other => panic!("{other:?}"),
    }
}

/// Returns a file without rows, whose one column lies within so many groups.
fn nested_columns(groups: usize) -> Vec<u8> {
    const GROUP: [u8; 8] = [0x35, 0x02, 0x18, 0x01, b'a', 0x15, 0x02, 0x00];
    const LEAF: [u8; 8] = [0x15, 0x02, 0x25, 0x02, 0x18, 0x01, b'a', 0x00];
    let mut count = Vec::new();
    let mut left = groups + 2;
    while left > 127 {
        count.push(u8::try_from(left & 127).unwrap() | 128);
        left >>= 7;
    }
    count.push(u8::try_from(left).unwrap());
    // version = 1, then the list of columns with the root; at the end no rows and no row groups.
    let mut footer = vec![0x15, 0x02, 0x19, 0xfc];
    footer.extend(count);
    footer.extend([0x48, 0x01, b'r', 0x15, 0x02, 0x00]);
    footer.extend(GROUP.repeat(groups));
    footer.extend(LEAF);
    footer.extend([0x16, 0x00, 0x19, 0x0c, 0x00]);
    let mut bytes = b"PAR1".to_vec();
    bytes.extend(&footer);
    bytes.extend(u32::try_from(footer.len()).unwrap().to_le_bytes());
    bytes.extend(b"PAR1");
    bytes
}

#[test]
fn columns_nested_without_end_are_refused_before_the_stack_overflows() {
    let shape = guess(&nested_columns(MAX_NESTING), plain(Kind::Parquet)).unwrap();
    assert_eq!(shape.columns[0].nesting(), MAX_NESTING);
    for (groups, what) in [
        (41, "the column \"a\" is"),
        (80, "the column \"a\" is"),
        (81, "columns are"),
        (100_000, "columns are"),
    ] {
        let detail = format!("{what} nested more than 40 levels deep");
        match guess(&nested_columns(groups), plain(Kind::Parquet)) {
            Err(DecodeError::Malformed(malformed)) => {
                assert_eq!(
                    malformed,
                    Malformed::Content {
                        kind: Kind::Parquet,
                        detail
                    }
                );
            }
            other => panic!("{groups}: {other:?}"),
        }
    }
}

#[test]
fn columns_are_read_back_as_deep_as_any_may_nest() {
    let schema = deepest().to_arrow();
    let columns = schema.fields().iter();
    let columns = columns.map(|field| new_null_array(field.data_type(), 2));
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns.collect()).unwrap();
    assert_eq!(parquet(&batch).0, deepest());
}
