//! Columns of Avro values, as their schema declares them.
//!
//! A builder only ever takes values. Where a union stands, it keeps for each row which branch's which value it is,
//! and puts them together at the end, so that nulls need no place in any other builder.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryBuilder, BooleanBuilder, Decimal128Array, Decimal256Array,
    FixedSizeBinaryBuilder, Float32Builder, Float64Builder, Int32Array, Int64Array, ListArray,
    MapArray, NullArray, StringBuilder, StructArray, UInt32Array, make_array,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{interleave, take};
use arrow::datatypes::{
    DataType, Decimal128Type, Decimal256Type, DecimalType, Field, Fields, i256,
};
use arrow::error::ArrowError;

use super::schema::{Node, UUID_BYTES};
use super::value::{Cursor, Flaw};
use crate::decode::cast::cast_array;

/// What a union keeps of a value beside the value.
const PLACE_BYTES: usize = size_of::<(usize, usize)>();
const MILLIS_PER_DAY: i32 = 86_400_000;
const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Builds a column.
pub(super) enum Column<'n> {
    Null(usize),
    Boolean(BooleanBuilder),
    Int(Vec<i32>, &'n DataType),
    Long(Vec<i64>, &'n DataType, i64),
    Float(Float32Builder),
    Double(Float64Builder),
    Bytes(BinaryBuilder),
    Text(StringBuilder),
    Fixed(FixedSizeBinaryBuilder, usize),
    Enum(StringBuilder, &'n [String]),
    Decimal128(Vec<i128>, Option<usize>, u8, i8),
    Decimal256(Vec<i256>, Option<usize>, u8, i8),
    Record(Vec<(&'n str, Column<'n>)>, usize),
    /// With the number of single values in an element.
    List(Vec<i32>, Box<Column<'n>>, usize),
    Map(Vec<i32>, StringBuilder, Box<Column<'n>>, usize),
    Union(Union<'n>),
}

/// The values of a union by branch, and of each row the branch and the place in it.
pub(super) struct Union<'n> {
    branches: Vec<(Column<'n>, u32)>,
    rows: Vec<(u32, u32)>,
    data_type: DataType,
}

impl<'n> Column<'n> {
    /// Returns an empty column of `node`.
    pub(super) fn new(node: &'n Node) -> Self {
        match node {
            Node::Null => Self::Null(0),
            Node::Boolean => Self::Boolean(BooleanBuilder::new()),
            Node::Int(data_type) => Self::Int(Vec::new(), data_type),
            Node::Long(data_type, factor) => Self::Long(Vec::new(), data_type, *factor),
            Node::Float => Self::Float(Float32Builder::new()),
            Node::Double => Self::Double(Float64Builder::new()),
            Node::Text => Self::Text(StringBuilder::new()),
            Node::Fixed(size) => Self::fixed(*size),
            Node::Uuid => Self::fixed(UUID_BYTES),
            Node::Enum(symbols) => Self::Enum(StringBuilder::new(), symbols),
            Node::Decimal(size, DataType::Decimal256(precision, scale)) => {
                Self::Decimal256(Vec::new(), *size, *precision, *scale)
            }
            Node::Decimal(size, DataType::Decimal128(precision, scale)) => {
                Self::Decimal128(Vec::new(), *size, *precision, *scale)
            }
            Node::Bytes | Node::Decimal(..) => Self::Bytes(BinaryBuilder::new()),
            Node::Record(fields) => {
                let columns = fields
                    .iter()
                    .map(|(name, node)| (name.as_str(), Self::new(node)));
                Self::Record(columns.collect(), 0)
            }
            Node::List(item) => Self::List(vec![0], Box::new(Self::new(item)), item.values()),
            Node::Map(value) => {
                let values = Box::new(Self::new(value));
                Self::Map(vec![0], StringBuilder::new(), values, 1 + value.values())
            }
            Node::Union(branches) => Self::Union(Union {
                branches: branches
                    .iter()
                    .map(|branch| (Self::new(branch), 0))
                    .collect(),
                rows: Vec::new(),
                data_type: node.data_type(),
            }),
        }
    }

    fn fixed(size: i32) -> Self {
        let bytes = usize::try_from(size).unwrap_or_default();
        Self::Fixed(FixedSizeBinaryBuilder::with_capacity(0, size), bytes)
    }

    /// Reads one value.
    pub(super) fn read(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Flaw> {
        match self {
            Self::Null(count) => *count += 1,
            Self::Boolean(builder) => builder.append_value(cursor.boolean()?),
            Self::Int(values, data_type) => values.push(int(cursor, data_type)?),
            Self::Long(values, data_type, factor) => {
                let value = long(cursor, data_type)?;
                values.push(value.checked_mul(*factor).ok_or(Flaw::Range)?);
            }
            Self::Float(builder) => builder.append_value(f32::from_le_bytes(cursor.array()?)),
            Self::Double(builder) => builder.append_value(f64::from_le_bytes(cursor.array()?)),
            Self::Bytes(builder) => builder.append_value(cursor.bytes()?),
            Self::Text(builder) => builder.append_value(cursor.text()?),
            Self::Fixed(builder, size) => {
                let bytes = cursor.take(*size)?;
                builder.append_value(bytes).map_err(|_| Flaw::Ends)?;
            }
            Self::Enum(builder, symbols) => {
                let symbol = symbols.get(cursor.index()?).ok_or(Flaw::Symbol)?;
                cursor.charge(symbol.len())?;
                builder.append_value(symbol);
            }
            Self::Decimal128(values, size, precision, scale) => {
                let value = i128::from_be_bytes(extended(digits(cursor, *size)?)?);
                Decimal128Type::validate_decimal_precision(value, *precision, *scale)
                    .map_err(|_| Flaw::Range)?;
                cursor.charge(size_of::<i128>())?;
                values.push(value);
            }
            Self::Decimal256(values, size, precision, scale) => {
                let value = i256::from_be_bytes(extended(digits(cursor, *size)?)?);
                Decimal256Type::validate_decimal_precision(value, *precision, *scale)
                    .map_err(|_| Flaw::Range)?;
                cursor.charge(size_of::<i256>())?;
                values.push(value);
            }
            Self::Record(columns, count) => {
                *count += 1;
                for (_, column) in columns {
                    column.read(cursor)?;
                }
            }
            Self::List(ends, item, width) => {
                let count = cursor.elements(*width, |cursor| item.read(cursor))?;
                push_end(ends, count)?;
            }
            Self::Map(ends, keys, values, width) => {
                let count = cursor.elements(*width, |cursor| {
                    keys.append_value(cursor.text()?);
                    values.read(cursor)
                })?;
                push_end(ends, count)?;
            }
            Self::Union(union) => union.read(cursor)?,
        }
        Ok(())
    }

    /// Returns the column and starts the next.
    pub(super) fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        Ok(match self {
            Self::Null(count) => Arc::new(NullArray::new(std::mem::take(count))),
            Self::Boolean(builder) => Arc::new(builder.finish()),
            Self::Int(values, data_type) => {
                retyped(&Int32Array::from(std::mem::take(values)), data_type)?
            }
            Self::Long(values, data_type, _) => {
                retyped(&Int64Array::from(std::mem::take(values)), data_type)?
            }
            Self::Float(builder) => Arc::new(builder.finish()),
            Self::Double(builder) => Arc::new(builder.finish()),
            Self::Bytes(builder) => Arc::new(builder.finish()),
            Self::Text(builder) | Self::Enum(builder, _) => Arc::new(builder.finish()),
            Self::Fixed(builder, _) => Arc::new(builder.finish()),
            Self::Decimal128(values, _, precision, scale) => {
                let array = Decimal128Array::from(std::mem::take(values));
                Arc::new(array.with_precision_and_scale(*precision, *scale)?)
            }
            Self::Decimal256(values, _, precision, scale) => {
                let array = Decimal256Array::from(std::mem::take(values));
                Arc::new(array.with_precision_and_scale(*precision, *scale)?)
            }
            Self::Record(columns, count) => record(columns, std::mem::take(count))?,
            Self::List(ends, item, _) => {
                let item = item.finish()?;
                let field = Field::new_list_field(item.data_type().clone(), true);
                let offsets = offsets(ends);
                Arc::new(ListArray::try_new(field.into(), offsets, item, None)?)
            }
            Self::Map(ends, keys, values, _) => map(offsets(ends), keys, values)?,
            Self::Union(union) => union.finish()?,
        })
    }
}

impl Union<'_> {
    fn read(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Flaw> {
        let at = cursor.index()?;
        let (branch, count) = self.branches.get_mut(at).ok_or(Flaw::Branch)?;
        branch.read(cursor)?;
        let at = u32::try_from(at).map_err(|_| Flaw::Branch)?;
        // A branch of nulls has no other bytes than these, and no limit but this.
        cursor.charge(PLACE_BYTES)?;
        self.rows.push((at, *count));
        *count += 1;
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let rows = std::mem::take(&mut self.rows);
        let mut arrays = Vec::with_capacity(self.branches.len());
        for (branch, count) in &mut self.branches {
            *count = 0;
            arrays.push(branch.finish()?);
        }
        let mut valued = (0_u32..)
            .zip(&arrays)
            .filter(|(_, array)| *array.data_type() != DataType::Null);
        if let (Some((only, values)), None) = (valued.next(), valued.next()) {
            let places = rows
                .iter()
                .map(|(at, place)| (*at == only).then_some(*place));
            return take(values, &places.collect::<UInt32Array>(), None);
        }
        let cast = arrays
            .iter()
            .map(|array| cast_array(array, &self.data_type));
        let cast = cast.collect::<Result<Vec<_>, _>>()?;
        let sources: Vec<&dyn Array> = cast.iter().map(AsRef::as_ref).collect();
        let places: Vec<(usize, usize)> = rows
            .iter()
            .map(|(at, place)| (*at as usize, *place as usize))
            .collect();
        interleave(&sources, &places)
    }
}

/// Puts the fields of records together.
fn record(columns: &mut [(&str, Column<'_>)], count: usize) -> Result<ArrayRef, ArrowError> {
    if columns.is_empty() {
        return Ok(Arc::new(StructArray::new_empty_fields(count, None)));
    }
    let columns = columns.iter_mut().map(|(name, column)| {
        let array = column.finish()?;
        Ok((Field::new(*name, array.data_type().clone(), true), array))
    });
    let columns = columns.collect::<Result<Vec<_>, ArrowError>>()?;
    let (fields, arrays): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    let table = StructArray::try_new(Fields::from(fields), arrays, None)?;
    Ok(Arc::new(table))
}

/// Puts the entries of maps together.
fn map(
    offsets: OffsetBuffer<i32>,
    keys: &mut StringBuilder,
    values: &mut Column<'_>,
) -> Result<ArrayRef, ArrowError> {
    let columns: Vec<ArrayRef> = vec![Arc::new(keys.finish()), values.finish()?];
    let fields = Fields::from(vec![
        Field::new("key", DataType::Utf8, false),
        Field::new("value", columns[1].data_type().clone(), true),
    ]);
    let entries = StructArray::try_new(fields, columns, None)?;
    let field = Field::new("entries", entries.data_type().clone(), false);
    let map = MapArray::try_new(field.into(), offsets, entries, None, false)?;
    Ok(Arc::new(map))
}

/// Reads a whole number, which, where it is a time, is one of a day.
fn int(cursor: &mut Cursor<'_>, data_type: &DataType) -> Result<i32, Flaw> {
    let value = cursor.int()?;
    let is_time = matches!(data_type, DataType::Time32(_));
    if is_time && !(0..MILLIS_PER_DAY).contains(&value) {
        return Err(Flaw::Range);
    }
    Ok(value)
}

/// The same of 64 bits.
fn long(cursor: &mut Cursor<'_>, data_type: &DataType) -> Result<i64, Flaw> {
    let value = cursor.long()?;
    let is_time = matches!(data_type, DataType::Time64(_));
    if is_time && !(0..MICROS_PER_DAY).contains(&value) {
        return Err(Flaw::Range);
    }
    Ok(value)
}

fn digits<'b>(cursor: &mut Cursor<'b>, size: Option<usize>) -> Result<&'b [u8], Flaw> {
    match size {
        Some(size) => cursor.take(size),
        None => cursor.bytes(),
    }
}

/// Returns a number of any width, the highest byte first, with as many bytes as a decimal has.
fn extended<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Flaw> {
    let sign = match bytes.first() {
        Some(0x80..) => 0xff,
        _ => 0,
    };
    let (high, low) = bytes.split_at(bytes.len().saturating_sub(N));
    let mut wide = [sign; N];
    wide[N - low.len()..].copy_from_slice(low);
    let fits =
        high.iter().all(|byte| *byte == sign) && (high.is_empty() || (wide[0] ^ sign) < 0x80);
    fits.then_some(wide).ok_or(Flaw::Range)
}

fn push_end(ends: &mut Vec<i32>, count: usize) -> Result<(), Flaw> {
    let last = ends.last().copied().unwrap_or_default();
    let count = i32::try_from(count).map_err(|_| Flaw::Elements)?;
    ends.push(last.checked_add(count).ok_or(Flaw::Elements)?);
    Ok(())
}

fn offsets(ends: &mut Vec<i32>) -> OffsetBuffer<i32> {
    OffsetBuffer::new(std::mem::replace(ends, vec![0]).into())
}

/// Returns the same numbers as another type of their width.
fn retyped(array: &dyn Array, data_type: &DataType) -> Result<ArrayRef, ArrowError> {
    let data = array.to_data().into_builder().data_type(data_type.clone());
    Ok(make_array(data.build()?))
}
