//! Where a unit's rows go: through the shuffle where columns name partitions, through the sorter where they are to be
//! sorted, and into staged Parquet files.

use std::cell::{Cell, RefCell};
use std::io::{self, Write};
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;

use super::aside;
use super::order::{StagedOutput, WorkOrder};
use super::work::WorkError;
use crate::config::{Definition, FORMAT_VERSION};
use crate::crew;
use crate::encode::{
    Closed, EncodeError, EncodeFiles, EncodeMeans, EncodeOptions, EncodeSink, EncodedFile, Encoder,
    Footer, FooterInput,
};
use crate::model::{
    Carried, ContentHash, OutputPath, PartitionValues, ReadAt, Shape, UnitId, partition_dir,
};
use crate::sink::{Discard, Sink, SinkError, StageName, Staging};
use crate::transform::{
    PartitionRows, Routed, Shuffle, Sorter, SpillFile, SpillStore, TransformError, is_routable,
    route,
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

/// Batches that wait to be split, for each pair of hands.
const BATCHES_EACH: usize = 4;

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

    fn spill_name(&self, what: &str, number: usize) -> StageName {
        StageName(format!("{}-{what}-{number}", self.unit))
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
        means: EncodeMeans<'_>,
        feed: &mut FeedBoth<'_>,
    ) -> Result<Option<Vec<StagedOutput>>, WorkError> {
        let mut rows = Placed::new(self, Kind::Rows);
        let mut aside = Placed::new(self, Kind::Aside);
        // Rows are set aside now and then.
        let mut beside = aside.encoder(EncodeMeans {
            memory: means.memory / 8,
            ..means
        });
        beside.begin(&aside::schema())?;
        let mut set_aside = |place: usize, rows: &RecordBatch| Ok(beside.push(place, rows)?);
        let files = rows.write(schema, means, &mut |push| feed(push, &mut set_aside))?;
        let Some(files) = files else {
            return Ok(None);
        };
        let files_aside = beside.finish()?;
        let mut outputs = rows.staged(files);
        outputs.append(&mut aside.staged(files_aside));
        Ok((!self.incomplete.get()).then_some(outputs))
    }

    /// Returns the values of a partition, those from the path first.
    fn partition(&self, values: &PartitionValues) -> PartitionValues {
        let in_path = self.order.partition_values.iter();
        in_path.chain(values).cloned().collect()
    }

    /// Hands the rows of a partition to the encoder, sorted where they are to be; false where the feed says that something
    /// was not as assumed.
    fn encode(
        &self,
        encoder: &mut Encoder<'_>,
        schema: &SchemaRef,
        memory: usize,
        feed: &mut Feed<'_>,
    ) -> Result<bool, WorkError> {
        let columns = self.order.definition.writing.sort_within(schema);
        if columns.is_empty() {
            return feed(&mut |place, batch| Ok(encoder.push(place, batch)?));
        }
        let spill = Spill {
            files: self.files,
            what: "sort",
        };
        let mut sorter = Sorter::new(schema, &columns, memory, &spill)?;
        if !feed(&mut |place, batch| Ok(sorter.push(place, batch)?))? {
            return Ok(false);
        }
        sorter.finish(&mut |batch, runs| -> Result<(), WorkError> {
            Ok(encoder.push_runs(runs, batch)?)
        })?;
        Ok(true)
    }

    fn footer(
        &self,
        partition: &PartitionValues,
        number: usize,
        rows: &[u64],
        when: Closed,
    ) -> Footer {
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
                rows: totals[place].filter(|_| when == Closed::AtEnd),
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

/// What files hold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Rows of the target.
    Rows,
    /// Rows that are set aside.
    Aside,
}

/// The files of one attempt as the encoder sees them.
struct Placed<'a> {
    outputs: &'a Outputs<'a>,
    kind: Kind,
    /// The values by which rows fall into each partition, in the order in which the encoder got them.
    partitions: Vec<PartitionValues>,
    /// In the order in which files were begun.
    stages: Vec<StageName>,
}

impl<'a> Placed<'a> {
    fn new(outputs: &'a Outputs<'a>, kind: Kind) -> Self {
        Self {
            outputs,
            kind,
            partitions: vec![Vec::new()],
            stages: Vec::new(),
        }
    }

    fn encoder<'e>(&'e mut self, means: EncodeMeans<'e>) -> Encoder<'e> {
        let options = EncodeOptions {
            target_file_size: self.outputs.order.definition.target_file_size.0,
            writing: self.outputs.order.definition.writing.clone(),
        };
        let members = self.outputs.inside.len();
        Encoder::new(options, means, members, self)
    }

    /// Writes all rows; `None` where the feed says that something was not as assumed.
    fn write(
        &mut self,
        schema: &SchemaRef,
        means: EncodeMeans<'_>,
        feed: &mut Feed<'_>,
    ) -> Result<Option<Vec<EncodedFile>>, WorkError> {
        let order = self.outputs.order;
        let columns = data_columns(&order.definition, &order.partition_values);
        if columns.is_empty() {
            self.write_flat(schema, means, feed)
        } else {
            self.write_shuffled(&columns, schema, means, feed)
        }
    }

    /// Writes all rows to one partition.
    fn write_flat(
        &mut self,
        schema: &SchemaRef,
        means: EncodeMeans<'_>,
        feed: &mut Feed<'_>,
    ) -> Result<Option<Vec<EncodedFile>>, WorkError> {
        let outputs = self.outputs;
        let is_sorted = !outputs.order.definition.writing.sort_by.is_empty();
        let memory = if is_sorted {
            means.memory / 2
        } else {
            means.memory
        };
        let means = EncodeMeans { memory, ..means };
        let mut encoder = self.encoder(means);
        encoder.begin(schema)?;
        if !outputs.encode(&mut encoder, schema, means.memory, feed)? {
            return Ok(None);
        }
        Ok(Some(encoder.finish()?))
    }

    /// Writes each row to the partition that the values of `columns` say.
    fn write_shuffled(
        &mut self,
        columns: &[String],
        schema: &SchemaRef,
        means: EncodeMeans<'_>,
        feed: &mut Feed<'_>,
    ) -> Result<Option<Vec<EncodedFile>>, WorkError> {
        let outputs = self.outputs;
        let spill = Spill {
            files: outputs.files,
            what: "spill",
        };
        // What waits to be encoded, or is sorted, while rows are handed out takes its own half.
        let memory = means.memory / 2;
        let means = EncodeMeans { memory, ..means };
        let mut shuffle = Shuffle::new(memory, &spill);
        let mut routing = Routing::new(columns, means);
        let complete = feed(&mut |place, batch| routing.push(place, batch, &mut shuffle))?;
        if !complete {
            return Ok(None);
        }
        routing.finish(&mut shuffle)?;
        let fields = schema.fields().iter();
        let kept = fields.filter(|field| !columns.contains(field.name()));
        let schema: SchemaRef = Arc::new(Schema::new(kept.cloned().collect::<Vec<_>>()));
        let shuffled = shuffle.finish()?;
        self.partitions = shuffled.values().cloned().collect();
        let mut encoder = self.encoder(means);
        shuffled.for_each(&mut |_values: &PartitionValues,
                                 rows: &mut PartitionRows<'_>|
         -> Result<(), WorkError> {
            encoder.begin(&schema)?;
            let mut feed = |push: &mut Push<'_>| -> Result<bool, WorkError> {
                for part in &mut *rows {
                    let (place, batch) = part?;
                    push(place, &batch)?;
                }
                Ok(true)
            };
            outputs.encode(&mut encoder, &schema, memory, &mut feed)?;
            Ok(())
        })?;
        Ok(Some(encoder.finish()?))
    }

    /// Returns where what was encoded is to go.
    fn staged(self, files: Vec<EncodedFile>) -> Vec<StagedOutput> {
        let order = self.outputs.order;
        let staged = files.into_iter().zip(self.stages).map(|(file, stage)| {
            let values = &self.partitions[file.partition];
            let name = file_name(order.unit, file.number);
            let output = match self.kind {
                Kind::Aside => OutputPath::aside(&name),
                Kind::Rows => {
                    let dir = format!("{}{}", order.partition, partition_dir(values));
                    OutputPath::new(dir + &name)
                }
            };
            StagedOutput {
                stage,
                output,
                size: file.size,
                hash: file.hash,
                partition: self.outputs.partition(values),
                member_rows: file.member_rows,
            }
        });
        staged.collect()
    }
}

impl EncodeFiles for Placed<'_> {
    fn open(&mut self) -> io::Result<Box<dyn EncodeSink>> {
        let (name, file) = self.outputs.files.stage().map_err(as_io)?;
        self.stages.push(name);
        Ok(Box::new(Staged(file)))
    }

    fn footer(&self, partition: usize, number: usize, member_rows: &[u64], when: Closed) -> Footer {
        let values = &self.partitions[partition];
        let partition = self.outputs.partition(values);
        self.outputs.footer(&partition, number, member_rows, when)
    }
}

/// Brings rows to the shuffle, which takes them in order: the crew splits a few batches at a time by their values.
struct Routing<'a> {
    columns: &'a [String],
    means: EncodeMeans<'a>,
    waiting: Vec<(usize, RecordBatch)>,
    waiting_bytes: usize,
}

impl<'a> Routing<'a> {
    fn new(columns: &'a [String], means: EncodeMeans<'a>) -> Self {
        Self {
            columns,
            means,
            waiting: Vec::new(),
            waiting_bytes: 0,
        }
    }

    fn push(
        &mut self,
        place: usize,
        batch: &RecordBatch,
        shuffle: &mut Shuffle<'_>,
    ) -> Result<(), WorkError> {
        let hands = self.means.crew.hands();
        self.waiting.push((place, batch.clone()));
        self.waiting_bytes += batch.get_array_memory_size();
        let is_enough = self.waiting.len() >= BATCHES_EACH * hands
            || self.waiting_bytes >= self.means.memory / 4;
        if hands == 1 || is_enough {
            self.finish(shuffle)?;
        }
        Ok(())
    }

    fn finish(&mut self, shuffle: &mut Shuffle<'_>) -> Result<(), WorkError> {
        self.waiting_bytes = 0;
        let waiting = std::mem::take(&mut self.waiting);
        let routed = crew::map(self.means.crew, waiting, |(place, batch)| {
            (place, route(&batch, self.columns))
        });
        for (place, routed) in routed {
            let routed = routed.map_err(WorkError::from).and_then(checked);
            let routed = routed.map_err(|error| WorkError::Misplaced {
                place,
                source: Box::new(error),
            })?;
            shuffle.push(place, &routed)?;
        }
        Ok(())
    }
}

/// Returns the partition columns that the path does not give already.
fn data_columns(definition: &Definition, in_path: &PartitionValues) -> Vec<String> {
    let by_rows = |column: &&String| !in_path.iter().any(|(name, _)| name == *column);
    let columns = definition.partition_by.iter();
    columns.filter(by_rows).cloned().collect()
}

/// Makes sure that rows can be routed to partitions, and directories named after their values.
///
/// # Errors
/// [`WorkError`] for the first row that cannot.
pub(super) fn check_partitions(
    definition: &Definition,
    in_path: &PartitionValues,
    batch: &RecordBatch,
) -> Result<(), WorkError> {
    let columns = data_columns(definition, in_path);
    if columns.is_empty() {
        return Ok(());
    }
    checked(route(batch, &columns)?).map(drop)
}

/// Returns why the rows of a file with these columns cannot be written, where they cannot.
///
/// Only the file's own columns count. Beside other members, or under the pipeline's types, they might well pass; but
/// then the target's rows would depend on which files happen to share a unit.
pub(super) fn misfit(
    definition: &Definition,
    in_path: &PartitionValues,
    own: &Shape,
) -> Option<String> {
    let by_rows = data_columns(definition, in_path);
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
    let is_in_path = |column: &String| in_path.iter().any(|(name, _)| name == column);
    let is_stored = |name: &String| !by_rows.contains(name) && !is_in_path(name);
    (!names.any(is_stored)).then(|| EncodeError::NoColumns.to_string())
}

/// Returns rows whose partitions can be named.
fn checked(routed: Routed) -> Result<Routed, WorkError> {
    let mut parts = routed.parts().iter();
    parts.try_for_each(|(values, _)| check_lengths(values))?;
    Ok(routed)
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
struct Spill<'a> {
    files: &'a UnitFiles<'a>,
    /// What they are spilled for, as part of their names.
    what: &'static str,
}

impl Spill<'_> {
    fn name(&self, number: usize) -> StageName {
        self.files.spill_name(self.what, number)
    }
}

impl SpillStore for Spill<'_> {
    fn create(&self, number: usize) -> io::Result<Box<dyn SpillFile>> {
        let staged = self.files.sink.stage(&self.name(number));
        Ok(Box::new(Staged(staged.map_err(as_io)?)))
    }

    fn open(&self, number: usize) -> io::Result<Arc<dyn ReadAt>> {
        let sink = self.files.sink;
        sink.open_staged(&self.name(number)).map_err(as_io)
    }

    fn remove(&self, number: usize) -> io::Result<()> {
        let names = [self.name(number)];
        let discarded = self.files.sink.discard(Discard::These(&names));
        discarded.map_err(as_io)
    }
}
