//! Partition values as text, exact both ways.
//!
//! Integers are plain, floats the shortest text that reads back as the same number, dates `YYYY-MM-DD`,
//! timestamps `YYYY-MM-DDTHH:MM:SS[.fraction]` with a `Z` where the type has a zone (the value is UTC then),
//! booleans `true` and `false`, text itself. Years outside 0 to 9999 carry a sign. All NaNs are one.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, LargeStringArray, PrimitiveArray, StringArray,
};
use arrow::compute::kernels::cast_utils::parse_decimal;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Decimal256Type, Float32Type,
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};

use crate::model::{date_of_days, days_of_date};

const SECONDS_A_DAY: i64 = 86_400;

/// Tells whether values of the type have a text, so that rows can be routed by them.
#[must_use]
pub fn is_routable(data_type: &DataType) -> bool {
    use DataType as T;
    data_type.is_integer()
        || matches!(
            data_type,
            T::Null
                | T::Boolean
                | T::Float32
                | T::Float64
                | T::Date32
                | T::Timestamp(..)
                | T::Utf8
                | T::LargeUtf8
                | T::Utf8View
                | T::Decimal128(..)
                | T::Decimal256(..)
        )
}

/// Returns the text of one value, `None` for null; the type is one that [`is_routable`].
pub(super) fn text_of(array: &dyn Array, row: usize) -> Option<String> {
    use DataType as T;
    if array.is_null(row) {
        return None;
    }
    Some(match array.data_type() {
        T::Boolean => array.as_boolean().value(row).to_string(),
        T::Int8 => array.as_primitive::<Int8Type>().value(row).to_string(),
        T::Int16 => array.as_primitive::<Int16Type>().value(row).to_string(),
        T::Int32 => array.as_primitive::<Int32Type>().value(row).to_string(),
        T::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        T::UInt8 => array.as_primitive::<UInt8Type>().value(row).to_string(),
        T::UInt16 => array.as_primitive::<UInt16Type>().value(row).to_string(),
        T::UInt32 => array.as_primitive::<UInt32Type>().value(row).to_string(),
        T::UInt64 => array.as_primitive::<UInt64Type>().value(row).to_string(),
        T::Float32 => format!("{:?}", array.as_primitive::<Float32Type>().value(row)),
        T::Float64 => format!("{:?}", array.as_primitive::<Float64Type>().value(row)),
        T::Date32 => date_text(array.as_primitive::<Date32Type>().value(row).into()),
        T::Timestamp(unit, zone) => {
            let mut text = timestamp_text(timestamp(array, *unit, row), *unit);
            text.push_str(if zone.is_some() { "Z" } else { "" });
            text
        }
        T::Utf8 => array.as_string::<i32>().value(row).to_owned(),
        T::LargeUtf8 => array.as_string::<i64>().value(row).to_owned(),
        T::Utf8View => array.as_string_view().value(row).to_owned(),
        T::Decimal128(..) => array.as_primitive::<Decimal128Type>().value_as_string(row),
        T::Decimal256(..) => array.as_primitive::<Decimal256Type>().value_as_string(row),
        _ => return None,
    })
}

/// Returns an array of the one value that `text` stands for, `None` where it is not of the type.
pub(super) fn parse(text: &str, data_type: &DataType) -> Option<ArrayRef> {
    use DataType as T;
    match data_type {
        T::Boolean => Some(Arc::new(BooleanArray::from(vec![
            text.parse::<bool>().ok()?,
        ]))),
        T::Int8 => number::<Int8Type>(text),
        T::Int16 => number::<Int16Type>(text),
        T::Int32 => number::<Int32Type>(text),
        T::Int64 => number::<Int64Type>(text),
        T::UInt8 => number::<UInt8Type>(text),
        T::UInt16 => number::<UInt16Type>(text),
        T::UInt32 => number::<UInt32Type>(text),
        T::UInt64 => number::<UInt64Type>(text),
        T::Float32 => number::<Float32Type>(text),
        T::Float64 => number::<Float64Type>(text),
        T::Date32 => Some(one::<Date32Type>(
            i32::try_from(parse_date(text)?).ok()?,
            data_type,
        )),
        T::Timestamp(unit, zone) => {
            let text = match zone {
                Some(_) => text.strip_suffix('Z')?,
                None => text,
            };
            let value = parse_timestamp(text, *unit)?;
            Some(match unit {
                TimeUnit::Second => one::<TimestampSecondType>(value, data_type),
                TimeUnit::Millisecond => one::<TimestampMillisecondType>(value, data_type),
                TimeUnit::Microsecond => one::<TimestampMicrosecondType>(value, data_type),
                TimeUnit::Nanosecond => one::<TimestampNanosecondType>(value, data_type),
            })
        }
        T::Utf8 => Some(Arc::new(StringArray::from(vec![text]))),
        T::LargeUtf8 => Some(Arc::new(LargeStringArray::from(vec![text]))),
        T::Utf8View => Some(Arc::new(arrow::array::StringViewArray::from(vec![text]))),
        T::Decimal128(precision, scale) => {
            let value = parse_decimal::<Decimal128Type>(text, *precision, *scale).ok()?;
            Some(one::<Decimal128Type>(value, data_type))
        }
        T::Decimal256(precision, scale) => {
            let value = parse_decimal::<Decimal256Type>(text, *precision, *scale).ok()?;
            Some(one::<Decimal256Type>(value, data_type))
        }
        _ => None,
    }
}

fn number<T: ArrowPrimitiveType>(text: &str) -> Option<ArrayRef>
where
    T::Native: std::str::FromStr,
{
    Some(one::<T>(text.parse().ok()?, &T::DATA_TYPE))
}

fn one<T: ArrowPrimitiveType>(value: T::Native, data_type: &DataType) -> ArrayRef {
    let array = PrimitiveArray::<T>::from_value(value, 1);
    Arc::new(array.with_data_type(data_type.clone()))
}

fn timestamp(array: &dyn Array, unit: TimeUnit, row: usize) -> i64 {
    match unit {
        TimeUnit::Second => array.as_primitive::<TimestampSecondType>().value(row),
        TimeUnit::Millisecond => array.as_primitive::<TimestampMillisecondType>().value(row),
        TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().value(row),
        TimeUnit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().value(row),
    }
}

/// Returns the digits of a fraction of a second, and how many such fractions make one.
fn resolution(unit: TimeUnit) -> (usize, i64) {
    match unit {
        TimeUnit::Second => (0, 1),
        TimeUnit::Millisecond => (3, 1_000),
        TimeUnit::Microsecond => (6, 1_000_000),
        TimeUnit::Nanosecond => (9, 1_000_000_000),
    }
}

fn timestamp_text(value: i64, unit: TimeUnit) -> String {
    let (digits, a_second) = resolution(unit);
    let (seconds, fraction) = (value.div_euclid(a_second), value.rem_euclid(a_second));
    let (days, second) = (
        seconds.div_euclid(SECONDS_A_DAY),
        seconds.rem_euclid(SECONDS_A_DAY),
    );
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let text = format!("{}T{hour:02}:{minute:02}:{second:02}", date_text(days));
    if fraction == 0 {
        return text;
    }
    format!("{text}.{fraction:0digits$}")
}

fn parse_timestamp(text: &str, unit: TimeUnit) -> Option<i64> {
    let (date, time) = text.split_once('T')?;
    let (clock, fraction) = time.split_once('.').unwrap_or((time, ""));
    let (digits, a_second) = resolution(unit);
    let mut parts = clock.split(':').map(|part| digits_of(part, 2));
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 59 || fraction.len() > digits
    {
        return None;
    }
    let fraction = match fraction {
        "" => 0,
        some => digits_of(&format!("{some:0<digits$}"), digits)?,
    };
    let seconds = parse_date(date)? * SECONDS_A_DAY + hour * 3600 + minute * 60 + second;
    i64::try_from(i128::from(seconds) * i128::from(a_second) + i128::from(fraction)).ok()
}

/// Reads exactly `count` digits.
fn digits_of(text: &str, count: usize) -> Option<i64> {
    (text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())?
}

/// Returns the date that is `days` after 1970-01-01 in the proleptic Gregorian calendar.
fn date_text(days: i64) -> String {
    let (year, month, day) = date_of_days(days);
    match year {
        0..=9999 => format!("{year:04}-{month:02}-{day:02}"),
        _ => format!("{year:+05}-{month:02}-{day:02}"),
    }
}

/// Returns the days from 1970-01-01 to the date, `None` where there is no such date.
fn parse_date(text: &str) -> Option<i64> {
    let (rest, day) = text.rsplit_once('-')?;
    let (year, month) = rest.rsplit_once('-')?;
    let (month, day) = (digits_of(month, 2)?, digits_of(day, 2)?);
    let year: i64 = year
        .parse()
        .ok()
        .filter(|year: &i64| year.abs() < 10_000_000)?;
    let days = days_of_date(year, month, day)?;
    (date_text(days) == text).then_some(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_types_that_can_be_declared_only_binary_names_no_directories() {
        for text in crate::schema::DECLARABLE.split(", ") {
            let text = text.trim().replace("(p,s)", "(5,2)");
            let data_type = crate::schema::parse_type(&text).unwrap();
            assert_eq!(is_routable(&data_type), text != "binary", "{text}");
        }
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (days, text) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (19_782, "2024-02-29"),
            (11_016, "2000-02-29"),
            (-719_528, "0000-01-01"),
            (-719_529, "-0001-12-31"),
            (2_932_896, "9999-12-31"),
            (2_932_897, "+10000-01-01"),
        ] {
            assert_eq!(date_text(days), text);
            assert_eq!(parse_date(text), Some(days));
        }
        for bad in [
            "2023-02-29",
            "2024-13-01",
            "2024-1-1",
            "x",
            "",
            "2024-00-10",
            "--1-01-01",
        ] {
            assert_eq!(parse_date(bad), None, "{bad}");
        }
    }

    #[test]
    fn timestamps_show_the_fraction_only_where_there_is_one() {
        for (value, unit, text) in [
            (0, TimeUnit::Microsecond, "1970-01-01T00:00:00"),
            (-1, TimeUnit::Microsecond, "1969-12-31T23:59:59.999999"),
            (1_500, TimeUnit::Millisecond, "1970-01-01T00:00:01.500"),
            (86_399, TimeUnit::Second, "1970-01-01T23:59:59"),
        ] {
            assert_eq!(timestamp_text(value, unit), text);
            assert_eq!(parse_timestamp(text, unit), Some(value));
        }
        for bad in [
            "1970-01-01",
            "1970-01-01T24:00:00",
            "1970-01-01T00:00",
            "1970-01-01T00:00:00.5",
        ] {
            assert_eq!(parse_timestamp(bad, TimeUnit::Second), None, "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_instant_reads_back(value: i64, days: i32) {
            for unit in [TimeUnit::Second, TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond] {
                let value = if unit == TimeUnit::Second { value / 1_000_000 } else { value };
                let value = if unit == TimeUnit::Millisecond { value / 1_000 } else { value };
                proptest::prop_assert_eq!(parse_timestamp(&timestamp_text(value, unit), unit), Some(value));
            }
            proptest::prop_assert_eq!(parse_date(&date_text(days.into())), Some(days.into()));
        }
    }
}
