//! What files say about themselves and about their columns, beside their rows.
//!
//! Parquet, Arrow and Avro files hold texts under keys: of the file as a whole, and of each column. What files say together
//! is what they [agree](Comments::agreed) about.
//!
//! # Invariants
//! - What tells how another file is laid out is no comment: it would be wrong of ours, and readers would believe it.
//! - The comments of a file are bounded, and so are those that are kept of a unit's files.

use std::collections::BTreeMap;

use arrow_schema::Schema;
use serde::{Deserialize, Serialize};

use super::Shape;

/// Bytes of a file's comments, at most; of a file that has more, none count.
const FILE_BYTES: usize = 64 << 10;
/// Bytes of the comments of a unit's files, equal ones counted once; where there are more, none are kept.
const UNIT_BYTES: usize = 1 << 20;

/// Keys of texts that tell how a file is laid out, and how such keys begin.
const LAYOUT: [&str; 3] = ["geo", "pandas", "writer.model.name"];
const LAYOUT_PREFIXES: [&str; 9] = [
    "ARROW:",
    "PARQUET:",
    "avro.",
    "hoodie_",
    "iceberg.",
    "org.apache.hudi.",
    "org.apache.spark.",
    "parquet.",
    "strandline.",
];

/// Texts by their keys.
type Texts = BTreeMap<String, String>;

/// What a file says about itself and about its columns, or what several files agree about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Comments {
    /// On the file.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub file: Texts,
    /// On the columns, by their names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<String, Texts>,
}

impl Comments {
    /// Returns those of a file with this Arrow schema, whose columns are called as in `shape`.
    #[must_use]
    pub fn of_schema(schema: &Schema, shape: &Shape) -> Self {
        let mut gathered = FileComments::default();
        for (key, text) in schema.metadata() {
            gathered.add(None, key, text);
        }
        for (column, field) in shape.columns.iter().zip(schema.fields()) {
            for (key, text) in field.metadata() {
                gathered.add(Some(&column.name), key, text);
            }
        }
        gathered.finish()
    }

    /// Tells whether nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.file.is_empty() && self.columns.is_empty()
    }

    /// Returns what all agree about: a text that everyone who has its key has under it.
    #[must_use]
    pub fn agreed<'a>(all: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut heard: BTreeMap<(Option<&str>, &str), Option<&str>> = BTreeMap::new();
        for (column, key, text) in all.into_iter().flat_map(Self::texts) {
            let known = heard.entry((column, key)).or_insert(Some(text));
            if *known != Some(text) {
                *known = None;
            }
        }
        let mut agreed = Self::default();
        for ((column, key), text) in heard {
            if let Some(text) = text {
                agreed.put(column, key, text);
            }
        }
        agreed
    }

    /// Returns the different ones of a unit's files, in order of first appearance, and for each file the number of its own
    /// among them, where it says anything. Where they are too large to be kept there are none.
    #[must_use]
    pub fn numbered<'a>(
        all: impl IntoIterator<Item = &'a Self>,
    ) -> (Vec<Self>, Vec<Option<usize>>) {
        let mut places: BTreeMap<&Self, usize> = BTreeMap::new();
        let number = |comments: &'a Self| {
            let next = places.len();
            (!comments.is_empty()).then(|| *places.entry(comments).or_insert(next))
        };
        let numbers: Vec<Option<usize>> = all.into_iter().map(number).collect();
        if places
            .keys()
            .map(|comments| comments.bytes())
            .sum::<usize>()
            > UNIT_BYTES
        {
            return (Vec::new(), vec![None; numbers.len()]);
        }
        let mut different: Vec<(&Self, usize)> = places.into_iter().collect();
        different.sort_by_key(|(_, place)| *place);
        let different = different.into_iter();
        (
            different.map(|(comments, _)| comments.clone()).collect(),
            numbers,
        )
    }

    /// Returns every text, with its column and key.
    fn texts(&self) -> impl Iterator<Item = (Option<&str>, &str, &str)> {
        let file = self.file.iter().map(|text| (None, text));
        let columns = self.columns.iter();
        let columns =
            columns.flat_map(|(name, texts)| texts.iter().map(|text| (Some(name.as_str()), text)));
        file.chain(columns)
            .map(|(column, (key, text))| (column, key.as_str(), text.as_str()))
    }

    fn bytes(&self) -> usize {
        let texts = self.texts();
        texts
            .map(|(column, key, text)| bytes(column, key, text))
            .sum()
    }

    fn put(&mut self, column: Option<&str>, key: &str, text: &str) {
        let texts = match column {
            None => &mut self.file,
            Some(column) => self.columns.entry(column.to_owned()).or_default(),
        };
        texts.insert(key.to_owned(), text.to_owned());
    }
}

/// Gathers the comments of one file, and never holds more than a file may have.
#[derive(Debug, Default)]
pub struct FileComments {
    comments: Comments,
    bytes: usize,
}

impl FileComments {
    /// Adds a text on a column, or on the file, unless its key says that it is no comment.
    pub fn add(&mut self, column: Option<&str>, key: &str, text: &str) {
        if tells_layout(key) {
            return;
        }
        self.bytes = self.bytes.saturating_add(bytes(column, key, text));
        if self.bytes <= FILE_BYTES {
            self.comments.put(column, key, text);
        }
    }

    /// Returns all that was added; nothing where it was too much.
    #[must_use]
    pub fn finish(self) -> Comments {
        if self.bytes > FILE_BYTES {
            return Comments::default();
        }
        self.comments
    }
}

fn tells_layout(key: &str) -> bool {
    let mut prefixes = LAYOUT_PREFIXES.iter();
    LAYOUT.contains(&key) || prefixes.any(|prefix| key.starts_with(prefix))
}

fn bytes(column: Option<&str>, key: &str, text: &str) -> usize {
    column.map_or(0, str::len) + key.len() + text.len()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use arrow_schema::{DataType, Field};

    use super::*;

    /// Comments on the file (`key=text`) and on columns (`column.key=text`).
    fn said(texts: &[&str]) -> Comments {
        let mut comments = Comments::default();
        for text in texts {
            let (key, text) = text.split_once('=').unwrap();
            match key.split_once('.') {
                Some((column, key)) => comments.put(Some(column), key, text),
                None => comments.put(None, key, text),
            }
        }
        comments
    }

    #[test]
    fn files_agree_about_what_all_say_that_have_the_key() {
        #[rustfmt::skip]
        let table: [(&[&[&str]], &[&str]); 9] = [
            (&[], &[]),
            (&[&["owner=sea", "x.comment=metres"]], &["owner=sea", "x.comment=metres"]),
            (&[&["owner=sea"], &["owner=sea"]], &["owner=sea"]),
            (&[&["owner=sea"], &["owner=land"]], &[]),
            (&[&["owner=sea"], &[]], &["owner=sea"]),
            (&[&["owner=sea"], &["licence=none"]], &["owner=sea", "licence=none"]),
            (&[&["a=1", "b=2"], &["a=1", "b=3"]], &["a=1"]),
            (&[&["x.comment=m", "y.comment=m"], &["x.comment=km"]], &["y.comment=m"]),
            // Who comes back to the first text does not make them agree.
            (&[&["a=1"], &["a=2"], &["a=1"]], &[]),
        ];
        for (files, expected) in table {
            let files: Vec<Comments> = files.iter().map(|texts| said(texts)).collect();
            assert_eq!(Comments::agreed(&files), said(expected), "{files:?}");
            assert_eq!(Comments::agreed(files.iter().rev()), said(expected));
            let (different, _) = Comments::numbered(&files);
            assert_eq!(
                Comments::agreed(&different),
                said(expected),
                "equal ones once"
            );
        }
    }

    #[test]
    fn equal_comments_are_kept_once_in_order_of_first_appearance() {
        let (b, a, none) = (said(&["k=b"]), said(&["k=a"]), said(&[]));
        let (different, numbers) = Comments::numbered([&b, &none, &a, &b]);
        assert_eq!(different, [b, a]);
        assert_eq!(numbers, [Some(0), None, Some(1), Some(0)]);
    }

    #[test]
    fn of_a_unit_whose_files_say_too_much_nothing_is_kept() {
        let large = |number: usize| said(&[&format!("{number:02}={}", "x".repeat(FILE_BYTES - 2))]);
        let most: Vec<Comments> = (0..UNIT_BYTES / FILE_BYTES).map(large).collect();
        assert_eq!(Comments::numbered(&most).0, most);
        assert_eq!(Comments::numbered(most.iter().chain(&most)).0, most);
        let (more, numbers) = Comments::numbered(most.iter().chain([&said(&["k="])]));
        assert_eq!((more.len(), numbers), (0, vec![None; most.len() + 1]));
    }

    #[test]
    fn what_tells_how_a_file_is_laid_out_is_no_comment() {
        for (key, is_comment) in [
            ("comment", true),
            ("doc", true),
            ("pandas", false),
            ("pandas.notes", true),
            ("ARROW:schema", false),
            ("ARROW:extension:name", false),
            ("PARQUET:field_id", false),
            ("parquet.avro.schema", false),
            ("writer.model.name", false),
            ("avro.codec", false),
            ("iceberg.schema", false),
            ("org.apache.spark.sql.parquet.row.metadata", false),
            ("strandline.unit", false),
        ] {
            for column in [None, Some("x")] {
                let mut gathered = FileComments::default();
                gathered.add(column, key, "text");
                assert_eq!(!gathered.finish().is_empty(), is_comment, "{key}");
            }
        }
    }

    #[test]
    fn of_a_file_that_says_too_much_nothing_counts() {
        for (length, counts) in [(FILE_BYTES - 3, true), (FILE_BYTES - 2, false)] {
            let mut gathered = FileComments::default();
            gathered.add(None, "k", &"x".repeat(length));
            gathered.add(Some("c"), "k", "");
            assert_eq!(!gathered.finish().is_empty(), counts, "{length}");
        }
    }

    #[test]
    fn a_schema_says_what_it_has_under_its_keys_about_columns_by_the_names_they_get() {
        let texts = |text: &str| HashMap::from([("comment".to_owned(), text.to_owned())]);
        let field = |text: &str| {
            let field = Field::new("a", DataType::Int64, true);
            field.with_metadata(texts(text))
        };
        let schema = Schema::new_with_metadata(vec![field("one"), field("two")], texts("both"));
        let shape = Shape::of(&[("a", DataType::Int64), ("a_2", DataType::Int64)]);
        let expected = said(&["comment=both", "a.comment=one", "a_2.comment=two"]);
        assert_eq!(Comments::of_schema(&schema, &shape), expected);
    }

    #[test]
    fn comments_are_read_as_they_were_written_and_nothing_takes_no_room() {
        let all = said(&["owner=sea", "x.comment=m"]);
        let json = serde_json::to_string(&all).unwrap();
        assert_eq!(
            json,
            r#"{"file":{"owner":"sea"},"columns":{"x":{"comment":"m"}}}"#
        );
        assert_eq!(serde_json::from_str::<Comments>(&json).unwrap(), all);
        assert_eq!(serde_json::to_string(&said(&[])).unwrap(), "{}");
    }
}
