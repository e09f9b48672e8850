//! The spans of a local listing: directories, and runs of files within one.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::Errno;

use crate::config::Links;
use crate::model::{ErrorKind, KeyRange};
use crate::source::{Entry, Expansion, ReadyEntries, Span, Unknown};

use super::entries::Entries;
use super::names::{Found, Names};
use super::{Tree, place};

/// Files that are listed in one go.
const RUN_FILES: usize = 2048;

/// A directory of the listing.
pub(super) struct Home {
    pub(super) tree: Arc<Tree>,
    /// Its path with `/` at the end, empty for the root.
    pub(super) prefix: Box<str>,
    above: Option<Arc<Ancestor>>,
}

/// A directory on the way from the root, for telling loops.
struct Ancestor {
    device: (u32, u32),
    inode: u64,
    above: Option<Arc<Ancestor>>,
}

impl Home {
    fn is_root(&self) -> bool {
        self.prefix.is_empty()
    }

    fn key(&self, name: &str) -> Box<str> {
        format!("{}{name}", self.prefix).into()
    }

    fn unknown(&self, errno: Errno, hides: KeyRange) -> Unknown {
        Unknown {
            path: if self.is_root() {
                self.tree.root.to_string_lossy().into_owned()
            } else {
                self.prefix.to_string()
            },
            hides: Some(hides),
            kind: kind_of_trouble(errno),
            source: errno.into(),
        }
    }

    /// Opens the directory and, where links are followed, makes sure that it is not one of those above it.
    fn open(&self) -> Result<(OwnedFd, Option<Arc<Ancestor>>), Errno> {
        let directory = self.tree.open_directory(&self.prefix)?;
        if self.tree.links == Links::Ignored {
            return Ok((directory, None));
        }
        let stat = place::stat_open(directory.as_fd())?;
        let here = Ancestor {
            device: (stat.stx_dev_major, stat.stx_dev_minor),
            inode: stat.stx_ino,
            above: self.above.clone(),
        };
        let mut above = self.above.as_ref();
        while let Some(ancestor) = above {
            if (ancestor.device, ancestor.inode) == (here.device, here.inode) {
                return Err(Errno::LOOP);
            }
            above = ancestor.above.as_ref();
        }
        Ok((directory, Some(Arc::new(here))))
    }

    /// Reads the directory and hands out what lies in `range`.
    fn list(self: &Arc<Self>, range: &KeyRange) -> Result<Expansion, Errno> {
        let (directory, here) = self.open()?;
        let names = Names::read(&self.tree, directory.as_fd(), &self.prefix)?;
        let listed = Listing {
            home: self,
            here,
            within: names.within(&self.prefix, range),
            names: Arc::new(names),
        };
        let pieces = listed.pieces();
        Ok(match pieces.as_slice() {
            [] => Expansion::Entries(Box::new(ReadyEntries::default())),
            [Piece::Run(start, end)] => {
                let names = Arc::clone(&listed.names);
                let entries = Entries::new(Arc::clone(self), names, *start..*end, directory);
                Expansion::Entries(Box::new(entries))
            }
            pieces => Expansion::Spans(listed.spans(pieces, range)),
        })
    }
}

pub(super) fn kind_of_trouble(errno: Errno) -> ErrorKind {
    if errno == Errno::LOOP {
        ErrorKind::LinkLoop
    } else {
        ErrorKind::Unreadable
    }
}

/// A directory. Its range may reach beyond what lies below it, to where its neighbours' ranges begin.
pub(super) struct DirectorySpan {
    home: Arc<Home>,
    range: KeyRange,
}

impl DirectorySpan {
    /// Returns the span of everything.
    pub(super) fn root(tree: Arc<Tree>) -> Self {
        Self {
            home: Arc::new(Home {
                tree,
                prefix: "".into(),
                above: None,
            }),
            range: KeyRange::all(),
        }
    }
}

impl Span for DirectorySpan {
    fn range(&self) -> &KeyRange {
        &self.range
    }

    fn expand(&self) -> Result<Expansion, Unknown> {
        let home = &self.home;
        match home.list(&self.range) {
            Ok(expansion) => Ok(expansion),
            // The root is never taken for gone.
            Err(errno) if home.is_root() => Err(home.unknown(errno, KeyRange::all())),
            // Gone since its name was read, and all below it with it.
            Err(Errno::NOENT) => Ok(Expansion::Entries(Box::new(ReadyEntries::default()))),
            // Only what lies below it is hidden: about the rest of the range it is known that nothing is there.
            Err(errno) => {
                let unknown = home.unknown(errno, KeyRange::below(&home.prefix));
                let entries = vec![(Box::default(), Entry::Unknown(unknown))];
                Ok(Expansion::Entries(Box::new(ReadyEntries::from(entries))))
            }
        }
    }
}

/// A run of files within one directory, whose names are known already. Expanded again, it reads them again.
struct RunSpan {
    home: Arc<Home>,
    names: Arc<Names>,
    start: usize,
    end: usize,
    range: KeyRange,
    used: AtomicBool,
}

impl RunSpan {
    fn list(&self) -> Result<Expansion, Errno> {
        if self.used.swap(true, Ordering::Relaxed) {
            return self.home.list(&self.range);
        }
        let directory = self.home.tree.open_directory(&self.home.prefix)?;
        let names = Arc::clone(&self.names);
        let home = Arc::clone(&self.home);
        let entries = Entries::new(home, names, self.start..self.end, directory);
        Ok(Expansion::Entries(Box::new(entries)))
    }
}

impl Span for RunSpan {
    fn range(&self) -> &KeyRange {
        &self.range
    }

    fn expand(&self) -> Result<Expansion, Unknown> {
        match self.list() {
            Ok(expansion) => Ok(expansion),
            Err(Errno::NOENT) if !self.home.is_root() => {
                Ok(Expansion::Entries(Box::new(ReadyEntries::default())))
            }
            Err(errno) => Err(self.home.unknown(errno, self.range.clone())),
        }
    }
}

/// A directory that has been read.
struct Listing<'a> {
    home: &'a Arc<Home>,
    here: Option<Arc<Ancestor>>,
    names: Arc<Names>,
    within: std::ops::Range<usize>,
}

/// A part of a directory, by the places of its names.
enum Piece {
    Run(usize, usize),
    Directory(usize),
}

impl Listing<'_> {
    fn pieces(&self) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut start = self.within.start;
        for index in self.within.clone() {
            if self.names.get(index).1 == Found::Directory {
                if start < index {
                    pieces.push(Piece::Run(start, index));
                }
                pieces.push(Piece::Directory(index));
                start = index + 1;
            } else if index - start == RUN_FILES {
                pieces.push(Piece::Run(start, index));
                start = index;
            }
        }
        if start < self.within.end {
            pieces.push(Piece::Run(start, self.within.end));
        }
        // Names that cannot be used are told of by the run that begins at the first name.
        if !self.names.bad.is_empty()
            && self.within.start == 0
            && !matches!(pieces.first(), Some(Piece::Run(..)))
        {
            pieces.insert(0, Piece::Run(0, 0));
        }
        pieces
    }

    /// Gives each piece the range from its first key to the next piece's, and the outer ones what is left of
    /// `range`.
    fn spans(&self, pieces: &[Piece], range: &KeyRange) -> Vec<Box<dyn Span>> {
        let key = |piece: &Piece| match piece {
            Piece::Run(index, _) | Piece::Directory(index) => {
                self.home.key(self.names.get(*index).0)
            }
        };
        let mut start = range.start.clone();
        let mut spans = Vec::with_capacity(pieces.len());
        for (position, piece) in pieces.iter().enumerate() {
            let next = pieces.get(position + 1).map(key);
            let range = KeyRange {
                start,
                end: next.clone().or_else(|| range.end.clone()),
            };
            start = next.unwrap_or_default();
            spans.push(self.span(piece, range));
        }
        spans
    }

    fn span(&self, piece: &Piece, range: KeyRange) -> Box<dyn Span> {
        match *piece {
            Piece::Run(start, end) => Box::new(RunSpan {
                home: Arc::clone(self.home),
                names: Arc::clone(&self.names),
                start,
                end,
                range,
                used: AtomicBool::new(false),
            }),
            Piece::Directory(index) => Box::new(DirectorySpan {
                home: Arc::new(Home {
                    tree: Arc::clone(&self.home.tree),
                    prefix: self.home.key(self.names.get(index).0),
                    above: self.here.clone(),
                }),
                range,
            }),
        }
    }
}
