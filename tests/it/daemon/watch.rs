//! The loop over a source in memory, with hints by plan and a clock that is set.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use strandline::clock::ManualClock;
use strandline::daemon::{Audience, Pass, Watch, WatchError};
use strandline::durable::{Action, Fault, FaultyDisk};
use strandline::engine::{Control, RunError, run_hinted};
use strandline::hints::{HintError, HintSource, Taken};
use strandline::model::{Hints, RunReport, SourcePath, WhyListed};
use strandline::source::MemorySource;

use crate::scenario::world::{Setup, World};

/// What happens while the loop waits for hints.
enum Step {
    /// Something happens to the source, and these files are hinted at.
    Hint(Box<dyn Fn(&MemorySource)>, &'static [&'static str]),
    /// Nothing is told for as long as is waited.
    Silence,
    /// The queue is in trouble, which may pass.
    Trouble,
    /// It refuses.
    Refusal,
    /// Somebody asks to stop.
    Stop,
}

/// Hints by plan.
struct Planned {
    steps: VecDeque<Step>,
    is_lasting: bool,
    source: MemorySource,
    clock: Arc<ManualClock>,
    stop: Arc<AtomicBool>,
    settled: Arc<std::sync::Mutex<u32>>,
    /// Whether anything was given since the last time.
    has_given: bool,
}

impl HintSource for Planned {
    fn take(&mut self, longest: Duration, _stop: &AtomicBool) -> Result<Taken, HintError> {
        let refused = |may_pass| HintError::Queue {
            action: "receive messages from",
            place: "the queue".to_owned(),
            source: "no".into(),
            may_pass,
        };
        // A burst is over at once.
        if longest == Duration::from_secs(1) && !matches!(self.steps.front(), Some(Step::Trouble)) {
            return Ok(Taken::default());
        }
        match self.steps.pop_front() {
            Some(Step::Hint(change, paths)) => {
                self.has_given = true;
                change(&self.source);
                self.clock.advance(Duration::from_mins(1));
                let paths = paths.iter().map(|path| SourcePath::from(*path));
                Ok(Taken {
                    hints: Hints {
                        paths: paths.collect(),
                        ..Hints::default()
                    },
                    ..Taken::default()
                })
            }
            Some(Step::Silence) => {
                self.clock.advance(longest);
                Ok(Taken::default())
            }
            Some(Step::Trouble) => {
                self.clock.advance(Duration::from_mins(1));
                Err(refused(true))
            }
            Some(Step::Refusal) => Err(refused(false)),
            Some(Step::Stop) | None => {
                self.stop.store(true, Ordering::Relaxed);
                Ok(Taken::default())
            }
        }
    }

    fn settle(&mut self, _stop: &AtomicBool) -> Result<(), HintError> {
        if std::mem::take(&mut self.has_given) {
            *self.settled.lock().unwrap() += 1;
        }
        Ok(())
    }

    fn is_lasting(&self) -> bool {
        self.is_lasting
    }

    fn describe(&self) -> String {
        "the plan".to_owned()
    }
}

/// Keeps what it hears, and heals source and disk when it hears of trouble.
struct Heard {
    reports: Vec<RunReport>,
    troubles: Vec<(String, u64)>,
    /// How often hints were settled when trouble was heard of.
    settled_then: Vec<u32>,
    settled: Arc<std::sync::Mutex<u32>>,
    source: MemorySource,
    disk: FaultyDisk,
    clock: Arc<ManualClock>,
}

impl Audience for Heard {
    fn attend(&mut self, _control: &Control, pass: Pass<'_>) -> Result<RunReport, RunError> {
        pass()
    }

    fn hear(&mut self, report: &RunReport) -> Result<(), WatchError> {
        self.reports.push(report.clone());
        Ok(())
    }

    fn hear_of_trouble(&mut self, trouble: &WatchError, pause: Duration) {
        self.troubles.push((trouble.to_string(), pause.as_secs()));
        self.settled_then.push(*self.settled.lock().unwrap());
        self.source.allow("");
        self.disk.heal();
        self.clock.advance(pause);
    }

    fn hear_of(&mut self, _word: &str) {}
}

struct Story {
    world: World,
    steps: Vec<Step>,
    is_lasting: bool,
}

fn story(steps: Vec<Step>) -> Story {
    let world = World::new(Setup::default());
    for name in ["a.csv", "b.csv"] {
        world.source.write(name, "x\n1\n");
    }
    world.clock.advance(Duration::from_mins(1));
    Story {
        world,
        steps,
        is_lasting: true,
    }
}

impl Story {
    fn play(self) -> (Result<(), WatchError>, Heard, u32) {
        let stop = Arc::<AtomicBool>::default();
        let settled = Arc::<std::sync::Mutex<u32>>::default();
        let world = &self.world;
        let planned = Planned {
            steps: self.steps.into(),
            is_lasting: self.is_lasting,
            source: world.source.clone(),
            clock: Arc::clone(&world.clock),
            stop: Arc::clone(&stop),
            settled: Arc::clone(&settled),
            has_given: false,
        };
        let mut heard = Heard {
            reports: Vec::new(),
            troubles: Vec::new(),
            settled_then: Vec::new(),
            settled: Arc::clone(&settled),
            source: world.source.clone(),
            disk: world.faulty_disk.clone(),
            clock: Arc::clone(&world.clock),
        };
        let watch = Watch {
            pipeline: world.pipeline(),
            hints: Some(Box::new(planned)),
            interval: Duration::from_mins(1),
        };
        let ended = watch.run(&stop, &mut heard);
        let settled = *settled.lock().unwrap();
        (ended, heard, settled)
    }
}

fn why(report: &RunReport) -> Option<WhyListed> {
    report.hints.as_ref().unwrap().listed
}

fn write(path: &'static str) -> Box<dyn Fn(&MemorySource)> {
    Box::new(move |source| source.write(path, "x\n2\n"))
}

#[test]
fn a_pass_follows_each_burst_of_hints_and_each_settles_them() {
    let (ended, heard, settled) = story(vec![
        Step::Hint(write("c.csv"), &["c.csv"]),
        Step::Hint(write("d.csv"), &["d.csv", "none.csv"]),
        Step::Stop,
    ])
    .play();
    ended.unwrap();
    let told = heard
        .reports
        .iter()
        .map(|report| (why(report), report.files.added));
    let told: Vec<_> = told.collect();
    assert_eq!(told, [(Some(WhyListed::First), 2), (None, 1), (None, 1)]);
    assert_eq!((settled, heard.troubles.len()), (2, 0));
}

#[test]
fn silence_ends_in_the_listing_that_is_due() {
    let (ended, heard, _) = story(vec![
        Step::Hint(Box::new(|source| source.write("c.csv", "x\n2\n")), &[]),
        Step::Silence,
        Step::Stop,
    ])
    .play();
    ended.unwrap();
    let told = heard.reports.last().unwrap();
    assert_eq!((why(told), told.files.added), (Some(WhyListed::Due), 1));
}

#[test]
fn what_was_told_while_nobody_listened_is_made_up_for_by_a_listing() {
    let mut story = story(vec![Step::Stop]);
    let nothing = Hints {
        from: "the plan".to_owned(),
        ..Hints::default()
    };
    run_hinted(&story.world.pipeline(), &nothing, &Control::default()).unwrap();
    story.world.source.write("c.csv", "x\n2\n");
    story.world.clock.advance(Duration::from_mins(1));
    story.is_lasting = false;
    let (ended, heard, _) = story.play();
    ended.unwrap();
    let told = &heard.reports[0];
    assert_eq!((why(told), told.files.added), (Some(WhyListed::Lost), 1));
}

#[test]
fn a_pass_that_fails_is_made_again_with_the_same_hints_which_are_settled_only_then() {
    let (ended, heard, settled) = story(vec![
        // Who gets the hint cannot look.
        Step::Hint(
            Box::new(|source| {
                source.write("c.csv", "x\n2\n");
                source.deny("");
            }),
            &[],
        ),
        Step::Silence,
        Step::Stop,
    ])
    .play();
    ended.unwrap();
    assert_eq!(heard.troubles.len(), 1, "{:?}", heard.troubles);
    assert!(heard.troubles[0].0.starts_with("cannot list the source"));
    assert_eq!(heard.troubles[0].1, 1);
    assert_eq!(heard.settled_then, [1], "what was told of no file");
    let told = heard.reports.last().unwrap();
    assert_eq!(told.files.added, 1);
    assert_eq!(settled, 1);
}

#[test]
fn hints_of_a_pass_that_failed_are_taken_up_by_the_next() {
    let mut story = story(Vec::new());
    let disk = story.world.faulty_disk.clone();
    let change = move |source: &MemorySource| {
        source.write("c.csv", "x\n2\n");
        let full = Fault::Kind(std::io::ErrorKind::StorageFull);
        disk.fail_where(|step| step.action == Action::WriteStore, full);
    };
    story.steps = vec![Step::Hint(Box::new(change), &["c.csv"]), Step::Stop];
    let (ended, heard, settled) = story.play();
    ended.unwrap();
    assert_eq!(heard.troubles.len(), 1, "{:?}", heard.troubles);
    assert_eq!(heard.settled_then, [0]);
    let told = heard.reports.last().unwrap();
    assert_eq!((why(told), told.files.added), (None, 1));
    assert_eq!(settled, 1);
}

#[test]
fn the_first_pass_has_no_second_chance() {
    let story = story(Vec::new());
    story.world.source.deny("");
    let (ended, heard, settled) = story.play();
    assert!(
        matches!(ended, Err(WatchError::Run(RunError::Source(..)))),
        "{ended:?}"
    );
    assert_eq!((heard.reports.len(), settled), (0, 0));
}

#[test]
fn the_removal_brake_ends_it() {
    let story = story(vec![
        Step::Hint(
            Box::new(|source| {
                for path in source.contents().into_keys() {
                    source.remove(&path);
                }
            }),
            &[],
        ),
        Step::Silence,
    ]);
    for number in 0..150 {
        story
            .world
            .source
            .write(&format!("d/{number}.csv"), "x\n1\n");
    }
    story.world.clock.advance(Duration::from_mins(1));
    let (ended, ..) = story.play();
    assert!(
        matches!(ended, Err(WatchError::Run(RunError::Braked(_)))),
        "{ended:?}"
    );
}

#[test]
fn trouble_with_the_queue_passes_and_a_refusal_does_not() {
    let (ended, heard, _) = story(vec![
        Step::Trouble,
        Step::Hint(write("c.csv"), &["c.csv"]),
        Step::Stop,
    ])
    .play();
    ended.unwrap();
    // Asked before the first pass, which is then not made.
    assert_eq!(heard.reports.len(), 2);
    let (ended, heard, _) = story(vec![Step::Refusal]).play();
    assert!(matches!(ended, Err(WatchError::Hint(_))), "{ended:?}");
    assert_eq!(heard.reports.len(), 1);
}
