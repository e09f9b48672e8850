//! A disk that counts what is done to it and fails when told to.

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::ReadAt;

use super::{Disk, Entry, HeldLock, Kind, StagedFile, StoreFile};

/// What is done to a disk. Everything up to [`Action::Lock`] changes it and is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// [`Disk::create`].
    Create,
    /// A write to a staged file.
    Write,
    /// [`StagedFile::finish`].
    Finish,
    /// [`Disk::open_store`] of a file that is not there yet.
    CreateStore,
    /// [`StoreFile::write_all_at`].
    WriteStore,
    /// [`StoreFile::set_len`].
    SetLength,
    /// [`StoreFile::sync`].
    SyncStore,
    /// [`Disk::rename`]; its path is the destination.
    Rename,
    /// [`Disk::sync_dir`].
    SyncDir,
    /// [`Disk::remove_file`].
    RemoveFile,
    /// [`Disk::remove_empty_dir`].
    RemoveDir,
    /// [`Disk::create_dir_all`] of a directory that is not there yet.
    CreateDir,
    /// [`Disk::try_lock`].
    Lock,
    /// [`Disk::open`], and [`Disk::open_store`] of a file that is there.
    Open,
    /// A read from an open file.
    Read,
    /// [`Disk::list`].
    List,
    /// [`Disk::look`] and [`Disk::is_locked`].
    Look,
}

impl Action {
    /// Tells whether it changes the disk.
    #[must_use]
    pub fn is_change(self) -> bool {
        self <= Self::Lock
    }
}

/// One thing done to a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What.
    pub action: Action,
    /// To what.
    pub path: PathBuf,
}

/// How a step fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// With the system's error of this number (`ENOSPC`, `EIO`, …).
    System(i32),
    /// With an error of this kind.
    Kind(io::ErrorKind),
}

impl Fault {
    /// Returns it as the error that a caller gets.
    #[must_use]
    pub fn error(self) -> io::Error {
        match self {
            Self::System(number) => io::Error::from_raw_os_error(number),
            Self::Kind(kind) => kind.into(),
        }
    }
}

type Matcher = Box<dyn Fn(&Step) -> bool + Send>;

#[derive(Default)]
struct Plan {
    steps: Vec<Step>,
    cut_at: Option<usize>,
    once: Vec<(usize, Fault)>,
    rules: Vec<(Matcher, Fault)>,
}

/// A disk that counts what is done to another one and fails when told to. Clones share counts and faults.
///
/// Changes are numbered from 0 on, so a cut at `n` lets `n` of them happen. Faults hit before anything is done; what
/// a power cut leaves half done is for [`MemoryDisk::crash`](super::MemoryDisk::crash) to decide.
#[derive(Clone)]
pub struct FaultyDisk {
    inner: Arc<dyn Disk>,
    plan: Arc<Mutex<Plan>>,
}

impl FaultyDisk {
    /// Wraps `inner`; nothing fails yet.
    #[must_use]
    pub fn new(inner: Arc<dyn Disk>) -> Self {
        Self {
            inner,
            plan: Arc::default(),
        }
    }

    /// Lets the power go at change `number`: it and everything after it fail, looking included.
    pub fn cut_at(&self, number: usize) {
        self.plan().cut_at = Some(number);
    }

    /// Lets change `number` fail, and nothing after it.
    pub fn fail_once_at(&self, number: usize, fault: Fault) {
        self.plan().once.push((number, fault));
    }

    /// Lets every step fail that `matches`.
    pub fn fail_where(&self, matches: impl Fn(&Step) -> bool + Send + 'static, fault: Fault) {
        self.plan().rules.push((Box::new(matches), fault));
    }

    /// Lets nothing fail any more; the count goes on.
    pub fn heal(&self) {
        let mut plan = self.plan();
        plan.cut_at = None;
        plan.once.clear();
        plan.rules.clear();
    }

    /// Returns the number of changes so far, those that failed included.
    #[must_use]
    pub fn changes(&self) -> usize {
        self.plan().steps.len()
    }

    /// Returns the changes so far, those that failed included.
    #[must_use]
    pub fn history(&self) -> Vec<Step> {
        self.plan().steps.clone()
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn step(&self, action: Action, path: &Path) -> io::Result<()> {
        let step = Step {
            action,
            path: path.to_owned(),
        };
        let mut plan = self.plan();
        let number = plan.steps.len();
        let is_over = plan.cut_at.is_some_and(|cut| cut <= number);
        let once = plan.once.iter().find(|(at, _)| *at == number);
        let mut fault = once
            .filter(|_| action.is_change())
            .map(|(_, fault)| fault.error());
        if let Some((_, rule)) = plan.rules.iter().find(|(matches, _)| matches(&step)) {
            fault = Some(rule.error());
        }
        if is_over {
            fault = Some(io::Error::other("the power is gone"));
        }
        // What comes after a cut does not count: the number stays where the power went.
        if action.is_change() && !is_over {
            plan.steps.push(step);
        }
        fault.map_or(Ok(()), Err)
    }

    fn handle<F: ?Sized>(&self, path: &Path, file: Box<F>) -> Handle<F> {
        Handle {
            disk: self.clone(),
            path: path.to_owned(),
            file,
        }
    }

    fn is_there(&self, path: &Path) -> bool {
        matches!(self.inner.look(path), Ok(Some(_)))
    }
}

impl fmt::Debug for FaultyDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FaultyDisk({:?})", self.inner)
    }
}

impl Disk for FaultyDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn StagedFile>> {
        self.step(Action::Create, path)?;
        let file = self.inner.create(path)?;
        Ok(Box::new(self.handle(path, file)))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadAt>> {
        self.step(Action::Open, path)?;
        let file = Box::new(self.inner.open(path)?);
        Ok(Arc::new(self.handle(path, file)))
    }

    fn open_store(&self, path: &Path) -> io::Result<Box<dyn StoreFile>> {
        let action = if self.is_there(path) {
            Action::Open
        } else {
            Action::CreateStore
        };
        self.step(action, path)?;
        let file = self.inner.open_store(path)?;
        Ok(Box::new(self.handle(path, file)))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let action = if self.is_there(path) {
            Action::Look
        } else {
            Action::CreateDir
        };
        self.step(action, path)?;
        self.inner.create_dir_all(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(Action::Rename, to)?;
        self.inner.rename(from, to)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.step(Action::SyncDir, path)?;
        self.inner.sync_dir(path)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.step(Action::RemoveFile, path)?;
        self.inner.remove_file(path)
    }

    fn remove_empty_dir(&self, path: &Path) -> io::Result<bool> {
        self.step(Action::RemoveDir, path)?;
        self.inner.remove_empty_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        self.step(Action::List, path)?;
        self.inner.list(path)
    }

    fn look(&self, path: &Path) -> io::Result<Option<Kind>> {
        self.step(Action::Look, path)?;
        self.inner.look(path)
    }

    fn try_lock(&self, path: &Path, note: &str) -> io::Result<Option<Box<dyn HeldLock>>> {
        self.step(Action::Lock, path)?;
        self.inner.try_lock(path, note)
    }

    fn lock_note(&self, path: &Path) -> io::Result<Option<String>> {
        self.inner.lock_note(path)
    }

    fn caveat(&self) -> Option<&'static str> {
        self.inner.caveat()
    }

    fn opens_whole(&self) -> bool {
        self.inner.opens_whole()
    }

    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        self.step(Action::Look, path)?;
        self.inner.is_locked(path)
    }
}

/// An open file of the disk below.
struct Handle<F: ?Sized> {
    disk: FaultyDisk,
    path: PathBuf,
    file: Box<F>,
}

impl<F: ?Sized> Handle<F> {
    fn step(&self, action: Action) -> io::Result<()> {
        self.disk.step(action, &self.path)
    }
}

impl<F: ?Sized> fmt::Debug for Handle<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({})", self.path.display())
    }
}

impl Write for Handle<dyn StagedFile> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.step(Action::Write)?;
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl StagedFile for Handle<dyn StagedFile> {
    fn finish(self: Box<Self>) -> io::Result<()> {
        self.step(Action::Finish)?;
        self.file.finish()
    }
}

impl ReadAt for Handle<Arc<dyn ReadAt>> {
    fn len(&self) -> u64 {
        self.file.len()
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.step(Action::Read)?;
        self.file.read_exact_at(offset, buffer)
    }
}

impl ReadAt for Handle<dyn StoreFile> {
    fn len(&self) -> u64 {
        self.file.len()
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.step(Action::Read)?;
        self.file.read_exact_at(offset, buffer)
    }
}

impl StoreFile for Handle<dyn StoreFile> {
    fn write_all_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.step(Action::WriteStore)?;
        self.file.write_all_at(offset, bytes)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.step(Action::SetLength)?;
        self.file.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.step(Action::SyncStore)?;
        self.file.sync()
    }
}
