//! A copy of a file that is far away, for reading it at any place: fetched once, with its hash from the same bytes.
//!
//! It lies where staged outputs do, is removed when it has been read, and is swept with them where that was not to be.

use std::io::{self, Read, Write};
use std::sync::Arc;

use crate::model::ReadAt;
use crate::transform::{SpillFile, SpillStore};

/// Members are read one after the other, and so a unit has one copy at a time.
const NUMBER: usize = 0;

/// A copy that is being made, or has been.
pub(super) struct Copy<'a> {
    spool: &'a dyn SpillStore,
    out: Option<Box<dyn SpillFile>>,
}

impl<'a> Copy<'a> {
    /// Begins a copy without bytes.
    ///
    /// # Errors
    /// What `spool` reports.
    pub(super) fn begin(spool: &'a dyn SpillStore) -> io::Result<Self> {
        let out = spool.create(NUMBER).map_err(|error| failed(&error))?;
        Ok(Self {
            spool,
            out: Some(out),
        })
    }

    /// Returns `input`, of which everything that is read is appended to the copy.
    pub(super) fn of<'c>(&'c mut self, input: &'c mut dyn Read) -> Copying<'c> {
        Copying {
            input,
            out: self.out.as_mut(),
        }
    }

    /// Ends the copy, and opens it. It is there as long as this is.
    ///
    /// # Errors
    /// What the spool reports.
    pub(super) fn finish(&mut self) -> io::Result<Arc<dyn ReadAt>> {
        if let Some(out) = self.out.take() {
            out.finish().map_err(|error| failed(&error))?;
        }
        self.spool.open(NUMBER).map_err(|error| failed(&error))
    }
}

impl Drop for Copy<'_> {
    fn drop(&mut self) {
        self.out = None;
        // What stays is swept at the next start.
        self.spool.remove(NUMBER).ok();
    }
}

/// Appends what passes through to a copy.
pub(super) struct Copying<'a> {
    input: &'a mut dyn Read,
    out: Option<&'a mut Box<dyn SpillFile>>,
}

impl Read for Copying<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        match &mut self.out {
            Some(out) => out
                .write_all(&buffer[..count])
                .map_err(|error| failed(&error))?,
            None => return Err(io::ErrorKind::BrokenPipe.into()),
        }
        Ok(count)
    }
}

fn failed(error: &io::Error) -> io::Error {
    io::Error::new(
        error.kind(),
        format!("no copy of it can be kept beside the staged outputs: {error}"),
    )
}
