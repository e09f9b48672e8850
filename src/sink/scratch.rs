//! A directory of this machine for what is staged before it goes to a store.
//!
//! Nothing in it has to outlive the process: what a killed run staged is built again. It goes with whoever made it, and
//! if he was killed, with the next one who makes another beside it. Each holds a lock in its own, so that only those of dead
//! processes are taken away.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::durable::{Disk, HeldLock, Kind};

const PREFIX: &str = "strandline-staging-";
const LOCK: &str = "lock";

/// How many names are tried.
const TRIES: u32 = 1000;

/// A directory that is removed when it is dropped.
pub(super) struct Scratch {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    lock: Option<Box<dyn HeldLock>>,
}

impl Scratch {
    /// Makes one in `base`, and removes those that nobody uses any more.
    ///
    /// # Errors
    /// What the disk reports.
    pub(super) fn new(disk: Arc<dyn Disk>, base: &Path) -> io::Result<Self> {
        disk.create_dir_all(base)?;
        sweep(&*disk, base)?;
        let pid = std::process::id();
        for number in 0..TRIES {
            let path = base.join(format!("{PREFIX}{pid}-{number}"));
            if disk.look(&path)?.is_some() {
                continue;
            }
            disk.create_dir_all(&path)?;
            match disk.try_lock(&path.join(LOCK), "") {
                Ok(Some(lock)) => {
                    let lock = Some(lock);
                    return Ok(Self { disk, path, lock });
                }
                Ok(None) => {}
                // Somebody has swept it before it was locked.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scratch({})", self.path.display())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.lock = None;
        // If it cannot be removed now, the next one does.
        let _ = remove(&*self.disk, &self.path);
    }
}

fn sweep(disk: &dyn Disk, base: &Path) -> io::Result<()> {
    for entry in disk.list(base)? {
        let path = base.join(&entry.name);
        if entry.kind != Kind::Directory || !entry.name.starts_with(PREFIX) {
            continue;
        }
        // It may be another user's. Whoever is about to lock his own finds it taken, and makes another.
        if let Ok(Some(_lock)) = disk.try_lock(&path.join(LOCK), "") {
            let _ = remove(disk, &path);
        }
    }
    Ok(())
}

fn remove(disk: &dyn Disk, directory: &Path) -> io::Result<()> {
    for entry in disk.list(directory)? {
        let path = directory.join(&entry.name);
        match entry.kind {
            Kind::Directory => remove(disk, &path)?,
            Kind::File(_) | Kind::Other => disk.remove_file(&path)?,
        }
    }
    disk.remove_empty_dir(directory).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::durable::MemoryDisk;

    #[test]
    fn what_a_dead_process_left_goes_and_what_a_living_one_uses_stays() {
        let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
        let base = Path::new("/tmp");
        let dead = base.join("strandline-staging-1-0/deep");
        let other = base.join("strandline-other");
        for path in [&dead, &other] {
            disk.create_dir_all(path).unwrap();
            let file = disk.create(&path.join("file")).unwrap();
            file.finish().unwrap();
        }
        let living = Scratch::new(Arc::clone(&disk), base).unwrap();
        let second = Scratch::new(Arc::clone(&disk), base).unwrap();
        assert_ne!(living.path(), second.path());
        let names = || -> Vec<String> {
            let entries = disk.list(base).unwrap();
            entries.into_iter().map(|entry| entry.name).collect()
        };
        assert_eq!(names().len(), 3, "{:?}", names());
        assert!(!names().contains(&"strandline-staging-1-0".to_owned()));
        drop((living, second));
        assert_eq!(names(), ["strandline-other"]);
    }
}
