//! What a run would do, and what a check found.

use std::fmt::Write as _;

use crate::detect::Change;
use crate::engine::{PlanReport, UnitPreview, VerifyReport};
use crate::model::ByteSize;

use super::{Detail, count, list, nonzero, number, safe};

/// The groups of changes, in the order in which they are shown.
const GROUPS: [Change; 6] = [
    Change::Added,
    Change::Modified,
    Change::Renamed,
    Change::Removed,
    Change::Touched,
    Change::Unsettled,
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
    if report.carried_members > 0 {
        let carried = count(report.carried_members, "file");
        let _ = writeln!(text, "rows of {carried} are carried over as they are");
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
    let name = unit.unit;
    let place = match unit.partition.trim_end_matches('/') {
        "" => String::new(),
        partition => format!(" in {}", safe(partition)),
    };
    format!(
        "{name}{place}: {}, {}; {}",
        count(unit.members, "file"),
        ByteSize(unit.bytes),
        safe(&unit.why.join(", "))
    )
}

/// Returns what a check found.
pub(in crate::cli) fn verification(report: &VerifyReport, detail: Detail) -> String {
    let outputs = count(report.outputs, "output");
    if report.findings.is_empty() {
        return format!("all is well: {outputs} checked\n");
    }
    let found = count(report.findings.len() as u64, "finding");
    let mut text = format!("{found} in {outputs}:\n");
    list(&mut text, &report.findings, 0, detail, |finding| {
        format!("{}: {finding}", safe(finding.path()))
    });
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::PlannedChange;
    use crate::model::FileCounts;

    fn change(path: &str, verdict: Change, reason: &str) -> PlannedChange {
        PlannedChange {
            path: path.into(),
            verdict,
            reason: reason.to_owned(),
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
                unit: None,
                partition: "day=1/".to_owned(),
                why: "1 file added".to_owned(),
                members: 2,
                bytes: 2048,
            }],
            outputs_retired: 1,
            errors: vec![],
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
          a new unit in day=1: 2 files, 2KiB; 1 file added
        1 output would go
        "#);
    }

    #[test]
    fn an_empty_plan_takes_one_line() {
        insta::assert_snapshot!(plan(&PlanReport::default(), Detail::Bounded), @"nothing to build: 0 files listed");
    }
}
