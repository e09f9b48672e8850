//! Cuts a text into blocks that end where a record ends, so that each can be decoded by itself.
//!
//! Where a record ends is the format's affair: a [`Cut`] sees every byte once, from front to back. What follows the last
//! end in a block begins the next.
//!
//! # Invariants
//! - The blocks, put together, are the text. Where they are cut depends on the text alone, and not on the pieces in which
//!   it comes.
//! - Beside the record that does not end in it, a block has at most the bytes that it is to have, [`BLOCK_BYTES`] as a
//!   rule. One that would be longer than a record may be is handed out unfinished: whoever decodes it finds the record too
//!   long.

use std::io::{ErrorKind, Read};

use super::{DecodeError, Emit, RECORD_BYTES};
use crate::crew::{Crew, InOrder};

/// Bytes of a block. Large enough that handing it on costs nothing, small enough for a few to lie in a cache.
pub(super) const BLOCK_BYTES: usize = 1 << 20;

/// Blocks for each hand at a time: with more than one, hands that are done early have something left to do.
const BLOCKS_A_HAND: usize = 4;

/// Tells where records end.
pub(super) trait Cut {
    /// Takes the next bytes of the text and returns where in them the last record ends that ends in them, behind its
    /// line end.
    fn last_end(&mut self, bytes: &[u8]) -> Option<usize>;
}

/// Records are lines.
pub(super) struct Lines;

impl Cut for Lines {
    fn last_end(&mut self, bytes: &[u8]) -> Option<usize> {
        memchr::memrchr(b'\n', bytes).map(|at| at + 1)
    }
}

/// The blocks of a text.
pub(super) struct Blocks<'r, C> {
    input: &'r mut dyn Read,
    cut: C,
    /// What follows the last end so far; the cut has seen it.
    rest: Vec<u8>,
    at_front: bool,
    at_end: bool,
    block_bytes: usize,
}

impl<'r, C: Cut> Blocks<'r, C> {
    /// Begins at the front of `input`.
    pub(super) fn new(input: &'r mut dyn Read, cut: C) -> Self {
        Self {
            input,
            block_bytes: BLOCK_BYTES,
            cut,
            rest: Vec::new(),
            at_front: true,
            at_end: false,
        }
    }

    /// Makes blocks of another size.
    pub(super) fn of(self, block_bytes: usize) -> Self {
        Self {
            block_bytes,
            ..self
        }
    }

    /// Returns the next block, which is never empty, or `None` behind the last. It takes the place of `used`, a block that
    /// nobody needs any more, or of nothing: fresh memory would have to be made zero first.
    pub(super) fn next(&mut self, used: Vec<u8>) -> Result<Option<Vec<u8>>, DecodeError> {
        let mut text = used;
        if text.capacity() > 2 * self.block_bytes {
            // One long record is no reason to keep as much.
            text = Vec::new();
        }
        let mut length = self.rest.len();
        text.resize(length.max(text.len()), 0);
        text[..length].copy_from_slice(&self.rest);
        self.rest.clear();
        while !self.at_end {
            let seen = length;
            // A multiple of the block, so that pieces do not matter.
            let wanted = (seen / self.block_bytes + 1) * self.block_bytes;
            length = self.fill(&mut text, seen, wanted)?;
            if let Some(end) = self.cut.last_end(&text[seen..length]) {
                // Behind the last end of all there is nothing to wait for.
                if !self.at_end {
                    self.rest.extend_from_slice(&text[seen + end..length]);
                    length = seen + end;
                }
                break;
            }
            if length > RECORD_BYTES + self.block_bytes {
                break;
            }
        }
        text.truncate(length);
        Ok((!text.is_empty()).then_some(text))
    }

    /// Reads behind the first `length` bytes until so many are there as are wanted, or all is read; returns how many there
    /// are.
    fn fill(
        &mut self,
        text: &mut Vec<u8>,
        mut length: usize,
        wanted: usize,
    ) -> Result<usize, DecodeError> {
        if self.at_front {
            self.at_front = false;
            // Small files are many, and need no more than they have.
            text.truncate(length);
            let mut front = (&mut *self.input).take((wanted - length) as u64);
            front.read_to_end(text).map_err(DecodeError::Read)?;
            self.at_end = text.len() < wanted;
            return Ok(text.len());
        }
        text.resize(wanted.max(text.len()), 0);
        while length < wanted {
            match self.input.read(&mut text[length..wanted]) {
                Ok(0) => {
                    self.at_end = true;
                    break;
                }
                Ok(count) => length += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(DecodeError::Read(error)),
            }
        }
        Ok(length)
    }
}

/// A text that is decoded in blocks: what is known of it so far.
pub(super) trait InBlocks {
    /// What it takes to decode a block.
    type Terms: Send + 'static;
    /// What comes of a block.
    type Part: Send + 'static;

    /// Returns what it takes for the next block, as far as it is known by now: what came of some blocks before has not been
    /// taken yet.
    fn terms(&mut self) -> Self::Terms;

    /// Decodes a block, on any thread.
    fn part(terms: Self::Terms, block: &[u8]) -> Self::Part;

    /// Takes what came of the next block.
    fn take(
        &mut self,
        block: &[u8],
        part: Self::Part,
        emit: &mut Emit<'_>,
    ) -> Result<(), DecodeError>;

    /// Decodes the next block and takes what comes of it, where nobody helps and nothing is under way.
    fn take_alone(&mut self, block: &[u8], emit: &mut Emit<'_>) -> Result<(), DecodeError> {
        let part = Self::part(self.terms(), block);
        self.take(block, part, emit)
    }
}

/// Where blocks come from, each in the place of one that nobody needs any more.
pub(super) type NextBlock<'b> = dyn FnMut(Vec<u8>) -> Result<Option<Vec<u8>>, DecodeError> + 'b;

/// Decodes the `first` block, where one has been read already, and all that follow. While the crew decodes some, what came
/// of those before is taken, and the next are read.
pub(super) fn decode<T: InBlocks>(
    text: &mut T,
    mut first: Option<Vec<u8>>,
    next: &mut NextBlock<'_>,
    crew: &dyn Crew,
    emit: &mut Emit<'_>,
) -> Result<(), DecodeError> {
    let mut parts = InOrder::default();
    let mut end = None;
    let mut used = Vec::new();
    loop {
        let most = match crew.hands() {
            0 | 1 => 1,
            hands => hands * BLOCKS_A_HAND,
        };
        // A very long record counts for as many blocks as it is long.
        if end.is_none() && parts.len() < most && parts.bytes() < most * BLOCK_BYTES {
            let block = match first.take() {
                Some(first) => Ok(Some(first)),
                None => next(std::mem::take(&mut used)),
            };
            match block {
                Ok(Some(block)) if most == 1 => {
                    text.take_alone(&block, emit)?;
                    used = block;
                }
                Ok(Some(block)) => {
                    let terms = text.terms();
                    parts.begin(crew, block.len(), move || (T::part(terms, &block), block));
                }
                Ok(None) => end = Some(Ok(())),
                Err(error) => end = Some(Err(error)),
            }
            continue;
        }
        match parts.take_first() {
            Some((part, block)) => {
                text.take(&block, part, emit)?;
                used = block;
            }
            None => return end.unwrap_or(Ok(())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::testing::Drip;

    fn blocks(bytes: &[u8], piece: usize) -> Vec<Vec<u8>> {
        let mut input = Drip {
            bytes,
            piece,
            fails: None,
        };
        let mut blocks = Blocks::new(&mut input, Lines);
        let mut sizes = (0..).map(|block| block * 700_000 % 3_000_001);
        std::iter::from_fn(|| {
            let used = vec![b'\n'; sizes.next().unwrap()];
            blocks.next(used).unwrap()
        })
        .collect()
    }

    #[test]
    fn blocks_end_with_records_and_do_not_depend_on_the_pieces() {
        let line = |number: usize| format!("{}\n", "x".repeat(number * 7919 % 100_000));
        let mut text: String = (0..100).map(line).collect();
        text.push_str(&"y".repeat(3 * BLOCK_BYTES));
        text.push_str("\nlast");
        let whole = blocks(text.as_bytes(), usize::MAX);
        assert_eq!(whole.concat(), text.as_bytes());
        assert!(whole.len() > 4, "{}", whole.len());
        let (last, others) = whole.split_last().unwrap();
        assert!(others.iter().all(|block| block.ends_with(b"\n")));
        assert!(last.ends_with(b"y\nlast"), "{}", last.len());
        assert_eq!(blocks(text.as_bytes(), 77_777), whole);
    }

    /// Is interrupted before each piece.
    struct Nervous<'a> {
        input: Drip<'a>,
        is_calm: bool,
    }

    impl Read for Nervous<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.is_calm = !self.is_calm;
            if self.is_calm {
                self.input.read(buffer)
            } else {
                Err(ErrorKind::Interrupted.into())
            }
        }
    }

    #[test]
    fn reading_that_is_interrupted_goes_on() {
        let text = "a line\n".repeat(BLOCK_BYTES / 2);
        let mut input = Nervous {
            input: Drip {
                bytes: text.as_bytes(),
                piece: 100_000,
                fails: None,
            },
            is_calm: true,
        };
        let mut blocks = Blocks::new(&mut input, Lines);
        let read = std::iter::from_fn(|| blocks.next(Vec::new()).unwrap());
        assert_eq!(read.collect::<Vec<_>>().concat(), text.as_bytes());
    }

    #[test]
    fn a_text_without_anything_has_no_blocks_and_a_text_without_an_end_has_one() {
        assert!(blocks(b"", 1).is_empty());
        assert_eq!(blocks(b"a,b", 1), [b"a,b"]);
        assert_eq!(blocks(b"a\n", 2), [b"a\n"]);
    }
}
