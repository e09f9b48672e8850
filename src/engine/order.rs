//! Work orders: everything that a worker has to know to build one unit, and receipts: what it answers.
//!
//! # Invariants
//! - An order is self-contained: whoever executes it needs the source and a place to stage, and no ledger.
//! - Members are in byte order of their paths.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::member::Trouble;
use crate::config::{Definition, OnModify};
use crate::decode::{Recognised, recognise};
use crate::ledger::{LedgerError, View};
use crate::model::{
    Carried, ContentHash, FileRecord, Fingerprint, OutputPath, OutputRecord, PartitionValues,
    Shape, SourcePath, Standing, UnitId, UnitRecord, partition_values,
};
use crate::plan::PlannedUnit;
use crate::schema::Contract;
use crate::sink::StageName;

/// What a worker has to know to build one unit.
#[derive(Debug, Clone)]
pub(super) struct WorkOrder {
    pub(super) unit: UnitId,
    /// The path partition, as a directory and as values.
    pub(super) partition: String,
    pub(super) partition_values: PartitionValues,
    pub(super) definition: Arc<Definition>,
    /// The pipeline's schema so far.
    pub(super) known: Arc<Shape>,
    pub(super) members: Vec<OrderMember>,
    /// Units whose members are taken over.
    pub(super) absorbs: Vec<UnitId>,
    /// Outputs that stand for the same members so far, of this unit and of those that it absorbs.
    pub(super) standing: Vec<crate::model::OutputRecord>,
    /// Members that are gone.
    pub(super) leaves: Vec<SourcePath>,
}

impl WorkOrder {
    /// Returns what the declared columns ask of the members, where some are declared.
    pub(super) fn contract(&self) -> Option<Contract> {
        let names = self.partition_values.iter();
        let in_path = names.map(|(name, _)| name.clone()).collect();
        self.definition.schema.contract(in_path)
    }

    /// Tells whether rows of the version `had` are such as a fresh run would not have: of the very bytes that by now the
    /// declared columns, or the SQL, refuse. They were good under other rules, or narrower types.
    pub(super) fn is_outdated(&self, had: Carried, trouble: &Trouble) -> bool {
        let definition = &self.definition;
        let has_rules = !definition.schema.columns.is_empty() || !definition.sql.is_default();
        has_rules && matches!(trouble, Trouble::Bad { version, .. } if version.hash == had.hash)
    }

    /// Tells whether the column is a partition column whose value stands in the path.
    pub(super) fn is_in_path(&self, column: &str) -> bool {
        let mut names = self.partition_values.iter();
        names.any(|(name, _)| name == column)
    }
}

/// One member of a unit to build.
#[derive(Debug, Clone)]
pub(super) struct OrderMember {
    pub(super) path: SourcePath,
    /// How to read it; `None` where its rows must be carried over.
    pub(super) read: Option<OrderRead>,
    /// Its rows in the present outputs, where it has some: used where it cannot be read.
    pub(super) carry: Option<Carry>,
    /// Where it comes from, if it is a member of another unit so far.
    pub(super) origin: Option<Origin>,
}

/// Another unit, of which a file is a member until it is loaded here.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin {
    pub(super) unit: UnitId,
    /// The version of its rows there.
    pub(super) version: Carried,
}

/// How to read a member.
#[derive(Debug, Clone)]
pub(super) struct OrderRead {
    /// The only content that may come in, where the policy keeps what was loaded: an edit in the tick of the last
    /// look shows in no stamp.
    pub(super) only: Option<ContentHash>,
    pub(super) expected: Fingerprint,
    pub(super) how: Recognised,
}

/// Rows of a member in present outputs.
#[derive(Debug, Clone)]
pub(super) struct Carry {
    /// The version that they are of.
    pub(super) version: Carried,
    pub(super) slices: Vec<Slice>,
    /// Its rows that are set aside.
    pub(super) aside: Vec<Slice>,
    /// The columns of the outputs, partition columns included.
    pub(super) shape: Arc<Shape>,
    /// Its place among the members that the outputs are made of.
    pub(super) member: usize,
    /// Those outputs, also where they hold none of its rows.
    pub(super) outputs: Arc<[OutputPath]>,
}

/// The rows of a member in one output.
#[derive(Debug, Clone)]
pub(super) struct Slice {
    pub(super) output: OutputPath,
    /// The values of the partition columns that are not in the path partition.
    pub(super) partition: PartitionValues,
    /// The member's place among those whose rows the output holds.
    pub(super) member: usize,
    /// Where its rows begin, unless the output says otherwise: those of a sorted one lie among the others'.
    pub(super) start: u64,
    pub(super) rows: u64,
}

/// How a member's rows come in.
pub(super) enum Way<'a> {
    Read(&'a OrderRead),
    Carry(&'a Carry),
    Out,
}

/// What became of a member.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    /// Its rows are in, as of this version.
    Loaded(Carried),
    /// Its rows are carried over: by policy, or because it could not be read.
    CarriedOver {
        version: Carried,
        trouble: Option<Trouble>,
    },
    /// It is not part of the unit.
    LeftOut(Trouble),
}

/// One staged output.
#[derive(Debug, Clone)]
pub(super) struct StagedOutput {
    pub(super) stage: StageName,
    pub(super) output: OutputPath,
    pub(super) size: u64,
    pub(super) hash: ContentHash,
    pub(super) partition: PartitionValues,
    /// Rows of each member that is in, in order.
    pub(super) member_rows: Vec<u64>,
}

/// What a worker answers.
#[derive(Debug, Clone)]
pub(super) struct Receipt {
    /// One for each member of the order, in order.
    pub(super) outcomes: Vec<Outcome>,
    pub(super) outputs: Vec<StagedOutput>,
    /// The columns and types that the outputs were written with, partition columns included.
    pub(super) shape: Shape,
    /// The columns of the source that what is written depends on, with the types that were assumed.
    pub(super) inputs: Shape,
    /// What the members hold, whatever the pipeline's types are.
    pub(super) observed: Shape,
    /// What each expectation did.
    pub(super) unmet: Vec<Unmet>,
    pub(super) rows_read: u64,
    pub(super) bytes_read: u64,
}

/// What an expectation did to a unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Unmet {
    /// Rows that it left out.
    pub(super) rows: u64,
    /// Members that it set aside.
    pub(super) files: u64,
}

/// Writes orders from the ledger.
pub(super) struct OrderDesk<'a> {
    pub(super) view: &'a View,
    pub(super) definition: Arc<Definition>,
    pub(super) known: Arc<Shape>,
    /// How changed and new files look now.
    pub(super) current: &'a HashMap<SourcePath, Fingerprint>,
    pub(super) on_modify: OnModify,
}

impl OrderDesk<'_> {
    /// # Errors
    /// [`LedgerError`] where the ledger cannot be read.
    pub(super) fn write(
        &self,
        unit: UnitId,
        planned: &PlannedUnit,
    ) -> Result<WorkOrder, LedgerError> {
        let mut members: BTreeMap<SourcePath, OrderMember> = BTreeMap::new();
        let mut standing = Vec::new();
        let mut partition = planned.partition.clone();
        for id in std::iter::once(&unit).chain(&planned.absorbs) {
            let Some(record) = self.view.unit(*id)? else {
                continue;
            };
            self.add_members(*id, &record, planned, &mut members)?;
            partition.get_or_insert(record.partition);
            standing.extend(record.outputs);
        }
        for path in &planned.joins {
            members.insert(path.clone(), self.joining(unit, path)?);
        }
        let partition = partition.unwrap_or_default();
        Ok(WorkOrder {
            unit,
            partition_values: partition_values(&partition),
            partition,
            definition: Arc::clone(&self.definition),
            known: Arc::clone(&self.known),
            members: members.into_values().collect(),
            absorbs: planned.absorbs.clone(),
            standing,
            leaves: planned.leaves.clone(),
        })
    }

    /// A file that is new here.
    fn joining(&self, unit: UnitId, path: &SourcePath) -> Result<OrderMember, LedgerError> {
        let mut read = self.read_of(path, self.current.get(path));
        let record = self.view.file(path)?;
        let record = record.filter(|file| file.standing == Standing::Loaded);
        let elsewhere = record.filter(|file| file.unit != Some(unit));
        let origin = elsewhere.as_ref().and_then(|file| {
            Some(Origin {
                unit: file.unit?,
                version: recorded_version(file)?,
            })
        });
        if let (Some(read), Some(file)) = (&mut read, &elsewhere)
            && self.on_modify != OnModify::Replace
        {
            read.only = file.hash;
        }
        Ok(OrderMember {
            path: path.clone(),
            read,
            carry: None,
            origin,
        })
    }

    /// Adds those members of a recorded unit that are still its own.
    fn add_members(
        &self,
        id: UnitId,
        record: &UnitRecord,
        planned: &PlannedUnit,
        members: &mut BTreeMap<SourcePath, OrderMember>,
    ) -> Result<(), LedgerError> {
        let shape = Arc::new(record.shape.clone());
        let mut slices = slices_by_member(record, Where::InTarget);
        let mut aside = slices_by_member(record, Where::Aside);
        let outputs = record.outputs.iter().map(|output| output.path.clone());
        let outputs: Arc<[OutputPath]> = outputs.filter(|path| !path.is_aside()).collect();
        for (index, member) in record.members.iter().enumerate() {
            if planned.leaves.binary_search(&member.path).is_ok() {
                continue;
            }
            let Some(file) = self
                .view
                .file(&member.path)?
                .filter(|file| file.unit == Some(id))
            else {
                continue;
            };
            let modified = planned.modified.binary_search(&member.path).is_ok();
            let expected = self.current.get(&member.path).unwrap_or(&file.seen);
            let readable =
                modified || matches!(file.standing, Standing::Loaded | Standing::Pending);
            let recorded = recorded_version(&file);
            let carry = member.carried.or(recorded).map(|version| Carry {
                version,
                slices: std::mem::take(&mut slices[index]),
                aside: std::mem::take(&mut aside[index]),
                shape: Arc::clone(&shape),
                member: index,
                outputs: Arc::clone(&outputs),
            });
            let mut read = self.read_of(&member.path, readable.then_some(expected));
            if let Some(read) = &mut read
                && !modified
                && file.standing == Standing::Loaded
                && self.on_modify != OnModify::Replace
            {
                read.only = file.hash;
            }
            members.insert(
                member.path.clone(),
                OrderMember {
                    path: member.path.clone(),
                    read,
                    carry,
                    origin: None,
                },
            );
        }
        Ok(())
    }

    fn read_of(&self, path: &SourcePath, expected: Option<&Fingerprint>) -> Option<OrderRead> {
        Some(OrderRead {
            only: None,
            expected: expected?.clone(),
            how: recognise(path, self.definition.format)?,
        })
    }
}

/// Returns the version that the record speaks of.
fn recorded_version(file: &FileRecord) -> Option<Carried> {
    file.hash.map(|hash| Carried {
        size: file.seen.size,
        hash,
    })
}

/// Which rows are meant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Where {
    InTarget,
    Aside,
}

/// Returns outputs in the order in which they were written, which differs from that of their paths: of one directory,
/// `u1.parquet` comes first, and `u1-2.parquet` before `u1-10.parquet`. Else rows that are carried over would change
/// places with every rebuild.
fn in_writing_order(outputs: &[OutputRecord]) -> Vec<&OutputRecord> {
    let mut outputs: Vec<&OutputRecord> = outputs.iter().collect();
    outputs.sort_by_key(|output| {
        let path: &str = &output.path;
        let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
        (directory, name.len(), name)
    });
    outputs
}

/// Returns where the rows of each member stand, from the row counts of the outputs.
fn slices_by_member(record: &UnitRecord, which: Where) -> Vec<Vec<Slice>> {
    let mut slices = vec![Vec::new(); record.members.len()];
    let from_path = partition_values(&record.partition).len();
    let is_meant = |output: &&OutputRecord| output.path.is_aside() == (which == Where::Aside);
    for output in in_writing_order(&record.outputs)
        .into_iter()
        .filter(is_meant)
    {
        let mut start = 0;
        for (member, rows) in output.member_rows.iter().copied().enumerate() {
            if let Some(own) = slices.get_mut(member).filter(|_| rows > 0) {
                own.push(Slice {
                    output: output.path.clone(),
                    partition: output.partition.iter().skip(from_path).cloned().collect(),
                    member,
                    start,
                    rows,
                });
            }
            start += rows;
        }
    }
    slices
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_carried_over_in_the_order_in_which_files_were_written() {
        let names = [
            "d=1/u1.parquet",
            "d=1/u1-1.parquet",
            "d=1/u1-2.parquet",
            "d=1/u1-10.parquet",
        ];
        let mut outputs: Vec<OutputRecord> = names
            .iter()
            .map(|name| OutputRecord {
                path: OutputPath::new((*name).to_owned()),
                size: 0,
                hash: ContentHash([0; 32]),
                partition: Vec::new(),
                member_rows: vec![1],
            })
            .collect();
        outputs.sort_by(|a, b| a.path.cmp(&b.path));
        let ordered = in_writing_order(&outputs).into_iter();
        let ordered: Vec<_> = ordered.map(|output| output.path.to_string()).collect();
        assert_eq!(ordered, names);
    }
}
