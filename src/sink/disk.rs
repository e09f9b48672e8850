//! A target on a [`Disk`]: a directory of the machine, or one in memory, by the disk that it is given.
//!
//! ```text
//! ROOT/day=2026-01-01/NAME.parquet   an output
//! ROOT/_strandline/staging/STAGE     being written, or waiting to be published
//! ROOT/_strandline/quarantine/…    rows that are set aside: outputs for whoever writes, and nothing for readers
//! ROOT/_strandline/mark              the id of the ledger that the target belongs to, and a line feed
//! ```
//!
//! Staging lies on the same file system as the outputs, so that publishing is a rename. Nothing is created before
//! something is staged or marked: opening a target for looking leaves no trace.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::durable::{self, Disk, Kind, Move, StagedFile};
use crate::model::{LedgerId, OutputPath, ReadAt};

use super::{
    Discard, Publication, STATE_DIR, Sink, SinkError, StageName, Staging, check_place, failed,
    has_parquet_extension, is_plain,
};

/// A mark longer than this is none.
const MARK_BYTES: u64 = 4096;

/// A target in a directory of a disk.
#[derive(Debug, Clone)]
pub struct DiskSink {
    disk: Arc<dyn Disk>,
    root: PathBuf,
}

impl DiskSink {
    /// Takes the directory `root` of `disk` as the target; it need not exist yet.
    #[must_use]
    pub fn new(disk: Arc<dyn Disk>, root: PathBuf) -> Self {
        Self { disk, root }
    }

    fn staging(&self) -> PathBuf {
        self.root.join(STATE_DIR).join("staging")
    }

    fn mark_path(&self) -> PathBuf {
        self.root.join(STATE_DIR).join("mark")
    }

    fn staged_path(&self, stage: &StageName) -> io::Result<PathBuf> {
        if is_plain(&stage.0) && !stage.0.contains('/') {
            Ok(self.staging().join(&stage.0))
        } else {
            Err(io::ErrorKind::InvalidFilename.into())
        }
    }

    /// Returns where an output stands; a path that leads out of the target, or to other
    /// state than rows that are set aside, is none.
    fn place(&self, output: &OutputPath) -> io::Result<PathBuf> {
        check_place(output)?;
        Ok(self.root.join(output.as_str()))
    }

    fn create_staged(&self, stage: &StageName) -> io::Result<Box<dyn StagedFile>> {
        let path = self.staged_path(stage)?;
        match self.disk.create(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.disk.create_dir_all(&self.staging())?;
                self.disk.create(&path)
            }
            other => other,
        }
    }

    fn remove_staged(&self, stage: &StageName) -> io::Result<()> {
        self.disk.remove_file(&self.staged_path(stage)?)
    }

    fn moves(&self, moves: &[Publication]) -> Result<Vec<Move>, SinkError> {
        let one = |publication: &Publication| {
            Ok(Move {
                from: self.staged_path(&publication.stage)?,
                to: self.place(&publication.output)?,
            })
        };
        moves
            .iter()
            .map(|publication| {
                one(publication)
                    .map_err(|source| failed("publish", publication.output.as_str(), source))
            })
            .collect()
    }

    /// Removes `directory` and those above it as far as they are empty, and returns the one that stays.
    fn prune(&self, mut directory: PathBuf) -> io::Result<PathBuf> {
        while directory != self.root {
            let gone =
                self.disk.remove_empty_dir(&directory)? || self.disk.look(&directory)?.is_none();
            if !gone || !directory.pop() {
                break;
            }
        }
        Ok(directory)
    }

    fn walk(&self, prefix: &str, found: &mut Vec<OutputPath>) -> Result<(), SinkError> {
        let directory = self.root.join(prefix);
        let entries = self
            .disk
            .list(&directory)
            .map_err(|source| failed("list", &directory.to_string_lossy(), source))?;
        for entry in entries {
            let path = format!("{prefix}{}", entry.name);
            match entry.kind {
                Kind::Directory if path != STATE_DIR => self.walk(&format!("{path}/"), found)?,
                Kind::File(_) if has_parquet_extension(&path) => {
                    found.push(OutputPath::new(path));
                }
                Kind::File(_) | Kind::Directory | Kind::Other => {}
            }
        }
        Ok(())
    }

    fn read_mark(&self) -> io::Result<Option<LedgerId>> {
        let file = match self.disk.open(&self.mark_path()) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let length = usize::try_from(file.len().min(MARK_BYTES)).unwrap_or_default();
        let mut bytes = vec![0; length];
        file.read_exact_at(0, &mut bytes)?;
        match std::str::from_utf8(&bytes).map(str::trim) {
            Ok(id) if !id.is_empty() => Ok(Some(LedgerId(id.to_owned()))),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

impl Sink for DiskSink {
    fn stage(&self, stage: &StageName) -> Result<Box<dyn Staging>, SinkError> {
        match self.create_staged(stage) {
            Ok(file) => Ok(Box::new(DiskStaging {
                file,
                stage: stage.clone(),
            })),
            Err(source) => Err(failed("write staged file", &stage.0, source)),
        }
    }

    fn open_staged(&self, stage: &StageName) -> Result<Arc<dyn ReadAt>, SinkError> {
        self.staged_path(stage)
            .and_then(|path| self.disk.open(&path))
            .map_err(|source| failed("open staged file", &stage.0, source))
    }

    fn sync_staging(&self, _: &[StageName]) -> Result<(), SinkError> {
        let staging = self.staging();
        match self.disk.sync_dir(&staging) {
            // Nothing was ever staged.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other.map_err(|source| failed("sync", &staging.to_string_lossy(), source)),
        }
    }

    fn discard(&self, what: Discard<'_>) -> Result<(), SinkError> {
        let everything;
        let stages = match what {
            Discard::These(stages) => stages,
            Discard::All => {
                let staging = self.staging();
                everything = self
                    .disk
                    .list(&staging)
                    .map_err(|source| failed("list", &staging.to_string_lossy(), source))?
                    .into_iter()
                    .map(|entry| StageName(entry.name))
                    .collect::<Vec<_>>();
                &everything
            }
        };
        for stage in stages {
            self.remove_staged(stage)
                .map_err(|source| failed("remove staged file", &stage.0, source))?;
        }
        Ok(())
    }

    fn publish(&self, moves: &[Publication]) -> Result<(), SinkError> {
        let steps = self.moves(moves)?;
        durable::publish(&*self.disk, &steps).map_err(|source| match moves {
            [only] => failed("publish", only.output.as_str(), source),
            _ => failed("publish outputs to", &self.describe(), source),
        })
    }

    fn retire(&self, outputs: &[OutputPath]) -> Result<(), SinkError> {
        let mut directories = BTreeSet::new();
        for output in outputs {
            let path = self
                .place(output)
                .and_then(|path| self.disk.remove_file(&path).map(|()| path))
                .map_err(|source| failed("remove", output.as_str(), source))?;
            directories.extend(path.parent().map(Path::to_owned));
        }
        // Children sort behind their parents, so from the back a parent is met when its children are gone.
        let mut kept = BTreeSet::new();
        for directory in directories.into_iter().rev() {
            let name = directory.to_string_lossy().into_owned();
            kept.insert(
                self.prune(directory)
                    .map_err(|source| failed("remove", &name, source))?,
            );
        }
        for directory in kept {
            match self.disk.sync_dir(&directory) {
                // Pruned after it was noted: the one above it is noted as well.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                other => {
                    other.map_err(|source| failed("sync", &directory.to_string_lossy(), source))?;
                }
            }
        }
        Ok(())
    }

    fn open(&self, output: &OutputPath) -> Result<Arc<dyn ReadAt>, SinkError> {
        self.place(output)
            .and_then(|path| self.disk.open(&path))
            .map_err(|source| failed("open", output.as_str(), source))
    }

    fn look(&self, output: &OutputPath) -> Result<Option<u64>, SinkError> {
        let kind = self
            .place(output)
            .and_then(|path| self.disk.look(&path))
            .map_err(|source| failed("look at", output.as_str(), source))?;
        Ok(match kind {
            Some(Kind::File(length)) => Some(length),
            Some(Kind::Directory | Kind::Other) | None => None,
        })
    }

    fn outputs(&self) -> Result<Vec<OutputPath>, SinkError> {
        let mut found = Vec::new();
        self.walk("", &mut found)?;
        self.walk("_strandline/quarantine/", &mut found)?;
        found.retain(|output| output.is_aside() || !output.starts_with("_strandline/"));
        found.sort_unstable();
        Ok(found)
    }

    fn mark(&self) -> Result<Option<LedgerId>, SinkError> {
        self.read_mark()
            .map_err(|source| failed("read", &self.mark_path().to_string_lossy(), source))
    }

    fn set_mark(&self, ledger: &LedgerId) -> Result<(), SinkError> {
        let path = self.mark_path();
        durable::replace_file(&*self.disk, &path, format!("{}\n", ledger.0).as_bytes())
            .map_err(|source| failed("write", &path.to_string_lossy(), source))
    }

    fn may_arrive_late(&self) -> bool {
        false
    }

    fn describe(&self) -> String {
        self.root.to_string_lossy().into_owned()
    }
}

/// A staged file whose errors name it, for whoever writes knows it only as a writer.
struct DiskStaging {
    file: Box<dyn StagedFile>,
    stage: StageName,
}

impl DiskStaging {
    fn named(stage: &StageName, source: io::Error) -> io::Error {
        io::Error::new(source.kind(), failed("write staged file", &stage.0, source))
    }
}

impl Write for DiskStaging {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.file.write(bytes) {
            Err(error) => Err(Self::named(&self.stage, error)),
            written => written,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file
            .flush()
            .map_err(|error| Self::named(&self.stage, error))
    }
}

impl Staging for DiskStaging {
    fn finish(self: Box<Self>) -> io::Result<()> {
        let Self { file, stage } = *self;
        file.finish().map_err(|error| Self::named(&stage, error))
    }
}
