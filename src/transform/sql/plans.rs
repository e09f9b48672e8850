//! Plans that were made, for those who ask again: all units with the same columns share one.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::bind::Bound;
use super::error::SqlError;
use crate::model::{Column, Shape};

/// More plans than this are not kept: there are files of which no two have the same columns.
const KEPT: usize = 256;

/// All that a plan depends on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Question {
    /// The columns of the rows.
    pub(super) own: Shape,
    /// The columns that are named, as the pipeline knows them.
    pub(super) known: Vec<Column>,
    /// The names of the fields of the path.
    pub(super) fields: Vec<String>,
}

type Answer = Result<Arc<Bound>, SqlError>;

/// The plans so far. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Plans(Arc<Mutex<HashMap<Question, Arc<OnceLock<Answer>>>>>);

impl Plans {
    /// Returns the answer, which `plan` finds where nobody has asked yet. Those who ask for the same wait for it; others
    /// do not.
    pub(super) fn get(&self, question: Question, plan: impl FnOnce() -> Answer) -> Answer {
        let cell = {
            // What a panic elsewhere leaves are whole entries.
            let mut plans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if plans.len() >= KEPT && !plans.contains_key(&question) {
                plans.clear();
            }
            Arc::clone(plans.entry(question).or_default())
        };
        cell.get_or_init(plan).clone()
    }
}

impl fmt::Debug for Plans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plans")
    }
}
