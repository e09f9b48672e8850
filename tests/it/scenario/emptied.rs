//! A source whose last file goes.

use std::time::Duration;

use strandline::durable::{Action, Fault};
use strandline::engine::RunError;
use strandline::model::RunStatus;

use super::read_back::read_back;
use super::world::{Setup, World};

/// The run that records it dies before the outputs are removed. They stood beside an empty ledger then, and every run behind
/// it was refused as if the ledger were lost.
#[test]
fn outputs_that_could_not_be_removed_with_the_last_file_are_removed_by_the_next_run() {
    let mut world = World::new(Setup::default());
    world.source.write("a.csv", "id\n1\n");
    world.clock.advance(Duration::from_mins(1));
    world.run_to_the_end();
    world.source.remove("a.csv");
    world.faulty_disk.fail_where(
        |step| step.action == Action::RemoveFile && step.path.ends_with("u000000.parquet"),
        Fault::System(5),
    );
    let refused = world.run().unwrap_err();
    assert!(matches!(refused, RunError::Sink(_)), "{refused:?}");
    world.faulty_disk.heal();
    let report = world.run().unwrap();
    assert_eq!(report.status, RunStatus::Done);
    assert_eq!(read_back(&world.disk).rows().len(), 0);
}
