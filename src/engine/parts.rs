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
//! - What is held is what the encoders held when the shuffle began, and what the shuffle holds.

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

type PartEncoder<'a> = Encoder<'a, Placed<'a>>;

/// The partitions of one attempt.
pub(super) struct Parts<'a> {
    outputs: &'a Outputs<'a>,
    schema: SchemaRef,
    means: EncodeMeans<'a>,
    encoders: HashMap<PartitionValues, PartEncoder<'a>>,
    shuffle: Shuffle<'a>,
    is_collecting: bool,
}

impl<'a> Parts<'a> {
    /// Begins without rows; those of a partition have the columns of `schema`. Encoders hold about as much as `means` say,
    /// and the shuffle as much again.
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
            shuffle: Shuffle::new(means.memory, means.crew, spill),
            // What is sorted is collected first in any case.
            is_collecting: outputs.is_sorted(schema),
        }
    }

    /// Takes rows of a member, by its place among those that are in.
    pub(super) fn push(&mut self, place: usize, rows: &Routed) -> Result<(), WorkError> {
        if !self.is_collecting && self.has_room_for(rows) {
            return self.encode(place, rows);
        }
        self.is_collecting = true;
        Ok(self.shuffle.push(place, rows)?)
    }

    /// Writes what is left, and returns all files in the order of their directories.
    pub(super) fn finish(mut self) -> Result<Vec<StagedOutput>, WorkError> {
        let mut ended = Ended::default();
        let most = ENDING_EACH * self.means.crew.hands();
        let (encoders, outputs) = (&mut self.encoders, self.outputs);
        let (schema, means) = (&self.schema, self.means);
        self.shuffle.finish()?.for_each(
            &mut |values: &PartitionValues, rows: &mut PartitionRows<'_>| {
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
                ended.add(values, encoder)?;
                ended.leave(most)
            },
        )?;
        for (values, encoder) in self.encoders.drain() {
            ended.add(&values, encoder)?;
        }
        ended.leave(0)?;
        let mut staged = ended.staged;
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
        self.encoders.len() + new.count() <= MOST_ENCODERS && self.held() <= self.means.memory
    }

    fn held(&self) -> usize {
        self.encoders.values().map(Encoder::held).sum()
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
        if self.held() > self.means.memory {
            // Rows that wait to be encoded are the larger part, perhaps.
            let mut encoders = self.encoders.values_mut();
            encoders.try_for_each(Encoder::catch_up)?;
        }
        Ok(())
    }
}

fn begin<'a>(
    outputs: &'a Outputs<'a>,
    schema: &SchemaRef,
    means: EncodeMeans<'a>,
    values: PartitionValues,
) -> PartEncoder<'a> {
    let place = Placed::new(outputs, Kind::Rows, values);
    outputs.encoder(schema, means, place)
}

/// Partitions that have all their rows.
#[derive(Default)]
struct Ended<'a> {
    /// Of these some are still being encoded.
    encoders: VecDeque<(String, PartEncoder<'a>)>,
    staged: Vec<(String, Vec<StagedOutput>)>,
}

impl<'a> Ended<'a> {
    fn add(
        &mut self,
        values: &PartitionValues,
        mut encoder: PartEncoder<'a>,
    ) -> Result<(), WorkError> {
        encoder.end()?;
        self.encoders.push_back((partition_dir(values), encoder));
        Ok(())
    }

    /// Waits until only so many are still being encoded.
    fn leave(&mut self, most: usize) -> Result<(), WorkError> {
        while self.encoders.len() > most {
            let Some((dir, encoder)) = self.encoders.pop_front() else {
                break;
            };
            let (files, place) = encoder.finish()?;
            self.staged.push((dir, place.staged(files)));
        }
        Ok(())
    }
}
