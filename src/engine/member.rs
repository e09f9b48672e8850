//! Reads one source file: its hash and its rows from the same bytes, with a look at the stamps before and after.
//!
//! # Invariants
//! - A read counts only if the file's fingerprint is the expected one before *and* after it, or if the source vouches
//!   that it read one version. Anything else is [`Trouble::Unsettled`]: the bytes may be a mixture.
//! - Only bytes that were read completely, and did not change meanwhile, can be called bad.

use std::io::{self, Read};
use std::ops::ControlFlow;

use arrow::record_batch::RecordBatch;

use super::spool::Copy;
use super::step::{self, Step, Stepping};
use crate::config::Definition;
use crate::crew::Crew;
use crate::decode::{self, Admission, Bytes, DecodeError, Decoded, Kind, Recognised, Terms, Unfit};
use crate::model::{
    Carried, ContentHash, ErrorKind, Fingerprint, ReportedError, Shape, SourcePath,
};
use crate::schema::{Contract, column_text};
use crate::source::{Input, ReadError, Source};
use crate::transform::SpillStore;

/// Why a file's rows could not be had this time.
#[derive(Debug, Clone)]
pub(super) enum Trouble {
    /// The bytes are bad: quarantine.
    Bad { version: Carried, reason: String },
    /// It changed between the listing and the end of reading.
    Unsettled,
    /// It is gone.
    Vanished,
    /// It could not be read; the next run tries again.
    Unreadable(String),
    /// It cannot be read before somebody restores it.
    Archived,
}

impl Trouble {
    /// Returns it as a report has it.
    pub(super) fn told(&self, path: &SourcePath) -> ReportedError {
        let (kind, message) = match self {
            Self::Bad { reason, .. } => (ErrorKind::Undecodable, reason.clone()),
            Self::Unsettled => (
                ErrorKind::Unsettled,
                format!("{path} changed while it was read"),
            ),
            Self::Vanished => (
                ErrorKind::Unsettled,
                format!("{path} vanished while it was read"),
            ),
            Self::Unreadable(message) => (ErrorKind::Unreadable, message.clone()),
            Self::Archived => (
                ErrorKind::Archived,
                format!("{path} is archived, and left alone until it is restored"),
            ),
        };
        ReportedError {
            path: path.to_string(),
            kind,
            message,
        }
    }
}

/// What came of reading a file.
pub(super) enum Reading {
    /// All rows were handed out; under a contract, `observed` has the columns that it admits.
    Rows { version: Carried, decoded: Decoded },
    /// A value or a column does not fit the shape: here is what the file holds, whatever is declared.
    Misfit { version: Carried, observed: Shape },
    /// The file's rows cannot be had this time.
    Trouble(Trouble),
    /// The receiver of the rows broke off.
    Stopped,
}

/// A file to read, and how.
pub(super) struct ToRead<'a> {
    pub(super) path: &'a SourcePath,
    pub(super) expected: &'a Fingerprint,
    pub(super) how: Recognised,
    pub(super) definition: &'a Definition,
    /// The columns that are declared, where some are.
    pub(super) contract: Option<&'a Contract>,
    /// The user's own step, where there is one: then the file is decoded under its own columns.
    pub(super) step: Option<Step<'a>>,
    /// Who helps with a large file.
    pub(super) crew: &'a dyn Crew,
    /// Where a copy of what is far away may lie while it is read at any place.
    pub(super) spool: Option<&'a dyn SpillStore>,
}

/// Returns the hash of the file's bytes.
pub(super) fn hash(
    source: &dyn Source,
    path: &SourcePath,
    expected: &Fingerprint,
) -> Result<ContentHash, Trouble> {
    let mut input = open(source, path, expected)?;
    let hash = hash_rest(path, &mut *input, fresh(), expected.size)?;
    confirm(source, &*input, path, expected)?;
    Ok(hash)
}

/// Looks at the beginning of the file; `None` where that does not work, which reading it will explain.
pub(super) fn sniff(source: &dyn Source, file: &ToRead<'_>) -> Option<Shape> {
    let mut input = source.open(file.path).ok()?;
    let bytes = if file.how.wants_random_access() {
        Bytes::Random(input.random_access().ok()?)
    } else {
        Bytes::Stream(&mut *input)
    };
    decode::sniff(bytes, file.how, file.definition).ok()
}

/// Reads the whole file under `shape`, handing its rows to `emit` as the contract admits them. Where there is one, `shape`
/// is what [`decode::raw_shape`] says.
pub(super) fn read(
    source: &dyn Source,
    file: &ToRead<'_>,
    shape: &Shape,
    emit: &mut dyn FnMut(RecordBatch) -> ControlFlow<()>,
) -> Reading {
    match try_read(source, file, shape, emit) {
        Ok(reading) => reading,
        Err(trouble) => Reading::Trouble(trouble),
    }
}

fn try_read(
    source: &dyn Source,
    file: &ToRead<'_>,
    shape: &Shape,
    emit: &mut dyn FnMut(RecordBatch) -> ControlFlow<()>,
) -> Result<Reading, Trouble> {
    let failed = |error| unreadable(file.path, error);
    let size = file.expected.size;
    let mut entrance = Entrance::new(file);
    let mut input = open(source, file.path, file.expected)?;
    let (decoded, hash) = if file.how.wants_random_access() {
        let spool = file.spool.filter(|_| input.is_far());
        let mut copy = spool.map(Copy::begin).transpose().map_err(failed)?;
        let hash = match &mut copy {
            Some(copy) => hash_rest(file.path, &mut copy.of(&mut *input), fresh(), size)?,
            None => hash_rest(file.path, &mut *input, fresh(), size)?,
        };
        let bytes = match &mut copy {
            Some(copy) => copy.finish(),
            None => input.random_access(),
        };
        let bytes = Bytes::Random(bytes.map_err(failed)?);
        (entrance.decode(bytes, shape, emit), hash)
    } else {
        let mut tee = Tee {
            inner: &mut *input,
            hasher: fresh(),
        };
        let decoded = entrance.decode(Bytes::Stream(&mut tee), shape, emit);
        if matches!(decoded, Err(DecodeError::Stopped)) {
            return Ok(Reading::Stopped);
        }
        let hasher = tee.hasher;
        (decoded, hash_rest(file.path, &mut *input, hasher, size)?)
    };
    let version = Carried {
        size: file.expected.size,
        hash,
    };
    let reading = match decoded {
        Ok(decoded) => match entrance.refusal(source, &decoded.observed) {
            Some(reason) => Reading::Trouble(Trouble::Bad { version, reason }),
            None => Reading::Rows {
                version,
                decoded: Decoded {
                    observed: entrance.admitted(&decoded.observed),
                    ..decoded
                },
            },
        },
        Err(DecodeError::Misfit { observed }) => match entrance.stranger(&observed) {
            Some(reason) => Reading::Trouble(Trouble::Bad { version, reason }),
            None => Reading::Misfit { version, observed },
        },
        Err(DecodeError::Stopped) => return Ok(Reading::Stopped),
        Err(DecodeError::Read(error)) => return Err(failed(error)),
        Err(DecodeError::Malformed(what)) => Reading::Trouble(Trouble::Bad {
            version,
            reason: what.to_string(),
        }),
    };
    confirm(source, &*input, file.path, file.expected)?;
    Ok(reading)
}

/// Lets the rows of one file in as its contract, if there is one, admits them.
struct Entrance<'a> {
    file: &'a ToRead<'a>,
    admission: Option<Admission<'a>>,
    /// Why an archive, whose members are admitted each by its own format, or a file that goes through a step must not
    /// come in.
    refusal: Option<String>,
}

impl<'a> Entrance<'a> {
    fn new(file: &'a ToRead<'a>) -> Self {
        let contract = file.contract;
        Self {
            file,
            admission: contract
                .map(|contract| Admission::of_file(contract, file.how.kind, &file.definition.csv)),
            refusal: None,
        }
    }

    fn decode(
        &mut self,
        bytes: Bytes<'_>,
        shape: &Shape,
        emit: &mut dyn FnMut(RecordBatch) -> ControlFlow<()>,
    ) -> Result<Decoded, DecodeError> {
        let ToRead { how, contract, .. } = *self.file;
        let terms = Terms {
            definition: self.file.definition,
            shape,
            crew: self.file.crew,
        };
        if let Some(step) = self.file.step {
            return self.decode_for(step, bytes, terms, emit);
        }
        match (contract, &mut self.admission) {
            (Some(contract), _) if matches!(how.kind, Kind::Tar | Kind::Zip) => {
                let admitted = decode::decode_admitted(bytes, how, contract, terms, emit)?;
                self.refusal = admitted.refusal;
                Ok(admitted.decoded)
            }
            (_, Some(admission)) => {
                let mut admit = |batch| admission.let_in(&batch, emit);
                decode::decode(bytes, how, terms, &mut admit)
            }
            (_, None) => decode::decode(bytes, how, terms, emit),
        }
    }

    fn decode_for(
        &mut self,
        step: Step<'_>,
        bytes: Bytes<'_>,
        terms: Terms<'_>,
        emit: &mut dyn FnMut(RecordBatch) -> ControlFlow<()>,
    ) -> Result<Decoded, DecodeError> {
        let mut stepping = Stepping::new(step, terms.shape);
        let decoded = decode::decode(bytes, self.file.how, terms, &mut |batch| {
            stepping.let_in(&batch, emit)
        })?;
        if !stepping.is_fit || decoded.observed != *terms.shape {
            let observed = decoded.observed;
            return Err(DecodeError::Misfit { observed });
        }
        self.refusal = stepping.refusal;
        let rows = stepping.rows;
        Ok(Decoded { rows, ..decoded })
    }

    /// Returns why the file, which has the columns `own`, must not come in.
    fn refusal(&self, source: &dyn Source, own: &Shape) -> Option<String> {
        let admission = self.admission.as_ref();
        let unfit = || admission?.refusal(own, &|unfit| self.place(source, unfit));
        self.stranger(own)
            .or_else(|| self.refusal.clone())
            .or_else(unfit)
    }

    fn stranger(&self, own: &Shape) -> Option<String> {
        let column = self.file.contract?.stranger(own)?;
        let (name, data_type) = (&column.name, column_text(column));
        Some(format!("column {name} ({data_type}) is not declared"))
    }

    /// Looks the place of a row up, in the version of the file that was read.
    fn place(&self, source: &dyn Source, unfit: &Unfit) -> Option<decode::Place> {
        let mut input = open(source, self.file.path, self.file.expected).ok()?;
        let bytes = Bytes::Stream(&mut *input);
        decode::place_of(bytes, self.file.how, self.file.definition, unfit.row?).ok()
    }

    fn admitted(&self, own: &Shape) -> Shape {
        let step = self.file.step.map(|step| step.transform);
        step::admitted(self.file.contract, step, own)
    }
}

fn open(
    source: &dyn Source,
    path: &SourcePath,
    expected: &Fingerprint,
) -> Result<Box<dyn Input>, Trouble> {
    let input = source.open(path).map_err(read_failed)?;
    match input.fingerprint() {
        Ok(now) if now.is_same_version(expected) => Ok(input),
        Ok(_) => Err(Trouble::Unsettled),
        Err(error) => Err(unreadable(path, error)),
    }
}

/// Looks at the path once more: the name may by now stand for another file than the one that is open, or that one for
/// other bytes.
fn confirm(
    source: &dyn Source,
    input: &dyn Input,
    path: &SourcePath,
    expected: &Fingerprint,
) -> Result<(), Trouble> {
    if input.is_one_version() {
        return Ok(());
    }
    match source.look(path).map_err(read_failed)? {
        Some(now) if now.is_same_version(expected) => Ok(()),
        Some(_) => Err(Trouble::Unsettled),
        None => Err(Trouble::Vanished),
    }
}

fn read_failed(error: ReadError) -> Trouble {
    match error {
        ReadError::Vanished { .. } => Trouble::Vanished,
        ReadError::Archived { .. } => Trouble::Archived,
        ReadError::Failed { path, source } => unreadable(&path, source),
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "an error handler takes its error"
)]
fn unreadable(path: &SourcePath, error: io::Error) -> Trouble {
    // What is open is not what the name leads to any more.
    if error.kind() == io::ErrorKind::StaleNetworkFileHandle {
        return Trouble::Unsettled;
    }
    Trouble::Unreadable(format!("cannot read {path}: {error}"))
}

fn fresh() -> blake3::Hasher {
    blake3::Hasher::new()
}

/// Hashes what is left of a file of `size` bytes. What ends too early, or goes on too long, is not the file that was
/// listed, whatever its stamps say.
fn hash_rest(
    path: &SourcePath,
    input: &mut dyn Read,
    mut hasher: blake3::Hasher,
    size: u64,
) -> Result<ContentHash, Trouble> {
    let left = size.saturating_sub(hasher.count());
    let mut buffer = vec![0; usize::try_from(left.clamp(64, 256 << 10)).unwrap_or(256 << 10)];
    loop {
        match input.read(&mut buffer) {
            Ok(0) if hasher.count() == size => {
                return Ok(ContentHash(*hasher.finalize().as_bytes()));
            }
            Ok(0) => return Err(Trouble::Unsettled),
            Ok(count) => {
                hasher.update(&buffer[..count]);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(path, error)),
        }
    }
}

/// Hashes what passes through.
struct Tee<'a> {
    inner: &'a mut dyn Input,
    hasher: blake3::Hasher,
}

impl Read for Tee<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}
