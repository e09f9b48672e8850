//! `strandline watch`: pass after pass, until somebody asks to stop.

use std::sync::Arc;
use std::time::Duration;

use crate::config::format_duration;
use crate::daemon::{Audience, Pass, Watch, WatchError};
use crate::engine::{Control, RunError};
use crate::model::RunReport;

use super::Session;
use super::args::WatchArgs;
use super::events::{Taker, hint_source};
use super::exit::Ending;
use super::progress::with_progress;
use super::render;
use super::talk::{Detail, Heard, Talk};
use super::target::{pipeline, settings};

/// Keeps the target up to date. Each pass that had something to do, or is in trouble, is told.
pub(super) fn watch(args: &WatchArgs, session: &Session<'_>) -> anyhow::Result<Ending> {
    let settings = settings(args.layer(), session.global)?;
    let pipeline = pipeline(&settings)?;
    let hints = hint_source(&settings, Taker::Watch, Arc::clone(&pipeline.target.clock))?;
    let interrupt = session.interrupt()?;
    let talk = session.talk;
    let source = pipeline.source.describe();
    let how = match &hints {
        Some(hints) => format!("hints of {}", hints.describe()),
        None => format!("a listing each {}", format_duration(settings.interval)),
    };
    talk.announce(&format!("watching {source}, by {how}\n"));
    let watch = Watch {
        pipeline,
        hints,
        interval: settings.interval,
    };
    match watch.run(&interrupt, &mut Listener { talk }) {
        Ok(()) => {}
        // Who closes the pipe has seen enough.
        Err(WatchError::Unheard) => return Ok(Ending::Done),
        Err(error) => return Err(cause(error)),
    }
    Ok(Ending::Interrupted)
}

/// Hints and exit codes go by the cause.
fn cause(error: WatchError) -> anyhow::Error {
    match error {
        WatchError::Run(error) => error.into(),
        WatchError::Hint(error) => error.into(),
        WatchError::Audience(error) => anyhow::Error::from_boxed(error),
        WatchError::Unheard => error.into(),
    }
}

/// Passes on what is told.
struct Listener {
    talk: Talk,
}

impl Audience for Listener {
    fn attend(&mut self, control: &Control, pass: Pass<'_>) -> Result<RunReport, RunError> {
        with_progress(self.talk, control, pass)
    }

    fn hear(&mut self, report: &RunReport) -> Result<(), WatchError> {
        if self.talk.detail == Detail::Bounded && !render::is_news(report) {
            return Ok(());
        }
        self.talk.say(&render::pass(report, self.talk.detail));
        if !self.talk.is_json() {
            return Ok(());
        }
        match self.talk.line(report) {
            Ok(Heard::Yes) => Ok(()),
            Ok(Heard::No) => Err(WatchError::Unheard),
            Err(error) => Err(WatchError::Audience(error.into())),
        }
    }

    fn hear_of_trouble(&mut self, trouble: &WatchError, pause: Duration) {
        let again = if pause.is_zero() {
            "going on".to_owned()
        } else {
            format!("trying again in {}", format_duration(pause))
        };
        self.talk.trouble(trouble, &again);
    }

    fn hear_of(&mut self, word: &str) {
        self.talk.announce(&format!("note: {word}\n"));
    }
}
