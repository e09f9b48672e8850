//! The staged files of one attempt to build a unit: outputs, and rows that do not fit into memory meanwhile.

use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::Arc;

use crate::encode::EncodeSink;
use crate::model::{ReadAt, UnitId};
use crate::sink::{Discard, Sink, SinkError, StageName, Staging};
use crate::transform::{SpillFile, SpillStore};

/// The staged files of one attempt.
pub(super) struct UnitFiles<'a> {
    unit: UnitId,
    sink: &'a dyn Sink,
    staged: RefCell<Vec<StageName>>,
}

impl<'a> UnitFiles<'a> {
    pub(super) fn new(unit: UnitId, sink: &'a dyn Sink) -> Self {
        Self {
            unit,
            sink,
            staged: RefCell::default(),
        }
    }

    /// Removes everything that the attempt staged.
    pub(super) fn discard(&self) -> Result<(), SinkError> {
        self.sink.discard(Discard::These(&self.staged.take()))
    }

    pub(super) fn stage(&self) -> Result<(StageName, Box<dyn Staging>), SinkError> {
        let mut staged = self.staged.borrow_mut();
        let name = StageName(format!("{}-{}", self.unit, staged.len()));
        staged.push(name.clone());
        drop(staged);
        let file = self.sink.stage(&name)?;
        Ok((name, file))
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
pub(super) struct Staged(pub(super) Box<dyn Staging>);

impl Write for Staged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl EncodeSink for Staged {
    fn finish(self: Box<Self>) -> io::Result<()> {
        self.0.finish()
    }
}

impl SpillFile for Staged {
    fn finish(mut self: Box<Self>) -> io::Result<()> {
        // Synced, what is read soon and then removed would have to reach the disk first.
        self.0.flush()
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
        Ok(Box::new(Staged(staged.map_err(as_io)?)))
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

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::durable::{Action, FaultyDisk, MemoryDisk};
    use crate::sink::DiskSink;

    #[test]
    fn spilled_rows_can_be_read_and_no_disk_has_to_take_them_in() {
        let disk = FaultyDisk::new(Arc::new(MemoryDisk::new()));
        let sink = DiskSink::new(Arc::new(disk.clone()), PathBuf::from("/target"));
        let files = UnitFiles::new(UnitId(7), &sink);
        let spill = Spill {
            files: &files,
            what: "spill",
        };
        let mut file = spill.create(0).unwrap();
        file.write_all(b"rows").unwrap();
        file.finish().unwrap();
        let read = spill.open(0).unwrap();
        let mut rows = [0; 4];
        read.read_exact_at(0, &mut rows).unwrap();
        assert_eq!(&rows, b"rows");
        let synced = disk.history().into_iter();
        let synced = synced.filter(|step| step.action == Action::Finish);
        assert_eq!(synced.count(), 0);
        spill.remove(0).unwrap();
        assert!(spill.open(0).is_err());
    }
}
