//! Outputs that are too large for one request, and what is left of those whose run has died.
//!
//! A note beside the staged outputs says that an upload is under way, from before there is anything in it until it is over. So
//! whoever takes over finds it and gives it up.
//!
//! # Limits
//! A store tells nobody which uploads are open. One whose name was lost with the answer, or could not be noted, is left to
//! the rules of the bucket.

use std::io;

use bytes::Bytes;

use super::{STAGING, StoreSink, read};
use crate::model::{ContentHash, OutputPath, ReadAt};
use crate::store::{Condition, PART_BYTES, Version};

const UPLOAD: &str = "_strandline/staging/upload-";

/// What is written in parts, and in which.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts {
    /// Outputs up to this length are written by one request.
    pub(super) whole_bytes: u64,
    pub(super) part_bytes: u64,
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            whole_bytes: 32 << 20,
            part_bytes: PART_BYTES as u64,
        }
    }
}

impl StoreSink {
    pub(super) fn publish_in_parts(
        &self,
        output: &OutputPath,
        file: &dyn ReadAt,
    ) -> io::Result<()> {
        let look = || {
            let seen = self.directory.look(output)?;
            io::Result::Ok(seen.map(|seen| seen.version))
        };
        let before = look()?;
        self.check_fence()?;
        let mut offset = 0;
        let mut note = String::new();
        let written = self.directory.put_in_parts(
            output,
            |upload| {
                note = upload_note(output, upload);
                let bytes = Bytes::from(format!("{upload}\n{output}"));
                self.directory
                    .put(&note, &bytes, Condition::Any)
                    .map(|_| ())
            },
            || {
                let end = file.len().min(offset + self.parts.part_bytes);
                let part = read(file, offset, end);
                offset = end;
                part
            },
            || {
                let is_same = Version::are_same(before.as_ref(), look()?.as_ref());
                self.check_fence()?;
                if is_same {
                    Ok(())
                } else {
                    Err(io::Error::other("somebody else has written to it"))
                }
            },
        );
        if written.is_ok() && !note.is_empty() {
            self.directory.remove([&*note])?;
        }
        written.map(|_| ())
    }

    /// Gives up the uploads that dead runs began, and removes what they kept.
    pub(super) fn sweep(&self) -> io::Result<()> {
        for left in self.directory.list(STAGING)? {
            self.check_fence()?;
            if left.path.starts_with(UPLOAD) {
                let (bytes, _) = self.directory.get(&left.path)?;
                let text = String::from_utf8_lossy(&bytes);
                if let Some((upload, output)) = text.split_once('\n') {
                    self.directory.abort(output, upload)?;
                }
            }
            self.directory.remove([&*left.path])?;
        }
        Ok(())
    }
}

fn upload_note(output: &str, upload: &str) -> String {
    let name = ContentHash::of(format!("{output}\n{upload}").as_bytes());
    format!("{UPLOAD}{name}")
}
