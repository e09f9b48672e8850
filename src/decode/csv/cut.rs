//! Where a text of records can be cut.
//!
//! A block ends where the next record or comment begins: behind the line ends, so that no block begins with one and
//! lines can be counted in each block by itself. Only quotes hide line ends, and only a quote at the beginning of a
//! field opens: all quotes are looked at, in order, and of the rest just as much from the back as is needed to find
//! a line end. Comments and escapes hide quotes; texts of such dialects are walked through.

use std::ops::Range;

use super::splitter::Marks;
use super::walk::Walk;
use crate::decode::blocks::Cut;

/// Finds where records begin.
pub(super) enum Ends {
    /// By quotes alone.
    Quotes(Quotes),
    /// Byte by byte.
    Walk {
        /// What each byte means.
        walk: Box<Walk>,
        /// Nothing stands before the next byte, so that nothing ends there.
        at_front: bool,
    },
}

impl Ends {
    /// Begins in front of a text that begins with a record.
    pub(super) fn new(marks: Marks) -> Self {
        match marks {
            Marks {
                escape: None,
                comment: None,
                ..
            } => Self::Quotes(Quotes::new(marks)),
            _ => Self::Walk {
                walk: Box::new(Walk::new(marks)),
                at_front: true,
            },
        }
    }
}

impl Cut for Ends {
    fn last_end(&mut self, bytes: &[u8]) -> Option<usize> {
        match self {
            Self::Quotes(quotes) => quotes.last_end(bytes),
            Self::Walk { walk, at_front } => {
                let mut last = None;
                for (at, byte) in bytes.iter().enumerate() {
                    if walk.step(*byte) && !*at_front {
                        last = Some(at);
                    }
                    *at_front = false;
                }
                last
            }
        }
    }
}

/// Keeps track of what is within quotes.
pub(super) struct Quotes {
    marks: Marks,
    state: State,
    /// The last byte so far; at the front of the text, a record begins.
    previous: Option<u8>,
    /// Where nothing is quoted, in these bytes.
    open: Vec<Range<usize>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Outside,
    Quoted,
    /// Behind a quote within quotes that was the last byte.
    Quote,
}

impl Quotes {
    fn new(marks: Marks) -> Self {
        Self {
            marks,
            state: State::Outside,
            previous: None,
            open: Vec::new(),
        }
    }

    fn last_end(&mut self, bytes: &[u8]) -> Option<usize> {
        let last = bytes.last()?;
        self.open.clear();
        match self.marks.quote {
            Some(quote) => self.find_open(bytes, quote),
            None => self.open.push(0..bytes.len()),
        }
        let begins = self
            .open
            .iter()
            .rev()
            .find_map(|open| self.last_begin(bytes, open));
        self.previous = Some(*last);
        begins
    }

    fn find_open(&mut self, bytes: &[u8], quote: u8) {
        let mut skipped = None;
        if self.state == State::Quote {
            self.state = State::Outside;
            if bytes.first() == Some(&quote) {
                self.state = State::Quoted;
                skipped = Some(0);
            }
        }
        let mut start = 0;
        for at in memchr::memchr_iter(quote, bytes) {
            if skipped == Some(at) {
                continue;
            }
            match self.state {
                State::Outside if self.begins_field(bytes, at) => {
                    self.open.push(start..at);
                    self.state = State::Quoted;
                }
                State::Outside => {}
                State::Quoted | State::Quote => match bytes.get(at + 1) {
                    Some(next) if *next == quote => skipped = Some(at + 1),
                    next => {
                        start = at + 1;
                        self.state = next.map_or(State::Quote, |_| State::Outside);
                    }
                },
            }
        }
        if self.state == State::Outside {
            self.open.push(start..bytes.len());
        }
    }

    fn begins_field(&self, bytes: &[u8], at: usize) -> bool {
        let before = match at.checked_sub(1) {
            Some(before) => bytes.get(before).copied(),
            None => self.previous,
        };
        before.is_none_or(|byte| byte == self.marks.delimiter || is_line_end(byte))
    }

    /// Returns the last place where a record begins behind a line end in what is open.
    fn last_begin(&self, bytes: &[u8], open: &Range<usize>) -> Option<usize> {
        let mut end = open.end;
        // Of line ends at the very end, it is not known what follows.
        if end == bytes.len() {
            let behind = bytes[open.clone()].iter().rev();
            end -= behind.take_while(|byte| is_line_end(**byte)).count();
        }
        let found = memchr::memrchr2(b'\n', b'\r', &bytes[open.start..end]);
        if let Some(at) = found {
            return Some(open.start + at + 1).filter(|begin| *begin < bytes.len());
        }
        let first = bytes.first().filter(|byte| !is_line_end(**byte));
        let is_first = open.start == 0 && first.is_some();
        let follows = self.previous.is_some_and(is_line_end);
        (is_first && follows).then_some(0)
    }
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}
