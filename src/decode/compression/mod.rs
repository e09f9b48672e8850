//! Reads compressed inputs, and tells a failing read from bad bytes.
//!
//! A decompressor reports both through the same `io::Error`, and the difference decides between a retry and
//! the quarantine. So the raw input is [`Watched`]: an error that came from there is kept aside, and any other
//! error is the decompressor's verdict about the bytes.

mod ceiling;
mod members;

use std::cell::{Cell, RefCell};
use std::io::{self, BufReader, Chain, Cursor, Read};

use super::{Compression, DecodeError, Magic, Malformed, Recognised};
use crate::model::ReadAt;

use members::Members;

pub use ceiling::Ceiling;
pub(super) use ceiling::{Counted, MOST_EXPANSION};

const BUFFER_BYTES: usize = 128 << 10;
/// Bytes at the front that tell every compression.
const HEAD_BYTES: usize = 10;

/// A raw input from the front, whose first bytes have been looked at.
type Raw<'a> = Chain<Cursor<Vec<u8>>, Watched<'a>>;

/// What is known of an input besides its bytes: its own errors, and how it is compressed.
#[derive(Default)]
pub(super) struct Fault {
    own: RefCell<Option<io::Error>>,
    verdict: RefCell<Option<Malformed>>,
    compression: Cell<Compression>,
}

impl Fault {
    /// Passes `error` on, and keeps it if it is a true failure of the input.
    pub(in crate::decode) fn note(&self, error: io::Error) -> io::Error {
        let kind = error.kind();
        self.own.replace(Some(error));
        io::Error::from(kind)
    }

    /// Keeps what is wrong with the bytes, for an error that cannot say it.
    pub(in crate::decode) fn convict(&self, malformed: Malformed) -> io::Error {
        self.verdict.replace(Some(malformed));
        io::Error::from(io::ErrorKind::InvalidData)
    }

    /// Turns an error that came through the decompressor into what it means.
    pub(super) fn judge(&self, error: DecodeError) -> DecodeError {
        let DecodeError::Read(error) = error else {
            return error;
        };
        let compression = self.compression.get();
        if let Some(own) = self.own.take() {
            return DecodeError::Read(own);
        }
        if let Some(malformed) = self.verdict.take() {
            return malformed.into();
        }
        match (compression, error.kind()) {
            (Compression::None, _) => DecodeError::Read(error),
            (_, io::ErrorKind::UnexpectedEof) => Malformed::Truncated { compression }.into(),
            _ => {
                let detail = error.to_string();
                Malformed::Corrupt {
                    compression,
                    detail,
                }
                .into()
            }
        }
    }
}

/// A raw input whose errors are kept aside.
struct Watched<'a> {
    inner: &'a mut dyn Read,
    fault: &'a Fault,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.inner.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.fault.note(error)),
                Ok(count) => return Ok(count),
            }
        }
    }
}

/// Opens `raw` for reading its decompressed bytes, of all members where the compression knows members; they count
/// for `ceiling`.
///
/// # Errors
/// Where the first bytes cannot be read, or there are none.
pub(super) fn open<'a>(
    raw: &'a mut dyn Read,
    how: Recognised,
    fault: &'a Fault,
    ceiling: &'a Ceiling,
) -> io::Result<Box<dyn Read + 'a>> {
    fault.compression.set(how.compression);
    let mut watched = Watched { inner: raw, fault };
    let mut head = Vec::with_capacity(HEAD_BYTES);
    if how.magic == Magic::Heeded || how.compression != Compression::None {
        (&mut watched)
            .take(HEAD_BYTES as u64)
            .read_to_end(&mut head)?;
    }
    let compression = actual(&head, how);
    fault.compression.set(compression);
    // An empty file is no compressed nothing: it is one whose upload went wrong.
    if compression != Compression::None && head.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let raw = Cursor::new(head).chain(watched);
    if compression == Compression::None {
        return Ok(Box::new(raw));
    }
    let buffered = BufReader::with_capacity(BUFFER_BYTES, raw);
    Ok(Box::new(Members::new(
        buffered,
        compression,
        fault,
        ceiling,
    )))
}

/// Tells how a file that can be read at any place is compressed.
///
/// # Errors
/// Where the first bytes cannot be read.
pub(super) fn look(file: &dyn ReadAt, how: Recognised) -> io::Result<Compression> {
    let count = usize::try_from(file.len()).unwrap_or(HEAD_BYTES);
    let mut head = vec![0; count.min(HEAD_BYTES)];
    if how.magic == Magic::Heeded {
        file.read_exact_at(0, &mut head)?;
    }
    Ok(actual(&head, how))
}

/// Returns what the first bytes say, or else the name.
fn actual(head: &[u8], how: Recognised) -> Compression {
    match how.magic {
        Magic::Heeded => members::told_by(head).unwrap_or(how.compression),
        Magic::Ignored => how.compression,
    }
}
