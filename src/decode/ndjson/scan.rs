//! Finds where strings and numbers end, and what a number is, in one look at its bytes.
//!
//! Strings are passed sixteen bytes at a time, of which a mask tells which are a quote, a backslash or a control
//! character.

use wide::u8x16;

/// Bytes of a string that are looked at together.
const PIECE: usize = 16;
/// Bytes of a line of which many are expected.
const USUAL_LINE: usize = 64;
/// Digits that a word holds whatever they are.
const WORD_DIGITS: usize = 19;
/// Whole numbers up to here are floats without rounding.
const EXACT: u64 = 1 << 53;
/// Powers of ten that are floats without rounding.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// Returns the first place from `at` on where a quote, a backslash or a control character stands, or the text's end.
#[inline]
pub(super) fn string_stop(text: &[u8], mut at: usize) -> usize {
    while let Some(piece) = text.get(at..).and_then(<[u8]>::first_chunk) {
        let stops = stops(*piece);
        if stops != 0 {
            return at + stops.trailing_zeros() as usize;
        }
        at += PIECE;
    }
    // Less than a piece is left: the end of the last one.
    let left = text.len().saturating_sub(at);
    match stops(last_piece(text)) >> (PIECE - left) {
        0 => text.len(),
        stops => at + stops.trailing_zeros() as usize,
    }
}

/// Returns where the line ends of a text stand. Asked for one by one, each would cost as much as the line.
pub(super) fn line_ends(text: &[u8]) -> Vec<usize> {
    let mut ends = Vec::with_capacity(text.len() / USUAL_LINE);
    let (pieces, rest) = text.as_chunks::<PIECE>();
    for (piece, at) in pieces.iter().zip((0..).step_by(PIECE)) {
        let mut found = u8x16::new(*piece).simd_eq(u8x16::splat(b'\n')).to_bitmask();
        while found != 0 {
            ends.push(at + found.trailing_zeros() as usize);
            found &= found - 1;
        }
    }
    let behind = text.len() - rest.len();
    let last = rest.iter().enumerate();
    ends.extend(last.filter_map(|(at, byte)| (*byte == b'\n').then_some(behind + at)));
    ends
}

/// Returns the last bytes of a text, behind spaces where it is shorter.
#[inline]
fn last_piece(text: &[u8]) -> [u8; PIECE] {
    text.last_chunk().copied().unwrap_or_else(|| {
        let mut piece = [b' '; PIECE];
        piece[PIECE - text.len()..].copy_from_slice(text);
        piece
    })
}

/// Returns a bit for each byte that is a stop, the first byte's the lowest.
#[inline]
fn stops(piece: [u8; PIECE]) -> u32 {
    let bytes = u8x16::new(piece);
    let quotes = bytes.simd_eq(u8x16::splat(b'"'));
    let slashes = bytes.simd_eq(u8x16::splat(b'\\'));
    // A byte that is the lesser of itself and the last of them is one.
    let controls = bytes.simd_eq(bytes.min(u8x16::splat(0x1f)));
    (quotes | slashes | controls).to_bitmask()
}

/// What a number is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    /// A whole number within 64 bits.
    Int(i64),
    /// A finite number that is no whole number.
    Float(f64),
    /// What takes more than a look: whoever needs it reads the text.
    Unread,
}

/// Returns the length of the number at the front of `text`, and what it is.
#[inline]
pub(super) fn number(text: &[u8]) -> Option<(usize, Number)> {
    let sign = usize::from(text.first() == Some(&b'-'));
    let mut digits = 0;
    let mut at = sign + take_digits(&text[sign..], &mut digits);
    let whole = at - sign;
    if whole == 0 || (whole > 1 && text[sign] == b'0') {
        return None;
    }
    let mut fraction = 0;
    if text.get(at) == Some(&b'.') {
        fraction = take_digits(&text[at + 1..], &mut digits);
        at += 1 + fraction;
        if fraction == 0 {
            return None;
        }
    }
    if let Some(b'e' | b'E') = text.get(at) {
        return Some((at + exponent(&text[at..])?, Number::Unread));
    }
    let number = match (fraction, whole + fraction) {
        (0, ..WORD_DIGITS) => int(digits, sign == 1),
        (1.., ..=WORD_DIGITS) => float(digits, fraction, sign == 1),
        _ => Number::Unread,
    };
    Some((at, number))
}

/// Puts the digits at the front behind those that `digits` has, and counts them.
#[inline]
fn take_digits(text: &[u8], digits: &mut u64) -> usize {
    for (count, byte) in text.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return count;
        }
        *digits = digits.wrapping_mul(10).wrapping_add(u64::from(digit));
    }
    text.len()
}

/// Returns the length of an exponent.
fn exponent(text: &[u8]) -> Option<usize> {
    let front = 1 + usize::from(matches!(text.get(1), Some(b'+' | b'-')));
    let count = take_digits(&text[front..], &mut 0);
    (count > 0).then_some(front + count)
}

fn int(digits: u64, is_negative: bool) -> Number {
    match (i64::try_from(digits), is_negative) {
        // What it means is for the lattice to say.
        (Ok(0), true) | (Err(_), _) => Number::Unread,
        (Ok(value), true) => Number::Int(-value),
        (Ok(value), false) => Number::Int(value),
    }
}

/// A quotient of two floats that are exact is the float that is nearest to the number.
fn float(digits: u64, fraction: usize, is_negative: bool) -> Number {
    #[expect(clippy::cast_precision_loss, reason = "there is none up to the limit")]
    match POWERS.get(fraction) {
        Some(power) if digits <= EXACT => {
            let value = digits as f64 / power;
            Number::Float(if is_negative { -value } else { value })
        }
        _ => Number::Unread,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::schema::{TextType, parse_float, parse_int};

    #[test]
    fn a_string_stops_at_the_first_of_its_stops_wherever_it_stands() {
        for stop in (0..0x20).chain([b'"', b'\\']) {
            for before in 0..20 {
                for behind in ["", "a", "\"\\\n and more"] {
                    let mut text = vec![0xff; before];
                    text.push(stop);
                    text.extend_from_slice(behind.as_bytes());
                    assert_eq!(string_stop(&text, 0), before, "{text:?}");
                    text.splice(..0, *b"\"\n\\");
                    assert_eq!(string_stop(&text, 3), 3 + before, "{text:?}");
                }
            }
        }
        for byte in (0x20..=0xff).filter(|byte| !matches!(byte, b'"' | b'\\')) {
            let text = [byte; 19];
            assert_eq!(string_stop(&text, 3), 19, "{byte}");
            assert_eq!(string_stop(&text[..7], 3), 7, "{byte}");
        }
        for text in [&b""[..], b"\"", &[b'"'; 16], &[b'"'; 17]] {
            for at in text.len()..text.len() + 2 {
                assert_eq!(string_stop(text, at), text.len());
            }
        }
    }

    proptest! {
        #[test]
        fn line_ends_stand_where_they_are_searched(
            text in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..100),
        ) {
            let searched: Vec<usize> = memchr::memchr_iter(b'\n', &text).collect();
            prop_assert_eq!(line_ends(&text), searched);
        }

        #[test]
        fn a_number_is_what_the_lattice_reads_in_its_text(
            text in r"-?(0|[1-9][0-9]{0,21})(\.[0-9]{1,24})?([eE][-+]?[0-9]{1,3})?",
            behind in "[,} ]",
        ) {
            let (length, found) = number(format!("{text}{behind}").as_bytes()).unwrap();
            prop_assert_eq!(length, text.len());
            match found {
                Number::Int(value) => prop_assert_eq!(Some(value), parse_int(&text)),
                Number::Float(value) => {
                    prop_assert_eq!(Some(TextType::Float64), TextType::of_number(&text));
                    prop_assert_eq!(Some(value.to_bits()), parse_float(&text).map(f64::to_bits));
                }
                Number::Unread => {}
            }
        }
    }

    #[test]
    fn common_numbers_are_read_at_once() {
        assert_eq!(number(b"0,"), Some((1, Number::Int(0))));
        assert_eq!(number(b"-17"), Some((3, Number::Int(-17))));
        let largest = Number::Int(999_999_999_999_999_999);
        assert_eq!(number(b"999999999999999999"), Some((18, largest)));
        assert_eq!(number(b"-12.340"), Some((7, Number::Float(-12.34))));
        assert_eq!(number(b"-0"), Some((2, Number::Unread)));
        for text in ["", "-", ".5", "01", "1.", "1.e5", "1e", "1e+", "NaN", "+1"] {
            assert_eq!(number(text.as_bytes()), None, "{text}");
        }
    }
}
