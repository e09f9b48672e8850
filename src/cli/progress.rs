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
        bar.set_message(line(progress));
        bar.tick();
    }
    bar.finish_and_clear();
}

fn line(progress: &Progress) -> String {
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let listed = count(read(&progress.files_listed), "file");
    match progress.phase() {
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
