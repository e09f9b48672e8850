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
        let mut names = Self {
            arena: String::new(),
            slots: Vec::new(),
            bad: Vec::new(),
        };
        let mut buffer = [MaybeUninit::uninit(); BUFFER_BYTES];
        let mut listing = RawDir::new(directory, &mut buffer);
        let mut path = String::from(prefix);
        while let Some(entry) = listing.next() {
            let entry = entry?;
            let name = entry.file_name();
            if name != c"." && name != c".." {
                let reader = Reader { tree, directory };
                names.take(reader, &mut path, name, entry.file_type())?;
            }
        }
        names.sort();
        Ok(names)
    }

    fn take(
        &mut self,
        reader: Reader<'_>,
        path: &mut String,
        name: &CStr,
        kind: FileType,
    ) -> Result<(), Errno> {
        let Ok(name) = name.to_str() else {
            self.bad.push(format!(
                "{path}{}",
                String::from_utf8_lossy(name.to_bytes())
            ));
            return Ok(());
        };
        match reader.resolve(name, kind) {
            Ok(Some(FileType::RegularFile)) => self.push(name, Found::File),
            Ok(Some(FileType::Directory)) => {
                let length = path.len();
                path.push_str(name);
                let enters = reader.tree.selection.enters(path);
                path.truncate(length);
                self.push(
                    name,
                    if enters {
                        Found::Directory
                    } else {
                        Found::Nothing
                    },
                )
            }
            Ok(Some(_)) => self.push(name, Found::Nothing),
            Ok(None) => Ok(()),
            // Whatever it was, file or directory, is looked at again when its turn comes.
            Err(_) => {
                self.push(name, Found::File)?;
                self.push(name, Found::HiddenDirectory)
            }
        }
    }

    fn push(&mut self, name: &str, found: Found) -> Result<(), Errno> {
        let start = self.arena.len();
        self.arena.push_str(name);
        if matches!(found, Found::Directory | Found::HiddenDirectory) {
            self.arena.push('/');
        }
        self.slots.push(Slot {
            lead: 0,
            start: u32::try_from(start).map_err(|_| Errno::OVERFLOW)?,
            length: u16::try_from(self.arena.len() - start).map_err(|_| Errno::NAMETOOLONG)?,
            found,
        });
        Ok(())
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
            let same = first[..shared].iter().zip(name);
            same.take_while(|(a, b)| a == b).count()
        })
    }
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
