//! Finds directories and files below the root, and tells what they look like.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Statx, StatxFlags, StatxTimestamp};
use rustix::io::Errno;

use crate::config::Links;
use crate::model::{Fingerprint, Timestamp};

use super::Tree;

/// Longer paths are opened in several steps: the system takes 4096 bytes at most.
const STEP_BYTES: usize = 3072;

impl Tree {
    /// Opens the directory `prefix`, which ends in `/` or is empty (the root), for reading its names.
    pub(super) fn open_directory(&self, prefix: &str) -> Result<OwnedFd, Errno> {
        let mut rest = prefix.trim_end_matches('/');
        let mut above: Option<OwnedFd> = None;
        while rest.len() > STEP_BYTES {
            let (step, _) = rest.split_at(rest.floor_char_boundary(STEP_BYTES));
            let cut = step.rfind('/').ok_or(Errno::NAMETOOLONG)?;
            above = Some(self.open_below(above.as_ref(), &rest[..cut], OFlags::PATH)?);
            rest = &rest[cut + 1..];
        }
        let rest = if rest.is_empty() { "." } else { rest };
        self.open_below(above.as_ref(), rest, OFlags::RDONLY)
    }

    fn open_below(
        &self,
        above: Option<&OwnedFd>,
        path: &str,
        access: OFlags,
    ) -> Result<OwnedFd, Errno> {
        let flags = access | OFlags::DIRECTORY | OFlags::CLOEXEC | self.no_follow();
        let above = above.unwrap_or(&self.directory);
        rustix::fs::openat(above, path, flags, Mode::empty())
    }

    fn no_follow(&self) -> OFlags {
        match self.links {
            Links::Ignored => OFlags::NOFOLLOW,
            Links::Followed => OFlags::empty(),
        }
    }

    /// Looks at `name` in the open directory `directory`, following a link only where links are followed.
    pub(super) fn stat(&self, directory: BorrowedFd<'_>, name: &str) -> Result<Statx, Errno> {
        let link = match self.links {
            Links::Ignored => AtFlags::SYMLINK_NOFOLLOW,
            Links::Followed => AtFlags::empty(),
        };
        rustix::fs::statx(directory, name, link | AtFlags::NO_AUTOMOUNT, STAMPS)
    }

    pub(super) fn look(&self, path: &str) -> io::Result<Option<Fingerprint>> {
        let (above, name) = match self.parent(path) {
            Ok(found) => found,
            Err(errno) => return absent(errno),
        };
        let directory = above.as_ref().unwrap_or(&self.directory);
        match self.stat(directory.as_fd(), name) {
            Ok(stat) if kind(&stat) == FileType::RegularFile => Ok(Some(fingerprint(&stat))),
            Ok(_) => Ok(None),
            Err(errno) => absent(errno),
        }
    }

    pub(super) fn open_file(&self, path: &str) -> io::Result<Option<OwnedFd>> {
        let (above, name) = match self.parent(path) {
            Ok(found) => found,
            Err(errno) => return absent(errno),
        };
        let directory = above.as_ref().unwrap_or(&self.directory);
        // Without waiting: what has become a pipe by now must not hold the run up.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | self.no_follow();
        match rustix::fs::openat(directory, name, flags, Mode::empty()) {
            Ok(file) => {
                let stat = stat_open(file.as_fd())?;
                Ok((kind(&stat) == FileType::RegularFile).then_some(file))
            }
            // A pipe or socket without its other end.
            Err(Errno::NXIO) => Ok(None),
            Err(errno) => absent(errno),
        }
    }

    /// Opens the directory that `path` lies in (`None`: the root) and returns the last name. Where links are
    /// ignored every step refuses them, so that what a listing skips cannot be reached this way either.
    fn parent<'a>(&self, path: &'a str) -> Result<(Option<OwnedFd>, &'a str), Errno> {
        let is_plain = |segment: &str| !matches!(segment, "" | "." | "..");
        if !path.split('/').all(is_plain) {
            return Err(Errno::INVAL);
        }
        let Some((directory, name)) = path.rsplit_once('/') else {
            return Ok((None, path));
        };
        if self.links == Links::Followed {
            return Ok((Some(self.open_directory(directory)?), name));
        }
        let mut above = None;
        for segment in directory.split('/') {
            above = Some(self.open_below(above.as_ref(), segment, OFlags::PATH)?);
        }
        Ok((above, name))
    }
}

const STAMPS: StatxFlags = StatxFlags::TYPE
    .union(StatxFlags::SIZE)
    .union(StatxFlags::MTIME)
    .union(StatxFlags::CTIME)
    .union(StatxFlags::INO);

/// Tells "there is no such file" from trouble.
fn absent<T>(errno: Errno) -> io::Result<Option<T>> {
    match errno {
        Errno::NOENT | Errno::NOTDIR | Errno::LOOP => Ok(None),
        other => Err(other.into()),
    }
}

pub(super) fn stat_open(file: BorrowedFd<'_>) -> Result<Statx, Errno> {
    rustix::fs::statx(file, "", AtFlags::EMPTY_PATH, STAMPS)
}

pub(super) fn kind(stat: &Statx) -> FileType {
    FileType::from_raw_mode(stat.stx_mode.into())
}

pub(super) fn fingerprint(stat: &Statx) -> Fingerprint {
    Fingerprint {
        size: stat.stx_size,
        modified_at: instant(stat.stx_mtime),
        changed_at: Some(instant(stat.stx_ctime)),
        inode: Some(stat.stx_ino),
        validator: None,
    }
}

fn instant(stamp: StatxTimestamp) -> Timestamp {
    Timestamp(
        stamp
            .tv_sec
            .saturating_mul(1_000_000_000)
            .saturating_add(stamp.tv_nsec.into()),
    )
}
