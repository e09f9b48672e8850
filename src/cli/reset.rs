//! `strandline reset`: files to be worked on again.

use crate::engine::{self, ResetFilter};

use super::Session;
use super::args::ResetArgs;
use super::exit::Ending;
use super::render::count;
use super::target::{settings, target};
use super::usage::UsageError;

/// Marks files for reprocessing.
pub(super) fn reset(args: &ResetArgs, session: &Session<'_>) -> anyhow::Result<Ending> {
    if let (Some(since), Some(until)) = (args.since, args.until)
        && until < since
    {
        let order = format!("--since {since} lies behind --until {until}");
        return Err(UsageError::Arguments(order).into());
    }
    let target = target(&settings(args.target.layer(), session.global)?)?;
    let filter = ResetFilter {
        all: args.all,
        path: args.path.clone(),
        since: args.since,
        until: args.until,
        lost: args.lost,
    };
    let report = engine::reset(&target, &filter)?;
    session.talk.result(&report, || {
        let what = if args.lost {
            "forgotten: the next run loads again what the source still has"
        } else {
            "marked: the next run builds them again"
        };
        format!(
            "{} in {} {what}\n",
            count(report.files, "file"),
            count(report.units, "unit")
        )
    })?;
    Ok(Ending::Done)
}
