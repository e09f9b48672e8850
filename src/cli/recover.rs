//! `strandline recover`: a ledger from the outputs.

use std::fs;
use std::io;

use crate::config::Place;
use crate::engine::{self, target_places};

use super::Session;
use super::args::RecoverArgs;
use super::exit::Ending;
use super::render;
use super::target::{settings, target};
use super::usage::UsageError;

/// Rebuilds a lost ledger.
pub(super) fn recover(args: &RecoverArgs, session: &Session<'_>) -> anyhow::Result<Ending> {
    let settings = settings(args.target.layer(), session.global)?;
    let place = target_places(&settings)?.target;
    let target = target(&settings)?;
    // A misspelt name must not become an empty target with a ledger that says all is well.
    let missing = match &place {
        Place::Directory(path) => fs::metadata(path).err(),
        Place::Store(_) if target.sink.outputs()?.is_empty() && target.sink.mark()?.is_none() => {
            Some(io::ErrorKind::NotFound.into())
        }
        Place::Store(_) => None,
    };
    if let Some(source) = missing {
        return Err(UsageError::Recover { place, source }.into());
    }
    let report = engine::recover(&target)?;
    let detail = session.talk.detail;
    session
        .talk
        .result(&report, || render::recovery(&report, detail))?;
    Ok(Ending::Done)
}
