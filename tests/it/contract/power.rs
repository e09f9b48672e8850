//! What is left after the power went: the memory disk against the rules that `durable` states, and the helpers
//! that make files visible against every cut.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use strandline::durable::{
    Action, Disk, Fault, FaultyDisk, Kind, MemoryDisk, Move, Step, Survivors, publish, replace_file,
};

use super::disk::{read, write};

fn disk() -> MemoryDisk {
    let disk = MemoryDisk::new();
    disk.create_dir_all(Path::new("/t")).unwrap();
    disk
}

fn length(disk: &MemoryDisk, path: &str) -> Option<u64> {
    match disk.look(Path::new(path)).unwrap() {
        Some(Kind::File(length)) => Some(length),
        _ => None,
    }
}

#[test]
fn a_name_is_durable_only_after_its_directory_was_synced() {
    let disk = disk();
    write(&disk, Path::new("/t/a"), b"abc");
    assert_eq!(length(&disk.crash(Survivors::Synced), "/t/a"), None);
    assert_eq!(length(&disk.crash(Survivors::All), "/t/a"), Some(3));
    disk.sync_dir(Path::new("/t")).unwrap();
    assert_eq!(length(&disk.crash(Survivors::Synced), "/t/a"), Some(3));
}

#[test]
fn content_is_durable_only_after_finish() {
    let disk = disk();
    let mut file = disk.create(Path::new("/t/a")).unwrap();
    file.write_all(b"abc").unwrap();
    disk.sync_dir(Path::new("/t")).unwrap();
    assert_eq!(length(&disk.crash(Survivors::Synced), "/t/a"), Some(0));
    file.finish().unwrap();
    assert_eq!(length(&disk.crash(Survivors::Synced), "/t/a"), Some(3));
}

#[test]
fn an_unsynced_rename_leaves_the_old_file_and_a_synced_one_the_new() {
    let disk = disk();
    let (old, new) = (Path::new("/t/old"), Path::new("/t/new"));
    write(&disk, old, b"old");
    disk.sync_dir(Path::new("/t")).unwrap();
    write(&disk, new, b"brand new");
    disk.rename(new, old).unwrap();
    assert_eq!(read(&disk.crash(Survivors::Synced), old), b"old");
    disk.sync_dir(Path::new("/t")).unwrap();
    let after = disk.crash(Survivors::Synced);
    assert_eq!(read(&after, old), b"brand new");
    assert_eq!(length(&after, "/t/new"), None);
}

#[test]
fn an_unsynced_removal_is_undone_by_a_crash() {
    let disk = disk();
    write(&disk, Path::new("/t/a"), b"abc");
    disk.sync_dir(Path::new("/t")).unwrap();
    disk.remove_file(Path::new("/t/a")).unwrap();
    assert_eq!(length(&disk.crash(Survivors::Synced), "/t/a"), Some(3));
    disk.sync_dir(Path::new("/t")).unwrap();
    assert_eq!(length(&disk.crash(Survivors::Synced), "/t/a"), None);
}

#[test]
fn a_directory_made_again_does_not_bring_back_its_old_children() {
    let disk = disk();
    let directory = Path::new("/t/d");
    disk.create_dir_all(directory).unwrap();
    write(&disk, &directory.join("a"), b"abc");
    disk.sync_dir(directory).unwrap();
    disk.remove_file(&directory.join("a")).unwrap();
    assert!(disk.remove_empty_dir(directory).unwrap());
    disk.create_dir_all(directory).unwrap();
    for seed in 0..20 {
        for survivors in [Survivors::Synced, Survivors::Some { seed }] {
            let after = disk.crash(survivors);
            assert_eq!(after.look(directory).unwrap(), Some(Kind::Directory));
            assert_eq!(length(&after, "/t/d/a"), None);
        }
    }
}

#[test]
fn a_store_keeps_what_was_synced_and_at_will_some_of_the_rest() {
    let disk = disk();
    let store = disk.open_store(Path::new("/t/db")).unwrap();
    store.write_all_at(0, b"aaaa").unwrap();
    store.sync().unwrap();
    store.write_all_at(0, b"bbbb").unwrap();
    store.write_all_at(4, b"cccc").unwrap();
    let path = Path::new("/t/db");
    assert_eq!(read(&disk.crash(Survivors::Synced), path), b"aaaa");
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..200 {
        let torn = disk.crash(Survivors::Some { seed });
        assert_eq!(torn.files(), disk.crash(Survivors::Some { seed }).files());
        seen.insert(read(&torn, path));
    }
    for possible in [&b"aaaa"[..], b"bbbb", b"bbbbcccc", b"aaaacccc", b"bbaa"] {
        assert!(seen.contains(possible), "{possible:?}");
    }
}

#[test]
fn a_crash_frees_the_locks() {
    let disk = disk();
    let held = disk.try_lock(Path::new("/t/lock"), "dead").unwrap();
    assert!(held.is_some());
    for survivors in [
        Survivors::All,
        Survivors::Synced,
        Survivors::Some { seed: 1 },
    ] {
        let after = disk.crash(survivors);
        let again = after.try_lock(Path::new("/t/lock"), "alive").unwrap();
        assert!(again.is_some());
    }
}

/// Everything that a power cut may leave, for each cut of `work` after `prepare`.
fn after_every_cut(
    prepare: impl Fn(&dyn Disk),
    work: impl Fn(&dyn Disk) -> io::Result<()>,
    check: impl Fn(&MemoryDisk, usize),
) {
    for cut in 0.. {
        let memory = disk();
        prepare(&memory);
        let faulty = FaultyDisk::new(Arc::new(memory.clone()));
        faulty.cut_at(cut);
        let done = work(&faulty).is_ok();
        let torn = (0..20).map(|seed| Survivors::Some { seed });
        for survivors in torn.chain([Survivors::All, Survivors::Synced]) {
            check(&memory.crash(survivors), cut);
        }
        if done {
            return;
        }
    }
}

#[test]
fn a_small_file_is_the_old_or_the_new_one_after_every_cut() {
    let path = Path::new("/t/s/mark");
    after_every_cut(
        |disk| replace_file(disk, path, b"old").unwrap(),
        |disk| replace_file(disk, path, b"brand new"),
        |disk, cut| {
            let content = read(disk, path);
            assert!(
                [&b"old"[..], b"brand new"].contains(&&*content),
                "cut {cut}: {content:?}"
            );
            replace_file(disk, path, b"again").unwrap();
            assert_eq!(read(&disk.crash(Survivors::Synced), path), b"again");
        },
    );
}

#[test]
fn publishing_can_be_completed_after_every_cut() {
    let moves: Vec<Move> = ["a", "b"]
        .iter()
        .map(|name| Move {
            from: Path::new("/t/stage").join(name),
            to: Path::new("/t").join(format!("day={name}/x")),
        })
        .collect();
    after_every_cut(
        |disk| {
            disk.create_dir_all(Path::new("/t/stage")).unwrap();
            for one in &moves {
                write(disk, &one.from, one.to.as_os_str().as_encoded_bytes());
            }
            disk.sync_dir(Path::new("/t/stage")).unwrap();
        },
        |disk| publish(disk, &moves),
        |disk, cut| {
            publish(disk, &moves).unwrap_or_else(|error| panic!("cut {cut}: {error}"));
            let after = disk.crash(Survivors::Synced);
            for one in &moves {
                assert_eq!(read(&after, &one.to), one.to.as_os_str().as_encoded_bytes());
                assert_eq!(after.look(&one.from).unwrap(), None);
            }
        },
    );
}

#[test]
fn a_faulty_disk_fails_what_it_is_told_to_and_counts_all_changes() {
    let faulty = FaultyDisk::new(Arc::new(disk()));
    faulty.fail_once_at(1, Fault::Kind(io::ErrorKind::StorageFull));
    faulty.fail_where(
        |step: &Step| step.action == Action::Open && step.path.ends_with("secret"),
        Fault::System(13),
    );
    let mut file = faulty.create(Path::new("/t/secret")).unwrap();
    let full = file.write_all(b"x").unwrap_err();
    assert_eq!(full.kind(), io::ErrorKind::StorageFull);
    file.write_all(b"x").unwrap();
    file.finish().unwrap();
    let denied = faulty.open(Path::new("/t/secret")).err().unwrap();
    assert_eq!(denied.kind(), io::ErrorKind::PermissionDenied);
    let actions: Vec<Action> = faulty.history().iter().map(|step| step.action).collect();
    assert_eq!(
        actions,
        [Action::Create, Action::Write, Action::Write, Action::Finish]
    );
    faulty.cut_at(faulty.changes());
    assert!(faulty.look(Path::new("/t")).is_err());
    faulty.heal();
    assert_eq!(read(&faulty, Path::new("/t/secret")), b"x");
}
