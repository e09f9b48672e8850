//! The progress line, drawn by a thread of its own while the engine works.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::engine::{Control, Phase, Progress};
use crate::model::ByteSize;

use super::render::{count, number};
use super::talk::Talk;

/// How often the line is drawn anew.
const BEAT: Duration = Duration::from_millis(100);

/// Does `work`, with a progress line beside it where one is wanted.
pub(super) fn with_progress<T: Send>(
    talk: Talk,
    control: &Control,
    work: impl FnOnce() -> T + Send,
) -> T {
    if !talk.shows_progress() {
        return work();
    }
    let (done, is_done) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || draw(control.progress(), &is_done));
        let result = work();
        drop(done);
        result
    })
}

fn draw(progress: &Progress, is_done: &mpsc::Receiver<()>) {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
    if let Ok(style) = ProgressStyle::with_template("{spinner} [{elapsed}] {wide_msg}") {
        bar.set_style(style);
    }
    while is_done.recv_timeout(BEAT) == Err(RecvTimeoutError::Timeout) {
        bar.set_message(line(progress.phase(), progress));
        bar.tick();
    }
    bar.finish_and_clear();
}

fn line(phase: Phase, progress: &Progress) -> String {
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let listed = count(read(&progress.files_listed), "file");
    match phase {
        Phase::Discover => format!("listing: {listed}"),
        Phase::Verify => format!("checking what changed: {listed} listed"),
        Phase::Work => format!(
            "loading: {} of {} files, {} of {}, {} of {} units, {}",
            number(read(&progress.files_done)),
            number(read(&progress.files_total)),
            ByteSize(read(&progress.bytes_done)),
            ByteSize(read(&progress.bytes_total)),
            number(read(&progress.units_done)),
            number(read(&progress.units_total)),
            count(read(&progress.rows_done), "row"),
        ),
        Phase::Finished => "finishing".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_tells_how_far_the_work_of_each_phase_is() {
        let progress = Progress::default();
        let set = |counter: &AtomicU64, value| counter.store(value, Ordering::Relaxed);
        set(&progress.files_listed, 1);
        let lines: Vec<String> = PHASES.map(|phase| line(phase, &progress)).into();
        assert_eq!(
            lines,
            [
                "listing: 1 file",
                "checking what changed: 1 file listed",
                "loading: 0 of 0 files, 0B of 0B, 0 of 0 units, 0 rows",
                "finishing",
            ]
        );
        set(&progress.files_listed, 12_345);
        set(&progress.files_done, 1_000);
        set(&progress.files_total, 12_000);
        set(&progress.bytes_done, 1 << 20);
        set(&progress.bytes_total, 3 << 30);
        set(&progress.units_done, 1);
        set(&progress.units_total, 20);
        set(&progress.rows_done, 1_234_567);
        assert_eq!(line(Phase::Discover, &progress), "listing: 12,345 files");
        assert_eq!(
            line(Phase::Work, &progress),
            "loading: 1,000 of 12,000 files, 1MiB of 3GiB, 1 of 20 units, 1,234,567 rows"
        );
    }

    const PHASES: [Phase; 4] = [Phase::Discover, Phase::Verify, Phase::Work, Phase::Finished];
}
