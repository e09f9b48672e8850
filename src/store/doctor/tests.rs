//! Stores of every habit that has been met, and some that nobody wants to meet.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    Result,
};
use tokio::sync::Barrier;

use super::probe::observe;
use super::race::RACERS;
use super::{DoctorReport, Extent, Outcome, Probe, Usable, judge};
use crate::clock::SystemClock;

/// What a store does otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Habit {
    /// Nothing.
    None,
    /// It takes every write, whatever its condition.
    IgnoresConditions,
    /// It looks at the condition, and writes later.
    LosesRaces,
    /// It refuses every write that has a condition.
    RefusesConditions,
    DeniesWrites,
    DeniesReads,
    DeniesEverything,
    DeniesDeletes,
    /// There is no bucket before somebody writes to it.
    MakesBuckets,
    /// It answers nothing.
    IsSilent,
    ListsAsTree,
    ListsAsUtf16,
    /// It does not list what is newest.
    ListsLate,
    HasNoTags,
    /// It is an hour ahead.
    IsAhead,
    /// It is an hour behind.
    IsBehind,
    /// It takes no parts.
    HasNoParts,
    /// What is read is another thing.
    Mangles,
}

#[derive(Debug)]
struct Odd {
    inner: InMemory,
    habit: Habit,
    /// All who race have looked.
    looked: Barrier,
}

impl fmt::Display for Odd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Odd({:?})", self.habit)
    }
}

impl Odd {
    fn new(habit: Habit) -> Arc<Self> {
        let inner = InMemory::new();
        let key = Path::from("raw/x.csv");
        let put = inner.put(&key, "id\n1\n".into());
        put.now_or_never().unwrap().unwrap();
        Arc::new(Self {
            inner,
            habit,
            looked: Barrier::new(RACERS),
        })
    }

    fn check(&self, denied: &[Habit]) -> Result<()> {
        if self.habit == Habit::IsSilent {
            return Err(Error::Generic {
                store: "odd",
                source: "connection refused".into(),
            });
        }
        if self.habit == Habit::MakesBuckets {
            return Err(Error::NotFound {
                path: String::new(),
                source: "NoSuchBucket".into(),
            });
        }
        if self.habit == Habit::DeniesEverything || denied.contains(&self.habit) {
            return Err(Error::PermissionDenied {
                path: String::new(),
                source: "AccessDenied".into(),
            });
        }
        Ok(())
    }

    fn told(&self, mut object: ObjectMeta) -> ObjectMeta {
        let hours = match self.habit {
            Habit::IsAhead => 1,
            Habit::IsBehind => -1,
            _ => 0,
        };
        let second = object.last_modified.timestamp() + hours * 3600;
        object.last_modified = chrono::DateTime::from_timestamp(second, 0).unwrap();
        object.e_tag = object.e_tag.filter(|_| self.habit != Habit::HasNoTags);
        object
    }
}

#[async_trait]
impl ObjectStore for Odd {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        mut opts: PutOptions,
    ) -> Result<PutResult> {
        if self.habit != Habit::MakesBuckets {
            self.check(&[Habit::DeniesWrites])?;
        }
        let has_condition = opts.mode != PutMode::Overwrite;
        match self.habit {
            Habit::IgnoresConditions => opts.mode = PutMode::Overwrite,
            Habit::RefusesConditions if has_condition => {
                return Err(Error::Precondition {
                    path: location.to_string(),
                    source: "no".into(),
                });
            }
            Habit::LosesRaces if has_condition && location.as_ref().contains("/race") => {
                self.looked.wait().await;
                opts.mode = PutMode::Overwrite;
            }
            _ => {}
        }
        let mut put = self.inner.put_opts(location, payload, opts).await?;
        put.e_tag = put.e_tag.filter(|_| self.habit != Habit::HasNoTags);
        Ok(put)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.check(&[Habit::HasNoParts])?;
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.check(&[Habit::DeniesReads])?;
        let is_head = options.head;
        let mut answer = self.inner.get_opts(location, options).await?;
        answer.meta = self.told(answer.meta);
        if self.habit == Habit::Mangles && !is_head {
            let other = stream::once(async { Ok("mangled".into()) });
            answer.payload = object_store::GetResultPayload::Stream(other.boxed());
        }
        Ok(answer)
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        match self.check(&[Habit::DeniesDeletes]) {
            Ok(()) => self.inner.delete_stream(locations),
            Err(error) => stream::once(async { Err(error) }).boxed(),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        if let Err(error) = self.check(&[]) {
            return stream::once(async { Err(error) }).boxed();
        }
        let all = self.inner.list(prefix).try_collect_now();
        let mut all: Vec<_> = all.into_iter().map(|object| self.told(object)).collect();
        match self.habit {
            Habit::ListsAsTree => {
                all.sort_by_key(|object| object.location.to_string().replace('/', "\0"));
            }
            Habit::ListsAsUtf16 => all
                .sort_by_key(|object| object.location.as_ref().encode_utf16().collect::<Vec<_>>()),
            Habit::ListsLate => all.retain(|object| !object.location.as_ref().contains("doctor")),
            _ => {}
        }
        stream::iter(all.into_iter().map(Ok)).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

trait CollectNow {
    fn try_collect_now(self) -> Vec<ObjectMeta>;
}

impl CollectNow for BoxStream<'static, Result<ObjectMeta>> {
    fn try_collect_now(self) -> Vec<ObjectMeta> {
        let all = self.map(Result::unwrap).collect::<Vec<_>>();
        all.now_or_never().unwrap()
    }
}

fn keys(store: &Odd) -> Vec<String> {
    let all = store.inner.list(None).try_collect_now();
    all.iter()
        .map(|object| object.location.to_string())
        .collect()
}

fn examined(store: &Arc<Odd>, extent: Extent) -> DoctorReport {
    let store: Arc<dyn ObjectStore> = Arc::clone(store) as _;
    let seen = observe(store, "raw", &SystemClock::new(), extent).unwrap();
    judge::report("s3://bucket/raw".to_owned(), &seen, extent)
}

/// Findings that are not as they should be.
type Amiss = &'static [(Probe, Outcome)];

/// Returns the findings that are not as they should be.
fn amiss(report: &DoctorReport) -> Vec<(Probe, Outcome)> {
    let findings = report.findings.iter();
    let amiss = findings.filter(|finding| finding.outcome != Outcome::Works);
    amiss
        .map(|finding| (finding.probe, finding.outcome))
        .collect()
}

#[test]
fn a_store_is_judged_by_what_it_does() {
    use Outcome::{Denied, Differs, Fails};
    use Probe::{
        Clock, Create, CreateRace, Delete, FreshListing, Multipart, Order, Overwrite, Read,
        ReadBack, Update, UpdateRace,
    };
    use Usable::{Limited, No, Yes};
    let table: &[(Habit, Amiss, Usable, Usable)] = &[
        (Habit::None, &[], Yes, Yes),
        (
            Habit::IgnoresConditions,
            &[
                (Create, Fails),
                (Update, Fails),
                (CreateRace, Fails),
                (UpdateRace, Fails),
            ],
            Yes,
            Limited,
        ),
        (
            Habit::LosesRaces,
            &[(CreateRace, Fails), (UpdateRace, Fails)],
            Yes,
            Limited,
        ),
        (
            Habit::RefusesConditions,
            &[(Update, Fails), (CreateRace, Fails), (UpdateRace, Fails)],
            Yes,
            Limited,
        ),
        (Habit::DeniesDeletes, &[(Delete, Denied)], Yes, No),
        (Habit::ListsAsTree, &[(Order, Differs)], Yes, Yes),
        (Habit::ListsAsUtf16, &[(Order, Differs)], Yes, Yes),
        (
            Habit::ListsLate,
            &[(FreshListing, Fails), (Order, Fails)],
            Yes,
            No,
        ),
        (Habit::IsAhead, &[(Clock, Differs)], Yes, Yes),
        (Habit::IsBehind, &[(Clock, Differs)], Yes, Yes),
        (Habit::HasNoParts, &[(Multipart, Denied)], Yes, Limited),
        (
            Habit::Mangles,
            &[
                (ReadBack, Fails),
                (Overwrite, Fails),
                (CreateRace, Fails),
                (UpdateRace, Fails),
            ],
            Yes,
            No,
        ),
    ];
    for (habit, expected, source, target) in table {
        let store = Odd::new(*habit);
        let report = examined(&store, Extent::Full);
        assert_eq!(amiss(&report), *expected, "{habit:?}: {report:#?}");
        assert_eq!(
            (report.source, report.target),
            (*source, Some(*target)),
            "{habit:?}"
        );
        assert_eq!(report.findings.len(), 16, "{habit:?}");
        let left = keys(&store).into_iter().filter(|key| key != "raw/x.csv");
        let left: Vec<String> = left.collect();
        assert_eq!(left, report.left_behind, "{habit:?}");
        assert_eq!(left.is_empty(), *habit != Habit::DeniesDeletes);
        let meant = |f: &&super::Finding| f.meaning.is_some() == (f.outcome != Outcome::Works);
        assert_eq!(
            report.findings.iter().filter(meant).count(),
            16,
            "{habit:?}"
        );
    }
    let report = examined(&Odd::new(Habit::DeniesReads), Extent::Full);
    assert_eq!((report.source, report.target), (No, Some(No)));
    assert!(amiss(&report).contains(&(Read, Denied)));
}

#[test]
fn without_tags_nothing_depends_on_what_is_there() {
    let report = examined(&Odd::new(Habit::HasNoTags), Extent::Full);
    assert_eq!(
        (report.source, report.target),
        (Usable::Yes, Some(Usable::Limited))
    );
    let amiss = amiss(&report);
    assert!(
        amiss.contains(&(Probe::Overwrite, Outcome::Differs)),
        "{amiss:?}"
    );
    assert!(
        amiss.contains(&(Probe::Update, Outcome::Fails)),
        "{amiss:?}"
    );
}

#[test]
fn whoever_may_not_write_has_a_source_and_no_target_and_leaves_nothing() {
    let store = Odd::new(Habit::DeniesWrites);
    let report = examined(&store, Extent::Full);
    assert_eq!(
        (report.source, report.target),
        (Usable::Yes, Some(Usable::No))
    );
    assert!(!report.is_well());
    let amiss = amiss(&report);
    assert_eq!(amiss[0], (Probe::Write, Outcome::Denied));
    let rest = amiss[1..].iter();
    assert!(
        rest.clone()
            .all(|(_, outcome)| *outcome == Outcome::Untried)
    );
    assert_eq!(rest.len(), 11);
    let write = report.findings.iter().find(|it| it.probe == Probe::Write);
    let meaning = write.unwrap().meaning.unwrap();
    assert!(
        meaning.starts_with("fine for a source, not for a target"),
        "{meaning}"
    );

    let report = examined(&store, Extent::ReadOnly);
    assert!(report.is_well());
    assert_eq!((report.findings.len(), report.target), (4, None));
    assert_eq!(keys(&store), ["raw/x.csv"]);
}

#[test]
fn a_look_that_is_to_write_nothing_writes_nothing() {
    let store = Odd::new(Habit::DeniesDeletes);
    assert!(examined(&store, Extent::ReadOnly).is_well());
    assert_eq!(keys(&store), ["raw/x.csv"]);
}

#[test]
fn who_is_not_let_in_meets_nobody_or_finds_no_bucket_is_told_so_and_writes_nothing() {
    for (habit, first, found) in [
        (
            Habit::DeniesEverything,
            (Probe::Credentials, Outcome::Fails),
            "AccessDenied",
        ),
        (
            Habit::IsSilent,
            (Probe::Reach, Outcome::Fails),
            "connection refused",
        ),
        (
            Habit::MakesBuckets,
            (Probe::List, Outcome::Fails),
            "NoSuchBucket",
        ),
    ] {
        let store = Odd::new(habit);
        let report = examined(&store, Extent::Full);
        assert_eq!(keys(&store), ["raw/x.csv"], "{habit:?}");
        assert_eq!(amiss(&report)[0], first, "{habit:?}");
        assert_eq!(
            (report.source, report.target),
            (Usable::No, Some(Usable::No))
        );
        let finding = report.findings.iter().find(|it| it.probe == first.0);
        assert!(finding.unwrap().found.contains(found), "{report:#?}");
    }
}
