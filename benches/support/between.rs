//! Stands between the program and a server: takes note of every request, and lets each wait before it goes on.
//!
//! Requests on different connections wait side by side, as they do where the server is far away.

#![expect(clippy::unwrap_used, reason = "a bench stops where it cannot go on")]

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A request, as its first line has it.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// The path and the query.
    pub(crate) target: String,
}

impl Request {
    /// Returns the bucket and the key that it is about; a listing has the prefix for a key.
    pub(crate) fn place(&self) -> String {
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let prefix = query
            .split('&')
            .find_map(|word| word.strip_prefix("prefix="));
        match prefix {
            Some(prefix) if self.is_listing() => format!("{path}/{prefix}").replace("%2F", "/"),
            _ => path.to_owned(),
        }
    }

    /// Tells whether it asks for a page of a listing.
    pub(crate) fn is_listing(&self) -> bool {
        self.method == "GET" && self.target.contains("list-type=2")
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.target)
    }
}

/// Returns requests as lines, for whoever stops a bench because of them.
pub(crate) fn lines(requests: &[&Request]) -> String {
    let lines = requests.iter().map(|request| format!("\n  {request}"));
    lines.collect()
}

/// What stands between.
pub(crate) struct Between {
    address: String,
    shared: Arc<Shared>,
}

struct Shared {
    server: String,
    wait: Mutex<Duration>,
    noted: Mutex<Vec<Request>>,
}

impl Between {
    /// Stands before `server`, and lets nothing wait yet.
    pub(crate) fn before(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shared = Arc::new(Shared {
            server: server.to_owned(),
            wait: Mutex::default(),
            noted: Mutex::default(),
        });
        let carried = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, shared) = (client.unwrap(), Arc::clone(&carried));
                // Whoever has gone is no trouble: the program says so itself where it misses something.
                thread::spawn(move || drop(carry(&client, &shared)));
            }
        });
        Self { address, shared }
    }

    /// Where it stands.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Lets each request wait so long from now on.
    pub(crate) fn wait_for(&self, wait: Duration) {
        *self.shared.wait.lock().unwrap() = wait;
    }

    /// Returns what was asked for since the last call.
    pub(crate) fn take(&self) -> Vec<Request> {
        std::mem::take(&mut *self.shared.noted.lock().unwrap())
    }
}

/// Carries requests to and answers fro for as long as the client has any.
fn carry(client: &TcpStream, shared: &Shared) -> io::Result<()> {
    let server = TcpStream::connect(&shared.server)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut answers, mut back) = (server.try_clone()?, client.try_clone()?);
    thread::spawn(move || {
        let copied = io::copy(&mut answers, &mut back);
        back.shutdown(Shutdown::Both).and(copied)
    });
    let mut requests = BufReader::with_capacity(1 << 16, client);
    while let Some((head, length)) = head(&mut requests)? {
        let mut words = head.split(' ').map(str::to_owned);
        shared.noted.lock().unwrap().push(Request {
            method: words.next().unwrap_or_default(),
            target: words.next().unwrap_or_default(),
        });
        let wait = *shared.wait.lock().unwrap();
        thread::sleep(wait);
        (&server).write_all(head.as_bytes())?;
        io::copy(&mut requests.by_ref().take(length), &mut &server)?;
    }
    server.shutdown(Shutdown::Both)
}

/// Reads the head of a request; returns it with the length of the body that follows.
fn head(requests: &mut impl BufRead) -> io::Result<Option<(String, u64)>> {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let begin = head.len();
        if requests.read_line(&mut head)? == 0 {
            return Ok(None);
        }
        let line = head[begin..].trim_end().to_ascii_lowercase();
        match line.split_once(':') {
            None if line.is_empty() => return Ok(Some((head, length))),
            Some(("content-length", value)) => {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
            // Nobody here sends bodies without saying how long they are.
            Some(("transfer-encoding", _)) => return Err(io::ErrorKind::Unsupported.into()),
            _ => {}
        }
    }
}
