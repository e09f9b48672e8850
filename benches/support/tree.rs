//! A tree of small files, and the barest walk over it.

use std::ffi::CString;
use std::fs;
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;

use rayon::prelude::*;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, StatxFlags, openat, statx};

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY);

/// Writes `files` small CSV files into `directories` directories below `root`; returns how many bytes they hold.
pub fn plant(root: &Path, directories: u64, files: u64) -> u64 {
    let each = files.div_ceil(directories);
    (0..directories)
        .into_par_iter()
        .map(|number| {
            let directory = root.join(format!("sensor-{number:05}"));
            fs::create_dir_all(&directory).unwrap();
            let first = number * each;
            (first..files.min(first + each))
                .map(|file| {
                    let text = content(file, 0);
                    fs::write(directory.join(name(file)), &text).unwrap();
                    text.len() as u64
                })
                .sum::<u64>()
        })
        .sum()
}

/// The name of a file within its directory.
pub fn name(file: u64) -> String {
    format!("readings-{file:08}.csv")
}

/// What the file holds in its `version`.
pub fn content(file: u64, version: u64) -> String {
    let value = super::noise(file ^ (version << 40)) % 100_000;
    format!("id,value\n{file},{value}\n")
}

/// Opens `root` and walks it.
pub fn walk(root: &Path) -> u64 {
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
