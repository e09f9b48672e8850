//! Bytes in some encoding -> UTF-8, piece by piece.
//!
//! What is not valid in the encoding becomes a byte that is not valid in UTF-8, so that whoever reads the text finds
//! it where it stands, and knows its line. UTF-8 itself passes through untouched.

use std::io::{self, Cursor, Read};

use crate::config::Encoding;
use crate::decode::{Charset, DecodeError};

/// Taken in one read, in which small files are read whole.
const FIRST_BYTES: usize = 4 << 10;
/// What tells UTF-16 from UTF-32.
const MARK_BYTES: usize = 4;
const PIECE_BYTES: usize = 32 << 10;
/// Never part of UTF-8.
const INVALID: u8 = 0xff;
/// What Windows-1252 has in the place of the control characters from 0x80 on; `\0` where it has nothing.
const WINDOWS_1252: [char; 32] = [
    '€', '\0', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\0', 'Ž', '\0', //
    '\0', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\0', 'ž', 'Ÿ',
];

/// Tells in which encoding a text is that begins with `head` (four bytes, unless it is shorter), and how many bytes
/// its byte order mark has.
pub(super) fn recognise(head: &[u8], asked: Encoding) -> (Charset, usize) {
    let marked = match head {
        [0xef, 0xbb, 0xbf, ..] => Some((Charset::Utf8, 3)),
        // UTF-32, which is not read, begins with the same two bytes.
        [0xff, 0xfe, 0, 0, ..] => None,
        [0xff, 0xfe, ..] => Some((Charset::Utf16Le, 2)),
        [0xfe, 0xff, ..] => Some((Charset::Utf16Be, 2)),
        _ => None,
    };
    let is_utf8 = |(charset, _): &(Charset, usize)| *charset == Charset::Utf8;
    match asked {
        Encoding::Auto => marked.unwrap_or((Charset::Utf8, 0)),
        Encoding::Utf8 => marked.filter(is_utf8).unwrap_or((Charset::Utf8, 0)),
        Encoding::Utf16 => {
            let marked = marked.filter(|marked| !is_utf8(marked));
            marked.unwrap_or((Charset::Utf16Le, 0))
        }
        Encoding::Latin1 => (Charset::Latin1, 0),
        Encoding::Windows1252 => (Charset::Windows1252, 0),
    }
}

/// Opens a text behind its byte order mark.
pub(in crate::decode) fn open<'a>(
    input: &'a mut dyn Read,
    asked: Encoding,
) -> Result<(Charset, Box<dyn Read + 'a>), DecodeError> {
    let mut head = first_bytes(input).map_err(DecodeError::Read)?;
    let (charset, mark) = recognise(&head, asked);
    head.drain(..mark);
    let raw = Cursor::new(head).chain(input);
    let text: Box<dyn Read + 'a> = match charset {
        Charset::Utf8 => Box::new(raw),
        _ => Box::new(Transcoder::new(raw, charset)),
    };
    Ok((charset, text))
}

/// Reads the first bytes: at least as many as a mark may have, unless the text is shorter.
fn first_bytes(input: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut head = vec![0; FIRST_BYTES];
    let mut filled = 0;
    while filled < MARK_BYTES {
        match input.read(&mut head[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    head.truncate(filled);
    Ok(head)
}

struct Transcoder<R> {
    raw: R,
    charset: Charset,
    /// Bytes read and not yet turned into characters: less than one character between two pieces.
    piece: Vec<u8>,
    text: Vec<u8>,
    given: usize,
    at_end: bool,
}

impl<R: Read> Transcoder<R> {
    fn new(raw: R, charset: Charset) -> Self {
        Self {
            raw,
            charset,
            piece: Vec::new(),
            text: Vec::new(),
            given: 0,
            at_end: false,
        }
    }

    fn next_piece(&mut self) -> io::Result<()> {
        let kept = self.piece.len();
        self.piece.resize(PIECE_BYTES, 0);
        let count = self.raw.read(&mut self.piece[kept..]);
        self.piece.truncate(kept + *count.as_ref().unwrap_or(&0));
        self.at_end = count? == 0;
        self.text.clear();
        self.given = 0;
        let used = match self.charset {
            Charset::Utf16Le => self.utf16(u16::from_le_bytes),
            Charset::Utf16Be => self.utf16(u16::from_be_bytes),
            Charset::Utf8 | Charset::Latin1 => self.bytes(|byte| Some(char::from(byte))),
            Charset::Windows1252 => self.bytes(|byte| match byte {
                0x80..=0x9f => Some(WINDOWS_1252[usize::from(byte - 0x80)]).filter(|c| *c != '\0'),
                _ => Some(char::from(byte)),
            }),
        };
        self.piece.drain(..used);
        Ok(())
    }

    fn bytes(&mut self, character: impl Fn(u8) -> Option<char>) -> usize {
        for byte in &self.piece {
            push(&mut self.text, character(*byte));
        }
        self.piece.len()
    }

    fn utf16(&mut self, unit: fn([u8; 2]) -> u16) -> usize {
        let mut units = self.piece.len() / 2;
        let at = |index: usize| unit([self.piece[2 * index], self.piece[2 * index + 1]]);
        if !self.at_end && units > 0 && matches!(at(units - 1), 0xd800..=0xdbff) {
            // Its other half is in the next piece.
            units -= 1;
        }
        for character in char::decode_utf16((0..units).map(at)) {
            push(&mut self.text, character.ok());
        }
        if self.at_end && self.piece.len() % 2 == 1 {
            self.text.push(INVALID);
        }
        if self.at_end {
            self.piece.len()
        } else {
            2 * units
        }
    }
}

fn push(text: &mut Vec<u8>, character: Option<char>) {
    match character {
        Some(character) if character.is_ascii() => text.push(character as u8),
        Some(character) => text.extend(character.encode_utf8(&mut [0; 4]).as_bytes()),
        None => text.push(INVALID),
    }
}

impl<R: Read> Read for Transcoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.text.len() && !self.at_end {
            self.next_piece()?;
        }
        let rest = &self.text[self.given..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.given += count;
        Ok(count)
    }
}
