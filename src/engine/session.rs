//! Opens a target with its ledger for a run: lock, mark, recovery; and closes the ledger behind it.

use std::collections::BTreeSet;

use super::error::RunError;
use super::pipeline::Target;
use super::recover;
use crate::ledger::{Ledger, LedgerError, Meta, OpenError, View};
use crate::model::{ContentHash, LedgerId, OutputPath};

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
    match absent {
        Absent::Refuse if !exists(target)? => return Err(RunError::Open(OpenError::Missing)),
        Absent::Begin if !exists(target)? => {
            let marked = refuse_marked(target);
            // Another run may have begun one between the two looks: then the lock decides.
            match marked {
                Err(error) if !exists(target)? => return Err(error),
                _ => {}
            }
        }
        _ => {}
    }
    let new_id = || fresh_id(target);
    let ledger = Ledger::open(target.disk.clone(), &target.state, &new_id, &target.holder)?;
    let view = ledger.view()?;
    let meta = view.meta()?;
    if absent != Absent::Rebuild && meta.units == 0 && meta.files == 0 {
        // An empty ledger beside outputs is what a recovery leaves that was killed before it had recorded anything.
        refuse_strangers(target, &view)?;
    }
    drop(view);
    check_mark(target, &meta, absent)?;
    recover::mend(&ledger, &*target.sink)?;
    Ok(ledger)
}

fn exists(target: &Target) -> Result<bool, RunError> {
    Ledger::exists(&*target.disk, &target.state).map_err(|source| {
        RunError::Open(OpenError::Io {
            path: target.state.clone(),
            source,
        })
    })
}

/// What to do for the ledger behind a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Upkeep {
    /// Make it smaller, where that pays.
    Compact,
    /// Leave it as it is.
    Nothing,
}

/// Closes the ledger behind a run that is recorded.
///
/// What the run did stands whether that works or not, so housekeeping does not decide how it ended. A lock that was
/// lost does: somebody else may have been writing meanwhile.
///
/// # Errors
/// [`LedgerError::LostLease`].
pub(super) fn close(mut ledger: Ledger, upkeep: Upkeep) -> Result<(), LedgerError> {
    let mut failed = false;
    if upkeep == Upkeep::Compact {
        match ledger.compact_if_sparse() {
            Err(lost @ LedgerError::LostLease { .. }) => return Err(lost),
            other => failed = other.is_err(),
        }
    }
    match ledger.close() {
        // The next one that opens it repairs what the failure left.
        Err(LedgerError::Stopped { .. }) if failed => Ok(()),
        other => other,
    }
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
    refuse(target, |_| true)
}

fn refuse(target: &Target, is_strange: impl Fn(&OutputPath) -> bool) -> Result<(), RunError> {
    let outputs = target.sink.outputs()?;
    let outputs = outputs.iter().filter(|output| is_strange(output)).count();
    if outputs == 0 {
        return Ok(());
    }
    let target = target.sink.describe();
    Err(RunError::LedgerMissing { target, outputs })
}

/// Outputs that an empty ledger is about to remove or to publish are its own: those of files that went, above all.
fn refuse_strangers(target: &Target, view: &View) -> Result<(), RunError> {
    let mut known: BTreeSet<OutputPath> = view.garbage()?.into_iter().collect();
    let moves = view.intents()?.into_iter().flat_map(|intent| intent.moves);
    known.extend(moves.map(|planned| planned.output));
    refuse(target, |output| !known.contains(output))
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

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::durable::{Action, Disk, Fault, FaultyDisk, Kind, MemoryDisk};
    use crate::ledger::Batch;
    use crate::model::{FileRecord, Fingerprint, KeyRange, RunId, SourcePath, Standing};

    const STATE: &str = "/state";
    const FILES: u64 = 60_000;

    fn open(disk: Arc<dyn Disk>) -> Ledger {
        let id = || LedgerId("id".to_owned());
        Ledger::open(disk, Path::new(STATE), &id, "the test").unwrap()
    }

    fn record(n: u64) -> FileRecord {
        FileRecord {
            seen: Fingerprint::unseen(n),
            racy: false,
            hash: Some(ContentHash::of(&n.to_le_bytes())),
            standing: Standing::Loaded,
            unit: None,
            run: RunId(1),
        }
    }

    /// Returns a disk with a ledger that has lost all that was in it, open.
    fn sparse() -> (FaultyDisk, Ledger) {
        let disk = FaultyDisk::new(Arc::new(MemoryDisk::new()));
        let ledger = open(Arc::new(disk.clone()));
        let path = |n: u64| SourcePath::from(format!("a/directory/of/files/{n:09}.csv").as_str());
        let steps: [fn(u64) -> Option<FileRecord>; 2] = [|n| Some(record(n)), |_| None];
        for step in steps {
            let batch = Batch {
                files: (0..FILES).map(|n| (path(n), step(n))).collect(),
                ..Batch::default()
            };
            ledger.write(&batch).unwrap();
        }
        // Smaller ones are left as they are.
        let length = disk.look(&Path::new(STATE).join("ledger.redb")).unwrap();
        assert!(
            matches!(length, Some(Kind::File(4_194_304..))),
            "{length:?}"
        );
        (disk, ledger)
    }

    #[test]
    fn a_run_that_is_recorded_is_done_though_its_ledger_cannot_be_made_smaller() {
        let (disk, ledger) = sparse();
        let full = Fault::Kind(std::io::ErrorKind::StorageFull);
        disk.fail_where(|step| step.action == Action::WriteStore, full);
        close(ledger, Upkeep::Compact).unwrap();
        disk.heal();
        let ledger = open(Arc::new(disk));
        let view = ledger.view().unwrap();
        assert_eq!(view.meta().unwrap().files, 0);
        assert!(
            view.files(&KeyRange::all())
                .unwrap()
                .next()
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn a_lock_that_was_lost_is_told_at_the_very_end() {
        let (disk, ledger) = sparse();
        disk.remove_file(&Path::new(STATE).join("lock")).unwrap();
        let lost = close(ledger, Upkeep::Compact);
        assert!(
            matches!(lost, Err(LedgerError::LostLease { .. })),
            "{lost:?}"
        );
    }
}
