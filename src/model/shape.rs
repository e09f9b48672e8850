//! The columns of a table, as plain values.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef};
use serde::{Deserialize, Serialize};

use super::logical::{Logical, type_name};

/// Levels of lists, structs and maps within one column, at most; a map is two, itself and its entries.
///
/// Ledger and outputs keep shapes as JSON, and whoever reads JSON stops where it nests too deep (the reader in use here
/// behind 127 open brackets), so that no input can hang it. A level costs up to three brackets and what lies around
/// the levels a few more. A shape beyond this could be written and never be read again, so that everything that
/// decodes refuses a file which would bring one.
pub const MAX_NESTING: usize = 40;

/// One column: a name, a type, and what its values are where that does not tell. Every column may hold nulls.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Column {
    /// Name, unique within a shape and case-sensitive.
    pub name: String,
    /// Type by the lattice of `schema`; `DataType::Null` where no value has been seen yet.
    #[serde(rename = "type")]
    pub data_type: DataType,
    /// What the values are, which goes with the type; within a nested type, the type itself says that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logical: Option<Logical>,
}

impl Column {
    /// Returns a column of which the type tells all.
    #[must_use]
    pub fn new(name: impl Into<String>, data_type: DataType) -> Self {
        Self {
            name: name.into(),
            data_type,
            logical: None,
        }
    }

    /// Returns the column of an Arrow field.
    #[must_use]
    pub fn of_field(field: &Field) -> Self {
        Self {
            logical: Logical::of_field(field),
            ..Self::new(field.name(), field.data_type().clone())
        }
    }

    /// Returns the Arrow field of the same column, nullable.
    #[must_use]
    pub fn to_field(&self) -> Field {
        let field = Field::new(&self.name, self.data_type.clone(), true);
        match self.logical {
            Some(logical) => logical.marked(field),
            None => field,
        }
    }

    /// Returns its type as people read it where it has no shorter name.
    #[must_use]
    pub fn type_name(&self) -> String {
        match self.logical {
            Some(logical) => logical.name().to_owned(),
            None => type_name(&self.data_type),
        }
    }

    /// Returns how many levels of lists, structs and maps there are in its type: none for plain values.
    #[must_use]
    pub fn nesting(&self) -> usize {
        nesting(&self.data_type)
    }
}

fn nesting(data_type: &DataType) -> usize {
    match data_type {
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => 1 + nesting(item.data_type()),
        DataType::Struct(fields) => {
            let fields = fields.iter().map(|field| nesting(field.data_type()));
            1 + fields.max().unwrap_or_default()
        }
        DataType::Dictionary(_, value) => nesting(value),
        DataType::RunEndEncoded(_, values) => nesting(values.data_type()),
        _ => 0,
    }
}

/// An ordered list of columns with unique names: what was observed in a file, or what an output is written with.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Shape {
    /// The columns, in order of first appearance.
    pub columns: Vec<Column>,
}

impl Shape {
    /// Builds a shape from names and types.
    #[must_use]
    pub fn of(columns: &[(&str, DataType)]) -> Self {
        Self {
            columns: columns
                .iter()
                .map(|(name, data_type)| Column::new(*name, data_type.clone()))
                .collect(),
        }
    }

    /// Returns the columns of an Arrow schema.
    #[must_use]
    pub fn of_schema(schema: &Schema) -> Self {
        let fields = schema.fields().iter();
        Self {
            columns: fields.map(|field| Column::of_field(field)).collect(),
        }
    }

    /// Returns the column called `name`.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Returns the type of the column called `name`.
    #[must_use]
    pub fn type_of(&self, name: &str) -> Option<&DataType> {
        self.column(name).map(|column| &column.data_type)
    }

    /// Tells whether there are no columns.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// Returns the Arrow schema with the same columns, all nullable.
    #[must_use]
    pub fn to_arrow(&self) -> SchemaRef {
        Arc::new(Schema::new(
            self.columns
                .iter()
                .map(Column::to_field)
                .collect::<Vec<_>>(),
        ))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use arrow_schema::TimeUnit;

    use super::*;
    use crate::model::uuid_field;

    fn deep(levels: usize, wrap: impl Fn(DataType) -> DataType) -> DataType {
        let instant = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
        (0..levels).fold(instant, |inner, _| wrap(inner))
    }

    fn struct_of(inner: DataType) -> DataType {
        DataType::Struct(vec![Field::new("a", inner, true)].into())
    }

    fn list_of(inner: DataType) -> DataType {
        DataType::List(Arc::new(Field::new_list_field(inner, true)))
    }

    fn map_of(inner: DataType) -> DataType {
        let key = Field::new("key", DataType::Utf8, false);
        let fields = vec![key, Field::new("value", inner, true)];
        let entries = Field::new("entries", DataType::Struct(fields.into()), false);
        DataType::Map(Arc::new(entries), false)
    }

    /// Columns of structs, lists and maps that nest as deep as any may.
    pub(crate) fn deepest() -> Shape {
        Shape::of(&[
            ("structs", deep(MAX_NESTING, struct_of)),
            ("lists", deep(MAX_NESTING, list_of)),
            ("maps", deep(MAX_NESTING / 2, map_of)),
        ])
    }

    #[test]
    fn the_deepest_shape_can_be_read_where_it_was_written() {
        let shape = deepest();
        for column in &shape.columns {
            assert_eq!(column.nesting(), MAX_NESTING, "{}", column.name);
        }
        let json = serde_json::to_string(&shape).unwrap();
        assert_eq!(serde_json::from_str::<Shape>(&json).unwrap(), shape);
    }

    #[test]
    fn levels_are_counted_where_the_type_is_deepest() {
        let two = struct_of(list_of(DataType::Int64));
        let fields = vec![
            Field::new("a", DataType::Utf8, true),
            Field::new("b", two, true),
        ];
        let shape = Shape::of(&[
            ("none", DataType::Date32),
            ("three", DataType::Struct(fields.into())),
            ("four", map_of(map_of(DataType::Int64))),
        ]);
        let levels: Vec<usize> = shape.columns.iter().map(Column::nesting).collect();
        assert_eq!(levels, [0, 3, 4]);
    }

    #[test]
    fn columns_are_written_as_json_with_what_their_values_are_where_the_type_does_not_tell() {
        let shape = Shape::of_schema(&Schema::new(vec![
            Field::new("n", DataType::Int64, true),
            Field::new("bytes", DataType::FixedSizeBinary(16), true),
            uuid_field("id"),
        ]));
        let json = r#"[{"name":"n","type":"Int64"},{"name":"bytes","type":{"FixedSizeBinary":16}},{"name":"id","type":{"FixedSizeBinary":16},"logical":"uuid"}]"#;
        assert_eq!(serde_json::to_string(&shape).unwrap(), json);
        assert_eq!(serde_json::from_str::<Shape>(json).unwrap(), shape);
    }

    #[test]
    fn a_schema_of_uuids_comes_back_from_json_and_from_arrow() {
        let list = DataType::List(uuid_field("item").into());
        let schema = Schema::new(vec![
            uuid_field("id"),
            Field::new("inner", struct_of(list), true),
        ]);
        let shape = Shape::of_schema(&schema);
        let json = serde_json::to_string(&shape).unwrap();
        assert_eq!(serde_json::from_str::<Shape>(&json).unwrap(), shape);
        assert_eq!(*shape.to_arrow(), schema);
    }
}
