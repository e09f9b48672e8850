//! Instants in UTC nanoseconds, and the calendar that people read them by.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

const NANOS_PER_SECOND: i64 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// An instant: nanoseconds since 1970-01-01T00:00:00Z. Written and read as RFC 3339, always in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(pub i64);

/// A text that is not an instant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not an instant such as 2026-01-31, 2026-01-31T10:00:00Z or 2026-01-31T10:00:00+02:00"
)]
pub struct ParseTimestampError(String);

impl Timestamp {
    /// Returns the instant `duration` later; stops at the end of time instead of wrapping.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanos(duration)))
    }

    /// Returns the instant `duration` earlier; stops at the beginning of time instead of wrapping.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(duration)))
    }

    /// Returns the time from `earlier` to `self`, zero where `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or_default())
    }

    /// Tells whether the instant falls on a whole second, as stamps of coarse file systems do.
    #[must_use]
    pub fn is_whole_second(self) -> bool {
        self.0 % NANOS_PER_SECOND == 0
    }
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// Returns days since 1970-01-01 of a date in the Gregorian calendar, `None` where there is no such date.
///
/// The era arithmetic counts years from March, so that the leap day is the last day of its year.
#[must_use]
pub(crate) fn days_of_date(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return None;
    }
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 31,
    }
}

/// Returns year, month and day of a count of days since 1970-01-01.
#[must_use]
pub(crate) fn date_of_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.div_euclid(NANOS_PER_SECOND);
        let fraction = self.0.rem_euclid(NANOS_PER_SECOND);
        let (year, month, day) = date_of_days(seconds.div_euclid(SECONDS_PER_DAY));
        let second = seconds.rem_euclid(SECONDS_PER_DAY);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}",
            second / 3600,
            second / 60 % 60,
            second % 60
        )?;
        if fraction != 0 {
            let digits = format!("{fraction:09}");
            write!(f, ".{}", digits.trim_end_matches('0'))?;
        }
        f.write_str("Z")
    }
}

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text.as_bytes()).ok_or_else(|| ParseTimestampError(text.to_owned()))
    }
}

/// Reads `YYYY-MM-DD`, optionally with a time, a fraction and a zone; without a zone it is UTC.
fn parse(text: &[u8]) -> Option<Timestamp> {
    let (date, rest) = text.split_at_checked(10)?;
    let days = match date {
        [y @ .., b'-', m1, m2, b'-', d1, d2] if y.len() == 4 => {
            days_of_date(digits(y)?, digits(&[*m1, *m2])?, digits(&[*d1, *d2])?)?
        }
        _ => return None,
    };
    let mut seconds = days * SECONDS_PER_DAY;
    let mut fraction = 0;
    if let [b'T' | b't' | b' ', time @ ..] = rest {
        let zone_at = time
            .iter()
            .position(|b| matches!(b, b'Z' | b'z' | b'+' | b'-'))
            .unwrap_or(time.len());
        let (clock, zone) = time.split_at(zone_at);
        let (clock, tail) = match clock.iter().position(|b| *b == b'.') {
            Some(dot) => (&clock[..dot], Some(&clock[dot + 1..])),
            None => (clock, None),
        };
        seconds += clock_seconds(clock)?;
        if let Some(tail) = tail {
            let scale = u32::try_from(9usize.checked_sub(tail.len())?).ok()?;
            fraction = digits(tail)? * 10i64.pow(scale);
        }
        seconds -= zone_seconds(zone)?;
    } else if !rest.is_empty() {
        return None;
    }
    seconds
        .checked_mul(NANOS_PER_SECOND)?
        .checked_add(fraction)
        .map(Timestamp)
}

fn clock_seconds(clock: &[u8]) -> Option<i64> {
    let mut total = 0;
    let mut count = 0;
    for (part, limit) in clock.split(|b| *b == b':').zip([24, 60, 60]) {
        let value = digits(part).filter(|v| part.len() == 2 && *v < limit)?;
        total = total * 60 + value;
        count += 1;
    }
    match (count, clock.len()) {
        (2, 5) => Some(total * 60),
        (3, 8) => Some(total),
        _ => None,
    }
}

fn zone_seconds(zone: &[u8]) -> Option<i64> {
    match zone {
        [] | [b'Z' | b'z'] => Some(0),
        [sign, h1, h2, b':', m1, m2] => {
            let hours = digits(&[*h1, *h2]).filter(|h| *h < 24)?;
            let minutes = digits(&[*m1, *m2]).filter(|m| *m < 60)?;
            let offset = hours * 3600 + minutes * 60;
            Some(if *sign == b'-' { -offset } else { offset })
        }
        _ => None,
    }
}

fn digits(text: &[u8]) -> Option<i64> {
    if text.is_empty() || text.len() > 9 {
        return None;
    }
    text.iter().try_fold(0, |value, byte| {
        byte.is_ascii_digit()
            .then(|| value * 10 + i64::from(byte - b'0'))
    })
}

impl TryFrom<String> for Timestamp {
    type Error = ParseTimestampError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Timestamp> for String {
    fn from(at: Timestamp) -> Self {
        at.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_written_in_utc_and_read_back() {
        for (nanos, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59.999999999Z"),
            (1_709_164_800_000_000_000, "2024-02-29T00:00:00Z"),
            (1_700_000_000_120_000_000, "2023-11-14T22:13:20.12Z"),
        ] {
            assert_eq!(Timestamp(nanos).to_string(), text);
            assert_eq!(text.parse(), Ok(Timestamp(nanos)));
        }
    }

    #[test]
    fn a_date_and_an_offset_are_understood() {
        assert_eq!("1970-01-02".parse(), Ok(Timestamp(86_400 * 1_000_000_000)));
        assert_eq!(
            "1970-01-01T02:00+02:00".parse::<Timestamp>(),
            Ok(Timestamp(0))
        );
        for bad in [
            "",
            "1970",
            "1970-13-01",
            "1970-02-30",
            "1970-01-01T25:00Z",
            "1970-01-01x",
        ] {
            assert!(bad.parse::<Timestamp>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_calendar_is_its_own_inverse() {
        for days in (-800_000..800_000).step_by(97) {
            let (year, month, day) = date_of_days(days);
            assert_eq!(days_of_date(year, month, day), Some(days));
        }
    }
}
