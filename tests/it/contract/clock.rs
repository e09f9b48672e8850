//! The contract of `Clock`.

use std::time::Duration;

use strandline::clock::{Clock, ManualClock, SystemClock};
use strandline::model::Timestamp;

fn clocks() -> Vec<Box<dyn Clock>> {
    vec![
        Box::new(SystemClock::new()),
        Box::new(ManualClock::new(Timestamp(1_700_000_000_000_000_000))),
    ]
}

#[test]
fn the_monotonic_count_never_goes_back() {
    for clock in clocks() {
        let mut last = clock.monotonic();
        for _ in 0..1000 {
            let next = clock.monotonic();
            assert!(next >= last);
            last = next;
        }
    }
}

#[test]
fn wall_time_lies_after_this_code_was_written() {
    for clock in clocks() {
        assert!(clock.now() > Timestamp(1_600_000_000_000_000_000));
    }
}

#[test]
fn a_manual_clock_moves_only_when_told_to() {
    let clock = ManualClock::new(Timestamp(5));
    assert_eq!(clock.now(), clock.now());
    clock.advance(Duration::from_nanos(7));
    assert_eq!(clock.now(), Timestamp(12));
    assert_eq!(clock.monotonic(), Duration::from_nanos(7));
}

#[test]
fn setting_the_wall_time_back_leaves_the_monotonic_count_alone() {
    let clock = ManualClock::new(Timestamp(1000));
    clock.advance(Duration::from_secs(1));
    let before = clock.monotonic();
    clock.set(Timestamp(3));
    assert_eq!(clock.now(), Timestamp(3));
    assert_eq!(clock.monotonic(), before);
}
