//! `strandline run`: one pass, or as many as it takes.

use std::sync::Arc;

use crate::config::Repeat;
use crate::engine::{Control, Passes};

use super::Session;
use super::args::PipelineArgs;
use super::exit::Ending;
use super::progress::with_progress;
use super::render;
use super::target::{pipeline, settings};

/// What is said where repeating comes to nothing.
const NO_FURTHER: &str =
    "the last pass got no further, so no other follows; what is left is left for the next run\n";

/// Brings what changed into the target. The result is the report of the last pass.
pub(super) fn run(args: &PipelineArgs, session: &Session<'_>) -> anyhow::Result<Ending> {
    let pipeline = pipeline(&settings(args.layer(), session.global)?)?;
    let interrupt = session.interrupt()?;
    let talk = session.talk;
    let mut passes = Passes::begin(&pipeline);
    let report = loop {
        let control = Control::new(Arc::clone(&interrupt));
        let report = with_progress(talk, &control, || passes.next(&pipeline, &control))?;
        talk.say(&render::summary(&report, talk.detail));
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
