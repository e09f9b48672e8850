//! What became of one file, as sentences.

use std::fmt::Write as _;

use crate::model::{ByteSize, OutputPath, Standing};

use super::super::answer::{Explanation, Record, Unit};
use super::{count, number, safe};

/// Returns everything about one path.
pub(in crate::cli) fn explanation(about: &Explanation) -> String {
    let mut text = format!("{}\n", safe(&about.path));
    if let Some(verdict) = &about.verdict {
        let reason = safe(&verdict.reason.to_string()).replace("; ", ";\n            ");
        let _ = writeln!(text, "  decision: {}: {reason}", verdict.change);
    }
    match &about.record {
        Some(record) => self::record(&mut text, record),
        None => text.push_str("  record:   none; its rows are in no output\n"),
    }
    if let Some(quarantine) = &about.quarantine {
        let _ = writeln!(
            text,
            "  aside:    set aside by {} at {}: {}",
            quarantine.run,
            quarantine.at,
            safe(&quarantine.reason)
        );
        if quarantine.retry {
            text.push_str("            the next run tries it again\n");
        }
    }
    if let Some(unit) = &about.unit {
        self::unit(&mut text, unit);
    }
    text
}

fn record(text: &mut String, record: &Record) {
    let seen = &record.seen;
    let _ = writeln!(
        text,
        "  stands:   {} (recorded by {})",
        meaning(record.standing),
        record.run
    );
    let _ = writeln!(
        text,
        "  seen:     {}, modified at {}{}",
        ByteSize(seen.size),
        seen.modified_at,
        if record.racy {
            ", too fresh to trust: the next run hashes it again"
        } else {
            ""
        }
    );
    if let Some(hash) = record.hash {
        let _ = writeln!(text, "  content:  {hash}");
    }
    if let Some(rows) = record.rows {
        let _ = writeln!(text, "  rows:     {}", number(rows));
    }
    if let Some(hash) = record.rows_of {
        let which = match record.standing {
            Standing::Outlived => "rows of an earlier good version are still in the outputs",
            _ => "rows are of an earlier version",
        };
        let _ = writeln!(text, "            {which}: {hash}");
    }
}

fn unit(text: &mut String, unit: &Unit) {
    let place = match unit.partition.trim_end_matches('/') {
        "" => String::new(),
        partition => format!(" in {}", safe(partition)),
    };
    let files = count(unit.members, "file");
    let _ = writeln!(text, "  unit:     {}{place}, made of {files}", unit.id);
    if let Some(reason) = &unit.dirty {
        let _ = writeln!(text, "            the next run builds it: {reason}");
    }
    for output in &unit.outputs {
        let rows = count(output.rows, "row");
        let path = OutputPath::new(output.path.as_str());
        let what = if path.is_aside() {
            "aside: "
        } else {
            "output:"
        };
        let _ = writeln!(text, "  {what}   {} ({rows} of it)", safe(&path));
    }
}

fn meaning(standing: Standing) -> &'static str {
    match standing {
        Standing::Pending => "pending: planned into its unit, not built yet",
        Standing::Loaded => "loaded: its rows are in the outputs",
        Standing::Quarantined => "quarantined: it cannot be decoded and has no row in the outputs",
        Standing::Outlived => "outlived: it cannot be decoded any more",
        Standing::Retained => "retained: gone from the source, its rows are kept",
        Standing::Frozen => {
            "frozen: changed or archived in the source, the rows that were loaded are kept"
        }
        Standing::Duplicate => "duplicate: the same bytes as an earlier name, so not loaded",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::answer::Output;
    use crate::detect::{Change, Reason, Verdict};
    use crate::model::{
        ContentHash, Fingerprint, QuarantineRecord, RunId, Stamp, Timestamp, UnitId,
    };

    fn seen(size: u64) -> Fingerprint {
        Fingerprint {
            size,
            modified_at: Timestamp(1_700_000_000_000_000_000),
            changed_at: None,
            inode: None,
            validator: None,
        }
    }

    #[test]
    fn an_outlived_file_is_explained_with_old_and_new_values() {
        let about = Explanation {
            version: 1,
            path: "a/b.csv".to_owned(),
            verdict: Some(Verdict {
                change: Change::Modified,
                reason: Reason::BytesDiffer {
                    stamps: [Stamp::Size].into(),
                    old_seen: Box::new(seen(10)),
                    new_seen: Box::new(seen(20)),
                    old: ContentHash::of(b"old"),
                    new: ContentHash::of(b"new"),
                },
            }),
            record: Some(Record {
                standing: Standing::Outlived,
                seen: seen(20),
                racy: false,
                hash: Some(ContentHash::of(b"new")),
                run: RunId(5),
                rows: Some(3),
                rows_of: Some(ContentHash::of(b"old")),
            }),
            unit: Some(Unit {
                id: UnitId(1),
                partition: "day=1/".to_owned(),
                members: 2,
                dirty: None,
                outputs: vec![Output {
                    path: "day=1/x.parquet".to_owned(),
                    partition: vec![],
                    rows: 3,
                }],
            }),
            quarantine: Some(QuarantineRecord {
                hash: ContentHash::of(b"new"),
                reason: "line 3 has 2 fields, not 4".to_owned(),
                size: 20,
                run: RunId(5),
                at: Timestamp(1_700_000_100_000_000_000),
                retry: false,
            }),
        };
        insta::assert_snapshot!(explanation(&about), @r#"
        a/b.csv
          decision: modified: size 10 -> 20;
                    the content hash went from 96a4257289f9 to b20ab0a020a4
          stands:   outlived: it cannot be decoded any more (recorded by r000005)
          seen:     20B, modified at 2023-11-14T22:13:20Z
          content:  b20ab0a020a48d349e0c64d109c441f87c9bc43d49fc701c4a5f6f1b16aa4e32
          rows:     3
                    rows of an earlier good version are still in the outputs: 96a4257289f9ebcbc94bfc49276f89ed87f8c951e3fa832d44dceb9b220520a5
          aside:    set aside by r000005 at 2023-11-14T22:15:00Z: line 3 has 2 fields, not 4
          unit:     u000001 in day=1, made of 2 files
          output:   day=1/x.parquet (3 rows of it)
        "#);
    }
}
