//! What works in a store.

use std::fmt::Write as _;

use crate::store::doctor::{DoctorReport, Finding, Outcome, Usable};

use super::safe;

/// Returns what was tried, a line each, what it means where it is not as it should be, and what that comes to.
pub(in crate::cli) fn diagnosis(report: &DoctorReport) -> String {
    let mut text = format!("{}\n", safe(&report.url));
    for finding in &report.findings {
        let _ = writeln!(
            text,
            "  {:<14} {:<10} {}",
            finding.probe.to_string(),
            word(finding.outcome),
            safe(&finding.found)
        );
        if let Some(meaning) = finding.meaning {
            let _ = writeln!(text, "{:28}{meaning}", "");
        }
    }
    for key in &report.left_behind {
        let _ = writeln!(text, "left behind, to be deleted by hand: {}", safe(key));
    }
    let mut judge = |role, usable, needed: &str| {
        let _ = writeln!(text, "{}", verdict(role, usable, needed));
    };
    judge("source", report.source, &amiss(report, false));
    if let Some(target) = report.target {
        judge("target", target, &amiss(report, true));
    }
    text
}

fn verdict(role: &str, usable: Usable, amiss: &str) -> String {
    match usable {
        Usable::Yes => format!("as a {role}: it can be used"),
        Usable::Limited => format!("as a {role}: it keeps fewer promises; see {amiss}"),
        Usable::No => format!("as a {role}: it cannot be used; see {amiss}"),
    }
}

/// Returns the names of what does not work.
fn amiss(report: &DoctorReport, as_target: bool) -> String {
    let is_amiss = |finding: &&Finding| matches!(finding.outcome, Outcome::Fails | Outcome::Denied);
    let is_asked = |finding: &&Finding| as_target || finding.probe.is_of_source();
    let findings = report.findings.iter().filter(is_amiss).filter(is_asked);
    let names: Vec<String> = findings.map(|finding| finding.probe.to_string()).collect();
    names.join(", ")
}

/// Returns the word for an outcome.
fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Works => "ok",
        Outcome::Differs => "differs",
        Outcome::Fails => "FAILS",
        Outcome::Denied => "DENIED",
        Outcome::Untried => "not tried",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::doctor::Probe;

    #[test]
    fn what_does_not_work_is_named_with_what_it_means() {
        let finding = |probe, outcome, meaning| Finding {
            probe,
            outcome,
            found: "x\u{1b}".to_owned(),
            meaning,
        };
        let report = DoctorReport {
            version: 1,
            url: "s3://bucket/".to_owned(),
            source: Usable::Yes,
            target: Some(Usable::Limited),
            findings: vec![
                finding(Probe::List, Outcome::Works, None),
                finding(Probe::CreateRace, Outcome::Fails, Some("only one")),
                finding(Probe::Delete, Outcome::Denied, None),
                finding(Probe::Order, Outcome::Differs, None),
                finding(Probe::Multipart, Outcome::Untried, None),
            ],
            left_behind: vec!["a".to_owned()],
        };
        insta::assert_snapshot!(diagnosis(&report), @r"
        s3://bucket/
          list           ok         x\u{1b}
          create race    FAILS      x\u{1b}
                                    only one
          delete         DENIED     x\u{1b}
          order          differs    x\u{1b}
          multipart      not tried  x\u{1b}
        left behind, to be deleted by hand: a
        as a source: it can be used
        as a target: it keeps fewer promises; see create race, delete
        ");
    }
}
