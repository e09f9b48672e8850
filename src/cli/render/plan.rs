//! What a run would do, and what a check found.

use std::fmt::Write as _;

use crate::detect::Change;
use crate::engine::{PlanReport, RecoverReport, UnitPreview, VerifyReport};
use crate::model::ByteSize;

use super::{Detail, count, list, nonzero, number, safe};

/// The groups of changes, in the order in which they are shown.
const GROUPS: [Change; 7] = [
    Change::Added,
    Change::Modified,
    Change::Renamed,
    Change::Removed,
    Change::Touched,
    Change::Unsettled,
    Change::Archived,
];

/// Returns what a run would do, with reasons.
pub(in crate::cli) fn plan(report: &PlanReport, detail: Detail) -> String {
    let mut text = headline(report);
    for group in GROUPS {
        let changes: Vec<_> = report
            .changes
            .iter()
            .filter(|change| change.change == group)
            .collect();
        if !changes.is_empty() {
            let _ = writeln!(text, "{group} ({}):", number(changes.len() as u64));
            list(&mut text, &changes, 0, detail, |change| {
                format!("{}: {}", safe(&change.path), safe(&change.reason))
            });
        }
    }
    if !report.units.is_empty() {
        let _ = writeln!(text, "to build ({}):", number(report.units.len() as u64));
        list(&mut text, &report.units, 0, detail, unit);
    }
    super::schema::forecast(&mut text, &report.schema, detail);
    if report.carried_members > 0 {
        let files = count(report.carried_members, "file");
        let _ = writeln!(
            text,
            "the rows of {files} cannot be read again; they are carried over as they were loaded"
        );
    }
    if !report.errors.is_empty() {
        text.push_str("trouble:\n");
        list(&mut text, &report.errors, 0, detail, |error| {
            format!("{}: {}", safe(&error.path), safe(&error.message))
        });
    }
    text
}

fn headline(report: &PlanReport) -> String {
    let files = &report.files;
    let listed = count(files.listed, "file");
    let rest = nonzero(&[
        (files.unchanged, "unchanged"),
        (files.skipped, "left out"),
        (files.deferred, "left for a later run"),
        (files.quarantined, "quarantined"),
        (files.unreadable, "unreadable"),
        (files.archived, "archived"),
    ]);
    let rest = if rest.is_empty() {
        rest
    } else {
        format!(", {rest}")
    };
    if report.units.is_empty() {
        return format!("nothing to build: {listed} listed{rest}\n");
    }
    let units = count(report.units.len() as u64, "unit");
    format!("a run would build {units}: {listed} listed{rest}\n")
}

fn unit(unit: &UnitPreview) -> String {
    let place = match unit.partition.trim_end_matches('/') {
        "" => String::new(),
        partition => format!(" in {}", safe(partition)),
    };
    format!(
        "{}{place}: {}, {} to read; {}",
        unit.unit,
        count(unit.members, "file"),
        ByteSize(unit.bytes),
        safe(&unit.why.join(", "))
    )
}

/// Returns what a check found.
pub(in crate::cli) fn verification(report: &VerifyReport, detail: Detail) -> String {
    let mut looked_at = count(report.outputs, "output");
    if report.files > 0 {
        let _ = write!(looked_at, " and {}", count(report.files, "source file"));
    }
    let how = if report.deep { "read" } else { "looked at" };
    let cut = if report.complete {
        ""
    } else {
        "; interrupted before the end"
    };
    if report.findings.is_empty() {
        return format!("nothing wrong: {looked_at} {how}{cut}\n");
    }
    let found = count(report.findings.len() as u64, "finding");
    let mut text = format!("{found}: {looked_at} {how}{cut}\n");
    list(&mut text, &report.findings, 0, detail, |finding| {
        format!("{}: {finding}", safe(finding.path()))
    });
    if report.units_marked > 0 {
        let units = count(report.units_marked, "unit");
        let _ = writeln!(text, "the next run builds {units} again");
    }
    text
}

/// Returns what was rebuilt of a lost ledger.
pub(in crate::cli) fn recovery(report: &RecoverReport, detail: Detail) -> String {
    let mut text = format!(
        "ledger rebuilt from {}: {}, {}\n",
        count(report.outputs, "output"),
        count(report.units, "unit"),
        count(report.files, "source file")
    );
    if !report.incomplete.is_empty() {
        let units = count(report.incomplete.len() as u64, "unit");
        let _ = writeln!(
            text,
            "the next run builds {units} again, which had lost an output"
        );
    }
    if !report.foreign.is_empty() {
        let files = count(report.foreign.len() as u64, "file");
        let _ = writeln!(text, "{files} not ours, or unreadable, and left alone:");
        list(&mut text, &report.foreign, 0, detail, |path| safe(path));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Reason;
    use crate::engine::{Finding, PlannedChange};
    use crate::model::{FileCounts, UnitId};

    fn empty() -> PlanReport {
        PlanReport {
            version: 1,
            pipeline: String::new(),
            source: "/in".to_owned(),
            target: "/out".to_owned(),
            files: FileCounts::default(),
            changes: vec![],
            units: vec![],
            carried_members: 0,
            schema: crate::engine::Forecast::default(),
            errors: vec![],
        }
    }

    fn change(path: &str, change: Change, reason: &str) -> PlannedChange {
        PlannedChange {
            path: path.into(),
            change,
            reason: reason.to_owned(),
            details: Reason::NoRecord,
        }
    }

    #[test]
    fn changes_are_grouped_with_their_reasons() {
        let report = PlanReport {
            files: FileCounts {
                listed: 40,
                unchanged: 37,
                ..FileCounts::default()
            },
            changes: vec![
                change("b.csv", Change::Modified, "size went from 1 to 2"),
                change("a.csv", Change::Added, "not in the ledger"),
                change("c\u{7}.csv", Change::Removed, "no longer in the source"),
            ],
            units: vec![UnitPreview {
                unit: UnitId(3),
                partition: "day=1/".to_owned(),
                why: vec!["1 file added".to_owned(), "reset".to_owned()],
                details: vec![],
                members: 2,
                bytes: 2048,
            }],
            carried_members: 1,
            ..empty()
        };
        insta::assert_snapshot!(plan(&report, Detail::Bounded), @r#"
        a run would build 1 unit: 40 files listed, 37 unchanged
        added (1):
          a.csv: not in the ledger
        modified (1):
          b.csv: size went from 1 to 2
        removed (1):
          c\u{7}.csv: no longer in the source
        to build (1):
          u000003 in day=1: 2 files, 2KiB to read; 1 file added, reset
        the rows of 1 file cannot be read again; they are carried over as they were loaded
        "#);
    }

    #[test]
    fn an_empty_plan_takes_one_line() {
        insta::assert_snapshot!(plan(&empty(), Detail::Bounded), @"nothing to build: 0 files listed");
    }

    #[test]
    fn a_check_tells_what_it_looked_at_and_what_is_wrong() {
        let clean = VerifyReport {
            outputs: 3,
            complete: true,
            ..VerifyReport::default()
        };
        insta::assert_snapshot!(verification(&clean, Detail::Bounded), @"nothing wrong: 3 outputs looked at");
        let damaged = VerifyReport {
            files: 7,
            deep: true,
            units_marked: 1,
            findings: vec![Finding::OutputDamaged {
                path: "x.parquet".into(),
            }],
            ..clean
        };
        insta::assert_snapshot!(verification(&damaged, Detail::Bounded), @r#"
        1 finding: 3 outputs and 7 source files read
          x.parquet: the output is damaged
        the next run builds 1 unit again
        "#);
    }
}
