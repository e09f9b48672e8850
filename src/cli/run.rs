//! `strandline run`: one pass, or as many as it takes.

use std::sync::Arc;
use std::time::Duration;

use crate::config::Repeat;
use crate::daemon::gather;
use crate::engine::{Control, Passes};
use crate::hints::Taken;
use crate::model::{Gaps, Hints};

use super::Session;
use super::args::RunArgs;
use super::events::{Taker, hint_source};
use super::exit::Ending;
use super::progress::with_progress;
use super::render;
use super::target::{pipeline, settings};

/// What is said where repeating comes to nothing.
const NO_FURTHER: &str =
    "the last pass got no further, so no other follows; what is left is left for the next run\n";

/// How long hints are waited for: whatever is there comes at once.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is taken where nobody can be asked.
fn lost(from: String) -> Taken {
    Taken {
        hints: Hints {
            gaps: Gaps::Some,
            from,
            ..Hints::default()
        },
        ..Taken::default()
    }
}

/// Brings what changed into the target. The result is the report of the last pass.
pub(super) fn run(args: &RunArgs, session: &Session<'_>) -> anyhow::Result<Ending> {
    let settings = settings(args.layer(), session.global)?;
    let pipeline = pipeline(&settings)?;
    let mut hints = hint_source(&settings, Taker::Run, Arc::clone(&pipeline.target.clock))?;
    let interrupt = session.interrupt()?;
    let talk = session.talk;
    let mut passes = Passes::begin(&pipeline);
    if let Some(hints) = &mut hints {
        let taken = match gather(&mut **hints, &*pipeline.target.clock, PATIENCE, &interrupt) {
            Ok(taken) => taken,
            Err(error) if error.may_pass() => {
                talk.trouble(&error, "everything is listed instead");
                lost(hints.describe())
            }
            Err(error) => return Err(error.into()),
        };
        for word in &taken.words {
            talk.announce(&format!("note: {word}\n"));
        }
        passes = passes.with_hints(taken.hints);
    }
    let report = loop {
        let control = Control::new(Arc::clone(&interrupt));
        let report = with_progress(talk, &control, || passes.next(&pipeline, &control))?;
        talk.say(&render::summary(&report, talk.detail));
        if let Some(hints) = &mut hints
            && let Err(error) = hints.settle(&interrupt)
        {
            talk.trouble(&error, "they come again, and do no harm");
        }
        if passes.are_over() {
            break report;
        }
    };
    let is_left = report.files.deferred > 0 && report.stopped_by.is_none();
    if is_left && pipeline.limits.repeat == Repeat::UntilComplete {
        talk.say(NO_FURTHER);
    }
    if talk.is_json() {
        talk.result(&report, String::new)?;
    }
    Ok(Ending::of_run(report.status))
}
