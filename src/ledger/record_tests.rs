use arrow_schema::DataType;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::model::{
    ByteCounts, DirtyReason, FileCounts, FileRecord, Fingerprint, OutputCounts, QuarantineRecord,
    RowCounts, RunReport, RunStatus, Seconds, Standing, UnitCounts,
};

fn hash_of(n: u8) -> ContentHash {
    ContentHash([n; 32])
}

pub(in crate::ledger) fn report(run: u64) -> RunReport {
    RunReport {
        version: 1,
        run_id: RunId(run),
        status: RunStatus::Done,
        pipeline: "f00d".to_owned(),
        source: "/in".to_owned(),
        target: "/out".to_owned(),
        started_at: Timestamp(run.cast_signed()),
        files: FileCounts::default(),
        units: UnitCounts::default(),
        rows: RowCounts::default(),
        bytes: ByteCounts::default(),
        outputs: OutputCounts::default(),
        requests: None,
        hints: None,
        stopped_by: None,
        seconds: Seconds::default(),
        watermark: None,
        checkpoint: true,
        distinct: false,
        expectations: Vec::new(),
        errors: Vec::new(),
        errors_omitted: 0,
    }
}

pub(in crate::ledger) fn unit(partition: &str, members: u8) -> UnitRecord {
    let member = |n| Member {
        path: SourcePath::from(format!("{partition}in-{n:03}.csv").as_str()),
        rows: u64::from(n),
        carried: (n == 2).then(|| Carried {
            size: 5,
            hash: hash_of(n),
        }),
    };
    UnitRecord {
        partition: partition.to_owned(),
        definition: "f00d".to_owned(),
        shape: Shape::of(&[("a", DataType::Int64), ("b", DataType::Utf8)]),
        members: (0..members).map(member).collect(),
        outputs: vec![OutputRecord {
            path: OutputPath::from("day=1/u000001.parquet"),
            size: 99,
            hash: hash_of(9),
            partition: vec![
                ("day".to_owned(), Some("1".to_owned())),
                ("hour".to_owned(), None),
            ],
            member_rows: (0..members).map(u64::from).collect(),
        }],
        bytes: 1234,
    }
}

pub(in crate::ledger) fn file(n: u64) -> FileRecord {
    FileRecord {
        seen: Fingerprint {
            size: n,
            modified_at: Timestamp(1_700_000_000_000_000_000 + n.cast_signed()),
            changed_at: Some(Timestamp(1_700_000_000_000_000_500 + n.cast_signed())),
            inode: Some(n),
            validator: None,
        },
        racy: false,
        hash: Some(ContentHash::of(&n.to_le_bytes())),
        standing: Standing::Loaded,
        unit: Some(UnitId(n / 100)),
        run: RunId(1),
    }
}

/// A batch that has something in every field.
pub(in crate::ledger) fn full_batch() -> Batch {
    let quarantined = QuarantineRecord {
        hash: hash_of(3),
        reason: "line 2: a quote is not closed".to_owned(),
        size: 17,
        run: RunId(4),
        at: Timestamp(5),
        retry: true,
    };
    Batch {
        files: [("a", Some(file(1))), ("b", None), ("c/d", Some(file(2)))]
            .map(|(path, record)| (path.into(), record))
            .into(),
        units: [(UnitId(1), Some(unit("p=1/", 4))), (UnitId(2), None)].into(),
        dirty: [(UnitId(1), Some(DirtyReason::Reset)), (UnitId(3), None)].into(),
        quarantine: [("bad".into(), Some(quarantined)), ("good".into(), None)].into(),
        reasons: [("a".into(), Some("{}".to_owned())), ("b".into(), None)].into(),
        open_intents: Vec::new(),
        closed_intents: vec![IntentId(7), IntentId(8)],
        garbage: [
            ("old".into(), Garbage::Add),
            ("gone".into(), Garbage::Collected),
        ]
        .into(),
        runs: vec![report(4)],
        schema: Some(SchemaVersion {
            version: 2,
            shape: Shape::of(&[("a", DataType::Float64)]),
            run: RunId(4),
            cause: "a widened".to_owned(),
        }),
        definition: Some(("f00d".to_owned(), "{\"format\":\"csv\"}".to_owned())),
        meta: MetaChange {
            source: Some("/in".to_owned()),
            target: Some("/out".to_owned()),
            next_unit: Some(3),
            next_run: Some(5),
            watermark: Some(Timestamp(-1)),
            checkpoint: Some(RunId(4)),
            listed: crate::ledger::ListedChange::Nothing,
        },
    }
}

pub(in crate::ledger) fn intent(id: u64) -> Intent {
    Intent {
        id: IntentId(id),
        run: RunId(4),
        moves: vec![Planned {
            stage: "7f".to_owned(),
            output: "day=1/u000001.parquet".into(),
            size: 99,
            hash: hash_of(9),
        }],
        then: full_batch(),
    }
}

#[test]
fn an_intent_comes_back_with_its_whole_batch() {
    let intent = intent(11);
    let bytes = encode_intent(&intent).unwrap();
    assert_eq!(decode_intent(IntentId(11), &bytes), Ok(intent));
    for end in 0..bytes.len() {
        assert!(decode_intent(IntentId(11), &bytes[..end]).is_err(), "{end}");
    }
}

#[test]
fn an_intent_in_an_intent_is_refused() {
    let mut outer = intent(1);
    outer.then.open_intents.push(intent(2));
    assert!(encode_intent(&outer).is_err());
}

#[test]
fn a_unit_comes_back_with_what_stands_for_its_shape() {
    let unit = unit("p=1/", 30);
    let bytes = encode_unit(&unit, b"shape");
    let (back, shape) = decode_unit(&bytes).unwrap();
    assert_eq!(shape, b"shape");
    let shape = unit.shape.clone();
    assert_eq!(UnitRecord { shape, ..back }, unit);
}

proptest! {
    #[test]
    fn any_bytes_give_a_value_or_an_error(bytes in vec(any::<u8>(), 0..300)) {
        let _ = decode_unit(&bytes);
        let _ = decode_intent(IntentId(1), &bytes);
        let _ = schema(&mut Reader::new(&bytes));
    }

    #[test]
    fn bent_bytes_give_a_value_or_an_error(at: prop::sample::Index, bits in 1_u8..) {
        let mut bytes = encode_intent(&intent(1)).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= bits;
        let _ = decode_intent(IntentId(1), &bytes);
        let mut bytes = encode_unit(&unit("p=1/", 30), b"shape");
        let at = at % bytes.len();
        bytes[at] ^= bits;
        let _ = decode_unit(&bytes);
    }
}
