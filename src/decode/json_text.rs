//! Any value as text: what a column of another type becomes when it is widened to `Utf8`.
//!
//! Single values are written as people write them (dates and instants in ISO 8601, binary in lower-case
//! hexadecimal digits), nested ones as compact JSON. What stands for a time of day that no clock shows is written as the
//! number that it is.

use std::fmt::Write;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeBinaryArray, GenericBinaryArray, ListArray, MapArray,
    RecordBatch, StringArray, StringBuilder, StructArray,
};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Float64Type, TimeUnit, TimestampMicrosecondType, TimestampNanosecondType,
};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::model::date_of_days;

const SECONDS_PER_DAY: i64 = 86_400;

/// Returns the text of every value of `array`, which has a canonical type. Nulls stay null.
pub(super) fn to_text(array: &ArrayRef) -> Result<StringArray, ArrowError> {
    texts(array, Nulls::Written)
}

fn texts(array: &ArrayRef, nulls: Nulls) -> Result<StringArray, ArrowError> {
    let texts = Texts::of(array, nulls)?;
    let mut builder = StringBuilder::with_capacity(array.len(), array.len() * 8);
    let mut text = String::new();
    for row in 0..array.len() {
        if array.is_null(row) {
            builder.append_null();
            continue;
        }
        text.clear();
        texts.write(row, &mut text)?;
        builder.append_value(&text);
    }
    Ok(builder.finish())
}

/// Returns every row of `batch` as a JSON object: what it holds, whatever columns other rows gave the batch. So names
/// are sorted, and what is null is left out, but for items of lists. The columns have canonical types.
///
/// # Errors
/// Where a value cannot be shown.
pub fn rows_as_json(batch: &RecordBatch) -> Result<StringArray, ArrowError> {
    let schema = batch.schema();
    let mut columns: Vec<usize> = (0..batch.num_columns()).collect();
    columns.sort_by_key(|column| schema.field(*column).name());
    let rows: ArrayRef = Arc::new(StructArray::from(batch.project(&columns)?));
    texts(&rows, Nulls::LeftOut)
}

/// What becomes of fields of structs that are null.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nulls {
    Written,
    LeftOut,
}

/// A column, prepared for writing its values.
enum Texts<'a> {
    Text(&'a StringArray),
    Binary(&'a GenericBinaryArray<i32>),
    FixedBinary(&'a FixedSizeBinaryArray),
    Date(&'a [i32]),
    Instant {
        values: &'a [i64],
        per_second: i64,
        zoned: bool,
    },
    Float(&'a [f64]),
    /// A number or a boolean: the same in JSON.
    Bare(ArrayFormatter<'a>),
    Other(ArrayFormatter<'a>, &'a ArrayRef),
    List(&'a ListArray, Box<Texts<'a>>),
    Struct(&'a StructArray, Vec<(String, Texts<'a>)>, Nulls),
    Map(&'a MapArray, Box<Texts<'a>>, Box<Texts<'a>>),
}

impl<'a> Texts<'a> {
    fn of(array: &'a ArrayRef, nulls: Nulls) -> Result<Self, ArrowError> {
        let formatter = || {
            let options = FormatOptions::default().with_display_error(false);
            ArrayFormatter::try_new(array.as_ref(), &options.clone())
        };
        Ok(match array.data_type() {
            DataType::Utf8 => Self::Text(array.as_string()),
            DataType::Binary => Self::Binary(array.as_binary()),
            DataType::FixedSizeBinary(_) => Self::FixedBinary(array.as_fixed_size_binary()),
            DataType::Date32 => Self::Date(array.as_primitive::<Date32Type>().values()),
            DataType::Float64 => Self::Float(array.as_primitive::<Float64Type>().values()),
            DataType::Timestamp(TimeUnit::Microsecond, zone) => Self::Instant {
                values: array.as_primitive::<TimestampMicrosecondType>().values(),
                per_second: 1_000_000,
                zoned: zone.is_some(),
            },
            DataType::Timestamp(TimeUnit::Nanosecond, zone) => Self::Instant {
                values: array.as_primitive::<TimestampNanosecondType>().values(),
                per_second: 1_000_000_000,
                zoned: zone.is_some(),
            },
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                Self::List(list, Box::new(Self::of(list.values(), nulls)?))
            }
            DataType::Struct(fields) => {
                let table = array.as_struct();
                let children = fields
                    .iter()
                    .zip(table.columns())
                    .map(|(field, column)| Ok((field.name().clone(), Self::of(column, nulls)?)));
                let children = children.collect::<Result<_, ArrowError>>()?;
                Self::Struct(table, children, nulls)
            }
            DataType::Map(..) => {
                let map = array.as_map();
                let (keys, values) = (Self::of(map.keys(), nulls)?, Self::of(map.values(), nulls)?);
                Self::Map(map, Box::new(keys), Box::new(values))
            }
            other if other.is_integer() || *other == DataType::Boolean => Self::Bare(formatter()?),
            _ => Self::Other(formatter()?, array),
        })
    }

    /// Writes the value at `row`, which is not null, on its own.
    fn write(&self, row: usize, out: &mut String) -> Result<(), ArrowError> {
        match self {
            Self::Text(array) => out.push_str(array.value(row)),
            Self::Binary(array) => write_hex(array.value(row), out),
            Self::FixedBinary(array) => write_hex(array.value(row), out),
            Self::Date(days) => write_date(i64::from(days[row]), out),
            Self::Instant {
                values,
                per_second,
                zoned,
            } => {
                write_instant(values[row], *per_second, out);
                if *zoned {
                    out.push('Z');
                }
            }
            Self::Float(values) => write_infallibly(out, format_args!("{:?}", values[row])),
            Self::Bare(formatter) => out.push_str(&formatter.value(row).try_to_string()?),
            Self::Other(formatter, array) => match formatter.value(row).try_to_string() {
                Ok(text) => out.push_str(&text),
                Err(error) => out.push_str(&number(array, row).ok_or(error)?),
            },
            Self::List(..) | Self::Struct(..) | Self::Map(..) => self.write_json(row, out)?,
        }
        Ok(())
    }

    /// Writes the value at `row` as JSON.
    fn write_json(&self, row: usize, out: &mut String) -> Result<(), ArrowError> {
        match self {
            Self::List(array, values) => {
                let (start, end) = (array.value_offsets()[row], array.value_offsets()[row + 1]);
                let child = array.values();
                write_members(out, '[', ']', rows(start, end), |at, out| {
                    values.write_or_null(child, at, out)
                })
            }
            Self::Struct(array, children, nulls) => {
                let members = children.iter().zip(array.columns());
                let members = members.filter(|(_, column)| {
                    let is_null = column.is_null(row) || *column.data_type() == DataType::Null;
                    *nulls == Nulls::Written || !is_null
                });
                write_members(out, '{', '}', members, |((name, texts), column), out| {
                    write_string(name, out);
                    out.push(':');
                    texts.write_or_null(column, row, out)
                })
            }
            Self::Map(array, keys, values) => {
                let (start, end) = (array.value_offsets()[row], array.value_offsets()[row + 1]);
                write_members(out, '{', '}', rows(start, end), |at, out| {
                    let mut key = String::new();
                    keys.write(at, &mut key)?;
                    write_string(&key, out);
                    out.push(':');
                    values.write_or_null(array.values(), at, out)
                })
            }
            Self::Bare(_) => self.write(row, out),
            Self::Float(values) if values[row].is_finite() => self.write(row, out),
            _ => {
                let mut text = String::new();
                self.write(row, &mut text)?;
                write_string(&text, out);
                Ok(())
            }
        }
    }

    fn write_or_null(
        &self,
        array: &ArrayRef,
        row: usize,
        out: &mut String,
    ) -> Result<(), ArrowError> {
        if array.is_null(row) || *array.data_type() == DataType::Null {
            out.push_str("null");
            return Ok(());
        }
        self.write_json(row, out)
    }
}

/// Returns the number that stands for a time of day.
fn number(array: &ArrayRef, row: usize) -> Option<String> {
    let value = array.slice(row, 1);
    let number = match value.data_type() {
        DataType::Time32(_) => cast(&value, &DataType::Int32),
        _ => cast(&value, &DataType::Int64),
    };
    let number = number.ok()?;
    let formatter = ArrayFormatter::try_new(number.as_ref(), &FormatOptions::default()).ok()?;
    Some(formatter.value(0).to_string())
}

fn rows(start: i32, end: i32) -> impl Iterator<Item = usize> {
    (start..end).filter_map(|at| usize::try_from(at).ok())
}

fn write_members<T>(
    out: &mut String,
    opening: char,
    closing: char,
    members: impl Iterator<Item = T>,
    mut write: impl FnMut(T, &mut String) -> Result<(), ArrowError>,
) -> Result<(), ArrowError> {
    out.push(opening);
    for (count, member) in members.enumerate() {
        if count > 0 {
            out.push(',');
        }
        write(member, out)?;
    }
    out.push(closing);
    Ok(())
}

fn write_string(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

fn write_hex(bytes: &[u8], out: &mut String) {
    for byte in bytes {
        write_infallibly(out, format_args!("{byte:02x}"));
    }
}

fn write_date(days: i64, out: &mut String) {
    let (year, month, day) = date_of_days(days);
    write_infallibly(out, format_args!("{year:04}-{month:02}-{day:02}"));
}

fn write_instant(value: i64, per_second: i64, out: &mut String) {
    let seconds = value.div_euclid(per_second);
    let fraction = value.rem_euclid(per_second);
    write_date(seconds.div_euclid(SECONDS_PER_DAY), out);
    let second = seconds.rem_euclid(SECONDS_PER_DAY);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    write_infallibly(out, format_args!("T{hour:02}:{minute:02}:{second:02}"));
    if fraction != 0 {
        // Adding a leading one keeps the zeros in front.
        let digits = (per_second + fraction).to_string();
        write_infallibly(out, format_args!(".{}", digits[1..].trim_end_matches('0')));
    }
}

fn write_infallibly(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string has no way to fail.
    let _never_fails = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::Int64Array;
    use arrow::datatypes::{Field, Int64Type};

    use super::*;

    #[test]
    fn a_row_as_json_tells_what_it_holds_and_nothing_of_other_rows() {
        let numbers =
            |values: [Option<i64>; 2]| -> ArrayRef { Arc::new(Int64Array::from(values.to_vec())) };
        let field = |name: &str| Arc::new(Field::new(name, DataType::Int64, true));
        let table = StructArray::from(vec![
            (field("x"), numbers([None, Some(1)])),
            (field("y"), numbers([Some(2), None])),
        ]);
        let list =
            ListArray::from_iter_primitive::<Int64Type, _, _>([Some(vec![None, Some(1)]), None]);
        let batch = RecordBatch::try_from_iter_with_nullable([
            ("z", Arc::new(table) as ArrayRef, true),
            ("b", Arc::new(list), true),
            ("a", numbers([Some(7), None]), true),
        ]);
        let rows = rows_as_json(&batch.unwrap()).unwrap();
        assert_eq!(rows.value(0), r#"{"a":7,"b":[null,1],"z":{"y":2}}"#);
        assert_eq!(rows.value(1), r#"{"z":{"x":1}}"#);
    }
}
