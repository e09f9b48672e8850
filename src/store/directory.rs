//! A directory in an object store: objects that are read, written, listed and removed by their paths below it.
//!
//! Asynchronous code stops here: a small runtime of the directory's own does the talking, and whoever asks waits.
//!
//! # Conditional writes
//! `Directory::put` writes where nothing stands (`Condition::Absent`) or where a certain version does
//! (`Condition::Same`). The answer to such a write can be lost, and the client's second try is then refused by what its
//! first try wrote. So whoever is refused looks at what stands there: the same bytes are his own, whoever wrote them.
//!
//! # Errors
//! Kinds: `NotFound` where there is no such object, `AlreadyExists` where a condition does not hold, whatever the
//! condition was; `StaleNetworkFileHandle` where a version that is read is not there any more.

use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    GetOptions, GetRange, MultipartId, ObjectMeta, ObjectStoreExt, PutMode, PutOptions, PutPayload,
    PutResult, UpdateVersion,
};
use tokio::runtime::Runtime;

use super::pages::{ListedKey, Locations};
use super::{Client, Objects, io_error, parse, runtime};
use crate::model::Timestamp;

/// Threads that talk to the store. They wait and copy.
const THREADS: usize = 2;

/// Large objects that are fetched at once.
const AT_ONCE: usize = 2;

/// What a part of a large object holds.
pub(crate) const PART_BYTES: usize = 16 << 20;

/// A directory in an object store.
#[derive(Clone)]
pub struct Directory {
    objects: Arc<dyn Objects>,
    locations: Locations,
    root: Path,
    name: Arc<str>,
    runtime: Arc<Runtime>,
}

/// One version of an object, as a conditional write names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version(UpdateVersion);

impl From<PutResult> for Version {
    fn from(written: PutResult) -> Self {
        Self(written.into())
    }
}

impl From<&ObjectMeta> for Version {
    fn from(object: &ObjectMeta) -> Self {
        Self(UpdateVersion {
            e_tag: object.e_tag.clone(),
            version: object.version.clone(),
        })
    }
}

impl Version {
    /// Returns one that no object has.
    pub(super) fn none() -> Self {
        Self(UpdateVersion {
            e_tag: Some(format!("\"{:032x}\"", 1)),
            version: Some("1".to_owned()),
        })
    }

    /// Tells whether two answers speak of the same version, quoted or not, or both of nothing.
    pub(crate) fn are_same(one: Option<&Self>, other: Option<&Self>) -> bool {
        match (one, other) {
            (None, None) => true,
            (Some(one), Some(other)) => one.is(other),
            _ => false,
        }
    }

    fn is(&self, other: &Self) -> bool {
        let plain = |version: &Self| {
            let tag = version.0.e_tag.as_deref();
            tag.map(|tag| tag.trim_matches('"').to_owned())
        };
        plain(self).is_some() && plain(self) == plain(other)
    }
}

/// What must be so for an object to be written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Condition<'a> {
    /// Nothing stands there.
    Absent,
    /// This version stands there.
    Same(&'a Version),
    /// Nothing: whatever stands there is overwritten.
    Any,
}

impl<'a> Condition<'a> {
    /// Returns the condition under which an object takes the place of this version, or of nothing.
    pub(crate) fn replacing(version: Option<&'a Version>) -> Self {
        version.map_or(Self::Absent, Self::Same)
    }

    fn mode(self) -> PutMode {
        match self {
            Self::Absent => PutMode::Create,
            Self::Same(version) => PutMode::Update(version.0.clone()),
            Self::Any => PutMode::Overwrite,
        }
    }
}

/// What is told of an object without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Its path below the directory.
    pub(crate) path: String,
    pub(crate) size: u64,
    /// By the store's clock.
    pub(crate) modified_at: Timestamp,
    pub(crate) version: Version,
}

impl Directory {
    /// Makes the directory `prefix` of what `client` talks to, which people know as `name`.
    ///
    /// # Errors
    /// Where `prefix` is no path; else what the system reports when threads are started.
    pub fn new(client: Client, prefix: &str, name: String) -> io::Result<Self> {
        let runtime = runtime(THREADS)?;
        Ok(Self {
            objects: client.objects,
            locations: client.locations,
            root: parse(prefix)?,
            name: name.into(),
            runtime: Arc::new(runtime),
        })
    }

    /// Returns the directory `path` in this one.
    ///
    /// # Errors
    /// Where `path` is none.
    pub fn below(&self, path: &str) -> io::Result<Self> {
        Ok(Self {
            root: self.location(path)?,
            name: format!("{}/{path}", self.name).into(),
            ..self.clone()
        })
    }

    /// Returns what people know the directory as.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Returns all of an object, and its version.
    ///
    /// # Errors
    /// `NotFound`, else what the client reports.
    pub(crate) fn get(&self, path: &str) -> io::Result<(Bytes, Seen)> {
        let location = self.location(path)?;
        self.runtime.block_on(get(&*self.objects, location, path))
    }

    /// As [`Self::get`], for tasks on [`Self::runtime`].
    pub(super) async fn get_soon(&self, path: &str) -> io::Result<(Bytes, Seen)> {
        get(&*self.objects, self.location(path)?, path).await
    }

    /// Returns objects in the given order, of which some are fetched side by side, one after the other to `take`.
    ///
    /// # Errors
    /// The first that `take` returns, or that the client reports.
    pub(crate) fn get_each(
        &self,
        paths: &[String],
        mut take: impl FnMut(usize, Bytes) -> io::Result<()>,
    ) -> io::Result<()> {
        let located = paths.iter().map(|path| Ok((self.location(path)?, path)));
        let located: Vec<_> = located.collect::<io::Result<_>>()?;
        self.runtime.block_on(async {
            let fetched = located
                .into_iter()
                .map(|(location, path)| get(&*self.objects, location, path));
            let mut fetched = futures::stream::iter(fetched).buffered(AT_ONCE).enumerate();
            while let Some((index, got)) = fetched.next().await {
                take(index, got?.0)?;
            }
            Ok(())
        })
    }

    /// Returns the bytes of `range`, all of them, of one version; without one, of whatever stands there.
    ///
    /// # Errors
    /// `NotFound`, `StaleNetworkFileHandle` where it is another version, else what the client reports.
    pub(crate) fn get_range(
        &self,
        path: &str,
        range: Range<u64>,
        version: Option<&Version>,
    ) -> io::Result<(Bytes, Seen)> {
        let location = self.location(path)?;
        let options = GetOptions {
            if_match: version.and_then(|version| version.0.e_tag.clone()),
            range: Some(GetRange::Bounded(range)),
            ..GetOptions::default()
        };
        self.runtime.block_on(async {
            let answer = self.objects.get_opts(&location, options).await;
            let answer = answer.map_err(io_error)?;
            let seen = seen(&answer.meta, path);
            if version.is_some_and(|version| !version.is(&seen.version)) {
                return Err(io::ErrorKind::StaleNetworkFileHandle.into());
            }
            Ok((answer.bytes().await.map_err(io_error)?, seen))
        })
    }

    /// Returns the first bytes of an object, up to `most_bytes` of them, and what is told of it.
    ///
    /// # Errors
    /// `NotFound`, else what the client reports.
    pub(crate) fn get_beginning(&self, path: &str, most_bytes: u64) -> io::Result<(Bytes, Seen)> {
        match self.get_range(path, 0..most_bytes, None) {
            Ok((bytes, seen)) if bytes.len() as u64 == seen.size.min(most_bytes) => {
                Ok((bytes, seen))
            }
            Ok(_) => Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(error),
            // Of an object without bytes there is no beginning to ask for.
            Err(error) => match self.look(path)? {
                Some(seen) if seen.size == 0 => Ok((Bytes::new(), seen)),
                _ => Err(error),
            },
        }
    }

    /// Waits for all of `requests`, of which some are under way at once.
    ///
    /// # Errors
    /// The first that fails; those behind it are not begun.
    pub(crate) fn side_by_side<E>(
        &self,
        requests: impl IntoIterator<Item = impl Future<Output = Result<(), E>>>,
        at_once: usize,
    ) -> Result<(), E> {
        let requests = futures::stream::iter(requests).buffer_unordered(at_once);
        self.runtime.block_on(requests.try_collect())
    }

    /// Returns what is told of an object, `None` where there is none.
    ///
    /// # Errors
    /// What the client reports.
    pub(crate) fn look(&self, path: &str) -> io::Result<Option<Seen>> {
        self.runtime.block_on(self.look_soon(path))
    }

    /// As [`Self::look`], for [`Self::side_by_side`].
    pub(crate) async fn look_soon(&self, path: &str) -> io::Result<Option<Seen>> {
        let location = self.location(path)?;
        match self.objects.head(&location).await {
            Ok(object) => Ok(Some(seen(&object, path))),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(io_error(error)),
        }
    }

    /// Tells whether a listing has the object: where something is given up because it is not found, that has to be sure.
    ///
    /// # Errors
    /// What the client reports.
    pub(crate) fn is_listed(&self, path: &str) -> io::Result<bool> {
        let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
        let listed = self.list(directory)?;
        Ok(listed.iter().any(|seen| seen.path == path))
    }

    /// Writes an object whole, if `condition` holds, and returns the version that stands there now.
    ///
    /// # Errors
    /// `AlreadyExists` where the condition does not hold and what stands there are other bytes, else what the client
    /// reports.
    pub(crate) fn put(
        &self,
        path: &str,
        bytes: &Bytes,
        condition: Condition<'_>,
    ) -> io::Result<Version> {
        self.runtime.block_on(self.put_soon(path, bytes, condition))
    }

    /// As [`Self::put`], for tasks on [`Self::runtime`].
    pub(crate) async fn put_soon(
        &self,
        path: &str,
        bytes: &Bytes,
        condition: Condition<'_>,
    ) -> io::Result<Version> {
        let location = self.location(path)?;
        put(&*self.objects, &location, bytes, condition).await
    }

    /// Writes an object on a condition that does not hold, and returns its version if that was done.
    ///
    /// # Errors
    /// What the client reports, but for a refusal.
    pub(super) fn put_wrongly(&self, path: &str, bytes: &Bytes) -> io::Result<Option<Version>> {
        let location = self.location(path)?;
        let payload = PutPayload::from(bytes.clone());
        let options = PutOptions::from(Condition::Same(&Version::none()).mode());
        let tried = self.objects.put_opts(&location, payload, options);
        match self.runtime.block_on(tried) {
            Ok(written) => Ok(Some(written.into())),
            Err(error) if is_refusal(&error) => Ok(None),
            Err(object_store::Error::NotImplemented { .. }) => {
                Ok(self.look(path)?.map(|seen| seen.version))
            }
            Err(error) => Err(io_error(error)),
        }
    }

    /// Writes a large object part by part, if `condition` holds when it is asked right before the last request, which
    /// makes it appear whole. `part` returns the next part, empty at the end; `started` is told the upload's name before
    /// anything is in it.
    ///
    /// # Errors
    /// As [`Self::put`]; what was uploaded is removed again where that can be done.
    pub(crate) fn put_in_parts(
        &self,
        path: &str,
        started: impl FnOnce(&str) -> io::Result<()>,
        part: impl FnMut() -> io::Result<Bytes>,
        last: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<Version> {
        let location = self.location(path)?;
        let upload = self
            .runtime
            .block_on(self.objects.create_multipart(&location))
            .map_err(io_error)?;
        let written = started(&upload).and_then(|()| self.upload(&location, &upload, part, last));
        if written.is_err() {
            // Whoever sweeps the leftovers of dead runs finds it by its name.
            let _ = self.abort(path, &upload);
        }
        written
    }

    fn upload(
        &self,
        location: &Path,
        upload: &MultipartId,
        mut part: impl FnMut() -> io::Result<Bytes>,
        last: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<Version> {
        let mut parts = Vec::new();
        loop {
            let bytes = part()?;
            if bytes.is_empty() {
                break;
            }
            let sent = self
                .objects
                .put_part(location, upload, parts.len(), bytes.into());
            parts.push(self.runtime.block_on(sent).map_err(io_error)?);
        }
        last()?;
        let whole = self.objects.complete_multipart(location, upload, parts);
        Ok(self.runtime.block_on(whole).map_err(io_error)?.into())
    }

    /// Gives up an upload that a dead run began; one that is over already is no error.
    ///
    /// # Errors
    /// What the client reports.
    pub(crate) fn abort(&self, path: &str, upload: &str) -> io::Result<()> {
        let location = self.location(path)?;
        let upload = upload.to_owned();
        let aborted = self.objects.abort_multipart(&location, &upload);
        match self.runtime.block_on(aborted) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(io_error(error)),
        }
    }

    /// Removes objects; those that are not there are no error.
    ///
    /// # Errors
    /// The first that could not be removed, after all were tried.
    pub(crate) fn remove<'a>(&self, paths: impl IntoIterator<Item = &'a str>) -> io::Result<()> {
        let locations: Vec<_> = paths
            .into_iter()
            .map(|path| self.location(path).map_err(into_path_error))
            .collect();
        if locations.is_empty() {
            return Ok(());
        }
        self.runtime.block_on(async {
            let mut removed = self
                .objects
                .delete_stream(futures::stream::iter(locations).boxed());
            let mut failed = None;
            while let Some(result) = removed.next().await {
                match result {
                    Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                    Err(error) => failed = failed.or(Some(io_error(error))),
                }
            }
            failed.map_or(Ok(()), Err)
        })
    }

    /// Returns what lies below the directory `path` of this one, however deep, in byte order of the paths. An empty `path` is
    /// this directory.
    ///
    /// # Errors
    /// What the client reports. A listing that ends early is an error, and never a short one.
    pub(crate) fn list(&self, path: &str) -> io::Result<Vec<Seen>> {
        let location = if path.is_empty() {
            self.root.clone()
        } else {
            self.location(path)?
        };
        let listing = self.objects.list(Some(&location));
        let objects: Vec<ObjectMeta> = self
            .runtime
            .block_on(listing.try_collect())
            .map_err(io_error)?;
        let prefix = if self.root.is_root() {
            String::new()
        } else {
            format!("{}/", self.root)
        };
        let mut found = Vec::with_capacity(objects.len());
        for object in objects {
            let listed = self.locations.read(&object.location);
            let ListedKey { key, .. } = listed.ok_or(io::ErrorKind::InvalidData)?;
            // The marker of a directory that a console makes is no object of ours.
            if let Some(path) = key.strip_prefix(&prefix).filter(|path| !path.is_empty()) {
                found.push(seen(&object, path));
            }
        }
        found.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    fn location(&self, path: &str) -> io::Result<Path> {
        if self.root.is_root() {
            parse(path)
        } else {
            parse(&format!("{}/{path}", self.root))
        }
    }
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Directory({})", self.name)
    }
}

fn into_path_error(error: io::Error) -> object_store::Error {
    object_store::Error::Generic {
        store: "object store",
        source: error.into(),
    }
}

fn seen(object: &ObjectMeta, path: &str) -> Seen {
    let modified_at = object.last_modified.timestamp_nanos_opt();
    Seen {
        path: path.to_owned(),
        size: object.size,
        modified_at: Timestamp(modified_at.unwrap_or_default()),
        version: object.into(),
    }
}

async fn get(objects: &dyn Objects, location: Path, path: &str) -> io::Result<(Bytes, Seen)> {
    let answer = objects.get(&location).await.map_err(io_error)?;
    let seen = seen(&answer.meta, path);
    let bytes = answer.bytes().await.map_err(io_error)?;
    if bytes.len() as u64 == seen.size {
        Ok((bytes, seen))
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

async fn put(
    objects: &dyn Objects,
    location: &Path,
    bytes: &Bytes,
    condition: Condition<'_>,
) -> io::Result<Version> {
    let payload = PutPayload::from(bytes.clone());
    let options = PutOptions::from(condition.mode());
    let error = match objects.put_opts(location, payload, options).await {
        Ok(written) => return Ok(written.into()),
        Err(error) => error,
    };
    match (&error, condition) {
        (object_store::Error::NotImplemented { .. }, _) => {
            return put_asking(objects, location, bytes, condition).await;
        }
        // A version that is to be replaced and is not there at all is another one as well.
        (object_store::Error::NotFound { .. }, Condition::Same(_)) => {}
        _ if is_refusal(&error) => {}
        _ => return Err(io_error(error)),
    }
    match own(objects, location, bytes).await? {
        Some(version) => Ok(version),
        None => Err(taken()),
    }
}

fn is_refusal(error: &object_store::Error) -> bool {
    matches!(
        error,
        object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }
    )
}

fn taken() -> io::Error {
    io::Error::new(
        io::ErrorKind::AlreadyExists,
        "somebody else has written it meanwhile",
    )
}

/// Where the store knows no conditional writes, looks before it writes: what is written in between is lost.
async fn put_asking(
    objects: &dyn Objects,
    location: &Path,
    bytes: &Bytes,
    condition: Condition<'_>,
) -> io::Result<Version> {
    let found = match objects.head(location).await {
        Ok(object) => Some(Version::from(&object)),
        Err(object_store::Error::NotFound { .. }) => None,
        Err(error) => return Err(io_error(error)),
    };
    let holds = match condition {
        Condition::Any => true,
        Condition::Absent => found.is_none(),
        Condition::Same(version) => Version::are_same(found.as_ref(), Some(version)),
    };
    if !holds {
        return Err(taken());
    }
    let written = objects.put(location, bytes.clone().into()).await;
    Ok(written.map_err(io_error)?.into())
}

/// Returns the version of what stands there if it has these bytes.
async fn own(objects: &dyn Objects, location: &Path, bytes: &Bytes) -> io::Result<Option<Version>> {
    let answer = match objects.get(location).await {
        Ok(answer) => answer,
        Err(object_store::Error::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(io_error(error)),
    };
    let object = answer.meta.clone();
    if object.size != bytes.len() as u64 {
        return Ok(None);
    }
    let found = answer.bytes().await.map_err(io_error)?;
    if found.len() != bytes.len() {
        // It was cut short, which does not make it another's.
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok((found == *bytes).then(|| (&object).into()))
}
