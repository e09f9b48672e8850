//! Texts under a declared type: what a value is, once somebody has said what it has to be.
//!
//! This is wider than [`TextType`](super::TextType), which has to guess: `007` is seven where an integer is declared,
//! `+5` is five, `yes` is true. It is never lossy: what leaves the range, or has more digits than the type, does not
//! fit. Floats alone take the nearest number, because that is what a float is.

use arrow_schema::DataType;
use chrono::format::{Item, Parsed, StrftimeItems};
use chrono::{DateTime, FixedOffset, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};
use chrono_tz::Tz;

use super::declared::Declared;
use super::text::{parse_date, parse_instant};

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Reads texts as values of one declared column.
#[derive(Debug, Clone)]
pub struct Reading<'a> {
    data_type: &'a DataType,
    format: Option<Vec<Item<'a>>>,
    zone: Option<Tz>,
}

impl<'a> Reading<'a> {
    /// Prepares for the values of `column`.
    #[must_use]
    pub fn new(column: &'a Declared) -> Self {
        let items = |format: &'a String| StrftimeItems::new(format).collect();
        let zone = |zone: &String| zone.parse().ok();
        Self {
            data_type: &column.data_type,
            format: column.format.as_ref().map(items),
            zone: column.time_zone.as_ref().and_then(zone),
        }
    }

    /// Tells whether the format is one.
    pub(super) fn is_possible(&self) -> bool {
        let items = self.format.iter().flatten();
        let mut fields = 0;
        for item in items {
            match item {
                Item::Error => return false,
                Item::Numeric(..) | Item::Fixed(_) => fields += 1,
                _ => {}
            }
        }
        self.format.is_none() || fields > 0
    }

    /// Tells whether `text` is a value of the column.
    #[must_use]
    pub fn takes(&self, text: &str) -> bool {
        use DataType as T;
        match self.data_type {
            T::Boolean => read_boolean(text).is_some(),
            T::Int8 => read_whole::<i8>(text).is_some(),
            T::Int16 => read_whole::<i16>(text).is_some(),
            T::Int32 => read_whole::<i32>(text).is_some(),
            T::Int64 => read_whole::<i64>(text).is_some(),
            T::UInt8 => read_whole::<u8>(text).is_some(),
            T::UInt16 => read_whole::<u16>(text).is_some(),
            T::UInt32 => read_whole::<u32>(text).is_some(),
            T::UInt64 => read_whole::<u64>(text).is_some(),
            T::Float32 => read_single(text).is_some(),
            T::Float64 => read_double(text).is_some(),
            T::Decimal128(precision, scale) => read_decimal(text, *precision, *scale).is_some(),
            T::Date32 => self.date(text).is_some(),
            T::Timestamp(_, None) => self.local(text).is_some(),
            T::Timestamp(..) => self.instant(text).is_some(),
            _ => true,
        }
    }

    /// Reads a day, as days since 1970-01-01.
    #[must_use]
    pub fn date(&self, text: &str) -> Option<i32> {
        if self.format.is_none() {
            return parse_date(text);
        }
        let (day, time) = self.parts(text)?;
        // A day is all that a date holds: a time beside it would be lost.
        let is_midnight = time.time.is_none_or(|time| time == NaiveTime::MIN);
        (is_midnight && time.offset.is_none()).then(|| days(day))?
    }

    /// Reads a time that a clock shows somewhere, as microseconds since 1970-01-01T00:00:00 there.
    #[must_use]
    pub fn local(&self, text: &str) -> Option<i64> {
        if self.format.is_none() {
            if let Some(day) = parse_date(text) {
                return Some(i64::from(day) * MICROS_PER_DAY);
            }
            let (micros, zoned) = parse_instant(text)?;
            return (!zoned).then_some(micros);
        }
        let (day, rest) = self.parts(text)?;
        if rest.offset.is_some() {
            return None;
        }
        micros(day.and_time(rest.time.unwrap_or_default()))
    }

    /// Reads an instant, as microseconds since 1970-01-01T00:00:00Z.
    ///
    /// A time that says no zone is one of the column's time zone, and no instant where the column has none. Where clocks
    /// show it twice, it is the first; where they never show it, it is none.
    #[must_use]
    pub fn instant(&self, text: &str) -> Option<i64> {
        if self.format.is_none() {
            if let Some((micros, true)) = parse_instant(text) {
                return Some(micros);
            }
            let shown = match parse_date(text) {
                Some(day) => i64::from(day) * MICROS_PER_DAY,
                None => parse_instant(text)?.0,
            };
            return self.in_zone(DateTime::from_timestamp_micros(shown)?.naive_utc());
        }
        let (day, rest) = self.parts(text)?;
        let shown = day.and_time(rest.time.unwrap_or_default());
        match rest.offset {
            Some(offset) => micros(shown.checked_sub_offset(offset)?),
            None => self.in_zone(shown),
        }
    }

    /// Returns the instant at which clocks in the column's zone show `shown`.
    #[must_use]
    pub fn in_zone(&self, shown: NaiveDateTime) -> Option<i64> {
        match self.zone?.from_local_datetime(&shown) {
            LocalResult::Single(instant) => micros(instant.naive_utc()),
            LocalResult::Ambiguous(first, second) => micros(first.min(second).naive_utc()),
            LocalResult::None => None,
        }
    }

    fn parts(&self, text: &str) -> Option<(NaiveDate, Rest)> {
        let mut parsed = Parsed::new();
        let items = self.format.as_ref()?.iter();
        chrono::format::parse(&mut parsed, text, items).ok()?;
        if parsed.timestamp().is_some() {
            // Seconds since 1970 are an instant, whatever clocks show and however far from UTC.
            let utc = parsed.to_naive_datetime_with_offset(0).ok()?;
            let offset = FixedOffset::east_opt(0);
            let time = Some(utc.time());
            return Some((utc.date(), Rest { time, offset }));
        }
        let offset = parsed.offset().and_then(FixedOffset::east_opt);
        let day = parsed.to_naive_date().ok()?;
        let has_time = parsed.hour_div_12().is_some() || parsed.hour_mod_12().is_some();
        let time = match parsed.to_naive_time() {
            Ok(time) => Some(time),
            Err(_) if has_time => return None,
            Err(_) => None,
        };
        Some((day, Rest { time, offset }))
    }
}

/// What stands beside a day.
struct Rest {
    time: Option<NaiveTime>,
    offset: Option<FixedOffset>,
}

fn days(day: NaiveDate) -> Option<i32> {
    let since = day.signed_duration_since(NaiveDate::from_ymd_opt(1970, 1, 1)?);
    i32::try_from(since.num_days()).ok()
}

/// Returns microseconds, and nothing where there are finer digits, or a leap second.
fn micros(shown: NaiveDateTime) -> Option<i64> {
    let utc = shown.and_utc();
    let nanos = utc.timestamp_subsec_nanos();
    let fits = nanos < 1_000_000_000 && nanos.is_multiple_of(1000);
    fits.then(|| utc.timestamp_micros())
}

/// Reads a whole number of any width: leading zeros and a plus sign say nothing.
#[must_use]
pub fn read_whole<T: TryFrom<i128>>(text: &str) -> Option<T> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    T::try_from(text.parse::<i128>().ok()?).ok()
}

/// Reads `true`, `t`, `yes`, `y`, `1` and their opposites, in any case.
#[must_use]
pub fn read_boolean(text: &str) -> Option<bool> {
    const WORDS: [(&str, bool); 10] = [
        ("true", true),
        ("false", false),
        ("t", true),
        ("f", false),
        ("yes", true),
        ("no", false),
        ("y", true),
        ("n", false),
        ("1", true),
        ("0", false),
    ];
    let known = WORDS
        .iter()
        .find(|(word, _)| word.eq_ignore_ascii_case(text));
    known.map(|(_, value)| *value)
}

/// Reads a number as the nearest of 64 bits; beyond the largest there is none. `NaN`, `inf` and `infinity` are numbers.
#[must_use]
pub fn read_double(text: &str) -> Option<f64> {
    text.parse()
        .ok()
        .filter(|number: &f64| number.is_finite() || is_no_number(text))
}

/// Reads a number as the nearest of 32 bits; beyond the largest there is none.
#[must_use]
pub fn read_single(text: &str) -> Option<f32> {
    text.parse()
        .ok()
        .filter(|number: &f32| number.is_finite() || is_no_number(text))
}

/// Tells whether the text says itself that it is not finite.
fn is_no_number(text: &str) -> bool {
    !text.bytes().any(|byte| byte.is_ascii_digit())
}

/// Reads a decimal number as a multiple of its last digit; `None` where it has more digits than fit.
#[must_use]
pub fn read_decimal(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, read_whole::<i32>(exponent)?),
        None => (text, 0),
    };
    let (sign, unsigned) = match mantissa.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let behind = i64::try_from(fraction.len()).ok()? - i64::from(exponent);
    let mut missing = i64::from(scale) - behind;
    while missing < 0 && digits.last() == Some(&b'0') {
        digits.pop();
        missing += 1;
    }
    let start = digits.iter().position(|digit| *digit != b'0');
    let Some(start) = start else {
        return Some(0);
    };
    let zeros = usize::try_from(missing).ok()?;
    let limit = usize::from(precision);
    if (digits.len() - start).saturating_add(zeros) > limit {
        return None;
    }
    digits.resize(digits.len() + zeros, b'0');
    let value = digits[start..].iter();
    let value = value.fold(0_i128, |value, digit| value * 10 + i128::from(digit - b'0'));
    Some(sign * value)
}
