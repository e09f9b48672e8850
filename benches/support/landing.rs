//! A landing zone of many small files with a target into which they are loaded: made once, kept for the next time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use super::{Measured, data, measure, strandline, tell, tree};

/// A source of small files, and its target.
pub struct Landing {
    /// How many files.
    pub files: u64,
    /// What they hold.
    pub bytes: u64,
    /// The directory that they lie in.
    pub source: PathBuf,
    target: PathBuf,
}

/// Directories that the files lie in.
const DIRECTORIES: u64 = 1_000;

impl Landing {
    /// Returns a landing zone of `files` files, all of them loaded; tells what loading took where it had to be done.
    pub fn loaded(files: u64) -> Self {
        let home = data(&format!("landing-{files}"));
        let landing = Self {
            files,
            bytes: 0,
            source: home.join("in"),
            target: home.join("out"),
        };
        let is_planted = home.join("planted");
        let bytes = fs::read_to_string(&is_planted).ok();
        let bytes = bytes.and_then(|bytes| bytes.parse().ok());
        let landing = Self {
            bytes: bytes.unwrap_or_else(|| plant(&home, files, &is_planted)),
            ..landing
        };
        if !landing.target.join("_strandline/ledger.redb").exists() {
            tell("first load", "files", files, landing.bytes, &landing.run());
        }
        // Whatever is left of an earlier time, and of stamps too fresh to trust, is settled by a run that does not
        // count.
        landing.run();
        landing
    }

    /// Runs the program over it.
    pub fn run(&self) -> Measured {
        let mut command = strandline();
        command.args(["run", "--json", "--quiet", "--settle", "0s"]);
        measure(command.arg(&self.source).arg(&self.target))
    }

    /// Walks over the source and does nothing else, in a process of its own: the bench itself, see [`walk_mode`].
    pub fn walk(&self) -> Measured {
        let mut command = Command::new(std::env::current_exe().unwrap());
        measure(command.arg("--walk").arg(&self.source))
    }

    /// Gives one file in the middle a new content.
    pub fn change(&self, version: u64) {
        let each = self.files.div_ceil(DIRECTORIES);
        let directory = DIRECTORIES / 2;
        let file = directory * each + each / 2;
        let path = self.source.join(format!("sensor-{directory:05}"));
        fs::write(path.join(tree::name(file)), tree::content(file, version)).unwrap();
    }
}

/// Where the bench was started as `--walk DIRECTORY`: walks and returns true.
pub fn walk_mode() -> bool {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, flag, directory] = arguments.as_slice() else {
        return false;
    };
    if flag == "--walk" {
        tree::walk(Path::new(directory));
    }
    flag == "--walk"
}

fn plant(home: &Path, files: u64, is_planted: &Path) -> u64 {
    fs::remove_dir_all(home).ok();
    let bytes = tree::plant(&home.join("in"), DIRECTORIES, files);
    // Until no stamp is too fresh to trust.
    thread::sleep(Duration::from_secs(3));
    fs::write(is_planted, bytes.to_string()).unwrap();
    bytes
}
