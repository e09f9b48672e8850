use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use super::*;

fn standing() -> impl Strategy<Value = Standing> {
    (0..STANDINGS.len()).prop_map(|index| STANDINGS[index])
}

prop_compose! {
    pub(in crate::ledger) fn record()(
        size: u64,
        modified_at: i64,
        changed_at in option::of(any::<i64>()),
        inode in option::of(any::<u64>()),
        validator in option::of("[\"a-f0-9]{0,40}"),
        racy: bool,
        hash in option::of(any::<[u8; 32]>()),
        standing in standing(),
        unit in option::of(any::<u64>()),
        run: u64,
    ) -> FileRecord {
        FileRecord {
            seen: Fingerprint {
                size,
                modified_at: Timestamp(modified_at),
                changed_at: changed_at.map(Timestamp),
                inode,
                validator: validator.map(Into::into),
            },
            racy,
            hash: hash.map(ContentHash),
            standing,
            unit: unit.map(UnitId),
            run: RunId(run),
        }
    }
}

/// Paths that often share a beginning, or are one another's beginning.
pub(in crate::ledger) fn path() -> impl Strategy<Value = String> {
    "[ab/]{0,5}(é|\u{10FFFF}|)[0-9]{0,2}"
}

fn packed(files: &BTreeMap<String, FileRecord>) -> BlockBuilder {
    let mut builder = BlockBuilder::default();
    for (path, record) in files {
        builder.push(&FileRow::of(path, record));
    }
    builder
}

fn unpacked(blocks: &[&[u8]]) -> Result<BTreeMap<String, FileRecord>, Malformed> {
    let mut files = BTreeMap::new();
    for block in blocks {
        let mut cursor = BlockCursor::default();
        while let Some(row) = cursor.next(block)? {
            files.insert(row.path.to_owned(), row.record());
        }
    }
    Ok(files)
}

proptest! {
    #[test]
    fn what_is_packed_comes_out_again(files in btree_map(path(), record(), 0..40)) {
        let block = packed(&files);
        prop_assert_eq!(block.rows(), files.len() as u64);
        prop_assert_eq!(unpacked(&[block.bytes()]).unwrap(), files);
    }

    #[test]
    fn merging_is_what_a_map_does(
        mut files in btree_map(path(), record(), 0..40),
        changes in btree_map(path(), option::of(record()), 0..40),
        upper in option::of(path()),
    ) {
        let upper = upper.as_deref();
        files.retain(|path, _| upper.is_none_or(|upper| path.as_str() < upper));
        let block = packed(&files);
        let before = files.len();
        let mut left = 0;
        for (path, record) in &changes {
            if upper.is_some_and(|upper| path.as_str() >= upper) {
                left += 1;
            } else if let Some(record) = record {
                files.insert(path.clone(), record.clone());
            } else {
                files.remove(path);
            }
        }
        let mut pending = changes
            .iter()
            .map(|(path, record)| (path.as_str(), record.as_ref()))
            .peekable();
        let mut merged = BlockBuilder::default();
        let grown = merge(block.bytes(), &mut pending, upper.map(str::as_bytes), &mut merged).unwrap();
        prop_assert_eq!(pending.count(), left);
        prop_assert_eq!(i64::try_from(before).unwrap() + grown, i64::try_from(files.len()).unwrap());
        // Merging packs as packing afresh does: a block's bytes depend on what is in it, not on how it came there.
        let afresh = packed(&files);
        prop_assert_eq!(merged.bytes(), afresh.bytes());
    }

    #[test]
    fn pieces_hold_everything_in_order_and_keep_the_limit(
        files in btree_map(path(), record(), 1..80),
        limit in 100_usize..2_000,
        full: bool,
    ) {
        let fill = if full { Fill::Full } else { Fill::Even };
        let pieces = split(packed(&files).bytes(), limit, 7, fill).unwrap();
        let mut last: Box<[u8]> = Box::default();
        for (index, piece) in pieces.iter().enumerate() {
            let rows = unpacked(&[&piece.bytes]).unwrap();
            prop_assert_eq!(rows.keys().next().unwrap().as_bytes(), &*piece.first);
            prop_assert!(index == 0 || *last < *piece.first);
            prop_assert!(rows.len() == 1 || piece.bytes.len() + piece.first.len() <= limit);
            last = rows.keys().next_back().unwrap().as_bytes().into();
        }
        let blocks: Vec<&[u8]> = pieces.iter().map(|piece| &piece.bytes[..]).collect();
        prop_assert_eq!(unpacked(&blocks).unwrap(), files);
    }

    #[test]
    fn any_bytes_give_rows_or_an_error(bytes in vec(any::<u8>(), 0..400)) {
        let _ = unpacked(&[&bytes]);
    }

    #[test]
    fn a_bent_or_cut_block_gives_rows_in_order_or_an_error(
        files in btree_map(path(), record(), 1..10),
        at: prop::sample::Index,
        bits in 1_u8..,
        cut: bool,
    ) {
        let mut bytes = packed(&files).bytes().to_vec();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] ^= bits }
        let mut cursor = BlockCursor::default();
        let mut last: Option<String> = None;
        while let Ok(Some(row)) = cursor.next(&bytes) {
            prop_assert!(last.as_deref().is_none_or(|last| last < row.path));
            last = Some(row.path.to_owned());
        }
    }
}

#[test]
fn every_standing_has_the_number_that_it_is_read_by() {
    for (place, standing) in STANDINGS.into_iter().enumerate() {
        assert_eq!(number_of(standing), place as u64, "{standing:?}");
    }
}

#[test]
fn a_row_equals_exactly_the_fingerprint_that_it_was_made_from() {
    let seen = Fingerprint {
        size: 10,
        modified_at: Timestamp(1_700_000_000_123_456_789),
        changed_at: Some(Timestamp(1_700_000_000_223_456_789)),
        inode: Some(77),
        validator: Some("\"v1\"".into()),
    };
    let record = FileRecord {
        seen: seen.clone(),
        racy: true,
        hash: Some(ContentHash([7; 32])),
        standing: Standing::Outlived,
        unit: Some(UnitId(3)),
        run: RunId(9),
    };
    let row = FileRow::of("a", &record);
    assert!(row.seen_equals(&seen));
    assert!(row.racy());
    assert_eq!(row.standing(), Standing::Outlived);
    assert_eq!(row.record(), record);
    for other in [
        Fingerprint {
            size: 11,
            ..seen.clone()
        },
        Fingerprint {
            modified_at: Timestamp(0),
            ..seen.clone()
        },
        Fingerprint {
            changed_at: None,
            ..seen.clone()
        },
        Fingerprint {
            inode: Some(78),
            ..seen.clone()
        },
        Fingerprint {
            validator: None,
            ..seen
        },
    ] {
        assert!(!row.seen_equals(&other), "{other:?}");
    }
}

#[test]
fn an_even_split_leaves_no_crumbs() {
    let record = FileRecord {
        seen: Fingerprint {
            size: 1,
            modified_at: Timestamp(5),
            changed_at: None,
            inode: None,
            validator: None,
        },
        racy: false,
        hash: Some(ContentHash([1; 32])),
        standing: Standing::Loaded,
        unit: Some(UnitId(1)),
        run: RunId(1),
    };
    for rows in (150..900).step_by(7) {
        let files = (0..rows).map(|n| (format!("some/directory/file-{n:05}"), record.clone()));
        let pieces = split(packed(&files.collect()).bytes(), 8_000, 0, Fill::Even).unwrap();
        for piece in pieces {
            assert!(piece.bytes.len() > 2_000, "{rows} rows");
        }
    }
}
