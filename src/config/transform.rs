//! What is made of the rows on their way: the texts of `[transform]` and `[[expect]]`, as they were written.
//!
//! Nothing is understood here but names; what SQL means is the business of `transform`.

use serde::{Deserialize, Serialize};

/// The SQL of a pipeline. The default is a pipeline without any.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RowSql {
    /// What would stand between `SELECT` and `FROM`; all columns as they are where it is `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub select: Option<String>,
    /// What would stand behind `WHERE`, over the rows of the source.
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// What must be true of the rows that come out, in the order in which it is asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub expect: Vec<Expectation>,
}

/// Something that must be true of every row that comes out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expectation {
    /// Its name in reports.
    pub name: String,
    /// The condition, over the columns that come out. A row meets it where it is true; null is not.
    pub sql: String,
    /// What a row that does not meet it leads to.
    pub on_fail: OnFail,
}

/// What a row that does not meet an expectation leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFail {
    /// The row is left out and counted.
    Drop,
    /// The row is left out, and kept beside the ledger.
    QuarantineRow,
    /// Its file is set aside, as one that cannot be decoded.
    QuarantineFile,
    /// The run ends before the unit is published.
    Fail,
}

/// The words for it.
pub const ON_FAIL: &[&str] = &["drop", "quarantine_row", "quarantine_file", "fail"];

impl OnFail {
    /// Reads one of [`ON_FAIL`].
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [
            Self::Drop,
            Self::QuarantineRow,
            Self::QuarantineFile,
            Self::Fail,
        ]
        .into_iter()
        .find(|on_fail| on_fail.word() == word)
    }

    /// Returns the word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::QuarantineRow => "quarantine_row",
            Self::QuarantineFile => "quarantine_file",
            Self::Fail => "fail",
        }
    }
}

impl RowSql {
    /// Tells whether rows are taken as they come.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_back() {
        for word in ON_FAIL {
            assert_eq!(OnFail::parse(word).map(OnFail::word), Some(*word));
        }
        assert_eq!(OnFail::parse("quarantine"), None);
    }
}
