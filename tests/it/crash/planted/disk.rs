//! Disks and sinks with one fault each.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use strandline::durable::{Disk, Entry, HeldLock, Kind, StagedFile, StoreFile};
use strandline::model::{LedgerId, OutputPath, ReadAt};
use strandline::sink::{Discard, DiskSink, Publication, Sink, SinkError, StageName, Staging};

use crate::crash::world::TARGET;

/// What is wrong with a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DiskFault {
    None,
    /// Renames are acknowledged as durable and are not.
    ForgetsNames,
    /// Staged files are acknowledged as durable and are not.
    ForgetsContent,
    /// The last byte of a staged file is lost.
    Truncates,
    /// One byte of a staged file is another.
    FlipsByte,
    /// The ledger is acknowledged as durable and is not.
    ForgetsLedger,
    /// Everybody gets the lock.
    LocksNobodyOut,
}

/// A disk with one fault.
#[derive(Debug, Clone)]
pub(super) struct BadDisk {
    pub(super) inner: Arc<dyn Disk>,
    pub(super) fault: DiskFault,
}

impl Disk for BadDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn StagedFile>> {
        let file = self.inner.create(path)?;
        let fault = self.fault;
        // What is wrong with outputs is not wrong with the mark.
        if path.extension().is_some() {
            return Ok(file);
        }
        Ok(Box::new(BadStaged {
            file,
            fault,
            held_back: Vec::new(),
        }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadAt>> {
        self.inner.open(path)
    }

    fn open_store(&self, path: &Path) -> io::Result<Box<dyn StoreFile>> {
        let file = self.inner.open_store(path)?;
        Ok(match self.fault {
            DiskFault::ForgetsLedger => Box::new(BadStore(file)),
            _ => file,
        })
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.inner.create_dir_all(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.inner.rename(from, to)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let concerns_outputs = path.to_string_lossy().contains("day=");
        if self.fault == DiskFault::ForgetsNames && concerns_outputs {
            return Ok(());
        }
        self.inner.sync_dir(path)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.inner.remove_file(path)
    }

    fn remove_empty_dir(&self, path: &Path) -> io::Result<bool> {
        self.inner.remove_empty_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        self.inner.list(path)
    }

    fn look(&self, path: &Path) -> io::Result<Option<Kind>> {
        self.inner.look(path)
    }

    fn try_lock(&self, path: &Path, note: &str) -> io::Result<Option<Box<dyn HeldLock>>> {
        if self.fault == DiskFault::LocksNobodyOut {
            return Ok(Some(Box::new(NoLock)));
        }
        self.inner.try_lock(path, note)
    }

    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        self.inner.is_locked(path)
    }
}

#[derive(Debug)]
struct NoLock;

impl HeldLock for NoLock {
    fn is_held(&self) -> bool {
        true
    }
}

struct BadStaged {
    file: Box<dyn StagedFile>,
    fault: DiskFault,
    /// The newest byte, which waits for the end.
    held_back: Vec<u8>,
}

impl Write for BadStaged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.fault {
            DiskFault::Truncates | DiskFault::FlipsByte => {
                let Some((last, rest)) = bytes.split_last() else {
                    return Ok(0);
                };
                self.file.write_all(&self.held_back)?;
                self.file.write_all(rest)?;
                self.held_back = vec![*last];
                Ok(bytes.len())
            }
            _ => self.file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl StagedFile for BadStaged {
    fn finish(mut self: Box<Self>) -> io::Result<()> {
        match self.fault {
            DiskFault::ForgetsContent => return Ok(()),
            DiskFault::Truncates => {}
            DiskFault::FlipsByte => {
                self.held_back.iter_mut().for_each(|byte| *byte ^= 1);
                self.file.write_all(&self.held_back)?;
            }
            _ => self.file.write_all(&self.held_back)?,
        }
        self.file.finish()
    }
}

#[derive(Debug)]
struct BadStore(Box<dyn StoreFile>);

impl ReadAt for BadStore {
    fn len(&self) -> u64 {
        self.0.len()
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(offset, buffer)
    }
}

impl StoreFile for BadStore {
    fn write_all_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(offset, bytes)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

/// What is wrong with a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SinkFault {
    None,
    /// Only the first half of the outputs become visible.
    PublishesHalf,
    /// Outputs are copied into place instead of being renamed.
    PublishesInPieces,
    /// Obsolete outputs stay.
    RetiresNothing,
    /// Staged files stay.
    DiscardsNothing,
    /// The target is never marked.
    MarksNothing,
    /// Outputs that a redo has to replace stay as they are.
    NeverReplaces,
}

/// A sink with one fault.
pub(super) struct BadSink {
    pub(super) inner: DiskSink,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) fault: SinkFault,
}

impl BadSink {
    fn copy(&self, stage: &StageName, output: &OutputPath) -> io::Result<()> {
        let failed = |error: SinkError| error.source;
        let staged = match self.inner.open_staged(stage) {
            Err(error) if error.source.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other.map_err(failed)?,
        };
        let mut bytes = vec![0; usize::try_from(staged.len()).unwrap()];
        staged.read_exact_at(0, &mut bytes)?;
        let place: PathBuf = Path::new(TARGET).join(output.as_str());
        let directory = place.parent().unwrap();
        self.disk.create_dir_all(directory)?;
        let mut file = self.disk.create(&place)?;
        for piece in bytes.chunks(bytes.len().div_ceil(3)) {
            file.write_all(piece)?;
        }
        file.finish()?;
        self.disk.sync_dir(directory)?;
        self.inner
            .discard(Discard::These(std::slice::from_ref(stage)))
            .map_err(failed)
    }
}

impl Sink for BadSink {
    fn stage(&self, stage: &StageName) -> Result<Box<dyn Staging>, SinkError> {
        self.inner.stage(stage)
    }

    fn open_staged(&self, stage: &StageName) -> Result<Arc<dyn ReadAt>, SinkError> {
        self.inner.open_staged(stage)
    }

    fn sync_staging(&self, needed: &[StageName]) -> Result<(), SinkError> {
        self.inner.sync_staging(needed)
    }

    fn discard(&self, what: Discard<'_>) -> Result<(), SinkError> {
        match self.fault {
            SinkFault::DiscardsNothing => Ok(()),
            _ => self.inner.discard(what),
        }
    }

    fn publish(&self, moves: &[Publication]) -> Result<(), SinkError> {
        match self.fault {
            SinkFault::PublishesHalf => self.inner.publish(&moves[..moves.len() / 2]),
            SinkFault::NeverReplaces => {
                let is_new = |one: &&Publication| self.inner.look(&one.output).unwrap().is_none();
                let new: Vec<_> = moves.iter().filter(is_new).cloned().collect();
                self.inner.publish(&new)
            }
            SinkFault::PublishesInPieces => moves.iter().try_for_each(|one| {
                let output = &one.output;
                self.copy(&one.stage, output).map_err(|source| SinkError {
                    action: "publish",
                    name: output.to_string(),
                    source,
                })
            }),
            _ => self.inner.publish(moves),
        }
    }

    fn retire(&self, outputs: &[OutputPath]) -> Result<(), SinkError> {
        match self.fault {
            SinkFault::RetiresNothing => Ok(()),
            _ => self.inner.retire(outputs),
        }
    }

    fn open(&self, output: &OutputPath) -> Result<Arc<dyn ReadAt>, SinkError> {
        self.inner.open(output)
    }

    fn look(&self, output: &OutputPath) -> Result<Option<u64>, SinkError> {
        self.inner.look(output)
    }

    fn outputs(&self) -> Result<Vec<OutputPath>, SinkError> {
        self.inner.outputs()
    }

    fn mark(&self) -> Result<Option<LedgerId>, SinkError> {
        self.inner.mark()
    }

    fn set_mark(&self, ledger: &LedgerId) -> Result<(), SinkError> {
        match self.fault {
            SinkFault::MarksNothing => Ok(()),
            _ => self.inner.set_mark(ledger),
        }
    }

    fn may_arrive_late(&self) -> bool {
        self.inner.may_arrive_late()
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }
}
