//! Column builders for values that are written as text.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, BooleanBuilder, Date32Builder, Float64Builder,
    Int64Builder, PrimitiveArray, PrimitiveBuilder, StringBuilder, TimestampMicrosecondBuilder,
    new_null_array,
};
use arrow::datatypes::{DataType, TimeUnit};

use crate::schema::{parse_boolean, parse_date, parse_float, parse_instant, parse_int};

/// A value that the column's type does not hold.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unfit;

/// Builds a column of single values.
pub(super) enum Leaf {
    /// `Boolean`.
    Boolean(BooleanBuilder),
    /// `Int64`.
    Int64(Int64Builder),
    /// `Float64`.
    Float64(Float64Builder),
    /// `Date32`.
    Date(Date32Builder),
    /// `Timestamp(Microsecond, None)`.
    Naive(TimestampMicrosecondBuilder),
    /// `Timestamp(Microsecond, UTC)`.
    Utc(TimestampMicrosecondBuilder),
    /// `Utf8`.
    Text(StringBuilder),
    /// Any type that no text value fits: it takes nulls only.
    Nulls(DataType, usize),
}

impl Leaf {
    /// Returns an empty builder for columns of `data_type`.
    pub(super) fn new(data_type: &DataType) -> Self {
        match data_type {
            DataType::Boolean => Self::Boolean(BooleanBuilder::new()),
            DataType::Int64 => Self::Int64(Int64Builder::new()),
            DataType::Float64 => Self::Float64(Float64Builder::new()),
            DataType::Date32 => Self::Date(Date32Builder::new()),
            DataType::Timestamp(TimeUnit::Microsecond, None) => {
                Self::Naive(TimestampMicrosecondBuilder::new())
            }
            DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) if &**zone == "UTC" => {
                Self::Utc(TimestampMicrosecondBuilder::new().with_timezone(Arc::clone(zone)))
            }
            DataType::Utf8 => Self::Text(StringBuilder::new()),
            other => Self::Nulls(other.clone(), 0),
        }
    }

    /// Appends one value as a CSV file writes it.
    pub(super) fn append(&mut self, text: &str) -> Result<(), Unfit> {
        match self {
            Self::Boolean(builder) => builder.append_value(parse_boolean(text).ok_or(Unfit)?),
            Self::Int64(builder) => builder.append_value(parse_int(text).ok_or(Unfit)?),
            Self::Float64(builder) => builder.append_value(parse_float(text).ok_or(Unfit)?),
            Self::Date(builder) => builder.append_value(parse_date(text).ok_or(Unfit)?),
            Self::Naive(builder) => builder.append_value(naive(text).ok_or(Unfit)?),
            Self::Utc(builder) => builder.append_value(utc(text).ok_or(Unfit)?),
            Self::Text(builder) => builder.append_value(text),
            Self::Nulls(..) => return Err(Unfit),
        }
        Ok(())
    }

    /// Appends values as long as they fit; what is empty is null.
    pub(super) fn append_all<'t>(
        &mut self,
        texts: impl Iterator<Item = &'t str>,
    ) -> Result<(), Unfit> {
        match self {
            Self::Int64(builder) => append_each(builder, texts, parse_int),
            Self::Float64(builder) => append_each(builder, texts, parse_float),
            Self::Date(builder) => append_each(builder, texts, parse_date),
            Self::Naive(builder) => append_each(builder, texts, naive),
            Self::Utc(builder) => append_each(builder, texts, utc),
            Self::Text(builder) => {
                for text in texts {
                    if text.is_empty() {
                        builder.append_null();
                    } else {
                        builder.append_value(text);
                    }
                }
                Ok(())
            }
            Self::Boolean(_) | Self::Nulls(..) => {
                for text in texts {
                    if text.is_empty() {
                        self.append_nulls(1);
                    } else {
                        self.append(text)?;
                    }
                }
                Ok(())
            }
        }
    }

    /// Appends `count` nulls.
    pub(super) fn append_nulls(&mut self, count: usize) {
        match self {
            Self::Boolean(builder) => builder.append_nulls(count),
            Self::Int64(builder) => builder.append_nulls(count),
            Self::Float64(builder) => builder.append_nulls(count),
            Self::Date(builder) => builder.append_nulls(count),
            Self::Naive(builder) | Self::Utc(builder) => builder.append_nulls(count),
            Self::Text(builder) => builder.append_nulls(count),
            Self::Nulls(_, len) => *len += count,
        }
    }

    /// Returns the column and starts the next.
    pub(super) fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Boolean(builder) => Arc::new(builder.finish()),
            Self::Int64(builder) => Arc::new(finish_primitive(builder)),
            Self::Float64(builder) => Arc::new(finish_primitive(builder)),
            Self::Date(builder) => Arc::new(finish_primitive(builder)),
            Self::Naive(builder) | Self::Utc(builder) => Arc::new(finish_primitive(builder)),
            Self::Text(builder) => {
                let column = builder.finish();
                let bytes = column.value_data().len();
                *builder = StringBuilder::with_capacity(column.len(), bytes + bytes / 16);
                Arc::new(column)
            }
            Self::Nulls(data_type, len) => new_null_array(data_type, std::mem::take(len)),
        }
    }
}

/// Returns the column and starts the next, with room for as many values: they need not be moved while it grows.
fn finish_primitive<T: ArrowPrimitiveType>(builder: &mut PrimitiveBuilder<T>) -> PrimitiveArray<T> {
    let column = builder.finish();
    *builder =
        PrimitiveBuilder::with_capacity(column.len()).with_data_type(column.data_type().clone());
    column
}

#[inline]
fn append_each<'t, T: ArrowPrimitiveType>(
    builder: &mut PrimitiveBuilder<T>,
    texts: impl Iterator<Item = &'t str>,
    parse: impl Fn(&str) -> Option<T::Native>,
) -> Result<(), Unfit> {
    for text in texts {
        if text.is_empty() {
            builder.append_null();
        } else {
            builder.append_value(parse(text).ok_or(Unfit)?);
        }
    }
    Ok(())
}

/// Reads an instant without a zone, or the beginning of a day.
pub(super) fn naive(text: &str) -> Option<i64> {
    instant(text, false)
}

/// Reads an instant with a zone, or the beginning of a day in UTC.
pub(super) fn utc(text: &str) -> Option<i64> {
    instant(text, true)
}

#[inline]
fn instant(text: &str, zoned: bool) -> Option<i64> {
    const MICROS_PER_DAY: i64 = 86_400_000_000;
    match parse_date(text) {
        Some(days) => Some(i64::from(days) * MICROS_PER_DAY),
        None => parse_instant(text)
            .filter(|(_, has_zone)| *has_zone == zoned)
            .map(|(micros, _)| micros),
    }
}
