//! The decision tables of detection.

use super::*;
use crate::model::{RunId, SourcePath, UnitId};

const SECOND: i64 = 1_000_000_000;

fn hash(byte: u8) -> ContentHash {
    ContentHash([byte; 32])
}

fn seen(size: u64, mtime: i64, ctime: i64, inode: u64) -> Fingerprint {
    Fingerprint {
        size,
        modified_at: Timestamp(mtime * SECOND + 1),
        changed_at: Some(Timestamp(ctime * SECOND + 1)),
        inode: Some(inode),
        validator: None,
    }
}

fn record(seen: Fingerprint, standing: Standing) -> FileRecord {
    FileRecord {
        seen,
        racy: false,
        hash: Some(hash(1)),
        standing,
        unit: Some(UnitId(1)),
        run: RunId(1),
    }
}

fn look() -> Look {
    Look {
        now: Timestamp(1000 * SECOND),
        settle: Duration::from_secs(2),
        on_modify: OnModify::Replace,
        on_delete: OnDelete::Retain,
        same_content: SameContent::Skip,
    }
}

fn change(glance: Glance, content: ContentHash) -> Change {
    match glance {
        Glance::Decided(verdict) => verdict.change,
        Glance::HashNeeded(doubt) => doubt.resolve(content).change,
    }
}

#[test]
fn each_stamp_that_moves_alone_is_doubted_and_the_hash_decides() {
    let old = seen(10, 100, 100, 7);
    for (moved, stamp) in [
        (seen(11, 100, 100, 7), Stamp::Size),
        (seen(10, 101, 100, 7), Stamp::ModifiedAt),
        (seen(10, 99, 100, 7), Stamp::ModifiedAt),
        (seen(10, 100, 101, 7), Stamp::ChangedAt),
        (seen(10, 100, 100, 8), Stamp::Inode),
    ] {
        let record = record(old.clone(), Standing::Loaded);
        let Glance::HashNeeded(doubt) = glance(&moved, Some(&record), &look()) else {
            panic!("{moved:?} must be hashed");
        };
        let verdict = doubt.clone().resolve(hash(1));
        assert_eq!(verdict.change, Change::Touched);
        assert!(matches!(&verdict.reason, Reason::BytesSame { stamps, .. } if **stamps == [stamp]));
        assert_eq!(doubt.resolve(hash(2)).change, Change::Modified);
    }
}

use crate::model::Stamp;

#[test]
fn equal_stamps_decide_by_how_the_file_stands() {
    let same = seen(10, 100, 100, 7);
    for (standing, racy, with_same_bytes, with_other_bytes) in [
        (
            Standing::Loaded,
            false,
            Change::Unchanged,
            Change::Unchanged,
        ),
        (Standing::Loaded, true, Change::Touched, Change::Modified),
        (
            Standing::Quarantined,
            false,
            Change::Unchanged,
            Change::Unchanged,
        ),
        (
            Standing::Quarantined,
            true,
            Change::Touched,
            Change::Modified,
        ),
        (
            Standing::Outlived,
            false,
            Change::Unchanged,
            Change::Unchanged,
        ),
        (
            Standing::Duplicate,
            false,
            Change::Unchanged,
            Change::Unchanged,
        ),
        (
            Standing::Retained,
            false,
            Change::Modified,
            Change::Modified,
        ),
        (Standing::Frozen, false, Change::Modified, Change::Modified),
    ] {
        let record = FileRecord {
            racy,
            ..record(same.clone(), standing)
        };
        assert_eq!(
            change(glance(&same, Some(&record), &look()), hash(1)),
            with_same_bytes,
            "{standing:?}"
        );
        assert_eq!(
            change(glance(&same, Some(&record), &look()), hash(2)),
            with_other_bytes,
            "{standing:?}"
        );
    }
}

#[test]
fn a_frozen_file_stays_while_the_policy_holds() {
    let same = seen(10, 100, 100, 7);
    let look = Look {
        on_modify: OnModify::Ignore,
        ..look()
    };
    let glance = glance(&same, Some(&record(same.clone(), Standing::Frozen)), &look);
    assert_eq!(change(glance, hash(1)), Change::Unchanged);
}

#[test]
fn a_record_without_a_hash_is_read_again() {
    let same = seen(10, 100, 100, 7);
    let asked = FileRecord {
        hash: None,
        ..record(same.clone(), Standing::Quarantined)
    };
    assert_eq!(
        change(glance(&same, Some(&asked), &look()), hash(1)),
        Change::Modified
    );
    let planned = FileRecord {
        hash: None,
        ..record(same.clone(), Standing::Pending)
    };
    assert_eq!(
        glance(&same, Some(&planned), &look()),
        Glance::Decided(Verdict::new(Change::Added, Reason::PlannedBefore))
    );
}

#[test]
fn a_young_file_is_unsettled_whether_known_or_new() {
    let young = seen(10, 999, 999, 7);
    let settled = seen(10, 997, 997, 7);
    assert_eq!(
        change(glance(&young, None, &look()), hash(1)),
        Change::Unsettled
    );
    assert_eq!(
        change(glance(&settled, None, &look()), hash(1)),
        Change::Added
    );
    let known = record(seen(10, 100, 100, 7), Standing::Loaded);
    assert_eq!(
        change(glance(&young, Some(&known), &look()), hash(2)),
        Change::Unsettled
    );
    let planned = FileRecord {
        hash: None,
        ..record(young.clone(), Standing::Pending)
    };
    assert_eq!(
        change(glance(&young, Some(&planned), &look()), hash(2)),
        Change::Unsettled
    );
    let no_wait = Look {
        settle: Duration::ZERO,
        ..look()
    };
    assert_eq!(
        change(glance(&young, None, &no_wait), hash(1)),
        Change::Added
    );
}

#[test]
fn a_stamp_in_the_future_is_not_young_for_ever() {
    let future = seen(10, 5000, 100, 7);
    assert_eq!(
        change(glance(&future, None, &look()), hash(1)),
        Change::Added
    );
    let just_written = seen(10, 5000, 999, 7);
    assert_eq!(
        change(glance(&just_written, None, &look()), hash(1)),
        Change::Unsettled
    );
    let without_ctime = Fingerprint {
        changed_at: None,
        ..future
    };
    assert_eq!(
        change(glance(&without_ctime, None, &look()), hash(1)),
        Change::Added
    );
    assert!(is_racy(&without_ctime, look().now));
}

#[test]
fn a_stamp_proves_something_only_when_clearly_older_than_the_look() {
    let at = |nanos| Fingerprint {
        changed_at: Some(Timestamp(nanos)),
        ..seen(10, 1, 1, 7)
    };
    let now = Timestamp(1000 * SECOND + 500_000_000);
    for (changed_at, racy) in [
        (now.0 + 1, true),
        (now.0, true),
        (now.0 - 20_000_000, true),
        (now.0 - 20_000_001, false),
        (999 * SECOND, true),
        (998 * SECOND, false),
    ] {
        assert_eq!(is_racy(&at(changed_at), now), racy, "{changed_at}");
    }
    let stored = Fingerprint {
        validator: Some("e".into()),
        ..at(now.0)
    };
    assert!(!is_racy(&stored, now), "a strong validator is not a clock");
}

#[test]
fn a_missing_file_is_removed_unless_it_is_retained() {
    let old = seen(10, 100, 100, 7);
    for standing in [
        Standing::Pending,
        Standing::Loaded,
        Standing::Quarantined,
        Standing::Outlived,
        Standing::Frozen,
        Standing::Duplicate,
    ] {
        assert_eq!(
            missing(&record(old.clone(), standing), &look()).change,
            Change::Removed
        );
    }
    assert_eq!(
        missing(&record(old.clone(), Standing::Retained), &look()).change,
        Change::Unchanged
    );
}

#[test]
fn what_a_policy_left_as_it_was_is_taken_up_when_the_policy_no_longer_holds() {
    let same = seen(10, 100, 100, 7);
    let touched = seen(10, 101, 101, 7);
    let load = Look {
        on_delete: OnDelete::Remove,
        same_content: SameContent::Load,
        ..look()
    };
    for standing in [Standing::Frozen, Standing::Duplicate] {
        for seen in [&same, &touched] {
            let record = record(same.clone(), standing);
            assert_eq!(
                change(glance(seen, Some(&record), &load), hash(1)),
                Change::Modified
            );
        }
    }
    let retained = record(same.clone(), Standing::Retained);
    assert_eq!(missing(&retained, &load).change, Change::Removed);
    let duplicate = record(same.clone(), Standing::Duplicate);
    assert_eq!(
        change(glance(&same, Some(&duplicate), &look()), hash(1)),
        Change::Unchanged
    );
}

fn candidate(path: &str, byte: u8) -> Candidate {
    Candidate {
        path: SourcePath::from(path),
        hash: hash(byte),
    }
}

#[test]
fn renames_pair_each_name_once_and_only_where_rows_stay_right() {
    let same_directory = |from: &str, to: &str| {
        from.rsplit_once('/').map(|p| p.0) == to.rsplit_once('/').map(|p| p.0)
    };
    let pairs = pair_renames(
        vec![
            candidate("d=1/b", 1),
            candidate("d=1/a", 1),
            candidate("d=2/x", 2),
        ],
        vec![
            candidate("d=1/z", 1),
            candidate("d=1/y", 1),
            candidate("d=1/w", 1),
            candidate("d=3/x", 2),
        ],
        &same_directory,
    );
    let pairs: Vec<_> = pairs.iter().map(|(from, to)| (&**from, &**to)).collect();
    assert_eq!(pairs, [("d=1/a", "d=1/w"), ("d=1/b", "d=1/y")]);
    assert_eq!(sizes_in_common([1, 2, 3], [3, 4]), [3].into());
}

#[test]
fn only_what_may_be_read_again_has_to_know_that_it_is_archived() {
    for (standing, change) in [
        (Standing::Pending, Change::Archived),
        (Standing::Loaded, Change::Archived),
        (Standing::Quarantined, Change::Unchanged),
        (Standing::Outlived, Change::Unchanged),
        (Standing::Retained, Change::Unchanged),
        (Standing::Frozen, Change::Unchanged),
        (Standing::Duplicate, Change::Unchanged),
    ] {
        let verdict = Verdict::new(change, Reason::InArchive);
        assert_eq!(archived(standing), verdict, "{standing:?}");
    }
}

#[test]
fn every_reason_reads_as_a_sentence_and_survives_storage() {
    let old = seen(10, 100, 100, 7);
    let new = seen(11, 101, 100, 7);
    let reasons = [
        Reason::NoRecord,
        Reason::PlannedBefore,
        Reason::StampsEqual,
        Reason::StillRetained,
        Reason::PolicyLifted,
        Reason::BackInSource,
        Reason::InArchive,
        Reason::NotListed {
            seen: Box::new(old.clone()),
        },
        Reason::TooYoung {
            modified_at: Timestamp(0),
            looked_at: Timestamp(1),
            settle_ms: 2000,
        },
        Reason::ChangedWhileRead,
        Reason::TriedAgain { hash: hash(1) },
        Reason::FreshButSame { hash: hash(1) },
        Reason::EditedInTick {
            old: hash(1),
            new: hash(2),
        },
        Reason::BytesSame {
            stamps: old.moved_stamps(&new).into(),
            old_seen: Box::new(old.clone()),
            new_seen: Box::new(new.clone()),
            hash: hash(1),
        },
        Reason::BytesDiffer {
            stamps: old.moved_stamps(&new).into(),
            old_seen: Box::new(old),
            new_seen: Box::new(new),
            old: hash(1),
            new: hash(2),
        },
        Reason::FirstOfItsContent { hash: hash(1) },
        Reason::DoubleOfEarlierName { hash: hash(1) },
        Reason::SameBytesAs {
            from: SourcePath::from("a"),
            hash: hash(1),
        },
    ];
    for reason in reasons {
        let text = serde_json::to_string(&reason).unwrap();
        assert_eq!(serde_json::from_str::<Reason>(&text).unwrap(), reason);
        assert!(!reason.to_string().is_empty());
    }
}
