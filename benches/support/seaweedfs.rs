//! A `SeaweedFS` on loopback, which is an object store on this machine's disk.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a bench stops where it cannot go on"
)]

#[path = "../../tests/it/support/server/http.rs"]
mod http;
#[expect(
    dead_code,
    reason = "this server does not tell its address, nor is its log read"
)]
#[path = "../../tests/it/support/server/process.rs"]
mod process;
#[path = "../../tests/it/support/server/weed.rs"]
mod weed;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::between::{Between, Request};
use crate::support::{Measured, strandline};
use process::Process;

/// The server, for as long as it is held, and who stands before it.
pub(crate) struct SeaweedFs {
    _process: Process,
    /// Where it is.
    pub(crate) address: String,
    /// Who stands before it.
    pub(crate) between: Between,
}

impl SeaweedFs {
    /// Starts it over what lies in `home`.
    pub(crate) fn over(home: &Path) -> Self {
        let program = python().with_file_name("weed");
        let roomy = [
            "-master.volumeSizeLimitMB=1024",
            "-volume.max=100",
            // Objects of a few bytes lie where their names do.
            "-filer.saveToFilerLimit=1024",
        ];
        let (process, address) = weed::start(|| Command::new(&program), home, &roomy);
        Self {
            _process: process,
            between: Between::before(&address),
            address,
        }
    }
}

/// Returns the program, which comes in at `address`: that of a server, or of who stands before it.
pub(crate) fn strandline_at(address: &str) -> Command {
    let mut command = strandline();
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
        command.env_remove(name);
    }
    command.envs([
        ("AWS_ENDPOINT_URL", format!("http://{address}").as_str()),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_ACCESS_KEY_ID", "k"),
        ("AWS_SECRET_ACCESS_KEY", "very secret"),
        ("AWS_REGION", "us-east-1"),
    ]);
    command
}

/// Returns the requests of a run that passed between, which the report of the run has counted as well.
pub(crate) fn asked(between: &Between, run: &Measured) -> Vec<Request> {
    let asked = between.take();
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let counted = report["requests"].as_object().unwrap();
    let counted: u64 = counted.values().filter_map(Value::as_u64).sum();
    assert_eq!(
        counted,
        asked.len() as u64,
        "requests by the report, and between"
    );
    asked
}

/// The Python that has the server and whom strandline is compared with.
pub(crate) fn python() -> PathBuf {
    let python = std::env::var_os("READERS_PYTHON").map(PathBuf::from);
    python.expect(
        "READERS_PYTHON names a Python with what tests/it/format/readers.txt lists, as .ci/run installs it: \
         a SeaweedFS comes with that",
    )
}
