//! What `watch` says of a pass.

use crate::model::{RunReport, RunStatus, WhyListed};

use super::run::troubles;
use super::{Detail, nonzero, seconds};

/// Tells whether a pass had something to do, or left something.
pub(in crate::cli) fn is_news(report: &RunReport) -> bool {
    let files = &report.files;
    let changes = files.added + files.modified + files.touched + files.renamed + files.removed;
    let outputs = report.outputs.written + report.outputs.removed;
    changes + outputs > 0 || report.status != RunStatus::Done || !report.errors.is_empty()
}

/// Returns what a pass did, in one line, and its troubles.
pub(in crate::cli) fn pass(report: &RunReport, detail: Detail) -> String {
    let files = &report.files;
    let changes = nonzero(&[
        (files.added, "added"),
        (files.modified, "modified"),
        (files.touched, "touched"),
        (files.renamed, "renamed"),
        (files.removed, "removed"),
        (files.unsettled, "not settled yet"),
        (files.deferred, "left for the next pass"),
        (files.unreadable, "unreadable"),
        (files.quarantined, "quarantined"),
    ]);
    let outputs = nonzero(&[
        (report.outputs.written, "written"),
        (report.outputs.removed, "removed"),
    ]);
    let mut parts = Vec::new();
    if changes.is_empty() {
        parts.push("nothing to do".to_owned());
    } else {
        parts.push(changes);
    }
    if !outputs.is_empty() {
        parts.push(format!("outputs {outputs}"));
    }
    let time = seconds(report.seconds.total);
    let started = report.started_at;
    let run = report.run_id;
    let text = format!(
        "{started} {run} {}{} ({time})\n",
        parts.join("; "),
        looked_at(report)
    );
    text + &troubles(report, detail)
}

/// Tells what was looked at, where hints came.
fn looked_at(report: &RunReport) -> String {
    let Some(hints) = &report.hints else {
        return String::new();
    };
    let why = match hints.listed {
        None => return format!("; looked at {} hinted", hints.paths),
        Some(WhyListed::First) => "no listing before it left nothing to do",
        Some(WhyListed::Changed) => "settings changed",
        Some(WhyListed::Due) => "it was time",
        Some(WhyListed::Lost) => "hints may be missing",
        Some(WhyListed::Many) => "there were many hints",
        Some(WhyListed::Gone) => "hinted files are gone and no others show",
    };
    format!("; listed everything, since {why}")
}
