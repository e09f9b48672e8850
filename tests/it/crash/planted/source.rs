//! Sources with one fault each.

use std::io::{self, Read};
use std::sync::Arc;

use strandline::model::{Fingerprint, KeyRange, ReadAt, Select, SourcePath, Timestamp};
use strandline::source::{
    Entries, Entry, Expansion, Input, ReadError, ReadyEntries, Source, Span, Unknown, collect,
};

/// What is wrong with a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SourceFault {
    None,
    /// What cannot be looked at is taken for empty.
    HidesTrouble,
    /// The time of change and the inode are left out of the fingerprint.
    IgnoresChangeTime,
    /// Stamps have whole seconds only, and look as if they were finer.
    CoarseStamps,
    /// The last file of each span is left out, as a wrong page boundary does.
    SkipsLast,
    /// Reading ends early, and says nothing.
    ReadsShort,
    /// A listing shows each stretch from before the last look.
    ListsStale,
}

/// A source with one fault.
#[derive(Clone)]
pub(super) struct BadSource {
    pub(super) inner: Arc<dyn Source>,
    pub(super) fault: SourceFault,
    /// Moment up to which [`SourceFault::ListsStale`] has seen the source.
    pub(super) stale_from: Timestamp,
}

impl BadSource {
    fn blur(&self, mut seen: Fingerprint) -> Fingerprint {
        match self.fault {
            SourceFault::IgnoresChangeTime => {
                seen.changed_at = None;
                seen.inode = None;
            }
            SourceFault::CoarseStamps => {
                seen.modified_at = coarse(seen.modified_at);
                seen.changed_at = seen.changed_at.map(coarse);
            }
            _ => {}
        }
        seen
    }

    fn change(&self, entries: Box<dyn Entries>) -> ReadyEntries {
        let mut changed: Vec<(Box<str>, Entry)> = collect(entries)
            .into_iter()
            .filter_map(|(path, entry)| match entry {
                Entry::Unknown(_) if self.fault == SourceFault::HidesTrouble => None,
                Entry::Found(seen) => {
                    let is_new = seen.modified_at > self.stale_from;
                    let hidden = self.fault == SourceFault::ListsStale && is_new;
                    (!hidden).then(|| (path, Entry::Found(self.blur(seen))))
                }
                other => Some((path, other)),
            })
            .collect();
        if self.fault == SourceFault::SkipsLast {
            changed.pop();
        }
        changed.into()
    }
}

impl Source for BadSource {
    fn root(&self) -> Box<dyn Span> {
        Box::new(BadSpan {
            source: self.clone(),
            inner: self.inner.root(),
        })
    }

    fn look(&self, path: &SourcePath) -> Result<Option<Fingerprint>, ReadError> {
        Ok(self.inner.look(path)?.map(|seen| self.blur(seen)))
    }

    fn open(&self, path: &SourcePath) -> Result<Box<dyn Input>, ReadError> {
        let inner = self.inner.open(path)?;
        let left = match self.fault {
            SourceFault::ReadsShort => inner.fingerprint().unwrap().size / 2,
            _ => u64::MAX,
        };
        Ok(Box::new(BadInput {
            source: self.clone(),
            inner,
            left,
        }))
    }

    fn selection(&self) -> &dyn Select {
        self.inner.selection()
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }
}

struct BadSpan {
    source: BadSource,
    inner: Box<dyn Span>,
}

impl Span for BadSpan {
    fn range(&self) -> &KeyRange {
        self.inner.range()
    }

    fn expand(&self) -> Result<Expansion, Unknown> {
        let wrap = |inner| -> Box<dyn Span> {
            Box::new(Self {
                source: self.source.clone(),
                inner,
            })
        };
        match self.inner.expand() {
            Err(_) if self.source.fault == SourceFault::HidesTrouble => {
                Ok(Expansion::Entries(Box::new(ReadyEntries::default())))
            }
            Err(unknown) => Err(unknown),
            Ok(Expansion::Spans(spans)) => {
                Ok(Expansion::Spans(spans.into_iter().map(wrap).collect()))
            }
            Ok(Expansion::Ranges(..)) => unreachable!("nobody asked for ranges"),
            Ok(Expansion::Entries(entries)) => {
                Ok(Expansion::Entries(Box::new(self.source.change(entries))))
            }
        }
    }
}

struct BadInput {
    source: BadSource,
    inner: Box<dyn Input>,
    left: u64,
}

impl Read for BadInput {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let count = self.inner.read(&mut buffer[..most])?;
        self.left -= count as u64;
        Ok(count)
    }
}

impl Input for BadInput {
    fn fingerprint(&self) -> io::Result<Fingerprint> {
        Ok(self.source.blur(self.inner.fingerprint()?))
    }

    fn random_access(&self) -> io::Result<Arc<dyn ReadAt>> {
        self.inner.random_access()
    }
}

/// Whole seconds, and something behind them that makes them look finer.
fn coarse(stamp: Timestamp) -> Timestamp {
    Timestamp(stamp.0.div_euclid(1_000_000_000) * 1_000_000_000 + 1_000)
}
