//! The barest walk over a tree.

#![expect(clippy::unwrap_used, reason = "a bench stops where it cannot go on")]

use std::ffi::CString;
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;

use rayon::prelude::*;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, StatxFlags, openat, statx};

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY);

/// Opens `root` and walks it.
pub(crate) fn walk(root: &Path) -> u64 {
    bare(&rustix::fs::open(root, DIRECTORY, Mode::empty()).unwrap())
}

/// Reads names and stamps as directly as it goes, in the system's order and on all cores; returns how many files
/// there are and keeps nothing.
fn bare(directory: &OwnedFd) -> u64 {
    let mut buffer = [MaybeUninit::uninit(); 16 << 10];
    let here = openat(directory, ".", DIRECTORY, Mode::empty()).unwrap();
    let mut names = RawDir::new(&here, &mut buffer);
    let mut below: Vec<CString> = Vec::new();
    let mut files = 0;
    while let Some(entry) = names.next() {
        let entry = entry.unwrap();
        match entry.file_type() {
            FileType::Directory if !entry.file_name().to_bytes().starts_with(b".") => {
                below.push(entry.file_name().to_owned());
            }
            FileType::RegularFile => {
                let flags = AtFlags::SYMLINK_NOFOLLOW;
                let stamps = StatxFlags::BASIC_STATS;
                black_box(statx(&here, entry.file_name(), flags, stamps).unwrap());
                files += 1;
            }
            _ => {}
        }
    }
    let children = below
        .par_iter()
        .map(|name| bare(&openat(&here, name, DIRECTORY, Mode::empty()).unwrap()));
    files + children.sum::<u64>()
}
