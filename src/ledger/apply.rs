//! One batch, one transaction.

use redb::{Database, ReadableTableMetadata, TableDefinition, WriteTransaction};

use crate::model::{Shape, UnitId, UnitRecord};

use super::batch::{Batch, Garbage, ListedChange, MetaChange};
use super::codec::{Malformed, put_varint};
use super::error::Fault;
use super::files;
use super::record::{encode_intent, encode_unit, put_schema, to_json};
use super::tables::{
    DEFINITIONS, DIRTY, FILES, GARBAGE, INTENTS, META, MetaRow, PARTITIONS, QUARANTINE, REASONS,
    RUNS, SCHEMAS, SHAPES, SealKey, UNITS, get, meta_row, put, put_meta_row,
};

/// Applies `batch` durably: all of it, or on any fault nothing.
pub(super) fn apply(db: &Database, batch: &Batch) -> Result<(), Fault> {
    let transaction = db.begin_write()?;
    let mut row = meta_row(&transaction.open_table(META)?)?;
    if !batch.files.is_empty() {
        let grown = files::apply(&mut transaction.open_table(FILES)?, &batch.files)?;
        row.files = moved(row.files, grown)?;
    }
    if !batch.units.is_empty() {
        row.units = moved(row.units, units(&transaction, batch)?)?;
    }
    rows(&transaction, batch)?;
    publication(&transaction, batch)?;
    history(&transaction, batch)?;
    change(&mut row, &batch.meta);
    if let Some((fingerprint, _)) = &batch.definition {
        row.definition = Some(fingerprint.clone());
    }
    put_meta_row(&mut transaction.open_table(META)?, &row)?;
    transaction.commit()?;
    Ok(())
}

/// Creates every table, so that a view can open each of them.
pub(super) fn create_tables(transaction: &WriteTransaction, row: &MetaRow) -> Result<(), Fault> {
    transaction.open_table(FILES)?;
    transaction.open_table(UNITS)?;
    transaction.open_table(PARTITIONS)?;
    transaction.open_table(SHAPES)?;
    transaction.open_table(DIRTY)?;
    transaction.open_table(QUARANTINE)?;
    transaction.open_table(REASONS)?;
    transaction.open_table(INTENTS)?;
    transaction.open_table(GARBAGE)?;
    transaction.open_table(RUNS)?;
    transaction.open_table(SCHEMAS)?;
    transaction.open_table(DEFINITIONS)?;
    put_meta_row(&mut transaction.open_table(META)?, row)
}

fn moved(count: u64, by: i64) -> Result<u64, Malformed> {
    count
        .checked_add_signed(by)
        .ok_or(Malformed("ledger: its counts do not match its tables"))
}

fn units(transaction: &WriteTransaction, batch: &Batch) -> Result<i64, Fault> {
    let mut table = transaction.open_table(UNITS)?;
    let mut partitions = transaction.open_table(PARTITIONS)?;
    let mut grown = 0;
    for (id, unit) in &batch.units {
        if let Some(old) = get(&table, id.0)? {
            let (old, _) = super::record::decode_unit(&old)?;
            partitions.remove((old.partition.as_str(), id.0))?;
            grown -= 1;
        }
        match unit {
            Some(unit) => {
                let shape = intern(transaction, &unit.shape)?;
                put(&mut table, id.0, &encode_unit(unit, &shape))?;
                put(
                    &mut partitions,
                    (unit.partition.as_str(), id.0),
                    &summary(unit),
                )?;
                grown += 1;
            }
            None => {
                table.remove(id.0)?;
            }
        }
    }
    Ok(grown)
}

/// Returns the key under which `shape` is stored, and stores it where it is new.
fn intern(transaction: &WriteTransaction, shape: &Shape) -> Result<[u8; 16], Fault> {
    let json = to_json(shape)?;
    let mut key = [0; 16];
    blake3::Hasher::new()
        .update(&json)
        .finalize_xof()
        .fill(&mut key);
    let mut shapes = transaction.open_table(SHAPES)?;
    if get(&shapes, key.as_slice())?.is_none() {
        put(&mut shapes, key.as_slice(), &json)?;
    }
    Ok(key)
}

fn summary(unit: &UnitRecord) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, unit.bytes);
    put_varint(&mut out, unit.members.len() as u64);
    out
}

/// The tables in which a row is simply there or gone.
fn rows(transaction: &WriteTransaction, batch: &Batch) -> Result<(), Fault> {
    let dirty = batch.dirty.iter();
    set(
        transaction,
        DIRTY,
        dirty.map(|(UnitId(id), reason)| (*id, reason.as_ref())),
        to_json,
    )?;
    let quarantine = batch.quarantine.iter();
    set(
        transaction,
        QUARANTINE,
        quarantine.map(|(path, record)| (path.as_str(), record.as_ref())),
        to_json,
    )?;
    let reasons = batch.reasons.iter();
    set(
        transaction,
        REASONS,
        reasons.map(|(path, reason)| (path.as_str(), reason.as_ref())),
        |reason| Ok(reason.as_bytes().to_vec()),
    )
}

fn set<'k, K: SealKey, V>(
    transaction: &WriteTransaction,
    definition: TableDefinition<'static, K, &'static [u8]>,
    changes: impl ExactSizeIterator<Item = (K::SelfType<'k>, Option<V>)>,
    encode: impl Fn(V) -> Result<Vec<u8>, Malformed>,
) -> Result<(), Fault> {
    if changes.len() == 0 {
        return Ok(());
    }
    let mut table = transaction.open_table(definition)?;
    for (key, value) in changes {
        match value {
            Some(value) => {
                put(&mut table, key, &encode(value)?)?;
            }
            None => {
                table.remove(key)?;
            }
        }
    }
    Ok(())
}

fn publication(transaction: &WriteTransaction, batch: &Batch) -> Result<(), Fault> {
    let mut intents = transaction.open_table(INTENTS)?;
    for intent in &batch.open_intents {
        put(&mut intents, intent.id.0, &encode_intent(intent)?)?;
    }
    for id in &batch.closed_intents {
        intents.remove(id.0)?;
    }
    let garbage = batch.garbage.iter();
    set(
        transaction,
        GARBAGE,
        garbage.map(|(output, kind)| (output.as_str(), (*kind == Garbage::Add).then_some(()))),
        |()| Ok(Vec::new()),
    )
}

/// Runs that the history keeps; a ledger that a timer runs every minute must not grow for ever.
const HISTORY_KEPT: u64 = 1_000;

fn history(transaction: &WriteTransaction, batch: &Batch) -> Result<(), Fault> {
    let runs = batch.runs.iter();
    set(
        transaction,
        RUNS,
        runs.map(|report| (report.run_id.0, Some(report))),
        to_json,
    )?;
    let mut kept = transaction.open_table(RUNS)?;
    while kept.len()? > HISTORY_KEPT {
        kept.pop_first()?;
    }
    drop(kept);
    if let Some(schema) = &batch.schema {
        let mut body = Vec::new();
        put_schema(&mut body, schema)?;
        let mut schemas = transaction.open_table(SCHEMAS)?;
        put(&mut schemas, u64::from(schema.version), &body)?;
    }
    if let Some((fingerprint, text)) = &batch.definition {
        let mut definitions = transaction.open_table(DEFINITIONS)?;
        put(&mut definitions, fingerprint.as_str(), text.as_bytes())?;
    }
    Ok(())
}

fn change(row: &mut MetaRow, change: &MetaChange) {
    if change.source.is_some() {
        row.source.clone_from(&change.source);
    }
    if change.target.is_some() {
        row.target.clone_from(&change.target);
    }
    row.next_unit = change.next_unit.unwrap_or(row.next_unit);
    row.next_run = change.next_run.unwrap_or(row.next_run);
    row.watermark = change.watermark.or(row.watermark);
    row.checkpoint = change.checkpoint.or(row.checkpoint);
    match &change.listed {
        ListedChange::Nothing => {}
        ListedChange::Now(listed) => row.listed = Some(listed.clone()),
        ListedChange::Never => row.listed = None,
    }
}
