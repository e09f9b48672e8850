//! SQL that cannot be used: what is wrong, where, and how that looks.

use std::fmt;

use datafusion_sql::sqlparser::tokenizer::{Location, Span};

/// Which text of the definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clause {
    /// What to write.
    Select,
    /// Which rows to take.
    Where,
    /// An expectation, by its name.
    Expect(String),
    /// The columns that name partitions.
    PartitionBy,
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Select => f.write_str("select"),
            Self::Where => f.write_str("where"),
            Self::Expect(name) => write!(f, "expectation {name:?}"),
            Self::PartitionBy => f.write_str("partition-by"),
        }
    }
}

/// A place in a text; both numbers begin with one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    line: usize,
    column: usize,
}

impl Place {
    /// Returns the place where `span` begins, if it says so.
    pub(super) fn of(span: Span) -> Option<Self> {
        Self::at(span.start)
    }

    pub(super) fn at(location: Location) -> Option<Self> {
        let line = usize::try_from(location.line).ok().filter(|n| *n > 0)?;
        let column = usize::try_from(location.column).ok().filter(|n| *n > 0)?;
        Some(Self { line, column })
    }

    /// Returns the place behind the last character.
    pub(super) fn behind(text: &str) -> Option<Self> {
        let line = text.lines().last()?;
        Some(Self {
            line: text.lines().count(),
            column: line.chars().count() + 1,
        })
    }

    /// Takes the place off the end of what the parser says.
    pub(super) fn split_off(message: &str) -> (String, Option<Self>) {
        let split = message.rsplit_once(" at Line: ").and_then(|(what, at)| {
            let (line, column) = at.split_once(", Column: ")?;
            let (line, column) = (line.parse().ok()?, column.parse().ok()?);
            Some((what.to_owned(), Place { line, column }))
        });
        match split {
            Some((what, place)) => (what, Some(place)),
            None => (message.to_owned(), None),
        }
    }
}

/// SQL that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlError {
    /// Which text.
    pub(super) clause: Clause,
    /// The text.
    pub(super) text: String,
    /// Where in it.
    pub(super) place: Option<Place>,
    /// What is wrong.
    pub(super) what: String,
}

impl std::error::Error for SqlError {}

impl SqlError {
    /// Returns the text that it is about.
    #[must_use]
    pub fn clause(&self) -> &Clause {
        &self.clause
    }

    /// Returns what is wrong in one line.
    #[must_use]
    pub fn line(&self) -> String {
        let Self { clause, what, .. } = self;
        match self.place {
            Some(Place { line: 1, column }) if !self.text.contains('\n') => {
                format!("{clause}, column {column}: {what}")
            }
            Some(Place { line, column }) => {
                format!("{clause}, line {line}, column {column}: {what}")
            }
            None => format!("{clause}: {what}"),
        }
    }
}

impl fmt::Display for SqlError {
    /// Writes the line, and below it the text with a mark under the place.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line())?;
        let Some(place) = self.place else {
            return Ok(());
        };
        let Some(line) = self.text.lines().nth(place.line - 1) else {
            return Ok(());
        };
        let before = line.chars().take(place.column - 1);
        // A tab stays one, so that the mark comes to stand under its character.
        let gap: String = before.map(|c| if c == '\t' { c } else { ' ' }).collect();
        write!(f, "\n{line}\n{gap}^")
    }
}

/// A text of the definition, for errors about it.
#[derive(Debug, Clone)]
pub(super) struct Text {
    pub(super) clause: Clause,
    pub(super) text: String,
}

impl Text {
    pub(super) fn error(&self, place: Option<Place>, what: impl Into<String>) -> SqlError {
        SqlError {
            clause: self.clause.clone(),
            text: self.text.clone(),
            place,
            what: what.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_shows_its_place() {
        let text = Text {
            clause: Clause::Select,
            text: "a,\n\tb c d".to_owned(),
        };
        let (what, place) = Place::split_off("Expected: end, found: d at Line: 2, Column: 6");
        let error = text.error(place, what);
        assert_eq!(
            error.to_string(),
            "select, line 2, column 6: Expected: end, found: d\n\tb c d\n\t    ^"
        );
        assert_eq!(text.error(None, "x").to_string(), "select: x");
    }
}
