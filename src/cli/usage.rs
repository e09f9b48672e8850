//! What is wrong with a command before any work has begun.

use std::io;
use std::path::PathBuf;

use crate::config::{Place, ProfileError};

/// A command that cannot be carried out as it is written.
#[derive(Debug, thiserror::Error)]
pub(super) enum UsageError {
    /// There is nothing that a ledger could be rebuilt from.
    #[error("cannot recover {place}")]
    Recover {
        /// The target.
        place: Place,
        /// The system's own words.
        #[source]
        source: io::Error,
    },
    /// The settings file cannot be read.
    #[error("cannot read the settings file {}", path.display())]
    SettingsFile {
        /// The file.
        path: PathBuf,
        /// The system's own words.
        #[source]
        source: io::Error,
    },
    /// A file with profiles of the AWS CLI cannot be read.
    #[error("cannot read the profiles in {}", path.display())]
    ProfileFile {
        /// The file.
        path: PathBuf,
        /// The system's own words.
        #[source]
        source: io::Error,
    },
    /// A profile of the AWS CLI cannot be used.
    #[error("cannot use a profile of the AWS CLI for S3")]
    Profile(#[from] ProfileError),
    /// `init` would overwrite a file.
    #[error("{} is there already", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A file cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's own words.
        #[source]
        source: io::Error,
    },
    /// The ledger has never heard of a file.
    #[error("the ledger knows no source file {path:?}")]
    UnknownFile {
        /// Its path.
        path: String,
        /// Where the files come from.
        source_place: String,
    },
    /// A file that was named cannot be looked at.
    #[error("cannot look at {}", path.display())]
    File {
        /// The path.
        path: PathBuf,
        /// The system's own words.
        #[source]
        source: io::Error,
    },
    /// There is no such version of the columns.
    #[error("there is no schema {wanted}; the latest is {latest}")]
    UnknownSchema {
        /// What was asked for.
        wanted: u32,
        /// The latest.
        latest: u32,
    },
    /// What was named is no object store.
    #[error("{place} is no URL of an object store")]
    NoStore {
        /// What was named.
        place: String,
    },
    /// Nobody tells of what happens in a directory.
    #[error("no hints come of {place}, which is no object store")]
    EventsOfDirectory {
        /// The source.
        place: Place,
    },
    /// Nobody would be there to be told.
    #[error("{place} is an address to listen at, and a run does not stay to listen")]
    EndpointOfRun {
        /// The address.
        place: String,
    },
    /// The arguments make no sense.
    #[error("{0}")]
    Arguments(String),
}
