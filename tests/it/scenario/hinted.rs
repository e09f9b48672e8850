//! Hints spare a listing, and nothing depends on them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use strandline::config::{Definition, OnDelete, RowSql};
use strandline::engine::{Control, Passes, ResetFilter, reset, retry_quarantined, run_hinted};
use strandline::model::{Gaps, HintCounts, Hints, RunReport, RunStatus, SourcePath, WhyListed};
use strandline::source::Moment;

use super::operation::Survive;
use super::read_back::read_back;
use super::rows::{Rows, rows_of};
use super::world::{Setup, World};
use crate::support::seeds::{Dice, play_all};

/// Where hints come from.
const PLACE: &str = "the queue";

/// Rounds of a history.
const ROUNDS: u64 = 6;

fn hints<'a>(paths: impl IntoIterator<Item = &'a str>) -> Hints {
    Hints {
        paths: paths.into_iter().map(SourcePath::from).collect(),
        from: PLACE.to_owned(),
        ..Hints::default()
    }
}

fn hinted(world: &World, hints: &Hints) -> RunReport {
    run_hinted(&world.pipeline(), hints, &Control::default()).unwrap()
}

fn later(world: &World) {
    world.clock.advance(Duration::from_mins(1));
}

/// A world with three files, all of which are loaded.
fn loaded() -> World {
    let world = World::new(Setup::default());
    for name in ["a.csv", "b.csv", "c.csv"] {
        world.source.write(name, format!("x\n{name}\n"));
    }
    later(&world);
    let report = hinted(&world, &hints([]));
    assert!(report.checkpoint, "{report:?}");
    later(&world);
    world
}

fn why(report: &RunReport) -> Option<WhyListed> {
    report.hints.as_ref().unwrap().listed
}

#[test]
fn a_run_with_hints_looks_at_those_files_and_lists_nothing() {
    let world = loaded();
    let before = world.last_report();
    world.source.write("b.csv", "x\nchanged\n");
    world.source.write("d.csv", "x\nnew\n");
    world.source.remove("c.csv");
    later(&world);
    let (expansions, looks) = (world.counting.expansions(), world.counting.looks());
    // One that is as it was, and two that were never there.
    let report = hinted(
        &world,
        &hints(["a.csv", "b.csv", "c.csv", "d.csv", "e.csv", "f/g.csv"]),
    );
    assert_eq!(report.status, RunStatus::Done, "{report:?}");
    // One look whether anything is there at all, since a file is gone.
    assert_eq!(world.counting.expansions(), expansions + 1);
    assert!(world.counting.looks() >= looks + 6);
    let files = &report.files;
    assert_eq!((files.listed, files.unchanged), (3, 1));
    assert_eq!((files.added, files.modified, files.removed), (1, 1, 1));
    let counts = HintCounts {
        paths: 6,
        listed: None,
        since: Some(before.started_at),
    };
    assert_eq!(report.hints, Some(counts));
    let contents = read_back(&world.disk);
    let held: Vec<&str> = contents.by_file.keys().map(String::as_str).collect();
    assert_eq!(held, ["a.csv", "b.csv", "d.csv"]);
    // It proves nothing of the others.
    assert!(!report.checkpoint);
    assert_eq!(report.watermark, before.watermark);
}

#[test]
fn a_file_under_another_name_is_found_where_both_names_are_hinted_at() {
    let world = loaded();
    world.source.rename("b.csv", "z.csv");
    later(&world);
    let report = hinted(&world, &hints(["b.csv", "z.csv"]));
    assert_eq!((report.files.renamed, report.rows.read), (1, 0));
}

#[test]
fn what_is_not_selected_is_not_looked_at_because_of_a_hint() {
    let directory = tempfile::tempdir().unwrap();
    let source = directory.path().join("in");
    std::fs::create_dir(&source).unwrap();
    std::fs::write(source.join("a.csv"), "x\n1\n").unwrap();
    let pipeline = || {
        strandline::engine::Pipeline::builder(&source, directory.path().join("out"))
            .set(strandline::config::Key::Settle, "0s")
            .build()
            .unwrap()
    };
    run_hinted(&pipeline(), &hints([]), &Control::default()).unwrap();
    for name in ["b.csv", "b.csv.tmp", ".c.csv"] {
        std::fs::write(source.join(name), "x\n2\n").unwrap();
    }
    std::fs::write(directory.path().join("d.csv"), "x\n2\n").unwrap();
    let told = hints([
        "b.csv",
        "b.csv.tmp",
        ".c.csv",
        "a.csv/",
        "../d.csv",
        "./a.csv",
    ]);
    let report = run_hinted(&pipeline(), &told, &Control::default()).unwrap();
    assert_eq!(report.hints.map(|hints| hints.listed), Some(None));
    assert_eq!((report.files.listed, report.files.added), (1, 1));
}

#[test]
fn everything_is_listed_where_hints_are_not_enough() {
    type Doing = fn(&mut World) -> Hints;
    let some = || hints(["a.csv"]);
    assert_eq!(why(&hinted(&loaded(), &some())), None);
    let cases: [(WhyListed, Doing); 10] = [
        (WhyListed::First, |world| {
            *world = World::new(Setup::default());
            hints(["a.csv"])
        }),
        (WhyListed::Changed, |world| {
            world.definition = Definition {
                sql: RowSql {
                    filter: Some("x <> ''".to_owned()),
                    ..RowSql::default()
                },
                ..Definition::default()
            };
            hints(["a.csv"])
        }),
        (WhyListed::Changed, |world| {
            world.setup.on_delete = OnDelete::Retain;
            hints(["a.csv"])
        }),
        (WhyListed::Changed, |_| Hints {
            from: "another queue".to_owned(),
            ..hints(["a.csv"])
        }),
        // The source shows no other file.
        (WhyListed::Gone, |world| {
            for name in ["a.csv", "b.csv", "c.csv"] {
                world.source.remove(name);
            }
            hints(["a.csv"])
        }),
        (WhyListed::Due, |world| {
            world.clock.advance(Duration::from_hours(6));
            hints(["a.csv"])
        }),
        (WhyListed::Lost, |_| Hints {
            gaps: Gaps::Some,
            ..hints(["a.csv"])
        }),
        (WhyListed::Many, |_| {
            let names: Vec<String> = (0..13).map(|number| format!("{number}.csv")).collect();
            hints(names.iter().map(String::as_str))
        }),
        (WhyListed::First, |world| {
            let filter = ResetFilter {
                path: Some("b.csv".to_owned()),
                ..ResetFilter::default()
            };
            reset(&world.target(), &filter).unwrap();
            hints(["a.csv"])
        }),
        (WhyListed::First, |world| {
            retry_quarantined(&world.target(), None).unwrap();
            hints(["a.csv"])
        }),
    ];
    for (number, (reason, change)) in cases.into_iter().enumerate() {
        let mut world = loaded();
        let hints = change(&mut world);
        let report = hinted(&world, &hints);
        assert_eq!(why(&report), Some(reason), "case {number}");
        assert!(report.checkpoint, "case {number}: {report:?}");
        // That was a listing, which the next one from there may trust.
        let next = Hints {
            paths: BTreeSet::from(["none.csv".into()]),
            gaps: Gaps::NoneKnown,
            from: hints.from,
        };
        assert_eq!(why(&hinted(&world, &next)), None, "case {number}");
    }
}

#[test]
fn a_listing_for_nobody_who_waits_for_hints_lets_none_be_believed() {
    let mut world = World::new(Setup::default());
    world.source.write("a.csv", "x\n1\n");
    later(&world);
    world.run().unwrap();
    // Uploaded before there was a queue.
    world.source.write("b.csv", "x\n2\n");
    later(&world);
    let report = hinted(&world, &hints([]));
    assert_eq!(
        (why(&report), report.files.added),
        (Some(WhyListed::Changed), 1)
    );
    // Where somebody has waited since, a later listing is as good.
    later(&world);
    world.run().unwrap();
    world.clock.advance(Duration::from_hours(5));
    world.run().unwrap();
    world.clock.advance(Duration::from_hours(5));
    assert_eq!(why(&hinted(&world, &hints([]))), None);
}

#[test]
fn quarantined_files_that_are_to_be_tried_again_are_left_to_a_listing() {
    let mut world = loaded();
    world.source.write("bad.csv", "x,y\n1\n");
    later(&world);
    let report = hinted(&world, &hints(["bad.csv"]));
    assert_eq!(
        (why(&report), report.status),
        (None, RunStatus::Quarantined)
    );
    assert_eq!(why(&hinted(&world, &hints([]))), None);
    retry_quarantined(&world.target(), None).unwrap();
    assert_eq!(why(&hinted(&world, &hints([]))), Some(WhyListed::First));
    world.setup.max_files = None;
}

#[test]
fn whatever_a_hinted_run_leaves_the_next_one_finds_by_a_listing() {
    for leaves in ["unreadable", "unsettled", "deferred"] {
        let mut world = loaded();
        world.source.write("b.csv", "x\nchanged\n");
        world.source.write("d.csv", "x\nnew\n");
        match leaves {
            "unreadable" => {
                later(&world);
                world.source.deny("b.csv");
            }
            "deferred" => {
                later(&world);
                world.setup.max_files = Some(1);
            }
            _ => {}
        }
        let report = hinted(&world, &hints(["b.csv", "d.csv"]));
        assert_eq!(why(&report), None, "{leaves}");
        let files = &report.files;
        let left = files.unreadable + files.unsettled + files.deferred;
        assert!(left > 0, "{leaves}: {report:?}");
        world.source.allow("b.csv");
        world.setup.max_files = None;
        later(&world);
        let report = hinted(&world, &hints([]));
        assert_eq!(why(&report), Some(WhyListed::First), "{leaves}");
        assert!(report.checkpoint);
        let contents = read_back(&world.disk);
        assert_eq!(contents.rows(), world.truth(), "{leaves}");
    }
}

#[test]
fn passes_that_go_on_until_nothing_is_left_need_hints_for_the_first_of_them_only() {
    let mut world = loaded();
    world.setup.max_files = Some(1);
    for name in ["d.csv", "e.csv", "f.csv"] {
        world.source.write(name, format!("x\n{name}\n"));
    }
    later(&world);
    let mut pipeline = world.pipeline();
    pipeline.limits.repeat = strandline::config::Repeat::UntilComplete;
    let mut passes = Passes::begin(&pipeline).with_hints(hints(["d.csv", "e.csv", "f.csv"]));
    let mut reports = Vec::new();
    while !passes.are_over() {
        reports.push(passes.next(&pipeline, &Control::default()).unwrap());
    }
    assert_eq!(why(&reports[0]), None);
    assert!(reports[1..].iter().all(|report| report.hints.is_none()));
    assert_eq!(read_back(&world.disk).rows(), world.truth());
}

#[test]
fn a_file_that_is_overwritten_while_a_hinted_run_reads_it_is_not_lost() {
    let world = loaded();
    world.source.write("b.csv", "x\nchanged\n");
    later(&world);
    let source = world.source.clone();
    world.faulty.once("b.csv", Moment::Reading, move || {
        source.write("b.csv", "x\nagain\n");
    });
    let report = hinted(&world, &hints(["b.csv"]));
    assert_eq!(report.files.unsettled, 1, "{report:?}");
    later(&world);
    // Whether its own hint came or not.
    let report = hinted(&world, &hints([]));
    assert_eq!(why(&report), Some(WhyListed::First));
    assert_eq!(read_back(&world.disk).rows(), world.truth());
}

/// A history that follows from a seed: files that come, change and go, hints of some of that, among others that mean nothing,
/// and runs, some of which are cut off.
struct History {
    dice: Dice,
    world: World,
    next_id: u64,
    /// Files that changed since they were looked at last.
    changed: BTreeSet<String>,
    /// What each file held when it was looked at last.
    looked_at: BTreeMap<String, Rows>,
    listed_for: BTreeSet<Option<WhyListed>>,
}

const NAMES: [&str; 8] = [
    "a.csv", "a/1.csv", "a/2.csv", "a0.csv", "b.csv", "c/d.csv", "c/e.csv", "z.csv",
];

impl History {
    fn new(seed: u64) -> Self {
        Self {
            dice: Dice::new(seed),
            world: World::new(Setup::default()),
            next_id: 0,
            changed: BTreeSet::new(),
            looked_at: BTreeMap::new(),
            listed_for: BTreeSet::new(),
        }
    }

    fn name(&mut self) -> &'static str {
        self.dice.one_of(&NAMES)
    }

    fn change(&mut self) {
        let name = self.name();
        match self.dice.below(6) {
            0 => self.world.source.remove(name),
            1 => {
                let other = self.name();
                self.world.source.rename(name, other);
                self.changed.insert(other.to_owned());
            }
            2 => self.world.source.touch(name),
            _ => {
                self.next_id += 1;
                let text = format!("id\n{}\n", self.next_id);
                self.world.source.write(name, text);
            }
        }
        self.changed.insert(name.to_owned());
    }

    /// Hints of all that changed, or of some of it; and of files that did not.
    fn hints(&mut self) -> Hints {
        let loses = self.dice.below(3) == 0;
        let mut all = hints([]);
        for name in self.changed.clone() {
            if !loses || self.dice.below(2) == 0 {
                all.paths.insert(SourcePath::from(&*name));
            }
        }
        for _ in 0..self.dice.below(3) {
            all.paths.insert(SourcePath::from(self.name()));
        }
        if self.dice.below(10) == 0 {
            all.gaps = Gaps::Some;
        }
        all
    }

    fn round(&mut self) {
        for _ in 0..self.dice.below(5) {
            self.change();
        }
        let time = self.dice.one_of(&[1, 1, 1, 400]);
        self.world.clock.advance(Duration::from_mins(time));
        let hints = self.hints();
        if self.dice.below(4) == 0 {
            let cut = usize::try_from(self.dice.below(40)).unwrap();
            let disk = &self.world.faulty_disk;
            disk.cut_at(disk.changes() + cut);
            // It may come to its end before that.
            let ended = run_hinted(&self.world.pipeline(), &hints, &Control::default());
            self.world.crash(Survive::Synced);
            if let Ok(report) = ended {
                self.learn(&hints, &report);
            }
        }
        // Whoever gave hints for a run that was killed gives them again.
        let report = hinted(&self.world, &hints);
        assert_eq!(report.status, RunStatus::Done, "{report:?}");
        self.learn(&hints, &report);
        let expected: Vec<_> = self.looked_at.values().flatten().cloned().collect();
        assert_eq!(sorted(expected), read_back(&self.world.disk).rows());
    }

    fn learn(&mut self, hints: &Hints, report: &RunReport) {
        self.listed_for.insert(why(report));
        let contents = self.world.source.contents();
        let looked_at: Vec<String> = match why(report) {
            None => hints.paths.iter().map(ToString::to_string).collect(),
            Some(_) => NAMES.map(str::to_owned).into(),
        };
        for name in looked_at {
            self.changed.remove(&name);
            match contents.get(&name) {
                Some(bytes) => {
                    let rows = rows_of(&name, bytes, false).unwrap();
                    self.looked_at.insert(name, rows);
                }
                None => drop(self.looked_at.remove(&name)),
            }
        }
    }
}

fn sorted(mut rows: Rows) -> Rows {
    rows.sort();
    rows
}

#[test]
fn a_target_holds_what_hints_and_listings_have_shown_and_a_listing_makes_up_for_lost_hints() {
    let played = play_all("HINTED_SEED", |seed| {
        let mut history = History::new(seed);
        for _ in 0..ROUNDS {
            history.round();
        }
        history.world.clock.advance(Duration::from_hours(6));
        let report = hinted(&history.world, &hints([]));
        assert!(report.checkpoint);
        assert_eq!(read_back(&history.world.disk).rows(), history.world.truth());
        history.listed_for
    });
    // Histories in which hints are never enough, or always, would show nothing.
    let met = [
        None,
        Some(WhyListed::Due),
        Some(WhyListed::Lost),
        Some(WhyListed::Gone),
    ];
    if let Some(played) = played {
        let listed_for: BTreeSet<_> = played.into_iter().flatten().collect();
        assert!(
            met.iter().all(|why| listed_for.contains(why)),
            "{listed_for:?}"
        );
    }
}
