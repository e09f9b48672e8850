//! `strandline history`: past runs.

use super::Session;
use super::answer::VERSION;
use super::args::HistoryArgs;
use super::exit::Ending;
use super::render;
use super::target::open;

/// Lists past runs, the latest first.
pub(super) fn history(args: &HistoryArgs, session: &Session<'_>) -> anyhow::Result<Ending> {
    let opened = open(args.target.layer(), session.global)?;
    let runs = opened.view.runs(args.limit)?;
    let document = serde_json::json!({ "version": VERSION, "runs": runs });
    session.talk.result(&document, || render::history(&runs))?;
    Ok(Ending::Done)
}
