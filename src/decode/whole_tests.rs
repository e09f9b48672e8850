//! One table in every format, dialect and compression, and split in any way: the same rows come back.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use proptest::prelude::*;

use super::testing::{cells, plain, run_by};
use super::*;
use crate::config::{Definition, Dialect, Header, Mark};
use crate::schema::join_shapes;

const NAMES: [&str; 4] = ["id", "x", "s", "b"];

#[derive(Debug, Clone)]
struct Row {
    id: i64,
    x: Option<f64>,
    s: Option<String>,
    b: Option<bool>,
}

fn row() -> impl Strategy<Value = Row> {
    // A text that no CSV file could take for anything else, and that needs quotes in all of them.
    let text = "x[a-z,;|\t\"' \n\u{e9}]{0,6}";
    (
        any::<i64>(),
        prop::option::of(-1e9..1e9),
        prop::option::of(text),
        any::<Option<bool>>(),
    )
        .prop_map(|(id, x, s, b)| Row { id, x, s, b })
}

/// How a part of the table is written.
#[derive(Debug, Clone, Copy)]
struct Written {
    kind: Kind,
    compression: Compression,
    delimiter: u8,
}

fn written() -> impl Strategy<Value = Written> {
    let kinds = vec![
        Kind::Csv,
        Kind::Ndjson,
        Kind::Json,
        Kind::Parquet,
        Kind::Arrow,
        Kind::Avro,
        Kind::Tar,
        Kind::Zip,
    ];
    let kind = prop::sample::select(kinds);
    let compression = prop::sample::select(tests::EVERY.to_vec());
    let delimiter = prop::sample::select(b",;|\t".to_vec());
    (kind, compression, delimiter).prop_map(|(kind, compression, delimiter)| Written {
        kind,
        compression,
        delimiter,
    })
}

fn csv(rows: &[Row], delimiter: u8) -> Vec<u8> {
    let delimiter = char::from(delimiter).to_string();
    let mut text = NAMES.join(&delimiter) + "\n";
    for row in rows {
        let quoted = row
            .s
            .as_ref()
            .map(|s| format!("\"{}\"", s.replace('"', "\"\"")));
        let fields = [
            row.id.to_string(),
            row.x.map(|x| format!("{x:?}")).unwrap_or_default(),
            quoted.unwrap_or_default(),
            row.b.map(|b| b.to_string()).unwrap_or_default(),
        ];
        text += &(fields.join(&delimiter) + "\n");
    }
    text.into_bytes()
}

fn objects(rows: &[Row]) -> Vec<String> {
    let rows = rows.iter();
    rows.map(|row| {
        serde_json::json!({ "id": row.id, "x": row.x, "s": row.s, "b": row.b }).to_string()
    })
    .collect()
}

fn batch(rows: &[Row]) -> RecordBatch {
    let id = rows.iter().map(|row| row.id).collect::<Int64Array>();
    let x = rows.iter().map(|row| row.x).collect::<Float64Array>();
    let s = rows
        .iter()
        .map(|row| row.s.as_deref())
        .collect::<StringArray>();
    let b = rows.iter().map(|row| row.b).collect::<BooleanArray>();
    let columns: [ArrayRef; 4] = [Arc::new(id), Arc::new(x), Arc::new(s), Arc::new(b)];
    RecordBatch::try_from_iter_with_nullable(
        NAMES
            .into_iter()
            .zip(columns)
            .map(|(name, column)| (name, column, true)),
    )
    .unwrap()
}

fn bytes(rows: &[Row], how: Written) -> Vec<u8> {
    let plain = match how.kind {
        Kind::Ndjson => objects(rows).join("\n").into_bytes(),
        Kind::Json => format!("[{}]", objects(rows).join(",\n")).into_bytes(),
        Kind::Parquet => parquet::tests::written(&batch(rows), 3),
        Kind::Arrow => ipc::tests::written(&[batch(rows)], None),
        Kind::Avro => {
            let texts = rows
                .iter()
                .map(|row| (row.id, row.x, row.s.as_deref(), row.b));
            avro::tests::table_of(&texts.collect::<Vec<_>>())
        }
        Kind::Tar | Kind::Zip => {
            // The members are in different formats, and in the order of their names.
            let (first, second) = rows.split_at(rows.len() / 2);
            let first = tests::packed(&csv(first, how.delimiter), Compression::Gzip);
            let second = objects(second).join("\n").into_bytes();
            let members = [
                ("a.csv.gz", first.as_slice()),
                ("b.ndjson", second.as_slice()),
            ];
            archive::tests::archive_of(how.kind, &members)
        }
        _ => csv(rows, how.delimiter),
    };
    tests::packed(&plain, how.compression)
}

proptest! {
    #![proptest_config(tests::quick(64))]

    #[test]
    fn a_table_is_the_same_in_every_format_and_however_it_is_split(
        rows in prop::collection::vec(row(), 1..24),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), written()), 1..4),
        last in written(),
    ) {
        let mut ends: Vec<(usize, Written)> = cuts.iter().map(|(at, how)| (at.index(rows.len()), *how)).collect();
        ends.sort_by_key(|(at, _)| *at);
        ends.push((rows.len(), last));
        let mut start = 0;
        let mut parts = Vec::new();
        for (end, how) in ends {
            if end > start {
                parts.push((bytes(&rows[start..end], how), how));
                start = end;
            }
        }
        let definition = Definition::default();
        let recognised = |how: &Written| Recognised { compression: how.compression, ..plain(how.kind) };
        // As a pipeline does: the join of what all files hold, and then every file under that.
        let mut shape = Shape::of(&NAMES.map(|name| (name, arrow::datatypes::DataType::Null)));
        for (bytes, how) in &parts {
            match run_by(bytes, recognised(how), &definition, &Shape::default()).0 {
                Err(DecodeError::Misfit { observed }) => shape = join_shapes(&shape, &observed),
                other => prop_assert!(false, "{how:?}: {other:?}"),
            }
        }
        let mut found = Vec::new();
        for (bytes, how) in &parts {
            let (result, batches) = run_by(bytes, recognised(how), &definition, &shape);
            prop_assert!(result.is_ok(), "{how:?}: {result:?}");
            found.extend(cells(&batches));
        }
        prop_assert_eq!(found, cells(&[batch(&rows)]));
    }

    #[test]
    fn a_table_is_the_same_in_every_dialect(
        rows in prop::collection::vec(row(), 1..24),
        delimiter in prop::sample::select(b",;|\t".to_vec()),
        header in any::<bool>(),
        skip_lines in 0u64..3,
    ) {
        let csv_dialect = Dialect {
            delimiter: Mark::try_from(char::from(delimiter)).ok(),
            header: if header { Header::Present } else { Header::Absent },
            columns: NAMES.map(str::to_owned).to_vec(),
            skip_lines,
            ..Dialect::default()
        };
        let definition = Definition { csv: csv_dialect, ..Definition::default() };
        let whole = csv(&rows, delimiter);
        let head = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        let body = if header { &whole[..] } else { &whole[head..] };
        let text = [b"a \"line\n".repeat(usize::try_from(skip_lines).unwrap()), body.to_vec()].concat();
        let shape = match run_by(&text, plain(Kind::Csv), &definition, &Shape::default()).0 {
            Err(DecodeError::Misfit { observed }) => observed,
            other => return Err(TestCaseError::fail(format!("{other:?}"))),
        };
        let (result, batches) = run_by(&text, plain(Kind::Csv), &definition, &shape);
        prop_assert!(result.is_ok(), "{result:?}");
        prop_assert_eq!(cells(&batches), cells(&[batch(&rows)]));
    }
}
