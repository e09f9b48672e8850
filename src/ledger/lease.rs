//! The lock beside the ledger: who may write it, and what he says of himself.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use crate::durable::{Disk, HeldLock};

use super::error::{OpenError, io_at};

const LOCK: &str = "lock";

/// Returns what the holder of the lock says of itself, `None` where nobody holds it. Asking needs no right to write.
///
/// # Errors
/// What the disk reports.
pub fn holder(disk: &dyn Disk, dir: &Path) -> io::Result<Option<String>> {
    let note = disk.lock_note(&dir.join(LOCK))?;
    // Nothing that is shown moves a cursor or changes a colour.
    Ok(note.map(|note| note.chars().filter(|c| !c.is_control()).collect()))
}

/// Takes the lock. Whoever asks for the [`holder`] may be in the way for a moment, so a refusal is asked for a few times.
pub(super) fn lock(
    disk: &dyn Disk,
    dir: &Path,
    holder: &str,
) -> Result<Arc<dyn HeldLock>, OpenError> {
    let path = dir.join(LOCK);
    // A disk that tells without touching the lock puts nobody in the way.
    let pauses: &[u64] = if disk.opens_whole() {
        &[0]
    } else {
        &[2, 5, 10, 0]
    };
    for &pause_millis in pauses {
        let taken = disk.try_lock(&path, holder);
        if let Some(lease) = taken.map_err(|error| io_at(&path, error))? {
            return Ok(lease.into());
        }
        sleep(Duration::from_millis(pause_millis));
    }
    Err(held(disk, dir))
}

/// Returns the error that names whoever holds the lock; also where it was lost to him.
pub(super) fn held(disk: &dyn Disk, dir: &Path) -> OpenError {
    // The holder may be writing its note, or be gone, by now.
    let note = holder(disk, dir).ok().flatten();
    let note = note.filter(|note| !note.is_empty());
    OpenError::Held {
        note: note.unwrap_or_else(|| "another process".to_owned()),
    }
}
