//! Changes of member lists that leave a unit's outputs as they are.

use std::collections::{BTreeMap, HashMap};

use crate::ledger::{Batch, LedgerError, View};
use crate::model::{Carried, SourcePath, UnitId};

/// A change of a unit's member list that leaves its outputs as they are.
pub(super) enum Edit {
    Rename(SourcePath),
    /// Notes the version that the rows are of, where the unit does not know yet that it is another than the file's.
    Carry(Carried),
}

/// Changes of member lists, by unit, so that each unit record is read and written once.
#[derive(Default)]
pub(super) struct MemberEdits(BTreeMap<UnitId, HashMap<SourcePath, Edit>>);

impl MemberEdits {
    pub(super) fn edit(&mut self, unit: UnitId, path: &SourcePath, edit: Edit) {
        self.0.entry(unit).or_default().insert(path.clone(), edit);
    }

    pub(super) fn apply(self, view: &View, batch: &mut Batch) -> Result<(), LedgerError> {
        for (id, mut edits) in self.0 {
            let Some(mut unit) = view.unit(id)? else {
                continue;
            };
            for member in &mut unit.members {
                match edits.remove(&member.path) {
                    Some(Edit::Rename(to)) => member.path = to,
                    Some(Edit::Carry(version)) => {
                        member.carried.get_or_insert(version);
                    }
                    None => {}
                }
            }
            batch.units.insert(id, Some(unit));
        }
        Ok(())
    }
}
