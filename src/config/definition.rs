//! What a pipeline computes: everything that an output depends on besides its inputs.

use serde::{Deserialize, Serialize};

use super::{Dialect, Lines, RowSql, Writing};
use crate::model::{ByteSize, ContentHash};
use crate::schema::SchemaRules;

/// What a pipeline computes. Two runs with equal definitions over equal inputs write equal bytes.
///
/// What selects inputs (`include`, `exclude`) or only steers the work (threads, memory) is not part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// How bytes become rows.
    pub format: Format,
    /// Path patterns with named captures, such as `{dt}/{hour}/*.csv`; their captures are path partitions.
    pub captures: Vec<String>,
    /// Columns whose values name the partitions, after those that come from the path.
    pub partition_by: Vec<String>,
    /// An output that grows beyond this is split.
    pub target_file_size: ByteSize,
    /// How CSV and TSV files are written. The default is left out of the fingerprint, which is older than dialects.
    #[serde(default, skip_serializing_if = "Dialect::is_default")]
    pub csv: Dialect,
    /// Which columns there are to be. The default is left out of the fingerprint, which is older than declarations.
    #[serde(default, skip_serializing_if = "SchemaRules::is_default")]
    pub schema: SchemaRules,
    /// How lines are cut, where the format says that they are.
    #[serde(default, skip_serializing_if = "Lines::is_default")]
    pub lines: Lines,
    /// The sheet of a workbook; the first where nobody says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sheet: Option<String>,
    /// What is made of the rows. The default is left out of the fingerprint, which is older than SQL.
    #[serde(
        default,
        rename = "transform",
        skip_serializing_if = "RowSql::is_default"
    )]
    pub sql: RowSql,
    /// How outputs are written. The default is left out of the fingerprint, which is older than the choice.
    #[serde(default, skip_serializing_if = "Writing::is_default")]
    pub writing: Writing,
    /// What tells a user's own step on the rows from others; none where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
}

/// How bytes become rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Told by each file's extension.
    Auto,
    /// Comma-separated, or by another mark.
    Csv,
    /// Tab-separated.
    Tsv,
    /// One JSON object a line.
    Ndjson,
    /// One JSON object, several, or an array of them.
    Json,
    /// Parquet.
    Parquet,
    /// The file or the stream format of Arrow.
    Arrow,
    /// Object containers of Avro.
    Avro,
    /// Lines of text, each with its number.
    Text,
    /// Lines of text, cut by a pattern.
    Regex,
    /// Lines of text, cut by widths.
    Fixed,
    /// Workbooks of Excel.
    Excel,
}

/// Version of the bytes that an equal definition produces of rows of equal types: raised when encoding changes. It is not
/// raised where other types are inferred: what a pipeline has known stays, and so do its outputs.
pub const FORMAT_VERSION: u32 = 5;

impl Definition {
    /// Returns the fingerprint: 32 hexadecimal digits that depend on every field and the format version.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut text = serde_json::json!({ "format_version": FORMAT_VERSION, "definition": self });
        let mut columns = self.schema.columns.iter();
        if columns.any(|column| column.time_zone.is_some()) {
            // What clocks show is decided by parliaments, and written down in one version after another.
            text["time_zones"] = chrono_tz::IANA_TZDB_VERSION.into();
        }
        let mut hex = ContentHash::of(text.to_string().as_bytes()).to_string();
        hex.truncate(32);
        hex
    }
}

impl Default for Definition {
    fn default() -> Self {
        Self {
            format: Format::Auto,
            captures: Vec::new(),
            partition_by: Vec::new(),
            target_file_size: ByteSize(256 << 20),
            csv: Dialect::default(),
            schema: SchemaRules::default(),
            lines: Lines::default(),
            sheet: None,
            sql: RowSql::default(),
            writing: Writing::default(),
            step: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow_schema::DataType;

    use super::*;
    use crate::config::{Decimal, Encoding, Expectation, Header, Mark, OnFail, TrailingDelimiter};
    use crate::schema::{Declared, SchemaPolicy};

    #[test]
    fn a_definition_without_a_dialect_has_the_fingerprint_that_pipelines_of_this_format_have() {
        assert_eq!(
            Definition::default().fingerprint(),
            "3d3a090ab8ea02a5edc22821c6e34699"
        );
        let text = serde_json::to_string(&Definition::default()).unwrap();
        assert!(
            !text.contains("csv") && !text.contains("transform") && !text.contains("writing"),
            "{text}"
        );
        let read: Definition = serde_json::from_str(&text).unwrap();
        assert_eq!(read, Definition::default());
    }

    #[test]
    fn every_word_about_a_column_changes_the_fingerprint() {
        let column = || Declared::new("a", DataType::Int8);
        let zoned = Declared {
            time_zone: Some("Europe/Berlin".to_owned()),
            ..column()
        };
        let rules = |policy, columns| SchemaRules { policy, columns };
        let evolve = |column| rules(SchemaPolicy::Evolve, vec![column]);
        #[rustfmt::skip]
        let all = [
            SchemaRules::default(),
            evolve(column()),
            rules(SchemaPolicy::Strict, vec![column()]),
            rules(SchemaPolicy::Rescue, vec![column()]),
            evolve(Declared::new("b", DataType::Int8)),
            evolve(Declared::new("a", DataType::Decimal128(10, 2))),
            evolve(Declared { nullable: false, ..column() }),
            evolve(Declared { default: Some("0".to_owned()), ..column() }),
            evolve(Declared { format: Some("%d".to_owned()), ..column() }),
            evolve(zoned),
            rules(SchemaPolicy::Evolve, vec![column(), Declared::new("b", DataType::Int8)]),
            rules(SchemaPolicy::Evolve, vec![Declared::new("b", DataType::Int8), column()]),
        ];
        let prints: std::collections::BTreeSet<String> = all
            .iter()
            .map(|schema| {
                let definition = Definition {
                    schema: schema.clone(),
                    ..Definition::default()
                };
                let text = serde_json::to_string(&definition).unwrap();
                assert_eq!(
                    serde_json::from_str::<Definition>(&text).unwrap(),
                    definition
                );
                definition.fingerprint()
            })
            .collect();
        assert_eq!(prints.len(), all.len());
    }

    #[test]
    fn every_setting_of_a_dialect_changes_the_fingerprint() {
        let plain = Dialect::default;
        let mark = Mark::parse;
        #[rustfmt::skip]
        let dialects = [
            plain(),
            Dialect { delimiter: mark(","), ..plain() },
            Dialect { delimiter: mark(";"), ..plain() },
            Dialect { quote: None, ..plain() },
            Dialect { escape: mark("\\"), ..plain() },
            Dialect { comment: mark("#"), ..plain() },
            Dialect { header: Header::Absent, ..plain() },
            Dialect { columns: vec!["a".to_owned()], ..plain() },
            Dialect { skip_lines: 1, ..plain() },
            Dialect { null: vec!["NA".to_owned()], ..plain() },
            Dialect { trailing_delimiter: TrailingDelimiter::Ends, ..plain() },
            Dialect { encoding: Encoding::Utf16, ..plain() },
            Dialect { encoding: Encoding::Latin1, ..plain() },
            Dialect { decimal: Decimal::Comma, ..plain() },
        ];
        let prints: std::collections::BTreeSet<String> = dialects
            .iter()
            .map(|csv| {
                let definition = Definition {
                    csv: csv.clone(),
                    ..Definition::default()
                };
                let text = serde_json::to_string(&definition).unwrap();
                let again: Definition = serde_json::from_str(&text).unwrap();
                assert_eq!(again, definition);
                definition.fingerprint()
            })
            .collect();
        assert_eq!(prints.len(), dialects.len());
    }

    #[test]
    fn every_text_of_sql_changes_the_fingerprint() {
        let text = |text: &str| Some(text.to_owned());
        let expect = |name: &str, sql: &str, on_fail| {
            vec![Expectation {
                name: name.to_owned(),
                sql: sql.to_owned(),
                on_fail,
            }]
        };
        let plain = RowSql::default;
        #[rustfmt::skip]
        let all = [
            plain(),
            RowSql { select: text("a"), ..plain() },
            RowSql { select: text("b"), ..plain() },
            RowSql { filter: text("a"), ..plain() },
            RowSql { expect: expect("n", "a", OnFail::Drop), ..plain() },
            RowSql { expect: expect("n", "b", OnFail::Drop), ..plain() },
            RowSql { expect: expect("n", "a", OnFail::Fail), ..plain() },
            RowSql { expect: expect("m", "a", OnFail::Drop), ..plain() },
        ];
        let prints = all.iter().map(|sql| {
            let definition = Definition {
                sql: sql.clone(),
                ..Definition::default()
            };
            let text = serde_json::to_string(&definition).unwrap();
            let again: Definition = serde_json::from_str(&text).unwrap();
            assert_eq!(again, definition);
            definition.fingerprint()
        });
        let prints: std::collections::BTreeSet<String> = prints.collect();
        assert_eq!(prints.len(), all.len());
    }
}
