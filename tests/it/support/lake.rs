//! A target in an object store with its ledger beside it, and what there is in the store of either.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use strandline::clock::ManualClock;
use strandline::durable::{Disk, MemoryDisk};
use strandline::engine::Target;
use strandline::model::ContentHash;
use strandline::sink::StoreSink;
use strandline::store::{Client, Directory, Objects, StoreDisk};

use super::cut_store::CutStore;

pub(crate) const LEASE: Duration = Duration::from_mins(1);

/// So little that nearly every change becomes a segment.
const HEAD_BYTES: usize = 1 << 10;

/// Above how many bytes an output is written in parts, and in which.
pub(crate) type Parts = (u64, u64);

fn directory(reach: &Arc<dyn Objects>, path: &str) -> Directory {
    let client = Client::over(Arc::clone(reach));
    Directory::new(client, path, format!("s3://bucket/{path}")).unwrap()
}

/// Returns the target of a worker that has nothing but what is in the store.
pub(crate) fn target(
    reach: &Arc<dyn Objects>,
    clock: &Arc<ManualClock>,
    parts: Option<Parts>,
) -> Target {
    let state = directory(reach, "lake/_strandline");
    let disk = StoreDisk::new(state, LEASE, clock.clone()).with_heads_of(HEAD_BYTES);
    let staging: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    let fence = Some(disk.fence());
    let sink = StoreSink::new(directory(reach, "lake"), fence, staging, Path::new("/tmp"));
    let sink = match parts {
        None => sink.unwrap(),
        Some((whole_bytes, part_bytes)) => sink.unwrap().with_parts(whole_bytes, part_bytes),
    };
    Target {
        sink: Arc::new(sink),
        state: PathBuf::from(disk.root()),
        disk: Arc::new(disk),
        clock: clock.clone(),
        holder: "a test".to_owned(),
    }
}

/// What there is of state between two runs, beside what the ledger names.
pub(crate) const STATE: [&str; 3] = [
    "lake/_strandline/ledger.redb",
    "lake/_strandline/lock",
    "lake/_strandline/mark",
];

/// Returns the outputs, and what there is of state.
pub(crate) fn parts(store: &CutStore) -> (BTreeMap<String, Vec<u8>>, Vec<String>) {
    let (state, outputs) = store
        .contents()
        .into_iter()
        .partition::<BTreeMap<_, _>, _>(|(key, _)| key.starts_with("lake/_strandline/"));
    let head = state.get("lake/_strandline/ledger.redb");
    let head = head.map(|head| String::from_utf8_lossy(head).into_owned());
    // Rows that are set aside are outputs, and segments that the ledger names a part of it.
    let is_used = |key: &&String| {
        let name = key.strip_prefix("lake/_strandline/segments/");
        let is_named = name
            .zip(head.as_ref())
            .is_some_and(|(name, head)| head.contains(name));
        is_named || key.contains("/quarantine/")
    };
    let others = state.keys().filter(|key| !is_used(key)).cloned().collect();
    (outputs, others)
}

/// Returns the uploads that are still under way and whose notes were among the `keys` that were written: those that
/// somebody could have given up.
pub(crate) fn forgotten_uploads(store: &CutStore, keys: &[String]) -> Vec<String> {
    let uploads = store.uploads().into_iter();
    let noted = uploads.filter_map(|(upload, path)| {
        let output = path.as_ref().strip_prefix("lake/").unwrap();
        let note = ContentHash::of(format!("{output}\n{upload}").as_bytes());
        let note = format!("lake/_strandline/staging/upload-{note}");
        keys.contains(&note).then(|| path.to_string())
    });
    noted.collect()
}
