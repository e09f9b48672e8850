//! The tables by name and type, and the sealed rows in them.

use std::borrow::Borrow;

use redb::{AccessGuard, Key, ReadableTable, StorageError, Table, TableDefinition};
use serde::{Deserialize, Serialize};

use crate::model::{LedgerId, Listed, RunId, Timestamp};

use super::codec::{Malformed, seal, unseal};
use super::error::Fault;
use super::record::{from_json, to_json};

type Definition<K> = TableDefinition<'static, K, &'static [u8]>;

pub(super) const META: Definition<&str> = TableDefinition::new("meta");
pub(super) const FILES: Definition<&[u8]> = TableDefinition::new("files");
pub(super) const UNITS: Definition<u64> = TableDefinition::new("units");
pub(super) const PARTITIONS: Definition<(&str, u64)> = TableDefinition::new("partitions");
pub(super) const SHAPES: Definition<&[u8]> = TableDefinition::new("shapes");
pub(super) const DIRTY: Definition<u64> = TableDefinition::new("dirty");
pub(super) const QUARANTINE: Definition<&str> = TableDefinition::new("quarantine");
pub(super) const REASONS: Definition<&str> = TableDefinition::new("reasons");
pub(super) const INTENTS: Definition<u64> = TableDefinition::new("intents");
pub(super) const GARBAGE: Definition<&str> = TableDefinition::new("garbage");
pub(super) const RUNS: Definition<u64> = TableDefinition::new("runs");
pub(super) const SCHEMAS: Definition<u64> = TableDefinition::new("schemas");
pub(super) const DEFINITIONS: Definition<&str> = TableDefinition::new("definitions");

/// The row of [`META`] that says which version wrote the tables.
pub(super) const FORMAT_ROW: &str = "format";
/// The row of [`META`] that holds [`MetaRow`].
pub(super) const LEDGER_ROW: &str = "ledger";

/// The ledger's own row.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct MetaRow {
    pub(super) id: LedgerId,
    pub(super) source: Option<String>,
    pub(super) target: Option<String>,
    pub(super) definition: Option<String>,
    pub(super) watermark: Option<Timestamp>,
    pub(super) checkpoint: Option<RunId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) listed: Option<Listed>,
    pub(super) next_unit: u64,
    pub(super) next_run: u64,
    pub(super) files: u64,
    pub(super) units: u64,
}

impl MetaRow {
    pub(super) fn new(id: LedgerId) -> Self {
        Self {
            id,
            source: None,
            target: None,
            definition: None,
            watermark: None,
            checkpoint: None,
            listed: None,
            next_unit: 0,
            next_run: 0,
            files: 0,
            units: 0,
        }
    }
}

/// A key that a seal can be bound to.
pub(super) trait SealKey: Key + 'static {
    /// Returns the bytes that stand for `key` in a seal.
    fn seal_key(key: &Self::SelfType<'_>) -> Vec<u8> {
        Self::as_bytes(key).as_ref().to_vec()
    }
}

impl SealKey for &'static str {}
impl SealKey for &'static [u8] {}
impl SealKey for u64 {}
impl SealKey for (&'static str, u64) {}

/// Inserts or replaces the row `key`; tells whether there was one.
pub(super) fn put<'k, K: SealKey>(
    table: &mut Table<'_, K, &'static [u8]>,
    key: impl Borrow<K::SelfType<'k>>,
    body: &[u8],
) -> Result<bool, StorageError> {
    let sealed = seal(&K::seal_key(key.borrow()), body);
    Ok(table.insert(key, sealed.as_slice())?.is_some())
}

/// Returns the body of the row `key`.
pub(super) fn get<'k, K: SealKey>(
    table: &impl ReadableTable<K, &'static [u8]>,
    key: impl Borrow<K::SelfType<'k>>,
) -> Result<Option<Vec<u8>>, Fault> {
    let key = key.borrow();
    let Some(row) = table.get(key)? else {
        return Ok(None);
    };
    Ok(Some(unseal(&K::seal_key(key), row.value())?.to_vec()))
}

/// Returns the body of a row met in a range.
pub(super) fn open<'a, K: SealKey>(
    key: &AccessGuard<'_, K>,
    row: &'a AccessGuard<'_, &'static [u8]>,
) -> Result<&'a [u8], Malformed> {
    unseal(&K::seal_key(&key.value()), row.value())
}

/// Returns the ledger's own row.
pub(super) fn meta_row(
    table: &impl ReadableTable<&'static str, &'static [u8]>,
) -> Result<MetaRow, Fault> {
    let body = get(table, LEDGER_ROW)?.ok_or(Malformed("ledger: its own row is missing"))?;
    Ok(from_json(&body)?)
}

/// Replaces the ledger's own row.
pub(super) fn put_meta_row(
    table: &mut Table<'_, &'static str, &'static [u8]>,
    row: &MetaRow,
) -> Result<(), Fault> {
    put(table, LEDGER_ROW, &to_json(row)?)?;
    Ok(())
}

/// Returns the version that wrote the tables.
pub(super) fn format(
    table: &impl ReadableTable<&'static str, &'static [u8]>,
) -> Result<u32, Fault> {
    let body = get(table, FORMAT_ROW)?.ok_or(Malformed("ledger: its format is missing"))?;
    let text = std::str::from_utf8(&body).map_err(|_| Malformed("format"))?;
    Ok(text.parse().map_err(|_| Malformed("format"))?)
}

/// Says that the tables are of `version` from now on.
pub(super) fn put_format(
    table: &mut Table<'_, &'static str, &'static [u8]>,
    version: u32,
) -> Result<(), Fault> {
    put(table, FORMAT_ROW, version.to_string().as_bytes())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The seals of rows that are on disks hold these bytes.
    #[test]
    fn a_key_is_sealed_in_as_the_format_says() {
        assert_eq!(<&str>::seal_key(&"a"), b"a");
        assert_eq!(u64::seal_key(&258), [2, 1, 0, 0, 0, 0, 0, 0]);
        let pair = <(&str, u64)>::seal_key(&("p=1/", 1));
        assert_eq!(
            pair,
            [b"\x04p=1/".as_slice(), &[1, 0, 0, 0, 0, 0, 0, 0]].concat()
        );
        let long = "x".repeat(300);
        let pair = <(&str, u64)>::seal_key(&(&long, 0));
        assert_eq!(pair[..4], [254, 44, 1, b'x']);
    }
}
