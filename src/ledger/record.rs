//! PURE: units, intents and batches as bytes.
//!
//! # Format
//! Counts and numbers are varints, texts are length and UTF-8, JSON is such a text, lists are a count and the entries. An
//! option is 0, or 1 and the value.
//!
//! - *unit*: partition, definition, bytes, the shape's code as text or bytes (whatever the caller gave), then the
//!   members (path front-coded against the member before; rows; 0, or 1 with size and hash of the carried
//!   version), then the outputs (path front-coded; size; hash; partition values, each a column and an option of a
//!   text; rows by member).
//! - *intent*: run, moves (stage, output, size, hash), then the batch.
//! - *schema version*: version, run, cause, JSON of the shape.
//! - *batch*: for each field of [`Batch`] in order of declaration its entries; but the intents that it opens are not
//!   there, for a batch inside an intent opens none: one that does is refused when it is written.
//!   - A map is a list whose entries are the key and an option of the value, where 0 removes.
//!   - The files that stay are one block (see `block`) behind its length; behind them comes the list of the paths that
//!     go, each front-coded against the one before.
//!   - A unit is its length and the unit, with the JSON of its shape in the place of the shape's code.
//!   - Dirty, quarantine and the reports are JSON; a reason is the text as it was given.
//!   - An output that is garbage is its path, then 0 where it is to be deleted and 1 where it has been.
//!   - Schema and definition are options; a definition is two texts, fingerprint and JSON.
//!   - Of the ledger's own row come six options: source, target, next unit, next run, watermark (its 64 bits as a
//!     number without a sign), checkpoint.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::model::{
    Carried, ContentHash, Member, OutputPath, OutputRecord, PartitionValues, RunId, Shape,
    SourcePath, Timestamp, UnitId, UnitRecord,
};

use super::batch::{
    Batch, Garbage, Intent, IntentId, ListedChange, MetaChange, Planned, SchemaVersion,
};
use super::block::{BlockBuilder, BlockCursor, FileRow};
use super::codec::{Malformed, Reader, put_bytes, put_front_coded, put_varint};

/// Returns `value` as JSON. The values stored this way have text keys and no number that JSON lacks but for a
/// float that is not finite, which becomes null.
pub(super) fn to_json<T: Serialize>(value: &T) -> Result<Vec<u8>, Malformed> {
    serde_json::to_vec(value).map_err(|_| Malformed("value: it has no form in JSON"))
}

/// Reads what [`to_json`] wrote.
pub(super) fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Malformed> {
    serde_json::from_slice(bytes).map_err(|_| Malformed("JSON"))
}

/// Returns `unit` as bytes, with `shape` standing for its shape.
pub(super) fn encode_unit(unit: &UnitRecord, shape: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_bytes(&mut out, unit.partition.as_bytes());
    put_bytes(&mut out, unit.definition.as_bytes());
    put_varint(&mut out, unit.bytes);
    put_bytes(&mut out, shape);
    put_varint(&mut out, unit.members.len() as u64);
    let mut last = Vec::new();
    for member in &unit.members {
        put_front_coded(&mut out, &mut last, &member.path);
        put_varint(&mut out, member.rows);
        put_option(&mut out, member.carried.as_ref(), |out, carried| {
            put_varint(out, carried.size);
            out.extend_from_slice(&carried.hash.0);
        });
    }
    put_varint(&mut out, unit.outputs.len() as u64);
    last.clear();
    for output in &unit.outputs {
        put_front_coded(&mut out, &mut last, &output.path);
        put_output(&mut out, output);
    }
    out
}

fn put_output(out: &mut Vec<u8>, output: &OutputRecord) {
    put_varint(out, output.size);
    out.extend_from_slice(&output.hash.0);
    put_varint(out, output.partition.len() as u64);
    for (column, value) in &output.partition {
        put_bytes(out, column.as_bytes());
        put_option(out, value.as_ref(), |out, value| {
            put_bytes(out, value.as_bytes());
        });
    }
    put_varint(out, output.member_rows.len() as u64);
    for rows in &output.member_rows {
        put_varint(out, *rows);
    }
}

/// Reads what [`encode_unit`] wrote; the unit's shape is empty, and the bytes that stand for it are beside it.
pub(super) fn decode_unit(bytes: &[u8]) -> Result<(UnitRecord, &[u8]), Malformed> {
    let mut reader = Reader::new(bytes);
    let partition = reader.text()?.to_owned();
    let definition = reader.text()?.to_owned();
    let size = reader.varint()?;
    let shape = reader.bytes()?;
    let mut last = Vec::new();
    let members = list(&mut reader, |reader| {
        Ok(Member {
            path: SourcePath::from(reader.front_coded(&mut last)?),
            rows: reader.varint()?,
            carried: option(reader, |reader| {
                Ok(Carried {
                    size: reader.varint()?,
                    hash: hash(reader)?,
                })
            })?,
        })
    })?;
    last.clear();
    let outputs = list(&mut reader, |reader| {
        let path = OutputPath::from(reader.front_coded(&mut last)?);
        output(reader, path)
    })?;
    reader.finish()?;
    let unit = UnitRecord {
        partition,
        definition,
        shape: Shape::default(),
        members,
        outputs,
        bytes: size,
    };
    Ok((unit, shape))
}

fn output(reader: &mut Reader<'_>, path: OutputPath) -> Result<OutputRecord, Malformed> {
    Ok(OutputRecord {
        path,
        size: reader.varint()?,
        hash: hash(reader)?,
        partition: partition(reader)?,
        member_rows: list(reader, Reader::varint)?,
    })
}

fn partition(reader: &mut Reader<'_>) -> Result<PartitionValues, Malformed> {
    list(reader, |reader| {
        let column = reader.text()?.to_owned();
        let value = option(reader, |reader| reader.text().map(str::to_owned))?;
        Ok((column, value))
    })
}

/// Returns `intent` as bytes, without its id, which is its key.
pub(super) fn encode_intent(intent: &Intent) -> Result<Vec<u8>, Malformed> {
    let mut out = Vec::new();
    put_varint(&mut out, intent.run.0);
    put_varint(&mut out, intent.moves.len() as u64);
    for planned in &intent.moves {
        put_bytes(&mut out, planned.stage.as_bytes());
        put_bytes(&mut out, planned.output.as_bytes());
        put_varint(&mut out, planned.size);
        out.extend_from_slice(&planned.hash.0);
    }
    put_batch(&mut out, &intent.then)?;
    Ok(out)
}

/// Reads what [`encode_intent`] wrote.
pub(super) fn decode_intent(id: IntentId, bytes: &[u8]) -> Result<Intent, Malformed> {
    let mut reader = Reader::new(bytes);
    let run = RunId(reader.varint()?);
    let moves = list(&mut reader, |reader| {
        Ok(Planned {
            stage: reader.text()?.to_owned(),
            output: OutputPath::from(reader.text()?),
            size: reader.varint()?,
            hash: hash(reader)?,
        })
    })?;
    let then = batch(&mut reader)?;
    reader.finish()?;
    Ok(Intent {
        id,
        run,
        moves,
        then,
    })
}

fn put_batch(out: &mut Vec<u8>, batch: &Batch) -> Result<(), Malformed> {
    let put_unit_id = |out: &mut Vec<u8>, unit: &UnitId| put_varint(out, unit.0);
    if !batch.open_intents.is_empty() {
        return Err(Malformed("intent: it opens another intent"));
    }
    put_files(out, batch);
    put_map(out, &batch.units, put_unit_id, |out, unit| {
        let shape = to_json(&unit.shape)?;
        put_bytes(out, &encode_unit(unit, &shape));
        Ok(())
    })?;
    put_map(out, &batch.dirty, put_unit_id, put_json)?;
    put_map(out, &batch.quarantine, put_path, put_json)?;
    put_map(out, &batch.reasons, put_path, |out, reason| {
        put_bytes(out, reason.as_bytes());
        Ok(())
    })?;
    put_varint(out, batch.closed_intents.len() as u64);
    for id in &batch.closed_intents {
        put_varint(out, id.0);
    }
    put_varint(out, batch.garbage.len() as u64);
    for (output, garbage) in &batch.garbage {
        put_bytes(out, output.as_bytes());
        out.push(u8::from(*garbage == Garbage::Collected));
    }
    put_varint(out, batch.runs.len() as u64);
    for report in &batch.runs {
        put_json(out, report)?;
    }
    put_option(out, batch.schema.as_ref(), |out, schema| {
        put_schema(out, schema)
    })
    .transpose()?;
    put_option(
        out,
        batch.definition.as_ref(),
        |out, (fingerprint, text)| {
            put_bytes(out, fingerprint.as_bytes());
            put_bytes(out, text.as_bytes());
        },
    );
    put_meta(out, &batch.meta);
    Ok(())
}

fn batch(reader: &mut Reader<'_>) -> Result<Batch, Malformed> {
    let mut batch = Batch::default();
    take_files(reader, &mut batch)?;
    batch.units = map(reader, unit_id, |reader| {
        let (unit, shape) = decode_unit(reader.bytes()?)?;
        let shape = from_json(shape)?;
        Ok(UnitRecord { shape, ..unit })
    })?;
    batch.dirty = map(reader, unit_id, json)?;
    batch.quarantine = map(reader, path, json)?;
    batch.reasons = map(reader, path, |reader| reader.text().map(str::to_owned))?;
    batch.closed_intents = list(reader, |reader| reader.varint().map(IntentId))?;
    let garbage = list(reader, |reader| {
        let output = OutputPath::from(reader.text()?);
        let kind = match reader.byte()? {
            0 => Garbage::Add,
            1 => Garbage::Collected,
            _ => return Err(Malformed("garbage")),
        };
        Ok((output, kind))
    })?;
    batch.garbage = garbage.into_iter().collect();
    batch.runs = list(reader, json)?;
    batch.schema = option(reader, schema)?;
    batch.definition = option(reader, |reader| {
        Ok((reader.text()?.to_owned(), reader.text()?.to_owned()))
    })?;
    batch.meta = meta(reader)?;
    Ok(batch)
}

/// Writes the files that stay as one block, then the paths of those that go.
fn put_files(out: &mut Vec<u8>, batch: &Batch) {
    let mut kept = BlockBuilder::default();
    let mut gone = Vec::new();
    for (path, record) in &batch.files {
        match record {
            Some(record) => kept.push(&FileRow::of(path, record)),
            None => gone.push(path),
        }
    }
    put_bytes(out, kept.bytes());
    put_varint(out, gone.len() as u64);
    let mut last = Vec::new();
    for path in gone {
        put_front_coded(out, &mut last, path);
    }
}

fn take_files(reader: &mut Reader<'_>, batch: &mut Batch) -> Result<(), Malformed> {
    let block = reader.bytes()?;
    let mut cursor = BlockCursor::default();
    while let Some(row) = cursor.next(block)? {
        batch.files.insert(row.path.into(), Some(row.record()));
    }
    let mut last = Vec::new();
    let gone = list(reader, |reader| {
        reader.front_coded(&mut last).map(SourcePath::from)
    })?;
    batch
        .files
        .extend(gone.into_iter().map(|path| (path, None)));
    Ok(())
}

/// Writes a schema version whole: version, run, cause, shape.
pub(super) fn put_schema(out: &mut Vec<u8>, schema: &SchemaVersion) -> Result<(), Malformed> {
    put_varint(out, u64::from(schema.version));
    put_varint(out, schema.run.0);
    put_bytes(out, schema.cause.as_bytes());
    put_json(out, &schema.shape)
}

/// Reads what [`put_schema`] wrote.
pub(super) fn schema(reader: &mut Reader<'_>) -> Result<SchemaVersion, Malformed> {
    Ok(SchemaVersion {
        version: u32::try_from(reader.varint()?).map_err(|_| Malformed("schema version"))?,
        run: RunId(reader.varint()?),
        cause: reader.text()?.to_owned(),
        shape: json(reader)?,
    })
}

fn put_meta(out: &mut Vec<u8>, meta: &MetaChange) {
    for text in [&meta.source, &meta.target] {
        put_option(out, text.as_ref(), |out, text| {
            put_bytes(out, text.as_bytes());
        });
    }
    let watermark = meta.watermark.map(|at| at.0.cast_unsigned());
    let checkpoint = meta.checkpoint.map(|run| run.0);
    for number in [meta.next_unit, meta.next_run, watermark, checkpoint] {
        put_option(out, number, put_varint);
    }
}

fn meta(reader: &mut Reader<'_>) -> Result<MetaChange, Malformed> {
    let text = |reader: &mut Reader<'_>| reader.text().map(str::to_owned);
    Ok(MetaChange {
        source: option(reader, text)?,
        target: option(reader, text)?,
        next_unit: option(reader, Reader::varint)?,
        next_run: option(reader, Reader::varint)?,
        watermark: option(reader, Reader::varint)?.map(|at| Timestamp(at.cast_signed())),
        checkpoint: option(reader, Reader::varint)?.map(RunId),
        listed: ListedChange::Nothing,
    })
}

fn put_json<T: Serialize>(out: &mut Vec<u8>, value: &T) -> Result<(), Malformed> {
    put_bytes(out, &to_json(value)?);
    Ok(())
}

fn json<T: DeserializeOwned>(reader: &mut Reader<'_>) -> Result<T, Malformed> {
    from_json(reader.bytes()?)
}

fn unit_id(reader: &mut Reader<'_>) -> Result<UnitId, Malformed> {
    reader.varint().map(UnitId)
}

fn put_path(out: &mut Vec<u8>, path: &SourcePath) {
    put_bytes(out, path.as_bytes());
}

fn path(reader: &mut Reader<'_>) -> Result<SourcePath, Malformed> {
    reader.text().map(SourcePath::from)
}

fn hash(reader: &mut Reader<'_>) -> Result<ContentHash, Malformed> {
    reader.array().map(|hash| ContentHash(*hash))
}

fn put_option<T, R>(
    out: &mut Vec<u8>,
    value: Option<T>,
    put: impl FnOnce(&mut Vec<u8>, T) -> R,
) -> Option<R> {
    out.push(u8::from(value.is_some()));
    value.map(|value| put(out, value))
}

fn option<'a, T>(
    reader: &mut Reader<'a>,
    read: impl FnOnce(&mut Reader<'a>) -> Result<T, Malformed>,
) -> Result<Option<T>, Malformed> {
    match reader.byte()? {
        0 => Ok(None),
        1 => read(reader).map(Some),
        _ => Err(Malformed("option")),
    }
}

fn list<'a, T>(
    reader: &mut Reader<'a>,
    mut read: impl FnMut(&mut Reader<'a>) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    let count = reader.count()?;
    (0..count).map(|_| read(reader)).collect()
}

fn put_map<K, V>(
    out: &mut Vec<u8>,
    map: &BTreeMap<K, Option<V>>,
    put_key: impl Fn(&mut Vec<u8>, &K),
    put_value: impl Fn(&mut Vec<u8>, &V) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    put_varint(out, map.len() as u64);
    for (key, value) in map {
        put_key(out, key);
        put_option(out, value.as_ref(), |out, value| put_value(out, value)).transpose()?;
    }
    Ok(())
}

fn map<'a, K: Ord, V>(
    reader: &mut Reader<'a>,
    read_key: impl Fn(&mut Reader<'a>) -> Result<K, Malformed>,
    read_value: impl Fn(&mut Reader<'a>) -> Result<V, Malformed>,
) -> Result<BTreeMap<K, Option<V>>, Malformed> {
    let entries = list(reader, |reader| {
        let key = read_key(reader)?;
        Ok((key, option(reader, &read_value)?))
    })?;
    Ok(entries.into_iter().collect())
}

#[cfg(test)]
#[path = "record_tests.rs"]
pub(super) mod tests;
