//! Encodes what the shuffle has collected, partition by partition in the order of their directories.
//!
//! The last rows of a partition are encoded while the next ones are handed out already, so that many small partitions keep
//! all hands busy.

use std::collections::VecDeque;

use arrow::datatypes::SchemaRef;

use super::order::StagedOutput;
use super::rows::{Kind, Outputs, Placed, Push};
use super::work::WorkError;
use crate::encode::{EncodeMeans, Encoder};
use crate::model::PartitionValues;
use crate::transform::{PartitionRows, Shuffled};

/// Partitions whose last rows are being encoded, for each pair of hands.
const ENDING_EACH: usize = 4;

type PartitionEncoder<'a> = Encoder<'a, Placed<'a>>;

/// Writes all rows that were collected, and returns the files in the order of their directories. Rows have the columns of
/// `schema`.
pub(super) fn encode(
    shuffled: Shuffled<'_>,
    outputs: &Outputs<'_>,
    schema: &SchemaRef,
    means: EncodeMeans<'_>,
) -> Result<Vec<StagedOutput>, WorkError> {
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
    shuffled.for_each(&mut take)?;
    ended.finish()
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
