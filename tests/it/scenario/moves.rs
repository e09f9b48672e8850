//! Members that move to another partition because the captures of the settings changed: their rows always stand
//! somewhere, whatever happens to the run or to the file on the way.

use std::time::Duration;

use strandline::config::{OnDelete, OnModify};

use super::machine::{at_crashes, play};
use super::operation::Operation::{
    self, Add, Advance, Captures, ChangeWhileRead, Delete, FailRead, HideListing, Rename, Run,
    Spoil,
};
use super::operation::{Place, Recipe, Survive};
use super::read_back::read_back;
use super::world::{Setup, World};

/// In `dt=3/x/`, where the captures make a difference; the second is a neighbour in the same unit.
const MOVING: [Place; 2] = [Place(6), Place(13)];

fn setup(on_delete: OnDelete) -> Setup {
    Setup {
        settle: Duration::ZERO,
        on_delete,
        ..Setup::default()
    }
}

fn rows(rows: u8, flavour: u8) -> Recipe {
    Recipe { rows, flavour }
}

/// Two files loaded into one unit, with stamps that are to be trusted, and settings under which both belong elsewhere.
fn before() -> Vec<Operation> {
    let [a, b] = MOVING.map(|place| Add(place, rows(2, 0)));
    let load = [a, b, Add(Place(1), rows(1, 0)), Advance(3), Run];
    [&load[..], &[Advance(3), Run, Captures(true)]].concat()
}

#[test]
fn a_file_that_goes_after_an_interrupted_move_is_retained() {
    for number in 0.. {
        let mut world = World::new(setup(OnDelete::Retain));
        for operation in before() {
            world.apply(&operation);
        }
        let over = world.crash_run(number, Survive::All).is_ok();
        world.apply(&Delete(1));
        world.check_idle();
        let kept = read_back(&world.disk).by_file;
        assert_eq!(
            kept.get(&MOVING[0].path(MOVING[0].extension()))
                .map(Vec::len),
            Some(2),
            "after the change numbered {number}"
        );
        if over {
            break;
        }
    }
}

#[test]
fn a_file_that_changes_under_the_reader_after_an_interrupted_move_keeps_its_rows() {
    for on_delete in [OnDelete::Retain, OnDelete::Remove] {
        let after = [ChangeWhileRead(1, rows(3, 7)), Run, Delete(1), Run];
        at_crashes(&setup(on_delete), &before(), &after, 1);
    }
}

#[test]
fn a_file_that_turns_bad_after_an_interrupted_move_keeps_its_rows() {
    at_crashes(&setup(OnDelete::Remove), &before(), &[Spoil(1), Run], 1);
}

#[test]
fn an_interrupted_move_is_taken_back_with_the_settings() {
    at_crashes(
        &setup(OnDelete::Remove),
        &before(),
        &[Captures(false), Run],
        1,
    );
}

#[test]
fn a_file_that_cannot_be_had_on_its_way_to_another_partition_is_not_lost() {
    for trouble in [
        ChangeWhileRead(1, rows(3, 7)),
        FailRead(1),
        Spoil(1),
        HideListing(3),
    ] {
        for on_modify in [OnModify::Replace, OnModify::Ignore] {
            let setup = Setup {
                on_modify,
                ..setup(OnDelete::Retain)
            };
            let on_the_way = [trouble.clone(), Run, Delete(1), Run, Captures(false), Run];
            play(setup, &[&before()[..], &on_the_way].concat());
        }
    }
}

#[test]
fn a_move_that_was_interrupted_and_whose_file_is_renamed_counts_once() {
    let after = [Rename(1, Place(20)), Add(MOVING[0], rows(1, 0)), Run];
    at_crashes(&setup(OnDelete::Remove), &before(), &after, 1);
}
