//! What each byte of a record means, one after the other.
//!
//! This is the meaning of quotes and escapes, and the way taken where speed does not count: it tells how a delimiter
//! would split a first row, which line it is, and what an escaped field says.

/// The marks of a dialect, as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Marks {
    pub(super) delimiter: u8,
    pub(super) quote: Option<u8>,
    pub(super) escape: Option<u8>,
    pub(super) comment: Option<u8>,
}

/// Splits text into records byte by byte.
pub(super) struct Splitter {
    marks: Marks,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A field begins.
    Start,
    Field,
    Quoted,
    /// A quote within quotes: the end of them, or the first of two.
    Quote,
    /// Behind an escape.
    Escape(Within),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    Field,
    Quotes,
}

/// What becomes of a byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// It is a mark.
    Drop,
    /// It is text.
    Copy,
    /// The escape before it was text, and so is it.
    CopyEscapeToo,
    /// A field ends.
    EndField,
    /// The record ends.
    EndRecord,
}

impl Splitter {
    pub(super) fn new(marks: Marks) -> Self {
        Self {
            marks,
            state: State::Start,
        }
    }

    /// Tells whether a line end would belong to a field.
    pub(super) fn is_within_field(&self) -> bool {
        matches!(self.state, State::Quoted | State::Escape(_))
    }

    /// Takes one byte.
    pub(super) fn step(&mut self, byte: u8) -> Action {
        let marks = self.marks;
        let (state, action) = match self.state {
            State::Escape(within) if self.is_special(byte) => (within.state(), Action::Copy),
            State::Escape(within) => (within.state(), Action::CopyEscapeToo),
            State::Quoted => {
                if marks.quote == Some(byte) {
                    (State::Quote, Action::Drop)
                } else if marks.escape == Some(byte) {
                    (State::Escape(Within::Quotes), Action::Drop)
                } else {
                    (State::Quoted, Action::Copy)
                }
            }
            State::Start if marks.quote == Some(byte) => (State::Quoted, Action::Drop),
            State::Quote if marks.quote == Some(byte) => (State::Quoted, Action::Copy),
            _ if byte == marks.delimiter => (State::Start, Action::EndField),
            _ if matches!(byte, b'\n' | b'\r') => (State::Start, Action::EndRecord),
            _ if marks.escape == Some(byte) => (State::Escape(Within::Field), Action::Drop),
            _ => (State::Field, Action::Copy),
        };
        self.state = state;
        action
    }

    fn is_special(&self, byte: u8) -> bool {
        let marks = &self.marks;
        byte == marks.delimiter
            || matches!(byte, b'\n' | b'\r')
            || [marks.quote, marks.escape, marks.comment].contains(&Some(byte))
    }
}

impl Within {
    fn state(self) -> State {
        match self {
            Self::Field => State::Field,
            Self::Quotes => State::Quoted,
        }
    }
}
