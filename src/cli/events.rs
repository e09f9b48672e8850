//! Where hints come from, as settings say.

use std::sync::Arc;

use crate::clock::Clock;
use crate::config::{EventsPlace, Place, Settings};
use crate::hints::{Aim, Endpoint, HintSource, Queue};

use super::usage::UsageError;

/// Who takes hints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taker {
    /// A process that makes its passes and ends.
    Run,
    /// One that stays.
    Watch,
}

/// Returns where hints come from, ready to be asked; nothing where settings name no such place.
///
/// # Errors
/// Where they name one that cannot be, or cannot be reached.
pub(super) fn hint_source(
    settings: &Settings,
    taker: Taker,
    clock: Arc<dyn Clock>,
) -> anyhow::Result<Option<Box<dyn HintSource>>> {
    let Some(events) = &settings.events else {
        return Ok(None);
    };
    let source = match &settings.source {
        Some(Place::Store(url)) => url,
        Some(place @ Place::Directory(_)) => {
            let place = place.clone();
            return Err(UsageError::EventsOfDirectory { place }.into());
        }
        // Whoever opens the pipeline tells.
        None => return Ok(None),
    };
    let aim = Aim::at(source);
    match (events, taker) {
        (EventsPlace::Queue(url), _) => {
            let queue = Queue::connect(url, &settings.access, aim, clock)?;
            Ok(Some(Box::new(queue)))
        }
        (EventsPlace::Endpoint(url), Taker::Watch) => {
            let endpoint = Endpoint::listen(url, settings.events_token.clone(), aim)?;
            Ok(Some(Box::new(endpoint)))
        }
        (EventsPlace::Endpoint(url), Taker::Run) => {
            let place = url.to_string();
            Err(UsageError::EndpointOfRun { place }.into())
        }
    }
}
