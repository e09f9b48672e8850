//! Opens a target with its ledger for a run: lock, mark, recovery.

use super::error::RunError;
use super::pipeline::Target;
use super::recover;
use crate::ledger::{Ledger, OpenError};
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
    if !exists {
        match absent {
            Absent::Refuse => return Err(RunError::Open(OpenError::Missing)),
            Absent::Begin => {
                let outputs = target.sink.outputs()?.len();
                if outputs > 0 {
                    let target = target.sink.describe();
                    return Err(RunError::LedgerMissing { target, outputs });
                }
            }
            Absent::Rebuild => {}
        }
    }
    let new_id = || fresh_id(target);
    let ledger = Ledger::open(target.disk.clone(), &target.state, &new_id, &target.holder)?;
    check_mark(target, &ledger, exists)?;
    recover::mend(&ledger, &*target.sink)?;
    Ok(ledger)
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

fn check_mark(target: &Target, ledger: &Ledger, existed: bool) -> Result<(), RunError> {
    let meta = ledger.view()?.meta()?;
    match target.sink.mark()? {
        Some(mark) if mark == meta.id => Ok(()),
        Some(mark) if existed => Err(RunError::Foreign {
            target: target.sink.describe(),
            found: mark.0,
            expected: meta.id.0,
        }),
        None if meta.units > 0 => Err(RunError::TargetLost {
            target: target.sink.describe(),
            units: meta.units,
        }),
        Some(_) | None => Ok(target.sink.set_mark(&meta.id)?),
    }
}
