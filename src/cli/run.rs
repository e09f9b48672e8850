//! `strandline run`: one pass.

use crate::engine::{self, Control};

use super::Session;
use super::args::PipelineArgs;
use super::exit::Ending;
use super::progress::with_progress;
use super::render;
use super::target::{pipeline, settings};

/// Brings what changed into the target.
pub(super) fn run(args: &PipelineArgs, session: &Session<'_>) -> anyhow::Result<Ending> {
    let pipeline = pipeline(&settings(args.layer(), session.file)?)?;
    let control = Control::new(session.signals.interrupt());
    let report = with_progress(session.talk, &control, || engine::run(&pipeline, &control))?;
    session
        .talk
        .say(&render::summary(&report, session.talk.detail));
    if session.talk.is_json() {
        session.talk.result(&report, String::new)?;
    }
    Ok(Ending::of_run(report.status))
}
