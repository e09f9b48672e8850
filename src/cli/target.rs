//! Opens what a command works on: a target, its ledger, a whole pipeline.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;

use crate::clock::SystemClock;
use crate::config::{Format, Layer, Settings};
use crate::decode::recognise;
use crate::durable::{Disk, LocalDisk};
use crate::engine::{Pipeline, Target};
use crate::ledger::{self, View};
use crate::sink::DiskSink;
use crate::source::LocalSource;

use super::places::{TargetPlaces, source_place, target_places};
use super::settings::{layers, resolve};
use super::usage::UsageError;

/// What the ledger of a target tells.
pub(super) struct Opened {
    /// The outputs.
    pub(super) target: PathBuf,
    /// Ledger and lock.
    pub(super) state: PathBuf,
    /// The ledger as it is committed now.
    pub(super) view: View,
}

impl Opened {
    /// Returns what the holder of the lock says of itself, where somebody is writing the ledger.
    ///
    /// # Errors
    /// Where the lock cannot be looked at.
    pub(super) fn holder(&self) -> anyhow::Result<Option<String>> {
        ledger::holder(&LocalDisk::new(), &self.state)
            .with_context(|| format!("cannot look at the lock in {}", self.state.display()))
    }
}

/// Resolves the settings of one command.
///
/// # Errors
/// Where the settings file or a value cannot be understood.
pub(super) fn settings(flags: Layer, file: Option<&Path>) -> anyhow::Result<Settings> {
    resolve(&layers(flags, file)?)
}

/// Opens the ledger of a target for questions; a running writer is not disturbed.
///
/// # Errors
/// Where there is no target, no ledger, or none that can be read.
pub(super) fn open(flags: Layer, file: Option<&Path>) -> anyhow::Result<Opened> {
    let TargetPlaces { target, state } = target_places(&settings(flags, file)?)?;
    let disk: Arc<dyn Disk> = Arc::new(LocalDisk::new());
    let view = ledger::snapshot(disk, &state)
        .with_context(|| format!("cannot ask the ledger of {}", target.display()))?;
    Ok(Opened {
        target,
        state,
        view,
    })
}

/// Returns the target that settings name.
///
/// # Errors
/// Where they name none.
pub(super) fn target(settings: &Settings) -> anyhow::Result<Target> {
    Ok(target_at(target_places(settings)?))
}

/// Returns the pipeline that settings describe.
///
/// # Errors
/// Where its places are missing, overlap, or cannot be opened.
pub(super) fn pipeline(settings: &Settings) -> anyhow::Result<Pipeline> {
    if settings.source.is_none() {
        return Err(UsageError::NoSource.into());
    }
    let places = target_places(settings)?;
    let source = source(settings, &places)?;
    Ok(Pipeline {
        source: Arc::new(source),
        target: target_at(places),
        definition: settings.definition.clone(),
        policies: settings.policies,
        limits: settings.limits,
    })
}

/// Returns the source that settings describe, as it has to lie beside the target.
///
/// # Errors
/// Where it is missing, overlaps the target, or cannot be opened.
pub(super) fn source(settings: &Settings, places: &TargetPlaces) -> anyhow::Result<LocalSource> {
    let path = source_place(settings, places)?;
    let selection = settings.selection(is_recognised)?;
    Ok(LocalSource::new(
        &path,
        Arc::new(selection),
        settings.links,
    )?)
}

fn target_at(places: TargetPlaces) -> Target {
    let disk: Arc<dyn Disk> = Arc::new(LocalDisk::new());
    Target {
        sink: Arc::new(DiskSink::new(Arc::clone(&disk), places.target)),
        disk,
        clock: Arc::new(SystemClock::new()),
        state: places.state,
        holder: holder(),
    }
}

/// Says who we are, for whoever finds the pipeline locked.
fn holder() -> String {
    let pid = std::process::id();
    match fs::read_to_string("/proc/sys/kernel/hostname") {
        Ok(host) => format!("process {pid} on {}", host.trim()),
        Err(_) => format!("process {pid}"),
    }
}

fn is_recognised(name: &str) -> bool {
    recognise(name, Format::Auto).is_some()
}
