//! A spill store for tests.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use super::{SpillFile, SpillStore};
use crate::model::ReadAt;

/// Spilled files in memory; counts them.
#[derive(Default)]
pub(in crate::transform) struct MemorySpill {
    pub(in crate::transform) files: Arc<Mutex<HashMap<usize, Vec<u8>>>>,
    pub(in crate::transform) created: Mutex<usize>,
}

struct MemorySpillFile {
    number: usize,
    bytes: Vec<u8>,
    files: Arc<Mutex<HashMap<usize, Vec<u8>>>>,
}

impl SpillStore for MemorySpill {
    fn create(&self, number: usize) -> io::Result<Box<dyn SpillFile>> {
        *self.created.lock().unwrap() += 1;
        Ok(Box::new(MemorySpillFile {
            number,
            bytes: Vec::new(),
            files: Arc::clone(&self.files),
        }))
    }

    fn open(&self, number: usize) -> io::Result<Arc<dyn ReadAt>> {
        let files = self.files.lock().unwrap();
        let bytes = files.get(&number).ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::new(bytes.clone()))
    }

    fn remove(&self, number: usize) -> io::Result<()> {
        self.files.lock().unwrap().remove(&number);
        Ok(())
    }
}

impl Write for MemorySpillFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl SpillFile for MemorySpillFile {
    fn finish(self: Box<Self>) -> io::Result<()> {
        self.files.lock().unwrap().insert(self.number, self.bytes);
        Ok(())
    }
}
