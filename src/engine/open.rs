//! Opens what settings describe: a target with its ledger, a source beside it, a whole pipeline.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use super::pipeline::{Pipeline, Target};
use super::places::{PlacesError, TargetPlaces, source_place, target_places};
use crate::clock::{Clock, SystemClock};
use crate::config::{Format, PatternError, Place, Settings, StoreUrl};
use crate::decode::recognise;
use crate::durable::{Disk, LocalDisk};
use crate::sink::{DiskSink, Sink, StoreSink};
use crate::source::{LocalSource, ObjectSource, OpenSourceError, Source};
use crate::store::{Client, Directory, Fence, OpenStoreError, StoreDisk, Stores, Traffic};

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
            target: Target::among(&stores, settings)?,
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
        Self::among(&stores(settings), settings)
    }

    fn among(stores: &Stores, settings: &Settings) -> Result<Self, PlacesError> {
        let places = target_places(settings)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let opener = Opener { stores, settings };
        let (home, fence) = opener.home(&places, &clock)?;
        let sink: Arc<dyn Sink> = match &places.target {
            Place::Directory(path) => Arc::new(DiskSink::new(local(), path.clone())),
            Place::Store(url) => Arc::new(opener.sink(url, fence)?),
        };
        Ok(Self {
            sink,
            disk: home.disk,
            clock,
            state: home.path,
            holder: holder(),
        })
    }
}

/// Where a ledger lies.
#[derive(Debug, Clone)]
pub struct Home {
    /// The disk that it is on.
    pub disk: Arc<dyn Disk>,
    /// Its directory there.
    pub path: PathBuf,
}

impl Home {
    /// Returns where the ledger of the target is that settings name.
    ///
    /// # Errors
    /// [`PlacesError`] where they name none, or one that cannot be.
    pub fn open(settings: &Settings) -> Result<Self, PlacesError> {
        let places = target_places(settings)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let stores = &stores(settings);
        Ok(Opener { stores, settings }.home(&places, &clock)?.0)
    }
}

struct Opener<'a> {
    stores: &'a Stores,
    settings: &'a Settings,
}

impl Opener<'_> {
    /// Returns where the ledger is, and what tells whether its lock is ours where that can be lost.
    fn home(
        &self,
        places: &TargetPlaces,
        clock: &Arc<dyn Clock>,
    ) -> Result<(Home, Option<Arc<Fence>>), PlacesError> {
        match &places.state {
            Place::Directory(path) => {
                let path = path.clone();
                let disk = local();
                Ok((Home { disk, path }, None))
            }
            Place::Store(url) => {
                // A lease that waits for its turn is lost, and so is a run that cannot record what it did.
                let traffic = self.stores.traffic(url).at_once();
                let directory = self.directory(url, &traffic)?;
                let disk = StoreDisk::new(directory, self.settings.lease, Arc::clone(clock));
                let path = disk.root().to_owned();
                let fence = disk.fence();
                let disk = Arc::new(disk);
                Ok((Home { disk, path }, Some(fence)))
            }
        }
    }

    fn sink(&self, url: &StoreUrl, fence: Option<Arc<Fence>>) -> Result<StoreSink, PlacesError> {
        let staging = std::env::temp_dir();
        let traffic = self.stores.traffic(url);
        let sink = StoreSink::new(self.directory(url, &traffic)?, fence, local(), &staging);
        sink.map_err(|source| PlacesError::Staging {
            path: staging,
            source,
        })
    }

    fn directory(&self, url: &StoreUrl, traffic: &Traffic) -> Result<Directory, PlacesError> {
        let client = Client::connect(url, &self.settings.access, traffic)?;
        let name = url.to_string();
        let name = name.strip_suffix('/').unwrap_or(&name).to_owned();
        Directory::new(client, url.prefix(), name).map_err(|source| {
            PlacesError::Store(OpenStoreError {
                url: url.to_string(),
                source: source.into(),
            })
        })
    }
}

fn local() -> Arc<dyn Disk> {
    Arc::new(LocalDisk::new())
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
