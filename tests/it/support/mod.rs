//! What several suites need.

pub(crate) mod cut_store;
pub(crate) mod gcs;
pub(crate) mod lake;
pub(crate) mod listing;
pub(crate) mod ordered;
pub(crate) mod program;
pub(crate) mod redact;
pub(crate) mod seeds;
pub(crate) mod server;
pub(crate) mod store;

/// Tells whether the complete sets are wanted, where on each push a sample has to do.
pub(crate) fn is_nightly() -> bool {
    std::env::var_os("NIGHTLY").is_some_and(|value| value == "1")
}
