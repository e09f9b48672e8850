//! `strandline doctor`: what works in an object store.

use crate::clock::SystemClock;
use crate::config::Place;
use crate::store::doctor::{Extent, examine};

use super::Session;
use super::args::DoctorArgs;
use super::exit::Ending;
use super::render;
use super::target::settings;
use super::usage::UsageError;

/// Tries a store out.
pub(super) fn doctor(args: &DoctorArgs, session: &Session<'_>) -> anyhow::Result<Ending> {
    let settings = settings(args.layer(), session.global)?;
    let Some(Place::Store(url)) = &settings.source else {
        let place = args.url.clone();
        return Err(UsageError::NoStore { place }.into());
    };
    let extent = if args.read_only {
        Extent::ReadOnly
    } else {
        Extent::Full
    };
    let report = examine(url, &settings.access, &SystemClock::new(), extent)?;
    session
        .talk
        .result(&report, || render::diagnosis(&report))?;
    Ok(if report.is_well() {
        Ending::Done
    } else {
        Ending::Failed
    })
}
