//! `strandline status`: how a pipeline stands.

use crate::clock::{Clock, SystemClock};

use super::Session;
use super::answer::{self, Status, VERSION};
use super::args::TargetArgs;
use super::exit::Ending;
use super::render;
use super::target::{Opened, open};

/// Shows how a pipeline stands.
pub(super) fn status(args: &TargetArgs, session: &Session<'_>) -> anyhow::Result<Ending> {
    let opened = open(args.layer(), session.global)?;
    let status = gather(&opened, &SystemClock::new())?;
    let detail = session.talk.detail;
    session
        .talk
        .result(&status, || render::status(&status, detail))?;
    Ok(Ending::Done)
}

fn gather(opened: &Opened, clock: &dyn Clock) -> anyhow::Result<Status> {
    let view = &opened.view;
    let meta = view.meta()?;
    let (mut outputs, mut rows, mut bytes) = (0, 0, 0);
    for unit in view.units()? {
        let unit = unit?.1;
        for output in unit.outputs.iter().filter(|output| !output.path.is_aside()) {
            outputs += 1;
            rows += output.rows();
            bytes += output.size;
        }
    }
    let lag = meta.watermark.map(|mark| clock.now().since(mark).as_secs());
    Ok(Status {
        version: VERSION,
        target: opened.places.target.to_string(),
        state: opened.places.state.to_string(),
        files: answer::files_by_standing(view)?,
        units: meta.units,
        dirty: answer::dirty(view)?,
        quarantined: answer::quarantined(view)?,
        last_run: view.runs(1)?.into_iter().next(),
        ledger_bytes: view.file_bytes(),
        held_by: opened.holder()?,
        source: meta.source,
        ledger: meta.id.0,
        pipeline: meta.definition,
        watermark: meta.watermark,
        checkpoint: meta.checkpoint,
        lag_seconds: lag,
        outputs,
        rows,
        bytes,
    })
}
