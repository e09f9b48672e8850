//! UUIDs stay UUIDs, beside nothing but UUIDs; and rows that are carried over come to the same as rows that are read.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{
    ArrayRef, FixedSizeBinaryArray, ListArray, NullArray, RecordBatch, StringArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Schema};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::LogicalType;
use strandline::config::{OnDelete, RowSql};
use strandline::engine::{self, Control};
use strandline::model::{Logical, RunStatus, Shape};

use super::world::{Setup, World};

fn uuid_field(name: &str) -> Field {
    Logical::Uuid.marked(plain_field(name))
}

fn plain_field(name: &str) -> Field {
    Field::new(name, DataType::FixedSizeBinary(16), true)
}

/// A Parquet file of two rows, with a column `id` of what `field` makes and one `list` of lists of it.
fn file(field: impl Fn(&str) -> Field, values: &ArrayRef) -> Vec<u8> {
    let offsets = OffsetBuffer::from_lengths([1, 1]);
    let list = ListArray::new(field("item").into(), offsets, Arc::clone(values), None);
    let fields = vec![
        field("id"),
        Field::new("list", DataType::List(field("item").into()), true),
    ];
    let schema = Arc::new(Schema::new(fields));
    let columns = vec![Arc::clone(values), Arc::new(list)];
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, schema, None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn ids(first: u8) -> ArrayRef {
    let ids = [[first; 16], [first - 1; 16]];
    Arc::new(FixedSizeBinaryArray::try_from_iter(ids.iter()).unwrap())
}

fn uuids(first: u8) -> Vec<u8> {
    file(uuid_field, &ids(first))
}

/// Files with other values than UUIDs, and what the columns become beside them.
fn others() -> [(Vec<u8>, &'static str); 4] {
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["x", "y"]));
    let nulls: ArrayRef = Arc::new(NullArray::new(2));
    [
        (uuids(9), "uuid"),
        (file(plain_field, &ids(9)), "FixedSizeBinary(16)"),
        (
            file(|name| Field::new(name, DataType::Utf8, true), &texts),
            "Utf8",
        ),
        (
            file(|name| Field::new(name, DataType::Null, true), &nulls),
            "uuid",
        ),
    ]
}

fn world(setup: &Setup, select: Option<&str>) -> World {
    let mut world = World::new(Setup {
        unit_size: 1 << 20,
        unit_files: 10,
        ..setup.clone()
    });
    world.definition.sql = RowSql {
        select: select.map(str::to_owned),
        ..RowSql::default()
    };
    world
}

fn run(world: &World) {
    world.clock.advance(Duration::from_mins(1));
    let report = engine::run(&world.pipeline(), &Control::default()).unwrap();
    assert_eq!(report.status, RunStatus::Done, "{:?}", report.errors);
}

fn outputs(world: &World) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = world.disk.files().into_iter();
    files
        .filter(|(path, _)| path.extension().is_some_and(|end| end == "parquet"))
        .collect()
}

/// The columns with their types, of all outputs; each leaf of UUIDs has to say so to readers that know of Parquet alone.
fn types(world: &World) -> BTreeMap<String, String> {
    let mut types = BTreeMap::new();
    for bytes in outputs(world).into_values() {
        let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).unwrap();
        let shape = Shape::of_schema(reader.schema());
        for (column, leaf) in shape.columns.iter().zip(reader.parquet_schema().columns()) {
            let is_uuid = leaf.logical_type_ref() == Some(&LogicalType::Uuid);
            let type_name = column.type_name();
            assert_eq!(is_uuid, type_name.contains("uuid"), "{column:?}");
            let before = types.insert(column.name.clone(), type_name.clone());
            assert!(before.is_none_or(|before| before == type_name));
        }
    }
    types
}

#[test]
fn uuids_become_what_other_files_have_whether_their_rows_are_carried_over_or_read() {
    let sqls = [
        None,
        Some("id AS key, list"),
        Some("unnest(list) AS key, list"),
    ];
    for (other, expected) in others() {
        for (select, on_delete, sort_by) in sqls.iter().flat_map(|select| {
            let key: &[&str] = select.map_or(&["id"], |_| &["key"]);
            let retain = OnDelete::Retain;
            [
                (select, OnDelete::Remove, &[][..]),
                (select, retain, &[]),
                (select, retain, key),
            ]
        }) {
            let setup = Setup {
                on_delete,
                sort_by,
                ..Setup::default()
            };
            let grown = world(&setup, *select);
            grown.source.write("a.parquet", uuids(3));
            grown.source.write("b.parquet", uuids(5));
            run(&grown);
            let name = if select.is_some() { "key" } else { "id" };
            let both = |of: &str| {
                let list = ("list".to_owned(), format!("List({of})"));
                BTreeMap::from([(name.to_owned(), of.to_owned()), list])
            };
            assert_eq!(types(&grown), both("uuid"));
            if on_delete == OnDelete::Retain {
                grown.source.remove("a.parquet");
            }
            grown.source.write("b.parquet", other.clone());
            run(&grown);
            let case = format!("{expected} {select:?} {on_delete:?} {sort_by:?}");
            assert_eq!(types(&grown), both(expected), "{case}");

            let fresh = world(&setup, *select);
            fresh.source.write("a.parquet", uuids(3));
            fresh.source.write("b.parquet", other.clone());
            run(&fresh);
            assert!(outputs(&grown) == outputs(&fresh), "{case}");
        }
    }
}

#[test]
fn outputs_tell_of_uuids_when_the_ledger_is_lost() {
    let mut world = world(&Setup::default(), None);
    world.source.write("a.parquet", uuids(3));
    run(&world);
    let before = outputs(&world);
    world.lose_ledger();
    world.recover();
    run(&world);
    assert!(outputs(&world) == before);
    // Had the column been known as one of plain bytes, it would stay such.
    world.source.write("b.parquet", uuids(5));
    run(&world);
    assert_eq!(types(&world)["id"], "uuid");
}
