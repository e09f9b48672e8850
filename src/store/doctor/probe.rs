//! Tries a store out, one habit after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    Error, GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions,
    PutResult, UpdateVersion,
};
use tokio::time::timeout;

use super::Extent;
use super::observed::{Condition, Fresh, Observed, Overwritten, Page, Trouble, TroubleKind};
use super::race::{self, ROUNDS, is_refused};
use crate::clock::Clock;
use crate::store::{ListedKey, parse, runtime};

/// How long a probe may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// As much of a listing as stores put on one page.
const PAGE_OBJECTS: usize = 1000;

/// Names that every order of names known sorts in another way.
pub(super) const NAMES: [&str; 5] = ["a!", "a/b", "a0", "z\u{ff5e}", "z\u{1f40c}"];

/// Tries out what works in `store` below `prefix`.
///
/// # Errors
/// Where `prefix` is no path; else what the system reports when threads are started.
pub(super) fn observe(
    store: Arc<dyn ObjectStore>,
    prefix: &str,
    clock: &dyn Clock,
    extent: Extent,
) -> io::Result<Observed> {
    let root = parse(prefix)?;
    let runtime = runtime(1)?;
    let name = format!("{:016x}", RandomState::new().build_hasher().finish());
    let mut prober = Prober {
        room: root.clone().join("_strandline").join("doctor").join(name),
        store,
        root,
        clock,
        touched: BTreeSet::new(),
        unfinished: None,
        written: BTreeSet::new(),
    };
    Ok(runtime.block_on(prober.observe(extent)))
}

struct Prober<'a> {
    store: Arc<dyn ObjectStore>,
    root: Path,
    /// Below this is everything that is written.
    room: Path,
    clock: &'a dyn Clock,
    /// Where something was or may have been written.
    touched: BTreeSet<Path>,
    /// An upload that could not be given up.
    unfinished: Option<String>,
    /// Where something was written.
    written: BTreeSet<Path>,
}

impl Prober<'_> {
    async fn observe(&mut self, extent: Extent) -> Observed {
        let mut seen = Observed::default();
        let listed = within(self.list()).await;
        let readable = listed.as_ref().ok().and_then(|(_, key)| key.clone());
        seen.list = Some(listed.map(|(page, _)| page));
        if let Some(key) = readable {
            seen.read = Some(within(self.read(key)).await);
        }
        let goes_on = !matches!(&seen.list, Some(Err(trouble)) if trouble.stops_all());
        if extent == Extent::Full && goes_on {
            self.write(&mut seen).await;
            self.clean(&mut seen).await;
        }
        seen
    }

    /// Lists the first page, and returns the key of an object on it that has a byte to read.
    async fn list(&self) -> object_store::Result<(Page, Option<Path>)> {
        let listing = self.store.list(Some(&self.root)).take(PAGE_OBJECTS);
        let objects: Vec<ObjectMeta> = listing.try_collect().await?;
        let mut readable = objects.iter().filter(|object| object.size > 0);
        let key = readable.find_map(readable_key);
        let page = Page {
            objects: objects.len(),
            is_full: objects.len() == PAGE_OBJECTS,
        };
        Ok((page, key))
    }

    async fn read(&self, key: Path) -> object_store::Result<String> {
        let options = GetOptions {
            range: Some(GetRange::Bounded(0..1)),
            ..GetOptions::default()
        };
        self.store.get_opts(&key, options).await?.bytes().await?;
        Ok(key.to_string())
    }

    /// Tries whatever needs writing.
    async fn write(&mut self, seen: &mut Observed) {
        let key = self.room.clone().join("a");
        let before = self.clock.now();
        let put = self.put(&key, "first").await;
        let after = self.clock.now();
        let first = match put {
            Ok(first) => first,
            Err(trouble) => {
                seen.write = Some(Err(trouble));
                return;
            }
        };
        seen.write = Some(Ok(()));
        let head = within(self.store.head(&key)).await;
        seen.clock = Some(head.map(|object| {
            let second = object.last_modified.timestamp();
            let (before, after) = (before.0 / NANOS, after.0.div_euclid(NANOS) + 1);
            ahead(second, before, after)
        }));
        seen.read_back = Some(self.bytes(&key).await.map(|bytes| bytes == "first"));
        seen.overwrite = Some(self.overwrite(&key, &first).await);
        seen.create = Some(self.create(&key).await);
        seen.update = Some(self.update(&key, first.into()).await);
        self.race(seen).await;
        seen.order = Some(self.order().await);
        seen.fresh_listing = Some(self.fresh_listing(&key).await);
        seen.multipart = Some(self.multipart().await);
    }

    async fn put(&mut self, key: &Path, bytes: &'static str) -> Result<PutResult, Trouble> {
        self.touched.insert(key.clone());
        let put = within(self.store.put(key, bytes.into())).await?;
        self.written.insert(key.clone());
        Ok(put)
    }

    async fn overwrite(&mut self, key: &Path, first: &PutResult) -> Result<Overwritten, Trouble> {
        let second = self.put(key, "second").await?;
        Ok(Overwritten {
            has_new_bytes: self.bytes(key).await? == "second",
            has_new_tag: is_tag(second.e_tag.as_deref()) && first.e_tag != second.e_tag,
        })
    }

    async fn bytes(&self, key: &Path) -> Result<String, Trouble> {
        let read = async { self.store.get(key).await?.bytes().await };
        let bytes = within(read).await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Creates what is there already.
    async fn create(&self, key: &Path) -> Result<Condition, Trouble> {
        let options = PutOptions::from(PutMode::Create);
        let put = self.store.put_opts(key, "third".into(), options);
        refused(put).await
    }

    /// Overwrites what is not there any more, and then what is.
    async fn update(&mut self, key: &Path, stale: UpdateVersion) -> Result<Condition, Trouble> {
        let current = self.put(key, "fourth").await?;
        let put = |version: UpdateVersion| {
            let options = PutOptions::from(PutMode::Update(version));
            self.store.put_opts(key, "fifth".into(), options)
        };
        if refused(put(stale)).await? == Condition::Ignored {
            return Ok(Condition::Ignored);
        }
        Ok(match refused(put(current.into())).await? {
            Condition::Kept => Condition::NeverMet,
            _ => Condition::Kept,
        })
    }

    async fn race(&mut self, seen: &mut Observed) {
        let races = (0..ROUNDS).map(|round| self.room.clone().join(format!("race-{round}")));
        let races: Vec<Path> = races.collect();
        let key = self.room.clone().join("race");
        self.touched.extend(races.iter().chain([&key]).cloned());
        seen.create_race = Some(within(race::creators(&*self.store, &races)).await);
        seen.update_race = Some(within(race::updaters(&*self.store, &key)).await);
    }

    /// Writes names that are sorted one way or another, and lists them.
    async fn order(&mut self) -> Result<Vec<String>, Trouble> {
        let room = self.room.clone().join("order");
        for name in NAMES {
            let key = Path::parse(format!("{room}/{name}"));
            let key = key.map_err(|error| Trouble::failed(error.to_string()))?;
            self.put(&key, "x").await?;
        }
        let listed: Vec<ObjectMeta> = within(self.store.list(Some(&room)).try_collect()).await?;
        let root = format!("{room}/");
        let keys = listed.iter().map(key_of);
        let names = keys.filter_map(|key| key.strip_prefix(&root).map(str::to_owned));
        Ok(names.collect())
    }

    /// Lists what has been written, and compares with what is told of one object elsewhere.
    async fn fresh_listing(&self, key: &Path) -> Result<Fresh, Trouble> {
        let listed: Vec<ObjectMeta> =
            within(self.store.list(Some(&self.room)).try_collect()).await?;
        let listed: BTreeMap<String, ObjectMeta> = listed
            .into_iter()
            .map(|object| (key_of(&object), object))
            .collect();
        let head = within(self.store.head(key)).await?;
        let is_missing = |key: &&Path| !listed.contains_key(key.as_ref());
        let found = listed.get(key.as_ref());
        Ok(Fresh {
            written: self.written.len(),
            missing: self.written.iter().filter(is_missing).count(),
            tells_same: found.is_none_or(|found| is_same(found, &head)),
        })
    }

    /// Begins an object of several parts, and gives it up.
    async fn multipart(&mut self) -> Result<(), Trouble> {
        let key = self.room.clone().join("parts");
        self.touched.insert(key.clone());
        let mut upload = within(self.store.put_multipart(&key)).await?;
        let part = within(upload.put_part("x".into())).await;
        let mut aborted = within(upload.abort()).await;
        if aborted.is_err() {
            aborted = within(upload.abort()).await;
        }
        self.unfinished = aborted
            .is_err()
            .then(|| format!("{key} (an upload in parts)"));
        aborted.and(part)
    }

    /// Deletes what was or may have been written.
    async fn clean(&mut self, seen: &mut Observed) {
        // Where a write was refused, there is nothing, and nothing to learn.
        if matches!(&seen.write, Some(Err(trouble)) if trouble.is_denied()) {
            return;
        }
        seen.left_behind.extend(self.unfinished.take());
        let mut first = None;
        for key in &self.touched {
            match within(self.delete(key)).await {
                Ok(()) => {}
                Err(trouble) => {
                    seen.left_behind.push(key.to_string());
                    first.get_or_insert(trouble);
                }
            }
        }
        seen.delete = Some(first.map_or(Ok(()), Err));
    }

    /// Deletes an object, and sees that it is gone.
    async fn delete(&self, key: &Path) -> object_store::Result<()> {
        let refused = match self.store.delete(key).await {
            Ok(()) | Err(Error::NotFound { .. }) => None,
            Err(error) => Some(error),
        };
        let found = match self.store.head(key).await {
            Err(Error::NotFound { .. }) => return Ok(()),
            Err(error) => error,
            Ok(_) => Error::Generic {
                store: "object store",
                source: "the object is still there after it was deleted".into(),
            },
        };
        Err(refused.unwrap_or(found))
    }
}

const NANOS: i64 = 1_000_000_000;

/// Waits for what a store says, but not for ever.
async fn within<T>(work: impl Future<Output = object_store::Result<T>>) -> Result<T, Trouble> {
    match timeout(PATIENCE, work).await {
        Ok(done) => done.map_err(|error| Trouble::of(&error)),
        Err(_) => Err(Trouble {
            kind: TroubleKind::Unreached,
            told: format!("no answer within {} seconds", PATIENCE.as_secs()),
        }),
    }
}

/// Waits for a write that is to be refused.
async fn refused(
    put: impl Future<Output = object_store::Result<PutResult>>,
) -> Result<Condition, Trouble> {
    let put = async {
        match put.await {
            Ok(_) => Ok(Condition::Ignored),
            Err(error) if is_refused(&error) => Ok(Condition::Kept),
            Err(error) => Err(error),
        }
    };
    within(put).await
}

/// Returns by how many seconds at least a clock is ahead that showed `second` between two moments of ours.
fn ahead(second: i64, before: i64, after: i64) -> i64 {
    if second > after {
        second - after
    } else if second < before {
        second - before
    } else {
        0
    }
}

/// Returns the key of a listed object, as the client that listed it is to be asked for it.
fn key_of(object: &ObjectMeta) -> String {
    match ListedKey::read(object.location.as_ref()) {
        Some(listed) => listed.key,
        None => object.location.to_string(),
    }
}

fn readable_key(object: &ObjectMeta) -> Option<Path> {
    let listed = ListedKey::read(object.location.as_ref());
    if listed.is_some_and(|listed| listed.is_archived) {
        return None;
    }
    let key = key_of(object);
    // What is no path cannot be asked for, which every listing of a source tells.
    Path::parse(&key).ok().filter(|path| path.as_ref() == key)
}

fn is_tag(tag: Option<&str>) -> bool {
    tag.is_some_and(|tag| !tag.is_empty() && !tag.starts_with("W/"))
}

/// Tells whether two descriptions of an object are of the same version, as a source compares them.
fn is_same(listed: &ObjectMeta, answered: &ObjectMeta) -> bool {
    let tag = |object: &ObjectMeta| {
        let tag = object.e_tag.as_deref().filter(|tag| is_tag(Some(tag)));
        tag.map(|tag| tag.trim_matches('"').to_owned())
    };
    let second = |object: &ObjectMeta| object.last_modified.timestamp();
    let is_dated_alike = second(listed) == second(answered);
    let (one, other) = (tag(listed), tag(answered));
    listed.size == answered.size && one == other && (one.is_some() || is_dated_alike)
}
