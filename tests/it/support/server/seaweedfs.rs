//! `SeaweedFS`, which speaks like S3, keeps everything on the disk, and lists in the order of a tree.

use std::path::PathBuf;
use std::process::Command;

use super::{Holder, Sandbox, Server, moto, weed};

impl Server {
    /// Starts one that tells of its events by posting to `url`.
    pub(crate) fn seaweedfs_that_tells(sandbox: &Sandbox, url: &str) -> Self {
        let told = format!("[notification.webhook]\nenabled = true\nendpoint = \"{url}\"\n");
        // It looks for this where it is started.
        std::fs::write(sandbox.path("notification.toml"), told).unwrap();
        Self::seaweedfs(sandbox)
    }

    /// Starts `SeaweedFS`.
    pub(crate) fn seaweedfs(sandbox: &Sandbox) -> Self {
        let program = PathBuf::from(moto::python()).with_file_name("weed");
        let sealed = || {
            let mut command = Command::new(&program);
            sandbox.seal(&mut command);
            command
        };
        let small = ["-master.volumeSizeLimitMB=64", "-volume.max=32"];
        let (process, address) = weed::start(sealed, &sandbox.path("seaweedfs"), &small);
        Self {
            variables: moto::variables(&address),
            own_variables: moto::variables(&address),
            address,
            holder: Holder::Process(process),
            around_keys: ("/bucket/", ""),
            headers: "",
            bucket: "s3://bucket",
        }
    }
}
