//! Spilled runs: written in the order of the partitions, read once from front to back.

use std::collections::{HashMap, VecDeque};
use std::io;

use arrow::array::RecordBatch;

use super::memory::{Memory, SortedRows};
use super::writer::{RunWriter, Segment, Written};
use super::{SpillStore, TransformError};
use crate::crew::Crew;
use crate::transform::spill::{Chunk, Spilling, failed};

/// More runs than this are merged into one, since each costs a chunk of memory while it is read.
const MOST_RUNS: usize = 32;

/// The chunks with one schema of one spilled file, and how far they have been read.
struct Stream {
    number: usize,
    chunks: VecDeque<Chunk>,
    current: Option<RecordBatch>,
}

/// All that has been spilled; the files go when it is dropped.
pub(super) struct Runs<'a> {
    spill: &'a dyn SpillStore,
    crew: &'a dyn Crew,
    chunk_bytes: usize,
    live: Vec<usize>,
    next_number: usize,
    streams: Vec<Stream>,
    segments: HashMap<usize, Vec<Segment>>,
}

impl<'a> Runs<'a> {
    pub(super) fn new(spill: &'a dyn SpillStore, crew: &'a dyn Crew, budget_bytes: usize) -> Self {
        Self {
            spill,
            crew,
            chunk_bytes: (budget_bytes / (2 * MOST_RUNS)).clamp(16 << 10, 1 << 20),
            live: Vec::new(),
            next_number: 0,
            streams: Vec::new(),
            segments: HashMap::new(),
        }
    }

    /// Tells whether rows of the partition have been spilled.
    pub(super) fn has(&self, partition: usize) -> bool {
        self.segments.contains_key(&partition)
    }

    /// Takes the list of the partition's spilled rows, in the order they came.
    pub(super) fn take_segments(&mut self, partition: usize) -> Vec<Segment> {
        self.segments.remove(&partition).unwrap_or_default()
    }

    /// Writes `rows` as a new run.
    pub(super) fn spill(&mut self, rows: &SortedRows) -> Result<(), TransformError> {
        if rows.pieces.is_empty() {
            return Ok(());
        }
        let mut writer = self.begin()?;
        writer.append(rows)?;
        self.adopt(writer.finish()?);
        Ok(())
    }

    fn begin(&mut self) -> Result<RunWriter<'a>, TransformError> {
        let number = self.next_number;
        self.next_number += 1;
        self.live.push(number);
        let file = Spilling::begin(self.spill, number)?;
        Ok(RunWriter::new(file, self.crew, self.chunk_bytes))
    }

    fn adopt(&mut self, written: Written) {
        let base = self.streams.len();
        self.streams
            .extend(written.streams.into_iter().map(|chunks| Stream {
                number: written.number,
                chunks: chunks.into(),
                current: None,
            }));
        for (partition, mut segment) in written.segments {
            segment.stream += base;
            self.segments.entry(partition).or_default().push(segment);
        }
    }

    /// Returns up to `most` rows of the stream's next ones: at least one, as long as there are any.
    pub(super) fn read(
        &mut self,
        stream: usize,
        most: usize,
    ) -> Result<RecordBatch, TransformError> {
        let stream = &mut self.streams[stream];
        let batch = match stream.current.take() {
            Some(batch) => batch,
            None => stream.load(self.spill)?,
        };
        let count = most.min(batch.num_rows());
        if count < batch.num_rows() {
            stream.current = Some(batch.slice(count, batch.num_rows() - count));
        }
        Ok(batch.slice(0, count))
    }

    /// Merges the runs where there are too many to be read side by side.
    pub(super) fn merge_if_many(&mut self, ranks: &[usize]) -> Result<(), TransformError> {
        if self.live.len() < MOST_RUNS {
            return Ok(());
        }
        let old = self.live.clone();
        let mut partitions: Vec<_> = std::mem::take(&mut self.segments).into_iter().collect();
        partitions.sort_by_key(|(partition, _)| ranks[*partition]);
        let mut writer = self.begin()?;
        let mut memory = Memory::default();
        for (partition, segments) in partitions {
            for segment in segments {
                let mut left = segment.rows;
                while left > 0 {
                    let batch = self.read(segment.stream, left)?;
                    left -= batch.num_rows();
                    let parts = std::iter::once((partition, batch.num_rows()));
                    memory.push(segment.member, batch, parts)?;
                    if memory.bytes() > self.chunk_bytes * MOST_RUNS / 2 {
                        writer.append(&memory.take_sorted(ranks)?)?;
                    }
                }
            }
        }
        writer.append(&memory.take_sorted(ranks)?)?;
        self.streams.clear();
        self.adopt(writer.finish()?);
        self.live.retain(|number| !old.contains(number));
        for number in old {
            self.spill
                .remove(number)
                .map_err(failed("remove", number))?;
        }
        Ok(())
    }
}

impl Drop for Runs<'_> {
    fn drop(&mut self) {
        for number in &self.live {
            // What cannot be removed here is swept with the rest of the staging place.
            let _ = self.spill.remove(*number);
        }
    }
}

impl Stream {
    /// Reads the next chunk.
    fn load(&mut self, spill: &dyn SpillStore) -> Result<RecordBatch, TransformError> {
        let ends = || failed("read", self.number)(io::ErrorKind::UnexpectedEof.into());
        let chunk = self.chunks.pop_front().ok_or_else(ends)?;
        chunk.read(spill, self.number)
    }
}
