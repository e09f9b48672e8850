//! Opens what settings describe: a target with its ledger, a source beside it, a whole pipeline.

use std::fs;
use std::sync::Arc;

use super::pipeline::{Pipeline, Target};
use super::places::{PlacesError, TargetPlaces, source_place, target_places};
use crate::clock::SystemClock;
use crate::config::{Format, PatternError, Place, Settings};
use crate::decode::recognise;
use crate::durable::{Disk, LocalDisk};
use crate::sink::DiskSink;
use crate::source::{LocalSource, ObjectSource, OpenSourceError, Source};
use crate::store::{OpenStoreError, Stores};

/// A pipeline that cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenPipelineError {
    /// Its places are missing, or overlap.
    #[error(transparent)]
    Places(#[from] PlacesError),
    /// A pattern of what is taken means nothing.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// The source cannot be opened.
    #[error(transparent)]
    Source(#[from] OpenSourceError),
    /// The store that the source is in cannot be used.
    #[error(transparent)]
    Store(#[from] OpenStoreError),
}

impl Pipeline {
    /// Returns the pipeline that settings describe.
    ///
    /// # Errors
    /// [`OpenPipelineError`].
    pub fn open(settings: &Settings) -> Result<Self, OpenPipelineError> {
        let stores = stores(settings);
        Ok(Self {
            source: source_in(&stores, settings)?,
            target: Target::open(settings)?,
            stores,
            definition: settings.definition.clone(),
            step: None,
            policies: settings.policies,
            limits: settings.limits,
        })
    }
}

impl Target {
    /// Returns the target that settings name.
    ///
    /// # Errors
    /// [`PlacesError`] where they name none, or one that cannot be.
    pub fn open(settings: &Settings) -> Result<Self, PlacesError> {
        let TargetPlaces { target, state } = target_places(settings)?;
        let disk: Arc<dyn Disk> = Arc::new(LocalDisk::new());
        Ok(Self {
            sink: Arc::new(DiskSink::new(Arc::clone(&disk), target)),
            disk,
            clock: Arc::new(SystemClock::new()),
            state,
            holder: holder(),
        })
    }
}

/// Returns the source that settings describe, as it has to lie beside the target.
///
/// # Errors
/// [`OpenPipelineError`].
pub fn open_source(settings: &Settings) -> Result<Arc<dyn Source>, OpenPipelineError> {
    source_in(&stores(settings), settings)
}

fn stores(settings: &Settings) -> Stores {
    Stores::new(settings.limits.store, Arc::new(SystemClock::new()))
}

fn source_in(stores: &Stores, settings: &Settings) -> Result<Arc<dyn Source>, OpenPipelineError> {
    if settings.source.is_none() {
        return Err(PlacesError::NoSource.into());
    }
    let place = source_place(settings, &target_places(settings)?)?;
    let selection = Arc::new(settings.selection(is_recognised)?);
    Ok(match place {
        Place::Directory(path) => Arc::new(LocalSource::new(&path, selection, settings.links)?),
        Place::Store(url) => Arc::new(ObjectSource::new(
            &url,
            &settings.access,
            stores,
            selection,
        )?),
    })
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
