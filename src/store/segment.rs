//! Chunks of a file, compressed and packed into one run of bytes.
//!
//! # Format
//! The number of chunks in four bytes, low first; for each, its number and the length of its compressed bytes, in four
//! bytes each; then the compressed bytes (zstd), one chunk after the other. A chunk is `CHUNK_BYTES` long, zeros behind
//! the end of the file included.

use std::collections::BTreeSet;
use std::io;

/// What a chunk holds: four pages of the database, which is what a small change touches at a place.
pub(super) const CHUNK_BYTES: usize = 16 << 10;

/// Ledgers are written often and read seldom, and hashes do not get smaller.
const LEVEL: i32 = 1;

/// Packs `chunks`, with what `read` returns, into pieces of about `most_bytes`, each of which goes to `take`.
///
/// # Errors
/// What `read` or `take` returns, or the compressor.
pub(super) fn pack(
    chunks: &BTreeSet<u32>,
    most_bytes: usize,
    mut read: impl FnMut(u32, &mut [u8]) -> io::Result<()>,
    mut take: impl FnMut(Vec<u8>) -> io::Result<()>,
) -> io::Result<()> {
    let mut packer = zstd::bulk::Compressor::new(LEVEL)?;
    let mut piece = Piece::default();
    let mut chunk = vec![0; CHUNK_BYTES];
    for &number in chunks {
        read(number, &mut chunk)?;
        piece.push(number, &packer.compress(&chunk)?)?;
        if piece.bytes.len() >= most_bytes {
            take(std::mem::take(&mut piece).finish()?)?;
        }
    }
    if piece.index.is_empty() {
        return Ok(());
    }
    take(piece.finish()?)
}

#[derive(Default)]
struct Piece {
    index: Vec<u8>,
    bytes: Vec<u8>,
}

impl Piece {
    fn push(&mut self, number: u32, packed: &[u8]) -> io::Result<()> {
        let length = u32::try_from(packed.len()).map_err(io::Error::other)?;
        self.index.extend(number.to_le_bytes());
        self.index.extend(length.to_le_bytes());
        self.bytes.extend(packed);
        Ok(())
    }

    fn finish(self) -> io::Result<Vec<u8>> {
        let count = u32::try_from(self.index.len() / 8).map_err(io::Error::other)?;
        let mut whole = Vec::with_capacity(4 + self.index.len() + self.bytes.len());
        whole.extend(count.to_le_bytes());
        whole.extend(self.index);
        whole.extend(self.bytes);
        Ok(whole)
    }
}

/// Hands the chunks of a piece to `take`, in the order that they were packed in.
///
/// # Errors
/// `InvalidData` where the bytes are no piece; else what `take` returns.
pub(super) fn unpack(
    piece: &[u8],
    mut take: impl FnMut(u32, &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let (count, rest) = number(piece)?;
    let count = usize::try_from(count).map_err(io::Error::other)?;
    let index_bytes = count.checked_mul(8).ok_or_else(malformed)?;
    let (mut index, mut packed) = rest.split_at_checked(index_bytes).ok_or_else(malformed)?;
    let mut unpacker = zstd::bulk::Decompressor::new()?;
    while !index.is_empty() {
        let (chunk, rest) = number(index)?;
        let (length, rest) = number(rest)?;
        index = rest;
        let length = usize::try_from(length).map_err(io::Error::other)?;
        let (bytes, behind) = packed.split_at_checked(length).ok_or_else(malformed)?;
        packed = behind;
        let bytes = unpacker.decompress(bytes, CHUNK_BYTES)?;
        if bytes.len() != CHUNK_BYTES {
            return Err(malformed());
        }
        take(chunk, &bytes)?;
    }
    if packed.is_empty() {
        Ok(())
    } else {
        Err(malformed())
    }
}

fn number(bytes: &[u8]) -> io::Result<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk().ok_or_else(malformed)?;
    Ok((u32::from_le_bytes(*number), rest))
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "its chunks make no sense")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(number: u32) -> Vec<u8> {
        let byte = u8::try_from(number % 251).unwrap();
        let mut content = vec![byte; CHUNK_BYTES];
        content[0] = 1;
        content
    }

    fn packed(chunks: impl IntoIterator<Item = u32>, most_bytes: usize) -> Vec<Vec<u8>> {
        let chunks = chunks.into_iter().collect();
        let mut pieces = Vec::new();
        let read = |number, chunk: &mut [u8]| {
            chunk.copy_from_slice(&content(number));
            Ok(())
        };
        pack(&chunks, most_bytes, read, |piece| {
            pieces.push(piece);
            Ok(())
        })
        .unwrap();
        pieces
    }

    #[test]
    fn what_is_packed_comes_out_again_from_as_many_pieces_as_it_takes() {
        for (most_bytes, least) in [(1, 300), (1 << 20, 1)] {
            let pieces = packed(0..300, most_bytes);
            assert_eq!(pieces.len(), least);
            let mut found = Vec::new();
            for piece in &pieces {
                unpack(piece, |number, chunk| {
                    assert_eq!(chunk, content(number));
                    found.push(number);
                    Ok(())
                })
                .unwrap();
            }
            assert_eq!(found, (0..300).collect::<Vec<_>>());
        }
        assert!(packed([], 10).is_empty());
    }

    #[test]
    fn what_is_cut_or_longer_or_bent_is_an_error() {
        let piece = &packed([3, 9], 1 << 20)[0];
        let fails = |piece: &[u8]| unpack(piece, |_, _| Ok(())).is_err();
        assert!(!fails(piece));
        for cut in 0..piece.len() {
            assert!(fails(&piece[..cut]), "{cut}");
        }
        assert!(fails(&[&piece[..], &[0]].concat()));
        let mut many = piece.clone();
        many[..4].fill(0xff);
        assert!(fails(&many));
    }
}
