//! Keys that stand twice in an object.

use std::collections::HashSet;

use super::keys::{KeyId, Mark, Marks};
use super::parse::{Fault, fault};
use super::tape::{Key, Value};
use crate::decode::JsonFault;

/// Looks for a key that stands twice in an object, by their numbers.
pub(super) fn check_keys<'t, M>(members: impl Fn() -> M) -> Result<(), Fault>
where
    M: Iterator<Item = (Key<'t>, Value<'t>)>,
{
    let mut marks = Marks::default();
    for (key, value) in members() {
        if key.id() == KeyId::NONE {
            return check_names(members());
        }
        if marks.mark(key.id()) == Mark::Known {
            return Err(duplicate(key, value));
        }
    }
    Ok(())
}

/// Looks for a key that stands twice in an object, where some have no number.
fn check_names<'t>(mut members: impl Iterator<Item = (Key<'t>, Value<'t>)>) -> Result<(), Fault> {
    let mut names = HashSet::new();
    match members.find(|(key, _)| !names.insert(key.name())) {
        Some((key, value)) => Err(duplicate(key, value)),
        None => Ok(()),
    }
}

fn duplicate(key: Key<'_>, value: Value<'_>) -> Fault {
    let key = key.name().to_owned();
    fault(value.start(), JsonFault::DuplicateKey { key })
}
