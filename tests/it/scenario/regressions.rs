//! Histories that once broke a promise, shrunk, each with what went wrong.

use std::time::Duration;

use strandline::config::{OnDelete, OnModify, SameContent};

use super::machine::{at_every_crash, play};
use super::operation::Operation::{
    Add, Advance, Append, Captures, ChangeWhileRead, Copy, Delete, Edit, FailRead, HideListing,
    Idle, Ignore, LoseLedger, LoseOutput, PartitionBy, Rename, Run, SameSizeEdit, Spoil,
};
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

#[test]
fn outputs_of_two_makings_are_not_taken_for_a_whole_unit_by_recover() {
    let setup = Setup {
        partition_by: true,
        threads: 1,
        ..Setup::default()
    };
    let rows = Recipe {
        rows: 4,
        flavour: 0,
    };
    let before = [
        Add(Place(1), rows),
        Advance(3),
        Run,
        Edit(0, rows),
        Advance(3),
    ];
    at_every_crash(&setup, &before, &[LoseLedger, Run]);
}

#[test]
fn a_change_in_a_unit_that_an_interrupted_run_was_absorbing_is_built_once() {
    let setup = Setup {
        unit_files: 9,
        unit_size: 4000,
        threads: 1,
        ..Setup::default()
    };
    let rows = Recipe {
        rows: 1,
        flavour: 0,
    };
    let before = [
        Add(Place(1), rows),
        Add(Place(8), rows),
        Add(Place(15), rows),
        Advance(3),
        Run,
        Add(Place(22), rows),
        Advance(3),
        Run,
        Add(Place(29), rows),
        Advance(3),
    ];
    for after in [
        vec![Edit(3, rows), Advance(3), Run],
        vec![Edit(0, rows), Advance(3), Run],
        vec![Delete(0), Run],
        vec![Delete(3), Run],
        vec![Delete(4), Run],
        vec![PartitionBy(true), Run],
        vec![LoseLedger, Run],
        vec![LoseOutput(0), LoseOutput(1), Run],
    ] {
        at_every_crash(&setup, &before, &after);
    }
}

#[test]
fn a_unit_that_waits_for_an_unsettled_member_does_not_keep_narrower_types() {
    let setup = Setup {
        settle: Duration::ZERO,
        threads: 1,
        ..Setup::default()
    };
    let (narrow, wide) = (
        Recipe {
            rows: 2,
            flavour: 0,
        },
        Recipe {
            rows: 2,
            flavour: 7,
        },
    );
    play(
        setup,
        &[
            Add(Place(1), narrow),
            Add(Place(5), narrow),
            Advance(3),
            Run,
            Edit(0, narrow),
            ChangeWhileRead(0, narrow),
            Add(Place(6), wide),
            Run,
        ],
    );
}

#[test]
fn with_skip_a_name_whose_stamps_were_too_fresh_steps_back_for_an_earlier_one() {
    let setup = Setup {
        settle: Duration::ZERO,
        same_content: SameContent::Skip,
        ..Setup::default()
    };
    let rows = Recipe {
        rows: 1,
        flavour: 0,
    };
    play(setup, &[Add(Place(8), rows), Run, Copy(0, Place(1)), Run]);
}

#[test]
fn with_skip_an_interrupted_run_does_not_load_the_same_bytes_twice() {
    let setup = Setup {
        settle: Duration::ZERO,
        same_content: SameContent::Skip,
        threads: 1,
        ..Setup::default()
    };
    let rows = Recipe {
        rows: 1,
        flavour: 0,
    };
    let before = [Add(Place(8), rows), Run, Copy(0, Place(1))];
    at_every_crash(&setup, &before, &[Run]);
}

#[test]
fn an_output_that_is_lost_after_an_interrupted_run_is_published_again() {
    let setup = Setup {
        threads: 1,
        ..Setup::default()
    };
    let rows = Recipe {
        rows: 1,
        flavour: 0,
    };
    let before = [
        Add(Place(1), rows),
        Advance(3),
        Run,
        Add(Place(8), rows),
        Advance(3),
    ];
    // The file that was to join is gone again, so the unit comes out as it was recorded.
    at_every_crash(&setup, &before, &[Delete(1), LoseOutput(0)]);
}

#[test]
fn a_hidden_file_that_was_edited_in_the_tick_of_the_last_look_may_count_with_its_new_bytes() {
    let setup = Setup {
        settle: Duration::ZERO,
        unit_size: 200,
        unit_files: 1,
        memory: 512,
        threads: 1,
        ..Setup::default()
    };
    let recipe = |rows, flavour| Recipe { rows, flavour };
    play(
        setup,
        &[
            Add(Place(20), recipe(1, 64)),
            Run,
            Copy(0, Place(0)),
            HideListing(3),
            Add(Place(0), recipe(0, 0)),
            SameSizeEdit(101),
            Copy(0, Place(1)),
            Append(4, recipe(0, 205)),
            Run,
        ],
    );
}

#[test]
fn with_skip_a_hidden_file_steps_back_for_an_earlier_name_of_its_bytes() {
    let setup = Setup {
        settle: Duration::ZERO,
        same_content: SameContent::Skip,
        ..Setup::default()
    };
    let rows = Recipe {
        rows: 1,
        flavour: 0,
    };
    let hidden = HideListing(1);
    play(
        setup,
        &[Add(Place(1), rows), Run, hidden, Rename(0, Place(7)), Run],
    );
}

#[test]
fn recovery_knows_files_by_the_names_that_they_were_written_under() {
    let rows = Recipe {
        rows: 1,
        flavour: 0,
    };
    for turns_bad in [None, Some(Spoil(0))] {
        let renamed = [
            Add(Place(1), rows),
            Advance(3),
            Run,
            Rename(0, Place(8)),
            Advance(3),
            Run,
            LoseLedger,
        ];
        let operations: Vec<_> = renamed.into_iter().chain(turns_bad).collect();
        play(Setup::default(), &operations);
    }
}

#[test]
fn units_that_were_yet_to_be_widened_when_the_ledger_was_lost_are_widened_behind_recovery() {
    let setup = Setup {
        threads: 1,
        ..Setup::default()
    };
    let (floats, texts) = (5, 7);
    let rows = |flavour| Recipe { rows: 2, flavour };
    let before = [
        Add(Place(1), rows(floats)),
        Add(Place(5), rows(floats)),
        Advance(3),
        Run,
        Edit(1, rows(texts)),
        Advance(3),
    ];
    at_every_crash(&setup, &before, &[LoseLedger]);
}

#[test]
fn a_damaged_unit_whose_changes_lie_in_two_portions_is_mended() {
    let setup = Setup {
        portion_files: 1,
        ..Setup::default()
    };
    let rows = Recipe {
        rows: 1,
        flavour: 0,
    };
    let files = [Add(Place(1), rows), Add(Place(8), rows), Idle];
    for change in [Delete(0), Edit(0, rows)] {
        let then = [change, Edit(1, rows), Edit(0, rows), LoseOutput(0)];
        let operations: Vec<_> = files.iter().cloned().chain(then).collect();
        play(setup.clone(), &operations);
    }
}

#[test]
fn with_ignore_an_edit_that_no_stamp_shows_does_not_come_in_with_its_unit() {
    let setup = Setup {
        settle: Duration::ZERO,
        on_modify: OnModify::Ignore,
        ..Setup::default()
    };
    let rows = Recipe {
        rows: 1,
        flavour: 0,
    };
    play(
        setup,
        &[
            Add(Place(6), rows),
            Run,
            Add(Place(34), rows),
            SameSizeEdit(0),
            FailRead(0),
            Run,
        ],
    );
}

#[test]
fn a_damaged_unit_with_more_changed_files_than_a_run_may_take_is_mended() {
    let setup = Setup {
        max_files: Some(1),
        ..Setup::default()
    };
    let rows = Recipe {
        rows: 1,
        flavour: 0,
    };
    play(
        setup,
        &[
            Add(Place(1), rows),
            Add(Place(8), rows),
            Idle,
            Edit(0, rows),
            Edit(1, rows),
            LoseOutput(0),
        ],
    );
}

#[test]
fn a_file_that_turned_bad_keeps_its_rows_once_changes_are_ignored() {
    let setup = Setup {
        settle: Duration::ZERO,
        ..Setup::default()
    };
    let rows = |rows| Recipe { rows, flavour: 0 };
    let before = [Add(Place(1), rows(1)), Run, Spoil(0), Run, Ignore(true)];
    for after in [
        vec![Edit(0, rows(2)), Run],
        vec![PartitionBy(true), Run],
        vec![PartitionBy(true), Edit(0, rows(2)), Run, Ignore(false), Run],
    ] {
        play(setup.clone(), &[&before[..], &after].concat());
    }
}

#[test]
fn a_retained_file_that_comes_back_otherwise_keeps_its_rows_where_changes_are_ignored() {
    let setup = Setup {
        settle: Duration::ZERO,
        on_delete: OnDelete::Retain,
        on_modify: OnModify::Ignore,
        ..Setup::default()
    };
    let rows = |rows| Recipe { rows, flavour: 0 };
    let before = [
        Add(Place(1), rows(1)),
        Run,
        Delete(0),
        Run,
        Add(Place(1), rows(2)),
        Run,
    ];
    for after in [vec![Delete(0), Run], vec![Ignore(false), Run]] {
        play(setup.clone(), &[&before[..], &after].concat());
    }
}

#[test]
fn rows_that_only_the_outputs_held_move_to_the_captured_partition_once_their_file_can_be_read_again()
 {
    let in_subdirectory = Place(6);
    let rows = |rows| Recipe { rows, flavour: 0 };
    let setup = Setup {
        settle: Duration::ZERO,
        unit_files: 9,
        unit_size: 4000,
        threads: 1,
        ..Setup::default()
    };
    let before = |captured| {
        vec![
            Captures(captured),
            Add(in_subdirectory, rows(2)),
            Add(Place(13), rows(1)),
            Run,
            Spoil(0),
            Run,
            Captures(!captured),
            Run,
        ]
    };
    for captured in [false, true] {
        play(
            setup.clone(),
            &[&before(captured)[..], &[Edit(0, rows(3)), Run]].concat(),
        );
        at_every_crash(
            &setup,
            &[&before(captured)[..], &[Edit(0, rows(3))]].concat(),
            &[Run],
        );
    }
}

#[test]
fn a_retained_file_that_comes_back_after_the_captures_changed_moves_to_its_partition() {
    let setup = Setup {
        settle: Duration::ZERO,
        on_delete: OnDelete::Retain,
        ..Setup::default()
    };
    let rows = |rows| Recipe { rows, flavour: 0 };
    play(
        setup,
        &[
            Add(Place(6), rows(2)),
            Run,
            Delete(0),
            Run,
            Captures(true),
            Run,
            Add(Place(6), rows(1)),
            Run,
        ],
    );
}

#[test]
fn an_ignored_edit_in_the_tick_of_the_last_look_does_not_come_in_with_a_wider_type() {
    let setup = Setup {
        settle: Duration::ZERO,
        on_modify: OnModify::Ignore,
        unit_files: 1,
        portion_files: 1,
        ..Setup::default()
    };
    let rows = |flavour| Recipe { rows: 1, flavour };
    play(
        setup,
        &[
            Add(Place(19), rows(0)),
            Run,
            SameSizeEdit(0),
            Add(Place(1), rows(5)),
            Run,
        ],
    );
}
