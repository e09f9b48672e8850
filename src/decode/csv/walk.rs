//! Byte by byte: where records begin and which line that is.
//!
//! This is the meaning that the fast ways have to agree with. Lines end in LF, CRLF and lone CR, also mixed; between
//! records, every one counts. Within a record, LF counts; and a lone CR in its text counts where the last line end
//! before whatever comes next is a lone CR, too: such is the file then.

use super::splitter::{Action, Marks, Splitter};

/// Goes through a text that begins with a record, a comment or a line end.
pub(super) struct Walk {
    marks: Marks,
    splitter: Splitter,
    phase: Phase,
    after_cr: bool,
    line: u64,
    record_line: u64,
    /// CRs in the record's text that no LF follows, and whether the text so far ends in a CR.
    lone_crs: u64,
    ends_in_cr: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Between,
    Comment,
    Record,
}

impl Walk {
    /// Begins in line 0.
    pub(super) fn new(marks: Marks) -> Self {
        Self {
            marks,
            splitter: Splitter::new(marks),
            phase: Phase::Between,
            after_cr: false,
            line: 0,
            record_line: 0,
            lone_crs: 0,
            ends_in_cr: false,
        }
    }

    /// Takes a byte, and tells whether a record or a comment begins with it.
    pub(super) fn step(&mut self, byte: u8) -> bool {
        let begins = self.phase == Phase::Between && !matches!(byte, b'\n' | b'\r');
        if begins {
            self.begin(byte);
        }
        match self.phase {
            Phase::Record => self.step_in_record(byte),
            Phase::Between | Phase::Comment => {
                if matches!(byte, b'\n' | b'\r') {
                    let belongs_to_cr = byte == b'\n' && self.after_cr;
                    self.line += u64::from(!belongs_to_cr);
                    self.after_cr = byte == b'\r';
                    self.phase = Phase::Between;
                }
            }
        }
        begins
    }

    fn begin(&mut self, byte: u8) {
        self.end_lines();
        self.record_line = self.line;
        self.phase = match self.marks.comment {
            Some(comment) if comment == byte => Phase::Comment,
            _ => Phase::Record,
        };
    }

    /// Counts what only the next record's beginning tells.
    fn end_lines(&mut self) {
        if self.after_cr {
            self.line += self.lone_crs;
        }
        self.after_cr = false;
        self.lone_crs = 0;
    }

    fn step_in_record(&mut self, byte: u8) {
        self.line += u64::from(byte == b'\n');
        match self.splitter.step(byte) {
            Action::Drop | Action::EndField => {}
            Action::Copy => self.text(byte),
            Action::CopyEscapeToo => {
                self.text(0);
                self.text(byte);
            }
            Action::EndRecord => {
                self.text(0);
                self.phase = Phase::Between;
                self.after_cr = byte == b'\r';
                self.line += u64::from(self.after_cr);
            }
        }
    }

    fn text(&mut self, byte: u8) {
        self.lone_crs += u64::from(self.ends_in_cr && byte != b'\n');
        self.ends_in_cr = byte == b'\r';
    }
}

/// Returns the line, from 0, of the record that begins at `start` in a block.
pub(super) fn line_at(block: &[u8], start: usize, marks: Marks) -> u64 {
    let mut walk = Walk::new(marks);
    for byte in block.iter().take(start + 1) {
        walk.step(*byte);
    }
    walk.record_line
}

/// Returns the number of lines in a block that the beginning of a record or a comment follows.
pub(super) fn lines_in(block: &[u8], marks: Marks) -> u64 {
    let is_lone = |at: usize| block.get(at + 1) != Some(&b'\n');
    if !memchr::memchr_iter(b'\r', block).any(is_lone) {
        return memchr::memchr_iter(b'\n', block).count() as u64;
    }
    let mut walk = Walk::new(marks);
    for byte in block {
        walk.step(*byte);
    }
    walk.end_lines();
    walk.line
}
