//! What `ingest` brings in: the same orders in several formats, as many files or as one; made once, kept for the next
//! time.

#![expect(clippy::unwrap_used, reason = "a bench stops where it cannot go on")]

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use rayon::prelude::*;

use crate::columns;
use crate::orders;
use crate::support::data;

/// How the rows are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Csv,
    CsvGzip,
    Ndjson,
    Parquet,
}

impl Format {
    /// As it stands in the name of a case.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::CsvGzip => "csv-gz",
            Self::Ndjson => "ndjson",
            Self::Parquet => "parquet",
        }
    }

    /// What the names of its files end with.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::CsvGzip => "csv.gz",
            Self::Ndjson => "ndjson",
            Self::Parquet => "parquet",
        }
    }

    /// What a row takes as text, about; packed inputs have as many rows as the text that is within them.
    fn row_bytes(self) -> u64 {
        match self {
            Self::Csv | Self::CsvGzip | Self::Parquet => 92,
            Self::Ndjson => 152,
        }
    }
}

/// What is written at once, so that one large file is not held whole.
const PIECES: u64 = 200;

/// Files to bring in.
pub(crate) struct Inputs {
    pub(crate) format: Format,
    /// How many.
    pub(crate) files: u64,
    /// How many rows they hold together.
    pub(crate) rows: u64,
    /// What they take on the disk.
    pub(crate) bytes: u64,
    /// The directory with nothing but them.
    pub(crate) source: PathBuf,
}

impl Inputs {
    /// Returns about `bytes` of text as `files` files, written now or at an earlier time.
    pub(crate) fn made(format: Format, files: u64, bytes: u64) -> Self {
        let home = data(&format!("ingest-{bytes}-{}-{files}", format.name()));
        let source = home.join("in");
        let rows_each = (bytes / PIECES / format.row_bytes()).max(1);
        let is_made = home.join("made");
        let made = fs::read_to_string(&is_made).ok();
        let bytes = made.and_then(|made| made.parse().ok());
        let bytes = bytes.unwrap_or_else(|| {
            fs::remove_dir_all(&home).ok();
            fs::create_dir_all(&source).unwrap();
            let written = write_all(format, files, &source, rows_each);
            fs::write(&is_made, written.to_string()).unwrap();
            written
        });
        Self {
            format,
            files,
            rows: rows_each * PIECES,
            bytes,
            source,
        }
    }

    /// Reads everything once, so that the page cache has it.
    pub(crate) fn warm(&self) {
        for entry in fs::read_dir(&self.source).unwrap() {
            let mut file = File::open(entry.unwrap().path()).unwrap();
            io::copy(&mut file, &mut io::sink()).unwrap();
        }
    }
}

fn write_all(format: Format, files: u64, source: &Path, rows_each: u64) -> u64 {
    let pieces_each = PIECES / files;
    let write = |file| {
        let name = format!("orders-{file:04}.{}", format.extension());
        let path = source.join(name);
        let first = file * pieces_each;
        let pieces = first..first + pieces_each;
        let pieces = pieces.map(|piece| piece * rows_each..(piece + 1) * rows_each);
        write_file(format, &path, pieces);
        fs::metadata(&path).unwrap().len()
    };
    (0..files).into_par_iter().map(write).sum()
}

fn write_file(format: Format, path: &Path, pieces: impl Iterator<Item = Range<u64>>) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    match format {
        Format::Csv => write_csv(&mut file, pieces),
        Format::CsvGzip => {
            let mut packed = GzEncoder::new(&mut file, flate2::Compression::default());
            write_csv(&mut packed, pieces);
            packed.finish().unwrap();
        }
        Format::Ndjson => {
            for ids in pieces {
                file.write_all(orders::ndjson(ids).as_bytes()).unwrap();
            }
        }
        Format::Parquet => write_parquet(&mut file, pieces),
    }
    // Nothing is left to be written back while others are measured.
    file.into_inner().unwrap().sync_all().unwrap();
}

fn write_csv(file: &mut impl io::Write, pieces: impl Iterator<Item = Range<u64>>) {
    file.write_all(orders::HEADER.as_bytes()).unwrap();
    for ids in pieces {
        file.write_all(orders::csv(ids).as_bytes()).unwrap();
    }
}

/// As most of the world writes it: dictionaries and snappy.
fn write_parquet(file: &mut (impl io::Write + Send), pieces: impl Iterator<Item = Range<u64>>) {
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY);
    let schema = columns::batch(0..0).schema();
    let mut writer = ArrowWriter::try_new(file, schema, Some(properties.build())).unwrap();
    for ids in pieces {
        writer.write(&columns::batch(ids)).unwrap();
    }
    writer.close().unwrap();
}
