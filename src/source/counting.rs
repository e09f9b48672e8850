//! A source that counts what is asked of it.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::{Fingerprint, KeyRange, ReadAt, Select, SourcePath};

use super::{Expansion, Input, ReadError, Source, Span, Unknown};

/// Counts what is asked of another source. Clones share the counts.
#[derive(Clone)]
pub struct CountingSource {
    inner: Arc<dyn Source>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    expansions: AtomicU64,
    looks: AtomicU64,
    opens: AtomicU64,
    bytes_read: AtomicU64,
}

impl CountingSource {
    /// Wraps `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn Source>) -> Self {
        Self {
            inner,
            counts: Arc::default(),
        }
    }

    /// Returns how many spans were expanded.
    #[must_use]
    pub fn expansions(&self) -> u64 {
        self.counts.expansions.load(Ordering::Relaxed)
    }

    /// Returns how many single files were looked at.
    #[must_use]
    pub fn looks(&self) -> u64 {
        self.counts.looks.load(Ordering::Relaxed)
    }

    /// Returns how many files were opened.
    #[must_use]
    pub fn opens(&self) -> u64 {
        self.counts.opens.load(Ordering::Relaxed)
    }

    /// Returns how many bytes were read.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.counts.bytes_read.load(Ordering::Relaxed)
    }
}

impl Source for CountingSource {
    fn root(&self) -> Box<dyn Span> {
        Box::new(CountingSpan {
            inner: self.inner.root(),
            counts: Arc::clone(&self.counts),
        })
    }

    fn divided(&self, points: &[SourcePath], known: u64) -> Box<dyn Span> {
        Box::new(CountingSpan {
            inner: self.inner.divided(points, known),
            counts: Arc::clone(&self.counts),
        })
    }

    fn range_files(&self) -> Option<u64> {
        self.inner.range_files()
    }

    fn expect(&self, path: &SourcePath) {
        self.inner.expect(path);
    }

    fn look(&self, path: &SourcePath) -> Result<Option<Fingerprint>, ReadError> {
        self.counts.looks.fetch_add(1, Ordering::Relaxed);
        self.inner.look(path)
    }

    fn open(&self, path: &SourcePath) -> Result<Box<dyn Input>, ReadError> {
        self.counts.opens.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(Counted {
            inner: self.inner.open(path)?,
            counts: Arc::clone(&self.counts),
        }))
    }

    fn selection(&self) -> &dyn Select {
        self.inner.selection()
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }

    fn is_far(&self) -> bool {
        self.inner.is_far()
    }
}

struct CountingSpan {
    inner: Box<dyn Span>,
    counts: Arc<Counts>,
}

impl Span for CountingSpan {
    fn range(&self) -> &KeyRange {
        self.inner.range()
    }

    fn expand(&self) -> Result<Expansion, Unknown> {
        self.counts.expansions.fetch_add(1, Ordering::Relaxed);
        let wrap = |inner| -> Box<dyn Span> {
            Box::new(Self {
                inner,
                counts: Arc::clone(&self.counts),
            })
        };
        Ok(match self.inner.expand()? {
            Expansion::Spans(spans) => Expansion::Spans(spans.into_iter().map(wrap).collect()),
            Expansion::Ranges(spans, proof) => {
                Expansion::Ranges(spans.into_iter().map(wrap).collect(), proof)
            }
            Expansion::Entries(entries) => Expansion::Entries(entries),
        })
    }
}

/// What is open, with its bytes counted.
struct Counted<T> {
    inner: T,
    counts: Arc<Counts>,
}

impl<T> Counted<T> {
    fn count(&self, bytes: usize) {
        self.counts
            .bytes_read
            .fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

impl Read for Counted<Box<dyn Input>> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.inner.read(buffer)?;
        self.count(bytes);
        Ok(bytes)
    }
}

impl Input for Counted<Box<dyn Input>> {
    fn fingerprint(&self) -> io::Result<Fingerprint> {
        self.inner.fingerprint()
    }

    fn random_access(&self) -> io::Result<Arc<dyn ReadAt>> {
        Ok(Arc::new(Counted {
            inner: self.inner.random_access()?,
            counts: Arc::clone(&self.counts),
        }))
    }

    fn is_one_version(&self) -> bool {
        self.inner.is_one_version()
    }

    fn is_far(&self) -> bool {
        self.inner.is_far()
    }
}

impl ReadAt for Counted<Arc<dyn ReadAt>> {
    fn len(&self) -> u64 {
        self.inner.len()
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.inner.read_exact_at(offset, buffer)?;
        self.count(buffer.len());
        Ok(())
    }
}
