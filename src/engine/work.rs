//! Builds one unit from its order: decode, conform, route, encode to staging. A pure function of its order but for
//! I/O; it holds no ledger handle and shares nothing with the planner.
//!
//! A unit is built in *attempts*. An attempt assumes the columns and types of the unit and that every member can be
//! read. Where that turns out wrong (a value that does not fit, a late column, a bad or changing file) the attempt
//! is dropped, all members are *surveyed* (read without writing), and the next attempt knows better. Types only
//! widen and troubles only add up, so this ends; two attempts are the rule in the worst case.
//!
//! # Invariants
//! - What is staged depends on the members' rows, their versions, the definition and the pipeline's types, and on
//!   nothing that happened on the way.
//! - A staged file of a dropped attempt is removed.

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;

use super::carry::Carrier;
use super::control::{Control, Progress};
use super::member::{self, Reading, ToRead, Trouble};
use super::order::{OrderMember, OrderRead, Outcome, Receipt, StagedOutput, Way, WorkOrder};
use super::routing;
use super::rows::{Gates, Outputs, Told};
use super::sql::UnitSql;
use super::staged::{Spill, UnitFiles};
use super::step::{self, Step};
pub(super) use super::work_error::WorkError;
use crate::config::SchemaMetadata;
use crate::crew::Crew;
use crate::decode::raw_shape;
use crate::encode::EncodeMeans;
use crate::model::{Carried, Column, Comments, Shape};
use crate::schema::{Contract, join_shapes, typed, written_type};
use crate::sink::Sink;
use crate::source::Source;
use crate::transform::{RowTransform, Transform, conform};

/// More attempts than a source that holds still can need.
const ATTEMPTS: usize = 8;

/// How many files a source hears of before they are read, where each of them is a request.
const EXPECTED: usize = 16;

/// What a worker works with.
pub(super) struct Workshop<'a> {
    pub(super) source: &'a dyn Source,
    pub(super) sink: &'a dyn Sink,
    pub(super) control: &'a Control,
    /// The user's own step on the rows of each file.
    pub(super) step: Option<&'a dyn Transform>,
    /// The SQL that rows go through.
    pub(super) transform: Option<&'a RowTransform>,
    /// Who helps where there is much to do.
    pub(super) crew: &'a dyn Crew,
    /// Bytes of rows that one unit may hold in memory.
    pub(super) memory: usize,
}

/// Builds the unit.
///
/// # Errors
/// [`WorkError`]; nothing of it stays staged then.
pub(super) fn work(order: &WorkOrder, shop: &Workshop<'_>) -> Result<Receipt, WorkError> {
    let mut unit = Building::new(order, shop);
    for _ in 0..ATTEMPTS {
        let files = UnitFiles::new(order.unit, shop.sink);
        let staged = unit.attempt(&files);
        match staged {
            Ok(Some(outputs)) => return Ok(unit.receipt(outputs)),
            Ok(None) => files.discard()?,
            Err(error) => {
                // The first error is the one to tell; leftovers are swept at the next start.
                files.discard().ok();
                return Err(error);
            }
        }
        if shop.control.is_interrupted() {
            return Err(WorkError::Interrupted);
        }
        unit.survey();
    }
    match unit.sql.and_then(|sql| sql.refused) {
        Some(error) => Err(WorkError::Sql(error)),
        None => Err(WorkError::Restless),
    }
}

/// What is known of one member so far.
#[derive(Default)]
pub(super) struct Knowledge {
    pub(super) version: Option<Carried>,
    /// What its file says about itself, once it has been read to its end.
    comments: Option<Arc<Comments>>,
    /// The columns that come in, which under a contract are those that it admits.
    pub(super) observed: Option<Shape>,
    /// Under a contract, or before a step, the columns that its bytes have, as far as they are known.
    own: Option<Shape>,
    pub(super) trouble: Option<Trouble>,
    /// Its bytes are not those whose rows are to be kept.
    is_other: bool,
    /// Its rows in the outputs do not fit the declared columns, as its bytes do not.
    is_unfit: bool,
    /// Why its rows cannot be placed, found out before its bytes had been read whole.
    fault: Option<String>,
    /// The expectation that they do not meet, by its number, where that is why.
    pub(super) unmet: Option<usize>,
    pub(super) rows: Option<u64>,
}

pub(super) struct Building<'a> {
    pub(super) order: &'a WorkOrder,
    pub(super) shop: &'a Workshop<'a>,
    contract: Option<Contract>,
    pub(super) known: Vec<Knowledge>,
    /// The columns and types that the attempt assumes.
    pub(super) shape: Shape,
    carrier: Carrier<'a>,
    pub(super) sql: Option<UnitSql<'a>>,
    rows_read: u64,
    pub(super) bytes_read: u64,
}

impl<'a> Building<'a> {
    fn new(order: &'a WorkOrder, shop: &'a Workshop<'a>) -> Self {
        let mut building = Self {
            order,
            shop,
            contract: order.contract(),
            known: order.members.iter().map(|_| Knowledge::default()).collect(),
            shape: Shape::default(),
            carrier: Carrier::new(order, shop.sink),
            sql: shop
                .transform
                .map(|transform| UnitSql::new(transform, order)),
            rows_read: 0,
            bytes_read: 0,
        };
        let mut joined = building.admitted(&Shape::default());
        for (index, member) in order.members.iter().enumerate() {
            building.expect_from(index);
            let guess = match (&member.read, &member.carry) {
                (Some(read), _) => {
                    let guess = member::sniff(shop.source, &building.to_read(member, read));
                    if building.contract.is_some() || shop.step.is_some() {
                        building.known[index].own.clone_from(&guess);
                    }
                    guess.map(|guess| building.admitted(&guess))
                }
                (None, Some(carry)) if shop.transform.is_none() => {
                    Some(building.carried(&carry.shape))
                }
                (None, _) => None,
            };
            if let Some(guess) = guess {
                joined = join_shapes(&joined, &guess);
            }
        }
        building.shape = building.typed(&joined);
        building
    }

    /// Tells the source which files are read next.
    fn expect_from(&self, index: usize) {
        let source = self.shop.source;
        if source.is_far() {
            let last = (index + EXPECTED).min(self.known.len());
            let read = (index..last).filter(|&index| matches!(self.way(index), Way::Read(_)));
            read.for_each(|index| source.expect(&self.order.members[index].path));
        }
    }

    /// Returns the columns that come in of a member's own.
    fn admitted(&self, own: &Shape) -> Shape {
        step::admitted(self.contract.as_ref(), self.shop.step, own)
    }

    /// Returns the columns that come in of rows that outputs hold: those are behind the user's step.
    fn carried(&self, held: &Shape) -> Shape {
        step::admitted(self.contract.as_ref(), None, held)
    }

    fn to_read<'m>(&'m self, member: &'m OrderMember, read: &'m OrderRead) -> ToRead<'m> {
        ToRead {
            path: &member.path,
            expected: &read.expected,
            how: read.how,
            definition: &self.order.definition,
            contract: self.contract.as_ref(),
            step: self.shop.step.map(|transform| Step {
                transform,
                target: &self.shape,
            }),
            crew: self.shop.crew,
            spool: None,
        }
    }

    /// Returns the columns with the pipeline's types, which may be wider than what the members hold, unless declared.
    pub(super) fn typed(&self, observed: &Shape) -> Shape {
        typed(observed, &self.order.known, self.contract.as_ref())
    }

    /// Returns how the member's rows come in, if they do.
    pub(super) fn way(&self, index: usize) -> Way<'a> {
        let member = &self.order.members[index];
        let known = &self.known[index];
        match (&member.read, &member.carry, &known.trouble) {
            (Some(read), _, None) if !known.is_other => Way::Read(read),
            (_, Some(carry), trouble) if !known.is_unfit => match trouble {
                Some(trouble) if self.order.is_outdated(carry.version, trouble) => Way::Out,
                _ => Way::Carry(carry),
            },
            _ => Way::Out,
        }
    }

    /// The columns of all members that are in, in order of first appearance, as far as they are known. Where rows go
    /// through SQL, those that are carried over are behind it and have none of the source's columns.
    fn observed(&self) -> Shape {
        let mut all = self.admitted(&Shape::default());
        for index in 0..self.known.len() {
            match self.way(index) {
                Way::Read(_) => {
                    if let Some(observed) = &self.known[index].observed {
                        all = join_shapes(&all, observed);
                    }
                }
                Way::Carry(carry) if self.sql.is_none() => {
                    all = join_shapes(&all, &self.carried(&carry.shape));
                }
                Way::Carry(_) | Way::Out => {}
            }
        }
        all
    }

    /// Stages the unit's outputs; `None` where something was not as assumed.
    fn attempt(&mut self, files: &UnitFiles<'_>) -> Result<Option<Vec<StagedOutput>>, WorkError> {
        let order = self.order;
        let inside: Vec<usize> = (0..order.members.len())
            .filter(|index| !matches!(self.way(*index), Way::Out))
            .collect();
        if inside.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let Some(shape) = self.written()? else {
            return Ok(None);
        };
        let stored = Shape {
            columns: shape
                .columns
                .iter()
                .filter(|column| !order.is_in_path(&column.name))
                .map(|column| Column {
                    data_type: written_type(&column.data_type),
                    ..column.clone()
                })
                .collect(),
        };
        let told = inside.iter().map(|index| self.told(*index));
        let told = RefCell::new(told.collect::<Result<_, _>>()?);
        let totals = RefCell::new(vec![None; inside.len()]);
        let schema = stored.to_arrow();
        let source_shape = self.sql.as_ref().map(|sql| sql.inputs.clone());
        let outputs = Outputs {
            order,
            shape: &shape,
            source_shape: source_shape.as_ref(),
            inside: &inside,
            told: &told,
            totals: &totals,
            files,
            all_read: Cell::new(false),
            incomplete: Cell::new(false),
        };
        let means = EncodeMeans {
            crew: self.shop.crew,
            // Units that are not built leave their share to those that are.
            memory: self.shop.memory.saturating_mul(self.shop.crew.hands()),
        };
        let written = outputs.write(&schema, means, &mut |push, set_aside| {
            for (place, index) in inside.iter().copied().enumerate() {
                let mut gates = Gates {
                    out: &mut |batch| push(place, batch),
                    aside: &mut |rows| set_aside(place, rows),
                };
                if !self.feed(index, &schema, &mut gates)? {
                    return Ok(false);
                }
                told.borrow_mut()[place] = self.told(index)?;
                totals.borrow_mut()[place] = self.known[index].rows;
            }
            Ok(self.typed(&self.observed()) == self.shape)
        });
        match written {
            Err(WorkError::Misplaced { place, source }) => {
                self.convict(inside[place], *source)?;
                Ok(None)
            }
            written => written,
        }
    }

    /// Takes down that a member's rows are at fault; an error that is not theirs stops the unit.
    fn convict(&mut self, index: usize, error: WorkError) -> Result<(), WorkError> {
        if !error.is_of_the_rows() || !matches!(self.way(index), Way::Read(_)) {
            return Err(error);
        }
        self.known[index].fault = Some(super::report::chain(&error));
        Ok(())
    }

    /// Hands the member's rows on in the unit's columns; false where something was not as assumed.
    fn feed(
        &mut self,
        index: usize,
        schema: &SchemaRef,
        gates: &mut Gates<'_>,
    ) -> Result<bool, WorkError> {
        if self.sql.is_some() && matches!(self.way(index), Way::Read(_)) {
            return self.feed_sql(index, schema, gates);
        }
        let out = &mut gates.out;
        let mut push = |batch: &RecordBatch| out(&conform(batch, schema)?);
        if !self.hand_on(index, schema, &mut push)? {
            return Ok(false);
        }
        self.carry_aside(index, gates.aside)?;
        Ok(true)
    }

    /// Hands on the rows of a member whose rows are carried over that are set aside.
    fn carry_aside(
        &mut self,
        index: usize,
        push: &mut dyn FnMut(&RecordBatch) -> Result<(), WorkError>,
    ) -> Result<(), WorkError> {
        let Way::Carry(carry) = self.way(index) else {
            return Ok(());
        };
        let mut failure = None;
        let mut emit = |rows: RecordBatch| go_on(push(&rows), &mut failure);
        let carried = self.carrier.carry_aside(carry, &mut emit);
        let member = self.order.members[index].path.clone();
        carried.map_err(|source| WorkError::Carry { member, source })?;
        failure.map_or(Ok(()), Err)
    }

    /// Hands the member's rows on as they come in; false where something was not as assumed.
    pub(super) fn hand_on(
        &mut self,
        index: usize,
        schema: &SchemaRef,
        push: &mut dyn FnMut(&RecordBatch) -> Result<(), WorkError>,
    ) -> Result<bool, WorkError> {
        let control = self.shop.control;
        let mut failure = None;
        let mut emit = |batch: RecordBatch| {
            let pushed = if control.is_interrupted() {
                Err(WorkError::Interrupted)
            } else {
                push(&batch)
            };
            go_on(pushed, &mut failure)
        };
        let done = self.bring_in(index, schema, &mut emit)?;
        match failure {
            None => Ok(done),
            Some(error) => self.convict(index, error).map(|()| false),
        }
    }

    /// Tells whether outputs say what the members say about themselves.
    fn keeps_comments(&self) -> bool {
        self.order.definition.writing.schema_metadata == SchemaMetadata::Kept
    }

    /// Returns the version of the member's rows and what its file says about itself, where that is known before they are
    /// read.
    fn told(&self, index: usize) -> Result<Option<Told>, WorkError> {
        let (known, keeps) = (&self.known[index], self.keeps_comments());
        let (version, comments) = match self.way(index) {
            Way::Read(_) if keeps => (known.version, known.comments.clone()),
            Way::Read(_) => (known.version, Some(Arc::default())),
            Way::Carry(carry) if keeps => {
                let comments = self.carrier.comments(carry);
                let member = self.order.members[index].path.clone();
                let comments = comments.map_err(|source| WorkError::Carry { member, source })?;
                (Some(carry.version), Some(Arc::new(comments)))
            }
            Way::Carry(carry) => (Some(carry.version), Some(Arc::default())),
            Way::Out => (None, None),
        };
        let told = version.zip(comments);
        Ok(told.map(|(version, comments)| Told { version, comments }))
    }

    /// Hands the member's rows to `emit`; false where something was not as assumed.
    fn bring_in(
        &mut self,
        index: usize,
        schema: &SchemaRef,
        emit: &mut dyn FnMut(RecordBatch) -> ControlFlow<()>,
    ) -> Result<bool, WorkError> {
        match self.way(index) {
            Way::Read(read) => Ok(self.read(index, read, emit)),
            Way::Carry(carry) => {
                let carried =
                    self.carrier
                        .carry(&self.order.members[index].path, carry, schema, emit);
                let is_bad = matches!(self.known[index].trouble, Some(Trouble::Bad { .. }));
                if is_bad && matches!(&carried, Err(error) if error.is_unfit()) {
                    // The source has its bytes, and those do not fit either.
                    self.known[index].is_unfit = true;
                    return Ok(false);
                }
                carried.map_err(|source| WorkError::Carry {
                    member: self.order.members[index].path.clone(),
                    source,
                })?;
                self.known[index].rows = Some(carry.slices.iter().map(|slice| slice.rows).sum());
                Ok(true)
            }
            Way::Out => Ok(true),
        }
    }

    fn read(
        &mut self,
        index: usize,
        read: &OrderRead,
        emit: &mut dyn FnMut(RecordBatch) -> ControlFlow<()>,
    ) -> bool {
        self.expect_from(index);
        let member = &self.order.members[index];
        let own = || self.known[index].own.clone().unwrap_or_default();
        let raw = match (&self.contract, self.shop.step) {
            (Some(contract), _) => Some(raw_shape(contract, read.how.kind, &own(), &self.shape)),
            (None, step) => step.map(|_| own()),
        };
        let shape = raw.as_ref().unwrap_or(&self.shape);
        let files = UnitFiles::new(self.order.unit, self.shop.sink);
        let spool = Spill {
            files: &files,
            what: "input",
        };
        let file = ToRead {
            spool: Some(&spool),
            ..self.to_read(member, read)
        };
        let reading = member::read(self.shop.source, &file, shape, emit);
        self.bytes_read += read.expected.size;
        let keeps_comments = self.keeps_comments();
        let known = &mut self.known[index];
        if let Reading::Rows { version, .. } | Reading::Misfit { version, .. } = &reading
            && read.only.is_some_and(|only| only != version.hash)
        {
            known.is_other = true;
            return false;
        }
        match reading {
            Reading::Rows { version, decoded } => {
                let filled = match &self.sql {
                    Some(sql) => &sql.filled_by(&decoded.observed),
                    None => &decoded.observed,
                };
                let misfit =
                    routing::misfit(&self.order.definition, &self.order.partition_values, filled);
                if let Some(reason) = misfit.filter(|_| decoded.rows > 0) {
                    known.trouble = Some(Trouble::Bad { version, reason });
                    return false;
                }
                self.rows_read += decoded.rows;
                known.version = Some(version);
                known.observed = Some(decoded.observed);
                known.comments = keeps_comments.then(|| Arc::new(decoded.comments));
                known.rows = Some(decoded.rows);
                true
            }
            Reading::Misfit { version, observed } => {
                let admitted = self.admitted(&observed);
                let known = &mut self.known[index];
                known.version = Some(version);
                known.observed = Some(admitted);
                known.own = Some(observed);
                false
            }
            Reading::Trouble(trouble) => {
                known.trouble = Some(trouble);
                false
            }
            Reading::Stopped => true,
        }
    }

    /// Reads every member that is to be read, without writing, and learns what the next attempt must assume.
    fn survey(&mut self) {
        for index in 0..self.known.len() {
            if self.shop.control.is_interrupted() {
                return;
            }
            if let Way::Read(read) = self.way(index)
                && self.known[index].observed.is_none()
            {
                self.read(index, read, &mut |_| ControlFlow::Continue(()));
            }
        }
        // What a row comes to depends on the types: where they were wrong, it may be well after all.
        let is_proven = self.sql.is_none() || self.typed(&self.observed()) == self.shape;
        for known in &mut self.known {
            if !is_proven {
                (known.fault, known.unmet) = (None, None);
            }
            if let (Some(version), Some(reason)) = (known.version, known.fault.take()) {
                known.trouble = Some(Trouble::Bad { version, reason });
            }
        }
        self.blame();
        self.shape = self.typed(&self.observed());
    }

    fn receipt(self, outputs: Vec<StagedOutput>) -> Receipt {
        let observed = self.observed();
        let outcomes = (0..self.known.len())
            .map(|index| {
                let trouble = self.known[index].trouble.clone();
                match (self.way(index), self.known[index].version) {
                    (Way::Read(_), Some(version)) => Outcome::Loaded(version),
                    (Way::Carry(carry), _) => Outcome::CarriedOver {
                        version: carry.version,
                        trouble,
                    },
                    (Way::Read(_) | Way::Out, _) => {
                        Outcome::LeftOut(trouble.unwrap_or(Trouble::Unsettled))
                    }
                }
            })
            .collect();
        let progress = self.shop.control.progress();
        Progress::add(&progress.rows_done, self.rows_read);
        Progress::add(&progress.bytes_done, self.bytes_read);
        Progress::add(&progress.files_done, self.order.members.len() as u64);
        Progress::add(&progress.units_done, 1);
        let is_read = |index: usize| matches!(self.way(index), Way::Read(_));
        let is_bad = |known: &&Knowledge| matches!(known.trouble, Some(Trouble::Bad { .. }));
        let aside = self.known.iter().filter(is_bad);
        let aside = aside.filter_map(|known| known.unmet);
        let unmet = match &self.sql {
            Some(sql) => sql.unmet(is_read, aside),
            None => Vec::new(),
        };
        let (shape, inputs) = match self.sql {
            Some(sql) => (sql.output, sql.inputs),
            None => (self.shape.clone(), self.shape),
        };
        Receipt {
            outcomes,
            outputs,
            shape,
            inputs,
            observed,
            unmet,
            rows_read: self.rows_read,
            bytes_read: self.bytes_read,
        }
    }
}

/// Breaks off where handing rows on has failed, and keeps why.
fn go_on(pushed: Result<(), WorkError>, failure: &mut Option<WorkError>) -> ControlFlow<()> {
    match pushed {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            *failure = Some(error);
            ControlFlow::Break(())
        }
    }
}
