//! What rows weigh: the bytes of their values, told from the values alone.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, OffsetSizeTrait, RecordBatch};
use arrow::datatypes::DataType;

/// Returns the weight of each row: a function of its values, whatever batch it comes in and whatever the
/// buffers hold under a null.
pub(super) fn row_weights(batch: &RecordBatch) -> Vec<usize> {
    let mut weights = vec![0; batch.num_rows()];
    for column in batch.columns() {
        add(column, &mut weights);
    }
    weights
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
            let width = match other {
                DataType::FixedSizeBinary(width) => usize::try_from(*width).unwrap_or(1),
                _ => other.primitive_width().unwrap_or(1),
            };
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
    let mut item_weights = vec![0; items.len()];
    add(items, &mut item_weights);
    let sums = offsets.windows(2).map(|span| {
        item_weights[span[0].as_usize()..span[1].as_usize()]
            .iter()
            .sum()
    });
    add_valid(array, sums, weights);
}

fn add_valid(array: &dyn Array, own: impl Iterator<Item = usize>, weights: &mut [usize]) {
    // Four bytes for the value itself, so that even empty ones fill a chunk.
    match array.nulls() {
        None => {
            for (weight, own) in weights.iter_mut().zip(own) {
                *weight += 4 + own;
            }
        }
        Some(nulls) => {
            for ((weight, own), is_valid) in weights.iter_mut().zip(own).zip(nulls) {
                *weight += 4 + if is_valid { own } else { 0 };
            }
        }
    }
}
