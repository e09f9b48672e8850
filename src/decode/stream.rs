//! A file from front to back: which decoder takes it, by its name and by its first bytes.
//!
//! Where the format is told by the extension, the first bytes have the last word on it: a `.csv` that is a Parquet,
//! Arrow or Avro file is read as one, and a `.ndjson` that is an array as JSON. All of them begin with bytes that no
//! text has, so that no text is taken for one of them.

use std::io::{Cursor, Read};
use std::sync::Arc;

use super::ndjson::Framing;
use super::{
    Ceiling, DecodeError, Decoded, Emit, Kind, Magic, Recognised, SNIFF_BYTES, Terms, archive,
    avro, csv, excel, into_memory, ipc, lines, ndjson, parquet, text,
};
use crate::config::Definition;
use crate::model::{ReadAt, Shape};

/// How files begin that are of a format whatever their name says: Parquet with its first page, as text may well
/// begin with those four letters.
const CONTENTS: [(Kind, &[u8]); 3] = [
    (Kind::Parquet, b"PAR1\x15"),
    (Kind::Arrow, b"ARROW1\0\0"),
    (Kind::Avro, b"Obj\x01"),
];
const HEAD_BYTES: u64 = 8;

/// Guesses the columns from the beginning.
pub(super) fn sniff(
    input: &mut dyn Read,
    how: Recognised,
    cut: Option<&lines::Cut>,
    definition: &Definition,
    ceiling: &Ceiling,
) -> Result<Shape, DecodeError> {
    let (kind, mut input) = by_content(input, how)?;
    let dialect = &definition.csv;
    match kind {
        Kind::Parquet => return parquet::sniff(Arc::new(into_memory(&mut input)?)),
        Kind::Arrow => return ipc::sniff(&mut input),
        Kind::Avro => return avro::sniff(&mut input, ceiling),
        Kind::Excel => return excel::sniff(into_memory(&mut input)?, definition, ceiling),
        Kind::Tar | Kind::Zip => {
            let mut members = archive::Guess::new(definition, kind);
            read_archive(&mut input, kind, ceiling, &mut members)?;
            return Ok(members.shape());
        }
        _ => {}
    }
    let mut head = Vec::new();
    input
        .take(SNIFF_BYTES)
        .read_to_end(&mut head)
        .map_err(DecodeError::Read)?;
    let whole = (head.len() as u64) < SNIFF_BYTES;
    Ok(match (kind, cut) {
        (_, Some(cut)) => lines::sniff(&head, whole, cut, dialect),
        (Kind::Csv, _) => csv::sniff(&head, whole, dialect),
        (Kind::Tsv, _) => csv::sniff(&head, whole, &csv::tabbed(dialect)),
        (Kind::Json, _) => ndjson::sniff(&head, Framing::Values, whole),
        (Kind::Ndjson, _) => ndjson::sniff(&head, Framing::Lines, whole),
        _ => text::shape(),
    })
}

/// Decodes everything under `shape`; how lines are cut is there for formats that need it.
pub(super) fn decode(
    input: &mut dyn Read,
    how: Recognised,
    cut: Option<&lines::Cut>,
    ceiling: &Ceiling,
    terms: Terms<'_>,
    emit: &mut Emit<'_>,
) -> Result<Decoded, DecodeError> {
    let Terms {
        definition,
        shape,
        crew,
    } = terms;
    let (kind, mut input) = by_content(input, how)?;
    let input: &mut dyn Read = &mut input;
    let dialect = &definition.csv;
    match (kind, cut) {
        (_, Some(cut)) => lines::decode(input, cut, dialect, shape, emit),
        (Kind::Csv, _) => csv::decode(input, dialect, shape, crew, emit),
        (Kind::Tsv, _) => csv::decode(input, &csv::tabbed(dialect), shape, crew, emit),
        (Kind::Ndjson, _) => ndjson::decode(input, Framing::Lines, shape, crew, emit),
        (Kind::Json, _) => ndjson::decode(input, Framing::Values, shape, crew, emit),
        (Kind::Arrow, _) => ipc::decode(input, shape, emit),
        (Kind::Avro, _) => avro::decode(input, ceiling, shape, emit),
        (Kind::Parquet, _) => parquet::decode(Arc::new(into_memory(input)?), shape, emit),
        (Kind::Excel, _) => excel::decode(into_memory(input)?, definition, ceiling, shape, emit),
        (Kind::Tar | Kind::Zip, _) => {
            let mut members = archive::Decoding::new(kind, terms, emit);
            read_archive(input, kind, ceiling, &mut members)?;
            members.finish()
        }
        (Kind::Text | Kind::Regex | Kind::Fixed, None) => text::decode(input, shape, emit),
    }
}

fn read_archive(
    input: &mut dyn Read,
    kind: Kind,
    ceiling: &Ceiling,
    members: &mut dyn archive::Members,
) -> Result<(), DecodeError> {
    if kind == Kind::Tar {
        return archive::read_tar(input, ceiling, members);
    }
    let whole: Arc<dyn ReadAt> = Arc::new(into_memory(input)?);
    archive::read_zip(&whole, ceiling, members)
}

/// Returns the format that the first bytes tell, or else the name, and the bytes from the first.
fn by_content(
    input: &mut dyn Read,
    how: Recognised,
) -> Result<(Kind, impl Read + '_), DecodeError> {
    let mut head = Vec::new();
    if how.magic == Magic::Heeded {
        input
            .take(HEAD_BYTES)
            .read_to_end(&mut head)
            .map_err(DecodeError::Read)?;
    }
    let kind = match CONTENTS.iter().find(|(_, magic)| head.starts_with(magic)) {
        Some((kind, _)) => *kind,
        None if how.kind == Kind::Ndjson && head.first() == Some(&b'[') => Kind::Json,
        None => how.kind,
    };
    Ok((kind, Cursor::new(head).chain(input)))
}
