//! A world whose target and ledger are in an object store, which may fail.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use strandline::clock::ManualClock;
use strandline::engine::{Control, Depth, Target, verify};
use strandline::ledger::{self, OpenError};
use strandline::store::Objects;

use super::read_back::{Contents, read_target};
use crate::crash::check::{parquet_rows, records_without_output};
use crate::support::cut_store::CutStore;
use crate::support::lake::{Parts, STATE, forgotten_uploads, parts, target};

/// Target and ledger in a store.
pub(crate) struct Lake {
    pub(crate) store: CutStore,
    /// What the next worker talks to.
    pub(crate) reach: Arc<dyn Objects>,
    clock: Arc<ManualClock>,
    parts: Option<Parts>,
    /// Outputs that are known to be whole.
    whole: BTreeMap<String, Vec<u8>>,
    /// Of all that was ever written.
    keys: Vec<String>,
}

impl Lake {
    pub(crate) fn new(clock: Arc<ManualClock>, parts: Option<Parts>) -> Self {
        let store = CutStore::new(clock.clone());
        Self {
            reach: Arc::new(store.clone()),
            store,
            clock,
            parts,
            whole: BTreeMap::new(),
            keys: Vec::new(),
        }
    }

    /// Lets the next worker find the store as it is.
    pub(crate) fn heal(&mut self) {
        self.reach = Arc::new(self.store.clone());
    }

    pub(crate) fn target(&self) -> Target {
        target(&self.reach, &self.clock, self.parts)
    }

    /// As somebody finds it for whom nothing fails.
    fn honest(&self) -> Target {
        let reach: Arc<dyn Objects> = Arc::new(self.store.clone());
        target(&reach, &self.clock, self.parts)
    }

    /// Reads everything back; nothing may be left that is to be published.
    pub(crate) fn read_back(&self) -> Contents {
        let target = self.honest();
        let (_, state) = parts(&self.store);
        let staged = state.iter().filter(|key| key.contains("/staging/"));
        assert_eq!(staged.collect::<Vec<_>>(), [""; 0], "left in staging");
        read_target(target.disk, &target.state, &*target.sink)
    }

    /// Whatever became of a run, each output is whole, and what the ledger says to be there is there.
    pub(crate) fn check_between(&mut self) {
        self.keys.extend(self.store.take_keys());
        let (outputs, _) = parts(&self.store);
        let mut target = BTreeMap::new();
        for (key, bytes) in &outputs {
            let name = key.strip_prefix("lake/").unwrap();
            assert!(is_output(name), "a reader finds {name}");
            if self.whole.get(key) != Some(bytes) {
                parquet_rows(bytes, "").unwrap_or_else(|error| panic!("{name} is torn: {error}"));
            }
            target.insert(name.to_owned(), bytes.clone());
        }
        let honest = self.honest();
        match ledger::snapshot(honest.disk, &honest.state) {
            Err(OpenError::Missing) => assert!(target.is_empty(), "outputs without a ledger"),
            view => {
                let view = view.expect("the ledger opens");
                let mut complaints = records_without_output(&view, &target);
                // What was announced and could not be finished is taken back, and built again by whoever gets that far.
                for (unit, _) in view.dirty().unwrap() {
                    let other = format!("{unit} is recorded, and its output");
                    complaints.retain(|it| !(it.starts_with(&other) && it.ends_with("another")));
                }
                assert_eq!(complaints, [""; 0]);
            }
        }
        self.whole = outputs;
    }

    /// Behind a run that went well there is nothing that nobody needs.
    pub(crate) fn check_end(&mut self) {
        self.check_between();
        let (_, state) = parts(&self.store);
        assert_eq!(state, STATE, "leftovers");
        let forgotten = forgotten_uploads(&self.store, &self.keys);
        assert_eq!(forgotten, [""; 0], "uploads that could have been given up");
        let target = self.honest();
        let lock = target.state.join("lock");
        assert!(!target.disk.is_locked(&lock).unwrap(), "the lock is free");
        let verified = verify(&target, None, Depth::Deep, &Control::default()).unwrap();
        assert!(verified.is_clean(), "{verified:?}");
    }

    /// Returns the outputs.
    pub(crate) fn outputs(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.whole
    }

    /// Returns the outputs that were written since the last look at what lies between two runs.
    pub(crate) fn take_written(&mut self) -> Vec<String> {
        let keys = self.store.take_keys();
        self.keys.extend(keys.iter().cloned());
        let written = keys.into_iter();
        written.filter(|key| is_output(key)).collect()
    }
}

fn is_output(name: &str) -> bool {
    Path::new(name).extension() == Some("parquet".as_ref())
}
