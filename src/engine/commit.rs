//! Publishes finished units and records them: the only writer of the ledger while a run works.
//!
//! Units are committed in groups. A group goes through five steps, and a crash between any two of them is mended at
//! the next start:
//!
//! | step | a crash behind it leaves | mended by |
//! |---|---|---|
//! | 1. staged files are whole and their names durable | staged files that nobody knows | swept at start |
//! | 2. the intent is in the ledger | outputs partly visible | rolled forward: every staged file is there or published |
//! | 3. outputs are visible and durable | an intent that is done but open | rolled forward: nothing left to move |
//! | 4. one transaction records units and files, closes the intent, lists obsolete outputs as garbage | obsolete outputs that readers still see | garbage is collected at start |
//! | 5. obsolete outputs are removed | garbage that is no longer there | removing again is no error |
//!
//! # Invariants
//! - Publish, then record; forget, then delete. There may be an output without a record; never a record without
//!   its output.
//! - An output whose bytes did not change is not touched.
//! - The pipeline's schema grows in the transaction that records the unit which made it grow, and units written
//!   with a narrower type become dirty in the same transaction.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::edits::MemberEdits;
use super::error::RunError;
use super::forget::ask_again;
use super::growth::grow;
use super::order::{Outcome, Receipt, StagedOutput, WorkOrder};
use super::outcome::{Notes, Place, Seat};
use super::prepare::forget;
use super::recover::is_whole;
use crate::clock::Clock;
use crate::config::{OnFail, PathPartitions};
use crate::ledger::{Batch, Garbage, Intent, IntentId, Ledger, Planned, SchemaVersion, View};
use crate::model::{
    Carried, DirtyReason, FileRecord, Member, OutputPath, OutputRecord, ReportedError, RunId,
    RunReport, Shape, SourcePath, Timestamp, UnitId, UnitRecord, partition_dir,
};
use crate::sink::{Discard, Publication, Sink, StageName, Stands};
use crate::transform::RowTransform;

/// Publishes and records; see the module.
pub(super) struct Committer<'a> {
    pub(super) ledger: &'a Ledger,
    pub(super) sink: &'a dyn Sink,
    pub(super) clock: &'a dyn Clock,
    pub(super) run: RunId,
    /// The moment before the listing began.
    pub(super) looked_at: Timestamp,
    pub(super) definition: String,
    pub(super) transform: Option<&'a RowTransform>,
    /// Units with members that belong elsewhere and could not be moved yet.
    pub(super) waiting: &'a BTreeSet<UnitId>,
    pub(super) schema: Option<SchemaVersion>,
    pub(super) report: &'a mut RunReport,
    pub(super) errors: &'a mut Vec<ReportedError>,
    /// Obsolete outputs that are removed, and still listed as garbage.
    pub(super) collected: BTreeSet<OutputPath>,
    pub(super) groups: u64,
    pub(super) partitions: &'a PathPartitions,
    /// Members that were read and belong to another partition than their unit.
    pub(super) astray: BTreeSet<SourcePath>,
}

/// A group on its way into the ledger.
#[derive(Default)]
struct Group {
    then: Batch,
    /// Changes of units that are not in the group.
    edits: MemberEdits,
    moves: Vec<Planned>,
    /// Staged files whose bytes stand already.
    same: Vec<StageName>,
    retired: BTreeSet<OutputPath>,
    /// Outputs of units that had none of the name.
    new: BTreeSet<OutputPath>,
    /// Some of the rows are in outputs and nowhere else.
    carries: bool,
    written: u64,
    kept: u64,
    bytes: u64,
    rows: u64,
}

impl Committer<'_> {
    /// Returns the pipeline's schema so far.
    pub(super) fn shape(&self) -> Arc<Shape> {
        Arc::new(
            self.schema
                .as_ref()
                .map(|schema| schema.shape.clone())
                .unwrap_or_default(),
        )
    }

    /// Commits a group of finished units.
    ///
    /// # Errors
    /// [`RunError`]; what of the group is not recorded is taken up by the next start.
    pub(super) fn commit(&mut self, finished: Vec<(WorkOrder, Receipt)>) -> Result<(), RunError> {
        if finished.is_empty() {
            return Ok(());
        }
        let view = self.ledger.view()?;
        let mut group = Group::default();
        self.schema = grow(
            self.schema.take(),
            self.run,
            &view,
            &finished,
            self.transform,
            &mut group.then,
        )?;
        for (order, receipt) in finished {
            self.report.rows.read += receipt.rows_read;
            self.report.bytes.read += receipt.bytes_read;
            self.report.units.written += 1;
            self.count_unmet(&receipt);
            self.add(&view, &order, receipt, &mut group)?;
        }
        std::mem::take(&mut group.edits).apply(&view, &mut group.then)?;
        self.publish(&view, group)
    }

    fn publish(&mut self, view: &View, mut group: Group) -> Result<(), RunError> {
        self.groups += 1;
        let id = IntentId(self.groups);
        for output in &group.retired {
            group.then.garbage.insert(output.clone(), Garbage::Add);
        }
        for planned in &group.moves {
            if self.collected.remove(&planned.output) || view.is_garbage(&planned.output)? {
                group
                    .then
                    .garbage
                    .insert(planned.output.clone(), Garbage::Collected);
            }
        }
        if !self.ledger.is_held() {
            return Err(RunError::LeaseLost);
        }
        if !group.moves.is_empty() {
            // Rows that only the outputs hold are gone once one of them is replaced and the others are not.
            let needed: Vec<StageName> = if group.carries {
                let stages = group.moves.iter().map(|planned| planned.stage.clone());
                stages.map(StageName).collect()
            } else {
                Vec::new()
            };
            self.sink.sync_staging(&needed)?;
            self.ledger.write(&Batch {
                open_intents: vec![Intent {
                    id,
                    run: self.run,
                    moves: group.moves.clone(),
                    then: group.then.clone(),
                }],
                ..Batch::default()
            })?;
            let moves: Vec<_> = group
                .moves
                .iter()
                .map(|planned| Publication {
                    stage: StageName(planned.stage.clone()),
                    output: planned.output.clone(),
                    stands: if group.new.contains(&planned.output) {
                        Stands::No
                    } else {
                        Stands::Maybe
                    },
                    content: Some((planned.size, planned.hash)),
                })
                .collect();
            if !self.ledger.is_held() {
                return Err(RunError::LeaseLost);
            }
            self.sink.publish(&moves)?;
            group.then.closed_intents.push(id);
        }
        self.ledger.write(&group.then)?;
        let retired: Vec<OutputPath> = group.retired.into_iter().collect();
        self.sink.retire(&retired)?;
        self.sink.discard(Discard::These(&group.same))?;
        let in_target = retired.iter().filter(|output| !output.is_aside());
        self.report.outputs.removed += in_target.count() as u64;
        self.report.outputs.written += group.written;
        self.report.outputs.kept += group.kept;
        self.report.bytes.written += group.bytes;
        self.report.rows.written += group.rows;
        self.collected.extend(retired);
        Ok(())
    }

    fn count_unmet(&mut self, receipt: &Receipt) {
        let expectations = self.transform.into_iter();
        let expectations = expectations.flat_map(RowTransform::expectations);
        let counts = self.report.expectations.iter_mut().zip(expectations);
        for ((count, (_, on_fail)), unmet) in counts.zip(&receipt.unmet) {
            match on_fail {
                OnFail::QuarantineRow => count.quarantined_rows += unmet.rows,
                _ => count.dropped += unmet.rows,
            }
            count.quarantined_files += unmet.files;
        }
    }

    /// Tells whether the unit was built with other types than the pipeline has by now, as far as its SQL sees them:
    /// what was set aside then may be well now.
    fn was_built_narrower(&self, order: &WorkOrder) -> bool {
        let now = self.schema.as_ref().map(|schema| &schema.shape);
        let both = self.transform.zip(now);
        both.is_some_and(|(transform, now)| transform.sees_a_difference(&order.known, now))
    }

    /// Adds one unit to the group.
    fn add(
        &mut self,
        view: &View,
        order: &WorkOrder,
        receipt: Receipt,
        group: &mut Group,
    ) -> Result<(), RunError> {
        let mut notes = Notes {
            view,
            run: self.run,
            now: self.clock.now(),
            looked_at: self.looked_at,
            then: &mut group.then,
            edits: &mut group.edits,
            errors: self.errors,
            unsettled: 0,
            unreadable: 0,
            archived: 0,
            transient: false,
        };
        let mut inside = Vec::new();
        let mut misplaced = false;
        let mut carries = false;
        for (member, outcome) in order.members.iter().zip(&receipt.outcomes) {
            let seat = Seat {
                order,
                path: &member.path,
                seen: member.read.as_ref().map(|read| &read.expected),
                origin: member.origin,
            };
            if matches!(outcome, Outcome::Loaded(_))
                && partition_dir(&self.partitions.of(&member.path)) != order.partition
            {
                self.astray.insert(member.path.clone());
                misplaced = true;
            }
            if let Place::Inside(carried) = notes.take(&seat, outcome)? {
                carries |= matches!(outcome, Outcome::CarriedOver { .. });
                inside.push((member.path.clone(), carried));
            }
        }
        let transient = notes.transient || self.waiting.contains(&order.unit);
        self.report.files.unsettled += notes.unsettled;
        self.report.files.unreadable += notes.unreadable;
        self.report.files.archived += notes.archived;
        if self.was_built_narrower(order) {
            let mut fresh = Batch::default();
            for member in &order.members {
                if let Some(Some(record)) = group.then.files.get(&member.path) {
                    ask_again(&mut fresh, &member.path, record.clone());
                }
            }
            group.then.files.extend(fresh.files);
        }
        for path in &order.leaves {
            let own = |file: &FileRecord| {
                file.unit
                    .is_some_and(|unit| unit == order.unit || order.absorbs.contains(&unit))
            };
            if view.file(path)?.as_ref().is_some_and(own) {
                forget(&mut group.then, path.clone());
            }
        }
        group.carries |= carries;
        add_outputs(self.sink, order, &receipt.outputs, group);
        let record = self.unit_record(view, order, receipt, inside, &group.then)?;
        let then = &mut group.then;
        for absorbed in &order.absorbs {
            then.units.insert(*absorbed, None);
            then.dirty.insert(*absorbed, None);
        }
        let stale = then.dirty.get(&order.unit).cloned().flatten();
        let unsettled = transient.then_some(DirtyReason::Unsettled);
        let misplaced = misplaced.then_some(DirtyReason::Misplaced);
        let dirty = stale.or(misplaced).or(unsettled);
        let dirty = dirty.filter(|_| record.is_some());
        then.dirty.insert(order.unit, dirty);
        then.units.insert(order.unit, record);
        Ok(())
    }

    fn unit_record(
        &self,
        view: &View,
        order: &WorkOrder,
        receipt: Receipt,
        inside: Vec<(SourcePath, Option<Carried>)>,
        then: &Batch,
    ) -> Result<Option<UnitRecord>, RunError> {
        if inside.is_empty() {
            return Ok(None);
        }
        let mut rows = vec![0u64; inside.len()];
        let in_target = |output: &&StagedOutput| !output.output.is_aside();
        for output in receipt.outputs.iter().filter(in_target) {
            rows.iter_mut()
                .zip(&output.member_rows)
                .for_each(|(sum, rows)| *sum += rows);
        }
        let mut bytes = 0u64;
        for (path, carried) in &inside {
            let size = match (carried, then.files.get(path)) {
                (Some(version), _) => version.size,
                (None, Some(Some(file))) => file.seen.size,
                (None, _) => view.file(path)?.map_or(0, |file| file.seen.size),
            };
            bytes = bytes.saturating_add(size);
        }
        let mut outputs: Vec<OutputRecord> = receipt
            .outputs
            .into_iter()
            .map(|output| OutputRecord {
                path: output.output,
                size: output.size,
                hash: output.hash,
                partition: output.partition,
                member_rows: output.member_rows,
            })
            .collect();
        outputs.sort_by(|a, b| a.path.cmp(&b.path));
        let members = inside.into_iter().zip(rows);
        Ok(Some(UnitRecord {
            partition: order.partition.clone(),
            definition: self.definition.clone(),
            shape: receipt.shape,
            members: members
                .map(|((path, carried), rows)| Member {
                    path,
                    rows,
                    carried,
                })
                .collect(),
            outputs,
            bytes,
        }))
    }
}

/// Sorts staged outputs into those to publish and those whose bytes stand already; what is left is obsolete.
///
/// A record that is equal proves nothing of what stands there: the publication of another state may have begun and
/// been rolled back. So an output is kept only where its bytes are found on the disk.
fn add_outputs(sink: &dyn Sink, order: &WorkOrder, staged: &[StagedOutput], group: &mut Group) {
    let mut standing: HashMap<&OutputPath, &OutputRecord> = order
        .standing
        .iter()
        .map(|output| (&output.path, output))
        .collect();
    for output in staged {
        let old = standing.remove(&output.output);
        if old.is_none() {
            group.new.insert(output.output.clone());
        }
        let same = old.is_some_and(|old| {
            old.hash == output.hash
                && is_whole(sink.open(&output.output), output.size, output.hash).unwrap_or(false)
        });
        if same {
            group.kept += u64::from(!output.output.is_aside());
            group.same.push(output.stage.clone());
            continue;
        }
        group.bytes += output.size;
        if !output.output.is_aside() {
            group.written += 1;
            group.rows += output.member_rows.iter().sum::<u64>();
        }
        group.moves.push(Planned {
            stage: output.stage.0.clone(),
            output: output.output.clone(),
            size: output.size,
            hash: output.hash,
        });
    }
    group.retired.extend(standing.into_keys().cloned());
}
