//! Reads compressed inputs, and tells a failing read from bad bytes.
//!
//! A decompressor reports both through the same `io::Error`, and the difference decides between a retry and
//! the quarantine. So the raw input is [`Watched`]: an error that came from there is kept aside, and any other
//! error is the decompressor's verdict about the bytes.

use std::cell::RefCell;
use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;

use super::{Compression, DecodeError, Malformed};

const BUFFER_BYTES: usize = 128 << 10;

/// Where the raw input's own error is kept.
#[derive(Default)]
pub(super) struct Fault(RefCell<Option<io::Error>>);

impl Fault {
    /// Passes `error` on, and keeps it if it is a true failure of the input.
    fn note(&self, error: io::Error) -> io::Error {
        let kind = error.kind();
        self.0.replace(Some(error));
        io::Error::from(kind)
    }

    /// Turns an error that came through the decompressor into what it means.
    pub(super) fn judge(&self, error: DecodeError, compression: Compression) -> DecodeError {
        match (error, self.0.take()) {
            (DecodeError::Read(_), Some(own)) => DecodeError::Read(own),
            (DecodeError::Read(error), None) if compression != Compression::None => {
                let malformed = if error.kind() == io::ErrorKind::UnexpectedEof {
                    Malformed::Truncated { compression }
                } else {
                    let detail = error.to_string();
                    Malformed::Corrupt {
                        compression,
                        detail,
                    }
                };
                malformed.into()
            }
            (other, _) => other,
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

/// Opens `raw` for reading its decompressed bytes: all members of a gzip file, all frames of a zstd file.
///
/// # Errors
/// Where not even a first frame begins.
pub(super) fn open<'a>(
    raw: &'a mut dyn Read,
    compression: Compression,
    fault: &'a Fault,
) -> io::Result<Box<dyn Read + 'a>> {
    let watched = Watched { inner: raw, fault };
    if compression == Compression::None {
        return Ok(Box::new(watched));
    }
    let mut buffered = BufReader::with_capacity(BUFFER_BYTES, watched);
    // An empty file is no compressed nothing: it is one whose upload went wrong.
    if buffered.fill_buf()?.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(match compression {
        Compression::None | Compression::Gzip => Box::new(MultiGzDecoder::new(buffered)),
        Compression::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(buffered)?),
    })
}
