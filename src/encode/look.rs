//! A look at the first rows of a partition, which tells how its columns are best written.
//!
//! A dictionary pays where values repeat. Where they do not, it is built, found too large and thrown away: that costs
//! time, and what has been written until then is larger than it needed to be. Statistics of the whole column would
//! tell for certain and cost a pass over all rows; the first chunk tells well enough, and it is the same chunk on
//! every machine and in every try.

use std::collections::HashSet;
use std::hash::Hash;

use arrow::array::{Array, ArrayAccessor, ArrayIter, AsArray};
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use foldhash::fast::RandomState;

/// Fewer values than this say nothing.
const LEAST_VALUES: usize = 64;

/// How often the values of a column come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repetition {
    /// Mostly another value each time.
    Seldom,
    /// Mostly one that was there before.
    Often,
    /// A handful of values throughout.
    Constantly,
}

/// Looks at the values of a text, binary or float column; `None` where there is too little to see.
pub(super) fn look(column: &dyn Array) -> Option<Repetition> {
    let (values, distinct) = match column.data_type() {
        DataType::Utf8 => count(column.as_string::<i32>(), str::as_bytes),
        DataType::Binary => count(column.as_binary::<i32>(), |bytes| bytes),
        DataType::Float64 => count(column.as_primitive::<Float64Type>(), f64::to_bits),
        DataType::Float32 => count(column.as_primitive::<Float32Type>(), f32::to_bits),
        _ => return None,
    };
    if values < LEAST_VALUES {
        return None;
    }
    Some(match distinct {
        _ if distinct * 2 > values => Repetition::Seldom,
        _ if distinct * 16 > values => Repetition::Often,
        _ => Repetition::Constantly,
    })
}

/// Returns how many values there are, and how many different ones.
fn count<A: ArrayAccessor, K: Hash + Eq>(column: A, key: impl Fn(A::Item) -> K) -> (usize, usize) {
    let values = column.len() - column.null_count();
    let mut distinct = HashSet::with_capacity_and_hasher(values, RandomState::default());
    distinct.extend(ArrayIter::new(column).flatten().map(key));
    (values, distinct.len())
}

#[cfg(test)]
mod tests {
    use arrow::array::{Float64Array, Int64Array, StringArray};

    use super::*;

    fn text(values: impl Iterator<Item = usize>) -> StringArray {
        let values: Vec<String> = values.map(|value| format!("v{value}")).collect();
        StringArray::from(values)
    }

    #[test]
    fn repetition_is_told_by_the_share_of_different_values() {
        for (different, expected) in [
            (1000, Repetition::Seldom),
            (501, Repetition::Seldom),
            (500, Repetition::Often),
            (63, Repetition::Often),
            (62, Repetition::Constantly),
            (1, Repetition::Constantly),
        ] {
            let column = text((0..1000).map(|row| row % different));
            assert_eq!(look(&column), Some(expected), "{different} of 1000");
        }
    }

    #[test]
    fn nulls_are_no_values_and_few_values_say_nothing() {
        let column: Float64Array = (0..1000)
            .map(|row| (row < 63).then_some(f64::from(row)))
            .collect();
        assert_eq!(look(&column), None);
        let column: Float64Array = (0..1000).map(|row| (row < 64).then_some(1.5)).collect();
        assert_eq!(look(&column), Some(Repetition::Constantly));
    }

    #[test]
    fn integers_are_not_looked_at() {
        assert_eq!(look(&Int64Array::from(vec![1; 1000])), None);
    }
}
