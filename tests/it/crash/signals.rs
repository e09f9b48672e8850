//! Signals, and two programs that want one ledger. The gate beside the ledger holds a run still where the tests want
//! it: whoever keeps it shut keeps a writer from its next transaction for some seconds.

use std::fs;
use std::process::Child;
use std::thread::yield_now;

use strandline::durable::{Disk, HeldLock, LocalDisk};

use super::check::row_complaints;
use super::program::{Place, demand_success, signal, words};

/// Returns a place whose target has a ledger already, and something new to load.
fn place() -> Place {
    let place = Place::new();
    place.write("p=0/a.csv", "id\n1\n");
    place.run();
    for index in 0..40 {
        place.write(
            &format!("p={}/f{index}.csv", index % 4),
            &format!("id\n{index}\n"),
        );
    }
    place
}

fn shut_gate(place: &Place) -> Box<dyn HeldLock> {
    let gate = place.state().join("gate");
    let shut = LocalDisk::new().try_lock(&gate, "").unwrap();
    shut.expect("nobody else has it")
}

/// Waits until the run of `child` has taken the pipeline. Its note is read, for asking the lock would hold it.
fn await_holder(place: &Place, child: &Child) {
    let note = format!("process {} ", child.id());
    while !fs::read_to_string(place.state().join("lock"))
        .unwrap()
        .contains(&note)
    {
        yield_now();
    }
}

fn ends_as_a_full_load(place: &Place) {
    place.run();
    let found = place.rows();
    assert_eq!(row_complaints(&found, &place.full_load()), [""; 0]);
    assert_eq!(place.complaints(), [""; 0]);
}

#[test]
fn a_signal_ends_a_run_with_its_code_and_the_next_run_goes_on() {
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let place = place();
        let gate = shut_gate(&place);
        let child = place.start();
        await_holder(&place, &child);
        signal(&child, name);
        drop(gate);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", words(&output));
        ends_as_a_full_load(&place);
    }
}

#[test]
fn a_second_signal_ends_a_run_at_once() {
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let place = place();
        let gate = shut_gate(&place);
        let mut child = place.start();
        await_holder(&place, &child);
        // One alone would leave the run waiting for the gate, which stays shut.
        while child.try_wait().unwrap().is_none() {
            signal(&child, name);
            yield_now();
        }
        assert_eq!(child.wait().unwrap().code(), Some(code));
        drop(gate);
        ends_as_a_full_load(&place);
    }
}

#[test]
fn of_two_programs_that_race_for_a_ledger_one_works_and_the_other_leaves_at_once() {
    let place = place();
    let gate = shut_gate(&place);
    let mut racers = [place.start(), place.start()];
    let loser = loop {
        let ended = racers
            .iter_mut()
            .position(|child| child.try_wait().unwrap().is_some());
        match ended {
            Some(index) => break index,
            None => yield_now(),
        }
    };
    let [first, second] = racers;
    let (lost, won) = if loser == 0 {
        (first, second)
    } else {
        (second, first)
    };
    let winner = won.id().to_string();
    let lost = lost.wait_with_output().unwrap();
    assert_eq!(lost.status.code(), Some(4), "{}", words(&lost));
    let said = words(&lost);
    assert!(said.contains("another run holds the pipeline"), "{said}");
    assert!(said.contains(&format!("process {winner}")), "{said}");
    drop(gate);
    demand_success(&won.wait_with_output().unwrap());
    ends_as_a_full_load(&place);
}

#[test]
fn the_ledger_can_be_asked_while_a_run_goes_on() {
    let place = place();
    let mut child = place.start();
    let mut asked = 0;
    while child.try_wait().unwrap().is_none() || asked == 0 {
        for question in [["status", "out"], ["files", "out"], ["history", "out"]] {
            let answer = place.call(&question);
            demand_success(&answer);
            assert!(!answer.stdout.is_empty(), "{question:?}");
            asked += 1;
        }
    }
    demand_success(&child.wait_with_output().unwrap());
    ends_as_a_full_load(&place);
}
