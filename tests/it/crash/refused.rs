//! Disks that refuse an operation and go on: no space, bad sectors, no handles, no permission. The run says so in the
//! system's words, loses nothing, and the next one ends as if nothing had been.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use strandline::durable::{Action, Disk, Fault, FaultyDisk, Step, Survivors};
use strandline::engine::RunError;
use strandline::model::{RunReport, RunStatus};

use super::check;
use super::cut::{Stage, chain, sampled, tell};
use super::world::{HISTORY, as_disk};

const ENOSPC: i32 = 28;
const EIO: i32 = 5;
const EMFILE: i32 = 24;
const EACCES: i32 = 13;

/// Returns everything that a run said.
fn said(outcome: &Result<RunReport, RunError>) -> String {
    match outcome {
        Err(error) => chain(error),
        Ok(report) => {
            let messages = report.errors.iter().map(|error| error.message.clone());
            messages.collect::<Vec<_>>().join("\n")
        }
    }
}

/// What may fail without anybody being told, and why that is right.
fn may_be_silent(history: &[Step], number: usize) -> bool {
    let is_gate = |step: &Step| step.action == Action::Lock && step.path.ends_with("gate");
    match history[number].action {
        // The gate is a courtesy between the writer and those who copy the ledger.
        Action::Lock => is_gate(&history[number]),
        // Closing notes that no repair is needed; without the note whoever opens it next repairs.
        Action::WriteStore | Action::SyncStore | Action::SetLength => {
            history[number].path.ends_with("ledger.new") || !history[number..].iter().any(is_gate)
        }
        _ => false,
    }
}

fn every_refusal_of(chapter: usize, errno: i32) {
    let stage = Stage::of(chapter);
    let words = io::Error::from_raw_os_error(errno).to_string();
    let mut met: BTreeMap<Action, usize> = BTreeMap::new();
    for number in sampled(stage.operations, 30) {
        let disk = stage.before.crash(Survivors::All);
        let faulty = FaultyDisk::new(as_disk(&disk));
        faulty.fail_once_at(number, Fault::System(errno));
        let on: Arc<dyn Disk> = Arc::new(faulty.clone());
        let outcome = stage.world.run_on(&on);
        let history = faulty.history();
        let Some(step) = history.get(number) else {
            continue;
        };
        *met.entry(step.action).or_default() += 1;
        let what = format!(
            "{}: {:?} {}",
            HISTORY[chapter].name,
            step.action,
            step.path.display()
        );
        let noticed = match &outcome {
            Ok(report) => report.status == RunStatus::Incomplete,
            Err(_) => true,
        };
        assert!(
            noticed || may_be_silent(&history, number),
            "{what} went unnoticed"
        );
        if noticed {
            let said = said(&outcome);
            let name = step.path.file_name().unwrap_or_default().to_string_lossy();
            assert!(said.contains(&words), "{what}: {said:?}");
            let named = [&*name, "ledger", "staged file"]
                .iter()
                .any(|name| said.contains(name));
            assert!(named, "{what} {name}: {said:?}");
        }
        assert_eq!(check::between(&disk), [""; 0], "{what}");
        assert_eq!(stage.finish(&disk), [""; 0], "{what}");
    }
    tell(&format!("{}: {words}: {met:?}", HISTORY[chapter].name));
}

#[test]
fn a_first_load_survives_a_full_disk_at_any_operation() {
    every_refusal_of(0, ENOSPC);
}

#[test]
fn edits_survive_a_bad_sector_at_any_operation() {
    every_refusal_of(1, EIO);
}

#[test]
fn absorbing_survives_running_out_of_handles_at_any_operation() {
    every_refusal_of(2, EMFILE);
}

#[test]
fn widening_survives_a_full_disk_at_any_operation() {
    every_refusal_of(3, ENOSPC);
}

#[test]
fn removals_survive_a_denied_operation_anywhere() {
    every_refusal_of(4, EACCES);
}

/// Lets everything of one kind fail for a whole run.
fn a_run_without(chapter: usize, action: Action, place: &'static str, errno: i32) {
    let stage = Stage::of(chapter);
    let disk = stage.before.crash(Survivors::All);
    let faulty = FaultyDisk::new(as_disk(&disk));
    let is_there = move |path: &Path| path.to_string_lossy().contains(place);
    faulty.fail_where(
        move |step| step.action == action && is_there(&step.path),
        Fault::System(errno),
    );
    let on: Arc<dyn Disk> = Arc::new(faulty.clone());
    let outcome = stage.world.run_on(&on);
    let words = io::Error::from_raw_os_error(errno).to_string();
    assert!(
        said(&outcome).contains(&words),
        "{action:?} {place}: {outcome:?}"
    );
    assert_eq!(check::between(&disk), [""; 0], "{action:?} {place}");
    assert_eq!(stage.finish(&disk), [""; 0], "{action:?} {place}");
}

#[test]
fn a_disk_that_stays_full_for_a_whole_run_loses_nothing() {
    a_run_without(1, Action::Write, "staging", ENOSPC);
    a_run_without(3, Action::Create, "staging", ENOSPC);
    a_run_without(1, Action::WriteStore, "ledger", ENOSPC);
}

#[test]
fn reading_that_fails_for_a_whole_run_loses_nothing() {
    a_run_without(1, Action::Read, "ledger.redb", EIO);
    a_run_without(1, Action::Open, "ledger.redb", EMFILE);
    a_run_without(1, Action::Open, "mark", EACCES);
}

#[test]
fn publishing_that_is_denied_for_a_whole_run_loses_nothing() {
    a_run_without(1, Action::Rename, "parquet", EACCES);
    a_run_without(1, Action::SyncDir, "day=", EIO);
    a_run_without(1, Action::RemoveFile, "parquet", EACCES);
    a_run_without(4, Action::RemoveDir, "day=", EACCES);
}
