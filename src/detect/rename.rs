//! Finds the vanished files among the new ones.

use std::collections::{BTreeMap, HashSet};

use crate::model::{ContentHash, SourcePath};

/// A new or vanished file whose content hash is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its path.
    pub path: SourcePath,
    /// Its content.
    pub hash: ContentHash,
}

/// Returns the sizes that occur on both sides: only new files of such a size are worth hashing.
#[must_use]
pub fn sizes_in_common(
    added: impl IntoIterator<Item = u64>,
    vanished: impl IntoIterator<Item = u64>,
) -> HashSet<u64> {
    let vanished: HashSet<u64> = vanished.into_iter().collect();
    added
        .into_iter()
        .filter(|size| vanished.contains(size))
        .collect()
}

/// Pairs vanished with new files of the same content, each at most once, as (from, to).
///
/// `interchangeable` tells whether rows decoded under the one name are right under the other (the same path
/// partition, the same format). The pairing depends on the sets alone, not on the order they are given in.
#[must_use]
pub fn pair_renames(
    mut vanished: Vec<Candidate>,
    mut added: Vec<Candidate>,
    interchangeable: &dyn Fn(&str, &str) -> bool,
) -> Vec<(SourcePath, SourcePath)> {
    vanished.sort_by(|a, b| a.path.cmp(&b.path));
    added.sort_by(|a, b| a.path.cmp(&b.path));
    let mut by_hash: BTreeMap<ContentHash, Vec<SourcePath>> = BTreeMap::new();
    for candidate in vanished {
        by_hash
            .entry(candidate.hash)
            .or_default()
            .push(candidate.path);
    }
    let mut pairs = Vec::new();
    for to in added {
        let Some(names) = by_hash.get_mut(&to.hash) else {
            continue;
        };
        if let Some(at) = names
            .iter()
            .position(|from| interchangeable(from, &to.path))
        {
            pairs.push((names.remove(at), to.path));
        }
    }
    pairs
}
