//! Keeps a pipeline up to date: pass after pass, as hints come or time goes by.
//!
//! # The loop
//! A pass; then waiting, for a hint or for as long as [`Cadence`] says; then gathering what else is told in that moment; then the
//! next pass. Between two passes the pipeline is free, so that others can ask it things, mark files or compact it.
//!
//! # Invariants
//! - A process that is killed at any moment leaves what a killed run leaves, and hints that are taken and not settled come
//!   again where the place they come from keeps them.
//! - Where it does not, the first pass lists everything: nobody knows what was told while nobody listened.
//! - Trouble that may pass by itself is told and tried again, less and less often; any other ends the loop. The first
//!   pass has no second chance: what is wrong with settings shows there.

mod cadence;
mod watch;

pub use cadence::{Cadence, Progress, Wait, Went};
pub use watch::{Audience, Pass, Watch, WatchError, gather};
