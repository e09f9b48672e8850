//! The process of a `SeaweedFS`, for tests and for benches.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use super::http::{ask, is_success};
use super::process::Process;

/// Who may do what: the program by its keys, and whoever has none, which are our own hands.
const ACCESS: &str = r#"{"identities": [
    {"name": "program", "credentials": [{"accessKey": "k", "secretKey": "very secret"}],
     "actions": ["Admin", "Read", "Write", "List"]},
    {"name": "anonymous", "actions": ["Admin", "Read", "Write", "List"]}
]}"#;

/// What listens, and where is for us to say.
const PORTS: [&str; 8] = [
    "s3.port",
    "s3.port.grpc",
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
];

/// Starts one that `command` makes, with the bucket `bucket`, over what lies in `home`; `words` say how large it may get.
/// Returns where it is, too.
pub(super) fn start(
    command: impl Fn() -> Command,
    home: &Path,
    words: &[&str],
) -> (Process, String) {
    std::fs::create_dir_all(home).unwrap();
    let access = home.join("access.json");
    std::fs::write(&access, ACCESS).unwrap();
    let tries = (0..3).find_map(|_| {
        let mut command = command();
        command.arg("server").args(["-filer", "-s3"]).args(words);
        command.arg(format!("-dir={}", home.display()));
        command.arg(format!("-s3.config={}", access.display()));
        start_once(command)
    });
    tries.expect("SeaweedFS starts")
}

/// Starts it on ports that were free a moment ago.
fn start_once(mut command: Command) -> Option<(Process, String)> {
    command.args([
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-master.telemetry=false",
        "-volume.preStopSeconds=0",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
    ]);
    let ports = free_ports();
    for (what, port) in PORTS.iter().zip(ports) {
        command.arg(format!("-{what}={port}"));
    }
    let process = Process::start(command);
    let address = format!("127.0.0.1:{}", ports[0]);
    // It answers before it has a place for bytes.
    let goes_well = |method, target| {
        let answer = ask(&address, "", method, target, b"x");
        answer.is_ok_and(|answer| is_success(&answer))
    };
    let has_bucket = || goes_well("GET", "/bucket?list-type=2&max-keys=1");
    let is_ready = process.is_ready(|| has_bucket() || goes_well("PUT", "/bucket"))
        && process.is_ready(|| goes_well("PUT", "/bucket/ready"))
        && process.is_ready(|| goes_well("DELETE", "/bucket/ready"));
    is_ready.then_some((process, address))
}

fn free_ports() -> [u16; PORTS.len()] {
    // All at once, or the same would come again.
    let listeners = PORTS.map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}
