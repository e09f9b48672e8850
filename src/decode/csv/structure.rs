//! Where the marks of a text stand: delimiters, quotes, escapes and line ends, found sixteen bytes at a time.
//!
//! They come in windows, so that what is held does not grow with the text.

use wide::u8x16;

use super::splitter::Marks;

/// Bytes looked at for one window.
const WINDOW_BYTES: usize = 16 << 10;
const WORD_BYTES: usize = 64;
const WORD_STEP: u32 = 64;
/// Places that are written at once, of which those that are too many are overwritten.
const STRIDE: usize = 8;

/// The places of the marks, window by window.
pub(super) struct Structure {
    needles: [u8x16; 5],
    count: usize,
    scanned: usize,
    places: Vec<u32>,
    found: usize,
}

impl Structure {
    /// Begins at the front of a text.
    pub(super) fn new(marks: Marks) -> Self {
        let always = [Some(b'\n'), Some(b'\r'), Some(marks.delimiter)];
        let sought = always.into_iter().chain([marks.quote, marks.escape]);
        let mut needles = [u8x16::splat(b'\n'); 5];
        let mut count = 0;
        for (needle, byte) in needles.iter_mut().zip(sought.flatten()) {
            *needle = u8x16::splat(byte);
            count += 1;
        }
        Self {
            needles,
            count,
            scanned: 0,
            places: Vec::new(),
            found: 0,
        }
    }

    /// Returns the places in the window, in order.
    pub(super) fn places(&self) -> &[u32] {
        &self.places[..self.found]
    }

    /// Goes on to the next window that has places in it; `false` at the end of `text`, which is always the same.
    pub(super) fn advance(&mut self, text: &[u8]) -> bool {
        self.found = 0;
        while self.found == 0 && self.scanned < text.len() {
            let end = text.len().min(self.scanned + WINDOW_BYTES);
            let room = end - self.scanned + WORD_BYTES;
            if self.places.len() < room {
                self.places.resize(room, 0);
            }
            match self.count {
                5 => self.scan::<5>(&text[self.scanned..end]),
                _ => self.scan::<4>(&text[self.scanned..end]),
            }
            self.scanned = end;
        }
        self.found > 0
    }

    fn scan<const NEEDLES: usize>(&mut self, window: &[u8]) {
        let needles: [u8x16; NEEDLES] = std::array::from_fn(|at| self.needles[at]);
        let (words, tail) = window.as_chunks::<WORD_BYTES>();
        let mut base = base_of(self.scanned);
        let mut found = 0;
        for word in words {
            found = write(&mut self.places, found, base, marks_in(word, &needles));
            base += WORD_STEP;
        }
        if !tail.is_empty() {
            let mut word = [0; WORD_BYTES];
            word[..tail.len()].copy_from_slice(tail);
            let bits = marks_in(&word, &needles) & ((1 << tail.len()) - 1);
            found = write(&mut self.places, found, base, bits);
        }
        self.found = found;
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a block is little longer than a record may be"
)]
fn base_of(scanned: usize) -> u32 {
    scanned as u32
}

/// Returns a bit for each byte that is one of the needles, the first byte's the lowest.
#[inline]
fn marks_in<const NEEDLES: usize>(word: &[u8; WORD_BYTES], needles: &[u8x16; NEEDLES]) -> u64 {
    let (lanes, _) = word.as_chunks::<16>();
    let mut bits = 0;
    for (at, lane) in lanes.iter().enumerate() {
        let lane = u8x16::new(*lane);
        let mut hits = lane.simd_eq(needles[0]);
        for needle in &needles[1..] {
            hits |= lane.simd_eq(*needle);
        }
        bits |= u64::from(hits.to_bitmask() & 0xffff) << (16 * at);
    }
    bits
}

/// Writes the places of the bits and returns how many there are now.
#[inline]
fn write(places: &mut [u32], found: usize, base: u32, mut bits: u64) -> usize {
    let all = found + bits.count_ones() as usize;
    let mut at = found;
    while let Some(stride) = places[at..].first_chunk_mut::<STRIDE>() {
        for place in stride {
            *place = base + bits.trailing_zeros();
            bits &= bits.wrapping_sub(1);
        }
        at += STRIDE;
        if at >= all {
            break;
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_is_found_once_wherever_it_stands() {
        let marks = Marks {
            delimiter: b';',
            quote: Some(b'"'),
            escape: Some(0),
            comment: Some(b'#'),
        };
        let byte = |n: u32| u8::try_from(n * n % 251).unwrap();
        let mut text: Vec<u8> = (0..40_000).map(byte).collect();
        text[100..300].fill(b';');
        text[20_000..39_000].fill(b'x');
        for marks in [
            marks,
            Marks {
                escape: None,
                ..marks
            },
            Marks {
                quote: None,
                ..marks
            },
        ] {
            for length in [0, 1, 63, 64, 65, 299, 16_384, 16_385, 40_000] {
                let text = &text[..length];
                let mut structure = Structure::new(marks);
                let mut found = Vec::new();
                while structure.advance(text) {
                    found.extend_from_slice(structure.places());
                }
                let sought = [
                    Some(b';'),
                    Some(b'\n'),
                    Some(b'\r'),
                    marks.quote,
                    marks.escape,
                ];
                let expected = (0..length).filter(|at| sought.contains(&Some(text[*at])));
                let found: Vec<usize> = found.iter().map(|place| *place as usize).collect();
                assert_eq!(found, expected.collect::<Vec<_>>(), "{length} {marks:?}");
            }
        }
    }
}
