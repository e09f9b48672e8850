//! Function families on real batches, and what is refused with which words.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, FixedSizeBinaryArray, Float64Array,
    Int64Array, ListArray, RecordBatch, StringArray, StructArray, TimestampMicrosecondArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use arrow::util::display::array_value_to_string;

use super::*;
use crate::config::RowSql;
use crate::model::{ContentHash, PartitionValues, Timestamp, uuid_field};

fn expectation(name: &str, sql: &str, on_fail: OnFail) -> crate::config::Expectation {
    crate::config::Expectation {
        name: name.to_owned(),
        sql: sql.to_owned(),
        on_fail,
    }
}

fn definition(select: &str) -> Definition {
    Definition {
        sql: RowSql {
            select: Some(select.to_owned()),
            ..RowSql::default()
        },
        ..Definition::default()
    }
}

fn transform(definition: &Definition) -> Result<RowTransform, SqlError> {
    RowTransform::new(definition).map(|transform| transform.expect("there is SQL"))
}

/// Three rows; the last is null.
fn rows() -> RecordBatch {
    let zone = |array: TimestampMicrosecondArray| array.with_timezone("UTC");
    let list = ListArray::from_iter_primitive::<Int64Type, _, _>([
        Some(vec![Some(3), Some(1), Some(2)]),
        Some(vec![]),
        None,
    ]);
    let number: ArrayRef = Arc::new(Int64Array::from(vec![Some(7), None, None]));
    let word: ArrayRef = Arc::new(StringArray::from(vec![Some("x"), Some("y"), None]));
    let parts = StructArray::from(vec![
        (Arc::new(Field::new("a", DataType::Int64, true)), number),
        (Arc::new(Field::new("b", DataType::Utf8, true)), word),
    ]);
    let text =
        |values: [Option<&str>; 3]| -> ArrayRef { Arc::new(StringArray::from(values.to_vec())) };
    RecordBatch::try_from_iter_with_nullable([
        (
            "id",
            Arc::new(Int64Array::from(vec![Some(1), Some(2), None])) as ArrayRef,
            true,
        ),
        ("Name", text([Some("Ann"), Some("bob é"), None]), true),
        (
            "amount",
            Arc::new(Float64Array::from(vec![Some(1.5), Some(-2.0), None])),
            true,
        ),
        ("code", text([Some("007"), Some("x"), None]), true),
        (
            "ok",
            Arc::new(BooleanArray::from(vec![Some(true), Some(false), None])),
            true,
        ),
        (
            "day",
            Arc::new(Date32Array::from(vec![Some(19_782), Some(0), None])),
            true,
        ),
        (
            "at",
            Arc::new(zone(TimestampMicrosecondArray::from(vec![
                Some(1_709_210_096_123_456),
                Some(0),
                None,
            ]))),
            true,
        ),
        ("list", Arc::new(list), true),
        ("s", Arc::new(parts), true),
    ])
    .unwrap()
}

fn shape(batch: &RecordBatch) -> Shape {
    Shape::of_schema(batch.schema_ref())
}

fn origin(fields: &PartitionValues) -> Origin<'_> {
    Origin {
        path: "dt=1/a.csv",
        hash: Some(ContentHash([7; 32])),
        modified_at: Timestamp(1_700_000_000_123_456_789),
        before: 10,
        fields,
    }
}

fn apply(transform: &RowTransform) -> Result<RecordBatch, String> {
    let batch = rows();
    let bound = transform
        .bind(&shape(&batch), &shape(&batch), &Vec::new())
        .map_err(|error| error.line())?;
    let fields = Vec::new();
    let done = pieces(&bound, &batch, origin(&fields))?;
    assert_eq!(shape(&done), *bound.output());
    Ok(done)
}

fn pieces(bound: &Bound, batch: &RecordBatch, origin: Origin<'_>) -> Result<RecordBatch, String> {
    let mut batches = Vec::new();
    for done in bound.pieces(batch, origin) {
        batches.push(done.map_err(|error| error.to_string())?.batch);
    }
    let schema = batches.first().map_or(batch.schema(), RecordBatch::schema);
    Ok(arrow::compute::concat_batches(&schema, &batches).unwrap())
}

fn cells(batch: &RecordBatch, column: usize) -> String {
    let column = batch.column(column);
    let cells = (0..batch.num_rows()).map(|row| {
        if column.is_null(row) {
            "∅".to_owned()
        } else {
            array_value_to_string(column, row).unwrap()
        }
    });
    cells.collect::<Vec<_>>().join(" | ")
}

/// Evaluates one expression: its cells, and its type.
fn evaluate(expr: &str) -> String {
    let read = transform(&definition(&format!("{expr} AS x")));
    match read
        .map_err(|error| error.line())
        .and_then(|read| apply(&read))
    {
        Ok(batch) => format!("{} : {}", cells(&batch, 0), batch.column(0).data_type()),
        Err(error) => error,
    }
}

#[test]
fn every_family_of_functions_works_on_rows() {
    let table: &[(&str, &str)] = include!("families.in");
    let mut wrong = Vec::new();
    for (expr, expected) in table {
        let found = evaluate(expr);
        if found != *expected {
            wrong.push(format!("    ({expr:?}, {found:?}),"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn what_is_not_about_one_row_is_refused_with_the_reason() {
    let table: &[(&str, &str)] = include!("refused.in");
    let mut wrong = Vec::new();
    for (select, expected) in table {
        let found = match transform(&definition(select)) {
            Ok(read) => apply(&read).map_or_else(|error| error, |_| "accepted".to_owned()),
            Err(error) => error.to_string(),
        };
        if found != *expected {
            wrong.push(format!("    ({select:?}, {found:?}),"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Values at the ends of their types, and texts that are no values.
fn ends() -> RecordBatch {
    let text = |values: [&str; 4]| -> ArrayRef { Arc::new(StringArray::from(values.to_vec())) };
    let ends = [i64::MAX, i64::MIN, -1, 0];
    let instants = TimestampMicrosecondArray::from(ends.to_vec()).with_timezone("UTC");
    let days: Vec<i32> = vec![i32::MAX, i32::MIN, -1, 0];
    let list = ListArray::from_iter_primitive::<Int64Type, _, _>(
        ends.map(|end| Some(vec![Some(end), None])),
    );
    RecordBatch::try_from_iter([
        ("i", Arc::new(Int64Array::from(ends.to_vec())) as ArrayRef),
        (
            "f",
            Arc::new(Float64Array::from(vec![
                f64::NAN,
                f64::INFINITY,
                f64::MIN,
                -0.0,
            ])),
        ),
        ("t", text(["", "%Q %", "(", "9999999999999999999999"])),
        ("at", Arc::new(instants)),
        ("day", Arc::new(Date32Array::from(days))),
        ("list", Arc::new(list)),
    ])
    .unwrap()
}

#[test]
fn no_function_breaks_down_on_values_at_the_ends_of_their_types() {
    let arguments = ["i", "f", "t", "at", "day", "list", "7"];
    let mut exprs: Vec<String> = [
        "i + i",
        "i - i - 1",
        "i * i",
        "-i",
        "i / i",
        "i % i",
        "i / -1",
        "i % -1",
        "i << i",
        "i >> i",
        "abs(i)",
        "day + INTERVAL '9999 years'",
        "day - INTERVAL '9999 years'",
        "at + INTERVAL '99999 years'",
        "day + arrow_cast(i, 'Duration(Second)')",
        "at - at",
        "day - day",
        "CAST(i AS DATE)",
        "CAST(i AS TIMESTAMP)",
        "CAST(at AS DATE)",
        "CAST(day AS TIMESTAMP)",
        "CAST(f AS BIGINT)",
        "CAST(f AS DECIMAL(38, 10))",
        "CAST(i AS DECIMAL(38, 30))",
        "extract(year FROM at)",
        "extract(epoch FROM day)",
        "t::DATE",
        "t::TIMESTAMP",
        "list[i]",
        "list[i:i]",
        "list[1:2:0]",
        "substr(t, i, i)",
        "at AT TIME ZONE t",
        "at AT TIME ZONE 'Nowhere'",
        "CAST(CAST(i AS DECIMAL(38,0)) * 1e18 AS DECIMAL(38,0)) * CAST(i AS DECIMAL(38,0))",
    ]
    .map(str::to_owned)
    .to_vec();
    let names: std::collections::BTreeSet<&str> = functions().names().collect();
    for name in names {
        for a in arguments {
            exprs.push(format!("{name}({a})"));
            for b in ["i", "t"] {
                exprs.push(format!("{name}({a}, {b})"));
                exprs.push(format!("{name}({a}, {b}, i)"));
                exprs.push(format!("{name}({a}, {b}, t)"));
            }
        }
    }
    let batch = ends();
    let fields = Vec::new();
    let mut broken = Vec::new();
    for expr in exprs {
        let read = transform(&definition(&format!("{expr} AS x"))).unwrap();
        let run = std::panic::AssertUnwindSafe(|| {
            let bound = read.bind(&shape(&batch), &shape(&batch), &fields);
            let told = bound.map(|bound| pieces(&bound, &batch, origin(&fields)));
            assert!(!format!("{told:?}").contains("broke down"));
        });
        if std::panic::catch_unwind(run).is_err() {
            broken.push(expr);
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn a_row_is_at_fault_or_not_whatever_rows_are_beside_it() {
    let numbers: Vec<i64> = (0..1000).map(|n| n % 2).collect();
    let batch =
        RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from(numbers)) as ArrayRef)]);
    let batch = batch.unwrap();
    let fields = Vec::new();
    let run = |expr: &str| {
        let read = transform(&definition(expr)).unwrap();
        let bound = read.bind(&shape(&batch), &shape(&batch), &fields).unwrap();
        pieces(&bound, &batch, origin(&fields))
    };
    // Whether both sides are evaluated for all rows depends on how many there are of each kind.
    let done = run("n <> 0 AND 10 / n > 1 AS x").unwrap();
    assert_eq!(done.column(0).as_boolean().true_count(), 500);
    assert_eq!(
        run("10 / n AS x").unwrap_err(),
        "row 11: Divide by zero error"
    );
}

#[test]
fn the_first_row_that_is_at_fault_is_told_whichever_expectation_it_is() {
    let definition = Definition {
        sql: RowSql {
            expect: vec![
                expectation("second row", "id <> 2 OR id IS NULL", OnFail::Fail),
                expectation("first row", "id <> 1 OR id IS NULL", OnFail::QuarantineFile),
            ],
            ..RowSql::default()
        },
        ..Definition::default()
    };
    let read = transform(&definition).unwrap();
    assert_eq!(
        apply(&read).unwrap_err(),
        "row 11 does not meet the expectation \"first row\""
    );
}

#[test]
fn what_would_be_too_large_is_the_fault_of_its_row_and_never_made() {
    let row = |expr: &str| evaluate(expr);
    for expr in [
        "repeat(Name, 100000000)",
        "lpad(Name, 1000000000)",
        "rpad(code, 1000000000, Name)",
        "replace(repeat(Name, 100000), 'n', repeat(Name, 100000))",
    ] {
        let told = row(expr);
        assert!(
            told.starts_with("row 11: ") && told.contains("is the limit"),
            "{told}"
        );
    }
    for expr in ["repeat('x', 1000000000)", "Name || repeat('x', 100000)"] {
        let told = row(expr);
        assert!(
            told.starts_with("select, column 1: repeat may make a constant"),
            "{told}"
        );
    }
    assert_eq!(
        row("length(repeat(Name, 100000))"),
        "300000 | 500000 | ∅ : Int32"
    );
    // Many rows that are well by themselves are taken one after the other.
    let names: Vec<String> = (0..40).map(|n| format!("{n:02}").repeat(1000)).collect();
    let batch = RecordBatch::try_from_iter([("n", Arc::new(StringArray::from(names)) as ArrayRef)]);
    let batch = batch.unwrap();
    let read = transform(&definition("repeat(n, 2000) AS x")).unwrap();
    let bound = read
        .bind(&shape(&batch), &shape(&batch), &Vec::new())
        .unwrap();
    let fields = Vec::new();
    let done: Vec<usize> = bound
        .pieces(&batch, origin(&fields))
        .map(|done| done.unwrap().batch.num_rows())
        .collect();
    assert!(
        done.len() > 1 && done.iter().sum::<usize>() == 40,
        "{done:?}"
    );
}

#[test]
fn the_items_of_a_list_become_rows_beside_what_stands_by_the_list() {
    let read = transform(&definition(
        "id, unnest(list) AS item, unnest(list) * 2 AS twice, _row AS r",
    ));
    let batch = apply(&read.unwrap()).unwrap();
    assert_eq!(cells(&batch, 0), "1 | 1 | 1");
    assert_eq!(cells(&batch, 1), "3 | 1 | 2");
    assert_eq!(cells(&batch, 2), "6 | 2 | 4");
    assert_eq!(cells(&batch, 3), "11 | 11 | 11");
    let read = transform(&definition("* EXCEPT (list), unnest(list) AS list")).unwrap();
    assert_eq!(apply(&read).unwrap().num_rows(), 3);
    let read = transform(&definition(
        "json_get(unnest(json_list(concat('[', id, ',5]'), '$')), '$') AS x",
    ));
    let told = apply(&read.unwrap()).unwrap_err();
    assert_eq!(
        told,
        "row 13: the text is no JSON: expected value at line 1 column 2"
    );
}

#[test]
fn a_list_of_many_items_beside_a_large_text_is_unnested_bit_by_bit() {
    let many: Vec<Option<i64>> = (0..5000).map(Some).collect();
    let list = ListArray::from_iter_primitive::<Int64Type, _, _>([Some(many), Some(vec![])]);
    let text: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(100_000), String::new()]));
    let batch = RecordBatch::try_from_iter([("l", Arc::new(list) as ArrayRef), ("t", text)]);
    let batch = batch.unwrap();
    let read = transform(&definition("unnest(l) AS i, t")).unwrap();
    let fields = Vec::new();
    let bound = read.bind(&shape(&batch), &shape(&batch), &fields).unwrap();
    let mut next = 0;
    for done in bound.pieces(&batch, origin(&fields)) {
        let items = done
            .unwrap()
            .batch
            .column(0)
            .as_primitive::<Int64Type>()
            .clone();
        assert!(items.len() < 1000);
        for item in items.values() {
            assert_eq!(*item, next);
            next += 1;
        }
    }
    assert_eq!(next, 5000);
}

#[test]
fn rows_that_are_set_aside_are_the_same_however_many_are_taken_at_once() {
    let definition = Definition {
        sql: RowSql {
            expect: vec![
                expectation("not two", "id <> 2 OR id IS NULL", OnFail::QuarantineRow),
                expectation("there", "_row <> 12", OnFail::Drop),
                expectation("not one", "id <> 1 OR id IS NULL", OnFail::QuarantineRow),
            ],
            ..RowSql::default()
        },
        ..Definition::default()
    };
    let read = transform(&definition).unwrap();
    let batch = rows();
    let fields = Vec::new();
    let bound = read.bind(&shape(&batch), &shape(&batch), &fields).unwrap();
    let told = |batches: &[RecordBatch]| {
        let mut told = Vec::new();
        let mut before = 10;
        for batch in batches {
            let origin = Origin {
                before,
                ..origin(&fields)
            };
            for done in bound.pieces(batch, origin) {
                let aside = done.unwrap().aside.into_iter();
                told.extend(aside.flat_map(|aside| {
                    let ids = cells(&aside.rows, 0);
                    assert_eq!(aside.rows.num_columns(), batch.num_columns());
                    let ids: Vec<String> = ids.split(" | ").map(str::to_owned).collect();
                    aside.numbers.into_iter().zip(aside.reasons).zip(ids)
                }));
            }
            before += batch.num_rows() as u64;
        }
        told
    };
    let expected = [
        ((11, "not one".to_owned()), "1".to_owned()),
        ((12, "not two".to_owned()), "2".to_owned()),
    ];
    assert_eq!(told(std::slice::from_ref(&batch)), expected);
    let single: Vec<RecordBatch> = (0..3).map(|row| batch.slice(row, 1)).collect();
    assert_eq!(told(&single), expected);
}

#[test]
fn a_plan_is_made_once_for_all_who_ask_the_same() {
    let read = transform(&definition("id + 1 AS x")).unwrap();
    let own = shape(&rows());
    let plan =
        |own: &Shape, fields: &PartitionValues| read.bind(own, &own.clone(), fields).unwrap();
    let first = plan(&own, &Vec::new());
    let clone = read.clone();
    assert!(Arc::ptr_eq(
        &first,
        &clone.bind(&own, &own, &Vec::new()).unwrap()
    ));
    // The value of a field of the path is none of a plan's business, its name is.
    let (a, b) = (Some("a".to_owned()), Some("b".to_owned()));
    let one = plan(&own, &vec![("dt".to_owned(), a)]);
    assert!(Arc::ptr_eq(&one, &plan(&own, &vec![("dt".to_owned(), b)])));
    assert!(!Arc::ptr_eq(&first, &one));
    let narrower = Shape {
        columns: own.columns[..2].to_vec(),
    };
    assert!(!Arc::ptr_eq(&first, &plan(&narrower, &Vec::new())));
}

#[test]
fn uuids_that_are_taken_as_they_are_stay_such() {
    let ids: ArrayRef =
        Arc::new(FixedSizeBinaryArray::try_from_iter([[7; 16], [8; 16]].iter()).unwrap());
    let offsets = OffsetBuffer::from_lengths([1, 1]);
    let list = ListArray::new(uuid_field("item").into(), offsets, Arc::clone(&ids), None);
    let parts = StructArray::new(vec![uuid_field("a")].into(), vec![Arc::clone(&ids)], None);
    let fields = vec![
        uuid_field("id"),
        Field::new("list", list.data_type().clone(), true),
        Field::new("parts", parts.data_type().clone(), true),
    ];
    let arrays: Vec<ArrayRef> = vec![ids, Arc::new(list), Arc::new(parts)];
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap();
    let own = shape(&batch);
    for (select, expected) in [
        ("*", vec!["uuid", "List(uuid)", "Struct(\"a\": uuid)"]),
        ("id AS key, list AS keys", vec!["uuid", "List(uuid)"]),
        ("unnest(list) AS each", vec!["uuid"]),
        ("parts.a AS a", vec!["uuid"]),
        ("array_append(list, id) AS more", vec!["List(uuid)"]),
        ("array_reverse(list) AS turned", vec!["List(uuid)"]),
        (
            "CASE WHEN _row > 1 THEN list ELSE [id] END AS either",
            vec!["List(FixedSizeBinary(16))"],
        ),
        (
            "CASE WHEN _row > 1 THEN id END AS some",
            vec!["FixedSizeBinary(16)"],
        ),
        (
            "encode(id, 'hex') AS hex, id IS NULL AS missing",
            vec!["Utf8", "Boolean"],
        ),
    ] {
        let transform = transform(&definition(select)).unwrap();
        let fields = Vec::new();
        let bound = transform.bind(&own, &own, &fields).unwrap();
        let types = bound.output().columns.iter().map(Column::type_name);
        assert_eq!(types.collect::<Vec<_>>(), expected, "{select}");
        let done = pieces(&bound, &batch, origin(&fields)).unwrap();
        assert_eq!(shape(&done), *bound.output(), "{select}");
    }
    let plain = Shape::of(&[("id", DataType::FixedSizeBinary(16))]);
    let transform = transform(&definition("id")).unwrap();
    assert!(transform.sees_a_difference(&own, &plain));
}

#[test]
fn what_the_readme_says_is_refused_is_so_with_these_words() {
    let readme = include_str!("../../../README.md");
    let (_, table) = readme
        .split_once("| refused in `select` | message |\n|---|---|\n")
        .expect("the README has the table");
    let rows: Vec<&str> = table
        .lines()
        .take_while(|line| line.starts_with('|'))
        .collect();
    assert!(rows.len() > 10);
    for row in rows {
        let cells = row.trim_matches('|').split_once("` | ");
        let (sql, message) = cells.unwrap_or_else(|| panic!("a statement and a message: {row}"));
        let sql = sql.trim().trim_start_matches('`');
        let error = transform(&definition(sql)).map(|_| ()).unwrap_err();
        assert_eq!(error.what, message.trim(), "{sql}");
    }
}
