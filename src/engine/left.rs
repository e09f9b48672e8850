//! What limits leave for the next run, and how that is told.

use super::pipeline::Pipeline;
use super::portion::{Later, Portion};
use super::run::Pass;
use crate::model::{ErrorKind, ReportedError, RunLimit};

impl Pass<'_> {
    /// Returns the portion that comes next; none where the limits leave nothing for it.
    pub(super) fn portion_behind(&mut self, portion: &Portion, later: Later) -> Option<Portion> {
        if self.budget.files == Some(0) || !self.control.takes_more() {
            self.leave_portion(portion, later.files);
            return None;
        }
        Some(portion.behind(later))
    }

    /// Counts the new files of a portion that is left to the next run. What is in the first one nobody knows.
    pub(super) fn leave_portion(&mut self, portion: &Portion, files: u64) {
        if self.control.is_interrupted() {
            return;
        }
        self.report.files.added += files;
        self.report.files.deferred += files;
        if portion.is_first() && files == 0 {
            self.errors
                .extend(unlisted(self.pipeline, self.control.refused()));
        }
    }

    /// Every new and changed file of a store takes a request at least.
    pub(super) fn requests_left(&self) -> Option<u64> {
        let left = self.control.requests_left();
        left.filter(|_| self.pipeline.source.is_far())
    }

    /// Names the limit that left something, and tells where nothing was done because of it.
    pub(super) fn stopped_by(&mut self) {
        let is_left = self.report.files.deferred > 0;
        let spent = || self.control.spent().filter(|_| is_left);
        self.report.stopped_by = self.control.refused().or_else(spent);
        let is_idle = self.report.units.planned == 0 && self.report.outputs.removed == 0;
        if is_left && is_idle {
            let unbuilt = unbuilt(self.pipeline, self.report.stopped_by);
            self.errors.extend(unbuilt);
        }
    }
}

/// Tells that a limit was reached before the source was listed.
fn unlisted(pipeline: &Pipeline, limit: Option<RunLimit>) -> Option<ReportedError> {
    idle(pipeline, limit, |over, source| {
        format!(
            "{over} before {source} was listed: nothing was taken up, and the next run begins anew"
        )
    })
}

/// Tells that a limit was reached before anything was built.
fn unbuilt(pipeline: &Pipeline, limit: Option<RunLimit>) -> Option<ReportedError> {
    idle(pipeline, limit, |over, source| {
        format!("{over} when it was known what there is to do in {source}: nothing was built")
    })
}

fn idle(
    pipeline: &Pipeline,
    limit: Option<RunLimit>,
    what: impl FnOnce(&str, &str) -> String,
) -> Option<ReportedError> {
    let path = pipeline.source.describe();
    let (over, more) = match limit? {
        RunLimit::MaxDuration => ("the time of --max-duration was over", "more time"),
        RunLimit::MaxRequests => (
            "the requests of --max-requests were used up",
            "more of them",
        ),
    };
    let what = what(over, &path);
    Some(ReportedError {
        message: format!("{what}; give it {more}"),
        kind: ErrorKind::Limit,
        path,
    })
}
