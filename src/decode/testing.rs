//! What the tests of all formats share.

use std::io::{self, Read};
use std::ops::ControlFlow;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::DataType;

use super::cast::cast_array;
use super::{
    Bytes, Compression, DecodeError, Decoded, Kind, Magic, Recognised, Terms, decode, sniff,
};
use crate::config::{Definition, Dialect};
use crate::crew::Alone;
use crate::model::Shape;

pub(super) fn plain(kind: Kind) -> Recognised {
    Recognised {
        kind,
        compression: Compression::None,
        magic: Magic::Ignored,
    }
}

/// The outcome of decoding and the batches that were emitted on the way.
pub(super) fn run(
    bytes: &[u8],
    how: Recognised,
    shape: &Shape,
) -> (Result<Decoded, DecodeError>, Vec<RecordBatch>) {
    run_by(bytes, how, &Definition::default(), shape)
}

/// The same for a dialect of CSV.
pub(super) fn run_in(
    bytes: &[u8],
    how: Recognised,
    dialect: &Dialect,
    shape: &Shape,
) -> (Result<Decoded, DecodeError>, Vec<RecordBatch>) {
    run_by(bytes, how, &in_dialect(dialect), shape)
}

/// A definition that says nothing but how CSV is written.
pub(super) fn in_dialect(dialect: &Dialect) -> Definition {
    Definition {
        csv: dialect.clone(),
        ..Definition::default()
    }
}

/// What a file is decoded under, by one pair of hands.
pub(super) fn terms<'a>(definition: &'a Definition, shape: &'a Shape) -> Terms<'a> {
    Terms {
        definition,
        shape,
        crew: &Alone,
    }
}

/// The same for any definition.
pub(super) fn run_by(
    bytes: &[u8],
    how: Recognised,
    definition: &Definition,
    shape: &Shape,
) -> (Result<Decoded, DecodeError>, Vec<RecordBatch>) {
    let mut batches = Vec::new();
    let mut stream = bytes;
    let result = decode(
        Bytes::Stream(&mut stream),
        how,
        terms(definition, shape),
        &mut |batch| {
            batches.push(batch);
            ControlFlow::Continue(())
        },
    );
    (result, batches)
}

pub(super) fn guess(bytes: &[u8], how: Recognised) -> Result<Shape, DecodeError> {
    let mut stream = bytes;
    sniff(Bytes::Stream(&mut stream), how, &Definition::default())
}

/// What a file holds, found by decoding it under nothing.
pub(super) fn observe(bytes: &[u8], how: Recognised) -> Result<Shape, DecodeError> {
    match run(bytes, how, &Shape::default()).0 {
        Err(DecodeError::Misfit { observed }) => Ok(observed),
        Ok(decoded) => Ok(decoded.observed),
        Err(error) => Err(error),
    }
}

/// Every value as text, row by row; a column that a batch lacks is missing at the row's end.
pub(super) fn cells(batches: &[RecordBatch]) -> Vec<Vec<Option<String>>> {
    let mut rows = Vec::new();
    for batch in batches {
        let start = rows.len();
        rows.resize(start + batch.num_rows(), Vec::new());
        for column in batch.columns() {
            let text = cast_array(column, &DataType::Utf8).expect("anything becomes text");
            let text = text.as_string::<i32>();
            for row in 0..text.len() {
                let value = text.is_valid(row).then(|| text.value(row).to_owned());
                rows[start + row].push(value);
            }
        }
    }
    rows
}

/// The values as text with `-` for null, for tables in tests.
pub(super) fn grid(batches: &[RecordBatch]) -> Vec<Vec<String>> {
    let row = |row: Vec<Option<String>>| row.into_iter().map(|cell| cell.unwrap_or("-".to_owned()));
    cells(batches)
        .into_iter()
        .map(|cells| row(cells).collect())
        .collect()
}

/// Hands out its bytes in small pieces and then fails, or ends.
pub(super) struct Drip<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) piece: usize,
    pub(super) fails: Option<io::ErrorKind>,
}

impl Read for Drip<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.piece.min(buffer.len()).min(self.bytes.len());
        if count == 0 {
            return self.fails.map_or(Ok(0), |kind| Err(kind.into()));
        }
        let (now, later) = self.bytes.split_at(count);
        buffer[..count].copy_from_slice(now);
        self.bytes = later;
        Ok(count)
    }
}
