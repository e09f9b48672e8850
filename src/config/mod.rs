//! Turns text into a validated definition and its fingerprint.

mod definition;
mod policy;

pub use definition::{Definition, FORMAT_VERSION, Format};
pub use policy::{Limits, Links, OnDelete, OnModify, Policies, Removals, SameContent};
