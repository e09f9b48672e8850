//! What the model learns from a run.

use std::collections::{BTreeMap, BTreeSet};

use strandline::clock::Clock;
use strandline::config::{OnDelete, OnModify, SameContent};
use strandline::engine::RunError;
use strandline::model::{RunReport, SourcePath, Timestamp};
use strandline::source::Source;

use super::model::{Found, Progress, Rules};
use super::rows::{Rows, rows_of};
use super::world::{World, is_complete};

impl World {
    /// Tells the model what a run has seen.
    pub(super) fn learn(&mut self, result: &Result<RunReport, RunError>) {
        let progress = match result {
            Ok(report) if is_complete(report) => Progress::Complete,
            // Nothing was begun.
            Err(RunError::LedgerMissing { .. }) => return,
            Ok(_) | Err(_) => Progress::Partly,
        };
        let rules = Rules {
            retain: self.setup.on_delete == OnDelete::Retain,
            ignore: self.setup.on_modify == OnModify::Ignore,
        };
        let found = self.find();
        for (path, found) in &found {
            self.model.meet(path, found, rules, progress);
        }
        // A file that the listing hides is read where its unit is built again, and an edit in the tick of the last
        // look shows in no stamp.
        let mut hidden = self.source.contents();
        hidden.retain(|path, _| self.hidden.iter().any(|range| range.contains(path)));
        for (path, bytes) in hidden {
            if self.model.of(&path).iter().any(Option::is_some) {
                self.coming.push((path, bytes));
            }
        }
        for (path, bytes) in std::mem::take(&mut self.coming) {
            if let Some(rows) = self.rows_of(&path, &bytes) {
                self.model.may_hold(&path, Some(rows));
            }
        }
        if progress == Progress::Partly && self.setup.same_content == SameContent::Skip {
            // Where the first name cannot be read or has to wait, the next one may count for the time being.
            let contents = self.source.contents();
            for (path, bytes) in &contents {
                let rows = self.rows_of(path, bytes);
                self.model.may_hold(path, rows);
                self.model.may_hold(path, None);
            }
            // A file that is hidden may have stepped back for an earlier name of its bytes, whether it is there or not.
            for path in self.model.versions.keys().cloned().collect::<Vec<_>>() {
                let known = self.model.of(&path);
                let is_known = |bytes: &Vec<u8>| known.contains(&self.rows_of(&path, bytes));
                if contents.values().any(is_known) {
                    self.model.may_hold(&path, None);
                }
            }
        }
        self.heal();
    }

    /// How a run finds every path that the source or the model knows.
    fn find(&self) -> BTreeMap<String, Found> {
        let mut contents = self.source.contents();
        // What was written in the middle of the run counted as it was before.
        let now = self.clock.now();
        let mut first_names: BTreeMap<Vec<u8>, String> = BTreeMap::new();
        if self.setup.same_content == SameContent::Skip {
            for (path, bytes) in &contents {
                first_names
                    .entry(bytes.clone())
                    .or_insert_with(|| path.clone());
            }
            contents.retain(|path, bytes| first_names[bytes] == *path);
        }
        let paths: BTreeSet<String> = contents
            .keys()
            .chain(self.model.versions.keys())
            .cloned()
            .collect();
        let find = |path: String| {
            let found = match contents.get(&path) {
                _ if self.hidden.iter().any(|range| range.contains(&path)) => Found::Unclear,
                None if self.setup.on_delete == OnDelete::Retain => Found::Moved,
                None => Found::Gone,
                Some(_) if self.is_young(&path, now) => Found::Unclear,
                Some(bytes) => self
                    .rows_of(&path, bytes)
                    .map_or(Found::Unclear, Found::Rows),
            };
            (path, found)
        };
        paths.into_iter().map(find).collect()
    }

    pub(super) fn rows_of(&self, path: &str, bytes: &[u8]) -> Option<Rows> {
        rows_of(path, bytes, !self.definition.captures.is_empty())
    }

    fn is_young(&self, path: &str, now: Timestamp) -> bool {
        let Ok(Some(seen)) = self.source.look(&SourcePath::from(path)) else {
            return false;
        };
        let stamps = [Some(seen.modified_at), seen.changed_at];
        let stamp = stamps.into_iter().flatten().find(|stamp| *stamp <= now);
        stamp.is_some_and(|stamp| now.since(stamp) < self.setup.settle)
    }
}
