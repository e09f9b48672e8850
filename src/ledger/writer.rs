//! The writer's handle: opening, creating, one transaction at a time, closing.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use redb::{Builder, CompactionError, Database, StorageBackend};

use crate::durable::{Disk, HeldLock, Kind, Move, publish};
use crate::model::LedgerId;

use super::apply::{apply, create_tables};
use super::backend::{CopyBackend, Gate, StoreBackend, WRITER_TRIES, copy};
use super::batch::{Batch, Compaction, Intent};
use super::codec::Malformed;
use super::error::{Fault, LedgerError, OpenError, close_quietly, guarded, io_at};
use super::lease::{held, lock};
use super::migrate::{FORMAT_VERSION, migrate};
use super::place::Place;
use super::tables::{META, MetaRow, put_format};
use super::view::View;

pub(super) const FILE: &str = "ledger.redb";
/// A ledger that is being created: nothing is recorded in it yet, so what a crash leaves of it is thrown away.
const UNBORN: &str = "ledger.new";

/// What the storage may keep of the file in memory.
const CACHE_BYTES: usize = 48 << 20;
/// Below this length a file is not worth compacting.
const SPARSE_BYTES: u64 = 4 << 20;
/// Changing fewer than one row in so many leaves no space worth walking through the ledger for.
const SPARSE_SHARE: u64 = 16;

/// The writer's handle to a ledger. As long as it lives, no other can be opened.
///
/// It fails stopped: after a write that failed it refuses to write until the ledger has been opened again.
pub struct Ledger {
    /// `None` only while the handle is being dropped.
    db: Option<Database>,
    stopped: AtomicBool,
    /// Rows of files and units that were written through this handle; removing one counts as changing all.
    changed: AtomicU64,
    gate: Gate,
    disk: Arc<dyn Disk>,
    place: Arc<Place>,
    /// Last, so that the storage is closed before another may open it.
    lease: Arc<dyn HeldLock>,
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ledger({})", self.place.path().display())
    }
}

impl Ledger {
    /// Takes the lock and opens the ledger in `dir`, creating it (and `dir`) where there is none; only then `new_id`
    /// is asked for its name. `holder` is what others are told while the lock is held.
    ///
    /// # Errors
    /// [`OpenError::Held`] where another holds the lock; else where the file is damaged, of a newer format, or cannot
    /// be read or written.
    pub fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        new_id: &dyn Fn() -> LedgerId,
        holder: &str,
    ) -> Result<Self, OpenError> {
        disk.create_dir_all(dir)
            .map_err(|error| io_at(dir, error))?;
        let lease = lock(disk.as_ref(), dir, holder)?;
        let gate = Gate::new(Arc::clone(&disk), dir);
        let place = Place::new(dir.join(FILE));
        let path = place.path();
        let shut = gate.pass(WRITER_TRIES);
        let found = disk.look(path).map_err(|error| io_at(path, error))?;
        if found.is_none() {
            create(disk.as_ref(), dir, &lease, new_id)?;
        }
        let db = guarded(|| {
            let store = disk.open_store(path).map_err(redb::Error::Io);
            let store = store.map_err(Fault::Storage)?;
            let lease = Arc::downgrade(&lease);
            open_database(StoreBackend::new(store, lease, Arc::clone(&place)))
        })
        .map_err(|fault| fault.opening(path))?;
        drop(shut);
        Ok(Self {
            db: Some(db),
            stopped: AtomicBool::new(false),
            changed: AtomicU64::new(0),
            gate,
            disk,
            place,
            lease,
        })
    }

    /// Tells whether there is a ledger in `dir`.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn exists(disk: &dyn Disk, dir: &Path) -> io::Result<bool> {
        Ok(disk.look(&dir.join(FILE))?.is_some())
    }

    /// Tells whether the lock is still ours.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.lease.is_held()
    }

    /// Returns what is committed now; any number of threads may use it, or others beside it.
    ///
    /// # Errors
    /// Where the ledger is damaged or cannot be read.
    pub fn view(&self) -> Result<View, LedgerError> {
        let file_bytes = self.file_bytes()?;
        let db = self.db()?;
        self.attempt(|| View::of(db, Arc::clone(&self.place), file_bytes))
    }

    /// Records `batch` in one transaction, durable when this returns. An empty batch costs nothing.
    ///
    /// # Errors
    /// [`LedgerError::LostLease`] where the lock is no longer ours; [`LedgerError::Stopped`] after a write that failed;
    /// else where this one fails, and then it is not known whether the batch is recorded: all of it or nothing.
    pub fn write(&self, batch: &Batch) -> Result<(), LedgerError> {
        let db = self.writable()?;
        let nested = |intent: &&Intent| !intent.then.open_intents.is_empty();
        if let Some(outer) = batch.open_intents.iter().find(nested) {
            return Err(LedgerError::NestedIntent { intent: outer.id });
        }
        if batch.is_empty() {
            return Ok(());
        }
        self.note(batch);
        let _shut = self.gate.pass(WRITER_TRIES);
        self.stopping(|| apply(db, batch))
    }

    /// Rewrites the file where most of it is free space. It needs the ledger for itself: no view may be open. To
    /// know how much is free it walks through everything, and does that only where this handle has removed rows or
    /// changed many.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn compact_if_sparse(&mut self) -> Result<Compaction, LedgerError> {
        self.writable()?;
        let before_bytes = self.file_bytes()?;
        if before_bytes < SPARSE_BYTES || !self.may_be_sparse()? || !self.is_sparse()? {
            return Ok(Compaction::NotNeeded);
        }
        let _shut = self.gate.pass(WRITER_TRIES);
        let Some(mut db) = self.db.take() else {
            return Err(self.stopped_error());
        };
        let result = self.stopping(|| match db.compact() {
            Err(CompactionError::TransactionInProgress) => Ok(false),
            other => Ok(other.map(|_| true)?),
        });
        self.db = Some(db);
        if !result? {
            return Ok(Compaction::Busy);
        }
        let after_bytes = self.file_bytes()?;
        Ok(Compaction::Done {
            before_bytes,
            after_bytes,
        })
    }

    /// Closes the ledger and lets go of the lock. Dropping the handle does the same and tells nothing.
    ///
    /// # Errors
    /// Where it had stopped, or the lock was no longer ours: what was written since then is not recorded.
    pub fn close(self) -> Result<(), LedgerError> {
        self.writable().map(|_| ())
    }

    /// Remembers how much `batch` changes.
    fn note(&self, batch: &Batch) {
        let removes =
            batch.files.values().any(Option::is_none) || batch.units.values().any(Option::is_none);
        let rows = if removes {
            u64::MAX
        } else {
            (batch.files.len() + batch.units.len()) as u64
        };
        let add = |before: u64| Some(before.saturating_add(rows));
        self.changed
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, add)
            .ok();
    }

    fn may_be_sparse(&self) -> Result<bool, LedgerError> {
        let changed = self.changed.load(Ordering::Relaxed);
        Ok(changed > 0 && changed.saturating_mul(SPARSE_SHARE) >= self.view()?.meta()?.files)
    }

    fn is_sparse(&self) -> Result<bool, LedgerError> {
        Ok(self.view()?.stats()?.is_sparse())
    }

    fn db(&self) -> Result<&Database, LedgerError> {
        self.db.as_ref().ok_or_else(|| self.stopped_error())
    }

    fn writable(&self) -> Result<&Database, LedgerError> {
        if !self.lease.is_held() {
            return Err(self.lost_lease());
        }
        if self.stopped.load(Ordering::Acquire) {
            return Err(self.stopped_error());
        }
        self.db()
    }

    fn attempt<T>(&self, work: impl FnOnce() -> Result<T, Fault>) -> Result<T, LedgerError> {
        guarded(work).map_err(|fault| self.place.error(fault))
    }

    /// As [`Self::attempt`], for work after whose failure the file must not be written any more.
    fn stopping<T>(&self, work: impl FnOnce() -> Result<T, Fault>) -> Result<T, LedgerError> {
        self.attempt(work).map_err(|error| {
            self.stopped.store(true, Ordering::Release);
            // Each write asks for the lock, and what comes back through the storage no longer says that it was this.
            if self.lease.is_held() {
                error
            } else {
                self.lost_lease()
            }
        })
    }

    fn lost_lease(&self) -> LedgerError {
        let path = self.place.path().to_path_buf();
        LedgerError::LostLease { path }
    }

    fn stopped_error(&self) -> LedgerError {
        let path = self.place.path().to_path_buf();
        LedgerError::Stopped { path }
    }

    fn file_bytes(&self) -> Result<u64, LedgerError> {
        match self.disk.look(self.place.path()) {
            Ok(Some(Kind::File(bytes))) => Ok(bytes),
            Ok(_) => Ok(0),
            Err(source) => Err(LedgerError::Io {
                path: self.place.path().to_path_buf(),
                source,
            }),
        }
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        // Closing writes as well: the storage notes that no repair is needed.
        let _shut = self.gate.pass(WRITER_TRIES);
        if self.disk.opens_whole() {
            self.place.sync_at_end();
        }
        close_quietly(self.db.take());
    }
}

/// Returns what is committed in the ledger of `dir`, from a copy in memory: a running writer is neither needed nor
/// disturbed.
///
/// # Errors
/// [`OpenError::Missing`] where there is no ledger; else where it is damaged, of a newer format, or cannot be read.
pub fn snapshot(disk: Arc<dyn Disk>, dir: &Path) -> Result<View, OpenError> {
    let place = Place::new(dir.join(FILE));
    let path = place.path();
    let found = disk.look(path).map_err(|error| io_at(path, error))?;
    if found.is_none() {
        return Err(OpenError::Missing);
    }
    let copied = copy(disk, dir, path).map_err(|error| io_at(path, error))?;
    let bytes = copied.ok_or(OpenError::Missing)?;
    let file_bytes = bytes.len() as u64;
    guarded(|| {
        let db = open_database(CopyBackend::new(bytes, Arc::clone(&place)))?;
        View::owning(db, Arc::clone(&place), file_bytes)
    })
    .map_err(|fault| fault.opening(path))
}

/// Creates an empty ledger beside its place and moves it there whole: whatever a crash leaves, the file under the
/// ledger's name is always one that opens.
fn create(
    disk: &dyn Disk,
    dir: &Path,
    lease: &Arc<dyn HeldLock>,
    new_id: &dyn Fn() -> LedgerId,
) -> Result<(), OpenError> {
    let unborn = dir.join(UNBORN);
    let at = |error| io_at(&unborn, error);
    disk.remove_file(&unborn).map_err(at)?;
    let store = disk.open_store(&unborn).map_err(at)?;
    let place = Place::new(unborn.clone());
    if disk.opens_whole() {
        place.sync_at_end();
    }
    let backend = StoreBackend::new(store, Arc::downgrade(lease), Arc::clone(&place));
    guarded(|| {
        let db = builder().create_with_backend(backend)?;
        let transaction = db.begin_write()?;
        create_tables(&transaction, &MetaRow::new(new_id()))?;
        put_format(&mut transaction.open_table(META)?, FORMAT_VERSION)?;
        transaction.commit()?;
        Ok(())
    })
    .map_err(|fault| fault.opening(&unborn))?;
    // Renaming does not go through the storage, which asks for the lock before each of its writes.
    if !lease.is_held() {
        return Err(held(disk, dir));
    }
    // Nor does it say what goes wrong while it closes.
    if let Some(cause) = place.cause() {
        return Err(at(cause));
    }
    let to = dir.join(FILE);
    let from = unborn.clone();
    publish(disk, &[Move { from, to }]).map_err(at)
}

fn open_database(backend: impl StorageBackend) -> Result<Database, Fault> {
    // The storage would take an empty file for a new one; here it is one that lost its content.
    if backend
        .len()
        .map_err(redb::Error::Io)
        .map_err(Fault::Storage)?
        == 0
    {
        return Err(Malformed("ledger: the file is empty").into());
    }
    let db = builder().create_with_backend(backend)?;
    migrate(&db)?;
    Ok(db)
}

fn builder() -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

#[cfg(test)]
pub(super) mod tests {
    use redb::ReadableTable;

    use super::super::tables::FILES;
    use super::*;

    /// Makes `ledger` look as if a program with another format had written it.
    pub(in crate::ledger) fn pretend_format(ledger: &Ledger, version: u32) {
        let transaction = ledger.db().unwrap().begin_write().unwrap();
        put_format(&mut transaction.open_table(META).unwrap(), version).unwrap();
        transaction.commit().unwrap();
    }

    /// Bends the second block of files.
    pub(in crate::ledger) fn bend_second_block(ledger: &Ledger) {
        let transaction = ledger.db().unwrap().begin_write().unwrap();
        {
            let mut files = transaction.open_table(FILES).unwrap();
            let second = files.iter().unwrap().nth(1).unwrap().unwrap();
            let (key, mut block) = (second.0.value().to_vec(), second.1.value().to_vec());
            drop(second);
            block[100] ^= 1;
            files.insert(key.as_slice(), block.as_slice()).unwrap();
        }
        transaction.commit().unwrap();
    }
}
