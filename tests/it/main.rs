//! Everything that is tested from the outside, as one program.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails, in its helpers as well"
)]

mod contract;
mod crash;
mod layering;
mod scenario;
mod support;
