//! One declared column: arrays of any type -> its type, and what does not fit.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BinaryArray, BooleanArray, BooleanBuilder,
    PrimitiveArray, PrimitiveBuilder, Scalar, StringArray,
};
use arrow::compute::kernels::cmp::distinct;
use arrow::compute::kernels::zip::zip;
use arrow::compute::{CastOptions, cast_with_options, concat};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::error::ArrowError;

use super::rescue::Misfits;
use crate::config::Decimal;
use crate::decode::cast::cast_array;
use crate::schema::{
    Declared, Reading, canonical, read_boolean, read_decimal, read_double, read_single, read_whole,
};

/// A declared column and how its values are read.
pub(super) struct Target<'c> {
    pub(super) column: &'c Declared,
    reading: Reading<'c>,
    decimal: Decimal,
    default: Option<ArrayRef>,
}

impl<'c> Target<'c> {
    pub(super) fn new(column: &'c Declared, decimal: Decimal) -> Self {
        let reading = Reading::new(column);
        // A setting is written with a point, whatever files do.
        let written = column.default.as_ref().map(|text| {
            let one = StringArray::from(vec![text.as_str()]);
            read_texts(&one, &column.data_type, &reading, Decimal::Point)
        });
        Self {
            default: written.map(|(array, _)| array),
            column,
            reading,
            decimal,
        }
    }

    /// Returns the values as the declared type, null where they do not fit, and those that do not.
    /// A value that was rescued before is null on purpose.
    pub(super) fn admit(
        &self,
        given: &ArrayRef,
        is_rescued: &dyn Fn(usize) -> bool,
    ) -> Result<(ArrayRef, Misfits), ArrowError> {
        let (array, unfit) = match self.cast(given) {
            Ok(cast) => cast,
            Err(_) => self.cast_each(given)?,
        };
        let mut array = array;
        let mut misfits = Misfits::new();
        if !unfit.is_empty() {
            let texts = cast_array(given, &DataType::Utf8)?;
            let texts = texts.as_string::<i32>();
            let text = |row: &usize| (*row, Some(texts.value(*row).to_owned()));
            misfits.extend(unfit.iter().map(text));
        }
        if given.null_count() > 0 || *given.data_type() == DataType::Null {
            let is_empty = |row: usize| *given.data_type() == DataType::Null || given.is_null(row);
            let empty = (0..given.len()).map(|row| is_empty(row) && !is_rescued(row));
            let empty = BooleanArray::from(empty.collect::<Vec<_>>());
            if let Some(default) = &self.default {
                array = zip(&empty, &Scalar::new(Arc::clone(default)), &array)?;
            } else if !self.column.nullable {
                let rows = (0..given.len()).filter(|row| empty.value(*row));
                misfits.extend(rows.map(|row| (row, None)));
                misfits.sort_by_key(|(row, _)| *row);
            }
        }
        Ok((array, misfits))
    }

    /// Casts each value alone, where Arrow fails at one of them: only that one does not fit.
    fn cast_each(&self, given: &ArrayRef) -> Result<(ArrayRef, Vec<usize>), ArrowError> {
        let nothing = arrow::array::new_null_array(&self.column.data_type, 1);
        let (mut values, mut unfit) = (Vec::with_capacity(given.len()), Vec::new());
        for row in 0..given.len() {
            let (value, is_unfit) = match self.cast(&given.slice(row, 1)) {
                Ok((value, misfits)) => (value, !misfits.is_empty()),
                Err(_) => (Arc::clone(&nothing), true),
            };
            values.push(value);
            if is_unfit {
                unfit.push(row);
            }
        }
        let values: Vec<&dyn Array> = values.iter().map(AsRef::as_ref).collect();
        Ok((concat(&values)?, unfit))
    }

    fn cast(&self, given: &ArrayRef) -> Result<(ArrayRef, Vec<usize>), ArrowError> {
        use DataType::{Binary, FixedSizeBinary, Null, Timestamp, Utf8};
        let to = &self.column.data_type;
        let from = canonical(given.data_type());
        let given = &cast_array(given, &from)?;
        match (&from, to) {
            (from, to) if from == to => Ok((Arc::clone(given), Vec::new())),
            (Null, _) => Ok((cast_array(given, to)?, Vec::new())),
            (Utf8 | FixedSizeBinary(_), Binary) => Ok((plain_cast(given, to)?, Vec::new())),
            (Binary, Utf8) => there_and_back(given, to),
            // Bytes are read as the text that they are, not as the one that shows them.
            (Binary | FixedSizeBinary(_), _) if *to != Utf8 => {
                let bytes = plain_cast(given, &Binary)?;
                let (texts, mut unfit) = there_and_back(&bytes, &Utf8)?;
                let (read, misfits) =
                    read_texts(texts.as_string(), to, &self.reading, Decimal::Point);
                unfit.extend(misfits);
                unfit.sort_unstable();
                Ok((read, unfit))
            }
            (Timestamp(unit, None), Timestamp(_, Some(_))) => {
                let (shown, unfit) = there_and_back(given, &Timestamp(*unit, None))?;
                self.in_zone(&shown, unfit)
            }
            (from, to) if is_measured_alike(from, to) => there_and_back(given, to),
            _ => {
                let texts = cast_array(given, &Utf8)?;
                let decimal = match from {
                    Utf8 => self.decimal,
                    _ => Decimal::Point,
                };
                Ok(read_texts(texts.as_string(), to, &self.reading, decimal))
            }
        }
    }

    /// Takes times that clocks show for instants.
    fn in_zone(
        &self,
        shown: &ArrayRef,
        mut unfit: Vec<usize>,
    ) -> Result<(ArrayRef, Vec<usize>), ArrowError> {
        let micros = DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, None);
        let (shown, finer) = there_and_back(shown, &micros)?;
        unfit.extend(finer);
        let shown = shown.as_primitive::<TimestampMicrosecondType>();
        let mut instants = PrimitiveBuilder::<TimestampMicrosecondType>::new();
        for (row, value) in shown.iter().enumerate() {
            let clock = value.and_then(chrono::DateTime::from_timestamp_micros);
            let instant = clock.and_then(|clock| self.reading.in_zone(clock.naive_utc()));
            if value.is_some() && instant.is_none() {
                unfit.push(row);
            }
            instants.append_option(instant);
        }
        unfit.sort_unstable();
        let instants = instants.finish().with_timezone("UTC");
        Ok((Arc::new(instants), unfit))
    }
}

/// Tells whether values of one type can be values of the other as they are.
fn is_measured_alike(from: &DataType, to: &DataType) -> bool {
    use DataType::{Date32, Date64, Timestamp};
    match (from, to) {
        (Timestamp(_, a), Timestamp(_, b)) => a.is_some() == b.is_some(),
        (Date32 | Date64, Date32 | Timestamp(_, None)) | (Timestamp(_, None), Date32) => true,
        _ => from.is_numeric() && to.is_numeric(),
    }
}

/// Casts, and tells the rows whose values do not come back.
fn there_and_back(given: &ArrayRef, to: &DataType) -> Result<(ArrayRef, Vec<usize>), ArrowError> {
    let cast = plain_cast(given, to)?;
    let back = plain_cast(&cast, given.data_type())?;
    let differs = distinct(given, &back)?;
    let rows: Vec<usize> = (0..given.len()).filter(|row| differs.value(*row)).collect();
    if rows.is_empty() {
        return Ok((cast, rows));
    }
    // A value that is not the same is no value.
    let nothing = arrow::array::new_null_array(to, 1);
    let kept = zip(&differs, &Scalar::new(nothing), &cast)?;
    Ok((kept, rows))
}

/// Casts; what does not fit becomes null.
fn plain_cast(given: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    cast_with_options(given, to, &CastOptions::default())
}

/// Reads texts as values of a type, and tells the rows whose texts are none.
fn read_texts(
    texts: &StringArray,
    to: &DataType,
    reading: &Reading<'_>,
    decimal: Decimal,
) -> (ArrayRef, Vec<usize>) {
    use DataType as T;
    let pointed = |text: &str| match decimal {
        Decimal::Point => Some(text.to_owned()),
        Decimal::Comma if text.contains('.') => None,
        Decimal::Comma => Some(text.replacen(',', ".", 1)),
    };
    match to {
        T::Int8 => primitives::<Int8Type>(texts, to, read_whole),
        T::Int16 => primitives::<Int16Type>(texts, to, read_whole),
        T::Int32 => primitives::<Int32Type>(texts, to, read_whole),
        T::Int64 => primitives::<Int64Type>(texts, to, read_whole),
        T::UInt8 => primitives::<UInt8Type>(texts, to, read_whole),
        T::UInt16 => primitives::<UInt16Type>(texts, to, read_whole),
        T::UInt32 => primitives::<UInt32Type>(texts, to, read_whole),
        T::UInt64 => primitives::<UInt64Type>(texts, to, read_whole),
        T::Float32 => primitives::<Float32Type>(texts, to, |text| read_single(&pointed(text)?)),
        T::Float64 => primitives::<Float64Type>(texts, to, |text| read_double(&pointed(text)?)),
        T::Decimal128(precision, scale) => primitives::<Decimal128Type>(texts, to, |text| {
            read_decimal(&pointed(text)?, *precision, *scale)
        }),
        T::Date32 => primitives::<Date32Type>(texts, to, |text| reading.date(text)),
        T::Timestamp(_, None) => {
            primitives::<TimestampMicrosecondType>(texts, to, |text| reading.local(text))
        }
        T::Timestamp(_, Some(_)) => {
            primitives::<TimestampMicrosecondType>(texts, to, |text| reading.instant(text))
        }
        T::Boolean => booleans(texts),
        T::Binary => (Arc::new(BinaryArray::from(texts.clone())), Vec::new()),
        _ => (Arc::new(texts.clone()), Vec::new()),
    }
}

fn primitives<T: ArrowPrimitiveType>(
    texts: &StringArray,
    to: &DataType,
    read: impl Fn(&str) -> Option<T::Native>,
) -> (ArrayRef, Vec<usize>) {
    let mut unfit = Vec::new();
    let mut values = PrimitiveBuilder::<T>::with_capacity(texts.len());
    for (row, text) in texts.iter().enumerate() {
        let value = text.and_then(&read);
        if text.is_some() && value.is_none() {
            unfit.push(row);
        }
        values.append_option(value);
    }
    let array: PrimitiveArray<T> = values.finish().with_data_type(to.clone());
    (Arc::new(array), unfit)
}

fn booleans(texts: &StringArray) -> (ArrayRef, Vec<usize>) {
    let mut unfit = Vec::new();
    let mut values = BooleanBuilder::with_capacity(texts.len());
    for (row, text) in texts.iter().enumerate() {
        let value = text.and_then(read_boolean);
        if text.is_some() && value.is_none() {
            unfit.push(row);
        }
        values.append_option(value);
    }
    (Arc::new(values.finish()), unfit)
}
