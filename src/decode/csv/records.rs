//! Splits a block into records.
//!
//! The [structure](super::structure) says where marks stand; between them, no byte is looked at. A field is a place in
//! the block, unless it has doubled quotes, text behind its closing quote, or escapes: such a field is rewritten.
//!
//! Line ends are LF, CRLF and lone CR, also mixed; the end of the block ends a record as well. A block begins with a
//! record, a comment or a line end.

use super::at::{At, Form, State};
use super::block_text::BlockText;
use super::fault::{Fault, Faulty};
use super::rows::{Rows, Span, Texts};
use super::splitter::Marks;
use super::structure::Structure;
use crate::decode::{MAX_COLUMNS, RECORD_BYTES};

/// Fields that are gathered before their values are read.
const FIELDS: usize = 4 << 10;
/// Bytes of records at which there are enough of them.
const ROWS_BYTES: usize = 256 << 10;
/// Fields of one record that are counted.
const MOST_FIELDS: usize = 2 * MAX_COLUMNS;

/// How wide records have to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    /// As they come.
    Any,
    /// So many fields.
    Exactly(usize),
    /// So many, and an empty one behind the last counts for nothing.
    OrEmptyBehind(usize),
}

/// The records of a block.
pub(super) struct Records<'b> {
    raw: &'b [u8],
    /// Not all bytes are text.
    is_flawed: bool,
    marks: Marks,
    texts: Texts<'b>,
    structure: Structure,
    spans: Vec<Span>,
    at: At,
}

/// What is asked for.
#[derive(Clone, Copy)]
struct Goal {
    width: Width,
    /// The fields that a record has as a rule.
    expected: usize,
    rows: usize,
    /// Where there are enough bytes.
    end: usize,
}

/// Why reading pauses.
enum Pause {
    /// There are enough rows.
    Enough,
    /// The window has no more places.
    Window,
    /// There is no room for another span.
    Full,
    Fault(Fault),
}

impl<'b> Records<'b> {
    /// Begins at `start` of a block.
    pub(super) fn new(block: &'b BlockText<'b>, start: usize, marks: Marks) -> Self {
        let mut records = Self {
            raw: block.raw().get(start..).unwrap_or_default(),
            is_flawed: block.is_flawed(),
            marks,
            texts: Texts::new(block.text().get(start..).unwrap_or_default()),
            structure: Structure::new(marks),
            spans: Vec::new(),
            at: At::default(),
        };
        records.at.begin_record(0, records.raw, marks);
        records
    }

    /// Reads the next records, `most` at the most, and none only at the end. What was read before one that is faulty
    /// can be had, too.
    pub(super) fn read(&mut self, width: Width, most: usize) -> Result<(), Faulty> {
        self.texts.forget_rewritten();
        self.at.first = 0;
        self.at.count = 0;
        self.at.rows = 0;
        let expected = match width {
            Width::Any => usize::MAX,
            Width::Exactly(fields) | Width::OrEmptyBehind(fields) => fields,
        };
        let goal = Goal {
            width,
            expected,
            rows: most.min(FIELDS / expected.max(1)).max(1),
            end: self.at.record + ROWS_BYTES,
        };
        let room = expected.min(FIELDS).saturating_mul(goal.rows) + 1;
        if self.spans.len() < room {
            self.spans.resize(room, Span::default());
        }
        loop {
            let pause = match self.marks.escape {
                Some(_) => self.run::<true>(goal),
                None => self.run::<false>(goal),
            };
            let ended = match pause {
                Pause::Enough => return Ok(()),
                Pause::Window => {
                    self.at.next = 0;
                    if self.structure.advance(self.texts.block.as_bytes()) {
                        continue;
                    }
                    return self.end(goal).map_err(|fault| self.faulty(fault));
                }
                Pause::Full => self.make_room(),
                Pause::Fault(fault) => Err(fault),
            };
            ended.map_err(|fault| self.faulty(fault))?;
        }
    }

    /// Returns what the last call of [`read`](Self::read) has read, all records of the same width.
    pub(super) fn rows(&self) -> Rows<'_, 'b> {
        Rows {
            texts: &self.texts,
            spans: &self.spans[..self.at.first],
            width: self.at.first / self.at.rows.max(1),
        }
    }

    /// Returns where the last record begins that was read.
    pub(super) fn last(&self) -> usize {
        self.at.last
    }

    /// Returns where the next record begins, or what is between.
    pub(super) fn position(&self) -> usize {
        self.at.record
    }

    fn faulty(&self, fault: Fault) -> Faulty {
        Faulty {
            start: self.at.record,
            fault,
        }
    }

    /// Goes from mark to mark.
    fn run<const ESCAPES: bool>(&mut self, goal: Goal) -> Pause {
        let marks = self.marks;
        let block: &'b [u8] = self.texts.block.as_bytes();
        let places = self.structure.places();
        let mut at = self.at;
        let most_bytes = if self.is_flawed { 0 } else { RECORD_BYTES };
        let pause = loop {
            let Some(place) = places.get(at.next) else {
                break Pause::Window;
            };
            let place = *place as usize;
            let Some(byte) = block.get(place).copied() else {
                break Pause::Window;
            };
            if at.state != State::Text || (ESCAPES && place == at.plain) {
                at.next += 1;
                at.step_aside::<ESCAPES>(place, block, marks);
                continue;
            }
            if byte == marks.delimiter {
                let Some(span) = self.spans.get_mut(at.count) else {
                    break Pause::Full;
                };
                *span = close(&mut at, place, self.raw, &mut self.texts, marks);
                at.form = Form::Bare;
                at.count += 1;
                at.field = place + 1;
            } else if !matches!(byte, b'\n' | b'\r') {
                if ESCAPES && Some(byte) == marks.escape {
                    at.form = Form::Marked;
                    at.plain = place + 1;
                } else if place == at.field {
                    at.state = State::Quoted;
                    at.form = Form::Enclosed;
                }
            } else if place == at.record {
                at.begin_record(place + 1, block, marks);
            } else {
                let Some(span) = self.spans.get_mut(at.count) else {
                    break Pause::Full;
                };
                *span = close(&mut at, place, self.raw, &mut self.texts, marks);
                at.count += 1;
                let is_odd =
                    at.count - at.first != goal.expected || place - at.record >= most_bytes;
                if is_odd {
                    match self.settle(at, place, goal.width) {
                        Ok(count) => at.count = count,
                        Err(fault) => break Pause::Fault(fault),
                    }
                }
                at.end_record(place, block, marks);
                if at.rows == goal.rows || place >= goal.end {
                    at.next += 1;
                    break Pause::Enough;
                }
            }
            at.next += 1;
        };
        self.at = at;
        pause
    }

    /// Ends the last record, where none has ended.
    fn end(&mut self, goal: Goal) -> Result<(), Fault> {
        let end = self.raw.len();
        let mut at = self.at;
        if at.state == State::Comment && end - at.record >= RECORD_BYTES {
            return Err(Fault::TooLarge);
        }
        if at.state == State::Comment || at.record == end {
            return Ok(());
        }
        if end - at.record >= RECORD_BYTES {
            return Err(Fault::TooLarge);
        }
        if at.state == State::Quoted || at.plain == end {
            return Err(Fault::Unclosed);
        }
        if at.count == self.spans.len() {
            self.make_room()?;
        }
        self.spans[at.count] = close(&mut at, end, self.raw, &mut self.texts, self.marks);
        at.count += 1;
        at.count = self.settle(at, end, goal.width)?;
        at.end_record(end - 1, self.raw, self.marks);
        self.at = at;
        Ok(())
    }

    /// Looks closer at a record that ends at `end`, and returns where its fields end.
    #[cold]
    fn settle(&self, at: At, end: usize, width: Width) -> Result<usize, Fault> {
        let spans = &self.spans[at.first..at.count];
        let found = spans.len();
        if end - at.record >= RECORD_BYTES {
            return Err(Fault::TooLarge);
        }
        let most_fields = match width {
            Width::Any => MAX_COLUMNS,
            Width::Exactly(_) | Width::OrEmptyBehind(_) => MOST_FIELDS,
        };
        if found > most_fields {
            return Err(Fault::TooManyColumns);
        }
        let says_no_text = self.is_flawed && (at.is_broken || self.says_no_text(spans));
        let (expected, may_be_behind) = match width {
            Width::Any => (found, false),
            Width::Exactly(expected) => (expected, false),
            Width::OrEmptyBehind(expected) => (expected, true),
        };
        if found == expected || found == expected + 1 {
            if says_no_text {
                return Err(Fault::NotText);
            }
            let last = spans.last().map(|span| self.texts.get(*span));
            if found > expected && may_be_behind && last == Some("") {
                return Ok(at.count - 1);
            }
        }
        if found != expected {
            return Err(Fault::Width { found, expected });
        }
        Ok(at.count)
    }

    fn says_no_text(&self, spans: &[Span]) -> bool {
        let raw = spans.iter().filter_map(|span| span.within(self.raw));
        raw.map(std::str::from_utf8).any(|text| text.is_err())
    }

    #[cold]
    fn make_room(&mut self) -> Result<(), Fault> {
        if self.at.count - self.at.first >= MOST_FIELDS {
            return Err(Fault::TooManyColumns);
        }
        self.spans.resize(self.spans.len() * 2, Span::default());
        Ok(())
    }
}

/// Returns where a field is that ends at `end`.
#[inline]
fn close(at: &mut At, end: usize, raw: &[u8], texts: &mut Texts<'_>, marks: Marks) -> Span {
    match at.form {
        Form::Bare => Span::new(at.field, end),
        Form::Enclosed => Span::new(at.field + 1, end - 1),
        Form::Marked => {
            let rewritten = rewrite(at.field, end, raw, texts, marks);
            at.is_broken |= rewritten.is_none();
            rewritten.unwrap_or_default()
        }
    }
}

/// Rewrites a field; apart, so that what most fields need stays small.
#[inline(never)]
fn rewrite(
    start: usize,
    end: usize,
    raw: &[u8],
    texts: &mut Texts<'_>,
    marks: Marks,
) -> Option<Span> {
    texts.rewrite(&raw[start..end], marks)
}
