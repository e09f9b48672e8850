//! What the storage stands on: the ledger's file, a copy of it in memory, and the gate between the two.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::thread::sleep;
use std::time::Duration;

use redb::StorageBackend;

use crate::durable::{Disk, HeldLock, Kind, StoreFile};
use crate::model::ReadAt;

use super::place::Place;

/// The ledger's file as the storage sees it.
///
/// It fails stopped: after an error, or once the lease is lost, nothing is read or written until the ledger has
/// been opened again. A disk that failed once says nothing reliable about what it kept.
///
/// The storage syncs several times while it closes, so that a file which is found at any of these moments can be
/// repaired. Where each sync is a request to a store, which keeps the file as it was at the last one and nothing in between,
/// [one at the end](Place::sync_at_end) does for all of them.
#[derive(Debug)]
pub(super) struct StoreBackend {
    store: Box<dyn StoreFile>,
    /// Weak, so that a view which outlives the ledger does not keep the pipeline locked.
    lease: Weak<dyn HeldLock>,
    place: Arc<Place>,
}

impl StoreBackend {
    pub(super) fn new(
        store: Box<dyn StoreFile>,
        lease: Weak<dyn HeldLock>,
        place: Arc<Place>,
    ) -> Self {
        Self {
            store,
            lease,
            place,
        }
    }

    fn attempt<T>(&self, operation: impl FnOnce(&dyn StoreFile) -> io::Result<T>) -> io::Result<T> {
        if let Some(cause) = self.place.cause() {
            return Err(cause);
        }
        operation(self.store.as_ref()).inspect_err(|error| self.place.stop(error))
    }

    fn change(&self, operation: impl FnOnce(&dyn StoreFile) -> io::Result<()>) -> io::Result<()> {
        self.attempt(|store| {
            if self.lease.upgrade().is_some_and(|lease| lease.is_held()) {
                operation(store)
            } else {
                Err(io::Error::other("the lock is no longer ours"))
            }
        })
    }
}

impl StorageBackend for StoreBackend {
    fn len(&self) -> io::Result<u64> {
        self.attempt(|store| Ok(store.len()))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.attempt(|store| store.read_exact_at(offset, out))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(|store| store.set_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.place.is_synced_at_end() {
            return Ok(());
        }
        self.change(|store| store.sync())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.change(|store| store.write_all_at(offset, data))
    }

    fn close(&self) -> io::Result<()> {
        if self.place.is_synced_at_end() {
            return self.change(|store| store.sync());
        }
        Ok(())
    }
}

/// A courtesy between the writer and those who copy the file: whoever passes the gate keeps it shut behind him.
///
/// The writer takes it for each transaction, a reader for each copy, so that a copy is made while the file rests.
/// Neither depends on it: a reader that finds the gate shut for too long, or may not use it, copies all the same
/// and looks whether a commit came between (see [`copy`]); a writer goes on after a while, so that a reader which
/// hangs cannot hold up a run.
#[derive(Debug)]
pub(super) struct Gate {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    /// Whoever is in it has been waited for in vain: it is not waited for again until it was once found open.
    stuck: AtomicBool,
}

const PAUSE: Duration = Duration::from_millis(1);

impl Gate {
    pub(super) fn new(disk: Arc<dyn Disk>, dir: &Path) -> Self {
        Self {
            disk,
            path: dir.join("gate"),
            stuck: AtomicBool::new(false),
        }
    }

    /// Waits for the gate, but no longer than `tries` pauses, and only once for the same who hangs in it.
    pub(super) fn pass(&self, tries: usize) -> Option<Box<dyn HeldLock>> {
        if self.disk.opens_whole() {
            return None;
        }
        let tries = if self.stuck.load(Ordering::Relaxed) {
            1
        } else {
            tries
        };
        for _ in 0..tries {
            match self.disk.try_lock(&self.path, "") {
                Ok(Some(held)) => {
                    self.stuck.store(false, Ordering::Relaxed);
                    return Some(held);
                }
                Ok(None) => sleep(PAUSE),
                Err(_) => return None,
            }
        }
        self.stuck.store(true, Ordering::Relaxed);
        None
    }
}

/// How many pauses a writer waits for a reader.
pub(super) const WRITER_TRIES: usize = 5_000;
const READER_TRIES: usize = 2_000;
const COPY_TRIES: usize = 20;
const HEADER_BYTES: usize = 4096;
const CHUNK_BYTES: usize = 1 << 20;

/// Returns a copy of the ledger's file that holds one committed state, or `None` where there is no file.
///
/// The storage never overwrites a page that the last commit can reach; a commit makes new pages reachable by
/// rewriting the header, and only the commit after it may reuse what the first one freed. If the header was the same
/// before and after, at most one commit was under way, and all that the one before it can reach was at rest.
///
/// The commit under way may be there by half. The storage writes header and pages in one flush, in any order, so that
/// the header of the copy may name a commit whose pages are not in it yet: what a power cut leaves behind as well. The
/// header has two slots, the newer commit's and the one's before it, and says that the file was not closed. So opening
/// the copy checks all pages by their checksums, and where the newer commit is not whole falls back to the other slot.
/// A commit in two phases, as the storage makes when it compacts and closes, and would make for quick repairs, has no
/// such way back: there the pages are in the file before the header names them. To be relied on is one or the other;
/// whoever changes how the ledger commits has to look at this again.
///
/// The length is looked at as well: compacting cuts the file behind a commit, and growing lengthens it before one.
///
/// # Errors
/// What the disk reports; `TimedOut` where commits came faster than the file could be copied.
pub(super) fn copy(disk: Arc<dyn Disk>, dir: &Path, path: &Path) -> io::Result<Option<Vec<u8>>> {
    if disk.opens_whole() {
        return match disk.open(path) {
            Ok(file) => read_whole(&*file).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        };
    }
    let gate = Gate::new(disk, dir);
    for attempt in 0..COPY_TRIES {
        let shut = gate.pass(if attempt == 0 { READER_TRIES } else { 10 });
        match copy_once(gate.disk.as_ref(), path) {
            Ok(Some(bytes)) => return Ok(Some(bytes)),
            Ok(None) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            // The file may have shrunk under the reader.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            Err(error) => return Err(error),
        }
        drop(shut);
        sleep(PAUSE);
    }
    Err(io::Error::new(
        io::ErrorKind::TimedOut,
        "it is being written to all the time",
    ))
}

/// Copies the file without asking for the gate; `None` where a commit came between.
pub(super) fn copy_once(disk: &dyn Disk, path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = disk.open(path)?;
    let file_bytes = file.len();
    let bytes = read_whole(&*file)?;
    let mut header = [0; HEADER_BYTES];
    let header = &mut header[..bytes.len().min(HEADER_BYTES)];
    file.read_exact_at(0, header)?;
    // An open file may go on telling the length that it had when it was opened.
    let is_at_rest = bytes.get(..header.len()) == Some(header)
        && disk.look(path)? == Some(Kind::File(file_bytes));
    Ok(is_at_rest.then_some(bytes))
}

fn read_whole(file: &dyn ReadAt) -> io::Result<Vec<u8>> {
    let length = usize::try_from(file.len()).map_err(io::Error::other)?;
    let mut bytes = Vec::new();
    // The file may be larger than the memory, which is no reason to end the process.
    bytes
        .try_reserve_exact(length)
        .map_err(|error| io::Error::new(io::ErrorKind::OutOfMemory, error))?;
    bytes.resize(length, 0);
    let mut offset = 0;
    for chunk in bytes.chunks_mut(CHUNK_BYTES) {
        file.read_exact_at(offset, chunk)?;
        offset += chunk.len() as u64;
    }
    Ok(bytes)
}

/// A copy of the file in memory; the storage repairs it as it would the file.
#[derive(Debug)]
pub(super) struct CopyBackend {
    bytes: RwLock<Vec<u8>>,
    place: Arc<Place>,
}

impl CopyBackend {
    pub(super) fn new(bytes: Vec<u8>, place: Arc<Place>) -> Self {
        let bytes = RwLock::new(bytes);
        Self { bytes, place }
    }

    fn change(&self, change: impl FnOnce(&mut Vec<u8>)) {
        change(&mut self.bytes.write().unwrap_or_else(PoisonError::into_inner));
    }
}

impl StorageBackend for CopyBackend {
    fn len(&self) -> io::Result<u64> {
        let bytes = self.bytes.read().unwrap_or_else(PoisonError::into_inner);
        Ok(bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let bytes = self.bytes.read().unwrap_or_else(PoisonError::into_inner);
        bytes
            .read_exact_at(offset, out)
            .inspect_err(|error| self.place.stop(error))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(io::Error::other)?;
        self.change(|bytes| bytes.resize(len, 0));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let end = start.saturating_add(data.len());
        self.change(|bytes| {
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            bytes[start..end].copy_from_slice(data);
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::durable::{Action, Fault, FaultyDisk, MemoryDisk};
    use crate::ledger::LedgerError;

    #[test]
    fn whoever_comes_after_a_failure_is_told_what_it_was() {
        const ESTALE: i32 = 116;
        let path = Path::new("/state/ledger.redb");
        let memory = MemoryDisk::new();
        memory.create_dir_all(Path::new("/state")).unwrap();
        for fault in [
            Fault::Kind(io::ErrorKind::UnexpectedEof),
            Fault::System(ESTALE),
        ] {
            let disk = FaultyDisk::new(Arc::new(memory.clone()));
            let place = Place::new(path.to_owned());
            let lease: Arc<dyn HeldLock> = Arc::from(
                memory
                    .try_lock(Path::new("/state/lock"), "")
                    .unwrap()
                    .unwrap(),
            );
            let store = disk.open_store(path).unwrap();
            let backend = StoreBackend::new(store, Arc::downgrade(&lease), Arc::clone(&place));
            backend.write(0, b"1234").unwrap();
            disk.fail_where(|step| step.action == Action::Read, fault);
            backend.read(0, &mut [0; 4]).unwrap_err();
            disk.heal();
            let again = backend.read(0, &mut [0; 4]).unwrap_err();
            assert_eq!(again.to_string(), fault.error().to_string());
            backend.write(0, b"5678").unwrap_err();
            // What the storage says to whoever did not meet the failure himself.
            let later = place.error(super::super::error::Fault::Storage(redb::Error::PreviousIo));
            match (fault, later) {
                (Fault::Kind(_), LedgerError::Corrupt { .. }) => {}
                (_, LedgerError::Io { source, .. }) => {
                    assert_eq!(source.raw_os_error(), Some(ESTALE));
                }
                (_, later) => panic!("{later:?}"),
            }
        }
    }

    #[test]
    fn who_hangs_in_the_gate_is_waited_for_once() {
        let memory = MemoryDisk::new();
        memory.create_dir_all(Path::new("/state")).unwrap();
        let counting = FaultyDisk::new(Arc::new(memory.clone()));
        let gate = Gate::new(Arc::new(counting.clone()), Path::new("/state"));
        let hang = || memory.try_lock(Path::new("/state/gate"), "").unwrap();
        let tries = |most: usize| {
            let before = counting.changes();
            let passed = gate.pass(most).is_some();
            (passed, counting.changes() - before)
        };
        let hanging = hang();
        assert_eq!(tries(3), (false, 3));
        assert_eq!(tries(5_000), (false, 1));
        drop(hanging);
        assert_eq!(tries(5_000), (true, 1));
        let _hanging = hang();
        assert_eq!(tries(3), (false, 3));
    }
}
