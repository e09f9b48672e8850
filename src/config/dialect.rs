//! How CSV and TSV files are written.

use serde::{Deserialize, Serialize};

/// How CSV and TSV files are written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Dialect {
    /// What separates fields; detected in each file where it is `None`. In TSV files it is always a tab.
    pub delimiter: Option<Mark>,
    /// What encloses fields, if anything does.
    pub quote: Option<Mark>,
    /// What takes the meaning from the mark behind it, besides the doubled quote.
    pub escape: Option<Mark>,
    /// What begins a line that does not count.
    pub comment: Option<Mark>,
    /// Whether the first row names the columns.
    pub header: Header,
    /// Names of the columns, which win over those of a header.
    pub columns: Vec<String>,
    /// Lines at the beginning that do not count.
    pub skip_lines: u64,
    /// Values that are null besides the empty one, in order and each once.
    pub null: Vec<String>,
    /// What a delimiter at the end of a line means.
    pub trailing_delimiter: TrailingDelimiter,
    /// How bytes are characters.
    pub encoding: Encoding,
    /// What separates a number's whole part from its fraction.
    pub decimal: Decimal,
}

/// A character with a meaning: one of ASCII, and no line end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "char", into = "char")]
pub struct Mark(u8);

/// A character that can be no [`Mark`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not one ASCII character, or is a line end")]
pub struct NoMark(char);

/// Whether the first row names the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Header {
    /// It does.
    Present,
    /// It is a row like any other.
    Absent,
}

/// What a delimiter at the end of a line means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrailingDelimiter {
    /// An empty field comes behind it.
    Separates,
    /// Nothing comes behind it.
    Ends,
}

/// How bytes are characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// UTF-16 where a byte order mark says so, else UTF-8.
    Auto,
    /// UTF-8.
    #[serde(rename = "utf-8")]
    Utf8,
    /// UTF-16 in the order of its byte order mark, little-endian without one.
    #[serde(rename = "utf-16")]
    Utf16,
    /// ISO 8859-1: each byte is the character of that number.
    Latin1,
    /// Latin-1 with letters and signs in the place of most control characters.
    #[serde(rename = "windows-1252")]
    Windows1252,
}

/// What separates a number's whole part from its fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decimal {
    /// A point.
    Point,
    /// A comma. A number with a point is text then.
    Comma,
}

/// The encodings of this version.
pub const ENCODINGS: &[&str] = &["auto", "utf-8", "utf-16", "latin1", "windows-1252"];

impl Mark {
    /// The tab.
    pub const TAB: Self = Self(b'\t');

    /// Returns the mark's only byte.
    #[must_use]
    pub fn byte(self) -> u8 {
        self.0
    }

    /// Reads a mark as people write it: the character, or `\t` or `tab`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if matches!(text, "\\t" | "tab") {
            return Some(Self::TAB);
        }
        let mut characters = text.chars();
        let only = characters.next().filter(|_| characters.next().is_none())?;
        Self::try_from(only).ok()
    }
}

impl TryFrom<char> for Mark {
    type Error = NoMark;

    fn try_from(character: char) -> Result<Self, NoMark> {
        match u8::try_from(character) {
            Ok(byte) if byte.is_ascii() && !matches!(byte, b'\n' | b'\r' | 0) => Ok(Self(byte)),
            _ => Err(NoMark(character)),
        }
    }
}

impl From<Mark> for char {
    fn from(mark: Mark) -> Self {
        char::from(mark.0)
    }
}

impl Dialect {
    /// Tells whether nothing is said about it.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Returns two settings whose marks are the same, if any are; none can have two meanings.
    pub(super) fn clash(&self) -> Option<(&'static str, &'static str)> {
        let marks = [
            ("delimiter", self.delimiter),
            ("quote", self.quote),
            ("escape", self.escape),
            ("comment", self.comment),
        ];
        let mut pairs = marks.iter().enumerate().flat_map(|(at, (name, mark))| {
            let earlier = marks[..at].iter();
            earlier.map(move |(other, same)| ((*name, *mark), (*other, *same)))
        });
        pairs
            .find(|((_, mark), (_, same))| mark.is_some() && mark == same)
            .map(|((name, _), (other, _))| (name, other))
    }
}

impl Default for Dialect {
    fn default() -> Self {
        Self {
            delimiter: None,
            quote: Some(Mark(b'"')),
            escape: None,
            comment: None,
            header: Header::Present,
            columns: Vec::new(),
            skip_lines: 0,
            null: Vec::new(),
            trailing_delimiter: TrailingDelimiter::Separates,
            encoding: Encoding::Auto,
            decimal: Decimal::Point,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_one_ascii_character() {
        for (text, byte) in [
            (";", b';'),
            ("\\t", b'\t'),
            ("\t", b'\t'),
            ("tab", b'\t'),
            (" ", b' '),
        ] {
            assert_eq!(Mark::parse(text).map(Mark::byte), Some(byte), "{text:?}");
        }
        for text in ["", ",,", "\n", "\r", "\0", "é", "\\n", "none"] {
            assert_eq!(Mark::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_mark_has_one_meaning() {
        let mark = |text| Mark::parse(text);
        let with = |delimiter, comment| Dialect {
            delimiter: mark(delimiter),
            comment: mark(comment),
            ..Dialect::default()
        };
        assert_eq!(with(";", "#").clash(), None);
        assert_eq!(with("\"", "#").clash(), Some(("quote", "delimiter")));
        assert_eq!(with("#", "#").clash(), Some(("comment", "delimiter")));
    }
}
