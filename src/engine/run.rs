//! One pass: discover → verify → plan → work → publish → record.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use rayon::ThreadPool;

use super::allowance::Allowance;
use super::aside::Owners;
use super::control::{Control, Phase};
use super::discover::{Discovery, Found, discover};
use super::error::RunError;
use super::hands::pool;
use super::hinted::{Left, Looking, shows_anything};
use super::pipeline::Pipeline;
use super::portion::Portion;
use super::prepare::{Preparation, Prepared, record_plan};
use super::same_content::{self, Skipped};
use super::session::{self, Absent, Upkeep};
use super::verify::{Changes, HashAdded, verify};
use super::{definition, report, sql};
use crate::config::{PathPartitions, SameContent};
use crate::decode::recognise;
use crate::detect::Look;
use crate::ledger::{Batch, Garbage, Ledger, MetaChange, View};
use crate::model::{
    DirtyReason, ErrorKind, Exchange, Hints, OutputPath, ReportedError, RunId, RunReport,
    RunStatus, SourcePath, Timestamp, UnitId, WhyListed,
};
use crate::plan::{self, Budget, OpenUnit, Plan, UnitBounds};
use crate::transform::RowTransform;

/// Makes one pass over the source and brings the target up to date.
///
/// # Errors
/// [`RunError`] where the run ended before it was done. Trouble with single files or units is in the report.
pub fn run(pipeline: &Pipeline, control: &Control) -> Result<RunReport, RunError> {
    pass(pipeline, None, &control.within(Allowance::begin(pipeline)))
}

/// Makes one pass over the files that `hints` name, or over the source where that is not enough; the report says which.
///
/// After a report the hints may be forgotten: what it leaves, the next pass finds without them.
///
/// # Errors
/// As [`run`].
pub fn run_hinted(
    pipeline: &Pipeline,
    hints: &Hints,
    control: &Control,
) -> Result<RunReport, RunError> {
    let allowed = control.within(Allowance::begin(pipeline));
    pass(pipeline, Some(hints), &allowed)
}

/// As [`run`], or as [`run_hinted`] where there are `hints`, within what `control` allows.
pub(super) fn pass(
    pipeline: &Pipeline,
    hints: Option<&Hints>,
    control: &Control,
) -> Result<RunReport, RunError> {
    let transform = RowTransform::new(&pipeline.definition)?;
    let before = pipeline.stores.exchanged().unwrap_or_default();
    let ledger = session::open(&pipeline.target, Absent::Begin)?;
    let pool = pool(pipeline)?;
    let view = ledger.view()?;
    let mut pass = Pass::new(pipeline, transform.as_ref(), hints, control, &pool, &view)?;
    pass.exchanged = before;
    drop(view);
    let begun = pass.report.clone();
    let mut report = match pass.run(&ledger) {
        Ok(report) => report,
        Err(error) => {
            note_failure(&ledger, begun, &error);
            let late = pipeline.target.sink.may_arrive_late();
            return Err(match error {
                // The target does not tell why it refuses those who lost the lock.
                RunError::Sink(_) if late && !ledger.is_held() => RunError::LeaseLost,
                error => error,
            });
        }
    };
    let upkeep = if report.units.written > 0 || report.files.removed > 0 {
        Upkeep::Compact
    } else {
        Upkeep::Nothing
    };
    session::close(ledger, upkeep)?;
    // What it took to record the report, and to let go of the lock, is told to whoever waits for it.
    if let Some(exchanged) = pipeline.stores.exchanged() {
        report::exchanged(&mut report, exchanged.since(before));
    }
    control.progress().enter(Phase::Finished);
    Ok(report)
}

/// Leaves a word in the history. The failure itself is what the caller is told, whether this works or not.
fn note_failure(ledger: &Ledger, begun: RunReport, error: &RunError) {
    let view = ledger.view().ok();
    let recorded = view.and_then(|view| view.run(begun.run_id).ok().flatten());
    let begun = recorded.unwrap_or(begun);
    let status = match error {
        RunError::Braked(_) => RunStatus::Braked,
        _ => RunStatus::Failed,
    };
    let message = ReportedError {
        path: begun.source.clone(),
        kind: ErrorKind::Run,
        message: report::chain(error),
    };
    let next_run = Some(begun.run_id.0 + 1);
    let mut expectations = begun.expectations.clone();
    if let RunError::Expectation { error, .. } = error {
        let failed = expectations.iter_mut();
        let failed = failed.filter(|one| error.expectation() == Some(&one.name));
        failed.for_each(|one| one.failed += 1);
    }
    let failed = RunReport {
        expectations,
        status,
        errors: vec![message],
        ..begun
    };
    let noted = ledger.write(&Batch {
        runs: vec![failed],
        meta: MetaChange {
            next_run,
            ..MetaChange::default()
        },
        ..Batch::default()
    });
    drop(noted);
}

/// A pass and what it has gathered so far.
pub(super) struct Pass<'a> {
    pub(super) pipeline: &'a Pipeline,
    pub(super) control: &'a Control,
    pub(super) pool: &'a ThreadPool,
    pub(super) partitions: PathPartitions,
    pub(super) transform: Option<&'a RowTransform>,
    pub(super) looked_at: Timestamp,
    looking: Looking,
    pub(super) run: RunId,
    pub(super) report: RunReport,
    pub(super) errors: Vec<ReportedError>,
    pub(super) seen: definition::Seen,
    newest: Option<Timestamp>,
    /// What is left of the run's budget.
    pub(super) budget: Budget,
    /// Units that this run has built and that are dirty all the same: nothing joins them now.
    pub(super) closed: BTreeSet<UnitId>,
    /// What could not be looked at, as far as it is told already.
    told: BTreeSet<String>,
    started: Duration,
    /// What had been exchanged with object stores before.
    exchanged: Exchange,
}

/// What came of a look at the source.
pub(super) enum Looked {
    /// All of it was listed, and this is what there is to do.
    Whole(Changes),
    /// A limit was reached while it was listed, so nothing is known.
    CutShort,
    /// Files that were hinted at are gone, and nothing else shows.
    Doubtful,
}

/// What the portions of a run have done to units and outputs.
#[derive(Default)]
pub(super) struct Built {
    /// Obsolete outputs that are removed, and still listed as garbage.
    pub(super) collected: BTreeSet<OutputPath>,
    /// Units that were planned, whatever became of them.
    pub(super) planned: BTreeSet<UnitId>,
    /// Units that could not be built.
    pub(super) failed: BTreeSet<UnitId>,
    /// Members that were read and belong to another partition than their unit.
    pub(super) astray: BTreeSet<SourcePath>,
    /// Members that are astray still.
    pub(super) away: BTreeSet<SourcePath>,
    /// Members that stay where they are because their new unit could not be built.
    pub(super) stuck: BTreeSet<SourcePath>,
}

impl<'a> Pass<'a> {
    pub(super) fn new(
        pipeline: &'a Pipeline,
        transform: Option<&'a RowTransform>,
        hints: Option<&Hints>,
        control: &'a Control,
        pool: &'a ThreadPool,
        view: &View,
    ) -> Result<Self, RunError> {
        let meta = view.meta()?;
        let run = RunId(meta.next_run);
        if let Some(transform) = transform {
            let rule = pipeline.policies.compatibility;
            let known = definition::known(view, &pipeline.definition, rule, run)?;
            sql::fits_what_is_known(transform, &known)?;
        }
        let looked_at = pipeline.target.clock.now();
        let looking = Looking::decide(pipeline, hints, view, looked_at)?;
        let report = RunReport {
            hints: looking.counts.clone(),
            ..report::begin(pipeline, run, looked_at, meta.watermark)
        };
        Ok(Self {
            pipeline,
            control,
            pool,
            partitions: definition::partitions(&pipeline.definition)?,
            transform,
            looked_at,
            looking,
            run,
            report,
            errors: report::caveat(&pipeline.target).into_iter().collect(),
            seen: definition::Seen::default(),
            newest: None,
            budget: Budget {
                files: pipeline.limits.max_files,
                bytes: pipeline.limits.max_bytes.map(|size| size.0),
                is_begun: false,
            },
            closed: BTreeSet::new(),
            told: BTreeSet::new(),
            started: pipeline.target.clock.monotonic(),
            exchanged: Exchange::default(),
        })
    }

    fn run(mut self, ledger: &Ledger) -> Result<RunReport, RunError> {
        let rule = self.pipeline.policies.compatibility;
        definition::adopt(ledger, &self.pipeline.definition, rule, self.run)?;
        let mut built = Built::default();
        let first = || Portion::first(self.pipeline.limits.portion_files);
        let mut next = Some(if self.looking.is_whole() {
            first()
        } else {
            // There are not so many hints, and each look would be made again.
            Portion::whole()
        });
        let mut coming = 0;
        while let Some(portion) = next.take() {
            let view = ledger.view()?;
            let looked = self.look(&view, &portion)?;
            if self.control.is_interrupted() {
                break;
            }
            let mut changes = match looked {
                Looked::Whole(changes) => changes,
                Looked::CutShort => {
                    self.leave_portion(&portion, coming);
                    break;
                }
                Looked::Doubtful => {
                    self.looking.widen(WhyListed::Gone);
                    self.report.hints.clone_from(&self.looking.counts);
                    next = Some(first());
                    continue;
                }
            };
            let later = changes.later.take();
            self.take_up(ledger, view, changes, &mut built)?;
            coming = later.as_ref().map_or(0, |later| later.files);
            next = later.and_then(|later| self.portion_behind(&portion, later));
        }
        if self.pipeline.policies.same_content == SameContent::Skip {
            self.let_the_next_step_in(ledger, &mut built)?;
        }
        self.end(ledger, built)
    }

    /// Plans, records and builds what was found.
    pub(super) fn take_up(
        &mut self,
        ledger: &Ledger,
        view: View,
        changes: Changes,
        built: &mut Built,
    ) -> Result<(), RunError> {
        let dirty = view.dirty()?;
        let mut prepared = self.prepare(&view, changes, &dirty)?;
        // What is dirty although an earlier portion built it is left to the next run.
        let (closed, dirty): (Vec<_>, Vec<_>) = dirty
            .into_iter()
            .partition(|(unit, _)| built.planned.contains(unit));
        self.closed = closed.into_iter().map(|(unit, _)| unit).collect();
        let plan = self.plan(&view, &mut prepared, dirty)?;
        self.record(ledger, &view, &mut prepared, &plan)?;
        drop(view);
        self.build(ledger, plan, &mut prepared, built)?;
        self.bring_home(ledger, &mut prepared, built)
    }

    /// Discovers and verifies.
    pub(super) fn look(&mut self, view: &View, portion: &Portion) -> Result<Looked, RunError> {
        let clock = &self.pipeline.target.clock;
        let progress = self.control.progress();
        progress.enter(Phase::Discover);
        // A later portion is looked at when its time comes: what is young then must wait.
        self.looked_at = clock.now();
        let policies = self.pipeline.policies;
        let look = Look {
            now: self.looked_at,
            settle: policies.settle,
            on_modify: policies.on_modify,
            on_delete: policies.on_delete,
            same_content: policies.same_content,
        };
        let source = &*self.pipeline.source;
        let begun = clock.monotonic();
        let discover = |portion: &Portion| {
            let extent = (portion, &self.looking.extent);
            self.pool
                .install(|| discover(source, view, look, extent, self.control))
        };
        let mut discovery = discover(portion)?;
        if portion.is_first() && discovery.later.is_some() {
            // New files that may be vanished ones can only be told once it is known what vanished.
            let sizes = discovery.found.iter().filter_map(Found::vanished_size);
            let sizes: HashSet<u64> = sizes.collect();
            if !sizes.is_empty() {
                discovery = discover(&portion.clone().with_sizes(sizes))?;
            }
        }
        let found = clock.monotonic();
        if self.control.refused().is_some() {
            if portion.is_first() {
                self.report.files.listed = discovery.listed;
            }
            self.report.seconds.discover += found.saturating_sub(begun).as_secs_f64();
            return Ok(Looked::CutShort);
        }
        let is_gone = |found: &Found| found.seen.is_none();
        if !self.looking.is_whole()
            && discovery.found.iter().any(is_gone)
            && !shows_anything(&*source.root())
        {
            return Ok(Looked::Doubtful);
        }
        progress.enter(Phase::Verify);
        let changes = self.verify(view, discovery, portion)?;
        self.report.seconds.discover += found.saturating_sub(begun).as_secs_f64();
        self.report.seconds.verify += clock.monotonic().saturating_sub(found).as_secs_f64();
        Ok(Looked::Whole(changes))
    }

    fn verify(
        &mut self,
        view: &View,
        discovery: Discovery,
        portion: &Portion,
    ) -> Result<Changes, RunError> {
        if portion.is_first() {
            report::listed(&mut self.report, &discovery);
            self.newest = discovery.newest;
        }
        let told = &mut self.told;
        let untold = discovery.unknown.iter();
        let untold = untold.filter(|unknown| told.insert(unknown.path.clone()));
        report::unknown(&mut self.report, &mut self.errors, untold);
        if discovery.listed == 0
            && let Some(root) = report::lost_root(&discovery)
        {
            let source = std::io::Error::new(root.source.kind(), root.source.to_string());
            return Err(RunError::Source(self.pipeline.source.describe(), source));
        }
        let hidden = discovery.unknown.into_iter();
        let hidden = hidden.filter_map(|unknown| unknown.hides);
        self.seen.hidden.extend(hidden);
        let format = self.pipeline.definition.format;
        let partitions = &self.partitions;
        let tells_name = |sql: &RowTransform| sql.uses_path() || sql.uses_mtime();
        let tells_name = self.transform.is_some_and(tells_name);
        let aside = Owners::of(view, self.transform);
        let interchangeable = |from: &str, to: &str| {
            !tells_name
                && !aside.include(from)
                && recognise(from, format) == recognise(to, format)
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
        self.seen.doubtful.extend(changes.paths().cloned());
        changes.later = discovery.later;
        self.report.files.deferred += changes.left.len() as u64;
        report::verified(&mut self.report, &mut self.errors, &mut changes);
        Ok(changes)
    }

    pub(super) fn prepare(
        &mut self,
        view: &View,
        changes: Changes,
        dirty: &[(UnitId, DirtyReason)],
    ) -> Result<Prepared, RunError> {
        let skipped = match self.pipeline.policies.same_content {
            SameContent::Skip => {
                let scope = self.scope_of_names(view)?;
                self.report.distinct = true;
                same_content::skip(view, changes, self.pipeline.policies, scope)?
            }
            SameContent::Load | SameContent::Warn => Skipped {
                changes,
                ..Skipped::default()
            },
        };
        let mut prepared = self.preparation(view).prepare(skipped)?;
        let current = &prepared.current;
        self.seen
            .doubtful
            .retain(|path| !current.contains_key(path));
        let misplaced = definition::misplaced(view, dirty, &self.partitions)?;
        misplaced.move_into(&mut prepared, &self.seen, &self.partitions);
        self.report.files.deferred += prepared.deferred;
        self.budget = prepared.budget;
        Ok(prepared)
    }

    fn preparation<'v>(&'v self, view: &'v View) -> Preparation<'v> {
        Preparation {
            view,
            policies: self.pipeline.policies,
            partitions: &self.partitions,
            looked_at: self.looked_at,
            run: self.run,
            budget: self.budget.at_most(self.requests_left()),
            rows_tell_mtime: self.transform.is_some_and(RowTransform::uses_mtime),
        }
    }

    pub(super) fn plan(
        &mut self,
        view: &View,
        prepared: &mut Prepared,
        dirty: Vec<(UnitId, DirtyReason)>,
    ) -> Result<Plan, RunError> {
        let mut inputs = std::mem::take(&mut prepared.inputs);
        inputs.next_unit = view.meta()?.next_unit;
        inputs.dirty = dirty;
        inputs.deferred = prepared.members_left();
        let places: BTreeSet<&String> = inputs
            .arrivals
            .iter()
            .map(|arrival| &arrival.partition)
            .collect();
        let mut open = BTreeMap::new();
        for partition in places {
            let units = view.units_in(partition)?.into_iter();
            let units = units.filter(|unit| !self.closed.contains(&unit.id));
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
        let plan = plan::plan(inputs, bounds);
        self.report.files.deferred -= prepared.take_along(&plan);
        Ok(plan)
    }

    /// Records what needs no work, and the plan for what does: both before work begins.
    pub(super) fn record(
        &self,
        ledger: &Ledger,
        view: &View,
        prepared: &mut Prepared,
        plan: &Plan,
    ) -> Result<(), RunError> {
        let mut batch = std::mem::take(&mut prepared.batch);
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
        batch.runs.push(RunReport {
            distinct: false,
            ..self.report.clone()
        });
        batch.meta.next_run = Some(self.run.0 + 1);
        ledger.write(&batch)?;
        Ok(())
    }

    /// Tells whether something is left to the next run that only a listing finds: files to be tried again, and names that may
    /// count now.
    fn asks_again(&self, view: &View) -> Result<bool, RunError> {
        let skips = self.pipeline.policies.same_content == SameContent::Skip;
        if skips && !self.report.distinct {
            return Ok(true);
        }
        for (path, _) in view.quarantine()? {
            if view
                .file(&path)?
                .is_some_and(|record| record.hash.is_none())
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Writes the report, the checkpoint and the watermark.
    fn end(mut self, ledger: &Ledger, built: Built) -> Result<RunReport, RunError> {
        let view = ledger.view()?;
        if self.pipeline.policies.same_content == SameContent::Warn && self.report.units.written > 0
        {
            self.errors.extend(same_content::doubles(&view, self.run)?);
        }
        if let Some(transform) = self.transform {
            let known = view.schema()?.map(|schema| schema.shape);
            let unknown = sql::unknown(transform, &known.unwrap_or_default(), &view)?;
            report::unknown_columns(unknown, &mut self.errors);
        }
        if self.report.units.written > 0 {
            let definition = &self.pipeline.definition;
            self.errors
                .extend(report::missing_columns(&view, definition, self.transform)?);
        }
        self.tell_who_is_away(&view, &built)?;
        self.report.files.quarantined = view.quarantine()?.len() as u64;
        self.report.units.failed = built.failed.len() as u64;
        self.stopped_by();
        let interrupted = self.control.is_interrupted();
        report::finish(
            &mut self.report,
            std::mem::take(&mut self.errors),
            interrupted,
        );
        if let Some(exchanged) = self.pipeline.stores.exchanged() {
            report::exchanged(&mut self.report, exchanged.since(self.exchanged));
        }
        let left = if self.report.checkpoint && !self.asks_again(&view)? {
            Left::Nothing
        } else {
            Left::Something
        };
        let listed = self.looking.leaves(left);
        if left == Left::Something
            && let Some(hints) = &mut self.report.hints
        {
            hints.since = None;
        }
        self.report.checkpoint &= self.looking.is_whole();
        if self.report.checkpoint {
            self.report.watermark = self.report.watermark.max(self.newest);
        }
        let clock = &self.pipeline.target.clock;
        self.report.seconds.total = clock.monotonic().saturating_sub(self.started).as_secs_f64();
        ledger.write(&Batch {
            garbage: built
                .collected
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
                listed,
                ..MetaChange::default()
            },
            ..Batch::default()
        })?;
        Ok(self.report)
    }
}
