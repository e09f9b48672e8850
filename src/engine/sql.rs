//! SQL on the rows of one unit: what is written follows from the columns of its members, and who is at fault where
//! that does not work out.
//!
//! # Invariants
//! - Rows that are carried over are rows of outputs: they only take on the types of what is written, and a type that
//!   does not hold them stops the unit instead of changing a value.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;

use super::aside;
use super::carry::CarryError;
use super::member::{self, Trouble};
use super::order::{Carry, Unmet, Way, WorkOrder};
use super::rows::Gates;
use super::work::{Building, WorkError};
use crate::ledger::{LedgerError, View};
use crate::model::{Column, ContentHash, Shape, SourcePath, partition_values};
use crate::schema::{column_fits, join_columns};
use crate::transform::{Bound, Origin, RowError, RowTransform, SqlError, Transformed, conform};

/// Makes sure that the SQL goes with the columns that the pipeline knows, where it knows all that are named: no unit
/// could be built otherwise.
///
/// # Errors
/// [`SqlError`].
pub(super) fn fits_what_is_known(transform: &RowTransform, known: &Shape) -> Result<(), SqlError> {
    if !known.is_empty() && transform.is_known_by(known) {
        transform.bind(&Shape::default(), known, &Vec::new())?;
    }
    Ok(())
}

/// Returns an error for each column that the SQL names and neither a file nor a path has, as far as files are known.
///
/// # Errors
/// Where the ledger cannot be read.
pub(super) fn unknown(
    transform: &RowTransform,
    known: &Shape,
    view: &View,
) -> Result<Vec<SqlError>, LedgerError> {
    let mut fields = BTreeSet::new();
    if known.is_empty() || transform.unknown(known, &fields).is_empty() {
        return Ok(Vec::new());
    }
    for unit in view.units()? {
        let values = partition_values(&unit?.1.partition);
        fields.extend(values.into_iter().map(|(field, _)| field));
    }
    Ok(transform.unknown(known, &fields))
}

/// The SQL of a unit.
pub(super) struct UnitSql<'a> {
    transform: &'a RowTransform,
    order: &'a WorkOrder,
    /// As of the present attempt.
    bound: Option<Arc<Bound>>,
    /// Why the last attempt could not be planned.
    pub(super) refused: Option<SqlError>,
    /// The columns of the source that what is written depends on.
    pub(super) inputs: Shape,
    /// What is written, with what only carried rows have.
    pub(super) output: Shape,
    /// What each member's rows came to, by the member's place in the order.
    counts: Vec<MemberCounts>,
    /// Hashes that had to be known before the rows.
    hashes: Vec<Option<ContentHash>>,
}

/// What a member's rows came to.
#[derive(Debug, Clone, Default)]
struct MemberCounts {
    /// Rows that were decoded.
    seen: u64,
    /// Rows that came out.
    rows: u64,
    /// Rows that each expectation left out.
    left_out: Vec<u64>,
}

impl MemberCounts {
    fn add(&mut self, done: &Transformed) {
        self.rows += done.batch.num_rows() as u64;
        self.left_out.resize(done.left_out.len(), 0);
        let sums = self.left_out.iter_mut().zip(&done.left_out);
        sums.for_each(|(sum, left_out)| *sum += left_out);
    }
}

impl<'a> UnitSql<'a> {
    pub(super) fn new(transform: &'a RowTransform, order: &'a WorkOrder) -> Self {
        Self {
            transform,
            order,
            bound: None,
            refused: None,
            inputs: Shape::default(),
            output: Shape::default(),
            counts: vec![MemberCounts::default(); order.members.len()],
            hashes: vec![None; order.members.len()],
        }
    }

    fn bind(&self, own: &Shape) -> Result<Arc<Bound>, SqlError> {
        let order = self.order;
        self.transform
            .bind(own, &order.known, &order.partition_values)
    }

    /// Plans an attempt for members with the columns `own`, beside rows that are carried over.
    ///
    /// # Errors
    /// Where a carried column has values that its column does not hold any more. What the SQL makes impossible is
    /// `Ok(false)`, and [`Self::blame`] tells whose fault that is.
    fn prepare<'c>(
        &mut self,
        own: &Shape,
        carried: impl Iterator<Item = (&'c SourcePath, &'c Carry)>,
    ) -> Result<bool, (SourcePath, CarryError)> {
        let bound = match self.bind(own) {
            Ok(bound) => bound,
            Err(error) => {
                self.refused = Some(error);
                return Ok(false);
            }
        };
        self.refused = None;
        self.inputs = bound.inputs().clone();
        self.output = bound.output().clone();
        for (path, carry) in carried {
            for column in &carry.shape.columns {
                self.carry(column, &bound)
                    .map_err(|error| (path.clone(), error))?;
            }
        }
        self.bound = Some(bound);
        Ok(true)
    }

    fn carry(&mut self, column: &Column, bound: &Bound) -> Result<(), CarryError> {
        let name = &column.name;
        if let Some(made) = bound.output().column(name) {
            if column_fits(column, made) {
                return Ok(());
            }
            return Err(CarryError::Narrower {
                column: name.clone(),
                held: column.type_name(),
                made: made.type_name(),
            });
        }
        let mut written = self.output.columns.iter_mut();
        if let Some(written) = written.find(|written| written.name == *name) {
            *written = join_columns(written, column);
            return Ok(());
        }
        // Other units may write the column with the star, and readers want one type of it.
        let known = self.order.known.column(name);
        let known =
            known.filter(|known| self.transform.takes_along(name) && column_fits(column, known));
        let column = known.unwrap_or(column).clone();
        if known.is_some() && self.inputs.type_of(name).is_none() {
            self.inputs.columns.push(column.clone());
        }
        self.output.columns.push(column);
        Ok(())
    }

    /// Finds the members, among those with these columns, that make the SQL impossible: one after the other, what
    /// goes with the ones before stays.
    fn blame(
        &self,
        members: &[(usize, Shape)],
        typed: &dyn Fn(&Shape) -> Shape,
    ) -> Vec<(usize, SqlError)> {
        let join = |all: &Shape, one: &Shape| crate::schema::join_shapes(all, one);
        let together = members
            .iter()
            .fold(Shape::default(), |all, (_, own)| join(&all, own));
        if self.bind(&typed(&together)).is_ok() {
            return Vec::new();
        }
        let mut at_fault = Vec::new();
        let mut good = Shape::default();
        for (index, own) in members {
            let with = join(&good, own);
            match self.bind(&typed(&with)) {
                Ok(_) => good = with,
                Err(error) => at_fault.push((*index, error)),
            }
        }
        at_fault
    }

    /// Returns the columns that a file with the columns `own` fills by itself.
    pub(super) fn filled_by(&self, own: &Shape) -> Shape {
        self.transform.filled_by(own)
    }

    /// Compares the hash that the rows were made with to that of the bytes that were read.
    fn confirm(&self, index: usize, read: ContentHash) -> Result<(), Trouble> {
        match self.hashes[index] {
            Some(before) if before != read => Err(Trouble::Unsettled),
            _ => Ok(()),
        }
    }

    /// Returns what each expectation did, over the members that are read and in, and those that it set aside.
    pub(super) fn unmet(
        &self,
        is_in: impl Fn(usize) -> bool,
        aside: impl Iterator<Item = usize>,
    ) -> Vec<Unmet> {
        let mut sums = vec![Unmet::default(); self.transform.expectations().count()];
        let counts = self.counts.iter().enumerate();
        for (_, counts) in counts.filter(|(index, _)| is_in(*index)) {
            for (sum, left_out) in sums.iter_mut().zip(&counts.left_out) {
                sum.rows += left_out;
            }
        }
        for expectation in aside {
            sums[expectation].files += 1;
        }
        sums
    }

    fn expectation(&self, error: &RowError) -> Option<usize> {
        let name = error.expectation()?;
        let mut all = self.transform.expectations();
        all.position(|(other, _)| other == name)
    }
}

impl Building<'_> {
    /// Returns the columns that are written; `None` where the SQL does not go with those that the attempt assumes.
    pub(super) fn written(&mut self) -> Result<Option<Shape>, WorkError> {
        let Some(mut sql) = self.sql.take() else {
            return Ok(Some(self.shape.clone()));
        };
        let carried = (0..self.known.len()).filter_map(|index| match self.way(index) {
            Way::Carry(carry) => Some((&self.order.members[index].path, carry)),
            _ => None,
        });
        let prepared = sql.prepare(&self.shape, carried);
        let output = sql.output.clone();
        self.sql = Some(sql);
        let prepared = prepared.map_err(|(member, source)| WorkError::Carry { member, source })?;
        Ok(prepared.then_some(output))
    }

    /// As [`Self::feed`], with SQL between what is decoded and what is written.
    pub(super) fn feed_sql(
        &mut self,
        index: usize,
        schema: &SchemaRef,
        gates: &mut Gates<'_>,
    ) -> Result<bool, WorkError> {
        let order = self.order;
        let path = &order.members[index].path;
        let read = order.members[index].read.as_ref();
        let (Some(bound), Some(hash), Some(read)) = (
            self.sql.as_ref().and_then(|sql| sql.bound.clone()),
            self.hash_before(index),
            read,
        ) else {
            return Ok(false);
        };
        let mut counts = MemberCounts::default();
        let mut unmet = None;
        let mut through = |batch: &RecordBatch| {
            let origin = Origin {
                path,
                hash,
                modified_at: read.expected.modified_at,
                before: counts.seen,
                fields: &order.partition_values,
            };
            for done in bound.pieces(batch, origin) {
                let done = done.map_err(|error| {
                    if let RowError::Forbidden { .. } = error {
                        let path = path.clone();
                        return WorkError::Forbidden { path, error };
                    }
                    unmet = Some(error.clone());
                    WorkError::Row(error)
                })?;
                counts.add(&done);
                (gates.out)(&conform(&done.batch, schema)?)?;
                if let Some(aside) = &done.aside {
                    (gates.aside)(&aside::batch(path, aside).map_err(WorkError::Aside)?)?;
                }
            }
            counts.seen += batch.num_rows() as u64;
            Ok(())
        };
        if !self.hand_on(index, schema, &mut through)? {
            let unmet = unmet.as_ref().zip(self.sql.as_ref());
            self.known[index].unmet = unmet.and_then(|(error, sql)| sql.expectation(error));
            return Ok(false);
        }
        self.known[index].rows = Some(counts.rows);
        if let Some(sql) = &mut self.sql {
            sql.counts[index] = counts;
            let read = self.known[index].version.map(|version| version.hash);
            if let Some(Err(trouble)) = read.map(|read| sql.confirm(index, read)) {
                self.known[index].trouble = Some(trouble);
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns the hash that the SQL asks for, `Some(None)` where it asks for none; `None` where it cannot be had.
    #[expect(clippy::option_option, reason = "there are three answers")]
    fn hash_before(&mut self, index: usize) -> Option<Option<ContentHash>> {
        let sql = self.sql.as_ref()?;
        if !sql.transform.uses_hash() {
            return Some(None);
        }
        if let Some(hash) = sql.hashes[index] {
            return Some(Some(hash));
        }
        let member = &self.order.members[index];
        let expected = &member.read.as_ref()?.expected;
        let hash = member::hash(self.shop.source, &member.path, expected);
        self.bytes_read += expected.size;
        match hash {
            Ok(hash) => {
                if let Some(sql) = &mut self.sql {
                    sql.hashes[index] = Some(hash);
                }
                Some(Some(hash))
            }
            Err(trouble) => {
                self.known[index].trouble = Some(trouble);
                None
            }
        }
    }

    /// Sets aside the members whose columns make the SQL impossible.
    pub(super) fn blame(&mut self) {
        let Some(sql) = &self.sql else {
            return;
        };
        let read = (0..self.known.len()).filter(|index| matches!(self.way(*index), Way::Read(_)));
        let observed = |index: usize| Some((index, self.known[index].observed.clone()?));
        let members: Vec<_> = read.filter_map(observed).collect();
        let at_fault = sql.blame(&members, &|shape| self.typed(shape));
        for (index, error) in at_fault {
            if let Some(version) = self.known[index].version {
                let reason = error.line();
                self.known[index].trouble = Some(Trouble::Bad { version, reason });
            }
        }
    }
}
