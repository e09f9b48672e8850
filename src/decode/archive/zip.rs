//! Zip: a directory at the end of the file, which tells where the members are.
//!
//! The directory is what counts, as the format has it; a member's own header only tells where its bytes begin. Both
//! may have been forged: no size is believed further than the file reaches, and a member is read until its bytes
//! have come out that the directory promises, with the checksum that it tells.

use std::io::{self, BufReader, Read};
use std::sync::Arc;

use super::code_page::name_of;
use super::{Member, Members, corrupt, in_member};
use crate::decode::compression::{Ceiling, Fault};
use crate::decode::{DecodeError, Kind, Malformed};
use crate::model::{ByteSize, ReadAt, ReadAtCursor};

const BUFFER_BYTES: usize = 128 << 10;
/// Bytes of a directory, at most.
const DIRECTORY_BYTES: u64 = 64 << 20;
/// What a decompressor may reserve for looking back.
const WINDOW_BYTES: u64 = 128 << 20;
/// The end mark and the longest comment behind it.
const TAIL_BYTES: u64 = 22 + 0xffff;
const END: &[u8] = b"PK\x05\x06";
const END64: &[u8] = b"PK\x06\x06";
const LOCATOR64: &[u8] = b"PK\x06\x07";
const ENTRY: &[u8] = b"PK\x01\x02";
const LOCAL: &[u8] = b"PK\x03\x04";
const STORED: u16 = 0;
const LINK: u32 = 0o120_000;

/// Hands the members of an archive to `members`, in byte order of their names.
pub(in crate::decode) fn read(
    file: &Arc<dyn ReadAt>,
    ceiling: &Ceiling,
    members: &mut dyn Members,
) -> Result<(), DecodeError> {
    let (directory, base) = directory(&**file)?;
    let mut wanted = Vec::new();
    for entry in entries(&directory) {
        let entry = entry?;
        if entry.is_aside() {
            continue;
        }
        if let Some(how) = members.wants(&entry.name)? {
            wanted.push((entry, how));
        }
    }
    wanted.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
    let packed = wanted
        .iter()
        .try_fold(0_u64, |sum, (entry, _)| sum.checked_add(entry.packed));
    if packed.is_none_or(|packed| packed > file.len()) {
        return Err(ill("its members overlap, or it is cut off").into());
    }
    for (entry, how) in wanted {
        let fault = Fault::default();
        let mut bytes = entry.open(file, base, &fault, ceiling)?;
        let name = &entry.name;
        let member = Member { name, how, ceiling };
        let flow = members.take(member, &mut bytes, &fault)?;
        if flow.is_break() {
            return Ok(());
        }
        // Who reads the rows may stop before the bytes do, and with them the checksum.
        io::copy(&mut bytes, &mut io::sink())
            .map_err(|error| super::judged(name, &fault, DecodeError::Read(error)))?;
    }
    Ok(())
}

/// Who looks at the parts of a file that is a zip file within.
pub(in crate::decode) trait Parts {
    /// Tells whether the part of this name has to be looked at.
    fn wants(&self, name: &str) -> bool;

    /// Looks at a part, whole.
    fn look(&mut self, name: &str, part: &[u8]) -> Result<(), Malformed>;
}

/// Reads all members of a file that is a zip file within, each once, and lets `parts` look at some. They must be whole,
/// and together expand to no more than `limit`.
pub(in crate::decode) fn look_into(
    file: &Arc<dyn ReadAt>,
    ceiling: &Ceiling,
    limit: u64,
    parts: &mut dyn Parts,
) -> Result<(), DecodeError> {
    let (directory, base) = directory(&**file)?;
    let mut left = limit;
    for entry in entries(&directory) {
        let entry = entry?;
        let fault = Fault::default();
        let mut bytes = entry.open(file, base, &fault, ceiling)?.take(left + 1);
        let mut part = Vec::new();
        let is_wanted = parts.wants(&entry.name);
        let count = if is_wanted {
            bytes.read_to_end(&mut part).map(|count| count as u64)
        } else {
            io::copy(&mut bytes, &mut io::sink())
        };
        let count =
            count.map_err(|error| super::judged(&entry.name, &fault, DecodeError::Read(error)))?;
        let Some(rest) = left.checked_sub(count) else {
            let limit = ByteSize(limit);
            return Err(ill(&format!("its members expand to more than {limit}")).into());
        };
        left = rest;
        if is_wanted {
            parts.look(&entry.name, &part)?;
        }
    }
    Ok(())
}

/// Returns the entries of a directory; behind one that is none nothing makes sense.
fn entries(directory: &[u8]) -> impl Iterator<Item = Result<Entry, Malformed>> {
    let mut rest = directory;
    std::iter::from_fn(move || {
        let entry = |rest: &mut &[u8]| {
            Entry::read(rest).ok_or_else(|| ill("its directory is not well formed"))
        };
        (!rest.is_empty()).then(|| entry(&mut rest))
    })
}

/// Returns the directory, and how far the archive is from the file's beginning.
fn directory(file: &dyn ReadAt) -> Result<(Vec<u8>, u64), DecodeError> {
    let tail_start = file.len().saturating_sub(TAIL_BYTES);
    let tail = exactly(file, tail_start, file.len() - tail_start)?;
    let end = (0..tail.len().saturating_sub(21)).rev().find(|at| {
        let end = &tail[*at..];
        end.starts_with(END) && usize::from(u16_at(end, 20)) == end.len() - 22
    });
    let end = end.ok_or_else(|| ill("it has no directory at its end, or is cut off"))?;
    let mark = &tail[end..];
    let mut size = u64::from(u32_at(mark, 12));
    let mut start = u64::from(u32_at(mark, 16));
    let mut behind = tail_start + end as u64;
    let locator = end.checked_sub(20).map(|at| &tail[at..end]);
    if let Some(locator) = locator.filter(|locator| locator.starts_with(LOCATOR64)) {
        let at = u64_at(locator, 8);
        if at.checked_add(56).is_none_or(|end| end > behind) {
            return Err(ill("its directory is not where it should be").into());
        }
        let mark = exactly(file, at, 56)?;
        if !mark.starts_with(END64) {
            return Err(ill("its directory is not where it should be").into());
        }
        (size, start, behind) = (u64_at(&mark, 40), u64_at(&mark, 48), at);
    }
    if size > DIRECTORY_BYTES {
        let limit = ByteSize(DIRECTORY_BYTES);
        return Err(ill(&format!("its directory is larger than {limit}")).into());
    }
    // What stands before the archive moves everything, as in one that unpacks itself.
    let base = behind
        .checked_sub(size)
        .and_then(|real| real.checked_sub(start));
    let base = base.ok_or_else(|| ill("its directory is not where it should be"))?;
    Ok((exactly(file, base + start, size)?, base))
}

/// A member, as the directory has it.
struct Entry {
    name: String,
    method: u16,
    is_encrypted: bool,
    is_link: bool,
    checksum: u32,
    packed: u64,
    size: u64,
    start: u64,
}

impl Entry {
    /// Reads the next entry off the directory.
    fn read(rest: &mut &[u8]) -> Option<Self> {
        let (fixed, behind) = rest.split_at_checked(46)?;
        if !fixed.starts_with(ENTRY) {
            return None;
        }
        let (name, behind) = behind.split_at_checked(u16_at(fixed, 28).into())?;
        let (extra, behind) = behind.split_at_checked(u16_at(fixed, 30).into())?;
        let (_, behind) = behind.split_at_checked(u16_at(fixed, 32).into())?;
        *rest = behind;
        let by_unix = fixed[5] == 3;
        let mut entry = Self {
            name: name_of(name),
            method: u16_at(fixed, 10),
            is_encrypted: u16_at(fixed, 8) & 1 != 0,
            is_link: by_unix && (u32_at(fixed, 38) >> 16) & 0o170_000 == LINK,
            checksum: u32_at(fixed, 16),
            packed: u32_at(fixed, 20).into(),
            size: u32_at(fixed, 24).into(),
            start: u32_at(fixed, 42).into(),
        };
        entry.widen(extra)?;
        Some(entry)
    }

    /// Takes the numbers of 64 bits, in the place of those that are all ones.
    fn widen(&mut self, mut extra: &[u8]) -> Option<()> {
        let full = u64::from(u32::MAX);
        let mut wanted = [&mut self.size, &mut self.packed, &mut self.start]
            .into_iter()
            .filter(|number| **number == full);
        while let Some((head, behind)) = extra.split_at_checked(4) {
            let (field, behind) = behind.split_at_checked(u16_at(head, 2).into())?;
            extra = behind;
            if u16_at(head, 0) == 1 {
                for (number, bytes) in wanted.by_ref().zip(field.chunks_exact(8)) {
                    *number = u64_at(bytes, 0);
                }
            }
        }
        Some(())
    }

    /// Tells whether it is a directory or a link.
    fn is_aside(&self) -> bool {
        self.is_link || self.name.ends_with(['/', '\\'])
    }

    fn open<'a>(
        &self,
        file: &Arc<dyn ReadAt>,
        base: u64,
        fault: &'a Fault,
        ceiling: &'a Ceiling,
    ) -> Result<Checked<'a>, DecodeError> {
        let refused = |detail: &str| in_member(&self.name, ill(detail));
        if self.is_encrypted {
            return Err(refused("it is encrypted").into());
        }
        let local = base.checked_add(self.start);
        let local = local.filter(|at| at.checked_add(30).is_some_and(|end| end <= file.len()));
        let local = local.ok_or_else(|| refused("it is not where the directory says"))?;
        let header = exactly(&**file, local, 30)?;
        if !header.starts_with(LOCAL) {
            return Err(refused("it is not where the directory says").into());
        }
        let names = u64::from(u16_at(&header, 26)) + u64::from(u16_at(&header, 28));
        let start = local + 30 + names;
        if start
            .checked_add(self.packed)
            .is_none_or(|end| end > file.len())
        {
            return Err(refused("it is cut off").into());
        }
        let raw = Noted {
            inner: ReadAtCursor::new(Arc::clone(file), start).take(self.packed),
            fault,
        };
        let raw = BufReader::with_capacity(BUFFER_BYTES, raw);
        let inner: Box<dyn Read + 'a> = match self.method {
            STORED => Box::new(raw),
            8 => Box::new(flate2::bufread::DeflateDecoder::new(raw)),
            12 => Box::new(bzip2::bufread::BzDecoder::new(raw)),
            93 => {
                Box::new(zstd::stream::read::Decoder::with_buffer(raw).map_err(DecodeError::Read)?)
            }
            95 => {
                let stream = liblzma::stream::Stream::new_stream_decoder(WINDOW_BYTES, 0);
                let stream = stream.map_err(|error| DecodeError::Read(error.into()))?;
                Box::new(liblzma::bufread::XzDecoder::new_stream(raw, stream))
            }
            other => {
                let detail = format!("it is compressed by method {other}, which is not supported");
                return Err(refused(&detail).into());
            }
        };
        Ok(Checked {
            inner,
            fault,
            // What is stored as it is expands to nothing.
            ceiling: (self.method != STORED).then_some(ceiling),
            checksum: flate2::Crc::new(),
            expected: self.checksum,
            size: self.size,
            given: 0,
        })
    }
}

/// Keeps the errors of the file itself apart from those of the bytes.
struct Noted<'a, R> {
    inner: R,
    fault: &'a Fault,
}

impl<R: Read> Read for Noted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner
            .read(buffer)
            .map_err(|error| self.fault.note(error))
    }
}

/// The bytes of a member, held to what the directory says of them.
struct Checked<'a> {
    inner: Box<dyn Read + 'a>,
    fault: &'a Fault,
    ceiling: Option<&'a Ceiling>,
    checksum: flate2::Crc,
    expected: u32,
    size: u64,
    given: u64,
}

impl Read for Checked<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let convict = |detail: &str| self.fault.convict(ill(detail));
        let count = self
            .inner
            .read(buffer)
            .map_err(|error| convict(&error.to_string()))?;
        self.given += count as u64;
        self.checksum.update(&buffer[..count]);
        if count == 0 && self.given < self.size {
            return Err(convict("it is cut off"));
        }
        if self.given > self.size {
            return Err(convict("it holds more than the directory says"));
        }
        if count == 0 && self.checksum.sum() != self.expected {
            return Err(convict("its checksum is wrong"));
        }
        if let Some(ceiling) = self.ceiling {
            let held = ceiling.give(count as u64);
            held.map_err(|malformed| self.fault.convict(malformed))?;
        }
        Ok(count)
    }
}

fn exactly(file: &dyn ReadAt, start: u64, count: u64) -> Result<Vec<u8>, DecodeError> {
    let count =
        usize::try_from(count).map_err(|error| DecodeError::Read(io::Error::other(error)))?;
    let mut bytes = vec![0; count];
    file.read_exact_at(start, &mut bytes)
        .map_err(DecodeError::Read)?;
    Ok(bytes)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

fn ill(detail: &str) -> Malformed {
    corrupt(Kind::Zip, detail)
}
