//! The engine against a model: random histories of a source, with crashes, and named stories.

mod comments;
mod declared;
mod expect;
mod hands;
mod inference;
mod lost_rows;
mod machine;
mod model;
mod moves;
mod objects;
mod operation;
mod packing;
mod portions;
mod questions;
mod read_back;
mod regressions;
mod rows;
mod same_content;
mod sorted;
mod sql;
mod step;
mod stories;
mod together;
mod unwritable;
mod uuids;
mod world;
