//! Everything that is tested from the outside, as one program.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails, in its helpers as well"
)]

mod cli;
mod contract;
mod crash;
mod daemon;
mod format;
mod layering;
mod readme;
mod scenario;
mod support;
