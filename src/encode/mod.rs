//! Adapter: batches in, Parquet bytes out.
//!
//! [`Encoder`] writes the rows that a unit has in one partition as one or more whole Parquet files, each with a
//! [`Footer`] that says whose rows it holds; [`read_footer`] reads that back.
//!
//! # Invariants
//! - The bytes are a pure function of the sequence of rows, the schema, the options and the footers. Rows are cut
//!   into chunks anew before Parquet sees them, so the sizes of the incoming batches leave no trace; no clock, no
//!   random number and no order of a hash table enters a file.
//! - A file without rows is never begun.
//! - Memory is bounded, whatever the number of rows: by the row group that is not whole yet, with its bloom filters, and
//!   by what waits for the crew or for its turn, up to what [`EncodeMeans`] says. [`Encoder::held`] tells how much it is.
//!   Where rows are sorted, what is to say whose they are counts towards the size of the file.
//!
//! # The format
//! Parquet 1.0 data pages, under zstd unless told otherwise, with statistics and page index. Integers, dates and timestamps are delta-encoded. A look at the first rows
//! (`look`) decides about the rest: text has a dictionary unless its values hardly repeat, in which case lengths are
//! delta-encoded and followed by the bytes; floats are plain unless they are a handful of values. Where plain encodings
//! are asked for there are no deltas. Columns of UUIDs have that logical type, at every depth. Bloom filters stand behind the row groups that they are of. Beside `ARROW:schema` the key-value metadata holds, in this
//! order, each value as JSON: `strandline.format` (the version of all of this), `strandline.unit`,
//! `strandline.definition`, `strandline.unit_partition`, `strandline.partition`, `strandline.file`,
//! `strandline.shape` and `strandline.inputs`; then `strandline.source_shape`, where rows went through SQL,
//! `strandline.comments`, what the inputs say about themselves where that is kept, and `strandline.order`, where rows are
//! sorted (see the module `order`). Behind these stands under its own keys what the inputs [agree](crate::model::Comments::agreed)
//! to say about themselves. `ARROW:schema` has that as well, as metadata of the schema, and what they say about columns as
//! metadata of the fields. A row group has a megabyte of rows for each column, within limits, and half of that
//! where rows are of several partitions (`row_group`).
//!
//! # Where the time goes
//! Of the CPU time of a first load of CSV (numbers, instants, amounts, short and free text; one file of 800 MB, two
//! threads), a third is zstd at level 3, a tenth is Parquet's encoders, a quarter is reading the text (`decode` says how
//! that divides), a twenty-fifth hashes what is read, and a seventh copies rows: out of the blocks that were decoded,
//! into chunks and into row groups. So compression is the limit: without it, the rest would take two thirds.
//! Encodings are the largest lever on both time and size. A dictionary that is tried on a column which hardly repeats
//! costs more than it gives, and numbers by their differences leave zstd much less to do. Columns and row groups are
//! independent, so encoding falls with the number of hands; what is left to one thread is to put them into files.

mod chunks;
mod encoder;
mod error;
mod footer;
mod form;
mod look;
mod order;
mod output;
mod properties;
mod row_group;
mod weight;

pub use encoder::{
    Closed, EncodeFiles, EncodeMeans, EncodeOptions, EncodeSink, EncodedFile, Encoder, Taken,
};
pub use error::{EncodeError, FooterError};
pub use footer::{Footer, FooterInput, read_footer, read_order};
pub use order::{RowOrder, RowRuns};
pub use row_group::Layout;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod whole_tests;
#[cfg(test)]
mod writing_tests;
