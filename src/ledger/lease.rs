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
    let path = dir.join(LOCK);
    if !disk.is_locked(&path)? {
        return Ok(None);
    }
    note(disk, &path).map(Some)
}

/// What is read of a note, at most: whoever can write to the directory can put anything in its place.
const NOTE_BYTES: u64 = 1024;

/// Returns the note as one that can be shown: nothing in it moves a cursor or changes a colour.
fn note(disk: &dyn Disk, path: &Path) -> io::Result<String> {
    let file = disk.open(path)?;
    let length = usize::try_from(file.len().min(NOTE_BYTES)).unwrap_or_default();
    let mut bytes = vec![0; length];
    file.read_exact_at(0, &mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.chars().filter(|c| !c.is_control()).collect())
}

/// Takes the lock. Whoever asks for the [`holder`] may be in the way for a moment, so a refusal is asked for a few times.
pub(super) fn lock(
    disk: &dyn Disk,
    dir: &Path,
    holder: &str,
) -> Result<Arc<dyn HeldLock>, OpenError> {
    let path = dir.join(LOCK);
    for pause_millis in [2, 5, 10, 0] {
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
    let note = note(disk, &dir.join(LOCK)).unwrap_or_default();
    let note = if note.is_empty() {
        "another process".to_owned()
    } else {
        note
    };
    OpenError::Held { note }
}
