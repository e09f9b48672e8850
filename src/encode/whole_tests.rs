//! Row groups that are taken as soon as their rows are there.

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, Int64Array, RecordBatch, StringArray};
use parquet::file::metadata::ParquetMetaDataReader;

use super::tests::{ALONE, encode_by, encode_pieces, table};
use super::weight::{row_weights, weight};
use super::*;
use crate::config::Writing;
use crate::crew::Unordered;

/// Encodes the same pieces, where whole row groups are taken as soon as a few more are there.
fn encode_whole_first(
    table: &RecordBatch,
    options: &EncodeOptions,
    means: EncodeMeans<'_>,
    (together, most): (usize, usize),
) -> (Vec<EncodedFile>, Vec<Vec<u8>>) {
    encode_by(table, options, means, |encoder| {
        let mut left: Vec<(usize, RecordBatch)> = Vec::new();
        for (piece, start) in (0..table.num_rows()).step_by(5000).enumerate() {
            let rows = (table.num_rows() - start).min(5000);
            left.push((piece % 2, table.slice(start, rows)));
            if left.len() < together {
                continue;
            }
            let taken = encoder.push_whole(left.clone(), most).unwrap();
            assert!(taken.row_groups <= most);
            encoder.settle().unwrap();
            assert_eq!(encoder.held(), 0);
            left = behind(left, taken.rows);
        }
        for (member, batch) in left {
            encoder.push(member, &batch).unwrap();
        }
    })
}

/// Returns the rows behind the first `taken` ones.
fn behind(rows: Vec<(usize, RecordBatch)>, mut taken: usize) -> Vec<(usize, RecordBatch)> {
    let left = rows.into_iter().filter_map(|(member, batch)| {
        let gone = taken.min(batch.num_rows());
        taken -= gone;
        let rest = batch.num_rows() - gone;
        (rest > 0).then(|| (member, batch.slice(gone, rest)))
    });
    left.collect()
}

#[test]
fn row_groups_that_are_taken_when_their_rows_are_there_are_the_same_ones() {
    let table = table(40_000, 1);
    for (row_group_rows, target_file_size) in [(1024, 1), (9000, 1 << 20), (1 << 20, u64::MAX)] {
        for layout in [Layout::Flat, Layout::Partitioned] {
            let options = EncodeOptions {
                target_file_size,
                writing: Writing {
                    row_group_rows,
                    ..Writing::default()
                },
                layout,
            };
            let at_once = encode_pieces(&table, &options, ALONE);
            for how in [(1, 1), (1, 99), (3, 2), (3, 99)] {
                let crew = &Unordered(3);
                let means = EncodeMeans { crew, memory: 1 };
                let early = encode_whole_first(&table, &options, means, how);
                assert!(early == at_once, "{row_group_rows} rows, {how:?}");
            }
        }
    }
}

#[test]
fn row_groups_are_smaller_where_rows_are_of_several_partitions() {
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..3_000_000));
    let table = RecordBatch::try_from_iter([("n", numbers)]).unwrap();
    let rows = [Layout::Flat, Layout::Partitioned].map(|layout| {
        let options = EncodeOptions {
            target_file_size: u64::MAX,
            writing: Writing {
                row_group_rows: 1 << 24,
                ..Writing::default()
            },
            layout,
        };
        let (_, files) = encode_pieces(&table, &options, ALONE);
        let read = ParquetMetaDataReader::new();
        let read = read.parse_and_finish(&bytes::Bytes::from(files[0].clone()));
        read.unwrap().row_group(0).num_rows()
    });
    assert_eq!(rows, [16, 8].map(|mib| (mib << 20) / 8));
}

/// Adds columns without nulls.
fn with_texts(table: &RecordBatch) -> RecordBatch {
    let texts = || (0..table.num_rows()).map(|row| "x".repeat(row % 11));
    let texts: [ArrayRef; 2] = [
        Arc::new(StringArray::from_iter_values(texts())),
        Arc::new(BinaryArray::from_iter_values(texts())),
    ];
    let names = ["texts", "all bytes"];
    let schema = table.schema();
    let columns = schema.fields().iter().map(|field| field.name().as_str());
    let columns = columns.zip(table.columns().iter().cloned());
    RecordBatch::try_from_iter(columns.chain(names.into_iter().zip(texts))).unwrap()
}

#[test]
fn rows_weigh_together_what_each_of_them_weighs() {
    for seed in 0..3 {
        let table = with_texts(&table(300, seed));
        let each = row_weights(&table);
        for (start, end) in [(0, 300), (0, 0), (7, 8), (100, 299), (300, 300)] {
            let together: usize = each[start..end].iter().sum();
            assert_eq!(weight(&table, start, end), together, "{start} to {end}");
            let part = table.slice(start, end - start);
            assert_eq!(weight(&part, 0, end - start), together);
        }
    }
}
