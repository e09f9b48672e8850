//! Where a unit's rows go: to their partitions where columns name some, through the sorter where they are to be sorted, and
//! into staged Parquet files.

use std::cell::{Cell, RefCell};
use std::io;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;

use super::aside;
use super::order::{StagedOutput, WorkOrder};
use super::partitions::PartitionWriter;
use super::routing::{Routing, data_columns};
use super::staged::{Spill, Staged, UnitFiles, as_io};
use super::work::WorkError;
use crate::config::FORMAT_VERSION;
use crate::encode::{
    Closed, EncodeFiles, EncodeMeans, EncodeOptions, EncodeSink, EncodedFile, Encoder, Footer,
    FooterInput, Layout,
};
use crate::model::{
    Carried, Comments, ContentHash, OutputPath, PartitionValues, Shape, UnitId, partition_dir,
};
use crate::sink::StageName;
use crate::transform::{Shuffle, Sorter};

/// Takes rows of a member, by its place among those that are in.
pub(super) type Push<'a> = dyn FnMut(usize, &RecordBatch) -> Result<(), WorkError> + 'a;

/// Hands all rows, in order, to what it is given; false where something was not as assumed.
pub(super) type Feed<'a> = dyn FnMut(&mut Push<'_>) -> Result<bool, WorkError> + 'a;

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
    /// Set once all rows have been read.
    pub(super) all_read: Cell<bool>,
    /// Set where a footer had to be written before everything in it was known.
    pub(super) incomplete: Cell<bool>,
}

impl<'a> Outputs<'a> {
    /// Writes all rows; `None` where the feed says that something was not as assumed.
    pub(super) fn write(
        &'a self,
        schema: &SchemaRef,
        means: EncodeMeans<'a>,
        feed: &mut FeedBoth<'_>,
    ) -> Result<Option<Vec<StagedOutput>>, WorkError> {
        // Rows are set aside now and then.
        let few = EncodeMeans {
            memory: means.memory / 8,
            ..means
        };
        let aside = Placed::new(self, Kind::Aside, PartitionValues::new());
        let mut beside = self.encoder(&aside::schema(), few, aside);
        let mut set_aside = |place: usize, rows: &RecordBatch| Ok(beside.push(place, rows)?);
        let mut feed = |push: &mut Push<'_>| feed(push, &mut set_aside);
        let columns = data_columns(&self.order.definition, &self.order.partition_values);
        let written = if columns.is_empty() {
            self.write_flat(schema, means, &mut feed)?
        } else {
            self.write_partitioned(&columns, schema, means, &mut feed)?
        };
        let Some(mut outputs) = written else {
            return Ok(None);
        };
        let (files, aside) = beside.finish()?;
        outputs.append(&mut aside.staged(files));
        Ok((!self.incomplete.get()).then_some(outputs))
    }

    /// Returns what is left for the encoder, and as much for the sorter, where there is one.
    fn beside_sorter(&self, memory: usize) -> usize {
        let has_sorter = !self.order.definition.writing.sort_by.is_empty();
        if has_sorter { memory / 2 } else { memory }
    }

    /// Writes all rows to one partition.
    fn write_flat(
        &'a self,
        schema: &SchemaRef,
        means: EncodeMeans<'a>,
        feed: &mut Feed<'_>,
    ) -> Result<Option<Vec<StagedOutput>>, WorkError> {
        let memory = self.beside_sorter(means.memory);
        let means = EncodeMeans { memory, ..means };
        let place = Placed::new(self, Kind::Rows, PartitionValues::new());
        let mut encoder = self.encoder(schema, means, place);
        if !self.encode(&mut encoder, schema, memory, feed)? {
            return Ok(None);
        }
        let (files, place) = encoder.finish()?;
        Ok(Some(place.staged(files)))
    }

    /// Writes each row to the partition that the values of `columns` say.
    fn write_partitioned(
        &'a self,
        columns: &[String],
        schema: &SchemaRef,
        means: EncodeMeans<'a>,
        feed: &mut Feed<'_>,
    ) -> Result<Option<Vec<StagedOutput>>, WorkError> {
        // Beside them there is what waits to be encoded, and one partition that is sorted.
        let collected = means.memory / 4 * 3;
        let memory = self.beside_sorter(means.memory - collected);
        let means = EncodeMeans { memory, ..means };
        let fields = schema.fields().iter();
        let kept = fields.filter(|field| !columns.contains(field.name()));
        let schema: SchemaRef = Arc::new(Schema::new(kept.cloned().collect::<Vec<_>>()));
        let spill = Spill {
            files: self.files,
            what: "spill",
        };
        let shuffle = Shuffle::new(collected, means.crew, &spill);
        let mut partitions = PartitionWriter::new(shuffle, self, &schema, means);
        let mut routing = Routing::new(columns, means);
        if !feed(&mut |place, batch| routing.push(place, batch, &mut partitions))? {
            return Ok(None);
        }
        routing.finish(&mut partitions)?;
        self.all_read.set(true);
        partitions.finish().map(Some)
    }

    pub(super) fn encoder<'o>(
        &'o self,
        schema: &SchemaRef,
        means: EncodeMeans<'o>,
        place: Placed<'o>,
    ) -> Encoder<'o, Placed<'o>> {
        let options = EncodeOptions {
            target_file_size: self.order.definition.target_file_size.0,
            writing: self.order.definition.writing.clone(),
            layout: if place.values.is_empty() {
                Layout::Flat
            } else {
                Layout::Partitioned
            },
        };
        Encoder::new(schema, options, means, self.inside.len(), place)
    }

    /// Returns the values of a partition, those from the path first.
    fn partition(&self, values: &PartitionValues) -> PartitionValues {
        let in_path = self.order.partition_values.iter();
        in_path.chain(values).cloned().collect()
    }

    /// Tells whether the rows of a partition are sorted.
    pub(super) fn is_sorted(&self, schema: &SchemaRef) -> bool {
        !self.order.definition.writing.sort_within(schema).is_empty()
    }

    /// Hands the rows of a partition to the encoder, sorted where they are to be; false where the feed says that something
    /// was not as assumed.
    pub(super) fn encode(
        &self,
        encoder: &mut Encoder<'_, Placed<'_>>,
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
pub(super) enum Kind {
    /// Rows of the target.
    Rows,
    /// Rows that are set aside.
    Aside,
}

/// Files of rows that are handed on while members are still read are kept open until so many more have been begun.
const KEPT_OPEN: usize = 16;

/// The files of one partition as the encoder sees them.
pub(super) struct Placed<'a> {
    outputs: &'a Outputs<'a>,
    kind: Kind,
    /// The values by which rows fall into the partition.
    values: PartitionValues,
    /// In the order of the files.
    stages: Vec<StageName>,
}

impl<'a> Placed<'a> {
    pub(super) fn new(outputs: &'a Outputs<'a>, kind: Kind, values: PartitionValues) -> Self {
        Self {
            outputs,
            kind,
            values,
            stages: Vec::new(),
        }
    }

    /// Returns where what was encoded is to go.
    pub(super) fn staged(self, files: Vec<EncodedFile>) -> Vec<StagedOutput> {
        let order = self.outputs.order;
        let staged = files.into_iter().zip(self.stages).map(|(file, stage)| {
            let name = file_name(order.unit, file.number);
            let output = match self.kind {
                Kind::Aside => OutputPath::aside(&name),
                Kind::Rows => {
                    let dir = format!("{}{}", order.partition, partition_dir(&self.values));
                    OutputPath::new(dir + &name)
                }
            };
            StagedOutput {
                stage,
                output,
                size: file.size,
                hash: file.hash,
                partition: self.outputs.partition(&self.values),
                member_rows: file.member_rows,
            }
        });
        staged.collect()
    }

    /// Tells whether its rows are handed on while members are still read, whatever happens.
    fn is_streamed(&self) -> bool {
        self.values.is_empty()
    }
}

impl EncodeFiles for Placed<'_> {
    fn kept_open(&self) -> usize {
        match (self.is_streamed(), self.outputs.all_read.get()) {
            (true, _) => KEPT_OPEN,
            (false, true) => 0,
            // Footers of partitions tell what is known at the end alone.
            (false, false) => usize::MAX,
        }
    }

    fn open(&mut self) -> io::Result<Box<dyn EncodeSink>> {
        let (name, file) = self.outputs.files.stage().map_err(as_io)?;
        self.stages.push(name);
        Ok(Box::new(Staged(file)))
    }

    fn footer(&self, number: usize, member_rows: &[u64], when: Closed) -> Footer {
        let when = if self.is_streamed() {
            when
        } else {
            // All members have been read.
            Closed::AtEnd
        };
        let partition = self.outputs.partition(&self.values);
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
