//! The map of the rooms, enforced: which room may name what. A breach is told with its file, its line and the row
//! of the table that it breaks.

use std::fs;
use std::path::{Path, PathBuf};

const CORE: [&str; 5] = ["model", "detect", "plan", "schema", "config"];
const ADAPTERS: [&str; 6] = ["source", "sink", "ledger", "decode", "transform", "encode"];
const ABOVE_ADAPTERS: [&str; 4] = ["engine", "daemon", "dashboard", "cli"];

/// A row of the table: what must not be named, and where.
struct Row {
    text: &'static str,
    applies: fn(room: &str) -> bool,
    forbidden: &'static [&'static str],
}

const ROWS: [Row; 11] = [
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
        text: "only source and sink name object_store",
        applies: |room| !["source", "sink"].contains(&room),
        forbidden: &["object_store"],
    },
    Row {
        text: "only engine names rayon",
        applies: |room| room != "engine",
        forbidden: &["rayon"],
    },
    Row {
        text: "only engine, daemon and dashboard start threads",
        applies: |room| !["engine", "daemon", "dashboard"].contains(&room),
        forbidden: &["thread::spawn", "thread::scope", "thread::Builder"],
    },
    Row {
        text: "only transform names the crates of DataFusion",
        applies: |room| room != "transform",
        forbidden: &["datafusion"],
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
            "create_new",
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
        "clock" | "durable" => other != "model" && other != "clock" && other != "durable",
        "engine" => ["daemon", "dashboard", "cli"].contains(&other),
        "daemon" | "dashboard" => ["daemon", "dashboard", "cli"].contains(&other),
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
    let lines = text.lines().any(|line| line
                .trim_start_matches("pub(crate) ")
                .trim_start_matches("pub ")
                == wired),
            "{} is not listed in {}",
            path.display(),
            above.join(list).display()
        );
    }
}
