//! `strandline quarantine`: what was set aside.

use crate::engine;

use super::Session;
use super::answer::{VERSION, quarantined, rows_aside};
use super::args::{RetryArgs, TargetArgs};
use super::exit::Ending;
use super::render::{self, count};
use super::target::{open, settings, target};

/// Lists the files that were set aside, and the files of which rows were.
pub(super) fn list(args: &TargetArgs, session: &Session<'_>) -> anyhow::Result<Ending> {
    let opened = open(args.layer(), session.global)?;
    let files = quarantined(&opened.view)?;
    let rows = rows_aside(&opened.view)?;
    let document = serde_json::json!({ "version": VERSION, "quarantined": files, "rows": rows });
    session
        .talk
        .result(&document, || render::quarantine(&files, &rows))?;
    Ok(Ending::Done)
}

/// Marks files that were set aside for another try.
pub(super) fn retry(args: &RetryArgs, session: &Session<'_>) -> anyhow::Result<Ending> {
    let target = target(&settings(args.target.layer(), session.global)?)?;
    let files = engine::retry_quarantined(&target, args.path.as_deref())?;
    let document = serde_json::json!({ "version": VERSION, "files": files });
    session.talk.result(&document, || {
        format!(
            "{} marked: the next run tries again\n",
            count(files, "file")
        )
    })?;
    Ok(Ending::Done)
}
