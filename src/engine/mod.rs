//! One run: discover, verify, plan, work, publish, record. Where rayon lives.
//!
//! The engine fetches facts and carries out decisions; it takes none itself. What happened to a file is decided in
//! [`detect`](crate::detect), what is built in [`plan`](crate::plan), what a row looks like in `decode` and
//! `schema`. The files here are the stages, in the order in which a run goes through them:
//!
//! | stage | file | what it does |
//! |---|---|---|
//! | open | `session` | takes the lock, checks that target and ledger belong together, recovers |
//! | discover | `discover`, `portion`, `ranges`, `hinted` | joins the listing with the ledger, range by range, side by side |
//! | verify | `verify` | hashes what stamps do not decide, finds renames |
//! | plan | `prepare`, `edits`, `definition` | turns verdicts into ledger rows and the planner's inputs |
//! | (plan, asked for) | `preview`, `forecast`, `check` | tell what a run would do, what the columns become, whether a file fits |
//! | work | `build`, `hands`, `order`, `work`, `rows`, `routing`, `partitions`, `staged`, `member`, `carry` | builds units from work orders, answers with receipts |
//! | publish, record | `commit`, `outcome`, `growth` | makes groups of units visible, then records them |
//! | (limits) | `allowance`, `left`, `passes` | tell when no more is begun, what that leaves, and whether another pass follows |
//! | recover | `recover` | rolls intents of a killed run forward or back |
//!
//! # Invariants
//! - One thread, the committer, writes to the ledger. Workers take orders and return receipts.
//! - A plan is recorded before work begins, so that an interrupted run is taken up with the same units.
//! - Every crash window is named in `commit`, where it is closed.

mod allowance;
mod aside;
mod audit;
mod build;
mod builder;
mod carry;
mod check;
mod commit;
mod control;
mod definition;
mod discover;
mod edits;
mod error;
mod forecast;
mod forget;
mod growth;
mod hands;
mod hinted;
mod interleaved;
mod left;
mod member;
mod open;
mod order;
mod outcome;
mod pace;
mod partitions;
mod passes;
mod pipeline;
mod places;
mod portion;
mod prepare;
mod preview;
mod ranges;
mod rebuild;
mod recover;
mod report;
mod routing;
mod rows;
mod run;
mod same_content;
mod session;
mod spool;
mod sql;
mod staged;
mod step;
mod verify;
mod work;
mod work_error;

pub use audit::{Depth, Finding, VerifyReport, verify};
pub use builder::{BuildError, PipelineBuilder};
pub use check::{FileCheck, check_file};
pub use control::{Control, Phase, Progress};
pub use error::RunError;
pub use forecast::{Forecast, Stale};
pub use forget::{ResetFilter, ResetReport, reset, retry_quarantined};
pub use open::{Home, OpenPipelineError, open_source};
pub use passes::Passes;
pub use pipeline::{Pipeline, Target};
pub use places::{PlacesError, TargetPlaces, target_places};
pub use preview::{PlanReport, PlannedChange, UnitPreview, preview};
pub use rebuild::{RecoverReport, recover};
pub use run::{run, run_hinted};
