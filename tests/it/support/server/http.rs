//! The least of HTTP: a request on a connection of its own.

use std::io::{Read, Write};
use std::net::TcpStream;

/// Asks for something, and returns all that is answered.
pub(super) fn ask(
    address: &str,
    headers: &str,
    method: &str,
    target: &str,
    body: &[u8],
) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    write!(
        stream,
        "{method} {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    )?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

pub(super) fn is_success(answer: &str) -> bool {
    let status = answer.split(' ').nth(1).unwrap_or_default();
    status.starts_with('2')
}
