//! Opens what a command works on: a target, its ledger, a whole pipeline.

use std::sync::Arc;

use anyhow::Context;

use crate::config::{Layer, Settings};
use crate::engine::{self, Home, OpenPipelineError, Pipeline, Target, TargetPlaces, target_places};
use crate::ledger::{self, View};
use crate::source::Source;

use super::args::Global;
use super::settings::{layers, resolve};

/// What the ledger of a target tells.
pub(super) struct Opened {
    /// The outputs, and ledger and lock.
    pub(super) places: TargetPlaces,
    home: Home,
    /// The ledger as it is committed now.
    pub(super) view: View,
}

impl Opened {
    /// Returns what the holder of the lock says of itself, where somebody is writing the ledger.
    ///
    /// # Errors
    /// Where the lock cannot be looked at.
    pub(super) fn holder(&self) -> anyhow::Result<Option<String>> {
        let Home { disk, path } = &self.home;
        ledger::holder(&**disk, path)
            .with_context(|| format!("cannot look at the lock in {}", path.display()))
    }
}

/// Resolves the settings of one command.
///
/// # Errors
/// Where the settings file or a value cannot be understood.
pub(super) fn settings(flags: Layer, global: &Global) -> anyhow::Result<Settings> {
    resolve(&layers(flags, global)?)
}

/// Opens the ledger of a target for questions; a running writer is not disturbed.
///
/// # Errors
/// Where there is no target, no ledger, or none that can be read.
pub(super) fn open(flags: Layer, global: &Global) -> anyhow::Result<Opened> {
    let settings = settings(flags, global)?;
    let places = target_places(&settings)?;
    let home = Home::open(&settings)?;
    let view = ledger::snapshot(Arc::clone(&home.disk), &home.path)
        .with_context(|| format!("cannot ask the ledger of {}", places.target))?;
    Ok(Opened { places, home, view })
}

/// Returns the target that settings name.
///
/// # Errors
/// Where they name none.
pub(super) fn target(settings: &Settings) -> anyhow::Result<Target> {
    Ok(Target::open(settings)?)
}

/// Returns the pipeline that settings describe.
///
/// # Errors
/// Where its places are missing, overlap, or cannot be opened.
pub(super) fn pipeline(settings: &Settings) -> anyhow::Result<Pipeline> {
    Pipeline::open(settings).map_err(cause)
}

/// Returns the source that settings describe.
///
/// # Errors
/// As [`pipeline`].
pub(super) fn source(settings: &Settings) -> anyhow::Result<Arc<dyn Source>> {
    engine::open_source(settings).map_err(cause)
}

/// Hints and exit codes go by the cause.
fn cause(error: OpenPipelineError) -> anyhow::Error {
    match error {
        OpenPipelineError::Places(error) => error.into(),
        OpenPipelineError::Pattern(error) => error.into(),
        OpenPipelineError::Source(error) => error.into(),
        OpenPipelineError::Store(error) => error.into(),
    }
}
