//! Archives: members -> the rows of all of them.
//!
//! An archive is one source file, good or bad as a whole: what is wrong with one member is said with its name. Members
//! are recognised as files of a directory are, by their names or by the format that was asked for; directories, links,
//! and names with a part that begins with `.` or `_` are left out, and so is what is of no known format. Nothing is
//! ever written by a member's name, so names that climb or begin at the root do no harm.
//!
//! Members of a zip file come in byte order of their names, those of a tar file as they stand: it may be compressed as
//! a whole, and is read from front to back, whatever its size.
//!
//! Where columns are declared, each member is brought to them by the rules of its own format: see `admit`.
//!
//! # What is refused
//! Archives within archives, two members of one name, encrypted members, sparse ones, those whose checksum is wrong,
//! that overlap others; archives that expand beyond the ceiling, with no member to read, without their end mark, or with
//! more than 16 MiB of names.

mod admit;
mod code_page;
mod tar;
mod zip;

use std::collections::HashSet;
use std::io::Read;
use std::ops::ControlFlow;

use super::compression::Fault;
use super::{
    Bytes, Ceiling, DecodeError, Decoded, Emit, Kind, MAX_COLUMNS, Malformed, Recognised, Terms,
    decode, recognise, sniff,
};
use crate::config::Definition;
use crate::model::{ByteSize, Shape};
use crate::schema::join_shapes;

pub use admit::{Admitted, decode_admitted};
pub(super) use tar::read as read_tar;
pub(super) use zip::{Parts, look_into, read as read_zip};

/// Bytes of all members' names, at most.
const NAMES_BYTES: usize = 16 << 20;
/// Members that are looked at for a guess.
const SNIFFED: usize = 8;

/// Who takes the members of an archive.
pub(super) trait Members {
    /// Returns how a member's bytes are to be taken, if it counts, before anything of it is read.
    fn wants(&mut self, name: &str) -> Result<Option<Recognised>, Malformed>;

    /// Takes the bytes of a member that counts, from front to back.
    fn take(
        &mut self,
        member: Member<'_>,
        bytes: &mut dyn Read,
        fault: &Fault,
    ) -> Result<ControlFlow<()>, DecodeError>;
}

/// A member that counts.
#[derive(Clone, Copy)]
pub(super) struct Member<'a> {
    name: &'a str,
    how: Recognised,
    /// The ceiling of the archive.
    ceiling: &'a Ceiling,
}

/// The members that count, by their names.
struct Names<'d> {
    definition: &'d Definition,
    kind: Kind,
    seen: HashSet<String>,
    bytes: usize,
}

impl<'d> Names<'d> {
    fn new(definition: &'d Definition, kind: Kind) -> Self {
        Self {
            definition,
            kind,
            seen: HashSet::new(),
            bytes: 0,
        }
    }

    fn wants(&mut self, name: &str) -> Result<Option<Recognised>, Malformed> {
        let parts = name.split('/');
        let is_hidden = parts
            .filter(|part| !matches!(*part, "." | ".."))
            .any(|part| part.starts_with(['.', '_']));
        let Some(how) = recognise(name, self.definition.format).filter(|_| !is_hidden) else {
            return Ok(None);
        };
        if matches!(how.kind, Kind::Tar | Kind::Zip) {
            return Err(in_member(
                name,
                corrupt(self.kind, "it is an archive within an archive"),
            ));
        }
        self.bytes += name.len();
        if self.bytes > NAMES_BYTES {
            let limit = ByteSize(NAMES_BYTES as u64);
            let detail = format!("the names of its members take more than {limit}");
            return Err(corrupt(self.kind, &detail));
        }
        if !self.seen.insert(name.to_owned()) {
            return Err(in_member(name, corrupt(self.kind, "it is there twice")));
        }
        Ok(Some(how))
    }

    /// Refuses an archive that has nothing to read: it would look as if all its rows had gone.
    fn not_empty(&self) -> Result<(), Malformed> {
        if self.seen.is_empty() {
            return Err(corrupt(self.kind, "it has no member of a known format"));
        }
        Ok(())
    }
}

/// Guesses the columns from the first members.
pub(super) struct Guess<'d> {
    names: Names<'d>,
    shape: Shape,
    looked: usize,
}

impl<'d> Guess<'d> {
    pub(super) fn new(definition: &'d Definition, kind: Kind) -> Self {
        Self {
            names: Names::new(definition, kind),
            shape: Shape::default(),
            looked: 0,
        }
    }

    pub(super) fn shape(self) -> Shape {
        self.shape
    }
}

impl Members for Guess<'_> {
    fn wants(&mut self, name: &str) -> Result<Option<Recognised>, Malformed> {
        self.names.wants(name)
    }

    fn take(
        &mut self,
        Member { name, how, ceiling }: Member<'_>,
        bytes: &mut dyn Read,
        fault: &Fault,
    ) -> Result<ControlFlow<()>, DecodeError> {
        let definition = self.names.definition;
        let bytes = Bytes::Member(bytes, ceiling);
        let looked = sniff(bytes, how, definition).map_err(|error| judged(name, fault, error))?;
        self.shape = join_shapes(&self.shape, &looked);
        self.looked += 1;
        Ok(if self.looked < SNIFFED {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        })
    }
}

/// Decodes all members.
pub(super) struct Decoding<'d, 'e, 'f> {
    names: Names<'d>,
    terms: Terms<'d>,
    emit: &'e mut Emit<'f>,
    rows: u64,
    observed: Shape,
    is_misfit: bool,
}

impl<'d, 'e, 'f> Decoding<'d, 'e, 'f> {
    pub(super) fn new(kind: Kind, terms: Terms<'d>, emit: &'e mut Emit<'f>) -> Self {
        Self {
            names: Names::new(terms.definition, kind),
            terms,
            emit,
            rows: 0,
            observed: Shape::default(),
            is_misfit: false,
        }
    }

    /// Adds what came of a member.
    fn add(
        &mut self,
        name: &str,
        decoded: Result<Decoded, DecodeError>,
    ) -> Result<(), DecodeError> {
        let observed = match decoded {
            Ok(decoded) => {
                self.rows += decoded.rows;
                decoded.observed
            }
            Err(DecodeError::Misfit { observed }) => {
                self.is_misfit = true;
                observed
            }
            Err(error) => return Err(error),
        };
        self.observed = join_shapes(&self.observed, &observed);
        if self.observed.columns.len() > MAX_COLUMNS {
            let (line, limit) = (1, MAX_COLUMNS);
            return Err(in_member(name, Malformed::TooManyColumns { line, limit }).into());
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Decoded, DecodeError> {
        self.names.not_empty()?;
        let (rows, observed) = (self.rows, self.observed);
        if self.is_misfit {
            return Err(DecodeError::Misfit { observed });
        }
        Ok(Decoded::of_rows(rows, observed))
    }
}

impl Members for Decoding<'_, '_, '_> {
    fn wants(&mut self, name: &str) -> Result<Option<Recognised>, Malformed> {
        self.names.wants(name)
    }

    fn take(
        &mut self,
        Member { name, how, ceiling }: Member<'_>,
        bytes: &mut dyn Read,
        fault: &Fault,
    ) -> Result<ControlFlow<()>, DecodeError> {
        let bytes = Bytes::Member(bytes, ceiling);
        let terms = self.terms;
        let decoded = if self.is_misfit {
            // Read through all the same, for what the rest holds.
            let mut unheard = |_| ControlFlow::Continue(());
            decode(bytes, how, terms, &mut unheard)
        } else {
            decode(bytes, how, terms, self.emit)
        };
        self.add(name, decoded.map_err(|error| judged(name, fault, error)))?;
        Ok(ControlFlow::Continue(()))
    }
}

/// Says what went wrong in a member: with its own bytes, or, by `fault`, with those of the archive.
fn judged(name: &str, fault: &Fault, error: DecodeError) -> DecodeError {
    match fault.judge(error) {
        DecodeError::Malformed(malformed) => in_member(name, malformed).into(),
        other => other,
    }
}

fn in_member(name: &str, malformed: Malformed) -> Malformed {
    Malformed::Member {
        member: name.to_owned(),
        malformed: Box::new(malformed),
    }
}

fn corrupt(kind: Kind, detail: &str) -> Malformed {
    let detail = detail.to_owned();
    Malformed::Content { kind, detail }
}

#[cfg(test)]
pub(super) mod tests;
