//! What a target must hold, kept as a plain map: for each path the versions that may count.
//!
//! After a run that ended well there is one version for each path. A run that was cut short leaves two: as it was,
//! and as it was to become; the next look at the target tells which.

use std::collections::{BTreeMap, BTreeSet};

use super::rows::Rows;

/// What a path contributes; `None` where it was never loaded.
pub(crate) type Contribution = Option<Rows>;

/// Versions that may count, by path. A path that is not in here contributes nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Model {
    pub(crate) versions: BTreeMap<String, BTreeSet<Contribution>>,
}

/// How a path is found by a run.
#[derive(Debug, Clone)]
pub(crate) enum Found {
    /// Nothing may be said about it: still being written, hidden, or bad.
    Unclear,
    /// Gone.
    Gone,
    /// Gone, and perhaps found again under another name.
    Moved,
    /// It has these rows.
    Rows(Rows),
}

/// Rules that differ by policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) retain: bool,
    pub(crate) ignore: bool,
}

/// How far a run got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    Complete,
    Partly,
}

impl Model {
    /// What may count for `path`.
    pub(crate) fn of(&self, path: &str) -> BTreeSet<Contribution> {
        let known = self.versions.get(path).cloned();
        known.unwrap_or_else(|| BTreeSet::from([None]))
    }

    /// Takes in what a run found at `path`.
    pub(crate) fn meet(&mut self, path: &str, found: &Found, rules: Rules, progress: Progress) {
        let before = self.of(path);
        let after = before
            .iter()
            .flat_map(|version| next(version, found, rules));
        let mut after: BTreeSet<Contribution> = after.collect();
        if progress == Progress::Partly {
            after.extend(before);
        }
        self.versions.insert(path.to_owned(), after);
    }

    /// Adds a version that may have been seen in passing.
    pub(crate) fn may_hold(&mut self, path: &str, version: Contribution) {
        let mut versions = self.of(path);
        versions.insert(version);
        self.versions.insert(path.to_owned(), versions);
    }

    /// Compares with what stands in the target, and forgets the versions that it rules out.
    pub(crate) fn settle(&mut self, by_file: &BTreeMap<String, Rows>) {
        let paths: BTreeSet<String> = by_file
            .keys()
            .chain(self.versions.keys())
            .cloned()
            .collect();
        let nothing = Rows::new();
        for path in paths {
            let actual = by_file.get(&path).unwrap_or(&nothing);
            let mut versions = self.of(&path);
            let expected = versions.clone();
            versions.retain(|version| version.as_ref().unwrap_or(&nothing) == actual);
            assert!(
                !versions.is_empty(),
                "{path} has in the target\n{actual:?}\nwhere one of these is expected\n{expected:?}"
            );
            self.versions.insert(path, versions);
        }
    }
}

fn next(version: &Contribution, found: &Found, rules: Rules) -> Vec<Contribution> {
    match found {
        Found::Unclear => vec![version.clone()],
        Found::Gone if rules.retain => vec![version.clone()],
        Found::Moved if rules.retain => vec![version.clone(), None],
        Found::Gone | Found::Moved => vec![None],
        Found::Rows(rows) if rules.ignore => match version {
            // The captures reach a file that did not change; one that did, and is as it was again, is frozen.
            Some(old) if bare(old) == bare(rows) => vec![version.clone(), Some(rows.clone())],
            Some(_) => vec![version.clone()],
            None => vec![Some(rows.clone())],
        },
        Found::Rows(rows) => vec![Some(rows.clone())],
    }
}

/// The rows without the column that captures add.
fn bare(rows: &Rows) -> Rows {
    let mut rows = rows.clone();
    for row in &mut rows {
        row.remove("sub");
    }
    rows.sort();
    rows
}
