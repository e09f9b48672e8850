//! A target in an object store.
//!
//! ```text
//! PREFIX/day=2026-01-01/NAME.parquet   an output
//! PREFIX/_strandline/quarantine/…    rows that are set aside
//! PREFIX/_strandline/mark              the id of the ledger that the target belongs to, and a line feed
//! PREFIX/_strandline/staging/upload-…  an upload in parts that is under way: its name in the store and its object
//! PREFIX/_strandline/staging/kept-…    a staged output that could not be built again
//! ```
//!
//! Outputs are staged on this machine; an output that is published is written to its place whole, by one request or in
//! parts that appear with the last. Staged files end with the process: a run that is killed has its units built again. Only
//! outputs with rows that are nowhere else are kept in the store as well until they are published.
//!
//! # Whoever lost his lease writes nothing
//! An output takes the place of the version that stood there a moment ago, or of nothing: first the version is looked
//! up, then the lease is asked for, then the output is written by compare-and-swap. Whoever was stopped in between and
//! wakes after another has written finds another version there, and is refused. Where it is refused and the lease still
//! holds, what stands there is a leftover, and is replaced.
//!
//! # Limits
//! - Removing is not conditional: between the look at the lease and the request lies a moment.
//! - An output of more than 32 MiB is written in parts, and a store compares nothing when they are put together.
//!   It is looked at right before.
//! - Up to `AT_ONCE_BYTES` of outputs are held in memory while they are sent.

mod opened;
mod parts;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use self::opened::OpenOutput;
use self::parts::Parts;
use super::scratch::Scratch;
use super::{
    Discard, DiskSink, Publication, STATE_DIR, Sink, SinkError, StageName, Staging, Stands,
    check_place, failed, has_parquet_extension,
};
use crate::durable::Disk;
use crate::model::{ContentHash, LedgerId, OutputPath, ReadAt};
use crate::store::{Blocks, Condition, Directory, Fence, Version};

/// What is held in memory at once.
const AT_ONCE_BYTES: u64 = 64 << 20;

/// Outputs that are sent at once.
const AT_ONCE: usize = 16;

/// Outputs that are removed between two looks at the lease.
const RETIRED_AT_ONCE: usize = 100;

/// How often the place of an output is looked at again that somebody else has written to.
const TRIES: u32 = 4;

/// The first request for an output brings so much of it.
const BEGINNING_BYTES: u64 = 256 << 10;

/// What is to be published, and its bytes.
type Ready<'a> = (&'a Publication, Arc<dyn ReadAt>);

/// A target in a directory of a store.
#[derive(Debug, Clone)]
pub struct StoreSink {
    directory: Directory,
    /// Tells whether we may write; `None` where the ledger's lock is none that can be lost.
    fence: Option<Arc<Fence>>,
    parts: Parts,
    staged: DiskSink,
    /// The staged files go with it.
    _scratch: Arc<Scratch>,
    /// What this process keeps in the store of staged files.
    kept: Arc<Mutex<BTreeSet<StageName>>>,
}

impl StoreSink {
    /// Takes `directory` as the target, and stages on `disk` in `base`.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn new(
        directory: Directory,
        fence: Option<Arc<Fence>>,
        disk: Arc<dyn Disk>,
        base: &Path,
    ) -> io::Result<Self> {
        let scratch = Scratch::new(Arc::clone(&disk), base)?;
        Ok(Self {
            directory,
            fence,
            parts: Parts::default(),
            staged: DiskSink::new(disk, scratch.path().to_owned()),
            _scratch: Arc::new(scratch),
            kept: Arc::default(),
        })
    }

    /// Lets outputs of more than `whole_bytes` be written in parts of `part_bytes`.
    #[must_use]
    pub fn with_parts(self, whole_bytes: u64, part_bytes: u64) -> Self {
        Self {
            parts: Parts {
                whole_bytes,
                part_bytes: part_bytes.max(1),
            },
            ..self
        }
    }

    fn check_fence(&self) -> io::Result<()> {
        self.fence.as_ref().map_or(Ok(()), |fence| fence.check())
    }

    /// Publishes outputs that fit into memory together.
    fn publish_whole(&self, some: &[Ready<'_>]) -> Result<(), SinkError> {
        let send = |(publication, file): &Ready<'_>| {
            let publication = (*publication).clone();
            let bytes = read(&**file, 0, file.len());
            async move {
                let output = &publication.output;
                let sent = match bytes {
                    Ok(bytes) => self.replace(output, &bytes, publication.stands).await,
                    Err(error) => Err(error),
                };
                sent.map_err(|source| failed("publish", output.as_str(), source))
            }
        };
        self.directory.side_by_side(some.iter().map(send), AT_ONCE)
    }

    async fn replace(&self, output: &str, bytes: &Bytes, stands: Stands) -> io::Result<()> {
        let mut stands = stands;
        for _ in 0..TRIES {
            let version = match stands {
                Stands::No => None,
                Stands::Maybe => self.version(output).await?,
            };
            self.check_fence()?;
            let condition = Condition::replacing(version.as_ref());
            match self.directory.put_soon(output, bytes, condition).await {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    stands = Stands::Maybe;
                }
                other => return other.map(|_| ()),
            }
        }
        Err(io::Error::other("somebody else keeps writing to it"))
    }

    async fn version(&self, output: &str) -> io::Result<Option<Version>> {
        let seen = self.directory.look_soon(output).await?;
        Ok(seen.map(|seen| seen.version))
    }

    /// Writes a staged file to the store, where it outlives this process.
    fn keep(&self, stage: &StageName, file: &dyn ReadAt) -> io::Result<()> {
        let path = kept(stage);
        if file.len() > self.parts.whole_bytes {
            self.publish_in_parts(&OutputPath::new(path), file)?;
        } else {
            let bytes = read(file, 0, file.len())?;
            self.check_fence()?;
            self.directory.put(&path, &bytes, Condition::Any)?;
        }
        self.kept().insert(stage.clone());
        Ok(())
    }

    /// Removes what is kept of these, if this process has kept it.
    fn let_go(&self, stages: &[StageName]) -> io::Result<()> {
        let mut ours = self.kept();
        let paths: Vec<String> = stages
            .iter()
            .filter(|it| ours.remove(it))
            .map(kept)
            .collect();
        drop(ours);
        self.directory.remove(paths.iter().map(String::as_str))
    }

    fn kept(&self) -> MutexGuard<'_, BTreeSet<StageName>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open_at(&self, path: &str) -> io::Result<Arc<dyn ReadAt>> {
        let (beginning, seen) = match self.directory.get_beginning(path, BEGINNING_BYTES) {
            // Whoever takes it for lost rolls back, and rows that are nowhere else are lost then.
            Err(error)
                if error.kind() == io::ErrorKind::NotFound && self.directory.is_listed(path)? =>
            {
                return Err(io::Error::other("the store lists it, and does not find it"));
            }
            found => found?,
        };
        Ok(Arc::new(OpenOutput {
            directory: self.directory.clone(),
            output: OutputPath::new(path.to_owned()),
            version: seen.version,
            blocks: Blocks::new(seen.size, beginning),
        }))
    }

    /// Tells whether an output has these bytes.
    fn stands(&self, output: &OutputPath, size: u64, hash: ContentHash) -> Result<bool, SinkError> {
        let file = match self.open(output) {
            Ok(file) => file,
            Err(error) if error.source.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        if file.len() != size {
            return Ok(false);
        }
        let found = ContentHash::of_file(file);
        let found = found.map_err(|source| failed("read", output.as_str(), source))?;
        Ok(found == hash)
    }

    /// Opens what is to be published; nothing where that was done already.
    fn staged<'a>(&self, publication: &'a Publication) -> Result<Option<Ready<'a>>, SinkError> {
        let output = &publication.output;
        let failed = |source| failed("publish", output.as_str(), source);
        check_place(output).map_err(failed)?;
        match self.open_staged(&publication.stage) {
            Ok(file) => Ok(Some((publication, file))),
            Err(error) if error.source.kind() == io::ErrorKind::NotFound => {
                match publication.content {
                    // What stands there may be older.
                    Some((size, hash)) if !self.stands(output, size, hash)? => {
                        Err(failed(error.source))
                    }
                    None if self.look(output)?.is_none() => Err(failed(error.source)),
                    _ => Ok(None),
                }
            }
            Err(error) => Err(error),
        }
    }
}

impl Sink for StoreSink {
    fn stage(&self, stage: &StageName) -> Result<Box<dyn Staging>, SinkError> {
        Ok(Box::new(Unsynced(self.staged.stage(stage)?)))
    }

    fn open_staged(&self, stage: &StageName) -> Result<Arc<dyn ReadAt>, SinkError> {
        match self.staged.open_staged(stage) {
            Err(error) if error.source.kind() == io::ErrorKind::NotFound => self
                .open_at(&kept(stage))
                .map_err(|source| failed("open staged file", &stage.0, source)),
            other => other,
        }
    }

    fn sync_staging(&self, needed: &[StageName]) -> Result<(), SinkError> {
        for stage in needed {
            let file = self.staged.open_staged(stage)?;
            self.keep(stage, &*file)
                .map_err(|source| failed("keep staged file", &stage.0, source))?;
        }
        Ok(())
    }

    fn discard(&self, what: Discard<'_>) -> Result<(), SinkError> {
        match what {
            Discard::All => self.sweep(),
            Discard::These(stages) => self.let_go(stages),
        }
        .map_err(|source| failed("tidy up", &self.describe(), source))?;
        self.staged.discard(what)
    }

    fn publish(&self, moves: &[Publication]) -> Result<(), SinkError> {
        let mut some = Vec::new();
        let mut bytes = 0;
        for publication in moves {
            let Some((publication, file)) = self.staged(publication)? else {
                continue;
            };
            if file.len() > self.parts.whole_bytes {
                self.publish_in_parts(&publication.output, &*file)
                    .map_err(|source| failed("publish", publication.output.as_str(), source))?;
                continue;
            }
            if bytes + file.len() > AT_ONCE_BYTES {
                self.publish_whole(&std::mem::take(&mut some))?;
                bytes = 0;
            }
            bytes += file.len();
            some.push((publication, file));
        }
        self.publish_whole(&some)?;
        let stages: Vec<StageName> = moves.iter().map(|one| one.stage.clone()).collect();
        self.discard(Discard::These(&stages))
    }

    fn retire(&self, outputs: &[OutputPath]) -> Result<(), SinkError> {
        for output in outputs {
            check_place(output).map_err(|source| failed("remove", output.as_str(), source))?;
        }
        for some in outputs.chunks(RETIRED_AT_ONCE) {
            self.check_fence()
                .and_then(|()| self.directory.remove(some.iter().map(OutputPath::as_str)))
                .map_err(|source| failed("remove outputs from", &self.describe(), source))?;
        }
        Ok(())
    }

    fn open(&self, output: &OutputPath) -> Result<Arc<dyn ReadAt>, SinkError> {
        let opened = check_place(output).and_then(|()| self.open_at(output));
        opened.map_err(|source| failed("open", output.as_str(), source))
    }

    fn look(&self, output: &OutputPath) -> Result<Option<u64>, SinkError> {
        let seen = check_place(output).and_then(|()| self.directory.look(output));
        let seen = seen.map_err(|source| failed("look at", output.as_str(), source))?;
        Ok(seen.map(|seen| seen.size))
    }

    fn outputs(&self) -> Result<Vec<OutputPath>, SinkError> {
        let listed = self.directory.list("");
        let listed = listed.map_err(|source| failed("list", &self.describe(), source))?;
        let outputs = listed.into_iter().map(|seen| OutputPath::new(seen.path));
        Ok(outputs
            .filter(|output| has_parquet_extension(output) && check_place(output).is_ok())
            .collect())
    }

    fn mark(&self) -> Result<Option<LedgerId>, SinkError> {
        let failed = |source| failed("read", &self.mark_name(), source);
        let bytes = match self.directory.get(MARK) {
            Ok((bytes, _)) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        match std::str::from_utf8(&bytes).map(str::trim) {
            Ok(id) if !id.is_empty() => Ok(Some(LedgerId(id.to_owned()))),
            _ => Err(failed(io::ErrorKind::InvalidData.into())),
        }
    }

    fn set_mark(&self, ledger: &LedgerId) -> Result<(), SinkError> {
        let bytes = Bytes::from(format!("{}\n", ledger.0));
        self.check_fence()
            .and_then(|()| self.directory.put(MARK, &bytes, Condition::Any))
            .map(|_| ())
            .map_err(|source| failed("write", &self.mark_name(), source))
    }

    fn may_arrive_late(&self) -> bool {
        true
    }

    fn describe(&self) -> String {
        self.directory.name().to_owned()
    }
}

const MARK: &str = "_strandline/mark";
const STAGING: &str = "_strandline/staging";

impl StoreSink {
    fn mark_name(&self) -> String {
        format!("{}/{STATE_DIR}/mark", self.describe())
    }
}

/// Returns where a staged file is kept.
fn kept(stage: &StageName) -> String {
    format!("{STAGING}/kept-{}", stage.0)
}

fn read(file: &dyn ReadAt, start: u64, end: u64) -> io::Result<Bytes> {
    let length = usize::try_from(end - start).map_err(io::Error::other)?;
    let mut bytes = vec![0; length];
    file.read_exact_at(start, &mut bytes)?;
    Ok(bytes.into())
}

/// A staged file that need not outlive the process, so that no disk has to take it in.
struct Unsynced(Box<dyn Staging>);

impl Write for Unsynced {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Staging for Unsynced {
    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.0.flush()
    }
}
