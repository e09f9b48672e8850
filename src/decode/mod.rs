//! Adapter: bytes -> Arrow batches.
//!
//! A file is decoded strictly under a given [`Shape`]. The shape may be a guess from the file's
//! [beginning](sniff) joined with what the pipeline knows; where it turns out wrong, [`decode`] reads on to the
//! end without emitting anything and returns what the whole file holds, so that the second try succeeds. A guess
//! can thus cost time and never rows.
//!
//! # What text becomes which type
//!
//! | type | values of a CSV or TSV field |
//! |---|---|
//! | null | the empty field, quoted or not |
//! | `Boolean` | `true` `false`, `True` `False`, `TRUE` `FALSE` |
//! | `Int64` | `-?(0\|[1-9][0-9]*)` within 64 bits, except `-0` |
//! | `Float64` | `-?(0\|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?` if finite and not a whole number beyond 64 bits, which would lose digits |
//! | `Date32` | `YYYY-MM-DD` that is in the calendar |
//! | `Timestamp(µs)` | a date, `T` or a space, `HH:MM`, optionally `:SS`, optionally `.` and one to six digits |
//! | `Timestamp(µs, UTC)` | the same with `Z`, `+HH:MM` or `-HH:MM` |
//! | `Utf8` | everything else: `007`, `+5`, `1_000`, `NaN`, `2024-02-30`, ` 1`, `1e999` |
//!
//! In NDJSON and JSON, numbers follow the two number rows; `true` and `false` are `Boolean`; a string is what the rows for
//! dates and timestamps say, for JSON has no notation of its own for them, and else `Utf8` whatever is in it; arrays are
//! lists and objects are structs, whose fields are sorted by name. `{}` is a struct without
//! fields. Where a `Utf8` column meets another value, it keeps the value's JSON text: a scalar's digit for digit,
//! a nested one's without the spaces between its tokens.
//!
//! Parquet, Arrow and Avro bring their own types, in the form that [`canonical`](crate::schema::canonical) gives them.
//!
//! A declared column is inferred from nothing: it is decoded as [`raw_shape`] says (text stays text, digit for digit), and an
//! [`Admission`] reads it by what it has to be.
//!
//! # Formats
//! - **CSV, TSV**: in any [`Dialect`](crate::config::Dialect), of which the default detects the delimiter of CSV. A duplicate name gets the
//!   suffix `_2`, `_3`, …; an empty one becomes `column_N`. Lines may end in LF, CRLF or CR; blank lines are skipped; quoted fields may span lines.
//!   A row with another number of fields than the header is malformed. Null tokens, quoted or not, are as the empty
//!   field; with a decimal comma, `1,5` is a `Float64` and `1.5` is `Utf8`.
//! - **NDJSON**: one object a line; blank lines are skipped. A column appears with its first key, so a later batch
//!   may have more columns than an earlier one.
//! - **JSON**: one object, several behind one another, or one array of objects; the first byte tells. Otherwise like
//!   NDJSON, and as with lines, one row is held at a time and not the file.
//! - **Parquet**: read at random where it lies uncompressed; compressed as a whole it is decompressed to memory,
//!   up to a limit.
//! - **Arrow**: the file format and the stream format, with or without compressed bodies; read from front to back.
//! - **Avro**: object containers with every codec, read from front to back; see `avro` for the types.
//! - **Text**: only by request, each line with its number.
//! - **Regex, fixed**: only by request; each line is cut by a pattern with named groups or by widths, and its values
//!   are typed as those of CSV are. A line that does not match is malformed, unless the settings say that it is skipped.
//! - **Excel**: one sheet of a workbook, read in memory up to a limit; see `excel` for the types.
//! - **Archives**: tar, also compressed as a whole, and zip; see `archive` for which members count and how.
//! - A byte order mark is skipped.
//! - Whatever the format, columns nest no deeper than [`MAX_NESTING`](crate::model::MAX_NESTING); of JSON that is true
//!   of every value, also where a column keeps it as text.
//! - **Compressed**: gzip, zstd, bzip2, xz, lz4 (frames) and snappy (framed), told by the extension. Where the format
//!   is told by the extension too, the first bytes have the last word on both: a `.csv` that is a gzip or a Parquet file is
//!   read as one.
//!   Any number of members, frames or streams; something else behind the last of them is an error. A file that
//!   expands to more than 1000 times its size, with all that is in it, is refused once 64 MiB have come out of it.
//!
//! # Where the time goes
//! A large text is cut into blocks that end with a record (`blocks`), which a crew decodes side by side while the next
//! are read, hashed and cut. `csv` and `ndjson` say what the steps within a block take: in both, finding where values
//! begin and end is the smaller part, and reading them into columns the larger. What one thread has to do alone (reading,
//! hashing, cutting, decompressing) is the limit of one file; several files have no such limit.
//!
//! # Invariants
//! - Batches have the file's columns in the file's order, with the types of the shape.
//! - `observed` is the smallest shape that holds the file's own values; the shape decoded under never shows in
//!   it. (Of a Parquet, Arrow or Avro file it is what the file declares.)
//! - A file is [`Malformed`] whatever shape it is decoded under, and that verdict wins over a misfit.
//! - An error of the input itself is [`DecodeError::Read`], never a verdict about the bytes.
//! - Memory is bounded for any input: batches by rows and bytes, records and columns by limits.

mod archive;
mod avro;
mod batch;
mod blocks;
mod cast;
mod compression;
mod csv;
mod declare;
mod error;
mod excel;
mod ipc;
mod json_text;
mod leaf;
mod lines;
mod ndjson;
mod parquet;
mod recognise;
mod stream;
mod text;
mod typed;

use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use arrow::array::RecordBatch;

use crate::config::Definition;
use crate::crew::Crew;
use crate::model::{ByteSize, Comments, ReadAt, ReadAtCursor, Shape};

use ndjson::Framing;

pub use archive::{Admitted, decode_admitted};
pub use compression::Ceiling;

pub use cast::cast_batch;
pub use declare::{Admission, Found, Place, Unfit, raw_shape};
pub use error::{Charset, DecodeError, JsonFault, Malformed};
pub use json_text::rows_as_json;
pub use recognise::{Compression, Kind, Magic, Recognised, recognise};

/// Rows of a batch, at most.
const BATCH_ROWS: usize = 8192;
/// Bytes at which a batch is complete.
const BATCH_BYTES: usize = 4 << 20;
/// Bytes of one CSV row or JSON line, at most.
const RECORD_BYTES: usize = 64 << 20;
/// Columns of a file, at most; what has more is data in the place of names.
const MAX_COLUMNS: usize = 16_384;
/// Text looked at for a guess.
const SNIFF_BYTES: u64 = 64 << 10;
/// Bytes of a file that has to be decompressed to memory, at most.
const MEMORY_BYTES: u64 = 256 << 20;

/// Takes the decoded batches, and may break off.
pub type Emit<'a> = dyn FnMut(RecordBatch) -> ControlFlow<()> + 'a;

/// A file's bytes.
pub enum Bytes<'a> {
    /// From front to back.
    Stream(&'a mut dyn Read),
    /// At any place.
    Random(Arc<dyn ReadAt>),
    /// A member of a file, from front to back; what it expands to counts for the file.
    Member(&'a mut dyn Read, &'a Ceiling),
}

impl<'a> Bytes<'a> {
    /// Returns the ceiling for what the bytes expand to, which is `own` where they are a file.
    fn ceiling<'c>(&self, own: &'c Ceiling) -> &'c Ceiling
    where
        'a: 'c,
    {
        match self {
            Self::Member(_, ceiling) => ceiling,
            Self::Stream(_) | Self::Random(_) => own,
        }
    }
}

/// What was decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// Rows emitted.
    pub rows: u64,
    /// The smallest shape that holds the file's own values.
    pub observed: Shape,
    /// What the file says about itself and its columns: a Parquet, Arrow or Avro file may, and what lies in an archive is
    /// not asked.
    pub comments: Comments,
}

impl Decoded {
    /// What came of a file that says nothing beside its rows.
    fn of_rows(rows: u64, observed: Shape) -> Self {
        Self {
            rows,
            observed,
            comments: Comments::default(),
        }
    }
}

impl Recognised {
    /// Tells whether [`Bytes::Random`] spares holding the whole file in memory.
    #[must_use]
    pub fn wants_random_access(self) -> bool {
        matches!(self.kind, Kind::Parquet | Kind::Zip) && self.compression == Compression::None
    }
}

/// Guesses the columns from the beginning (of a Parquet file, its end). `definition` says how text is cut. What is wrong with
/// text is left for [`decode`] to find.
///
/// # Errors
/// [`DecodeError::Read`], and [`DecodeError::Malformed`] for what has no readable footer.
pub fn sniff(
    bytes: Bytes<'_>,
    how: Recognised,
    definition: &Definition,
) -> Result<Shape, DecodeError> {
    let looked = match how.kind {
        Kind::Parquet => return with_random_access(bytes, how, parquet::sniff),
        Kind::Zip => {
            let mut members = archive::Guess::new(definition, how.kind);
            with_whole(bytes, how, |file, ceiling| {
                archive::read_zip(&file, ceiling, &mut members)
            })?;
            return Ok(members.shape());
        }
        kind => {
            let cut = cut(kind, definition)?;
            let own = Ceiling::default();
            let ceiling = bytes.ceiling(&own);
            within(bytes, how, ceiling, &mut |text| {
                stream::sniff(text, how, cut.as_ref(), definition, ceiling)
            })
        }
    };
    let is_text = !matches!(how.kind, Kind::Arrow | Kind::Avro | Kind::Excel | Kind::Tar);
    match looked {
        Err(DecodeError::Malformed(_)) if is_text => Ok(Shape::default()),
        looked => looked,
    }
}

/// What a file is decoded under.
#[derive(Clone, Copy)]
pub struct Terms<'a> {
    /// How text is cut, and what its values mean.
    pub definition: &'a Definition,
    /// The columns and types that it has to have.
    pub shape: &'a Shape,
    /// Who helps with a large file.
    pub crew: &'a dyn Crew,
}

/// Decodes everything, strictly under the shape of the `terms`, and hands out the batches in order.
///
/// # Errors
/// See [`DecodeError`]. Batches may have been emitted before an error: they do not count.
pub fn decode(
    bytes: Bytes<'_>,
    how: Recognised,
    terms: Terms<'_>,
    emit: &mut Emit<'_>,
) -> Result<Decoded, DecodeError> {
    let Terms {
        definition, shape, ..
    } = terms;
    match how.kind {
        Kind::Parquet => with_random_access(bytes, how, |file| parquet::decode(file, shape, emit)),
        Kind::Zip => {
            let mut members = archive::Decoding::new(how.kind, terms, emit);
            with_whole(bytes, how, |file, ceiling| {
                archive::read_zip(&file, ceiling, &mut members)
            })?;
            members.finish()
        }
        kind => {
            let cut = cut(kind, definition)?;
            let own = Ceiling::default();
            let ceiling = bytes.ceiling(&own);
            within(bytes, how, ceiling, &mut |text| {
                stream::decode(text, how, cut.as_ref(), ceiling, terms, emit)
            })
        }
    }
}

/// Finds the place of a row, counted from 0: the line in which it begins, where the format is one of lines.
///
/// # Errors
/// As [`decode`].
pub fn place_of(
    bytes: Bytes<'_>,
    how: Recognised,
    definition: &Definition,
    row: u64,
) -> Result<Place, DecodeError> {
    let dialect = &definition.csv;
    let tabbed = csv::tabbed(dialect);
    let line = match how.kind {
        Kind::Csv => with_text(bytes, how, &mut |text| csv::line_of(text, dialect, row))?,
        Kind::Tsv => with_text(bytes, how, &mut |text| csv::line_of(text, &tabbed, row))?,
        Kind::Ndjson => with_text(bytes, how, &mut |text| {
            ndjson::line_of(text, Framing::Lines, row)
        })?,
        Kind::Json => with_text(bytes, how, &mut |text| {
            ndjson::line_of(text, Framing::Values, row)
        })?,
        Kind::Text => Some(row.saturating_add(1)),
        Kind::Parquet
        | Kind::Arrow
        | Kind::Avro
        | Kind::Excel
        | Kind::Regex
        | Kind::Fixed
        | Kind::Tar
        | Kind::Zip => None,
    };
    Ok(line.map_or(Place::Row(row.saturating_add(1)), Place::Line))
}

/// Reads the rows `range` of one of our own outputs, for members that are carried over.
///
/// # Errors
/// [`DecodeError::Malformed`] where the file is corrupt or has fewer rows, else as [`decode`].
pub fn read_rows(
    file: Arc<dyn ReadAt>,
    range: Range<u64>,
    emit: &mut Emit<'_>,
) -> Result<(), DecodeError> {
    parquet::read_rows(file, range, emit)
}

/// Returns how lines are cut, where the format says that they are.
fn cut(kind: Kind, definition: &Definition) -> Result<Option<lines::Cut>, DecodeError> {
    match kind {
        Kind::Fixed => Ok(Some(lines::Cut::by_widths(&definition.lines))),
        // Settings hold patterns that can be compiled; a failure would say nothing about the file.
        Kind::Regex => lines::Cut::by_pattern(&definition.lines)
            .map(Some)
            .map_err(|error| DecodeError::Read(std::io::Error::other(error))),
        _ => Ok(None),
    }
}

type Work<'w, T> = dyn FnMut(&mut dyn Read) -> Result<T, DecodeError> + 'w;

fn with_text<T>(
    bytes: Bytes<'_>,
    how: Recognised,
    work: &mut Work<'_, T>,
) -> Result<T, DecodeError> {
    let own = Ceiling::default();
    let ceiling = bytes.ceiling(&own);
    within(bytes, how, ceiling, work)
}

/// Hands out the decompressed bytes of a file that has this ceiling, or of a member of it.
fn within<T>(
    bytes: Bytes<'_>,
    how: Recognised,
    ceiling: &Ceiling,
    work: &mut Work<'_, T>,
) -> Result<T, DecodeError> {
    let (mut cursor, mut counted);
    let raw: &mut dyn Read = match bytes {
        Bytes::Member(stream, _) => stream,
        Bytes::Stream(stream) => {
            counted = compression::Counted::new(stream, ceiling);
            &mut counted
        }
        Bytes::Random(file) => {
            cursor = ReadAtCursor::new(file, 0);
            counted = compression::Counted::new(&mut cursor, ceiling);
            &mut counted
        }
    };
    let fault = compression::Fault::default();
    let result = compression::open(raw, how, &fault, ceiling)
        .map_err(DecodeError::Read)
        .and_then(|mut text| work(&mut *text));
    result.map_err(|error| fault.judge(error))
}

fn with_random_access<T>(
    bytes: Bytes<'_>,
    how: Recognised,
    work: impl FnOnce(Arc<dyn ReadAt>) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    with_whole(bytes, how, |file, _| work(file))
}

/// Hands out the whole file, and its ceiling for what expands further.
fn with_whole<T>(
    bytes: Bytes<'_>,
    how: Recognised,
    work: impl FnOnce(Arc<dyn ReadAt>, &Ceiling) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    if let Bytes::Random(file) = &bytes {
        let compression = compression::look(&**file, how).map_err(DecodeError::Read)?;
        if compression == Compression::None {
            return work(Arc::clone(file), &Ceiling::of_size(file.len()));
        }
    }
    let own = Ceiling::default();
    let ceiling = bytes.ceiling(&own);
    let whole = within(bytes, how, ceiling, &mut |text| into_memory(text))?;
    work(Arc::new(whole), ceiling)
}

fn into_memory(text: &mut dyn Read) -> Result<Vec<u8>, DecodeError> {
    let mut whole = Vec::new();
    let count = text
        .take(MEMORY_BYTES + 1)
        .read_to_end(&mut whole)
        .map_err(DecodeError::Read)?;
    if count as u64 > MEMORY_BYTES {
        let limit = ByteSize(MEMORY_BYTES);
        return Err(Malformed::TooLargeForMemory { limit }.into());
    }
    Ok(whole)
}

/// Returns the names with a suffix `_2`, `_3`, … where one occurred before; no result equals another.
fn unique_names(names: Vec<String>) -> Vec<String> {
    let mut taken: HashSet<String> = names.iter().cloned().collect();
    let mut counts: HashMap<String, usize> = HashMap::new();
    let mut unique = Vec::with_capacity(names.len());
    for name in names {
        let count = counts.entry(name.clone()).or_default();
        *count += 1;
        let mut candidate = name.clone();
        while *count > 1 {
            candidate = format!("{name}_{count}");
            if taken.insert(candidate.clone()) {
                break;
            }
            *count += 1;
        }
        unique.push(candidate);
    }
    unique
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod whole_tests;
