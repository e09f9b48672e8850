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
use crate::model::{RunReport, RunStatus};

/// The passes of one run.
#[derive(Debug)]
pub struct Passes {
    allowance: Allowance,
    repeat: Repeat,
    /// How many files the last pass left.
    left: Option<u64>,
    are_over: bool,
}

impl Passes {
    /// Begins: the time and the requests that the limits of `pipeline` allow are counted from here.
    #[must_use]
    pub fn begin(pipeline: &Pipeline) -> Self {
        Self {
            allowance: Allowance::begin(pipeline),
            repeat: pipeline.limits.repeat,
            left: None,
            are_over: false,
        }
    }

    /// Makes the next pass over the same pipeline.
    ///
    /// # Errors
    /// As [`run`](super::run()).
    pub fn next(&mut self, pipeline: &Pipeline, control: &Control) -> Result<RunReport, RunError> {
        let report = pass(pipeline, &control.within(self.allowance.clone()))?;
        self.are_over = self.repeat == Repeat::Never || !gets_further(&report, self.left);
        self.left = Some(report.files.deferred);
        Ok(report)
    }

    /// Tells whether no other pass is to follow.
    #[must_use]
    pub fn are_over(&self) -> bool {
        self.are_over
    }
}

/// Tells whether a pass left something, and the next one will find less of it than this one did.
///
/// A file that somebody keeps writing to is taken up by every pass, and never loaded: where nothing else gets done, that
/// would go on for ever.
fn gets_further(report: &RunReport, left_before: Option<u64>) -> bool {
    let is_well = matches!(report.status, RunStatus::Partial | RunStatus::Quarantined);
    let leaves_something = report.files.deferred > 0 && report.stopped_by.is_none();
    let outputs = &report.outputs;
    let did_something = outputs.written + outputs.removed > 0
        || left_before.is_none_or(|before| report.files.deferred < before);
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
        let left = Some(3);
        for (report, before, goes_on) in [
            (partial(3, 1), None, true),
            (partial(3, 0), None, true),
            (partial(2, 0), left, true),
            (partial(3, 0), left, false),
            (partial(4, 0), left, false),
            (partial(4, 1), left, true),
            (partial(0, 1), left, false),
        ] {
            assert_eq!(gets_further(&report, before), goes_on, "{:?}", report.files);
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
            assert_eq!(gets_further(&report, None), goes_on, "{status:?}");
        }
        let stopped = RunReport {
            stopped_by: Some(RunLimit::MaxDuration),
            ..partial(3, 1)
        };
        assert!(!gets_further(&stopped, None));
    }
}
