//! moto, which speaks like S3 and keeps everything in memory.

use std::process::Command;

use super::process::Process;
use super::{Holder, Sandbox, Server};

impl Server {
    /// Starts moto.
    pub(crate) fn moto(sandbox: &Sandbox) -> Self {
        Self::moto_with_pages_of(sandbox, 1000)
    }

    /// Starts one that puts so many keys on a page.
    pub(crate) fn moto_with_pages_of(sandbox: &Sandbox, keys: usize) -> Self {
        let mut command = Command::new(python());
        sandbox.seal(&mut command);
        command.env("MOTO_S3_DEFAULT_MAX_KEYS", keys.to_string());
        command.args(["-u", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]);
        let process = Process::start(command);
        let address = process.address("http://");
        let address = address.expect("the server tells its address");
        let server = Self {
            holder: Holder::Process(process),
            around_keys: ("/bucket/", ""),
            headers: "Authorization: AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/s3/aws4_request\r\n",
            variables: variables(&address),
            own_variables: variables(&address),
            address,
            bucket: "s3://bucket",
        };
        server.ask_with("", "PUT", "/bucket", b"");
        server
    }

    /// Returns how many pages moto was asked for, and how many objects, since the last call.
    pub(crate) fn take_requests(&self) -> (usize, usize) {
        let mut requests = (0, 0);
        for line in self.take_log() {
            if line.contains("GET /bucket?") {
                requests.0 += 1;
            } else if line.contains("GET /bucket/") {
                requests.1 += 1;
            } else if line.contains("HEAD /bucket/") {
                panic!("nobody needs {line}");
            }
        }
        requests
    }

    /// Returns what moto was asked for since the last call, as it tells that.
    pub(crate) fn take_log(&self) -> Vec<String> {
        // The server tells of a request before it answers, so all that came before this one has been told.
        let last = "/bucket?list-type=2&prefix=the-last-of-all";
        self.ask_with("", "GET", last, b"");
        self.log_until(last)
    }
}

/// Returns the interpreter for which packages are installed.
pub(super) fn python() -> std::ffi::OsString {
    std::env::var_os("READERS_PYTHON").expect("READERS_PYTHON, as .ci/run sets it")
}

/// Returns the variables by which the program comes into a server that speaks like S3.
pub(super) fn variables(address: &str) -> Vec<(&'static str, String)> {
    vec![
        ("AWS_ENDPOINT_URL", format!("http://{address}")),
        ("AWS_ALLOW_HTTP", "true".to_owned()),
        ("AWS_ACCESS_KEY_ID", "k".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "very secret".to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
    ]
}
