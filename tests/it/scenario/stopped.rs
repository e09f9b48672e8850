//! A long listing is watched, and stopped, while it goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use strandline::clock::ManualClock;
use strandline::engine::{Control, Pipeline, run};
use strandline::model::{Fingerprint, KeyRange, RunStatus, Select, SourcePath, Timestamp};
use strandline::source::{
    Entries, Entry, Expansion, Input, MemorySource, ReadError, ReadyEntries, Source, Span, Unknown,
    collect,
};

const FILES: u64 = 6_000;

/// When somebody looks, and asks to stop.
const STOP_AT: u64 = 3_000;

/// What happens while somebody lists.
#[derive(Clone, Default)]
struct Watch {
    interrupt: Arc<AtomicBool>,
    control: Control,
    listed: Arc<AtomicU64>,
    /// What the progress said.
    told: Arc<AtomicU64>,
}

impl Watch {
    fn new() -> Self {
        let interrupt = Arc::new(AtomicBool::new(false));
        Self {
            control: Control::new(Arc::clone(&interrupt)),
            interrupt,
            ..Self::default()
        }
    }

    fn listed(&self) -> u64 {
        self.listed.load(Relaxed)
    }
}

/// A source that lets somebody ask to stop in the middle of a listing, perhaps one that comes backwards.
struct Watched<T> {
    inner: T,
    watch: Watch,
    is_backwards: bool,
}

impl Source for Watched<MemorySource> {
    fn root(&self) -> Box<dyn Span> {
        Box::new(Watched {
            inner: self.inner.root(),
            watch: self.watch.clone(),
            is_backwards: self.is_backwards,
        })
    }

    fn look(&self, path: &SourcePath) -> Result<Option<Fingerprint>, ReadError> {
        self.inner.look(path)
    }

    fn open(&self, path: &SourcePath) -> Result<Box<dyn Input>, ReadError> {
        self.inner.open(path)
    }

    fn selection(&self) -> &dyn Select {
        self.inner.selection()
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }
}

impl Span for Watched<Box<dyn Span>> {
    fn range(&self) -> &KeyRange {
        self.inner.range()
    }

    fn expand(&self) -> Result<Expansion, Unknown> {
        let mut entries = all(&*self.inner)?;
        if self.is_backwards {
            // The last of them, so that the disorder is met at once.
            let last = entries.pop().unwrap();
            entries.insert(0, last);
        }
        Ok(Expansion::Entries(Box::new(Watched {
            inner: ReadyEntries::from(entries),
            watch: self.watch.clone(),
            is_backwards: self.is_backwards,
        })))
    }
}

/// Returns what lies in the span, as if it were one range.
fn all(span: &dyn Span) -> Result<Vec<(Box<str>, Entry)>, Unknown> {
    Ok(match span.expand()? {
        Expansion::Entries(entries) => collect(entries),
        Expansion::Spans(spans) | Expansion::Ranges(spans, _) => {
            let parts: Result<Vec<_>, Unknown> = spans.iter().map(|span| all(&**span)).collect();
            parts?.into_iter().flatten().collect()
        }
    })
}

impl Entries for Watched<ReadyEntries> {
    fn next(&mut self) -> Option<Entry> {
        if self.watch.listed.fetch_add(1, Relaxed) == STOP_AT {
            let told = self.watch.control.progress().files_listed.load(Relaxed);
            self.watch.told.store(told, Relaxed);
            self.watch.interrupt.store(true, Relaxed);
        }
        self.inner.next()
    }

    fn path(&self) -> &str {
        self.inner.path()
    }
}

#[test]
fn a_listing_is_told_of_and_can_be_stopped_while_it_goes_on() {
    for is_backwards in [false, true] {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join("in")).unwrap();
        let clock = Arc::new(ManualClock::new(Timestamp(1_700_000_000_000_000_000)));
        let memory = MemorySource::new(clock);
        for number in 0..FILES {
            memory.write(&format!("{number:04}.csv"), "id\n1\n");
        }
        let watch = Watch::new();
        let built = Pipeline::builder(home.path().join("in"), home.path().join("out")).build();
        let pipeline = Pipeline {
            source: Arc::new(Watched {
                inner: memory,
                watch: watch.clone(),
                is_backwards,
            }),
            ..built.unwrap()
        };
        let report = run(&pipeline, &watch.control).unwrap();
        assert_eq!(report.status, RunStatus::Interrupted);
        assert_eq!((report.files.added, report.files.removed), (0, 0));
        let (listed, told) = (watch.listed(), watch.told.load(Relaxed));
        assert!(listed < STOP_AT + 1_100, "{listed}");
        assert!((STOP_AT - 1_100..=STOP_AT).contains(&told), "{told}");
    }
}
