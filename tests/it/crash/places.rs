//! Sources and targets that fail as places: files that change, vanish or cannot be read under the reader's eyes, and
//! a target that is taken away.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use strandline::durable::{Action, Disk, FaultyDisk, MemoryDisk, Survivors};
use strandline::engine::{self, Control, Pipeline, RunError};
use strandline::model::{ErrorKind, RunReport, RunStatus};
use strandline::source::{FaultySource, MemorySource, Moment};

use super::check::{self, Ending};
use super::cut::Stage;
use super::world::{HISTORY, STATE, TARGET, World, as_disk};

const VICTIM: &str = "1/a.csv";

/// Runs the second chapter on `disk`, in which the victim is modified, with a source that `fails`.
fn run_with(stage: &Stage, disk: &MemoryDisk, fails: impl FnOnce(&FaultySource)) -> RunReport {
    let source = FaultySource::new(Arc::new(stage.world.source.clone()));
    fails(&source);
    let pipeline = Pipeline {
        source: Arc::new(source),
        ..stage.world.pipeline(&as_disk(disk))
    };
    engine::run(&pipeline, &Control::default()).unwrap()
}

/// The victim's trouble is told as `kind`, nothing is quarantined, and the next run ends as it should.
fn a_source_that(kind: ErrorKind, fails: impl Fn(&FaultySource)) {
    // Where the file is new, and where it is modified.
    for chapter in [0, 1] {
        let stage = Stage::of(chapter);
        let disk = stage.before.crash(Survivors::All);
        let report = run_with(&stage, &disk, &fails);
        assert_eq!(report.files.quarantined, 0);
        assert!(!report.checkpoint, "{:?}", report.status);
        let told = report
            .errors
            .iter()
            .any(|error| error.path == VICTIM && error.kind == kind);
        let counted = match kind {
            ErrorKind::Unsettled => report.files.unsettled == 1,
            _ => report.files.unreadable == 1 && report.status == RunStatus::Incomplete,
        };
        assert!(counted, "{:?}", report.files);
        assert!(told || kind == ErrorKind::Unsettled, "{:?}", report.errors);
        assert_eq!(check::between(&disk), [""; 0]);
        // A file that was left out arrives anew, so it may be in another unit: the rows are the same, not the bytes.
        stage.world.run(&disk).unwrap();
        let ending = Ending::of(&disk);
        assert_eq!(ending.own_complaints(), [""; 0]);
        let complaints = check::row_complaints(&ending.rows(), &stage.expected.rows());
        assert_eq!(complaints, [""; 0], "{}", HISTORY[chapter].name);
    }
}

#[test]
fn a_file_that_cannot_be_opened_once_is_unreadable_and_taken_next_time() {
    for kind in [io::ErrorKind::PermissionDenied, io::ErrorKind::TimedOut] {
        a_source_that(ErrorKind::Unreadable, |source| {
            source.fail(VICTIM, Moment::Opening, kind, 9);
        });
    }
}

#[test]
fn a_file_whose_bytes_cannot_be_read_is_unreadable_and_taken_next_time() {
    a_source_that(ErrorKind::Unreadable, |source| {
        source.fail(VICTIM, Moment::Reading, io::ErrorKind::Other, 9);
    });
}

/// Changes the source while the victim is read, and compares with a full load of what is there in the end.
fn a_file_under_the_reader(change: fn(&MemorySource), then: fn(&MemorySource)) {
    for chapter in [0, 1] {
        // It is read more than once: for its columns, perhaps for its hash, and for its rows.
        let turns = (0..).take_while(|turn| a_change_at_turn(chapter, *turn, change, then));
        assert!(turns.count() > 2, "it is looked into and read to the end");
    }
}

/// Changes the victim at the given turn of being read; tells whether that turn came.
fn a_change_at_turn(
    chapter: usize,
    turn: usize,
    change: fn(&MemorySource),
    then: fn(&MemorySource),
) -> bool {
    let stage = Stage::of(chapter);
    let disk = stage.before.crash(Survivors::All);
    let source = stage.world.source.clone();
    let came = Arc::new(AtomicBool::new(false));
    let report = run_with(&stage, &disk, |faulty| {
        (0..turn).for_each(|_| faulty.once(VICTIM, Moment::Reading, || ()));
        let came = Arc::clone(&came);
        faulty.once(VICTIM, Moment::Reading, move || {
            came.store(true, Ordering::Relaxed);
            change(&source);
        });
    });
    if !came.load(Ordering::Relaxed) {
        return false;
    }
    assert_eq!(report.files.quarantined, 0);
    assert_eq!(
        report.files.unsettled, 1,
        "turn {turn}: {:?}",
        report.errors
    );
    assert!(!report.checkpoint);
    assert_eq!(check::between(&disk), [""; 0]);
    then(&stage.world.source);
    stage.world.clock.advance(std::time::Duration::from_mins(1));
    let after = stage.world.run(&disk).unwrap();
    assert!(after.checkpoint, "{:?}", after.errors);
    let fresh = MemoryDisk::new();
    stage.world.run(&fresh).unwrap();
    let ending = Ending::of(&disk);
    assert_eq!(ending.own_complaints(), [""; 0]);
    let expected = Ending::of(&fresh).rows();
    assert_eq!(check::row_complaints(&ending.rows(), &expected), [""; 0]);
    true
}

#[test]
fn a_file_that_vanishes_while_it_is_read_is_gone_after_the_next_run() {
    a_file_under_the_reader(|source| source.remove(VICTIM), |_| ());
}

#[test]
fn a_file_that_changes_while_it_is_read_counts_with_its_new_content() {
    a_file_under_the_reader(|source| source.append(VICTIM, b"777,x,7\n"), |_| ());
    let other = |source: &MemorySource| source.replace(VICTIM, b"id,kind,v\n778,y,8\n".to_vec());
    a_file_under_the_reader(other, |_| ());
}

#[test]
fn a_file_that_changes_in_place_while_it_is_read_counts_with_its_new_content() {
    let same_size = |source: &MemorySource| {
        let mut bytes = source.contents().remove(VICTIM).unwrap();
        let digit = bytes.iter().rposition(u8::is_ascii_digit).unwrap();
        bytes[digit] = if bytes[digit] == b'7' { b'8' } else { b'7' };
        source.write(VICTIM, bytes);
    };
    a_file_under_the_reader(same_size, |_| ());
}

#[test]
fn a_file_that_is_bad_only_while_it_is_written_is_never_quarantined() {
    let half = |source: &MemorySource| source.write(VICTIM, b"id,kind,v\n1,\"".to_vec());
    let whole = |source: &MemorySource| source.write(VICTIM, b"id,kind,v\n1,\"x\",3\n".to_vec());
    a_file_under_the_reader(half, whole);
}

/// Takes `place` away with everything below it, also with what workers write there meanwhile.
fn wipe(disk: &MemoryDisk, place: &str) {
    let on = as_disk(disk);
    while is_there(disk, Path::new(place)) {
        for (path, _) in disk.files() {
            if path.starts_with(place) {
                // A worker may have renamed or removed it since.
                let _ = on.remove_file(&path);
            }
        }
        for directory in directories_below(disk, place).iter().rev() {
            // One that has been filled again goes in the next round.
            let _ = on.remove_empty_dir(directory);
        }
    }
}

fn is_there(disk: &MemoryDisk, place: &Path) -> bool {
    let around = as_disk(disk).list(place.parent().unwrap()).unwrap();
    let name = place.file_name().unwrap();
    around.iter().any(|entry| name == entry.name.as_str())
}

/// Returns `place` and the directories below it, each before those within it.
fn directories_below(disk: &MemoryDisk, place: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut todo = vec![PathBuf::from(place)];
    while let Some(directory) = todo.pop() {
        // What is no directory, or none any more, cannot be listed.
        if let Ok(entries) = as_disk(disk).list(&directory) {
            todo.extend(entries.iter().map(|entry| directory.join(&entry.name)));
            found.push(directory);
        }
    }
    found
}

#[test]
fn a_target_that_vanished_with_its_ledger_is_loaded_afresh() {
    let stage = Stage::of(1);
    let disk = stage.before.crash(Survivors::All);
    wipe(&disk, TARGET);
    stage.world.run(&disk).unwrap();
    let ending = Ending::of(&disk);
    assert_eq!(ending.own_complaints(), [""; 0]);
    assert_eq!(
        check::row_complaints(&ending.rows(), &stage.expected.rows()),
        [""; 0]
    );
}

#[test]
fn outputs_without_their_ledger_are_never_taken_for_an_empty_target() {
    let stage = Stage::of(1);
    let disk = stage.before.crash(Survivors::All);
    wipe(&disk, STATE);
    let before = disk.files();
    let error = stage.world.run(&disk).unwrap_err();
    assert!(matches!(error, RunError::LedgerMissing { .. }), "{error:?}");
    assert_eq!(disk.files(), before, "looking leaves no trace");
}

/// Runs the history's first chapter with the ledger in another place than the target.
fn with_state_elsewhere(world: &World, disk: &Arc<dyn Disk>) -> Result<RunReport, RunError> {
    let mut pipeline = world.pipeline(disk);
    pipeline.target.state = PathBuf::from("/state/here");
    engine::run(&pipeline, &Control::default())
}

#[test]
fn a_target_that_vanished_while_its_ledger_is_elsewhere_stops_the_run() {
    let world = World::new();
    let disk = MemoryDisk::new();
    world.play(&HISTORY[0]);
    with_state_elsewhere(&world, &as_disk(&disk)).unwrap();
    wipe(&disk, TARGET);
    world.play(&HISTORY[1]);
    let error = with_state_elsewhere(&world, &as_disk(&disk)).unwrap_err();
    assert!(matches!(error, RunError::TargetLost { .. }), "{error:?}");
    assert!(error.to_string().contains(TARGET), "{error}");
}

/// Lets the target go at its first publication.
#[derive(Debug)]
struct Vanishing {
    memory: MemoryDisk,
    place: &'static str,
}

impl Vanishing {
    /// Returns a disk on which `place` is wiped when the first output is renamed, which then fails.
    fn disk(memory: &MemoryDisk, place: &'static str) -> Arc<dyn Disk> {
        let faulty = FaultyDisk::new(as_disk(memory));
        let vanishing = Self {
            memory: memory.clone(),
            place,
        };
        faulty.fail_where(
            move |step| {
                let is_due = step.action == Action::Rename
                    && step.path.extension() == Some("parquet".as_ref());
                if is_due {
                    wipe(&vanishing.memory, vanishing.place);
                }
                is_due
            },
            strandline::durable::Fault::Kind(io::ErrorKind::NotFound),
        );
        Arc::new(faulty)
    }
}

#[test]
fn a_target_that_vanishes_during_a_run_fails_it_and_is_loaded_afresh() {
    let stage = Stage::of(1);
    let disk = stage.before.crash(Survivors::All);
    let error = stage
        .world
        .run_on(&Vanishing::disk(&disk, TARGET))
        .unwrap_err();
    assert!(super::cut::chain(&error).contains(TARGET), "{error:?}");
    // What the dying run may have put there again is no ledger.
    wipe(&disk, TARGET);
    stage.world.run(&disk).unwrap();
    let ending = Ending::of(&disk);
    assert_eq!(
        check::row_complaints(&ending.rows(), &stage.expected.rows()),
        [""; 0]
    );
}

#[test]
fn a_target_that_vanishes_during_a_run_with_its_ledger_elsewhere_is_noticed() {
    let world = World::new();
    let disk = MemoryDisk::new();
    world.play(&HISTORY[0]);
    with_state_elsewhere(&world, &as_disk(&disk)).unwrap();
    world.play(&HISTORY[1]);
    with_state_elsewhere(&world, &Vanishing::disk(&disk, TARGET)).unwrap_err();
    let error = with_state_elsewhere(&world, &as_disk(&disk)).unwrap_err();
    assert!(matches!(error, RunError::TargetLost { .. }), "{error:?}");
    assert!(
        as_disk(&disk)
            .look(Path::new("/state/here/ledger.redb"))
            .unwrap()
            .is_some()
    );
}
