//! Source files that are no plain text: compressed CSV, and Parquet. Each is packed from CSV text, and unpacked to it by
//! readers that share nothing with the program's own.

use std::io::{Read, Write};
use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit};
use arrow::record_batch::RecordBatch;
use arrow::util::display::array_value_to_string;
use bytes::Bytes;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

const EXTENSIONS: [&str; 5] = ["csv", "csv.gz", "csv.zst", "parquet", "ndjson"];

/// Returns what follows the first dot of the name.
pub(crate) fn extension_of(path: &str) -> &'static str {
    let ends = |extension: &&&str| path.ends_with(&format!(".{extension}"));
    EXTENSIONS.iter().find(ends).expect("a known extension")
}

/// Tells whether the file's bytes are not its text.
pub(crate) fn is_packed(path: &str) -> bool {
    !matches!(extension_of(path), "csv" | "ndjson")
}

/// Returns the bytes of a file that holds `text`.
pub(crate) fn pack(path: &str, text: &str) -> Vec<u8> {
    match extension_of(path) {
        "csv.gz" => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(text.as_bytes()).unwrap();
            encoder.finish().unwrap()
        }
        "csv.zst" => zstd::encode_all(text.as_bytes(), 1).unwrap(),
        "parquet" => to_parquet(text),
        _ => text.as_bytes().to_vec(),
    }
}

/// Returns the text of a file, `None` where its bytes are bad.
pub(crate) fn unpack(path: &str, bytes: &[u8]) -> Option<String> {
    let text = match extension_of(path) {
        // An upload of nothing went wrong.
        "csv.gz" | "csv.zst" if bytes.is_empty() => return None,
        "csv.gz" => {
            let mut text = Vec::new();
            MultiGzDecoder::new(bytes).read_to_end(&mut text).ok()?;
            text
        }
        "csv.zst" => zstd::decode_all(bytes).ok()?,
        "parquet" => return from_parquet(bytes),
        _ => bytes.to_vec(),
    };
    String::from_utf8(text).ok()
}

fn to_parquet(text: &str) -> Vec<u8> {
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    let columns = header.iter().enumerate().map(|(index, name)| {
        let cells = rows.iter().map(|row| row[index]);
        let cells: Vec<Option<&str>> = cells
            .map(|cell| Some(cell).filter(|cell| !cell.is_empty()))
            .collect();
        let data_type = type_of(name, &cells);
        let array = cast(&StringArray::from(cells), &data_type).unwrap();
        (*name, array, true)
    });
    let columns: Vec<(&str, ArrayRef, bool)> = columns.collect();
    let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn type_of(name: &str, cells: &[Option<&str>]) -> DataType {
    let all = |fits: fn(&str) -> bool| cells.iter().flatten().all(|cell| fits(cell));
    match name {
        "k" | "more" => DataType::Int64,
        "n" if all(|cell| cell.parse::<i64>().is_ok()) => DataType::Int64,
        "n" if all(|cell| cell.parse::<f64>().is_ok()) => DataType::Float64,
        "d" if all(|cell| cell.len() == 10) => DataType::Date32,
        "d" => DataType::Timestamp(TimeUnit::Microsecond, None),
        _ => DataType::Utf8,
    }
}

fn from_parquet(bytes: &[u8]) -> Option<String> {
    let bytes = Bytes::copy_from_slice(bytes);
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).ok()?;
    let schema = Arc::clone(reader.schema());
    let names: Vec<&str> = schema
        .fields()
        .iter()
        .map(|field| &**field.name())
        .collect();
    let mut text = names.join(",") + "\n";
    for batch in reader.build().ok()? {
        let batch = batch.ok()?;
        for row in 0..batch.num_rows() {
            let cells = batch.columns().iter().map(|column| {
                if column.is_null(row) {
                    return String::new();
                }
                array_value_to_string(column, row).unwrap()
            });
            text += &(cells.collect::<Vec<_>>().join(",") + "\n");
        }
    }
    Some(text)
}
