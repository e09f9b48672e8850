//! Whose the rows of a sorted file are, one after the other.
//!
//! Where rows are sorted, those of the members lie among one another, and numbers of rows do not tell whose a row is.
//! A file whose rows are not grouped by member, in the order of the members, says it in its footer: under
//! `strandline.order` stands a JSON text that is base64 (RFC 4648, with padding) of one or more Zstandard frames. They
//! hold, for each run of rows of one member, two LEB128 numbers: the member's place among the inputs, and the
//! number of rows.
//!
//! What that costs is bounded by what is written anyway: runs are short only where the sorted values change all the
//! time, and a member's place among others takes a few bits then.

use std::io::{self, Read};

const LEVEL: i32 = 3;
/// Runs are compressed in pieces of this size, so that they are never held as they are.
const PIECE: usize = 256 << 10;

/// Notes down whose rows are written.
#[derive(Debug, Default)]
pub(super) struct OrderLog {
    /// The run that may still grow.
    last: Option<(usize, u64)>,
    /// Whether some member came after a later one.
    is_mixed: bool,
    pending: Vec<u8>,
    compressed: Vec<u8>,
}

impl OrderLog {
    /// Adds rows of `member`.
    pub(super) fn note(&mut self, member: usize, rows: usize) -> io::Result<()> {
        match &mut self.last {
            Some((last, count)) if *last == member => *count += rows as u64,
            _ => {
                self.is_mixed |= self.last.is_some_and(|(last, _)| last > member);
                self.close_run()?;
                self.last = Some((member, rows as u64));
            }
        }
        Ok(())
    }

    /// Returns how many bytes of the footer this takes by now.
    pub(super) fn len(&self) -> usize {
        if self.is_mixed {
            (self.compressed.len() + self.pending.len() / 2).div_ceil(3) * 4
        } else {
            0
        }
    }

    /// Returns the text for the footer, `None` where rows are grouped by member, in the order of the members.
    pub(super) fn finish(mut self) -> io::Result<Option<String>> {
        self.close_run()?;
        if !self.is_mixed {
            return Ok(None);
        }
        self.compress()?;
        Ok(Some(to_base64(&self.compressed)))
    }

    fn close_run(&mut self) -> io::Result<()> {
        if let Some((member, rows)) = self.last.take() {
            put_varint(&mut self.pending, member as u64);
            put_varint(&mut self.pending, rows);
            if self.pending.len() >= PIECE {
                self.compress()?;
            }
        }
        Ok(())
    }

    fn compress(&mut self) -> io::Result<()> {
        let frame = zstd::bulk::compress(&self.pending, LEVEL)?;
        self.compressed.extend(frame);
        self.pending.clear();
        Ok(())
    }
}

/// Whose the rows of a file are, one after the other, where they are not grouped by member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowOrder {
    compressed: Vec<u8>,
}

impl RowOrder {
    /// Reads the text of a footer, `None` where it is not base64.
    pub(super) fn parse(text: &str) -> Option<Self> {
        from_base64(text).map(|compressed| Self { compressed })
    }

    /// Returns the order in which runs are given: members and numbers of rows.
    #[cfg(test)]
    pub(crate) fn of(runs: &[(usize, usize)]) -> Option<Self> {
        let mut log = OrderLog::default();
        for (member, rows) in runs {
            log.note(*member, *rows).ok()?;
        }
        Self::parse(&log.finish().ok()??)
    }

    /// Returns the runs, to be taken one by one: memory does not grow with their number.
    ///
    /// # Errors
    /// [`io::Error`] where the footer's text is damaged.
    pub fn runs(&self) -> io::Result<RowRuns<'_>> {
        let frames = zstd::Decoder::with_buffer(self.compressed.as_slice())?;
        Ok(RowRuns {
            bytes: io::BufReader::new(frames),
        })
    }
}

/// The runs of a [`RowOrder`], from the first on.
pub struct RowRuns<'a> {
    bytes: io::BufReader<zstd::Decoder<'static, &'a [u8]>>,
}

impl RowRuns<'_> {
    /// Returns the next run: a member's place among the inputs, and a number of rows; `None` behind the last.
    ///
    /// # Errors
    /// [`io::Error`] where the footer's text is damaged.
    pub fn next_run(&mut self) -> io::Result<Option<(usize, u64)>> {
        let Some(member) = self.varint()? else {
            return Ok(None);
        };
        let rows = self.varint()?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let member = usize::try_from(member).map_err(|_| io::ErrorKind::InvalidData)?;
        Ok(Some((member, rows)))
    }

    fn varint(&mut self) -> io::Result<Option<u64>> {
        let mut number = 0u64;
        for place in 0..10 {
            let mut byte = [0];
            if self.bytes.read(&mut byte)? == 0 {
                return match place {
                    0 => Ok(None),
                    _ => Err(io::ErrorKind::UnexpectedEof.into()),
                };
            }
            number |= u64::from(byte[0] & 0x7f) << (7 * place);
            if byte[0] < 0x80 {
                return Ok(Some(number));
            }
        }
        Err(io::ErrorKind::InvalidData.into())
    }
}

fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn to_base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let mut number = 0u32;
        for place in 0..3 {
            number = number << 8 | u32::from(three.get(place).copied().unwrap_or_default());
        }
        for place in 0..4 {
            let digit = DIGITS[(number >> (18 - 6 * place)) as usize & 63];
            let is_padding = place > three.len();
            text.push(if is_padding { '=' } else { char::from(digit) });
        }
    }
    text
}

fn from_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let digits = text.trim_end_matches('=').as_bytes();
    if !text.len().is_multiple_of(4) || text.len() - digits.len() > 2 {
        return None;
    }
    for four in digits.chunks(4) {
        let mut number = 0u32;
        for digit in four {
            let value = DIGITS.iter().position(|known| known == digit)?;
            number = number << 6 | u32::try_from(value).ok()?;
        }
        number <<= 6 * (4 - four.len());
        bytes.extend(&number.to_be_bytes()[1..four.len()]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn runs(order: &RowOrder) -> Vec<(usize, u64)> {
        let mut runs = order.runs().unwrap();
        std::iter::from_fn(|| runs.next_run().unwrap()).collect()
    }

    #[test]
    fn rows_that_are_grouped_in_order_need_no_words() {
        assert_eq!(RowOrder::of(&[]), None);
        assert_eq!(RowOrder::of(&[(0, 3), (0, 4), (2, 1), (5, 9)]), None);
        let order = RowOrder::of(&[(0, 3), (0, 4), (2, 1), (1, 9), (1, 1)]).unwrap();
        assert_eq!(runs(&order), [(0, 7), (2, 1), (1, 10)]);
    }

    #[test]
    fn runs_that_make_many_frames_come_back_in_order() {
        let many = (0..400_000).map(|row| ((row * 7) % 1000, 1 + row % 300));
        let many: Vec<(usize, usize)> = many.collect();
        let expected = many.iter().map(|(member, rows)| (*member, *rows as u64));
        let order = RowOrder::of(&many).unwrap();
        assert!(runs(&order).into_iter().eq(expected));
    }

    #[test]
    fn damage_is_an_error() {
        for text in ["a", "====", "?AAA", "AAAA="] {
            assert_eq!(RowOrder::parse(text), None, "{text}");
        }
        let unfinished = to_base64(&zstd::bulk::compress(&[0x80], 3).unwrap());
        for text in ["AAAA", &unfinished] {
            let order = RowOrder::parse(text).unwrap();
            let first = order.runs().and_then(|mut runs| runs.next_run());
            assert!(first.is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_text_and_back(bytes in proptest::collection::vec(any::<u8>(), 0..50)) {
            prop_assert_eq!(from_base64(&to_base64(&bytes)), Some(bytes));
        }
    }

    #[test]
    fn text_is_as_the_standard_has_it() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foob", "Zm9vYg=="),
        ] {
            assert_eq!(to_base64(bytes.as_bytes()), text);
        }
    }
}
