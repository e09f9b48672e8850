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

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::error::RunError;
use super::member::Trouble;
use super::order::{Outcome, Receipt, StagedOutput, WorkOrder};
use super::prepare::forget;
use crate::clock::Clock;
use crate::detect;
use crate::ledger::{Batch, Garbage, Intent, IntentId, Ledger, Planned, SchemaVersion, View};
use crate::model::{
    Carried, DirtyReason, ErrorKind, FileRecord, Member, OutputPath, OutputRecord,
    QuarantineRecord, ReportedError, RunId, RunReport, Shape, SourcePath, Standing, Timestamp,
    UnitId, UnitRecord,
};
use crate::schema::join_shapes;
use crate::sink::{Discard, Sink, StageName};

/// Publishes and records; see the module.
pub(super) struct Committer<'a> {
    pub(super) ledger: &'a Ledger,
    pub(super) sink: &'a dyn Sink,
    pub(super) clock: &'a dyn Clock,
    pub(super) run: RunId,
    /// The moment before the listing began.
    pub(super) looked_at: Timestamp,
    pub(super) definition: String,
    pub(super) schema: Option<SchemaVersion>,
    pub(super) report: &'a mut RunReport,
    pub(super) errors: &'a mut Vec<ReportedError>,
    /// Obsolete outputs that are removed, and still listed as garbage.
    pub(super) collected: BTreeSet<OutputPath>,
    pub(super) groups: u64,
}

/// A group on its way into the ledger.
#[derive(Default)]
struct Group {
    then: Batch,
    moves: Vec<Planned>,
    /// Staged files whose bytes stand already.
    same: Vec<StageName>,
    retired: BTreeSet<OutputPath>,
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
        self.grow_schema(&view, &finished, &mut group.then)?;
        for (order, receipt) in finished {
            self.report.rows.read += receipt.rows_read;
            self.report.bytes.read += receipt.bytes_read;
            self.report.units.written += 1;
            self.add(&view, order, receipt, &mut group)?;
        }
        self.publish(group)
    }

    fn publish(&mut self, mut group: Group) -> Result<(), RunError> {
        self.groups += 1;
        let id = IntentId(self.groups);
        for output in &group.retired {
            group.then.garbage.insert(output.clone(), Garbage::Add);
        }
        for planned in &group.moves {
            if self.collected.remove(&planned.output) {
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
            self.sink.sync_staging()?;
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
                .map(|planned| (StageName(planned.stage.clone()), planned.output.clone()))
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
        self.report.outputs.removed += retired.len() as u64;
        self.report.outputs.written += group.written;
        self.report.outputs.kept += group.kept;
        self.report.bytes.written += group.bytes;
        self.report.rows.written += group.rows;
        self.collected.extend(retired);
        Ok(())
    }

    /// Adds one unit to the group.
    fn add(
        &mut self,
        view: &View,
        order: WorkOrder,
        receipt: Receipt,
        group: &mut Group,
    ) -> Result<(), RunError> {
        let mut inside = Vec::new();
        let mut transient = false;
        for (member, outcome) in order.members.iter().zip(&receipt.outcomes) {
            let seen = member.read.as_ref().map(|read| &read.expected);
            let note = Note {
                view,
                unit: order.unit,
                path: &member.path,
                seen,
            };
            if let Some(carried) = self.note(&note, outcome, &mut transient, &mut group.then)? {
                inside.push((member.path.clone(), carried));
            }
        }
        for path in &order.leaves {
            if view
                .file(path)?
                .is_some_and(|file| file.unit == Some(order.unit))
            {
                forget(&mut group.then, path.clone());
            }
        }
        self.add_outputs(&order, &receipt.outputs, group);
        let record = self.unit_record(view, &order, receipt, inside, &group.then)?;
        let dirty = transient
            .then_some(DirtyReason::Unsettled)
            .filter(|_| record.is_some());
        for absorbed in &order.absorbs {
            group.then.units.insert(*absorbed, None);
            group.then.dirty.insert(*absorbed, None);
        }
        let stale = group.then.dirty.get(&order.unit).cloned().flatten();
        group
            .then
            .dirty
            .insert(order.unit, stale.filter(|_| record.is_some()).or(dirty));
        group.then.units.insert(order.unit, record);
        Ok(())
    }

    /// Sorts staged outputs into those to publish and those whose bytes stand already; what is left is obsolete.
    fn add_outputs(&self, order: &WorkOrder, staged: &[StagedOutput], group: &mut Group) {
        let mut standing: HashMap<&OutputPath, &OutputRecord> = order
            .standing
            .iter()
            .map(|output| (&output.path, output))
            .collect();
        for output in staged {
            let same = standing.remove(&output.output).is_some_and(|old| {
                old.hash == output.hash && old.size == output.size && !order.publish_all
            });
            if same {
                group.kept += 1;
                group.same.push(output.stage.clone());
                continue;
            }
            group.written += 1;
            group.bytes += output.size;
            group.rows += output.member_rows.iter().sum::<u64>();
            group.moves.push(Planned {
                stage: output.stage.0.clone(),
                output: output.output.clone(),
                size: output.size,
                hash: output.hash,
            });
        }
        group.retired.extend(standing.into_keys().cloned());
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
        for output in &receipt.outputs {
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

    /// Records what became of a member. Returns whether it is in the unit, and as which version where that is not
    /// the one in its record.
    fn note(
        &mut self,
        note: &Note<'_>,
        outcome: &Outcome,
        transient: &mut bool,
        then: &mut Batch,
    ) -> Result<Option<Option<Carried>>, RunError> {
        let old = note.view.file(note.path)?;
        match outcome {
            Outcome::Loaded(version) => {
                let loaded = self.record(note, version, Standing::Loaded, Some(note.unit));
                let unchanged = matches!((&old, &loaded), (Some(old), Some(new)) if FileRecord { run: old.run, ..new.clone() } == *old);
                if let (Some(loaded), false) = (loaded, unchanged) {
                    if old.is_some_and(|old| {
                        matches!(
                            old.standing,
                            Standing::Quarantined | Standing::Outlived | Standing::Pending
                        )
                    }) {
                        then.quarantine.insert(note.path.clone(), None);
                    }
                    then.files.insert(note.path.clone(), Some(loaded));
                }
                Ok(Some(None))
            }
            Outcome::CarriedOver {
                version,
                trouble:
                    Some(Trouble::Bad {
                        version: bad,
                        reason,
                    }),
            } => {
                self.quarantine(note, bad, reason, then);
                let outlived = self.record(note, bad, Standing::Outlived, Some(note.unit));
                then.files.insert(note.path.clone(), outlived);
                Ok(Some(Some(*version)))
            }
            Outcome::CarriedOver { version, trouble } => {
                if let Some(trouble) = trouble {
                    *transient = true;
                    self.report_trouble(note.path, trouble);
                }
                if let Some(old) = old.filter(|old| old.unit != Some(note.unit)) {
                    let moved = FileRecord {
                        unit: Some(note.unit),
                        ..old
                    };
                    then.files.insert(note.path.clone(), Some(moved));
                }
                let recorded = note.view.file(note.path)?.and_then(|file| file.hash);
                Ok(Some((recorded != Some(version.hash)).then_some(*version)))
            }
            Outcome::LeftOut(Trouble::Bad { version, reason }) => {
                self.quarantine(note, version, reason, then);
                let bad = self.record(note, version, Standing::Quarantined, None);
                then.files.insert(note.path.clone(), bad);
                Ok(None)
            }
            Outcome::LeftOut(trouble) => {
                self.report_trouble(note.path, trouble);
                forget(then, note.path.clone());
                Ok(None)
            }
        }
    }

    fn record(
        &self,
        note: &Note<'_>,
        version: &Carried,
        standing: Standing,
        unit: Option<UnitId>,
    ) -> Option<FileRecord> {
        let seen = note.seen?;
        Some(FileRecord {
            seen: seen.clone(),
            racy: detect::is_racy(seen, self.looked_at),
            hash: Some(version.hash),
            standing,
            unit,
            run: self.run,
        })
    }

    fn quarantine(&mut self, note: &Note<'_>, version: &Carried, reason: &str, then: &mut Batch) {
        self.errors.push(ReportedError {
            path: note.path.to_string(),
            kind: ErrorKind::Undecodable,
            message: format!("cannot decode {}: {reason}", note.path),
        });
        then.quarantine.insert(
            note.path.clone(),
            Some(QuarantineRecord {
                hash: version.hash,
                reason: reason.to_owned(),
                size: version.size,
                run: self.run,
                at: self.clock.now(),
                retry: false,
            }),
        );
    }

    fn report_trouble(&mut self, path: &SourcePath, trouble: &Trouble) {
        let (kind, message) = match trouble {
            Trouble::Bad { reason, .. } => (ErrorKind::Undecodable, reason.clone()),
            Trouble::Unsettled => (
                ErrorKind::Unsettled,
                format!("{path} changed while it was read"),
            ),
            Trouble::Vanished => (
                ErrorKind::Unsettled,
                format!("{path} vanished while it was read"),
            ),
            Trouble::Unreadable(message) => (ErrorKind::Unreadable, message.clone()),
        };
        match kind {
            ErrorKind::Unsettled => self.report.files.unsettled += 1,
            _ => self.report.files.unreadable += 1,
        }
        self.errors.push(ReportedError {
            path: path.to_string(),
            kind,
            message,
        });
    }

    /// Joins what the units hold into the pipeline's schema, and marks units that were written with other types.
    fn grow_schema(
        &mut self,
        view: &View,
        finished: &[(WorkOrder, Receipt)],
        then: &mut Batch,
    ) -> Result<(), RunError> {
        let old = self.shape();
        let new = finished.iter().fold((*old).clone(), |all, (_, receipt)| {
            join_shapes(&all, &receipt.observed)
        });
        if new != *old {
            let widened: Vec<&str> = new
                .columns
                .iter()
                .filter(|column| {
                    old.type_of(&column.name)
                        .is_some_and(|was| *was != column.data_type)
                })
                .map(|column| column.name.as_str())
                .collect();
            if !widened.is_empty() {
                let dirty: BTreeSet<UnitId> = view.dirty()?.into_iter().map(|(id, _)| id).collect();
                for unit in view.units()? {
                    let (id, unit) = unit?;
                    if let Some(reason) = stale(&unit.shape, &new).filter(|_| !dirty.contains(&id))
                    {
                        then.dirty.insert(id, Some(reason));
                    }
                }
            }
            let cause = cause(&old, &new, finished);
            let version = SchemaVersion {
                version: self.schema.as_ref().map_or(1, |schema| schema.version + 1),
                shape: new.clone(),
                run: self.run,
                cause,
            };
            then.schema = Some(version.clone());
            self.schema = Some(version);
        }
        for (order, receipt) in finished {
            then.dirty.insert(order.unit, stale(&receipt.shape, &new));
        }
        Ok(())
    }
}

/// A member, and what is needed to record what became of it.
struct Note<'a> {
    view: &'a View,
    unit: UnitId,
    path: &'a SourcePath,
    seen: Option<&'a crate::model::Fingerprint>,
}

/// Returns why a unit that was written with `written` no longer fits the pipeline's types.
pub(super) fn stale(written: &Shape, schema: &Shape) -> Option<DirtyReason> {
    written.columns.iter().find_map(|column| {
        let now = schema
            .type_of(&column.name)
            .filter(|now| **now != column.data_type)?;
        Some(DirtyReason::SchemaWidened {
            column: column.name.clone(),
            old: column.data_type.to_string(),
            new: now.to_string(),
        })
    })
}

/// Says which unit brought which columns or wider types.
fn cause(old: &Shape, new: &Shape, finished: &[(WorkOrder, Receipt)]) -> String {
    let changed: BTreeMap<&str, String> = new
        .columns
        .iter()
        .filter_map(|column| match old.type_of(&column.name) {
            None => Some((column.name.as_str(), format!("{} is new", column.name))),
            Some(was) if *was != column.data_type => Some((
                column.name.as_str(),
                format!("{} went from {was} to {}", column.name, column.data_type),
            )),
            Some(_) => None,
        })
        .collect();
    let units: Vec<String> = finished
        .iter()
        .filter(|(_, receipt)| {
            receipt
                .observed
                .columns
                .iter()
                .any(|c| changed.contains_key(c.name.as_str()))
        })
        .map(|(order, _)| order.unit.to_string())
        .take(3)
        .collect();
    let changes: Vec<String> = changed.into_values().collect();
    format!("{} (by unit {})", changes.join(", "), units.join(", "))
}
