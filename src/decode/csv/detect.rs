//! Which delimiter a file has.
//!
//! The first row alone decides: the delimiter that splits it into most fields, the quotes respected. So the answer
//! is a function of the file, neither of its rows' values nor of other files; and two files of one pipeline that
//! are separated differently still give the same columns, since the result is rows.

use super::splitter::{Action, Marks, Splitter};
use crate::config::{Decimal, Dialect, Header, Mark};

/// Bytes of the first row that are looked at; what of it stands behind them does not count.
pub(super) const LOOK_BYTES: usize = 64 << 10;

/// The delimiters that may be found, the one that wins a tie first. Where none is found, it is the first.
pub(super) fn candidates(dialect: &Dialect) -> Vec<u8> {
    let known: &[u8] = match (dialect.decimal, dialect.header) {
        (Decimal::Point, _) => b",;\t|",
        (Decimal::Comma, Header::Present) => b";\t|,",
        // In rows, a comma is more often within a number.
        (Decimal::Comma, Header::Absent) => b";\t|",
    };
    let taken = [dialect.quote, dialect.escape, dialect.comment].map(|mark| mark.map(Mark::byte));
    let free = known.iter().filter(|byte| !taken.contains(&Some(**byte)));
    free.copied().collect()
}

/// What a look at the beginning of the first row says.
pub(super) enum Look {
    /// The delimiter.
    Delimiter(u8),
    /// Some candidate would not see the end of the row.
    TooShort,
}

/// Looks at `text`, which begins with the first row. What it lacks for an answer is asked for unless it is `all`
/// that there is to look at.
pub(super) fn look(text: &[u8], all: bool, candidates: &[u8], marks: Marks) -> Look {
    let mut best = (candidates.first().copied().unwrap_or(b','), 0);
    for delimiter in candidates.iter().copied() {
        let marks = Marks { delimiter, ..marks };
        let Some(delimiters) = count(text, all, marks) else {
            return Look::TooShort;
        };
        // Where it is not the first, it is more often the decimal comma.
        let is_doubtful = delimiter == b',' && candidates.first() != Some(&b',');
        if delimiters > best.1 && !(is_doubtful && best.1 > 0) {
            best = (delimiter, delimiters);
        }
    }
    Look::Delimiter(best.0)
}

/// Counts the delimiters of the first row; `None` where its end is not in the text. A quote that is never closed
/// belongs to another dialect, in which nothing is counted.
fn count(text: &[u8], all: bool, marks: Marks) -> Option<usize> {
    let mut splitter = Splitter::new(marks);
    let mut delimiters = 0;
    for byte in text {
        match splitter.step(*byte) {
            Action::EndRecord => return Some(delimiters),
            Action::EndField => delimiters += 1,
            Action::Drop | Action::Copy | Action::CopyEscapeToo => {}
        }
    }
    let counted = if splitter.is_within_field() {
        0
    } else {
        delimiters
    };
    all.then_some(counted)
}
