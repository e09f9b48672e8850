//! `strandline plan` and `strandline run --dry-run`: what a run would do, and why.

use crate::engine::{self, Control};

use super::Session;
use super::exit::Ending;
use super::progress::with_progress;
use super::render;
use super::target::{pipeline, settings};
use crate::config::Layer;

/// Shows what a run would do.
pub(super) fn plan(flags: Layer, session: &Session<'_>) -> anyhow::Result<Ending> {
    let pipeline = pipeline(&settings(flags, session.global)?)?;
    let control = Control::new(session.interrupt()?);
    let report = with_progress(session.talk, &control, || {
        engine::preview(&pipeline, &control)
    })?;
    let detail = session.talk.detail;
    session
        .talk
        .result(&report, || render::plan(&report, detail))?;
    Ok(Ending::Done)
}
