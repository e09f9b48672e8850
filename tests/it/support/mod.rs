//! What several suites need.

pub(crate) mod listing;
pub(crate) mod program;
pub(crate) mod redact;
