//! The machine: carries out operations, and the property that no history breaks the promises.

use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};
use strandline::clock::Clock;
use strandline::config::{OnDelete, OnModify, SameContent};
use strandline::durable::Disk;
use strandline::engine::RunError;
use strandline::model::{ByteSize, KeyRange};
use strandline::source::Moment;

use super::operation::{Operation, Place, Recipe, Survive, Which, operation};
use super::packing::{extension_of, is_packed, pack, unpack};
use super::rows::CAPTURES;
use super::world::{Setup, TARGET, World, partition_by};
use crate::support::is_nightly;

impl World {
    /// Carries out one operation.
    pub(crate) fn apply(&mut self, operation: &Operation) {
        use Operation as O;
        match *operation {
            O::Add(place, recipe) => {
                let path = place.path(place.extension());
                let bytes = self.content(recipe, &path);
                self.source.replace(&path, bytes);
            }
            O::Edit(which, recipe) => self.with(which, |world, path| {
                let bytes = world.content(recipe, path);
                world.source.write(path, bytes);
            }),
            O::SameSizeEdit(which) => self.with(which, Self::edit_in_place),
            O::Append(which, recipe) => self.with(which, |world, path| world.append(path, recipe)),
            O::Truncate(which) => self.with(which, Self::truncate),
            O::Empty(which) => self.with(which, Self::empty),
            O::Touch(which) => self.with(which, |world, path| world.source.touch(path)),
            O::SetBack(which) => self.with(which, |world, path| {
                let past = world.clock.now().minus(Duration::from_hours(24));
                world.source.set_modified_at(path, past);
            }),
            O::SetAhead(which) => self.with(which, |world, path| {
                let ahead = world.clock.now().plus(Duration::from_hours(24));
                world.source.set_modified_at(path, ahead);
            }),
            O::Rename(which, place) => self.with(which, |world, path| {
                world.source.rename(path, &place.path(extension_of(path)));
            }),
            O::Disguise(which) => self.with(which, |world, path| {
                if let (Some(stem), true) = (path.strip_suffix(".csv"), world.may_spoil()) {
                    world.source.rename(path, &format!("{stem}.ndjson"));
                }
            }),
            O::Swap(a, b) => self.swap(a, b),
            O::Copy(which, place) => self.with(which, |world, path| {
                let bytes = world.source.contents().remove(path).unwrap();
                world.source.replace(&place.path(extension_of(path)), bytes);
            }),
            O::Delete(which) => self.with(which, |world, path| world.source.remove(path)),
            O::SwapDirs(a, b) => self.swap_dirs(a, b),
            O::Spoil(which) => self.with(which, |world, path| {
                if world.may_spoil() {
                    world.next_id += 1;
                    let id = u8::try_from(world.next_id % 200).unwrap();
                    let bytes = world.source.contents().remove(path).unwrap();
                    if is_packed(path) && bytes.len() > 1 {
                        world.source.write(path, &bytes[..bytes.len() / 2]);
                    } else {
                        world.source.write(path, vec![b'a', b'\n', 0xff, id]);
                    }
                }
            }),
            ref other => self.apply_trouble(other),
        }
    }

    fn apply_trouble(&mut self, operation: &Operation) {
        use Operation as O;
        match *operation {
            O::ChangeWhileRead(which, recipe) => self.with(which, |world, path| {
                let bytes = world.content(recipe, path);
                world.change_while_read(path, bytes);
            }),
            O::FailRead(which) => self.with(which, |world, path| {
                world
                    .faulty
                    .fail(path, Moment::Reading, std::io::ErrorKind::TimedOut, 1);
            }),
            O::HideListing(dir) => {
                let range = KeyRange::below(Place::DIRS[usize::from(dir)]);
                self.faulty
                    .hide(range.clone(), std::io::ErrorKind::PermissionDenied);
                self.hidden.push(range);
            }
            O::PartitionBy(on) => self.definition.partition_by = partition_by(on),
            O::FileSize(small) => {
                self.definition.target_file_size = ByteSize(if small { 600 } else { 256 << 20 });
            }
            O::Captures(on) => {
                let captures = on.then(|| CAPTURES.to_owned());
                self.definition.captures = captures.into_iter().collect();
            }
            O::Retain(on) if self.may_change_policies() => {
                self.setup.on_delete = if on {
                    OnDelete::Retain
                } else {
                    OnDelete::Remove
                };
            }
            O::Ignore(on) if self.may_change_policies() => {
                self.setup.on_modify = if on {
                    OnModify::Ignore
                } else {
                    OnModify::Replace
                };
            }
            O::Retain(_) | O::Ignore(_) => {}
            O::Run => self.run_or_recover(),
            O::HurriedRun(looks) => {
                self.looks = Some(u64::from(looks));
                self.run_or_recover();
                self.looks = None;
            }
            O::CrashRun(after, survive) => {
                // It may be over before the power goes.
                self.crash_run(usize::from(after), survive).ok();
            }
            O::Crash(survive) => self.crash(survive),
            O::LoseLedger => {
                if self.setup.is_plain() {
                    self.lose_ledger();
                }
            }
            O::LoseOutput(which) => self.harm(which, |_| None),
            O::DamageOutput(which) => {
                // What an output held is known by the ledger alone.
                if self.ledger_is_lost() {
                    self.recover();
                }
                self.harm(which, |mut bytes| {
                    let middle = bytes.len() / 2;
                    bytes[middle] ^= 0x55;
                    Some(bytes)
                });
            }
            O::Advance(step) => self.clock.advance(match step % 4 {
                0 => Duration::from_millis(1),
                1 => Duration::from_millis(500),
                2 => Duration::from_secs(3),
                _ => Duration::from_mins(2),
            }),
            O::Idle => {
                self.heal();
                self.check_idle();
            }
            _ => unreachable!("carried out before"),
        }
    }

    fn content(&mut self, recipe: Recipe, path: &str) -> Vec<u8> {
        pack(path, &recipe.content(extension_of(path), &mut self.next_id))
    }

    /// The text of a file that is packed and not bad, the bytes of any other.
    fn text(&self, path: &str) -> Vec<u8> {
        let bytes = self.source.contents().remove(path).unwrap();
        let text = is_packed(path).then(|| unpack(path, &bytes)).flatten();
        text.map_or(bytes, String::into_bytes)
    }

    /// Writes what [`Self::text`] returned, changed: packed again where it was packed and is text still.
    fn write_text(&self, path: &str, text: Vec<u8>) {
        let before = self.source.contents().remove(path).unwrap();
        let bytes = match String::from_utf8(text) {
            Ok(text) if unpack(path, &before).is_some() => pack(path, &text),
            Ok(text) => text.into_bytes(),
            Err(error) => error.into_bytes(),
        };
        self.source.write(path, bytes);
    }

    fn empty(&mut self, path: &str) {
        match extension_of(path) {
            "parquet" => self.source.write(path, pack(path, "id\n")),
            _ => self.source.write(path, pack(path, "")),
        }
    }

    fn with(&mut self, which: Which, act: impl FnOnce(&mut Self, &str)) {
        let paths = self.paths();
        if !paths.is_empty() {
            act(self, &paths[usize::from(which) % paths.len()]);
        }
    }

    /// With `skip` a bad file may stand for good ones of the same bytes: left out of the model.
    fn may_spoil(&self) -> bool {
        self.setup.same_content != SameContent::Skip
    }

    /// With `skip` the other policies have a say in which name counts: that has its own scenarios.
    fn may_change_policies(&self) -> bool {
        self.setup.same_content != SameContent::Skip
    }

    fn edit_in_place(&mut self, path: &str) {
        let mut bytes = self.text(path);
        // The ids have a leading zero; a nine for it keeps everything else as it is.
        let digit = bytes
            .windows(2)
            .position(|pair| pair[0] == b'0' && pair[1] == b'0');
        if let Some(at) = digit {
            bytes[at] = b'9';
            self.write_text(path, bytes);
        }
    }

    fn append(&mut self, path: &str, recipe: Recipe) {
        let mut bytes = self.text(path);
        let extension = extension_of(path);
        let text = recipe.content(extension, &mut 0);
        let header = text.lines().next().unwrap_or_default();
        if extension != "ndjson" && !bytes.starts_with(format!("{header}\n").as_bytes()) {
            return;
        }
        self.next_id += 1;
        let mut text = String::new();
        recipe.row(extension, self.next_id, &mut text);
        match extension {
            "parquet" => {
                bytes.extend(text.as_bytes());
                self.write_text(path, bytes);
            }
            // Another member or frame behind those that are there.
            _ => self.source.append(path, &pack(path, &text)),
        }
    }

    fn truncate(&mut self, path: &str) {
        let bytes = self.text(path);
        let body = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let end = body
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        match (&bytes[..end], extension_of(path)) {
            // Without a column it would be no Parquet.
            ([], "parquet") => self.empty(path),
            (left, _) => self.write_text(path, left.to_vec()),
        }
    }

    fn swap(&mut self, a: Which, b: Which) {
        let paths = self.paths();
        if paths.is_empty() {
            return;
        }
        let (a, b) = (
            &paths[usize::from(a) % paths.len()],
            &paths[usize::from(b) % paths.len()],
        );
        if a != b && extension_of(a) == extension_of(b) {
            self.source.rename(a, "swap");
            self.source.rename(b, a);
            self.source.rename("swap", b);
        }
    }

    fn swap_dirs(&mut self, a: u8, b: u8) {
        let (a, b) = (Place::DIRS[usize::from(a)], Place::DIRS[usize::from(b)]);
        if a.is_empty() || b.is_empty() || a == b {
            return;
        }
        let paths = self.paths();
        let moved = |from: &str, to: &str, way: &str| -> Vec<(String, String)> {
            let inside = paths
                .iter()
                .filter_map(|path| Some((path, path.strip_prefix(from)?)));
            inside
                .map(|(path, name)| (path.clone(), format!("{way}{to}{name}")))
                .collect()
        };
        for (from, to) in moved(a, b, "swap/").into_iter().chain(moved(b, a, "swap/")) {
            self.source.rename(&from, &to);
        }
        for path in self.paths() {
            if let Some(to) = path.strip_prefix("swap/") {
                self.source.rename(&path, to);
            }
        }
    }

    fn change_while_read(&mut self, path: &str, bytes: Vec<u8>) {
        let before = self.source.contents().remove(path).unwrap();
        let (source, name, written) = (self.source.clone(), path.to_owned(), bytes.clone());
        self.faulty
            .once(path, Moment::Reading, move || source.write(&name, written));
        self.coming.push((path.to_owned(), before));
        self.coming.push((path.to_owned(), bytes));
    }

    fn run_or_recover(&mut self) {
        match self.run() {
            Ok(_) | Err(RunError::Source(..)) => {}
            Err(RunError::LedgerMissing { .. }) => self.recover(),
            Err(error) => panic!("the run failed: {error:?}"),
        }
    }

    /// Does something to an output and lets `verify` find it.
    fn harm(&mut self, which: Which, harm: impl Fn(Vec<u8>) -> Option<Vec<u8>>) {
        // Rows that are only in the output cannot be had again.
        if !self.setup.is_plain() || self.has_bad_files() {
            return;
        }
        let outputs: Vec<_> = self
            .disk
            .files()
            .into_iter()
            .filter(|(path, _)| {
                let is_output = path.extension().is_some_and(|end| end == "parquet");
                is_output && path.starts_with(TARGET)
            })
            .collect();
        if outputs.is_empty() {
            return;
        }
        let (path, bytes) = outputs[usize::from(which) % outputs.len()].clone();
        match harm(bytes) {
            None => {
                self.disk.remove_file(&path).unwrap();
                // Else the next power cut may bring it back.
                self.disk.sync_dir(path.parent().unwrap()).unwrap();
            }
            Some(bytes) => {
                let mut file = self.disk.create(&path).unwrap();
                std::io::Write::write_all(&mut file, &bytes).unwrap();
                file.finish().unwrap();
            }
        }
        self.verify();
        // Before it is mended no file may turn bad, for the same reason.
        self.heal();
        self.clock.advance(Duration::from_hours(1));
        self.run_to_the_end();
    }
}

/// Lets a history happen in a world, with what must hold at its end.
pub(crate) fn play(setup: Setup, operations: &[Operation]) {
    let mut world = World::new(setup);
    for operation in operations {
        world.apply(operation);
    }
    world.heal();
    world.check_fresh();
    world.check_idle();
}

/// Lets a run lose power at one change after the other (some of them, but for the nightly set) between `before` and
/// `after`.
pub(crate) fn at_every_crash(setup: &Setup, before: &[Operation], after: &[Operation]) {
    at_crashes(setup, before, after, if is_nightly() { 1 } else { 9 });
}

/// Lets a run lose power at every `step`th change between `before` and `after`.
pub(crate) fn at_crashes(setup: &Setup, before: &[Operation], after: &[Operation], step: usize) {
    for number in (0..).step_by(step) {
        let mut world = World::new(setup.clone());
        for operation in before {
            world.apply(operation);
        }
        let over = world.crash_run(number, Survive::All).is_ok();
        for operation in after {
            world.apply(operation);
        }
        world.check_fresh();
        world.check_idle();
        if over {
            break;
        }
    }
}

fn setup() -> impl Strategy<Value = Setup> {
    let policies = prop_oneof![
        6 => Just((OnDelete::Remove, OnModify::Replace, SameContent::Load)),
        1 => Just((OnDelete::Retain, OnModify::Replace, SameContent::Load)),
        1 => Just((OnDelete::Remove, OnModify::Ignore, SameContent::Load)),
        1 => Just((OnDelete::Remove, OnModify::Replace, SameContent::Skip)),
    ];
    let sizes = (
        200u64..4000,
        1usize..10,
        prop_oneof![Just(512u64), Just(1 << 20)],
        1usize..4,
        prop_oneof![2 => Just(1000usize), 1 => 1usize..6],
    );
    let max_files = prop_oneof![4 => Just(None), 1 => (1u64..4).prop_map(Some)];
    (any::<bool>(), policies, sizes, max_files, any::<bool>()).prop_map(
        |(settle, (on_delete, on_modify, same_content), sizes, max_files, partition_by)| Setup {
            settle: Duration::from_secs(if settle && same_content != SameContent::Skip {
                2
            } else {
                0
            }),
            on_delete,
            on_modify,
            same_content,
            max_files,
            unit_size: sizes.0,
            unit_files: sizes.1,
            memory: sizes.2,
            threads: sizes.3,
            portion_files: sizes.4,
            partition_by,
            sort_by: &[],
        },
    )
}

#[test]
fn no_history_of_a_source_breaks_the_promises() {
    play_histories(150, setup());
}

#[test]
fn no_history_breaks_the_promises_where_rows_are_sorted() {
    let sorted = setup().prop_map(|setup| Setup {
        sort_by: &["k DESC", "n"],
        ..setup
    });
    play_histories(60, sorted);
}

fn play_histories(cases_on_a_push: u32, setups: impl Strategy<Value = Setup>) {
    let nightly = is_nightly();
    let cases = std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|text| text.parse().ok());
    let config = Config {
        cases: cases.unwrap_or(if nightly { 5000 } else { cases_on_a_push }),
        max_shrink_iters: 3000,
        failure_persistence: None,
        ..Config::default()
    };
    // The same histories on every push, others every night: a push is not failed by what it did not change.
    let rng_seed = match config.rng_seed {
        RngSeed::Random if !nightly => RngSeed::Fixed(1),
        given => given,
    };
    let config = Config { rng_seed, ..config };
    let length = if nightly { 1..80 } else { 1..30 };
    let histories = (setups, proptest::collection::vec(operation(), length));
    let mut runner = TestRunner::new(config);
    if let Err(error) = runner.run(&histories, |(setup, operations)| {
        play(setup, &operations);
        Ok(())
    }) {
        match error {
            TestError::Fail(why, (setup, operations)) => {
                panic!("{why}\nplay it again with\n{setup:?}\n{operations:?}")
            }
            TestError::Abort(why) => panic!("{why}"),
        }
    }
}
