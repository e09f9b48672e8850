use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use super::block::tests::{path, record};
use super::*;
use crate::durable::{Disk, MemoryDisk};
use crate::model::{FileRecord, KeyRange, LedgerId, SourcePath};

pub(super) fn dir() -> &'static Path {
    Path::new("/state")
}

pub(super) fn open(disk: &MemoryDisk) -> Result<Ledger, OpenError> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    Ledger::open(disk, dir(), &|| LedgerId("id".to_owned()), "the test")
}

pub(super) fn peek(disk: &MemoryDisk) -> Result<View, OpenError> {
    snapshot(Arc::new(disk.clone()), dir())
}

pub(super) fn scan(view: &View, range: &KeyRange) -> Vec<(String, FileRecord)> {
    let mut cursor = view.files(range).unwrap();
    let mut files = Vec::new();
    while let Some(row) = cursor.next().unwrap() {
        files.push((row.path.to_owned(), row.record()));
    }
    files
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn files_are_what_a_map_would_hold(
        batches in vec((btree_map(path(), option::of(record()), 0..60), any::<bool>()), 1..8),
        start in path(),
        end in option::of(path()),
    ) {
        let disk = MemoryDisk::new();
        let mut ledger = open(&disk).unwrap();
        let mut model: BTreeMap<String, FileRecord> = BTreeMap::new();
        for (changes, reopen) in batches {
            let mut batch = Batch::default();
            for (path, record) in changes {
                batch.files.insert(SourcePath::from(path.as_str()), record.clone());
                match record {
                    Some(record) => model.insert(path, record),
                    None => model.remove(&path),
                };
            }
            ledger.write(&batch).unwrap();
            if reopen {
                ledger.close().unwrap();
                ledger = open(&disk).unwrap();
            }
            let view = ledger.view().unwrap();
            prop_assert_eq!(view.meta().unwrap().files, model.len() as u64);
            prop_assert_eq!(scan(&view, &KeyRange::all()), model.clone().into_iter().collect::<Vec<_>>());
        }
        let view = peek(&disk).unwrap();
        let range = KeyRange::new(start.clone(), end);
        let expected = model.clone().into_iter().filter(|(path, _)| range.contains(path));
        prop_assert_eq!(scan(&view, &range), expected.collect::<Vec<_>>());
        prop_assert_eq!(view.file(&start).unwrap(), model.get(&start).cloned());
    }
}
