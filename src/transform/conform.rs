//! Gives a batch the columns of its unit.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeListArray, GenericListArray, MapArray, OffsetSizeTrait,
    RecordBatch, RecordBatchOptions, StringArray, StructArray, new_null_array,
};
use arrow::compute::{cast, is_not_null};
use arrow::datatypes::{DataType, Field, FieldRef, SchemaRef};
use arrow::error::ArrowError;

use super::TransformError;
use crate::model::stored_schema;

/// Returns the rows of `batch` with the columns of `schema`, in its order, as [`stored_schema`] has them.
///
/// Columns are told by name. One that the batch lacks is null, at every depth; one that the schema lacks is left
/// out; columns and structs without content become text, for Parquet has neither.
///
/// # Errors
/// [`TransformError::Mismatch`] where a column is not of the schema's type.
pub fn conform(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, TransformError> {
    let rows = batch.num_rows();
    let schema = stored_schema(schema);
    // Batches may be wide: looking for each name from the front would be quadratic.
    let own = batch.schema_ref().fields().iter().map(|field| field.name());
    let own: HashMap<&String, &ArrayRef> = own.zip(batch.columns()).collect();
    let columns = schema
        .fields()
        .iter()
        .map(|field| match own.get(field.name()) {
            Some(column) => fit(column, field),
            None => Ok(new_null_array(field.data_type(), rows)),
        })
        .collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema, columns, &options).map_err(TransformError::arrow(
        "give a batch the columns of its unit",
    ))
}

/// Returns `array` as the type of `field`, which differs from its own at most in what holds no value.
pub(super) fn fit(array: &ArrayRef, field: &Field) -> Result<ArrayRef, TransformError> {
    use DataType as T;
    let (from, to) = (array.data_type(), field.data_type());
    match (from, to) {
        _ if from == to => Ok(Arc::clone(array)),
        (T::Null, _) => Ok(new_null_array(to, array.len())),
        (T::Struct(fields), T::Utf8) if fields.is_empty() => bare_structs_as_text(array),
        (T::Dictionary(..) | T::RunEndEncoded(..), _)
        | (T::Utf8View, T::Utf8)
        | (T::BinaryView, T::Binary) => {
            cast(array, to).map_err(TransformError::arrow("unpack a dictionary or a view"))
        }
        (T::Struct(_), T::Struct(_)) => fit_struct(array.as_struct(), to),
        (T::List(_), T::List(item)) => fit_list(array.as_list::<i32>(), item),
        (T::LargeList(_), T::LargeList(item)) => fit_list(array.as_list::<i64>(), item),
        (T::FixedSizeList(_, size), T::FixedSizeList(item, wanted)) if size == wanted => {
            let list = array.as_fixed_size_list();
            let (values, nulls) = (fit(list.values(), item)?, list.nulls().cloned());
            nested(FixedSizeListArray::try_new(
                Arc::clone(item),
                *size,
                values,
                nulls,
            ))
        }
        (T::Map(..), T::Map(entries, sorted)) => {
            let map = array.as_map();
            let pairs = fit_struct(map.entries(), entries.data_type())?;
            nested(MapArray::try_new(
                Arc::clone(entries),
                map.offsets().clone(),
                pairs.as_struct().clone(),
                map.nulls().cloned(),
                *sorted,
            ))
        }
        _ => Err(TransformError::Mismatch {
            column: field.name().clone(),
            expected: to.clone(),
            found: from.clone(),
        }),
    }
}

fn nested<A: Array + 'static>(built: Result<A, ArrowError>) -> Result<ArrayRef, TransformError> {
    built
        .map(|array| Arc::new(array) as ArrayRef)
        .map_err(TransformError::arrow("fit a nested column to its type"))
}

/// Renders structs without fields, which hold nothing but the difference between there and not there.
fn bare_structs_as_text(array: &ArrayRef) -> Result<ArrayRef, TransformError> {
    let there = is_not_null(array).map_err(TransformError::arrow("look for nulls"))?;
    let text = there
        .iter()
        .map(|there| (there == Some(true)).then_some("{}"));
    Ok(Arc::new(text.collect::<StringArray>()))
}

fn fit_list<O: OffsetSizeTrait>(
    list: &GenericListArray<O>,
    item: &FieldRef,
) -> Result<ArrayRef, TransformError> {
    let values = fit(list.values(), item)?;
    let (offsets, nulls) = (list.offsets().clone(), list.nulls().cloned());
    nested(GenericListArray::try_new(
        Arc::clone(item),
        offsets,
        values,
        nulls,
    ))
}

fn fit_struct(array: &StructArray, to: &DataType) -> Result<ArrayRef, TransformError> {
    let DataType::Struct(fields) = to else {
        return Err(TransformError::Mismatch {
            column: "entries".to_owned(),
            expected: to.clone(),
            found: array.data_type().clone(),
        });
    };
    let children = fields
        .iter()
        .map(|field| match array.column_by_name(field.name()) {
            Some(child) => fit(child, field),
            None => Ok(new_null_array(field.data_type(), array.len())),
        })
        .collect::<Result<Vec<_>, _>>()?;
    nested(StructArray::try_new_with_length(
        fields.clone(),
        children,
        array.nulls().cloned(),
        array.len(),
    ))
}

#[cfg(test)]
mod tests {
    use arrow::array::{DictionaryArray, Int64Array, ListArray, NullArray};
    use arrow::buffer::{NullBuffer, OffsetBuffer};
    use arrow::datatypes::{Int8Type, Int64Type, Schema};

    use super::*;

    fn schema(columns: Vec<(&str, DataType)>) -> SchemaRef {
        let fields = columns
            .into_iter()
            .map(|(name, data_type)| Field::new(name, data_type, true));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
        let columns = columns.into_iter().map(|(name, array)| (name, array, true));
        RecordBatch::try_from_iter_with_nullable(columns).unwrap()
    }

    #[test]
    fn columns_come_in_the_order_of_the_schema_and_missing_ones_are_null() {
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
        let given = batch(vec![
            ("x", Arc::clone(&numbers)),
            ("a", Arc::clone(&numbers)),
        ]);
        let wanted = schema(vec![
            ("new", DataType::Utf8),
            ("a", DataType::Int64),
            ("untyped", DataType::Null),
        ]);
        let nulls = || -> ArrayRef { Arc::new(StringArray::new_null(2)) };
        let expected = batch(vec![("new", nulls()), ("a", numbers), ("untyped", nulls())]);
        assert_eq!(conform(&given, &wanted).unwrap(), expected);
    }

    #[test]
    fn what_holds_no_value_takes_any_type_at_every_depth() {
        let offsets = || OffsetBuffer::from_lengths([2, 0]);
        let item = |data_type| Arc::new(Field::new("item", data_type, true));
        let nothing = ListArray::new(
            item(DataType::Null),
            offsets(),
            Arc::new(NullArray::new(2)),
            None,
        );
        let child: ArrayRef = Arc::new(nothing);
        let given = StructArray::from(vec![(
            Arc::new(Field::new("l", child.data_type().clone(), true)),
            child,
        )]);
        let list = DataType::List(item(DataType::Int64));
        let fields = vec![
            Field::new("l", list, true),
            Field::new("later", DataType::Int64, true),
        ];
        let wanted = schema(vec![("s", DataType::Struct(fields.into()))]);
        let fitted = conform(&batch(vec![("s", Arc::new(given))]), &wanted).unwrap();
        assert_eq!(fitted.schema(), wanted);
        let lists = fitted.column(0).as_struct().column(0).as_list::<i32>();
        assert_eq!(lists.value(0).null_count(), 2);
        assert_eq!(lists.value_length(1), 0);
    }

    #[test]
    fn structs_without_fields_and_dictionaries_are_written_out() {
        let nulls = NullBuffer::from(vec![true, false]);
        let bare: ArrayRef = Arc::new(StructArray::new_empty_fields(2, Some(nulls)));
        let words: DictionaryArray<Int8Type> = vec!["a", "b"].into_iter().collect();
        let given = batch(vec![("s", bare), ("d", Arc::new(words))]);
        let fitted = conform(&given, &given.schema()).unwrap();
        let texts = |values: Vec<Option<&str>>| -> ArrayRef { Arc::new(StringArray::from(values)) };
        let expected = batch(vec![
            ("s", texts(vec![Some("{}"), None])),
            ("d", texts(vec![Some("a"), Some("b")])),
        ]);
        assert_eq!(fitted, expected);
    }

    #[test]
    fn a_column_of_another_type_is_refused_by_name() {
        let given = batch(vec![(
            "l",
            Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>([Some([
                Some(1),
            ])])),
        )]);
        let wanted = schema(vec![("l", DataType::Int64)]);
        let error = conform(&given, &wanted).unwrap_err();
        assert!(matches!(error, TransformError::Mismatch { column, .. } if column == "l"));
    }
}
