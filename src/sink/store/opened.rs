//! An output that is read: always the version that was opened, or an error.

use std::io;

use crate::model::{OutputPath, ReadAt};
use crate::store::{Blocks, Directory, Version};

/// One version of an output.
pub(super) struct OpenOutput {
    pub(super) directory: Directory,
    pub(super) output: OutputPath,
    pub(super) version: Version,
    pub(super) blocks: Blocks,
}

impl ReadAt for OpenOutput {
    fn len(&self) -> u64 {
        self.blocks.len()
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.blocks.read_exact_at(offset, buffer, |range| {
            let length = range.end - range.start;
            let version = Some(&self.version);
            let (bytes, _) = self.directory.get_range(&self.output, range, version)?;
            if bytes.len() as u64 == length {
                Ok(bytes)
            } else {
                Err(io::ErrorKind::UnexpectedEof.into())
            }
        })
    }
}
