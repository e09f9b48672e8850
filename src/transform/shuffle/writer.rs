//! Writes one spilled run.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::TransformError;
use super::memory::{Piece, SortedRows, gather};
use crate::crew::{Crew, InOrder};
use crate::transform::spill::{CHUNK_ROWS, Chunk, Encoded, Spilling, encoded};

/// Chunks that are put together at a time, for each pair of hands.
const CHUNKS_EACH: usize = 2;

/// A stretch of consecutive rows of one stream that belong to one partition and one member.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment {
    pub(super) stream: usize,
    pub(super) member: usize,
    pub(super) rows: usize,
}

/// A run that is whole: the chunks of each of its streams, and whose rows they hold, in order.
pub(super) struct Written {
    pub(super) number: usize,
    pub(super) streams: Vec<Vec<Chunk>>,
    pub(super) segments: Vec<(usize, Segment)>,
}

/// Writes one run. Rows with the same columns form a *stream* of chunks within it.
pub(super) struct RunWriter<'c> {
    file: Spilling,
    crew: &'c dyn Crew,
    /// Chunks that are not written yet, each with its stream.
    encoding: InOrder<(usize, Result<Encoded, TransformError>)>,
    chunk_bytes: usize,
    streams: Vec<Stream>,
    segments: Vec<(usize, Segment)>,
}

struct Stream {
    schema: SchemaRef,
    chunks: Vec<Chunk>,
    pending: Vec<Piece>,
    pending_rows: usize,
    pending_bytes: usize,
}

impl<'c> RunWriter<'c> {
    pub(super) fn new(file: Spilling, crew: &'c dyn Crew, chunk_bytes: usize) -> Self {
        Self {
            file,
            crew,
            encoding: InOrder::default(),
            chunk_bytes,
            streams: Vec::new(),
            segments: Vec::new(),
        }
    }

    /// Appends rows; partitions must not come before those of earlier rows.
    pub(super) fn append(&mut self, rows: &SortedRows) -> Result<(), TransformError> {
        let streams: Vec<usize> = rows
            .blocks
            .iter()
            .map(|block| self.stream_of(block))
            .collect();
        for piece in &rows.pieces {
            let (stream, row_bytes) = (streams[piece.block], rows.row_bytes[piece.block]);
            self.note(piece, stream);
            self.append_piece(&rows.blocks, *piece, stream, row_bytes)?;
        }
        for stream in 0..self.streams.len() {
            self.begin_chunk(&rows.blocks, stream)?;
        }
        self.leave(0)
    }

    /// Ends the run.
    pub(super) fn finish(self) -> Result<Written, TransformError> {
        let number = self.file.number();
        self.file.finish()?;
        Ok(Written {
            number,
            streams: self
                .streams
                .into_iter()
                .map(|stream| stream.chunks)
                .collect(),
            segments: self.segments,
        })
    }

    fn stream_of(&mut self, block: &RecordBatch) -> usize {
        let known = self
            .streams
            .iter()
            .position(|stream| stream.schema == *block.schema_ref());
        known.unwrap_or_else(|| {
            self.streams.push(Stream {
                schema: block.schema(),
                chunks: Vec::new(),
                pending: Vec::new(),
                pending_rows: 0,
                pending_bytes: 0,
            });
            self.streams.len() - 1
        })
    }

    fn note(&mut self, piece: &Piece, stream: usize) {
        let Piece {
            partition,
            member,
            rows,
            ..
        } = *piece;
        if let Some((last_partition, last)) = self.segments.last_mut()
            && (*last_partition, last.stream, last.member) == (partition, stream, member)
        {
            last.rows += rows;
            return;
        }
        let segment = Segment {
            stream,
            member,
            rows,
        };
        self.segments.push((partition, segment));
    }

    /// Adds a piece to its stream, cut where a chunk is full.
    fn append_piece(
        &mut self,
        blocks: &Arc<[RecordBatch]>,
        mut piece: Piece,
        number: usize,
        row_bytes: usize,
    ) -> Result<(), TransformError> {
        while piece.rows > 0 {
            let stream = &mut self.streams[number];
            let room = self.chunk_bytes.saturating_sub(stream.pending_bytes) / row_bytes;
            let count = room
                .clamp(1, CHUNK_ROWS - stream.pending_rows)
                .min(piece.rows);
            stream.pending.push(Piece {
                rows: count,
                ..piece
            });
            stream.pending_rows += count;
            stream.pending_bytes += count * row_bytes;
            piece.offset += count;
            piece.rows -= count;
            if stream.pending_rows >= CHUNK_ROWS || stream.pending_bytes >= self.chunk_bytes {
                self.begin_chunk(blocks, number)?;
            }
        }
        Ok(())
    }

    fn begin_chunk(
        &mut self,
        blocks: &Arc<[RecordBatch]>,
        number: usize,
    ) -> Result<(), TransformError> {
        let stream = &mut self.streams[number];
        if stream.pending.is_empty() {
            return Ok(());
        }
        let (blocks, pieces) = (Arc::clone(blocks), std::mem::take(&mut stream.pending));
        (stream.pending_rows, stream.pending_bytes) = (0, 0);
        let encode = move || encoded(&gather(&blocks, &pieces)?);
        self.encoding
            .begin(self.crew, 0, move || (number, encode()));
        self.leave(CHUNKS_EACH * self.crew.hands())
    }

    /// Writes chunks until only so many are left that were begun.
    fn leave(&mut self, most: usize) -> Result<(), TransformError> {
        while self.encoding.len() > most
            && let Some((stream, rows)) = self.encoding.take_first()
        {
            let chunk = self.file.append(&rows?)?;
            self.streams[stream].chunks.push(chunk);
        }
        Ok(())
    }
}
