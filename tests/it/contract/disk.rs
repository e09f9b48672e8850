//! The contract of `Disk`, for every disk and wrapper.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use strandline::durable::{
    Disk, Entry, FaultyDisk, Kind, LocalDisk, MemoryDisk, Move, publish, replace_file,
};

/// Runs `check` on every disk, each time in an empty directory.
fn on_every_disk(check: impl Fn(&dyn Disk, &Path)) {
    let local: Arc<dyn Disk> = Arc::new(LocalDisk::new());
    let memory: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    for disk in [Arc::clone(&local), Arc::new(FaultyDisk::new(local))] {
        let directory = tempfile::tempdir().unwrap();
        check(&*disk, directory.path());
    }
    for disk in [
        Arc::clone(&memory),
        Arc::new(FaultyDisk::new(Arc::new(MemoryDisk::new()))),
    ] {
        disk.create_dir_all(Path::new("/top")).unwrap();
        check(&*disk, Path::new("/top"));
    }
}

pub(crate) fn write(disk: &dyn Disk, path: &Path, bytes: &[u8]) {
    let mut file = disk.create(path).unwrap();
    file.write_all(bytes).unwrap();
    file.finish().unwrap();
}

pub(crate) fn read(disk: &dyn Disk, path: &Path) -> Vec<u8> {
    let file = disk.open(path).unwrap();
    let mut bytes = vec![0; usize::try_from(file.len()).unwrap()];
    file.read_exact_at(0, &mut bytes).unwrap();
    bytes
}

#[track_caller]
fn kind_of<T>(result: io::Result<T>) -> io::ErrorKind {
    result.err().expect("an error").kind()
}

#[test]
fn a_finished_file_reads_back_at_any_place() {
    on_every_disk(|disk, top| {
        let path = top.join("a");
        write(disk, &path, b"0123456789");
        let file = disk.open(&path).unwrap();
        assert_eq!(file.len(), 10);
        let mut middle = [0; 4];
        file.read_exact_at(3, &mut middle).unwrap();
        assert_eq!(&middle, b"3456");
        let end = kind_of(file.read_exact_at(8, &mut middle));
        assert_eq!(end, io::ErrorKind::UnexpectedEof);
    });
}

#[test]
fn what_was_flushed_can_be_read_whether_the_file_is_finished_or_not() {
    on_every_disk(|disk, top| {
        let path = top.join("a");
        let mut file = disk.create(&path).unwrap();
        file.write_all(b"content").unwrap();
        file.flush().unwrap();
        assert_eq!(read(disk, &path), b"content");
        drop(file);
        assert_eq!(read(disk, &path), b"content");
    });
}

#[test]
fn creating_anew_truncates() {
    on_every_disk(|disk, top| {
        let path = top.join("a");
        write(disk, &path, b"long content");
        write(disk, &path, b"short");
        assert_eq!(read(disk, &path), b"short");
    });
}

#[test]
fn what_is_missing_is_not_found_or_no_error_as_the_contract_says() {
    on_every_disk(|disk, top| {
        let path = top.join("missing");
        assert_eq!(kind_of(disk.open(&path)), io::ErrorKind::NotFound);
        assert_eq!(
            kind_of(disk.create(&path.join("x"))),
            io::ErrorKind::NotFound
        );
        assert_eq!(
            kind_of(disk.rename(&path, &top.join("y"))),
            io::ErrorKind::NotFound
        );
        assert_eq!(kind_of(disk.sync_dir(&path)), io::ErrorKind::NotFound);
        assert_eq!(disk.look(&path).unwrap(), None);
        assert_eq!(disk.list(&path).unwrap(), vec![]);
        disk.remove_file(&path).unwrap();
        assert!(!disk.remove_empty_dir(&path).unwrap());
    });
}

#[test]
fn a_directory_lists_its_entries_in_byte_order() {
    on_every_disk(|disk, top| {
        disk.create_dir_all(&top.join("a")).unwrap();
        for name in ["b", "a.csv", "a-b.csv", "Z", "\u{e9}"] {
            write(disk, &top.join(name), name.as_bytes());
        }
        write(disk, &top.join("a").join("deep"), b"");
        let entry = |name: &str, kind| Entry {
            name: name.to_owned(),
            kind,
        };
        assert_eq!(
            disk.list(top).unwrap(),
            vec![
                entry("Z", Kind::File(1)),
                entry("a", Kind::Directory),
                entry("a-b.csv", Kind::File(7)),
                entry("a.csv", Kind::File(5)),
                entry("b", Kind::File(1)),
                entry("\u{e9}", Kind::File(2)),
            ]
        );
    });
}

#[test]
fn renaming_replaces_what_stood_there() {
    on_every_disk(|disk, top| {
        write(disk, &top.join("old"), b"old");
        write(disk, &top.join("new"), b"new");
        let before = disk.open(&top.join("old")).unwrap();
        disk.rename(&top.join("new"), &top.join("old")).unwrap();
        assert_eq!(read(disk, &top.join("old")), b"new");
        assert_eq!(disk.look(&top.join("new")).unwrap(), None);
        let mut bytes = [0; 3];
        before.read_exact_at(0, &mut bytes).unwrap();
        assert_eq!(&bytes, b"old", "a reader keeps what it has opened");
    });
}

#[test]
fn only_an_empty_directory_is_removed() {
    on_every_disk(|disk, top| {
        let directory = top.join("a").join("b");
        disk.create_dir_all(&directory).unwrap();
        disk.create_dir_all(&directory).unwrap();
        write(disk, &directory.join("x"), b"");
        assert!(!disk.remove_empty_dir(&directory).unwrap());
        disk.remove_file(&directory.join("x")).unwrap();
        assert!(disk.remove_empty_dir(&directory).unwrap());
        assert_eq!(disk.look(&top.join("a")).unwrap(), Some(Kind::Directory));
        assert_eq!(disk.look(&directory).unwrap(), None);
    });
}

#[test]
fn a_file_in_the_way_of_a_directory_is_an_error() {
    on_every_disk(|disk, top| {
        write(disk, &top.join("a"), b"");
        assert!(disk.create_dir_all(&top.join("a")).is_err());
        assert!(disk.create_dir_all(&top.join("a").join("b")).is_err());
        assert_eq!(disk.look(&top.join("a").join("b")).unwrap(), None);
    });
}

#[test]
fn a_store_is_created_once_and_keeps_what_it_holds() {
    on_every_disk(|disk, top| {
        let path = top.join("store");
        let store = disk.open_store(&path).unwrap();
        store.set_len(8).unwrap();
        store.write_all_at(6, b"wxyz").unwrap();
        store.sync().unwrap();
        assert_eq!(store.len(), 10);
        drop(store);
        let store = disk.open_store(&path).unwrap();
        let mut bytes = [9; 10];
        store.read_exact_at(0, &mut bytes).unwrap();
        assert_eq!(&bytes, b"\0\0\0\0\0\0wxyz");
        store.set_len(3).unwrap();
        assert_eq!(store.len(), 3);
        assert!(store.read_exact_at(0, &mut bytes).is_err());
    });
}

#[test]
fn a_lock_has_one_holder_and_a_note_for_the_others() {
    on_every_disk(|disk, top| {
        let path = top.join("lock");
        let held = disk.try_lock(&path, "a rather long note").unwrap();
        let held = held.expect("the lock is free");
        assert!(held.is_held());
        assert!(disk.try_lock(&path, "mine").unwrap().is_none());
        assert_eq!(read(disk, &path), b"a rather long note");
        drop(held);
        let held = disk.try_lock(&path, "mine").unwrap();
        assert_eq!(read(disk, &path), b"mine");
        drop(held);
        assert_eq!(
            disk.look(&path).unwrap(),
            Some(Kind::File(4)),
            "the file stays"
        );
    });
}

#[test]
fn a_lock_whose_file_was_removed_or_replaced_is_not_held() {
    on_every_disk(|disk, top| {
        let path = top.join("lock");
        let held = disk.try_lock(&path, "first").unwrap().unwrap();
        disk.remove_file(&path).unwrap();
        assert!(!held.is_held());
        let second = disk.try_lock(&path, "second").unwrap();
        assert!(second.expect("the lock is free").is_held());
        assert!(!held.is_held(), "another file of the same name is not ours");
    });
}

#[test]
fn whether_a_lock_is_held_is_told_without_taking_it() {
    on_every_disk(|disk, top| {
        let path = top.join("lock");
        assert!(!disk.is_locked(&path).unwrap());
        assert_eq!(disk.look(&path).unwrap(), None, "asking makes no file");
        let held = disk.try_lock(&path, "first").unwrap();
        assert!(disk.is_locked(&path).unwrap());
        assert!(disk.is_locked(&path).unwrap());
        assert_eq!(read(disk, &path), b"first");
        drop(held);
        assert!(!disk.is_locked(&path).unwrap());
        assert!(disk.try_lock(&path, "second").unwrap().is_some());
    });
}

fn moves(top: &Path) -> Vec<Move> {
    let one = |from: &str, to: &str| Move {
        from: top.join(from),
        to: top.join(to),
    };
    vec![one("stage/1", "day=1/x"), one("stage/2", "day=2/deep/x")]
}

#[test]
fn publishing_creates_directories_and_may_be_repeated() {
    on_every_disk(|disk, top| {
        disk.create_dir_all(&top.join("stage")).unwrap();
        let moves = moves(top);
        for one in &moves {
            write(disk, &one.from, one.to.as_os_str().as_encoded_bytes());
        }
        for _ in 0..2 {
            publish(disk, &moves).unwrap();
            for one in &moves {
                assert_eq!(read(disk, &one.to), one.to.as_os_str().as_encoded_bytes());
            }
        }
        assert_eq!(disk.list(&top.join("stage")).unwrap(), vec![]);
    });
}

#[test]
fn publishing_what_never_was_names_it() {
    on_every_disk(|disk, top| {
        let error = publish(disk, &moves(top)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(error.to_string().contains("stage/1"), "{error}");
    });
}

#[test]
fn a_small_file_is_replaced_whole() {
    on_every_disk(|disk, top| {
        let path: PathBuf = top.join("state").join("mark");
        replace_file(disk, &path, b"first").unwrap();
        replace_file(disk, &path, b"2nd").unwrap();
        assert_eq!(read(disk, &path), b"2nd");
        assert_eq!(disk.list(&top.join("state")).unwrap().len(), 1);
    });
}
