//! The README is true: every command in it is run, in its order, and says what is shown there.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use arrow_schema::DataType;
use strandline::schema::{Declared, Reading, classify, parse_type};

use crate::support::program::Sandbox;
use crate::support::redact::redacted;

/// A fenced block: its language and its lines.
struct Block {
    language: String,
    text: String,
}

#[test]
fn every_console_session_of_the_readme_goes_as_shown() {
    let sandbox = sandbox();
    for block in blocks().iter().filter(|block| block.language == "console") {
        for session in sessions(&block.text) {
            let said = sandbox.shell(session.command);
            assert_eq!(
                redacted(&said),
                redacted(&session.shown),
                "README.md: $ {}\nreally says:\n{said}",
                session.command
            );
        }
    }
}

#[test]
fn the_commands_for_a_fresh_clone_are_those_of_the_gate_or_run_as_they_stand() {
    let gate = fs::read_to_string(root().join(".ci/run")).unwrap();
    let sandbox = sandbox();
    let mut mains = 0;
    for block in blocks().iter().filter(|block| block.language == "sh") {
        for line in block.text.lines() {
            if let Some(words) = line.strip_prefix("cargo run --release -- ") {
                sandbox.shell(&format!("strandline {words}"));
                assert!(gate.contains(words.split(" out").next().unwrap()), "{line}");
                mains += 1;
            } else {
                assert!(
                    gate.contains(&format!("{line} --locked\n")),
                    "the gate does not run: {line}"
                );
            }
        }
    }
    assert_eq!(mains, 1);
    let rows = sandbox.shell("strandline --json status out/flights");
    assert!(rows.contains("\"rows\":3614,"), "{rows}");
}

#[test]
fn every_block_of_the_readme_is_of_a_kind_that_is_checked() {
    // A unit file of systemd has nothing that could be run here, the SQL is run by a test of `format`, `bash` by one that has
    // a server, Rust as the crate's documentation is, and text is what `cli::objects` has said of a store.
    for block in blocks() {
        assert!(
            [
                "console", "sh", "bash", "sql", "ini", "toml", "rust", "text", "cron", "yaml",
                "python", "json"
            ]
            .contains(&block.language.as_str()),
            "a block of {:?}",
            block.language
        );
    }
}

/// Returns the commands of the batch job over S3.
pub(crate) fn batch_job() -> String {
    let block = blocks().into_iter().find(|block| block.language == "bash");
    block.unwrap().text
}

/// Returns the words of the command that takes hints, `run` or `watch`.
pub(crate) fn hinted(command: &str) -> Vec<String> {
    let texts = blocks().into_iter().map(|block| block.text);
    let start = format!("strandline {command} ");
    let mut lines = texts.filter(|text| text.contains("--events "));
    let line = lines.find(|text| text.starts_with(&start)).unwrap();
    let words = line.split_whitespace().skip(1);
    words.map(str::to_owned).collect()
}

/// Returns the policies of whoever does it: to read the source, and to keep the target.
pub(crate) fn policies() -> [serde_json::Value; 2] {
    let blocks = blocks()
        .into_iter()
        .filter(|block| block.language == "json");
    let policies = blocks.map(|block| serde_json::from_str(&block.text).unwrap());
    let policies: Vec<_> = policies.collect();
    policies.try_into().unwrap()
}

#[test]
fn every_scheduler_is_given_the_batch_job_and_policies_allow_and_forbid_nothing() {
    let job = "strandline run s3://bucket/raw s3://bucket/lake";
    assert!(batch_job().contains(job));
    let of = |language: &str| -> Vec<String> {
        let blocks = blocks().into_iter();
        let texts = blocks.filter(|block| block.language == language);
        texts.map(|block| block.text).collect()
    };
    for text in of("cron").iter().chain(&of("python")) {
        assert!(text.contains(&format!("{job} --quiet")), "{text}");
    }
    let yaml = of("yaml").concat();
    let args = yaml.split("args: ").nth(1).unwrap().lines().next().unwrap();
    let args: Vec<String> = serde_json::from_str(args).unwrap();
    assert_eq!(
        format!("strandline {}", args.join(" ")),
        format!("{job} --quiet")
    );
    for policy in policies() {
        for statement in policy["Statement"].as_array().unwrap() {
            assert_eq!(statement["Effect"], "Allow");
        }
    }
}

#[test]
fn every_command_and_every_exit_code_is_in_the_readme() {
    let readme = readme();
    let help = Sandbox::new().shell("strandline --help");
    let commands = help.split("Commands:\n").nth(1).unwrap();
    for line in commands.lines().take_while(|line| !line.is_empty()) {
        let command = line.split_whitespace().next().unwrap();
        if line.starts_with("  ") && !line.starts_with("   ") && command != "help" {
            assert!(readme.contains(&format!("`{command}")), "{command}");
        }
    }
    for code in [
        "| 0 |",
        "| 1 |",
        "| 2 |",
        "| 3 |",
        "| 4 |",
        "| 5 |",
        "| 130, 143 |",
    ] {
        assert!(readme.contains(code), "{code}");
    }
}

#[test]
fn every_field_in_the_table_of_types_is_what_is_said_there() {
    let readme = readme();
    let rows = readme
        .lines()
        .skip_while(|line| !line.starts_with("| field | inferred |"));
    let rows: Vec<Vec<&str>> = rows
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    let types: Vec<Declared> = rows[0][2..]
        .iter()
        .map(|name| Declared::new("x", parse_type(name.trim_matches('`')).unwrap()))
        .collect();
    let mut seen = 0;
    for row in &rows[2..] {
        for field in row[0].split('`').filter(|field| !field.trim().is_empty()) {
            let inferred = match classify(field) {
                DataType::Utf8 => "text",
                DataType::Boolean => "boolean",
                DataType::Int64 => "int64",
                DataType::Float64 => "float64",
                DataType::Date32 => "date",
                DataType::Timestamp(_, None) => "timestamp",
                _ => "timestamp in UTC",
            };
            assert_eq!(inferred, row[1], "{field}");
            for (column, said) in types.iter().zip(&row[2..]) {
                let takes = if Reading::new(column).takes(field) {
                    "yes"
                } else {
                    ""
                };
                assert_eq!(takes, *said, "{field} as {}", column.type_text());
            }
            seen += 1;
        }
    }
    assert!(seen > 30, "{seen}");
}

/// Does all that the console sessions do, and returns the SQL that is shown after them.
pub(crate) fn after_the_tour() -> (Sandbox, String) {
    let sandbox = sandbox();
    let mut sql = String::new();
    for block in blocks() {
        match block.language.as_str() {
            "console" => sessions(&block.text).iter().for_each(|session| {
                sandbox.shell(session.command);
            }),
            "sql" => sql.push_str(&block.text),
            _ => {}
        }
    }
    (sandbox, sql)
}

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.copy_fixtures("flights");
    sandbox
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

pub(crate) fn readme() -> String {
    fs::read_to_string(root().join("README.md")).unwrap()
}

fn blocks() -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for line in readme().lines() {
        match (line.strip_prefix("```"), open.as_mut()) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(language), None) => {
                open = Some(Block {
                    language: language.to_owned(),
                    text: String::new(),
                });
            }
            (None, Some(block)) => writeln!(block.text, "{line}").unwrap(),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block without an end");
    blocks
}

/// A command, and what the README shows after it.
struct Session<'a> {
    command: &'a str,
    shown: String,
}

fn sessions(text: &str) -> Vec<Session<'_>> {
    let mut sessions: Vec<Session<'_>> = Vec::new();
    for line in text.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            sessions.push(Session {
                command,
                shown: String::new(),
            });
        } else {
            let session = sessions
                .last_mut()
                .expect("a session begins with a command");
            writeln!(session.shown, "{line}").unwrap();
        }
    }
    sessions
}
