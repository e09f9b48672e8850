//! `SeaweedFS`, which speaks like S3, keeps everything on the disk, and lists in the order of a tree.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;

use super::process::Process;
use super::{Holder, Sandbox, Server, ask, is_success, moto};

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

impl Server {
    /// Starts `SeaweedFS`.
    pub(crate) fn seaweedfs(sandbox: &Sandbox) -> Self {
        let tries = (0..3).find_map(|_| Self::try_seaweedfs(sandbox));
        tries.expect("SeaweedFS starts")
    }

    /// Starts one that tells of its events by posting to `url`.
    pub(crate) fn seaweedfs_that_tells(sandbox: &Sandbox, url: &str) -> Self {
        let told = format!("[notification.webhook]\nenabled = true\nendpoint = \"{url}\"\n");
        // It looks for this where it is started.
        std::fs::write(sandbox.path("notification.toml"), told).unwrap();
        Self::seaweedfs(sandbox)
    }

    /// Starts it on ports that were free a moment ago.
    fn try_seaweedfs(sandbox: &Sandbox) -> Option<Self> {
        let home = sandbox.path("seaweedfs");
        std::fs::create_dir_all(&home).unwrap();
        let access = home.join("access.json");
        std::fs::write(&access, ACCESS).unwrap();
        let program = PathBuf::from(moto::python()).with_file_name("weed");
        let mut command = Command::new(program);
        sandbox.seal(&mut command);
        command.arg("server").args(["-filer", "-s3"]);
        for word in [
            format!("-dir={}", home.display()),
            format!("-s3.config={}", access.display()),
            "-ip=127.0.0.1".to_owned(),
            "-ip.bind=127.0.0.1".to_owned(),
            "-master.volumeSizeLimitMB=64".to_owned(),
            "-master.telemetry=false".to_owned(),
            "-volume.max=32".to_owned(),
            "-volume.preStopSeconds=0".to_owned(),
            "-s3.port.iceberg=0".to_owned(),
            "-s3.port.lance=0".to_owned(),
        ] {
            command.arg(word);
        }
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
        let is_ready = process.is_ready(|| goes_well("PUT", "/bucket"))
            && process.is_ready(|| goes_well("PUT", "/bucket/ready"))
            && process.is_ready(|| goes_well("DELETE", "/bucket/ready"));
        is_ready.then(|| Self {
            variables: moto::variables(&address),
            own_variables: moto::variables(&address),
            address,
            holder: Holder::Process(process),
            around_keys: ("/bucket/", ""),
            headers: "",
            bucket: "s3://bucket",
        })
    }
}

fn free_ports() -> [u16; PORTS.len()] {
    // All at once, or the same would come again.
    let listeners = PORTS.map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}
