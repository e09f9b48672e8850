//! The container around the rows: header, blocks, and how they are compressed.
//!
//! A block tells its own length, and the one that it has when it is decompressed is told by nobody, or by bytes that
//! may be forged. So each is decompressed up to a limit, and all together count for the [ceiling](Ceiling) of their file.

use std::io::{self, BufRead, BufReader, Read};

use super::corrupt;
use super::schema::{self, Node};
use super::value::varint;
use crate::decode::compression::{Ceiling, MOST_EXPANSION};
use crate::decode::{DecodeError, Malformed, RECORD_BYTES};
use crate::model::{ByteSize, Comments, FileComments};

/// How a container begins.
pub(in crate::decode) const MAGIC: &[u8] = b"Obj\x01";
const BUFFER_BYTES: usize = 128 << 10;
const SYNC_BYTES: usize = 16;
/// Bytes of all metadata in a header, at most.
const HEADER_BYTES: u64 = 4 << 20;
/// Bytes of one block, at most, in both its forms.
const BLOCK_BYTES: u64 = RECORD_BYTES as u64;
/// What a decompressor may reserve for looking back.
const WINDOW_BYTES: u64 = 128 << 20;

/// What a header tells, as far as it means something here.
#[derive(Default)]
struct Metadata {
    codec: Option<Vec<u8>>,
    schema: Option<Vec<u8>>,
    /// What else is text.
    comments: FileComments,
}

/// How blocks are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Codec {
    Null,
    Deflate,
    Snappy,
    Zstandard,
    Bzip2,
    Xz,
}

/// One block, decompressed.
pub(super) struct Block {
    /// Which it is, from 1.
    pub(super) number: u64,
    /// Rows in it.
    pub(super) rows: u64,
    /// The rows.
    pub(super) bytes: Vec<u8>,
    /// How many values in it may take no bytes.
    pub(super) room: u64,
}

/// The blocks of a container, from front to back.
pub(super) struct Blocks<'a> {
    input: BufReader<&'a mut dyn Read>,
    codec: Codec,
    sync: [u8; SYNC_BYTES],
    number: u64,
    ceiling: &'a Ceiling,
    comments: Comments,
}

impl<'a> Blocks<'a> {
    /// Reads the header.
    pub(super) fn open(
        input: &'a mut dyn Read,
        ceiling: &'a Ceiling,
    ) -> Result<(Self, Node), DecodeError> {
        let mut blocks = Self {
            input: BufReader::with_capacity(BUFFER_BYTES, input),
            codec: Codec::Null,
            sync: [0; SYNC_BYTES],
            number: 0,
            ceiling,
            comments: Comments::default(),
        };
        if blocks.exactly(MAGIC.len() as u64)? != MAGIC {
            return Err(corrupt("it does not begin like an object container".to_owned()).into());
        }
        let mut metadata = blocks.metadata()?;
        blocks.codec = codec(metadata.codec.as_deref())?;
        let schema = metadata
            .schema
            .ok_or_else(|| corrupt("the header does not tell the schema".to_owned()))?;
        let node = schema::parse(&schema, &mut metadata.comments).map_err(corrupt)?;
        blocks.comments = metadata.comments.finish();
        let sync = blocks.exactly(SYNC_BYTES as u64)?;
        blocks.sync.copy_from_slice(&sync);
        Ok((blocks, node))
    }

    /// Returns what the header and the schema in it say beside the columns.
    pub(super) fn comments(&self) -> &Comments {
        &self.comments
    }

    fn metadata(&mut self) -> Result<Metadata, DecodeError> {
        let mut metadata = Metadata::default();
        let mut left = HEADER_BYTES;
        loop {
            let count = self.long()?;
            if count < 0 {
                self.long()?;
            }
            if count == 0 {
                return Ok(metadata);
            }
            for _ in 0..count.unsigned_abs() {
                let mut one = || {
                    let length = u64::try_from(self.long()?).unwrap_or(u64::MAX);
                    // An entry without a byte takes room as well, or a header could go on without end.
                    left = left.checked_sub(length.saturating_add(1)).ok_or_else(|| {
                        let limit = ByteSize(HEADER_BYTES);
                        corrupt(format!("the header is larger than {limit}"))
                    })?;
                    self.exactly(length)
                };
                let (key, value) = (one()?, one()?);
                let known = match key.as_slice() {
                    b"avro.codec" => &mut metadata.codec,
                    b"avro.schema" => &mut metadata.schema,
                    key => {
                        if let (Ok(key), Ok(text)) = (str::from_utf8(key), str::from_utf8(&value)) {
                            metadata.comments.add(None, key, text);
                        }
                        continue;
                    }
                };
                known.get_or_insert(value);
            }
        }
    }

    /// Returns the next block, `None` at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<Block>, DecodeError> {
        if self.input.fill_buf().map_err(DecodeError::Read)?.is_empty() {
            return Ok(None);
        }
        self.number += 1;
        let number = self.number;
        let (rows, size) = (self.long()?, self.long()?);
        let rows = u64::try_from(rows)
            .map_err(|_| corrupt(format!("block {number} has fewer than no rows")))?;
        let size = u64::try_from(size).unwrap_or(u64::MAX);
        if size > BLOCK_BYTES {
            return Err(too_large(number).into());
        }
        let raw = self.exactly(size)?;
        if self.exactly(SYNC_BYTES as u64)? != self.sync {
            let detail = format!("block {number} does not end in the mark of the file");
            return Err(corrupt(detail).into());
        }
        let bytes = self
            .decompressed(raw)
            .map_err(|detail| corrupt(format!("block {number}: {detail}")))?;
        let Some(bytes) = bytes else {
            return Err(too_large(number).into());
        };
        if self.codec != Codec::Null {
            self.ceiling.give(bytes.len() as u64)?;
        }
        let room = (size + SYNC_BYTES as u64).saturating_mul(MOST_EXPANSION);
        Ok(Some(Block {
            number,
            rows,
            bytes,
            room,
        }))
    }

    /// Counts rows and elements that took no bytes as if they had come out of the file.
    pub(super) fn count_hollow(&self, count: u64) -> Result<(), DecodeError> {
        Ok(self.ceiling.give(count)?)
    }

    /// Returns what is in a block; `None` where it is more than a block may hold.
    fn decompressed(&self, raw: Vec<u8>) -> Result<Option<Vec<u8>>, String> {
        let all = |reader: &mut dyn Read| {
            let mut bytes = Vec::new();
            reader.take(BLOCK_BYTES + 1).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let bytes = match self.codec {
            Codec::Null => Ok(raw),
            Codec::Deflate => all(&mut flate2::bufread::DeflateDecoder::new(raw.as_slice())),
            Codec::Snappy => return snappy(&raw),
            Codec::Zstandard => zstd::stream::read::Decoder::with_buffer(raw.as_slice())
                .and_then(|mut reader| all(&mut reader)),
            Codec::Bzip2 => all(&mut bzip2::bufread::BzDecoder::new(raw.as_slice())),
            Codec::Xz => liblzma::stream::Stream::new_stream_decoder(WINDOW_BYTES, 0)
                .map_err(io::Error::from)
                .and_then(|stream| {
                    all(&mut liblzma::bufread::XzDecoder::new_stream(
                        raw.as_slice(),
                        stream,
                    ))
                }),
        };
        let bytes = bytes.map_err(|error| error.to_string())?;
        Ok((bytes.len() as u64 <= BLOCK_BYTES).then_some(bytes))
    }

    fn long(&mut self) -> Result<i64, DecodeError> {
        let cut = self.cut();
        let wide = corrupt("a number has more than 64 bits".to_owned()).into();
        let input = &mut self.input;
        let next = || {
            let byte = input
                .fill_buf()
                .map_err(DecodeError::Read)?
                .first()
                .copied();
            input.consume(1.min(input.buffer().len()));
            byte.ok_or_else(|| cut.clone().into())
        };
        varint(next, wide)
    }

    /// Reads so many bytes; room is made as they come.
    fn exactly(&mut self, count: u64) -> Result<Vec<u8>, DecodeError> {
        let mut bytes = Vec::new();
        (&mut self.input)
            .take(count)
            .read_to_end(&mut bytes)
            .map_err(DecodeError::Read)?;
        if (bytes.len() as u64) < count {
            return Err(self.cut().into());
        }
        Ok(bytes)
    }

    fn cut(&self) -> Malformed {
        corrupt(match self.number {
            0 => "the file ends within its header".to_owned(),
            number => format!("the file ends within block {number}"),
        })
    }
}

fn codec(name: Option<&[u8]>) -> Result<Codec, Malformed> {
    Ok(match name {
        None | Some(b"null" | b"") => Codec::Null,
        Some(b"deflate") => Codec::Deflate,
        Some(b"snappy") => Codec::Snappy,
        Some(b"zstandard") => Codec::Zstandard,
        Some(b"bzip2") => Codec::Bzip2,
        Some(b"xz") => Codec::Xz,
        Some(other) => {
            let name = String::from_utf8_lossy(&other[..other.len().min(40)]);
            return Err(corrupt(format!(
                "its blocks are compressed by {name:?}, which is unknown"
            )));
        }
    })
}

/// One piece of raw snappy, and the checksum of what is in it.
fn snappy(raw: &[u8]) -> Result<Option<Vec<u8>>, String> {
    let (packed, sum) = raw.split_last_chunk().ok_or("the checksum is missing")?;
    let length = snap::raw::decompress_len(packed).map_err(|error| error.to_string())?;
    if length as u64 > BLOCK_BYTES {
        return Ok(None);
    }
    let bytes = snap::raw::Decoder::new()
        .decompress_vec(packed)
        .map_err(|error| error.to_string())?;
    let mut crc = flate2::Crc::new();
    crc.update(&bytes);
    if crc.sum() != u32::from_be_bytes(*sum) {
        return Err("the checksum is wrong".to_owned());
    }
    Ok(Some(bytes))
}

fn too_large(number: u64) -> Malformed {
    let limit = ByteSize(BLOCK_BYTES);
    corrupt(format!("block {number} is larger than {limit}"))
}
