//! The type of one value that is written as text, and its strict readers.
//!
//! [`TextType::of`] and the readers agree: a value is of a type exactly where that type's reader takes it and no
//! smaller type's reader does.

use std::sync::Arc;

use arrow_schema::{DataType, TimeUnit};

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// The types that a text value can have: a small copy of the lattice, for use on every value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TextType {
    /// No value seen.
    Null,
    /// `true` or `false`.
    Boolean,
    /// A whole number within 64 bits.
    Int64,
    /// Any other finite number.
    Float64,
    /// A day.
    Date,
    /// A day and a time without a zone.
    Naive,
    /// A day and a time with a zone.
    Utc,
    /// Anything else.
    Text,
}

impl TextType {
    /// Returns the type of one non-empty value.
    #[must_use]
    pub fn of(text: &str) -> Self {
        match text.as_bytes() {
            [b'-' | b'0'..=b'9', ..] => {
                Self::of_number(text).unwrap_or_else(|| Self::of_string(text))
            }
            _ if parse_boolean(text).is_some() => Self::Boolean,
            _ => Self::Text,
        }
    }

    /// Returns the type of a value that its format writes as a string, other than numbers and booleans: a day or an
    /// instant, for which such formats have no notation of their own, or text.
    #[must_use]
    pub fn of_string(text: &str) -> Self {
        match parse_instant(text) {
            Some((_, true)) => Self::Utc,
            Some((_, false)) => Self::Naive,
            None if parse_date(text).is_some() => Self::Date,
            None => Self::Text,
        }
    }

    /// Returns `Int64`, `Float64`, or `None` for what is no number that either holds.
    #[must_use]
    pub fn of_number(text: &str) -> Option<Self> {
        if parse_int(text).is_some() {
            return Some(Self::Int64);
        }
        parse_float(text).map(|_| Self::Float64)
    }

    /// Returns the smallest type that holds the values of both.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        use TextType::{Date, Float64, Int64, Naive, Null, Text, Utc};
        match (self, other) {
            (a, b) if a == b => a,
            (Null, other) | (other, Null) => other,
            (Int64, Float64) | (Float64, Int64) => Float64,
            (Date, Naive) | (Naive, Date) => Naive,
            (Date, Utc) | (Utc, Date) => Utc,
            _ => Text,
        }
    }

    /// Returns the same type in Arrow's terms.
    #[must_use]
    pub fn data_type(self) -> DataType {
        match self {
            Self::Null => DataType::Null,
            Self::Boolean => DataType::Boolean,
            Self::Int64 => DataType::Int64,
            Self::Float64 => DataType::Float64,
            Self::Date => DataType::Date32,
            Self::Naive => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Utc => DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC"))),
            Self::Text => DataType::Utf8,
        }
    }
}

/// Returns the type of one non-empty text value.
#[must_use]
pub fn classify(text: &str) -> DataType {
    TextType::of(text).data_type()
}

/// Reads `true` or `false` in lower, upper or title case.
#[must_use]
pub fn parse_boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

/// Reads a whole number: no leading zero, no plus sign, within 64 bits, and not `-0`.
#[must_use]
pub fn parse_int(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    match digits {
        [b'0'] if text.len() == 1 => Some(0),
        [b'1'..=b'9', ..] if digits.len() < 19 => {
            let value = number(digits)?.cast_signed();
            Some(if digits.len() < text.len() {
                -value
            } else {
                value
            })
        }
        [b'1'..=b'9', rest @ ..] if digits.len() == 19 && rest.iter().all(u8::is_ascii_digit) => {
            text.parse().ok()
        }
        _ => None,
    }
}

/// Reads a finite number. A whole number beyond 64 bits is refused: it would lose digits.
#[must_use]
pub fn parse_float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix('-').unwrap_or(text).as_bytes();
    if let Some(number) = short_decimal(unsigned) {
        return Some(if unsigned.len() < text.len() {
            -number
        } else {
            number
        });
    }
    let rest = match unsigned {
        [b'0', rest @ ..] => rest,
        [b'1'..=b'9', ..] => without_digits(unsigned),
        _ => return None,
    };
    if rest.is_empty() && text != "-0" {
        // Exactly what the smaller type takes.
        parse_int(text)?;
    }
    let rest = match rest {
        [b'.', fraction @ ..] => {
            Some(without_digits(fraction)).filter(|r| r.len() < fraction.len())?
        }
        other => other,
    };
    let complete = match rest {
        [] => true,
        [b'e' | b'E', b'+' | b'-', digits @ ..] | [b'e' | b'E', digits @ ..] => {
            !digits.is_empty() && without_digits(digits).is_empty()
        }
        _ => false,
    };
    if !complete {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// Reads a day, `YYYY-MM-DD`, as days since 1970-01-01.
#[must_use]
pub fn parse_date(text: &str) -> Option<i32> {
    date(text.as_bytes())
}

/// Reads a day and a time, as microseconds since 1970-01-01T00:00:00 (in UTC where there is a zone) and whether
/// there is a zone.
#[must_use]
pub fn parse_instant(text: &str) -> Option<(i64, bool)> {
    let (day, rest) = text.as_bytes().split_at_checked(10)?;
    let [b'T' | b' ', h1, h2, b':', m1, m2, rest @ ..] = rest else {
        return None;
    };
    let (s1, s2, rest, may_go_on) = match rest {
        [b':', s1, s2, rest @ ..] => (*s1, *s2, rest, true),
        _ => (b'0', b'0', rest, false),
    };
    let seconds = i64::from(date(day)?) * SECONDS_PER_DAY + clock([*h1, *h2, *m1, *m2, s1, s2])?;
    let (fraction, rest) = match rest {
        [b'.', tail @ ..] if may_go_on => {
            let rest = without_digits(tail);
            (micros(&tail[..tail.len() - rest.len()])?, rest)
        }
        _ => (0, rest),
    };
    let (offset, zoned) = match rest {
        [] => (0, false),
        [b'Z'] => (0, true),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let offset = clock([*h1, *h2, *m1, *m2, b'0', b'0'])?;
            (if *sign == b'-' { -offset } else { offset }, true)
        }
        _ => return None,
    };
    Some(((seconds - offset) * MICROS_PER_SECOND + fraction, zoned))
}

fn date(text: &[u8]) -> Option<i32> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text else {
        return None;
    };
    let digits = eight_digits([*y1, *y2, *y3, *y4, *m1, *m2, *d1, *d2])?;
    let digits = u32::try_from(digits).ok()?;
    days_of(digits / 10_000, digits / 100 % 100, digits % 100)
}

/// Counts the days from 1970-01-01 to a date of a year of four digits, without a branch that depends on month or day.
fn days_of(year: u32, month: u32, day: u32) -> Option<i32> {
    const LENGTHS: [u32; 13] = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    const BEFORE: [u32; 13] = [0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    /// What the count below is for 1970-01-01.
    const EPOCH: i32 = 865_624;
    let at = usize::try_from(month).ok()?;
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let leap_day = u32::from(is_leap);
    let length = LENGTHS.get(at)? + (leap_day & u32::from(month == 2));
    if day.wrapping_sub(1) >= length {
        return None;
    }
    let past = year + 399;
    let leap_days = past / 4 - past / 100 + past / 400 + (leap_day & u32::from(month > 2));
    let days = (year + 400) * 365 + leap_days + BEFORE.get(at)? + day - 1;
    Some(days.cast_signed() - EPOCH)
}

/// Returns the seconds of hours, minutes and seconds of two digits each.
fn clock([h1, h2, m1, m2, s1, s2]: [u8; 6]) -> Option<i64> {
    let digits = eight_digits([b'0', b'0', h1, h2, m1, m2, s1, s2])?;
    let digits = digits.cast_signed();
    let (hour, minute, second) = (digits / 10_000, digits / 100 % 100, digits % 100);
    (hour < 24 && minute < 60 && second < 60).then_some(hour * 3600 + minute * 60 + second)
}

/// Reads a number as most are: few digits, with a point among them. What a float holds digit for digit, divided by a
/// power of ten that it holds as well, is rounded once, and so as exactly as can be.
fn short_decimal(unsigned: &[u8]) -> Option<f64> {
    const MOST_WHOLE: u64 = 1 << 53;
    const POWERS: [f64; 16] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
    ];
    if unsigned.len() > 17 {
        return None;
    }
    let point = unsigned.iter().position(|byte| *byte == b'.')?;
    let (whole, fraction) = (&unsigned[..point], &unsigned[point + 1..]);
    if !matches!(whole, [b'0'] | [b'1'..=b'9', ..]) || fraction.is_empty() {
        return None;
    }
    let digits = digits_from(digits_from(0, whole)?, fraction)?;
    let power = POWERS.get(fraction.len())?;
    #[expect(clippy::cast_precision_loss, reason = "as much as a float holds")]
    (digits <= MOST_WHOLE).then(|| digits as f64 / power)
}

/// Reads a number of at most 18 digits, and of nothing else.
fn number(digits: &[u8]) -> Option<u64> {
    let (words, rest) = digits.as_chunks::<8>();
    let mut value = 0;
    for word in words {
        value = value * 100_000_000 + eight_digits(*word)?;
    }
    digits_from(value, rest)
}

/// Appends digits, of which there are few, to a number.
fn digits_from(value: u64, digits: &[u8]) -> Option<u64> {
    let mut value = value;
    let mut wrong = false;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        wrong |= digit > 9;
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
    }
    (!wrong).then_some(value)
}

/// Reads eight digits at once: neighbours are put together, then pairs, then fours.
fn eight_digits(digits: [u8; 8]) -> Option<u64> {
    let word = u64::from_le_bytes(digits);
    // A digit's upper half is 3, also with six added to its lower half.
    let upper = 0xf0f0_f0f0_f0f0_f0f0;
    let threes = 0x3030_3030_3030_3030;
    let sixes = 0x0606_0606_0606_0606;
    if word & upper != threes || word.wrapping_add(sixes) & upper != threes {
        return None;
    }
    let ones = word - threes;
    let pairs = (ones * 10 + (ones >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    Some((fours * 10_000 + (fours >> 32)) & 0xffff_ffff)
}

fn micros(digits: &[u8]) -> Option<i64> {
    if digits.is_empty() || digits.len() > 6 {
        return None;
    }
    let padded = digits
        .iter()
        .copied()
        .chain(std::iter::repeat(b'0'))
        .take(6);
    Some(padded.fold(0, |value, digit| value * 10 + i64::from(digit - b'0')))
}

fn without_digits(text: &[u8]) -> &[u8] {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    &text[count..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::days_of_date;
    use proptest::prelude::*;

    #[test]
    fn every_date_is_counted_as_the_calendar_does() {
        for year in (0..10_000_u32).filter(|year| year % 7 == 0 || year % 100 == 0 || *year == 1970)
        {
            for (month, day) in (0..=13).flat_map(|month| (0..=32).map(move |day| (month, day))) {
                let expected = days_of_date(year.into(), month.into(), day.into());
                let found = days_of(year, month, day).map(i64::from);
                assert_eq!(found, expected, "{year}-{month}-{day}");
            }
        }
    }

    #[test]
    fn eight_digits_are_digits_and_nothing_beside_them() {
        assert_eq!(eight_digits(*b"12345678"), Some(12_345_678));
        assert_eq!(eight_digits(*b"00000009"), Some(9));
        for at in 0..8 {
            for byte in 0..=u8::MAX {
                let mut digits = *b"99999999";
                digits[at] = byte;
                let number = std::str::from_utf8(&digits).ok();
                let number = number.filter(|_| byte.is_ascii_digit());
                let expected = number.and_then(|number| number.parse().ok());
                assert_eq!(eight_digits(digits), expected, "{digits:?}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

        #[test]
        fn numbers_are_what_the_standard_library_reads(
            text in "-?(0|[1-9][0-9]{0,19})(\\.[0-9]{0,20})?([eE][+-]?[0-9]{1,3})?",
        ) {
            let is_whole = text.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit());
            let whole = text.parse::<i64>().ok().filter(|_| is_whole && text != "-0");
            prop_assert_eq!(parse_int(&text), whole);
            let float = text.parse::<f64>().ok().filter(|number| number.is_finite());
            let is_held = !text.ends_with('.') && !text.contains(".e") && !text.contains(".E");
            let is_held = is_held && (!is_whole || whole.is_some() || text == "-0");
            let expected = float.filter(|_| is_held).map(f64::to_bits);
            prop_assert_eq!(parse_float(&text).map(f64::to_bits), expected);
        }
    }
}
