//! A small source with a history, over a disk in memory, and a pipeline to run on any disk.
//!
//! Units are kept tiny, so that a few files make several of them in several partitions; columns name partitions as
//! well, so that a unit has several outputs, which come and go.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use strandline::clock::ManualClock;
use strandline::config::{Definition, Limits, Policies, Removals};
use strandline::durable::{Disk, MemoryDisk};
use strandline::engine::{self, Control, Pipeline, RunError, Target};
use strandline::model::{ByteSize, RunReport, Timestamp};
use strandline::sink::{DiskSink, Sink};
use strandline::source::{MemorySource, Source};
use strandline::store::Stores;

/// Where the target is on its disk.
pub(crate) const TARGET: &str = "/data/out";
/// Where the ledger is on its disk.
pub(crate) const STATE: &str = "/data/out/_strandline";

/// What happens to the source before one run.
pub(crate) struct Chapter {
    pub(crate) name: &'static str,
    pub(crate) change: fn(&MemorySource),
}

/// The history that every suite plays.
pub(crate) const HISTORY: [Chapter; 5] = [
    Chapter {
        name: "first load",
        change: first_load,
    },
    Chapter {
        name: "edits",
        change: edits,
    },
    Chapter {
        name: "renames and absorbing",
        change: absorbing,
    },
    Chapter {
        name: "a wider type",
        change: widening,
    },
    Chapter {
        name: "removals and a bad file",
        change: removals,
    },
];

fn rows(from: u32, count: u32, kinds: &[&str]) -> Vec<u8> {
    let mut text = "id,kind,v\n".to_owned();
    for id in from..from + count {
        let kind = kinds[id as usize % kinds.len()];
        writeln!(text, "{id},{kind},{}", id * 7 % 100).unwrap();
    }
    text.into_bytes()
}

fn first_load(source: &MemorySource) {
    for (index, name) in ["a", "b", "c", "d", "e"].iter().enumerate() {
        let from = 100 + 10 * u32::try_from(index).unwrap();
        source.write(&format!("1/{name}.csv"), rows(from, 4, &["x", "y"]));
    }
    source.write("2/a.csv", rows(200, 3, &["x"]));
    source.write("2/b.csv", rows(210, 3, &["y", "z"]));
    source.write("3/a.csv", rows(300, 2, &["x"]));
}

fn edits(source: &MemorySource) {
    source.replace("1/a.csv", rows(105, 5, &["x", "w"]));
    source.append("1/e.csv", b"190,y,5\n");
    source.remove("2/b.csv");
    source.write("2/c.csv", rows(220, 2, &["x"]));
    source.write("4/a.csv", rows(400, 3, &["x", "y"]));
    source.touch("1/b.csv");
}

fn absorbing(source: &MemorySource) {
    source.rename("1/c.csv", "1/moved.csv");
    for index in 0..3 {
        source.write(&format!("2/n{index}.csv"), rows(230 + index, 1, &["x"]));
    }
    source.write("3/b.csv", rows(310, 2, &["x"]));
    source.replace("4/a.csv", rows(400, 3, &["x"]));
}

fn widening(source: &MemorySource) {
    source.write("3/c.csv", b"id,kind,v,more\n1,x,word,1\n2,y,2,2\n".to_vec());
    source.write("5/a.csv", rows(500, 2, &["y"]));
}

fn removals(source: &MemorySource) {
    for path in ["4/a.csv", "1/d.csv", "2/a.csv"] {
        source.remove(path);
    }
    source.write("5/bad.csv", b"id,kind,v\n1,\"x\n".to_vec());
    source.write("5/b.csv", rows(510, 1, &["y"]));
}

/// A source, its clock, and how it is loaded.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) source: MemorySource,
    pub(crate) definition: Definition,
    pub(crate) limits: Limits,
    pub(crate) policies: Policies,
}

impl World {
    pub(crate) fn new() -> Self {
        let start: Timestamp = Timestamp(1_750_000_000_123_456_789);
        let clock = Arc::new(ManualClock::new(start));
        let source = MemorySource::with_span_files(clock.clone(), 4);
        Self {
            clock,
            source,
            definition: Definition {
                captures: vec!["{day}/*.csv".to_owned()],
                partition_by: vec!["kind".to_owned()],
                ..Definition::default()
            },
            limits: Limits {
                threads: 2,
                memory: ByteSize(8 << 20),
                unit_files: 4,
                unit_size: ByteSize(160),
                ..Limits::default()
            },
            policies: Policies {
                removals: Removals::Allowed,
                ..Policies::default()
            },
        }
    }

    /// Lets the chapter happen, and enough time pass that nothing is fresh any more.
    pub(crate) fn play(&self, chapter: &Chapter) {
        (chapter.change)(&self.source);
        self.clock.advance(Duration::from_hours(1));
    }

    /// Returns a pipeline that has target and ledger on `disk`.
    pub(crate) fn pipeline(&self, disk: &Arc<dyn Disk>) -> Pipeline {
        self.pipeline_to(disk, Arc::new(sink(disk)))
    }

    /// Returns a pipeline with its ledger on `disk`.
    pub(crate) fn pipeline_to(&self, disk: &Arc<dyn Disk>, sink: Arc<dyn Sink>) -> Pipeline {
        Pipeline {
            source: Arc::new(self.source.clone()) as Arc<dyn Source>,
            target: Target {
                sink,
                disk: Arc::clone(disk),
                clock: self.clock.clone(),
                state: PathBuf::from(STATE),
                holder: "a test".to_owned(),
            },
            definition: self.definition.clone(),
            step: None,
            policies: self.policies,
            limits: self.limits,
            stores: Stores::default(),
        }
    }

    /// Runs once with everything on `disk`.
    pub(crate) fn run_on(&self, disk: &Arc<dyn Disk>) -> Result<RunReport, RunError> {
        self.clock.advance(Duration::from_secs(1));
        engine::run(&self.pipeline(disk), &Control::default())
    }

    /// Runs once on a disk in memory.
    pub(crate) fn run(&self, disk: &MemoryDisk) -> Result<RunReport, RunError> {
        self.run_on(&as_disk(disk))
    }
}

pub(crate) fn as_disk(disk: &MemoryDisk) -> Arc<dyn Disk> {
    Arc::new(disk.clone())
}

pub(crate) fn sink(disk: &Arc<dyn Disk>) -> DiskSink {
    DiskSink::new(Arc::clone(disk), Path::new(TARGET).to_owned())
}
