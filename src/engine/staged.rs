//! The staged files of one attempt to build a unit: outputs, and rows that do not fit into memory meanwhile.

use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::encode::EncodeSink;
use crate::model::{ReadAt, UnitId};
use crate::sink::{Discard, Sink, SinkError, StageName, Staging};
use crate::transform::{SpillFile, SpillStore};

/// The staged files of one attempt.
pub(super) struct UnitFiles<'a> {
    unit: UnitId,
    sink: &'a dyn Sink,
    staged: RefCell<Vec<StageName>>,
    /// Files of all units that are being written.
    open: &'a Arc<AtomicUsize>,
}

impl<'a> UnitFiles<'a> {
    pub(super) fn new(unit: UnitId, sink: &'a dyn Sink, open: &'a Arc<AtomicUsize>) -> Self {
        Self {
            unit,
            sink,
            staged: RefCell::default(),
            open,
        }
    }

    /// Removes everything that the attempt staged.
    pub(super) fn discard(&self) -> Result<(), SinkError> {
        self.sink.discard(Discard::These(&self.staged.take()))
    }

    /// Returns how many files of all units are being written.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    pub(super) fn stage(&self) -> Result<(StageName, Staged), SinkError> {
        let mut staged = self.staged.borrow_mut();
        let name = StageName(format!("{}-{}", self.unit, staged.len()));
        staged.push(name.clone());
        drop(staged);
        let file = self.sink.stage(&name)?;
        Ok((name, Staged::new(file, self.open)))
    }

    fn spill_name(&self, what: &str, number: usize) -> StageName {
        StageName(format!("{}-{what}-{number}", self.unit))
    }
}

/// Keeps the kind, and the whole error as the cause.
pub(super) fn as_io(error: SinkError) -> io::Error {
    io::Error::new(error.source.kind(), error)
}

/// A staged output as the encoder sees it.
pub(super) struct Staged {
    file: Box<dyn Staging>,
    _counted: Open,
}

/// Counts as a file that is being written until it goes.
struct Open(Arc<AtomicUsize>);

impl Staged {
    fn new(file: Box<dyn Staging>, open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        let counted = Open(Arc::clone(open));
        Self {
            file,
            _counted: counted,
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Write for Staged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl EncodeSink for Staged {
    fn finish(self: Box<Self>) -> io::Result<()> {
        self.file.finish()
    }
}

impl SpillFile for Staged {
    fn finish(self: Box<Self>) -> io::Result<()> {
        self.file.finish()
    }
}

/// Spilled rows lie where staged outputs do, and are swept with them.
pub(super) struct Spill<'a> {
    pub(super) files: &'a UnitFiles<'a>,
    /// What they are spilled for, as part of their names.
    pub(super) what: &'static str,
}

impl Spill<'_> {
    fn name(&self, number: usize) -> StageName {
        self.files.spill_name(self.what, number)
    }
}

impl SpillStore for Spill<'_> {
    fn create(&self, number: usize) -> io::Result<Box<dyn SpillFile>> {
        let staged = self.files.sink.stage(&self.name(number));
        Ok(Box::new(Staged::new(
            staged.map_err(as_io)?,
            self.files.open,
        )))
    }

    fn open(&self, number: usize) -> io::Result<Arc<dyn ReadAt>> {
        let sink = self.files.sink;
        sink.open_staged(&self.name(number)).map_err(as_io)
    }

    fn remove(&self, number: usize) -> io::Result<()> {
        let names = [self.name(number)];
        let discarded = self.files.sink.discard(Discard::These(&names));
        discarded.map_err(as_io)
    }
}
