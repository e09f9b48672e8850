//! Tar: headers of 512 bytes, each followed by its member's bytes, padded to as many.
//!
//! Long names come as members of their own before the one that they name: GNU's (`L`) or those of pax (`x`), which
//! can also tell a size. Old sparse members of GNU have blocks of their own between header and bytes. Two blocks of
//! zeros are the end, and an archive without them is cut off.

use std::io::{self, BufRead, BufReader, Read};
use std::ops::ControlFlow;

use super::{Member, Members, corrupt, in_member};
use crate::decode::compression::{Ceiling, Fault};
use crate::decode::{DecodeError, Kind, Malformed};

const BLOCK_BYTES: usize = 512;
/// Where a block of a sparse member's map, and where its header, tells that another block follows.
const EXTENDED: usize = 504;
const HEADER_EXTENDED: usize = 482;
const BUFFER_BYTES: usize = 128 << 10;
/// Bytes of a name or of what pax says about a member, at most.
const ASIDE_BYTES: u64 = 1 << 20;

/// Hands the members of an archive to `members`, in the order in which they stand.
pub(in crate::decode) fn read(
    input: &mut dyn Read,
    ceiling: &Ceiling,
    members: &mut dyn Members,
) -> Result<(), DecodeError> {
    let mut input = BufReader::with_capacity(BUFFER_BYTES, input);
    let mut about = About::default();
    while let Some(header) = Header::read(&mut input)? {
        let size = about.size.unwrap_or(header.size);
        match header.kind {
            b'L' => about.name = Some(text(&aside(&mut input, header.size)?)),
            b'x' => about.take(&aside(&mut input, header.size)?)?,
            b'0' | b'7' | 0 | b'S' => {
                let file = Header {
                    name: about.name.take().unwrap_or(header.name),
                    size,
                    is_sparse: header.is_sparse || about.is_sparse,
                    ..header
                };
                about = About::default();
                if take(&mut input, file, ceiling, members)?.is_break() {
                    return Ok(());
                }
            }
            b'g' | b'K' => skip(&mut input, padded(header.size))?,
            // Links and the like have no bytes, whatever their size says of what they lead to.
            b'1'..=b'6' => about = About::default(),
            _ => {
                about = About::default();
                skip(&mut input, padded(size))?;
            }
        }
    }
    nothing_but_zeros(&mut input)
}

/// Hands the bytes behind the header of a file to `members`, where it counts.
fn take(
    input: &mut dyn Read,
    file: Header,
    ceiling: &Ceiling,
    members: &mut dyn Members,
) -> Result<ControlFlow<()>, DecodeError> {
    let Header { name, size, .. } = file;
    if file.is_extended {
        skip_extensions(input)?;
    }
    // Before the format had directories, a slash at the end made one.
    let is_file = !name.ends_with('/');
    let wanted = is_file.then(|| members.wants(&name)).transpose()?;
    let Some(how) = wanted.flatten() else {
        skip(input, padded(size))?;
        return Ok(ControlFlow::Continue(()));
    };
    if file.is_sparse {
        return Err(in_member(&name, corrupt(Kind::Tar, "it is sparse")).into());
    }
    let fault = Fault::default();
    let mut bytes = MemberBytes {
        input: &mut *input,
        left: size,
        fault: &fault,
    };
    let member = Member {
        name: &name,
        how,
        ceiling,
    };
    let flow = members.take(member, &mut bytes, &fault)?;
    let left = bytes.left;
    if flow.is_continue() {
        skip(input, left + (padded(size) - size))?;
    }
    Ok(flow)
}

/// Skips the blocks that go on with the map of a sparse member; each tells whether one more follows.
fn skip_extensions(input: &mut dyn Read) -> Result<(), DecodeError> {
    while block(input)?[EXTENDED] != 0 {}
    Ok(())
}

/// The bytes of one member.
struct MemberBytes<'a> {
    input: &'a mut dyn Read,
    left: u64,
    fault: &'a Fault,
}

impl Read for MemberBytes<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        if most == 0 {
            return Ok(0);
        }
        let count = self.input.read(&mut buffer[..most])?;
        if count == 0 {
            return Err(self.fault.convict(cut()));
        }
        self.left -= count as u64;
        Ok(count)
    }
}

/// What members of their own say about the one behind them.
#[derive(Default)]
struct About {
    name: Option<String>,
    size: Option<u64>,
    is_sparse: bool,
}

impl About {
    /// Takes the records of pax: a length, a blank, `key=value` and a line end each.
    fn take(&mut self, mut records: &[u8]) -> Result<(), Malformed> {
        let ill = || corrupt(Kind::Tar, "what pax says about a member is not well formed");
        while !records.is_empty() {
            let blank = records
                .iter()
                .position(|byte| *byte == b' ')
                .ok_or_else(ill)?;
            let length = std::str::from_utf8(&records[..blank]).ok();
            let length: usize = length.and_then(|text| text.parse().ok()).ok_or_else(ill)?;
            let record = records.get(blank + 1..length).ok_or_else(ill)?;
            let record = record.strip_suffix(b"\n").ok_or_else(ill)?;
            records = &records[length..];
            let equals = record
                .iter()
                .position(|byte| *byte == b'=')
                .ok_or_else(ill)?;
            let value = &record[equals + 1..];
            match &record[..equals] {
                b"path" => self.name = Some(text(value)),
                b"size" => {
                    let size = std::str::from_utf8(value)
                        .ok()
                        .and_then(|text| text.parse().ok())
                        .filter(|size| *size < 1 << 62);
                    self.size = Some(size.ok_or_else(ill)?);
                }
                key if key.starts_with(b"GNU.sparse") => self.is_sparse = true,
                _ => {}
            }
        }
        Ok(())
    }
}

struct Header {
    name: String,
    size: u64,
    kind: u8,
    is_sparse: bool,
    /// Whether blocks with more of its map follow.
    is_extended: bool,
}

impl Header {
    /// Reads the next header; `None` at the end mark.
    fn read(input: &mut dyn Read) -> Result<Option<Self>, DecodeError> {
        let block = block(input)?;
        if block == [0; BLOCK_BYTES] {
            if self::block(input)? == [0; BLOCK_BYTES] {
                return Ok(None);
            }
            return Err(corrupt(Kind::Tar, "a block of zeros stands among its members").into());
        }
        let sum: u64 = block
            .iter()
            .enumerate()
            .map(|(at, byte)| {
                u64::from(if (148..156).contains(&at) {
                    b' '
                } else {
                    *byte
                })
            })
            .sum();
        if number(&block[148..156]) != Some(sum) {
            return Err(corrupt(Kind::Tar, "a header has a wrong checksum").into());
        }
        let size = number(&block[124..136]);
        let size =
            size.ok_or_else(|| corrupt(Kind::Tar, "a member has a size that is no number"))?;
        let mut name = text(&block[..100]);
        let prefix = text(&block[345..500]);
        if block[257..263] == *b"ustar\0" && !prefix.is_empty() {
            name = format!("{prefix}/{name}");
        }
        let kind = block[156];
        Ok(Some(Self {
            name,
            size,
            kind,
            is_sparse: kind == b'S',
            is_extended: kind == b'S' && block[HEADER_EXTENDED] != 0,
        }))
    }
}

/// Reads a number: octal digits among blanks and zeros, or, for very large ones, binary behind a set bit.
fn number(field: &[u8]) -> Option<u64> {
    if let [0x80, digits @ ..] = field {
        let mut value = 0_u64;
        for digit in digits {
            value = value.checked_mul(256)? + u64::from(*digit);
        }
        // What is added to it later must not run over.
        return Some(value).filter(|value| *value < 1 << 62);
    }
    let text = std::str::from_utf8(field).ok()?;
    let digits = text.trim_matches([' ', '\0']);
    if digits.is_empty() {
        return Some(0);
    }
    u64::from_str_radix(digits, 8).ok()
}

/// Returns a text that ends where a zero stands.
fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0);
    let field = &field[..end.unwrap_or(field.len())];
    // Any bytes may be a name, and no two names may become one.
    String::from_utf8(field.to_vec())
        .unwrap_or_else(|_| field.iter().map(|byte| char::from(*byte)).collect())
}

fn block(input: &mut dyn Read) -> Result<[u8; BLOCK_BYTES], DecodeError> {
    let bytes = exactly(input, BLOCK_BYTES as u64)?;
    let mut block = [0; BLOCK_BYTES];
    block.copy_from_slice(&bytes);
    Ok(block)
}

/// Reads what a member says about the next one.
fn aside(input: &mut dyn Read, size: u64) -> Result<Vec<u8>, DecodeError> {
    if size > ASIDE_BYTES {
        return Err(corrupt(Kind::Tar, "what it says about a member is too large").into());
    }
    let bytes = exactly(input, size)?;
    skip(input, padded(size) - size)?;
    Ok(bytes)
}

fn exactly(input: &mut dyn Read, count: u64) -> Result<Vec<u8>, DecodeError> {
    let mut bytes = Vec::new();
    input
        .take(count)
        .read_to_end(&mut bytes)
        .map_err(DecodeError::Read)?;
    if (bytes.len() as u64) < count {
        return Err(cut().into());
    }
    Ok(bytes)
}

fn skip(input: &mut dyn Read, count: u64) -> Result<(), DecodeError> {
    let skipped = io::copy(&mut input.take(count), &mut io::sink()).map_err(DecodeError::Read)?;
    if skipped < count {
        return Err(cut().into());
    }
    Ok(())
}

/// Reads on to the end, which a decompressor wants to see, too.
fn nothing_but_zeros(input: &mut dyn BufRead) -> Result<(), DecodeError> {
    loop {
        let bytes = input.fill_buf().map_err(DecodeError::Read)?;
        if bytes.is_empty() {
            return Ok(());
        }
        if bytes.iter().any(|byte| *byte != 0) {
            return Err(corrupt(Kind::Tar, "something else follows its end").into());
        }
        let count = bytes.len();
        input.consume(count);
    }
}

fn padded(size: u64) -> u64 {
    size.saturating_add(BLOCK_BYTES as u64 - 1) / BLOCK_BYTES as u64 * BLOCK_BYTES as u64
}

fn cut() -> Malformed {
    corrupt(Kind::Tar, "it is cut off")
}
