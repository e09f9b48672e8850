//! The least of HTTP that it takes to put many small objects, and to list them: one request after another on a
//! connection that stays open.

#![expect(clippy::unwrap_used, reason = "a bench stops where it cannot go on")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// A connection with a server.
pub(crate) struct Wire {
    address: String,
    stream: BufReader<TcpStream>,
}

/// What stands on a page of a listing.
pub(crate) struct Page {
    /// Keys and sizes.
    pub(crate) objects: Vec<(String, u64)>,
    /// The token for the next page.
    pub(crate) next: Option<String>,
}

impl Wire {
    /// Connects.
    pub(crate) fn to(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            address: address.to_owned(),
            stream: BufReader::with_capacity(1 << 16, stream),
        }
    }

    /// Asks for something, which has to go well, and returns the body of the answer.
    pub(crate) fn ask(&mut self, method: &str, target: &str, body: &[u8]) -> Vec<u8> {
        let address = &self.address;
        let mut request = format!(
            "{method} {target} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        self.stream.get_mut().write_all(&request).unwrap();
        let status = self.line();
        let found = self.body();
        let is_good = status
            .split(' ')
            .nth(1)
            .unwrap_or_default()
            .starts_with('2');
        let told = String::from_utf8_lossy(&found);
        assert!(is_good, "{method} {target}: {status}: {told}");
        found
    }

    /// Asks for the page of a listing that follows `behind`, which is the token of the page before it.
    pub(crate) fn page(&mut self, bucket: &str, prefix: &str, behind: Option<&str>) -> Page {
        let prefix = prefix.replace('/', "%2F");
        let behind = behind.map(|token| token.replace('/', "%2F"));
        let behind = behind.map(|token| format!("&continuation-token={token}"));
        let target = format!(
            "/{bucket}?list-type=2&prefix={prefix}{}",
            behind.unwrap_or_default()
        );
        let text = String::from_utf8(self.ask("GET", &target, b"")).unwrap();
        let object = |text: &str| {
            let size = between(text, "<Size>").and_then(|size| size.parse().ok());
            (between(text, "<Key>").unwrap().to_owned(), size.unwrap())
        };
        Page {
            objects: text.split("<Contents>").skip(1).map(object).collect(),
            next: between(&text, "<NextContinuationToken>").map(str::to_owned),
        }
    }

    fn body(&mut self) -> Vec<u8> {
        let (mut length, mut is_chunked) = (0, false);
        loop {
            let line = self.line().to_ascii_lowercase();
            match line.split_once(':') {
                None => break,
                Some(("content-length", value)) => length = value.trim().parse().unwrap(),
                Some(("transfer-encoding", _)) => is_chunked = true,
                Some(_) => {}
            }
        }
        if !is_chunked {
            return self.bytes(length);
        }
        let mut body = Vec::new();
        loop {
            let length = usize::from_str_radix(&self.line(), 16).unwrap();
            body.append(&mut self.bytes(length));
            self.line();
            if length == 0 {
                return body;
            }
        }
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes).unwrap();
        bytes
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

/// Returns what stands behind a tag, up to the next one.
fn between<'a>(text: &'a str, tag: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(tag)?;
    rest.split('<').next()
}
