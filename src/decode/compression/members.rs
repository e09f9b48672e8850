//! The members of a compressed file, one after the other.
//!
//! Every format but snappy's is a sequence of members (gzip), frames (zstd, lz4) or streams (bzip2, xz), each with
//! an end of its own. They are read one by one, because the decompressors differ in what they make of bytes behind
//! the last of them: some report them in words about headers, and some keep silent.
//!
//! A file in snappy's framing has no end: one that is cut between two chunks cannot be told from a whole one.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;

use super::{Ceiling, Fault, Raw};
use crate::decode::{Compression, Malformed};

/// What a decompressor may reserve for looking back; the default of zstd.
const MEMORY_BYTES: u64 = 128 << 20;

/// How members begin.
const MAGIC: [(Compression, &[u8]); 6] = [
    (Compression::Gzip, b"\x1f\x8b\x08"),
    (Compression::Zstd, b"\x28\xb5\x2f\xfd"),
    (Compression::Bzip2, b"BZh"),
    (Compression::Xz, b"\xfd7zXZ\0"),
    (Compression::Lz4, b"\x04\x22\x4d\x18"),
    (Compression::Snappy, b"\xff\x06\0\0sNaPpY"),
];
/// How a bzip2 block begins, or the end where there is none; three letters alone may be text.
const BZIP2_BLOCKS: [&[u8]; 2] = [b"\x31\x41\x59\x26\x53\x59", b"\x17\x72\x45\x38\x50\x90"];

/// Returns the compression of a file that begins like this.
pub(super) fn told_by(head: &[u8]) -> Option<Compression> {
    let begins = |(_, magic): &&(Compression, &[u8])| head.starts_with(magic);
    let (compression, magic) = MAGIC.iter().find(begins)?;
    let is_text = *compression == Compression::Bzip2 && {
        let block = head.get(magic.len() + 1..).unwrap_or_default();
        !BZIP2_BLOCKS.iter().any(|known| block.starts_with(known))
    };
    (!is_text).then_some(*compression)
}

/// Tells whether the bytes, of which there may be too few, can be the beginning of a member.
fn begins_member(bytes: &[u8], compression: Compression) -> bool {
    let begins = |magic: &[u8]| bytes.iter().zip(magic).all(|(byte, known)| byte == known);
    MAGIC
        .iter()
        .any(|(known, magic)| *known == compression && begins(magic))
        || (compression == Compression::Zstd && is_skippable(bytes))
}

/// Tells whether a frame begins that holds nothing for us; zstd and lz4 have them in common.
fn is_skippable(bytes: &[u8]) -> bool {
    matches!(bytes, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

type Input<'a> = BufReader<Raw<'a>>;

/// Reads what all members hold.
pub(super) struct Members<'a> {
    state: State<'a>,
    compression: Compression,
    fault: &'a Fault,
    ceiling: &'a Ceiling,
    count: u64,
}

enum State<'a> {
    Between(Input<'a>),
    Within(Box<Member<'a>>),
    Done,
}

enum Member<'a> {
    Gzip(GzDecoder<Input<'a>>),
    Zstd(zstd::stream::read::Decoder<'static, Input<'a>>),
    Bzip2(bzip2::bufread::BzDecoder<Input<'a>>),
    Xz(liblzma::bufread::XzDecoder<Input<'a>>),
    Lz4(lz4_flex::frame::FrameDecoder<Starving<'a>>),
    Snappy(snap::read::FrameDecoder<Input<'a>>),
}

impl<'a> Members<'a> {
    /// Reads from `input`, which is not at its end.
    pub(super) fn new(
        input: Input<'a>,
        compression: Compression,
        fault: &'a Fault,
        ceiling: &'a Ceiling,
    ) -> Self {
        Self {
            state: State::Between(input),
            compression,
            fault,
            ceiling,
            count: 0,
        }
    }

    /// Begins with the next member, if there is one.
    fn begin(&mut self, mut input: Input<'a>) -> io::Result<State<'a>> {
        let compression = self.compression;
        if self.count > 0 {
            skip_padding(&mut input, compression)?;
        }
        let head = input.fill_buf()?;
        if head.is_empty() {
            return Ok(State::Done);
        }
        if !begins_member(head, compression) {
            return Err(self.fault.convict(if self.count > 0 {
                Malformed::Trailing { compression }
            } else {
                let detail = "it does not begin like that".to_owned();
                Malformed::Corrupt {
                    compression,
                    detail,
                }
            }));
        }
        self.count += 1;
        Ok(State::Within(Box::new(Member::new(input, compression)?)))
    }

    fn hold_to_ceiling(&self, count: usize) -> io::Result<()> {
        let held = self.ceiling.give(count as u64);
        held.map_err(|malformed| self.fault.convict(malformed))
    }
}

impl Read for Members<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            // An error leaves it done: a decompressor that has failed is not asked again.
            self.state = match std::mem::replace(&mut self.state, State::Done) {
                State::Done => return Ok(0),
                State::Between(input) => self.begin(input)?,
                State::Within(mut member) => {
                    let count = member.reader().read(buffer)?;
                    if count > 0 {
                        self.hold_to_ceiling(count)?;
                        self.state = State::Within(member);
                        return Ok(count);
                    }
                    State::Between(member.into_input()?)
                }
            };
        }
    }
}

impl<'a> Member<'a> {
    fn new(input: Input<'a>, compression: Compression) -> io::Result<Self> {
        Ok(match compression {
            Compression::None | Compression::Gzip => Self::Gzip(GzDecoder::new(input)),
            Compression::Zstd => {
                Self::Zstd(zstd::stream::read::Decoder::with_buffer(input)?.single_frame())
            }
            Compression::Bzip2 => Self::Bzip2(bzip2::bufread::BzDecoder::new(input)),
            Compression::Xz => {
                let stream = liblzma::stream::Stream::new_stream_decoder(MEMORY_BYTES, 0)?;
                Self::Xz(liblzma::bufread::XzDecoder::new_stream(input, stream))
            }
            Compression::Lz4 => {
                let is_starved = false;
                let starving = Starving { input, is_starved };
                Self::Lz4(lz4_flex::frame::FrameDecoder::new(starving))
            }
            Compression::Snappy => Self::Snappy(snap::read::FrameDecoder::new(input)),
        })
    }

    fn reader(&mut self) -> &mut dyn Read {
        match self {
            Self::Gzip(reader) => reader,
            Self::Zstd(reader) => reader,
            Self::Bzip2(reader) => reader,
            Self::Xz(reader) => reader,
            Self::Lz4(reader) => reader,
            Self::Snappy(reader) => reader,
        }
    }

    /// Returns the input behind a member that has been read to its end.
    fn into_input(self) -> io::Result<Input<'a>> {
        Ok(match self {
            Self::Gzip(reader) => reader.into_inner(),
            Self::Zstd(reader) => reader.finish(),
            Self::Bzip2(reader) => reader.into_inner(),
            Self::Xz(reader) => reader.into_inner(),
            Self::Lz4(reader) => {
                let starving = reader.into_inner();
                if starving.is_starved {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                starving.input
            }
            Self::Snappy(reader) => reader.into_inner(),
        })
    }
}

/// Remembers that more was asked for than there is: to the lz4 reader, a file that is cut between two blocks is at
/// its end.
struct Starving<'a> {
    input: Input<'a>,
    is_starved: bool,
}

impl Read for Starving<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.is_starved |= count == 0 && !buffer.is_empty();
        Ok(count)
    }
}

/// Skips what may lie between two members: zeros in an xz file, frames for others in an lz4 file.
fn skip_padding(input: &mut Input<'_>, compression: Compression) -> io::Result<()> {
    match compression {
        Compression::Xz => loop {
            let bytes = input.fill_buf()?;
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            let is_all = zeros == bytes.len() && zeros > 0;
            input.consume(zeros);
            if !is_all {
                return Ok(());
            }
        },
        Compression::Lz4 => {
            while is_skippable(input.fill_buf()?) {
                let mut header = [0; 8];
                input.read_exact(&mut header)?;
                let [.., l1, l2, l3, l4] = header;
                let length = u64::from(u32::from_le_bytes([l1, l2, l3, l4]));
                let skipped = io::copy(&mut (&mut *input).take(length), &mut io::sink())?;
                if skipped < length {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            Ok(())
        }
        _ => Ok(()),
    }
}
