//! How outputs are written, beside where they are cut.

use arrow_schema::{DataType, Schema};
use serde::{Deserialize, Serialize};

use super::key::{ENCODINGS_OF_OUTPUTS, Key};
use super::settings::{BadValue, Reading, SettingError, columns_are_named};
use crate::model::ByteSize;

/// How outputs are written. All of it shows in their bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Writing {
    /// Which encodings columns may have.
    pub encodings: Encodings,
    /// How pages are compressed.
    pub compression: Compression,
    /// Columns that get a bloom filter, in byte order.
    pub bloom_filter: Vec<String>,
    /// A row group has at most this many rows.
    pub row_group_rows: u64,
    /// A page ends at about this size, before compression.
    pub page_size: ByteSize,
    /// What the rows of a partition are sorted by; not at all where there is nothing.
    pub sort_by: Vec<SortColumn>,
    /// What becomes of what files say about themselves. The default is left out of the fingerprint, which is older than
    /// the choice.
    #[serde(skip_serializing_if = "SchemaMetadata::is_dropped")]
    pub schema_metadata: SchemaMetadata,
}

/// Which encodings columns may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encodings {
    /// Whichever is best for the column.
    #[default]
    Auto,
    /// Those that every reader has always known: plain values and dictionaries.
    Plain,
}

/// How pages are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Zstandard, at a level.
    Zstd(u8),
    /// Snappy.
    Snappy,
    /// LZ4 blocks, which Parquet calls `LZ4_RAW`.
    Lz4,
    /// Gzip.
    Gzip,
    /// Not at all.
    None,
}

/// A column that rows are sorted by. Nulls come last in either direction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SortColumn {
    /// The column.
    pub column: String,
    /// Which values come first.
    pub direction: Direction,
}

/// Which values come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Small ones.
    Ascending,
    /// Large ones.
    Descending,
}

/// What becomes of what files say about themselves and their columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SchemaMetadata {
    /// Outputs say nothing of it.
    #[default]
    Dropped,
    /// Outputs say what their files agree about.
    Kept,
}

/// Rows of a row group.
const ROW_GROUP_ROWS: u64 = 1 << 20;
/// Fewer make more metadata than data, and more would have to be held in memory.
const ROW_GROUP_BOUNDS: (u64, u64) = (1024, 1 << 24);
/// Bytes of a page.
const PAGE_SIZE: ByteSize = ByteSize(1 << 20);
/// Pages have headers, and readers hold them whole.
const PAGE_BOUNDS: (ByteSize, ByteSize) = (ByteSize(4 << 10), ByteSize(64 << 20));
/// What pays for itself nearly everywhere.
const ZSTD_LEVEL: u8 = 3;
/// Beyond it, one column needs more memory than is given to a whole unit.
const MOST_ZSTD: u8 = 19;

impl Default for Writing {
    fn default() -> Self {
        Self {
            encodings: Encodings::Auto,
            compression: Compression::default(),
            bloom_filter: Vec::new(),
            row_group_rows: ROW_GROUP_ROWS,
            page_size: PAGE_SIZE,
            sort_by: Vec::new(),
            schema_metadata: SchemaMetadata::Dropped,
        }
    }
}

impl Default for Compression {
    fn default() -> Self {
        Self::Zstd(ZSTD_LEVEL)
    }
}

impl Writing {
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Returns what rows with the columns of `schema` are sorted by: positions of columns, the first counting most.
    ///
    /// A column that is not there is the same in all rows, as one that names partitions is, and orders nothing. Nor does
    /// one of a type without an order: a list, a struct, a map, an interval.
    #[must_use]
    pub fn sort_within(&self, schema: &Schema) -> Vec<(usize, Direction)> {
        let present = self.sort_by.iter().filter_map(|key| {
            let at = schema.index_of(&key.column).ok()?;
            let data_type = schema.field(at).data_type();
            let is_ordered = !data_type.is_nested() && !matches!(data_type, DataType::Interval(_));
            is_ordered.then_some((at, key.direction))
        });
        present.collect()
    }
}

impl SchemaMetadata {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde asks with a reference"
    )]
    fn is_dropped(&self) -> bool {
        *self == Self::Dropped
    }
}

impl SortColumn {
    /// Reads `COL`, `COL ASC` or `COL DESC`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        let (column, word) = text.rsplit_once(' ').unwrap_or((text, ""));
        let (column, direction) = match word.to_ascii_lowercase().as_str() {
            "asc" => (column, Direction::Ascending),
            "desc" => (column, Direction::Descending),
            _ => (text, Direction::Ascending),
        };
        Self {
            column: column.trim_end().to_owned(),
            direction,
        }
    }
}

impl Compression {
    /// Reads `zstd`, `zstd:LEVEL`, `snappy`, `lz4`, `gzip` or `none`.
    fn parse(text: &str) -> Result<Self, BadValue> {
        Ok(match text.split_once(':') {
            None => match text {
                "zstd" => Self::default(),
                "snappy" => Self::Snappy,
                "lz4" => Self::Lz4,
                "gzip" => Self::Gzip,
                "none" => Self::None,
                _ => return Err(BadValue::Compression),
            },
            Some(("zstd", level)) => {
                let level = level.parse().ok();
                let level = level.filter(|level| (1..=MOST_ZSTD).contains(level));
                Self::Zstd(level.ok_or(BadValue::ZstdLevel { most: MOST_ZSTD })?)
            }
            Some(_) => return Err(BadValue::Compression),
        })
    }
}

impl Reading<'_> {
    /// Reads how outputs are written.
    pub(super) fn writing(&self) -> Result<Writing, SettingError> {
        let encodings = [Encodings::Auto, Encodings::Plain];
        let mut bloom_filter = self.list(Key::BloomFilter, columns_are_named)?;
        // Their order means nothing.
        bloom_filter.sort();
        let sort_by = self.list(Key::SortBy, sort_columns)?;
        let row_group_rows = self.count(Key::RowGroupRows)?.unwrap_or(ROW_GROUP_ROWS);
        let page_size = self.size(Key::PageSize)?.unwrap_or(PAGE_SIZE);
        let (least, most) = ROW_GROUP_BOUNDS;
        if !(least..=most).contains(&row_group_rows) {
            let bounds = BadValue::Rows { least, most };
            return Err(self.refused(Key::RowGroupRows, bounds));
        }
        let (least, most) = PAGE_BOUNDS;
        if !(least..=most).contains(&page_size) {
            return Err(self.refused(Key::PageSize, BadValue::Bytes { least, most }));
        }
        Ok(Writing {
            encodings: self.choice(Key::Encodings, ENCODINGS_OF_OUTPUTS, &encodings)?,
            compression: self
                .one(Key::Compression, Compression::parse)?
                .unwrap_or_default(),
            bloom_filter,
            row_group_rows,
            page_size,
            sort_by: sort_by.iter().map(|text| SortColumn::parse(text)).collect(),
            schema_metadata: self.switch(
                Key::SchemaMetadata,
                SchemaMetadata::Dropped,
                SchemaMetadata::Kept,
            )?,
        })
    }
}

fn sort_columns(items: &[String]) -> Result<(), BadValue> {
    let columns = items.iter().map(|item| SortColumn::parse(item).column);
    columns_are_named(&columns.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use arrow_schema::Field;

    use super::*;
    use crate::config::{Definition, Layer, Layers, Origin, Settings};

    fn writing(values: &[(Key, &str)]) -> Result<Writing, SettingError> {
        let mut layer = Layer::new(Origin::Flag);
        for (key, text) in values {
            layer.set(*key, text);
        }
        let layers = Layers(vec![layer, Layer::defaults()]);
        Settings::resolve(&layers, 1).map(|settings| settings.definition.writing)
    }

    #[test]
    fn a_column_to_sort_by_may_say_its_direction() {
        for (text, column, direction) in [
            ("a", "a", Direction::Ascending),
            ("a asc", "a", Direction::Ascending),
            ("a  DESC", "a", Direction::Descending),
            ("first name", "first name", Direction::Ascending),
            ("first name Desc", "first name", Direction::Descending),
            ("a desc ASC", "a desc", Direction::Ascending),
            ("desc", "desc", Direction::Ascending),
        ] {
            let column = column.to_owned();
            let expected = SortColumn { column, direction };
            assert_eq!(SortColumn::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn a_codec_is_one_of_the_words_and_zstd_has_levels_that_fit_the_memory() {
        for (text, codec) in [
            ("zstd", Compression::Zstd(3)),
            ("zstd:1", Compression::Zstd(1)),
            ("zstd:19", Compression::Zstd(19)),
            ("snappy", Compression::Snappy),
            ("lz4", Compression::Lz4),
            ("gzip", Compression::Gzip),
            ("none", Compression::None),
        ] {
            let read = writing(&[(Key::Compression, text)]).unwrap();
            assert_eq!(read.compression, codec, "{text}");
        }
        for text in ["zstd:0", "zstd:20", "zstd:", "zstd:x", "gzip:3", "lzo", ""] {
            assert!(writing(&[(Key::Compression, text)]).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_have_bounds() {
        for (key, text, is_fine) in [
            (Key::RowGroupRows, "1024", true),
            (Key::RowGroupRows, "16_777_216", true),
            (Key::RowGroupRows, "1023", false),
            (Key::RowGroupRows, "16777217", false),
            (Key::PageSize, "4KiB", true),
            (Key::PageSize, "64MiB", true),
            (Key::PageSize, "4095", false),
            (Key::PageSize, "65MiB", false),
        ] {
            assert_eq!(writing(&[(key, text)]).is_ok(), is_fine, "{text}");
        }
    }

    #[test]
    fn a_column_is_sorted_by_once_and_has_a_name() {
        assert!(writing(&[(Key::SortBy, "a,b desc")]).is_ok());
        assert!(writing(&[(Key::SortBy, "a,a desc")]).is_err());
        assert!(writing(&[(Key::BloomFilter, "a,a")]).is_err());
    }

    #[test]
    fn only_columns_that_are_there_and_have_an_order_sort_rows() {
        let item = Arc::new(Field::new_list_field(DataType::Int64, true));
        let schema = Schema::new(vec![
            Field::new("a", DataType::Int64, true),
            Field::new("l", DataType::List(item), true),
            Field::new("b", DataType::Utf8, true),
        ]);
        let writing = writing(&[(Key::SortBy, "b desc,l,missing,a")]).unwrap();
        let expected = [(2, Direction::Descending), (0, Direction::Ascending)];
        assert_eq!(writing.sort_within(&schema), expected);
    }

    #[test]
    fn a_pipeline_that_keeps_no_comments_has_the_text_that_it_had_before_it_could() {
        let written = serde_json::to_string(&writing(&[(Key::Encodings, "plain")]).unwrap());
        assert!(!written.unwrap().contains("schema_metadata"));
    }

    #[test]
    fn every_word_about_outputs_changes_the_fingerprint() {
        let all: [&[(Key, &str)]; 10] = [
            &[],
            &[(Key::Encodings, "plain")],
            &[(Key::Compression, "zstd:4")],
            &[(Key::Compression, "none")],
            &[(Key::BloomFilter, "a,b")],
            &[(Key::RowGroupRows, "2000")],
            &[(Key::PageSize, "64KiB")],
            &[(Key::SortBy, "a")],
            &[(Key::SortBy, "a desc")],
            &[(Key::SchemaMetadata, "true")],
        ];
        let prints: BTreeSet<String> = all
            .iter()
            .map(|values| {
                let definition = Definition {
                    writing: writing(values).unwrap(),
                    ..Definition::default()
                };
                let text = serde_json::to_string(&definition).unwrap();
                let again: Definition = serde_json::from_str(&text).unwrap();
                assert_eq!(again, definition);
                definition.fingerprint()
            })
            .collect();
        assert_eq!(prints.len(), all.len());
        let turned = writing(&[(Key::BloomFilter, "b,a")]).unwrap();
        assert_eq!(turned.bloom_filter, ["a", "b"]);
    }
}
