//! Adapter: brings rows into shape and to their partitions.
//!
//! [`RowTransform`] is the SQL that rows go through on their way, where there is any; see the module `sql`.
//! [`conform()`] gives every batch of a unit the unit's columns, [`route()`] splits a batch by the values of the
//! partition columns and [`restore`] puts those back for rows that are carried over from an output. [`Shuffle`]
//! collects what was routed and hands it out partition by partition, as a rule when all of a unit's rows are there. A
//! [`Sorter`] sorts the rows of one partition, where they are to be sorted.
//!
//! # Invariants
//! - No row is lost, doubled or moved past another row of its partition.
//! - The text of a partition value is exact: [`restore`] gives back the value that [`route()`] took.
//! - A [`Shuffle`] or [`Sorter`] holds rows in memory up to its budget, if a full shuffle makes room, and at most one
//!   spilled file open, however many partitions there are. On the budget depends when rows are handed out and in what
//!   batches, but not which ones and in what order.
//!
//! Encoding and publishing are left to others.

mod conform;
mod error;
mod route;
mod shuffle;
mod sort;
mod spill;
mod sql;
mod step;
mod value;

pub use conform::conform;
pub use error::TransformError;
pub use route::{Routed, restore, route};
pub use shuffle::{MemberRows, PartitionRows, Shuffle, Shuffled};
pub use sort::{Sorter, TakeSorted};
pub use spill::{SpillFile, SpillStore};
pub use sql::{
    Aside, Bound, Clause, Origin, Pieces, Place, RowError, RowTransform, SqlError, Transformed,
};
pub use step::{StepError, Transform};
pub use value::is_routable;
