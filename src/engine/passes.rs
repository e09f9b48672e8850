//! `--until-complete`: one pass after the other, as long as a limit leaves something and each gets further.
//!
//! `--max-files` and `--max-bytes` are for each pass, `--max-duration` and `--max-requests` for all of them together. Each
//! pass is a run of its own, with its own report and its own row in the history, and between two of them the pipeline
//! is free: an interruption loses nothing.

use super::allowance::Allowance;
use super::control::Control;
use super::error::RunError;
use super::pipeline::Pipeline;
use super::run::pass;
use crate::config::Repeat;
use crate::model::{Hints, RunReport, RunStatus};

/// The passes of one run.
#[derive(Debug)]
pub struct Passes {
    allowance: Allowance,
    repeat: Repeat,
    hints: Option<Hints>,
    /// The fewest files that a pass left.
    fewest: Option<u64>,
    /// How many passes since then have left no fewer.
    in_vain: u32,
    are_over: bool,
}

impl Passes {
    /// Begins: the time and the requests that the limits of `pipeline` allow are counted from here.
    #[must_use]
    pub fn begin(pipeline: &Pipeline) -> Self {
        Self {
            allowance: Allowance::begin(pipeline),
            repeat: pipeline.limits.repeat,
            hints: None,
            fewest: None,
            in_vain: 0,
            are_over: false,
        }
    }

    /// Lets the first pass look only at what `hints` name, where that is enough. What it leaves, those behind it find.
    #[must_use]
    pub fn with_hints(self, hints: Hints) -> Self {
        Self {
            hints: Some(hints),
            ..self
        }
    }

    /// Makes the next pass over the same pipeline.
    ///
    /// # Errors
    /// As [`run`](super::run()).
    pub fn next(&mut self, pipeline: &Pipeline, control: &Control) -> Result<RunReport, RunError> {
        let allowed = control.within(self.allowance.clone());
        let report = pass(pipeline, self.hints.as_ref(), &allowed)?;
        self.hints = None;
        let left = report.files.deferred;
        let is_fewer = self.fewest.is_none_or(|fewest| left < fewest);
        self.in_vain = if is_fewer { 0 } else { self.in_vain + 1 };
        self.fewest = Some(self.fewest.map_or(left, |fewest| fewest.min(left)));
        self.are_over = self.repeat == Repeat::Never || !gets_further(&report, self.in_vain);
        Ok(report)
    }

    /// Tells whether no other pass is to follow.
    #[must_use]
    pub fn are_over(&self) -> bool {
        self.are_over
    }
}

/// So many passes may leave no fewer files than one before them, as long as they do something.
const PATIENCE: u32 = 3;

/// Tells whether a pass left something, and another may leave less.
///
/// A file that somebody keeps writing to is taken up by every pass, before those behind it: where nothing else gets done, or
/// as much comes as is done, that would go on for ever.
fn gets_further(report: &RunReport, in_vain: u32) -> bool {
    let is_well = matches!(report.status, RunStatus::Partial | RunStatus::Quarantined);
    let leaves_something = report.files.deferred > 0 && report.stopped_by.is_none();
    let outputs = &report.outputs;
    let is_busy = outputs.written + outputs.removed > 0 && in_vain < PATIENCE;
    let did_something = in_vain == 0 || is_busy;
    is_well && leaves_something && did_something
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        ByteCounts, FileCounts, OutputCounts, RowCounts, RunId, RunLimit, Seconds, Timestamp,
        UnitCounts,
    };

    fn partial(deferred: u64, written: u64) -> RunReport {
        RunReport {
            status: RunStatus::Partial,
            files: FileCounts {
                deferred,
                ..FileCounts::default()
            },
            outputs: OutputCounts {
                written,
                ..OutputCounts::default()
            },
            version: 1,
            run_id: RunId(1),
            pipeline: String::new(),
            source: String::new(),
            target: String::new(),
            started_at: Timestamp(0),
            units: UnitCounts::default(),
            rows: RowCounts::default(),
            bytes: ByteCounts::default(),
            requests: None,
            hints: None,
            stopped_by: None,
            seconds: Seconds::default(),
            watermark: None,
            checkpoint: false,
            distinct: false,
            expectations: Vec::new(),
            errors: Vec::new(),
            errors_omitted: 0,
        }
    }

    #[test]
    fn another_pass_is_made_only_where_something_is_left_and_it_gets_less() {
        for (report, in_vain, goes_on) in [
            (partial(3, 1), 0, true),
            (partial(3, 0), 0, true),
            (partial(3, 0), 1, false),
            (partial(4, 1), 1, true),
            (partial(4, 1), 2, true),
            (partial(4, 1), 3, false),
            (partial(0, 1), 0, false),
        ] {
            assert_eq!(
                gets_further(&report, in_vain),
                goes_on,
                "{:?}",
                report.files
            );
        }
        for (status, goes_on) in [
            (RunStatus::Quarantined, true),
            (RunStatus::Incomplete, false),
            (RunStatus::Interrupted, false),
            (RunStatus::Done, false),
        ] {
            let report = RunReport {
                status,
                ..partial(3, 1)
            };
            assert_eq!(gets_further(&report, 0), goes_on, "{status:?}");
        }
        let stopped = RunReport {
            stopped_by: Some(RunLimit::MaxDuration),
            ..partial(3, 1)
        };
        assert!(!gets_further(&stopped, 0));
    }
}
