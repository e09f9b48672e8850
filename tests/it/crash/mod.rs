//! What a run survives: power cuts at every operation, failing disks and sources, `kill -9`, and planted faults that
//! prove the checks to be awake.

mod again;
mod back;
pub(crate) mod check;
mod cut;
mod places;
mod planted;
mod program;
mod refused;
mod sigkill;
mod signals;
mod stores;
mod world;
