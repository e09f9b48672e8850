//! Where a source or a target is: a path, a `file://` URL, or the URL of a prefix in an object store.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::model::unescape;

/// Where a source, a target or a ledger is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In a directory of the machine.
    Directory(PathBuf),
    /// In an object store.
    Store(StoreUrl),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => path.display().fmt(f),
            Self::Store(url) => url.fmt(f),
        }
    }
}

impl Place {
    /// Returns the directory `name` in this one.
    #[must_use]
    pub fn join(&self, name: &str) -> Self {
        match self {
            Self::Directory(path) => Self::Directory(path.join(name)),
            Self::Store(url) => Self::Store(url.join(name)),
        }
    }
}

/// A path is a directory, whatever it looks like; [`StoreUrl::parse`] is for URLs.
impl<P: AsRef<Path> + ?Sized> From<&P> for Place {
    fn from(path: &P) -> Self {
        Self::Directory(path.as_ref().to_owned())
    }
}

impl From<PathBuf> for Place {
    fn from(path: PathBuf) -> Self {
        Self::Directory(path)
    }
}

impl From<String> for Place {
    fn from(path: String) -> Self {
        Self::Directory(path.into())
    }
}

impl From<StoreUrl> for Place {
    fn from(url: StoreUrl) -> Self {
        Self::Store(url)
    }
}

/// Whose way of speaking a store has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    /// S3, and all that speak like it.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Azure,
}

/// A prefix in an object store. It holds no secrets: a URL that seems to is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreUrl {
    kind: StoreKind,
    bucket: String,
    prefix: String,
}

impl StoreUrl {
    /// Reads the URL of a bucket, or of a directory in one.
    ///
    /// # Errors
    /// [`PlaceError`] where it is something else.
    pub fn parse(text: &str) -> Result<Self, PlaceError> {
        match parse_place(text)? {
            Place::Store(url) => Ok(url),
            Place::Directory(_) => Err(PlaceError::Scheme {
                url: text.to_owned(),
            }),
        }
    }

    /// Returns whose way of speaking the store has.
    #[must_use]
    pub fn kind(&self) -> StoreKind {
        self.kind
    }

    /// Returns the URL of the bucket.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Returns the bucket without what its kind is called: `s3a://b` and `s3://b` are one.
    #[must_use]
    pub fn store(&self) -> String {
        let authority = self.bucket.split_once("://").map_or("", |(_, rest)| rest);
        let kind = match self.kind {
            StoreKind::S3 => "s3",
            StoreKind::Gcs => "gs",
            StoreKind::Azure => "az",
        };
        format!("{kind}://{authority}")
    }

    /// Returns the directory in the bucket, as the keys have it; empty for all of the bucket.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Returns the directory `name` in this one.
    #[must_use]
    pub fn join(&self, name: &str) -> Self {
        let prefix = match &*self.prefix {
            "" => name.to_owned(),
            prefix => format!("{prefix}/{name}"),
        };
        Self {
            prefix,
            ..self.clone()
        }
    }

    /// Tells whether `other` is this directory or lies in it. One store may have several addresses: they count as different
    /// ones.
    #[must_use]
    pub fn holds(&self, other: &Self) -> bool {
        let below = other.prefix.strip_prefix(&*self.prefix);
        let is_below =
            |rest: &str| rest.is_empty() || self.prefix.is_empty() || rest.starts_with('/');
        self.store() == other.store() && below.is_some_and(is_below)
    }

    fn new(kind: StoreKind, scheme: &str, text: &str, rest: &str) -> Result<Self, PlaceError> {
        let url = || without_secrets(text);
        let (authority, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let names_user = authority.contains('@') && kind != StoreKind::Azure;
        // A secret may hold a `/`, so that the `@` behind it is not where it should be.
        if rest.contains(['?', '#']) || authority.contains(':') || names_user {
            return Err(PlaceError::Secret { url: url() });
        }
        if authority.is_empty() || authority.starts_with('@') {
            return Err(PlaceError::Bucket { url: url() });
        }
        let prefix = unescape(prefix.strip_suffix('/').unwrap_or(prefix));
        let is_plain = |segment: &str| !matches!(segment, "" | "." | "..");
        if !prefix.is_empty() && !prefix.split('/').all(is_plain) {
            return Err(PlaceError::Prefix { url: url() });
        }
        // The clients know this store by one of its names only.
        let scheme = if scheme == "gcs" { "gs" } else { scheme };
        Ok(Self {
            kind,
            bucket: format!("{scheme}://{authority}"),
            prefix,
        })
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = self.prefix.replace('%', "%25");
        let prefix = prefix.replace('?', "%3F").replace('#', "%23");
        write!(f, "{}/{prefix}", self.bucket)
    }
}

/// A text that names no place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// It is a URL with a user, a password or a query.
    #[error("{url} is written with more than a bucket and a prefix, which may be secret")]
    Secret {
        /// The place, without what may be secret.
        url: String,
    },
    /// It names no bucket.
    #[error("{url} names no bucket")]
    Bucket {
        /// The place.
        url: String,
    },
    /// Its prefix is no directory.
    #[error("{url} has a prefix that is no path")]
    Prefix {
        /// The place.
        url: String,
    },
    /// It is behind some other scheme.
    #[error("{url} is neither a path nor a URL of a kind that is known (file, s3, gs, az, abfss)")]
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
/// [`PlaceError`] where it is none.
pub fn parse_place(text: &str) -> Result<Place, PlaceError> {
    if text.is_empty() {
        return Err(PlaceError::Empty);
    }
    let Some((scheme, rest)) = text
        .split_once("://")
        .filter(|(scheme, _)| is_scheme(scheme))
    else {
        return Ok(Place::Directory(PathBuf::from(text)));
    };
    let url = || without_secrets(text);
    let scheme = scheme.to_ascii_lowercase();
    let kind = match scheme.as_str() {
        "file" => {
            let path = rest.strip_prefix("localhost").unwrap_or(rest);
            return if path.starts_with('/') {
                Ok(Place::Directory(PathBuf::from(unescape(path))))
            } else {
                Err(PlaceError::Host { url: url() })
            };
        }
        "s3" | "s3a" => StoreKind::S3,
        "gs" | "gcs" => StoreKind::Gcs,
        "az" | "azure" | "abfs" | "abfss" | "adl" => StoreKind::Azure,
        _ => return Err(PlaceError::Scheme { url: url() }),
    };
    StoreUrl::new(kind, &scheme, text, rest).map(Place::Store)
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
            let rest = behind_password(rest);
            let rest = rest.split(['?', '#']).next().unwrap_or(rest);
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
            match host.split_once(':') {
                Some((_, port)) if !is_port(port) => format!("{scheme}://\u{2026}"),
                _ => format!("{scheme}://{host}/{path}"),
            }
        }
        None => url.to_owned(),
    }
}

/// Returns what comes behind a user and a password, which may be written with whatever characters it has.
fn behind_password(rest: &str) -> &str {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let behind = rest.rsplit_once('@').filter(|_| authority.contains(':'));
    behind.map_or(rest, |(_, behind)| behind)
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
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
            assert_eq!(parse_place(text), Ok(Place::from(path)), "{text}");
        }
    }

    #[test]
    fn a_url_of_an_object_store_names_its_bucket_and_a_prefix() {
        for (text, kind, bucket, prefix) in [
            ("s3://b", StoreKind::S3, "s3://b", ""),
            ("S3://b/", StoreKind::S3, "s3://b", ""),
            ("s3a://b/x/y/", StoreKind::S3, "s3a://b", "x/y"),
            ("gcs://b/a%20b", StoreKind::Gcs, "gs://b", "a b"),
            ("az://c/x", StoreKind::Azure, "az://c", "x"),
            (
                "abfss://c@a.dfs.core.windows.net/x",
                StoreKind::Azure,
                "abfss://c@a.dfs.core.windows.net",
                "x",
            ),
        ] {
            let url = StoreUrl::parse(text).unwrap();
            assert_eq!(
                (url.kind(), url.bucket(), url.prefix()),
                (kind, bucket, prefix),
                "{text}"
            );
        }
    }

    #[test]
    fn a_url_is_shown_as_it_can_be_written() {
        for text in ["s3://b/", "gs://b/a b", "s3://b/100%25/%3Fx%23"] {
            let url = StoreUrl::parse(text).unwrap();
            assert_eq!(url.to_string(), text);
            assert_eq!(StoreUrl::parse(&url.to_string()), Ok(url));
        }
    }

    #[test]
    fn other_places_are_refused_without_their_secrets() {
        for (text, message) in [
            (
                "s3://key:secret@bucket/x?token=1",
                "s3://bucket/x is written with more than a bucket and a prefix, which may be secret",
            ),
            (
                "s3://KEY:SEC/RET@bucket/x",
                "s3://bucket/x is written with more than a bucket and a prefix, which may be secret",
            ),
            (
                "gs://KEY:S?E#C/R@ET@bucket/x",
                "gs://bucket/x is written with more than a bucket and a prefix, which may be secret",
            ),
            (
                "s3://KEY:SEC/RET/x",
                "s3://\u{2026} is written with more than a bucket and a prefix, which may be secret",
            ),
            (
                "az://c:secret@a.blob.core.windows.net/x",
                "az://a.blob.core.windows.net/x is written with more than a bucket and a prefix, which may be secret",
            ),
            (
                "http://user:p/w@h:80/x",
                "http://h:80/x is neither a path nor a URL of a kind that is known (file, s3, gs, az, abfss)",
            ),
            (
                "az://c/x?sig=1",
                "az://c/x is written with more than a bucket and a prefix, which may be secret",
            ),
            ("s3:///x", "s3:///x names no bucket"),
            ("s3://b/x//y", "s3://b/x//y has a prefix that is no path"),
            (
                "http://h/x",
                "http://h/x is neither a path nor a URL of a kind that is known (file, s3, gs, az, abfss)",
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
