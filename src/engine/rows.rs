//! Where a unit's rows go: through the shuffle where columns name partitions, and into staged Parquet files.

use std::cell::{Cell, RefCell};
use std::io::{self, Write};
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;

use super::aside;
use super::order::{StagedOutput, WorkOrder};
use super::work::WorkError;
use crate::config::FORMAT_VERSION;
use crate::encode::{
    EncodeError, EncodeOptions, EncodeSink, Footer, FooterInput, PartitionEncoder,
};
use crate::model::{
    Carried, ContentHash, OutputPath, PartitionValues, ReadAt, Shape, UnitId, partition_dir,
};
use crate::sink::{Discard, Sink, SinkError, StageName, Staging};
use crate::transform::{
    PartitionRows, Shuffle, SpillFile, SpillStore, TransformError, is_routable, route,
};

/// Takes rows of a member, by its place among those that are in.
pub(super) type Push<'a> = dyn FnMut(usize, &RecordBatch) -> Result<(), WorkError> + 'a;

/// Hands all rows, in order, to what it is given; false where something was not as assumed.
type Feed<'a> = dyn FnMut(&mut Push<'_>) -> Result<bool, WorkError> + 'a;

/// The same, where rows that are set aside go to the second.
pub(super) type FeedBoth<'a> =
    dyn FnMut(&mut Push<'_>, &mut Push<'_>) -> Result<bool, WorkError> + 'a;

/// Where the rows of one member go.
pub(super) struct Gates<'a> {
    /// Into the target.
    pub(super) out: &'a mut dyn FnMut(&RecordBatch) -> Result<(), WorkError>,
    /// Aside.
    pub(super) aside: &'a mut dyn FnMut(&RecordBatch) -> Result<(), WorkError>,
}

/// The staged files of one attempt.
pub(super) struct UnitFiles<'a> {
    unit: UnitId,
    sink: &'a dyn Sink,
    staged: RefCell<Vec<StageName>>,
}

impl<'a> UnitFiles<'a> {
    pub(super) fn new(unit: UnitId, sink: &'a dyn Sink) -> Self {
        Self {
            unit,
            sink,
            staged: RefCell::default(),
        }
    }

    /// Removes everything that the attempt staged.
    pub(super) fn discard(&self) -> Result<(), SinkError> {
        self.sink.discard(Discard::These(&self.staged.take()))
    }

    fn stage(&self) -> Result<(StageName, Box<dyn Staging>), SinkError> {
        let mut staged = self.staged.borrow_mut();
        let name = StageName(format!("{}-{}", self.unit, staged.len()));
        staged.push(name.clone());
        drop(staged);
        let file = self.sink.stage(&name)?;
        Ok((name, file))
    }

    fn spill_name(&self, number: usize) -> StageName {
        StageName(format!("{}-spill-{number}", self.unit))
    }
}

/// What the outputs of one attempt have in common.
pub(super) struct Outputs<'a> {
    pub(super) order: &'a WorkOrder,
    /// The unit's columns and lattice types, partition columns included.
    pub(super) shape: &'a Shape,
    /// The columns of the source that the rows depend on, where they go through SQL.
    pub(super) source_shape: Option<&'a Shape>,
    /// The order's members that are in.
    pub(super) inside: &'a [usize],
    /// Their versions, as far as they are known by now.
    pub(super) versions: &'a RefCell<Vec<Option<Carried>>>,
    /// Their rows, as far as they are known by now.
    pub(super) totals: &'a RefCell<Vec<Option<u64>>>,
    pub(super) files: &'a UnitFiles<'a>,
    /// Set where a footer had to be written before everything in it was known.
    pub(super) incomplete: &'a Cell<bool>,
}

impl Outputs<'_> {
    /// Writes all rows; `None` where the feed says that something was not as assumed.
    pub(super) fn write(
        &self,
        schema: &SchemaRef,
        memory: usize,
        feed: &mut FeedBoth<'_>,
    ) -> Result<Option<Vec<StagedOutput>>, WorkError> {
        let mut outputs = None;
        let name = |number| OutputPath::aside(&file_name(self.order.unit, number));
        let partition = &self.order.partition_values;
        let aside = self.encode(partition, &name, &aside::schema(), &mut |encoder| {
            let mut set_aside = |place: usize, rows: &RecordBatch| Ok(encoder.push(place, rows)?);
            outputs = self.write_rows(schema, memory, &mut |push| feed(push, &mut set_aside))?;
            Ok(outputs.is_some())
        })?;
        let outputs = outputs.zip(aside).map(|(mut outputs, aside)| {
            outputs.extend(aside);
            outputs
        });
        Ok(outputs.filter(|_| !self.incomplete.get()))
    }

    fn write_rows(
        &self,
        schema: &SchemaRef,
        memory: usize,
        feed: &mut Feed<'_>,
    ) -> Result<Option<Vec<StagedOutput>>, WorkError> {
        let columns = data_columns(self.order);
        if columns.is_empty() {
            self.write_partition(&Vec::new(), schema, feed)
        } else {
            self.write_shuffled(&columns, schema, memory, feed)
        }
    }

    fn write_shuffled(
        &self,
        columns: &[String],
        schema: &SchemaRef,
        memory: usize,
        feed: &mut Feed<'_>,
    ) -> Result<Option<Vec<StagedOutput>>, WorkError> {
        let spill = Spill(self.files);
        let mut shuffle = Shuffle::new(memory, &spill);
        let complete = feed(&mut |place, batch| {
            for (values, part) in route(batch, columns)? {
                check_lengths(&values)?;
                shuffle.push(place, values, part)?;
            }
            Ok(())
        })?;
        if !complete {
            return Ok(None);
        }
        let fields: Vec<_> = schema
            .fields()
            .iter()
            .filter(|field| !columns.contains(field.name()))
            .cloned()
            .collect();
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let mut outputs = Vec::new();
        shuffle.finish()?.for_each(&mut |values: &PartitionValues,
                                          rows: &mut PartitionRows<'_>|
         -> Result<(), WorkError> {
            let written = self.write_partition(values, &schema, &mut |push| {
                for part in &mut *rows {
                    let (place, batch) = part?;
                    push(place, &batch)?;
                }
                Ok(true)
            })?;
            outputs.extend(written.into_iter().flatten());
            Ok(())
        })?;
        Ok(Some(outputs))
    }

    fn write_partition(
        &self,
        values: &PartitionValues,
        schema: &SchemaRef,
        feed: &mut Feed<'_>,
    ) -> Result<Option<Vec<StagedOutput>>, WorkError> {
        let partition: PartitionValues = self
            .order
            .partition_values
            .iter()
            .chain(values)
            .cloned()
            .collect();
        let dir = format!("{}{}", self.order.partition, partition_dir(values));
        let name = |number| OutputPath::new(dir.clone() + &file_name(self.order.unit, number));
        self.encode(&partition, &name, schema, &mut |encoder| {
            feed(&mut |place, batch| Ok(encoder.push(place, batch)?))
        })
    }

    /// Encodes what `feed` pushes into files with these names.
    fn encode(
        &self,
        partition: &PartitionValues,
        name: &dyn Fn(usize) -> OutputPath,
        schema: &SchemaRef,
        feed: &mut dyn FnMut(&mut PartitionEncoder<'_>) -> Result<bool, WorkError>,
    ) -> Result<Option<Vec<StagedOutput>>, WorkError> {
        let stages: RefCell<Vec<StageName>> = RefCell::default();
        let mut open = |_number: usize| -> io::Result<Box<dyn EncodeSink>> {
            let (name, file) = self.files.stage().map_err(as_io)?;
            stages.borrow_mut().push(name);
            Ok(Box::new(Staged(file)))
        };
        let footer = |number: usize, rows: &[u64]| self.footer(partition, number, rows);
        let options = EncodeOptions {
            target_file_size: self.order.definition.target_file_size.0,
        };
        let mut encoder = PartitionEncoder::new(
            options,
            Arc::clone(schema),
            self.inside.len(),
            &mut open,
            &footer,
        );
        if !feed(&mut encoder)? {
            return Ok(None);
        }
        let files = encoder.finish()?;
        let staged = files
            .into_iter()
            .zip(stages.take())
            .map(|(file, stage)| StagedOutput {
                stage,
                output: name(file.number),
                size: file.size,
                hash: file.hash,
                partition: partition.clone(),
                member_rows: file.member_rows,
            });
        Ok(Some(staged.collect()))
    }

    fn footer(&self, partition: &PartitionValues, number: usize, rows: &[u64]) -> Footer {
        let versions = self.versions.borrow();
        let totals = self.totals.borrow();
        let unknown = Carried {
            size: 0,
            hash: ContentHash([0; 32]),
        };
        let inputs = self.inside.iter().enumerate().map(|(place, index)| {
            let version = versions[place].unwrap_or_else(|| {
                self.incomplete.set(true);
                unknown
            });
            FooterInput {
                path: self.order.members[*index].path.clone(),
                size: version.size,
                hash: version.hash,
                rows: totals[place],
                rows_here: rows.get(place).copied().unwrap_or_default(),
            }
        });
        Footer {
            unit: self.order.unit,
            definition: self.order.definition.fingerprint(),
            format_version: FORMAT_VERSION,
            partition: partition.clone(),
            unit_partition: self.order.partition.clone(),
            shape: self.shape.clone(),
            source_shape: self.source_shape.cloned(),
            inputs: inputs.collect(),
            file_number: number,
        }
    }
}

/// Returns the partition columns that the path does not give already.
fn data_columns(order: &WorkOrder) -> Vec<String> {
    let by_rows = |column: &&String| !order.is_in_path(column);
    let columns = order.definition.partition_by.iter();
    columns.filter(by_rows).cloned().collect()
}

/// Returns why the rows of a file with these columns cannot be written, where they cannot.
///
/// Only the file's own columns count. Beside other members, or under the pipeline's types, they might well pass; but
/// then the target's rows would depend on which files happen to share a unit.
pub(super) fn misfit(order: &WorkOrder, own: &Shape) -> Option<String> {
    let by_rows = data_columns(order);
    let unroutable = own
        .columns
        .iter()
        .find(|column| by_rows.contains(&column.name) && !is_routable(&column.data_type));
    if let Some(column) = unroutable {
        let error = TransformError::Unroutable {
            column: column.name.clone(),
            data_type: column.data_type.clone(),
        };
        return Some(error.to_string());
    }
    let mut names = own.columns.iter().map(|column| &column.name);
    let is_stored = |name: &String| !by_rows.contains(name) && !order.is_in_path(name);
    (!names.any(is_stored)).then(|| EncodeError::NoColumns.to_string())
}

/// What a directory's name may be long on every file system that matters.
const NAME_BYTES: usize = 255;

/// A value that no directory can be named after is the fault of the file that holds it. Found out only when the
/// outputs are published, it would be too late: the intent is recorded by then.
fn check_lengths(values: &PartitionValues) -> Result<(), WorkError> {
    for value in values {
        let segment = partition_dir(&vec![value.clone()]);
        if segment.len() > NAME_BYTES + 1 {
            return Err(WorkError::TooLong {
                column: value.0.clone(),
            });
        }
    }
    Ok(())
}

/// Names depend on the unit and the place alone, so that building again overwrites.
fn file_name(unit: UnitId, number: usize) -> String {
    match number {
        0 => format!("{unit}.parquet"),
        _ => format!("{unit}-{number}.parquet"),
    }
}

/// Keeps the kind, and the whole error as the cause.
fn as_io(error: SinkError) -> io::Error {
    io::Error::new(error.source.kind(), error)
}

/// A staged output as the encoder sees it.
struct Staged(Box<dyn Staging>);

impl Write for Staged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl EncodeSink for Staged {
    fn finish(self: Box<Self>) -> io::Result<()> {
        self.0.finish()
    }
}

impl SpillFile for Staged {
    fn finish(self: Box<Self>) -> io::Result<()> {
        self.0.finish()
    }
}

/// Spilled rows lie where staged outputs do, and are swept with them.
struct Spill<'a>(&'a UnitFiles<'a>);

impl SpillStore for Spill<'_> {
    fn create(&self, number: usize) -> io::Result<Box<dyn SpillFile>> {
        let name = self.0.spill_name(number);
        Ok(Box::new(Staged(self.0.sink.stage(&name).map_err(as_io)?)))
    }

    fn open(&self, number: usize) -> io::Result<Arc<dyn ReadAt>> {
        self.0
            .sink
            .open_staged(&self.0.spill_name(number))
            .map_err(as_io)
    }

    fn remove(&self, number: usize) -> io::Result<()> {
        let name = self.0.spill_name(number);
        self.0.sink.discard(Discard::These(&[name])).map_err(as_io)
    }
}
