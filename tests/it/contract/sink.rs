//! The contract of `Sink`, on every disk.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::memory::InMemory;
use strandline::durable::{
    Action, Disk, Fault, FaultyDisk, LocalDisk, MemoryDisk, Step, Survivors,
};
use strandline::model::{LedgerId, OutputPath};
use strandline::sink::{Discard, DiskSink, Sink, SinkError, StageName, StoreSink};
use strandline::store::{Client, Directory, FaultyStore, Objects, StoreFault};

fn on_every_sink(check: impl Fn(&dyn Sink)) {
    let local: Arc<dyn Disk> = Arc::new(LocalDisk::new());
    for disk in [Arc::clone(&local), Arc::new(FaultyDisk::new(local))] {
        let directory = tempfile::tempdir().unwrap();
        check(&DiskSink::new(disk, directory.path().join("target")));
    }
    check(&memory_sink(&MemoryDisk::new()));
    let store = Arc::new(InMemory::new());
    check(&store_sink(store));
    // What can let a store fail, and does not.
    let store = || Arc::new(FaultyStore::new(Arc::new(InMemory::new()), 0));
    check(&store_sink(store()));
    check(&store_sink(store()).with_parts(2, 1));
}

/// Returns a target in a store, for which staged files lie in memory.
fn store_sink(objects: Arc<dyn Objects>) -> StoreSink {
    let client = Client::over(objects);
    let directory = Directory::new(client, "lake", "s3://bucket/lake".to_owned()).unwrap();
    let staging: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    StoreSink::new(directory, None, staging, Path::new("/tmp")).unwrap()
}

fn memory_sink(disk: &MemoryDisk) -> DiskSink {
    DiskSink::new(Arc::new(disk.clone()), PathBuf::from("/data/target"))
}

fn stage(sink: &dyn Sink, name: &str, bytes: &[u8]) -> StageName {
    let stage = StageName(name.to_owned());
    let mut staging = sink.stage(&stage).unwrap();
    staging.write_all(bytes).unwrap();
    staging.finish().unwrap();
    stage
}

fn put(sink: &dyn Sink, path: &str, bytes: &[u8]) {
    let staged = stage(sink, "put", bytes);
    sink.sync_staging(&[]).unwrap();
    sink.publish(&[(staged, OutputPath::from(path)).into()])
        .unwrap();
}

fn content(sink: &dyn Sink, path: &str) -> Vec<u8> {
    let file = sink.open(&path.into()).unwrap();
    let mut bytes = vec![0; usize::try_from(file.len()).unwrap()];
    file.read_exact_at(0, &mut bytes).unwrap();
    bytes
}

fn outputs(sink: &dyn Sink) -> Vec<String> {
    let outputs = sink.outputs().unwrap();
    outputs.iter().map(ToString::to_string).collect()
}

#[test]
fn what_was_flushed_can_be_read_whether_the_output_is_finished_or_not() {
    on_every_sink(|sink| {
        let stage = StageName("s1".to_owned());
        let mut staging = sink.stage(&stage).unwrap();
        staging.write_all(b"rows").unwrap();
        staging.flush().unwrap();
        let mut rows = [0; 4];
        let flushed = sink.open_staged(&stage).unwrap();
        flushed.read_exact_at(0, &mut rows).unwrap();
        assert_eq!((flushed.len(), &rows), (4, b"rows"));
    });
}

#[test]
fn a_staged_output_is_invisible_until_it_is_published() {
    on_every_sink(|sink| {
        let staged = stage(sink, "s1.parquet", b"rows");
        assert_eq!(outputs(sink), [""; 0]);
        assert_eq!(sink.open_staged(&staged).unwrap().len(), 4);
        sink.sync_staging(&[]).unwrap();
        let output = OutputPath::from("day=1/u1.parquet");
        sink.publish(&[(staged.clone(), output.clone()).into()])
            .unwrap();
        assert_eq!(outputs(sink), ["day=1/u1.parquet"]);
        assert_eq!(content(sink, &output), b"rows");
        assert_eq!(sink.look(&output).unwrap(), Some(4));
        let gone = sink.open_staged(&staged).err().unwrap();
        assert_eq!(gone.source.kind(), io::ErrorKind::NotFound);
    });
}

#[test]
fn publishing_again_is_no_error_and_publishing_nothing_staged_is() {
    on_every_sink(|sink| {
        let staged = stage(sink, "s", b"rows");
        let moves = [(staged, OutputPath::from("a.parquet")).into()];
        sink.publish(&moves).unwrap();
        sink.publish(&moves).unwrap();
        let never = [(StageName("never".to_owned()), OutputPath::from("b.parquet")).into()];
        let error = sink.publish(&never).unwrap_err();
        assert_eq!(error.name, "b.parquet");
        assert_eq!(error.source.kind(), io::ErrorKind::NotFound);
    });
}

#[test]
fn publishing_over_an_output_replaces_it_for_new_readers_only() {
    on_every_sink(|sink| {
        put(sink, "a.parquet", b"old");
        let before = sink.open(&"a.parquet".into()).unwrap();
        put(sink, "a.parquet", b"newer");
        assert_eq!(content(sink, "a.parquet"), b"newer");
        let mut bytes = [0; 3];
        before.read_exact_at(0, &mut bytes).unwrap();
        assert_eq!(&bytes, b"old");
    });
}

#[test]
fn retiring_prunes_what_it_empties_and_may_be_repeated() {
    on_every_sink(|sink| {
        put(sink, "a=1/b=1/x.parquet", b"1");
        put(sink, "a=1/b=2/x.parquet", b"2");
        put(sink, "a=2/b=1/x.parquet", b"3");
        put(sink, "top.parquet", b"4");
        let retired = ["a=1/b=1/x.parquet", "a=2/b=1/x.parquet"].map(OutputPath::from);
        for _ in 0..2 {
            sink.retire(&retired).unwrap();
            assert_eq!(outputs(sink), ["a=1/b=2/x.parquet", "top.parquet"]);
        }
        sink.retire(&["a=1/b=2/x.parquet".into(), "top.parquet".into()])
            .unwrap();
        assert_eq!(outputs(sink), [""; 0]);
        assert_eq!(sink.look(&"a=1/b=2/x.parquet".into()).unwrap(), None);
        put(sink, "a=1/b=2/x.parquet", b"5");
        assert_eq!(content(sink, "a=1/b=2/x.parquet"), b"5");
    });
}

#[test]
fn retiring_leaves_no_empty_directory_and_keeps_the_root() {
    let directory = tempfile::tempdir().unwrap();
    let sink = DiskSink::new(Arc::new(LocalDisk::new()), directory.path().to_owned());
    put(&sink, "a=1/b=1/x.parquet", b"1");
    std::fs::create_dir(directory.path().join("a=1/keep")).unwrap();
    sink.retire(&["a=1/b=1/x.parquet".into()]).unwrap();
    assert!(!directory.path().join("a=1/b=1").exists());
    assert!(
        directory.path().join("a=1/keep").exists(),
        "not ours, not emptied by us"
    );
    sink.retire(&["none.parquet".into()]).unwrap();
    assert!(directory.path().exists());
}

#[test]
fn outputs_come_in_byte_order_of_their_paths() {
    on_every_sink(|sink| {
        for path in [
            "a/b.parquet",
            "a.parquet",
            "a-b.parquet",
            "b/notes.txt",
            "B.parquet",
        ] {
            put(sink, path, b"");
        }
        sink.set_mark(&LedgerId("id".to_owned())).unwrap();
        stage(sink, "left.parquet", b"");
        let expected = ["B.parquet", "a-b.parquet", "a.parquet", "a/b.parquet"];
        assert_eq!(outputs(sink), expected);
    });
}

#[test]
fn rows_that_are_set_aside_are_an_output_where_no_reader_looks() {
    on_every_sink(|sink| {
        let aside = OutputPath::aside("u1.parquet");
        put(sink, "a.parquet", b"rows");
        put(sink, &aside, b"others");
        assert!(aside.starts_with("_strandline/") && aside.is_aside());
        assert_eq!(
            outputs(sink),
            ["_strandline/quarantine/u1.parquet", "a.parquet"]
        );
        assert_eq!(content(sink, &aside), b"others");
        sink.retire(&[aside]).unwrap();
        assert_eq!(outputs(sink), ["a.parquet"]);
        for other in [
            "_strandline/quarantine/x/u1.parquet",
            "_strandline/quarantine/",
        ] {
            let path = OutputPath::from(other);
            assert!(!path.is_aside() && sink.look(&path).is_err(), "{other}");
        }
    });
}

#[test]
fn staging_is_discarded_by_name_or_as_a_whole() {
    on_every_sink(|sink| {
        sink.discard(Discard::All).unwrap();
        let stages = ["1", "2", "3"].map(|name| stage(sink, name, b"x"));
        sink.discard(Discard::These(&stages[..1])).unwrap();
        sink.discard(Discard::These(&stages[..1])).unwrap();
        assert!(sink.open_staged(&stages[0]).is_err());
        assert!(sink.open_staged(&stages[1]).is_ok());
        sink.discard(Discard::All).unwrap();
        assert!(sink.open_staged(&stages[1]).is_err());
        assert!(sink.open_staged(&stages[2]).is_err());
    });
}

#[test]
fn what_a_store_lists_and_does_not_find_is_not_lost() {
    // A wrong "not found" had a run rolled back whose outputs were the only place that some rows were in.
    let faulty = FaultyStore::new(Arc::new(InMemory::new()), 0);
    let store: Arc<dyn Objects> = Arc::new(faulty.clone());
    let sink = store_sink(Arc::clone(&store));
    put(&sink, "day=1/a.parquet", b"rows");
    let staged = stage(&sink, "needed", b"rows");
    sink.sync_staging(std::slice::from_ref(&staged)).unwrap();
    let next = store_sink(store);
    let checks: [&dyn Fn() -> Result<u64, SinkError>; 2] =
        [&|| Ok(next.open(&"day=1/a.parquet".into())?.len()), &|| {
            Ok(next.open_staged(&staged)?.len())
        }];
    for open in checks {
        faulty.fail_nth(0, StoreFault::Vanished);
        let error = open().unwrap_err();
        assert_ne!(error.source.kind(), io::ErrorKind::NotFound, "{error:?}");
        assert_eq!(open().unwrap(), 4);
    }
    let never = next.open(&"day=1/b.parquet".into()).err().unwrap();
    assert_eq!(never.source.kind(), io::ErrorKind::NotFound);
}

#[test]
fn a_target_is_unmarked_until_it_is_marked() {
    on_every_sink(|sink| {
        assert_eq!(sink.mark().unwrap(), None);
        for id in ["first", "second"].map(|id| LedgerId(id.to_owned())) {
            sink.set_mark(&id).unwrap();
            assert_eq!(sink.mark().unwrap(), Some(id));
        }
    });
}

#[test]
fn looking_at_a_target_that_is_not_there_creates_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let sink = DiskSink::new(Arc::new(LocalDisk::new()), directory.path().join("target"));
    assert_eq!(sink.mark().unwrap(), None);
    assert_eq!(outputs(&sink), [""; 0]);
    assert_eq!(sink.look(&"a.parquet".into()).unwrap(), None);
    sink.discard(Discard::All).unwrap();
    sink.sync_staging(&[]).unwrap();
    assert!(!directory.path().join("target").exists());
}

#[test]
fn no_name_leads_out_of_the_target_or_into_its_state() {
    on_every_sink(|sink| {
        for bad in [
            "../x",
            "a/../../x",
            "/x",
            "",
            "a//b",
            "_strandline/mark",
            "a/.",
        ] {
            assert!(sink.look(&bad.into()).is_err(), "{bad}");
            assert!(sink.retire(&[bad.into()]).is_err(), "{bad}");
        }
        for bad in ["../mark", "a/b", "", ".."] {
            assert!(sink.stage(&StageName(bad.to_owned())).is_err(), "{bad}");
        }
    });
}

#[test]
fn a_full_disk_is_told_with_the_name_it_hit() {
    let faulty = FaultyDisk::new(Arc::new(MemoryDisk::new()));
    let sink = DiskSink::new(Arc::new(faulty.clone()), PathBuf::from("/target"));
    let staged = stage(&sink, "s", b"rows");
    faulty.fail_where(
        |step: &Step| step.action == Action::Rename,
        Fault::System(28),
    );
    let moves = [(staged, OutputPath::from("day=1/x.parquet")).into()];
    let error = sink.publish(&moves).unwrap_err();
    assert_eq!(error.name, "day=1/x.parquet");
    assert_eq!(error.source.kind(), io::ErrorKind::StorageFull);
    faulty.heal();
    faulty.fail_where(
        |step: &Step| step.action == Action::Create,
        Fault::System(13),
    );
    let error = sink.stage(&StageName("t".to_owned())).err().unwrap();
    assert_eq!(error.name, "t");
    assert_eq!(error.source.kind(), io::ErrorKind::PermissionDenied);
    faulty.heal();
    sink.publish(&moves).unwrap();
}

#[test]
fn what_was_published_and_what_was_retired_survives_a_power_cut() {
    let disk = MemoryDisk::new();
    let sink = memory_sink(&disk);
    put(&sink, "day=1/x.parquet", b"1");
    put(&sink, "day=2/x.parquet", b"2");
    sink.set_mark(&LedgerId("id".to_owned())).unwrap();
    sink.retire(&["day=1/x.parquet".into()]).unwrap();
    for seed in 0..20 {
        for survivors in [Survivors::Synced, Survivors::Some { seed }] {
            let after = disk.crash(survivors);
            let sink = memory_sink(&after);
            assert_eq!(outputs(&sink), ["day=2/x.parquet"]);
            assert_eq!(content(&sink, "day=2/x.parquet"), b"2");
            assert_eq!(sink.mark().unwrap(), Some(LedgerId("id".to_owned())));
            assert_eq!(after.look(Path::new("/data/target/day=1")).unwrap(), None);
        }
    }
}

#[test]
fn writing_that_fails_names_the_staged_file_and_keeps_the_systems_words() {
    for action in [Action::Write, Action::Finish] {
        let disk = FaultyDisk::new(Arc::new(MemoryDisk::new()));
        let sink = DiskSink::new(Arc::new(disk.clone()), PathBuf::from("/data/target"));
        let mut staging = sink.stage(&StageName("u7".to_owned())).unwrap();
        disk.fail_where(move |step| step.action == action, Fault::System(28));
        let written = staging.write_all(b"rows");
        let error = written.and_then(|()| staging.finish()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        let named = error.get_ref().unwrap();
        assert!(named.to_string().contains("u7"), "{named}");
        assert!(named.source().unwrap().to_string().contains("No space"));
    }
}
