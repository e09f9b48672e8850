//! What values are, where the type of a column does not tell.
//!
//! Arrow says it in the metadata of a field, as the name of an extension type, and that metadata is part of a nested
//! type. So of all metadata this alone is kept: of a column beside its type, and within nested types where Arrow has it.

use arrow_schema::extension::{EXTENSION_TYPE_NAME_KEY, ExtensionType, Uuid};
use arrow_schema::{DataType, Field};
use serde::{Deserialize, Serialize};

/// What the values of a type are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Logical {
    /// UUIDs, which are 16 bytes each.
    Uuid,
}

impl Logical {
    /// Returns what a field of Arrow says of its values, where its type goes with that.
    #[must_use]
    pub fn of_field(field: &Field) -> Option<Self> {
        let is_uuid = field.has_valid_extension_type::<Uuid>();
        is_uuid.then_some(Self::Uuid)
    }

    /// Returns the field that says so as well; its type has to go with it.
    #[must_use]
    pub fn marked(self, mut field: Field) -> Field {
        let Self::Uuid = self;
        let mark = (EXTENSION_TYPE_NAME_KEY.to_owned(), Uuid::NAME.to_owned());
        field.set_metadata([mark].into());
        field
    }

    /// Returns the name that people know it by.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Uuid => "uuid",
        }
    }
}

/// Returns a type as people read it where it has no shorter name: in Arrow's words, but for what values within are.
#[must_use]
pub fn type_name(data_type: &DataType) -> String {
    let marked = format!(
        "FixedSizeBinary(16), metadata: {{{EXTENSION_TYPE_NAME_KEY:?}: {:?}}}",
        Uuid::NAME
    );
    data_type.to_string().replace(&marked, Logical::Uuid.name())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::HashMap;

    use super::*;

    /// Returns a field of UUIDs.
    pub(crate) fn uuid_field(name: &str) -> Field {
        Logical::Uuid.marked(Field::new(name, DataType::FixedSizeBinary(16), true))
    }

    #[test]
    fn a_field_is_of_uuids_where_its_name_and_its_type_say_so() {
        let named = |data_type, more: &[(&str, &str)]| {
            let pairs = [(EXTENSION_TYPE_NAME_KEY, "arrow.uuid")];
            let pairs = pairs.iter().chain(more);
            let metadata = pairs.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
            Field::new("id", data_type, true).with_metadata(metadata.collect::<HashMap<_, _>>())
        };
        let sixteen = || DataType::FixedSizeBinary(16);
        assert_eq!(named(sixteen(), &[]), uuid_field("id"));
        for (field, expected) in [
            (uuid_field("id"), Some(Logical::Uuid)),
            (
                named(sixteen(), &[("PARQUET:field_id", "1")]),
                Some(Logical::Uuid),
            ),
            (named(DataType::FixedSizeBinary(8), &[]), None),
            (named(DataType::Utf8, &[]), None),
            (Field::new("id", sixteen(), true), None),
        ] {
            assert_eq!(Logical::of_field(&field), expected, "{field}");
        }
    }

    #[test]
    fn types_are_told_with_what_values_within_are() {
        let key = uuid_field("key").with_nullable(false);
        let fields = vec![key, uuid_field("value")];
        let entries = Field::new("entries", DataType::Struct(fields.into()), false);
        for (data_type, expected) in [
            (DataType::FixedSizeBinary(16), "FixedSizeBinary(16)"),
            (DataType::List(uuid_field("item").into()), "List(uuid)"),
            (
                DataType::Struct(vec![uuid_field("a")].into()),
                "Struct(\"a\": uuid)",
            ),
            (
                DataType::Map(entries.into(), false),
                "Map(\"entries\": non-null Struct(\"key\": non-null uuid, \"value\": uuid), unsorted)",
            ),
        ] {
            assert_eq!(type_name(&data_type), expected);
        }
    }
}
