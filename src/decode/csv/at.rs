//! Where reading stands in a block, and how it goes on at a mark.

use super::splitter::Marks;

/// Where reading stands.
#[derive(Clone, Copy)]
pub(super) struct At {
    pub(super) state: State,
    /// The next of the window's places.
    pub(super) next: usize,
    /// Where the field begins, the record, and the last one that is complete.
    pub(super) field: usize,
    pub(super) record: usize,
    pub(super) last: usize,
    /// The record's first field, and the next, among the spans.
    pub(super) first: usize,
    pub(super) count: usize,
    pub(super) rows: usize,
    /// A mark that means nothing, because of what stands before it.
    pub(super) plain: usize,
    pub(super) form: Form,
    /// A field of the record says no text.
    pub(super) is_broken: bool,
}

/// What the next mark is part of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Between marks, or behind one that says nothing else.
    Text,
    /// Within quotes.
    Quoted,
    /// In a line that does not count.
    Comment,
}

/// How the field so far is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As it is.
    Bare,
    /// Between quotes.
    Enclosed,
    /// Otherwise.
    Marked,
}

impl Default for At {
    fn default() -> Self {
        Self {
            state: State::Text,
            next: 0,
            field: 0,
            record: 0,
            last: 0,
            first: 0,
            count: 0,
            rows: 0,
            plain: usize::MAX,
            form: Form::Bare,
            is_broken: false,
        }
    }
}

impl At {
    /// Takes a mark that neither ends a field nor opens one.
    #[inline]
    pub(super) fn step_aside<const ESCAPES: bool>(
        &mut self,
        place: usize,
        block: &[u8],
        marks: Marks,
    ) {
        if place == self.plain {
            return;
        }
        let byte = block.get(place).copied();
        if self.state == State::Comment {
            if matches!(byte, Some(b'\n' | b'\r')) {
                self.begin_record(place + 1, block, marks);
            }
        } else if ESCAPES && byte == marks.escape {
            self.form = Form::Marked;
            self.plain = place + 1;
        } else if byte == marks.quote {
            match block.get(place + 1).copied() {
                next if next == marks.quote => {
                    self.form = Form::Marked;
                    self.plain = place + 1;
                }
                None | Some(b'\n' | b'\r') => self.state = State::Text,
                Some(next) => {
                    self.state = State::Text;
                    if next != marks.delimiter {
                        self.form = Form::Marked;
                    }
                }
            }
        }
    }

    /// Ends a record with a line end.
    #[inline]
    pub(super) fn end_record(&mut self, line_end: usize, block: &[u8], marks: Marks) {
        self.last = self.record;
        self.rows += 1;
        self.first = self.count;
        self.begin_record(line_end + 1, block, marks);
    }

    /// Begins a record, or a comment.
    #[inline]
    pub(super) fn begin_record(&mut self, start: usize, block: &[u8], marks: Marks) {
        self.field = start;
        self.record = start;
        self.form = Form::Bare;
        self.is_broken = false;
        self.state = State::Text;
        if marks.comment.is_some() && block.get(start).copied() == marks.comment {
            self.state = State::Comment;
        }
    }
}
