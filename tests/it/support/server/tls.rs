//! TLS in front of a server, by a certificate that only a CA of its own vouches for.

use std::path::Path;
use std::process::Command;

use super::process::Process;
use super::{Sandbox, Server, moto};

/// What speaks TLS.
pub(crate) struct Tls {
    process: Process,
    address: String,
    ca: String,
    other_ca: String,
}

impl Tls {
    /// Starts it before a server, with a certificate for `name`.
    pub(crate) fn before(server: &Server, sandbox: &Sandbox, name: &str) -> Self {
        let directory = sandbox.path(&format!("tls-{name}"));
        std::fs::create_dir_all(&directory).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support/server/tls.py");
        let mut command = Command::new(moto::python());
        sandbox.seal(&mut command);
        command.arg(script).arg(&server.address);
        command.arg(&directory).arg(name);
        let process = Process::start(command);
        let address = process.address("https://");
        Self {
            process,
            address: address.expect("it tells its address"),
            ca: directory.join("ca.pem").display().to_string(),
            other_ca: directory.join("other.pem").display().to_string(),
        }
    }

    /// Returns where it is.
    pub(crate) fn endpoint(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Returns the file with the certificate of the CA that vouches for it.
    pub(crate) fn ca(&self) -> &str {
        &self.ca
    }

    /// Returns a file with the certificate of another CA.
    pub(crate) fn other_ca(&self) -> &str {
        &self.other_ca
    }

    /// Waits for somebody who asks for a role, and returns how.
    pub(crate) fn role_asked_for(&self) -> String {
        let asked = self.process.lines_until("gave out a role");
        asked.join("\n")
    }
}
