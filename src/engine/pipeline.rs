//! What a run is given.

use std::path::PathBuf;
use std::sync::Arc;

use crate::clock::Clock;
use crate::config::{Definition, Limits, Policies};
use crate::durable::Disk;
use crate::sink::Sink;
use crate::source::Source;
use crate::store::Stores;
use crate::transform::Transform;

/// A target with its ledger.
#[derive(Clone)]
pub struct Target {
    /// Where the outputs stand.
    pub sink: Arc<dyn Sink>,
    /// The disk that the ledger is on.
    pub disk: Arc<dyn Disk>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// The directory of ledger and lock.
    pub state: PathBuf,
    /// Who we are, for whoever finds the pipeline locked.
    pub holder: String,
}

/// A source, a transform and a target, with one ledger.
#[derive(Clone)]
pub struct Pipeline {
    /// Where the files come from.
    pub source: Arc<dyn Source>,
    /// Where the outputs go.
    pub target: Target,
    /// What the outputs are.
    pub definition: Definition,
    /// A step of the user's own on the rows, whose [identity](Transform::identity) the definition has.
    pub step: Option<Arc<dyn Transform>>,
    /// How the run behaves where more than one behaviour is right.
    pub policies: Policies,
    /// How much it may use.
    pub limits: Limits,
    /// The object stores that the source is in, and whatever else.
    pub stores: Stores,
}
