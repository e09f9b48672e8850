//! Why a run ended before it was done.

use crate::ledger::{LedgerError, OpenError};
use crate::model::SourcePath;
use crate::plan::Brake;
use crate::schema::{Breach, Compatibility};
use crate::sink::SinkError;
use crate::transform::{RowError, SqlError};

/// Why a run ended before it was done. Nothing committed is lost; running again is safe.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Another run holds the pipeline.
    #[error("another run holds the pipeline ({note})")]
    Held {
        /// What the holder says of itself.
        note: String,
    },
    /// The target holds outputs, and there is no ledger.
    #[error("the target {target} holds {outputs} outputs, but there is no ledger for them")]
    LedgerMissing {
        /// The target.
        target: String,
        /// How many outputs stand there.
        outputs: usize,
    },
    /// The target belongs to another ledger.
    #[error("the target {target} belongs to ledger {found}, not to {expected}")]
    Foreign {
        /// The target.
        target: String,
        /// The ledger in its mark.
        found: String,
        /// The ledger at hand.
        expected: String,
    },
    /// The ledger knows of outputs, and the target is not there or was emptied.
    #[error("the target {target} has lost its mark; the ledger knows of {units} units there")]
    TargetLost {
        /// The target.
        target: String,
        /// How many units the ledger knows.
        units: u64,
    },
    /// The ledger cannot be opened.
    #[error("cannot open the ledger")]
    Open(#[source] OpenError),
    /// The ledger failed.
    #[error("cannot read or write the ledger")]
    Ledger(#[from] LedgerError),
    /// The target failed.
    #[error("the target failed")]
    Sink(#[from] SinkError),
    /// Another run took the pipeline over.
    #[error("the lock on the pipeline was lost, so nothing more may be published")]
    LeaseLost,
    /// The source as a whole cannot be listed.
    #[error("cannot list the source {0}")]
    Source(String, #[source] std::io::Error),
    /// More files vanished than the brake allows.
    #[error("{} of {} files vanished from the source, more than the {} that may go in one run", .0.vanished, .0.live, .0.allowed)]
    Braked(Brake),
    /// The policy forbids changes.
    #[error("{path}{} changed, which --on-modify fail forbids", and_others(*others))]
    ModifiedForbidden {
        /// The first of them.
        path: SourcePath,
        /// How many more.
        others: usize,
    },
    /// The columns are declared in a way that breaks readers.
    #[error("the declared columns are not {}-compatible with those before: {}", rule.word(), listed(breaches))]
    Incompatible {
        /// What they have to keep working.
        rule: Compatibility,
        /// What is wrong.
        breaches: Vec<Breach>,
    },
    /// A pattern cannot be used.
    #[error("cannot use the pattern {pattern:?}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The SQL means nothing, is refused, or does not go with the columns of the source.
    #[error("cannot use the SQL")]
    Sql(#[from] SqlError),
    /// A row does not meet an expectation that ends the run.
    #[error("cannot take {path}")]
    Expectation {
        /// The file.
        path: SourcePath,
        /// The row, and what it does not meet.
        #[source]
        error: RowError,
    },
    /// A file that was asked about cannot be read.
    #[error("cannot check {path}: {unread}")]
    Unread {
        /// The file.
        path: SourcePath,
        /// Why not.
        unread: Unread,
    },
    /// The workers cannot be started.
    #[error("cannot start {threads} workers")]
    Workers {
        /// How many.
        threads: usize,
        /// The system's own words.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There is a ledger, and it is whole.
    #[error("the ledger is there and whole, so there is nothing to recover")]
    NothingToRecover,
    /// A signal stopped a preview before all was looked at.
    #[error("interrupted before it was known what there is to do")]
    Interrupted,
}

impl RunError {
    /// Tells whether the same may go well after a while, with nothing done about it.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Held { .. } | Self::LeaseLost | Self::Sink(_) | Self::Source(..) => true,
            Self::Open(error) => matches!(error, OpenError::Held { .. } | OpenError::Io { .. }),
            Self::Ledger(error) => !matches!(
                error,
                LedgerError::Corrupt { .. } | LedgerError::NestedIntent { .. }
            ),
            Self::LedgerMissing { .. }
            | Self::Foreign { .. }
            | Self::TargetLost { .. }
            | Self::Braked(_)
            | Self::ModifiedForbidden { .. }
            | Self::Incompatible { .. }
            | Self::Pattern { .. }
            | Self::Sql(_)
            | Self::Expectation { .. }
            | Self::Unread { .. }
            | Self::Workers { .. }
            | Self::NothingToRecover
            | Self::Interrupted => false,
        }
    }
}

/// Why a file that was asked about cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// It is not there, or is no file.
    #[error("there is no such file")]
    Gone,
    /// It does not hold still.
    #[error("it changed while it was read")]
    Restless,
    /// Reading it failed.
    #[error("{0}")]
    Failed(String),
}

impl From<OpenError> for RunError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Held { note } => Self::Held { note },
            other => Self::Open(other),
        }
    }
}

fn listed(breaches: &[Breach]) -> String {
    let breaches = breaches.iter().map(ToString::to_string);
    breaches.collect::<Vec<_>>().join("; ")
}

fn and_others(others: usize) -> String {
    match others {
        0 => String::new(),
        1 => " and another file".to_owned(),
        _ => format!(" and {others} other files"),
    }
}
