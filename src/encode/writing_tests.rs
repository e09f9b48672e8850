//! What the settings about writing show in the files, read by the Parquet crate alone.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Date32Array, Decimal128Array, FixedSizeBinaryArray, Int64Array, ListArray,
    RecordBatch, StringArray, StructArray, Time64MicrosecondArray, TimestampMicrosecondArray,
    TimestampNanosecondArray, UInt32Array,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Schema};
use bytes::Bytes;
use parquet::basic::{Compression as Codec, Encoding, LogicalType, TimeUnit, Type};
use parquet::file::metadata::{
    PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData,
};
use parquet::file::properties::ReaderProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::serialized_reader::ReadOptionsBuilder;

use super::tests::{ALONE, Files, InMemory, footer, read, table};
use super::*;
use crate::config::{Compression, Direction, Encodings, SortColumn, Writing};
use crate::model::{ByteSize, uuid_field};

/// Encodes rows of member 0 into one file.
fn encode(writing: Writing, batch: &RecordBatch) -> Vec<u8> {
    let written = Files::default();
    let files = InMemory {
        files: Arc::clone(&written),
        footer: &footer,
    };
    let options = EncodeOptions {
        target_file_size: u64::MAX,
        writing,
        layout: Layout::Flat,
    };
    let mut encoder = Encoder::new(batch.schema_ref(), options, ALONE, 2, files);
    encoder.push(0, batch).unwrap();
    encoder.finish().unwrap();
    let mut files = written.lock().unwrap();
    assert_eq!(files.len(), 1);
    files.remove(0)
}

fn metadata(bytes: &[u8]) -> ParquetMetaData {
    ParquetMetaDataReader::new()
        .with_page_index_policy(PageIndexPolicy::Required)
        .parse_and_finish(&Bytes::copy_from_slice(bytes))
        .unwrap()
}

fn encodings(bytes: &[u8]) -> BTreeSet<String> {
    let metadata = metadata(bytes);
    let columns = metadata
        .row_groups()
        .iter()
        .flat_map(RowGroupMetaData::columns);
    columns
        .flat_map(|column| column.encodings().collect::<Vec<_>>())
        .map(|encoding: Encoding| encoding.to_string())
        .collect()
}

fn variants() -> Vec<Writing> {
    let plain = Writing::default;
    #[rustfmt::skip]
    let all = vec![
        plain(),
        Writing { encodings: Encodings::Plain, ..plain() },
        Writing { compression: Compression::None, ..plain() },
        Writing { row_group_rows: 1024, ..plain() },
        Writing { page_size: ByteSize(4096), ..plain() },
        Writing { bloom_filter: vec!["int".to_owned()], ..plain() },
    ];
    all
}

#[test]
fn every_file_has_statistics_and_a_page_index_whatever_is_set() {
    let table = table(9_000, 5);
    for writing in variants() {
        let bytes = encode(writing.clone(), &table);
        assert_eq!(read(&bytes), table, "{writing:?}");
        let metadata = metadata(&bytes);
        let columns = metadata
            .row_groups()
            .iter()
            .flat_map(RowGroupMetaData::columns);
        for column in columns {
            let name = column.column_path().string();
            assert!(column.statistics().is_some(), "{name} {writing:?}");
            assert!(column.column_index_offset().is_some(), "{name} {writing:?}");
            assert!(column.offset_index_offset().is_some(), "{name} {writing:?}");
        }
        let groups = metadata.num_row_groups();
        assert_eq!(metadata.column_index().unwrap().len(), groups);
        assert_eq!(metadata.offset_index().unwrap().len(), groups);
    }
}

#[test]
fn plain_leaves_it_at_values_and_dictionaries() {
    let table = table(9_000, 5);
    let writing = Writing {
        encodings: Encodings::Plain,
        ..Writing::default()
    };
    // RLE is how levels and the numbers of dictionary entries have been written since the first version.
    let old = ["PLAIN", "PLAIN_DICTIONARY", "RLE", "RLE_DICTIONARY"];
    let known: BTreeSet<String> = old.map(str::to_owned).into();
    let found = encodings(&encode(writing, &table));
    assert!(found.is_subset(&known), "{found:?}");
    let best = encodings(&encode(Writing::default(), &table));
    assert!(best.contains("DELTA_BINARY_PACKED"), "{best:?}");
}

#[test]
fn pages_are_of_the_first_version() {
    for writing in variants() {
        let bytes = Bytes::from(encode(writing, &table(3_000, 5)));
        let reader = SerializedFileReader::new(bytes).unwrap();
        let group = reader.get_row_group(0).unwrap();
        for column in 0..group.num_columns() {
            for page in group.get_column_page_reader(column).unwrap() {
                let kind = page.unwrap().page_type();
                assert_ne!(kind, parquet::basic::PageType::DATA_PAGE_V2);
            }
        }
    }
}

#[test]
fn each_codec_is_the_one_that_was_asked_for() {
    let table = table(500, 5);
    for (compression, expected) in [
        (Compression::Zstd(3), "ZSTD"),
        (Compression::Zstd(19), "ZSTD"),
        (Compression::Snappy, "SNAPPY"),
        (Compression::Lz4, "LZ4_RAW"),
        (Compression::Gzip, "GZIP"),
        (Compression::None, "UNCOMPRESSED"),
    ] {
        let writing = Writing {
            compression,
            ..Writing::default()
        };
        let bytes = encode(writing, &table);
        assert_eq!(read(&bytes), table);
        let codec: Codec = metadata(&bytes).row_group(0).column(0).compression();
        assert!(codec.to_string().starts_with(expected), "{codec}");
    }
}

#[test]
fn a_higher_level_shows_in_the_bytes() {
    let table = table(9_000, 5);
    let sizes = [1, 19].map(|level| {
        let writing = Writing {
            compression: Compression::Zstd(level),
            ..Writing::default()
        };
        encode(writing, &table).len()
    });
    assert!(sizes[1] < sizes[0], "{sizes:?}");
}

#[test]
fn row_groups_and_pages_end_where_they_are_told_to() {
    let table = table(9_000, 5);
    let writing = Writing {
        row_group_rows: 4_000,
        page_size: ByteSize(4096),
        ..Writing::default()
    };
    let bytes = encode(writing, &table);
    let small = metadata(&bytes);
    let rows: Vec<_> = small
        .row_groups()
        .iter()
        .map(RowGroupMetaData::num_rows)
        .collect();
    assert_eq!(rows, [4_000, 4_000, 1_000]);
    let pages = small.offset_index().unwrap()[0][0].page_locations().len();
    assert!(pages >= 2, "{pages}");
    let large = metadata(&encode(Writing::default(), &table));
    assert_eq!(large.num_row_groups(), 1);
    let pages = large.offset_index().unwrap()[0][0].page_locations().len();
    assert_eq!(pages, 1);
}

fn numbered(rows: i64) -> RecordBatch {
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values((0..rows).map(|n| n * 2)));
    let texts = StringArray::from_iter_values((0..rows).map(|n| format!("user {n}")));
    let columns = [("n", numbers), ("t", Arc::new(texts) as ArrayRef)];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(n, c)| (n, c, true))).unwrap()
}

fn with_filters(bytes: Vec<u8>) -> SerializedFileReader<Bytes> {
    let properties = ReaderProperties::builder()
        .set_read_bloom_filter(true)
        .build();
    let options = ReadOptionsBuilder::new().with_reader_properties(properties);
    SerializedFileReader::new_with_options(Bytes::from(bytes), options.build()).unwrap()
}

#[test]
fn a_bloom_filter_has_what_is_there_and_rules_out_most_that_is_not() {
    let writing = Writing {
        bloom_filter: vec!["n".to_owned(), "t".to_owned()],
        row_group_rows: 4_000,
        ..Writing::default()
    };
    let reader = with_filters(encode(writing, &numbered(10_000)));
    for (group, rows) in [(0, 0..4_000), (1, 4_000..8_000), (2, 8_000..10_000_i64)] {
        let group = reader.get_row_group(group).unwrap();
        let filters = [0, 1].map(|column| group.get_column_bloom_filter(column).unwrap());
        let absent = |n: i64| [n * 2 + 1, n + 1_000_000];
        let mut wrong = 0;
        for n in rows.clone() {
            assert!(filters[0].check(&(n * 2)), "{n}");
            assert!(filters[1].check(format!("user {n}").as_str()), "{n}");
            wrong += absent(n).iter().filter(|n| filters[0].check(*n)).count();
        }
        let asked = usize::try_from(rows.end - rows.start).unwrap() * 2;
        assert!(wrong * 50 < asked, "{wrong} of {asked}");
    }
}

#[test]
fn a_bloom_filter_is_as_large_as_its_values_need() {
    let writing = Writing {
        bloom_filter: vec!["n".to_owned()],
        ..Writing::default()
    };
    let lengths = [100, 10_000].map(|rows| {
        let metadata = metadata(&encode(writing.clone(), &numbered(rows)));
        let column = metadata.row_group(0).column(0);
        assert!(
            metadata
                .row_group(0)
                .column(1)
                .bloom_filter_offset()
                .is_none()
        );
        column.bloom_filter_length().unwrap()
    });
    assert!(lengths[0] < 512, "{lengths:?}");
    assert!((8_000..40_000).contains(&lengths[1]), "{lengths:?}");
}

#[test]
fn filters_are_written_for_columns_within_columns_and_not_for_those_without_values_to_rule_out() {
    let names = ["struct", "list", "bool", "missing"];
    let writing = Writing {
        bloom_filter: names.map(str::to_owned).to_vec(),
        ..Writing::default()
    };
    let metadata = metadata(&encode(writing, &table(300, 3)));
    let group = metadata.row_group(0);
    let columns = group.columns().iter();
    let filtered = columns.filter(|column| column.bloom_filter_offset().is_some());
    let filtered: Vec<_> = filtered.map(|c| c.column_path().string()).collect();
    assert_eq!(filtered, ["list.list.item", "struct.items.list.item"]);
}

#[test]
fn row_groups_say_what_they_are_sorted_by() {
    let key = |column: &str, direction| SortColumn {
        column: column.to_owned(),
        direction,
    };
    let writing = Writing {
        row_group_rows: 1024,
        sort_by: vec![
            key("decimal", Direction::Descending),
            key("list", Direction::Ascending),
            key("missing", Direction::Ascending),
            key("int", Direction::Ascending),
        ],
        ..Writing::default()
    };
    let metadata = metadata(&encode(writing, &table(3_000, 3)));
    for group in metadata.row_groups() {
        let sorted = group.sorting_columns().unwrap().iter();
        let sorted: Vec<_> = sorted
            .map(|c| (c.column_idx, c.descending, c.nulls_first))
            .collect();
        assert_eq!(sorted, [(8, true, false), (0, false, false)]);
    }
}

#[test]
fn logical_types_are_those_of_the_values() {
    let micros = |zone: Option<&str>| {
        let array = TimestampMicrosecondArray::from(vec![1]);
        Arc::new(array.with_timezone_opt(zone)) as ArrayRef
    };
    let decimal = |precision, scale| {
        let array = Decimal128Array::from(vec![1]);
        Arc::new(array.with_precision_and_scale(precision, scale).unwrap()) as ArrayRef
    };
    let nanos = TimestampNanosecondArray::from(vec![1]).with_timezone("UTC");
    let fixed = FixedSizeBinaryArray::try_from_iter([[7_u8; 16]].iter()).unwrap();
    let timestamp = LogicalType::timestamp;
    let columns: Vec<(ArrayRef, Type, Option<LogicalType>)> = vec![
        (
            micros(Some("UTC")),
            Type::INT64,
            Some(timestamp(true, TimeUnit::MICROS)),
        ),
        (
            micros(None),
            Type::INT64,
            Some(timestamp(false, TimeUnit::MICROS)),
        ),
        (
            Arc::new(nanos),
            Type::INT64,
            Some(timestamp(true, TimeUnit::NANOS)),
        ),
        (
            Arc::new(Date32Array::from(vec![1])),
            Type::INT32,
            Some(LogicalType::Date),
        ),
        (
            Arc::new(Time64MicrosecondArray::from(vec![1])),
            Type::INT64,
            Some(LogicalType::time(false, TimeUnit::MICROS)),
        ),
        (decimal(9, 2), Type::INT32, Some(LogicalType::decimal(2, 9))),
        (
            decimal(18, 2),
            Type::INT64,
            Some(LogicalType::decimal(2, 18)),
        ),
        (
            decimal(38, 10),
            Type::FIXED_LEN_BYTE_ARRAY,
            Some(LogicalType::decimal(10, 38)),
        ),
        (
            Arc::new(UInt32Array::from(vec![1])),
            Type::INT32,
            Some(LogicalType::integer(32, false)),
        ),
        (
            Arc::new(StringArray::from(vec!["a"])),
            Type::BYTE_ARRAY,
            Some(LogicalType::String),
        ),
        (Arc::new(Int64Array::from(vec![1])), Type::INT64, None),
        (Arc::new(fixed), Type::FIXED_LEN_BYTE_ARRAY, None),
    ];
    let fields = columns.iter().enumerate().map(|(at, (array, ..))| {
        let data_type: &DataType = array.data_type();
        Field::new(format!("c{at}"), data_type.clone(), true)
    });
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let arrays = columns.iter().map(|(array, ..)| Arc::clone(array));
    let batch = RecordBatch::try_new(schema, arrays.collect()).unwrap();
    for encodings in [Encodings::Auto, Encodings::Plain] {
        let writing = Writing {
            encodings,
            ..Writing::default()
        };
        let metadata = metadata(&encode(writing, &batch));
        let leaves = metadata.file_metadata().schema_descr();
        for (leaf, (array, physical, logical)) in leaves.columns().iter().zip(&columns) {
            let data_type = array.data_type();
            assert_eq!(leaf.physical_type(), *physical, "{data_type}");
            assert_eq!(leaf.logical_type_ref(), logical.as_ref(), "{data_type}");
        }
    }
}

#[test]
fn uuids_are_such_at_every_depth_and_for_other_readers() {
    let ids = || Arc::new(FixedSizeBinaryArray::try_from_iter([[7_u8; 16]].iter()).unwrap());
    let list = ListArray::new(
        uuid_field("item").into(),
        OffsetBuffer::from_lengths([1]),
        ids(),
        None,
    );
    let inner = StructArray::new(vec![uuid_field("a")].into(), vec![ids()], None);
    let fields = vec![
        uuid_field("id"),
        Field::new("list", list.data_type().clone(), true),
        Field::new("struct", inner.data_type().clone(), true),
    ];
    let arrays: Vec<ArrayRef> = vec![ids(), Arc::new(list), Arc::new(inner)];
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap();
    let writing = Writing {
        bloom_filter: vec!["id".to_owned(), "list".to_owned()],
        ..Writing::default()
    };
    let bytes = encode(writing, &batch);
    let metadata = metadata(&bytes);
    let leaves = metadata.file_metadata().schema_descr();
    assert_eq!(leaves.num_columns(), 3);
    for leaf in leaves.columns() {
        assert_eq!(leaf.physical_type(), Type::FIXED_LEN_BYTE_ARRAY);
        assert_eq!(
            leaf.logical_type_ref(),
            Some(&LogicalType::Uuid),
            "{leaf:?}"
        );
    }
    let file = with_filters(bytes);
    let group = file.get_row_group(0).unwrap();
    for column in 0..2 {
        let filter = group.get_column_bloom_filter(column).unwrap();
        assert!(filter.check([7_u8; 16].as_slice()) && !filter.check([8_u8; 16].as_slice()));
    }
}
