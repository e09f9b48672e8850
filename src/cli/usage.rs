//! What is wrong with a command before any work has begun.

use std::io;
use std::path::{Path, PathBuf};

/// A command that cannot be carried out as it is written.
#[derive(Debug, thiserror::Error)]
pub(super) enum UsageError {
    /// No source is given anywhere.
    #[error("no SOURCE is given")]
    NoSource,
    /// No target is given anywhere.
    #[error("no TARGET is given")]
    NoTarget,
    /// The source is not there, or no directory.
    #[error("cannot use {} as a source", path.display())]
    Source {
        /// The path.
        path: PathBuf,
        /// The system's own words.
        #[source]
        source: io::Error,
    },
    /// The target is there and no directory, or nothing can be there.
    #[error("cannot use {} as a {role}", path.display())]
    Place {
        /// Target or state directory.
        role: &'static str,
        /// The path.
        path: PathBuf,
        /// The system's own words.
        #[source]
        source: io::Error,
    },
    /// There is nothing that a ledger could be rebuilt from.
    #[error("cannot recover {}", path.display())]
    Recover {
        /// The path.
        path: PathBuf,
        /// The system's own words.
        #[source]
        source: io::Error,
    },
    /// Two places that must be apart are not.
    #[error("the {inner} {} {} the {outer} {}", inner_path.display(), lies(inner_path, outer_path), outer_path.display())]
    Overlap {
        /// What lies inside.
        inner: &'static str,
        /// Where it is.
        inner_path: PathBuf,
        /// What lies outside.
        outer: &'static str,
        /// Where it is.
        outer_path: PathBuf,
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
    /// The arguments make no sense.
    #[error("{0}")]
    Arguments(String),
}

/// Returns how one place lies to another that it is in.
fn lies(inner: &Path, outer: &Path) -> &'static str {
    if inner == outer { "is also" } else { "lies in" }
}
