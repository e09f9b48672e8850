//! Reads messages, and no more of one than is there: its lengths may be forged.

use std::io::{BufReader, Read};

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::datatypes::SchemaRef;
use arrow::ipc::reader::StreamDecoder;
use arrow::ipc::root_as_message;

use super::check::Budget;
use super::corrupt;
use crate::decode::typed::caught;
use crate::decode::{DecodeError, MEMORY_BYTES, RECORD_BYTES};

const MAGIC: &[u8] = b"ARROW1";
const CONTINUATION: [u8; 4] = [0xff; 4];
/// Words of padding behind the first magic word, at most: writers align to 64 bytes.
const PADDING_WORDS: usize = 15;

/// The messages of a file or stream.
pub(super) struct Messages<'r> {
    input: BufReader<&'r mut dyn Read>,
    decoder: StreamDecoder,
    budget: Budget,
    is_file: bool,
    /// The first word behind the padding.
    first: Option<[u8; 4]>,
    is_done: bool,
}

impl<'r> Messages<'r> {
    /// Reads what stands before the first message.
    pub(super) fn open(input: &'r mut dyn Read) -> Result<Self, DecodeError> {
        let mut messages = Self {
            input: BufReader::new(input),
            decoder: StreamDecoder::new(),
            budget: Budget::default(),
            is_file: false,
            first: None,
            is_done: false,
        };
        let mut first = messages.word()?.ok_or_else(cut)?;
        if first[..] == MAGIC[..4] {
            let rest = messages.word()?.ok_or_else(cut)?;
            if rest != *b"W1\0\0" {
                return Err(corrupt("the file does not begin like one".to_owned()).into());
            }
            messages.is_file = true;
            first = messages.word()?.ok_or_else(cut)?;
            for _ in 0..PADDING_WORDS {
                if first == [0; 4] {
                    first = messages.word()?.ok_or_else(cut)?;
                }
            }
        }
        messages.first = Some(first);
        messages.feed(CONTINUATION.to_vec())?;
        Ok(messages)
    }

    /// Reads as far as the schema.
    pub(super) fn schema(&mut self) -> Result<SchemaRef, DecodeError> {
        loop {
            if let Some(schema) = self.decoder.schema() {
                return Ok(schema);
            }
            if self.is_done || self.next()?.is_some() {
                return Err(corrupt("there is no schema".to_owned()).into());
            }
        }
    }

    /// Returns the next batch of rows.
    pub(super) fn next_batch(&mut self) -> Result<Option<RecordBatch>, DecodeError> {
        while !self.is_done {
            if let Some(batch) = self.next()? {
                return Ok(Some(batch));
            }
        }
        Ok(None)
    }

    /// Reads one message, which may be one of rows.
    fn next(&mut self) -> Result<Option<RecordBatch>, DecodeError> {
        let word = match self.first.take() {
            Some(word) => Some(word),
            None => self.word()?,
        };
        let size = match word {
            // Before version 0.15 the size came first.
            Some(CONTINUATION) => u32::from_le_bytes(self.word()?.ok_or_else(cut)?),
            Some(size) => u32::from_le_bytes(size),
            None if self.is_file => return Err(cut()),
            None => 0,
        };
        if size == 0 {
            self.is_done = true;
            return self.end().map(|()| None);
        }
        let metadata = self.bytes(i64::from(size), RECORD_BYTES as u64)?;
        let message = caught(|| root_as_message(&metadata)).map_err(corrupt)?;
        let body = self.bytes(message.bodyLength(), MEMORY_BYTES)?;
        caught(|| self.budget.check(message, &body)).map_err(corrupt)?;
        let head = [&size.to_le_bytes()[..], &metadata].concat();
        let mut batch = self.feed(head)?;
        batch = self.feed(body)?.or(batch);
        // A message without a body is only taken up when more comes.
        Ok(self.feed(CONTINUATION.to_vec())?.or(batch))
    }

    fn feed(&mut self, bytes: Vec<u8>) -> Result<Option<RecordBatch>, DecodeError> {
        let mut buffer = Buffer::from_vec(bytes);
        let mut found = None;
        while !buffer.is_empty() {
            let batch = caught(|| self.decoder.decode(&mut buffer)).map_err(corrupt)?;
            found = batch.or(found);
        }
        Ok(found)
    }

    /// Reads what stands behind the last message.
    fn end(&mut self) -> Result<(), DecodeError> {
        let mut tail = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            let count = match self.input.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) => return Err(DecodeError::Read(error)),
            };
            tail.extend_from_slice(&buffer[..count]);
            tail.drain(..tail.len().saturating_sub(MAGIC.len()));
        }
        match (self.is_file, tail.is_empty()) {
            (true, _) if tail == MAGIC => Ok(()),
            (true, _) => Err(cut()),
            (false, true) => Ok(()),
            (false, false) => {
                Err(corrupt("the stream is followed by something else".to_owned()).into())
            }
        }
    }

    /// Reads one word of four bytes, if there is anything.
    fn word(&mut self) -> Result<Option<[u8; 4]>, DecodeError> {
        let bytes = self.some(4)?;
        match <[u8; 4]>::try_from(bytes.as_slice()) {
            Ok(word) => Ok(Some(word)),
            Err(_) if bytes.is_empty() => Ok(None),
            Err(_) => Err(cut()),
        }
    }

    /// Reads so many bytes, of which a message may claim any number.
    fn bytes(&mut self, claimed: i64, limit: u64) -> Result<Vec<u8>, DecodeError> {
        let count = u64::try_from(claimed).ok().filter(|count| *count <= limit);
        let Some(count) = count else {
            let detail = format!("a message claims {claimed} bytes of the {limit} it may have");
            return Err(corrupt(detail).into());
        };
        let bytes = self.some(count)?;
        if (bytes.len() as u64) < count {
            return Err(cut());
        }
        Ok(bytes)
    }

    fn some(&mut self, count: u64) -> Result<Vec<u8>, DecodeError> {
        let mut bytes = Vec::new();
        (&mut self.input)
            .take(count)
            .read_to_end(&mut bytes)
            .map_err(DecodeError::Read)?;
        Ok(bytes)
    }
}

fn cut() -> DecodeError {
    corrupt("the file is cut off".to_owned()).into()
}
