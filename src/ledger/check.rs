//! Whether a ledger is whole: every row of every table read once. What is not is set aside.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::durable::Disk;
use crate::model::{KeyRange, Shape};

use super::codec::{Malformed, Reader};
use super::error::{LedgerError, OpenError, io_at};
use super::lease::lock;
use super::record::from_json;
use super::tables::{DEFINITIONS, PARTITIONS, REASONS, SHAPES};
use super::view::View;
use super::writer::{FILE, snapshot};

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
        Err(self.place.error(Malformed(what).into()))
    }
}

/// What a damaged ledger is called from then on, with a number where that name is taken.
const ASIDE: &str = "ledger.damaged";

/// Moves a damaged ledger out of the way, so that a new one can be made beside it; tells whether it did. With the lock
/// in hand it looks once more: somebody else may have put another in its place since, and one that is whole stays.
/// Earlier ones that were set aside are kept.
///
/// # Errors
/// [`OpenError::Held`] where another holds the lock; [`OpenError::Missing`] where there is none; else what the disk
/// reports.
pub fn set_aside(disk: &Arc<dyn Disk>, dir: &Path, holder: &str) -> Result<bool, OpenError> {
    let _lease = lock(disk.as_ref(), dir, holder)?;
    if is_whole(disk, dir)? {
        return Ok(false);
    }
    let at = |error| io_at(dir, error);
    let aside = free_name(disk.as_ref(), dir).map_err(at)?;
    disk.rename(&dir.join(FILE), &aside).map_err(at)?;
    disk.sync_dir(dir).map_err(at)?;
    Ok(true)
}

fn is_whole(disk: &Arc<dyn Disk>, dir: &Path) -> Result<bool, OpenError> {
    let view = match snapshot(Arc::clone(disk), dir) {
        Ok(view) => view,
        Err(OpenError::Corrupt { .. }) => return Ok(false),
        Err(error) => return Err(error),
    };
    Ok(!view.check().is_err_and(|error| error.is_corrupt()))
}

fn free_name(disk: &dyn Disk, dir: &Path) -> std::io::Result<PathBuf> {
    let mut name = dir.join(ASIDE);
    let mut number = 1_u64;
    while disk.look(&name)?.is_some() {
        number += 1;
        name = dir.join(format!("{ASIDE}-{number}"));
    }
    Ok(name)
}
