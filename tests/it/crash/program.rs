//! The real program on the real disk: how the suites here start it, signal it, and look at what it left.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

use super::check::parquet_rows;

/// A source, a target and the program.
pub(crate) struct Place {
    directory: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("in")).unwrap();
        Self { directory }
    }

    pub(crate) fn source(&self) -> PathBuf {
        self.directory.path().join("in")
    }

    pub(crate) fn target(&self) -> PathBuf {
        self.directory.path().join("out")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.target().join("_strandline")
    }

    /// Writes a source file.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.source().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_strandline"));
        command
            .args(words)
            .env_clear()
            .current_dir(self.directory.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn call(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// Starts `strandline run` from the source to the target.
    pub(crate) fn start(&self) -> Child {
        let mut command = self.command(&RUN);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// Runs `strandline run` to its end, which has to be a good one.
    pub(crate) fn run(&self) {
        demand_success(&self.call(&RUN));
    }

    /// Returns every row of the target, sorted, with its partition.
    pub(crate) fn rows(&self) -> Vec<String> {
        rows_of(&self.target())
    }

    /// Returns the rows that a first load into an empty target gives.
    pub(crate) fn full_load(&self) -> Vec<String> {
        let target = self.directory.path().join("fresh");
        demand_success(&self.call(&["run", "in", "fresh", "--settle", "0s"]));
        let rows = rows_of(&target);
        fs::remove_dir_all(target).unwrap();
        rows
    }

    /// Returns what a finished run must not have left, and what `verify --deep` complains of.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let mut out: Vec<String> = files_below(&self.state())
            .into_keys()
            .filter(|name| !["gate", "ledger.redb", "lock", "mark"].contains(&name.as_str()))
            .map(|name| format!("{name} is left over"))
            .collect();
        let verified = self.call(&["verify", "out", "--deep"]);
        if !verified.status.success() {
            out.push(format!("verify: {verified:?}"));
        }
        out
    }
}

const RUN: [&str; 5] = ["run", "in", "out", "--settle", "0s"];

pub(crate) fn demand_success(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{}", words(output));
}

/// Returns what the program said.
pub(crate) fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Sends the signal `name` to a child that has not been waited for.
pub(crate) fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    let sent = Command::new("kill").args(["-s", name, &pid]).status();
    assert!(sent.unwrap().success());
}

/// Returns the files below a directory by their relative names.
pub(crate) fn files_below(directory: &Path) -> BTreeMap<String, PathBuf> {
    let mut files = BTreeMap::new();
    let mut todo = vec![directory.to_owned()];
    while let Some(place) = todo.pop() {
        for entry in fs::read_dir(&place).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                todo.push(path);
            } else {
                let name = path.strip_prefix(directory).unwrap();
                files.insert(name.to_string_lossy().into_owned(), path.clone());
            }
        }
    }
    files
}

fn rows_of(target: &Path) -> Vec<String> {
    let mut rows = Vec::new();
    for (name, path) in files_below(target) {
        if name.starts_with("_strandline") {
            continue;
        }
        let bytes = fs::read(path).unwrap();
        let partition = Path::new(&name).parent().unwrap().to_string_lossy();
        rows.extend(parquet_rows(&bytes, &partition).unwrap());
    }
    rows.sort();
    rows
}
