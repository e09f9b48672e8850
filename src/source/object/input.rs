//! Reads one object: its beginning with the first request, the rest part by part, or blocks at any place.
//!
//! Each request after the first asks for the version that the first one found (`If-Match`), and what comes back is
//! compared with it, for stores that do not care. So the bytes of an input are those of one version, or an error: a
//! stale handle.
//!
//! Beginnings are kept for a while ([`Kept`](super::kept::Kept)): whoever opens an object again has it from there. Of objects
//! that are expected they are [on their way](super::ahead) before anybody opens them.
//!
//! # Limits
//! An input that is read from the front holds two parts, one that is read at any place a few blocks.

use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt};
use tokio::task::JoinHandle;

use crate::model::{Fingerprint, ReadAt};
use crate::store::{Blocks, Refusal, io_error};

use super::super::Input;
use super::{Bucket, fingerprint, refusal, strong_tag};

/// What the first request asks for: all there is, of most objects.
const BEGINNING_BYTES: u64 = 1 << 20;

/// What each request for the next part asks for.
const PART_BYTES: u64 = 4 << 20;

/// One version of an object.
#[derive(Clone)]
pub(super) struct Version {
    store: Arc<dyn ObjectStore>,
    location: Path,
    seen: Fingerprint,
    /// As the store wants to have it back.
    tag: Option<String>,
}

impl Version {
    /// Returns the bytes of `range`, all of them.
    async fn fetch(self, range: Range<u64>) -> io::Result<Bytes> {
        let length = range.end - range.start;
        let options = GetOptions {
            if_match: self.tag.clone(),
            range: Some(GetRange::Bounded(range)),
            ..GetOptions::default()
        };
        let answer = self.store.get_opts(&self.location, options).await;
        let answer = answer.map_err(|error| match error {
            object_store::Error::NotFound { .. } => stale(),
            error => io_error(error),
        })?;
        if !fingerprint(&answer.meta).is_same_version(&self.seen) {
            return Err(stale());
        }
        let bytes = answer.bytes().await.map_err(io_error)?;
        if bytes.len() as u64 == length {
            Ok(bytes)
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }
}

fn stale() -> io::Error {
    io::Error::new(
        io::ErrorKind::StaleNetworkFileHandle,
        "the object was overwritten or deleted while it was read",
    )
}

/// An object that is open.
struct Object {
    bucket: Arc<Bucket>,
    version: Version,
    blocks: Blocks,
}

impl Object {
    fn fetch(&self, range: Range<u64>) -> io::Result<Bytes> {
        let fetched = self.version.clone().fetch(range);
        self.bucket.runtime.block_on(fetched)
    }
}

impl ReadAt for Object {
    fn len(&self) -> u64 {
        self.blocks.len()
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let fetch = |range| self.fetch(range);
        self.blocks.read_exact_at(offset, buffer, fetch)
    }
}

/// An object that is read from the front.
pub(super) struct ObjectInput {
    object: Arc<Object>,
    /// What is left of the part that is being read.
    part: Bytes,
    /// Where the next part begins.
    offset: u64,
    /// The next part, where it is on its way.
    ahead: Option<JoinHandle<io::Result<Bytes>>>,
}

impl ObjectInput {
    /// Opens what lies at `location` now.
    ///
    /// # Errors
    /// `NotFound` where nothing does, else what the client reports.
    pub(super) fn open(bucket: &Arc<Bucket>, location: Path) -> io::Result<Self> {
        let (version, beginning) = match bucket.kept.get(&location) {
            Some(begun) => begun,
            None => begin_and_keep(bucket, location)?,
        };
        let object = Object {
            bucket: Arc::clone(bucket),
            blocks: Blocks::new(version.seen.size, beginning.clone()),
            version,
        };
        Ok(Self {
            object: Arc::new(object),
            offset: beginning.len() as u64,
            part: beginning,
            ahead: None,
        })
    }

    fn next_range(&self) -> Option<Range<u64>> {
        let size = self.object.len();
        let end = (self.offset + PART_BYTES).min(size);
        (self.offset < end).then_some(self.offset..end)
    }

    /// Moves to the next part, and sends for the one behind it.
    fn turn(&mut self) -> io::Result<()> {
        let Some(range) = self.next_range() else {
            return Ok(());
        };
        let runtime = &self.object.bucket.runtime;
        self.part = match self.ahead.take() {
            Some(ahead) => runtime.block_on(ahead).map_err(io::Error::other)??,
            None => self.object.fetch(range.clone())?,
        };
        self.offset = range.end;
        if let Some(next) = self.next_range() {
            self.ahead = Some(runtime.spawn(self.object.version.clone().fetch(next)));
        }
        Ok(())
    }
}

/// A version, and its beginning.
pub(super) type Begun = (Version, Bytes);

fn begin_and_keep(bucket: &Bucket, location: Path) -> io::Result<Begun> {
    let runtime = &bucket.runtime;
    let begun = match bucket.ahead.take(&location) {
        Some(ahead) => runtime.block_on(ahead).map_err(io::Error::other)?,
        None => runtime.block_on(begin(Arc::clone(&bucket.store), location)),
    };
    let (version, beginning) = begun?;
    if version.tag.is_some() {
        let kept = version.clone();
        bucket.kept.put(&version.location, kept, &beginning);
    }
    Ok((version, beginning))
}

/// Asks for the beginning, which tells about the whole. Of an object without bytes there is no beginning to ask for.
pub(super) async fn begin(store: Arc<dyn ObjectStore>, location: Path) -> io::Result<Begun> {
    let options = GetOptions {
        range: Some(GetRange::Bounded(0..BEGINNING_BYTES)),
        ..GetOptions::default()
    };
    let (object, beginning) = match store.get_opts(&location, options).await {
        Ok(answer) => (answer.meta.clone(), answer.bytes().await.map_err(io_error)?),
        Err(error) => {
            let error = io_error(error);
            if !refusal(&error).is_some_and(Refusal::is_of_range) {
                return Err(error);
            }
            match store.head(&location).await {
                Ok(object) if object.size == 0 => (object, Bytes::new()),
                _ => return Err(error),
            }
        }
    };
    if beginning.len() as u64 != object.size.min(BEGINNING_BYTES) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let version = Version {
        store,
        location,
        seen: fingerprint(&object),
        tag: strong_tag(&object).map(str::to_owned),
    };
    Ok((version, beginning))
}

impl Read for ObjectInput {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.part.is_empty() {
            self.turn()?;
        }
        let count = self.part.len().min(buffer.len());
        self.part.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

impl Input for ObjectInput {
    fn fingerprint(&self) -> io::Result<Fingerprint> {
        Ok(self.object.version.seen.clone())
    }

    fn random_access(&self) -> io::Result<Arc<dyn ReadAt>> {
        Ok(Arc::clone(&self.object) as Arc<dyn ReadAt>)
    }

    fn is_one_version(&self) -> bool {
        self.object.version.tag.is_some()
    }

    fn is_far(&self) -> bool {
        self.object.len() > self.object.blocks.begun()
    }
}

impl Drop for ObjectInput {
    fn drop(&mut self) {
        if let Some(ahead) = &self.ahead {
            ahead.abort();
        }
    }
}
