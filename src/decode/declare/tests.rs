//! Tests: tables of values by declared type, and what becomes of the rest.

use std::ops::ControlFlow;

use arrow::array::{
    ArrayRef, Float64Array, Int64Array, ListArray, StringArray, TimestampNanosecondArray,
};
use arrow::datatypes::{Int64Type, TimeUnit};

use super::*;
use crate::config::Definition;
use crate::decode::testing::{grid, plain, terms};
use crate::decode::{Bytes, DecodeError, decode, place_of, sniff};
use crate::schema::{Declared, SchemaRules, parse_type};

fn declared(columns: &[(&str, &str)]) -> Vec<Declared> {
    let column = |(name, text): &(&str, &str)| Declared::new(name, parse_type(text).unwrap());
    columns.iter().map(column).collect()
}

fn contract(policy: SchemaPolicy, columns: Vec<Declared>) -> Contract {
    let rules = SchemaRules { policy, columns };
    rules.contract(Vec::new()).unwrap()
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let columns = columns.into_iter().map(|(name, array)| (name, array, true));
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

/// What a text of a file comes to: columns by name, rows as text, and why it does not fit.
fn read(text: &str, kind: Kind, contract: &Contract) -> (Vec<Vec<String>>, Option<String>) {
    let how = plain(kind);
    let definition = Definition::default();
    let mut stream = text.as_bytes();
    let mut own = sniff(Bytes::Stream(&mut stream), how, &definition).unwrap();
    loop {
        let shape = raw_shape(contract, kind, &own, &contract.admitted(&own));
        let mut admission = Admission::of_file(contract, kind, &definition.csv);
        let mut batches = Vec::new();
        let mut stream = text.as_bytes();
        let decoded = decode(
            Bytes::Stream(&mut stream),
            how,
            terms(&definition, &shape),
            &mut |batch| {
                batches.push(admission.admit(&batch).unwrap());
                ControlFlow::Continue(())
            },
        );
        match decoded {
            Ok(decoded) => {
                let reason = admission.unfit().map(|unfit| {
                    let mut stream = text.as_bytes();
                    let place = unfit.row.map(|row| {
                        place_of(Bytes::Stream(&mut stream), how, &definition, row).unwrap()
                    });
                    unfit.reason(&decoded.observed, place.as_ref())
                });
                return (grid(&batches), reason);
            }
            Err(DecodeError::Misfit { observed }) => own = observed,
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn texts_are_read_by_what_they_have_to_be() {
    for (data_type, fits, unfit) in [
        (
            "int8",
            &["007", "+5", "-128", "127"][..],
            &["128", "1.0", "1e2", "1_000", "x", " 1"][..],
        ),
        ("int64", &["9223372036854775807"], &["9223372036854775808"]),
        ("uint8", &["255", "0"], &["-1", "256"]),
        (
            "uint64",
            &["18446744073709551615"],
            &["18446744073709551616"],
        ),
        (
            "float32",
            &["1.5", "3e38", "NaN", "-inf", ".5"],
            &["1e39", "1,5", "0x1"],
        ),
        ("float64", &["1e5", "1.7e308", "inf"], &["1e309", "1_000"]),
        (
            "decimal(5,2)",
            &["1.5", "-999.99", "1.500", "1e2", "00012.3"],
            &["1000", "1.555", "NaN", ".", ""],
        ),
        (
            "decimal(38,0)",
            &["99999999999999999999999999999999999999"],
            &["1e38", "1e-1"],
        ),
        ("bool", &["TRUE", "yes", "0", "f"], &["2", "on", "truth"]),
        (
            "date",
            &["2024-02-29"],
            &["2023-02-29", "2024-02-29T00:00", "20240229"],
        ),
        (
            "timestamp",
            &["2024-01-01T10:00:00.5", "2024-01-01"],
            &["2024-01-01T10:00Z", "10:00"],
        ),
        (
            "timestamp_utc",
            &["2024-01-01T10:00:00+02:00"],
            &["2024-01-01T10:00:00", "2024-01-01"],
        ),
        ("utf8", &["007", "anything"], &[]),
        ("binary", &["\u{e9}"], &[]),
    ] {
        let column = declared(&[("x", data_type)]).remove(0);
        let reading = crate::schema::Reading::new(&column);
        for text in fits {
            assert!(reading.takes(text), "{text:?} as {data_type}");
        }
        for text in unfit {
            assert!(!reading.takes(text), "{text:?} as {data_type}");
        }
        let fitting = contract(SchemaPolicy::Strict, vec![column.clone()]);
        for (texts, expected) in [(fits, 0), (unfit, unfit.len())] {
            let given: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
            let target = Target::new(&fitting.columns[0], Decimal::Point);
            let (array, misfits) = target.admit(&given, &|_| false).unwrap();
            assert_eq!(*array.data_type(), column.data_type);
            assert_eq!(
                (misfits.len(), array.null_count()),
                (expected, expected),
                "{data_type}"
            );
        }
    }
}

#[test]
fn local_times_are_read_by_their_clocks() {
    let column = Declared {
        time_zone: Some("Europe/Berlin".to_owned()),
        ..declared(&[("at", "timestamp_utc")]).remove(0)
    };
    column.check().unwrap();
    let reading = crate::schema::Reading::new(&column);
    let at = |text: &str| crate::schema::parse_instant(text).map(|(micros, _)| micros);
    for (text, instant) in [
        ("2026-01-15T12:00", at("2026-01-15T11:00Z")),
        ("2026-07-15T12:00", at("2026-07-15T10:00Z")),
        ("2026-07-15", at("2026-07-14T22:00Z")),
        ("2026-07-15T12:00+05:00", at("2026-07-15T07:00Z")),
        // Clocks go from 02:00 to 03:00, and in autumn show 02:30 twice.
        ("2026-03-29T02:30", None),
        ("2026-03-29T03:30", at("2026-03-29T01:30Z")),
        ("2026-10-25T02:30", at("2026-10-25T00:30Z")),
        ("2026-10-25T03:00", at("2026-10-25T02:00Z")),
    ] {
        assert_eq!(reading.instant(text), instant, "{text}");
    }
}

#[test]
fn formats_say_how_dates_and_times_are_written() {
    for (data_type, format, text, expected) in [
        ("date", "%d.%m.%Y", "31.12.2025", Some("2025-12-31")),
        ("date", "%d.%m.%Y", "2025-12-31", None),
        ("date", "%d.%m.%Y", "30.02.2025", None),
        ("date", "%Y%m%d", "20251231", Some("2025-12-31")),
        (
            "date",
            "%d.%m.%Y %H:%M",
            "31.12.2025 00:00",
            Some("2025-12-31"),
        ),
        ("date", "%d.%m.%Y %H:%M", "31.12.2025 10:00", None),
        (
            "timestamp",
            "%d/%b/%Y %H:%M:%S",
            "31/Dec/2025 23:59:59",
            Some("2025-12-31T23:59:59"),
        ),
        (
            "timestamp",
            "%Y-%m-%d",
            "2025-12-31",
            Some("2025-12-31T00:00:00"),
        ),
        (
            "timestamp",
            "%Y-%m-%d %H:%M:%S%.f",
            "2025-12-31 00:00:00.1234567",
            None,
        ),
        (
            "timestamp",
            "%Y-%m-%d %H:%M %z",
            "2025-12-31 10:00 +0200",
            None,
        ),
        (
            "timestamp_utc",
            "%Y-%m-%d %H:%M %z",
            "2025-12-31 10:00 +0200",
            Some("2025-12-31T08:00:00Z"),
        ),
        ("timestamp_utc", "%Y-%m-%d %H:%M", "2025-12-31 10:00", None),
        ("timestamp_utc", "%s", "1", Some("1970-01-01T00:00:01Z")),
        (
            "timestamp_utc",
            "%s %z",
            "1700000000 +0200",
            Some("2023-11-14T22:13:20Z"),
        ),
    ] {
        let column = Declared {
            format: Some(format.to_owned()),
            ..declared(&[("x", data_type)]).remove(0)
        };
        column.check().unwrap();
        let target = Target::new(&column, Decimal::Point);
        let given: ArrayRef = Arc::new(StringArray::from(vec![text]));
        let (array, _) = target.admit(&given, &|_| false).unwrap();
        let seen = grid(&[batch(vec![("x", array)])]);
        assert_eq!(seen, [[expected.unwrap_or("-")]], "{text} as {format}");
    }
}

#[test]
fn columns_with_types_are_cast_where_nothing_is_lost() {
    let int = |values: Vec<i64>| -> ArrayRef { Arc::new(Int64Array::from(values)) };
    let float = |values: Vec<f64>| -> ArrayRef { Arc::new(Float64Array::from(values)) };
    let nanos = |value| -> ArrayRef { Arc::new(TimestampNanosecondArray::from(vec![value])) };
    let list: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>([Some([
        Some(1),
        None,
    ])]));
    for (given, data_type, expected) in [
        (int(vec![127, 128]), "int8", ["127", "-"].as_slice()),
        (
            int(vec![1 << 53, (1 << 53) + 1]),
            "float64",
            &["9007199254740992.0", "-"],
        ),
        (int(vec![i64::MAX]), "float64", &["-"]),
        (int(vec![1, 2]), "bool", &["true", "-"]),
        (int(vec![99999]), "decimal(5,2)", &["-"]),
        (int(vec![7]), "utf8", &["7"]),
        (int(vec![20_240_101]), "date", &["-"]),
        (float(vec![5.0, 5.5, f64::NAN]), "int32", &["5", "-", "-"]),
        (float(vec![1.5, 0.1]), "float32", &["1.5", "-"]),
        (float(vec![0.1, 0.125]), "decimal(4,2)", &["0.10", "-"]),
        (nanos(1000), "timestamp", &["1970-01-01T00:00:00.000001"]),
        (nanos(1001), "timestamp", &["-"]),
        (nanos(0), "timestamp_utc", &["-"]),
        (nanos(86_400_000_000_000), "date", &["1970-01-02"]),
        (nanos(1000), "date", &["-"]),
        (list, "utf8", &["[1,null]"]),
    ] {
        let column = declared(&[("x", data_type)]).remove(0);
        let target = Target::new(&column, Decimal::Point);
        let from = given.data_type().clone();
        let (array, misfits) = target.admit(&given, &|_| false).unwrap();
        let lost = expected.iter().filter(|value| **value == "-").count();
        assert_eq!(misfits.len(), lost, "{from} as {data_type}");
        let seen: Vec<String> = grid(&[batch(vec![("x", array)])]).concat();
        assert_eq!(seen, expected, "{from} as {data_type}");
    }
    let zoned = Declared {
        time_zone: Some("America/New_York".to_owned()),
        ..declared(&[("x", "timestamp_utc")]).remove(0)
    };
    let given: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![0]));
    let (array, misfits) = Target::new(&zoned, Decimal::Point)
        .admit(&given, &|_| false)
        .unwrap();
    assert!(misfits.is_empty());
    assert_eq!(
        *array.data_type(),
        DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
    );
    assert_eq!(
        grid(&[batch(vec![("x", array)])]),
        [["1970-01-01T05:00:00Z"]]
    );
}

#[test]
fn a_file_that_does_not_fit_says_where_and_why() {
    let columns = || declared(&[("id", "int8"), ("name", "utf8")]);
    let needed = || {
        let mut columns = columns();
        columns[1].nullable = false;
        columns
    };
    for (policy, columns, kind, text, reason) in [
        (
            SchemaPolicy::Strict,
            columns(),
            Kind::Csv,
            "id,name\n\n1,\"a\nb\"\n300,c\n",
            Some("column id must be int8 and holds int64, line 5: \"300\""),
        ),
        (
            SchemaPolicy::Evolve,
            columns(),
            Kind::Ndjson,
            "{\"id\":1}\n{\"id\":\"x\",\"new\":1}\n",
            Some("column id must be int8 and holds utf8, line 2: \"x\""),
        ),
        (
            SchemaPolicy::Strict,
            needed(),
            Kind::Csv,
            "id,name\n1,a\n2,\n",
            Some("column name must not be null, line 3"),
        ),
        (
            SchemaPolicy::Strict,
            needed(),
            Kind::Csv,
            "id\n1\n",
            Some("column name must not be null, and the file does not have it"),
        ),
        (
            SchemaPolicy::Strict,
            columns(),
            Kind::Csv,
            "name,id,new\na,1,2\n",
            Some("column new (utf8) is not declared"),
        ),
        (SchemaPolicy::Strict, needed(), Kind::Csv, "id\n", None),
        (
            SchemaPolicy::Strict,
            columns(),
            Kind::Csv,
            "name,id\na,007\n",
            None,
        ),
    ] {
        let contract = contract(policy, columns);
        let (_, found) = read(text, kind, &contract);
        assert_eq!(found.as_deref(), reason, "{text}");
    }
}

#[test]
fn declared_columns_come_first_and_others_behind_them() {
    let mut columns = declared(&[("id", "int32"), ("amount", "decimal(6,2)")]);
    columns[1].default = Some("0".to_owned());
    let contract = contract(SchemaPolicy::Evolve, columns);
    let (rows, reason) = read("x,id\n1.5,007\n,8\n", Kind::Csv, &contract);
    assert_eq!(reason, None);
    assert_eq!(rows, [["7", "0.00", "1.5"], ["8", "0.00", "-"]]);
}

#[test]
fn what_does_not_fit_is_rescued_as_json() {
    let mut columns = declared(&[("id", "int8"), ("ok", "bool")]);
    columns[1].nullable = false;
    let contract = contract(SchemaPolicy::Rescue, columns);
    let text = "{\"z\":[1,{\"b\":null}],\"id\":300,\"ok\":true,\"a\":\"x\\\"y\"}\n{\"id\":\"7\",\"ok\":false}\n{\"id\":2}\n";
    let (rows, reason) = read(text, Kind::Ndjson, &contract);
    assert_eq!(reason, None);
    let rescued = r#"{"a":"x\"y","id":"300","z":"[1,{\"b\":null}]"}"#;
    assert_eq!(
        rows,
        [
            ["-", "true", rescued],
            ["7", "false", "-"],
            ["2", "-", r#"{"ok":null}"#]
        ]
    );
}

#[test]
fn what_was_rescued_before_stays_as_it_is() {
    let mut columns = declared(&[("id", "int8"), ("ok", "bool")]);
    columns[0].default = Some("9".to_owned());
    columns[1].nullable = false;
    let contract = contract(SchemaPolicy::Rescue, columns);
    let text = "id,ok,more\n300,true,\n,x,y\n";
    let (rows, _) = read(text, Kind::Csv, &contract);
    let mut admission = Admission::of_file(&contract, Kind::Csv, &Dialect::default());
    let texts = |values: Vec<Option<&str>>| -> ArrayRef { Arc::new(StringArray::from(values)) };
    let raw = batch(vec![
        ("id", texts(vec![Some("300"), None])),
        ("ok", texts(vec![Some("true"), Some("x")])),
        ("more", texts(vec![None, Some("y")])),
    ]);
    let once = admission.admit(&raw).unwrap();
    assert_eq!(grid(std::slice::from_ref(&once)), rows);
    let again = Admission::of_output(&contract, None, &Dialect::default())
        .admit(&once)
        .unwrap();
    assert_eq!(again, once);
}

#[test]
fn a_comma_is_a_point_where_the_dialect_says_so() {
    let column = declared(&[("x", "decimal(6,2)")]).remove(0);
    let target = Target::new(&column, Decimal::Comma);
    let given: ArrayRef = Arc::new(StringArray::from(vec!["1,5", "1.5", "15"]));
    let (array, misfits) = target.admit(&given, &|_| false).unwrap();
    assert_eq!(misfits, [(1, Some("1.5".to_owned()))]);
    assert_eq!(
        grid(&[batch(vec![("x", array)])]),
        [["1.50"], ["-"], ["15.00"]]
    );
}

#[test]
fn no_value_is_one_that_arrow_fails_at() {
    let extremes = [i64::MIN, i64::MIN + 1, -1, 0, 1, 86_400_000_000, i64::MAX];
    let longs: ArrayRef = Arc::new(Int64Array::from(extremes.to_vec()));
    let ints: ArrayRef = Arc::new(arrow::array::Int32Array::from(vec![
        i32::MIN,
        -1,
        0,
        86_400_001,
        i32::MAX,
    ]));
    let floats = vec![
        f64::NAN,
        f64::INFINITY,
        f64::MAX,
        f64::MIN,
        -0.0,
        1e300,
        0.1,
    ];
    let wide = vec![arrow::datatypes::i256::MAX, arrow::datatypes::i256::MIN];
    let wide = arrow::array::Decimal256Array::from(wide).with_precision_and_scale(76, 0);
    let again = |array: &ArrayRef, data_type: DataType| {
        let data = array.to_data().into_builder().data_type(data_type);
        arrow::array::make_array(data.build().unwrap())
    };
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(Float64Array::from(floats)),
        Arc::new(wide.unwrap()),
        again(&ints, DataType::Date32),
        again(&ints, DataType::Time32(TimeUnit::Millisecond)),
        again(&longs, DataType::Time64(TimeUnit::Microsecond)),
        again(&longs, DataType::Time64(TimeUnit::Nanosecond)),
        again(&longs, DataType::Decimal64(18, 2)),
    ];
    for unit in [TimeUnit::Microsecond, TimeUnit::Nanosecond] {
        columns.push(again(&longs, DataType::Timestamp(unit, None)));
        columns.push(again(&longs, DataType::Timestamp(unit, Some("UTC".into()))));
    }
    columns.extend([longs, ints]);
    let list = columns[4].clone();
    let field = Arc::new(Field::new_list_field(list.data_type().clone(), true));
    let offsets = arrow::buffer::OffsetBuffer::from_lengths([list.len()]);
    columns.push(Arc::new(ListArray::new(field, offsets, list, None)));
    let all = [
        "int8",
        "uint64",
        "float32",
        "float64",
        "decimal(38,38)",
        "decimal(5,2)",
        "bool",
        "date",
        "timestamp",
        "timestamp_utc",
        "utf8",
        "binary",
    ];
    for given in columns {
        let from = given.data_type().clone();
        for to in all {
            let contract = contract(SchemaPolicy::Rescue, declared(&[("x", to)]));
            let mut admission = Admission::of_file(&contract, Kind::Parquet, &Dialect::default());
            let admitted = admission.admit(&batch(vec![("x", Arc::clone(&given))]));
            let admitted = admitted.unwrap_or_else(|error| panic!("{from} as {to}: {error}"));
            // A value stays, or is rescued.
            let rescued = admitted.column(1);
            for row in 0..given.len() {
                assert_ne!(
                    admitted.column(0).is_null(row),
                    rescued.is_null(row),
                    "{from} as {to}"
                );
            }
        }
        let contract = contract(SchemaPolicy::Rescue, declared(&[("other", "int8")]));
        let mut admission = Admission::of_file(&contract, Kind::Parquet, &Dialect::default());
        let admitted = admission.admit(&batch(vec![("x", given)]));
        assert_eq!(admitted.unwrap().column(1).null_count(), 0, "{from}");
    }
}

#[test]
fn bytes_are_read_as_the_text_that_they_are() {
    let column = |data_type| declared(&[("x", data_type)]).remove(0);
    let bytes: ArrayRef = Arc::new(arrow::array::BinaryArray::from(vec![
        &b"12"[..],
        b"\xff",
        b"5",
    ]));
    let whole = column("int64");
    let (array, misfits) = Target::new(&whole, Decimal::Point)
        .admit(&bytes, &|_| false)
        .unwrap();
    assert_eq!(grid(&[batch(vec![("x", array)])]), [["12"], ["-"], ["5"]]);
    assert_eq!(misfits.iter().map(|(row, _)| *row).collect::<Vec<_>>(), [1]);
    let fixed = arrow::array::FixedSizeBinaryArray::try_from_iter([b"ab", b"cd"].into_iter());
    let fixed: ArrayRef = Arc::new(fixed.unwrap());
    let binary = column("binary");
    let (array, misfits) = Target::new(&binary, Decimal::Point)
        .admit(&fixed, &|_| false)
        .unwrap();
    assert_eq!(
        array.as_binary::<i32>().iter().collect::<Vec<_>>(),
        [Some(&b"ab"[..]), Some(b"cd")]
    );
    assert_eq!(misfits, []);
}
