//! The sequences of steps that make files appear whole and stay.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{Disk, Kind, Move};

/// Makes staged files visible under their names, durably.
///
/// Creates missing directories, renames in the given order, then syncs every directory concerned once: the
/// destinations first, so that a file cannot lose its old name before its new one is on the disk. May be repeated
/// after a crash: where `from` is gone and `to` stands, the move is taken as done.
///
/// # Errors
/// The first step that failed, naming its path; its kind is that of the system's error.
pub fn publish(disk: &dyn Disk, moves: &[Move]) -> io::Result<()> {
    let destinations: BTreeSet<&Path> = moves.iter().filter_map(|one| one.to.parent()).collect();
    let origins: BTreeSet<&Path> = moves.iter().filter_map(|one| one.from.parent()).collect();
    for directory in &destinations {
        disk.create_dir_all(directory)
            .map_err(|error| at("create", directory, error))?;
    }
    for one in moves {
        rename(disk, one)?;
    }
    for directory in destinations.iter().chain(origins.difference(&destinations)) {
        disk.sync_dir(directory)
            .map_err(|error| at("sync", directory, error))?;
    }
    Ok(())
}

fn rename(disk: &dyn Disk, one: &Move) -> io::Result<()> {
    match disk.rename(&one.from, &one.to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => match disk.look(&one.to) {
            Ok(Some(Kind::File(_))) => Ok(()),
            Ok(_) => Err(at("find", &one.from, error)),
            Err(error) => Err(at("look at", &one.to, error)),
        },
        Err(error) => Err(at("rename a staged file to", &one.to, error)),
        Ok(()) => Ok(()),
    }
}

/// Puts a small file with the content `bytes` at `path`, atomically and durably, creating its directory.
///
/// # Errors
/// The first step that failed, naming its path; whatever stood at `path` is then untouched.
pub fn replace_file(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let staged = PathBuf::from(name);
    if let Some(directory) = path.parent() {
        disk.create_dir_all(directory)
            .map_err(|error| at("create", directory, error))?;
    }
    write(disk, &staged, bytes).map_err(|error| at("write", &staged, error))?;
    publish(
        disk,
        &[Move {
            from: staged,
            to: path.to_owned(),
        }],
    )
}

fn write(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = disk.create(path)?;
    file.write_all(bytes)?;
    file.finish()
}

/// A step that failed at a path; lives inside an [`io::Error`] of the same kind.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}", path.display())]
struct StepError {
    action: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

fn at(action: &'static str, path: &Path, source: io::Error) -> io::Error {
    io::Error::new(
        source.kind(),
        StepError {
            action,
            path: path.to_owned(),
            source,
        },
    )
}
