//! Histories that once broke a promise, shrunk, each with what went wrong.

use std::time::Duration;

use strandline::config::OnModify;

use super::machine::play;
use super::operation::Operation::{Add, Edit, Run};
use super::operation::{Place, Recipe};
use super::world::Setup;

#[test]
fn a_frozen_file_keeps_its_rows() {
    let setup = Setup {
        settle: Duration::ZERO,
        on_modify: OnModify::Ignore,
        unit_size: 200,
        unit_files: 1,
        memory: 512,
        threads: 1,
        ..Setup::default()
    };
    let rows = |rows| Recipe { rows, flavour: 0 };
    play(
        setup,
        &[
            Add(Place(0), rows(1)),
            Run,
            Edit(0, rows(0)),
            Add(Place(1), rows(0)),
            Add(Place(0), rows(0)),
            Run,
        ],
    );
}
