//! Opens a target with its ledger for a run: lock, mark, recovery.

use super::error::RunError;
use super::pipeline::Target;
use super::recover;
use crate::ledger::{Ledger, Meta, OpenError};
use crate::model::{ContentHash, LedgerId};

/// What to do where there is no ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absent {
    /// Begin one, unless the target holds outputs.
    Begin,
    /// Begin one although the target holds outputs: it is about to be rebuilt from them.
    Rebuild,
    /// Refuse.
    Refuse,
}

/// Takes the lock, checks that target and ledger belong together, and mends what a killed run left.
///
/// # Errors
/// [`RunError`] that says which of the three failed.
pub(super) fn open(target: &Target, absent: Absent) -> Result<Ledger, RunError> {
    let exists = Ledger::exists(&*target.disk, &target.state).map_err(|source| {
        RunError::Open(OpenError::Io {
            path: target.state.clone(),
            source,
        })
    })?;
    match absent {
        Absent::Refuse if !exists => return Err(RunError::Open(OpenError::Missing)),
        Absent::Begin if !exists => refuse_marked(target)?,
        _ => {}
    }
    let new_id = || fresh_id(target);
    let ledger = Ledger::open(target.disk.clone(), &target.state, &new_id, &target.holder)?;
    let meta = ledger.view()?.meta()?;
    if absent != Absent::Rebuild && meta.units == 0 && meta.files == 0 {
        // An empty ledger beside outputs is what a recovery leaves that was killed before it had recorded anything.
        refuse_outputs(target)?;
    }
    check_mark(target, &meta, absent)?;
    recover::mend(&ledger, &*target.sink)?;
    Ok(ledger)
}

/// A target that has a mark had a ledger. It is refused before another one is begun, which would be in the way of
/// recovery.
fn refuse_marked(target: &Target) -> Result<(), RunError> {
    refuse_outputs(target)?;
    match target.sink.mark()? {
        None => Ok(()),
        Some(_) => Err(RunError::LedgerMissing {
            target: target.sink.describe(),
            outputs: 0,
        }),
    }
}

/// Outputs that no ledger knows of must not be loaded again beside themselves.
fn refuse_outputs(target: &Target) -> Result<(), RunError> {
    let outputs = target.sink.outputs()?.len();
    if outputs == 0 {
        return Ok(());
    }
    let target = target.sink.describe();
    Err(RunError::LedgerMissing { target, outputs })
}

/// A new name for a ledger. It need not be secret, only unlike others.
fn fresh_id(target: &Target) -> LedgerId {
    let seed = format!(
        "{} {} {}",
        target.clock.now(),
        target.holder,
        target.state.display()
    );
    let mut id = ContentHash::of(seed.as_bytes()).to_string();
    id.truncate(16);
    LedgerId(id)
}

/// Only a rebuilt ledger may take over a target that carries another's mark: with a second ledger, two runs could
/// publish under the same names.
fn check_mark(target: &Target, meta: &Meta, absent: Absent) -> Result<(), RunError> {
    match target.sink.mark()? {
        Some(mark) if mark == meta.id => Ok(()),
        Some(mark) if absent != Absent::Rebuild => Err(RunError::Foreign {
            target: target.sink.describe(),
            found: mark.0,
            expected: meta.id.0.clone(),
        }),
        None if meta.units > 0 => Err(RunError::TargetLost {
            target: target.sink.describe(),
            units: meta.units,
        }),
        Some(_) | None => Ok(target.sink.set_mark(&meta.id)?),
    }
}
