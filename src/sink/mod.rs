//! Port: stages and publishes outputs.
//!
//! An output is written under a staging name, which readers never see, and becomes visible whole. Replacing an
//! output is one atomic step; several outputs become visible one after the other, and the ledger's intent makes
//! the sequence repeatable.
//!
//! # Invariants
//! - A staged output whose [`Staging::finish`] returned is whole and durable.
//! - After [`Sink::publish`] returned, every output is visible and durable under its name. Publishing again what
//!   was published already is no error where the staged file is gone and the output stands.
//! - Retiring what is not there is no error. A directory that retiring emptied goes as well.
//! - Staging never lies where a reader of the target looks.

mod disk;
mod scratch;
mod store;

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use crate::model::{ContentHash, LedgerId, OutputPath, ReadAt};

pub use disk::DiskSink;
pub use store::StoreSink;

/// Where the outputs stand.
pub trait Sink: Send + Sync {
    /// Begins an output (or a file of intermediate rows) under the staging name `stage`.
    ///
    /// # Errors
    /// [`SinkError`] naming the staged file.
    fn stage(&self, stage: &StageName) -> Result<Box<dyn Staging>, SinkError>;

    /// Opens a staged file for reading.
    ///
    /// # Errors
    /// [`SinkError`] naming the staged file; its source is `NotFound` where there is none.
    fn open_staged(&self, stage: &StageName) -> Result<Arc<dyn ReadAt>, SinkError>;

    /// Makes the names of everything staged so far durable: called once before an intent that speaks of them. Those of
    /// `needed` could not be built again, and have to outlive this process wherever it runs.
    ///
    /// # Errors
    /// [`SinkError`] naming the staging place, or the staged file.
    fn sync_staging(&self, needed: &[StageName]) -> Result<(), SinkError>;

    /// Removes staged files by name, or all of them.
    ///
    /// # Errors
    /// [`SinkError`] naming the first that could not be removed.
    fn discard(&self, what: Discard<'_>) -> Result<(), SinkError>;

    /// Makes staged outputs visible under their names, durably.
    ///
    /// # Errors
    /// [`SinkError`] naming the output.
    fn publish(&self, moves: &[Publication]) -> Result<(), SinkError>;

    /// Removes outputs, and directories that this empties.
    ///
    /// # Errors
    /// [`SinkError`] naming the output.
    fn retire(&self, outputs: &[OutputPath]) -> Result<(), SinkError>;

    /// Opens an output for reading.
    ///
    /// # Errors
    /// [`SinkError`] naming the output; its source is `NotFound` where there is none.
    fn open(&self, output: &OutputPath) -> Result<Arc<dyn ReadAt>, SinkError>;

    /// Returns the output's length, `None` where there is none.
    ///
    /// # Errors
    /// [`SinkError`] naming the output.
    fn look(&self, output: &OutputPath) -> Result<Option<u64>, SinkError>;

    /// Returns every `.parquet` file in the target, and those of rows that are set aside, in byte order of the paths: for
    /// `recover` and `verify`.
    ///
    /// # Errors
    /// [`SinkError`] naming the directory.
    fn outputs(&self) -> Result<Vec<OutputPath>, SinkError>;

    /// Returns the ledger that the target is marked as belonging to.
    ///
    /// # Errors
    /// [`SinkError`] naming the mark.
    fn mark(&self) -> Result<Option<LedgerId>, SinkError>;

    /// Marks the target as belonging to `ledger`, durably.
    ///
    /// # Errors
    /// [`SinkError`] naming the mark.
    fn set_mark(&self, ledger: &LedgerId) -> Result<(), SinkError>;

    /// Tells whether what somebody has begun to publish may still appear after he has lost his lock to another.
    fn may_arrive_late(&self) -> bool;

    /// Returns how the target is written on the command line, without secrets.
    fn describe(&self) -> String;
}

/// A staged output and the place where readers will find it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// The staged file, whole.
    pub stage: StageName,
    /// Its place.
    pub output: OutputPath,
    /// What is known of that place.
    pub stands: Stands,
    /// Its length and hash, where they are known.
    pub content: Option<(u64, ContentHash)>,
}

/// Of that place nothing is known.
impl From<(StageName, OutputPath)> for Publication {
    fn from((stage, output): (StageName, OutputPath)) -> Self {
        Self {
            stage,
            output,
            stands: Stands::Maybe,
            content: None,
        }
    }
}

/// Whether there is an output already where one is to be published. A sink that has to ask is spared that; it must be right
/// wherever this is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stands {
    /// There should be none.
    No,
    /// There should be one, or nobody knows.
    Maybe,
}

/// The name of a staged file: one flat name without `/`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StageName(pub String);

/// Which staged files to remove.
#[derive(Debug, Clone, Copy)]
pub enum Discard<'a> {
    /// These.
    These(&'a [StageName]),
    /// Whatever is there: left by dead runs.
    All,
}

/// An output being written. What has been flushed can be read through [`Sink::open_staged`].
pub trait Staging: Write + Send {
    /// Makes the content whole and durable.
    ///
    /// # Errors
    /// What the system reports; the file must then not be published.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// Something that could not be done in the target.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {name}")]
pub struct SinkError {
    /// What was being done: `write`, `publish`, `remove`, …
    pub action: &'static str,
    /// To what.
    pub name: String,
    /// The system's own words.
    #[source]
    pub source: io::Error,
}

/// The directory in a target that readers skip.
const STATE_DIR: &str = "_strandline";

/// Makes sure that an output lies in the target, and not among its state unless its rows are set aside.
fn check_place(output: &OutputPath) -> io::Result<()> {
    let is_state = output.split('/').next() == Some(STATE_DIR);
    if output.split('/').all(is_plain) && (output.is_aside() || !is_state) {
        Ok(())
    } else {
        Err(io::ErrorKind::InvalidFilename.into())
    }
}

fn is_plain(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..") && !segment.contains('\0')
}

fn has_parquet_extension(path: &str) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|extension| extension == "parquet")
}

fn failed(action: &'static str, name: &str, source: io::Error) -> SinkError {
    SinkError {
        action,
        name: name.to_owned(),
        source,
    }
}
