//! Where hints come from: a queue, or an endpoint of our own that stores post to.

// An address alone; sockets are none of this room.
use core::net::IpAddr;
use std::fmt;

use super::place::without_secrets;

/// Where hints come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventsPlace {
    /// A queue of SQS, which is asked.
    Queue(QueueUrl),
    /// An address of this machine, at which stores tell.
    Endpoint(EndpointUrl),
}

/// The URL of a queue of SQS, as that has it, but for the scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueUrl {
    authority: String,
    path: String,
    is_plain: bool,
}

impl QueueUrl {
    /// Returns the URL by which SQS knows the queue.
    #[must_use]
    pub fn address(&self) -> String {
        let scheme = if self.is_plain { "http" } else { "https" };
        format!("{scheme}://{}/{}", self.authority, self.path)
    }

    /// Returns the address that requests go to.
    #[must_use]
    pub fn endpoint(&self) -> String {
        let address = self.address();
        let path = address.len() - self.path.len();
        address[..path].to_owned()
    }

    /// Returns the region that the host names, as those of Amazon do.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        let host = self.authority.split(':').next().unwrap_or_default();
        if !host.contains(".amazonaws.com") {
            return None;
        }
        let mut parts = host.split('.').skip_while(|part| *part != "sqs").skip(1);
        parts.next()
    }

    /// Tells whether it is reached without encryption.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.is_plain
    }
}

impl fmt::Display for QueueUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_plain { "sqs+http" } else { "sqs" };
        write!(f, "{scheme}://{}/{}", self.authority, self.path)
    }
}

/// An address of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointUrl {
    host: IpAddr,
    port: u16,
    path: String,
}

impl EndpointUrl {
    /// Returns the address to listen at; a port of 0 is any that is free.
    #[must_use]
    pub fn address(&self) -> (IpAddr, u16) {
        (self.host, self.port)
    }

    /// Returns the path that is posted to, with the `/` before it.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Tells whether only this machine reaches it.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.host.is_loopback()
    }

    /// Returns the same with the port that was free.
    #[must_use]
    pub fn at_port(self, port: u16) -> Self {
        Self { port, ..self }
    }
}

impl fmt::Display for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host {
            IpAddr::V4(host) => write!(f, "http://{host}:{}{}", self.port, self.path),
            IpAddr::V6(host) => write!(f, "http://[{host}]:{}{}", self.port, self.path),
        }
    }
}

/// A text that names no place where hints come from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventsError {
    /// It has a user, a password or a query.
    #[error("{url} is written with more than a host and a path, which may be secret")]
    Secret {
        /// The URL, without what may be secret.
        url: String,
    },
    /// It is neither a queue nor an address to listen at.
    #[error(
        "it must be none, a queue (sqs://HOST/ACCOUNT/QUEUE) or an address to listen at (http://127.0.0.1:PORT/)"
    )]
    Scheme,
    /// It names no queue.
    #[error("a queue is written as sqs://HOST/ACCOUNT/QUEUE, its URL with sqs:// for https://")]
    Queue,
    /// It names no address.
    #[error(
        "an address to listen at is written as http://IP:PORT/ (127.0.0.1 for this machine alone, 0.0.0.0 for all)"
    )]
    Endpoint,
}

impl EventsPlace {
    /// Reads a place; `none` is none.
    ///
    /// # Errors
    /// [`EventsError`].
    pub fn parse(text: &str) -> Result<Option<Self>, EventsError> {
        if text == "none" {
            return Ok(None);
        }
        let (scheme, rest) = text.split_once("://").ok_or(EventsError::Scheme)?;
        if rest.contains(['?', '#', '@']) {
            let url = without_secrets(text);
            return Err(EventsError::Secret { url });
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        match scheme {
            "sqs" | "sqs+http" => {
                let path = path.trim_end_matches('/');
                if !is_authority(authority) || path.split('/').any(str::is_empty) {
                    return Err(EventsError::Queue);
                }
                Ok(Some(Self::Queue(QueueUrl {
                    authority: authority.to_owned(),
                    path: path.to_owned(),
                    is_plain: scheme == "sqs+http",
                })))
            }
            "http" => {
                let (host, port) = authority.rsplit_once(':').ok_or(EventsError::Endpoint)?;
                let host = match host {
                    "localhost" => "127.0.0.1",
                    host => host.trim_start_matches('[').trim_end_matches(']'),
                };
                let host = host.parse().map_err(|_| EventsError::Endpoint)?;
                let port = port.parse().map_err(|_| EventsError::Endpoint)?;
                let path = format!("/{path}");
                Ok(Some(Self::Endpoint(EndpointUrl { host, port, path })))
            }
            _ => Err(EventsError::Scheme),
        }
    }
}

/// Tells whether a text is a host, perhaps with a port.
fn is_authority(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, port.parse::<u16>().is_ok()),
        None => (text, true),
    };
    let is_plain = |char: char| char.is_ascii_alphanumeric() || matches!(char, '.' | '-' | '_');
    port && !host.is_empty() && host.chars().all(is_plain)
}

impl fmt::Display for EventsPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queue(url) => url.fmt(f),
            Self::Endpoint(url) => url.fmt(f),
        }
    }
}

/// What whoever posts has to know. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct EventsToken(String);

impl EventsToken {
    /// Takes a token; none where it is empty.
    #[must_use]
    pub fn new(token: String) -> Option<Self> {
        (!token.is_empty()).then_some(Self(token))
    }

    /// Tells whether `said` is this token, in a time that does not tell how much of it is right.
    #[must_use]
    pub fn is(&self, said: &str) -> bool {
        let (own, said) = (self.0.as_bytes(), said.as_bytes());
        let mut differences = own.len() ^ said.len();
        for (at, byte) in said.iter().enumerate() {
            differences |= usize::from(byte ^ own[at % own.len()]);
        }
        differences == 0
    }
}

impl fmt::Debug for EventsToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventsToken")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Option<EventsPlace>, EventsError> {
        EventsPlace::parse(text)
    }

    #[test]
    fn a_queue_is_its_url_with_another_scheme() {
        for (text, address, region) in [
            (
                "sqs://sqs.eu-central-1.amazonaws.com/123456789012/raw",
                "https://sqs.eu-central-1.amazonaws.com/123456789012/raw",
                Some("eu-central-1"),
            ),
            (
                "sqs://vpce-1.sqs.cn-north-1.vpce.amazonaws.com.cn/1/raw/",
                "https://vpce-1.sqs.cn-north-1.vpce.amazonaws.com.cn/1/raw",
                Some("cn-north-1"),
            ),
            (
                "sqs+http://127.0.0.1:5555/123456789012/raw",
                "http://127.0.0.1:5555/123456789012/raw",
                None,
            ),
        ] {
            let Ok(Some(EventsPlace::Queue(queue))) = parse(text) else {
                panic!("{text} is a queue");
            };
            assert_eq!((&*queue.address(), queue.region()), (address, region));
            let endpoint = queue.endpoint();
            assert!(address.starts_with(&endpoint) && endpoint.ends_with('/'));
            assert_eq!(endpoint.matches('/').count(), 3, "{endpoint}");
            assert_eq!(queue.to_string(), text.trim_end_matches('/'));
        }
        for text in [
            "sqs://",
            "sqs://host",
            "sqs:///1/raw",
            "sqs://host//raw",
            "sqs://host:99999/1/raw",
            "sqs://host:x/1/raw",
            "sqs://:80/1/raw",
            "sqs://a b/1/raw",
        ] {
            assert_eq!(parse(text), Err(EventsError::Queue), "{text}");
        }
    }

    #[test]
    fn an_endpoint_is_an_address_of_this_machine_with_a_port() {
        for (text, shown, is_loopback) in [
            ("http://127.0.0.1:8788/", "http://127.0.0.1:8788/", true),
            ("http://localhost:8788", "http://127.0.0.1:8788/", true),
            ("http://0.0.0.0:80/hook", "http://0.0.0.0:80/hook", false),
            ("http://[::1]:80/hook", "http://[::1]:80/hook", true),
        ] {
            let Ok(Some(EventsPlace::Endpoint(endpoint))) = parse(text) else {
                panic!("{text} is an address");
            };
            assert_eq!(
                (&*endpoint.to_string(), endpoint.is_loopback()),
                (shown, is_loopback)
            );
        }
        for text in [
            "http://127.0.0.1/",
            "http://example.com:80/",
            "http://1.2.3.4:70000/",
        ] {
            assert_eq!(parse(text), Err(EventsError::Endpoint), "{text}");
        }
    }

    #[test]
    fn whatever_else_is_refused_without_telling_secrets() {
        assert_eq!(parse("none"), Ok(None));
        for text in ["", "raw", "https://127.0.0.1:80/", "kafka://host/topic"] {
            assert_eq!(parse(text), Err(EventsError::Scheme), "{text}");
        }
        for text in [
            "sqs://me:pw@host/1/raw",
            "http://127.0.0.1:80/?token=pw",
            "sqs://host/1/raw#pw",
        ] {
            let error = parse(text).unwrap_err();
            assert!(matches!(error, EventsError::Secret { .. }), "{text}");
            assert!(!error.to_string().contains("pw"), "{error}");
        }
    }

    #[test]
    fn a_token_is_known_by_all_of_it_and_never_shown() {
        assert_eq!(EventsToken::new(String::new()), None);
        let token = EventsToken::new("very secret".to_owned()).unwrap();
        assert!(token.is("very secret"));
        for wrong in [
            "",
            "very secre",
            "very secret ",
            "very secretvery secret",
            "x",
        ] {
            assert!(!token.is(wrong), "{wrong}");
        }
        assert_eq!(format!("{token:?}"), "EventsToken");
    }
}
