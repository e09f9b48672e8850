//! Adapter: batches in, Parquet bytes out.
//!
//! [`Encoder`] writes the rows that a unit has in each partition as one or more whole Parquet files, each
//! with a [`Footer`] that says whose rows it holds; [`read_footer`] reads that back.
//!
//! # Invariants
//! - The bytes are a pure function of the sequence of rows, the schema, the options and the footers. Rows are cut
//!   into chunks anew before Parquet sees them, so the sizes of the incoming batches leave no trace; no clock, no
//!   random number and no order of a hash table enters a file.
//! - A file without rows is never begun.
//! - Memory is bounded by one chunk and one row group for each pair of hands that helps, whatever the number of rows.
//!
//! # The format
//! Parquet 1.0 data pages under zstd. Integers, dates and timestamps are delta-encoded. A look at the first rows
//! (`look`) decides about the rest: text has a dictionary unless its values hardly repeat, in which case lengths are
//! delta-encoded and followed by the bytes; floats are plain unless they are a handful of values. Beside `ARROW:schema` the key-value metadata holds, in this
//! order, each value as JSON: `strandline.format` (the version of all of this), `strandline.unit`,
//! `strandline.definition`, `strandline.unit_partition`, `strandline.partition`, `strandline.file`,
//! `strandline.shape` and `strandline.inputs`.

mod chunks;
mod encoder;
mod error;
mod footer;
mod form;
mod look;
mod output;
mod properties;
mod row_group;
mod weight;

pub use encoder::{EncodeFiles, EncodeMeans, EncodeOptions, EncodeSink, EncodedFile, Encoder};
pub use error::{EncodeError, FooterError};
pub use footer::{Footer, FooterInput, read_footer};

#[cfg(test)]
mod tests;
