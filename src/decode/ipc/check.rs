//! Checks a message before the reader sees it.
//!
//! The reader reserves room for what the message claims its columns expand to, and running out of memory is no
//! panic that could be caught. Columns of nulls and of nothing take no bytes at all, so that their number is checked
//! as well.

use arrow::datatypes::{DataType, Fields};
use arrow::ipc::{CompressionType, FieldNode, Message, MessageHeader, RecordBatch};

use crate::decode::MEMORY_BYTES;

/// Values of a column that no byte stands for, at most.
const FREE_VALUES: u64 = 1 << 22;
/// No byte of an lz4 block can stand for more.
const LZ4_EXPANSION: u64 = 255;

/// Refuses columns of types that cannot be stored, or of which few bytes make very large rows.
pub(super) fn types(fields: &Fields) -> Result<(), String> {
    fields.iter().try_for_each(|field| {
        storable(field.data_type())
            .map_err(|what| format!("the column {:?} holds {what}", field.name()))
    })
}

fn storable(data_type: &DataType) -> Result<(), &'static str> {
    match data_type {
        DataType::Union(..) => Err("a union, which Parquet does not know"),
        DataType::Interval(_) => Err("intervals, which Parquet does not know"),
        // The writer of Parquet divides by the width.
        DataType::FixedSizeBinary(..=0) => Err("values without any bytes"),
        DataType::ListView(_) | DataType::LargeListView(_) => Err("list views"),
        DataType::Dictionary(_, values) => single(values),
        DataType::RunEndEncoded(_, values) => single(values.data_type()),
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => storable(item.data_type()),
        DataType::Struct(fields) => fields
            .iter()
            .try_for_each(|field| storable(field.data_type())),
        _ => Ok(()),
    }
}

fn single(values: &DataType) -> Result<(), &'static str> {
    const WIDE: i32 = 1024;
    match values {
        DataType::FixedSizeBinary(width) if *width > WIDE => {
            Err("a dictionary of values that are too wide")
        }
        _ if values.is_nested() || matches!(values, DataType::Dictionary(..)) => {
            Err("a dictionary of nested values")
        }
        _ => storable(values),
    }
}

/// What the dictionaries of a file may still take.
pub(super) struct Budget {
    dictionaries: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            dictionaries: MEMORY_BYTES,
        }
    }
}

impl Budget {
    /// Checks a message and its body.
    pub(super) fn check(&mut self, message: Message<'_>, body: &[u8]) -> Result<(), String> {
        match message.header_type() {
            MessageHeader::RecordBatch => {
                let batch = message.header_as_record_batch();
                rows(batch.ok_or("a batch is missing")?, body)?;
            }
            MessageHeader::DictionaryBatch => {
                let batch = message.header_as_dictionary_batch();
                let batch = batch.and_then(|batch| batch.data());
                let bytes = rows(batch.ok_or("a dictionary is missing")?, body)?;
                let rest = self.dictionaries.checked_sub(bytes);
                self.dictionaries = rest.ok_or("the dictionaries are too large")?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// Returns the bytes that the columns expand to.
fn rows(batch: RecordBatch<'_>, body: &[u8]) -> Result<u64, String> {
    let bytes = match batch.compression() {
        None => body.len() as u64,
        Some(compression) => {
            let mut sum = 0_u64;
            for buffer in batch.buffers().iter().flatten() {
                let (start, length) = (
                    usize::try_from(buffer.offset()),
                    usize::try_from(buffer.length()),
                );
                let end = start.and_then(|start| Ok((start, length?)));
                let bytes = end.ok().and_then(|(start, length)| {
                    let end = start.checked_add(length)?;
                    body.get(start..end)
                });
                let bytes = bytes.ok_or("a column is outside of its message")?;
                sum = sum.saturating_add(expanded(bytes, compression.codec())?);
            }
            sum
        }
    };
    if bytes > MEMORY_BYTES {
        return Err(format!("a message expands to {bytes} bytes"));
    }
    let most = bytes.saturating_mul(8).max(FREE_VALUES);
    let fits = |length: i64| u64::try_from(length).is_ok_and(|length| length <= most);
    let nodes = batch.nodes();
    let mut lengths = nodes.iter().flatten().map(FieldNode::length);
    if !fits(batch.length()) || !lengths.all(fits) {
        return Err("a message claims more rows than it can hold".to_owned());
    }
    Ok(bytes)
}

/// Returns what one compressed column takes.
fn expanded(bytes: &[u8], codec: CompressionType) -> Result<u64, String> {
    let Some((claim, rest)) = bytes.split_first_chunk::<8>() else {
        return Ok(0);
    };
    match i64::from_le_bytes(*claim) {
        -1 => Ok(rest.len() as u64),
        claim => {
            let claim = u64::try_from(claim).map_err(|_| "a column has a negative size")?;
            if codec == CompressionType::LZ4_FRAME && claim > 0 && lz4_most(rest) > MEMORY_BYTES {
                return Err("a column expands to more than it says".to_owned());
            }
            Ok(claim)
        }
    }
}

/// Returns what the blocks of an lz4 frame expand to at most: its reader goes on however much comes out.
fn lz4_most(frame: &[u8]) -> u64 {
    const HEADER: usize = 7;
    let (Some(flags), Some(sizes)) = (frame.get(4), frame.get(5)) else {
        return 0;
    };
    let has = |bit: u8| flags >> bit & 1 == 1;
    let largest = 1_u64 << (8 + 2 * u32::from(sizes >> 4 & 7));
    let mut at = HEADER + if has(3) { 8 } else { 0 } + if has(0) { 4 } else { 0 };
    let mut sum = 0_u64;
    while let Some(word) = frame.get(at..).and_then(|rest| rest.first_chunk::<4>()) {
        let length = u32::from_le_bytes(*word) & 0x7fff_ffff;
        let most = u64::from(length).saturating_mul(LZ4_EXPANSION);
        sum = sum.saturating_add(most.min(largest));
        at += 4 + length as usize + if has(4) { 4 } else { 0 };
    }
    sum
}
