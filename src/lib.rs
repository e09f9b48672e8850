//! strandline keeps a set of Parquet partitions equal to a full reload of a pile of files, while touching only
//! what changed since last time.

pub mod cli;
pub mod clock;
pub mod config;
pub mod decode;
pub mod detect;
pub mod durable;
pub mod encode;
pub mod engine;
pub mod ledger;
pub mod model;
pub mod plan;
pub mod schema;
pub mod sink;
pub mod source;
pub mod transform;
