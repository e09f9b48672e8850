//! Streams: a reader that goes away, colours, what is talk and what is result.

use std::fs::OpenOptions;

use super::{loaded, seen};

#[test]
fn a_reader_that_has_seen_enough_makes_no_failure() {
    let sandbox = loaded();
    for words in [
        &["files", "out"][..],
        &["--json", "status", "out"],
        &["completions", "zsh"],
        &["--help"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = sandbox.command(words).stdout(writer).output().unwrap();
        assert_eq!(seen(&output), "exit code 0\n", "{words:?}");
    }
    let text = sandbox.shell("strandline files out | head -n 1");
    assert_eq!(text.lines().count(), 1);
}

#[test]
fn a_full_disk_behind_stdout_is_a_failure() {
    let sandbox = loaded();
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = sandbox
        .command(&["files", "out"])
        .stdout(full)
        .output()
        .unwrap();
    insta::assert_snapshot!(seen(&output), @"");
}

#[test]
fn nothing_is_coloured_where_nobody_can_see_it() {
    let sandbox = loaded();
    for words in [
        &["run", "nowhere", "out"][..],
        &["status", "out"],
        &["--help"],
        &["run", "--bogus"],
    ] {
        for no_color in ["", "1"] {
            let mut command = sandbox.command(words);
            let output = command.env("NO_COLOR", no_color).output().unwrap();
            assert!(
                !output.stdout.contains(&0x1b) && !output.stderr.contains(&0x1b),
                "{words:?}"
            );
        }
    }
}

#[test]
fn a_progress_line_is_shown_where_it_is_asked_for_and_only_there() {
    let sandbox = loaded();
    let silent = sandbox.call(&["run", "in", "out", "--progress", "never", "--quiet"]);
    assert_eq!(seen(&silent), "exit code 0\n");
    let always = sandbox.call(&["run", "in", "out", "--progress", "always", "--json"]);
    assert!(always.status.success());
    assert!(serde_json::from_slice::<serde_json::Value>(&always.stdout).is_ok());
}

#[test]
fn completions_of_every_shell_name_every_command() {
    let sandbox = loaded();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = sandbox.succeed(&["completions", shell]);
        for command in ["run", "plan", "quarantine", "recover"] {
            assert!(script.contains(command), "{shell} does not know {command}");
        }
    }
}
