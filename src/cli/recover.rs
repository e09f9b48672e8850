//! `strandline recover`: a ledger from the outputs.

use crate::engine;

use super::Session;
use super::args::RecoverArgs;
use super::exit::Ending;
use super::render;
use super::target::{settings, target};

/// Rebuilds a lost ledger.
pub(super) fn recover(args: &RecoverArgs, session: &Session<'_>) -> anyhow::Result<Ending> {
    let target = target(&settings(args.target.layer(), session.file)?)?;
    let report = engine::recover(&target)?;
    let detail = session.talk.detail;
    session
        .talk
        .result(&report, || render::recovery(&report, detail))?;
    Ok(Ending::Done)
}
