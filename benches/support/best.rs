//! The best of several rounds, and how it is told.

#![expect(clippy::print_stdout, reason = "a bench tells its figures")]

use crate::support::{Measured, figure};

/// Keeps the shortest time and the largest peak of several rounds.
pub(crate) fn keep_best(kept: &mut Option<Measured>, new: Measured) {
    let Some(best) = kept else {
        *kept = Some(new);
        return;
    };
    let peak_bytes = best.peak_bytes.max(new.peak_bytes);
    if new.wall < best.wall {
        *best = new;
    }
    best.peak_bytes = peak_bytes;
}

/// Prints one row of figures: `inputs` are files or rows, `bytes` what they hold.
pub(crate) fn tell(what: &str, unit: &str, inputs: u64, bytes: u64, took: &Measured) {
    let seconds = took.wall.as_secs_f64();
    println!(
        "  {what:<34} {seconds:>8.3} s  cpu {:>7.2} s {:>12.0} {unit}/s {:>8.1} MB/s  peak {:>5.0} MB",
        took.cpu.as_secs_f64(),
        figure(inputs) / seconds,
        figure(bytes) / seconds / 1e6,
        figure(took.peak_bytes) / 1e6,
    );
}

/// Prints how many times longer `took` is than `than`.
pub(crate) fn tell_ratio(what: &str, took: &Measured, than: &Measured) {
    let ratio = took.wall.as_secs_f64() / than.wall.as_secs_f64();
    println!("  {what:<34} {ratio:>8.2}");
}
