//! The loop that makes pass after pass.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::clock::Clock;
use crate::engine::{Control, Pipeline, RunError, run, run_hinted};
use crate::hints::{HintError, HintSource, MOST, Taken};
use crate::model::{Gaps, Hints, RunReport, RunStatus, Timestamp};

use super::cadence::{Cadence, Wait, Went};

/// A moment in which nothing more is told ends a burst of hints.
const QUIET: Duration = Duration::from_secs(1);

/// The longest that a burst is waited for.
const BURST: Duration = Duration::from_secs(10);

/// How often somebody who waits looks whether to stop.
const GLANCE: Duration = Duration::from_millis(100);

/// A pipeline that is kept up to date.
pub struct Watch {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// Where hints come from.
    pub hints: Option<Box<dyn HintSource>>,
    /// How long to wait where no hints come.
    pub interval: Duration,
}

/// Who is told how it goes.
pub trait Audience {
    /// Makes a pass, perhaps showing how far it is.
    ///
    /// # Errors
    /// Those of the pass.
    fn attend(&mut self, control: &Control, pass: Pass<'_>) -> Result<RunReport, RunError>;

    /// Is told what came of a pass.
    ///
    /// # Errors
    /// Where nobody listens any more, which ends the loop.
    fn hear(&mut self, report: &RunReport) -> Result<(), WatchError>;

    /// Is told of trouble that may pass, and after which time the same is tried again.
    fn hear_of_trouble(&mut self, trouble: &WatchError, pause: Duration);

    /// Is told something that it has to know.
    fn hear_of(&mut self, word: &str);
}

/// One pass, to be made.
pub type Pass<'a> = Box<dyn FnOnce() -> Result<RunReport, RunError> + Send + 'a>;

/// Why a pipeline is not kept up to date any more.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// A pass ended before it was done.
    #[error(transparent)]
    Run(#[from] RunError),
    /// No hints can be taken.
    #[error(transparent)]
    Hint(#[from] HintError),
    /// Nobody can be told.
    #[error(transparent)]
    Audience(Box<dyn std::error::Error + Send + Sync>),
    /// Nobody listens any more.
    #[error("nobody listens any more")]
    Unheard,
}

impl WatchError {
    fn may_pass(&self) -> bool {
        match self {
            Self::Run(error) => error.may_pass(),
            Self::Hint(error) => error.may_pass(),
            Self::Audience(_) | Self::Unheard => false,
        }
    }
}

/// Takes what is there, and what else comes in the same burst.
///
/// # Errors
/// [`HintError`] where nothing could be taken.
pub fn gather(
    hints: &mut dyn HintSource,
    clock: &dyn Clock,
    longest: Duration,
    stop: &AtomicBool,
) -> Result<Taken, HintError> {
    let mut all = hints.take(longest, stop)?;
    let ends_at = clock.monotonic().saturating_add(BURST);
    while !all.hints.is_empty() && all.hints.paths.len() < MOST && clock.monotonic() < ends_at {
        match hints.take(QUIET, stop) {
            Ok(more) if !more.hints.is_empty() => all.append(more),
            // What is there counts; the trouble will be back.
            Ok(_) | Err(_) => break,
        }
    }
    all.hints.from = hints.describe();
    Ok(all)
}

impl Watch {
    /// Keeps the pipeline up to date until `stop` is set; tells `audience` how it goes.
    ///
    /// # Errors
    /// [`WatchError`] for trouble that does not pass by itself.
    pub fn run(
        mut self,
        stop: &Arc<AtomicBool>,
        audience: &mut dyn Audience,
    ) -> Result<(), WatchError> {
        let listing_every = self.pipeline.limits.listing_every;
        let clock = Arc::clone(&self.pipeline.target.clock);
        let mut cadence = Cadence::new(self.interval, self.hints.as_ref().map(|_| listing_every));
        let mut pending = self.none();
        if self.hints.as_ref().is_some_and(|hints| !hints.is_lasting()) {
            pending.gaps = Gaps::Some;
        }
        if let Some(hints) = &mut self.hints
            && hints.is_lasting()
        {
            // What was told while nobody listened.
            match gather(&mut **hints, &*clock, QUIET, stop) {
                Ok(taken) => heard(&self.pipeline, taken, &mut pending, audience),
                Err(error) if error.may_pass() => {
                    pending.gaps = Gaps::Some;
                    audience.hear_of_trouble(&error.into(), Duration::ZERO);
                }
                Err(error) => return Err(error.into()),
            }
        }
        let mut is_first = true;
        while !stop.load(Ordering::Relaxed) {
            let passed = self.pass(&pending, stop, audience);
            let ended_at = clock.monotonic();
            let wait = match passed {
                Ok(report) => {
                    pending = self.none();
                    if report.status == RunStatus::Interrupted {
                        return Ok(());
                    }
                    audience.hear(&report)?;
                    self.settle(stop, audience);
                    cadence.after(Went::of(&report), listed_ago(&report, clock.now()))
                }
                Err(error) if error.may_pass() && !is_first => {
                    let wait = cadence.after(Went::Badly, Duration::ZERO);
                    audience.hear_of_trouble(&error, wait.longest);
                    wait
                }
                Err(error) => return Err(error),
            };
            is_first = false;
            self.wait(ended_at, wait, &mut pending, stop, audience)?;
        }
        Ok(())
    }

    fn pass(
        &self,
        pending: &Hints,
        stop: &Arc<AtomicBool>,
        audience: &mut dyn Audience,
    ) -> Result<RunReport, WatchError> {
        let control = Control::new(Arc::clone(stop));
        let pipeline = &self.pipeline;
        let is_hinted = self.hints.is_some();
        let report = audience.attend(
            &control,
            Box::new(|| {
                if is_hinted {
                    run_hinted(pipeline, pending, &control)
                } else {
                    run(pipeline, &control)
                }
            }),
        );
        Ok(report?)
    }

    /// Returns no hints of the place that they come from.
    fn none(&self) -> Hints {
        let from = self.hints.as_ref().map(|hints| hints.describe());
        Hints {
            from: from.unwrap_or_default(),
            ..Hints::default()
        }
    }

    /// Lets the place that hints come from forget them. Where that fails, they come again.
    fn settle(&mut self, stop: &AtomicBool, audience: &mut dyn Audience) {
        let hints = self.hints.as_mut();
        let settled = hints.map_or(Ok(()), |hints| hints.settle(stop));
        if let Err(error) = settled {
            audience.hear_of_trouble(&error.into(), Duration::ZERO);
        }
    }

    /// Waits for the next pass, counting from `since`, and takes hints for it.
    fn wait(
        &mut self,
        since: Duration,
        wait: Wait,
        pending: &mut Hints,
        stop: &AtomicBool,
        audience: &mut dyn Audience,
    ) -> Result<(), WatchError> {
        let clock = Arc::clone(&self.pipeline.target.clock);
        let until = since.saturating_add(wait.longest);
        let left = || until.saturating_sub(clock.monotonic());
        let mut failing = Cadence::new(Duration::ZERO, None);
        while !left().is_zero() && !stop.load(Ordering::Relaxed) {
            let Some(hints) = self.hints.as_mut().filter(|_| wait.hints_end_it) else {
                std::thread::sleep(left().min(GLANCE));
                continue;
            };
            match gather(&mut **hints, &*clock, left(), stop) {
                Ok(taken) => {
                    failing.after(Went::Well, Duration::ZERO);
                    heard(&self.pipeline, taken, pending, audience);
                    if !pending.is_empty() {
                        return Ok(());
                    }
                    // Whatever was taken is about no input.
                    self.settle(stop, audience);
                }
                Err(error) if error.may_pass() => {
                    let pause = failing.after(Went::Badly, Duration::ZERO).longest;
                    audience.hear_of_trouble(&error.into(), pause);
                    let again = clock.monotonic().saturating_add(pause);
                    while clock.monotonic() < again && !stop.load(Ordering::Relaxed) {
                        std::thread::sleep(GLANCE);
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// Adds what was taken to what is pending, but for files that are no inputs.
fn heard(pipeline: &Pipeline, taken: Taken, pending: &mut Hints, audience: &mut dyn Audience) {
    for word in &taken.words {
        audience.hear_of(word);
    }
    let selection = pipeline.source.selection();
    let mut hints = taken.hints;
    hints.paths.retain(|path| selection.admits(path));
    pending.append(hints);
}

/// Returns how long ago the listing began that makes up for hints which did not come.
fn listed_ago(report: &RunReport, now: Timestamp) -> Duration {
    let since = report.hints.as_ref().and_then(|hints| hints.since);
    since.map_or(Duration::ZERO, |since| now.since(since))
}
