//! What rows weigh: the bytes of their values, told from the values alone.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, OffsetSizeTrait, RecordBatch};
use arrow::datatypes::{ArrowNativeType, DataType};

/// What a value of no fixed width weighs beside its bytes, so that even empty ones fill a chunk.
const VALUE_BYTES: usize = 4;

/// Returns the weight of each row: a function of its values, whatever batch it comes in and whatever the
/// buffers hold under a null.
pub(super) fn row_weights(batch: &RecordBatch) -> Vec<usize> {
    let mut weights = vec![0; batch.num_rows()];
    for column in batch.columns() {
        add(column, &mut weights);
    }
    weights
}

/// Returns what the rows of a batch from `start` up to `end` weigh together.
pub(super) fn weight(batch: &RecordBatch, start: usize, end: usize) -> usize {
    let columns = batch.columns().iter().map(|column| {
        let quick = quick_weight(column, start, end);
        quick.unwrap_or_else(|| {
            let mut weights = vec![0; end - start];
            add(&column.slice(start, end - start), &mut weights);
            weights.iter().sum()
        })
    });
    columns.sum()
}

/// Returns what values weigh together, where that can be told without looking at each.
fn quick_weight(array: &ArrayRef, start: usize, end: usize) -> Option<usize> {
    let span = |offsets: &[i32]| {
        let bytes = offsets[end].as_usize() - offsets[start].as_usize();
        VALUE_BYTES * (end - start) + bytes
    };
    match array.data_type() {
        DataType::Utf8 | DataType::Binary if array.null_count() > 0 => None,
        DataType::Utf8 => Some(span(array.as_string::<i32>().value_offsets())),
        DataType::Binary => Some(span(array.as_binary::<i32>().value_offsets())),
        other => Some(width(other)? * (end - start)),
    }
}

/// Returns what a value of a type weighs where all of them weigh the same.
fn width(data_type: &DataType) -> Option<usize> {
    match data_type {
        DataType::FixedSizeBinary(width) => usize::try_from(*width).ok(),
        DataType::Boolean | DataType::Null => Some(1),
        other => other.primitive_width(),
    }
}

fn add(array: &ArrayRef, weights: &mut [usize]) {
    match array.data_type() {
        DataType::Utf8 => add_spans(array, array.as_string::<i32>().value_offsets(), weights),
        DataType::LargeUtf8 => add_spans(array, array.as_string::<i64>().value_offsets(), weights),
        DataType::Binary => add_spans(array, array.as_binary::<i32>().value_offsets(), weights),
        DataType::LargeBinary => {
            add_spans(array, array.as_binary::<i64>().value_offsets(), weights);
        }
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            add_items(array, list.value_offsets(), list.values(), weights);
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            add_items(array, list.value_offsets(), list.values(), weights);
        }
        DataType::Map(..) => {
            let map = array.as_map();
            let entries: ArrayRef = Arc::new(map.entries().clone());
            add_items(array, map.value_offsets(), &entries, weights);
        }
        DataType::Struct(_) => {
            let mut own = vec![0; array.len()];
            for child in array.as_struct().columns() {
                add(child, &mut own);
            }
            add_valid(array, own.into_iter(), weights);
        }
        other => {
            let width = width(other).unwrap_or(1);
            for weight in weights {
                *weight += width;
            }
        }
    }
}

/// Adds what each value spans in its buffer.
fn add_spans<O: OffsetSizeTrait>(array: &dyn Array, offsets: &[O], weights: &mut [usize]) {
    let spans = offsets
        .windows(2)
        .map(|span| span[1].as_usize() - span[0].as_usize());
    add_valid(array, spans, weights);
}

/// Adds what the items of each list weigh.
fn add_items<O: OffsetSizeTrait>(
    array: &dyn Array,
    offsets: &[O],
    items: &ArrayRef,
    weights: &mut [usize],
) {
    // Of a slice, the items are all that the whole has.
    let first = offsets.first().map_or(0, |first| first.as_usize());
    let last = offsets.last().map_or(0, |last| last.as_usize());
    let mut item_weights = vec![0; last - first];
    add(&items.slice(first, last - first), &mut item_weights);
    let sums = offsets.windows(2).map(|span| {
        item_weights[span[0].as_usize() - first..span[1].as_usize() - first]
            .iter()
            .sum()
    });
    add_valid(array, sums, weights);
}

fn add_valid(array: &dyn Array, own: impl Iterator<Item = usize>, weights: &mut [usize]) {
    match array.nulls() {
        None => {
            for (weight, own) in weights.iter_mut().zip(own) {
                *weight += VALUE_BYTES + own;
            }
        }
        Some(nulls) => {
            for ((weight, own), is_valid) in weights.iter_mut().zip(own).zip(nulls) {
                *weight += VALUE_BYTES + if is_valid { own } else { 0 };
            }
        }
    }
}
