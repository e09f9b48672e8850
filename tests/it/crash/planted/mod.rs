//! Faults planted one at a time, to prove that the checks of these suites are awake: each must be complained of, and
//! a world without a fault must not. The faults are wrong adapters, as somebody might write them.

mod disk;
mod source;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use strandline::clock::{Clock, ManualClock};
use strandline::durable::{Disk, FaultyDisk, MemoryDisk, Survivors};
use strandline::engine::{self, Control, Pipeline, ResetFilter};
use strandline::ledger::Ledger;
use strandline::model::{LedgerId, Timestamp};
use strandline::source::Source;

use super::check::{self, Ending};
use super::cut::{Stage, chain};
use super::world::{Chapter, HISTORY, STATE, World, as_disk, sink};
use disk::{BadDisk, BadSink, DiskFault, SinkFault};
use source::{BadSource, SourceFault};

/// Returns the pipeline of `world` on a disk and a sink with faults.
fn faulty_pipeline(
    world: &World,
    inner: Arc<dyn Disk>,
    disk_fault: DiskFault,
    fault: SinkFault,
) -> Pipeline {
    let disk: Arc<dyn Disk> = Arc::new(BadDisk {
        inner,
        fault: disk_fault,
    });
    let bad = BadSink {
        inner: sink(&disk),
        disk: Arc::clone(&disk),
        fault,
    };
    world.pipeline_to(&disk, Arc::new(bad))
}

/// Returns what an ending is complained of, given the rows that it ought to have.
fn complaints(disk: &MemoryDisk, expected: &[String]) -> Vec<String> {
    let ending = Ending::of(disk);
    let mut out = ending.own_complaints();
    if out.is_empty() {
        out = check::row_complaints(&ending.rows(), expected);
    }
    out
}

fn full_load(world: &World) -> Vec<String> {
    let disk = MemoryDisk::new();
    world.run(&disk).unwrap();
    Ending::of(&disk).rows()
}

/// Plays the history without any trouble from outside, and returns the first complaints.
fn in_peace(disk_fault: DiskFault, fault: SinkFault) -> Vec<String> {
    let world = World::new();
    let memory = MemoryDisk::new();
    // Behind the history, units are built once more with the same bytes.
    let again = Chapter {
        name: "a reset",
        change: |_| (),
    };
    for chapter in HISTORY.iter().chain([&again]) {
        world.play(chapter);
        let pipeline = faulty_pipeline(&world, as_disk(&memory), disk_fault, fault);
        if chapter.name == again.name {
            let filter = ResetFilter {
                path: Some("1/*.csv".to_owned()),
                ..ResetFilter::default()
            };
            engine::reset(&pipeline.target, &filter).unwrap();
        }
        if let Err(error) = engine::run(&pipeline, &Control::default()) {
            return vec![format!("{}: {}", chapter.name, chain(&error))];
        }
        let found = complaints(&memory, &full_load(&world));
        if !found.is_empty() {
            return found;
        }
    }
    let disk: Arc<dyn Disk> = Arc::new(BadDisk {
        inner: as_disk(&memory),
        fault: disk_fault,
    });
    let open = || {
        let id = || LedgerId("other".to_owned());
        Ledger::open(Arc::clone(&disk), Path::new(STATE), &id, "a test")
    };
    let first = open().unwrap();
    let out = open().map_or(Vec::new(), |_| vec!["two writers at once".to_owned()]);
    drop(first);
    out
}

/// Cuts the power all over a run, lets the same adapters recover, and returns the first complaints.
fn under_power_cuts(disk_fault: DiskFault, fault: SinkFault) -> Vec<String> {
    let stage = Stage::of(1);
    let world = &stage.world;
    let mut complaints = Vec::new();
    for cut in (0..stage.operations + 40).step_by(2) {
        let memory = stage.before.crash(Survivors::All);
        let faulty = FaultyDisk::new(as_disk(&memory));
        faulty.cut_at(cut);
        let pipeline = faulty_pipeline(world, Arc::new(faulty), disk_fault, fault);
        engine::run(&pipeline, &Control::default()).ok();
        let survivors = if cut % 4 == 0 {
            Survivors::Synced
        } else {
            Survivors::All
        };
        let wreck = memory.crash(survivors);
        let found = check::between(&wreck);
        if !found.is_empty() {
            complaints.extend(found);
            continue;
        }
        let pipeline = faulty_pipeline(world, as_disk(&wreck), disk_fault, fault);
        if let Err(error) = engine::run(&pipeline, &Control::default()) {
            complaints.push(format!("cut at {cut}, the next run: {}", chain(&error)));
            continue;
        }
        complaints.extend(Ending::of(&wreck).complaints(&stage.expected));
    }
    complaints
}

/// A world that is looked at through a source with a fault, and by a clock of its own.
struct Onlooker {
    world: World,
    fault: SourceFault,
    disk: MemoryDisk,
    clock: Arc<dyn Clock>,
    stale_from: Timestamp,
    found: Vec<String>,
}

impl Onlooker {
    fn new(fault: SourceFault) -> Self {
        let mut world = World::new();
        world.policies.settle = Duration::ZERO;
        Self {
            clock: world.clock.clone(),
            stale_from: world.clock.now().plus(Duration::from_secs(1)),
            disk: MemoryDisk::new(),
            found: Vec::new(),
            world,
            fault,
        }
    }

    /// Runs without letting time pass.
    fn run(&mut self) {
        let mut pipeline = self.world.pipeline(&as_disk(&self.disk));
        pipeline.target.clock = Arc::clone(&self.clock);
        pipeline.source = Arc::new(BadSource {
            inner: Arc::new(self.world.source.clone()) as Arc<dyn Source>,
            fault: self.fault,
            stale_from: self.stale_from,
        });
        engine::run(&pipeline, &Control::default()).unwrap();
    }

    fn compare(&mut self, expected: &[String]) {
        self.found.extend(complaints(&self.disk, expected));
    }

    fn run_and_compare(&mut self) {
        self.run();
        let expected = full_load(&self.world);
        self.compare(&expected);
    }

    fn advance(&self, millis: u64) {
        self.world.clock.advance(Duration::from_millis(millis));
    }

    /// Plays everything by which a source can deceive.
    fn play(mut self) -> Vec<String> {
        let source = self.world.source.clone();
        for chapter in &HISTORY[..2] {
            self.world.play(chapter);
            self.run_and_compare();
        }
        // A directory that cannot be looked at.
        let whole = full_load(&self.world);
        source.deny("2/");
        self.run();
        self.compare(&whole);
        source.allow("2/");
        // An edit of the same size whose mtime is set back.
        let victim = "2/a.csv".into();
        let before = source.look(&victim).unwrap().unwrap();
        let contents = source.contents();
        let swapped = contents["2/a.csv"].iter().map(|byte| match byte {
            b'0' => b'9',
            other => *other,
        });
        source.write("2/a.csv", swapped.collect::<Vec<u8>>());
        source.set_modified_at("2/a.csv", before.modified_at);
        self.advance(3_600_000);
        self.run_and_compare();
        // Two edits of the same size within a second, with a look between them.
        self.advance(1000 - 1 - u64::try_from(self.now_millis() % 1000).unwrap());
        self.advance(101);
        source.write("9/a.csv", b"id,kind,v\n1,x,1\n".to_vec());
        self.advance(400);
        self.run();
        self.advance(200);
        source.write("9/a.csv", b"id,kind,v\n1,x,2\n".to_vec());
        self.advance(3_600_000);
        self.run_and_compare();
        // And two within one tick.
        source.write("9/b.csv", b"id,kind,v\n1,x,3\n".to_vec());
        self.run();
        source.write("9/b.csv", b"id,kind,v\n1,x,4\n".to_vec());
        self.run_and_compare();
        self.found
    }

    fn now_millis(&self) -> i64 {
        self.world.clock.now().0 / 1_000_000
    }
}

#[test]
fn a_world_without_a_fault_is_not_complained_of() {
    assert_eq!(in_peace(DiskFault::None, SinkFault::None), [""; 0]);
    assert_eq!(under_power_cuts(DiskFault::None, SinkFault::None), [""; 0]);
    assert_eq!(Onlooker::new(SourceFault::None).play(), [""; 0]);
}

/// Demands that one of the complaints speaks of what the fault does.
fn demand(what: &str, found: &[String]) {
    let is_told = found.iter().any(|complaint| complaint.contains(what));
    assert!(is_told, "nothing about {what:?} in {found:#?}");
}

/// The table: a fault, and the complaint that gives it away.
macro_rules! planted {
    ($($name:ident: $hunt:expr => $complaint:literal;)+) => {$(
        #[test]
        fn $name() {
            demand($complaint, &$hunt);
        }
    )+};
}

fn sink_in_peace(fault: SinkFault) -> Vec<String> {
    in_peace(DiskFault::None, fault)
}

fn disk_in_peace(fault: DiskFault) -> Vec<String> {
    in_peace(fault, SinkFault::None)
}

fn disk_under_power_cuts(fault: DiskFault) -> Vec<String> {
    under_power_cuts(fault, SinkFault::None)
}

planted! {
    publishing_without_syncing_directories_is_caught:
        disk_under_power_cuts(DiskFault::ForgetsNames) => "is missing";
    staging_without_syncing_is_caught:
        disk_under_power_cuts(DiskFault::ForgetsContent) => "is torn";
    a_ledger_that_is_not_synced_is_caught:
        disk_under_power_cuts(DiskFault::ForgetsLedger) => "is another";
    publishing_piece_by_piece_is_caught:
        under_power_cuts(DiskFault::None, SinkFault::PublishesInPieces) => "is torn";
    staging_that_truncates_is_caught:
        disk_in_peace(DiskFault::Truncates) => "is not what";
    staging_that_flips_a_byte_is_caught:
        disk_in_peace(DiskFault::FlipsByte) => "is not what";
    a_lock_that_locks_nobody_out_is_caught:
        disk_in_peace(DiskFault::LocksNobodyOut) => "two writers";
    publishing_half_of_the_outputs_is_caught:
        sink_in_peace(SinkFault::PublishesHalf) => "has lost its output";
    publishing_that_never_replaces_is_caught:
        sink_in_peace(SinkFault::NeverReplaces) => "is not what";
    retiring_nothing_is_caught:
        sink_in_peace(SinkFault::RetiresNothing) => "nobody owns";
    leaving_staged_files_is_caught:
        sink_in_peace(SinkFault::DiscardsNothing) => "is left over";
    a_target_that_is_never_marked_is_caught:
        sink_in_peace(SinkFault::MarksNothing) => "lost its mark";
    taking_an_unreadable_directory_for_empty_is_caught:
        Onlooker::new(SourceFault::HidesTrouble).play() => "rows missing";
    a_fingerprint_without_change_time_is_caught:
        Onlooker::new(SourceFault::IgnoresChangeTime).play() => "rows missing";
    stamps_that_are_coarser_than_they_look_are_caught:
        Onlooker::new(SourceFault::CoarseStamps).play() => "rows missing";
    a_listing_that_leaves_files_out_is_caught:
        Onlooker::new(SourceFault::SkipsLast).play() => "rows missing";
    a_listing_of_earlier_is_caught:
        Onlooker::new(SourceFault::ListsStale).play() => "rows missing";
    reading_that_ends_early_is_caught:
        Onlooker::new(SourceFault::ReadsShort).play() => "rows missing";
}

#[test]
fn a_clock_that_runs_ahead_of_the_stamps_is_caught() {
    let mut onlooker = Onlooker::new(SourceFault::None);
    let ahead = onlooker.world.clock.now().plus(Duration::from_hours(24));
    onlooker.clock = Arc::new(ManualClock::new(ahead));
    demand("rows missing", &onlooker.play());
}
