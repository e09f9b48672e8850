//! The map of the rooms, enforced: which room may name what. A breach is told with its file, its line and the row
//! of the table that it breaks.

use std::fs;
use std::path::{Path, PathBuf};

const CORE: [&str; 5] = ["model", "detect", "plan", "schema", "config"];
const ADAPTERS: [&str; 7] = [
    "source",
    "sink",
    "ledger",
    "decode",
    "transform",
    "encode",
    "hints",
];
const ABOVE_ADAPTERS: [&str; 4] = ["engine", "daemon", "dashboard", "cli"];

/// A row of the table: what must not be named, and where.
struct Row {
    text: &'static str,
    applies: fn(room: &str) -> bool,
    forbidden: &'static [&'static str],
}

const ROWS: [Row; 16] = [
    Row {
        text: "the pure rooms do no I/O: no files, sockets, env, clock, threads, logging, stores, batches",
        applies: |room| CORE.contains(&room),
        forbidden: &[
            "std::fs",
            "std::net",
            "std::env",
            "std::thread",
            "std::process",
            "SystemTime",
            "Instant",
            "tracing",
            "log::",
            "redb",
            "object_store",
            "rayon",
            "arrow::",
            "parquet::",
            "rustix",
            "crate::clock",
            "crate::durable",
        ],
    },
    Row {
        text: "only ledger names redb",
        applies: |room| room != "ledger",
        forbidden: &["redb"],
    },
    Row {
        text: "only store, source and sink name object_store",
        applies: |room| !["store", "source", "sink"].contains(&room),
        forbidden: &["object_store"],
    },
    Row {
        text: "only store names rustls",
        applies: |room| room != "store",
        forbidden: &["rustls"],
    },
    Row {
        text: "only engine names rayon",
        applies: |room| room != "engine",
        forbidden: &["rayon"],
    },
    Row {
        text: "only engine, daemon, dashboard and the progress line of cli start threads",
        applies: |room| !["engine", "daemon", "dashboard", "cli"].contains(&room),
        forbidden: &["thread::spawn", "thread::scope", "thread::Builder"],
    },
    Row {
        text: "only transform names the crates of DataFusion",
        applies: |room| room != "transform",
        forbidden: &["datafusion", "sqlparser"],
    },
    Row {
        text: "only main names libc",
        applies: |room| room != "main",
        forbidden: &["libc::"],
    },
    Row {
        text: "only transform and encode name foldhash",
        applies: |room| !["transform", "encode"].contains(&room),
        forbidden: &["foldhash"],
    },
    Row {
        text: "only hints names hyper",
        applies: |room| room != "hints",
        forbidden: &["hyper::", "hyper_util", "http_body_util"],
    },
    Row {
        text: "only transform names crc32fast",
        applies: |room| room != "transform",
        forbidden: &["crc32fast"],
    },
    Row {
        text: "only durable renames, syncs, removes and truncates",
        applies: |room| room != "durable",
        forbidden: &[
            "fs::rename",
            "fs::remove_file",
            "fs::remove_dir",
            "fs::remove_dir_all",
            "fs::write",
            "File::create",
            "sync_all",
            "sync_data",
            "renameat",
            "unlinkat",
            "fsync",
            "truncate(true)",
        ],
    },
    Row {
        text: "only clock reads the time",
        applies: |room| room != "clock",
        forbidden: &["SystemTime::now", "Instant::now"],
    },
    Row {
        text: "only cli names clap, prints and reads the environment",
        applies: |room| room != "cli",
        forbidden: &[
            "clap",
            "println!",
            "print!",
            "eprintln!",
            "eprint!",
            "dbg!",
            "io::stdout",
            "io::stderr",
            "env::var",
            "env::vars",
            "env::args",
        ],
    },
    Row {
        text: "dashboard holds no writable ledger",
        applies: |room| room == "dashboard",
        forbidden: &["WriteLedger", "begin_write"],
    },
    Row {
        text: "only main ends the process",
        applies: |room| room != "main",
        forbidden: &["process::exit", "process::abort"],
    },
];

/// Rooms below others: who must not import whom.
fn must_not_import(room: &str, other: &str) -> bool {
    let is_core = |name: &str| CORE.contains(&name);
    let is_adapter = |name: &str| ADAPTERS.contains(&name);
    let is_above = |name: &str| ABOVE_ADAPTERS.contains(&name);
    if room == other {
        return false;
    }
    match room {
        _ if is_core(room) => is_adapter(other) || is_above(other),
        _ if is_adapter(room) => is_adapter(other) || is_above(other),
        "store" => !["store", "model", "config", "clock", "durable"].contains(&other),
        "clock" | "durable" => other != "model" && other != "clock" && other != "durable",
        "engine" | "daemon" | "dashboard" => ["daemon", "dashboard", "cli"].contains(&other),
        _ => false,
    }
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort_unstable();
    found
}

fn manifest() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn room(path: &Path) -> String {
    let below = path.strip_prefix(manifest().join("src")).unwrap();
    let first = below.components().next().unwrap().as_os_str();
    Path::new(first)
        .file_stem()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned()
}

/// Returns the numbered lines of code: no comments, and nothing from the unit tests at the end on.
fn code(text: &str) -> Vec<(usize, &str)> {
    let lines = text.lines().enumerate();
    let lines = lines.take_while(|(_, line)| line.trim() != "#[cfg(test)]");
    let code = lines.map(|(index, line)| (index + 1, line.split("//").next().unwrap_or(line)));
    code.filter(|(_, line)| !line.trim().is_empty()).collect()
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Tells whether `line` names `word`, and not something that merely contains it. Implementing a foreign trait's
/// function of that name (redb's storage has a `sync_data`) is not calling it.
fn names(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        if line[..at].ends_with("fn ") {
            return false;
        }
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let ends_open = !word.ends_with(is_word);
        !before.is_some_and(is_word) && (ends_open || !after.is_some_and(is_word))
    })
}

/// Returns the rooms that a line imports by `crate::`, a braced list included.
fn imports(line: &str) -> Vec<&str> {
    let mut rooms = Vec::new();
    for (at, word) in line.match_indices("crate::") {
        let rest = &line[at + word.len()..];
        let list = match rest.strip_prefix('{') {
            Some(list) => list.split(',').collect(),
            None => vec![rest],
        };
        for item in list {
            let item = item.trim_start();
            rooms.push(&item[..item.find(|c| !is_word(c)).unwrap_or(item.len())]);
        }
    }
    rooms
}

fn breaches(room: &str, text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in code(text) {
        for row in ROWS.iter().filter(|row| (row.applies)(room)) {
            for word in row.forbidden.iter().filter(|word| names(line, word)) {
                found.push((number, format!("names {word}, but {}", row.text)));
            }
        }
        for other in imports(line)
            .into_iter()
            .filter(|other| must_not_import(room, other))
        {
            found.push((number, format!("{room} must not import {other}")));
        }
    }
    found
}

#[test]
fn every_room_keeps_to_its_row_of_the_table() {
    let mut found = Vec::new();
    for path in files(&manifest().join("src")) {
        if path
            .file_stem()
            .is_some_and(|name| name.to_string_lossy().ends_with("tests"))
        {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for (line, breach) in breaches(&room(&path), &text) {
            found.push(format!("{}:{line}: {breach}", path.display()));
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn a_breach_of_each_kind_is_noticed() {
    for (room, line) in [
        ("plan", "use std::fs::File;"),
        ("config", "let now = Instant::now();"),
        ("schema", "use arrow::array::ArrayRef;"),
        ("engine", "use redb::Database;"),
        ("ledger", "use object_store::path::Path;"),
        ("source", "use rayon::prelude::*;"),
        ("sink", "fn f(error: &rustls::Error) {}"),
        ("decode", "std::thread::spawn(f);"),
        ("encode", "use datafusion::prelude::*;"),
        ("sink", "std::fs::rename(a, b)?;"),
        ("engine", "file.sync_all()?;"),
        ("engine", "let now = SystemTime::now();"),
        ("engine", "println!(\"x\");"),
        ("cli", "std::process::exit(1);"),
        ("sink", "use crate::source::Source;"),
        ("model", "use crate::{engine, config};"),
        ("ledger", "fn f(x: &crate::engine::Run) {}"),
        ("durable", "use crate::sink::Sink;"),
        ("dashboard", "fn f(ledger: &WriteLedger) {}"),
    ] {
        assert!(!breaches(room, line).is_empty(), "{room}: {line}");
    }
}

#[test]
fn what_is_allowed_is_no_breach() {
    for (room, line) in [
        ("ledger", "use redb::Database;"),
        ("engine", "use rayon::prelude::*;"),
        ("schema", "use arrow_schema::DataType;"),
        ("plan", "// std::fs is for others"),
        ("sink", "use crate::durable::{Disk, Kind};"),
        ("source", "use crate::config::Links;"),
        ("engine", "use crate::{ledger, sink, source};"),
        ("main", "std::process::exit(1);"),
        ("model", "#[cfg(test)]\nuse std::fs;"),
    ] {
        assert_eq!(breaches(room, line), vec![], "{room}: {line}");
    }
}

#[test]
fn no_test_file_is_forgotten() {
    let tests = manifest().join("tests/it");
    for path in files(&tests) {
        let is_module = path.file_name().is_some_and(|name| name == "mod.rs");
        let module = if is_module {
            path.parent().unwrap()
        } else {
            &path
        };
        if path == tests.join("main.rs") {
            continue;
        }
        let above = module.parent().unwrap();
        let list = if above == tests { "main.rs" } else { "mod.rs" };
        let wired = format!("mod {};", module.file_stem().unwrap().display());
        let text = fs::read_to_string(above.join(list)).unwrap_or_default();
        assert!(
            text.lines().any(|line| is_module_line(line, &wired)),
            "{} is not listed in {}",
            path.display(),
            above.join(list).display()
        );
    }
}

fn is_module_line(line: &str, wired: &str) -> bool {
    ["", "pub ", "pub(crate) ", "pub(super) "]
        .iter()
        .any(|visibility| line.trim().strip_prefix(visibility) == Some(wired))
}
