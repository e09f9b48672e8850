//! The partitions of a unit: their rows are collected until all are there, and encoded partition by partition in the order
//! of their directories.
//!
//! Where the rows do not fit into memory, partitions that have rows for whole row groups are encoded as far as that at once;
//! what is left is spilled only if that does not make room. It shows in no byte, for where a row group ends is told by its
//! rows alone. The last rows of a partition are encoded while the next ones are handed out already, so that many small
//! partitions keep all hands busy.

use std::collections::{BTreeMap, VecDeque};

use arrow::datatypes::SchemaRef;

use super::order::StagedOutput;
use super::rows::{Kind, Outputs, Placed, Push};
use super::work::WorkError;
use crate::encode::{EncodeMeans, Encoder};
use crate::model::PartitionValues;
use crate::transform::{MemberRows, PartitionRows, Routed, Shuffle};

/// Partitions whose last rows are being encoded, for each pair of hands.
const ENDING_EACH: usize = 4;
/// Files that partitions have open before all rows are there, for each pair of hands, and in a unit at most.
const FILES_EACH: usize = 16;
const MOST_FILES: usize = 64;

type PartitionEncoder<'a> = Encoder<'a, Placed<'a>>;

/// Brings the rows of one attempt to build a unit to the files of their partitions.
pub(super) struct PartitionWriter<'a> {
    shuffle: Shuffle<'a>,
    outputs: &'a Outputs<'a>,
    schema: SchemaRef,
    means: EncodeMeans<'a>,
    early: Early<'a>,
}

impl<'a> PartitionWriter<'a> {
    /// Begins without rows. They are to have the columns of `schema`.
    pub(super) fn new(
        shuffle: Shuffle<'a>,
        outputs: &'a Outputs<'a>,
        schema: &SchemaRef,
        means: EncodeMeans<'a>,
    ) -> Self {
        Self {
            shuffle,
            outputs,
            schema: SchemaRef::clone(schema),
            means,
            early: Early(BTreeMap::new()),
        }
    }

    /// Takes rows of the member at `place`.
    pub(super) fn push(&mut self, place: usize, rows: &Routed) -> Result<(), WorkError> {
        self.shuffle.push(place, rows)?;
        if self.shuffle.is_full() {
            self.encode_whole()?;
            self.shuffle.make_room()?;
        }
        Ok(())
    }

    /// Writes all rows, and returns the files in the order of their directories.
    pub(super) fn finish(self) -> Result<Vec<StagedOutput>, WorkError> {
        let Self {
            shuffle,
            outputs,
            schema,
            means,
            mut early,
        } = self;
        let mut ended = Ended::new(means);
        let mut take = |values: &PartitionValues, rows: &mut PartitionRows<'_>| {
            let mut encoder = early
                .0
                .remove(values)
                .unwrap_or_else(|| begin(outputs, &schema, means, values));
            let mut feed = |push: &mut Push<'_>| -> Result<bool, WorkError> {
                for part in &mut *rows {
                    let (place, batch) = part?;
                    push(place, &batch)?;
                }
                Ok(true)
            };
            outputs.encode(&mut encoder, &schema, means.memory, &mut feed)?;
            ended.add(encoder)
        };
        shuffle.finish()?.for_each(&mut take)?;
        ended.finish()
    }

    /// Has row groups encoded whose rows are all there.
    fn encode_whole(&mut self) -> Result<(), WorkError> {
        let Self {
            shuffle,
            outputs,
            schema,
            means,
            early,
        } = self;
        // Which of sorted rows come first is known at the end. Rows without columns are refused then.
        if outputs.is_sorted(schema) || schema.fields().is_empty() {
            return Ok(());
        }
        let most = MOST_FILES.min(FILES_EACH * means.crew.hands());
        let mut room = most.saturating_sub(early.files());
        let mut may_be_more = false;
        let mut take = |values: &PartitionValues, rows: MemberRows| -> Result<usize, WorkError> {
            if room == 0 && may_be_more {
                // Each row group has counted for a file, and most have gone to that of the one before.
                early.settle(0)?;
                room = most.saturating_sub(early.files());
                may_be_more = false;
            }
            let known = early.0.get(values);
            // In a file that is not full there is room for one at the least.
            let placed = usize::from(known.is_some_and(|encoder| !encoder.is_full()));
            if room + placed == 0 {
                return Ok(0);
            }
            let encoder = early.0.entry(values.clone());
            let encoder = encoder.or_insert_with(|| begin(outputs, schema, *means, values));
            let taken = encoder.push_whole(rows, room + placed)?;
            room -= taken.row_groups.saturating_sub(placed);
            may_be_more |= taken.row_groups > 1;
            early.settle(means.memory)?;
            Ok(taken.rows)
        };
        shuffle.hand_out(&mut take)?;
        // Rows of one batch are handed out to many partitions: it stays in memory until the last of them is encoded.
        early.settle(0)
    }
}

fn begin<'a>(
    outputs: &'a Outputs<'a>,
    schema: &SchemaRef,
    means: EncodeMeans<'a>,
    values: &PartitionValues,
) -> PartitionEncoder<'a> {
    let place = Placed::new(outputs, Kind::Rows, values.clone());
    outputs.encoder(schema, means, place)
}

/// Partitions whose first rows are being encoded, or have been: none of them has a row group that is not whole.
struct Early<'a>(BTreeMap<PartitionValues, PartitionEncoder<'a>>);

impl Early<'_> {
    /// Returns how many files they have.
    fn files(&self) -> usize {
        self.0.values().map(Encoder::files).sum()
    }

    /// Waits until no more than so many bytes are not in a file yet.
    fn settle(&mut self, most: usize) -> Result<(), WorkError> {
        let mut held: usize = self.0.values().map(Encoder::held).sum();
        for encoder in self.0.values_mut() {
            if held <= most {
                break;
            }
            held -= encoder.held();
            encoder.settle()?;
        }
        Ok(())
    }
}

/// Partitions that have all their rows.
struct Ended<'a> {
    means: EncodeMeans<'a>,
    /// Of these some are still being encoded.
    encoders: VecDeque<PartitionEncoder<'a>>,
    staged: Vec<StagedOutput>,
}

impl<'a> Ended<'a> {
    fn new(means: EncodeMeans<'a>) -> Self {
        Self {
            means,
            encoders: VecDeque::new(),
            staged: Vec::new(),
        }
    }

    /// Takes a partition, and waits for earlier ones where they are too many or too large.
    fn add(&mut self, mut encoder: PartitionEncoder<'a>) -> Result<(), WorkError> {
        encoder.end()?;
        self.encoders.push_back(encoder);
        let most = ENDING_EACH * self.means.crew.hands();
        let is_much =
            |ended: &Self| ended.encoders.len() > most || ended.held() > ended.means.memory;
        while is_much(self) && self.finish_first()? {}
        Ok(())
    }

    /// Waits for all, and returns their files in the order of the partitions.
    fn finish(mut self) -> Result<Vec<StagedOutput>, WorkError> {
        while self.finish_first()? {}
        Ok(self.staged)
    }

    fn held(&self) -> usize {
        let encoders = self.encoders.iter();
        encoders.map(Encoder::held).sum()
    }

    /// Waits for the one that was added first, if there is one.
    fn finish_first(&mut self) -> Result<bool, WorkError> {
        let Some(encoder) = self.encoders.pop_front() else {
            return Ok(false);
        };
        let (files, place) = encoder.finish()?;
        self.staged.append(&mut place.staged(files));
        Ok(true)
    }
}
