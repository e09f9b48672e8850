//! Brings a target and its ledger back together after a run that was killed.
//!
//! # Cases
//! A run can die anywhere. What it can leave behind, and what is done about it:
//!
//! - *Staged files without an intent*: nobody knows them; they are swept.
//! - *An open intent.* Every move that it speaks of was staged, synced and named durably before the intent was
//!   written. So each staged file is either still there or has been renamed over its output. Both are checked by
//!   length and content hash, for a disk that lies about syncing is met in practice. If all hold, the moves are
//!   done (again) and the intent's rows are recorded: *forward*. If one does not, the unit is marked dirty and
//!   outputs that only the intent knows become garbage: *back*.
//! - *Garbage*: outputs that no unit owns any more; they are removed.
//! - *A request on its way to a store*, of a run that was not killed but held up, until another took its lock. Where it
//!   replaces an output, the store refuses it. A new output may still appear behind all this: so what only an intent
//!   knows that was rolled back stays garbage until the next start, and is then removed again.
//!
//! # Invariants
//! - Being killed in here leaves a state that is one of the above.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use super::error::RunError;
use crate::ledger::{Batch, Garbage, Intent, Ledger, View};
use crate::model::{ContentHash, DirtyReason, OutputPath, ReadAt};
use crate::sink::{Discard, Publication, Sink, SinkError, StageName, Stands};

/// Rolls open intents forward or back, collects garbage and sweeps staging.
///
/// # Errors
/// [`RunError`] where ledger or target fail; running again is safe.
pub(super) fn mend(ledger: &Ledger, sink: &dyn Sink) -> Result<(), RunError> {
    let view = ledger.view()?;
    let mut late = BTreeSet::new();
    for intent in view.intents()? {
        if let Some(moves) = locate(&intent, sink)? {
            sink.publish(&moves)?;
            let mut then = intent.then.clone();
            then.closed_intents.push(intent.id);
            ledger.write(&then)?;
        } else {
            let back = roll_back(&view, &intent)?;
            if sink.may_arrive_late() {
                late.extend(back.garbage.keys().cloned());
            }
            ledger.write(&back)?;
        }
    }
    collect(ledger, sink, &late)?;
    sink.discard(Discard::All)?;
    Ok(())
}

/// Removes outputs that no unit owns any more, and forgets all of them but those that may appear again.
fn collect(ledger: &Ledger, sink: &dyn Sink, late: &BTreeSet<OutputPath>) -> Result<(), RunError> {
    let garbage = ledger.view()?.garbage()?;
    if garbage.is_empty() {
        return Ok(());
    }
    sink.retire(&garbage)?;
    ledger.write(&Batch {
        garbage: garbage
            .into_iter()
            .filter(|output| !late.contains(output))
            .map(|output| (output, Garbage::Collected))
            .collect(),
        ..Batch::default()
    })?;
    Ok(())
}

/// Returns the moves that are still to be done, or `None` where a file is neither staged nor published whole.
fn locate(intent: &Intent, sink: &dyn Sink) -> Result<Option<Vec<Publication>>, RunError> {
    let mut moves = Vec::new();
    for planned in &intent.moves {
        let stage = StageName(planned.stage.clone());
        if is_whole(sink.open_staged(&stage), planned.size, planned.hash)? {
            moves.push(Publication {
                stage,
                output: planned.output.clone(),
                stands: Stands::Maybe,
                content: Some((planned.size, planned.hash)),
            });
        } else if !is_whole(sink.open(&planned.output), planned.size, planned.hash)? {
            return Ok(None);
        }
    }
    Ok(Some(moves))
}

/// Tells whether an opened file is there and has the expected bytes.
pub(super) fn is_whole(
    file: Result<Arc<dyn ReadAt>, SinkError>,
    size: u64,
    hash: ContentHash,
) -> Result<bool, SinkError> {
    match file {
        Ok(file) => Ok(file.len() == size && hash_of(file)? == hash),
        Err(error) if error.source.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Returns the hash of a file's bytes.
pub(super) fn hash_of(file: Arc<dyn ReadAt>) -> Result<ContentHash, SinkError> {
    ContentHash::of_file(file).map_err(|source| SinkError {
        action: "read",
        name: "an output".to_owned(),
        source,
    })
}

/// Closes the intent without its rows: its units are built again, and what only it knew goes.
fn roll_back(view: &View, intent: &Intent) -> Result<Batch, RunError> {
    let mut batch = Batch {
        closed_intents: vec![intent.id],
        ..Batch::default()
    };
    let dirty: BTreeSet<_> = view.dirty()?.into_iter().map(|(id, _)| id).collect();
    let mut owned: BTreeSet<OutputPath> = BTreeSet::new();
    for id in intent.then.units.keys() {
        if let Some(unit) = view.unit(*id)? {
            owned.extend(unit.outputs.iter().map(|output| output.path.clone()));
        }
        if intent.then.units.get(id).is_some_and(Option::is_some) && !dirty.contains(id) {
            batch.dirty.insert(*id, Some(DirtyReason::RolledBack));
        }
    }
    for planned in &intent.moves {
        if !owned.contains(&planned.output) {
            batch.garbage.insert(planned.output.clone(), Garbage::Add);
        }
    }
    Ok(batch)
}
