//! Whether a ledger is whole: every row of every table read once.

use std::collections::BTreeSet;

use crate::model::{KeyRange, Shape};

use super::codec::{Malformed, Reader};
use super::error::{Fault, LedgerError};
use super::record::from_json;
use super::tables::{DEFINITIONS, PARTITIONS, REASONS, SHAPES};
use super::view::View;

impl View {
    /// Reads every row of every table, and counts files and units. A ledger that opens may still be damaged: its
    /// storage trusts its pages, and a row is checked when it is read.
    ///
    /// # Errors
    /// [`LedgerError::Corrupt`] for the first thing that makes no sense; else where the ledger cannot be read.
    pub fn check(&self) -> Result<(), LedgerError> {
        let meta = self.meta()?;
        let mut files = self.files(&KeyRange::all())?;
        let mut count = 0;
        while files.next()?.is_some() {
            count += 1;
        }
        self.expect(
            count == meta.files,
            "ledger: its files are not as many as it says",
        )?;
        let mut units = BTreeSet::new();
        for unit in self.units()? {
            let (id, unit) = unit?;
            units.insert((unit.partition, id.0));
        }
        let count = units.len() as u64;
        self.expect(
            count == meta.units,
            "ledger: its units are not as many as it says",
        )?;
        let listed = self.all(PARTITIONS, |(partition, unit), body| {
            let mut reader = Reader::new(body);
            reader.varint()?;
            reader.varint()?;
            Ok((partition.to_owned(), unit))
        })?;
        self.expect(
            units.iter().eq(&listed),
            "table of partitions: it does not match the units",
        )?;
        self.all(SHAPES, |_, body| from_json::<Shape>(body).map(drop))?;
        self.all(REASONS, |_, body| super::view::text(body).map(drop))?;
        self.all(DEFINITIONS, |_, body| super::view::text(body).map(drop))?;
        self.dirty()?;
        self.quarantine()?;
        self.intents()?;
        self.garbage()?;
        self.runs(usize::MAX)?;
        self.schemas()?;
        Ok(())
    }

    fn expect(&self, holds: bool, what: &'static str) -> Result<(), LedgerError> {
        if holds {
            return Ok(());
        }
        Err(Fault::from(Malformed(what)).at(&self.path))
    }
}
