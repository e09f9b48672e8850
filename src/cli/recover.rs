//! `strandline recover`: a ledger from the outputs.

use std::fs;

use crate::engine::{self, target_places};

use super::Session;
use super::args::RecoverArgs;
use super::exit::Ending;
use super::render;
use super::target::{settings, target};
use super::usage::UsageError;

/// Rebuilds a lost ledger.
pub(super) fn recover(args: &RecoverArgs, session: &Session<'_>) -> anyhow::Result<Ending> {
    let settings = settings(args.target.layer(), session.file)?;
    let path = target_places(&settings)?.target;
    // A misspelt name must not become an empty target with a ledger that says all is well.
    fs::metadata(&path).map_err(|source| UsageError::Recover { path, source })?;
    let target = target(&settings)?;
    let report = engine::recover(&target)?;
    let detail = session.talk.detail;
    session
        .talk
        .result(&report, || render::recovery(&report, detail))?;
    Ok(Ending::Done)
}
