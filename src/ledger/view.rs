//! Reading: one committed state of the ledger, for as many readers at once as there are.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use redb::{
    Database, OwnedRange, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable,
    ReadableTableMetadata, TableDefinition, TableHandle,
};

use crate::model::{
    DirtyReason, FileRecord, KeyRange, OutputPath, QuarantineRecord, RunId, RunReport, Shape,
    SourcePath, UnitId, UnitRecord,
};

use super::batch::{Intent, IntentId, LedgerStats, Meta, SchemaVersion, UnitSummary};
use super::block::{BlockCursor, FileRow};
use super::codec::{Malformed, Reader, unseal};
use super::error::{Damage, Fault, LedgerError, close_quietly, guarded};
use super::files::{self, block_key, find};
use super::place::Place;
use super::record::{decode_intent, decode_unit, from_json, schema};
use super::tables::{
    DEFINITIONS, DIRTY, FILES, GARBAGE, INTENTS, META, PARTITIONS, QUARANTINE, REASONS, RUNS,
    SCHEMAS, SHAPES, SealKey, UNITS, format, get, meta_row, open,
};

type Bytes = &'static [u8];

/// One committed state of the ledger: later writes do not change what it shows.
///
/// It keeps the pages of that state from being reused, so it should not outlive the work that it is for. A view of
/// a ledger that has been closed answers with [`LedgerError::Stopped`]; a snapshot stands by itself.
pub struct View {
    files: ReadOnlyTable<Bytes, Bytes>,
    units: ReadOnlyTable<u64, Bytes>,
    shapes: Mutex<HashMap<Vec<u8>, Shape>>,
    transaction: ReadTransaction,
    pub(super) place: Arc<Place>,
    file_bytes: u64,
    /// A snapshot owns the copy that it reads; it is let go of behind what reads it.
    _copy: Option<OwnedCopy>,
}

/// Closes a snapshot's copy when it is dropped.
struct OwnedCopy(Option<Database>);

impl Drop for OwnedCopy {
    fn drop(&mut self) {
        let db = self.0.take();
        close_quietly(db);
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "View({})", self.place.path().display())
    }
}

impl View {
    pub(super) fn of(db: &Database, place: Arc<Place>, file_bytes: u64) -> Result<Self, Fault> {
        let transaction = db.begin_read()?;
        Ok(Self {
            files: transaction.open_table(FILES)?,
            units: transaction.open_table(UNITS)?,
            shapes: Mutex::default(),
            transaction,
            place,
            file_bytes,
            _copy: None,
        })
    }

    pub(super) fn owning(db: Database, place: Arc<Place>, file_bytes: u64) -> Result<Self, Fault> {
        let view = Self::of(&db, place, file_bytes)?;
        Ok(Self {
            _copy: Some(OwnedCopy(Some(db))),
            ..view
        })
    }

    fn ask<T>(&self, question: impl FnOnce() -> Result<T, Fault>) -> Result<T, LedgerError> {
        guarded(question).map_err(|fault| self.place.error(fault))
    }

    /// Returns the ledger's own row.
    ///
    /// # Errors
    /// Where the ledger is damaged or cannot be read; so in every method here.
    pub fn meta(&self) -> Result<Meta, LedgerError> {
        self.ask(|| {
            let table = self.transaction.open_table(META)?;
            let row = meta_row(&table)?;
            Ok(Meta {
                id: row.id,
                format_version: format(&table)?,
                source: row.source,
                target: row.target,
                definition: row.definition,
                watermark: row.watermark,
                checkpoint: row.checkpoint,
                listed: row.listed,
                next_unit: row.next_unit,
                next_run: row.next_run,
                files: row.files,
                units: row.units,
            })
        })
    }

    /// Returns the record of `path`.
    ///
    /// # Errors
    /// See [`Self::meta`].
    pub fn file(&self, path: &str) -> Result<Option<FileRecord>, LedgerError> {
        self.ask(|| find(&self.files, path))
    }

    /// Returns the files of `range`, in byte order of their paths.
    ///
    /// # Errors
    /// See [`Self::meta`].
    pub fn files(&self, range: &KeyRange) -> Result<FileCursor, LedgerError> {
        self.ask(|| {
            let first = block_key(&self.files, &range.start)?.unwrap_or_default();
            let mut cursor = FileCursor {
                blocks: self.files.range_owned::<&[u8]>(first.as_slice()..)?,
                range: range.clone(),
                block: Vec::new(),
                rows: BlockCursor::default(),
                is_held: false,
                place: Arc::clone(&self.place),
                damage: None,
            };
            cursor.skip_to_start()?;
            Ok(cursor)
        })
    }

    /// Returns paths, in byte order, that part the files into at most `parts` parts of about the same size. They need not be
    /// those of files.
    ///
    /// # Errors
    /// See [`Self::meta`].
    pub fn points(&self, parts: u64) -> Result<Vec<SourcePath>, LedgerError> {
        self.ask(|| files::points(&self.files, parts))
    }

    /// Returns the unit `id`.
    ///
    /// # Errors
    /// See [`Self::meta`].
    pub fn unit(&self, id: UnitId) -> Result<Option<UnitRecord>, LedgerError> {
        self.ask(|| {
            let Some(body) = get(&self.units, id.0)? else {
                return Ok(None);
            };
            self.whole_unit(&body).map(Some)
        })
    }

    /// Returns all units, in order of their ids, one after the other.
    ///
    /// # Errors
    /// See [`Self::meta`]; each step can fail as well.
    pub fn units(
        &self,
    ) -> Result<impl Iterator<Item = Result<(UnitId, UnitRecord), LedgerError>>, LedgerError> {
        let mut rows = self.ask(|| Ok(self.units.range_owned::<u64>(..)?))?;
        let step = move || {
            let Some((key, row)) = rows.next().transpose()? else {
                return Ok(None);
            };
            let id = key.value();
            let unit = self.whole_unit(unseal(&u64::seal_key(&id), row.value())?)?;
            Ok(Some((UnitId(id), unit)))
        };
        let mut step = Some(step);
        Ok(std::iter::from_fn(move || {
            let result = self.ask(step.as_mut()?);
            if result.is_err() {
                // Behind a damaged page there is no telling where to go on.
                step = None;
            }
            result.transpose()
        }))
    }

    fn whole_unit(&self, body: &[u8]) -> Result<UnitRecord, Fault> {
        let (unit, key) = decode_unit(body)?;
        let shape = self.shape(key)?;
        Ok(UnitRecord { shape, ..unit })
    }

    /// Returns a stored shape; most units share a few, so they are decoded once.
    fn shape(&self, key: &[u8]) -> Result<Shape, Fault> {
        let mut known = self.shapes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shape) = known.get(key) {
            return Ok(shape.clone());
        }
        let table = self.transaction.open_table(SHAPES)?;
        let body = get(&table, key)?.ok_or(Malformed("unit: its shape is missing"))?;
        let shape: Shape = from_json(&body)?;
        known.insert(key.to_vec(), shape.clone());
        Ok(shape)
    }

    /// Returns the units of the path partition `partition`, in order of their ids, without reading the units.
    ///
    /// # Errors
    /// See [`Self::meta`].
    pub fn units_in(&self, partition: &str) -> Result<Vec<UnitSummary>, LedgerError> {
        self.ask(|| {
            let table = self.transaction.open_table(PARTITIONS)?;
            let mut units = Vec::new();
            for row in table.range((partition, 0)..=(partition, u64::MAX))? {
                let (key, row) = row?;
                let mut reader = Reader::new(open(&key, &row)?);
                units.push(UnitSummary {
                    id: UnitId(key.value().1),
                    bytes: reader.varint()?,
                    members: reader.varint()?,
                });
            }
            Ok(units)
        })
    }

    /// Returns the units that have to be built again.
    ///
    /// # Errors
    /// See [`Self::meta`].
    pub fn dirty(&self) -> Result<Vec<(UnitId, DirtyReason)>, LedgerError> {
        self.all(DIRTY, |id, body| Ok((UnitId(id), from_json(body)?)))
    }

    /// Returns why `path` is set aside, if it is.
    ///
    /// # Errors
    /// See [`Self::meta`].
    pub fn quarantined(&self, path: &str) -> Result<Option<QuarantineRecord>, LedgerError> {
        self.one(QUARANTINE, path, from_json)
    }

    /// Returns all files that are set aside, in byte order of their paths.
    ///
    /// # Errors
    /// See [`Self::meta`].
    pub fn quarantine(&self) -> Result<Vec<(SourcePath, QuarantineRecord)>, LedgerError> {
        self.all(QUARANTINE, |path, body| Ok((path.into(), from_json(body)?)))
    }

    /// Returns the stored verdict of `path`.
    ///
    /// # Errors
    /// See [`Self::meta`].
    pub fn reason(&self, path: &str) -> Result<Option<String>, LedgerError> {
        self.one(REASONS, path, text)
    }

    /// Returns the publications that have begun and are not over, in order of their ids.
    ///
    /// # Errors
    /// See [`Self::meta`].
    pub fn intents(&self) -> Result<Vec<Intent>, LedgerError> {
        self.all(INTENTS, |id, body| decode_intent(IntentId(id), body))
    }

    /// Returns the outputs that no unit owns any more and that are still to be deleted.
    ///
    /// # Errors
    /// See [`Self::meta`].
    pub fn garbage(&self) -> Result<Vec<OutputPath>, LedgerError> {
        self.all(GARBAGE, |output, _| Ok(output.into()))
    }

    /// Tells whether `output` is one of [`Self::garbage`].
    ///
    /// # Errors
    /// See [`Self::meta`].
    pub fn is_garbage(&self, output: &OutputPath) -> Result<bool, LedgerError> {
        self.ask(|| {
            let table = self.transaction.open_table(GARBAGE)?;
            Ok(table.get(output.as_str())?.is_some())
        })
    }

    /// Returns at most `newest` reports, the last run first.
    ///
    /// # Errors
    /// See [`Self::meta`].
    pub fn runs(&self, newest: usize) -> Result<Vec<RunReport>, LedgerError> {
        self.ask(|| {
            let table = self.transaction.open_table(RUNS)?;
            let rows = table.iter()?.rev().take(newest);
            rows.map(|row| {
                let (key, row) = row?;
                Ok(from_json(open(&key, &row)?)?)
            })
            .collect()
        })
    }

    /// Returns the report of the run `id`.
    ///
    /// # Errors
    /// See [`Self::meta`].
    pub fn run(&self, id: RunId) -> Result<Option<RunReport>, LedgerError> {
        self.one(RUNS, id.0, from_json)
    }

    /// Returns the current schema.
    ///
    /// # Errors
    /// See [`Self::meta`].
    pub fn schema(&self) -> Result<Option<SchemaVersion>, LedgerError> {
        self.ask(|| {
            let table = self.transaction.open_table(SCHEMAS)?;
            let Some((key, row)) = table.last()? else {
                return Ok(None);
            };
            Ok(Some(schema(&mut Reader::new(open(&key, &row)?))?))
        })
    }

    /// Returns every version of the schema, oldest first.
    ///
    /// # Errors
    /// See [`Self::meta`].
    pub fn schemas(&self) -> Result<Vec<SchemaVersion>, LedgerError> {
        self.all(SCHEMAS, |_, body| schema(&mut Reader::new(body)))
    }

    /// Returns the JSON text of the definition with that fingerprint.
    ///
    /// # Errors
    /// See [`Self::meta`].
    pub fn definition(&self, fingerprint: &str) -> Result<Option<String>, LedgerError> {
        self.one(DEFINITIONS, fingerprint, text)
    }

    /// Returns the length of the file (of the copy, in a snapshot).
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    /// Returns how large the ledger is and what takes the room; walks through all of it.
    ///
    /// # Errors
    /// See [`Self::meta`].
    pub fn stats(&self) -> Result<LedgerStats, LedgerError> {
        self.ask(|| {
            let row = meta_row(&self.transaction.open_table(META)?)?;
            let mut stats = LedgerStats {
                file_bytes: self.file_bytes,
                files: row.files,
                units: row.units,
                ..LedgerStats::default()
            };
            for handle in self.transaction.list_tables()? {
                let is_files = handle.name() == FILES.name();
                let table = self.transaction.open_untyped_table(handle)?.stats()?;
                let used = table.stored_bytes() + table.metadata_bytes();
                stats.live_bytes += used;
                stats.fragmented_bytes += table.fragmented_bytes();
                if is_files {
                    stats.files_bytes = used + table.fragmented_bytes();
                }
            }
            Ok(stats)
        })
    }

    fn one<K: SealKey, T>(
        &self,
        definition: TableDefinition<'static, K, Bytes>,
        key: K::SelfType<'_>,
        decode: impl FnOnce(&[u8]) -> Result<T, Malformed>,
    ) -> Result<Option<T>, LedgerError> {
        self.ask(|| {
            let body = get(&self.transaction.open_table(definition)?, key)?;
            Ok(body.as_deref().map(decode).transpose()?)
        })
    }

    pub(super) fn all<K: SealKey, T>(
        &self,
        definition: TableDefinition<'static, K, Bytes>,
        decode: impl for<'k> Fn(K::SelfType<'k>, &[u8]) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, LedgerError> {
        self.ask(|| {
            let table = self.transaction.open_table(definition)?;
            let rows = table.iter()?;
            rows.map(|row| {
                let (key, row) = row?;
                let body = open(&key, &row)?;
                Ok(decode(key.value(), body)?)
            })
            .collect()
        })
    }
}

pub(super) fn text(body: &[u8]) -> Result<String, Malformed> {
    let text = std::str::from_utf8(body).map_err(|_| Malformed("text"))?;
    Ok(text.to_owned())
}

/// Walks through the files of a range, and of ranges behind it; it owns what it needs and can be sent to another
/// thread.
pub struct FileCursor {
    blocks: OwnedRange<Bytes, Bytes>,
    range: KeyRange,
    block: Vec<u8>,
    rows: BlockCursor,
    /// The last row lies in no range yet: it comes next.
    is_held: bool,
    place: Arc<Place>,
    /// What was wrong where it stopped for good.
    damage: Option<Damage>,
}

impl fmt::Debug for FileCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileCursor({:?})", self.range)
    }
}

impl FileCursor {
    /// Returns the next file, or `None` behind the last. It allocates for a block, never for a row.
    ///
    /// # Errors
    /// Where the ledger is damaged or cannot be read. Behind damage there is no telling where to go on, so that every
    /// later call answers the same: what was not read must not be taken for the end.
    #[expect(
        clippy::should_implement_trait,
        reason = "a row borrows from the cursor, which an iterator's items cannot"
    )]
    pub fn next(&mut self) -> Result<Option<FileRow<'_>>, LedgerError> {
        if let Some(damage) = &self.damage {
            return Err(LedgerError::Corrupt {
                path: self.place.path().to_path_buf(),
                source: damage.clone(),
            });
        }
        while !self.is_held && self.rows.is_behind(&self.block) {
            match self.load() {
                Ok(true) => {}
                Ok(false) => return Ok(None),
                Err(fault) => return Err(stopped_by(&self.place, &mut self.damage, fault)),
            }
        }
        let row = if std::mem::take(&mut self.is_held) {
            self.rows.again(&self.block).map(Some)
        } else {
            self.rows.next(&self.block)
        };
        let row = match row {
            Ok(row) => row,
            Err(fault) => return Err(stopped_by(&self.place, &mut self.damage, fault.into())),
        };
        let end = self.range.end.as_deref();
        self.is_held = row.is_some_and(|row| end.is_some_and(|end| end <= row.path));
        Ok(row.filter(|_| !self.is_held))
    }

    /// Goes on with `range` if it begins where the last one ended, which costs less than a new cursor; `None` where
    /// it does not.
    ///
    /// # Errors
    /// Where the ledger is damaged or cannot be read.
    pub fn go_on(mut self, range: &KeyRange) -> Result<Option<Self>, LedgerError> {
        if self.range.end.as_deref() != Some(&*range.start) {
            return Ok(None);
        }
        // Not all of the last range need have been asked for.
        while self.next()?.is_some() {}
        self.range = range.clone();
        Ok(Some(self))
    }

    /// Moves on to the next block; false where there is none.
    fn load(&mut self) -> Result<bool, Fault> {
        guarded(|| {
            let Some((key, row)) = self.blocks.next().transpose()? else {
                return Ok(false);
            };
            if self
                .rows
                .last_path()
                .is_some_and(|last| last >= key.value())
            {
                return Err(Malformed("table of files: its blocks are out of order").into());
            }
            let block = unseal(key.value(), row.value())?;
            self.block.clear();
            self.block.extend_from_slice(block);
            self.rows.reset();
            Ok(true)
        })
    }

    /// Passes over the rows of the first block that lie before the range.
    fn skip_to_start(&mut self) -> Result<(), Fault> {
        if !self.load()? {
            return Ok(());
        }
        while let Some(row) = self.rows.next(&self.block)? {
            if *self.range.start <= *row.path {
                self.is_held = true;
                break;
            }
        }
        Ok(())
    }
}

/// Says what a fault means, and keeps it where it is damage.
fn stopped_by(place: &Place, damage: &mut Option<Damage>, fault: Fault) -> LedgerError {
    let error = place.error(fault);
    if let LedgerError::Corrupt { source, .. } = &error {
        *damage = Some(source.clone());
    }
    error
}
