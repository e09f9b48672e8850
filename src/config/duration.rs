//! Durations as people write them.

use std::fmt::Write as _;
use std::time::Duration;

/// A text that is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a duration such as 500ms, 2s or 1m30s")]
pub struct ParseDurationError(String);

/// Units with their nanoseconds, the longest first.
const UNITS: [(&str, u64); 7] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// Reads a duration: numbers with units, one after the other (`1m30s`, `1.5h`), or `0`.
///
/// # Errors
/// [`ParseDurationError`] for anything else; a number without a unit could mean anything.
pub fn parse_duration(text: &str) -> Result<Duration, ParseDurationError> {
    parse(text.trim()).ok_or_else(|| ParseDurationError(text.to_owned()))
}

fn parse(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut nanos = 0u64;
    let mut rest = text;
    while !rest.is_empty() {
        let split = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(split);
        let end = tail
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(tail.len());
        let (unit, after) = tail.split_at(end);
        nanos = nanos.checked_add(scaled(number, factor(unit)?)?)?;
        rest = after.trim_start();
    }
    (!text.is_empty()).then(|| Duration::from_nanos(nanos))
}

fn factor(unit: &str) -> Option<u64> {
    let unit = if unit == "min" { "m" } else { unit };
    UNITS
        .iter()
        .find(|(name, _)| *name == unit)
        .map(|(_, nanos)| *nanos)
}

/// Multiplies a decimal number in integers, so that no duration is off by a rounding.
fn scaled(number: &str, factor: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = u32::try_from(fraction.len()).ok().filter(|n| *n <= 9)?;
    let fraction =
        u128::from(fraction.parse::<u64>().ok()?) * u128::from(factor) / 10u128.pow(digits);
    whole
        .parse::<u64>()
        .ok()?
        .checked_mul(factor)?
        .checked_add(u64::try_from(fraction).ok()?)
}

/// Writes a duration so that [`parse_duration`] reads the same one.
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    let mut left = duration.as_nanos();
    let mut text = String::new();
    for (unit, nanos) in UNITS {
        let count = left / u128::from(nanos);
        left %= u128::from(nanos);
        if count > 0 {
            let _ = write!(text, "{count}{unit}");
        }
    }
    if text.is_empty() {
        text.push_str("0s");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, millis) in [
            ("0", 0),
            ("2s", 2_000),
            ("500ms", 500),
            ("1m30s", 90_000),
            ("1m 30s", 90_000),
            ("1.5h", 5_400_000),
            ("2min", 120_000),
            ("1d", 86_400_000),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(millis)),
                "{text}"
            );
        }
        for bad in ["", "2", "s", "-1s", "1x", "1.2.3s", "99999999999d", "1s2"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_duration_survives_being_written(nanos: u64) {
            let duration = Duration::from_nanos(nanos);
            proptest::prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }
    }
}
