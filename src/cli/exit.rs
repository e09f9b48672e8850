//! How an ending becomes an exit code and a word for it.

use std::process::ExitCode;

use crate::config::{FileError, PatternError, SettingError};
use crate::engine::{PlacesError, RunError};
use crate::hints::HintError;
use crate::ledger::OpenError;
use crate::model::RunStatus;
use crate::store::OpenStoreError;

use super::usage::UsageError;

/// How the program ended, as the caller needs to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// Everything is done, or there was nothing to do.
    Done,
    /// Something failed; nothing is lost, and it is safe to run again.
    Failed,
    /// The command or its settings are wrong.
    Usage,
    /// Done, and some inputs are quarantined.
    Quarantined,
    /// Another run holds the pipeline.
    Held,
    /// Stopped by the removal brake.
    Braked,
    /// Stopped by a signal.
    Interrupted,
}

impl Ending {
    /// Returns the exit code; `signal` is the code of the signal that interrupted, if one did.
    pub(super) fn code(self, signal: Option<u8>) -> ExitCode {
        ExitCode::from(match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Quarantined => 3,
            Self::Held => 4,
            Self::Braked => 5,
            Self::Interrupted => signal.unwrap_or(130),
        })
    }

    /// Returns the word for it in JSON.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::Quarantined => "quarantined",
            Self::Held => "held",
            Self::Braked => "braked",
            Self::Interrupted => "interrupted",
        }
    }

    /// Returns the ending of a run.
    pub(super) fn of_run(status: RunStatus) -> Self {
        match status {
            RunStatus::Done | RunStatus::Partial => Self::Done,
            RunStatus::Quarantined => Self::Quarantined,
            RunStatus::Running | RunStatus::Incomplete | RunStatus::Failed => Self::Failed,
            RunStatus::Interrupted => Self::Interrupted,
            RunStatus::Braked => Self::Braked,
        }
    }

    /// Returns the ending of a command that failed.
    pub(super) fn of_error(error: &anyhow::Error) -> Self {
        error
            .chain()
            .find_map(|cause| {
                if let Some(UsageError::File { .. }) = cause.downcast_ref() {
                    // It may be there the next time.
                    return Some(Self::Failed);
                }
                let usage = cause.is::<UsageError>()
                    || cause.is::<PlacesError>()
                    || cause.is::<SettingError>()
                    || cause.is::<FileError>()
                    || cause.is::<PatternError>()
                    || cause.is::<OpenStoreError>()
                    || matches!(cause.downcast_ref(), Some(HintError::Open { .. }));
                if usage {
                    return Some(Self::Usage);
                }
                if let Some(OpenError::Held { .. }) = cause.downcast_ref() {
                    return Some(Self::Held);
                }
                cause.downcast_ref().map(Self::of_run_error)
            })
            .unwrap_or(Self::Failed)
    }

    fn of_run_error(error: &RunError) -> Self {
        match error {
            RunError::Held { .. } | RunError::Open(OpenError::Held { .. }) => Self::Held,
            RunError::Braked(_) => Self::Braked,
            RunError::Interrupted => Self::Interrupted,
            RunError::Pattern { .. } | RunError::Incompatible { .. } | RunError::Sql(_) => {
                Self::Usage
            }
            RunError::LedgerMissing { .. }
            | RunError::Foreign { .. }
            | RunError::TargetLost { .. }
            | RunError::Open(_)
            | RunError::Ledger(_)
            | RunError::Sink(_)
            | RunError::LeaseLost
            | RunError::Source(..)
            | RunError::ModifiedForbidden { .. }
            | RunError::NothingToRecover
            | RunError::Expectation { .. }
            | RunError::Unread { .. }
            | RunError::Workers { .. } => Self::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ending_has_its_code() {
        for (ending, code) in [
            (Ending::of_run(RunStatus::Done), 0),
            (Ending::of_run(RunStatus::Partial), 0),
            (Ending::of_run(RunStatus::Incomplete), 1),
            (Ending::of_run(RunStatus::Failed), 1),
            (Ending::of_error(&PlacesError::NoSource.into()), 2),
            (Ending::of_run(RunStatus::Quarantined), 3),
            (
                Ending::of_error(
                    &RunError::Held {
                        note: String::new(),
                    }
                    .into(),
                ),
                4,
            ),
            (Ending::of_run(RunStatus::Braked), 5),
            (Ending::of_run(RunStatus::Interrupted), 143),
            (Ending::of_error(&anyhow::anyhow!("x")), 1),
        ] {
            assert_eq!(ending.code(Some(143)), ExitCode::from(code), "{ending:?}");
        }
        assert_eq!(Ending::Interrupted.code(None), ExitCode::from(130));
    }
}
