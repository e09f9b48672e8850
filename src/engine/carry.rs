//! Carries rows over from present outputs: those of members that cannot, or must not, be read again. Where outputs say what
//! files say about themselves, that is carried over with them.
//!
//! Where such rows stand is known from the record, and from the footer where they are sorted, so their output has to be
//! the recorded one. The rows of one that is missing or has other bytes are lost, and nobody but the user can give them
//! up (`reset --lost`).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;

use super::aside;
use super::interleaved::{Picker, stretches};
use super::order::{Carry, Slice, WorkOrder};
use super::recover::is_whole;
use crate::decode::{self, Admission, DecodeError, recognise};
use crate::encode::{Footer, FooterError, RowOrder, read_footer, read_order};
use crate::model::{Comments, OutputPath, ReadAt, Shape, SourcePath};
use crate::schema::Contract;
use crate::sink::{Sink, SinkError};
use crate::transform::{TransformError, restore};

/// Why rows could not be carried over.
#[derive(Debug, thiserror::Error)]
pub(super) enum CarryError {
    #[error("output {output} is missing")]
    Missing { output: OutputPath },
    #[error("output {output} is not what was recorded")]
    Other { output: OutputPath },
    #[error("cannot open output {output}")]
    Open {
        output: OutputPath,
        #[source]
        source: SinkError,
    },
    #[error("cannot read output {output}")]
    Read {
        output: OutputPath,
        #[source]
        source: DecodeError,
    },
    #[error("cannot tell whose the rows of output {output} are")]
    Footer {
        output: OutputPath,
        #[source]
        source: FooterError,
    },
    #[error("cannot tell whose the rows of output {output} are")]
    Order {
        output: OutputPath,
        #[source]
        source: io::Error,
    },
    #[error("cannot put back the partition columns")]
    Restore(#[from] TransformError),
    #[error("column {column} holds {held}, and the SQL makes {made} of it, which cannot hold that")]
    Narrower {
        column: String,
        held: String,
        made: String,
    },
    #[error("they do not fit the declared columns: {reason}")]
    Unfit { reason: String },
    #[error("cannot cast them to the unit's types")]
    Cast(#[source] arrow::error::ArrowError),
}

impl CarryError {
    /// Tells whether the rows are gone, as far as the target goes.
    pub(super) fn is_loss(&self) -> bool {
        matches!(self, Self::Missing { .. } | Self::Other { .. })
    }

    /// Tells whether the rows are not as the columns are declared by now.
    pub(super) fn is_unfit(&self) -> bool {
        matches!(self, Self::Unfit { .. })
    }
}

/// Carries rows over for one unit.
pub(super) struct Carrier<'a> {
    order: &'a WorkOrder,
    sink: &'a dyn Sink,
    /// The columns that are declared, where some are and rows stand in outputs as they come in.
    contract: Option<Contract>,
    /// Outputs whose bytes are the recorded ones, with what they say of whose their rows are.
    proven: RefCell<BTreeMap<OutputPath, Option<Arc<RowOrder>>>>,
    /// What outputs whose bytes are the recorded ones say of themselves, as far as it was asked for.
    footers: RefCell<BTreeMap<OutputPath, Arc<Footer>>>,
}

impl<'a> Carrier<'a> {
    pub(super) fn new(order: &'a WorkOrder, sink: &'a dyn Sink) -> Self {
        Self {
            order,
            sink,
            contract: order
                .contract()
                .filter(|_| order.definition.sql.is_default()),
            proven: RefCell::default(),
            footers: RefCell::default(),
        }
    }

    /// Returns what the member's file said about itself, as outputs have kept it. All outputs of a unit know as much, so
    /// that any of them will do; where all are lost, or keep nothing, there is nothing to say.
    pub(super) fn comments(&self, carry: &Carry) -> Result<Comments, CarryError> {
        // Those that its rows are read from have to be opened in any case.
        let own = carry.slices.iter().map(|slice| &slice.output);
        for output in own.chain(carry.outputs.iter()) {
            match self.footer(output) {
                Ok(footer) => {
                    let comments =
                        footer.and_then(|footer| footer.comments_of(carry.member).cloned());
                    return Ok(comments.unwrap_or_default());
                }
                Err(error) if error.is_loss() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Comments::default())
    }

    fn footer(&self, output: &OutputPath) -> Result<Option<Arc<Footer>>, CarryError> {
        if let Some(footer) = self.footers.borrow().get(output) {
            return Ok(Some(Arc::clone(footer)));
        }
        let (file, _) = self.open(output)?;
        let footer = read_footer(file).map_err(|source| CarryError::Footer {
            output: output.clone(),
            source,
        })?;
        let footer = footer.map(Arc::new);
        if let Some(footer) = &footer {
            let mut footers = self.footers.borrow_mut();
            footers.insert(output.clone(), Arc::clone(footer));
        }
        Ok(footer)
    }

    /// Hands the rows of the file `path` to `emit`, with the types of the unit.
    pub(super) fn carry(
        &self,
        path: &SourcePath,
        carry: &Carry,
        schema: &SchemaRef,
        emit: &mut dyn FnMut(RecordBatch) -> ControlFlow<()>,
    ) -> Result<(), CarryError> {
        let target = Shape::of_schema(schema);
        carry
            .slices
            .iter()
            .try_for_each(|slice| self.slice(path, slice, (&carry.shape, &target), emit))
    }

    /// Hands those of the member's rows that are set aside to `emit`.
    pub(super) fn carry_aside(
        &self,
        carry: &Carry,
        emit: &mut dyn FnMut(RecordBatch) -> ControlFlow<()>,
    ) -> Result<(), CarryError> {
        let target = aside::shape();
        let mut slices = carry.aside.iter();
        slices.try_for_each(|slice| {
            let (file, _) = self.open(&slice.output)?;
            let range = slice.start..slice.start + slice.rows;
            read_range(slice, file, range, &mut |rows| {
                let rows = decode::cast_batch(&rows, &target).map_err(CarryError::Cast)?;
                Ok(emit(rows))
            })
        })
    }

    fn slice(
        &self,
        path: &SourcePath,
        slice: &Slice,
        (shape, target): (&Shape, &Shape),
        emit: &mut dyn FnMut(RecordBatch) -> ControlFlow<()>,
    ) -> Result<(), CarryError> {
        let (file, order) = self.open(&slice.output)?;
        let Some(order) = order else {
            let range = slice.start..slice.start + slice.rows;
            return read_range(slice, file, range, &mut |batch| {
                let ready = self.ready(path, &batch, slice, (shape, target))?;
                Ok(emit(ready))
            });
        };
        let failed = |source| CarryError::Order {
            output: slice.output.clone(),
            source,
        };
        let (stretches, rows) = stretches(&order, slice.member).map_err(failed)?;
        if rows != slice.rows {
            return Err(failed(io::ErrorKind::InvalidData.into()));
        }
        let mut picker = Picker::new(&order, slice.member).map_err(failed)?;
        let mut flow = ControlFlow::Continue(());
        for stretch in stretches {
            let mut at = stretch.start;
            read_range(slice, Arc::clone(&file), stretch, &mut |batch| {
                let own = picker.pick(at, &batch).map_err(CarryError::Cast)?;
                at += batch.num_rows() as u64;
                if own.num_rows() > 0 {
                    flow = emit(self.ready(path, &own, slice, (shape, target))?);
                }
                Ok(flow)
            })?;
            if flow.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Gives rows of an output the columns and types of the unit.
    fn ready(
        &self,
        path: &SourcePath,
        batch: &RecordBatch,
        slice: &Slice,
        (shape, target): (&Shape, &Shape),
    ) -> Result<RecordBatch, CarryError> {
        let batch = self.admitted(path, restore(batch, &slice.partition, shape)?)?;
        decode::cast_batch(&batch, target).map_err(CarryError::Cast)
    }

    /// Rows may have been written before the columns were declared as they are.
    fn admitted(&self, path: &SourcePath, batch: RecordBatch) -> Result<RecordBatch, CarryError> {
        let Some(contract) = &self.contract else {
            return Ok(batch);
        };
        let definition = &self.order.definition;
        let kind = recognise(path, definition.format).map(|how| how.kind);
        let mut admission = Admission::of_output(contract, kind, &definition.csv);
        let admitted = admission.admit(&batch).map_err(CarryError::Cast)?;
        match admission.unfit() {
            None => Ok(admitted),
            Some(unfit) => {
                let own = Shape::of_schema(batch.schema_ref());
                let reason = unfit.reason(&own, None);
                Err(CarryError::Unfit { reason })
            }
        }
    }

    /// Opens an output and makes sure that it is the recorded one: the publication of another state may have begun
    /// and been rolled back.
    fn open(&self, output: &OutputPath) -> Result<Opened, CarryError> {
        let name = || output.clone();
        let failed = |source: SinkError| match source.source.kind() {
            io::ErrorKind::NotFound => CarryError::Missing { output: name() },
            _ => CarryError::Open {
                output: name(),
                source,
            },
        };
        let file = self.sink.open(output).map_err(failed)?;
        if let Some(order) = self.proven.borrow().get(output) {
            return Ok((file, order.clone()));
        }
        let mut standing = self.order.standing.iter();
        let record = standing.find(|record| record.path == *output);
        let is_recorded = record.map_or(Ok(false), |record| {
            is_whole(Ok(Arc::clone(&file)), record.size, record.hash)
        });
        if !is_recorded.map_err(failed)? {
            return Err(CarryError::Other { output: name() });
        }
        let order = read_order(&*file).map_err(|source| CarryError::Footer {
            output: name(),
            source,
        })?;
        let order = order.map(Arc::new);
        self.proven.borrow_mut().insert(name(), order.clone());
        Ok((file, order))
    }
}

/// An output, and what it says of whose its rows are.
type Opened = (Arc<dyn ReadAt>, Option<Arc<RowOrder>>);

/// Hands stretches of rows of the slice's output to `take`, as they stand there.
fn read_range(
    slice: &Slice,
    file: Arc<dyn ReadAt>,
    range: Range<u64>,
    take: &mut dyn FnMut(RecordBatch) -> Result<ControlFlow<()>, CarryError>,
) -> Result<(), CarryError> {
    let mut failure = None;
    let read = decode::read_rows(file, range, &mut |batch| {
        take(batch).unwrap_or_else(|error| {
            failure = Some(error);
            ControlFlow::Break(())
        })
    });
    match (failure, read) {
        (Some(failure), _) => Err(failure),
        (None, Ok(()) | Err(DecodeError::Stopped)) => Ok(()),
        (None, Err(source)) => Err(CarryError::Read {
            output: slice.output.clone(),
            source,
        }),
    }
}
