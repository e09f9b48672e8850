//! The names of one directory: read once, kept in one arena, sorted as full paths sort.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{FileType, RawDir};
use rustix::io::Errno;

use crate::config::Links;
use crate::model::KeyRange;

use super::{Tree, place};

/// Bytes of names asked for at once.
const BUFFER_BYTES: usize = 16 << 10;

/// What a name turned out to be while the directory was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// A file, or something to be looked at once more as if it were one.
    File,
    /// A directory to be entered; its name ends in `/`.
    Directory,
    /// Something that is no input.
    Nothing,
    /// What may be a directory, and cannot be looked at; its name ends in `/`.
    HiddenDirectory,
}

#[derive(Clone, Copy)]
struct Slot {
    /// The name's first bytes behind what all names begin with: they settle most comparisons.
    lead: u64,
    start: u32,
    length: u16,
    found: Found,
}

/// The sorted names of one directory.
pub(super) struct Names {
    /// The names, each with a NUL behind it.
    arena: String,
    slots: Vec<Slot>,
    /// Names that are not UTF-8, as people read them.
    pub(super) bad: Vec<String>,
}

impl Names {
    /// Returns the places of the names whose paths lie in `range`.
    pub(super) fn within(&self, prefix: &str, range: &KeyRange) -> Range<usize> {
        let before = |slot: &Slot, key: &str| match key.strip_prefix(prefix) {
            Some(name) => self.text(slot) < name,
            None => prefix < key,
        };
        let start = self
            .slots
            .partition_point(|slot| before(slot, &range.start));
        let end = range.end.as_deref().map_or(self.slots.len(), |end| {
            self.slots.partition_point(|slot| before(slot, end))
        });
        start..end
    }

    pub(super) fn get(&self, index: usize) -> (&str, Found) {
        let slot = &self.slots[index];
        (self.text(slot), slot.found)
    }

    fn text(&self, slot: &Slot) -> &str {
        let start = slot.start as usize;
        &self.arena[start..start + usize::from(slot.length)]
    }

    /// Reads the directory `directory`, known as `prefix`. All or nothing: half a directory is none.
    pub(super) fn read(
        tree: &Tree,
        directory: BorrowedFd<'_>,
        prefix: &str,
    ) -> Result<Self, Errno> {
        let reader = Reader { tree, directory };
        let mut raw = RawNames::default();
        let mut buffer = [MaybeUninit::uninit(); BUFFER_BYTES];
        let mut listing = RawDir::new(directory, &mut buffer);
        while let Some(entry) = listing.next() {
            let entry = entry?;
            let name = entry.file_name();
            if name != c"." && name != c".." {
                raw.take(reader, prefix, name, entry.file_type())?;
            }
        }
        let mut names = raw.checked(prefix);
        names.sort();
        Ok(names)
    }

    fn sort(&mut self) {
        let shared = self.shared_prefix();
        let arena = &self.arena;
        let bytes = |slot: &Slot| {
            let start = slot.start as usize;
            &arena.as_bytes()[start..start + usize::from(slot.length)]
        };
        for slot in &mut self.slots {
            let mut lead = [0; 8];
            let rest = &bytes(slot)[shared..];
            let count = rest.len().min(lead.len());
            lead[..count].copy_from_slice(&rest[..count]);
            slot.lead = u64::from_be_bytes(lead);
        }
        self.slots
            .sort_unstable_by(|a, b| a.lead.cmp(&b.lead).then_with(|| bytes(a).cmp(bytes(b))));
        // A directory that changes while it is read may show a name twice.
        self.slots.dedup_by(|a, b| bytes(a) == bytes(b));
    }

    /// Returns how many bytes all names begin with.
    fn shared_prefix(&self) -> usize {
        let Some((first, others)) = self.slots.split_first() else {
            return 0;
        };
        let first = self.text(first).as_bytes();
        others.iter().fold(first.len(), |shared, slot| {
            let name = self.text(slot).as_bytes();
            if name.starts_with(&first[..shared]) {
                return shared;
            }
            let same = first[..shared].iter().zip(name);
            same.take_while(|(a, b)| a == b).count()
        })
    }
}

/// The names as the system tells them, which need not be text.
#[derive(Default)]
struct RawNames {
    /// Each with a NUL behind it, so that no two names make up a character together.
    arena: Vec<u8>,
    slots: Vec<Slot>,
    bad: Vec<String>,
}

impl RawNames {
    fn take(
        &mut self,
        reader: Reader<'_>,
        prefix: &str,
        name: &CStr,
        kind: FileType,
    ) -> Result<(), Errno> {
        if kind == FileType::RegularFile {
            return self.push(name.to_bytes(), Found::File);
        }
        let Ok(text) = name.to_str() else {
            self.bad.push(as_people_read(prefix, name.to_bytes()));
            return Ok(());
        };
        match reader.resolve(text, kind) {
            Ok(Some(FileType::RegularFile)) => self.push(text.as_bytes(), Found::File),
            Ok(Some(FileType::Directory)) => {
                let enters = reader.tree.selection.enters(&format!("{prefix}{text}"));
                let found = if enters {
                    Found::Directory
                } else {
                    Found::Nothing
                };
                self.push(text.as_bytes(), found)
            }
            Ok(Some(_)) => self.push(text.as_bytes(), Found::Nothing),
            Ok(None) => Ok(()),
            // Whatever it was, file or directory, is looked at again when its turn comes.
            Err(_) => {
                self.push(text.as_bytes(), Found::File)?;
                self.push(text.as_bytes(), Found::HiddenDirectory)
            }
        }
    }

    fn push(&mut self, name: &[u8], found: Found) -> Result<(), Errno> {
        let start = self.arena.len();
        self.arena.extend_from_slice(name);
        if matches!(found, Found::Directory | Found::HiddenDirectory) {
            self.arena.push(b'/');
        }
        self.slots.push(Slot {
            lead: 0,
            start: u32::try_from(start).map_err(|_| Errno::OVERFLOW)?,
            length: u16::try_from(self.arena.len() - start).map_err(|_| Errno::NAMETOOLONG)?,
            found,
        });
        self.arena.push(0);
        Ok(())
    }

    /// Sorts out what is not text. All names are looked at in one go, since that is mostly none.
    fn checked(mut self, prefix: &str) -> Names {
        let arena = match String::from_utf8(self.arena) {
            Ok(arena) => arena,
            Err(error) => {
                let bytes = error.into_bytes();
                let bad = &mut self.bad;
                self.slots.retain(|slot| {
                    let start = slot.start as usize;
                    let name = &bytes[start..start + usize::from(slot.length)];
                    let is_text = std::str::from_utf8(name).is_ok();
                    if !is_text {
                        bad.push(as_people_read(prefix, name));
                    }
                    is_text
                });
                text_of(&bytes)
            }
        };
        Names {
            arena,
            slots: self.slots,
            bad: self.bad,
        }
    }
}

fn as_people_read(prefix: &str, name: &[u8]) -> String {
    format!("{prefix}{}", String::from_utf8_lossy(name))
}

/// Puts question marks, one for each byte, for names that are not text, so that all others stay where they are.
fn text_of(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for name in bytes.split_inclusive(|byte| *byte == 0) {
        match std::str::from_utf8(name) {
            Ok(name) => text.push_str(name),
            Err(_) => text.extend(std::iter::repeat_n('?', name.len())),
        }
    }
    text
}

#[derive(Clone, Copy)]
struct Reader<'a> {
    tree: &'a Tree,
    directory: BorrowedFd<'a>,
}

impl Reader<'_> {
    /// Returns what `name` is, looking at it where the listing does not tell; `None` where it is gone already.
    fn resolve(self, name: &str, kind: FileType) -> Result<Option<FileType>, Errno> {
        let ask = match kind {
            FileType::Unknown => true,
            FileType::Symlink => self.tree.links == Links::Followed,
            _ => false,
        };
        if !ask {
            return Ok(Some(kind));
        }
        match self.tree.stat(self.directory.as_fd(), name) {
            Ok(stat) => Ok(Some(place::kind(&stat))),
            // A link to nowhere is there, and no input.
            Err(Errno::NOENT) if kind == FileType::Symlink => Ok(Some(FileType::Symlink)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno),
        }
    }
}
