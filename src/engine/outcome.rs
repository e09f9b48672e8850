//! What became of a unit's members, as ledger rows.
//!
//! # Invariants
//! - Only bytes that were read whole and found bad put a file into quarantine. Everything else is tried again.
//! - A member of another unit that could not be loaded is still a member of that, unless a fresh run would not have the
//!   rows that it has there.
//! - A member whose rows are carried over keeps its place in the unit, with the version that the rows are of.

use super::edits::{Edit, MemberEdits};
use super::error::RunError;
use super::member::Trouble;
use super::order::{Origin, Outcome, WorkOrder};
use super::prepare::forget;
use crate::detect;
use crate::ledger::{Batch, View};
use crate::model::{
    Carried, ErrorKind, FileRecord, Fingerprint, QuarantineRecord, ReportedError, RunId,
    SourcePath, Standing, Timestamp, UnitId,
};

/// Where a member ended up.
pub(super) enum Place {
    /// In the unit; with the version of its rows, where that is not the one in its record.
    Inside(Option<Carried>),
    /// Not in the unit.
    Outside,
}

/// One member of a unit that was built.
pub(super) struct Seat<'a> {
    pub(super) order: &'a WorkOrder,
    pub(super) path: &'a SourcePath,
    /// The stamps that it was read under, where it was to be read.
    pub(super) seen: Option<&'a Fingerprint>,
    /// The unit of which it is a member until it is loaded.
    pub(super) origin: Option<Origin>,
}

/// Takes down what became of members.
pub(super) struct Notes<'a> {
    pub(super) view: &'a View,
    pub(super) run: RunId,
    pub(super) now: Timestamp,
    /// The moment before the listing began.
    pub(super) looked_at: Timestamp,
    pub(super) then: &'a mut Batch,
    /// Changes of units that are not being built.
    pub(super) edits: &'a mut MemberEdits,
    pub(super) errors: &'a mut Vec<ReportedError>,
    pub(super) unsettled: u64,
    pub(super) unreadable: u64,
    pub(super) archived: u64,
    /// Set where a member's rows had to be carried over although they should have been read, and may be next time.
    pub(super) transient: bool,
}

impl Notes<'_> {
    /// Records what became of a member, and returns where it ended up.
    ///
    /// # Errors
    /// Where the ledger cannot be read.
    pub(super) fn take(&mut self, seat: &Seat<'_>, outcome: &Outcome) -> Result<Place, RunError> {
        let old = self.view.file(seat.path)?;
        Ok(match outcome {
            Outcome::Loaded(version) => {
                self.loaded(seat, version, old);
                Place::Inside(None)
            }
            Outcome::CarriedOver {
                version,
                trouble:
                    Some(Trouble::Bad {
                        version: bad,
                        reason,
                    }),
            } => {
                self.quarantine(seat, bad, reason);
                self.record(seat, bad, Standing::Outlived, Some(seat.order.unit));
                Place::Inside(Some(*version))
            }
            Outcome::CarriedOver {
                version,
                trouble: Some(trouble @ Trouble::Archived),
            } => {
                self.report(seat.path, trouble);
                self.shelve(seat, old);
                Place::Inside(Some(*version))
            }
            Outcome::CarriedOver { version, trouble } => {
                if let Some(trouble) = trouble {
                    self.transient = true;
                    self.report(seat.path, trouble);
                }
                Place::Inside(self.carried(seat, *version, old))
            }
            Outcome::LeftOut(trouble @ Trouble::Bad { version, reason }) => {
                self.quarantine(seat, version, reason);
                match seat.origin {
                    Some(Origin { unit, version: old })
                        if !seat.order.is_outdated(old, trouble) =>
                    {
                        self.edits.edit(unit, seat.path, Edit::Carry(old));
                        self.record(seat, version, Standing::Outlived, Some(unit));
                    }
                    // Its old unit, which is built next, has no such member any more.
                    _ => self.record(seat, version, Standing::Quarantined, None),
                }
                Place::Outside
            }
            // It stays where it is, and that unit is still to be built: there the trouble is met again, or it is over.
            Outcome::LeftOut(_) if seat.origin.is_some() => Place::Outside,
            Outcome::LeftOut(trouble) => {
                self.report(seat.path, trouble);
                forget(self.then, seat.path.clone());
                Place::Outside
            }
        })
    }

    fn loaded(&mut self, seat: &Seat<'_>, version: &Carried, old: Option<FileRecord>) {
        let Some(new) = self.made(seat, version, Standing::Loaded, Some(seat.order.unit)) else {
            return;
        };
        if let Some(old) = old {
            let as_before = FileRecord {
                run: old.run,
                ..new.clone()
            };
            if as_before == old {
                return;
            }
            if old.standing != Standing::Loaded {
                self.then.quarantine.insert(seat.path.clone(), None);
            }
        }
        self.then.files.insert(seat.path.clone(), Some(new));
    }

    /// The rows stay as they are; only the unit may be another one now.
    fn carried(
        &mut self,
        seat: &Seat<'_>,
        version: Carried,
        old: Option<FileRecord>,
    ) -> Option<Carried> {
        let old = old?;
        let recorded = old.hash == Some(version.hash);
        if old.unit != Some(seat.order.unit) {
            let moved = FileRecord {
                unit: Some(seat.order.unit),
                ..old
            };
            self.then.files.insert(seat.path.clone(), Some(moved));
        }
        (!recorded).then_some(version)
    }

    /// The rows stay as they are until the file is restored.
    fn shelve(&mut self, seat: &Seat<'_>, old: Option<FileRecord>) {
        if let Some(old) = old {
            let shelved = FileRecord {
                unit: Some(seat.order.unit),
                ..old.shelved(self.run)
            };
            self.then.files.insert(seat.path.clone(), Some(shelved));
        }
    }

    fn record(
        &mut self,
        seat: &Seat<'_>,
        version: &Carried,
        standing: Standing,
        unit: Option<UnitId>,
    ) {
        if let Some(record) = self.made(seat, version, standing, unit) {
            self.then.files.insert(seat.path.clone(), Some(record));
        }
    }

    fn made(
        &self,
        seat: &Seat<'_>,
        version: &Carried,
        standing: Standing,
        unit: Option<UnitId>,
    ) -> Option<FileRecord> {
        let seen = seat.seen?;
        Some(FileRecord {
            seen: seen.clone(),
            racy: detect::is_racy(seen, self.looked_at),
            hash: Some(version.hash),
            standing,
            unit,
            run: self.run,
        })
    }

    fn quarantine(&mut self, seat: &Seat<'_>, version: &Carried, reason: &str) {
        self.errors.push(ReportedError {
            path: seat.path.to_string(),
            kind: ErrorKind::Undecodable,
            message: format!("cannot decode {}: {reason}", seat.path),
        });
        let record = QuarantineRecord {
            hash: version.hash,
            reason: reason.to_owned(),
            size: version.size,
            run: self.run,
            at: self.now,
            retry: false,
        };
        self.then.quarantine.insert(seat.path.clone(), Some(record));
    }

    fn report(&mut self, path: &SourcePath, trouble: &Trouble) {
        let error = trouble.told(path);
        match error.kind {
            ErrorKind::Unsettled => self.unsettled += 1,
            ErrorKind::Archived => self.archived += 1,
            _ => self.unreadable += 1,
        }
        self.errors.push(error);
    }
}
