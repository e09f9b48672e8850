//! Every word of help, each said once: what goes for every command is shown with the program's own help only, and the
//! settings of a pipeline with `run` only.

mod long;
mod short;

use super::say;
use crate::support::program::Sandbox;

/// The sections that every command has.
const COMMON: [&str; 2] = ["Options:", "General:"];
/// The sections with the settings of a pipeline.
const PIPELINE: [&str; 7] = [
    "Inputs:",
    "Schema:",
    "SQL:",
    "Outputs:",
    "State:",
    "Behaviour:",
    "Resources:",
];

fn help(line: &str) -> String {
    say(&Sandbox::new(), line)
}

/// Returns the help of a command without the sections that every command has.
fn own(line: &str) -> String {
    sections(&help(line), |title| !COMMON.contains(&title))
}

/// Returns the help of a command without what it shares with `run`.
fn beside_run(line: &str) -> String {
    sections(&own(line), |title| !PIPELINE.contains(&title))
}

/// Returns what the help of a command says of itself, and of hints.
fn of_hints(line: &str) -> String {
    sections(&help(line), |title| title == "Hints:")
}

/// Returns the sections that `wanted` picks by their titles, and what stands before and behind sections.
fn sections(text: &str, wanted: impl Fn(&str) -> bool) -> String {
    let mut shows = true;
    let mut out = String::new();
    for line in text.lines() {
        if !line.is_empty() && !line.starts_with(' ') {
            shows = wanted(line);
        }
        if shows {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

#[test]
fn commands_over_a_pipeline_have_the_settings_of_run_in_the_same_words() {
    for (command, flag) in [
        ("plan", "-h"),
        ("plan", "--help"),
        ("config show", "-h"),
        ("config show", "--help"),
        ("watch", "-h"),
        ("watch", "--help"),
    ] {
        let shared = |line: &str| sections(&help(line), |title| PIPELINE.contains(&title));
        let (of_run, found) = (
            shared(&format!("run {flag}")),
            shared(&format!("{command} {flag}")),
        );
        let rest: Vec<&str> = of_run
            .lines()
            .filter(|line| !found.contains(line))
            .collect();
        assert!(
            rest.iter().all(|line| line.contains("dry-run")
                || line.contains("as `plan` does")
                || line.contains("no hints are taken")),
            "{rest:?}"
        );
        assert!(
            found.lines().all(|line| of_run.contains(line)),
            "{command} {flag}"
        );
    }
}

#[test]
fn every_command_has_what_goes_for_all() {
    let common = |line: &str| sections(&help(line), |title| title == "General:");
    for command in [
        "run", "plan", "status", "history", "files", "explain", "verify", "doctor", "reset",
        "recover", "init",
    ] {
        for flag in ["-h", "--help"] {
            assert!(
                common(&format!("{command} {flag}")).contains(common(flag).trim_end()),
                "{command} {flag}"
            );
        }
    }
}

#[test]
fn the_version_is_told() {
    insta::assert_snapshot!(help("--version"), @"
    exit code 0
    -- stdout
    strandline 0.1.0
    ");
    insta::assert_snapshot!(help("run --version"), @"
    exit code 0
    -- stdout
    strandline-run 0.1.0
    ");
}
