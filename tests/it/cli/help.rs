//! Every word of help.

use super::say;
use crate::support::program::Sandbox;

#[test]
fn short_help_of_the_program() {
    insta::assert_snapshot!(say(&Sandbox::new(), "-h"), @"");
}

#[test]
fn short_help_of_run() {
    insta::assert_snapshot!(say(&Sandbox::new(), "run -h"), @"");
}

#[test]
fn short_help_of_plan() {
    insta::assert_snapshot!(say(&Sandbox::new(), "plan -h"), @"");
}

#[test]
fn short_help_of_status() {
    insta::assert_snapshot!(say(&Sandbox::new(), "status -h"), @"");
}

#[test]
fn short_help_of_history() {
    insta::assert_snapshot!(say(&Sandbox::new(), "history -h"), @"");
}

#[test]
fn short_help_of_files() {
    insta::assert_snapshot!(say(&Sandbox::new(), "files -h"), @"");
}

#[test]
fn short_help_of_explain() {
    insta::assert_snapshot!(say(&Sandbox::new(), "explain -h"), @"");
}

#[test]
fn short_help_of_verify() {
    insta::assert_snapshot!(say(&Sandbox::new(), "verify -h"), @"");
}

#[test]
fn short_help_of_reset() {
    insta::assert_snapshot!(say(&Sandbox::new(), "reset -h"), @"");
}

#[test]
fn short_help_of_recover() {
    insta::assert_snapshot!(say(&Sandbox::new(), "recover -h"), @"");
}

#[test]
fn short_help_of_quarantine() {
    insta::assert_snapshot!(say(&Sandbox::new(), "quarantine -h"), @"");
}

#[test]
fn short_help_of_quarantine_list() {
    insta::assert_snapshot!(say(&Sandbox::new(), "quarantine list -h"), @"");
}

#[test]
fn short_help_of_quarantine_retry() {
    insta::assert_snapshot!(say(&Sandbox::new(), "quarantine retry -h"), @"");
}

#[test]
fn short_help_of_init() {
    insta::assert_snapshot!(say(&Sandbox::new(), "init -h"), @"");
}

#[test]
fn short_help_of_config() {
    insta::assert_snapshot!(say(&Sandbox::new(), "config -h"), @"");
}

#[test]
fn short_help_of_config_show() {
    insta::assert_snapshot!(say(&Sandbox::new(), "config show -h"), @"");
}

#[test]
fn short_help_of_completions() {
    insta::assert_snapshot!(say(&Sandbox::new(), "completions -h"), @"");
}

#[test]
fn long_help_of_the_program() {
    insta::assert_snapshot!(say(&Sandbox::new(), "--help"), @"");
}

#[test]
fn long_help_of_run() {
    insta::assert_snapshot!(say(&Sandbox::new(), "run --help"), @"");
}

#[test]
fn long_help_of_plan() {
    insta::assert_snapshot!(say(&Sandbox::new(), "plan --help"), @"");
}

#[test]
fn long_help_of_status() {
    insta::assert_snapshot!(say(&Sandbox::new(), "status --help"), @"");
}

#[test]
fn long_help_of_history() {
    insta::assert_snapshot!(say(&Sandbox::new(), "history --help"), @"");
}

#[test]
fn long_help_of_files() {
    insta::assert_snapshot!(say(&Sandbox::new(), "files --help"), @"");
}

#[test]
fn long_help_of_explain() {
    insta::assert_snapshot!(say(&Sandbox::new(), "explain --help"), @"");
}

#[test]
fn long_help_of_verify() {
    insta::assert_snapshot!(say(&Sandbox::new(), "verify --help"), @"");
}

#[test]
fn long_help_of_reset() {
    insta::assert_snapshot!(say(&Sandbox::new(), "reset --help"), @"");
}

#[test]
fn long_help_of_recover() {
    insta::assert_snapshot!(say(&Sandbox::new(), "recover --help"), @"");
}

#[test]
fn long_help_of_quarantine() {
    insta::assert_snapshot!(say(&Sandbox::new(), "quarantine --help"), @"");
}

#[test]
fn long_help_of_quarantine_list() {
    insta::assert_snapshot!(say(&Sandbox::new(), "quarantine list --help"), @"");
}

#[test]
fn long_help_of_quarantine_retry() {
    insta::assert_snapshot!(say(&Sandbox::new(), "quarantine retry --help"), @"");
}

#[test]
fn long_help_of_init() {
    insta::assert_snapshot!(say(&Sandbox::new(), "init --help"), @"");
}

#[test]
fn long_help_of_config() {
    insta::assert_snapshot!(say(&Sandbox::new(), "config --help"), @"");
}

#[test]
fn long_help_of_config_show() {
    insta::assert_snapshot!(say(&Sandbox::new(), "config show --help"), @"");
}

#[test]
fn long_help_of_completions() {
    insta::assert_snapshot!(say(&Sandbox::new(), "completions --help"), @"");
}

#[test]
fn the_version_is_told() {
    insta::assert_snapshot!(say(&Sandbox::new(), "--version"), @"");
}

#[test]
fn a_command_has_the_version_of_the_program() {
    insta::assert_snapshot!(say(&Sandbox::new(), "run --version"), @"");
}
