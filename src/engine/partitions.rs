//! Brings the rows of a unit into its partitions.
//!
//! Each partition has an encoder of its own, which takes its rows as they come, as long as what the encoders hold fits into
//! memory. From then on rows are collected by the shuffle, and when all members have been read each encoder takes, one
//! after the other, what was collected for it.
//!
//! # Invariants
//! - An encoder takes the rows of its partition in the order of the members, whenever the shuffle began: so that this
//!   depends on the memory leaves no trace in the files.
//! - No file of a partition is closed before all members have been read, so that footers can tell all of them.
//! - Encoders hold no more than their share of the memory, and the last batches of each partition, when the shuffle begins;
//!   the shuffle has a share of its own. What is handed out at the end waits within the share of the encoders.

use std::collections::{HashMap, VecDeque};

use arrow::datatypes::SchemaRef;

use super::order::StagedOutput;
use super::rows::{Kind, Outputs, Placed, Push};
use super::staged::Spill;
use super::work::WorkError;
use crate::encode::{EncodeMeans, Encoder};
use crate::model::{PartitionValues, partition_dir};
use crate::transform::{PartitionRows, Routed, Shuffle};

/// Partitions that are encoded as their rows come, at most: each has a file that is open, and pages that are not full.
const MOST_ENCODERS: usize = 64;

/// Partitions whose last rows are being encoded, for each pair of hands.
const ENDING_EACH: usize = 4;

type PartitionEncoder<'a> = Encoder<'a, Placed<'a>>;
type Encoders<'a> = HashMap<PartitionValues, PartitionEncoder<'a>>;

/// The partitions of one attempt.
pub(super) struct Partitions<'a> {
    outputs: &'a Outputs<'a>,
    schema: SchemaRef,
    means: EncodeMeans<'a>,
    encoders: Encoders<'a>,
    spill: &'a Spill<'a>,
    /// Once rows are collected.
    shuffle: Option<Shuffle<'a>>,
}

impl<'a> Partitions<'a> {
    /// Begins without rows; those of a partition have the columns of `schema`. Of the memory encoders take three quarters
    /// and leave the rest to the shuffle; where there are none it takes half, and those that come behind it the other.
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
            encoders: HashMap::new(),
            spill,
            shuffle: outputs
                .collects_first(schema)
                .then(|| Shuffle::new(means.memory / 2, means.crew, spill)),
        }
    }

    /// Takes rows of a member, by its place among those that are in.
    pub(super) fn push(&mut self, place: usize, rows: &Routed) -> Result<(), WorkError> {
        if self.shuffle.is_none() && self.has_room_for(rows) {
            return self.encode(place, rows);
        }
        let (means, spill) = (self.means, self.spill);
        let room = means.memory - self.held().clamp(means.memory / 2, self.most());
        let begin = || Shuffle::new(room, means.crew, spill);
        Ok(self.shuffle.get_or_insert_with(begin).push(place, rows)?)
    }

    /// Writes what is left, and returns all files in the order of their directories.
    pub(super) fn finish(mut self) -> Result<Vec<StagedOutput>, WorkError> {
        let means = EncodeMeans {
            memory: self.means.memory / 2,
            ..self.means
        };
        let mut ended = Ended::new(means);
        let (encoders, outputs) = (&mut self.encoders, self.outputs);
        let schema = &self.schema;
        let mut take = |values: &PartitionValues, rows: &mut PartitionRows<'_>| {
            let begun = encoders.remove(values);
            let mut encoder =
                begun.unwrap_or_else(|| begin(outputs, schema, means, values.clone()));
            let mut feed = |push: &mut Push<'_>| -> Result<bool, WorkError> {
                for part in &mut *rows {
                    let (place, batch) = part?;
                    push(place, &batch)?;
                }
                Ok(true)
            };
            outputs.encode(&mut encoder, schema, means.memory, &mut feed)?;
            ended.add(values, encoder, encoders)
        };
        if let Some(shuffle) = self.shuffle {
            shuffle.finish()?.for_each(&mut take)?;
        }
        let others = std::mem::take(encoders);
        for (values, encoder) in others {
            ended.add(&values, encoder, encoders)?;
        }
        let mut staged = ended.finish()?;
        staged.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(staged
            .into_iter()
            .flat_map(|(_, outputs)| outputs)
            .collect())
    }

    /// Tells whether the rows can be encoded right away.
    fn has_room_for(&mut self, rows: &Routed) -> bool {
        let parts = rows.parts().iter();
        let new = parts.filter(|(values, _)| !self.encoders.contains_key(values));
        self.encoders.len() + new.count() <= MOST_ENCODERS && self.held() <= self.most()
    }

    /// Returns what encoders may hold.
    fn most(&self) -> usize {
        self.means.memory / 4 * 3
    }

    fn held(&self) -> usize {
        held_by(&self.encoders)
    }

    fn encode(&mut self, place: usize, rows: &Routed) -> Result<(), WorkError> {
        let mut start = 0;
        for (values, count) in rows.parts() {
            let piece = rows.batch().slice(start, *count);
            start += count;
            if !self.encoders.contains_key(values) {
                let begun = begin(self.outputs, &self.schema, self.means, values.clone());
                self.encoders.insert(values.clone(), begun);
            }
            let Some(encoder) = self.encoders.get_mut(values) else {
                continue;
            };
            encoder.push(place, &piece)?;
        }
        if self.held() > self.most() {
            // Rows that wait to be encoded are the larger part, perhaps.
            let mut encoders = self.encoders.values_mut();
            encoders.try_for_each(Encoder::catch_up)?;
        }
        Ok(())
    }
}

fn held_by(encoders: &Encoders<'_>) -> usize {
    encoders.values().map(Encoder::held).sum()
}

fn begin<'a>(
    outputs: &'a Outputs<'a>,
    schema: &SchemaRef,
    means: EncodeMeans<'a>,
    values: PartitionValues,
) -> PartitionEncoder<'a> {
    let place = Placed::new(outputs, Kind::Rows, values);
    outputs.encoder(schema, means, place)
}

/// Partitions that have all their rows.
struct Ended<'a> {
    means: EncodeMeans<'a>,
    /// Of these some are still being encoded.
    encoders: VecDeque<(String, PartitionEncoder<'a>)>,
    staged: Vec<(String, Vec<StagedOutput>)>,
}

impl<'a> Ended<'a> {
    fn new(means: EncodeMeans<'a>) -> Self {
        Self {
            means,
            encoders: VecDeque::new(),
            staged: Vec::new(),
        }
    }

    /// Takes a partition, and waits for earlier ones where they are too many, or too large beside those that are still to
    /// come.
    fn add(
        &mut self,
        values: &PartitionValues,
        mut encoder: PartitionEncoder<'a>,
        to_come: &Encoders<'a>,
    ) -> Result<(), WorkError> {
        encoder.end()?;
        self.encoders.push_back((partition_dir(values), encoder));
        let most = ENDING_EACH * self.means.crew.hands();
        let room = self.means.memory.saturating_sub(held_by(to_come));
        while self.encoders.len() > most || self.held() > room {
            if !self.finish_first()? {
                break;
            }
        }
        Ok(())
    }

    /// Waits for all, and returns their files with their directories.
    fn finish(mut self) -> Result<Vec<(String, Vec<StagedOutput>)>, WorkError> {
        while self.finish_first()? {}
        Ok(self.staged)
    }

    fn held(&self) -> usize {
        let encoders = self.encoders.iter();
        encoders.map(|(_, encoder)| encoder.held()).sum()
    }

    /// Waits for the one that was added first, if there is one.
    fn finish_first(&mut self) -> Result<bool, WorkError> {
        let Some((dir, encoder)) = self.encoders.pop_front() else {
            return Ok(false);
        };
        let (files, place) = encoder.finish()?;
        self.staged.push((dir, place.staged(files)));
        Ok(true)
    }
}
