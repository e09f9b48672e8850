//! How a pipeline stands, and what its past runs did.

use std::fmt::Write as _;
use std::time::Duration;

use crate::config::format_duration;
use crate::model::{ByteSize, RunReport, RunStatus};

use super::super::answer::Status;
use super::{Detail, count, list, nonzero, number, safe, seconds};

/// Returns how a pipeline stands.
pub(in crate::cli) fn status(status: &Status, detail: Detail) -> String {
    let mut text = String::new();
    let source = status.source.as_deref().unwrap_or("(no run yet)");
    line(
        &mut text,
        "pipeline",
        &format!("{} -> {}", safe(source), safe(&status.target)),
    );
    if let Some(note) = &status.held_by {
        line(&mut text, "running", &format!("now, by {}", safe(note)));
    }
    if let Some(run) = &status.last_run {
        line(&mut text, "last run", &last_run(run));
    }
    line(&mut text, "files", &files(status));
    let outputs = [
        count(status.outputs, "output"),
        count(status.units, "unit"),
        count(status.rows, "row"),
        ByteSize(status.bytes).to_string(),
    ];
    line(&mut text, "outputs", &outputs.join(", "));
    if let Some(watermark) = status.watermark {
        let lag = status.lag_seconds.unwrap_or_default();
        let lag = format_duration(Duration::from_secs(lag));
        line(
            &mut text,
            "watermark",
            &format!("{watermark} ({lag} behind now)"),
        );
    }
    let ledger = format!(
        "{} in {}",
        ByteSize(status.ledger_bytes),
        safe(&status.state)
    );
    line(&mut text, "ledger", &ledger);
    if !status.dirty.is_empty() {
        let units = count(status.dirty.len() as u64, "unit");
        let _ = writeln!(text, "{units} for the next run to build:");
        list(&mut text, &status.dirty, 0, detail, |dirty| {
            format!("{}: {}", dirty.unit, dirty.reason)
        });
    }
    if !status.quarantined.is_empty() {
        let files = count(status.quarantined.len() as u64, "file");
        let _ = writeln!(text, "{files} quarantined:");
        list(&mut text, &status.quarantined, 0, detail, |file| {
            format!("{}: {}", safe(&file.path), safe(&file.record.reason))
        });
    }
    text
}

fn line(text: &mut String, name: &str, value: &str) {
    let _ = writeln!(text, "{name:<10} {value}");
}

fn files(status: &Status) -> String {
    let files = &status.files;
    let live = files.total - files.retained;
    let others = nonzero(&[
        (files.loaded, "loaded"),
        (files.pending, "pending"),
        (files.quarantined, "quarantined"),
        (files.outlived, "outlived (rows of an earlier version)"),
        (
            files.frozen,
            "frozen (changed or archived, first rows kept)",
        ),
        (files.duplicate, "duplicate"),
    ]);
    let gone = nonzero(&[(files.retained, "retained (gone, rows kept)")]);
    let mut text = format!("{} live", number(live));
    if live > 0 && live == files.loaded {
        text.push_str(", all loaded");
    } else if live > 0 {
        let _ = write!(text, ": {others}");
    }
    if !gone.is_empty() {
        let _ = write!(text, "; {gone}");
    }
    text
}

fn last_run(run: &RunReport) -> String {
    format!(
        "{} {} at {}, took {}",
        run.run_id,
        word(run.status),
        run.started_at,
        seconds(run.seconds.total)
    )
}

fn word(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Running => "running",
        RunStatus::Done => "done",
        RunStatus::Quarantined => "quarantined",
        RunStatus::Incomplete => "incomplete",
        RunStatus::Failed => "failed",
        RunStatus::Partial => "partial",
        RunStatus::Interrupted => "interrupted",
        RunStatus::Braked => "braked",
    }
}

/// Returns a table of runs.
pub(in crate::cli) fn history(runs: &[RunReport]) -> String {
    if runs.is_empty() {
        return "no run yet\n".to_owned();
    }
    let mut text = format!(
        "{:<8} {:<20} {:<11} {:>8} {:>8} {:>8} {:>8} {:>12} {:>9} {:>8}\n",
        "run",
        "started",
        "status",
        "added",
        "modified",
        "removed",
        "units",
        "rows",
        "written",
        "time"
    );
    for run in runs {
        // Seconds are enough here, and they keep the column narrow.
        let started: String = run.started_at.to_string().chars().take(19).collect();
        let _ = writeln!(
            text,
            "{:<8} {:<20} {:<11} {:>8} {:>8} {:>8} {:>8} {:>12} {:>9} {:>8}",
            run.run_id.to_string(),
            format!("{started}Z"),
            word(run.status),
            number(run.files.added),
            number(run.files.modified),
            number(run.files.removed),
            number(run.units.written),
            number(run.rows.written),
            ByteSize(run.bytes.written).to_string(),
            seconds(run.seconds.total),
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::run::tests::report;
    use super::*;
    use crate::cli::answer::{Dirty, FilesByStanding, Quarantined};
    use crate::model::{ContentHash, DirtyReason, QuarantineRecord, RunId, Timestamp, UnitId};

    fn example() -> Status {
        Status {
            version: 1,
            source: Some("/in".to_owned()),
            target: "/out".to_owned(),
            state: "/out/_strandline".to_owned(),
            held_by: Some("process 7 on host".to_owned()),
            ledger: "l".to_owned(),
            ledger_bytes: 1 << 20,
            pipeline: None,
            files: FilesByStanding {
                total: 1203,
                loaded: 1200,
                quarantined: 1,
                retained: 2,
                ..FilesByStanding::default()
            },
            units: 3,
            dirty: vec![Dirty {
                unit: UnitId(2),
                reason: DirtyReason::Reset,
            }],
            outputs: 4,
            rows: 20_000,
            bytes: 3 << 20,
            quarantined: vec![Quarantined {
                path: "a.csv".into(),
                record: QuarantineRecord {
                    hash: ContentHash::of(b""),
                    reason: "line 3 has 2 fields, not 4".to_owned(),
                    size: 10,
                    run: RunId(4),
                    at: Timestamp(0),
                    retry: false,
                },
            }],
            watermark: Some(Timestamp(1_699_999_000_000_000_000)),
            lag_seconds: Some(3_700),
            checkpoint: Some(RunId(4)),
            last_run: Some(report()),
        }
    }

    #[test]
    fn a_status_tells_how_things_stand_and_what_is_left() {
        insta::assert_snapshot!(status(&example(), Detail::Bounded), @r#"
        pipeline   /in -> /out
        running    now, by process 7 on host
        last run   r000004 quarantined at 2023-11-14T22:13:20Z, took 1.2s
        files      1,201 live: 1,200 loaded, 1 quarantined; 2 retained (gone, rows kept)
        outputs    4 outputs, 3 units, 20,000 rows, 3MiB
        watermark  2023-11-14T21:56:40Z (1h1m40s behind now)
        ledger     1MiB in /out/_strandline
        1 unit for the next run to build:
          u000002: reset
        1 file quarantined:
          a.csv: line 3 has 2 fields, not 4
        "#);
    }

    #[test]
    fn a_status_without_trouble_is_short() {
        let quiet = Status {
            held_by: None,
            dirty: vec![],
            quarantined: vec![],
            files: FilesByStanding {
                total: 2,
                loaded: 2,
                ..FilesByStanding::default()
            },
            last_run: None,
            watermark: None,
            ..example()
        };
        insta::assert_snapshot!(status(&quiet, Detail::Bounded), @r#"
        pipeline   /in -> /out
        files      2 live, all loaded
        outputs    4 outputs, 3 units, 20,000 rows, 3MiB
        ledger     1MiB in /out/_strandline
        "#);
    }

    #[test]
    fn a_history_is_a_table() {
        insta::assert_snapshot!(history(&[report()]), @r#"
        run      started              status         added modified  removed    units         rows   written     time
        r000004  2023-11-14T22:13:20Z quarantined        3        1        2        2       20,000      3MiB     1.2s
        "#);
        assert_eq!(history(&[]), "no run yet\n");
    }
}
