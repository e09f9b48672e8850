//! Tests: tables for values, laws for the lattice.

use std::sync::Arc;

use arrow_schema::{DataType, Field, TimeUnit};
use proptest::prelude::*;

use super::*;
use crate::model::{Column, Shape, uuid_field};

const SIXTEEN: DataType = DataType::FixedSizeBinary(16);
const NAIVE: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

fn utc() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC")))
}

fn list(item: DataType) -> DataType {
    DataType::List(Field::new_list_field(item, true).into())
}

fn object(fields: &[(&str, DataType)]) -> DataType {
    let fields = fields
        .iter()
        .map(|(name, kind)| Field::new(*name, kind.clone(), true));
    DataType::Struct(fields.collect())
}

fn map(value: Field) -> DataType {
    let key = Field::new("key", DataType::Utf8, false);
    let fields = vec![key, value.with_name("value")];
    let entries = Field::new("entries", DataType::Struct(fields.into()), false);
    DataType::Map(entries.into(), false)
}

/// The types that hold, somewhere within, what is given.
fn around(field: &Field) -> [DataType; 4] {
    let key = field.clone().with_name("key").with_nullable(false);
    let fields = vec![key, Field::new("value", DataType::Int64, true)];
    let entries = Field::new("entries", DataType::Struct(fields.into()), false);
    [
        DataType::List(field.clone().with_name("item").into()),
        DataType::Struct(vec![field.clone().with_name("a")].into()),
        map(field.clone()),
        DataType::Map(entries.into(), false),
    ]
}

fn uuids() -> Column {
    Column::of_field(&uuid_field("id"))
}

#[test]
fn text_is_taken_for_no_more_than_it_is() {
    use DataType::{Boolean, Date32, Float64, Int64, Utf8};
    let table = [
        (Int64, "0 1 -1 10 9223372036854775807 -9223372036854775808"),
        (
            Float64,
            "-0 0.0 -0.5 1e5 1E+5 2.5e-3 0e0 1.7976931348623157e308 123456789012345678901.0 1e-999",
        ),
        (
            Utf8,
            "007 -01 +5 1_000 NaN inf -inf Infinity 1e999 -1e999 9223372036854775808 -9223372036854775809 . - -. 1. .5 \
             1e 1e+ 1.e5 0x1F 1,5 00 -00 1e5.5 --1 ١ 12345678901234567890123 true1 tRUE yes t 1f",
        ),
        (Boolean, "true false True False TRUE FALSE"),
        (Date32, "2024-02-29 1970-01-01 0001-01-01 9999-12-31"),
        (
            Utf8,
            "2023-02-29 2024-13-01 2024-00-10 2024-01-00 2024-1-1 2024/01/01 24-01-01 12024-01-01 -2024-01-01 \
             2024-01-01Z 2024-01-01T 2024-01-01T24:00 2024-01-01T10 2024-01-01T10:60 2024-01-01T10:00:60 2024-01-01T1:00 \
             2024-01-01T10:00:00. 2024-01-01T10:00:00.1234567 2024-01-01T10:00.5 2024-01-01t10:00 2024-01-01T10:00z \
             2024-01-01T10:00+02 2024-01-01T10:00+0200 2024-01-01T10:00+24:00 2024-01-01T10:00+02:60 2024-01-01T10:00ZZ",
        ),
        (
            NAIVE,
            "2024-01-01T10:00 2024-01-01T10:00:59 2024-01-01T10:00:00.5 2024-01-01T23:59:59.123456",
        ),
        (
            utc(),
            "2024-01-01T10:00Z 2024-01-01T10:00:00+02:00 2024-01-01T10:00:00.5-23:59 2024-01-01T00:00+00:00",
        ),
    ];
    for (expected, values) in table {
        for value in values.split_whitespace() {
            assert_eq!(classify(value), expected, "{value}");
        }
    }
    assert_eq!(classify("2024-01-01 10:00"), NAIVE);
    assert_eq!(classify("2024-01-01 10:00:00.25Z"), utc());
    for text in [" 1", "1 ", " ", "2024-01-01  10:00", "2024-01-01 10:00 Z"] {
        assert_eq!(classify(text), Utf8, "{text:?}");
    }
}

#[test]
fn instants_are_read_in_utc() {
    for (text, expected) in [
        ("1970-01-01T00:00:01", (1_000_000, false)),
        ("1970-01-01 00:00:00.000001Z", (1, true)),
        ("1970-01-01T00:00:00.1Z", (100_000, true)),
        ("1970-01-01T02:30+02:30", (0, true)),
        ("1969-12-31T23:00-01:00", (0, true)),
    ] {
        assert_eq!(parse_instant(text), Some(expected), "{text}");
    }
}

#[test]
fn pairs_join_where_nothing_is_lost() {
    use DataType::{
        Binary, Boolean, Date32, Decimal128, Float32, Float64, Int8, Int16, Int32, Int64, Null,
        UInt32, UInt64, Utf8,
    };
    let nanos = DataType::Timestamp(TimeUnit::Nanosecond, None);
    for (a, b, expected) in [
        (Null, Int64, Int64),
        (Int64, Float64, Float64),
        (Boolean, Int64, Utf8),
        (Date32, NAIVE, NAIVE),
        (Date32, utc(), utc()),
        (NAIVE, utc(), Utf8),
        (Date32, Int64, Utf8),
        (Int8, Int8, Int8),
        (Int8, Int16, Int64),
        (UInt32, Int32, Int64),
        (UInt64, Int64, Utf8),
        (UInt64, Float64, Utf8),
        (UInt64, UInt64, UInt64),
        (Float32, Int8, Float64),
        (Float32, Float32, Float32),
        (Binary, Utf8, Utf8),
        (Decimal128(10, 2), Decimal128(10, 2), Decimal128(10, 2)),
        (Decimal128(10, 2), Decimal128(12, 2), Utf8),
        (nanos.clone(), NAIVE, Utf8),
        (nanos.clone(), nanos.clone(), nanos),
        (list(Null), list(Int64), list(Int64)),
        (list(Int64), Int64, Utf8),
        (
            object(&[]),
            object(&[("a", Int64)]),
            object(&[("a", Int64)]),
        ),
        (
            object(&[("a", Int64), ("c", Boolean)]),
            object(&[("b", Utf8), ("c", Date32)]),
            object(&[("a", Int64), ("b", Utf8), ("c", Utf8)]),
        ),
    ] {
        assert_eq!(join_types(&a, &b), expected, "{a} with {b}");
    }
}

#[test]
fn uuids_stay_such_beside_nothing_else() {
    let plain = |data_type| Column::new("id", data_type);
    for (other, expected) in [
        (uuids(), uuids()),
        (plain(DataType::Null), uuids()),
        (plain(SIXTEEN), plain(SIXTEEN)),
        (plain(DataType::FixedSizeBinary(8)), plain(DataType::Utf8)),
        (plain(DataType::Binary), plain(DataType::Utf8)),
        (plain(DataType::Utf8), plain(DataType::Utf8)),
    ] {
        assert_eq!(join_columns(&uuids(), &other), expected, "{other:?}");
        assert_eq!(join_columns(&other, &uuids()), expected, "{other:?}");
    }
    assert!(column_fits(&plain(DataType::Null), &uuids()));
    assert!(column_fits(&uuids(), &plain(SIXTEEN)));
    assert!(!column_fits(&plain(SIXTEEN), &uuids()));
    let shape = |column: Column| Shape {
        columns: vec![column],
    };
    let (known, own) = (shape(plain(SIXTEEN)), shape(uuids()));
    assert_eq!(join_shapes(&own, &known), known);
    assert_eq!(typed(&own, &known, None), known);
}

#[test]
fn uuids_stay_such_within_other_types_beside_nothing_else() {
    let plain = Field::new("id", SIXTEEN, true);
    for (uuids, plain) in around(&uuid_field("id")).iter().zip(&around(&plain)) {
        assert_eq!(canonical(uuids), *uuids);
        assert_eq!(written_type(uuids), *uuids);
        assert_eq!(join_types(uuids, uuids), *uuids);
        assert_eq!(join_types(uuids, plain), *plain);
        assert_eq!(join_types(plain, uuids), *plain);
        assert!(fits(uuids, plain) && !fits(plain, uuids));
    }
    let (uuids, none) = (uuid_field("a"), Field::new("a", DataType::Null, true));
    let [uuid_list, uuid_struct, uuid_map, _] = around(&uuids);
    let [no_list, no_struct, no_map, _] = around(&none);
    assert_eq!(join_types(&uuid_list, &no_list), uuid_list);
    assert_eq!(join_types(&uuid_struct, &no_struct), uuid_struct);
    assert_eq!(join_types(&uuid_map, &no_map), DataType::Utf8);
}

#[test]
fn changes_tell_uuids_from_plain_bytes() {
    let plain = Shape::of(&[("id", SIXTEEN)]);
    let uuids = Shape {
        columns: vec![uuids()],
    };
    let retyped = Change::Retyped {
        column: "id".to_owned(),
        old: "uuid".to_owned(),
        new: "FixedSizeBinary(16)".to_owned(),
    };
    assert_eq!(changes(&uuids, &plain), [retyped]);
    assert_eq!(changes(&uuids, &uuids), []);
}

#[test]
fn shapes_keep_the_order_of_first_appearance() {
    let a = Shape::of(&[("x", DataType::Int64), ("y", DataType::Null)]);
    let b = Shape::of(&[
        ("z", DataType::Utf8),
        ("y", DataType::Boolean),
        ("x", DataType::Float64),
    ]);
    let joined = join_shapes(&a, &b);
    let expected = Shape::of(&[
        ("x", DataType::Float64),
        ("y", DataType::Boolean),
        ("z", DataType::Utf8),
    ]);
    assert_eq!(joined, expected);
    assert_eq!(join_shapes(&joined, &b), joined);
}

#[test]
fn what_never_held_a_value_is_written_as_text() {
    use DataType::{Int64, Null, Utf8};
    assert_eq!(written_type(&Null), Utf8);
    assert_eq!(written_type(&object(&[])), Utf8);
    assert_eq!(written_type(&list(Null)), list(Utf8));
    let nested = object(&[
        ("a", list(object(&[("b", Null), ("c", Int64)]))),
        ("d", object(&[])),
    ]);
    let written = object(&[
        ("a", list(object(&[("b", Utf8), ("c", Int64)]))),
        ("d", Utf8),
    ]);
    assert_eq!(written_type(&nested), written);
    assert_eq!(written_type(&Int64), Int64);
}

#[test]
fn layouts_of_memory_make_no_types() {
    use DataType::{Int32, LargeUtf8, Utf8, Utf8View};
    let dictionary = DataType::Dictionary(Box::new(Int32), Box::new(LargeUtf8));
    let seconds = DataType::Timestamp(TimeUnit::Second, Some(Arc::from("Europe/Berlin")));
    let fields = vec![
        Field::new(
            "b",
            DataType::LargeList(Field::new("element", Utf8View, false).into()),
            false,
        ),
        Field::new("a", dictionary, false),
        Field::new("c", seconds, true),
    ];
    let expected = object(&[("a", Utf8), ("b", list(Utf8)), ("c", utc())]);
    assert_eq!(canonical(&DataType::Struct(fields.into())), expected);
}

/// Columns with their types; an exclamation mark says not null.
type Table = &'static [(&'static str, &'static str)];

fn declared(columns: &[(&str, &str)]) -> Vec<Declared> {
    let column = |(name, text): &(&str, &str)| match text.strip_suffix('!') {
        Some(text) => Declared {
            nullable: false,
            ..Declared::new(name, parse_type(text).unwrap())
        },
        None => Declared::new(name, parse_type(text).unwrap()),
    };
    columns.iter().map(column).collect()
}

#[test]
fn a_type_is_read_as_it_is_written() {
    for word in DECLARABLE
        .split(", ")
        .filter(|word| *word != "decimal(p,s)")
    {
        assert_eq!(type_text(&parse_type(word).unwrap()), word);
    }
    assert_eq!(
        parse_type("decimal(38, 38)"),
        Some(DataType::Decimal128(38, 38))
    );
    for text in [
        "",
        "int",
        "Int64",
        "decimal",
        "decimal(39,0)",
        "decimal(0,0)",
        "decimal(5,6)",
        "decimal(5,-1)",
        "decimal(5)",
        "list",
    ] {
        assert_eq!(parse_type(text), None, "{text}");
    }
}

#[test]
fn declarations_are_compared_as_registries_do() {
    // What becomes of a column, and whether readers of the new and of the old columns can live with it.
    #[rustfmt::skip]
    let table: [(Table, Table, bool, bool); 17] = [
        (&[("a", "int32")], &[("a", "int32")], true, true),
        (&[("a", "int32")], &[("b", "int32"), ("a", "int32")], true, true),
        (&[("a", "int32")], &[("a", "int32"), ("b", "int32!")], false, true),
        (&[("a", "int32"), ("b", "int32")], &[("a", "int32")], true, true),
        (&[("a", "int32"), ("b", "int32!")], &[("a", "int32")], true, false),
        (&[("a", "int32")], &[("a", "int64")], true, false),
        (&[("a", "int64")], &[("a", "int32")], false, true),
        (&[("a", "int32")], &[("a", "float64")], true, false),
        (&[("a", "int64")], &[("a", "float64")], false, false),
        (&[("a", "uint8")], &[("a", "int16")], true, false),
        (&[("a", "int8")], &[("a", "uint16")], false, false),
        (&[("a", "int16")], &[("a", "decimal(7,2)")], true, false),
        (&[("a", "decimal(7,2)")], &[("a", "decimal(8,3)")], true, false),
        (&[("a", "decimal(7,2)")], &[("a", "decimal(8,4)")], false, false),
        (&[("a", "date")], &[("a", "timestamp")], true, false),
        (&[("a", "int8")], &[("a", "int8!")], false, true),
        (&[("a", "int8!")], &[("a", "int8")], true, false),
    ];
    for (old, new, backward, forward) in table {
        let found = |rule| breaches(&declared(old), &declared(new), rule);
        assert_eq!(found(Compatibility::None), [], "{old:?} {new:?}");
        let works = |rule| found(rule).is_empty();
        assert_eq!(works(Compatibility::Backward), backward, "{old:?} {new:?}");
        assert_eq!(works(Compatibility::Forward), forward, "{old:?} {new:?}");
        assert_eq!(works(Compatibility::Full), backward && forward);
    }
}

fn any_type() -> impl Strategy<Value = DataType> {
    let nanos = DataType::Timestamp(TimeUnit::Nanosecond, None);
    let mut leaves = vec![
        SIXTEEN,
        DataType::Null,
        DataType::Boolean,
        DataType::Int8,
        DataType::UInt32,
        DataType::Int64,
        DataType::UInt64,
        DataType::Float32,
        DataType::Float64,
        DataType::Date32,
        NAIVE,
        utc(),
        nanos,
        DataType::Binary,
        DataType::Decimal128(10, 2),
        DataType::Utf8,
    ];
    leaves.extend(around(&uuid_field("a")));
    leaves.extend(around(&Field::new("a", SIXTEEN, true)));
    prop::sample::select(leaves).prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(list),
            prop::collection::btree_map("[abc]", inner, 0..3).prop_map(|fields| {
                let fields = fields
                    .into_iter()
                    .map(|(name, kind)| Field::new(name, kind, true));
                DataType::Struct(fields.collect())
            }),
        ]
    })
}

fn any_column() -> impl Strategy<Value = Column> {
    let of_type = any_type().prop_map(|data_type| Column::new("id", data_type));
    let few = prop::sample::select(vec![
        uuids(),
        Column::new("id", SIXTEEN),
        Column::new("id", DataType::Null),
    ]);
    prop_oneof![of_type, few]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn the_join_is_the_join_of_a_lattice(a in any_type(), b in any_type(), c in any_type()) {
        prop_assert_eq!(join_types(&a, &a), a.clone());
        prop_assert_eq!(join_types(&a, &b), join_types(&b, &a));
        prop_assert_eq!(
            join_types(&join_types(&a, &b), &c),
            join_types(&a, &join_types(&b, &c))
        );
        prop_assert!(fits(&a, &join_types(&a, &b)));
        prop_assert!(fits(&DataType::Null, &a) && fits(&a, &DataType::Utf8));
        prop_assert_eq!(canonical(&a), a.clone());
        prop_assert!(fits(&a, &b) == (join_types(&a, &b) == b));
        prop_assert_eq!(written_type(&written_type(&a)), written_type(&a));
    }

    #[test]
    fn the_join_of_columns_is_that_of_a_lattice(a in any_column(), b in any_column(), c in any_column()) {
        prop_assert_eq!(join_columns(&a, &a), a.clone());
        prop_assert_eq!(join_columns(&a, &b), join_columns(&b, &a));
        prop_assert_eq!(
            join_columns(&join_columns(&a, &b), &c),
            join_columns(&a, &join_columns(&b, &c))
        );
        prop_assert!(column_fits(&a, &join_columns(&a, &b)));
        prop_assert!(column_fits(&a, &b) == (join_columns(&a, &b) == b));
    }

    #[test]
    fn a_value_is_read_by_its_own_type_and_by_those_above(
        text in "-?[0-9]{0,20}(\\.[0-9]{0,3})?([eE][+-]?[0-9]{0,3})?|[0-9]{4}-[01][0-9]-[0-3][0-9]([T ][0-2][0-9]:[0-5][0-9](:[0-5][0-9])?Z?)?|[tTfF][a-zA-Z]{3,4}|\\PC{0,8}"
    ) {
        prop_assume!(!text.is_empty());
        let kind = TextType::of(&text);
        prop_assert_eq!(parse_int(&text).is_some(), kind == TextType::Int64);
        prop_assert_eq!(parse_float(&text).is_some(), matches!(kind, TextType::Int64 | TextType::Float64));
        prop_assert_eq!(parse_boolean(&text).is_some(), kind == TextType::Boolean);
        prop_assert_eq!(parse_date(&text).is_some(), kind == TextType::Date);
        prop_assert_eq!(parse_instant(&text).is_some(), matches!(kind, TextType::Naive | TextType::Utc));
        prop_assert_eq!(kind.data_type(), classify(&text));
    }

    #[test]
    fn the_small_lattice_agrees_with_the_large_one(a in 0usize..8, b in 0usize..8) {
        use TextType::{Boolean, Date, Float64, Int64, Naive, Null, Text, Utc};
        let all = [Null, Boolean, Int64, Float64, Date, Naive, Utc, Text];
        let (a, b) = (all[a], all[b]);
        prop_assert_eq!(a.join(b).data_type(), join_types(&a.data_type(), &b.data_type()));
    }
}

#[test]
fn columns_that_were_inferred_beside_declared_ones_are_compared_with_what_is_declared() {
    let shape = Shape::of(&[
        ("id", DataType::Int64),
        ("note", DataType::Utf8),
        (RESCUED, DataType::Utf8),
    ]);
    let rules = |policy| SchemaRules {
        policy,
        columns: vec![Declared::new("id", DataType::Int32)],
    };
    let before = as_declared(&shape, &rules(SchemaPolicy::Evolve));
    let names: Vec<&str> = before.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["id", "note", RESCUED]);
    assert_eq!(before[0].data_type, DataType::Int32);
    let narrower = [
        Declared::new("id", DataType::Int32),
        Declared::new("note", DataType::Int64),
    ];
    let found = breaches(&before, &narrower, Compatibility::Backward);
    assert!(matches!(&found[..], [Breach::Type { column, .. }] if column == "note"));
    let before = as_declared(&shape, &rules(SchemaPolicy::Rescue));
    assert_eq!(before.len(), 2);
}

#[test]
fn a_column_that_never_held_a_value_is_not_compared_with_what_is_declared() {
    let shape = Shape {
        columns: vec![Column::new("note", DataType::Null)],
    };
    let now = [Declared::new("note", DataType::Utf8)];
    assert_eq!(as_declared(&shape, &SchemaRules::default()), []);
    assert!(
        breaches(
            &as_declared(&shape, &SchemaRules::default()),
            &now,
            Compatibility::Backward
        )
        .is_empty()
    );
}
