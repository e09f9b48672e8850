//! What rows weigh: bytes of their values, told from the values alone.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::DataType;

/// Returns the weight of each row of `batch`: a function of the row's values, whatever batch it comes in.
pub(super) fn row_weights(batch: &RecordBatch) -> Vec<usize> {
    let mut weights = vec![0; batch.num_rows()];
    for column in batch.columns() {
        add(column, &mut weights);
    }
    weights
}

/// Adds what each value of `array` weighs.
fn add(array: &ArrayRef, weights: &mut [usize]) {
    match array.data_type() {
        DataType::Utf8 => add_spans(array.as_string::<i32>().value_offsets(), weights),
        DataType::LargeUtf8 => add_spans(array.as_string::<i64>().value_offsets(), weights),
        DataType::Binary => add_spans(array.as_binary::<i32>().value_offsets(), weights),
        DataType::LargeBinary => add_spans(array.as_binary::<i64>().value_offsets(), weights),
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            add_items(list.value_offsets(), list.values(), weights);
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            add_items(list.value_offsets(), list.values(), weights);
        }
        DataType::Map(..) => {
            let map = array.as_map();
            let entries: ArrayRef = std::sync::Arc::new(map.entries().clone());
            add_items(map.value_offsets(), &entries, weights);
        }
        DataType::Struct(_) => {
            for child in array.as_struct().columns() {
                add(child, weights);
            }
        }
        DataType::FixedSizeBinary(width) => add_fixed(*width, weights),
        other => {
            let width = other.primitive_width().unwrap_or(1);
            weights.iter_mut().for_each(|weight| *weight += width);
        }
    }
}
