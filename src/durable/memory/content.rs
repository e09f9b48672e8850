//! The content of one file: as it reads, as it is durable, and the writes between the two.

use std::io;

use super::Survivors;

/// A write that is not durable yet.
#[derive(Debug, Clone)]
enum Write {
    Bytes(usize, Vec<u8>),
    Length(usize),
}

#[derive(Debug, Clone, Default)]
pub(super) struct Node {
    bytes: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Write>,
}

impl Node {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn length(&self) -> u64 {
        self.bytes.len() as u64
    }

    pub(super) fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let start = position(offset)?;
        let slice = start
            .checked_add(buffer.len())
            .and_then(|end| self.bytes.get(start..end))
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(slice);
        Ok(())
    }

    pub(super) fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.change(Write::Bytes(position(offset)?, bytes.to_owned()));
        Ok(())
    }

    pub(super) fn set_len(&mut self, length: u64) -> io::Result<()> {
        self.change(Write::Length(position(length)?));
        Ok(())
    }

    fn change(&mut self, write: Write) {
        write.apply(&mut self.bytes);
        self.unsynced.push(write);
    }

    pub(super) fn sync(&mut self) {
        for write in self.unsynced.drain(..) {
            write.apply(&mut self.durable);
        }
    }

    pub(super) fn after_crash(&self, survivors: Survivors, dice: &mut Dice) -> Self {
        let mut bytes = match survivors {
            Survivors::All => self.bytes.clone(),
            Survivors::Synced | Survivors::Some { .. } => self.durable.clone(),
        };
        if matches!(survivors, Survivors::Some { .. }) {
            for write in &self.unsynced {
                if let Some(kept) = write.torn(dice) {
                    kept.apply(&mut bytes);
                }
            }
        }
        Self {
            durable: bytes.clone(),
            bytes,
            unsynced: Vec::new(),
        }
    }
}

impl Write {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Length(length) => bytes.resize(*length, 0),
            Self::Bytes(start, written) => {
                let end = start + written.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*start..end].copy_from_slice(written);
            }
        }
    }

    /// Returns what a power cut leaves of the write: nothing, all, or its beginning.
    fn torn(&self, dice: &mut Dice) -> Option<Self> {
        match (dice.below(3), self) {
            (0, _) => None,
            (1, Self::Bytes(start, written)) => {
                let kept = dice.below(written.len() + 1);
                Some(Self::Bytes(*start, written[..kept].to_owned()))
            }
            _ => Some(self.clone()),
        }
    }
}

fn position(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge.into())
}

/// Chance that can be repeated (`SplitMix64`).
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns a number below `end`, which is not zero.
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % (end.max(1) as u64)).unwrap_or_default()
    }
}
