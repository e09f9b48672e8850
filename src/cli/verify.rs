//! `strandline verify`: outputs against the ledger, and the source, where it is known.

use crate::engine::{self, Control, Depth};

use super::Session;
use super::args::VerifyArgs;
use super::exit::Ending;
use super::progress::with_progress;
use super::render;
use super::target::{settings, source, target};

/// Checks a target.
pub(super) fn verify(args: &VerifyArgs, session: &Session<'_>) -> anyhow::Result<Ending> {
    let settings = settings(args.layer(), session.global)?;
    let target = target(&settings)?;
    let source = match settings.source {
        Some(_) => Some(source(&settings)?),
        None => None,
    };
    let depth = if args.deep {
        Depth::Deep
    } else {
        Depth::Shallow
    };
    let control = Control::new(session.interrupt()?);
    let report = with_progress(session.talk, &control, || {
        engine::verify(&target, source.as_deref(), depth, &control)
    })?;
    let detail = session.talk.detail;
    session
        .talk
        .result(&report, || render::verification(&report, detail))?;
    Ok(if report.is_clean() {
        Ending::Done
    } else if report.complete {
        Ending::Failed
    } else {
        Ending::Interrupted
    })
}
