//! Where a unit's rows go: through the shuffle where columns name partitions, through the sorter where they are to be
//! sorted, and into staged Parquet files.

use std::cell::{Cell, RefCell};
use std::io;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;

use super::aside;
use super::order::{StagedOutput, WorkOrder};
use super::routing::{Routing, data_columns};
use super::staged::{Spill, Staged, UnitFiles, as_io};
use super::work::WorkError;
use crate::config::FORMAT_VERSION;
use crate::encode::{
    Closed, EncodeFiles, EncodeMeans, EncodeOptions, EncodeSink, EncodedFile, Encoder, Footer,
    FooterInput,
};
use crate::model::{
    Carried, Comments, ContentHash, OutputPath, PartitionValues, Shape, UnitId, partition_dir,
};
use crate::sink::StageName;
use crate::transform::{PartitionRows, Shuffle, Sorter};

/// Takes rows of a member, by its place among those that are in.
pub(super) type Push<'a> = dyn FnMut(usize, &RecordBatch) -> Result<(), WorkError> + 'a;

/// Hands all rows, in order, to what it is given; false where something was not as assumed.
type Feed<'a> = dyn FnMut(&mut Push<'_>) -> Result<bool, WorkError> + 'a;

/// The same, where rows that are set aside go to the second.
pub(super) type FeedBoth<'a> =
    dyn FnMut(&mut Push<'_>, &mut Push<'_>) -> Result<bool, WorkError> + 'a;

/// What is known of a member beside its rows.
#[derive(Clone)]
pub(super) struct Told {
    pub(super) version: Carried,
    /// What its file says about itself, where that is kept.
    pub(super) comments: Arc<Comments>,
}

/// Where the rows of one member go.
pub(super) struct Gates<'a> {
    /// Into the target.
    pub(super) out: &'a mut dyn FnMut(&RecordBatch) -> Result<(), WorkError>,
    /// Aside.
    pub(super) aside: &'a mut dyn FnMut(&RecordBatch) -> Result<(), WorkError>,
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
    /// Their versions and comments, as far as they are known by now.
    pub(super) told: &'a RefCell<Vec<Option<Told>>>,
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
        (kind, when): (Kind, Closed),
    ) -> Footer {
        let told = self.told.borrow();
        let totals = self.totals.borrow();
        let unknown = Told {
            version: Carried {
                size: 0,
                hash: ContentHash([0; 32]),
            },
            comments: Arc::default(),
        };
        if told.iter().any(Option::is_none) {
            self.incomplete.set(true);
        }
        let told = told.iter().map(|told| told.as_ref().unwrap_or(&unknown));
        let nothing = Comments::default();
        let (comments, numbers) = Comments::numbered(told.clone().map(|told| match kind {
            Kind::Rows => &*told.comments,
            // The columns of rows that are set aside are others.
            Kind::Aside => &nothing,
        }));
        let inputs = self.inside.iter().zip(told).enumerate();
        let inputs = inputs.map(|(place, (index, Told { version, .. }))| FooterInput {
            path: self.order.members[*index].path.clone(),
            size: version.size,
            hash: version.hash,
            rows: totals[place].filter(|_| when == Closed::AtEnd),
            rows_here: rows.get(place).copied().unwrap_or_default(),
            comments: numbers[place],
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
            comments,
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
        let mut shuffle = Shuffle::new(memory, means.crew, &spill);
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
        let kind = self.kind;
        self.outputs
            .footer(&partition, number, member_rows, (kind, when))
    }
}

/// Names depend on the unit and the place alone, so that building again overwrites.
fn file_name(unit: UnitId, number: usize) -> String {
    match number {
        0 => format!("{unit}.parquet"),
        _ => format!("{unit}-{number}.parquet"),
    }
}
