//! A source, a disk with target and ledger, a clock, and the model of what the target must hold.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use strandline::clock::{Clock, ManualClock};
use strandline::config::{
    Definition, Limits, OnDelete, OnModify, Policies, SameContent, SortColumn, Writing,
};
use strandline::durable::{Action, Disk, FaultyDisk, MemoryDisk, Survivors};
use strandline::engine::{self, Control, Depth, Pipeline, RunError, Target};
use strandline::ledger::{self, OpenError};
use strandline::model::{ByteSize, KeyRange, RunReport, RunStatus, Timestamp};
use strandline::sink::DiskSink;
use strandline::source::{CountingSource, FaultySource, MemorySource, Source};
use strandline::store::Stores;

use super::lake::Lake;
use super::model::Model;
use super::operation::Survive;
use super::read_back::{Contents, check_types, check_types_agree, read_back};
use super::rows::Rows;

pub(crate) const TARGET: &str = "/out";
pub(crate) const STATE: &str = "/out/_strandline";

/// How a pipeline is set up.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) settle: Duration,
    pub(crate) on_delete: OnDelete,
    pub(crate) on_modify: OnModify,
    pub(crate) same_content: SameContent,
    pub(crate) max_files: Option<u64>,
    pub(crate) unit_size: u64,
    pub(crate) unit_files: usize,
    pub(crate) portion_files: usize,
    pub(crate) memory: u64,
    pub(crate) threads: usize,
    pub(crate) partition_by: bool,
    /// What rows are sorted by, as in the settings.
    pub(crate) sort_by: &'static [&'static str],
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            settle: Duration::from_secs(2),
            on_delete: OnDelete::Remove,
            on_modify: OnModify::Replace,
            same_content: SameContent::Load,
            max_files: None,
            unit_size: 600,
            unit_files: 3,
            portion_files: 1000,
            memory: 4096,
            threads: 2,
            partition_by: false,
            sort_by: &[],
        }
    }
}

impl Setup {
    /// Tells whether a fresh run over the source has to come to the same.
    pub(crate) fn is_plain(&self) -> bool {
        self.on_delete == OnDelete::Remove && self.on_modify == OnModify::Replace
    }
}

/// Everything that a case is made of.
pub(crate) struct World {
    pub(crate) setup: Setup,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) source: MemorySource,
    pub(crate) faulty: FaultySource,
    pub(crate) counting: CountingSource,
    pub(crate) disk: MemoryDisk,
    pub(crate) faulty_disk: FaultyDisk,
    /// Where target and ledger are instead of on the disk.
    pub(crate) lake: Option<Lake>,
    pub(crate) definition: Definition,
    pub(crate) model: Model,
    pub(crate) hidden: Vec<KeyRange>,
    /// Versions that a file may be given while the next run reads it.
    pub(crate) coming: Vec<(String, Vec<u8>)>,
    pub(crate) next_id: u64,
    /// How often the next runs may look at the clock before their time is over.
    pub(crate) looks: Option<u64>,
}

/// A clock by which every look takes a millisecond.
struct Ticking {
    inner: Arc<ManualClock>,
    looks: AtomicU64,
}

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        self.inner.now()
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.looks.fetch_add(1, Ordering::Relaxed))
    }
}

impl World {
    pub(crate) fn new(setup: Setup) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp(1_700_000_000_123_456_789)));
        let source = MemorySource::with_span_files(clock.clone(), 3);
        let faulty = FaultySource::new(Arc::new(source.clone()));
        let counting = CountingSource::new(Arc::new(faulty.clone()));
        let disk = MemoryDisk::new();
        let definition = Definition {
            partition_by: partition_by(setup.partition_by),
            writing: sorted_by(setup.sort_by),
            ..Definition::default()
        };
        Self {
            faulty_disk: FaultyDisk::new(Arc::new(disk.clone())),
            lake: None,
            clock,
            source,
            faulty,
            counting,
            disk,
            definition,
            setup,
            model: Model::default(),
            hidden: Vec::new(),
            coming: Vec::new(),
            next_id: 0,
            looks: None,
        }
    }

    pub(crate) fn pipeline(&self) -> Pipeline {
        Pipeline {
            source: Arc::new(self.counting.clone()),
            target: self.target(),
            definition: self.definition.clone(),
            step: None,
            policies: Policies {
                on_delete: self.setup.on_delete,
                on_modify: self.setup.on_modify,
                same_content: self.setup.same_content,
                settle: self.setup.settle,
                ..Policies::default()
            },
            limits: Limits {
                threads: self.setup.threads,
                memory: ByteSize(self.setup.memory),
                max_files: self.setup.max_files,
                unit_size: ByteSize(self.setup.unit_size),
                unit_files: self.setup.unit_files,
                portion_files: self.setup.portion_files,
                max_duration: self.looks.map(Duration::from_millis),
                ..Limits::default()
            },
            stores: Stores::default(),
        }
    }

    pub(crate) fn target(&self) -> Target {
        if let Some(lake) = &self.lake {
            return lake.target();
        }
        let disk: Arc<dyn Disk> = Arc::new(self.faulty_disk.clone());
        Target {
            sink: Arc::new(DiskSink::new(Arc::clone(&disk), PathBuf::from(TARGET))),
            disk,
            clock: match self.looks {
                None => self.clock.clone(),
                Some(_) => Arc::new(Ticking {
                    inner: self.clock.clone(),
                    looks: AtomicU64::new(0),
                }),
            },
            state: PathBuf::from(STATE),
            holder: "scenario".to_owned(),
        }
    }

    /// Returns the report of the last run.
    pub(crate) fn last_report(&self) -> RunReport {
        let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
        let view = ledger::snapshot(disk, Path::new(STATE)).expect("the ledger opens");
        view.runs(1).unwrap().remove(0)
    }

    /// Returns the rows of the source as it is now, in order.
    pub(crate) fn truth(&self) -> Rows {
        let contents = self.source.contents();
        let rows = contents.iter();
        let rows = rows.filter_map(|(path, bytes)| self.rows_of(path, bytes));
        let mut rows: Rows = rows.flatten().collect();
        rows.sort();
        rows
    }

    /// What stands in the target.
    pub(crate) fn contents(&self) -> Contents {
        match &self.lake {
            None => read_back(&self.disk),
            Some(lake) => lake.read_back(),
        }
    }

    /// The source's files, in order.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.source.contents().into_keys().collect()
    }

    /// Runs, and compares what stands in the target with the model.
    pub(crate) fn run(&mut self) -> Result<RunReport, RunError> {
        let result = engine::run(&self.pipeline(), &Control::default());
        self.learn(&result);
        // A unit that could not be built keeps its outputs as they are, damaged ones included.
        if let Ok(report) = &result
            && report.units.failed == 0
        {
            let contents = self.contents();
            self.model.settle(&contents.by_file);
            // A wider type may not have reached every unit when the time of a run was over.
            if report.stopped_by.is_none() {
                check_types_agree(&contents);
            }
        }
        result
    }

    /// Runs until nothing is left to do; everything has to be well by then.
    pub(crate) fn run_to_the_end(&mut self) -> RunReport {
        for _ in 0..20 {
            let report = match self.run() {
                Ok(report) => report,
                Err(RunError::LedgerMissing { .. }) => {
                    self.recover();
                    continue;
                }
                Err(error) => panic!("the run failed: {error:?}"),
            };
            if is_complete(&report) {
                return report;
            }
        }
        panic!("20 runs were not enough: {:?}", self.run());
    }

    /// Lets the power go at the change with this number, counted from now; then what survives is opened again.
    pub(crate) fn crash_run(
        &mut self,
        after: usize,
        survive: Survive,
    ) -> Result<RunReport, RunError> {
        self.faulty_disk.cut_at(self.faulty_disk.changes() + after);
        let result = engine::run(&self.pipeline(), &Control::default());
        self.learn(&result);
        self.crash(survive);
        result
    }

    pub(crate) fn crash(&mut self, survive: Survive) {
        let survivors = match survive {
            Survive::All => Survivors::All,
            Survive::Synced => Survivors::Synced,
            Survive::Some(seed) => Survivors::Some { seed },
        };
        self.disk = self.disk.crash(survivors);
        self.faulty_disk = FaultyDisk::new(Arc::new(self.disk.clone()));
    }

    /// The ledger is lost; what its outputs tell must be enough.
    pub(crate) fn recover(&mut self) {
        engine::recover(&self.target()).expect("outputs tell enough");
        // They tell the names that files had when their rows were written. What was renamed since is loaded anew,
        // if it is still good.
        let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
        let view = ledger::snapshot(disk, Path::new(STATE)).expect("the ledger opens");
        let paths = self.model.versions.keys().cloned();
        let unknown: Vec<String> = paths
            .filter(|path| view.file(path).unwrap().is_none())
            .collect();
        for path in unknown {
            self.model.may_hold(&path, None);
        }
    }

    pub(crate) fn lose_ledger(&mut self) {
        let ledger = Path::new(STATE).join("ledger.redb");
        if self.disk.look(&ledger).unwrap().is_some() {
            self.disk.remove_file(&ledger).unwrap();
            // Else the next power cut may bring it back.
            self.disk.sync_dir(Path::new(STATE)).unwrap();
        }
    }

    /// Tells whether outputs stand without the ledger that knows them.
    pub(crate) fn ledger_is_lost(&self) -> bool {
        let ledger = self.disk.look(&Path::new(STATE).join("ledger.redb"));
        ledger.unwrap().is_none() && !self.target().sink.outputs().unwrap().is_empty()
    }

    /// Looks for damage; the next run mends it.
    pub(crate) fn verify(&self) {
        let source: &dyn Source = &self.counting;
        match engine::verify(
            &self.target(),
            Some(source),
            Depth::Deep,
            &Control::default(),
        ) {
            Ok(_) | Err(RunError::Open(OpenError::Missing)) => {}
            Err(error) => panic!("verify failed: {error:?}"),
        }
    }

    /// An idle run reads no input and changes no output.
    pub(crate) fn check_idle(&mut self) {
        self.clock.advance(Duration::from_hours(1));
        self.run_to_the_end();
        self.clock.advance(Duration::from_hours(1));
        self.run_to_the_end();
        let (opens, steps) = (self.counting.opens(), self.faulty_disk.changes());
        let report = self.run().expect("an idle run succeeds");
        assert_eq!(
            self.counting.opens(),
            opens,
            "an idle run opens nothing: {report:?}"
        );
        for step in &self.faulty_disk.history()[steps..] {
            let is_output = step.path.extension().is_some_and(|end| end == "parquet");
            assert!(
                !is_output && !matches!(step.action, Action::Rename | Action::RemoveFile),
                "an idle run did {step:?}"
            );
        }
    }

    /// A fresh run over the same source comes to the same rows, and to the same types unless they were wider once.
    pub(crate) fn check_fresh(&mut self) {
        self.clock.advance(Duration::from_hours(1));
        self.run_to_the_end();
        if !self.setup.is_plain() || self.has_bad_files() {
            return;
        }
        let mut fresh = World::new(Setup {
            max_files: None,
            ..self.setup.clone()
        });
        fresh
            .clock
            .set(self.clock.now().plus(Duration::from_hours(1)));
        fresh.counting = CountingSource::new(Arc::new(self.source.clone()));
        fresh.definition = self.definition.clone();
        engine::run(&fresh.pipeline(), &Control::default()).expect("a fresh run succeeds");
        let (fresh, own) = (fresh.contents(), self.contents());
        assert_eq!(
            fresh.rows(),
            own.rows(),
            "rows of a fresh run, and of this one"
        );
        check_types(&fresh, &own);
    }

    pub(crate) fn has_bad_files(&self) -> bool {
        let contents = self.source.contents();
        contents
            .iter()
            .any(|(path, bytes)| self.rows_of(path, bytes).is_none())
    }

    /// Takes back what is to go wrong in the next run.
    pub(crate) fn heal(&mut self) {
        self.faulty.heal();
        self.hidden.clear();
        self.coming.clear();
    }
}

pub(super) fn is_complete(report: &RunReport) -> bool {
    matches!(report.status, RunStatus::Done | RunStatus::Quarantined)
        && report.files.deferred == 0
        && report.files.unsettled == 0
        && report.stopped_by.is_none()
}

pub(crate) fn partition_by(on: bool) -> Vec<String> {
    if on { vec!["k".to_owned()] } else { Vec::new() }
}

pub(crate) fn sorted_by(columns: &[&str]) -> Writing {
    let sort_by = columns.iter().map(|text| SortColumn::parse(text));
    Writing {
        sort_by: sort_by.collect(),
        ..Writing::default()
    }
}
