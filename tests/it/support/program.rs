//! The real program in a sealed environment: its own home, a far-off time zone, no variable of the caller's.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

/// A directory in which the program is called.
pub(crate) struct Sandbox {
    directory: TempDir,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("home")).unwrap();
        fs::create_dir(directory.path().join("work")).unwrap();
        Self { directory }
    }

    /// Returns a path in the directory in which the program is called.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.directory.path().join("work").join(relative)
    }

    /// Writes a file that nobody has written to for long, at the same instant in every test.
    pub(crate) fn write(&self, relative: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        settle(&path, 0);
    }

    /// Copies a directory of `fixtures`, as files that nobody has written to for long.
    pub(crate) fn copy_fixtures(&self, name: &str) {
        copy(&fixtures().join(name), &self.path("fixtures").join(name));
    }

    /// Returns a command in the sealed environment.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_strandline"));
        self.seal(&mut command);
        command.args(words);
        command
    }

    /// Seals the environment of a command.
    pub(crate) fn seal(&self, command: &mut Command) {
        command
            .env_clear()
            .env("HOME", self.directory.path().join("home"))
            .env("TZ", "Pacific/Chatham")
            .env("LC_ALL", "tr_TR.UTF-8")
            .current_dir(self.path(""))
            .stdin(Stdio::null());
    }

    /// Calls the program and waits for its end.
    pub(crate) fn call(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// Calls the program, which has to succeed.
    pub(crate) fn succeed(&self, words: &[&str]) -> String {
        let output = self.call(words);
        assert!(
            output.status.success(),
            "{words:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Sandbox {
    /// Runs a line of shell in which `strandline` is the program, and returns all that it says.
    pub(crate) fn shell(&self, line: &str) -> String {
        let bin = self.directory.path().join("bin");
        if !bin.exists() {
            fs::create_dir(&bin).unwrap();
            symlink(env!("CARGO_BIN_EXE_strandline"), bin.join("strandline")).unwrap();
        }
        let mut command = Command::new("/bin/sh");
        self.seal(&mut command);
        let output = command
            .env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
            .env("LC_ALL", "C")
            .args(["-c", &format!("exec 2>&1; {line}")])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{line}: {text}");
        text
    }
}

/// Returns where the fixtures are.
pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// Dates a file back: to a fixed instant, and `seconds` later.
pub(crate) fn settle(path: &Path, seconds: u64) {
    let instant = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_600_000 + seconds);
    let file = File::options().write(true).open(path).unwrap();
    file.set_modified(instant).unwrap();
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        fs::copy(from, to).unwrap();
        settle(to, 0);
    }
}
