//! `strandline explain`: what became of one file.

use anyhow::bail;

use super::Session;
use super::answer;
use super::args::ExplainArgs;
use super::exit::Ending;
use super::render;
use super::target::open;
use super::usage::UsageError;

/// Explains what became of one file.
pub(super) fn explain(args: &ExplainArgs, session: &Session<'_>) -> anyhow::Result<Ending> {
    let opened = open(args.target.layer(), session.global)?;
    let path = args.path.strip_prefix("./").unwrap_or(&args.path);
    let Some(explanation) = answer::explanation(&opened.view, path)? else {
        bail!(UsageError::UnknownFile {
            path: path.to_owned(),
            source_place: opened.view.meta()?.source.unwrap_or_default(),
        });
    };
    session
        .talk
        .result(&explanation, || render::explanation(&explanation))?;
    Ok(Ending::Done)
}
