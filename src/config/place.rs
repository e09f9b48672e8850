//! Where a source or a target is: a path, or a `file://` URL.

use std::path::PathBuf;

/// A place that this version cannot reach.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// It is in an object store.
    #[error("{url} is in an object store, which this version does not support")]
    ObjectStore {
        /// The place.
        url: String,
    },
    /// It is behind some other scheme.
    #[error("{url} is neither a path nor a file:// URL")]
    Scheme {
        /// The place.
        url: String,
    },
    /// It names another machine.
    #[error("{url} names another machine; a file:// URL has three slashes before its path")]
    Host {
        /// The place.
        url: String,
    },
    /// There is nothing in it.
    #[error("the path is empty")]
    Empty,
}

/// Reads a place.
///
/// # Errors
/// [`PlaceError`] where it is no place in the local file system.
pub fn parse_place(text: &str) -> Result<PathBuf, PlaceError> {
    if text.is_empty() {
        return Err(PlaceError::Empty);
    }
    let Some((scheme, rest)) = text
        .split_once("://")
        .filter(|(scheme, _)| is_scheme(scheme))
    else {
        return Ok(PathBuf::from(text));
    };
    let url = without_secrets(text);
    match scheme.to_ascii_lowercase().as_str() {
        "file" => {
            let path = rest.strip_prefix("localhost").unwrap_or(rest);
            if path.starts_with('/') {
                Ok(PathBuf::from(unescape(path)))
            } else {
                Err(PlaceError::Host { url })
            }
        }
        "s3" | "s3a" | "gs" | "gcs" | "az" | "azure" | "abfs" | "abfss" | "adl" => {
            Err(PlaceError::ObjectStore { url })
        }
        _ => Err(PlaceError::Scheme { url }),
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

/// Leaves out what may be secret in a URL: user, password and query. Any other text stays as it is.
pub(super) fn without_secrets(url: &str) -> String {
    let scheme = url.split_once("://");
    match scheme.filter(|(scheme, _)| is_scheme(scheme)) {
        Some((scheme, rest)) => {
            let rest = rest.split(['?', '#']).next().unwrap_or(rest);
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
            format!("{scheme}://{host}/{path}")
        }
        None => url.to_owned(),
    }
}

/// Decodes `%XX`; what is no valid sequence stands for itself.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        let (plain, escape) = rest.split_at(at);
        bytes.extend_from_slice(plain.as_bytes());
        let digits = escape.get(1..3);
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(b'%'));
        rest = &escape[if byte.is_some() { 3 } else { 1 }..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_file_urls_are_places() {
        for (text, path) in [
            ("in", "in"),
            ("./a b", "./a b"),
            ("/x/s3:/y", "/x/s3:/y"),
            ("file:///a%20b/%zz", "/a b/%zz"),
            ("file://localhost/a", "/a"),
        ] {
            assert_eq!(parse_place(text), Ok(PathBuf::from(path)), "{text}");
        }
    }

    #[test]
    fn other_places_are_refused_without_their_secrets() {
        for (text, message) in [
            (
                "s3://key:secret@bucket/x?token=1",
                "s3://bucket/x is in an object store, which this version does not support",
            ),
            (
                "http://h/x",
                "http://h/x is neither a path nor a file:// URL",
            ),
            (
                "file://other/x",
                "file://other/x names another machine; a file:// URL has three slashes before its path",
            ),
            ("", "the path is empty"),
        ] {
            assert_eq!(parse_place(text).unwrap_err().to_string(), message);
        }
    }
}
