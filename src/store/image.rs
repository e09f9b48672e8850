//! A file for a database, kept in a store: what is written to it travels when it is synced, and only that.
//!
//! The file itself lies in a nameless file of the machine while it is open, which ends with the process. Each sync sends
//! the chunks that were written since the one before, and then replaces the *head*, an object that says which chunks the
//! file consists of. So what stands in the store is always the file as it was at one sync, whole.
//!
//! # Format
//! The head: a line `strandline image 1 LENGTH HASH`, the BLAKE3 hash of the length and of all that follows; a line of JSON
//! (see `Head`); then the newest chunks, packed as a segment (`super::segment`). Older chunks lie in segments of their own, `segments/NAME`, the later ones over the
//! earlier. Each is named in the head with its length and its BLAKE3 hash.
//!
//! # What travels
//! A few hundred kilobytes of changes lie in the head itself: a run with little to record writes one object at each sync.
//! More become a segment. A segment takes up those before it that are not much larger than itself, so that there are
//! few, and a chunk is sent again no more often than the logarithm of the file's length.
//!
//! # Invariants
//! - The head is replaced by compare-and-swap: who has lost his lease cannot replace it, and is told so.
//! - Segments are never overwritten, and are removed once no head names them. A reader that still has an older head finds one
//!   gone, and begins again.
//! - A change of the first `FLAG_BYTES` alone, before anything else was sent, is not sent: databases note there that
//!   they are open, which a file that is always whole has no need of.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::directory::{Condition, Directory, PART_BYTES, Seen, Version};
use super::lease::{Conditions, Fence, NONCE_DIGITS};
use super::segment::{CHUNK_BYTES, pack, unpack};
use crate::durable::StoreFile;
use crate::model::{ContentHash, ReadAt};

const MAGIC: &str = "strandline image 1 ";

/// A length in decimal digits, and what ends it.
const FIRST_LINE_BYTES: u64 = MAGIC.len() as u64 + 21;

const SEGMENTS: &str = "segments";

/// What the head may hold of chunks, where nobody says otherwise.
pub(super) const INLINE_BYTES: usize = 256 << 10;

/// Chunks that are not worth packing to see whether they fit the head.
const INLINE_CHUNKS: usize = 512;

/// A segment takes up the one before it that is no larger than so many times itself.
const MUCH_LARGER: usize = 2;

const FLAG_BYTES: usize = 64;

/// How often a reader begins again whose head was replaced meanwhile.
const TRIES: usize = 8;

/// What stands in the second line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    /// The number of the holder who wrote it, and a name for this write among all.
    fence: u64,
    nonce: String,
    /// The earliest first.
    segments: Vec<Segment>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Segment {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Piece {
    name: String,
    bytes: u64,
    hash: String,
}

impl Piece {
    fn check(&self, found: &[u8]) -> io::Result<()> {
        check(&self.hash, found, &self.name)
    }
}

fn check(hash: &str, found: &[u8], name: &str) -> io::Result<()> {
    if ContentHash::of(found).to_string() == hash {
        return Ok(());
    }
    Err(damaged(&format!("{name} is not as it was written")))
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

impl Head {
    /// Returns the names of the segments' objects.
    pub(super) fn pieces(&self) -> impl Iterator<Item = &str> {
        let pieces = self.segments.iter().flat_map(|segment| &segment.pieces);
        pieces.map(|piece| piece.name.as_str())
    }

    fn write(&self, length: u64, inline: &[u8]) -> io::Result<Bytes> {
        let text = serde_json::to_string(self).map_err(io::Error::other)?;
        let mut body = format!("{text}\n").into_bytes();
        body.extend(inline);
        let mut bytes = format!("{MAGIC}{length} {}\n", seal(length, &body)).into_bytes();
        bytes.extend(body);
        Ok(bytes.into())
    }

    /// Reads a head, the file's length and the packed chunks; `None` where the bytes are no head.
    ///
    /// # Errors
    /// `InvalidData` where it begins like one.
    pub(super) fn read(bytes: &[u8]) -> io::Result<Option<(Self, u64, &[u8])>> {
        let Some(length) = length_of(bytes) else {
            return Ok(None);
        };
        let lines = || {
            let mut parts = bytes.splitn(2, |byte| *byte == b'\n');
            let first = std::str::from_utf8(parts.next()?).ok()?;
            let body = parts.next()?;
            let is_sealed = first.rsplit(' ').next()? == seal(length, body);
            let mut parts = body.splitn(2, |byte| *byte == b'\n').filter(|_| is_sealed);
            let head: Self = serde_json::from_slice(parts.next()?).ok()?;
            Some((head, parts.next()?))
        };
        let (head, inline) = lines().ok_or_else(|| damaged("the head is not as it was written"))?;
        Ok(Some((head, length, inline)))
    }
}

/// Returns the length of the file whose head begins like this.
fn length_of(bytes: &[u8]) -> Option<u64> {
    let rest = bytes.strip_prefix(MAGIC.as_bytes())?;
    let digits = rest.split(|byte| matches!(byte, b' ' | b'\n')).next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Returns what tells whether a head is as it was written.
fn seal(length: u64, body: &[u8]) -> String {
    let mut sealed = format!("{length}\n").into_bytes();
    sealed.extend(body);
    ContentHash::of(&sealed).to_string()
}

/// Returns how long the file at `path` is: of an image what its head says, of any other object what it holds.
///
/// # Errors
/// What the client reports, but for "not found".
pub(super) fn length(directory: &Directory, path: &str) -> io::Result<Option<u64>> {
    match directory.get_beginning(path, FIRST_LINE_BYTES) {
        Ok((bytes, seen)) => Ok(Some(length_of(&bytes).unwrap_or(seen.size))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Opens what lies at `path` for reading: an image as the file that it is, any other object as it is.
///
/// # Errors
/// `NotFound`, `InvalidData`, else what the client reports.
pub(super) fn open(directory: &Directory, path: &str) -> io::Result<Arc<dyn ReadAt>> {
    let (bytes, _) = directory.get(path)?;
    if length_of(&bytes).is_none() {
        return Ok(Arc::new(bytes.to_vec()));
    }
    let fetched = fetch(directory, path)?.ok_or(io::ErrorKind::NotFound)?;
    Ok(Arc::new(Fetched(fetched.scratch, fetched.length)))
}

struct Fetched(File, u64);

impl ReadAt for Fetched {
    fn len(&self) -> u64 {
        self.1
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(buffer, offset)
    }
}

/// A file as it stands in the store.
struct Standing {
    scratch: File,
    length: u64,
    version: Option<Version>,
    segments: Vec<(Segment, BTreeSet<u32>)>,
    inline: BTreeSet<u32>,
}

/// Fetches the file at `path`, `None` where there is none.
fn fetch(directory: &Directory, path: &str) -> io::Result<Option<Standing>> {
    let mut tries = 0;
    loop {
        tries += 1;
        match fetch_once(directory, path) {
            // Between head and segments another head has come.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if tries == TRIES {
                    return Err(damaged("what its head names is gone"));
                }
            }
            other => return other,
        }
    }
}

fn fetch_once(directory: &Directory, path: &str) -> io::Result<Option<Standing>> {
    let (bytes, seen) = match directory.get(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let Some((head, length, inline)) = Head::read(&bytes)? else {
        return Err(damaged("it is no ledger of a store"));
    };
    let scratch = tempfile::tempfile()?;
    scratch.set_len(length)?;
    let place = |chunk: u32, bytes: &[u8]| place(&scratch, length, chunk, bytes);
    let pieces: Vec<&Piece> = head
        .segments
        .iter()
        .flat_map(|segment| &segment.pieces)
        .collect();
    let paths: Vec<String> = pieces.iter().map(|piece| at(&piece.name)).collect();
    let mut owned = Vec::with_capacity(pieces.len());
    directory.get_each(&paths, |index, found| {
        pieces[index].check(&found)?;
        let mut chunks = BTreeSet::new();
        unpack(&found, |chunk, bytes| {
            chunks.insert(chunk);
            place(chunk, bytes)
        })?;
        owned.push(chunks);
        Ok(())
    })?;
    let mut newest = BTreeSet::new();
    if !inline.is_empty() {
        unpack(inline, |chunk, bytes| {
            newest.insert(chunk);
            place(chunk, bytes)
        })?;
    }
    let mut owned = owned.into_iter();
    let segments = head.segments.into_iter().map(|segment| {
        let chunks = owned
            .by_ref()
            .take(segment.pieces.len())
            .flatten()
            .collect();
        (segment, chunks)
    });
    Ok(Some(Standing {
        segments: segments.collect(),
        scratch,
        length,
        version: Some(seen.version),
        inline: newest,
    }))
}

/// Writes a chunk where it belongs, as far as the file goes.
fn place(scratch: &File, length: u64, chunk: u32, bytes: &[u8]) -> io::Result<()> {
    let offset = u64::from(chunk) * CHUNK_BYTES as u64;
    let left = usize::try_from(length.saturating_sub(offset)).unwrap_or(usize::MAX);
    scratch.write_all_at(&bytes[..bytes.len().min(left)], offset)
}

fn at(name: &str) -> String {
    format!("{SEGMENTS}/{name}")
}

/// Tells whether this is how segments are called: others may keep things there as well.
fn is_segment(name: &str) -> bool {
    let parts: Vec<&str> = name.split('-').collect();
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    matches!(*parts, [fence, nonce, number] if fence.len() >= 8
        && nonce.len() == NONCE_DIGITS
        && [fence, nonce, number].iter().all(|part| is_hex(part)))
}

/// The open file.
pub(super) struct Image {
    directory: Directory,
    path: String,
    fence: Arc<Fence>,
    inline_bytes: usize,
    scratch: File,
    length: AtomicU64,
    sent: Mutex<Sent>,
}

/// What stands in the store, and what does not yet.
struct Sent {
    version: Option<Version>,
    length: u64,
    segments: Vec<(Segment, BTreeSet<u32>)>,
    inline: BTreeSet<u32>,
    dirty: BTreeSet<u32>,
    /// Chunks of segments that lie behind the end. Should the file grow again, they are sent as what they are then.
    stale: BTreeSet<u32>,
    /// The first chunk as it was sent.
    first: Vec<u8>,
    is_first_time: bool,
    count: u64,
}

impl Image {
    /// Opens the file at `path`, empty where there is none.
    ///
    /// # Errors
    /// `InvalidData`, else what the client reports.
    pub(super) fn open(
        directory: Directory,
        path: String,
        fence: Arc<Fence>,
        inline_bytes: usize,
    ) -> io::Result<Self> {
        let standing = match fetch(&directory, &path)? {
            Some(standing) => standing,
            None => Standing {
                scratch: tempfile::tempfile()?,
                length: 0,
                version: None,
                segments: Vec::new(),
                inline: BTreeSet::new(),
            },
        };
        let mut first = vec![0; CHUNK_BYTES];
        read_chunk(&standing.scratch, standing.length, 0, &mut first)?;
        let count = chunks_of(standing.length)?;
        let known = standing.segments.iter().flat_map(|(_, chunks)| chunks);
        let stale = known.copied().filter(|chunk| *chunk >= count).collect();
        Ok(Self {
            directory,
            path,
            fence,
            inline_bytes,
            scratch: standing.scratch,
            length: AtomicU64::new(standing.length),
            sent: Mutex::new(Sent {
                is_first_time: standing.version.is_some(),
                version: standing.version,
                length: standing.length,
                segments: standing.segments,
                inline: standing.inline,
                dirty: BTreeSet::new(),
                stale,
                first,
                count: 0,
            }),
        })
    }

    /// Removes what dead runs left beside the file: segments that no head names, a ledger that was to be renamed and was
    /// not, a probe of the lock.
    ///
    /// The head of a dead run may still be on its way, and name segments that nobody knows yet. So before any is removed the
    /// head is replaced by one like it: whatever comes late finds another version there. And the lease is asked for
    /// behind the listing, since whoever is held up here would take away what another has written since.
    ///
    /// # Errors
    /// What the client reports.
    pub(super) fn sweep(&self) -> io::Result<()> {
        let mut sent = self.sent();
        let mut named: BTreeSet<String> = BTreeSet::new();
        for (segment, _) in &sent.segments {
            named.extend(segment.pieces.iter().map(|piece| at(&piece.name)));
        }
        let (mut segments, mut others) = (Vec::new(), Vec::new());
        let mut is_known = true;
        for Seen { path, .. } in self.directory.list("")? {
            if path.strip_prefix("segments/").is_some_and(is_segment) {
                segments.push(path);
            } else if ["ledger.new", "clock"].contains(&&*path) && path != self.path {
                others.push(path);
            } else if path.starts_with("ledger.") && path != self.path {
                let (bytes, _) = self.directory.get(&path)?;
                match Head::read(&bytes) {
                    Ok(Some((head, ..))) => named.extend(head.pieces().map(at)),
                    Ok(None) => {}
                    // What belongs to it cannot be told.
                    Err(_) => is_known = false,
                }
            }
        }
        segments.retain(|path| is_known && !named.contains(path));
        self.fence.check()?;
        if sent.version.is_none() {
            // Nothing can be replaced, so a head may still appear, or be there though it was not found. Whoever
            // opens it then sweeps them.
            segments.clear();
        }
        if !segments.is_empty() {
            self.send(&mut sent)?;
        }
        let left = segments.iter().chain(&others);
        self.directory.remove(left.map(String::as_str))
    }

    fn sent(&self) -> MutexGuard<'_, Sent> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn chunk(&self, number: u32, chunk: &mut [u8]) -> io::Result<()> {
        read_chunk(&self.scratch, self.len(), number, chunk)
    }

    /// Tells whether nothing but the flags at the beginning differs from what was opened.
    fn is_only_flagged(&self, sent: &Sent) -> io::Result<bool> {
        if !sent.is_first_time || sent.length != self.len() || sent.dirty.iter().any(|&it| it > 0) {
            return Ok(false);
        }
        let mut first = vec![0; CHUNK_BYTES];
        self.chunk(0, &mut first)?;
        Ok(first[FLAG_BYTES..] == sent.first[FLAG_BYTES..])
    }

    fn send(&self, sent: &mut Sent) -> io::Result<()> {
        let length = self.len();
        let count = chunks_of(length)?;
        let behind = |chunks: &BTreeSet<u32>| chunks.range(count..).copied().collect::<Vec<_>>();
        for (_, chunks) in &sent.segments {
            sent.stale.extend(behind(chunks));
        }
        let mut newest: BTreeSet<u32> = sent.inline.union(&sent.dirty).copied().collect();
        newest.extend(&sent.stale);
        newest.retain(|chunk| *chunk < count);
        sent.count += 1;
        let nonce = self.nonce(sent.count);
        let mut segments = sent.segments.clone();
        let mut inline = Vec::new();
        if newest.len() <= INLINE_CHUNKS {
            let read = |number: u32, chunk: &mut [u8]| self.chunk(number, chunk);
            pack(&newest, usize::MAX, read, |packed| {
                inline = packed;
                Ok(())
            })?;
        }
        let mut inline_chunks = newest.clone();
        let mut obsolete = Vec::new();
        if newest.len() > INLINE_CHUNKS || inline.len() > self.inline_bytes {
            (inline, inline_chunks) = (Vec::new(), BTreeSet::new());
            obsolete = self.add_segment(&mut segments, newest, count, &nonce)?;
        }
        let head = Head {
            fence: self.fence.token(),
            nonce,
            segments: segments
                .iter()
                .map(|(segment, _)| segment.clone())
                .collect(),
        };
        sent.version = Some(self.replace(&head.write(length, &inline)?, sent.version.as_ref())?);
        sent.length = length;
        sent.segments = segments;
        sent.inline = inline_chunks;
        sent.dirty.clear();
        sent.stale.retain(|chunk| *chunk >= count);
        sent.is_first_time = false;
        // What cannot be removed is swept by whoever takes over.
        let _ = self.directory.remove(obsolete.iter().map(String::as_str));
        Ok(())
    }

    /// Adds a segment of `chunks`, and of those that are not much larger; returns the objects that nobody needs then.
    fn add_segment(
        &self,
        segments: &mut Vec<(Segment, BTreeSet<u32>)>,
        mut chunks: BTreeSet<u32>,
        count: u32,
        nonce: &str,
    ) -> io::Result<Vec<String>> {
        let mut obsolete = Vec::new();
        while let Some((segment, older)) =
            segments.pop_if(|(_, older)| older.len() <= MUCH_LARGER * chunks.len())
        {
            chunks.extend(older.into_iter().filter(|chunk| *chunk < count));
            obsolete.extend(segment.pieces.iter().map(|piece| at(&piece.name)));
        }
        let mut segment = Segment::default();
        let read = |number: u32, chunk: &mut [u8]| self.chunk(number, chunk);
        pack(&chunks, PART_BYTES, read, |piece| {
            let name = format!("{:08}-{nonce}-{}", self.fence.token(), segment.pieces.len());
            let piece = Bytes::from(piece);
            self.directory.put(&at(&name), &piece, Condition::Any)?;
            segment.pieces.push(Piece {
                name,
                bytes: piece.len() as u64,
                hash: ContentHash::of(&piece).to_string(),
            });
            Ok(())
        })?;
        segments.push((segment, chunks));
        Ok(obsolete)
    }

    /// Puts a new head in the place of the one that we know.
    fn replace(&self, head: &Bytes, known: Option<&Version>) -> io::Result<Version> {
        if self.fence.conditions() == Conditions::Ignored {
            let found = self.directory.look(&self.path)?.map(|seen| seen.version);
            if !Version::are_same(found.as_ref(), known) {
                return Err(self.lost());
            }
        }
        let condition = Condition::replacing(known);
        match self.directory.put(&self.path, head, condition) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(self.lost()),
            // It may be on its way all the same.
            Err(error) => {
                self.fence.doubts();
                Err(error)
            }
            Ok(version) => Ok(version),
        }
    }

    fn lost(&self) -> io::Error {
        self.fence.lose();
        io::Error::other("another run has written it: the lease was lost")
    }

    fn nonce(&self, count: u64) -> String {
        self.fence.nonce(&format!("{} {count}", self.path))
    }
}

fn chunks_of(length: u64) -> io::Result<u32> {
    u32::try_from(length.div_ceil(CHUNK_BYTES as u64)).map_err(io::Error::other)
}

fn read_chunk(scratch: &File, length: u64, number: u32, chunk: &mut [u8]) -> io::Result<()> {
    let offset = u64::from(number) * CHUNK_BYTES as u64;
    let left = usize::try_from(length.saturating_sub(offset)).unwrap_or(usize::MAX);
    let (there, behind) = chunk.split_at_mut(left.min(CHUNK_BYTES));
    behind.fill(0);
    scratch.read_exact_at(there, offset)
}

impl ReadAt for Image {
    fn len(&self) -> u64 {
        self.length.load(Ordering::Acquire)
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.scratch.read_exact_at(buffer, offset)
    }
}

impl StoreFile for Image {
    fn write_all_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let end = offset + bytes.len() as u64;
        let chunk =
            |offset: u64| u32::try_from(offset / CHUNK_BYTES as u64).map_err(io::Error::other);
        if bytes.is_empty() {
            return Ok(());
        }
        let touched = chunk(offset)?..=chunk(end - 1)?;
        let mut sent = self.sent();
        self.scratch.write_all_at(bytes, offset)?;
        self.length.fetch_max(end, Ordering::AcqRel);
        sent.dirty.extend(touched);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut sent = self.sent();
        let before = self.len();
        self.scratch.set_len(length)?;
        self.length.store(length, Ordering::Release);
        // What was cut off is zeros, should the file grow again: in the chunk at the end, and in those behind it.
        if length < before {
            let cut = u32::try_from(length / CHUNK_BYTES as u64).map_err(io::Error::other)?;
            sent.dirty.extend(cut..chunks_of(before)?);
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut sent = self.sent();
        let is_new = sent.version.is_none();
        if !is_new && sent.dirty.is_empty() && sent.length == self.len() {
            return Ok(());
        }
        if !is_new && self.is_only_flagged(&sent)? {
            return Ok(());
        }
        self.send(&mut sent)
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Image({:?}, {})", self.directory, self.path)
    }
}
