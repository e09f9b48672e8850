//! Builds what is planned: foremen take orders, one thread commits what they finish.
//!
//! Units that members depart from come in a round of their own, behind those in which the members arrive. Units that a
//! wider type made stale are built again in a further round, until none is left: types only widen, so that ends.

use std::collections::{BTreeSet, btree_map};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use super::commit::Committer;
use super::control::{Control, Phase, Progress};
use super::error::RunError;
use super::hands::{Hands, STACK_BYTES};
use super::order::{OrderDesk, Receipt, WorkOrder};
use super::pipeline::Pipeline;
use super::prepare::Prepared;
use super::report;
use super::run::{Built, Pass};
use super::work::{WorkError, Workshop, work};
use crate::clock::Clock;
use crate::ledger::{Ledger, SchemaVersion};
use crate::model::{DirtyReason, ErrorKind, ReportedError, UnitId};
use crate::plan::{self, Plan, PlannedUnit, UnitBounds};
use crate::transform::RowTransform;

/// Units that one group of a commit takes at the most; what is finished sooner is committed sooner.
const GROUP: usize = 64;

/// Rounds of building: one for moves, and more than widening types in a lattice this low can need.
const ROUNDS: usize = 8;

impl Pass<'_> {
    /// Builds and commits what is planned, then what that made stale.
    pub(super) fn build(
        &mut self,
        ledger: &Ledger,
        first: Plan,
        prepared: &mut Prepared,
        built: &mut Built,
    ) -> Result<(), RunError> {
        self.control.progress().enter(Phase::Work);
        let mut plan = first;
        let mut departures = plan.split_off_departures();
        let mut is_begun = false;
        for _ in 0..ROUNDS {
            for units in [&mut plan.units, &mut departures.units] {
                units.retain(|id, _| !built.failed.contains(id));
            }
            if plan.units.is_empty() {
                plan = std::mem::take(&mut departures);
            }
            if plan.units.is_empty() {
                break;
            }
            if self.control.is_interrupted() {
                break;
            }
            // Rows that have arrived must not stay where they were as well: that move is begun.
            let finishes = |unit: &PlannedUnit| is_begun && !unit.departs.is_empty();
            if !plan.units.values().all(finishes) && !self.control.takes_more() {
                let left = plan.units.values().filter(|unit| !finishes(unit));
                self.leave(left.map(files_of).sum());
                plan.units.retain(|_, unit| finishes(unit));
                if plan.units.is_empty() {
                    break;
                }
            }
            self.report.units.planned += plan.units.len() as u64;
            built.planned.extend(plan.units.keys());
            let take = if is_begun {
                Take::Departures
            } else {
                Take::WithinLimits
            };
            self.round(ledger, &plan, prepared, built, take)?;
            is_begun = true;
            let view = ledger.view()?;
            let dirty = view.dirty()?.into_iter();
            let stale = dirty.filter(|(_, why)| matches!(why, DirtyReason::SchemaWidened { .. }));
            let inputs = plan::Inputs {
                dirty: stale.collect(),
                deferred: prepared.members_left(),
                ..plan::Inputs::default()
            };
            plan = plan::plan(
                inputs,
                UnitBounds {
                    bytes: 0,
                    members: 0,
                },
            );
            self.report.files.deferred -= prepared.take_along(&plan);
            plan.units.append(&mut departures.units);
        }
        Ok(())
    }

    /// Lets the workers build the units of `plan` while this thread commits what they finish.
    fn round(
        &mut self,
        ledger: &Ledger,
        plan: &Plan,
        prepared: &Prepared,
        built: &mut Built,
        take: Take,
    ) -> Result<(), RunError> {
        let view = ledger.view()?;
        let (pipeline, pool) = (self.pipeline, self.pool);
        let clock = &*pipeline.target.clock;
        let begun = clock.monotonic();
        note_plan(self.control.progress(), plan);
        let transform = self.transform;
        let hands = Hands::new(pool);
        let shop = workshop(pipeline, transform, self.control, &hands);
        let mut committer = self.committer(ledger, prepared, view.schema()?);
        committer.collected = std::mem::take(&mut built.collected);
        let bench = Bench {
            desk: OrderDesk {
                view: &view,
                definition: Arc::new(pipeline.definition.clone()),
                known: committer.shape(),
                current: &prepared.current,
                on_modify: pipeline.policies.on_modify,
            },
            shop,
            hands: &hands,
            units: Mutex::new(plan.units.iter()),
            stop: AtomicBool::new(false),
            left: AtomicU64::new(0),
            take,
        };
        let mut publishing = Duration::ZERO;
        let (sender, receiver) = mpsc::sync_channel(2 * pool.current_num_threads());
        let foremen = pool.current_num_threads().min(plan.units.len());
        let outcome = thread::scope(|scope| {
            let started = start(scope, foremen, &bench, sender);
            let result = receive(&receiver, &mut committer, built, clock, &mut publishing);
            let result = started.and(result);
            if result.is_err() {
                bench.stop.store(true, Ordering::Relaxed);
                while receiver.recv().is_ok() {}
            }
            result
        });
        built.collected = committer.collected;
        built.astray.append(&mut committer.astray);
        let total = clock.monotonic().saturating_sub(begun);
        self.report.seconds.publish += publishing.as_secs_f64();
        self.report.seconds.work += total.saturating_sub(publishing).as_secs_f64();
        self.leave(bench.left.load(Ordering::Relaxed));
        outcome
    }

    /// Counts files whose units a limit has left for the next run.
    fn leave(&mut self, files: u64) {
        if self.control.refused().is_some() {
            self.report.files.deferred += files;
        }
    }

    fn committer<'c>(
        &'c mut self,
        ledger: &'c Ledger,
        prepared: &'c Prepared,
        schema: Option<SchemaVersion>,
    ) -> Committer<'c> {
        let target = &self.pipeline.target;
        Committer {
            ledger,
            sink: &*target.sink,
            clock: &*target.clock,
            run: self.run,
            looked_at: self.looked_at,
            definition: self.pipeline.definition.fingerprint(),
            transform: self.transform,
            waiting: &prepared.waiting,
            schema,
            report: &mut self.report,
            errors: &mut self.errors,
            collected: BTreeSet::new(),
            groups: 0,
            partitions: &self.partitions,
            astray: BTreeSet::new(),
        }
    }
}

/// Lets this many foremen begin. Where one cannot, those that could stop by themselves.
fn start<'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    foremen: usize,
    bench: &'scope Bench<'_>,
    sender: mpsc::SyncSender<Finished>,
) -> Result<(), RunError> {
    for _ in 0..foremen {
        let sender = sender.clone();
        let foreman = thread::Builder::new().stack_size(STACK_BYTES);
        let started = foreman.spawn_scoped(scope, move || bench.build(&sender));
        if let Err(source) = started {
            bench.stop.store(true, Ordering::Relaxed);
            return Err(RunError::Workers {
                threads: foremen,
                source: source.into(),
            });
        }
    }
    // What is left of it would keep the receiver waiting.
    drop(sender);
    Ok(())
}

/// What the foremen of a round share.
struct Bench<'a> {
    desk: OrderDesk<'a>,
    shop: Workshop<'a>,
    hands: &'a Hands<'a>,
    /// The units that nobody has begun.
    units: Mutex<btree_map::Iter<'a, UnitId, PlannedUnit>>,
    /// Set once nothing can be committed any more.
    stop: AtomicBool,
    /// Files of units that are not begun because nothing more is taken.
    left: AtomicU64,
    take: Take,
}

/// Which units of a round are begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Take {
    /// As many as the limits of the run allow.
    WithinLimits,
    /// As many, and those that members depart from in any case: they have arrived elsewhere.
    Departures,
}

impl Bench<'_> {
    /// Builds one unit after the other, as long as there are some that nobody has begun, and sends what is finished.
    fn build(&self, sender: &mpsc::SyncSender<Finished>) {
        let _foreman = self.hands.foreman();
        while let Some((id, planned)) = self.next() {
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            let control = self.shop.control;
            let departs = self.take == Take::Departures && !planned.departs.is_empty();
            let is_taken = (departs && !control.is_interrupted()) || control.takes_more();
            if !is_taken {
                self.left.fetch_add(files_of(planned), Ordering::Relaxed);
                continue;
            }
            let order = self.desk.write(*id, planned).map_err(RunError::from);
            let finished = order.map(|order| {
                let receipt = work(&order, &self.shop);
                (order, receipt)
            });
            // The receiver goes only after a failure that ends the run.
            sender.send(finished).ok();
        }
    }

    fn next(&self) -> Option<(&UnitId, &PlannedUnit)> {
        let mut units = self.units.lock().unwrap_or_else(PoisonError::into_inner);
        units.next()
    }
}

fn workshop<'a>(
    pipeline: &'a Pipeline,
    transform: Option<&'a RowTransform>,
    control: &'a Control,
    hands: &'a Hands<'a>,
) -> Workshop<'a> {
    let memory = usize::try_from(pipeline.limits.memory.0).unwrap_or(usize::MAX);
    Workshop {
        source: &*pipeline.source,
        sink: &*pipeline.target.sink,
        control,
        step: pipeline.step.as_deref(),
        transform,
        crew: hands,
        // What is being decoded takes the rest.
        memory: memory / 4 * 3 / pipeline.limits.threads.max(1),
    }
}

/// An order with its receipt, or with the reason why there is none.
type Finished = Result<(WorkOrder, Result<Receipt, WorkError>), RunError>;

/// Commits what comes in, in groups of what is there.
fn receive(
    receiver: &mpsc::Receiver<Finished>,
    committer: &mut Committer<'_>,
    built: &mut Built,
    clock: &dyn Clock,
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
                // Not a failure: the plan is recorded, and the next run takes the unit up.
                (_, Err(WorkError::Interrupted)) => {}
                (_, Err(WorkError::Forbidden { path, error })) => {
                    return Err(RunError::Expectation { path, error });
                }
                (order, Err(error)) => {
                    built.failed.insert(order.unit);
                    let members = order.members.iter();
                    let movers = members.filter(|member| member.origin.is_some());
                    built.stuck.extend(movers.map(|member| member.path.clone()));
                    let (path, kind) = match error.lost_member() {
                        Some(member) => (member.to_string(), ErrorKind::RowsLost),
                        None => (order.unit.to_string(), ErrorKind::Unit),
                    };
                    committer.errors.push(ReportedError {
                        path,
                        kind,
                        message: format!(
                            "cannot build unit {}: {}",
                            order.unit,
                            report::chain(&error)
                        ),
                    });
                }
            }
        }
        let begun = clock.monotonic();
        committer.commit(group)?;
        *publishing += clock.monotonic().saturating_sub(begun);
    }
    Ok(())
}

/// Returns how many new and changed files a unit is built for.
fn files_of(unit: &PlannedUnit) -> u64 {
    (unit.joins.len() + unit.modified.len()) as u64
}

/// Shows how much there is to do.
fn note_plan(progress: &Progress, plan: &Plan) {
    for unit in plan.units.values() {
        Progress::add(&progress.files_total, files_of(unit));
        Progress::add(&progress.bytes_total, unit.joined_bytes);
    }
    Progress::add(&progress.units_total, plan.units.len() as u64);
}
