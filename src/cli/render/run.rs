//! The summary of a run.

use std::fmt::Write as _;

use crate::model::{
    ByteSize, ErrorKind, ExpectationCount, ReportedError, RunLimit, RunReport, RunStatus,
};

use super::{Detail, count, list, nonzero, number, safe, seconds};

/// What to do where nothing was done because of files that may still be written to.
const UNSETTLED: &str = "  a file that was written to a moment ago is left for the next run; --settle says for how long\n";

/// What to do where a source has files and none of them counts.
const LEFT_OUT: &str = "  every file there is left out: its name is hidden, unfinished or excluded, or its extension is unknown; --format takes any\n";

/// What to do where an output is gone that alone held some rows.
const LOST: &str = "  hint: bring the output back and run again; `strandline reset TARGET --lost` gives up what only missing or damaged outputs held\n";

/// Returns what a run did, in as few lines as that takes.
pub(in crate::cli) fn summary(report: &RunReport, detail: Detail) -> String {
    let mut text = headline(report);
    if worked(report) {
        facts(&mut text, report);
    }
    text + &troubles(report, detail)
}

/// Returns what went wrong without ending a run.
pub(super) fn troubles(report: &RunReport, detail: Detail) -> String {
    let mut text = String::new();
    if report.errors.is_empty() {
        return text;
    }
    text.push_str("trouble:\n");
    list(
        &mut text,
        &report.errors,
        report.errors_omitted,
        detail,
        trouble,
    );
    let is_lost = |error: &ReportedError| error.kind == ErrorKind::RowsLost;
    if report.errors.iter().any(is_lost) {
        text.push_str(LOST);
    }
    text
}

/// Returns one trouble; its message names the path itself where that is known to who wrote it.
fn trouble(error: &ReportedError) -> String {
    if error.message.contains(&error.path) {
        safe(&error.message)
    } else {
        format!("{}: {}", safe(&error.path), safe(&error.message))
    }
}

fn worked(report: &RunReport) -> bool {
    let files = &report.files;
    let changes = files.added + files.modified + files.renamed + files.removed;
    changes + report.units.planned + report.outputs.written + report.outputs.removed > 0
}

fn headline(report: &RunReport) -> String {
    let files = &report.files;
    let total = seconds(report.seconds.total);
    let open = nonzero(&[
        (files.quarantined, "quarantined"),
        (files.unsettled, "not settled yet"),
        (files.deferred, "left for the next run"),
        (files.unreadable, "unreadable"),
        (files.archived, "archived"),
    ]);
    let open = if open.is_empty() {
        open
    } else {
        format!("; {open}")
    };
    match report.status {
        RunStatus::Done | RunStatus::Quarantined if !worked(report) => {
            let touched = nonzero(&[(files.touched, "touched")]);
            let touched = if touched.is_empty() {
                touched
            } else {
                format!(", {touched}")
            };
            let (yet, why) = if files.unsettled > 0 {
                (" yet", UNSETTLED)
            } else if files.listed == 0 && files.skipped > 0 {
                ("", LEFT_OUT)
            } else {
                ("", "")
            };
            let listed = count(files.listed, "file");
            format!("nothing to do{yet}: {listed}{touched}{open} ({total})\n{why}")
        }
        RunStatus::Done => format!("done in {total}{open}\n"),
        RunStatus::Quarantined => format!("done in {total}, but not with all files{open}\n"),
        RunStatus::Partial => {
            let limit = report.stopped_by.map_or("the limit", RunLimit::option);
            format!("stopped at {limit} after {total}{open}\n")
        }
        RunStatus::Incomplete => {
            format!("part of the work failed ({total}){open}; it is safe to run again\n")
        }
        RunStatus::Failed | RunStatus::Running => {
            format!("failed after {total}{open}; nothing is lost, it is safe to run again\n")
        }
        RunStatus::Interrupted => {
            format!("interrupted after {total}{open}; the next run goes on from here\n")
        }
        RunStatus::Braked => format!("stopped by the removal brake after {total}{open}\n"),
    }
}

fn facts(text: &mut String, report: &RunReport) {
    let files = &report.files;
    let changes = nonzero(&[
        (files.added, "added"),
        (files.modified, "modified"),
        (files.renamed, "renamed"),
        (files.removed, "removed"),
        (files.touched, "touched"),
        (files.unchanged, "unchanged"),
        (files.skipped, "left out"),
    ]);
    line(text, "files", &changes);
    let rows = nonzero(&[(report.rows.read, "read"), (report.rows.written, "written")]);
    line(text, "rows", &rows);
    report
        .expectations
        .iter()
        .for_each(|one| expectation(text, one));
    line(text, "bytes", &bytes(report));
    line(text, "requests", &requests(report));
    let outputs = nonzero(&[
        (report.outputs.written, "written"),
        (report.outputs.kept, "kept as they were"),
        (report.outputs.removed, "removed"),
    ]);
    line(text, "outputs", &outputs);
    let units = nonzero(&[
        (report.units.written, "written"),
        (report.units.failed, "failed"),
    ]);
    if !units.is_empty() && report.units.written != report.units.planned {
        line(
            text,
            "units",
            &format!("{units} of {}", number(report.units.planned)),
        );
    }
    line(text, "time", &times(report));
}

fn expectation(text: &mut String, expectation: &ExpectationCount) {
    let name = safe(&expectation.name);
    for (fact, number, what) in [
        ("left out", expectation.dropped, "row"),
        ("aside", expectation.quarantined_rows, "row"),
        ("aside", expectation.quarantined_files, "file"),
    ] {
        if number > 0 {
            let missed = format!("{} that did not meet {name:?}", count(number, what));
            line(text, fact, &missed);
        }
    }
}

fn line(text: &mut String, name: &str, value: &str) {
    if !value.is_empty() {
        let _ = writeln!(text, "  {name:<8} {value}");
    }
}

fn bytes(report: &RunReport) -> String {
    let mut parts = Vec::new();
    if report.bytes.read > 0 {
        let mut part = format!("{} read", ByteSize(report.bytes.read));
        if let Some(rate) = rate(report.bytes.read, report.seconds.total) {
            let _ = write!(part, " ({rate}/s)");
        }
        parts.push(part);
    }
    if report.bytes.written > 0 {
        parts.push(format!("{} written", ByteSize(report.bytes.written)));
    }
    parts.join(", ")
}

/// Returns what was asked of object stores.
fn requests(report: &RunReport) -> String {
    let Some(requests) = report.requests else {
        return String::new();
    };
    nonzero(&[
        (requests.list, "LIST"),
        (requests.get, "GET"),
        (requests.head, "HEAD"),
        (requests.put, "PUT"),
        (requests.delete, "DELETE"),
        (requests.other, "other"),
    ])
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate for people to read; three digits of it are shown"
)]
fn rate(bytes: u64, seconds: f64) -> Option<ByteSize> {
    (seconds > 0.0).then(|| ByteSize((bytes as f64 / seconds) as u64))
}

fn times(report: &RunReport) -> String {
    let spent = &report.seconds;
    let parts: Vec<String> = [
        ("discover", spent.discover),
        ("verify", spent.verify),
        ("work", spent.work),
        ("publish", spent.publish),
    ]
    .into_iter()
    .filter(|(_, value)| *value >= 0.001)
    .map(|(name, value)| format!("{name} {}", seconds(value)))
    .collect();
    parts.join(", ")
}

#[cfg(test)]
pub(in crate::cli) mod tests {
    use super::*;
    use crate::model::{
        ByteCounts, ErrorKind, FileCounts, OutputCounts, RowCounts, RunId, Seconds, Timestamp,
        UnitCounts,
    };

    /// Returns a report of a run that did a bit of everything.
    pub(in crate::cli) fn report() -> RunReport {
        RunReport {
            version: 1,
            run_id: RunId(4),
            status: RunStatus::Quarantined,
            pipeline: "abc".to_owned(),
            source: "/in".to_owned(),
            target: "/out".to_owned(),
            started_at: Timestamp(1_700_000_000_000_000_000),
            files: FileCounts {
                listed: 1_204,
                unchanged: 1_197,
                added: 3,
                modified: 1,
                removed: 2,
                unsettled: 1,
                quarantined: 1,
                ..FileCounts::default()
            },
            units: UnitCounts {
                planned: 2,
                written: 2,
                failed: 0,
            },
            rows: RowCounts {
                read: 12_345,
                written: 20_000,
            },
            bytes: ByteCounts {
                read: 12 << 20,
                written: 3 << 20,
                ..ByteCounts::default()
            },
            outputs: OutputCounts {
                written: 2,
                kept: 1,
                removed: 0,
            },
            requests: None,
            hints: None,
            stopped_by: None,
            seconds: Seconds {
                discover: 0.05,
                verify: 0.0,
                work: 1.1,
                publish: 0.1,
                total: 1.25,
            },
            watermark: Some(Timestamp(1_699_999_000_000_000_000)),
            checkpoint: true,
            distinct: false,
            expectations: Vec::new(),
            errors: vec![ReportedError {
                path: "a.csv".to_owned(),
                kind: ErrorKind::Undecodable,
                message: "line 3 has 2 fields, not 4".to_owned(),
            }],
            errors_omitted: 0,
        }
    }

    #[test]
    fn a_run_that_worked_tells_what_is_not_zero() {
        insta::assert_snapshot!(summary(&report(), Detail::Bounded), @r#"
        done in 1.2s, but not with all files; 1 quarantined, 1 not settled yet
          files    3 added, 1 modified, 2 removed, 1,197 unchanged
          rows     12,345 read, 20,000 written
          bytes    12MiB read (9.6MiB/s), 3MiB written
          outputs  2 written, 1 kept as they were
          time     discover 50ms, work 1.1s, publish 0.1s
        trouble:
          a.csv: line 3 has 2 fields, not 4
        "#);
    }

    #[test]
    fn a_run_with_nothing_to_do_takes_one_line() {
        let report = RunReport {
            status: RunStatus::Done,
            files: FileCounts {
                listed: 5,
                unchanged: 3,
                touched: 2,
                ..FileCounts::default()
            },
            units: UnitCounts::default(),
            outputs: OutputCounts::default(),
            errors: vec![],
            ..report()
        };
        insta::assert_snapshot!(summary(&report, Detail::Bounded), @"nothing to do: 5 files, 2 touched (1.2s)");
    }

    #[test]
    fn files_that_are_not_settled_are_the_reason_why_nothing_is_done_yet() {
        let report = RunReport {
            status: RunStatus::Done,
            files: FileCounts {
                listed: 4,
                unsettled: 4,
                ..FileCounts::default()
            },
            units: UnitCounts::default(),
            outputs: OutputCounts::default(),
            errors: vec![],
            ..report()
        };
        insta::assert_snapshot!(summary(&report, Detail::Bounded), @"
        nothing to do yet: 4 files; 4 not settled yet (1.2s)
          a file that was written to a moment ago is left for the next run; --settle says for how long
        ");
    }

    #[test]
    fn a_trouble_names_its_path_once() {
        let error = |message: &str| ReportedError {
            path: "a.csv".to_owned(),
            kind: ErrorKind::Undecodable,
            message: message.to_owned(),
        };
        assert_eq!(
            trouble(&error("cannot decode a.csv: x")),
            "cannot decode a.csv: x"
        );
        assert_eq!(trouble(&error("no rows")), "a.csv: no rows");
    }

    #[test]
    fn an_ending_before_its_time_says_that_running_again_is_safe() {
        for status in [
            RunStatus::Incomplete,
            RunStatus::Failed,
            RunStatus::Interrupted,
        ] {
            let report = RunReport { status, ..report() };
            let text = summary(&report, Detail::Bounded);
            let first = text.lines().next().unwrap();
            assert!(
                first.contains("safe to run again") || first.contains("next run goes on"),
                "{first}"
            );
        }
    }
}
