//! `recover`: rebuilds a lost ledger from the outputs themselves.
//!
//! Every output says in its footer which unit it belongs to, which inputs it holds rows of, in which order and
//! version, and under which definition it was made. What footers cannot tell (stamps, quarantine, history) is found
//! out by the next run: it hashes every file once, finds the bytes as recorded, and rewrites nothing.
//!
//! # Invariants
//! - A unit whose outputs do not add up to what its footers say is marked dirty, and built again.
//! - A unit that was written with narrower types than another is marked dirty as well.
//! - A source file that two units claim (a run was killed between publishing and retiring) goes to one of them;
//!   the other is built again without it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::error::RunError;
use super::growth::stale;
use super::pipeline::Target;
use super::recover::hash_of;
use super::session::{self, Absent};
use crate::encode::{Footer, FooterError, FooterInput, read_footer};
use crate::ledger::{self, Batch, LedgerError, OpenError, SchemaVersion, View};
use crate::model::{
    DirtyReason, FileRecord, Fingerprint, Member, OutputPath, OutputRecord, RunId, Shape,
    SourcePath, Standing, UnitId, UnitRecord,
};
use crate::schema::join_shapes;
use crate::sink::SinkError;

/// What was rebuilt.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RecoverReport {
    /// Version of this document.
    pub version: u32,
    /// Outputs read.
    pub outputs: u64,
    /// Units rebuilt.
    pub units: u64,
    /// Source files that are known again.
    pub files: u64,
    /// Units that are incomplete and will be built again.
    pub incomplete: Vec<UnitId>,
    /// Parquet files in the target that are not ours, or cannot be read: left alone.
    pub foreign: Vec<OutputPath>,
}

/// Rebuilds the ledger from the target's outputs. A ledger that is whole is not replaced.
///
/// # Errors
/// [`RunError::NothingToRecover`] where the ledger is fine; [`RunError::Held`] while a run goes on.
pub fn recover(target: &Target) -> Result<RecoverReport, RunError> {
    match look(target)? {
        // Empty is what a recovery leaves that was killed before it had recorded anything.
        Found::Empty if !target.sink.outputs()?.is_empty() => {}
        Found::Whole | Found::Empty => return Err(RunError::NothingToRecover),
        Found::Damaged => {
            if !ledger::set_aside(&target.disk, &target.state, &target.holder)? {
                return Err(RunError::NothingToRecover);
            }
        }
        Found::Nothing => {}
    }
    let mut report = RecoverReport {
        version: 1,
        ..RecoverReport::default()
    };
    let units = read_outputs(target, &mut report)?;
    let batch = rebuild(units, &mut report);
    let ledger = session::open(target, Absent::Rebuild)?;
    if !is_empty(&ledger.view()?)? {
        // While the outputs were read somebody else has recovered them, and may have gone on from there.
        return Err(RunError::NothingToRecover);
    }
    ledger.write(&batch)?;
    ledger.close()?;
    Ok(report)
}

/// What stands in the place of the ledger.
enum Found {
    /// A ledger that knows of something.
    Whole,
    /// A ledger that knows of nothing.
    Empty,
    /// What was a ledger, or something else.
    Damaged,
    /// No file.
    Nothing,
}

fn look(target: &Target) -> Result<Found, RunError> {
    let view = match ledger::snapshot(target.disk.clone(), &target.state) {
        Ok(view) => view,
        Err(OpenError::Missing) => return Ok(Found::Nothing),
        Err(OpenError::Corrupt { .. }) => return Ok(Found::Damaged),
        Err(error) => return Err(error.into()),
    };
    // That it opens says little: what is bent may be noticed only by a run that asks for just that row.
    match view.check().and_then(|()| is_empty(&view)) {
        Ok(true) => Ok(Found::Empty),
        Ok(false) => Ok(Found::Whole),
        Err(error) if error.is_corrupt() => Ok(Found::Damaged),
        Err(error) => Err(error.into()),
    }
}

fn is_empty(view: &View) -> Result<bool, LedgerError> {
    let meta = view.meta()?;
    Ok(meta.files == 0 && meta.units == 0)
}

/// One output with its footer.
struct Read {
    path: OutputPath,
    size: u64,
    hash: crate::model::ContentHash,
    footer: Footer,
}

fn read_outputs(
    target: &Target,
    report: &mut RecoverReport,
) -> Result<BTreeMap<UnitId, Vec<Read>>, RunError> {
    let mut units: BTreeMap<UnitId, Vec<Read>> = BTreeMap::new();
    for path in target.sink.outputs()? {
        let file = target.sink.open(&path)?;
        match read_footer(file.clone()) {
            Ok(Some(footer)) => {
                report.outputs += 1;
                let size = file.len();
                let hash = hash_of(file)?;
                units.entry(footer.unit).or_default().push(Read {
                    path,
                    size,
                    hash,
                    footer,
                });
            }
            Err(FooterError::Read(source)) => {
                let name = path.to_string();
                return Err(RunError::Sink(SinkError {
                    action: "read",
                    name,
                    source,
                }));
            }
            Ok(None) | Err(_) => report.foreign.push(path),
        }
    }
    Ok(units)
}

fn rebuild(units: BTreeMap<UnitId, Vec<Read>>, report: &mut RecoverReport) -> Batch {
    let mut batch = Batch::default();
    let mut shape = Shape::default();
    let mut assumed: BTreeMap<UnitId, Shape> = BTreeMap::new();
    let mut claimed: BTreeSet<SourcePath> = BTreeSet::new();
    let mut definitions: BTreeMap<String, u64> = BTreeMap::new();
    let next_unit = units.keys().next_back().map_or(1, |id| id.0 + 1);
    for (id, outputs) in units {
        let whole = is_whole(&outputs);
        let source_shape = outputs
            .first()
            .and_then(|output| output.footer.source_shape.clone());
        let Some(record) = unit_record(outputs) else {
            continue;
        };
        // Behind SQL stand other columns than the source's.
        let source_shape = source_shape.unwrap_or_else(|| record.shape.clone());
        shape = join_shapes(&shape, &source_shape);
        assumed.insert(id, source_shape);
        *definitions.entry(record.definition.clone()).or_default() += 1;
        let shared = record
            .members
            .iter()
            .any(|member| claimed.contains(&member.path));
        for member in &record.members {
            if claimed.insert(member.path.clone()) {
                batch
                    .files
                    .insert(member.path.clone(), file_record(member, id));
            }
        }
        if !whole || shared {
            report.incomplete.push(id);
            let output = record
                .outputs
                .first()
                .map_or_else(String::new, |output| output.path.to_string());
            batch
                .dirty
                .insert(id, Some(DirtyReason::Damaged { output }));
        }
        report.units += 1;
        let members = record.members.into_iter().map(|member| Member {
            carried: None,
            ..member
        });
        let record = UnitRecord {
            members: members.collect(),
            ..record
        };
        batch.units.insert(id, Some(record));
    }
    report.files = batch.files.len() as u64;
    batch.meta.next_unit = Some(next_unit);
    mark_narrower(&mut batch, &assumed, &shape);
    batch.schema = Some(SchemaVersion {
        version: 1,
        shape,
        run: RunId(0),
        cause: "recovered from the outputs".to_owned(),
    });
    mark_other_definitions(&mut batch, &definitions);
    batch
}

/// A type that was widening when the ledger was lost had not reached every unit.
fn mark_narrower(batch: &mut Batch, assumed: &BTreeMap<UnitId, Shape>, shape: &Shape) {
    for (id, assumed) in assumed {
        if let Some(reason) = stale(assumed, shape) {
            batch.dirty.entry(*id).or_insert(Some(reason));
        }
    }
}

/// The definition that most units were made under is taken for the pipeline's.
fn mark_other_definitions(batch: &mut Batch, definitions: &BTreeMap<String, u64>) {
    let Some((most, _)) = definitions.iter().max_by_key(|(_, units)| **units) else {
        return;
    };
    for (id, unit) in &batch.units {
        if let Some(unit) = unit.as_ref().filter(|unit| unit.definition != *most) {
            let (old, new) = (unit.definition.clone(), most.clone());
            let reason = DirtyReason::DefinitionChanged { old, new };
            batch.dirty.entry(*id).or_insert(Some(reason));
        }
    }
    batch.definition = Some((most.clone(), String::new()));
}

/// A unit is whole when all footers are of one making, for every input some footer knows its rows, and all outputs
/// together hold as many. (A run that was killed while it published leaves old outputs among new ones, and their
/// rows may well add up.)
fn is_whole(outputs: &[Read]) -> bool {
    let one_making = outputs
        .windows(2)
        .all(|pair| is_of_one_making(&pair[0].footer, &pair[1].footer));
    if !one_making {
        return false;
    }
    let mut totals: BTreeMap<&SourcePath, (Option<u64>, u64)> = BTreeMap::new();
    for output in outputs {
        for input in &output.footer.inputs {
            let (total, here) = totals.entry(&input.path).or_default();
            *total = total.or(input.rows);
            if !output.path.is_aside() {
                *here += input.rows_here;
            }
        }
    }
    totals.values().all(|(total, here)| *total == Some(*here))
}

fn is_of_one_making(a: &Footer, b: &Footer) -> bool {
    let version = |input: &FooterInput| (input.path.clone(), input.size, input.hash);
    a.definition == b.definition
        && a.format_version == b.format_version
        && a.unit_partition == b.unit_partition
        && a.shape == b.shape
        && a.source_shape == b.source_shape
        && a.inputs
            .iter()
            .map(version)
            .eq(b.inputs.iter().map(version))
}

fn unit_record(outputs: Vec<Read>) -> Option<UnitRecord> {
    let first = &outputs.first()?.footer;
    let (partition, definition) = (first.unit_partition.clone(), first.definition.clone());
    let members: Vec<Member> = first
        .inputs
        .iter()
        .enumerate()
        .map(|(index, input)| Member {
            path: input.path.clone(),
            rows: outputs
                .iter()
                .filter(|output| !output.path.is_aside())
                .filter_map(|o| o.footer.inputs.get(index))
                .map(|i| i.rows_here)
                .sum(),
            carried: Some(crate::model::Carried {
                size: input.size,
                hash: input.hash,
            }),
        })
        .collect();
    let shape = first.shape.clone();
    let bytes = first.inputs.iter().map(|input| input.size).sum();
    let mut records: Vec<OutputRecord> = outputs
        .into_iter()
        .map(|output| OutputRecord {
            path: output.path,
            size: output.size,
            hash: output.hash,
            partition: output.footer.partition,
            member_rows: output
                .footer
                .inputs
                .iter()
                .map(|input| input.rows_here)
                .collect(),
        })
        .collect();
    records.sort_by(|a, b| a.path.cmp(&b.path));
    Some(UnitRecord {
        partition,
        definition,
        shape,
        members,
        outputs: records,
        bytes,
    })
}

/// No stamp is known, so the next look finds them moved and compares content.
fn file_record(member: &Member, unit: UnitId) -> Option<FileRecord> {
    let version = member.carried?;
    Some(FileRecord {
        seen: Fingerprint::unseen(version.size),
        racy: true,
        hash: Some(version.hash),
        standing: Standing::Loaded,
        unit: Some(unit),
        run: RunId(0),
    })
}
