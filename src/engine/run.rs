//! One pass: discover → verify → plan → work → publish → record.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use rayon::ThreadPool;
use rayon::prelude::*;

use super::commit::Committer;
use super::control::{Control, Phase, Progress};
use super::discover::{Discovery, discover};
use super::error::RunError;
use super::order::{OrderDesk, Receipt, WorkOrder};
use super::pipeline::Pipeline;
use super::prepare::{Preparation, Prepared, record_plan};
use super::same_content::{self, Skipped};
use super::session::{self, Absent};
use super::verify::{Changes, HashAdded, verify};
use super::work::{Workshop, work};
use super::{definition, report};
use crate::config::{PathPartitions, SameContent};
use crate::decode::recognise;
use crate::detect::Look;
use crate::ledger::{Batch, Garbage, Ledger, Meta, MetaChange, View};
use crate::model::{
    DirtyReason, ErrorKind, Fingerprint, OutputPath, ReportedError, RunId, RunReport, SourcePath,
    Timestamp, UnitId,
};
use crate::plan::{self, Budget, OpenUnit, Plan, UnitBounds};

/// Units that one group of a commit takes at the most; what is finished sooner is committed sooner.
const GROUP: usize = 64;

/// Rounds of building again what a wider type made stale. A column widens twice at the most.
const ROUNDS: usize = 8;

/// Makes one pass over the source and brings the target up to date.
///
/// # Errors
/// [`RunError`] where the run ended before it was done. Trouble with single files or units is in the report.
pub fn run(pipeline: &Pipeline, control: &Control) -> Result<RunReport, RunError> {
    let mut ledger = session::open(&pipeline.target, Absent::Begin)?;
    let pool = pool(pipeline)?;
    let meta = ledger.view()?.meta()?;
    let report = Pass::new(pipeline, control, &pool, &meta)?.run(&ledger)?;
    ledger.compact_if_sparse()?;
    ledger.close()?;
    control.progress().enter(Phase::Finished);
    Ok(report)
}

/// Starts the workers. Deep trees are walked recursively, so their stacks are roomy.
pub(super) fn pool(pipeline: &Pipeline) -> Result<ThreadPool, RunError> {
    let threads = pipeline.limits.threads.max(1);
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .stack_size(16 << 20)
        .build()
        .map_err(|source| RunError::Workers { threads, source })
}

/// A pass and what it has gathered so far.
pub(super) struct Pass<'a> {
    pub(super) pipeline: &'a Pipeline,
    pub(super) control: &'a Control,
    pub(super) pool: &'a ThreadPool,
    pub(super) partitions: PathPartitions,
    pub(super) looked_at: Timestamp,
    pub(super) run: RunId,
    pub(super) report: RunReport,
    pub(super) errors: Vec<ReportedError>,
    newest: Option<Timestamp>,
    started: Duration,
}

impl<'a> Pass<'a> {
    pub(super) fn new(
        pipeline: &'a Pipeline,
        control: &'a Control,
        pool: &'a ThreadPool,
        meta: &Meta,
    ) -> Result<Self, RunError> {
        let looked_at = pipeline.target.clock.now();
        let run = RunId(meta.next_run);
        Ok(Self {
            pipeline,
            control,
            pool,
            partitions: definition::partitions(&pipeline.definition)?,
            looked_at,
            run,
            report: report::begin(pipeline, run, looked_at, meta.watermark),
            errors: Vec::new(),
            newest: None,
            started: pipeline.target.clock.monotonic(),
        })
    }

    fn run(mut self, ledger: &Ledger) -> Result<RunReport, RunError> {
        definition::adopt(ledger, &self.pipeline.definition)?;
        let view = ledger.view()?;
        let changes = self.look(&view)?;
        if self.control.is_interrupted() {
            return self.end(ledger, BTreeSet::new());
        }
        let dirty = view.dirty()?;
        let prepared = self.prepare(&view, changes, &dirty)?;
        let plan = self.plan(&view, &prepared, dirty)?;
        self.record(ledger, &view, &prepared, &plan)?;
        drop(view);
        let collected = self.build(ledger, plan, &prepared.current)?;
        self.end(ledger, collected)
    }

    /// Discovers and verifies.
    pub(super) fn look(&mut self, view: &View) -> Result<Changes, RunError> {
        let clock = &self.pipeline.target.clock;
        let progress = self.control.progress();
        progress.enter(Phase::Discover);
        let policies = self.pipeline.policies;
        let look = Look {
            now: self.looked_at,
            settle: policies.settle,
            on_modify: policies.on_modify,
        };
        let source = &*self.pipeline.source;
        let begun = clock.monotonic();
        let discovery = self
            .pool
            .install(|| discover(source, view, look, self.control))?;
        let found = clock.monotonic();
        progress.enter(Phase::Verify);
        let changes = self.verify(discovery)?;
        self.report.seconds.discover = (found - begun).as_secs_f64();
        self.report.seconds.verify = (clock.monotonic() - found).as_secs_f64();
        Ok(changes)
    }

    fn verify(&mut self, discovery: Discovery) -> Result<Changes, RunError> {
        report::discovered(&mut self.report, &mut self.errors, &discovery);
        if discovery.listed == 0
            && let Some(root) = report::lost_root(&discovery)
        {
            let source = std::io::Error::new(root.source.kind(), root.source.to_string());
            return Err(RunError::Source(self.pipeline.source.describe(), source));
        }
        self.newest = discovery.newest;
        let format = self.pipeline.definition.format;
        let partitions = &self.partitions;
        let interchangeable = |from: &str, to: &str| {
            recognise(from, format) == recognise(to, format)
                && partitions.of(from) == partitions.of(to)
        };
        let hash_added = match self.pipeline.policies.same_content {
            SameContent::Skip => HashAdded::All,
            SameContent::Load | SameContent::Warn => HashAdded::RenameCandidates,
        };
        let source = &*self.pipeline.source;
        let found = discovery.found;
        let mut changes = self
            .pool
            .install(|| verify(source, found, hash_added, &interchangeable, self.control));
        report::verified(&mut self.report, &mut self.errors, &mut changes);
        Ok(changes)
    }

    pub(super) fn prepare(
        &mut self,
        view: &View,
        changes: Changes,
        dirty: &[(UnitId, DirtyReason)],
    ) -> Result<Prepared, RunError> {
        let Skipped {
            changes,
            duplicates,
        } = match self.pipeline.policies.same_content {
            SameContent::Skip => same_content::skip(view, changes)?,
            SameContent::Load | SameContent::Warn => Skipped {
                changes,
                duplicates: Vec::new(),
            },
        };
        let mut prepared = self.preparation(view).prepare(changes, duplicates)?;
        let rehomed = definition::rehomed(view, dirty, &self.partitions)?;
        rehomed.add_to(&mut prepared, &self.partitions);
        self.report.files.deferred = prepared.deferred;
        Ok(prepared)
    }

    fn preparation<'v>(&'v self, view: &'v View) -> Preparation<'v> {
        let limits = self.pipeline.limits;
        Preparation {
            view,
            policies: self.pipeline.policies,
            partitions: &self.partitions,
            looked_at: self.looked_at,
            run: self.run,
            budget: Budget {
                files: limits.max_files,
                bytes: limits.max_bytes.map(|size| size.0),
            },
        }
    }

    pub(super) fn plan(
        &self,
        view: &View,
        prepared: &Prepared,
        dirty: Vec<(UnitId, DirtyReason)>,
    ) -> Result<Plan, RunError> {
        let mut inputs = prepared.inputs.clone();
        inputs.next_unit = view.meta()?.next_unit;
        inputs.dirty = dirty;
        let places: BTreeSet<&String> = inputs
            .arrivals
            .iter()
            .map(|arrival| &arrival.partition)
            .collect();
        let mut open = BTreeMap::new();
        for partition in places {
            let units = view.units_in(partition)?.into_iter();
            let units = units.map(|unit| OpenUnit {
                bytes: unit.bytes,
                members: unit.members,
                id: unit.id,
            });
            open.insert(partition.clone(), units.collect());
        }
        inputs.open = open;
        let limits = self.pipeline.limits;
        let bounds = UnitBounds {
            bytes: limits.unit_size.0,
            members: limits.unit_files as u64,
        };
        Ok(plan::plan(inputs, bounds))
    }

    /// Records what needs no work, and the plan for what does: both before work begins.
    fn record(
        &self,
        ledger: &Ledger,
        view: &View,
        prepared: &Prepared,
        plan: &Plan,
    ) -> Result<(), RunError> {
        let mut batch = prepared.batch.clone();
        let mut known = BTreeSet::new();
        for id in plan.units.keys() {
            if view.unit(*id)?.is_some() {
                known.insert(*id);
            }
        }
        record_plan(plan, prepared, &known, &self.preparation(view), &mut batch);
        let nothing_to_record = batch.files.is_empty() && plan.units.is_empty();
        if nothing_to_record {
            return Ok(());
        }
        batch.runs.push(self.report.clone());
        batch.meta.next_run = Some(self.run.0 + 1);
        ledger.write(&batch)?;
        Ok(())
    }

    /// Builds and commits what is planned, then what that made stale. Returns the garbage that was collected.
    fn build(
        &mut self,
        ledger: &Ledger,
        first: Plan,
        current: &HashMap<SourcePath, Fingerprint>,
    ) -> Result<BTreeSet<OutputPath>, RunError> {
        self.control.progress().enter(Phase::Work);
        let mut collected = BTreeSet::new();
        let mut plan = first;
        let mut failed = BTreeSet::new();
        for _ in 0..ROUNDS {
            plan.units.retain(|id, _| !failed.contains(id));
            if plan.units.is_empty() || self.control.is_interrupted() {
                break;
            }
            self.report.units.planned += plan.units.len() as u64;
            self.round(ledger, &plan, current, &mut collected, &mut failed)?;
            let view = ledger.view()?;
            let dirty = view.dirty()?.into_iter();
            let stale = dirty.filter(|(_, why)| matches!(why, DirtyReason::SchemaWidened { .. }));
            let inputs = plan::Inputs {
                dirty: stale.collect(),
                ..plan::Inputs::default()
            };
            plan = plan::plan(
                inputs,
                UnitBounds {
                    bytes: 0,
                    members: 0,
                },
            );
        }
        self.report.units.failed = failed.len() as u64;
        Ok(collected)
    }

    /// Lets the workers build the units of `plan` while this thread commits what they finish.
    fn round(
        &mut self,
        ledger: &Ledger,
        plan: &Plan,
        current: &HashMap<SourcePath, Fingerprint>,
        collected: &mut BTreeSet<OutputPath>,
        failed: &mut BTreeSet<UnitId>,
    ) -> Result<(), RunError> {
        let view = ledger.view()?;
        let target = &self.pipeline.target;
        let clock = &*target.clock;
        let begun = clock.monotonic();
        let mut publishing = Duration::ZERO;
        let mut committer = Committer {
            ledger,
            sink: &*target.sink,
            clock,
            run: self.run,
            looked_at: self.looked_at,
            definition: self.pipeline.definition.fingerprint(),
            schema: view.schema()?,
            report: &mut self.report,
            errors: &mut self.errors,
            collected: std::mem::take(collected),
            groups: 0,
        };
        let desk = OrderDesk {
            view: &view,
            definition: Arc::new(self.pipeline.definition.clone()),
            known: committer.shape(),
            current,
        };
        let threads = self.pool.current_num_threads();
        let shop = Workshop {
            source: &*self.pipeline.source,
            sink: &*target.sink,
            control: self.control,
            memory: usize::try_from(self.pipeline.limits.memory.0).unwrap_or(usize::MAX)
                / (2 * threads),
        };
        note_plan(self.control.progress(), plan);
        let stop = AtomicBool::new(false);
        let (sender, receiver) = mpsc::sync_channel::<Finished>(2 * threads);
        let outcome = self.pool.in_place_scope(|scope| {
            let (stop, desk, shop) = (&stop, &desk, &shop);
            scope.spawn(move |_| {
                plan.units
                    .par_iter()
                    .for_each_with(sender, |sender, (id, planned)| {
                        if stop.load(Ordering::Relaxed) || shop.control.is_interrupted() {
                            return;
                        }
                        let finished =
                            desk.write(*id, planned)
                                .map_err(RunError::from)
                                .map(|order| {
                                    let receipt =
                                        work(&order, shop).map_err(|error| report::chain(&error));
                                    (order, receipt)
                                });
                        // The receiver goes only after a failure that ends the run.
                        sender.send(finished).ok();
                    });
            });
            let result = receive(&receiver, &mut committer, failed, clock, &mut publishing);
            if result.is_err() {
                stop.store(true, Ordering::Relaxed);
                while receiver.recv().is_ok() {}
            }
            result
        });
        *collected = committer.collected;
        let total = clock.monotonic() - begun;
        self.report.seconds.publish += publishing.as_secs_f64();
        self.report.seconds.work += total.saturating_sub(publishing).as_secs_f64();
        outcome
    }

    /// Writes the report, the checkpoint and the watermark.
    fn end(
        mut self,
        ledger: &Ledger,
        collected: BTreeSet<OutputPath>,
    ) -> Result<RunReport, RunError> {
        let view = ledger.view()?;
        if self.pipeline.policies.same_content == SameContent::Warn && self.report.units.written > 0
        {
            self.errors.extend(same_content::doubles(&view, self.run)?);
        }
        self.report.files.quarantined = view.quarantine()?.len() as u64;
        let interrupted = self.control.is_interrupted();
        report::finish(
            &mut self.report,
            std::mem::take(&mut self.errors),
            interrupted,
        );
        if self.report.checkpoint {
            self.report.watermark = self.report.watermark.max(self.newest);
        }
        let clock = &self.pipeline.target.clock;
        self.report.seconds.total = (clock.monotonic() - self.started).as_secs_f64();
        ledger.write(&Batch {
            garbage: collected
                .into_iter()
                .map(|output| (output, Garbage::Collected))
                .collect(),
            runs: vec![self.report.clone()],
            meta: MetaChange {
                source: Some(self.pipeline.source.describe()),
                target: Some(self.pipeline.target.sink.describe()),
                next_run: Some(self.run.0 + 1),
                watermark: self.report.watermark,
                checkpoint: self.report.checkpoint.then_some(self.run),
                ..MetaChange::default()
            },
            ..Batch::default()
        })?;
        Ok(self.report)
    }
}

/// An order with its receipt, or with the reason why there is none.
type Finished = Result<(WorkOrder, Result<Receipt, String>), RunError>;

/// Commits what comes in, in groups of what is there.
fn receive(
    receiver: &mpsc::Receiver<Finished>,
    committer: &mut Committer<'_>,
    failed: &mut BTreeSet<UnitId>,
    clock: &dyn crate::clock::Clock,
    publishing: &mut Duration,
) -> Result<(), RunError> {
    while let Ok(first) = receiver.recv() {
        let mut group = Vec::new();
        for finished in std::iter::once(first)
            .chain(receiver.try_iter())
            .take(GROUP)
        {
            match finished? {
                (order, Ok(receipt)) => group.push((order, receipt)),
                (order, Err(message)) => {
                    failed.insert(order.unit);
                    committer.errors.push(ReportedError {
                        path: order.unit.to_string(),
                        kind: ErrorKind::Unit,
                        message: format!("cannot build unit {}: {message}", order.unit),
                    });
                }
            }
        }
        let begun = clock.monotonic();
        committer.commit(group)?;
        *publishing += clock.monotonic() - begun;
    }
    Ok(())
}

/// Shows how much there is to do.
fn note_plan(progress: &Progress, plan: &Plan) {
    for unit in plan.units.values() {
        let files = unit.joins.len() + unit.modified.len();
        Progress::add(&progress.files_total, files as u64);
        Progress::add(&progress.bytes_total, unit.joined_bytes);
    }
    Progress::add(&progress.units_total, plan.units.len() as u64);
}
