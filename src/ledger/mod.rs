//! The ledger.

mod apply;
mod backend;
mod batch;
mod block;
mod codec;
mod error;
mod files;
mod migrate;
mod record;
mod tables;
mod view;
mod writer;

pub use batch::{
    Batch, Compaction, Garbage, Intent, IntentId, LedgerStats, Meta, MetaChange, Planned,
    SchemaVersion, UnitSummary,
};
pub use block::FileRow;
pub use error::{Damage, LedgerError, OpenError};
pub use view::{FileCursor, View};
pub use writer::{Ledger, holder, set_aside, snapshot};

#[cfg(test)]
mod damage_tests;
#[cfg(test)]
mod tests;
