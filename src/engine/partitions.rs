//! Brings the rows of a unit into its partitions: the shuffle collects them until all members have been read, and then each
//! partition is encoded, one after the other in the order of their directories.
//!
//! The last rows of a partition are encoded while the next ones are handed out already, so that many small partitions keep
//! all hands busy.

use std::collections::VecDeque;

use arrow::datatypes::SchemaRef;

use super::order::StagedOutput;
use super::rows::{Kind, Outputs, Placed, Push};
use super::staged::Spill;
use super::work::WorkError;
use crate::encode::{EncodeMeans, Encoder};
use crate::model::PartitionValues;
use crate::transform::{PartitionRows, Routed, Shuffle};

/// Partitions whose last rows are being encoded, for each pair of hands.
const ENDING_EACH: usize = 4;

type PartitionEncoder<'a> = Encoder<'a, Placed<'a>>;

/// The partitions of one attempt.
pub(super) struct Partitions<'a> {
    outputs: &'a Outputs<'a>,
    schema: SchemaRef,
    means: EncodeMeans<'a>,
    shuffle: Shuffle<'a>,
}

impl<'a> Partitions<'a> {
    /// Begins without rows; those of a partition have the columns of `schema`. The shuffle takes as much memory as `means`
    /// say, and those that come behind it as much again.
    pub(super) fn new(
        outputs: &'a Outputs<'a>,
        schema: &SchemaRef,
        means: EncodeMeans<'a>,
        spill: &'a Spill<'a>,
    ) -> Self {
        Self {
            outputs,
            schema: schema.clone(),
            means,
            shuffle: Shuffle::new(means.memory, means.crew, spill),
        }
    }

    /// Takes rows of a member, by its place among those that are in.
    pub(super) fn push(&mut self, place: usize, rows: &Routed) -> Result<(), WorkError> {
        Ok(self.shuffle.push(place, rows)?)
    }

    /// Writes all rows, and returns the files in the order of their directories.
    pub(super) fn finish(self) -> Result<Vec<StagedOutput>, WorkError> {
        let (outputs, schema, means) = (self.outputs, &self.schema, self.means);
        let mut ended = Ended::new(means);
        let mut take = |values: &PartitionValues, rows: &mut PartitionRows<'_>| {
            let place = Placed::new(outputs, Kind::Rows, values.clone());
            let mut encoder = outputs.encoder(schema, means, place);
            let mut feed = |push: &mut Push<'_>| -> Result<bool, WorkError> {
                for part in &mut *rows {
                    let (place, batch) = part?;
                    push(place, &batch)?;
                }
                Ok(true)
            };
            outputs.encode(&mut encoder, schema, means.memory, &mut feed)?;
            ended.add(encoder)
        };
        self.shuffle.finish()?.for_each(&mut take)?;
        ended.finish()
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
        while self.encoders.len() > most || self.held() > self.means.memory {
            if !self.finish_first()? {
                break;
            }
        }
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
