//! The types that an output is written with.

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef};

use super::shape::Column;

/// Returns `schema` as outputs hold it.
///
/// Columns without a type yet, and structs without fields, become `Utf8`, for Parquet has neither; dictionaries
/// and views become what they stand for; metadata goes, but for what [`Logical`](super::Logical) says, so that two
/// schemas with the same columns give the same bytes. Applying it twice changes nothing more.
#[must_use]
pub fn stored_schema(schema: &Schema) -> SchemaRef {
    Arc::new(Schema::new(
        schema.fields().iter().map(stored_field).collect::<Vec<_>>(),
    ))
}

fn stored_field(field: &FieldRef) -> FieldRef {
    let stored = Field::clone(field).with_data_type(stored_type(field.data_type()));
    let is_nullable = field.is_nullable() || field.data_type().is_null();
    Arc::new(
        Column::of_field(&stored)
            .to_field()
            .with_nullable(is_nullable),
    )
}

fn stored_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Null | DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        DataType::Struct(fields) if fields.is_empty() => DataType::Utf8,
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(stored_field).collect()),
        DataType::List(item) => DataType::List(stored_field(item)),
        DataType::LargeList(item) => DataType::LargeList(stored_field(item)),
        DataType::FixedSizeList(item, size) => DataType::FixedSizeList(stored_field(item), *size),
        DataType::Map(entries, sorted) => DataType::Map(stored_field(entries), *sorted),
        DataType::Dictionary(_, value) => stored_type(value),
        DataType::RunEndEncoded(_, values) => stored_type(values.data_type()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::uuid_field;

    fn list(item: DataType) -> DataType {
        DataType::List(Arc::new(Field::new("item", item, true)))
    }

    #[test]
    fn what_parquet_lacks_becomes_text_at_every_depth() {
        let nothing = DataType::Struct(Vec::<Field>::new().into());
        let nested = DataType::Struct(vec![Field::new("a", list(nothing.clone()), true)].into());
        for (from, to) in [
            (DataType::Null, DataType::Utf8),
            (nothing, DataType::Utf8),
            (list(DataType::Null), list(DataType::Utf8)),
            (
                nested,
                DataType::Struct(vec![Field::new("a", list(DataType::Utf8), true)].into()),
            ),
            (
                DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8View)),
                DataType::Utf8,
            ),
            (DataType::Decimal128(5, 2), DataType::Decimal128(5, 2)),
        ] {
            let tagged =
                Field::new("c", from, true).with_metadata([("k".into(), "v".into())].into());
            let stored = stored_schema(&Schema::new(vec![tagged]));
            assert_eq!(*stored, Schema::new(vec![Field::new("c", to, true)]));
            assert_eq!(stored_schema(&stored), stored);
        }
    }

    #[test]
    fn of_all_metadata_that_of_uuids_stays_at_every_depth() {
        let noted = |field: Field| {
            let note = [("PARQUET:field_id".to_owned(), "7".to_owned())];
            let metadata = field.metadata().clone().into_iter().chain(note);
            field.with_metadata(metadata.collect())
        };
        let schema = |note: &dyn Fn(Field) -> Field| {
            let list = DataType::List(note(uuid_field("item")).into());
            let within = DataType::Struct(vec![Field::new("ids", list, true)].into());
            Schema::new(vec![
                note(uuid_field("id")),
                note(Field::new("within", within, true)),
            ])
        };
        assert_eq!(*stored_schema(&schema(&noted)), schema(&|field| field));
    }
}
