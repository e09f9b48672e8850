use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array,
    FixedSizeBinaryArray, Float64Array, Int64Array, Int64Builder, ListBuilder, RecordBatch,
    StringArray, StructArray, TimestampMicrosecondArray, new_null_array,
};
use arrow::buffer::NullBuffer;
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::ParquetMetaDataReader;
use proptest::prelude::*;

use super::*;
use crate::config::Writing;
use crate::crew::{Alone, Unordered};
use crate::model::{
    Comments, ContentHash, FileComments, Logical, ReadAt, Shape, SourcePath, UnitId, deepest,
    uuid_field,
};

pub(super) type Files = Arc<Mutex<Vec<Vec<u8>>>>;

pub(super) struct MemorySink {
    pub(super) bytes: Vec<u8>,
    pub(super) files: Files,
}

impl Write for MemorySink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl EncodeSink for MemorySink {
    fn finish(self: Box<Self>) -> io::Result<()> {
        self.files.lock().unwrap().push(self.bytes);
        Ok(())
    }
}

pub(super) const ALONE: EncodeMeans<'static> = EncodeMeans {
    crew: &Alone,
    memory: usize::MAX,
};

/// Files in memory.
pub(super) struct InMemory<'a> {
    pub(super) files: Files,
    pub(super) footer: &'a dyn Fn(usize, &[u64]) -> Footer,
}

impl EncodeFiles for InMemory<'_> {
    fn kept_open(&self) -> usize {
        16
    }

    fn open(&mut self) -> io::Result<Box<dyn EncodeSink>> {
        Ok(Box::new(MemorySink {
            bytes: Vec::new(),
            files: Arc::clone(&self.files),
        }))
    }

    fn footer(&self, number: usize, member_rows: &[u64], when: Closed) -> Footer {
        let mut footer = (self.footer)(number, member_rows);
        if when == Closed::Early {
            footer.inputs.iter_mut().for_each(|input| input.rows = None);
        }
        footer
    }
}

/// A place that is full.
struct Full;

impl EncodeFiles for Full {
    fn kept_open(&self) -> usize {
        0
    }

    fn open(&mut self) -> io::Result<Box<dyn EncodeSink>> {
        Err(io::ErrorKind::StorageFull.into())
    }

    fn footer(&self, number: usize, member_rows: &[u64], when: Closed) -> Footer {
        let _ = when;
        footer(number, member_rows)
    }
}

pub(super) fn footer(number: usize, member_rows: &[u64]) -> Footer {
    let input = |(index, rows): (usize, &u64)| FooterInput {
        path: SourcePath::from(format!("in/\"{index}\" é\n.csv").as_str()),
        size: u64::MAX,
        hash: ContentHash::of(&[u8::try_from(index).unwrap()]),
        rows: (index > 0).then_some(7),
        rows_here: *rows,
        comments: None,
    };
    Footer {
        unit: UnitId(u64::MAX),
        definition: "0123".to_owned(),
        format_version: 1,
        partition: vec![
            ("p".to_owned(), None),
            ("q=".to_owned(), Some(String::new())),
        ],
        unit_partition: "p=1/".to_owned(),
        shape: Shape::of(&[
            ("n", DataType::Null),
            ("d", DataType::Decimal128(9, 2)),
            (
                "l",
                DataType::List(Arc::new(Field::new("item", DataType::Utf8, true))),
            ),
        ]),
        source_shape: (number == 1).then(|| Shape::of(&[("s", DataType::Null)])),
        inputs: member_rows.iter().enumerate().map(input).collect(),
        comments: Vec::new(),
        file_number: number,
    }
}

/// Encodes batches with their members, and returns the files with their bytes.
fn encode(
    schema: &SchemaRef,
    target_file_size: u64,
    batches: &[(usize, RecordBatch)],
) -> Vec<(EncodedFile, Vec<u8>)> {
    encode_with(schema, target_file_size, batches, &footer)
}

fn encode_with(
    schema: &SchemaRef,
    target_file_size: u64,
    batches: &[(usize, RecordBatch)],
    footer: &dyn Fn(usize, &[u64]) -> Footer,
) -> Vec<(EncodedFile, Vec<u8>)> {
    let files = InMemory {
        files: Files::default(),
        footer,
    };
    let written = Arc::clone(&files.files);
    let options = EncodeOptions {
        target_file_size,
        writing: Writing::default(),
        layout: Layout::Flat,
    };
    let mut encoder = Encoder::new(schema, options, ALONE, 2, files);
    for (member, batch) in batches {
        encoder.push(*member, batch).unwrap();
    }
    let (done, _) = encoder.finish().unwrap();
    let bytes = std::mem::take(&mut *written.lock().unwrap());
    assert_eq!(done.len(), bytes.len());
    for (file, bytes) in done.iter().zip(&bytes) {
        assert_eq!(file.size, bytes.len() as u64);
        assert_eq!(file.hash, ContentHash::of(bytes));
    }
    done.into_iter().zip(bytes).collect()
}

pub(super) fn read(bytes: &[u8]) -> RecordBatch {
    let file = tempfile::tempfile().unwrap();
    (&file).write_all(bytes).unwrap();
    let metadata = ArrowReaderMetadata::load(
        &file,
        parquet::arrow::arrow_reader::ArrowReaderOptions::new(),
    );
    let schema = metadata.unwrap().schema().clone();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)
        .unwrap()
        .build()
        .unwrap();
    let batches: Vec<_> = reader.map(Result::unwrap).collect();
    let batch = concat_batches(&schema, &batches).unwrap();
    // Key-value metadata comes back as metadata of the schema.
    let plain = Schema::new(batch.schema().fields().clone());
    RecordBatch::try_new(Arc::new(plain), batch.columns().to_vec()).unwrap()
}

/// A table with a column of every kind, with nulls at every depth.
pub(super) fn table(rows: usize, seed: u64) -> RecordBatch {
    let mut state = seed | 1;
    let mut numbers = Vec::with_capacity(rows);
    for _ in 0..rows {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(99);
        numbers.push((!state.is_multiple_of(5)).then_some((state >> 40).cast_signed()));
    }
    let each = || numbers.iter().copied();
    let texts: StringArray = each()
        .map(|n| n.map(|n| format!("text {}", n % 300)))
        .collect();
    let floats: Float64Array = each()
        .map(|n| n.map(|n| n.to_string().parse::<f64>().unwrap() / 8.0))
        .collect();
    let bytes: BinaryArray = each().map(|n| n.map(i64::to_le_bytes)).collect();
    let bools: BooleanArray = each().map(|n| n.map(|n| n % 2 == 0)).collect();
    let dates: Date32Array = each()
        .map(|n| n.map(|n| i32::try_from(n % 9999).unwrap()))
        .collect();
    let decimals: Decimal128Array = each().map(|n| n.map(i128::from)).collect();
    let mut lists = ListBuilder::new(Int64Builder::new());
    for n in each() {
        let items = n.map(|n| (0..n % 4).map(|item| (item != 2).then_some(item)));
        lists.append_option(items);
    }
    let lists: ArrayRef = Arc::new(lists.finish());
    let nulls: NullBuffer = each().map(|n| n.is_some_and(|n| n % 3 != 0)).collect();
    let inner = Field::new("items", lists.data_type().clone(), true);
    let nested = StructArray::new(vec![inner].into(), vec![Arc::clone(&lists)], Some(nulls));
    let instants: TimestampMicrosecondArray = each().collect();
    let ints: Int64Array = each().collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("int", Arc::new(ints)),
        ("text", Arc::new(texts)),
        ("float", Arc::new(floats)),
        ("bytes", Arc::new(bytes)),
        ("bool", Arc::new(bools)),
        ("date", Arc::new(dates)),
        ("naive", Arc::new(instants.clone())),
        ("utc", Arc::new(instants.with_timezone("UTC"))),
        (
            "decimal",
            Arc::new(decimals.with_precision_and_scale(18, 3).unwrap()),
        ),
        ("list", lists),
        ("struct", Arc::new(nested)),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true)))
        .unwrap()
}

fn cut(table: &RecordBatch, cuts: &[usize]) -> Vec<(usize, RecordBatch)> {
    let mut edges: Vec<usize> = cuts
        .iter()
        .map(|cut| cut % (table.num_rows() + 1))
        .collect();
    edges.extend([0, table.num_rows()]);
    edges.sort_unstable();
    edges
        .windows(2)
        .map(|edge| (0, table.slice(edge[0], edge[1] - edge[0])))
        .collect()
}

#[test]
fn what_is_written_is_read_again_for_every_type() {
    let table = table(20_000, 7);
    let files = encode(&table.schema(), u64::MAX, &[(1, table.clone())]);
    assert_eq!(files.len(), 1);
    assert_eq!(files[0].0.member_rows, [0, 20_000]);
    assert_eq!(read(&files[0].1), table);
}

#[test]
fn a_footer_comes_back_however_deep_its_columns_nest() {
    let deepest = deepest();
    let schema = deepest.to_arrow();
    let columns = schema.fields().iter();
    let columns = columns.map(|field| new_null_array(field.data_type(), 3));
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns.collect()).unwrap();
    let footer = |number, member_rows: &[u64]| Footer {
        shape: deepest.clone(),
        ..footer(number, member_rows)
    };
    let files = encode_with(&schema, u64::MAX, &[(0, batch.clone())], &footer);
    let bytes = files[0].1.clone();
    assert_eq!(read(&bytes), batch);
    let back = read_footer(Arc::new(bytes)).unwrap().unwrap();
    assert_eq!(back.shape, deepest);
}

fn said(file: &[(&str, &str)], columns: &[(&str, &str, &str)]) -> Comments {
    let mut said = FileComments::default();
    for (key, text) in file {
        said.add(None, key, text);
    }
    for (column, key, text) in columns {
        said.add(Some(column), key, text);
    }
    said.finish()
}

#[test]
fn what_the_inputs_agree_about_is_said_of_the_file_and_of_its_columns() {
    let table = table(100, 5);
    let footer = |number, member_rows: &[u64]| {
        let mut footer = footer(number, member_rows);
        let columns = [("int", "comment", "metres"), ("gone", "comment", "1")];
        footer.comments = vec![
            said(
                &[("owner", "sea"), ("licence", "a"), ("area", "7")],
                &columns,
            ),
            said(&[("owner", "sea"), ("licence", "b")], &columns[..1]),
        ];
        for (number, input) in footer.inputs.iter_mut().enumerate() {
            input.comments = Some(number);
        }
        footer
    };
    let files = encode_with(&table.schema(), u64::MAX, &[(0, table.clone())], &footer);
    let bytes = files[0].1.clone();
    assert_eq!(read(&bytes).columns(), table.columns());
    let back = read_footer(Arc::new(bytes.clone())).unwrap().unwrap();
    assert_eq!(back, footer(0, &[100, 0]));
    assert_eq!(back.comments_of(1), Some(&back.comments[1]));

    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).unwrap();
    let file = reader.metadata().file_metadata();
    let keys = file.key_value_metadata().unwrap().iter();
    let keys: Vec<&str> = keys.map(|entry| entry.key.as_str()).collect();
    assert_eq!(keys[0], "ARROW:schema");
    assert_eq!(
        keys[8..],
        ["strandline.inputs", "strandline.comments", "area", "owner"]
    );
    assert_eq!(reader.schema().metadata()["owner"], "sea");
    let fields = reader.schema().fields().iter();
    let texts = fields.map(|field| (field.name().as_str(), field.metadata().clone()));
    let texts: Vec<_> = texts.filter(|(_, texts)| !texts.is_empty()).collect();
    let metres = [("comment".to_owned(), "metres".to_owned())];
    assert_eq!(texts, [("int", metres.into())]);
}

#[test]
fn a_column_of_uuids_stays_one_whatever_is_said_of_it() {
    let ids = FixedSizeBinaryArray::try_from_iter([[7_u8; 16]].iter()).unwrap();
    let schema = Arc::new(Schema::new(vec![uuid_field("id")]));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(ids)]).unwrap();
    let footer = |number, member_rows: &[u64]| {
        let mut footer = footer(number, member_rows);
        footer.comments = vec![said(&[], &[("id", "comment", "of the boat")])];
        footer.inputs[0].comments = Some(0);
        footer
    };
    let files = encode_with(&schema, u64::MAX, &[(0, batch)], &footer);
    let bytes = bytes::Bytes::from(files[0].1.clone());
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
    let field = reader.schema().field(0).clone();
    assert_eq!(field.metadata()["comment"], "of the boat");
    assert_eq!(Logical::of_field(&field), Some(Logical::Uuid));
}

#[test]
fn a_file_of_inputs_that_say_nothing_has_no_word_about_it() {
    let table = table(100, 5);
    let files = encode(&table.schema(), u64::MAX, &[(0, table.clone())]);
    let bytes = &files[0].1;
    let is_there = bytes.windows(8).any(|bytes| bytes == b"comments");
    assert!(!is_there);
}

#[test]
fn a_file_that_has_reached_its_size_is_followed_by_another() {
    let table = table(40_000, 3);
    let batches = [
        (0, table.slice(0, 10_000)),
        (1, table.slice(10_000, 30_000)),
    ];
    let files = encode(&table.schema(), 300_000, &batches);
    assert!(files.len() > 1);
    let rows: Vec<_> = files
        .iter()
        .map(|(file, _)| file.member_rows.clone())
        .collect();
    assert_eq!(rows.iter().map(|rows| rows[0]).sum::<u64>(), 10_000);
    assert_eq!(rows.iter().map(|rows| rows[1]).sum::<u64>(), 30_000);
    let read: Vec<_> = files.iter().map(|(_, bytes)| read(bytes)).collect();
    assert_eq!(concat_batches(&table.schema(), &read).unwrap(), table);
    for (index, (file, bytes)) in files.into_iter().enumerate() {
        assert_eq!(file.number, index);
        let expected = footer(index, &file.member_rows);
        assert_eq!(read_footer(Arc::new(bytes)).unwrap(), Some(expected));
    }
}

#[test]
fn no_rows_make_no_file() {
    let empty = table(0, 1);
    assert!(encode(&empty.schema(), 0, &[]).is_empty());
    assert!(encode(&empty.schema(), 0, &[(0, empty.clone())]).is_empty());
}

#[test]
fn what_lies_under_a_null_leaves_no_trace() {
    let nulls = || Some(NullBuffer::from(vec![true, false, true]));
    let numbers = |hidden| Int64Array::new(vec![1, hidden, 3].into(), nulls());
    let plain = StringArray::from(vec![Some("a"), None, Some("b")]);
    let (offsets, values, _) = StringArray::from(vec!["a", "hidden", "b"]).into_parts();
    let haunted = StringArray::new(offsets, values, nulls());
    let bytes = [(plain, 0), (haunted, 99)].map(|(text, hidden)| {
        let columns: [(&str, ArrayRef); 2] =
            [("n", Arc::new(numbers(hidden))), ("t", Arc::new(text))];
        let batch = RecordBatch::try_from_iter_with_nullable(columns.map(|(n, c)| (n, c, true)));
        let batch = batch.unwrap();
        encode(&batch.schema(), u64::MAX, &[(0, batch)])
    });
    assert_eq!(bytes[0], bytes[1]);
}

#[test]
fn heavy_rows_make_small_chunks() {
    let heavy = StringArray::from_iter_values((0..40).map(|n| format!("{n}").repeat(500_000)));
    let batch = RecordBatch::try_from_iter([("t", Arc::new(heavy) as ArrayRef)]).unwrap();
    let mut chunks = chunks::Chunks::new(8192);
    chunks.push(&[(0, batch.num_rows())], &batch);
    chunks.close();
    let sizes: Vec<_> = std::iter::from_fn(|| chunks.next_whole())
        .map(|chunk| chunk.rows())
        .collect();
    assert!(sizes.len() > 3, "{sizes:?}");
    assert_eq!(sizes.iter().sum::<usize>(), 40);
}

#[test]
fn columns_without_a_type_or_content_are_written_as_text() {
    let schema: SchemaRef = Arc::new(Schema::new(vec![Field::new("n", DataType::Null, true)]));
    let stored = crate::model::stored_schema(&schema);
    let batch = RecordBatch::try_new(stored, vec![Arc::new(StringArray::new_null(3))]).unwrap();
    let files = encode(&schema, u64::MAX, &[(0, batch.clone())]);
    assert_eq!(read(&files[0].1), batch);
}

#[test]
fn rows_that_do_not_belong_are_refused() {
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let batch = |name| RecordBatch::try_from_iter([(name, Arc::clone(&numbers))]).unwrap();
    let options = EncodeOptions {
        target_file_size: 1,
        writing: Writing::default(),
        layout: Layout::Flat,
    };
    let mut encoder = Encoder::new(&batch("a").schema(), options, ALONE, 1, Full);
    let error = encoder.push(0, &batch("b")).unwrap_err();
    assert!(matches!(error, EncodeError::Columns { .. }));
    let error = encoder.push(1, &batch("a")).unwrap_err();
    assert!(matches!(
        error,
        EncodeError::Member {
            member: 1,
            members: 1
        }
    ));
    encoder.push(0, &batch("a")).unwrap();
    let error = encoder.finish().map(drop).unwrap_err();
    assert!(matches!(
        error,
        EncodeError::Sink {
            action: "begin",
            number: 0,
            ..
        }
    ));
}

#[test]
fn a_parquet_file_of_somebody_else_has_no_footer_of_ours() {
    let batch = table(1, 1);
    let mut bytes = Vec::new();
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    assert_eq!(read_footer(Arc::new(bytes)).unwrap(), None);
}

#[test]
fn metadata_has_one_order_and_names_no_library() {
    let numbers = Int64Array::from_iter_values(0..10);
    let batch = RecordBatch::try_from_iter([("n", Arc::new(numbers) as ArrayRef)]).unwrap();
    let (_, bytes) = encode(&batch.schema(), u64::MAX, &[(0, batch)]).remove(0);
    let length = bytes.len();
    let tail = u32::from_le_bytes(bytes[length - 8..length - 4].try_into().unwrap());
    let start = length - 8 - usize::try_from(tail).unwrap();
    let metadata = ParquetMetaDataReader::decode_metadata(&bytes[start..length - 8]).unwrap();
    let file = metadata.file_metadata();
    assert_eq!(file.created_by(), Some("strandline format 5"));
    let keys: Vec<_> = file
        .key_value_metadata()
        .unwrap()
        .iter()
        .map(|entry| entry.key.as_str())
        .collect();
    assert_eq!(
        keys,
        [
            "ARROW:schema",
            "strandline.format",
            "strandline.unit",
            "strandline.definition",
            "strandline.unit_partition",
            "strandline.partition",
            "strandline.file",
            "strandline.shape",
            "strandline.inputs",
        ]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn the_sizes_of_the_batches_leave_no_trace(
        rows in prop_oneof![1..200_usize, 8_000..18_000_usize],
        seed: u64,
        cuts in proptest::collection::vec(any::<usize>(), 0..30),
        target in prop_oneof![Just(1), Just(100_000), Just(u64::MAX)],
    ) {
        let table = table(rows, seed);
        let whole = encode(&table.schema(), target, &[(0, table.clone())]);
        let in_parts = encode(&table.schema(), target, &cut(&table, &cuts));
        prop_assert!(whole == in_parts);
        let rows_read: usize = whole.iter().map(|(_, bytes)| read(bytes).num_rows()).sum();
        prop_assert_eq!(rows_read, rows);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn random_bytes_are_an_error_and_never_a_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        prop_assert!(read_footer(Arc::new(bytes.clone())).is_err());
        let mut sealed = bytes.clone();
        sealed.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
        sealed.extend(b"PAR1");
        let _ = read_footer(Arc::new(sealed));
    }

    #[test]
    fn a_damaged_footer_is_never_a_panic(
        damage in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..4),
    ) {
        static WHOLE: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
            let table = table(3, 1);
            encode(&table.schema(), u64::MAX, &[(0, table)]).remove(0).1
        });
        let mut bytes = WHOLE.clone();
        for (place, byte) in damage {
            let place = place % bytes.len();
            bytes[place] = byte;
        }
        let _ = read_footer(Arc::new(bytes));
    }
}

#[test]
fn a_file_cut_short_is_an_error() {
    let table = table(3, 1);
    let (_, bytes) = encode(&table.schema(), u64::MAX, &[(0, table)]).remove(0);
    for length in 0..bytes.len() {
        let short: Arc<dyn ReadAt> = Arc::new(bytes[..length].to_vec());
        assert!(read_footer(short).is_err(), "{length}");
    }
    let sum: i64 = read(&bytes)
        .column(0)
        .as_primitive::<Int64Type>()
        .iter()
        .flatten()
        .sum();
    assert!(sum > 0);
}

/// Encodes a table in pieces, of which every other is of member 1.
pub(super) fn encode_pieces(
    table: &RecordBatch,
    options: &EncodeOptions,
    means: EncodeMeans<'_>,
) -> (Vec<EncodedFile>, Vec<Vec<u8>>) {
    encode_by(table, options, means, |encoder| {
        for (piece, start) in (0..table.num_rows()).step_by(5000).enumerate() {
            let rows = (table.num_rows() - start).min(5000);
            encoder.push(piece % 2, &table.slice(start, rows)).unwrap();
        }
    })
}

/// Encodes what `push` pushes, rows of two members with the columns of `table`.
pub(super) fn encode_by<'m>(
    table: &RecordBatch,
    options: &EncodeOptions,
    means: EncodeMeans<'m>,
    push: impl FnOnce(&mut Encoder<'m, InMemory<'static>>),
) -> (Vec<EncodedFile>, Vec<Vec<u8>>) {
    let files = InMemory {
        files: Files::default(),
        footer: &footer,
    };
    let written = Arc::clone(&files.files);
    let mut encoder = Encoder::new(table.schema_ref(), options.clone(), means, 2, files);
    push(&mut encoder);
    let (done, _) = encoder.finish().unwrap();
    let bytes = std::mem::take(&mut *written.lock().unwrap());
    (done, bytes)
}

#[test]
fn the_bytes_do_not_depend_on_the_crew_nor_on_how_much_may_wait() {
    let cases = [
        (40_000, 1),
        (40_000, 1 << 20),
        (20_000, u64::MAX),
        (9, 1),
        (0, 1),
    ];
    for (rows, target_file_size) in cases {
        // Where files are smallest, there are more than are kept open.
        let row_group_rows = if target_file_size == 1 { 1024 } else { 1 << 20 };
        let options = EncodeOptions {
            target_file_size,
            writing: Writing {
                row_group_rows,
                ..Writing::default()
            },
            layout: Layout::Flat,
        };
        let table = table(rows, 1);
        let alone = encode_pieces(&table, &options, ALONE);
        let numbers = alone.0.iter().map(|file| file.number);
        assert!(numbers.eq(0..alone.0.len()));
        assert_eq!(target_file_size == 1 && rows > 9, alone.0.len() > 17);
        for (hands, memory) in [(3, usize::MAX), (2, 1)] {
            let crew = &Unordered(hands);
            let shared = encode_pieces(&table, &options, EncodeMeans { crew, memory });
            assert_eq!(shared, alone, "{hands} hands, {memory} bytes");
        }
    }
}
