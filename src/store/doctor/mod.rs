//! What works in a store, and what that means for the promises.
//!
//! Stores that speak alike do not behave alike: some list in another order, and some take a condition for a write and
//! do not look at it, so that nobody notices before two runs overwrite each other. So every habit that a promise leans on is
//! tried out: [`examine`] probes, takes down what it observes, and judges that. Judging is pure.
//!
//! # Invariants
//! - Nothing is written but below `PREFIX/_strandline/doctor/` and a name that nobody else has, and nothing at all where
//!   that is [not wanted](Extent::ReadOnly).
//! - Whatever may have been written is deleted at the end, however the probes went; what could not be deleted is named.
//! - Every probe ends, and none ends the others. One that needs what an earlier one could not do is left untried.
//! - What a store says is told as a `Refusal` tells it, without secrets.

mod judge;
mod observed;
mod probe;
mod race;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use object_store::RetryConfig;
use serde::Serialize;

use super::OpenStoreError;
use super::connect::connect_retrying;
use crate::clock::Clock;
use crate::config::{Access, StoreUrl};

/// Retries of a request. Whoever asks what works does not want to wait for as long as a run does.
const RETRIES: usize = 3;

/// How much is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// What a source needs. Nothing is written.
    ReadOnly,
    /// What a source and a target need.
    Full,
}

/// What was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Probe {
    /// The store answers.
    Reach,
    /// It knows who asks.
    Credentials,
    /// Objects can be listed.
    List,
    /// Bytes can be read.
    Read,
    /// An object can be written.
    Write,
    /// What was written is what is read.
    ReadBack,
    /// What is written over an object is what is read, and tells itself apart from what was there.
    Overwrite,
    /// An object that is there is not created again.
    Create,
    /// An object that is not the expected one any more is not overwritten.
    Update,
    /// Of several who create an object at once, one does.
    CreateRace,
    /// Of several who overwrite the same version at once, one does.
    UpdateRace,
    /// A listing shows what was just written, and tells the same of it as an answer.
    FreshListing,
    /// The order of a listing.
    Order,
    /// An object can be written in parts.
    Multipart,
    /// The store's clock.
    Clock,
    /// Objects can be deleted.
    Delete,
}

impl Probe {
    /// Tells whether a source needs it.
    #[must_use]
    pub fn is_of_source(self) -> bool {
        matches!(
            self,
            Self::Reach | Self::Credentials | Self::List | Self::Read
        )
    }

    /// Tells whether a target that cannot do it can be used, with fewer promises.
    fn is_weak(self) -> bool {
        matches!(
            self,
            Self::Create
                | Self::Update
                | Self::CreateRace
                | Self::UpdateRace
                | Self::FreshListing
                | Self::Multipart
        )
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reach => "reach",
            Self::Credentials => "credentials",
            Self::List => "list",
            Self::Read => "read",
            Self::Write => "write",
            Self::ReadBack => "read back",
            Self::Overwrite => "overwrite",
            Self::Create => "create",
            Self::Update => "update",
            Self::CreateRace => "create race",
            Self::UpdateRace => "update race",
            Self::FreshListing => "fresh listing",
            Self::Order => "order",
            Self::Multipart => "multipart",
            Self::Clock => "clock",
            Self::Delete => "delete",
        })
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// As the promises want it.
    Works,
    /// Otherwise than in most stores. No promise depends on it, or only in the way that is told.
    Differs,
    /// Not as a promise needs it.
    Fails,
    /// Whoever asks is not allowed to.
    Denied,
    /// Something that it needs did not work, or nothing was there to try it on.
    Untried,
}

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What.
    pub probe: Probe,
    /// What came of it.
    pub outcome: Outcome,
    /// What was seen.
    pub found: String,
    /// What that means for whoever uses the store, where it is not as it should be.
    pub meaning: Option<&'static str>,
}

/// Whether a store can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Usable {
    /// With all promises.
    Yes,
    /// With fewer of them.
    Limited,
    /// Not at all.
    No,
}

/// What works in a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DoctorReport {
    /// Version of the report; grows only when a key is added.
    pub version: u32,
    /// The store, and the prefix in it.
    pub url: String,
    /// Whether it can be read from.
    pub source: Usable,
    /// Whether it can be written to; `None` where that was not tried.
    pub target: Option<Usable>,
    /// What was tried, in this order.
    pub findings: Vec<Finding>,
    /// Keys that were written and may still be there.
    pub left_behind: Vec<String>,
}

impl DoctorReport {
    /// Tells whether everything that was asked for can be done with all promises.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.source == Usable::Yes && self.target.is_none_or(|target| target == Usable::Yes)
    }
}

/// Tries out what works at `url`, which takes seconds.
///
/// # Errors
/// [`OpenStoreError`] where `access` does not tell how to come in. What a store does not do is no error.
pub fn examine(
    url: &StoreUrl,
    access: &Access,
    clock: &dyn Clock,
    extent: Extent,
) -> Result<DoctorReport, OpenStoreError> {
    let failed = |source| OpenStoreError {
        url: url.to_string(),
        source,
    };
    let retry = RetryConfig {
        max_retries: RETRIES,
        retry_timeout: Duration::from_secs(20),
        ..RetryConfig::default()
    };
    let store = connect_retrying(url, access, retry).map_err(failed)?;
    let observed = probe::observe(store, url.prefix(), clock, extent);
    let observed = observed.map_err(|error| failed(error.into()))?;
    Ok(judge::report(url.to_string(), &observed, extent))
}
