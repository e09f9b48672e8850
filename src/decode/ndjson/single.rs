//! What a value means in a column of single values.

use arrow::array::{ArrowPrimitiveType, PrimitiveBuilder, StringBuilder};

use super::tape::{Token, Value};
use crate::decode::leaf::{self, Leaf, Unfit};
use crate::schema::{parse_date, parse_float, parse_int};

/// Appends a value that is not null.
#[inline]
pub(super) fn put_single(leaf: &mut Leaf, value: Value<'_>) -> Result<(), Unfit> {
    match leaf {
        Leaf::Boolean(builder) => builder.append_value(boolean(value).ok_or(Unfit)?),
        Leaf::Int64(builder) => builder.append_value(int(value).ok_or(Unfit)?),
        Leaf::Float64(builder) => builder.append_value(float(value).ok_or(Unfit)?),
        Leaf::Date(builder) => builder.append_value(date(value).ok_or(Unfit)?),
        Leaf::Naive(builder) => builder.append_value(naive(value).ok_or(Unfit)?),
        Leaf::Utc(builder) => builder.append_value(utc(value).ok_or(Unfit)?),
        Leaf::Text(builder) => put_text(builder, value),
        Leaf::Nulls(..) => return Err(Unfit),
    }
    Ok(())
}

/// Appends values, null or not, up to the first that does not fit, and returns how many that were.
pub(super) fn put_singles<'t>(leaf: &mut Leaf, values: impl Iterator<Item = Value<'t>>) -> usize {
    match leaf {
        Leaf::Int64(builder) => put_each(builder, values, int),
        Leaf::Float64(builder) => put_each(builder, values, float),
        Leaf::Date(builder) => put_each(builder, values, date),
        Leaf::Naive(builder) => put_each(builder, values, naive),
        Leaf::Utc(builder) => put_each(builder, values, utc),
        Leaf::Text(builder) => put_while(values, |value| {
            match value.token() {
                Token::Null => builder.append_null(),
                _ => put_text(builder, value),
            }
            true
        }),
        Leaf::Boolean(_) | Leaf::Nulls(..) => put_while(values, |value| match value.token() {
            Token::Null => {
                leaf.append_nulls(1);
                true
            }
            _ => put_single(leaf, value).is_ok(),
        }),
    }
}

#[inline]
fn put_each<'t, T: ArrowPrimitiveType>(
    builder: &mut PrimitiveBuilder<T>,
    values: impl Iterator<Item = Value<'t>>,
    read: impl Fn(Value<'t>) -> Option<T::Native>,
) -> usize {
    put_while(values, |value| {
        match (read(value), value.token()) {
            (Some(value), _) => builder.append_value(value),
            (None, Token::Null) => builder.append_null(),
            (None, _) => return false,
        }
        true
    })
}

#[inline]
fn put_while<'t>(
    values: impl Iterator<Item = Value<'t>>,
    mut put: impl FnMut(Value<'t>) -> bool,
) -> usize {
    values.take_while(|value| put(*value)).count()
}

/// Any value is a text: a string is what it says, everything else is as it is written.
#[inline]
fn put_text(builder: &mut StringBuilder, value: Value<'_>) {
    match value.token() {
        Token::String | Token::Escaped(..) => builder.append_value(value.content()),
        Token::Array(_) | Token::Object(_) => {
            let mut text = String::new();
            value.write_compact(&mut text);
            builder.append_value(text);
        }
        _ => builder.append_value(value.raw()),
    }
}

fn boolean(value: Value<'_>) -> Option<bool> {
    match value.token() {
        Token::True => Some(true),
        Token::False => Some(false),
        _ => None,
    }
}

#[inline]
fn int(value: Value<'_>) -> Option<i64> {
    match value.token() {
        Token::Int(value) => Some(value),
        Token::Number => parse_int(value.raw()),
        _ => None,
    }
}

#[inline]
fn float(value: Value<'_>) -> Option<f64> {
    match value.token() {
        Token::Float(value) => Some(value),
        #[expect(
            clippy::cast_precision_loss,
            reason = "the nearest float is what its digits mean in a column of floats"
        )]
        Token::Int(value) => Some(value as f64),
        Token::Number => parse_float(value.raw()),
        _ => None,
    }
}

#[inline]
fn date(value: Value<'_>) -> Option<i32> {
    string(value).and_then(parse_date)
}

#[inline]
fn naive(value: Value<'_>) -> Option<i64> {
    string(value).and_then(leaf::naive)
}

#[inline]
fn utc(value: Value<'_>) -> Option<i64> {
    string(value).and_then(leaf::utc)
}

#[inline]
fn string(value: Value<'_>) -> Option<&str> {
    match value.token() {
        Token::String | Token::Escaped(..) => Some(value.content()),
        _ => None,
    }
}
