//! `strandline recover`: a ledger from the outputs.

use crate::engine;

use super::Session;
use super::args::RecoverArgs;
use super::exit::Ending;
use super::render::count;
use super::target::{settings, target};

/// Rebuilds a lost ledger.
pub(super) fn recover(args: &RecoverArgs, session: &Session<'_>) -> anyhow::Result<Ending> {
    let target = target(&settings(args.target.layer(), session.file)?)?;
    let report = engine::recover(&target)?;
    session.talk.result(&report, || {
        format!(
            "ledger rebuilt from {}: {}, {}\n",
            count(report.outputs, "output"),
            count(report.units, "unit"),
            count(report.files, "file")
        )
    })?;
    Ok(Ending::Done)
}
